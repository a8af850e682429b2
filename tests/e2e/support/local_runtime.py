# SPDX-License-Identifier: Apache-2.0
"""What the functions and extensions of local_runtime.bats have in common: Python's standard library alone."""
import http.client
import http.server
import json
import os
import socket
import sys
import threading
import time

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
    """A line for the test to look at: of the function in notes, of an extension in notes.NAME."""
    me = os.path.basename(sys.argv[0])
    fd = os.open("notes" if me == "f.py" else f"notes.{me}", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
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

def attend(id, each=lambda event: None):
    """Events, until SHUTDOWN."""
    while True:
        a = next_event(id)
        if a.status != 200:
            sys.exit(1)
        event = a.json()
        each(event)
        if event["eventType"] == "SHUTDOWN":
            return event


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


def receive(answer=lambda n: 200):
    """A server for telemetry: events, one a line, in events.NAME. answer: a status for the nth batch. Its port."""
    me = os.path.basename(sys.argv[0])
    count = [0]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            count[0] += 1
            status = answer(count[0])
            if status == 200:
                batch = json.loads(body)
                note("batch", self.command, self.path, self.headers["Host"].split(":")[0],
                     self.headers["Content-Type"], len(batch) > 0)
                with open(f"events.{me}", "a") as f:
                    f.write("".join(json.dumps(e) + "\n" for e in batch))
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"OK")

        do_PUT = do_POST

        def log_message(self, *_):
            pass

    s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=s.serve_forever, daemon=True).start()
    return s.server_address[1]


def request(port, types=("platform", "function", "extension"), timeout=25, **more):
    r = {"schemaVersion": "2022-12-13", "types": list(types), "buffering": {"timeoutMs": timeout},
         "destination": {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{port}/in?a=b"}}
    r.update(more)
    return r
