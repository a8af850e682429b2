# SPDX-License-Identifier: Apache-2.0
"""The services' models, as botocore ships them: what a request has to look like, and what an answer does.

A request is taken apart by the model, checked (botocore's ParamValidator, and the ranges, patterns and names which that
one leaves to the service), put together again by botocore's own serialiser, and compared with what came. An answer is
checked likewise, written by the model, and read again by botocore's own parser: it has to give what was meant.
What the models of Debian's botocore are too old to know is in lambda/2015-03-31/service-2.sdk-extras.json.
"""
import base64
import binascii
import datetime
import io
import json
import os
import re
import urllib.parse
from xml.sax.saxutils import escape

from botocore.awsrequest import HeadersDict
from botocore.loaders import create_loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, code, message, status=None, headers=None, members=None):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.headers = headers or {}
        self.members = members or {}


class Answer:
    def __init__(self, status, headers=None, body=b""):
        self.status = status
        self.headers = headers or {}
        self.body = body


LOADER = create_loader(os.path.dirname(os.path.abspath(__file__)))
SECRET = re.compile(r"secret|password|(?<!next)token|sensitive|EnvironmentVariableValue", re.I)


def constraints(value, shape, path, found):
    """Ranges, patterns and names, which ParamValidator leaves to the service; the service's own words."""
    shown = "***" if hidden(shape) else value

    def wrong(what):
        found.append(f"Value '{shown}' at '{path}' failed to satisfy constraint: {what}")

    kind = shape.type_name
    if kind == "structure":
        for key, item in value.items():
            constraints(item, shape.members[key], (path + "." if path else "") + key[0].lower() + key[1:], found)
    elif kind == "map":
        for key, item in value.items():
            constraints(key, shape.key, path + ".key", found)
            constraints(item, shape.value, f"{path}.{key}.member", found)
    elif kind == "list":
        if len(value) > shape.metadata.get("max", len(value)):
            wrong(f"Member must have length less than or equal to {shape.metadata['max']}")
        for n, item in enumerate(value, 1):
            constraints(item, shape.member, f"{path}.{n}.member", found)
    elif kind == "string":
        if shape.enum and value not in shape.enum:
            wrong(f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
        pattern = shape.metadata.get("pattern")
        if pattern and not re.fullmatch(pattern, value):
            wrong(f"Member must satisfy regular expression pattern: {pattern}")
        if len(value) > shape.metadata.get("max", len(value)):
            wrong(f"Member must have length less than or equal to {shape.metadata['max']}")
        if len(value) < shape.metadata.get("min", 0):
            wrong(f"Member must have length greater than or equal to {shape.metadata['min']}")
    elif kind in ("integer", "long", "double", "float"):
        if value > shape.metadata.get("max", value):
            wrong(f"Member must have value less than or equal to {shape.metadata['max']}")
        if value < shape.metadata.get("min", value):
            wrong(f"Member must have value greater than or equal to {shape.metadata['min']}")


def hidden(shape):
    return bool(shape.metadata.get("sensitive") or SECRET.search(shape.name))


def for_log(value, shape):
    """What may be written down: no secrets, no archives."""
    if shape.type_name == "structure":
        return {k: for_log(v, shape.members[k]) if k in shape.members else v for k, v in value.items()}
    if shape.type_name == "map":
        return {k: for_log(v, shape.value) for k, v in value.items()}
    if shape.type_name == "list":
        return [for_log(v, shape.member) for v in value]
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": len(value)}
    return "***" if hidden(shape) and isinstance(value, str) else value


class Service:
    """One service's model."""

    def __init__(self, name, endpoint):
        self.name = name
        self.model = ServiceModel(LOADER.load_service_model(name, "service-2"), name)
        self.protocol = self.model.metadata["protocol"]
        self.endpoint = endpoint
        self.routes = []
        if self.protocol.startswith("rest"):
            for op in self.model.operation_names:
                http = self.model.operation_model(op).http
                path, _, query = http["requestUri"].partition("?")
                pattern = re.sub(r"\{(\w+)\+\}", r"(?P<\1>.+)", path.rstrip("/"))
                pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
                self.routes.append((http["method"], re.compile(pattern + "/?"), query, op))

    def route(self, method, path, query):
        """The operation's name and what its path says."""
        best = None
        for verb, pattern, fixed, op in self.routes:
            found = pattern.fullmatch(path) if verb == method else None
            if found and set(urllib.parse.parse_qsl(fixed)) <= set(query) and (not best or fixed):
                best = op, {k: urllib.parse.unquote(v) for k, v in found.groupdict().items()}
        if not best:
            raise Refused("UnknownOperationException", f"{method} {path} is no operation of {self.name}", 404)
        return best

    # ---- requests ----

    def read(self, op, labels, query, headers, body):
        """The parameters of a request."""
        shape = self.model.operation_model(op).input_shape
        params = {}
        if not shape:
            return params
        if self.protocol == "query":
            form = dict(urllib.parse.parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True))
            for key in ("Action", "Version"):
                form.pop(key, None)
            for key, value in form.items():
                if key not in shape.members:
                    raise Refused("ValidationError", f"{op} has no parameter {key}", 400)
                params[key] = int(value) if shape.members[key].type_name in ("integer", "long") else value
            return params
        payload = shape.serialization.get("payload")
        if self.protocol == "json" or (not payload and body and self.protocol == "rest-json"):
            params = from_json(self.load(body), shape)
        elif payload and body:
            params[payload] = body
        if self.protocol.startswith("rest"):
            for name, member in shape.members.items():
                self.from_http(params, name, member, labels, query, headers)
        return params

    @staticmethod
    def load(body):
        try:
            loaded = json.loads(body.decode("utf-8") or "{}")
        except ValueError:
            raise Refused("SerializationException", "Could not parse request body into json", 400) from None
        if not isinstance(loaded, dict):
            raise Refused("SerializationException", "the request body is no object", 400)
        return loaded

    @staticmethod
    def from_http(params, name, member, labels, query, headers):
        where = member.serialization.get("location")
        key = member.serialization.get("name", name)
        value = None
        if where == "uri":
            value = labels.get(key)
        elif where == "header":
            value = headers.get(key)
        elif where == "headers":
            value = {k[len(key):]: v for k, v in headers.items() if k.lower().startswith(key.lower())} or None
        elif where == "querystring":
            values = [v for k, v in query if k == key]
            value = None if not values else values if member.type_name == "list" else values[0]
        elif where is not None or name not in params:
            return
        elif where is None:
            return
        params.pop(name, None)
        if value is None:
            return
        if member.type_name in ("integer", "long"):
            value = int(value)
        elif member.type_name == "boolean":
            value = value == "true"
        params[name] = value

    def check(self, op, params, method, path, query, headers, body):
        """Whether the service would take them, and botocore would have written them."""
        shape = self.model.operation_model(op).input_shape
        if not shape:
            return
        report = ParamValidator().validate(params, shape)
        if report.has_errors():
            raise Refused("ValidationException", report.generate_report(), 400)
        found = []
        constraints(params, shape, "", found)
        if found:
            raise Refused("ValidationException", f"{len(found)} validation error{'s' * (len(found) > 1)} detected: " +
                          "; ".join(found), 400)
        self.check_again(op, params, method, path, query, headers, body)

    def check_again(self, op, params, method, path, query, headers, body):
        """What botocore's serialiser makes of the parameters is what came, but for the order and for white space."""
        again = create_serializer(self.protocol, False).serialize_to_request(params, self.model.operation_model(op))
        want = []
        path2, _, query2 = again["url_path"].partition("?")
        pairs = urllib.parse.parse_qsl(query2, keep_blank_values=True)
        given = again["query_string"]
        for key, value in (given.items() if isinstance(given, dict) else given):
            pairs += [(key, str(v)) for v in (value if isinstance(value, list) else [value])]
        if self.protocol.startswith("rest"):
            paths = [urllib.parse.unquote(p).rstrip("/") for p in (path2, path)]
            if again["method"] != method or paths[0] != paths[1]:
                want.append(f"{again['method']} {again['url_path']}, not {method} {path}")
            if sorted(pairs) != sorted(query):
                want.append(f"the query {pairs}, not {query}")
        made = again["body"]
        if self.protocol in ("json", "rest-json") and isinstance(made, (bytes, bytearray, str)):
            payload = self.model.operation_model(op).input_shape.serialization.get("payload")
            if not payload and json.loads(made or b"{}") != drop_null(json.loads(body or b"{}")):
                want.append("another body")
        for key, value in again["headers"].items():
            if key.lower() not in ("content-type", "x-amz-target") and headers.get(key) != str(value):
                want.append(f"the header {key}: {value}, not {headers.get(key)}")
        if self.protocol == "json" and headers.get("Content-Type") != again["headers"]["Content-Type"]:
            want.append(f"Content-Type: {again['headers']['Content-Type']}, not {headers.get('Content-Type')}")
        if want:
            raise Refused("ValidationException", "botocore would send " + "; ".join(want), 400)

    # ---- answers ----

    def write(self, op, output, request_id):
        """The answer that says @output."""
        model = self.model.operation_model(op)
        shape = model.output_shape
        status = output.get("StatusCode") if op == "Invoke" else None
        answer = Answer(status or model.http.get("responseCode", 200), {"x-amzn-RequestId": request_id})
        if self.protocol == "rest-xml":
            answer.headers = {"x-amz-request-id": request_id}
        if shape:
            report = ParamValidator().validate(output, shape)
            if report.has_errors():
                raise AssertionError(f"{op}: {report.generate_report()}")
            found = []
            constraints({k: v for k, v in output.items() if k != "FunctionUrl"}, shape, "", found)
            if found:
                raise AssertionError(f"{op}: {found}")
            self.fill(answer, op, output, shape, request_id)
        if self.protocol == "query" and not shape:
            answer.body = self.wrapped(op, "", request_id)
        self.read_again(answer, model, output)
        return answer

    def fill(self, answer, op, output, shape, request_id):
        payload = shape.serialization.get("payload")
        rest = {}
        for name, value in output.items():
            member = shape.members[name]
            where = member.serialization.get("location")
            if where == "header" and self.protocol.startswith("rest"):
                answer.headers[member.serialization.get("name", name)] = \
                    str(value).lower() if isinstance(value, bool) else http_time(value)
            elif where == "headers":
                answer.headers.update({member.serialization.get("name", "") + k: v for k, v in value.items()})
            elif name == payload:
                answer.body = value
            elif where is None or self.protocol == "json":
                rest[name] = value
        if self.protocol == "query":
            answer.headers["Content-Type"] = "text/xml"
            answer.body = self.wrapped(op, to_xml(rest, shape), request_id)
        elif self.protocol in ("json", "rest-json") and not payload and answer.status != 204:
            answer.headers["Content-Type"] = \
                "application/x-amz-json-1.1" if self.protocol == "json" else "application/json"
            answer.body = json.dumps(to_json(rest, shape)).encode()

    def wrapped(self, op, inner, request_id):
        xmlns = self.model.metadata["xmlNamespace"]
        result = f"<{op}Result>{inner}</{op}Result>" if inner else ""
        return (f'<{op}Response xmlns="{xmlns}">{result}<ResponseMetadata><RequestId>{request_id}</RequestId>'
                f"</ResponseMetadata></{op}Response>").encode()

    def read_again(self, answer, model, output):
        streamed = model.has_streaming_output
        parsed = create_parser(self.protocol).parse(
            {"status_code": answer.status, "headers": HeadersDict(answer.headers),
             "context": {"operation_name": model.name},
             "body": io.BytesIO(answer.body) if streamed else answer.body}, model.output_shape)
        parsed.pop("ResponseMetadata", None)
        parsed = {k: v.read() if isinstance(v, io.BytesIO) else v for k, v in parsed.items()}
        if model.output_shape and plain(parsed) != plain(output):
            raise AssertionError(f"{model.name}: botocore reads {parsed}, meant was {output}")

    def error(self, refused, op, request_id):
        """The answer that tells an error."""
        status = refused.status
        shape = next((s for s in self.model.error_shapes
                      if refused.code in (s.name, s.metadata.get("error", {}).get("code"))), None)
        if not status:
            if not shape:
                raise AssertionError(f"{refused.code} is no error of {self.name}")
            status = shape.metadata["error"]["httpStatusCode"]
        if shape and op and self.protocol == "rest-json":
            known = {s.name for s in self.model.operation_model(op).error_shapes}
            if known and shape.name not in known:
                raise AssertionError(f"{op} does not answer {refused.code}")
        headers = dict(refused.headers)
        who = "Receiver" if status >= 500 else "Sender"
        if self.protocol == "query":
            headers["Content-Type"] = "text/xml"
            body = (f'<ErrorResponse xmlns="{self.model.metadata["xmlNamespace"]}"><Error><Type>{who}</Type>'
                    f"<Code>{refused.code}</Code><Message>{escape(refused.message)}</Message></Error>"
                    f"<RequestId>{request_id}</RequestId></ErrorResponse>").encode()
        elif self.protocol == "rest-xml":
            headers.update({"Content-Type": "application/xml", "x-amz-request-id": request_id})
            body = (f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{refused.code}</Code>'
                    f"<Message>{escape(refused.message)}</Message><RequestId>{request_id}</RequestId></Error>").encode()
        elif self.protocol == "json":
            headers.update({"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": request_id})
            body = json.dumps({"__type": refused.code, "message": refused.message}).encode()
        else:
            headers.update({"Content-Type": "application/json", "x-amzn-RequestId": request_id,
                            "x-amzn-ErrorType": refused.code})
            # who signs is asked before Lambda is, and writes errors in its own way
            said = {"Type": "User" if status < 500 else "Service"} if shape else {}
            said = {**said, **refused.members, "Message" if shape else "message": refused.message}
            body = json.dumps(said).encode()
        return Answer(status, headers, body)


