#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The part of GitHub's and GitLab's API that comments on pull and merge requests: ci_api.py DIR

DIR/port appears once it listens on 127.0.0.1. Each request is a line of DIR/log: method, path, status. The comments are
in DIR/comments.json. A token of GitHub says what its job may do (support/ci_run.py); that of GitLab is in DIR/token."""
import http.server
import json
import os
import re
import sys

at = sys.argv[1]
comments = [{"id": 40, "body": "Please add a test."}]


def put(name, text):
    with open(f"{at}/{name}.new", "w", encoding="utf-8") as f:
        f.write(text)
    os.rename(f"{at}/{name}.new", f"{at}/{name}")


class Api(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, value):
        with open(f"{at}/log", "a", encoding="utf-8") as f:
            f.write(f"{self.command} {self.path} {status}\n")
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def may(self):
        """None: nobody that is known; False: may not"""
        if self.path.startswith("/api/v4/"):
            with open(f"{at}/token", encoding="utf-8") as f:
                return self.headers.get("PRIVATE-TOKEN") == f.read() or None
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token.startswith("job:"):
            return None
        return "pull-requests=write" in token.split(":", 1)[1].split(",")

    def serve(self):
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        change = "PUT" if path.startswith("/api/v4/") else "PATCH"
        many = re.fullmatch(r"/repos/me/shop/issues/7/comments|/api/v4/projects/12/merge_requests/7/notes", path)
        one = re.fullmatch(r"(?:/repos/me/shop/issues/comments|/api/v4/projects/12/merge_requests/7/notes)/(\d+)", path)
        may = self.may()
        if not may:
            return self.answer(401 if may is None else 403, {"message": "no"})
        if many and self.command == "GET" and "per_page=100" in query.split("&"):
            return self.answer(200, comments)
        if query or not (many and self.command == "POST" or one and self.command == change):
            return self.answer(404, {"message": "no such thing"})
        # GitLab would read it as a form
        if path.startswith("/api/v4/") and self.headers.get("Content-Type") != "application/json":
            return self.answer(415, {"message": "what is that?"})
        value = json.loads(body)
        if list(value) != ["body"] or not 0 < len(value["body"]) <= 65536:
            return self.answer(422, {"message": "body"})
        if many:
            comments.append({"id": 41 + len(comments), "body": value["body"]})
            found = comments[-1:]
        else:
            found = [c for c in comments if str(c["id"]) in one.groups()]
            if not found:
                return self.answer(404, {"message": "no such comment"})
            found[0]["body"] = value["body"]
        put("comments.json", json.dumps(comments))
        return self.answer(201 if many else 200, found[0])

    do_GET = do_POST = do_PATCH = do_PUT = serve


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
open(f"{at}/log", "w", encoding="utf-8").close()
put("port", str(server.server_address[1]))
server.serve_forever()
