# SPDX-License-Identifier: Apache-2.0
"""The HTTP function under a Lambda Runtime API: events of payload format 2.0 and their answers."""

import base64
import json
import os
import socket
import subprocess
import threading

from kit import Case, TEMPLATES


class Api:
    """A Runtime API that gives @events one after the other and keeps what is posted: (path, body)."""

    def __init__(self, events, deadline=None):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.events, self.deadline, self.posts = list(events), deadline, []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        conn, _ = self.listener.accept()
        self.listener.close()  # so that a second connection fails, once there is nothing left to give
        with conn, conn.makefile("rb") as file:
            while True:
                line = file.readline().decode()
                if not line:
                    return
                length = 0
                while (field := file.readline()) != b"\r\n":
                    name, _, value = field.decode().partition(":")
                    length = int(value) if name.lower() == "content-length" else length
                body = file.read(length)
                if line.startswith("POST"):
                    self.posts.append((line.split()[1].rsplit("/", 1)[1], body))
                    conn.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
                    continue
                if not self.events:
                    return
                event = self.events.pop(0)
                head = "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: id-1\r\nLambda-Runtime-Trace-Id: Root=1\r\n"
                if self.deadline:
                    head += "Lambda-Runtime-Deadline-Ms: %d\r\n" % self.deadline
                conn.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(event) + event)


