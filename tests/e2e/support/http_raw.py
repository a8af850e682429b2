#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server on $PORT that answers any request with the bytes of a file that its path names, /NAME, in the current
directory, and closes the connection."""
import os
import socketserver


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.request.recv(65536)
            if not piece:
                return
            data += piece
        name = data.split(b" ")[1].lstrip(b"/").decode()
        if name.startswith("_"):
            self.request.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            return
        with open(name, "rb") as f:
            self.request.sendall(f.read())


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
