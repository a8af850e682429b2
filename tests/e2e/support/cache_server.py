#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server that ccache keeps results on, and servers that only look like one. Prints its port.
Usage: cache_server.py KIND

  http           keeps what is PUT
  http-rubbish   says of each result that it has it, and sends other bytes
  http-all       has everything, whatever the name
  http-dies      keeps what is PUT, and ends with the fourth of these
  redis-rubbish  answers PING, and sends other bytes for each key
  redis-hangs    answers PING, and nothing else
  silent         takes connections, and says nothing
  grpc           greets as HTTP/2 does
  noise          says what is no protocol"""
import http.server
import os
import socket
import socketserver
import sys
import threading

kind = sys.argv[1]
kept = {}
puts = 0
lock = threading.Lock()
RUBBISH = bytes(range(256)) * 4


class Http(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if kind == "http-all" or (kind == "http-rubbish" and "probe" not in self.path):
            self.answer(200, RUBBISH)
        elif self.path in kept:
            self.answer(200, kept[self.path])
        else:
            self.answer(404)

    def do_PUT(self):
        global puts
        with lock:
            puts += 1
            if kind == "http-dies" and puts == 4:
                os._exit(0)
        kept[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200)

    def do_DELETE(self):
        kept.pop(self.path, None)
        self.answer(200)


class Redis(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            words = [line.strip()]
            if line[:1] == b"*":
                words = []
                for _ in range(int(line[1:])):
                    size = int(self.rfile.readline()[1:])
                    words.append(self.rfile.read(size + 2)[:-2])
            if words[0].upper() == b"PING":
                self.wfile.write(b"+PONG\r\n")
            elif kind == "redis-hangs":
                continue
            elif words[0].upper() == b"GET":
                self.wfile.write(b"$%d\r\n%s\r\n" % (len(RUBBISH), RUBBISH))
            elif words[0].upper() == b"EXISTS":
                self.wfile.write(b":0\r\n")
            else:
                self.wfile.write(b"+OK\r\n")


class Silent(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.read()


class Grpc(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.read(24)
        self.wfile.write(b"\0\0\0\4\0\0\0\0\0")


class Noise(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            self.wfile.write(b"\xff\xfe what do you want?\r\n")
            self.rfile.read()
        except ConnectionError:
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = socket.SOMAXCONN

    def handle_error(self, request, client_address):
        pass


handlers = {"http": Http, "redis": Redis, "silent": Silent, "grpc": Grpc, "noise": Noise}
with Server(("127.0.0.1", 0), handlers[kind.split("-")[0]]) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
