#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the Dockerfiles of cases/ with slsc, buildah and Docker's BuildKit, and compares what they make.

What a case is: cases.py.
"""
import argparse
import concurrent.futures
import fnmatch
import hashlib
import json
import os
import re
import shutil
import sys
import tarfile
import tempfile
import threading
import traceback

import bases
import flatten
import peers
from cases import HERE, Case


class Suite:
    def __init__(self, options, cases):
        self.options, self.cases = options, cases
        self.scratch = tempfile.mkdtemp(prefix="slsc-stage.")
        self.cache = os.environ.get("SLSC_TEST_CACHE") or os.path.join(
            os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "slsc-test")
        os.chmod(self.scratch, 0o711)
        peers.Slsc.user = options.user
        self.peers = {n: peers.ALL[n](self.scratch) for n in options.peers}
        self.versions = {}
        self.registry = bases.Registry(self.cache, self.scratch)
        self.layers, self.lock = {}, threading.Lock()
        os.makedirs(f"{self.cache}/stage-results", exist_ok=True)

    def start(self):
        self.registry.start()
        made = self.registry.provide({b for c in self.cases for b in c.bases})
        for c in self.cases:
            c.registry, c.made = self.registry.name, [(b, made[b]) for b in c.bases]
        for n, p in self.peers.items():
            self.versions[n] = p.version()

    def stop(self):
        for p in self.peers.values():
            p.stop()
        self.registry.stop()
        if self.options.keep:
            print(f"kept: {self.scratch}", file=sys.stderr)
        else:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def result(self, case, peer):
        """What flatten() says of it, or {"failed": its words}. A peer's, not slsc's, may come from the cache."""
        key = case.key(peer, self.versions[peer], case.made)
        known = f"{self.cache}/stage-results/{case.name}.{peer}.json"
        if peer != "slsc" and not self.options.fresh and os.path.exists(known):
            with open(known, encoding="utf-8") as f:
                doc = json.load(f)
            if doc["key"] == key:
                return doc["result"]
        self.peers[peer].start()
        directory, archive = f"{self.scratch}/{case.name}.{peer}", f"{self.peers[peer].scratch}/{case.name}.tar"
        case.copy(directory)
        try:
            self.peers[peer].build(case, directory, archive)
            result = flatten.flatten(archive, self.layers)
        except peers.BuildFailed as e:
            result = {"failed": str(e).replace(self.registry.name, "registry.test")}
        except flatten.Malformed as e:
            result = {"failed": f"malformed: {e}", "malformed": True}
        if not self.options.keep and os.path.exists(archive):
            os.unlink(archive)
        # a failure nobody expects may be this machine's moment
        if peer != "slsc" and ("failed" in result) == (case.fails is not None):
            with open(f"{known}.{threading.get_ident()}", "w", encoding="utf-8") as f:
                json.dump({"key": key, "result": result}, f)
            os.rename(f.name, known)
        return result

    def run(self):
        """{case: {peer: result}}"""
        jobs = {}
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            for c in self.cases:
                for n in self.peers:
                    if n == "slsc" or n in c.peers:
                        jobs[c.name, n] = pool.submit(self.result, c, n)
            out = {c.name: {} for c in self.cases}
            for (c, n), job in jobs.items():
                try:
                    out[c][n] = job.result()
                except (bases.Missing, tarfile.TarError, OSError, ValueError, KeyError, EOFError):
                    out[c][n] = {"failed": traceback.format_exc(), "harness": True}
        return out


def shown(path, node):
    """A node as a line, which `expect` has, too."""
    words = [node["type"], node.get("mode", "----"), node["owner"], json.dumps(path, ensure_ascii=False)]
    if node["type"] == "f":
        words += [str(node["size"]), node["sha256"][:16]]
    words += ["-> " + json.dumps(node["link"], ensure_ascii=False)] if "link" in node else []
    words += [f"{k}={node[k]}" for k in ("rdev",) if k in node]
    words += [f"{k}=0x{v}" for k, v in node.get("xattrs", {}).items()]
    words += ["= " + " ".join(node["hardlinks"])] if "hardlinks" in node else []
    return " ".join(words)


def expected(case, result):
    """Lines that differ from `expect`: "- wanted", "+ found". A content is in quotes in place of size and digest."""
    wanted, roots, fields = [], [], {}
    with open(case.expect, encoding="utf-8") as f:
        for line in f.read().splitlines():
            if line.startswith("below "):
                roots += line.split()[1:]
            elif line.startswith("config "):
                _, field, value = line.split(" ", 2)
                fields[field] = json.loads(value)
            elif line and not line.startswith("#"):
                wanted.append(contents(line))
    found = [shown(p, n) for p, n in result["tree"].items()
             if any(p == r or p.startswith(r + "/") or r == "/" for r in roots)]
    wanted += [f"{f}: {json.dumps(v, sort_keys=True)}" for f, v in fields.items()]
    found += [f"{f}: {json.dumps(result['config'].get(f), sort_keys=True)}" for f in fields]
    return [f"- {w}" for w in wanted if w not in found] + [f"+ {f}" for f in found if f not in wanted]


def contents(line):
    head, quote, text = line.partition(' : "')
    if not quote:
        return line
    text, end = json.JSONDecoder().raw_decode('"' + text)
    rest = line[len(head) + 3 + end:]
    data = text.encode()
    return f"{head} {len(data)} {hashlib.sha256(data).hexdigest()[:16]}{rest}"


def differences(a, b):
    """[(what, a's, b's)] of two results; what: "tree PATH FIELD", "config FIELD", "history count|empty|text"."""
    out = []
    if "failed" in a or "failed" in b:
        if ("failed" in a) != ("failed" in b):
            out.append(("build", a.get("failed", "is built"), b.get("failed", "is built")))
        return out
    for path in sorted(set(a["tree"]) | set(b["tree"])):
        x, y = a["tree"].get(path), b["tree"].get(path)
        if x is None or y is None:
            out.append((f"tree {path} presence", x and shown(path, x), y and shown(path, y)))
            continue
        for field in sorted(set(x) | set(y)):
            if x.get(field) != y.get(field):
                out.append((f"tree {path} {field}", x.get(field), y.get(field)))
    for field in flatten.FIELDS:
        if a["config"].get(field) != b["config"].get(field):
            out.append((f"config {field}", a["config"].get(field), b["config"].get(field)))
    if a["platform"] != b["platform"]:
        out.append(("platform", a["platform"], b["platform"]))
    x, y = a["history"], b["history"]
    if len(x) != len(y):
        out.append(("history count", [h["text"] for h in x], [h["text"] for h in y]))
    elif [h["empty"] for h in x] != [h["empty"] for h in y]:
        out.append(("history empty", [h["empty"] for h in x], [h["empty"] for h in y]))
    elif [h["text"] for h in x] != [h["text"] for h in y]:
        at = next(i for i in range(len(x)) if x[i]["text"] != y[i]["text"])
        out.append(("history text", x[at]["text"], y[at]["text"]))
    return out


class Known:
    """differences.json: [{"peer", "against", "cases": [...], "what": [...], "reason"}], cases and what with * and ?.
    With "users" only where one of those runs slsc; with "says" a failure has to have that text in it."""

    def __init__(self, user="root"):
        with open(f"{HERE}/differences.json", encoding="utf-8") as f:
            self.entries = [e for e in json.load(f) if user in e.get("users", [user])]
        # what root's build differs in need not be there where an unprivileged one fails
        self.judged = [user in e.get("users", ["root"]) for e in self.entries]
        self.used = [set() for _ in self.entries]

    def find(self, case, pair, what):
        for i, e in enumerate(self.entries):
            if e["peer"] == pair[0] and e["against"] == pair[1] and \
                    any(fnmatch.fnmatchcase(case, c) for c in e["cases"]) and \
                    any(fnmatch.fnmatchcase(what, w) for w in e["what"]):
                self.used[i].update([(c, None) for c in e["cases"] if fnmatch.fnmatchcase(case, c)] +
                                    [(None, w) for w in e["what"] if fnmatch.fnmatchcase(what, w)])
                return e
        return None

    def unused(self, names, skipped, pairs):
        """Entries, cases and patterns in them, that nothing of a run of @names needed, if it could have."""
        out = []
        for e, judged, used in zip(self.entries, self.judged, self.used):
            if not judged or (e["peer"], e["against"]) not in pairs:
                continue
            known = [n for n in os.listdir(f"{HERE}/cases") if any(fnmatch.fnmatchcase(n, c) for c in e["cases"])]
            if not set(known) - (set(skipped) if e["cases"] == ["*"] else set()) <= set(names):
                continue
            out += [f"case {c!r} of: {e['reason']}" for c in e["cases"] if (c, None) not in used]
            out += [f"{w!r} of: {e['reason']}" for w in e["what"] if (None, w) not in used]
        return out


def judge(case, results, known):
    """{"case", "group", "bad": [...], "known": [...]}"""
    bad, fine = [], []
    for peer, r in results.items():
        if r.get("harness") or r.get("malformed"):
            bad.append(f"{peer}: {r['failed']}")
        elif case.fails is not None:
            if "failed" not in r:
                if not known.find(case.name, (peer, "expect"), "build"):
                    bad.append(f"{peer}: builds what it should refuse")
            elif peer == "slsc" and case.fails not in r["failed"]:
                bad.append(f"slsc: does not say {case.fails!r}, but: {r['failed']}")
        elif "failed" in r and peer in ("slsc", case.peers[-1] if case.peers else "slsc"):
            e = known.find(case.name, (peer, "expect"), "build")
            if not e or e.get("says", "") not in r["failed"]:
                bad.append(f"{peer}: {r['failed']}")
            else:
                fine.append(f"build: {peer} fails ({e['reason']})")
    if case.fails is None:
        order = [p for p in ("docker", "buildah") if p in case.peers and p in results]
        pairs = [("buildah", "docker")] if len(order) == 2 else []
        if "slsc" in results and "failed" not in results["slsc"] and order:
            pairs.append(("slsc", order[0]))
        for pair in pairs:
            for what, x, y in differences(results[pair[0]], results[pair[1]]):
                e = known.find(case.name, pair, what)
                x, y = json.dumps(x, ensure_ascii=False), json.dumps(y, ensure_ascii=False)
                text = f"{what}: {pair[0]} {x}, {pair[1]} {y}"
                if e:
                    fine.append(f"{text} ({e['reason']})")
                else:
                    bad.append(text)
        if case.expect:
            for peer, r in results.items():
                if "failed" not in r:
                    lines = expected(case, r)
                    if lines and not known.find(case.name, (peer, "expect"), "tree"):
                        bad.append(f"{peer} against expect:\n" + "\n".join(lines))
    return {"case": case.name, "group": case.group, "bad": bad, "known": fine}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peers", default="slsc,buildah,docker", type=lambda s: s.split(","))
    p.add_argument("--user", choices=("root", "subuid", "plain"), default="root",
                   help="who runs slsc: an unprivileged user has a range of subordinate ids or none")
    p.add_argument("--group", help="only those cases")
    p.add_argument("--all", action="store_true", help="also the cases that take long, and by buildah what Docker builds, too")
    p.add_argument("--jobs", type=int, default=os.cpu_count() + 1)
    p.add_argument("--fresh", action="store_true", help="build the peers' results again")
    p.add_argument("--keep", action="store_true", help="keep what was built")
    p.add_argument("--json", help="write the verdicts there, and succeed; --report shows them")
    p.add_argument("--report", help="no build: show the verdicts of a file that --json wrote, of --group or all")
    p.add_argument("--unused", action="store_true", help="with --report: entries of differences.json without use")
    p.add_argument("--show", action="store_true", help="print what each builder made")
    p.add_argument("--table", action="store_true", help="differences.json as a table of Markdown")
    p.add_argument("--list", action="store_true", help="cases with their groups")
    p.add_argument("case", nargs="*")
    o = p.parse_args()
    if o.report:
        with open(o.report, encoding="utf-8") as f:
            doc = json.load(f)
        if o.unused:
            print("\n".join(f"differences.json: nothing needs {u}" for u in doc["unused"]) or "each is needed")
            return 1 if doc["unused"] else 0
        return report([v for v in doc["verdicts"] if o.group in (None, v["group"])],
                      doc["unused"] if o.group is None else [], not o.group)
    if o.table:
        with open(f"{HERE}/differences.json", encoding="utf-8") as f:
            print("\n".join(table(json.load(f))))
        return 0
    names = o.case or sorted(os.listdir(f"{HERE}/cases"))
    cases, skipped = [c for c in map(Case, names) if o.group in (None, c.group)], []
    if not o.all and not o.case:
        cases, skipped = [c for c in cases if not c.long], [c for c in cases if c.long]
        for c in cases:
            if "docker" in c.peers:
                c.peers = ["docker"]
    if o.list:
        print("\n".join(f"{c.group}\t{c.name}\t{' '.join(c.peers) or 'expect'}" for c in cases))
        return 0
    if os.geteuid():
        raise bases.Missing("dockerd and buildah's chroot isolation need root")
    suite = Suite(o, cases)
    try:
        suite.start()
        results = suite.run()
    finally:
        suite.stop()
    known = Known(o.user)
    verdicts = [judge(c, results[c.name], known) for c in cases]
    pairs = {(a, b) for a in o.peers for b in [*o.peers, "expect"]}
    if not any({"buildah", "docker"} <= set(c.peers) for c in cases):
        pairs.discard(("buildah", "docker"))
    unused = known.unused([c.name for c in cases], [c.name for c in skipped], pairs)
    if o.show:
        for c in cases:
            for n, r in results[c.name].items():
                show(c, n, r)
    if o.json:
        with open(o.json, "w", encoding="utf-8") as f:
            json.dump({"verdicts": verdicts, "unused": unused}, f, indent=1)
        return 0
    return report(verdicts, unused, True)


def show(case, name, r):
    print(f"── {case.name}: {name}")
    if "failed" in r:
        print(r["failed"])
        return
    for path, node in r["tree"].items():
        if node.get("link") != "busybox" and not path.startswith("usr/share/"):
            print(shown(path, node))
    for k, v in r["config"].items():
        print(f"{k}: {json.dumps(v, sort_keys=True)}")
    for h in r["history"]:
        print(f"history{' (empty)' if h['empty'] else ''}: {h['text']}")


# of `users` in the table; the unprivileged ones of a difference that has both
USERS = {"plain": "with one id", "subuid": "or a range of ids"}


def table(entries):
    out = ["| differs | from | in | why |", "|---|---|---|---|"]
    for e in entries:
        what = sorted({re.sub(r"^tree .*", "files", w) for w in e["what"]})
        cases = "all cases" if e["cases"] == ["*"] else ", ".join(e["cases"])
        against = "what is right" if e["against"] == "expect" else e["against"]
        who = e["peer"] + "".join(" " + USERS[u] for u in e.get("users", []))
        out.append(f"| {who} | {against} | {', '.join(what)}: {cases} | {e['reason']} |")
    return out


def report(verdicts, unused, all_of_them):
    for v in verdicts:
        for line in v["known"]:
            print(f"{v['case']}: documented: {line}")
    bad = [f"{v['case']}: {line}" for v in verdicts for line in v["bad"]]
    bad += [f"differences.json: nothing needs {u}" for u in unused]
    for line in bad:
        print(line)
    n = sum(bool(v["bad"]) for v in verdicts)
    print(f"{len(verdicts)} cases, {n} that differ{', %d unused entries' % len(unused) if all_of_them else ''}")
    return 1 if bad or not verdicts else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except bases.Missing as e:
        sys.exit(f"compare.py: {e}")
