#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A strict Lambda Runtime API server that tries a bootstrap.

    runtime_api.py [options] -- BOOTSTRAP [ARG...]

Starts BOOTSTRAP with AWS_LAMBDA_RUNTIME_API set, gives it --count invocations, checks every
request it makes and every answer it gives, ends it, and prints one line:

    1000 invocations, 1000 ok, 0 failed

Exit status 0 when nothing failed and the bootstrap behaved, else 1; problems go to stderr.
It shares no code with the runtime: it is written from the Runtime API's documentation, over
bare sockets, so that it sees exactly the bytes that were sent. Standard library only.
"""

import argparse
import base64
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import uuid

API = "/2018-06-01/runtime"
TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+\Z")


class Protocol(Exception):
    """The bootstrap did something that the Runtime API does not allow."""


class Gone(Exception):
    """The bootstrap closed the connection between two requests."""


class Torn(Exception):
    """The bootstrap closed the connection within a streamed answer."""


class Server:
    def __init__(self, args):
        self.args = args
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.deadline = time.monotonic() + args.timeout
        self.conn = None
        self.data = b""
        self.kept = {}  # other open connections, and the answers given on each
        self.answers_on_conn = 0
        self.connections = 0
        self.child = None
        self.chunks = 0

    # -- reading requests, byte for byte

    def left(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Protocol("timed out after %g s" % self.args.timeout)
        return left

    def accept(self):
        self.conn, _ = self.listener.accept()
        self.conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers_on_conn = 0
        self.connections += 1

    def choose(self):
        """Go on with the connection that has something to say, or a new one: a client may have several."""
        if self.conn:
            self.kept[self.conn] = self.answers_on_conn
        self.conn = None
        while True:
            ready, _, _ = select.select([*self.kept, self.listener], [], [], min(0.05, self.left()))
            if ready:
                break
            if self.child.poll() is not None:
                raise Protocol("the bootstrap exited with status %d" % self.child.returncode)
        self.data = b""
        if ready[0] is self.listener:
            self.accept()
        else:
            self.conn = ready[0]
            self.answers_on_conn = self.kept.pop(self.conn)

    def hang_up(self):
        if self.conn:
            self.conn.close()
        self.conn = None

    def close(self):
        self.hang_up()
        for conn in self.kept:
            conn.close()
        self.listener.close()

    def more(self):
        self.conn.settimeout(self.left())
        try:
            got = self.conn.recv(1 << 20)
        except socket.timeout:
            raise Protocol("timed out while reading a request") from None
        except ConnectionError:
            got = b""
        if not got:
            if self.data:
                raise Protocol("the connection ended inside a request")
            raise Gone
        self.data += got

    def request(self):
        while True:
            self.choose()
            try:
                return self.read_request()
            except Gone:
                self.hang_up()

    def read_request(self):
        while b"\r\n\r\n" not in self.data:
            self.more()
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"(GET|POST) (/[!-~]*) HTTP/1\.1", lines[0])
        if not match:
            raise Protocol("bad request line %r" % lines[0])
        fields = {}
        for line in lines[1:]:
            field = re.fullmatch(r"([A-Za-z0-9-]+): ?([\t -~]*)", line)
            if not field:
                raise Protocol("bad header line %r" % line)
            name = field[1].lower()
            if name == "trailer" and name in fields:
                fields[name] += ", "  # a list, which may be given in several lines (RFC 9110, 5.3)
            elif name in fields:
                raise Protocol("header %s given twice" % name)
            fields[name] = fields.get(name, "") + field[2].strip()
        if fields.get("host") != "%s:%d" % (self.args.host, self.port):
            raise Protocol("bad Host %r" % fields.get("host"))
        method, path = match[1], match[2]
        if "transfer-encoding" in fields:
            return method, path, fields, self.stream(method, path, fields)
        if "lambda-runtime-function-response-mode" in fields:
            raise Protocol("a response mode without a stream")
        if method == "POST" and not re.fullmatch(r"\d+", fields.get("content-length", "")):
            raise Protocol("POST without a Content-Length")
        length = int(fields.get("content-length", "0"))
        if method == "GET" and length:
            raise Protocol("GET with a body")
        parts, have = [self.data], len(self.data)
        while have < length:
            self.data = b""
            try:
                self.more()
            except Gone:
                raise Protocol("the connection ended inside a body") from None
            parts.append(self.data)
            have += len(self.data)
        data = b"".join(parts)
        body, self.data = data[:length], data[length:]
        if self.data:
            raise Protocol("bytes after the request: %r" % self.data[:80])
        return method, path, fields, body

    def line(self):
        """One line of a chunked body's framing."""
        while b"\r\n" not in self.data:
            if len(self.data) > 65536:
                raise Protocol("an endless line in a chunked body")
            self.more_of_body()
        line, _, self.data = self.data.partition(b"\r\n")
        if b"\n" in line or b"\r" in line:
            raise Protocol("a bare CR or LF in a chunked body")
        return line.decode("latin-1")

    def more_of_body(self):
        data = self.data
        self.data = b""
        try:
            self.more()
        except Gone:
            raise Torn from None
        self.data = data + self.data

    def stream(self, method, path, fields):
        """A streamed answer; its trailers join @fields. None when it was cut off."""
        if method != "POST" or not path.endswith("/response") or "content-length" in fields \
                or fields["transfer-encoding"] != "chunked" \
                or fields.get("lambda-runtime-function-response-mode") != "streaming":
            raise Protocol("a chunked request that is no streamed answer: %s %s" % (path, fields))
        announced = {t.strip().lower() for t in fields.get("trailer", "").split(",")}
        if announced != {"lambda-runtime-function-error-type", "lambda-runtime-function-error-body"}:
            raise Protocol("trailers %s" % sorted(announced))
        parts, self.chunks = [], 0
        try:
            while True:
                size = self.line()
                if not re.fullmatch(r"[0-9a-f]{1,8}", size):
                    raise Protocol("bad chunk size %r" % size)
                size = int(size, 16)
                if not size:
                    break
                while len(self.data) < size + 2:
                    self.more_of_body()
                if self.data[size:size + 2] != b"\r\n":
                    raise Protocol("a chunk without its end")
                parts.append(self.data[:size])
                self.data = self.data[size + 2:]
                self.chunks += 1
            while line := self.line():
                name, colon, value = line.partition(": ")
                if not colon or name.lower() not in announced or name.lower() in fields:
                    raise Protocol("bad trailer %r" % line)
                fields[name.lower()] = value
        except Torn:
            self.hang_up()
            return None
        if self.data:
            raise Protocol("bytes after the request: %r" % self.data[:80])
        return b"".join(parts)

    # -- answering

    def name(self, name):
        case = self.args.header_case
        return {"lower": name.lower(), "upper": name.upper(), "mixed": name.swapcase()}.get(
            case, name)

    def answer(self, status, fields, body, event=False):
        lines = ["HTTP/1.1 %s" % status]
        chunked = self.args.chunked and event
        fields = dict(fields)
        fields["Transfer-Encoding" if chunked else "Content-Length"] = \
            "chunked" if chunked else str(len(body))
        self.answers_on_conn += 1
        last = self.args.close_after and self.answers_on_conn >= self.args.close_after
        if last and self.args.close_politely:
            fields["Connection"] = "close"
        for name, value in fields.items():
            blank = "" if self.args.header_case == "lower" else " "
            lines.append("%s:%s%s" % (self.name(name), blank, value))
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        if chunked:
            step = self.args.chunk_size
            pieces = [body[i:i + step] for i in range(0, len(body), step)]
            body = b"".join(b"%x;x=y\r\n%s\r\n" % (len(p), p) for p in pieces)
            body += b"0\r\nX-Trailer: z\r\n\r\n"
        data = head + body
        step = self.args.split or len(data)
        self.conn.settimeout(self.left())
        try:
            for i in range(0, len(data), step):
                self.conn.sendall(data[i:i + step])
        except ConnectionError:
            # It may refuse an event that is too large by its head alone.
            if not event:
                raise
            last = True
        if last:
            self.hang_up()

    def accepted(self):
        self.answer("202 Accepted", {"Content-Type": "application/json"}, b'{"status":"OK"}')

    def error(self, status, kind):
        body = json.dumps({"errorMessage": kind, "errorType": kind}).encode()
        self.answer(status, {"Content-Type": "application/json"}, body)


