#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc flow test: cases of a state machine.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err

load helper

machine() {
	cat >pay.asl.yaml <<-'EOF'
		StartAt: Stock
		States:
		  Stock:
		    Type: Task
		    Resource: arn:aws:lambda:us-east-1:123456789012:function:stock
		    ResultPath: $.stock
		    Next: Enough
		  Enough:
		    Type: Choice
		    Choices:
		      - Variable: $.stock.left
		        NumericGreaterThan: 0
		        Next: Charge
		    Default: SoldOut
		  Charge:
		    Type: Task
		    Resource: arn:aws:states:::lambda:invoke
		    Parameters:
		      FunctionName: payment
		      Payload: { amount.$: $.amount, hash.$: "States.Hash('abc', 'SHA-256')" }
		    ResultSelector: { id.$: $.Payload.id }
		    ResultPath: $.payment
		    TimeoutSeconds: 5
		    Retry:
		      - ErrorEquals: [Busy, States.Timeout]
		        IntervalSeconds: 1
		        MaxAttempts: 2
		    Catch:
		      - ErrorEquals: [States.ALL]
		        ResultPath: $.error
		        Next: PutBack
		    End: true
		  PutBack:
		    Type: Task
		    Resource: arn:aws:lambda:us-east-1:123456789012:function:putback
		    ResultPath: null
		    Next: Declined
		  Declined:
		    Type: Fail
		    Error: PaymentDeclined
		    CausePath: $.error.Cause
		  SoldOut:
		    Type: Succeed
		    OutputPath: $.stock
	EOF
}

@test "cases hold: results, errors in turn, a timeout, and no time passes" {
	machine
	cat >pay.test.yaml <<-'EOF'
		cases:
		  - name: paid at once
		    input: { amount: 12 }
		    tasks:
		      Stock: { result: { left: 3 } }
		      Charge:
		        result: { id: p1 }
		        payload: { amount: 12, hash: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad }
		    path: [Stock, Enough, Charge]
		    output: { amount: 12, stock: { left: 3 }, payment: { id: p1 } }
		    seconds: 0
		  - name: busy, then too slow, then paid
		    input: { amount: 12 }
		    tasks:
		      Stock: { result: { left: 1 } }
		      Charge:
		        - error: Busy
		        - result: { id: late }
		          after: 60
		        - result: { id: p2 }
		          after: 0.5
		    path: [Stock, Enough, Charge]
		    output: { amount: 12, stock: { left: 1 }, payment: { id: p2 } }
		    seconds: 8.5
		  - name: declined, and the stock put back
		    input: { amount: 12 }
		    tasks:
		      Stock: { result: { left: 1 } }
		      Charge: [{ error: Declined, cause: no money }]
		      PutBack: { result: null }
		    path: [Stock, Enough, Charge, PutBack, Declined]
		    error: PaymentDeclined
		    cause: no money
		  - tasks:
		      Stock: { result: { left: 0 } }
		    output: { left: 0 }
	EOF
	slsc_run flow test pay.asl.yaml
	is "$out" "ok    paid at once (3 states, 0 s)
ok    busy, then too slow, then paid (3 states, 8.500 s)
ok    declined, and the stock put back (5 states, 0 s)
ok    case 4 (3 states, 0 s)"
	is "$err" "pay.asl.yaml: 4 cases hold"
	is "$status" 0
	slsc_run -q flow test pay.asl.yaml --tests pay.test.yaml
	is "$out$err" ""
	is "$status" 0
}

