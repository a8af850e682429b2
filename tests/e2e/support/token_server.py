#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A token service as distribution's "Token Authentication Specification" has it, on 127.0.0.1.

    token_server.py DIR KEY CERT

Signs with KEY (RSA, PEM) and shows CERT. User me with password secret-word, or the refresh token secret-identity, gets
what it asks for; others get pull. Writes its port to DIR/port, a line for each request to DIR/log. Ends with SIGTERM.
"""

import base64
import json
import os
import subprocess
import sys
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIR, KEY, CERT = sys.argv[1:4]


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def cert_der():
    with open(CERT, encoding="utf-8") as f:
        lines = f.read().split("-----")[2].split()
    return "".join(lines)


def token(service, scopes, full, user):
    access = []
    for scope in scopes:
        kind, name, actions = scope.split(":", 2)
        wanted = actions.split(",")
        access.append({"type": kind, "name": name,
                       "actions": wanted if full else [a for a in wanted if a == "pull"]})
    now = int(time.time())
    head = {"typ": "JWT", "alg": "RS256", "x5c": [cert_der()]}
    claims = {"iss": "tokens", "sub": user, "aud": service, "exp": now + 300, "nbf": now - 10, "iat": now,
              "jti": os.urandom(8).hex(), "access": access}
    text = b64(json.dumps(head).encode()) + "." + b64(json.dumps(claims).encode())
    sig = subprocess.run(["openssl", "dgst", "-sha256", "-sign", KEY], input=text.encode(), capture_output=True,
                         check=True).stdout
    return text + "." + b64(sig)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, doc):
        body = json.dumps(doc).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def serve(self, form, full, who):
        scopes = [s for field in form.get("scope", []) for s in field.split(" ")]
        with open(f"{DIR}/log", "a", encoding="utf-8") as f:
            f.write(f"{self.command} {who} {' '.join(sorted(scopes))}\n")
        if full is None:
            self.send(401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong password"}]})
            return
        key = "access_token" if self.command == "POST" else "token"
        self.send(200, {key: token(form["service"][0], scopes, full, who), "expires_in": 300})

    def do_GET(self):
        form = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        auth = self.headers.get("Authorization", "")
        if not auth:
            self.serve(form, False, "nobody")
        elif auth == "Basic " + base64.b64encode(b"me:secret-word").decode():
            self.serve(form, True, "me")
        else:
            self.serve(form, None, "wrong")

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        good = form.get("refresh_token") == ["secret-identity"] and form.get("grant_type") == ["refresh_token"]
        self.serve(form, True if good else None, "identity" if good else "wrong")


SERVER = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
SERVER.daemon_threads = True
with open(f"{DIR}/port.new", "w", encoding="utf-8") as out:
    out.write(str(SERVER.server_address[1]))
os.rename(f"{DIR}/port.new", f"{DIR}/port")
SERVER.serve_forever()
