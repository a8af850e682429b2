# SPDX-License-Identifier: Apache-2.0
"""One process of a Lambda function, given events one by one over a bare socket."""

import json
import socket
import subprocess


class Session:
    def __init__(self, binary, **env):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(20)
        env = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" % self.listener.getsockname()[1], **env}
        self.child = subprocess.Popen([binary], env=env, stderr=subprocess.PIPE)
        self.conn, _ = self.listener.accept()
        self.conn.settimeout(20)
        self.io = self.conn.makefile("rwb")
        self.next()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.io.close()
        self.conn.close()
        self.listener.close()
        self.child.kill()
        self.child.communicate()

    def head(self):
        line, length = self.io.readline(), 0
        if not line:
            raise AssertionError("the function is gone: %s" % self.child.stderr.read().decode())
        while (field := self.io.readline()) != b"\r\n":
            if field.lower().startswith(b"content-length:"):
                length = int(field.split(b":")[1])
        return line.split()[1].decode(), length

    def next(self):
        path, _ = self.head()
        if not path.endswith("/invocation/next"):
            raise AssertionError("not a request for the next invocation: " + path)

    def call(self, event, deadline_ms=None):
        """Give @event, a JSON value or text; ("response" or "error", the answer's JSON)."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        more = "" if deadline_ms is None else "Lambda-Runtime-Deadline-Ms: %d\r\n" % deadline_ms
        self.io.write(b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r-1\r\n%sContent-Length: %d\r\n\r\n%s"
                      % (more.encode(), len(body), body))
        self.io.flush()
        path, length = self.head()
        answer = json.loads(self.io.read(length))
        self.io.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        self.io.flush()
        # What the function does after its answer is done once it asks for more.
        self.next()
        return path.rsplit("/", 1)[1], answer

    def ok(self, event, **kw):
        kind, answer = self.call(event, **kw)
        if kind != "response":
            raise AssertionError("%r failed: %r" % (event, answer))
        return answer

    def stop(self):
        """End it; what it said on stderr."""
        self.child.terminate()
        _, stderr = self.child.communicate(timeout=20)
        if self.child.returncode != 0:
            raise AssertionError("exit status %d: %s" % (self.child.returncode, stderr.decode()))
        return stderr.decode()
