# SPDX-License-Identifier: Apache-2.0
"""The cloud, on 127.0.0.1: Lambda, S3, CloudWatch Logs, STS, SSO, and what gives containers and instances their keys.

    aws_server.py DIR

DIR/port and DIR/keys.json are written when it serves; DIR/requests.jsonl has a line for each request.

A request's signature is checked with botocore's own code, its shape and the answer's by the models that botocore ships
(aws/model.py). An archive that is invoked really runs. Beside the services:

    PUT /_faults    [FAULT, ...]    instead of those before; the first that fits is used, and is gone after its "times"
    PUT /_settings  {...}           see SETTINGS; some, or all of them
    PUT /_logs      {"group": ..., "stream": ..., "lines": [...], "at": MS}
    PUT /_reset                     no functions, objects, logs, faults, nor lines in requests.jsonl; the keys stay
    GET /_state                     all that there is

A FAULT is {"op": PATTERN, "skip": 0, "times": 1 (-1: for ever)} and one of

    "code": NAME, "message": ..., "status": ..., "headers": {...}, "members": {...}     that error
    "cut": "head"                   the connection is reset before the body is read
    "cut": "body", "at": BYTES      in the middle of the request's body
    "cut": "answer"                 when all is done, but nothing said
    "cut": "half"                   in the middle of the answer's body
    "hang": true                    no answer until the other side gives up
    "raw": TEXT, "status": ..., "type": ...                         an answer of somebody else's
"""
import contextlib
import copy
import fnmatch
import hashlib
import json
import os
import re
import socket
import struct
import sys
import threading
import urllib.parse
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aws.functions import Lambda
from aws.model import Answer, Refused, Service, for_log
from aws.others import S3, Logs, Sso, Sts, metadata, new_id
from aws.sign import Keys, check, utc

