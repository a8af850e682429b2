#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A registry that lies, on 127.0.0.1.

    liar.py MODE DIR

Serves one image, x:t, and takes pushes, by the OCI distribution-spec as far as the tests need it, but for what MODE
breaks (each is a method mode_... or a word looked for below). Writes its port to DIR/port when it listens, a line for
each request to DIR/log ("GET /v2/x/manifests/t anonymous"), what was pushed to DIR/blobs/<hex>. A second listener,
DIR/other, stands for another host; what it is asked goes to DIR/log with "other" before it.
Ends with SIGTERM. Standard library only.
"""

import gzip
import hashlib
import json
import os
import re
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODE, DIR = sys.argv[1:3]
LOCK = threading.Lock()
COUNT = {}
LAYER = bytes(range(256)) * 4096  # 1 MiB
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def descriptor(kind, data, **more):
    return {"mediaType": kind, "digest": sha(data), "size": len(data), **more}


CONFIG = json.dumps({"architecture": "amd64", "os": "linux",
                     "rootfs": {"type": "layers", "diff_ids": [sha(LAYER)]}}).encode()
BODY = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE,
        "config": descriptor("application/vnd.oci.image.config.v1+json", CONFIG),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", LAYER)]}
if MODE == "wrong-size":
    BODY["layers"][0]["size"] += 1
if MODE == "big-manifest":
    BODY["annotations"] = {"a": "x" * (100 << 20)}
MANIFEST = json.dumps(BODY).encode()
if MODE == "many-entries":
    MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [
        {"mediaType": MANIFEST_TYPE, "size": 7, "digest": sha(str(i).encode())} for i in range(10000)]}).encode()
BLOBS = {sha(CONFIG): CONFIG, sha(LAYER): LAYER}
MANIFESTS = {"t": MANIFEST, sha(MANIFEST): MANIFEST}
# indexes in indexes: 100 deep, each naming the next; 4 deep, each naming the next 16 times, without a platform
for _ in range({"nested": 100, "fan": 4}.get(MODE, 0)):
    MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [
        descriptor(json.loads(MANIFEST)["mediaType"], MANIFEST)] * (16 if MODE == "fan" else 1)}).encode()
    MANIFESTS["t"] = MANIFESTS[sha(MANIFEST)] = MANIFEST
if MODE == "names-itself":
    # no index can hold its own digest: this one names another, under which the registry then serves it again
    SELF = {"mediaType": INDEX_TYPE, "digest": sha(b""), "size": 0}
    while SELF["size"] != len(MANIFEST):
        SELF["size"] = len(MANIFEST)
        MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [SELF]}).encode()
    MANIFESTS = {"t": MANIFEST, sha(b""): MANIFEST}
UPLOADS = {}


def count(what):
    """How often it was asked for, this time included."""
    with LOCK:
        COUNT[what] = COUNT.get(what, 0) + 1
        return COUNT[what]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, *_):
        pass

    def note(self):
        auth = self.headers.get("Authorization", "anonymous").split()[0]
        where = "other " if self.server is OTHER else ""
        with LOCK, open(f"{DIR}/log", "a", encoding="utf-8") as f:
            f.write(f"{where}{self.command} {self.path} {auth}\n")

    def answer(self, status, body=b"", kind="application/octet-stream", length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fail(self, status, code, message, **headers):
        self.answer(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode(),
                    "application/json", **headers)

    def reset(self):
        """Ends the connection so that the peer gets a reset."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def endless(self, kind, start=b""):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            if start:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(start), start))
            while True:
                self.wfile.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
        except OSError:
            self.close_connection = True

    def trickle(self, start, seconds, size=1):
        """So many bytes, time after time, each after so many seconds, until the peer has enough of it."""
        self.connection.sendall(start)
        self.connection.settimeout(seconds)
        try:
            while True:
                try:
                    if not self.connection.recv(1):
                        break
                except TimeoutError:
                    self.connection.sendall(b" " * size)
        except OSError:
            pass
        self.close_connection = True

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    # -- what is let in

    def refused(self):
        auth = self.headers.get("Authorization", "")
        port = self.server.server_address[1]
        if MODE == "basic-loop" or (MODE == "redirect-host" and not auth.startswith("Basic ")):
            self.fail(401, "UNAUTHORIZED", "who are you?", WWW_Authenticate='Basic realm="x"')
        elif MODE in ("bearer-loop", "token-html", "token-refuses", "token-control"):
            self.fail(401, "UNAUTHORIZED", "a token, please", WWW_Authenticate=
                      f'Bearer realm="http://127.0.0.1:{port}/token",service="x",scope="repository:x:pull"')
        elif MODE == "realm-elsewhere":
            self.fail(401, "UNAUTHORIZED", "over there", WWW_Authenticate='Bearer realm="http://192.0.2.1/token"')
        elif MODE == "realm-file":
            self.fail(401, "UNAUTHORIZED", "over there", WWW_Authenticate='Bearer realm="file:///etc/passwd"')
        elif MODE == "two-challenges":
            if auth.startswith("Bearer "):
                return False
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Negotiate abc==')
            self.send_header("WWW-Authenticate",
                             f'Basic realm="x, y", Bearer realm="http://127.0.0.1:{port}/token",service="a,\\"b"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif MODE == "negotiate":
            self.fail(401, "UNAUTHORIZED", "no", WWW_Authenticate="Negotiate abc==, NTLM")
        else:
            return False
        return True

    def token(self):
        if MODE == "token-html":
            self.answer(200, b"<html>log in</html>", "text/html")
        elif MODE == "token-refuses":
            self.fail(401, "DENIED", "no")
        elif MODE == "token-control":
            self.answer(200, b'{"token":"a\\r\\nX-Evil: 1"}', "application/json")
        else:
            self.answer(200, b'{"token":"abc"}', "application/json")

    # -- reading

    def do_GET(self):
        self.note()
        if self.server is OTHER:
            name = self.path.rsplit("/", 1)[-1]
            if MODE == "redirect-realm":
                self.token()
            else:
                self.answer(200, BLOBS.get(name, b""))
        elif self.path.startswith("/token"):
            self.token()
        elif self.refused():
            pass
        elif self.path == "/v2/":
            if MODE == "not-http":
                self.wfile.write(b"SSH-2.0-x\r\n")
                self.close_connection = True
            else:
                self.answer(200, b"{}", "application/json")
        elif "/manifests/" in self.path:
            self.get_manifest(self.path.rsplit("/", 1)[1])
        elif "/blobs/uploads/" in self.path:
            self.get_upload()
        elif "/blobs/" in self.path:
            self.get_blob(self.path.rsplit("/", 1)[1])
        elif "/referrers/" in self.path:
            self.referrers()
        else:
            self.fail(404, "NOT_FOUND", self.path)

    do_HEAD = do_GET

    def get_manifest(self, ref):
        data = MANIFESTS.get(ref)
        if MODE == "html":
            self.answer(200, b"<html>Welcome to the captive portal</html>", "text/html; charset=utf-8")
        elif MODE == "html-as-json":
            self.answer(200, b"<html>", MANIFEST_TYPE)
        elif MODE == "endless-manifest":
            self.endless(MANIFEST_TYPE, b"{")
        elif MODE == "wrong-manifest":
            self.answer(200, MANIFEST + b" ", MANIFEST_TYPE, Docker_Content_Digest=sha(MANIFEST))
        elif MODE == "endless-headers":
            self.send_response(200)
            try:
                while True:
                    self.send_header("X-A", "x" * 8000)
                    self.flush_headers()
            except OSError:
                self.close_connection = True
        elif MODE == "slow-headers":
            self.trickle(b"HTTP/1.1 200 OK\r\nX-A: ", 0.02)
        elif MODE in ("slow-body", "slow-answer"):
            self.trickle(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: 4000000\r\n\r\n" %
                         MANIFEST_TYPE.encode(), 0.02, 1 if MODE == "slow-body" else 2000)
        elif MODE == "silent":
            self.trickle(b"", 3600)
        elif MODE == "busy" and count("manifest") <= 2:
            self.fail(429, "TOOMANYREQUESTS", "slow down", Retry_After="1")
        elif MODE == "busy-for-long":
            self.fail(429, "TOOMANYREQUESTS", "slow down", Retry_After="3600")
        elif MODE == "broken":
            self.fail(500, "UNKNOWN", "no disk")
        elif MODE == "denied":
            self.fail(403, "DENIED", "\x1b[31mnot\nyou\x07 " + "x" * 1000)
        elif MODE == "loop":
            self.answer(307, Location=self.path)
        elif MODE == "redirect-file":
            self.answer(307, Location="file:///etc/passwd")
        elif MODE == "redirect-user":
            self.answer(307, Location=f"http://me:secret@{self.headers['Host']}/v2/x/manifests/{ref}")
        elif data is None:
            self.fail(404, "MANIFEST_UNKNOWN", "unknown manifest")
        else:
            kind = json.loads(data).get("mediaType", INDEX_TYPE)
            self.answer(200, data, kind, Docker_Content_Digest=sha(data))

    def get_blob(self, digest):
        data = BLOBS.get(digest)
        if data is None:
            self.fail(404, "BLOB_UNKNOWN", "unknown blob")
        elif self.command == "HEAD" or digest != sha(LAYER):
            self.answer(200, data)
        elif MODE == "wrong-blob":
            self.answer(200, b"y" + data[1:])
        elif MODE == "long-blob":
            self.answer(200, data + b"more")
        elif MODE == "short-blob":
            self.answer(200, data[:-1])
        elif MODE == "endless-blob":
            self.endless("application/octet-stream", data)
        elif MODE == "gzip-encoding":
            # what the manifest names, but wrapped once more, whether it was asked for or not
            self.answer(200, gzip.compress(data), Content_Encoding="gzip")
        elif MODE == "partial":
            # a part, with nothing asked for but the whole
            self.answer(206, data[:1000], Content_Range=f"bytes 0-999/{len(data)}")
        elif MODE == "redirect-host":
            self.answer(307, Location=f"http://127.0.0.1:{OTHER.server_address[1]}/{digest}")
        elif MODE == "cut-always":
            self.answer(200, data[:10], length=len(data))
            self.reset()
        elif MODE in ("cut-once", "cut-no-range", "cut-wrong-range"):
            self.cut(data)
        else:
            self.answer(200, data)

    def cut(self, data):
        wish = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not wish:
            if count("blob") == 1:
                self.answer(200, data[: len(data) // 2], length=len(data))
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_WR)
                self.close_connection = True
            else:
                self.answer(200, data)
            return
        start = int(wish.group(1))
        if MODE == "cut-no-range":
            self.answer(200, data)
        else:
            said = start + (1 if MODE == "cut-wrong-range" else 0)
            self.answer(206, data[start:], Content_Range=f"bytes {said}-{len(data) - 1}/{len(data)}")

    def referrers(self):
        path, _, page = self.path.partition("?page=")
        if MODE == "referrers-loop":
            self.answer(200, b'{"schemaVersion":2,"manifests":[]}', INDEX_TYPE, Link=f'<{path}>; rel="next"')
            return
        if MODE != "referrers":
            self.fail(404, "NOT_FOUND", "no referrers")
            return
        n = int(page or 1)
        entry = {"mediaType": MANIFEST_TYPE, "size": n, "digest": sha(str(n).encode())}
        more = {"Link": f'<{path}?page={n + 1}>; rel="next"'} if n < 3 else {}
        self.answer(200, json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]}).encode(),
                    INDEX_TYPE, **more)

    # -- writing

    def do_POST(self):
        self.note()
        self.body()
        if self.refused():
            return
        with LOCK:
            name = str(len(UPLOADS))
            UPLOADS[name] = b""
        if MODE == "no-location":
            self.answer(202)
        else:
            where = {"location-file": "file:///tmp/x", "location-user": f"http://me:pw@{self.headers['Host']}/u/{name}",
                     "location-query": f"/v2/x/blobs/uploads/{name}?state=a%2Fb&c=d",
                     "location-relative": f"{name}?state=1"}.get(MODE, f"/v2/x/blobs/uploads/{name}")
            self.answer(202, Location=where, Range="0-0")

    def upload(self):
        return self.path.split("?")[0].rsplit("/", 1)[1]

    def get_upload(self):
        name = self.upload()
        if name not in UPLOADS:
            self.fail(404, "BLOB_UPLOAD_UNKNOWN", "gone")
            return
        have = len(UPLOADS[name])
        self.answer(204, Location=f"/v2/x/blobs/uploads/{name}", Range=f"0-{max(have, 1) - 1}")

    def do_PATCH(self):
        self.note()
        name, left = self.upload(), int(self.headers["Content-Length"])
        start = int(self.headers["Content-Range"].split("-")[0])
        if start != len(UPLOADS[name]):
            self.body()
            self.answer(416, Location=self.path, Range=f"0-{len(UPLOADS[name]) - 1}")
            return
        if MODE in ("reset-upload", "forget-upload") and count("patch") == 2:
            # in the second piece, with a part of it taken
            UPLOADS[name] += self.rfile.read(left // 3)
            if MODE == "forget-upload":
                del UPLOADS[name]
            self.reset()
            return
        if MODE == "stall-upload":
            UPLOADS[name] += self.rfile.read(1 << 20)
            with open(f"{DIR}/stalled", "w", encoding="utf-8"):
                pass
            self.rfile.read(left)
            self.close_connection = True
            return
        UPLOADS[name] += self.rfile.read(left)
        end = len(UPLOADS[name]) - 1
        self.answer(202, Location=f"/v2/x/blobs/uploads/{name}",
                    Range="0-5" if MODE == "wrong-range" else f"0-{end}")

    def do_PUT(self):
        self.note()
        if "/manifests/" in self.path:
            data = self.body()
            MANIFESTS[self.path.rsplit("/", 1)[1]] = MANIFESTS[sha(data)] = data
            said = sha(b"") if MODE == "wrong-put" else sha(data)
            self.answer(201, Docker_Content_Digest=said)
            return
        name = self.upload()
        if MODE == "flaky-put" and count("put") <= 2:
            self.reset()
            return
        data = UPLOADS.pop(name) + self.body()
        digest = re.search(r"digest=(sha256(?::|%3[aA])[0-9a-f]+)", self.path).group(1)
        if sha(data) != digest:
            self.fail(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
            return
        BLOBS[digest] = data
        with open(f"{DIR}/blobs/{digest[7:]}", "wb") as f:
            f.write(data)
        if MODE == "lost-answer" and count("put") == 1:
            self.reset()
            return
        self.answer(201, Location=f"/v2/x/blobs/{digest}")


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a peer that went away


MAIN, OTHER = Server(("127.0.0.1", 0), Handler), Server(("127.0.0.1", 0), Handler)
os.makedirs(f"{DIR}/blobs", exist_ok=True)
threading.Thread(target=OTHER.serve_forever, daemon=True).start()
for file, server in (("other", OTHER), ("port", MAIN)):
    with open(f"{DIR}/{file}.new", "w", encoding="utf-8") as out:
        out.write(str(server.server_address[1]))
    os.rename(f"{DIR}/{file}.new", f"{DIR}/{file}")
MAIN.serve_forever()