# ---- values ----

def drop_null(value):
    if isinstance(value, dict):
        return {k: drop_null(v) for k, v in value.items() if v is not None}
    return [drop_null(v) for v in value] if isinstance(value, list) else value


def from_json(value, shape):
    """What JSON stands for; null is absent, as for the service."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        named = {m.serialization.get("name", n): (n, m) for n, m in shape.members.items()}
        out = {}
        for key, item in value.items():
            name, member = named.get(key, (key, None))
            if item is not None:
                out[name] = from_json(item, member) if member else item
        return out
    if kind == "list" and isinstance(value, list):
        return [from_json(v, shape.member) for v in value]
    if kind == "map" and isinstance(value, dict):
        return {k: from_json(v, shape.value) for k, v in value.items()}
    if kind == "blob" and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error:
            raise Refused("SerializationException", "a blob is no base64", 400) from None
    return value


def to_json(value, shape):
    kind = shape.type_name
    if kind == "structure":
        return {shape.members[k].serialization.get("name", k): to_json(v, shape.members[k]) for k, v in value.items()}
    if kind == "list":
        return [to_json(v, shape.member) for v in value]
    if kind == "map":
        return {k: to_json(v, shape.value) for k, v in value.items()}
    if kind == "blob":
        return base64.b64encode(value).decode()
    if kind == "timestamp":
        return int(value.timestamp())
    return value


def to_xml(value, shape):
    out = []
    for key, item in value.items():
        member = shape.members[key]
        if member.type_name == "structure":
            text = to_xml(item, member)
        elif member.type_name == "timestamp":
            text = item.strftime("%Y-%m-%dT%H:%M:%SZ")
        else:
            text = escape(str(item))
        out.append(f"<{key}>{text}</{key}>")
    return "".join(out)


def http_time(value):
    if isinstance(value, datetime.datetime):
        return value.strftime("%a, %d %b %Y %H:%M:%S GMT")
    return str(value)


def plain(value):
    """For comparing: times to the second, bytes as they are."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, datetime.datetime):
        return int(value.timestamp())
    return value
