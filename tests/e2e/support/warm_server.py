#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""warm_server.py DIR: targets for slsc warm. Writes its port to DIR/port, and to DIR/log a line for each request: how
many were under way with it, when it came (ms), its path, its X-Preheat.

The path's first part says how it answers: a list of statuses by commas, the last one from there on; or a word:
close    without an answer            endless   200, and a body without an end
hang     never                        slow      200 once three of its kind are there
"""
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIR = sys.argv[1]
lock = threading.Condition()
seen, under_way, began = {}, [0], time.monotonic()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        word = self.path.split("?")[0].split("/")[1]
        with lock:
            seen[self.path] = n = seen.get(self.path, 0) + 1
            under_way[0] += 1
            with open(DIR + "/log", "a") as f:
                f.write("%d %d %s %s\n" % (under_way[0], (time.monotonic() - began) * 1000, self.path,
                                           self.headers.get("X-Preheat")))
            lock.notify_all()
        try:
            self.answer(word, n)
        except OSError:
            self.close_connection = True
        finally:
            with lock:
                under_way[0] -= 1

    def answer(self, word, n):
        if word == "close":
            self.close_connection = True
        elif word == "hang":
            threading.Event().wait()
        elif word == "endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b"x" * 65536)
        elif word == "slow":
            # all that may be there at once are, and time for one more to come if there were more
            with lock:
                lock.wait_for(lambda: sum(n for path, n in seen.items() if path.startswith("/slow")) >= 3, 20)
                lock.wait(0.3)
            self.send(200)
        else:
            statuses = [int(s) for s in word.split(",")]
            self.send(statuses[min(n, len(statuses)) - 1])

    def send(self, status):
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "/200/")
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
with open(DIR + "/port.new", "w") as f:
    f.write(str(server.server_port))
os.rename(DIR + "/port.new", DIR + "/port")
server.serve_forever()
