# SPDX-License-Identifier: Apache-2.0
"""What only some Lambda functions use: streams, fallback answers, SnapStart, crashes, lazy values, pairs."""

import json
import os
import re
import shutil
import socket
import subprocess
import time

from kit import Case, HERE, run_api

DEATHS = {"segv": "SIGSEGV", "overflow": "SIGSEGV", "bus": "SIGBUS", "fpe": "SIGFPE", "ill": "SIGILL",
          "abort": "SIGABRT", "thread-crash": "SIGSEGV"}


class Parts(Case):
    @classmethod
    def setUpClass(cls):
        cls.parts = cls.function("parts", "lambda", "-pthread")
        cls.lazy = cls.function("lazy", "lambda", "-pthread")

    def api(self, word, *options, binary=None, status=0, stderr=None, ok=1):
        done = run_api("--payload", json.dumps(word), *options, "--", binary or self.parts)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        if stderr is not None:
            self.assertEqual(re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", done.stderr), stderr)
        return done

    # ---- streams

    def test_stream(self):
        self.api("stream", "--streamed", "--expect-stream", "one two three", "--expect-chunks", "3",
                 "--count", "3", "--max-connections", "1", stderr="")
        self.api("stream-empty", "--streamed", "--expect-stream", "", "--count", "2", stderr="")

    def test_stream_http(self):
        prelude = {"statusCode": 201, "headers": {"Content-Type": "text/plain", "X-Odd": 'a"b\r\nX-Evil: 1'},
                   "cookies": ["a=b", "c=d; Secure"]}
        self.api("stream-http", "--streamed", "--expect-prelude", json.dumps(prelude),
                 "--expect-stream", "one two three", "--expect-chunks", "4", "--count", "2", stderr="")

    def test_stream_fails_midway(self):
        self.api("stream-fail", "--streamed", "--expect-error", "Midway", "--expect-stream", "one two three",
                 "--count", "3", "--max-connections", "1",
                 stderr='ERROR ID the stream failed: Midway: half of it: \\"\ufffd\\"\\u000d\\n\n' * 3)

    def test_stream_crashes(self):
        self.api("stream-crash", "--streamed", "--expect-error", "Runtime.Crash",
                 "--expect-stream", "one two three", "--expect-death", "SIGABRT")

    def test_stream_is_large(self):
        self.api("stream-big", "--streamed", "--expect-size", str(20 << 20), "--expect-chunks", "20")
        self.api("stream-too-big", "--streamed", "--expect-size", str(200 << 20), "--expect-error",
                 "Function.ResponseSizeTooLarge", "--deadline-in", "60000")

    def test_stream_after_closed_connections(self):
        for more in (["2"], ["1", "--close-politely"], ["2", "--close-politely"]):
            self.api("stream", "--streamed", "--expect-stream", "one two three", "--count", "10",
                     "--close-after", *more, stderr="")

    def test_stream_meets_the_deadline(self):
        self.api("stream-slow", "--streamed", "--expect-error", "Function.DeadlineExceeded",
                 "--expect-stream", "one two three", "--deadline-in", "400", "--count", "2")

    def test_stream_misused(self):
        self.api("stream-misuse", "--expect=-1-1-1-1-1", "--count", "2", stderr="")

    def test_stream_nobody_reads(self):
        """A peer that takes nothing: the write comes back at the deadline, and the process starts anew."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(20)
            env = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" % listener.getsockname()[1]}
            child = subprocess.Popen([self.parts], env=env, stderr=subprocess.PIPE)
            try:
                conn, _ = listener.accept()
                conn.recv(65536)
                conn.sendall(b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r\r\n"
                             b"Lambda-Runtime-Deadline-Ms: %d\r\nContent-Length: 12\r\n\r\n\"stream-big\""
                             % (time.time() * 1000 + 500))
                again, _ = listener.accept()
                self.assertIn(b"invocation/next", again.recv(65536))
                child.terminate()
                _, stderr = child.communicate(timeout=10)
                conn.close()
                again.close()
                self.assertEqual(child.returncode, 0)
                self.assertIn(b"starting anew", stderr)
            finally:
                child.kill()
                child.communicate()

    # ---- the deadline

    def test_fallback(self):
        for word in ("hang", "hang-busy"):
            # The process is new each time: its first invocation.
            done = self.api(word, "--expect", '{"fallback":true,"invocations":1}', "--deadline-in", "400",
                            "--count", "3")
            self.assertRegex(done.stderr, r"\A(WARN [-0-9a-f]{36} [^\n]* starting anew\n){3}\Z")

    def test_fallback_fails(self):
        self.api("hang", "--expect-error", "NoFallback", "--env", "FALLBACK_FAILS=1", "--deadline-in", "400",
                 "--count", "2")
        self.api("hang", "--expect-error", "Runtime.Crash", "--env", "FALLBACK_CRASHES=1",
                 "--deadline-in", "400", "--expect-death", "SIGABRT")

    def test_margin_is_over_at_once(self):
        self.api("hang", "--expect", '{"fallback":true,"invocations":1}', "--deadline-in", "100")

    def test_no_fallback_in_time(self):
        self.api("sleep", "--expect", '"ok"', "--count", "5", "--deadline-in", "2000", stderr="")
        # A timer left over from a former invocation does not hit a later one.
        self.api("sleep", "--expect", '"ok"', "--count", "10", "--deadline-in", "450", stderr="")
        self.api("count", "--expect", "1", "--deadline-ms", "600000", stderr="")

    # ---- SnapStart

    def test_snap_start(self):
        self.api("count", "--expect", "1", "--snap-start",
                 stderr="INFO before the snapshot\nINFO after the restore\n")
        self.api("count", "--expect", "1", stderr="")
        self.api("count", "--snap-start", "--expect-init-error", "StillConnected", "--env", "BEFORE_FAILS=1")
        self.api("count", "--snap-start", "--expect-restore-error", "NotConnected", "--env", "AFTER_FAILS=1")
        self.api("count", "--snap-start", "--expect-restore-error", "Runtime.Crash", "--env", "AFTER_CRASHES=1",
                 "--expect-death", "SIGABRT")

    # ---- crashes

    def test_crashes(self):
        for word, death in DEATHS.items():
            done = self.api(word, "--expect-error", "Runtime.Crash", "--expect-death", death)
            self.assertRegex(done.stderr, r"\AERROR [-0-9a-f]{36} invocation failed: Runtime\.Crash: %s"
                             r"( at address 0x[0-9a-f]+)?, called from( 0x[0-9a-f]+)+\n\Z" % death)
            if word == "segv":
                self.assertIn("at address 0x10,", done.stderr)

    def test_crash_in_init(self):
        self.api("count", "--expect-init-error", "Runtime.Crash", "--env", "INIT_CRASHES=1",
                 "--expect-death", "SIGILL")

    def test_crash_in_http_mode(self):
        child = subprocess.Popen([self.function("http_crash", "http")], env={"PORT": "0"}, stderr=subprocess.PIPE,
                                 text=True)
        try:
            port = int(child.stderr.readline().rsplit(":", 1)[1])
            with socket.create_connection(("127.0.0.1", port), timeout=10) as sock, sock.makefile("rb") as file:
                sock.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
                while file.readline() != b"\r\n":
                    pass
                self.assertEqual(file.read(2), b"-1")
                sock.sendall(b"GET /crash HTTP/1.1\r\nHost: x\r\n\r\n")
                _, stderr = child.communicate(timeout=10)
            self.assertEqual(child.returncode, -6)
            self.assertRegex(stderr, r"\AERROR crashed: Runtime\.Crash: SIGABRT, called from( 0x[0-9a-f]+)+\n\Z")
        finally:
            child.kill()
            child.communicate()

    def test_backtrace_names_the_callers(self):
        if self.kind == "clang-musl":
            return  # stripped: the same code runs in the other kinds
        done = self.api("segv", "--expect-error", "Runtime.Crash", "--expect-death", "SIGSEGV")
        frames = re.search(r"called from (.*)", done.stderr)[1].split()
        self.assertTrue(shutil.which("addr2line"), "addr2line is missing: apt-get install binutils")
        names = subprocess.check_output(["addr2line", "-fe", self.parts, *frames], text=True).split("\n")[::2]
        self.assertEqual(names[0], "parts_inner")
        for name in ("parts_outer", "handle"):
            self.assertIn(name, names)
        # main() is a jump away from it, or has it inlined.
        self.assertTrue({"slsc_lambda_main", "main"} & set(names), names)

    # ---- log lines

    def test_pairs(self):
        done = self.api("log", "--expect", "null", "--trace-id",
                        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
                        "--env", "AWS_LAMBDA_LOG_FORMAT=JSON")
        first, second = done.stderr.splitlines()
        line = json.loads(first)
        self.assertEqual(list(line)[:9], ["timestamp", "level", "message", "request_id", "trace_id", "span_id",
                                          "trace_flags", "function", "version"])
        del line["timestamp"], line["request_id"]
        self.assertEqual(line, {
            "level": "INFO", "message": "pairs", "trace_id": "5759e988bd862e3fe1be46a994272793",
            "span_id": "53995c3f42cd8ad8", "trace_flags": "01", "function": "test", "version": "$LATEST",
            "region": "eu-central-1", "text": "a\"b\n\ufffd", "n": -3, "u": 18446744073709551615, "pi": 3.25,
            "tiny": 1.5e-9, "huge": -2e300, "inf": None, "yes": True, "slice": "x y", "none": None,
            'odd key="': 0})
        line = json.loads(second)
        self.assertLessEqual(len(second.encode()) + 1, 4096)
        self.assertGreater(len(line["message"]), 2000)
        self.assertGreater(len(line["long"]), 500)
        self.assertEqual(line["region"], "eu-central-1")
        done = self.api("log", "--expect", "null", "--env", "AWS_LAMBDA_LOG_LEVEL=INFO", "--trace-id",
                        "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00")
        first = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", done.stderr.splitlines()[0])
        self.assertEqual(first, 'INFO ID pairs text="a\\"b\\n\ufffd" n=-3 u=18446744073709551615 pi=3.25 '
                         'tiny=1.5e-9 huge=-2e300 inf=null yes=true slice="x y" none=null odd_key__=0')

    def test_traces(self):
        root, span = "5759e988bd862e3fe1be46a994272793", "53995c3f42cd8ad8"
        for header, want in (
                ("00-%s-%s-01" % (root, span), (root, span, "01")),
                ("00-%s-%s-00" % (root, span.upper()), (root, span, "00")),
                ("Sampled=0;Parent=%s;Root=1-%s-%s" % (span, root[:8], root[8:]), (root, span, "00")),
                ("Root=1-%s-%s" % (root[:8], root[8:]), (root, None, None)),
                ("Root=1-%s-%s;Parent=short;Sampled=?" % (root[:8], root[8:]), (root, None, None)),
                ("Self=1-1-1;Root=1-zz;Lineage=a:0;;", (None, None, None)),
                ("00-%s-%s-01" % ("g" * 32, span), (None, span, "01")),
                ("x", (None, None, None))):
            done = self.api("log", "--expect", "null", "--trace-id", header, "--env", "AWS_LAMBDA_LOG_FORMAT=JSON")
            line = json.loads(done.stderr.splitlines()[0])
            self.assertEqual(tuple(line.get(k) for k in ("trace_id", "span_id", "trace_flags")), want, header)

    # ---- lazy values

    def test_lazy(self):
        self.api("start", "--expect", "1", "--count", "3", binary=self.lazy, stderr="")
        self.api("threads", "--expect", "1", "--count", "3", binary=self.lazy, stderr="")
        self.api("loop", "--expect-error", "Runtime.LazyLoop", "--count", "2", binary=self.lazy)
        self.api("start", "--expect-init-error", "NoTable", "--env", "START_FAILS=1", binary=self.lazy,
                 stderr="ERROR initialisation failed: NoTable: the table is missing\n")

    def test_lazy_failures(self):
        done = self.api("flaky", "--expect", "3", "--count", "4", binary=self.lazy, status=1)
        self.assertIn("4 invocations, 2 ok, 2 failed", done.stdout)
        self.assertEqual(done.stderr.count("Flaky: not yet"), 2)
        # Sticky: tried once, with the first reason ever after.
        done = self.api("broken", "--expect-error", "Broken", "--count", "3", binary=self.lazy)
        self.assertEqual(done.stderr.count("Broken: try 1"), 3)

    def test_startup_trace(self):
        done = self.api("flaky", "--expect", "3", "--count", "3", "--env", "SLSC_STARTUP_TRACE=1",
                        "--env", "AWS_LAMBDA_LOG_LEVEL=FATAL", binary=self.lazy, status=1)
        lines = [re.sub(r"us=\d+", "us=N", line) for line in done.stderr.splitlines() if "startup" in line]
        self.assertEqual(lines, ["INFO startup: at_start us=N cold_path=true ok=true",
                                 "INFO startup: slsc_init us=N cold_path=true ok=true",
                                 "INFO startup: flaky us=N cold_path=false ok=false",
                                 "INFO startup: flaky us=N cold_path=false ok=false",
                                 "INFO startup: flaky us=N cold_path=false ok=true"])

    def test_lazy_unused_is_not_linked(self):
        if self.kind != "clang-musl":
            return  # without --gc-sections everything is
        with open(self.lazy, "rb") as file:
            self.assertIn(b"startup: ", file.read())
        hello = self.build("hello", "lambda", [os.path.join(HERE, "../../templates/hello/src/hello.c")])
        with open(hello, "rb") as file:
            code = file.read()
        for part in (b"startup: ", b"starting anew", b"Response-Mode", b"restore/next"):
            self.assertNotIn(part, code)
