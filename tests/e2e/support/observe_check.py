#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does with real records what the Collector's filelog receiver, Fluent Bit and Elasticsearch would do with them.

observe_check.py DIR RECORDS OTLP: DIR has the configurations, RECORDS is a file of `slsc local --log-file`, OTLP the
logs.jsonl of the --otlp-dir of the same run. Operators are those of opentelemetry-collector-contrib's pkg/stanza; what
is not known here is an error. The filelog receiver has to make of each record what was sent by OTLP.
"""
import datetime
import json
import re
import sys

import yaml

DIR, RECORDS, OTLP = sys.argv[1:]
SEVERITY = {f"{name}{n or ''}": base + (n - 1 if n else 0)
            for base, name in zip(range(1, 25, 4), ("trace", "debug", "info", "warn", "error", "fatal"))
            for n in (0, 2, 3, 4)}
SEVERITY |= {"warning": 13, "err": 17} | {str(n): n for n in range(1, 25)}


def fail(what):
    sys.exit(f"observe_check: {what}")


def field(text):
    """attributes.level, attributes["service.name"], body: the path."""
    path = re.findall(r'\["([^"]+)"\]|(\w+)', text)
    path = [a or b for a, b in path]
    if path[0] not in ("attributes", "resource", "body"):
        fail(f"{text}: no field of an entry")
    return path


def get(entry, path):
    for name in path:
        if not isinstance(entry, dict) or name not in entry:
            return None
        entry = entry[name]
    return entry


def put(entry, path, value):
    for name in path[:-1]:
        entry = entry[name]
    entry[path[-1]] = value


def drop(entry, path):
    for name in path[:-1]:
        entry = entry[name]
    return entry.pop(path[-1])


def nanoseconds(text):
    m = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{1,9})Z", text)
    if not m:
        fail(f"{text}: not of the layout")
    t = datetime.datetime.fromisoformat(m[1] + "+00:00")
    return int(t.timestamp()) * 10**9 + int(m[2].ljust(9, "0"))


def applies(op, entry):
    if "if" not in op:
        return True
    m = re.fullmatch(r"(\S+) != nil", op["if"])
    if not m:
        fail(f"if: {op['if']}: not understood here")
    return get(entry, field(m[1])) is not None


def run(op, entry):
    kind = op["type"]
    known = {"type", "if"} | {
        "json_parser": {"parse_ints"}, "time_parser": {"parse_from", "layout_type", "layout"},
        "add": {"field", "value"}, "severity_parser": {"parse_from", "overwrite_text"}, "trace_parser": {"trace_id", "span_id", "trace_flags"},
        "move": {"from", "to"}, "remove": {"field"}, "flatten": {"field"}}[kind]
    if set(op) - known:
        fail(f"{kind}: {set(op) - known} is not understood here")
    if kind == "json_parser":
        entry["attributes"] |= json.loads(entry["body"])
    elif kind == "time_parser":
        if (op["layout_type"], op["layout"]) != ("gotime", "2006-01-02T15:04:05.999999999Z07:00"):
            fail("time_parser: another layout")
        entry["time"] = nanoseconds(get(entry, field(op["parse_from"])))
    elif kind == "add":
        m = re.fullmatch(r"EXPR\(string\(([^)]+)\)\)", op["value"])
        if not m:
            fail(f"add: {op['value']}: not understood here")
        put(entry, field(op["field"]), str(get(entry, field(m[1]))))
    elif kind == "severity_parser":
        value = get(entry, field(op["parse_from"]))
        # parse_ints makes int64 of numbers, which it does not take
        if not isinstance(value, str):
            fail(f"severity_parser: {value!r} is no string")
        entry["severity"] = SEVERITY.get(value.lower(), 0)
    elif kind == "trace_parser":
        for name, digits in (("trace_id", 32), ("span_id", 16), ("trace_flags", 2)):
            value = get(entry, field(op[name]["parse_from"]))
            if value is not None and not re.fullmatch(f"[0-9a-f]{{{digits}}}", value):
                fail(f"trace_parser: {name} {value!r}")
            entry[name] = value
    elif kind == "move":
        put(entry, field(op["to"]), drop(entry, field(op["from"])))
    elif kind == "remove":
        drop(entry, field(op["field"]))
    elif kind == "flatten":
        path = field(op["field"])
        below = drop(entry, path)
        get(entry, path[:-1]).update(below)


def value_of(any_value):
    (kind, v), = any_value.items() if any_value else (("null", None),)
    if kind == "intValue":
        return int(v)
    if kind == "arrayValue":
        return [value_of(x) for x in v.get("values", [])]
    if kind == "kvlistValue":
        return members(v.get("values", []))
    return v


def members(attributes):
    return {a["key"]: value_of(a.get("value", {})) for a in attributes}


def sent():
    for line in open(OTLP):
        for resource in json.loads(line)["resourceLogs"]:
            for scope in resource["scopeLogs"]:
                for r in scope["logRecords"]:
                    yield resource["resource"], r


def filelog(lines):
    receiver = yaml.safe_load(open(f"{DIR}/otelcol-filelog.yaml"))["receivers"]["filelog"]
    most = int(re.fullmatch(r"(\d+)MiB", receiver["max_log_size"])[1]) << 20
    theirs = list(sent())
    if len(lines) != len(theirs):
        fail(f"{len(lines)} records, {len(theirs)} sent")
    for n, (line, (resource, r)) in enumerate(zip(lines, theirs), 1):
        entry = {"body": line, "attributes": {}, "resource": {}, "severity": 0}
        if len(line.encode()) > most:
            fail(f"record {n}: larger than max_log_size")
        for op in receiver["operators"]:
            if applies(op, entry):
                run(op, entry)
        known = members(resource["attributes"])
        for what, ours, other in (
                ("body", entry["body"], value_of(r["body"])),
                ("time", entry["time"], int(r["timeUnixNano"])),
                ("severity", entry["severity"], r.get("severityNumber", 0)),
                ("trace", entry.get("trace_id"), r.get("traceId")),
                ("span", entry.get("span_id"), r.get("spanId")),
                ("flags", int(entry.get("trace_flags") or "0", 16), r.get("flags", 0)),
                ("attributes", entry["attributes"], members(r["attributes"])),
                ("resource", entry["resource"], {k: known.get(k) for k in entry["resource"]})):
            if json.dumps(ours, sort_keys=True) != json.dumps(other, sort_keys=True):
                fail(f"record {n}: {what}: filelog {ours!r:.300}, OTLP {other!r:.300}")
        missing = set(known) - set(entry["resource"]) - {"faas.max_memory"}
        if missing:
            fail(f"record {n}: the resource lacks {missing}")


def depth(v):
    if isinstance(v, dict):
        return 1 + max(map(depth, v.values()), default=0)
    return max(map(depth, v), default=0) if isinstance(v, list) else 0


def fits(name, mapping, v):
    kind = mapping.get("type")
    if "properties" in mapping:
        return isinstance(v, dict) and all(k in mapping["properties"] and fits(k, mapping["properties"][k], x)
                                           for k, x in v.items())
    if kind == "date_nanos":
        return nanoseconds(v) > 0
    if kind == "byte":
        return isinstance(v, int) and -128 <= v <= 127
    if kind == "long":
        return isinstance(v, int) and -2**63 <= v < 2**63
    if kind == "keyword":
        # Lucene refuses longer terms, and with them the document
        return isinstance(v, str) and (len(v.encode()) <= 32766 or mapping.get("ignore_above", 1 << 20) <= 8191)
    if kind == "match_only_text":
        return isinstance(v, str)
    if kind == "flattened":
        return isinstance(v, dict) and depth(v) <= mapping["depth_limit"] and mapping["ignore_above"] * 4 <= 32766
    fail(f"{name}: a mapping of {kind}, which is not understood here")


def elasticsearch(lines):
    config = yaml.safe_load(open(f"{DIR}/fluent-bit.yaml"))
    template = json.load(open(f"{DIR}/elasticsearch-template.json"))
    tail, = config["pipeline"]["inputs"]
    es, = config["pipeline"]["outputs"]
    parser, = config["parsers"]
    if (tail["parser"], es["match"]) != (parser["name"], tail["tag"]):
        fail("fluent-bit.yaml: the input, its parser and the output do not belong together")
    if parser["format"] != "json" or parser["time_format"] != "%Y-%m-%dT%H:%M:%S.%LZ":
        fail("fluent-bit.yaml: another parser")
    most = int(re.fullmatch(r"(\d+)M", tail["buffer_max_size"])[1]) << 20
    if not es["logstash_format"] or template["index_patterns"] != [es["logstash_prefix"] + "-*"]:
        fail("the template is not for the index that Fluent Bit writes")
    mappings = template["template"]["mappings"]["properties"]
    for n, line in enumerate(lines, 1):
        doc = json.loads(line)
        if len(line.encode()) > most:
            fail(f"record {n}: longer than Fluent Bit takes")
        # its parser takes the time out of the record, the output gives it back under Logstash's name
        doc["@timestamp"] = doc.pop(parser["time_key"])
        # a dot in a name is an object to Elasticsearch
        doc["service"] = {"name": doc.pop("service.name")}
        for name, v in doc.items():
            if name not in mappings:
                fail(f"record {n}: the index has no '{name}'")
            if not fits(name, mappings[name], v):
                fail(f"record {n}: '{name}' is not of its mapping: {v!r:.200}")


records = open(RECORDS).read().splitlines()
filelog(records)
elasticsearch(records)
print(len(records), "records")