@test "what does not hold is told with its place, and exit code 3" {
	machine
	cat >bad.yaml <<-'EOF'
		cases:
		  - name: wrong in all ways
		    input: { amount: 12 }
		    tasks:
		      Stock: [{ result: { left: 1, more: [1, 2] } }, { result: 1, times: 3 }]
		      Charge: { result: { id: p1 }, payload: { amount: 13 } }
		    path: [Stock, Enough, SoldOut]
		    output: { amount: 12, stock: { left: 2, more: [1] }, payment: { id: p1 }, z: 1 }
		    seconds: 3
		  - name: fails
		    tasks:
		      Stock: { error: E, cause: why }
		  - name: no answers
		  - name: another error
		    tasks:
		      Stock: { error: E, cause: why }
		    error: F
		    cause: because
		  - name: once more
		    input: { amount: 12 }
		    tasks:
		      Stock: { result: { left: 1 } }
		      Charge: [{ error: Busy }]
	EOF
	slsc_run flow test pay.asl.yaml -t bad.yaml
	is "$out" "FAIL  wrong in all ways (3 states, 0 s)
      bad.yaml:6:15: payload:
        what 'Charge' is given:
        \$.amount: expected 13, got 12
        \$.hash: expected nothing, got \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"
      bad.yaml:7:11: path:
        state 3 is another one
        expected Stock > Enough > SoldOut
        got      Stock > Enough > Charge
      bad.yaml:8:13: output:
        \$.stock.left: expected 2, got 1
        \$.stock.more[1]: expected nothing, got 2
        \$.z: expected 1, got nothing
      bad.yaml:9:14: seconds:
        expected 3
        got      0
      bad.yaml:5:7: task: 3 of the answers of 'Stock' were never asked for
FAIL  fails (1 state, 0 s)
      bad.yaml:10:5: status:
        expected SUCCEEDED
        got      FAILED, E: why
FAIL  no answers (1 state, 0 s)
      bad.yaml:13:5: task: 'Stock' is asked, and 'tasks' has no answer for it
FAIL  another error (1 state, 0 s)
      bad.yaml:17:12: error:
        expected F
        got      E
      bad.yaml:18:12: cause:
        expected because
        got      why
FAIL  once more (3 states, 1 s)
      bad.yaml:23:7: task: 'Charge' is asked once more than it has answers"
	is "$err" "error: pay.asl.yaml: 5 of 5 cases do not hold"
	is "$status" 3
	slsc_run flow test pay.asl.yaml -t bad.yaml --json
	is "$status" 3
	is "$(jq -c '[.passed, .failed, .cases[1].unmet, .cases[0].path]' <<<"$out")" \
		'[0,5,[{"what":"status","line":10,"column":5,"text":"expected SUCCEEDED\ngot      FAILED, E: why"}],["Stock","Enough","Charge"]]'
	# names, from wherever, have no say over the terminal
	printf 'cases:\n  - name: "a\\e[31mb"\n    tasks: {Stock: {error: "E\\e"}}\n    error: F\n' >esc.yaml
	slsc_run flow test pay.asl.yaml -t esc.yaml
	is "$status $out" "3 FAIL  a?[31mb (1 state, 0 s)
      esc.yaml:4:12: error:
        expected F
        got      E?"
}

@test "a loop without an end is cut off, and one of waits takes no time" {
	cat >loop.json <<-'EOF'
		{"StartAt": "A", "States": {
		  "A": {"Type": "Pass", "Next": "B"},
		  "B": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "C"}], "Default": "A"},
		  "C": {"Type": "Succeed"}}}
	EOF
	cat >loop.test.json <<-'EOF'
		{"cases": [{"path": ["A", "B", "A"]}]}
	EOF
	slsc_run flow test loop.json
	is "$out" "FAIL  case 1 (250000 states, 0 s)
      loop.test.json:1:12: status: it has entered 250000 states, and does not come to an end
      loop.test.json:1:21: path:
        state 4 is another one
        expected A > B > A
        got      A > B > A > B > A > B > A > B > ..."
	is "$status" 3
	cat >wait.json <<-'EOF'
		{"TimeoutSeconds": 99999, "StartAt": "A", "States": {
		  "A": {"Type": "Wait", "Seconds": 10, "Next": "B"},
		  "B": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "C"}], "Default": "A"},
		  "C": {"Type": "Succeed"}}}
	EOF
	echo '[{"status": "TIMED_OUT", "seconds": 99999}]' >wait.test.json
	slsc_run flow test wait.json
	is "$out" "ok    case 1 (19999 states, 99999 s)"
	is "$status" 0
}

@test "files that are wrong are told with line and column" {
	machine
	try() {
		printf '%b' "$1" >t.yaml
		slsc_run flow test pay.asl.yaml -t t.yaml
		is "$err" "error: $2"
		is "$out" ""
		is "$status" 1
	}
	try 'cases: 5\n' "t.yaml:1:8: a list of cases is expected in 'cases'"
	try 'case: []\n' "t.yaml:1:1: unknown key 'case' in a file of tests
hint: did you mean 'cases'?"
	try 'cases:\n  - inptu: 1\n' "t.yaml:2:5: unknown key 'inptu' in a case
hint: did you mean 'input'?"
	try 'cases:\n  - path: [Stok]\n' "t.yaml:2:12: there is no state 'Stok' in pay.asl.yaml
hint: did you mean 'Stock'?"
	try 'cases:\n  - tasks: { Enough: { result: 1 } }\n' "t.yaml:2:14: 'Enough' is a Choice, which calls nothing"
	try 'cases:\n  - tasks: { Stock: { after: 1 } }\n' "t.yaml:2:21: an answer has either 'result' or 'error'"
	try 'cases:\n  - tasks: { Stock: { result: 1, times: 0 } }\n' \
		"t.yaml:2:41: 'times' has to be a whole number from 1 to 1000000"
	try 'cases:\n  - status: DONE\n' "t.yaml:2:13: 'status' has to be SUCCEEDED, FAILED or TIMED_OUT"
	try 'cases:\n  - error: E\n    output: 1\n' "t.yaml:3:13: there is no output of an execution that has failed"
	slsc_run flow test pay.asl.yaml
	is "$err" "error: cannot read pay.test.yaml: No such file or directory
hint: name the file of cases with --tests, or see docs/FLOW.md for how to write one"
	is "$status" 1
	slsc_run flow test -
	is "$status" 1
}
