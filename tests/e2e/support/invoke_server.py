#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Lambda's Invoke API on 127.0.0.1, as far as tests of its callers need: what a function does is told by its name.

    invoke_server.py DIR [PROJECT]

Writes its port to DIR/port, a line of JSON for each request to DIR/log: [path, type, log type, body]. With PROJECT it is
what slsc local is there: it holds .slsc/local.lock and tells its URL in .slsc/local.json. A streamed answer goes on when
DIR/go is there. Ends with SIGTERM.
"""

import base64
import fcntl
import json
import os
import struct
import sys
import time
import urllib.parse
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIR = sys.argv[1]
PROJECT = sys.argv[2] if len(sys.argv) > 2 else None
LOG = b"START RequestId: id-1\nhello from the log\nEND RequestId: id-1\n"
CRASH = {"errorType": "Runtime.ExitError", "errorMessage": "RequestId: id-1 Error: Runtime exited with error: exit status 42"}


def frame(headers, payload):
    block = b"".join(bytes([len(k)]) + k.encode() + b"\7" + struct.pack(">H", len(v)) + v.encode() for k, v in headers)
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + payload
    return message + struct.pack(">I", zlib.crc32(message))


def event(kind, payload, content="application/octet-stream"):
    return frame([(":message-type", "event"), (":event-type", kind), (":content-type", content)], payload)


def complete(**members):
    return event("InvokeComplete", json.dumps(members).encode(), "application/json")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        self.send_header("x-amzn-RequestId", "id-1")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, kind, message, **more):
        self.answer(status, json.dumps({"Type": "User", "Message": message, **more}).encode(), x_amzn_ErrorType=kind)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind, tail = self.headers.get("X-Amz-Invocation-Type"), self.headers.get("X-Amz-Log-Type")
        with open(os.path.join(DIR, "log"), "a", encoding="utf-8") as f:
            f.write(json.dumps([self.path, kind, tail, body.decode("utf-8", "replace")]) + "\n")
        parts = self.path.strip("/").split("/")
        name = urllib.parse.unquote(parts[2]).split(":")[0] if len(parts) == 4 else ""
        if parts[-1] == "response-streaming-invocations":
            self.stream(name)
        elif parts[-1] != "invocations" or parts[0] != "2015-03-31":
            self.answer(404, b"<html>no such page</html>", Content_Type="text/html")
        else:
            self.invoke(name, kind, tail, body)

    def invoke(self, name, kind, tail, body):
        more = {"X_Amz_Executed_Version": "$LATEST"}
        if tail == "Tail":
            more["X_Amz_Log_Result"] = base64.b64encode(LOG).decode()
        if name == "busy":
            self.refuse(429, "TooManyRequestsException", "Rate Exceeded.", Reason="ReservedFunctionConcurrentInvocationLimitExceeded")
        elif name == "drop":
            self.close_connection = True
        elif name == "large":
            self.answer(200, b"x" * 6291557)
        elif name not in ("echo", "eager", "fail", "bytes", "empty"):
            self.refuse(404, "ResourceNotFoundException", "Function not found: " + name)
        elif kind == "DryRun":
            self.answer(204)
        elif kind == "Event" and name != "eager":
            self.answer(202)
        elif name == "fail":
            self.answer(200, json.dumps(CRASH).encode(), X_Amz_Function_Error="Unhandled", **more)
        elif name == "bytes":
            self.answer(200, bytes(range(256)), **more)
        else:
            self.answer(200, b"" if name == "empty" else body, **more)

    def stream(self, name):
        if name == "missing":
            self.refuse(404, "ResourceNotFoundException", "Function not found: missing")
            return
        self.send_response(200)
        self.send_header("x-amzn-RequestId", "id-1")
        self.send_header("X-Amz-Executed-Version", "$LATEST")
        self.send_header("Content-Type", "application/vnd.amazon.eventstream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        first = event("PayloadChunk", b"one\n")
        if name == "slow":
            self.chunk(first)
            while not os.path.exists(os.path.join(DIR, "go")):
                time.sleep(0.005)
            second = event("PayloadChunk", b"two\n")
            self.chunk(second[:20])
            self.chunk(second[20:] + complete(LogResult=base64.b64encode(LOG).decode()))
        elif name == "fail":
            self.chunk(first + complete(ErrorCode="Runtime.ExitError", ErrorDetails=json.dumps(CRASH)))
        elif name == "cut":
            self.chunk(first)
        elif name == "half":
            self.chunk(first + first[:30])
        elif name == "broken":
            self.chunk(first + first[:-1] + b"?")
        elif name == "refused":
            self.chunk(first + frame([(":message-type", "exception"), (":exception-type", "ServiceException")],
                                     b'{"Message":"out of order"}'))
        self.chunk(b"")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


def claim(port):
    own = os.path.join(PROJECT, ".slsc")
    os.makedirs(own, exist_ok=True)
    lock = open(os.path.join(own, "local.lock"), "w", encoding="utf-8")
    fcntl.lockf(lock, fcntl.LOCK_EX)
    with open(os.path.join(own, "local.json"), "w", encoding="utf-8") as f:
        json.dump({"pid": os.getpid(), "url": "http://127.0.0.1:%d" % port}, f)
    return lock


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
held = claim(server.server_port) if PROJECT else None
with open(os.path.join(DIR, "port.tmp"), "w", encoding="utf-8") as out:
    out.write(str(server.server_port))
os.rename(os.path.join(DIR, "port.tmp"), os.path.join(DIR, "port"))
server.serve_forever()
