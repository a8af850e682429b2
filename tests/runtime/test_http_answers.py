# SPDX-License-Identifier: Apache-2.0
"""Streams, files, pieces, health, deadlines and CloudEvents of the HTTP runtime, by real clients."""

import base64
import http.client
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess

from kit import Case
from test_http import Server, get, post, read_answer


class Answers(Case):
    @classmethod
    def setUpClass(cls):
        cls.binary = cls.function("http_answers", "http")
        cls.path = os.path.join(cls.dir, cls.kind + "-file")
        cls.content = random.Random(1).randbytes(5_000_000)
        with open(cls.path, "wb") as file:
            file.write(cls.content)
        cls.server = Server(cls.binary, TEST_FILE=cls.path)

    @classmethod
    def tearDownClass(cls):
        status, stderr = cls.server.stop()
        if status != 0 or "Sanitizer" in stderr:
            raise AssertionError("the server ended with %d: %s" % (status, stderr))

    def ask(self, method, path, body=None, server=None, **fields):
        """(status, fields, body), by http.client on a connection of its own."""
        conn = http.client.HTTPConnection("127.0.0.1", (server or self.server).port, timeout=10)
        try:
            conn.request(method, path, body, {k.replace("_", "-"): v for k, v in fields.items()})
            answer = conn.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            conn.close()

    # ---- streams ----

    @staticmethod
    def streamed(n):
        return b"".join(bytes([ord("a") + left % 26]) * 50000 for left in range(n, 0, -1))

    def test_stream(self):
        for n in (0, 1, 2, 100):
            status, fields, body = self.ask("GET", "/stream?n=%d" % n)
            self.assertEqual((status, fields["transfer-encoding"]), (200, "chunked"))
            self.assertNotIn("content-length", fields)
            self.assertEqual(body, self.streamed(n))
        self.assertEqual(self.ask("GET", "/stream?n=2&first=1")[2], b"<body><piece>" + self.streamed(2))
        self.assertEqual(self.ask("GET", "/stream?n=1&pause=3")[2], self.streamed(1))

    def test_stream_bytes(self):
        with self.server.connect() as sock, sock.makefile("rb") as file:
            sock.sendall(get("/stream?n=1&first=1") + get("/stream?n=0") + get("/pid", "Connection: close\r\n"))
            read_answer(file, head=True)
            self.assertEqual(file.read(18 + 8 + 50000), b"d\r\n<body><piece>\r\nc350\r\n" + b"b" * 50000 + b"\r\n")
            self.assertEqual(file.read(5), b"0\r\n\r\n")
            read_answer(file, head=True)
            self.assertEqual(file.read(5), b"0\r\n\r\n")
            self.assertEqual(read_answer(file)[2], str(self.server.child.pid).encode())

    def test_stream_by_curl(self):
        url = "http://127.0.0.1:%d/stream?n=30" % self.server.port
        done = subprocess.run(["curl", "-sS", "--http1.0", url], capture_output=True, timeout=20, check=True)
        self.assertEqual(done.stdout, self.streamed(30))
        done = subprocess.run(["curl", "-sS", url, url], capture_output=True, timeout=20, check=True)
        self.assertEqual(done.stdout, self.streamed(30) * 2)
        done = subprocess.run(["curl", "-sSI", url], capture_output=True, timeout=20, check=True)
        self.assertIn(b"\r\nTransfer-Encoding: chunked\r\n\r\n", done.stdout)

    def released(self):
        return int(self.ask("GET", "/released")[2])

    def test_stream_is_released(self):
        before = self.released()
        self.ask("GET", "/stream?n=3")
        self.ask("HEAD", "/stream?n=3")
        with self.assertRaises(http.client.IncompleteRead):
            self.ask("GET", "/stream?n=5&fail=2")
        with self.server.connect() as sock, sock.makefile("rb") as file:
            sock.sendall(get("/stream?n=1000000"))
            # MSG_WAITALL would not wait: a socket with a timeout does not block
            self.assertEqual(len(file.read(1000)), 1000)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with self.server.connect() as sock:
            sock.sendall(get("/stream?n=1&pause=1000000"))
            self.assertTrue(sock.recv(1000))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for _ in range(1000):
            if self.released() == before + 5:
                break
        self.assertEqual(self.released(), before + 5)

    def test_slow_reader_of_a_stream(self):
        with self.server.connect() as sock, sock.makefile("rb") as file:
            sock.sendall(get("/stream?n=400") + get("/pid"))
            # Others are served while this one waits for its reader.
            self.assertEqual(self.ask("GET", "/pieces")[2], b"012345678")
            read_answer(file, head=True)
            body = b""
            while (size := int(file.readline(), 16)):
                body += file.read(size)
                file.readline()
            self.assertEqual(body, self.streamed(400))
            self.assertEqual(file.readline(), b"\r\n")
            self.assertEqual(read_answer(file)[0], 200)

    # ---- files and pieces ----

    def test_file(self):
        for query, want in (("", self.content), ("?first=1", b"<body>" + self.content),
                            ("?at=4999990", self.content[-10:]), ("?at=5000000", b""), ("?len=0", b""), ("?at=7&len=70000", self.content[7:70007])):
            status, fields, body = self.ask("GET", "/file" + query)
            self.assertEqual((status, fields["content-length"]), (200, str(len(want))), query)
            self.assertEqual(body, want, query)
        self.assertEqual(self.ask("HEAD", "/file")[1]["content-length"], "5000000")
        for query in ("?at=5000001", "?at=1&len=5000000", "?at=-1"):
            self.assertEqual(self.ask("GET", "/file" + query)[0], 416)
        status, _, body = self.ask("GET", "/file?error=1")
        self.assertEqual((status, body), (409, b'{"message":"never mind"}\n'))

    def test_file_descriptors_are_closed(self):
        directory = "/proc/%d/fd" % self.server.child.pid
        before = sorted(os.listdir(directory))
        for query in ("", "?error=1", "?at=5000001"):
            self.ask("GET", "/file" + query)
        self.ask("HEAD", "/file")
        for _ in range(20):
            with self.server.connect() as sock:
                sock.sendall(get("/file"))
                sock.recv(10)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for _ in range(1000):
            self.ask("GET", "/pid", Connection="close")
            if sorted(os.listdir(directory)) == before:
                break
        self.assertEqual(sorted(os.listdir(directory)), before)

    def test_files_pipelined(self):
        with self.server.connect() as sock, sock.makefile("rb") as file:
            sock.sendall((get("/file") + get("/pieces")) * 5)
            for _ in range(5):
                self.assertEqual(read_answer(file)[2], self.content)
                self.assertEqual(read_answer(file)[2], b"012345678")

    def test_file_that_shrinks(self):
        path = os.path.join(self.dir, self.kind + "-shrinks")
        with open(path, "wb") as file:
            file.truncate(1000)
        server = Server(self.binary, TEST_FILE=path)
        with self.assertRaises(http.client.IncompleteRead):
            self.ask("GET", "/file?shrink=1", server=server)
        self.assertEqual(self.ask("GET", "/pieces", server=server)[2], b"012345678")
        self.assertEqual(server.stop(), (0, ""))

    def test_echo_of_any_size(self):
        for size in (0, 1, 4096, 4097, 16383, 16384, 65000, 65536, 100_000, 3_000_000, 32 << 20):
            data = self.content[:1009] * (size // 1009 + 1)
            data = data[:size]
            self.assertEqual(self.ask("POST", "/echo", data)[2], data, size)

    def test_echoes_pipelined(self):
        """The buffer that a request came in is sent from, while the next one is in it already."""
        sizes = [3_000_000, 10, 70_000, 5_000_000, 0, 4096, 200_000]
        data = b"".join(post("/echo", self.content[:n]) for n in sizes)
        with self.server.connect() as sock, sock.makefile("rb") as file:
            child = os.fork()
            if child == 0:
                try:
                    sock.sendall(data)
                finally:
                    os._exit(0)
            for n in sizes:
                self.assertEqual(read_answer(file)[2], self.content[:n])
            os.waitpid(child, 0)

    def test_no_memory_left(self):
        """Halves of requests take 256 MB together: who comes then gets 503, and later all is well."""
        server, size, socks = Server(self.binary), 31 << 20, []
        piece = b"x" * (1 << 20)
        head = post("/echo", b"")[:-2].replace(b": 0", b": %d" % size) + b"\r\n"
        for _ in range(8):
            socks.append(server.connect())
            socks[-1].sendall(head + b"y" + piece[2:])
            for _ in range(30):
                socks[-1].sendall(piece)
        with server.connect() as sock, sock.makefile("rb") as file:
            try:
                sock.sendall(head)
                for _ in range(31):
                    sock.sendall(piece)
            except ConnectionError:
                pass  # refused before it had all come
            self.assertEqual(read_answer(file)[0], 503)
        self.assertEqual(self.ask("GET", "/pieces", server=server)[0], 200)
        for sock in socks:
            sock.sendall(b"z")
            with sock.makefile("rb") as file:
                status, _, body = read_answer(file)
            self.assertEqual((status, len(body), body[:1], body[-1:]), (200, size, b"y", b"z"))
            sock.close()
        self.assertEqual(self.ask("POST", "/echo", piece * 31, server=server)[0], 200)
        self.assertEqual(server.stop(), (0, ""))

    # ---- health, deadlines ----

    def test_health(self):
        for path, want in (("/_/health", b"ok\n"), ("/_/ready", b"ready\n"), ("/health?ready=1", b"ready\n")):
            self.assertEqual(self.ask("GET", path)[::2], (200, want))
            self.assertEqual(self.ask("HEAD", path)[::2], (200, b""))
        self.assertEqual(self.ask("GET", "/health")[0], 201)
        self.assertEqual(self.ask("POST", "/_/ready")[0], 201)
        self.ask("GET", "/unready")
        try:
            for path in ("/_/ready", "/health?ready=1"):
                self.assertEqual(self.ask("GET", path)[::2], (503, b"not ready\n"))
            self.assertEqual(self.ask("GET", "/_/health")[0], 200)
        finally:
            self.ask("GET", "/unready")

    def left(self, server=None, **fields):
        return json.loads(self.ask("GET", "/see", server=server, **fields)[2])["left"]

    def test_deadline(self):
        self.assertEqual(self.left(), -1)
        for value, most in (("5", 5000), ("5s", 5000), ("2.5", 2500), ("2.5s", 2500), ("1500ms", 1500), ("2m", 120000),
                            ("0.001m", 60), ("86400", 86400000)):
            got = self.left(X_Request_Timeout=value)
            self.assertTrue(0 <= got <= most and got >= min(most - 5000, 50000), (value, got))
        for value in ("", "0", "x", "-1", "5h", "1.", ".5", "86401", "5 s", "99999999999999999999", "1e3"):
            self.assertEqual(self.left(X_Request_Timeout=value), -1, value)
        server = Server(self.binary, SLSC_TIMEOUT_MS="40000")
        self.assertGreater(self.left(server), 30000)
        self.assertLessEqual(self.left(server), 40000)
        self.assertLessEqual(self.left(server, X_Request_Timeout="20"), 20000)
        self.assertGreater(self.left(server, X_Request_Timeout="100"), 30000)
        self.assertLessEqual(self.left(server, X_Request_Timeout="100"), 40000)
        self.assertEqual(server.stop(), (0, ""))

    def test_ids(self):
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        seen = json.loads(self.ask("GET", "/", X_Request_Id="r1", traceparent=parent)[2])
        self.assertEqual((seen["id"], seen["trace"]), ("r1", parent))
        seen = json.loads(self.ask("GET", "/", traceparent=parent, X_Amzn_Trace_Id="Root=1-2")[2])
        self.assertEqual((seen["id"], seen["trace"]), (None, "Root=1-2"))

    # ---- CloudEvents ----

    BINARY = {"ce-specversion": "1.0", "ce-id": "A234-1234-1234", "ce-source": "/mycontext/4",
              "ce-type": "com.example.someevent"}

    def event(self, body=None, **fields):
        status, _, answer = self.ask("POST", "/cloudevent", body, **fields)
        answer = json.loads(answer)
        return answer if status == 200 else (status, answer["message"])

    def test_cloudevent_binary(self):
        got = self.event(b'{"a":1}', **self.BINARY, **{
            "CE-Subject": "Euro%20%E2%82%AC%20%F0%9F%98%80", "ce-time": "2020-04-02T00:00:00Z",
            "Ce-MyExt": '"q\\"uoted"',
            "ce-other": "1", "content-type": "application/json; charset=utf-8"})
        self.assertEqual(got, {
            "id": "A234-1234-1234", "source": "/mycontext/4", "type": "com.example.someevent",
            "subject": "Euro \u20ac \U0001f600", "time": "2020-04-02T00:00:00Z",
            "datacontenttype": "application/json; charset=utf-8", "dataschema": None, "data": '{"a":1}',
            "myext": 'q"uoted', "extensions": 2})
        self.assertIsNone(self.event(**self.BINARY)["data"])

    def test_cloudevent_structured(self):
        base = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
        kind = {"content-type": "Application/CloudEvents+JSON ; charset=UTF-8"}
        for more, want in (({}, None), ({"data": {"a": [1]}}, '{"a":[1]}'), ({"data": "x\n"}, '"x\\n"'),
                           ({"data": "x\n", "datacontenttype": "text/plain"}, "x\n"),
                           ({"data": "x", "datacontenttype": "a/b+json; c=d"}, '"x"'), ({"data": 5}, "5"),
                           ({"data_base64": base64.b64encode(b"<\0>").decode()}, "<\0>"), ({"data": None}, None)):
            got = self.event(json.dumps({**base, **more}, separators=(",", ":")), **kind)
            self.assertEqual((got["id"], got["type"], got["data"]), ("1", "t", want), more)
        got = self.event(json.dumps({**base, "myext": 42, "b": True, "subject": None}), **kind)
        self.assertEqual((got["myext"], got["extensions"], got["subject"]), ("42", 2, None))
        for bad, why in (({"specversion": "0.3"}, "specversion is not 1.0"),
                         ({"id": ""}, "id, source or type is missing or empty"),
                         ({"id": 1}, "an attribute is not a string"), ({"x": []}, "an attribute is not a string"),
                         ({"X": "y"}, "an attribute's name is not lower-case letters and digits"),
                         ({"": "y"}, "an attribute has no name"), ({"data_base64": "*"}, "data_base64 is not base64"),
                         ({"data_base64": 1}, "data_base64 is not a string"),
                         ({"data": 1, "data_base64": ""}, "both data and data_base64 are there"),
                         ({"e%d" % i: "" for i in range(17)}, "more than 16 extension attributes")):
            self.assertEqual(self.event(json.dumps({**base, **bad}), **kind), (400, why))
        self.assertEqual(self.event("[]", **kind), (400, "specversion is missing"))
        for bad in ("", "[1]", "{", "1", '{"id":"1"}x'):
            self.assertEqual(self.event(bad, **kind), (400, "the event is no JSON object"))
        self.assertEqual(self.event('{"id":"1","id":"2"}', **kind), (400, "an attribute occurs twice"))

    def test_no_cloudevent(self):
        self.assertEqual(self.event("{}"), (400, "no event"))
        for kind in ("application/cloudevents-batch+json", "application/cloudevents+avro"):
            self.assertEqual(self.event("[]", **{"content-type": kind}),
                             (400, "neither batches nor formats other than JSON are taken"))
        for field, value in (("ce-id", "%zz"), ("ce-id", "%00"), ("ce-x_y", "1"), ("ce-id", "")):
            self.assertEqual(self.event(**{**self.BINARY, field: value})[0], 400)


class Workers(Case):
    @classmethod
    def setUpClass(cls):
        cls.binary = cls.function("http_answers", "http")

    def ask(self, server, path):
        """The answer's body, None when the worker died of it."""
        conn = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        try:
            conn.request("GET", path)
            return conn.getresponse().read()
        except (http.client.RemoteDisconnected, ConnectionResetError):
            return None
        finally:
            conn.close()

    def pids(self, server, count):
        """The pids of @count workers, each of which has answered."""
        found = set()
        for _ in range(5000):
            found.add(int(self.ask(server, "/pid")))
            if len(found) == count:
                return found
        raise AssertionError("only %s of %d workers answer" % (found, count))

    def test_all_serve_and_stop(self):
        server = Server(self.binary, SLSC_WORKERS="3")
        pids = self.pids(server, 3)
        self.assertNotIn(server.child.pid, pids)
        self.assertEqual(server.stop(), (0, ""))
        for pid in pids:
            with self.assertRaises(ProcessLookupError):
                os.kill(pid, 0)

    def test_the_dead_are_replaced(self):
        server = Server(self.binary, SLSC_WORKERS="2")
        before = self.pids(server, 2)
        self.assertIsNone(self.ask(server, "/abort"))
        # Each connection is answered: what waits for the dead one is taken by its replacement.
        socks = [server.connect() for _ in range(20)]
        for sock in socks:
            sock.sendall(get("/pid"))
        after = set()
        for sock in socks:
            with sock.makefile("rb") as file:
                after.add(int(read_answer(file)[2]))
            sock.close()
        after |= self.pids(server, 2)
        self.assertEqual(len(before & after), 1)
        dead, = before - after
        self.assertEqual(server.stop(), (0, "ERROR worker %d exited with status 7, starting another\n" % dead))

    def test_drain(self):
        server = Server(self.binary, SLSC_WORKERS="2")
        halves = [server.connect() for _ in range(10)]
        for sock in halves:
            sock.sendall(post("/echo", b"abc")[:-1])
        self.pids(server, 2)
        server.child.send_signal(signal.SIGTERM)
        while True:
            try:
                server.connect().close()
            except ConnectionError:
                break
        for sock in halves:
            sock.sendall(b"c")
            with sock.makefile("rb") as file:
                status, fields, body = read_answer(file)
                self.assertEqual((status, fields["connection"], body), (200, "close", b"abc"))
            sock.close()
        self.assertEqual(server.stop(), (0, ""))

    def test_first_process_killed(self):
        server = Server(self.binary, SLSC_WORKERS="2")
        pids = self.pids(server, 2)
        descriptors = [os.pidfd_open(pid) for pid in pids]
        server.child.kill()
        for fd in descriptors:
            self.assertTrue(select.select([fd], [], [], 10)[0])
            os.close(fd)
        server.child.communicate()

    def test_bad_init(self):
        binary = self.function("http_bad_init", "http")
        for workers in ("1", "2"):
            done = subprocess.run([binary], env={"PORT": "0", "SLSC_WORKERS": workers}, capture_output=True, text=True,
                                  timeout=10)
            lines = [line for line in done.stderr.splitlines() if "listening" not in line]
            self.assertEqual((done.returncode, lines), (1, ["ERROR initialisation failed: NoConfig: as asked"]))

    def test_bad_count(self):
        for count in ("0", "65", "x", "", "-1"):
            done = subprocess.run([self.binary], env={"PORT": "0", "SLSC_WORKERS": count}, capture_output=True,
                                  text=True, timeout=10)
            self.assertEqual((done.returncode, done.stderr),
                             (1, 'FATAL SLSC_WORKERS is not a number from 1 to 64, nor auto\n'))

    def test_auto(self):
        server = Server(self.binary, SLSC_WORKERS="auto")
        self.pids(server, min(64, len(os.sched_getaffinity(0))))
        self.assertEqual(server.stop(), (0, ""))
