# SPDX-License-Identifier: Apache-2.0
"""The runtime's HTTP client against servers that behave, and such that do not."""

import http.server
import os
import select
import signal
import socket
import struct
import threading
import time

from kit import Case
from session import Session

INVALID, HTTPS, RESOLVE, CONNECT, TIMEOUT, CLOSED, PROTOCOL, LIMIT, MEMORY, STATUS, OPEN = range(-1, -12, -1)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Each connection runs @script(server, sock), one after the other, in a thread."""

    def __init__(self, script, family=socket.AF_INET):
        self.script = script
        self.requests = []
        self.connections = self.closed = 0
        self.errors = []
        self.done = False
        self.release = threading.Event()
        host = "127.0.0.1" if family == socket.AF_INET else "::1"
        self.listener = socket.create_server((host, 0), family=family)
        self.port = self.listener.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % self.port
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while True:
            self.sock, _ = self.listener.accept()
            with self.sock as sock:
                if self.done:
                    return
                self.connections += 1
                sock.settimeout(20)
                try:
                    self.script(self, sock)
                except OSError as e:
                    self.errors.append(e)
            self.closed += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done = True
        self.release.set()
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except (AttributeError, OSError):
            pass  # there is none, or none any more
        try:
            socket.create_connection(self.listener.getsockname()[:2], timeout=5).close()
        except OSError:
            pass
        self.thread.join(20)
        self.listener.close()

    def request(self, sock):
        """One whole request, as it came; b"" at the end."""
        data = b""
        while b"\r\n\r\n" not in data:
            got = sock.recv(65536)
            if not got:
                return data
            data += got
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b": ")
            if name.lower() == b"content-length":
                length = int(value)
        while len(body) < length:
            got = sock.recv(65536)
            if not got:
                break
            body += got
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]


def answers(*texts):
    """A script: to each request one of @texts; then close."""
    def script(server, sock):
        for text in texts:
            if not server.request(sock):
                return
            sock.sendall(text)
    return script


def forever(text=OK):
    def script(server, sock):
        while server.request(sock):
            sock.sendall(text)
    return script


class Client(Case):
    @classmethod
    def setUpClass(cls):
        cls.binary = cls.function("client_probe", "lambda")

    def one(self, text, **event):
        """What a call makes of the bytes @text, after which the server closes."""
        with Server(answers(text)) as server, Session(self.binary) as s:
            return s.ok({"url": server.url, **event})

    def rc(self, text, **event):
        return self.one(text, **event)["rc"]

    # ---- requests ----

    def test_request_bytes(self):
        with Server(forever()) as server, Session(self.binary) as s:
            for url, target in (("", "/"), ("/", "/"), ("?q=1", "/?q=1"), ("/a/b?c#frag", "/a/b?c"), ("#f", "/")):
                self.assertEqual(s.ok({"url": server.url + url})["status"], 200)
                self.assertEqual(server.requests[-1].decode(), "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                                 "User-Agent: slsc\r\n\r\n" % (target, server.port))
            s.ok({"url": server.url, "method": "POST", "body": "b\u00fc", "name": "X-A", "value": "v w"})
            self.assertEqual(server.requests[-1].decode(), "POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-A: v w\r\n"
                             "User-Agent: slsc\r\nContent-Length: 3\r\n\r\nb\u00fc" % server.port)
            s.ok({"url": server.url, "method": "PUT", "name": "user-agent", "value": "me"})
            self.assertEqual(server.requests[-1].decode(), "PUT / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nuser-agent: me\r\n"
                             "Content-Length: 0\r\n\r\n" % server.port)
            self.assertEqual(server.connections, 1)

    def test_invalid_calls_send_nothing(self):
        with Server(forever()) as server, Session(self.binary) as s:
            base = server.url
            for url in ("", "x", "http://", "http:///a", "ftp://a/", "http://a b/", base + "/a b", base + "/\r\nX: 1",
                        base + "/\u00fc", base + "/\x7f", "http://u:p@127.0.0.1:%d/" % server.port, "http://a:0/",
                        "http://a:65536/", "http://a:1x/", "http://a:/", "http://[::1/", "http://[127.0.0.1]/",
                        "http://[::1]x/", "http://[zz]/", "http://" + "a" * 254 + "/", base + "/" + "x" * 4096):
                self.assertEqual(s.ok({"url": url})["rc"], INVALID, url)
            for more in ({"method": ""}, {"method": "GET /"}, {"method": "CONNECT"}, {"name": "a b", "value": "x"},
                         {"name": "Host", "value": "x"}, {"name": "content-LENGTH", "value": "0"},
                         {"name": "Transfer-Encoding", "value": "chunked"}, {"name": "Connection", "value": "close"},
                         {"name": "X", "value": "a\r\nY: b"}, {"name": "X", "value": "a\x7f"},
                         {"name": "X", "value": "v" * 13000}):
                self.assertEqual(s.ok({"url": base, **more})["rc"], INVALID, str(more)[:80])
            answer = s.ok({"url": "https://127.0.0.1/"})
            self.assertEqual((answer["rc"], answer["error"]), (HTTPS, "https:// needs a TLS library"))
            self.assertEqual((server.connections, answer["status"], answer["body"]), (0, 0, None))

    def test_ipv6(self):
        try:
            server = Server(forever(), socket.AF_INET6)
        except OSError:
            # A machine without IPv6: the address is understood all the same.
            with Session(self.binary) as s:
                self.assertEqual(s.ok({"url": "http://[::1]:9/"})["rc"], CONNECT)
            return
        with server, Session(self.binary) as s:
            self.assertEqual(s.ok({"url": "http://[::1]:%d/x" % server.port})["status"], 200)
            self.assertIn(b"Host: [::1]:%d\r\n" % server.port, server.requests[0])

    def test_real_server(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(201)
                self.send_header("X-Test", self.headers["X-Name"])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as real, Session(self.binary) as s:
            thread = threading.Thread(target=real.serve_forever)
            thread.start()
            for size in (1, 100000, 4 << 20):
                answer = s.ok({"url": "http://localhost:%d/a" % real.server_port, "method": "POST", "pad": size,
                               "name": "X-Name", "value": "v"})
                self.assertEqual([answer[k] for k in ("rc", "status", "x", "size")], [0, 201, "v", size])
            real.shutdown()
            thread.join()

    # ---- answers ----

    def test_bodies(self):
        for text, body in (
                (OK, "ok"), (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", ""),
                (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"),
                (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: x\r\n\r\n", "abcde"),
                (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX-Test: no\r\n\r\n" + OK, "ok"),
                (b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", ""),
                (b"HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n", ""),
                (b"HTTP/1.1 599 Odd\r\nContent-Length: 1\r\n\r\nx", "x")):
            answer = self.one(text)
            self.assertEqual((answer["rc"], answer["body"]), (0, body), text)
        answer = self.one(b"HTTP/1.1 200 OK\r\nX-Test: \t v \r\nA: 1\r\nA: 2\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual((answer["fields"], answer["x"]), (4, "v"))
        self.assertEqual(self.one(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", method="HEAD")["size"], 0)

    def test_split_at_every_byte(self):
        text = (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3\r\nabc\r\n11\r\n0123456789abcdefg\r\n0\r\n\r\n")

        def script(server, sock):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while server.request(sock):
                for i in range(len(text)):
                    sock.sendall(text[i:i + 1])
        with Server(script) as server, Session(self.binary) as s:
            for _ in range(3):
                self.assertEqual(s.ok({"url": server.url})["body"], "abc0123456789abcdefg")
            self.assertEqual(server.connections, 1)

    def test_hostile_answers(self):
        head = b"HTTP/1.1 200 OK\r\n"
        for text in (b"SSH-2.0\r\n\r\n", b"HTTP/2 200\r\n\r\n", b"HTTP/1.2 200 OK\r\n\r\n", b"HTTP/1.1 20 OK\r\n\r\n",
                     b"HTTP/1.1 2000\r\n\r\n", b"HTTP/1.1 099 x\r\n\r\n", b"HTTP/1.1 101 Up\r\n\r\n", b"\r\n\r\n",
                     b"HTTP/1.1 200 OK\n\n", head + b"A : b\r\n\r\n", head + b" folded\r\n\r\n", head + b"A\r\n\r\n",
                     head + b"A: \x01\r\n\r\n", head + b"Content-Length: -1\r\n\r\n",
                     head + b"Content-Length: 1, 1\r\n\r\nx", head + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
                     head + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                     head + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                     b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                     head + b"Transfer-Encoding: chunked\r\n\r\nx\r\n", head + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab",
                     head + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 16 + b"\r\n",
                     b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + OK):
            self.assertEqual(self.rc(text), PROTOCOL, text)

    def test_limits(self):
        head = b"HTTP/1.1 200 OK\r\n"
        self.assertEqual(self.rc(head + b"X: " + b"y" * 20000), LIMIT)
        self.assertEqual(self.one(head + b"X: y\r\n" * 100 + b"\r\n")["fields"], 100)
        self.assertEqual(self.rc(head + b"X: y\r\n" * 101 + b"\r\n"), LIMIT)
        for size, rc in ((1000, 0), (1001, LIMIT)):
            body = b"z" * size
            for text in (head + b"Content-Length: %d\r\n\r\n" % size + body, head + b"\r\n" + body,
                         head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % size + body + b"\r\n0\r\n\r\n"):
                answer = self.one(text, max=1000)
                self.assertEqual((answer["rc"], answer["size"]), (rc, 0 if rc else 1000))
        # Known too large before a byte of it comes; 8 MiB unless the call says more.
        self.assertEqual(self.rc(head + b"Content-Length: 8388609\r\n\r\n"), LIMIT)
        self.assertEqual(self.rc(head + b"Content-Length: 999999999999999999\r\n\r\n", max=1 << 62), LIMIT)
        big = b"z" * 3000000
        self.assertEqual(self.one(head + b"\r\n" + big)["size"], len(big))
        chunks = b"".join(b"4e20\r\n" + b"c" * 20000 + b"\r\n" for _ in range(100)) + b"0\r\n\r\n"
        self.assertEqual(self.one(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)["size"], 2000000)

    def test_cut_answers(self):
        head = b"HTTP/1.1 200 OK\r\n"
        for text in (b"", b"HTTP", head, head + b"Content-Length: 3\r\n\r\nok", head + b"Transfer-Encoding: chunked\r\n\r\n",
                     head + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"):
            self.assertEqual(self.rc(text), CLOSED, text)

        def reset(server, sock):
            server.request(sock)
            sock.sendall(head + b"Content-Length: 9\r\n\r\nx")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with Server(reset) as server, Session(self.binary) as s:
            self.assertEqual(s.ok({"url": server.url})["rc"], CLOSED)

    # ---- connections ----

    def test_kept_connections(self):
        with Server(forever()) as one, Server(forever()) as other, Session(self.binary) as s:
            for _ in range(20):
                for server in (one, other):
                    self.assertEqual(s.ok({"url": server.url})["body"], "ok")
            self.assertEqual((one.connections, other.connections), (1, 1))
        for text in (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", OK + b"HTTP/1.1 200 stray",
                     b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"):
            with Server(forever(text)) as server, Session(self.binary) as s:
                for i in range(3):
                    self.assertEqual(s.ok({"url": server.url})["body"], "ok")
                self.assertEqual(server.connections, 3, text)

    def test_more_hosts_than_places(self):
        servers = [Server(forever()) for _ in range(10)]
        with Session(self.binary) as s:
            for server in servers:
                server.__enter__()
            for _ in range(2):
                for server in servers:
                    self.assertEqual(s.ok({"url": server.url})["body"], "ok")
            # One after the other through eight places: each is gone when its turn comes.
            self.assertEqual([server.connections for server in servers], [2] * 10)
            fds = os.listdir("/proc/%d/fd" % s.child.pid)
        for server in servers:
            server.__exit__()
        self.assertLess(len(fds), 4 + 8 + 3)

    def test_stale_connection(self):
        # Closed while it was kept: seen before anything is sent, whatever the method.
        with Server(answers(OK)) as server, Session(self.binary) as s:
            for method in ("GET", "POST", "GET"):
                self.assertEqual(s.ok({"url": server.url, "method": method})["rc"], 0)
                # Over loopback close() has told the peer by the time it returns.
                while server.closed != len(server.requests):
                    time.sleep(0)
            self.assertEqual(server.connections, 3)

        # Closed at the second request: once more where that is harmless.
        def second(server, sock):
            server.request(sock)
            sock.sendall(OK)
            server.request(sock)
        with Server(second) as server, Session(self.binary) as s:
            self.assertEqual(s.ok({"url": server.url})["rc"], 0)
            self.assertEqual(s.ok({"url": server.url})["rc"], 0)
            self.assertEqual(s.ok({"url": server.url, "method": "POST"})["rc"], CLOSED)
            self.assertEqual(s.ok({"url": server.url, "method": "POST"})["rc"], 0)
            self.assertEqual(s.ok({"url": server.url, "method": "DELETE"})["rc"], 0)

    def test_early_answer(self):
        text = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"

        def early(server, sock):
            sock.recv(100)
            sock.sendall(text)
            # Never reads the rest: the client must not wait to send it.
            server.release.wait(20)
        with Server(early) as server, Session(self.binary) as s:
            answer = s.ok({"url": server.url, "method": "POST", "pad": 4 << 20})
            self.assertEqual((answer["rc"], answer["status"], answer["body"]), (0, 413, "no"))

    def test_slow_reader(self):
        def slow(server, sock):
            # What it is sent goes into its queue piece by piece.
            while len(sock.recv(4096, socket.MSG_PEEK)) < 4096:
                pass
            server.request(sock)
            sock.sendall(OK)
        with Server(slow) as server, Session(self.binary) as s:
            self.assertEqual(s.ok({"url": server.url, "method": "PUT", "pad": 4 << 20})["body"], "ok")
            self.assertEqual(len(server.requests[0].partition(b"\r\n\r\n")[2]), 4 << 20)

    # ---- time ----

    def timed(self, s, event, **kw):
        start = time.monotonic()
        answer = s.ok(event, **kw)
        return answer["rc"], time.monotonic() - start

    def test_half_open_peers(self):
        def silent(server, sock):
            server.request(sock)
            server.release.wait(20)

        def drip(server, sock):
            server.request(sock)
            sock.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not server.release.wait(0.02):
                sock.sendall(b"y")
        for script in (silent, drip):
            with Server(script) as server, Session(self.binary) as s:
                rc, took = self.timed(s, {"url": server.url, "timeout": 150})
                self.assertEqual(rc, TIMEOUT)
                self.assertGreaterEqual(took, 0.149)

    def test_deadline_bounds_a_call(self):
        def silent(server, sock):
            server.request(sock)
            server.release.wait(20)
        with Server(silent) as server, Session(self.binary) as s:
            deadline = int(time.time() * 1000) + 400
            answer = s.ok({"url": server.url}, deadline_ms=deadline)
            # Before the deadline, so that there is time for an answer.
            self.assertLess(time.time() * 1000, deadline + 5000)
            self.assertEqual((answer["rc"], answer["error"]), (TIMEOUT, "timed out"))
            self.assertEqual(s.ok({"url": server.url}, deadline_ms=int(time.time() * 1000) - 1)["rc"], TIMEOUT)

    def test_no_connection(self):
        with socket.create_server(("127.0.0.1", 0)) as listener, Session(self.binary) as s:
            port = listener.getsockname()[1]
            listener.close()
            self.assertEqual(s.ok({"url": "http://127.0.0.1:%d/" % port})["rc"], CONNECT)
        # A queue that is full swallows what comes.
        full = socket.socket()
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        others = []
        for _ in range(4):
            other = socket.socket()
            other.setblocking(False)
            other.connect_ex(full.getsockname())
            others.append(other)
        select.select([], others[:1], [], 5)
        with Session(self.binary) as s:
            self.assertEqual(s.ok({"url": "http://127.0.0.1:%d/" % full.getsockname()[1], "timeout": 150})["rc"], TIMEOUT)
        for sock in [full, *others]:
            sock.close()

    def test_interrupted(self):
        def script(server, sock):
            while server.request(sock):
                for i in range(len(OK)):
                    # SIGCONT interrupts what poll() waits for.
                    os.kill(server.pid, signal.SIGSTOP)
                    os.kill(server.pid, signal.SIGCONT)
                    sock.sendall(OK[i:i + 1])
        server = Server(script)
        with Session(self.binary) as s:
            server.pid = s.child.pid
            with server:
                self.assertEqual(s.ok({"url": server.url})["body"], "ok")

    # ---- names ----

    def test_hosts(self):
        text = ("# 9.9.9.9 a\n1.2.3.4\ta b # c\n::1 a\nbad a\n\n5.6.7.8 A.example\n1.1.1.1 x\n2.2.2.2 x\n3.3.3.3 x\n"
                "4.4.4.4 x\n5.5.5.5 x")
        with Session(self.binary) as s:
            for name, want in (("a", [2, "1.2.3.4", "::1"]), ("B", [1, "1.2.3.4"]), ("c", [0]),
                               ("a.example", [1, "5.6.7.8"]), ("x", [4, "1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"])):
                self.assertEqual(s.ok({"hosts": text, "name": name}), want)

    def dns(self, answer, *events):
        """Ask a name server on 127.0.0.1 that replies what @answer(id, question, name, type) says: a list."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, Session(self.binary) as s:
            sock.bind(("127.0.0.1", 0))
            asked = []

            def run():
                while True:
                    data, peer = sock.recvfrom(2000)
                    if data == b"end":
                        return
                    at, labels = 12, []
                    while data[at]:
                        labels.append(data[at + 1:at + 1 + data[at]].decode())
                        at += data[at] + 1
                    kind = struct.unpack(">H", data[at + 1:at + 3])[0]
                    asked.append((".".join(labels), kind))
                    for reply in answer(data[:2], data[12:], ".".join(labels), kind):
                        sock.sendto(reply, peer)
            thread = threading.Thread(target=run)
            thread.start()
            try:
                got = [s.ok({"port": sock.getsockname()[1], "config": "", **event}) for event in events]
            finally:
                sock.sendto(b"end", sock.getsockname())
                thread.join()
            return got, asked

    @staticmethod
    def reply(ident, question, records=(), rcode=0, flags=0x8180):
        data = ident + struct.pack(">HHHHH", flags | rcode, 1, len(records), 0, 0) + question
        for kind, value in records:
            data += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(value)) + value
        return data

    def test_dns(self):
        def answer(ident, question, name, kind):
            if name == "two.example" and kind == 1:
                return [self.reply(ident, question, [(5, b"\x01x\xc0\x0c"), (1, b"\1\2\3\4"), (1, b"\5\6\7\x08")])]
            if name == "six.example":
                return [self.reply(ident, question, [(28, b"\0" * 15 + b"\1")] if kind == 28 else [])]
            if name == "noise.example":
                other = bytes([ident[0] ^ 1, ident[1]])
                return [b"", b"x" * 11, self.reply(other, question, [(1, b"\6\6\6\6")]),
                        self.reply(ident, question.replace(b"noise", b"other"), [(1, b"\6\6\6\6")]),
                        self.reply(ident, question, [(1, b"\6\6\6\6")], flags=0x100),
                        self.reply(ident, question.upper(), [(1, b"\1\1\1\1")])]
            if name == "broken.example":
                return [self.reply(ident, question, [(1, b"\1\2\3\4")])[:-2]]
            if name == "fails.example":
                return [self.reply(ident, question, rcode=2)]
            return [self.reply(ident, question, rcode=3)]
        got, asked = self.dns(answer, *({"dns": name} for name in (
            "two.example", "six.example", "noise.example", "none.example", "broken.example", "fails.example",
            "a..b", "x" * 64 + ".y", ".")))
        self.assertEqual(got, [[2, "1.2.3.4", "5.6.7.8"], [1, "::1"], [1, "1.1.1.1"], [RESOLVE], [RESOLVE], [RESOLVE],
                               [RESOLVE], [RESOLVE], [RESOLVE]])
        self.assertEqual(asked.count(("none.example", 1)), 1)
        self.assertEqual(asked.count(("fails.example", 1)), 2)

    def test_dns_search(self):
        def answer(ident, question, name, kind):
            if name == "db.svc.cluster" and kind == 1:
                return [self.reply(ident, question, [(1, b"\x0a\0\0\1")])]
            return [self.reply(ident, question, rcode=3)]
        config = "search first svc.cluster\noptions timeout:1 ndots:2\n"
        got, asked = self.dns(answer, {"dns": "db", "config": config}, {"dns": "a.b", "config": config},
                              {"dns": "a.b.c", "config": config}, {"dns": "db.", "config": config})
        self.assertEqual(got, [[1, "10.0.0.1"], [RESOLVE], [RESOLVE], [RESOLVE]])
        self.assertEqual([name for name, kind in asked], [
            "db.first", "db.svc.cluster", "a.b.first", "a.b.svc.cluster", "a.b", "a.b.c", "a.b.c.first",
            "a.b.c.svc.cluster", "db"])

    def test_dns_in_time(self):
        got, asked = self.dns(lambda *_: [], {"dns": "silent.example", "query_ms": 20},
                              {"dns": "silent.example", "ms": 60})
        self.assertEqual(got, [[RESOLVE], [TIMEOUT]])
        # Two rounds; then the time was over within the first.
        # (of two, one for each kind of address).
        self.assertEqual(len(asked), 2 + 1)

    # ---- trying again ----

    def test_retry(self):
        with Session(self.binary) as s:
            for results, want in (([0], [0, 1]), ([CONNECT, 0], [0, 2]), ([CONNECT, CLOSED, STATUS, 0], [STATUS, 3]),
                                  ([TIMEOUT, 7, 0], [0, 3])):
                self.assertEqual(s.ok({"retry": results}), want)
            for final in (INVALID, HTTPS, PROTOCOL, LIMIT, MEMORY, OPEN):
                self.assertEqual(s.ok({"retry": [final, 0]}), [final, 1])
            self.assertEqual(s.ok({"retry": [CLOSED] * 20, "attempts": 99}), [CLOSED, 10])
            # No time for a pause.
            self.assertEqual(s.ok({"retry": [CLOSED, 0]}, deadline_ms=int(time.time() * 1000) + 50), [CLOSED, 1])

    def test_guard(self):
        with Session(self.binary) as s:
            self.assertEqual(s.ok({"guard": [0]}), [0, 0, 0])
            self.assertEqual(s.ok({"guard": [CLOSED], "bare": 1}), [CLOSED, 0, 0])
            # What is not the peer's doing does not count.
            for _ in range(5):
                self.assertEqual(s.ok({"guard": [INVALID]}), [0, INVALID, 0])
            self.assertEqual(s.ok({"guard": [CLOSED]}), [0, CLOSED, 0])
            self.assertEqual(s.ok({"guard": [STATUS]}), [0, STATUS, 1])
            self.assertEqual(s.ok({"guard": [0]}), [0, OPEN, 1])
            self.assertEqual(s.ok({"guard": [0], "bare": 1}), [OPEN, 0, 1])
