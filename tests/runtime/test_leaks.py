# SPDX-License-Identifier: Apache-2.0
"""Under valgrind: after 100,000 requests, and 300 invocations, nothing is lost and nothing has grown."""

import os
import re
import socket
import struct
import subprocess

from kit import Case, HERE, TEMPLATES, need
from test_http import get, post, read_answer

VALGRIND = ["/usr/bin/valgrind", "-q", "--leak-check=full", "--show-leak-kinds=all", "--errors-for-leak-kinds=all",
            "--error-exitcode=9"]
REQUESTS = 100_000
INVOCATIONS = 300  # valgrind looks at all of the 6 MB at each recv(): 5 ms
GROWTH = 512 << 10  # bytes: its own mappings come and go
CHUNKED = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"


class Leaks(Case):
    kinds = ("gcc",)  # asan brings its own malloc, and in a static binary none can be replaced

    @classmethod
    def setUpClass(cls):
        need(VALGRIND[0], "valgrind")

    def start(self, binary, **env):
        self.child = subprocess.Popen([*VALGRIND, binary], env={"PATH": "/usr/bin:/bin", **env}, stderr=subprocess.PIPE)
        self.addCleanup(self.child.communicate)
        self.addCleanup(self.child.kill)

    def held(self):
        """(descriptors, bytes mapped)"""
        with open("/proc/%d/statm" % self.child.pid, encoding="ascii") as file:
            return len(os.listdir("/proc/%d/fd" % self.child.pid)), int(file.read().split()[0]) * 4096

    def grown(self, before, after):
        self.assertEqual(after[0], before[0])
        self.assertLess(after[1] - before[1], GROWTH)

    def stop(self):
        self.child.terminate()
        _, stderr = self.child.communicate(timeout=60)
        self.assertEqual((self.child.returncode, stderr.decode()), (0, ""))

    def disturb(self, port):
        """What peers do who are no good ones: a body that never ends, a reset, an answer nobody reads, no HTTP."""
        for data in (post("/echo", b"x" * 100000)[:70000], get("/bytes")[:20], b"\0\r\n\r\n",
                     post("/echo", b"x" * 4000000), get("/stream"), CHUNKED[:-20]):
            with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                try:
                    sock.sendall(data)
                except ConnectionError:
                    pass

    def test_http(self):
        binary = self.build("http-answers", "http", [os.path.join(HERE, "functions/http_answers.c")])
        self.start(binary, PORT="0", SLSC_LOG_LEVEL="ERROR", AWS_LAMBDA_LOG_LEVEL="INFO")
        line = self.child.stderr.readline().decode()
        port = int(re.fullmatch(r"INFO listening on 0\.0\.0\.0:(\d+)\n", line)[1])
        batch = [get("/pieces"), post("/echo", b"abc"), CHUNKED, post("/echo", b"x" * 30000), get("/bytes")] * 20
        asked = before = 0
        while asked < REQUESTS:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as sock, sock.makefile("rb") as file:
                for _ in range(50):
                    sock.sendall(b"".join(batch))
                    self.assertEqual({read_answer(file)[0] for _ in batch}, {200})
                    asked += len(batch)
            self.disturb(port)
            # The second round finds what the first one has left for ever: the buffers that all share.
            before = before or (asked > 5000 and self.settled(port))
        self.grown(before, self.settled(port))
        self.stop()

    def settled(self, port):
        """held(), once the server has seen all that was sent before."""
        while True:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as sock, sock.makefile("rb") as file:
                sock.sendall(get("/bytes"))
                read_answer(file)
                found = self.held()
            # stdin, stdout, stderr, listener, epoll, this connection; valgrind has its own above 1000.
            if len([fd for fd in os.listdir("/proc/%d/fd" % self.child.pid) if int(fd) < 1000]) <= 6:
                return found

    def test_lambda(self):
        binary = self.build("hello", "lambda", [os.path.join(TEMPLATES, "hello/src/hello.c")])
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(60)
            self.start(binary, AWS_LAMBDA_RUNTIME_API="127.0.0.1:%d" % listener.getsockname()[1])
            conn, _ = listener.accept()
        event = b'{"name":"n"}'
        give = b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r\r\nContent-Length: %d\r\n\r\n%s" % (len(event), event)
        with conn:
            conn.settimeout(60)
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(INVOCATIONS):
                self.assertTrue(self.receive(conn, b"\r\n\r\n").startswith(b"GET "))
                if i == 50:
                    before = self.held()
                conn.sendall(give)
                self.assertTrue(self.receive(conn, b'{"message":"Hello, n!"}').startswith(b"POST "))
                conn.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            self.receive(conn, b"\r\n\r\n")
            self.grown(before, self.held())
            self.stop()

    def receive(self, conn, end):
        data = b""
        while not data.endswith(end):
            got = conn.recv(65536)
            self.assertTrue(got, data)
            data += got
        return data
