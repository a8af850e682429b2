# SPDX-License-Identifier: Apache-2.0
"""Arena, pools, heap profile, breaker and warm-up, seen from inside a Lambda function."""

import base64
import gzip
import os
import re
import signal
import subprocess

from kit import Case, HERE
from session import Session

KIB, MIB = 1 << 10, 1 << 20
WRAP = "-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free,--wrap=slsc_alloc"


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def message(data):
    """{field: [values]} of a protobuf message; bytes for what has a length."""
    at, fields = 0, {}
    while at < len(data):
        key, at = varint(data, at)
        value, at = varint(data, at)
        if key & 7 == 2:
            if at + value > len(data):
                raise AssertionError("a field is cut off")
            value, at = data[at:at + value], at + value
        elif key & 7:
            raise AssertionError("unexpected wire type %d" % (key & 7))
        fields.setdefault(key >> 3, []).append(value)
    return fields


def numbers(data):
    at, found = 0, []
    while at < len(data):
        value, at = varint(data, at)
        found.append(value)
    return found


def profile(data):
    """[(leaf's name, callers, [alloc objects, alloc bytes, in use objects, in use bytes])]"""
    p = message(gzip.decompress(data))
    strings = [s.decode() for s in p[6]]
    types = [tuple(strings[message(t)[i][0]] for i in (1, 2)) for t in p[1]]
    assert types == [("alloc_objects", "count"), ("alloc_space", "bytes"), ("inuse_objects", "count"),
                     ("inuse_space", "bytes")], types
    assert strings[0] == "" and strings[p[14][0]] == "alloc_space"
    functions = {m[1][0]: strings[m[2][0]] for m in map(message, p[5])}
    mappings = {m[1][0]: m for m in map(message, p.get(3, []))}
    names = {}
    for location in map(message, p[4]):
        if 4 in location:
            name = functions[message(location[4][0])[1][0]]
        else:
            name = location[3][0]
            if 2 in location:
                m = mappings[location[2][0]]
                assert m[2][0] <= name < m[3][0]
        assert location[1][0] not in names
        names[location[1][0]] = name
    found = []
    for sample in map(message, p.get(2, [])):
        stack = [names[i] for i in numbers(sample[1][0])]
        found.append((stack[0], stack[1:], numbers(sample[2][0])))
    return found