class Events(Case):
    @classmethod
    def setUpClass(cls):
        cls.binary = cls.function("http_answers", "http")
        cls.template = cls.build("http-template", "http", [os.path.join(TEMPLATES, "http/src/http.c")])

    def run_events(self, events, binary=None, deadline=None, **env):
        """What is posted for each of @events, and standard error."""
        api = Api([json.dumps(e).encode() if isinstance(e, dict) else e for e in events], deadline)
        done = subprocess.run([binary or self.binary], env={"AWS_LAMBDA_RUNTIME_API": api.address, **env},
                              capture_output=True, text=True, timeout=10)
        api.thread.join(10)
        self.assertNotIn("Sanitizer", done.stderr)
        self.assertEqual(len(api.posts), len(events), done.stderr)
        return api.posts, done.stderr

    @staticmethod
    def event(method="GET", path="/see", **more):
        return {"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": {},
                "requestContext": {"http": {"method": method, "path": path}}, "isBase64Encoded": False, **more}

    def answers(self, events, **kw):
        posts, _ = self.run_events(events, **kw)
        self.assertEqual({kind for kind, _ in posts}, {"response"}, posts[:3])
        return [json.loads(body) for _, body in posts]

    def test_request(self):
        event = self.event("POST", "/a/b", rawQueryString="c=d&e", cookies=["s=1", "t=\"2\""],
                           headers={"x-test": "v, w", "content-type": "text/plain"}, body="h\u00e9\n\"")
        answer, = self.answers([event])
        self.assertEqual(answer, {
            "statusCode": 201, "headers": {"Vary": 'x, "y"'}, "cookies": ["a=1", "b=2"], "isBase64Encoded": False,
            "body": answer["body"]})
        self.assertEqual(json.loads(answer["body"]), {
            "method": "POST", "path": "/a/b", "query": "c=d&e", "cookie": 's=1; t="2"', "x-test": "v, w",
            "body": "h\u00e9\n\"", "trace": "Root=1", "id": "id-1", "left": -1})

    def test_bodies(self):
        data = bytes(range(256)) * 100
        events = [self.event("POST", "/echo", body=base64.b64encode(data).decode(), isBase64Encoded=True),
                  self.event("POST", "/echo", body="text"), self.event("POST", "/echo"),
                  self.event("POST", "/echo", body=None), self.event("GET", "/bytes"), self.event("HEAD", "/bytes"),
                  self.event("POST", "/echo", body=""), self.event("POST", "/echo", body="", isBase64Encoded=True),
                  self.event("GET", "/pieces"), self.event("GET", "/stream", rawQueryString="n=3&first=1&pause=2")]
        got = self.answers(events)
        self.assertTrue(got[0]["isBase64Encoded"])
        self.assertEqual(base64.b64decode(got[0]["body"]), data)
        self.assertEqual([a["body"] for a in got[1:4]], ["text", "", ""])
        self.assertEqual((got[4]["body"], got[4]["isBase64Encoded"]), ("AP+A", True))
        self.assertEqual([a["body"] for a in got[5:8]], ["", "", ""])
        self.assertEqual(got[8]["body"], "012345678")
        self.assertEqual(got[9]["body"], "<body><piece>" + "d" * 50000 + "c" * 50000 + "b" * 50000)

    def test_files(self):
        path = os.path.join(self.dir, self.kind + "-event-file")
        with open(path, "wb") as file:
            file.write(b"0123456789" * 1000 + b"\xff")
        got = self.answers([self.event("GET", "/file", rawQueryString="len=10000"), self.event("GET", "/file"),
                            self.event("GET", "/file", rawQueryString="error=1"), self.event("HEAD", "/file")],
                           TEST_FILE=path)
        self.assertEqual(got[0]["body"], "0123456789" * 1000)
        self.assertEqual(base64.b64decode(got[1]["body"]), b"0123456789" * 1000 + b"\xff")
        self.assertEqual((got[2]["statusCode"], got[3]["body"]), (409, ""))

    def test_paths(self):
        for path, want in (("/a%20b", "/a%20b"), ("/a b/\u00e9?#", "/a%20b/%C3%A9%3F%23"), ("/\x01", "/%01"),
                           ("/", "/")):
            answer, = self.answers([self.event("GET", path)])
            self.assertEqual(json.loads(answer["body"])["path"], want)

    def test_deadline(self):
        answer, = self.answers([self.event()], deadline=4000000000000)
        self.assertEqual(json.loads(answer["body"])["left"], -1)
        answer, = self.answers([self.event(headers={"X-Request-Timeout": "20"})], deadline=4000000000000)
        self.assertTrue(10000 < json.loads(answer["body"])["left"] <= 20000)

    def test_health_and_errors(self):
        got = self.answers([self.event("GET", "/_/ready"), self.event(headers={"h%d" % i: "" for i in range(101)})])
        self.assertEqual([(a["statusCode"], a["body"]) for a in got],
                         [(200, "ready\n"), (431, '{"message":"Request Header Fields Too Big"}\n')])

    def test_not_an_event(self):
        good = self.event()
        bad = [b"{}", b"[]", b"null", b"x", {**good, "requestContext": {}}, {**good, "rawPath": "x"},
               {**good, "rawPath": 1}, {**good, "requestContext": {"http": {"method": "G T"}}},
               {**good, "rawQueryString": "a\nb"}, {**good, "headers": []} | {"headers": [1]},
               {**good, "headers": {"a": 1}}, {**good, "headers": {"a b": "c"}}, {**good, "headers": {"a": "b\r\nc"}},
               {**good, "cookies": {"a": "b"}}, {**good, "cookies": ["a\n"]}, {**good, "cookies": [1]},
               {**good, "body": 1}, {**good, "body": "*", "isBase64Encoded": True}, {**good, "isBase64Encoded": 1}]
        posts, _ = self.run_events(bad)
        for (kind, body), event in zip(posts, bad):
            self.assertEqual((kind, json.loads(body)["errorType"]), ("error", "InvalidEvent"), event)

    def test_handler_fails(self):
        posts, stderr = self.run_events([self.event("GET", "/stream", rawQueryString="n=3&fail=1"), self.event()])
        self.assertEqual([kind for kind, _ in posts], ["error", "response"])
        self.assertEqual(json.loads(posts[0][1])["errorType"], "ResponseBroken")
        self.assertIn("stream failed: Broken: as asked", stderr)

    def test_template(self):
        """The template answers an event as it answers a request."""
        got = self.answers([self.event("GET", "/hello/Ada"), self.event("POST", "/echo", body="x"),
                            self.event("GET", "/none"), self.event("PUT", "/echo")], binary=self.template)
        self.assertEqual([(a["statusCode"], a["body"]) for a in got[:3]],
                         [(200, '{"message":"Hello, Ada!"}\n'), (200, "x"), (404, '{"message":"not found"}\n')])
        self.assertEqual((got[3]["statusCode"], got[3]["headers"]["Allow"]), (405, "POST"))
