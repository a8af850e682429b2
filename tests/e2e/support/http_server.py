#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server of Python's standard library on $PORT, for slsc local to serve: what it does is told by the path.
Usage: http_server.py [1.0]   (HTTP/1.0: a connection a request)"""
import http.server
import json
import os
import signal
import sys
import threading
import time
import urllib.parse

go = threading.Event()
together = threading.Condition()
present = 0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/" + (sys.argv[1] if len(sys.argv) > 1 else "1.1")

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def piece(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def begin(self, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def handle_one(self):
        global present
        path, _, query = self.path.partition("?")
        query = dict(urllib.parse.parse_qsl(query))
        if path == "/echo":
            body = self.body()
            self.answer(200, body, [("X-Length", self.headers.get("Content-Length", "none"))])
        elif path == "/large":
            self.answer(200, b"0123456789abcdef" * (int(query["n"]) // 16))
        elif path == "/cookies":
            self.answer(200, b"", [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2"), ("X-Once", "x"),
                                   ("Keep-Alive", "timeout=5"), ("X-Hop", "1"), ("Connection", "X-Hop")])
        elif path == "/status":
            self.answer(int(query["n"]), b"" if query["n"] in ("204", "304") else b"said\n")
        elif path == "/stream":
            # the second piece follows when somebody has asked for /go, which needs the first
            go.clear()
            self.begin("text/plain")
            self.piece(b"one\n")
            go.wait()
            self.piece(b"two\n")
            self.wfile.write(b"0\r\n\r\n")
        elif path == "/go":
            go.set()
            self.answer(200, b"gone\n")
        elif path == "/sse":
            self.begin("text/event-stream")
            self.piece(b"data: one\n\n")
            # until the other side closes
            gone = self.rfile.read(1) == b""
            self.close_connection = True
            print("the caller has left" if gone else "more came", flush=True)
        elif path == "/endless":
            self.begin("text/plain")
            block = b"x" * 65536
            sent = 0
            try:
                while True:
                    self.piece(block)
                    sent += len(block)
                    with open("sent", "w", encoding="ascii") as f:
                        f.write(str(sent))
            except OSError:
                self.close_connection = True
        elif path == "/meet":
            with together:
                present += 1
                together.notify_all()
                together.wait_for(lambda: present >= int(query["n"]))
            self.answer(200, b"%d\n" % os.getpid())
        elif path == "/close":
            self.body()
            with open("closed", "a", encoding="ascii") as f:
                f.write(self.command + "\n")
            self.close_connection = True
        elif path == "/garbage":
            self.wfile.write(b"220 no HTTP here\r\n\r\n")
            self.close_connection = True
        elif path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
        elif path == "/cutchunk":
            self.begin("text/plain")
            self.piece(b"half")
            self.close_connection = True
        elif path == "/exit":
            os._exit(int(query["n"]))
        elif path == "/abort":
            os.kill(os.getpid(), signal.SIGABRT)
        elif path == "/last":
            self.answer(200, b"0123456789abcdef" * 65536)
            self.wfile.flush()
            os._exit(0)
        elif path == "/hang":
            with open("hanging", "w", encoding="ascii"):
                pass
            threading.Event().wait()
        elif path == "/until":
            while not os.path.exists(query["file"]):
                time.sleep(0.01)
            self.answer(200, b"%d\n" % os.getpid())
        elif path == "/pid":
            self.answer(200, b"%d\n" % os.getpid())
        else:
            self.answer(200, json.dumps({"method": self.command, "target": self.path, "headers": self.headers.items(),
                                         "body": self.body().decode()}).encode())

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_PROPFIND = handle_one


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