class Memory(Case):
    @classmethod
    def setUpClass(cls):
        cls.probe = cls.function("memory_probe", "lambda", "-UNDEBUG")
        cls.release = cls.build("memory_probe_release", "lambda",
                                [os.path.join(HERE, "functions", "memory_probe.c")], "-DNDEBUG")

    # ---- the arena ----

    def test_small_invocations_map_nothing(self):
        with Session(self.probe) as s:
            for _ in range(20):
                self.assertEqual(s.ok({"alloc": [1, 100, 5000, 10000]})[1:], [0, 0, 8 * MIB])
            self.assertEqual(s.stop(), "")

    def test_retention_follows_the_window(self):
        with Session(self.probe) as s:
            s.ok({"alloc": [10 * KIB, MIB]})
            # Kept: one mapping for all that was needed, and no more than that.
            used, mapped, keep, _ = s.ok({"alloc": []})
            self.assertLess(used, 64)
            self.assertEqual((mapped, keep), (MIB + 64 * KIB, MIB + 64 * KIB))
            used, mapped, _, _ = s.ok({"alloc": [10 * KIB, MIB]})
            self.assertEqual(mapped, MIB + 64 * KIB)
            self.assertLessEqual(used, mapped)
            # Ten invocations that need little, and it is gone.
            for _ in range(10):
                self.assertEqual(s.ok({"alloc": [1]})[1], MIB + 64 * KIB)
            self.assertEqual(s.ok({"alloc": [1]})[1:3], [0, 0])

    def test_retention_is_a_share_of_that(self):
        source = os.path.join(HERE, "functions", "memory_probe.c")
        whole = None
        for percent in (100, 50, 0):
            name = "memory_probe_%d" % percent
            probe = self.build(name, "lambda", [source], "-UNDEBUG", "-DSLSC_ARENA_RETENTION=%d" % percent)
            with Session(probe) as s:
                for _ in range(5):
                    s.ok({"alloc": [64 * KIB] * 16})
                    mapped, keep, threshold = s.ok({"alloc": []})[1:]
                    whole = whole or keep
                    # in whole steps; what is held is just that, or nothing
                    self.assertEqual(keep, -(-whole * percent // 100 // (64 * KIB)) * 64 * KIB)
                    self.assertEqual(threshold, 8 * MIB)
                    self.assertIn(mapped, (0, keep))
                self.assertEqual(mapped, keep)
        self.assertGreater(whole, MIB)

    def test_many_pieces_end_up_in_one_mapping(self):
        with Session(self.probe) as s:
            mapped = [s.ok({"alloc": [40 * KIB] * 50})[1] for _ in range(4)]
            # Doubling at first; then the one mapping that holds them all.
            self.assertGreaterEqual(mapped[0], 2000 * KIB)
            self.assertEqual(mapped[2], mapped[3])
            self.assertLess(mapped[3], 2200 * KIB)

    def test_more_than_the_threshold_is_given_back(self):
        with Session(self.probe) as s:
            self.assertGreater(s.ok({"alloc": [100 * MIB]})[1], 100 * MIB)
            self.assertLessEqual(s.ok({"alloc": []})[1], 8 * MIB)
            for _ in range(3):
                s.ok({"alloc": [3 * MIB] * 4})
                self.assertLessEqual(s.ok({"alloc": []})[1], 8 * MIB)
            kind, answer = s.call({"alloc": [512 * MIB + 1]})
            self.assertEqual((kind, answer["errorType"]), ("error", "OutOfMemory"))
            s.ok({"alloc": [300 * MIB]} if self.kind != "asan" else {"alloc": [MIB]})

    def govern(self, *steps):
        """[(kept KiB, halvings)] after each (ms, KiB)."""
        with Session(self.probe) as s:
            got = s.ok({"govern": [[ms, kib * KIB] for ms, kib in steps]})[1:]
        return list(zip(got[::2], got[1::2]))

    def test_governor_keeps_the_most_of_ten(self):
        steps = [(1000 * i, 100) for i in range(1, 4)] + [(4000, 1000)] + [(5000 + i, 100) for i in range(10)]
        self.assertEqual(self.govern(*steps), [(128, 0)] * 3 + [(1024, 0)] * 10 + [(128, 0)])

    def test_governor_halves_at_the_third_rise(self):
        flat = [(1000 * i, 1000) for i in range(1, 11)]
        # 10 s after the first: 9,000 KiB would be just 80 %/s of 1,000, and is no rise.
        self.assertEqual(self.govern(*flat, (11000, 9000), (12000, 9000), (13000, 9000))[-3:], [(8192, 0)] * 3)
        # One more is.
        rises = [(11000, 9001), (12000, 9001), (13000, 9001)]
        self.assertEqual(self.govern(*flat, *rises)[-3:], [(8192, 0), (8192, 0), (4096, 1)])
        # A pause in between begins the count anew.
        self.assertEqual(self.govern(*flat, *rises[:2], (13000, 1000), (14000, 9001), (15000, 9001))[-1], (8192, 0))

    def test_governor_waits_five_seconds(self):
        flat = [(1000 * i, 1000) for i in range(1, 11)]
        rises = [(11000, 9001), (12000, 9001), (13000, 9001)]
        fast = [(13001 + i, 20000) for i in range(5)]
        self.assertEqual({halved for _, halved in self.govern(*flat, *rises, *fast)[13:]}, {1})
        # 4,999 ms after the change: not yet; 5,000: now.
        self.assertEqual(self.govern(*flat, *rises, *fast[:3], (17999, 30000), (18000, 30000))[-2:],
                         [(4096, 1), (2048, 2)])

    def test_governor_never_below_64_kib_and_back(self):
        steps, ms, kib = [(1 + i, 17) for i in range(10)], 10, 17
        for _ in range(12):
            for _ in range(3):
                ms, kib = ms + 1, kib * 2 if kib < 200000 else kib
                steps.append((ms, kib))
            ms += 6000
        low = self.govern(*steps)
        self.assertLessEqual(max(h for _, h in low), 7)
        # Calm: one step back for ten in a row, 5 s apart.
        calm = [(ms + 1000 * i, 1000) for i in range(200)]
        back = [h for _, h in self.govern(*steps, *calm)]
        self.assertEqual(back[-1], 0)
        self.assertTrue(all(a - b <= 1 for a, b in zip(back, back[1:])))

    # ---- pools ----

    def test_pool(self):
        with Session(self.probe) as s:
            self.assertEqual(s.ok({"take": 3}), [3, 1, 1])
            self.assertEqual(s.ok({"take": 1})[0], 0)
            self.assertEqual(s.ok({"put": 3}), 0)
            # Reset has cleared the text, and kept the number.
            self.assertEqual(s.ok({"take": 1}), [1, 1, 2])
            self.assertEqual(s.ok({"put": 1}), 0)

    def test_leaks_are_told_once_with_their_place(self):
        with Session(self.probe) as s:
            s.ok({"take": 2})
            s.ok({"take": 0})
            s.ok({"put": 2})
            s.ok({"take": 1})
            s.ok({"put": 1})
            text = s.stop()
        with open(os.path.join(HERE, "functions", "memory_probe.c")) as file:
            line = next(i for i, text_ in enumerate(file, 1) if "slsc_pool_get(things)" in text_)
        want = r"WARN pool 'things': \S*functions/memory_probe\.c:%d took an object that was not put back\n" % line
        self.assertRegex(text, r"\A(%s){3}\Z" % want)
        with Session(self.release) as s:
            s.ok({"take": 2})
            s.ok({"take": 0})
            self.assertEqual(s.stop(), "")

    def test_wrong_puts(self):
        with Session(self.probe) as s:
            self.assertEqual(s.ok({"wrong": 1}), [-1, -1, -1, 0, 0])
            text = s.stop()
        self.assertRegex(text, r"\A(ERROR pool 'clean': \S+/memory_probe\.c:\d+ puts back what was not taken\n){3}\Z")
        with Session(self.release) as s:
            # Without the table, what is put twice is known only while nothing else is out: no harm is done here.
            self.assertEqual(s.ok({"wrong": 1})[:2], [-1, -1])
            self.assertEqual(s.stop(), "")

    # ---- heap profile ----

    def wrapped(self):
        if self.kind == "asan":
            return None  # malloc is the sanitizer's there
        flags = ["-g", "-no-pie"] if self.kind == "gcc" else []
        return self.build("memory_probe_wrap", "lambda", [os.path.join(HERE, "functions", "memory_probe.c"), WRAP],
                          *flags)

    def on_signal(self, binary, *events, name="heap.pb.gz"):
        path = os.path.join(self.dir, "%s-%s" % (self.kind, name))
        if os.path.exists(path):
            os.unlink(path)
        with Session(binary, SLSC_PPROF="1", SLSC_PPROF_FILE=path) as s:
            for event in events:
                s.ok(event)
            s.child.send_signal(signal.SIGUSR1)
            # The signal is taken before the next event is: both wake the same recv().
            s.ok({"put": 0})
            self.assertFalse(os.path.exists(path + ".tmp"))
            with open(path, "rb") as file:
                data = file.read()
            s.child.terminate()
            s.child.wait(20)
        return path, data

    def test_profile_of_arena_and_pools(self):
        _, data = self.on_signal(self.probe, {"alloc": [1000, 2000]}, {"take": 2}, {"put": 1})
        found = {name: (callers, values) for name, callers, values in profile(data)}
        self.assertEqual(found["pool things"], ([], [2, 96, 1, 48]))
        self.assertEqual(found["arena"][1][1] // 1000, 3)
        self.assertEqual(found["arena"][1][2:], [0, 0])
        self.assertNotIn("malloc", found)

    def test_profile_by_place(self):
        binary = self.wrapped()
        if not binary:
            self.assertEqual(self.kind, "asan")
            return
        _, data = self.on_signal(binary, {"alloc": [1000, 2000]}, {"alloc": [3000]}, {"malloc": 3})
        found = profile(data)
        self.assertIn([3, 6000, 0, 0], [v for name, callers, v in found if name == "arena" and callers])
        malloc = [v for name, callers, v in found if name == "malloc" and callers]
        # realloc's, which the compiler may have put at two places
        self.assertEqual(sum(v[1] for v in malloc if v[1] >= 200000 and v[2:] == [0, 0]), 400000)
        self.assertEqual([sum(column) for column in zip(*malloc)], [5, 403000, 1, 1000])

    def test_profile_on_stderr_and_off(self):
        with Session(self.probe, SLSC_PPROF="1") as s:
            s.ok({"take": 1})
            s.ok({"put": 1})
            s.child.send_signal(signal.SIGUSR1)
            s.ok({"put": 0})
            text = s.stop()
        match = re.search(r"^SLSC_HEAP_PROFILE ([A-Za-z0-9+/=]+)$", text, re.M)
        self.assertIn(("pool things", [], [1, 48, 0, 0]), profile(base64.b64decode(match[1])))
        with Session(self.probe) as s:
            s.child.send_signal(signal.SIGUSR1)
            s.child.wait(20)
            self.assertEqual(s.child.returncode, -signal.SIGUSR1)

    def test_go_reads_it(self):
        go = "/usr/bin/go" if os.path.exists("/usr/bin/go") else None
        self.assertIsNotNone(go, "go is missing: apt-get install golang-go")
        binary = self.wrapped() or self.probe
        path, _ = self.on_signal(binary, {"alloc": [1 << 20]}, {"take": 2}, {"put": 2}, {"malloc": 5}, name="go.pb.gz")
        env = {"HOME": self.dir, "PATH": os.environ["PATH"], "GOCACHE": os.path.join(self.dir, "go"),
               "GOTOOLCHAIN": "local", "GOFLAGS": ""}
        done = subprocess.run([go, "tool", "pprof", "-top", "-nodefraction=0", binary, path], capture_output=True, text=True, env=env, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Type: alloc_space", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^ +1024(\.\d+)?kB .* arena$")
        self.assertRegex(done.stdout, r"(?m) pool things$")
        if self.kind == "gcc":
            # Built with -g: the caller has a name.
            self.assertRegex(done.stdout, r"(?m) (handler|do_malloc|do_alloc)$")

    # ---- breaker and warm-up ----

    def breaker(self, *steps):
        with Session(self.probe) as s:
            return s.ok({"breaker": [list(step) for step in steps]})[:-1]

    def test_breaker_three_failures(self):
        two = [("allow", 1), ("failed", 1), ("allow", 2), ("failed", 2)]
        self.assertEqual(self.breaker(*two, ("state", 3), ("allow", 3), ("ok", 3), *two, ("state", 4)),
                         [True, True, "closed", True, True, True, "closed"])
        opened = [*two, ("allow", 100), ("failed", 100)]
        self.assertEqual(self.breaker(*opened, ("state", 100), ("allow", 30099), ("state", 30100), ("allow", 30100),
                                      ("allow", 30101), ("state", 30101), ("ok", 30200), ("state", 30200)),
                         [True] * 3 + ["open", False, "half-open", True, False, "half-open", "closed"])
        # Half-open and failed: open for as long again. Lost: another may pass 30 s later.
        self.assertEqual(self.breaker(*opened, ("allow", 30100), ("failed", 30150), ("allow", 60149), ("allow", 60150),
                                      ("allow", 90149), ("allow", 90150))[3:], [True, False, True, False, True])

    def test_breaker_timeouts(self):
        mixed = []
        for i, what in enumerate(("timeout", "timeout", "ok", "timeout", "timeout", "ok", "timeout", "timeout", "ok")):
            mixed += [("allow", i), (what, i)]
        # Of 5, 4 are timeouts: open for 60 s. (At 4 of them it was too early to say.)
        self.assertEqual(self.breaker(*mixed[:10], ("state", 4), ("allow", 60003), ("allow", 60004))[5:],
                         ["open", False, True])
        self.assertEqual(self.breaker(*mixed[:8], ("state", 3))[4:], ["closed"])
        # Exactly 60 % is not more than that.
        even = [("ok", 0), ("ok", 0), ("timeout", 0), ("timeout", 0), ("ok", 0), ("ok", 0), ("timeout", 1),
                ("timeout", 1), ("ok", 1), ("timeout", 1), ("timeout", 1)]
        self.assertEqual(self.breaker(*even, ("state", 1)), ["closed"])
        self.assertEqual(self.breaker(*even, ("ok", 1), ("timeout", 2), ("timeout", 2), ("ok", 2), ("state", 2),
                                      ("timeout", 2), ("state", 2)), ["closed", "open"])
        # The last of three in a row is a timeout, but it takes five calls to speak of a share.
        self.assertEqual(self.breaker(("timeout", 0), ("timeout", 0), ("timeout", 0), ("allow", 29999),
                                      ("allow", 30000), ("timeout", 30000), ("allow", 60000), ("timeout", 60000),
                                      ("allow", 119999), ("allow", 120000)), [False, True, True, False, True])

    def test_preheat(self):
        yes = {"preheated": True}
        with Session(self.probe) as s:
            for event in ({"X-Preheat": True}, {"a": 1, "x-preheat": "1"}, {"X-PREHEAT": {}},
                          {"version": "2.0", "headers": {"host": "x", "x-preheat": "yes"}}):
                self.assertEqual(s.ok(event), yes)
            for event in ({"X-Preheat": False}, {"X-Preheat": 0}, {"X-Preheat": "false"}, {"X-Preheat": None},
                          {"X-Preheat": ""}, {"headers": {"x-preheat": "0"}}, {"body": "x-preheat"},
                          {"body": {"X-Preheat": True}}, {"pad": "x" * 70000, "X-Preheat": True}, b'"X-Preheat"',
                          b'{"X-Preheat":', b"-"):
                kind, answer = s.call(event)
                self.assertEqual((kind, answer["errorType"]), ("error", "BadEvent"), event)