SETTINGS = {
    "polls": 2,                     # questions until a change has come about
    "fails": None,                  # [code, reason]: the next change comes to nothing
    "clock": 0,                     # seconds that this server is ahead
    "page": 10000,                  # events or versions in one answer
    "empty_pages": False,
    "lifetime": 3600,               # seconds, of keys that are given out
    "instance_region": "eu-central-1",
    "buckets": {"artifacts": "us-east-1"},
    "roles": {"arn:aws:iam::123456789012:role/deployer": {}},
}
UNSIGNED = ("AssumeRoleWithWebIdentity",)       # botocore has it in code, not in the model
SCOPE = re.compile(r"Credential=[^/]+/\d+/[a-z0-9-]+/([a-z0-9-]+)/")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return self.server.now().strftime("%a, %d %b %Y %H:%M:%S GMT")

    def do_PUT(self):  # pylint: disable=invalid-name
        self.serve()

    do_GET = do_POST = do_DELETE = do_HEAD = do_PUT

    # ---- what it is about ----

    def serve(self):
        self.route, _, query = self.path.partition("?")
        self.query = urllib.parse.parse_qsl(query, keep_blank_values=True)
        if self.route.startswith("/_"):
            self.send(self.server.control(self.command, self.route, self.rest()))
            return
        entry = {"service": None, "op": None}
        fault = None
        try:
            service, op, labels = self.operation()
            entry.update(service=service and service.name, op=op)
            fault = self.server.fault(op or "")
            answer = self.before(fault) or self.answer(service, op, labels, entry)
        except ConnectionError:
            answer = None
        entry["status"] = answer.status if answer else None
        if fault:
            entry["fault"] = next(k for k in ("code", "cut", "hang", "raw") if k in fault)
        self.server.note(entry)
        self.finish_with(answer, fault)

    def operation(self):
        s = self.server
        target = self.headers.get("X-Amz-Target", "")
        scope = SCOPE.search(self.headers.get("Authorization", ""))
        if self.route.startswith(("/latest/", "/v2/credentials/")):
            found = metadata(s, self.command, self.route, self.headers)
            return None, found[0] if found else None, found
        if target.startswith("Logs_20140328."):
            return s.service("logs"), target.partition(".")[2], {}
        if self.route == "/federation/credentials":
            return (s.service("sso"), *s.service("sso").route(self.command, self.route, self.query))
        if self.route == "/token":
            return (s.service("sso-oidc"), *s.service("sso-oidc").route(self.command, self.route, self.query))
        if self.route == "/" and self.command == "POST":
            self.form = self.rest()
            action = dict(urllib.parse.parse_qsl(self.form.decode("latin-1"))).get("Action")
            return s.service("sts"), action, {}
        if re.match(r"/20\d\d-\d\d-\d\d/", self.route) and (not scope or scope[1] != "s3"):
            service = s.service("lambda")
            try:
                return (service, *service.route(self.command, self.route, self.query))
            except Refused:
                return service, None, {}
        service = s.service("s3")
        found = re.fullmatch(r"/([^/]+)(?:/(.+))?", self.route)
        op = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject" if found and found[2] else "HeadBucket"}.get(
            self.command)
        return service, op if found else None, {k: urllib.parse.unquote(v) for k, v in zip(
            ("Bucket", "Key"), found.groups() if found else ()) if v}

    # ---- bytes ----

    def rest(self):
        if hasattr(self, "form"):
            return self.__dict__.pop("form")
        if "Transfer-Encoding" in self.headers:
            return b""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def reset(self):
        """The other side sees that the connection is broken, not that it has ended."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()

    def send(self, answer):
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            self.send_header(key, value)
        if answer.status != 204 and not (self.command == "HEAD" and "Content-Length" in answer.headers):
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

    def finish_with(self, answer, fault):
        cut = fault and fault.get("cut")
        if answer is None or cut == "answer":
            self.reset()
        elif cut == "half":
            self.send_response(answer.status)
            for key, value in answer.headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(answer.body) + 1))
            self.end_headers()
            self.wfile.write(answer.body[:len(answer.body) // 2])
            self.wfile.flush()
            self.close_connection = True
        else:
            self.send(answer)

    # ---- what it comes to ----

    def before(self, fault):
        """The answer of a fault that keeps the service from being asked."""
        if not fault or fault.get("cut") in ("answer", "half"):
            return None
        if fault.get("cut") == "head":
            raise ConnectionError
        if fault.get("cut") == "body":
            left = fault["at"]
            while left > 0:
                got = self.rfile.read1(min(left, 65536))
                if not got:
                    break
                left -= len(got)
            raise ConnectionError
        body = self.rest()
        if "hang" in fault:
            while self.connection.recv(4096):
                pass
            raise ConnectionError
        if "raw" in fault:
            kind = fault.get("type", "text/html")
            return Answer(fault.get("status", 200), {"Content-Type": kind}, fault["raw"].encode())
        refused = Refused(fault["code"], fault.get("message", fault["code"]), fault.get("status"), fault.get("headers"),
                          fault.get("members"))
        service, op, _ = self.operation_again(body)
        return service.error(refused, None if fault.get("status") else op, new_id())

    def operation_again(self, body):
        self.form = body
        try:
            return self.operation()
        finally:
            self.__dict__.pop("form", None)

    def answer(self, service, op, labels, entry):
        body = self.rest()
        s = self.server
        if service is None:
            return labels[1] if labels else Answer(404)
        request_id = new_id()
        try:
            if "Transfer-Encoding" in self.headers:
                raise Refused("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
            known = op in service.model.operation_names and hasattr(s.states[service.name], op)
            unsigned = known and (op in UNSIGNED or service.model.operation_model(op).auth_type == "none")
            who, region = None, None
            if not unsigned:
                if self.headers.get("Host") != s.url.partition("//")[2]:
                    raise Refused("InvalidSignatureException", f"the Host is {self.headers.get('Host')}", 403)
                with s.lock:
                    who, region = check(s.keys, service.name, self.command, s.url + self.path, self.headers, body,
                                        s.now())
            entry.update(who=who, region=region)
            if not known:
                raise Refused("UnknownOperationException", f"this server has no {op}", 501)
            if who == "denied":
                raise Refused("AccessDenied" if service.name in ("s3", "sts") else "AccessDeniedException",
                              "User: arn:aws:iam::123456789012:user/denied is not authorized to perform: "
                              f"{service.name}:{op} because no identity-based policy allows the action", 403)
            params = service.read(op, labels, self.query, self.headers, body)
            entry["params"] = for_log(params, service.model.operation_model(op).input_shape) if params else {}
            service.check(op, params, self.command, self.route, self.query, self.headers, body)
            with s.lock:
                ask = getattr(s.states[service.name], op)
                output = ask(params, region, who) if service.name in ("sts", "sso", "sso-oidc") else ask(params, region)
                return service.write(op, copy.deepcopy(output), request_id)
        except Refused as e:
            entry["code"] = e.code
            return service.error(e, op if op in service.model.operation_names else None, request_id)
        except Exception as e:  # pylint: disable=broad-except
            # this server is wrong, and says so where a test looks
            print(f"{op}: {e!r}", file=sys.stderr, flush=True)
            entry["broken"] = repr(e)
            return Answer(500, {"Content-Type": "text/plain"}, repr(e).encode())


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, directory):
        super().__init__(("127.0.0.1", 0), Handler)
        self.dir = directory
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.lock = threading.RLock()
        self.keys = Keys()
        self.services = {}
        self.reset()

    def reset(self):
        self.settings = copy.deepcopy(SETTINGS)
        self.faults = []
        self.s3, self.logs = S3(self), Logs(self)
        sso = Sso(self)
        self.states = {"lambda": Lambda(self), "s3": self.s3, "logs": self.logs, "sts": Sts(self), "sso": sso,
                       "sso-oidc": sso}
        with open(self.path("requests.jsonl"), "wb"):
            pass

    def path(self, name):
        return os.path.join(self.dir, name)

    def now(self):
        return utc() + timedelta(seconds=self.settings["clock"])

    @contextlib.contextmanager
    def unlocked(self):
        self.lock.release()
        try:
            yield
        finally:
            self.lock.acquire()

    def service(self, name):
        with self.lock:
            if name not in self.services:
                self.services[name] = Service(name, self.url)
            return self.services[name]

    def fault(self, op):
        with self.lock:
            for fault in self.faults:
                if not fnmatch.fnmatchcase(op, fault["op"]):
                    continue
                if fault.get("skip", 0) > 0:
                    fault["skip"] -= 1
                    continue
                fault["times"] = fault.get("times", 1) - 1
                if fault["times"] == 0:
                    self.faults.remove(fault)
                return fault
        return None

    def note(self, entry):
        leak = self.leaks()
        if leak:
            entry["leak"] = leak
        with self.lock, open(self.path("requests.jsonl"), "ab", 0) as f:
            f.write(json.dumps(entry).encode() + b"\n")

    def leaks(self):
        """Programs that have a secret among their arguments."""
        words = [w.encode() for w in self.keys.words]
        out = []
        for pid in os.listdir("/proc"):
            if pid.isdigit():
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as f:
                        line = f.read()
                except OSError:
                    continue
                if any(w in line for w in words):
                    out.append(line.split(b"\0")[0].decode("utf-8", "replace"))
        return out

    def control(self, method, route, body):
        with self.lock:
            given = json.loads(body) if body else None
            if route.startswith("/_code/"):
                name, number = route.split("/")[2:]
                f = next(f for (_, n), f in self.states["lambda"].functions.items() if n == name)
                return Answer(200, {"Content-Type": "application/zip"}, f.versions[number].code)
            if method == "GET" and route == "/_state":
                return Answer(200, {"Content-Type": "application/json"}, json.dumps(self.state()).encode())
            if route == "/_reset":
                self.reset()
            elif route == "/_faults":
                self.faults = given
            elif route == "/_settings":
                unknown = set(given) - set(SETTINGS)
                if unknown:
                    return Answer(400, {}, f"no settings: {unknown}\n".encode())
                self.settings.update(given)
            elif route == "/_logs":
                self.logs.put(given.get("region", "us-east-1"), given["group"], given.get("stream", "a"),
                              given["lines"], given.get("at"))
            else:
                return Answer(404)
            return Answer(200)

    def state(self):
        return {
            "functions": {f.name: {
                "region": region, "versions": {n: v.config for n, v in f.versions.items()}, "aliases": f.aliases,
                "urls": {k or "": v for k, v in f.urls.items()}, "tags": f.tags,
                "policies": {k or "": list(v["statements"].values()) for k, v in f.policies.items()},
            } for (region, _), f in self.states["lambda"].functions.items()},
            "objects": {f"{b}/{k}": {"bytes": len(o["data"]), "sha256": hashlib.sha256(o["data"]).hexdigest()}
                        for (b, k), o in self.s3.objects.items()},
            "layers": [v["LayerVersionArn"] for v in self.states["lambda"].layers.values()],
            "faults": self.faults, "settings": self.settings,
        }


def main():
    server = Server(sys.argv[1])
    for name, text in (("keys.json", json.dumps(server.keys.for_tests())), ("port", str(server.server_address[1]))):
        with open(server.path(name + ".new"), "w", encoding="ascii") as f:
            f.write(text)
        os.rename(server.path(name + ".new"), server.path(name))
    server.serve_forever()


if __name__ == "__main__":
    main()