def event_for(args, i):
    if args.payload_file:
        with open(args.payload_file, "rb") as file:
            return file.read()
    payload = args.payload.replace("{i}", str(i)).encode()
    if args.pad:
        # Blanks after a JSON value leave it the same value.
        payload += b" " * max(0, args.pad - len(payload))
    return payload


def check_error(args, fields, body, want):
    kind = fields.get("lambda-runtime-function-error-type", "Runtime.None" if args.foreign else "")
    if not TYPE.match(kind):
        raise Protocol("bad Lambda-Runtime-Function-Error-Type %r" % kind)
    error = json.loads(body)
    # The documentation has stackTrace, Node's client says trace.
    stack = error.pop("stackTrace" if "stackTrace" in error else "trace", None)
    if not isinstance(stack, list) or not all(isinstance(line, str) for line in stack):
        raise Protocol("bad error body %r" % body)
    if sorted(error) != ["errorMessage", "errorType"] or not isinstance(error["errorMessage"], str):
        raise Protocol("bad error body %r" % body)
    if want and error["errorType"] != want:
        return "error type %r instead of %r (%s)" % (
            error["errorType"], want, error["errorMessage"])
    return None


def check_stream(args, server, fields, body):
    """The same for a streamed answer: body and trailers."""
    if body is None:
        return None if args.expect_torn else "the stream was cut off"
    kind = fields.get("lambda-runtime-function-error-type")
    if args.expect_error or kind:
        problem = check_error(args, fields, base64.b64decode(
            fields.get("lambda-runtime-function-error-body", ""), validate=True), args.expect_error)
        if problem or not args.expect_error:
            return problem or "error %s" % kind
    elif "lambda-runtime-function-error-body" in fields:
        raise Protocol("an error's body without its type")
    http = "application/vnd.awslambda.http-integration-response"
    if args.expect_prelude is not None:
        prelude, nuls, body = body.partition(b"\0" * 8)
        if fields.get("content-type") != http or not nuls:
            return "no prelude in %r (%s)" % (prelude[:80], fields.get("content-type"))
        if json.loads(prelude) != json.loads(args.expect_prelude):
            return "prelude %r" % prelude
    elif fields.get("content-type") == http:
        return "an HTTP response was not expected"
    if args.expect_chunks is not None and server.chunks != args.expect_chunks:
        return "%d chunks" % server.chunks
    if args.expect_size is not None and len(body) != args.expect_size:
        return "%d bytes instead of %d" % (len(body), args.expect_size)
    if args.expect_stream is not None and body.decode() != args.expect_stream:
        return "stream %r" % body[:200]
    return None


