#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The files for the Collector's filelog receiver and for Fluent Bit and Elasticsearch take what slsc local writes.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load local_helper
bats_require_minimum_version 1.5.0

@test "observe: each record becomes what OTLP has sent, and fits the index" {
	need jq jq && need python3 python3
	cat >lines.py <<-'EOF'
		import json, os, sys, urllib.request
		deep = lambda n: json.loads('{"a":' * n + "1" + "}" * n)
		lines = [
		    "plain", "", "INFO 8476a536-e9f4-11e8-9739-2dfe598c3fcd stored key=\"a.jpg\"",
		    {"level": "warning", "msg": "own", "n": 1, "f": 1.5, "yes": True, "no": None, "list": [1, "a", {"b": 2}]},
		    {"level": 50, "message": "pino's"}, {"level": 10, "message": "pino's trace"},
		    {"level": "notice", "message": "syslog's"}, {"level": "CRITICAL", "message": "Python's"},
		    {"level": "nobody's", "message": "unknown"}, {"severity": 9.5, "message": {"not": "text"}},
		    {"message": "far", "deep": deep(14), "deeper": deep(30)}, {"message": "all", **{f"k{n}": n for n in range(200)}},
		    {"message": "numbers", "big": 2**70, "long": 2**63 - 1, "tiny": -0.0, "e": 1e300},
		    {"message": "names", "service.name": "mine", "attributes": {"x": 1}, "stream": "none",
		     "resource": {"a": 1}, "severity_number": 99, "instance": 7, "@timestamp": "2026-01-02T03:04:05Z"},
		    {"message": "its own", "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331",
		     "trace_flags": "01", "timestamp": "2026-01-02T03:04:05.123456789Z", "request_id": "r" * 100},
		    {"message": "no ids", "trace_id": "x", "timestamp": "yesterday", "request_id": 5},
		    {"level": "L" * 40000, "message": "M" * 40000, "a": "A" * 40000, "request_id": "R" * 40000},
		    "x" * 262144, "y" * 262145, "\u00e9" * 140000, "\U0001f600 caf\u00e9 \\ \"quoted\" \t tab", {"\u00e9\"\\": "\u0000\u001f"}, {"a.b": {"c.d": 1}, "": ""},
		]
		base = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation/"
		print("before the first", flush=True)
		while True:
		    r = urllib.request.urlopen(base + "next")
		    for line in lines:
		        print(line if isinstance(line, str) else json.dumps(line), flush=True)
		    print("to stderr", file=sys.stderr, flush=True)
		    os.write(1, b"no UTF-8: \xff\xfe\n")
		    urllib.request.urlopen(base + r.headers["Lambda-Runtime-Aws-Request-Id"] + "/response", b"{}").read()
	EOF
	local_start --name lines --log-file "$T/records.jsonl" --otlp-dir "$T/otlp" -- /usr/bin/python3 -u lines.py
	call lines '{}' -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
	call lines '{}'
	is "$status" 200
	local_stop
	run -0 python3 "$SLSC_SRC/tests/e2e/support/observe_check.py" "$SLSC_SRC/observe" "$T/records.jsonl" "$T/otlp/logs.jsonl"
	is "$output" "55 records"
}
