#!/usr/bin/env python3
"""A store that takes files in parts, for chaos/*.yaml. It keeps parts in memory, and files in a directory.

    store.py serve PORT DIR        0: a free port; prints the address
    store.py keys ADDRESS KEY...   whom it takes from now on
    store.py reset ADDRESS         forgets all parts, and takes the key "first"
"""
import http.client
import http.server
import os
import sys
import threading
import urllib.parse

lock = threading.Lock()
keys = {"first"}
parts = {}


class Store(http.server.BaseHTTPRequestHandler):
    def answer(self, status, text=""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass

    def target(self):
        url = urllib.parse.urlsplit(self.path)
        return os.path.basename(url.path), urllib.parse.parse_qs(url.query, keep_blank_values=True)

    def allowed(self):
        with lock:
            ok = self.headers.get("Authorization", "") in {"Bearer " + k for k in keys}
        if not ok:
            self.answer(403)
        return ok

    def do_GET(self):
        name, _ = self.target()
        if self.allowed():
            with lock:
                there = sorted(parts.get(name, {}))
            self.answer(200, ",".join(map(str, there)))

    def do_PUT(self):
        name, query = self.target()
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length or not self.allowed():
            return
        with lock:
            parts.setdefault(name, {})[int(query["part"][0])] = body
        self.answer(200)

    def do_POST(self):
        name, query = self.target()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if name == "_keys":
            with lock:
                keys.clear()
                keys.update(body.split())
            self.answer(200)
        elif name == "_reset":
            with lock:
                parts.clear()
                keys.clear()
                keys.add("first")
            self.answer(200)
        elif self.allowed():
            count = int(query["complete"][0])
            with lock:
                have = dict(parts.get(name, {}))
            if sorted(have) != list(range(count)):
                self.answer(409)
                return
            # whole under its name; again, if it is asked again
            temporary = os.path.join(self.server.directory, f".{name}.{threading.get_ident()}")
            with open(temporary, "wb") as f:
                f.writelines(have[i] for i in range(count))
            os.rename(temporary, os.path.join(self.server.directory, name))
            self.answer(200)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        # a connection that breaks is what plans are about
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def ask(address, path, body):
    c = http.client.HTTPConnection(address, timeout=10)
    try:
        c.request("POST", path, body)
        return 0 if c.getresponse().status == 200 else 1
    except OSError as e:
        sys.exit(f"no store at {address}: {e.strerror or e}\nhint: python3 chaos/store.py serve 9100 data/store &")


def serve(port, directory):
    os.makedirs(directory, exist_ok=True)
    try:
        server = Server(("127.0.0.1", port), Store)
    except OSError as e:
        sys.exit(f"no store on port {port}: {e.strerror}")
    server.directory = directory
    if not port:
        print(f"127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "serve":
        serve(int(sys.argv[2]), sys.argv[3])
    elif len(sys.argv) > 3 and sys.argv[1] == "keys":
        sys.exit(ask(sys.argv[2], "/_keys", " ".join(sys.argv[3:])))
    elif len(sys.argv) == 3 and sys.argv[1] == "reset":
        sys.exit(ask(sys.argv[2], "/_reset", ""))
    else:
        sys.exit(__doc__)