def check_answer(args, i, path, fields, body):
    """Returns what is wrong, or None."""
    if path.endswith("/error"):
        problem = check_error(args, fields, body, args.expect_error)
        if problem or args.expect_error:
            return problem
        return "error %s" % body.decode("utf-8", "replace")
    if args.expect_error:
        return "%d bytes of answer instead of error %s" % (len(body), args.expect_error)
    if args.expect_size is not None and len(body) != args.expect_size:
        return "%d bytes of answer instead of %d" % (len(body), args.expect_size)
    if args.expect is not None:
        want = args.expect.replace("{i}", str(i))
        got = body.decode("utf-8")
        if got != want and json.loads(got) != json.loads(want):
            return "answer %r instead of %r" % (got[:200], want[:200])
    return None


def serve(server, args):
    """Returns (invocations given, of them ok)."""
    ok = 0
    if args.snap_start:
        method, path, fields, body = server.request()
        if (method, path) == ("POST", API + "/init/error"):
            problem = check_error(args, fields, body, args.expect_init_error)
            server.accepted()
            if problem or not args.expect_init_error:
                raise Protocol(problem or "init error %r" % body)
            return 0, 0
        if (method, path) != ("GET", API + "/restore/next"):
            raise Protocol("%s %s instead of GET restore/next" % (method, path))
        server.answer("200 OK", {}, b"")
    for i in range(args.count):
        method, path, fields, body = server.request()
        if args.expect_restore_error:
            if (method, path) != ("POST", API + "/restore/error"):
                raise Protocol("%s %s instead of a restore error" % (method, path))
            problem = check_error(args, fields, body, args.expect_restore_error)
            server.accepted()
            if problem:
                raise Protocol(problem)
            return 0, 0
        if method == "POST" and path == API + "/init/error" and i == 0:
            problem = check_error(args, fields, body, args.expect_init_error)
            server.accepted()
            if problem or not args.expect_init_error:
                raise Protocol(problem or "init error %r" % body)
            return 0, 0
        if (method, path) != ("GET", API + "/invocation/next"):
            raise Protocol("%s %s instead of GET next" % (method, path))
        if args.expect_init_error:
            raise Protocol("no init error was reported")
        if args.fail_next is not None and i == args.fail_next:
            server.error("500 Internal Server Error", "InternalServerError")
            return i, ok
        request_id = str(uuid.uuid4())
        fields = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(
                args.deadline_ms or int(time.time() * 1000) + args.deadline_in),
            "Lambda-Runtime-Invoked-Function-Arn":
                "arn:aws:lambda:eu-central-1:123456789012:function:test",
            "Lambda-Runtime-Trace-Id": args.trace_id,
        }
        server.answer("200 OK", fields, event_for(args, i), event=True)
        method, path, fields, body = server.request()
        base = "%s/invocation/%s" % (API, request_id)
        if method != "POST" or path not in (base + "/response", base + "/error"):
            raise Protocol("%s %s instead of an answer to %s" % (method, path, request_id))
        streamed = "transfer-encoding" in fields
        if path.endswith("/response") and not streamed and "lambda-runtime-function-error-type" in fields:
            raise Protocol("an error type along with a response")
        if path.endswith("/response") and not streamed and (
                len(body) > 6291556 or (args.max_response is not None
                                        and len(body) > args.max_response)):
            # The invocation stays open: what must follow is its error.
            server.error("413 Payload Too Large", "RequestEntityTooLarge")
            method, path, fields, body = server.request()
            if (method, path) != ("POST", base + "/error"):
                raise Protocol("%s %s instead of an error after 413" % (method, path))
        if args.fail_post is not None and i == args.fail_post:
            server.error("500 Internal Server Error", "InternalServerError")
            return i, ok
        if args.answer and body is not None:
            with open(args.answer, "wb") as file:
                file.write(body)
        if streamed:
            problem = check_stream(args, server, fields, body)
        elif args.streamed:
            problem = "an answer that is no stream"
        else:
            problem = check_answer(args, i, path, fields, body)
        if problem:
            print("invocation %d: %s" % (i, problem), file=sys.stderr)
        else:
            ok += 1
        if body is not None:
            server.accepted()
        if args.expect_death:
            return i + 1, ok
    # A next request while idle: the loop went on.
    method, path, _, _ = server.request()
    if (method, path) != ("GET", API + "/invocation/next"):
        raise Protocol("%s %s instead of GET next" % (method, path))
    return args.count, ok


