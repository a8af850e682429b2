# SPDX-License-Identifier: Apache-2.0
"""What the functions and extensions of local_runtime.bats have in common: Python's standard library alone."""
import http.client
import json
import os
import socket
import sys

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
RUNTIME = "/2018-06-01/runtime/"
EXTENSION = "/2020-01-01/extension/"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


def call(method, path, body=None, headers=None, timeout=None):
    """A request on a connection of its own."""
    c = http.client.HTTPConnection(API, timeout=timeout)
    c.request(method, path, body=body, headers=headers or {})
    r = c.getresponse()
    a = Answer(r.status, r.headers, r.read())
    c.close()
    return a


def note(*words):
    """A line for the test to look at."""
    fd = os.open("notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, (" ".join(str(w) for w in words) + "\n").encode())
    os.close(fd)


def tell(what, a):
    note(what, a.status, a.body.decode().rstrip("\n"))
    return a


def say(*words):
    print(*words, flush=True)


# ---- a runtime ----

def next_invocation():
    a = call("GET", RUNTIME + "invocation/next")
    if a.status != 200:
        return a
    a.id = a.headers["Lambda-Runtime-Aws-Request-Id"]
    a.event = json.loads(a.body)
    return a


def respond(id, body, headers=None):
    return call("POST", f"{RUNTIME}invocation/{id}/response", body, headers)


def fail(id, body, headers=None):
    return call("POST", f"{RUNTIME}invocation/{id}/error", body, headers)


def serve(handler):
    while True:
        i = next_invocation()
        if i.status != 200:
            sys.exit(1)
        r = handler(i)
        if r is not None:
            respond(i.id, json.dumps(r))


def send(data):
    """Bytes as they are; what comes back until the other side closes, or, with close, at once."""
    host, port = API.split(":")
    s = socket.create_connection((host, int(port)))
    s.sendall(data)
    return s


# ---- an extension ----

def register(name=None, events=("INVOKE", "SHUTDOWN"), **headers):
    h = {"Lambda-Extension-Name": name or os.path.basename(sys.argv[0])}
    h.update({k.replace("_", "-"): v for k, v in headers.items()})
    a = call("POST", EXTENSION + "register", json.dumps({"events": list(events)}), h)
    a.id = a.headers["Lambda-Extension-Identifier"]
    return a


def next_event(id):
    return call("GET", EXTENSION + "event/next", headers={"Lambda-Extension-Identifier": id})


def subscribe(id, body, path="/2022-07-01/telemetry"):
    return call("PUT", path, body if isinstance(body, (bytes, str)) else json.dumps(body),
                {"Lambda-Extension-Identifier": id, "Content-Type": "application/json"})
