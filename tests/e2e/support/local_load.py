# SPDX-License-Identifier: Apache-2.0
"""Callers of a slsc local while somebody kills its instances, or talks nonsense to it.

    local_load.py kill URL FUNCTION PID SECONDS     a tenth of PID's children are killed again and again
    local_load.py noise URL FUNCTION SECONDS        1,000 malformed requests a second

On a busy machine it goes on, for a minute at most, until ENOUGH is done. Prints a line of JSON: what callers were
answered, by kind, and which events for later were accepted.
"""

import collections
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

CALLERS = 8
# what has to be done at least, by kind
ENOUGH = {"kill": {"200": 200, "events": 40, "killed": 30}, "noise": {"200": 200, "events": 20, "noise": 1500}}


class Run:
    """What was done; and whether to go on."""

    def __init__(self, what, seconds):
        self.enough, self.until = ENOUGH[what], time.monotonic() + seconds
        self.lock, self.counts = threading.Lock(), collections.Counter()
        self.counts["events"] = []

    def add(self, kind):
        with self.lock:
            self.counts[kind] += 1

    def goes_on(self):
        over = time.monotonic() - self.until
        if over < 0 or over > 60:
            return over < 0
        with self.lock:
            done = {**self.counts, "events": len(self.counts["events"])}
        return any(done.get(kind, 0) < least for kind, least in self.enough.items())


class Caller:
    def __init__(self, port):
        self.port = port
        self.s = None

    def post(self, function, body, extra=""):
        if not self.s:
            self.s = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        self.s.sendall(f"POST /2015-03-31/functions/{function}/invocations HTTP/1.1\r\nHost: localhost\r\n{extra}"
                       f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        got = b""
        while b"\r\n\r\n" not in got:
            got += self.more()
        head, rest = got.split(b"\r\n\r\n", 1)
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(rest) < int(fields.get(b"content-length", 0)):
            rest += self.more()
        return int(head.split(b" ", 2)[1]), b"x-amz-function-error" in fields, rest

    def more(self):
        part = self.s.recv(65536)
        if not part:
            raise ConnectionError("closed without an answer")
        return part


def call(port, function, run, index):
    caller, n = Caller(port), 0
    while run.goes_on():
        n += 1
        event = n % 10 == 0
        number = index * 1000000 + n
        body = json.dumps({"do": "say", "n": number} if event else {"do": "sleep", "n": 2}).encode()
        try:
            status, failed, text = caller.post(function, body, "X-Amz-Invocation-Type: Event\r\n" if event else "")
            kind = f"{status}{' event' if event else ''}"
            if failed:
                kind += " " + json.loads(text)["errorType"]
        except (OSError, ConnectionError) as e:
            kind, caller.s = f"none: {e}", None
        run.add(kind)
        if event and kind == "202 event":
            with run.lock:
                run.counts["events"].append(number)


def children(pid):
    out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(x) for x in out.split()]


def killer(pid, run):
    while run.goes_on():
        victims = children(pid)
        for v in random.sample(victims, (len(victims) + 9) // 10):
            try:
                os.kill(v, signal.SIGKILL)
                run.add("killed")
            except ProcessLookupError:
                pass
        time.sleep(0.05)


NOISE = [b"GET / HTTP/1.1\r\n\r\n", b"\x00\x01\x02\x03", b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
         b"POST /2015-03-31/functions/act/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n{}",
         b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
         b"A" * 20000, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
         b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET /%zz%00/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n"]


def noise(port, run):
    due = time.monotonic()
    while run.goes_on():
        due += 1 / 250
        time.sleep(max(0, due - time.monotonic()))
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
                s.sendall(random.choice(NOISE))
        except OSError:
            pass
        run.add("noise")


def main():
    what, url, function = sys.argv[1:4]
    port = int(url.rsplit(":", 1)[1])
    run = Run(what, float(sys.argv[-1]))
    threads = [threading.Thread(target=call, args=(port, function, run, i)) for i in range(CALLERS)]
    if what == "kill":
        threads.append(threading.Thread(target=killer, args=(int(sys.argv[4]), run)))
    else:
        threads += [threading.Thread(target=noise, args=(port, run)) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(json.dumps(run.counts))


main()