def end(server, args, must_exit):
    """End the bootstrap by its pid. Returns what is wrong with how it ended, or None."""
    child = server.child
    if not must_exit and child.poll() is None:
        child.send_signal(signal.SIGKILL if args.foreign else signal.SIGTERM)
    try:
        status = child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return "the bootstrap did not exit%s" % ("" if must_exit else " on SIGTERM")
    if args.expect_death:
        want = -signal.Signals[args.expect_death]
        return None if status == want else "exit status %d instead of %d" % (status, want)
    if args.foreign:
        return None if (status > 0 if must_exit else status == -signal.SIGKILL) else "exit status %d" % status
    if must_exit and status != 1:
        return "exit status %d instead of 1" % status
    if not must_exit and status != 0:
        return "exit status %d after SIGTERM" % status
    return None


def parse():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--count", type=int, default=1, help="invocations (default 1)")
    p.add_argument("--payload", default="{}", help="the event; {i} becomes its number")
    p.add_argument("--payload-file", help="the event, from a file")
    p.add_argument("--pad", type=int, default=0, metavar="BYTES",
                   help="lengthen the event with blanks, e.g. to 6291456")
    p.add_argument("--expect", help="the answer, compared as JSON; {i} becomes its number")
    p.add_argument("--answer", metavar="FILE", help="write the last answer there")
    p.add_argument("--expect-size", type=int, metavar="BYTES", help="the answer's size")
    p.add_argument("--expect-error", metavar="TYPE", help="the errorType of every answer")
    p.add_argument("--expect-init-error", metavar="TYPE", help="an init error, then exit 1")
    p.add_argument("--expect-restore-error", metavar="TYPE", help="a restore error, then exit 1")
    p.add_argument("--snap-start", action="store_true", help="be SnapStart: a restore comes first")
    p.add_argument("--expect-death", metavar="SIGNAL", help="death by it (SIGSEGV) after the answer")
    p.add_argument("--streamed", action="store_true", help="every answer must be a stream")
    p.add_argument("--expect-stream", metavar="TEXT", help="the stream's body, after its prelude")
    p.add_argument("--expect-prelude", metavar="JSON", help="an HTTP-integration prelude")
    p.add_argument("--expect-chunks", type=int, metavar="N", help="in how many pieces it comes")
    p.add_argument("--expect-torn", action="store_true", help="the stream is cut off")
    p.add_argument("--deadline-in", type=int, default=3000, metavar="MS", help="from now (default 3000)")
    p.add_argument("--trace-id", default="Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1")
    p.add_argument("--chunked", action="store_true", help="send events chunked")
    p.add_argument("--chunk-size", type=int, default=7, metavar="BYTES")
    p.add_argument("--split", type=int, metavar="BYTES", help="send in pieces of this size")
    p.add_argument("--header-case", choices=["normal", "lower", "upper", "mixed"],
                   default="normal")
    p.add_argument("--close-after", type=int, metavar="K",
                   help="close each connection after K answers, without saying so")
    p.add_argument("--close-politely", action="store_true",
                   help="with --close-after: say Connection: close")
    p.add_argument("--max-response", type=int, metavar="BYTES", help="413 beyond this")
    p.add_argument("--fail-next", type=int, metavar="I", help="answer the Ith GET with 500")
    p.add_argument("--fail-post", type=int, metavar="I", help="answer the Ith POST with 500")
    p.add_argument("--deadline-ms", type=int, help="a constant deadline, e.g. 600000")
    p.add_argument("--host", default="127.0.0.1", help="how to call this host (localhost)")
    p.add_argument("--max-connections", type=int, metavar="N",
                   help="more connections than this are a failure")
    p.add_argument("--timeout", type=float, default=30, metavar="SECONDS")
    p.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    p.add_argument("--quiet", action="store_true", help="drop the bootstrap's output")
    p.add_argument("--foreign", action="store_true", help="allow what the documentation does and our runtime must not: "
                   "errors without the header of their type, deafness to SIGTERM, any exit status that is a failure")
    p.add_argument("command", nargs="+", metavar="-- BOOTSTRAP [ARG...]")
    return p.parse_args()


