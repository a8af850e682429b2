# SPDX-License-Identifier: Apache-2.0
"""slsc local: invocations by wrk, first ones, many instances, idle connections; and a soak. A part of bench.py."""

import contextlib
import json
import os
import re
import resource
import socket
import sqlite3
import subprocess
import threading
import time

FUNCTION = """#include <slsc.h>
slsc_lambda_fn handler;
int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	(void)ctx;
	slsc_put(out, in.ptr, in.len);
	return 0;
}
"""
LUA = 'wrk.method = "POST"\nwrk.body = "{}"\n'


class Local:
    """A slsc local that serves @functions: name to lines of YAML. @before(DIR) is called when it is built."""

    def __init__(self, b, tmp, slsc, functions, *options, source=FUNCTION, before=None):
        self.dir = os.path.join(tmp, "local")
        os.makedirs(os.path.join(self.dir, "src"), exist_ok=True)
        with open(os.path.join(self.dir, "src/main.c"), "w", encoding="utf-8") as f:
            f.write(source)
        with open(os.path.join(self.dir, "slsc.yaml"), "w", encoding="utf-8") as f:
            f.write("project: bench\narches: [x86_64]\nfunctions:\n")
            for name, lines in functions.items():
                f.write(f"  {name}:\n    sources: [src/main.c]\n")
                f.writelines(f"    {line}\n" for line in lines)
        b.sh(self.dir, slsc, "build")
        if before:
            before(self.dir)
        told = os.path.join(self.dir, ".slsc/local.json")
        if os.path.exists(told):
            os.unlink(told)
        self.log = open(os.path.join(tmp, "local.log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen([slsc, "local", "--port", "0", *options], cwd=self.dir, env=b.env,
                                        stdout=self.log, stderr=self.log)
        while not os.path.exists(told):
            if self.process.poll() is not None:
                self.log.seek(0)
                raise SystemExit(f"bench: slsc local: {self.log.read()}")
            time.sleep(0.01)
        with open(told, encoding="utf-8") as f:
            self.url = json.load(f)["url"]
        self.port = int(self.url.rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def connect(self):
        return Caller(self.port)

    def pids(self):
        """slsc itself, and all that it started."""
        out = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        pairs = [tuple(map(int, line.split())) for line in out.splitlines()]
        return [self.process.pid] + [p for p, parent in pairs if parent == self.process.pid]


class Caller:
    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port))
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def invoke(self, name, body=b"{}", extra=""):
        """Seconds, and the status."""
        begun = time.perf_counter()
        self.s.sendall(f"POST /2015-03-31/functions/{name}/invocations HTTP/1.1\r\nHost: localhost\r\n"
                       f"Content-Length: {len(body)}\r\n{extra}\r\n".encode() + body)
        got = b""
        while b"\r\n\r\n" not in got:
            got += self.receive()
        head, rest = got.split(b"\r\n\r\n", 1)
        length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
        while len(rest) < length:
            rest += self.receive()
        return time.perf_counter() - begun, int(head.split(b" ", 2)[1]), b"x-amz-function-error" in head.lower()

    def receive(self):
        part = self.s.recv(65536)
        if not part:
            raise ConnectionError("closed")
        return part


def wrk(url, connections, seconds, script):
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-s", script, "--latency", url],
                         capture_output=True, text=True, check=True).stdout
    number, unit = re.search(r"50%\s+([\d.]+)(us|ms|s)", out).groups()
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"bench: wrk: {out}")
    return (float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit], float(re.search(r"Requests/sec:\s+([\d.]+)", out)
                                                                       .group(1)))


