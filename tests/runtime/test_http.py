# SPDX-License-Identifier: Apache-2.0
"""The HTTP runtime against HTTP/1.1, byte for byte."""

import os
import re
import select
import signal
import socket
import struct
import subprocess
import time

from kit import Case, HERE, TEMPLATES


class Server:
    def __init__(self, binary, **env):
        self.child = subprocess.Popen([binary], env={"PORT": "0", **env}, stderr=subprocess.PIPE)
        line = self.child.stderr.readline().decode()
        match = re.fullmatch(r"INFO listening on 0\.0\.0\.0:(\d+)\n", line)
        if not match:
            self.child.kill()
            raise AssertionError("unexpected first line %r" % line)
        self.port = int(match[1])

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            _, stderr = self.child.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.communicate()
            raise
        return self.child.returncode, stderr.decode()


def read_answer(file, head=False):
    """(status, fields, body) of one answer; None at the end of the stream."""
    line = file.readline()
    if not line:
        return None
    match = re.fullmatch(rb"HTTP/1\.1 (\d{3}) [ -~]*\r\n", line)
    if not match:
        raise AssertionError("bad status line %r" % line)
    fields = {}
    while True:
        line = file.readline()
        if line == b"\r\n":
            break
        name, _, value = line.decode().partition(": ")
        if not line.endswith(b"\r\n") or name.lower() in fields:
            raise AssertionError("bad field line %r" % line)
        fields[name.lower()] = value[:-2]
    body = b"" if head else file.read(int(fields.get("content-length", "0")))
    return int(match[1]), fields, body