def main():
    args = parse()
    server = Server(args)
    env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "_HANDLER": "handler",
           "AWS_REGION": "eu-central-1", "AWS_LAMBDA_FUNCTION_NAME": "test",
           "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "LAMBDA_TASK_ROOT": "/var/task",
           "AWS_LAMBDA_RUNTIME_API": "%s:%d" % (args.host, server.port)}
    if args.snap_start:
        env["AWS_LAMBDA_INITIALIZATION_TYPE"] = "snap-start"
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    env.update(item.split("=", 1) for item in args.env)
    output = subprocess.DEVNULL if args.quiet else None
    server.child = subprocess.Popen(args.command, env=env, stdin=subprocess.DEVNULL,
                                    stdout=output, stderr=output)
    problem, given, ok = None, 0, 0
    try:
        given, ok = serve(server, args)
    except (Protocol, OSError, ValueError) as error:
        problem = "%s" % error
        given = args.count
    must_exit = bool(args.expect_init_error or args.expect_restore_error or args.expect_death or args.fail_next is not None
                     or args.fail_post is not None)
    if problem:
        server.child.kill()
        server.child.wait()
    else:
        problem = end(server, args, must_exit)
    server.close()
    if not problem and args.max_connections is not None \
            and server.connections > args.max_connections:
        problem = "%d connections instead of %d" % (server.connections, args.max_connections)
    if problem:
        print("runtime_api: %s" % problem, file=sys.stderr)
    print("%d invocations, %d ok, %d failed" % (given, ok, given - ok))
    return 1 if problem or ok < given else 0


if __name__ == "__main__":
    sys.exit(main())