def pss_mb(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
            total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
    return total / 1024


def rss_mb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024


def bench(b, tmp, slsc):
    b.section("The local platform")
    script = os.path.join(tmp, "post.lua")
    with open(script, "w", encoding="utf-8") as f:
        f.write(LUA)
    functions = {"echo": ["memory: 3008 MB"]}
    functions.update({f"first{i}": [] for i in range(50)})
    with Local(b, tmp, slsc, functions, "-q") as local:
        url = f"{local.url}/2015-03-31/functions/echo/invocations"
        wrk(url, 1, 1, script)
        p50, _ = wrk(url, 1, 5, script)
        b.row("a warm invoke through the Invoke API, p50, client included", f"{p50:.0f} µs", "–", "–", "≤ 150 µs",
              p50 <= 150)
        rate = max(wrk(url, c, 5, script)[1] for c in (2, 4, 8))
        b.row("invokes a second, the client on the same 2 CPUs", f"{rate:,.0f}", "–", "–", "≥ 10,000", rate >= 10000)
        caller = local.connect()
        took = sorted(caller.invoke(f"first{i}")[0] * 1e3 for i in range(50))
        b.row("the first invoke of a function: p50 (p90)", f"{took[25]:.2f} ms ({took[45]:.2f})", "–", "–", "≤ 3 ms",
              took[25] <= 3)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
        before = rss_mb(local.process.pid)
        idle = [socket.create_connection(("127.0.0.1", local.port)) for _ in range(5000)]
        took = sorted(caller.invoke("echo")[0] * 1e6 for _ in range(200))[100]
        b.row("5,000 idle connections: memory, p50 of an invoke beside them", f"{rss_mb(local.process.pid) - before:.1f}"
              f" MB, {took:.0f} µs", "–", "–", "served", True)
        for s in idle:
            s.close()
    with Local(b, tmp, slsc, {"many": ["concurrency: 500", "prewarm: 500"]}, "-q") as local:
        deadline = time.monotonic() + 120
        while len(local.pids()) < 501 and time.monotonic() < deadline:
            time.sleep(0.1)
        n = len(local.pids()) - 1
        memory = pss_mb(local.pids())
        b.row("500 instances: memory of all, slsc included (PSS)", f"{memory:.0f} MB, {n} instances", "–", "–",
              "≤ 150 MB", n == 500 and memory <= 150)


def soak(b, tmp, slsc):
    """An hour, or $SOAK_SECONDS, of 1,000 invocations a second and 10 events a second."""
    b.section("The local platform, soaked")
    seconds = int(os.environ.get("SOAK_SECONDS", "3600"))
    bad, count, samples, lock = [], [0, 0], [], threading.Lock()

    def load(index, local, until):
        caller, due = local.connect(), time.monotonic()
        n = 0
        while due < until:
            due += 8 / 1000
            time.sleep(max(0, due - time.monotonic()))
            n += 1
            event = n % 100 == 0
            try:
                _, status, failed = caller.invoke("echo", extra="X-Amz-Invocation-Type: Event\r\n" if event else "")
                if status != (202 if event else 200) or failed:
                    bad.append((status, failed))
            except (OSError, ConnectionError) as e:
                bad.append(str(e))
                caller = local.connect()
            with lock:
                count[event] += 1

    with Local(b, tmp, slsc, {"echo": ["memory: 3008 MB"]}, "-q") as local:
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=load, args=(i, local, until)) for i in range(8)]
        for t in threads:
            t.start()
        while time.monotonic() < until:
            time.sleep(min(10, seconds / 20))
            samples.append(rss_mb(local.process.pid))
        for t in threads:
            t.join()
        # what was taken last is delivered meanwhile; the file is slsc's alone while it runs
        time.sleep(2)
    with contextlib.closing(sqlite3.connect(f"{local.dir}/.slsc/local.db")) as db:
        left = db.execute("select count(*) from event").fetchone()[0]
    tenth = max(1, len(samples) // 10)
    first, last = sum(samples[tenth:2 * tenth]) / tenth, sum(samples[-tenth:]) / tenth
    b.row(f"{seconds:,} s of 1,000 a second: {count[0]:,} invocations, {count[1]:,} events; lost",
          f"{len(bad)}, {left} events", "–", "–", "none", not bad and not left)
    b.row("memory of slsc: after a tenth of the time, at its end", f"{first:.1f}, {last:.1f} MB", "–",
          f"{last / first:.3f}×", "flat", last <= 1.05 * first + 1)
