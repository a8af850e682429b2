#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc flow graph: drawings of the machines of tests/flow, in a browser and byte for byte; the way of an execution.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
bats_require_minimum_version 1.5.0
load helper

graph() { slsc_run flow graph "$@"; }

@test "flow graph: of each machine, nothing covers anything, sticks out, or asks for more than the file" {
	local m
	need chromium chromium && need python3 python3
	graph "$SLSC_SRC/tests/flow/graph/order.json" --history "$SLSC_SRC/tests/flow/graph/history.json" -o order.svg
	is "$status" 0
	is "$out$err" ""
	for m in "$SLSC_SRC"/tests/flow/valid/*.asl.* "$SLSC_SRC/tests/flow/graph/order.json"; do
		graph "$m" -o "$(basename "$m").svg"
		is "$status" 0
	done
	# a hundred states in a row, and one that leads to each of fifty
	python3 - <<'END' >wide.json
import json
states = {"C": {"Type": "Choice", "Choices": [
    {"Variable": "$.n", "NumericEquals": i, "Next": "target number %d" % i} for i in range(50)], "Default": "Row 0"}}
states.update({"target number %d" % i: {"Type": "Pass", "Next": "Row %d" % (2 * i)} for i in range(50)})
states.update({"Row %d" % i: {"Type": "Wait", "Seconds": i, "Next": "Row %d" % (i + 1)} for i in range(99)})
states["Row 99"] = {"Type": "Task", "Resource": "f", "Catch": [{"ErrorEquals": ["Again"], "Next": "C"}], "End": True}
print(json.dumps({"StartAt": "C", "States": states}))
END
	graph wide.json -o wide.svg
	is "$status" 0
	python3 "$SLSC_SRC/tests/e2e/support/flow_svg.py" "$T" order.svg ./*.asl.*.svg order.json.svg wide.svg
	[ -z "${SLSC_SCREENSHOTS:-}" ] || cp "$T"/*.png "$SLSC_SCREENSHOTS/"
}

@test "flow graph: the same bytes as ever, as SVG and as Mermaid, with and without an execution" {
	cp "$SLSC_SRC"/tests/flow/graph/*.json .
	graph order.json
	is "$status" 0
	cmp "$T/out" "$SLSC_SRC/tests/flow/graph/order.svg"
	graph --svg order.json --history history.json
	cmp "$T/out" "$SLSC_SRC/tests/flow/graph/run.svg"
	graph --mermaid order.json
	diff -u "$SLSC_SRC/tests/flow/graph/order.mmd" "$T/out"
	graph --mermaid order.json --history history.json
	diff -u "$SLSC_SRC/tests/flow/graph/run.mmd" "$T/out"
	# the events in whatever order, and their times as the AWS CLI prints them
	jq '{events: (.events | reverse | map(.timestamp |= (. as $t | ($t | floor | todate | rtrimstr("Z")) +
		"." + (((($t - ($t | floor)) * 1000 | round) + 1000 | tostring)[1:]) + "+00:00")))}' history.json >cli.json
	graph order.json --history cli.json
	cmp "$T/out" "$SLSC_SRC/tests/flow/graph/run.svg"
}

@test "flow graph: an execution that failed, and one that was stopped" {
	cat >m.json <<'END'
{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"f","Next":"B"},"B":{"Type":"Wait","Seconds":9,"Next":"C"},
"C":{"Type":"Fail","Error":"E"}}}
END
	cat >h.json <<'END'
[{"id":1,"previousEventId":0,"timestamp":1.0,"type":"ExecutionStarted"},
{"id":2,"previousEventId":1,"timestamp":1.5,"type":"TaskStateEntered","stateEnteredEventDetails":{"name":"A"}},
{"id":3,"previousEventId":2,"timestamp":1.5,"type":"LambdaFunctionScheduled"},
{"id":4,"previousEventId":3,"timestamp":2.5,"type":"LambdaFunctionFailed"},
{"id":5,"previousEventId":4,"timestamp":2.5,"type":"ExecutionFailed"}]
END
	graph m.json --history h.json --mermaid
	is "$status" 0
	is "$out" 'flowchart TD
  b0(( )) --> s0
  s0["A<br/>Task: f<br/>not left, 1 failed"]:::failed
  s1(["B<br/>Wait: 9 s"])
  s2(["C<br/>Fail: E"])
  s0 --> s1
  s1 --> s2
  classDef done stroke:#1a7f37,stroke-width:2.5px
  classDef failed stroke:#b3261e,stroke-width:2.5px
  classDef stopped stroke:#855000,stroke-width:2.5px
  linkStyle 0 stroke:#1a7f37,stroke-width:2.5px'
	graph m.json --history h.json
	has "$out" '<text class="mute" x="16" y="39">execution FAILED, 1.50 s</text>'
	has "$out" 'aria-label="A, Task: f. failed, not left, 1 failed. Leads to B"'
	jq '.[4].type = "ExecutionAborted"' h.json >a.json
	graph m.json --history a.json --mermaid
	has "$out" 's0["A<br/>Task: f<br/>not left, 1 failed"]:::stopped'
	# as far as it is, it is running
	jq '.[:3]' h.json >r.json
	graph m.json --history r.json
	has "$out" 'execution RUNNING, 500 ms'
}

@test "flow graph: names that mean something in XML, HTML and Mermaid are text" {
	cat >m.yaml <<'END'
Comment: '<script>alert(1)</script> & "x"'
StartAt: '</title><script>'
States:
  '</title><script>': {Type: Pass, Next: 'a"] --> b; click'}
  'a"] --> b; click': {Type: Pass, Result: 1, Next: "\u0001\uFFFE\u202E\n]"}
  "\u0001\uFFFE\u202E\n]": {Type: Fail, Error: '"<b>`#'}
END
	graph m.yaml -o m.svg
	is "$status" 0
	is "$(grep -c '<script>' m.svg || true)" 0
	python3 -c 'import sys, xml.etree.ElementTree as ET; print(ET.parse("m.svg").getroot()[0].text)' >title
	is "$(cat title)" '<script>alert(1)</script> & "x"'
	graph m.yaml --mermaid
	is "$out" 'flowchart TD
  b0(( )) --> s0
  s0["#60;/title#62;#60;script#62;<br/>Pass"]
  s1["a#34;#93; --#62; b#59; click<br/>Pass"]
  s2([" '$'\xef\xbf\xbe''  #93;<br/>Fail: #34;#60;b#62;#96;#35;"])
  s0 --> s1
  s1 --> s2'
}

@test "flow graph: what is wrong is said, and nothing is written" {
	cp "$SLSC_SRC"/tests/flow/graph/*.json .
	echo '{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"}}}' >bad.json
	graph bad.json -o bad.svg
	is "$status" 1
	is "$err" "error: bad.json:1:52: States.A.Next: there is no state 'B' here
hint: there are: A"
	[ ! -e bad.svg ]
	echo '{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}' >other.json
	graph other.json --history history.json
	is "$status" 1
	is "$err" "error: history.json: event 2: the machine has no state 'Reserve stock'
hint: is it the history of another machine?"
	jq '.events |= .[3:]' history.json >part.json
	graph order.json --history part.json
	is "$err" "error: part.json: event $(($(jq '.events | length' part.json) - 2)): its id is out of place
hint: all events of an execution are needed, numbered from 1 on"
	echo '{"events":[{"type":"ExecutionStarted","id":1,"timestamp":"yesterday"}]}' >when.json
	graph order.json --history when.json
	is "$err" "error: when.json: event 1: its timestamp is neither seconds since 1970 nor a time"
	echo '{"events":[{"type":"PassStateEntered","id":1,"previousEventId":1,"timestamp":0}]}' >loop.json
	graph order.json --history loop.json
	is "$err" "error: loop.json: event 1: its previousEventId is not before it"
	printf '{"events":\n[}' >cut.json
	graph order.json --history cut.json
	is "$err" "error: cut.json:2:2: unexpected token near '}'"
	echo '{}' >none.json
	graph order.json --history none.json
	is "$err" "error: none.json: there is no list of events"
	graph order.json --svg --mermaid
	is "$status" 2
	is "$err" "error: --svg and --mermaid exclude each other"
	python3 -c 'print("{\"StartAt\":\"s0\",\"States\":{" + ",".join("\"s%d\":{\"Type\":\"Pass\",\"Next\":\"s%d\"}" % (i, i + 1) for i in range(1000)) + ",\"s1000\":{\"Type\":\"Succeed\"}}}")' >many.json
	graph many.json
	is "$status" 1
	is "$err" "error: many.json: limit exceeded: 1001 states, a drawing has at most 1000
hint: --mermaid has no limit"
	graph many.json --mermaid -o many.mmd
	is "$status" 0
	is "$(grep -c -e '-->' many.mmd)" 1002
}
