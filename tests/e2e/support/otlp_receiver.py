#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A receiver of OTLP/HTTP in JSON, on 127.0.0.1, that takes only what the protocol allows.

    otlp_receiver.py DIR [ANSWER...]
    otlp_receiver.py --check logs|traces FILE

Checks each request's body against the fields of opentelemetry-proto 1.x in its JSON mapping: names, types, 64-bit
integers as strings, the length of ids, enums as integers, keys that are unique, nothing unknown and nothing empty. What
is wrong is answered 400 with the reason.

Writes its port to DIR/port, each body that it took to DIR/logs.jsonl or DIR/traces.jsonl, and a line for each request to
DIR/requests: "<status> <path> <records or spans> <milliseconds since the last>", with what was wrong behind it. An
ANSWER is what the requests get in order, the last one all that follow, if the body is right:

    200           taken (the default)
    503 503:2     that status; with a Retry-After of 2 seconds, or of what else follows the colon
    400:why       refused, with a Status of that message
    partial:3:why 3 of them rejected
    close         the connection is closed without an answer
    hang          no answer at all
    302 garbage   a redirect; 200 with a body that is no JSON

With --check it looks at a file of JSON lines, prints how many records or spans are in it, and fails if one is wrong.
Standard library only; shares no code with what it checks. Ends with SIGTERM.
"""

import json
import math
import os
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Wrong(Exception):
    """What the protocol does not allow, and where."""


def wrong(where, what):
    raise Wrong(f"{where}: {what}")


def is_int(v):
    return isinstance(v, int) and not isinstance(v, bool)


def integer64(lowest, highest):
    def check(v, where):
        if not isinstance(v, str) or not re.fullmatch(r"-?(0|[1-9][0-9]*)", v):
            wrong(where, f"{v!r} is not an integer in a string")
        if not lowest <= int(v) <= highest:
            wrong(where, f"{v} does not fit")
    return check


def integer32(highest):
    def check(v, where):
        if not is_int(v) or not 0 <= v <= highest:
            wrong(where, f"{v!r} is not an integer of 0 to {highest}")
    return check


def string(v, where):
    if not isinstance(v, str):
        wrong(where, f"{v!r} is not a string")
    try:
        v.encode()
    except UnicodeEncodeError:
        wrong(where, "half a surrogate pair")


def boolean(v, where):
    if not isinstance(v, bool):
        wrong(where, f"{v!r} is not a boolean")


def double(v, where):
    if isinstance(v, bool) or not isinstance(v, (int, float)):
        wrong(where, f"{v!r} is not a number")
    try:
        finite = math.isfinite(float(v))
    except OverflowError:
        finite = False
    if not finite:
        wrong(where, "a number that no double holds")


def ident(size):
    def check(v, where):
        if not isinstance(v, str) or not re.fullmatch(r"[0-9a-fA-F]{%d}" % (2 * size), v):
            wrong(where, f"{v!r} is not {2 * size} hexadecimal digits")
        if not int(v, 16):
            wrong(where, "an id of zeros")
    return check


FIXED64 = integer64(0, 2**64 - 1)
INT64 = integer64(-2**63, 2**63 - 1)
UINT32 = integer32(2**32 - 1)


def list_of(kind):
    def check(v, where):
        if not isinstance(v, list):
            wrong(where, "not an array")
        for i, item in enumerate(v):
            kind(item, f"{where}[{i}]")
    return check


def message(name):
    def check(v, where):
        fields, extra = MESSAGES[name]
        if not isinstance(v, dict):
            wrong(where, f"not an object, as {name} is")
        for key, value in v.items():
            if key not in fields:
                wrong(where, f"{name} has no field {key!r}")
            fields[key](value, f"{where}.{key}")
        extra(v, where)
    return check


def nothing(_v, _where):
    pass


def one_of(v, where):
    if len(v) > 1:
        wrong(where, "more than one value")


def attributes(v, where):
    list_of(message("KeyValue"))(v, where)
    keys = [pair["key"] for pair in v]
    for key in keys:
        if keys.count(key) > 1:
            wrong(where, f"the key {key!r} twice")


def need(*names):
    def check(v, where):
        for name in names:
            if name not in v or v[name] in ("", [], {}):
                wrong(where, f"without {name}")
    return check


def log_record(v, where):
    need("observedTimeUnixNano")(v, where)
    if "spanId" in v and "traceId" not in v:
        wrong(where, "spanId without traceId")
    if v.get("flags", 0) > 0xff:
        wrong(where, "flags that are reserved")


def span(v, where):
    need("traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano")(v, where)
    if int(v["endTimeUnixNano"]) < int(v["startTimeUnixNano"]) or not int(v["startTimeUnixNano"]):
        wrong(where, "it ends before it begins")
    if v.get("flags", 0) > 0x3ff:
        wrong(where, "flags that are reserved")
    if v.get("parentSpanId") == v["spanId"]:
        wrong(where, "its own parent")


# The fields of logs.proto, trace.proto, common.proto and resource.proto, but for those that are experimental.
MESSAGES = {
    "ExportLogsServiceRequest": ({"resourceLogs": list_of(message("ResourceLogs"))}, need("resourceLogs")),
    "ResourceLogs": ({"resource": message("Resource"), "scopeLogs": list_of(message("ScopeLogs")), "schemaUrl": string},
                     need("resource", "scopeLogs")),
    "ScopeLogs": ({"scope": message("InstrumentationScope"), "logRecords": list_of(message("LogRecord")),
                   "schemaUrl": string}, need("scope", "logRecords")),
    "LogRecord": ({"timeUnixNano": FIXED64, "observedTimeUnixNano": FIXED64, "severityNumber": integer32(24),
                   "severityText": string, "body": message("AnyValue"), "attributes": attributes,
                   "droppedAttributesCount": UINT32, "flags": UINT32, "traceId": ident(16), "spanId": ident(8),
                   "eventName": string}, log_record),
    "ExportTraceServiceRequest": ({"resourceSpans": list_of(message("ResourceSpans"))}, need("resourceSpans")),
    "ResourceSpans": ({"resource": message("Resource"), "scopeSpans": list_of(message("ScopeSpans")),
                       "schemaUrl": string}, need("resource", "scopeSpans")),
    "ScopeSpans": ({"scope": message("InstrumentationScope"), "spans": list_of(message("Span")), "schemaUrl": string},
                   need("scope", "spans")),
    "Span": ({"traceId": ident(16), "spanId": ident(8), "traceState": string, "parentSpanId": ident(8),
              "flags": UINT32, "name": string, "kind": integer32(5), "startTimeUnixNano": FIXED64,
              "endTimeUnixNano": FIXED64, "attributes": attributes, "droppedAttributesCount": UINT32,
              "events": list_of(message("Event")), "droppedEventsCount": UINT32, "links": list_of(message("Link")),
              "droppedLinksCount": UINT32, "status": message("Status")}, span),
    "Event": ({"timeUnixNano": FIXED64, "name": string, "attributes": attributes, "droppedAttributesCount": UINT32},
              need("name")),
    "Link": ({"traceId": ident(16), "spanId": ident(8), "traceState": string, "attributes": attributes,
              "droppedAttributesCount": UINT32, "flags": UINT32}, need("traceId", "spanId")),
    "Status": ({"message": string, "code": integer32(2)}, nothing),
    "Resource": ({"attributes": attributes, "droppedAttributesCount": UINT32}, need("attributes")),
    "InstrumentationScope": ({"name": string, "version": string, "attributes": attributes,
                              "droppedAttributesCount": UINT32}, need("name")),
    "KeyValue": ({"key": string, "value": message("AnyValue")}, lambda v, where: "key" in v or wrong(where, "no key")),
    "AnyValue": ({"stringValue": string, "boolValue": boolean, "intValue": INT64, "doubleValue": double,
                  "arrayValue": message("ArrayValue"), "kvlistValue": message("KeyValueList"),
                  "bytesValue": string}, one_of),
    "ArrayValue": ({"values": list_of(message("AnyValue"))}, nothing),
    "KeyValueList": ({"values": attributes}, nothing),
}
REQUESTS = {"logs": "ExportLogsServiceRequest", "traces": "ExportTraceServiceRequest"}


def no_twins(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        wrong("JSON", f"a field twice: {keys}")
    return dict(pairs)


def no_constant(name):
    wrong("JSON", f"{name} is no number")


def check(signal, data):
    """The records or spans of a body, or Wrong."""
    try:
        doc = json.loads(data.decode("utf-8", "strict"), object_pairs_hook=no_twins, parse_constant=no_constant)
    except UnicodeDecodeError as e:
        wrong("body", f"not UTF-8: {e}")
    except ValueError as e:
        wrong("body", f"not JSON: {e}")
    message(REQUESTS[signal])(doc, signal)
    if signal == "logs":
        return [r for a in doc["resourceLogs"] for b in a["scopeLogs"] for r in b["logRecords"]]
    return [s for a in doc["resourceSpans"] for b in a["scopeSpans"] for s in b["spans"]]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"{}", **headers):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        with server.lock:
            now = time.monotonic()
            since = int(1000 * (now - server.last)) if server.last else 0
            server.last = now
            signal = self.path.rpartition("/")[2]
            try:
                if not self.path.endswith("/v1/" + signal) or signal not in REQUESTS:
                    wrong("path", self.path)
                if self.headers["Content-Type"] != "application/json":
                    wrong("Content-Type", self.headers["Content-Type"])
                items = check(signal, body)
            except Wrong as e:
                server.note(f"400 {self.path} 0 {since} {e}")
                self.answer(400, json.dumps({"code": 3, "message": str(e)}).encode())
                return
            kind, _, detail = server.plan.pop(0).partition(":") if len(server.plan) > 1 else server.plan[0].partition(":")
            server.note(f"{kind} {self.path} {len(items)} {since}" +
                        (" " + self.headers["X-Key"] if "X-Key" in self.headers else ""))
            if kind in ("200", "partial", "garbage"):
                with open(os.path.join(server.dir, signal + ".jsonl"), "ab") as f:
                    f.write(body.rstrip(b"\n") + b"\n")
        if kind == "close":
            self.close_connection = True
        elif kind == "hang":
            server.hang.wait()
            self.close_connection = True
        elif kind == "partial":
            count, _, why = detail.partition(":")
            field = "rejectedLogRecords" if signal == "logs" else "rejectedSpans"
            self.answer(200, json.dumps({"partialSuccess": {field: count, "errorMessage": why}}).encode())
        elif kind == "garbage":
            self.answer(200, b"<html>")
        elif kind == "302":
            self.answer(302, Location="http://127.0.0.1:1/")
        elif kind == "200":
            self.answer(200)
        elif kind in ("429", "502", "503", "504") and detail:
            self.answer(int(kind), Retry_After=detail)
        else:
            self.answer(int(kind), json.dumps({"code": 3, "message": detail}).encode())


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, directory, plan):
        super().__init__(("127.0.0.1", 0), Handler)
        self.dir = directory
        self.plan = plan or ["200"]
        self.lock = threading.Lock()
        self.hang = threading.Event()
        self.last = 0.0

    def note(self, line):
        with open(os.path.join(self.dir, "requests"), "a", encoding="utf-8") as f:
            f.write(line + "\n")


def main():
    if sys.argv[1] == "--check":
        count = 0
        with open(sys.argv[3], "rb") as f:
            for number, line in enumerate(f, 1):
                try:
                    if not line.endswith(b"\n"):
                        wrong("file", "the last line has no end")
                    count += len(check(sys.argv[2], line))
                except Wrong as e:
                    sys.exit(f"{sys.argv[3]}:{number}: {e}")
        print(count)
        return
    server = Server(sys.argv[1], sys.argv[2:])
    port = os.path.join(server.dir, "port")
    with open(port + ".new", "w", encoding="ascii") as f:
        f.write(str(server.server_address[1]))
    os.rename(port + ".new", port)
    server.serve_forever()


if __name__ == "__main__":
    main()