def get(path, extra=""):
    return ("GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (path, extra)).encode()


def post(path, body, extra=""):
    return ("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n"
            % (path, len(body), extra)).encode() + body


class Http(Case):
    @classmethod
    def setUpClass(cls):
        cls.binary = cls.build("http", "http", [os.path.join(HERE, "functions/http_probe.c")])
        cls.template = cls.build("http-template", "http",
                                 [os.path.join(TEMPLATES, "http/src/http.c")])
        cls.server = Server(cls.binary)

    @classmethod
    def tearDownClass(cls):
        status, stderr = cls.server.stop()
        if status != 0 or "Sanitizer" in stderr:
            raise AssertionError("the server ended with %d: %s" % (status, stderr))

    def talk(self, data, server=None, head=False):
        """Send @data, close our half, return all answers."""
        with (server or self.server).connect() as sock, sock.makefile("rb") as file:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            answers = []
            while (answer := read_answer(file, head)) is not None:
                answers.append(answer)
            return answers

    def refused(self, data, status, server=None):
        """One answer of @status, and the server ends the connection by itself."""
        with (server or self.server).connect() as sock, sock.makefile("rb") as file:
            sock.sendall(data)
            got, fields, _ = read_answer(file)
            self.assertEqual(got, status, data[:200])
            self.assertEqual(fields["connection"], "close")
            self.assertEqual(file.read(), b"", data[:200])

    def body(self, data, **kw):
        answers = self.talk(data, **kw)
        self.assertEqual([a[0] for a in answers], [200], data[:200])
        return answers[0][2].decode()

    def test_basic(self):
        (status, fields, body), = self.talk(get("/a/b?c=d&e", "X-Test: \t v \t\r\n"))
        self.assertEqual((status, body), (200, b'GET /a/b "c=d&e" "v" 0'))
        self.assertNotIn("connection", fields)
        self.assertRegex(fields["date"], r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d "
                         r"[A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$")
        stamp = time.strftime("%a, %d %b %Y %H:%M", time.gmtime())
        later = time.strftime("%a, %d %b %Y %H:%M", time.gmtime(time.time() - 5))
        self.assertIn(fields["date"][:22], (stamp, later))

    def test_health(self):
        self.assertEqual(self.body(get("/_/health")), "ok\n")
        (status, fields, _), = self.talk(b"HEAD /_/health HTTP/1.1\r\nHost: x\r\n\r\n", head=True)
        self.assertEqual((status, fields["content-length"]), (200, "3"))

    def test_pipelining(self):
        n = 2000
        answers = self.talk(b"".join(get("/%d" % i) for i in range(n)))
        self.assertEqual([a[2] for a in answers],
                         [b"GET /%d null null 0" % i for i in range(n)])

    def test_pipelined_posts(self):
        data = b"".join(post("/%d" % i, b"y" * (i * 37 % 9000)) for i in range(200))
        answers = self.talk(data)
        self.assertEqual([a[2] for a in answers],
                         [b"POST /%d null null %d" % (i, i * 37 % 9000) for i in range(200)])

    def test_byte_by_byte(self):
        chunked = (b"\r\nPOST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
                   b"3;a=b\r\nabc\r\n0A\r\n0123456789\r\n0\r\nT: x\r\n\r\n")
        data = get("/1") + post("/2", b"12345") + chunked + get("/3")
        with self.server.connect() as sock, sock.makefile("rb") as file:
            for i in range(len(data)):
                sock.sendall(data[i:i + 1])
            self.assertEqual([read_answer(file)[2] for _ in range(4)],
                             [b"GET /1 null null 0", b"POST /2 null null 5",
                              b"POST /c null null 13", b"GET /3 null null 0"])

    def test_chunked_pipelined(self):
        one = (b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
               b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
        answers = self.talk(one * 300 + get("/end"))
        self.assertEqual([a[2] for a in answers],
                         [b"POST /c null null 11"] * 300 + [b"GET /end null null 0"])

    def test_large_bodies(self):
        size = 32 << 20
        self.assertEqual(self.body(post("/p", b"z" * size)), "POST /p null null %d" % size)
        pieces = b"".join(b"%x\r\n%s\r\n" % (70001, b"q" * 70001) for _ in range(100))
        self.assertEqual(self.body(
            b"POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces +
            b"0\r\n\r\n"), "POST /p null null 7000100")

    def test_too_large(self):
        self.refused(post("/p", b"")[:-2].replace(b": 0", b": 33554433") + b"\r\n", 413)
        self.refused(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"2000001\r\n", 413)
        self.refused(get("/", "X: %s\r\n" % ("y" * 17000)), 431)
        self.refused(get("/", "X: y\r\n" * 101), 431)
        self.refused(get("/" + "a" * 9000), 414)
        with self.server.connect() as sock, sock.makefile("rb") as file:
            sock.sendall(b"GET /" + b"a" * 9000)
            self.assertEqual(read_answer(file)[0], 414)

    def test_slow_reader(self):
        with self.server.connect() as sock, sock.makefile("rb") as file:
            sock.sendall(get("/big") * 2 + get("/after"))
            for _ in range(2):
                self.assertEqual(self.body(get("/other")), "GET /other null null 0")
                self.assertEqual(len(read_answer(file)[2]), 20 << 20)
            self.assertEqual(read_answer(file)[2], b"GET /after null null 0")

    def test_interrupted(self):
        # A stopped and continued process has its waits interrupted: epoll says EINTR, an answer goes on where it was.
        server = Server(self.binary)
        with server.connect() as sock, sock.makefile("rb") as file:
            request = post("/", b"abc" * 1000) + get("/big")
            for at in range(0, len(request), 40):
                sock.sendall(request[at:at + 40])
                server.child.send_signal(signal.SIGSTOP)
                os.waitpid(server.child.pid, os.WUNTRACED)
                server.child.send_signal(signal.SIGCONT)
                os.waitpid(server.child.pid, os.WCONTINUED)
            self.assertEqual(read_answer(file)[0], 200)
            got, left = b"", 20 << 20
            status, fields, _ = read_answer(file, head=True)
            self.assertEqual((status, int(fields["content-length"])), (200, left))
            while left:
                for sig, wait in ((signal.SIGSTOP, os.WUNTRACED), (signal.SIGCONT, os.WCONTINUED)):
                    server.child.send_signal(sig)
                    os.waitpid(server.child.pid, wait)
                got = file.read(min(left, 1 << 18))
                self.assertTrue(got)
                left -= len(got)
            sock.sendall(get("/after"))
            self.assertEqual(read_answer(file)[2], b"GET /after null null 0")
        self.assertEqual(server.stop()[0], 0)

    def test_reset_while_answering(self):
        for _ in range(5):
            sock = self.server.connect()
            sock.sendall(get("/big"))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        for part in (get("/")[:-2], post("/", b"abc")[:-1], b"\r"):
            sock = self.server.connect()
            sock.sendall(part)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        self.assertEqual(self.body(get("/ok")), "GET /ok null null 0")

    def test_many_connections(self):
        socks = [self.server.connect() for _ in range(300)]
        for i, sock in enumerate(socks):
            sock.sendall(get("/%d" % i)[:-1])
        for sock in reversed(socks):
            sock.sendall(b"\n")
        for i, sock in enumerate(socks):
            with sock.makefile("rb") as file:
                self.assertEqual(read_answer(file)[2], b"GET /%d null null 0" % i)
            sock.close()

    def test_connection_options(self):
        # HTTP/1.1 goes on by itself, HTTP/1.0 does so when it is told (RFC 9112, 9.3).
        for extra, version, want in (("", "1.1", None), ("Connection: close\r\n", "1.1", "close"),
                                     ("Connection: x, CLOSE\r\n", "1.1", "close"),
                                     ("", "1.0", "close"),
                                     ("Connection: Keep-Alive\r\n", "1.0", "keep-alive")):
            data = get("/", extra).replace(b"1.1", version.encode())
            with self.server.connect() as sock, sock.makefile("rb") as file:
                sock.sendall(data)
                self.assertEqual(read_answer(file)[1].get("connection"), want)
                if want != "close":
                    sock.sendall(data)
                    self.assertEqual(read_answer(file)[1].get("connection"), want)
                    sock.shutdown(socket.SHUT_WR)
                self.assertEqual(file.read(), b"")
        self.assertEqual(self.talk(b"GET / HTTP/1.0\r\n\r\n")[0][0], 200)

    def test_expect(self):
        with self.server.connect() as sock, sock.makefile("rb") as file:
            sock.sendall(b"POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                         b"Expect: 100-continue\r\n\r\n")
            self.assertEqual(file.readline() + file.readline(), b"HTTP/1.1 100 Continue\r\n\r\n")
            sock.sendall(b"abc")
            self.assertEqual(read_answer(file)[2], b"POST /e null null 3")
        self.refused(get("/", "Expect: magic\r\n"), 417)

    def test_responses(self):
        (status, fields, body), = self.talk(get("/empty"))
        self.assertEqual((status, body, "content-length" in fields), (204, b"", False))
        self.assertEqual(self.body(get("/split")), "refused")
        for path in ("/fail", "/status", "/huge"):
            (status, _, body), = self.talk(get(path))
            self.assertEqual((status, body), (500, b'{"message":"Internal Server Error"}\n'))
        (_, fields, _), = self.talk(b"HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n", head=True)
        self.assertEqual(fields["content-length"], "19")

    def test_query(self):
        for query, want in (("q=a%20b+c", '1"a b c"'), ("x=1&q", '1""'), ("q=1&q=2", '1"1"'),
                            ("x=1", "0null"), ("%71=%e2%82%ac", '1"\u20ac"'), ("q=%", "-1null"),
                            ("q=%4", "-1null"), ("q=%00", "-1null"), ("q=%41", '1"A"'),
                            ("q=%zz", "-1null"), ("", "0null"), ("&&q=", '1""')):
            self.assertEqual(self.body(get("/query?" + query)), want, query)
        self.assertEqual(self.body(get("/query")), "0null")

    def test_targets(self):
        self.assertEqual(self.body(get("http://h:1/a?b")), 'GET /a "b" null 0')
        self.assertEqual(self.body(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"),
                         "OPTIONS * null null 0")
        for bad in ("a", "*", "http:///x", "/a#b", "/\x7f", "/\xfc", "/\x01"):
            self.refused(get(bad), 400)
        self.refused(b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", 501)

    def test_request_lines(self):
        for bad in (b"GET  / HTTP/1.1", b"GET / HTTP/1.1 ", b" GET / HTTP/1.1", b"GET /",
                    b"GET / http/1.1", b"GET / HTTP/1.2", b"GET / HTTP/11", b"G\0T / HTTP/1.1",
                    b"GET\t/ HTTP/1.1", b"GET / HTTP/1.1x", b"/ HTTP/1.1", b"GET / / HTTP/1.1"):
            with self.subTest(bad):
                status = 505 if bad.endswith(b"1.2") else 400
                self.refused(bad + b"\r\nHost: x\r\n\r\n", status)
        self.refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)

    def test_smuggling(self):
        tail = b"\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
        for fields in (
                b"Content-Length: 5\r\nTransfer-Encoding: chunked",
                b"Transfer-Encoding: chunked\r\nContent-Length: 5",
                b"Content-Length: 5\r\nContent-Length: 5",
                b"Content-Length: 5\r\nContent-Length: 6",
                b"Content-Length: 5, 5", b"Content-Length: +5", b"Content-Length: -5",
                b"Content-Length: 0x5", b"Content-Length: 5 5", b"Content-Length:",
                b"Content-Length: 99999999999999999999", b"Content-Length : 5",
                b"Content-Length\t: 5", b" Content-Length: 5", b"Content-Length: 5\x00",
                b"Content-Length: 5\r", b"X: a\rContent-Length: 5", b"X: a\nContent-Length: 5",
                b"X: a\r\n b", b"X: a\r\n\tTransfer-Encoding: chunked", b"X: \x0b", b"X: \x00",
                b"X: \x7f", b"X", b": y", b"X y: z", b"X(: z",
                b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                b"Transfer-Encoding: identity", b"Transfer-Encoding: gzip, chunked",
                b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: xchunked",
                b"Transfer-Encoding: chunked;a=b", b"Transfer-Encoding: \"chunked\"",
                b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: chunked\r\n\r",
                b"Host: y"):
            with self.subTest(fields):
                self.refused(b"POST / HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n" + tail, 400)
        self.refused(b"GET / HTTP/1.1\r\n\r\n", 400)
        self.refused(b"GET / HTTP/1.1\nHost: x\n\n", 400)
        self.refused(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)

    def test_bad_chunks(self):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        for body in (b"\r\n", b"g\r\n", b"-1\r\n", b"+1\r\n", b"0x1\r\n", b" 1\r\n", b"1 \r\n",
                     b"1\n", b"1\r", b"1\rx", b"1;a\nb", b"1;\x00\r\n", b"1\r\nab", b"1\r\na\n",
                     b"1\r\na\rx", b"0000000000000001\r\n", b"ffffffffffffffff\r\n",
                     b"0\r\n x: y\r\n", b"0\r\nx\n", b"0\r\n\rx", b"0\r\n: y",
                     b"1;" + b"a" * 9000, b"0\r\n" + b"x:y\r\n" * 3000):
            if body == b"1\r":
                continue  # incomplete, not wrong
            with self.subTest(body[:20]):
                self.refused(head + body, 400)

    def test_timeouts(self):
        server = Server(self.binary, SLSC_HTTP_TIMEOUT_MS="200")
        try:
            self.refused(b"GET / HT", 408, server)
            self.refused(post("/", b"abc")[:-1], 408, server)
            self.refused(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na",
                         408, server)
            # One byte at a time does not keep a request alive for ever.
            with server.connect() as sock:
                start = time.monotonic()
                while not select.select([sock], [], [], 0.02)[0]:
                    sock.sendall(b"G")
                    self.assertLess(time.monotonic() - start, 5)
                self.assertIn(b" 408 ", sock.recv(4096))
            # An idle connection is closed without a word, also after a request.
            with server.connect() as sock, sock.makefile("rb") as file:
                self.assertEqual(file.read(), b"")
            with server.connect() as sock, sock.makefile("rb") as file:
                sock.sendall(get("/"))
                self.assertEqual(read_answer(file)[0], 200)
                self.assertEqual(file.read(), b"")
        finally:
            self.assertEqual(server.stop(), (0, ""))

    def test_graceful_stop(self):
        server = Server(self.binary)
        idle, half, slow = server.connect(), server.connect(), server.connect()
        half.sendall(post("/h", b"abc")[:-1])
        slow.sendall(get("/big"))
        self.assertEqual(self.body(get("/"), server=server), "GET / null null 0")
        server.child.send_signal(signal.SIGTERM)
        with idle.makefile("rb") as file:
            self.assertEqual(file.read(), b"")
        with self.assertRaises(ConnectionError):
            server.connect()
        half.sendall(b"c")
        with half.makefile("rb") as file:
            status, fields, body = read_answer(file)
            self.assertEqual((status, fields["connection"], body),
                             (200, "close", b"POST /h null null 3"))
        with slow.makefile("rb") as file:
            self.assertEqual(len(read_answer(file)[2]), 20 << 20)
        for sock in (idle, half, slow):
            sock.close()
        self.assertEqual(server.stop(), (0, ""))

    def test_few_descriptors(self):
        cmd = "ulimit -n 20; exec " + self.binary
        script = os.path.join(self.dir, self.kind + "-few")
        with open(script, "w") as file:
            file.write("#!/bin/sh\n%s\n" % cmd)
        os.chmod(script, 0o755)
        server = Server(script)
        socks = [server.connect() for _ in range(40)]
        for sock in socks:
            sock.sendall(get("/", "Connection: close\r\n"))
        for sock in socks:
            with sock.makefile("rb") as file:
                self.assertEqual(read_answer(file)[0], 200)
            sock.close()
        self.assertEqual(server.stop(), (0, ""))

    def test_bad_port(self):
        for port in ("x", "65536", "-1", "", " 1"):
            done = subprocess.run([self.binary], env={"PORT": port}, capture_output=True,
                                  text=True, timeout=10)
            self.assertEqual((done.returncode, done.stderr),
                             (1, "FATAL PORT is not a number from 0 to 65535\n"))
        done = subprocess.run([self.binary], env={"PORT": str(self.server.port)},
                              capture_output=True, text=True, timeout=10)
        self.assertEqual((done.returncode, done.stderr),
                         (1, "FATAL cannot listen on PORT: it is in use\n"))

    def test_template(self):
        server = Server(self.template)
        try:
            for data, status, want in (
                    (get("/"), 200, b"It works. Try /hello/{name}.\n"),
                    (get("/hello/J%C3%BC%22"), 200, '{"message":"Hello, J\u00fc\\"!"}\n'.encode()),
                    (get("/hello/%zz"), 400, None), (get("/hello/"), 404, None),
                    (get("/hello/a/b"), 404, None), (get("/nope"), 404, b'{"message":"not found"}\n'),
                    (post("/echo", b"\0\xff"), 200, b"\0\xff"), (get("/echo"), 405, None),
                    (post("/", b""), 405, b'{"message":"method not allowed"}\n')):
                (got, fields, body), = self.talk(data, server=server)
                self.assertEqual(got, status, data)
                if want is not None:
                    self.assertEqual(body, want)
                if status == 405:
                    self.assertEqual(fields["allow"], "POST" if b"echo" in data else "GET, HEAD")
            curl = subprocess.run(["curl", "-fsS", "-H", "Transfer-Encoding: chunked", "-d", "hi",
                                   "http://127.0.0.1:%d/echo" % server.port],
                                  capture_output=True, text=True, timeout=10)
            self.assertEqual((curl.stdout, curl.stderr), ("hi", ""))
        finally:
            self.assertEqual(server.stop(), (0, ""))
