#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The Step Functions API of slsc local, as npm's SDK and Debian's AWS CLI call it; executions that a kill -9 of slsc local
# meets go on; slsc flow run by the slsc local that runs.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load local_helper
load flow_helper
bats_require_minimum_version 1.5.0

A=arn:aws:states:us-east-1:123456789012
ROLE=arn:aws:iam::123456789012:role/any

setup_file() {
	npm_ci sdk
	export SDK=$npm
}

end_sdk() {
	if [ -n "${sdk_pid:-}" ]; then
		exec 8>&- 9<&-
		wait "$sdk_pid" || :
	fi
}
unmount() {
	[ -z "${full:-}" ] || umount "$full"
}
at_end=(end_sdk "${at_end[@]}" unmount)

# sdk_start: one process of Node's for all calls of a test
sdk_start() {
	need node nodejs && need jq jq || return 1
	mkfifo "$T/in" "$T/answers"
	node "$SLSC_SRC/tests/e2e/support/sfn_call.mjs" "$url" <"$T/in" >"$T/answers" 3>&- &
	sdk_pid=$!
	exec 8>"$T/in" 9<"$T/answers"
}

sdk_stop() {
	exec 8>&- 9<&-
	wait "$sdk_pid" || return 1
	sdk_pid=
	rm "$T/in" "$T/answers"
}

# sfn OPERATION INPUT: $out is the answer
sfn() {
	jq -cn --arg op "$1" --argjson in "$2" '[$op, $in]' >&8
	read -r -t 60 out <&9
}

# ended ARN: until the execution has ended; $out describes it
ended() {
	local i
	for ((i = 0; i < 600; i++)); do
		sfn DescribeExecution "{\"executionArn\":\"$1\"}"
		[ "$(jq -r .status <<<"$out")" = RUNNING ] || return 0
		sleep 0.05
	done
	return 1
}

# thrown TYPE MESSAGE: what the SDK made of it
thrown() {
	is "$(jq -c . <<<"$out")" "$(jq -cn --arg t "$1" --arg m "$2" '{thrown: $t, message: $m, status: 400, known: true}')"
}

quote() {
	printf %s "$1" | jq -Rs .
}

@test "npm's SDK: machines are made, changed, listed, described, removed, and what is refused" {
	mkdir p && cd p
	printf 'project: p\nfunctions:\n  f:\n    sources: [f.c]\n    runtime: none\n' >slsc.yaml
	printf 'int main(void) { return 0; }\n' >f.c
	local_start
	sdk_start
	pass='{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}'
	make="{\"name\":\"m\",\"roleArn\":\"$ROLE\",\"definition\":$(quote "$pass")}"
	sfn CreateStateMachine "$make"
	is "$(jq -r .stateMachineArn <<<"$out")" "$A:stateMachine:m"
	made=$(jq -r .creationDate <<<"$out")
	sfn CreateStateMachine "$make"
	is "$(jq -r .creationDate <<<"$out")" "$made"
	sfn CreateStateMachine "$(jq -c '.type = "EXPRESS"' <<<"$make")"
	thrown StateMachineAlreadyExists "State Machine Already Exists: '$A:stateMachine:m'"
	sfn CreateStateMachine "$(jq -c '.name = "a b"' <<<"$make")"
	thrown InvalidName "Invalid Name: 'a b'"
	sfn CreateStateMachine "$(jq -c '.name = "x" | .roleArn = "me"' <<<"$make")"
	thrown InvalidArn "Invalid Role Arn: 'me'"
	sfn CreateStateMachine "$(jq -c '.name = "x" | .definition = "{\"StartAt\":\"B\",\"States\":{}}"' <<<"$make")"
	thrown InvalidDefinition "Invalid State Machine Definition: 'x:1:25: States: there has to be a state at least'"
	sfn CreateStateMachine "$(jq -c 'del(.roleArn) | .name = "x"' <<<"$make")"
	is "$(jq -r '[.thrown, .message] | join(" ")' <<<"$out")" \
		"ValidationException 1 validation error detected: Value at 'roleArn' failed to satisfy constraint: Member must not be null"
	sfn DescribeStateMachine "{\"stateMachineArn\":\"$A:stateMachine:m\"}"
	is "$(jq -c '[.name, .status, .type, .definition, .roleArn, .creationDate]' <<<"$out")" \
		"[\"m\",\"ACTIVE\",\"STANDARD\",$(quote "$pass"),\"$ROLE\",\"$made\"]"
	sfn UpdateStateMachine "{\"stateMachineArn\":\"$A:stateMachine:m\"}"
	is "$(jq -r .thrown <<<"$out")" MissingRequiredParameter
	sfn UpdateStateMachine "{\"stateMachineArn\":\"$A:stateMachine:m\",\"definition\":$(quote "${pass/Pass/Succeed}" | sed 's/,\\"End\\":true//')}"
	is "$(jq -r 'keys | join(" ")' <<<"$out")" "revisionId updateDate"
	for n in b c; do
		sfn CreateStateMachine "$(jq -c ".name = \"$n\" | .type = \"EXPRESS\"" <<<"$make")"
	done
	sfn ListStateMachines '{"maxResults":2}'
	is "$(jq -c '[.stateMachines[].name, .nextToken]' <<<"$out")" '["m","b","2"]'
	sfn ListStateMachines '{"maxResults":2,"nextToken":"2"}'
	is "$(jq -c '[.stateMachines[] | .name, .type]' <<<"$out")" '["c","EXPRESS"]'
	sfn ListStateMachines '{"nextToken":"x"}'
	thrown InvalidToken "Invalid Token: 'x'"
	sfn ValidateStateMachineDefinition "{\"definition\":$(quote "$pass")}"
	is "$(jq -c '[.result, .diagnostics]' <<<"$out")" '["OK",[]]'
	sfn ValidateStateMachineDefinition '{"definition":"{\"StartAt\":\"B\",\"States\":{\"A\":{\"Type\":\"Pass\",\"End\":true}}}"}'
	is "$(jq -c '[.result, .diagnostics[0].severity]' <<<"$out")" '["FAIL","ERROR"]'
	sfn DeleteStateMachine "{\"stateMachineArn\":\"$A:stateMachine:b\"}"
	is "$out" '{}'
	sfn DescribeStateMachine "{\"stateMachineArn\":\"$A:stateMachine:b\"}"
	thrown StateMachineDoesNotExist "State Machine Does Not Exist: '$A:stateMachine:b'"
	sfn DescribeStateMachine '{"stateMachineArn":"m"}'
	thrown InvalidArn "Invalid Arn: 'm'"
	sfn ListActivities '{}'
	is "$(jq -r '[.thrown, .message] | join(" ")' <<<"$out")" "UnknownOperationException 'ListActivities' is no operation that slsc local has"
	# EXPRESS: at once, in memory
	sfn StartSyncExecution "{\"stateMachineArn\":\"$A:stateMachine:c\",\"input\":\"[1]\",\"name\":\"s\"}"
	is "$(jq -c '[.status, .output, .input, .name, .billingDetails.billedMemoryUsedInMB]' <<<"$out")" \
		'["SUCCEEDED","[1]","[1]","s",64]'
	sfn StartSyncExecution "{\"stateMachineArn\":\"$A:stateMachine:m\"}"
	is "$(jq -r .thrown <<<"$out")" StateMachineTypeNotSupported
	sfn ListExecutions "{\"stateMachineArn\":\"$A:stateMachine:c\"}"
	is "$(jq -r .thrown <<<"$out")" StateMachineTypeNotSupported
	# a machine outlives slsc local; one that was removed does not
	sdk_stop
	local_stop
	local_start
	sdk_start
	sfn ListStateMachines '{}'
	is "$(jq -c '[.stateMachines[] | .name, .type]' <<<"$out")" '["c","EXPRESS","m","STANDARD"]'
}

@test "npm's SDK drives the checkout template; kill -9 of slsc local in the middle" {
	shop
	printf 'flows: {checkout: flow.asl.yaml}\n' >>slsc.yaml
	local_start
	has "$(cat "$T/local.log")" "checkout  $A:stateMachine:checkout at http://127.0.0.1:"
	sdk_start
	M="\"stateMachineArn\":\"$A:stateMachine:checkout\"" X=$A:execution:checkout
	order=$(jq -c . events/order.json)
	start="{$M,\"name\":\"a\",\"input\":$(quote "$order")}"
	sfn StartExecution "$start"
	is "$(jq -r .executionArn <<<"$out")" "$X:a"
	ended "$X:a"
	is "$(jq -c '[.status, .name, (.output | fromjson | .payment), (.traceHeader | startswith("Root=1-"))]' <<<"$out")" \
		'["SUCCEEDED","a",{"paid":4998},true]'
	sfn StartExecution "$start"
	thrown ExecutionAlreadyExists "Execution Already Exists: '$X:a'"
	sfn GetExecutionHistory "{\"executionArn\":\"$X:a\",\"maxResults\":2}"
	is "$(jq -c '[[.events[].type], .nextToken]' <<<"$out")" '[["ExecutionStarted","TaskStateEntered"],"2"]'
	sfn GetExecutionHistory "{\"executionArn\":\"$X:a\",\"maxResults\":1000,\"nextToken\":\"2\"}"
	is "$(jq -c '[.events[0].type, (.events | length), .nextToken]' <<<"$out")" '["LambdaFunctionScheduled",24,null]'
	sfn GetExecutionHistory "{\"executionArn\":\"$X:a\",\"reverseOrder\":true,\"includeExecutionData\":false}"
	is "$(jq -c '[.events[0].type, .events[0].executionSucceededEventDetails.output, .events[-1].id]' <<<"$out")" \
		'["ExecutionSucceeded",null,1]'
	sfn GetExecutionHistory "{\"executionArn\":\"$X:a\",\"reverseOrder\":true,\"maxResults\":3}"
	is "$(jq -c '[[.events[].id], .nextToken]' <<<"$out")" '[[26,25,24],"3"]'
	sfn GetExecutionHistory "{\"executionArn\":\"$X:a\",\"reverseOrder\":true,\"maxResults\":3,\"nextToken\":\"24\"}"
	is "$(jq -c '[[.events[].id], .nextToken]' <<<"$out")" '[[2,1],null]'
	sfn StartExecution "{$M,\"name\":\"b\",\"input\":$(quote "$(jq -c . events/declined.json)")}"
	ended "$X:b"
	is "$(jq -c '[.status, .error, (.cause | fromjson | .errorMessage)]' <<<"$out")" '["FAILED","CardDeclined","the bank says no"]'
	sfn StartExecution "{$M,\"name\":\"c\",\"input\":\"{\"}"
	is "$(jq -r .thrown <<<"$out")" InvalidExecutionInput
	sfn StartExecution "{$M,\"name\":\"c/d\"}"
	thrown InvalidName "Invalid Name: 'c/d'"
	sfn DescribeExecution "{\"executionArn\":\"$X:nobody\"}"
	thrown ExecutionDoesNotExist "Execution Does Not Exist: '$X:nobody'"
	sfn ListExecutions "{$M,\"maxResults\":1}"
	is "$(jq -c '[.executions[0].name, .executions[0].status]' <<<"$out")" '["b","FAILED"]'
	sfn ListExecutions "{$M,\"maxResults\":1,\"nextToken\":$(jq .nextToken <<<"$out")}"
	is "$(jq -c '[.executions[0].name, .nextToken]' <<<"$out")" '["a",null]'
	sfn ListExecutions "{$M,\"statusFilter\":\"RUNNING\"}"
	is "$out" '{"executions":[]}'
	# one that waits: the same again is the same one; it is stopped, and then over
	wait_machine='{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":600,"End":true}}}'
	sfn CreateStateMachine "{\"name\":\"w\",\"roleArn\":\"$ROLE\",\"definition\":$(quote "$wait_machine")}"
	sfn StartExecution "{\"stateMachineArn\":\"$A:stateMachine:w\",\"name\":\"one\"}"
	first=$out
	sfn StartExecution "{\"stateMachineArn\":\"$A:stateMachine:w\",\"name\":\"one\"}"
	is "$out" "$first"
	sfn StartExecution "{\"stateMachineArn\":\"$A:stateMachine:w\",\"name\":\"one\",\"input\":\"[]\"}"
	is "$(jq -r .thrown <<<"$out")" ExecutionAlreadyExists
	sfn StopExecution "{\"executionArn\":\"$A:execution:w:one\",\"error\":\"Mine\",\"cause\":\"enough\"}"
	stop=$(jq -r .stopDate <<<"$out")
	sfn DescribeExecution "{\"executionArn\":\"$A:execution:w:one\"}"
	is "$(jq -c '[.status, .error, .cause, .stopDate]' <<<"$out")" "[\"ABORTED\",\"Mine\",\"enough\",\"$stop\"]"
	sfn StopExecution "{\"executionArn\":\"$A:execution:w:one\"}"
	is "$(jq -r .stopDate <<<"$out")" "$stop"
	# a kill while stock is at work, and while another waits
	sfn StartExecution "{\"stateMachineArn\":\"$A:stateMachine:w\",\"name\":\"two\"}"
	rm data/calls.log && mkfifo data/calls.log
	starts=$(grep -c '^stock  START' "$T/local.log")
	sfn StartExecution "{$M,\"name\":\"killed\",\"input\":$(quote "$(jq -c '.order = "o-9"' <<<"$order")")}"
	wait_for sh -c "[ \$(grep -c '^stock  START' '$T/local.log') -gt $starts ]"
	sdk_stop
	kill -9 "$local_pid"
	wait "$local_pid" || :
	rm data/calls.log
	local_start --otlp-dir otlp
	sdk_start
	has "$(cat "$T/local.log")" "2 executions go on"
	has "$(cat "$T/local.log")" "checkout  killed: Stock: stock had no answer when slsc ended: it is asked once more"
	ended "$X:killed"
	is "$(jq -c '[.status, (.output | fromjson | .stock)]' <<<"$out")" '["SUCCEEDED",{"reserved":2,"left":6}]'
	is "$(calls)" "reserve risk payment message"
	sfn DescribeExecution "{\"executionArn\":\"$A:execution:w:two\"}"
	is "$(jq -r .status <<<"$out")" RUNNING
	# a change of the file is a new revision; slsc flow run finds who runs here
	slsc_run flow run flow.asl.yaml --input "$(jq -c '.order = "o-10"' <<<"$order")" --name mine --json
	is "$status $(jq -c '[.arn, .status, .events[0].type]' <<<"$out")" "0 [\"$A:execution:flow:mine\",\"SUCCEEDED\",\"ExecutionStarted\"]"
	slsc_run flow run flow.asl.yaml --input events/declined.json
	is "$status" 1
	has "$err" ": the execution failed: CardDeclined: the bank says no"
	# one of type EXPRESS has no list, and is no hindrance
	sfn CreateStateMachine "{\"name\":\"e\",\"type\":\"EXPRESS\",\"roleArn\":\"$ROLE\",\"definition\":$(quote "$wait_machine")}"
	slsc_run flow history --list
	is "$status $(awk '{ print $1, $3, $4 }' <<<"$out" | grep -E ' (a|b|killed|one|two|mine)$')" "0 SUCCEEDED flow mine
SUCCEEDED checkout killed
RUNNING w two
ABORTED w one
FAILED checkout b
SUCCEEDED checkout a"
	# of two of a name it is the later one
	sfn StartExecution "{\"stateMachineArn\":\"$A:stateMachine:w\",\"name\":\"b\"}"
	slsc_run flow history b
	is "$status $(awk '{ print $4 }' <<<"$out" | xargs)" "0 ExecutionStarted WaitStateEntered"
	slsc_run flow history mine
	is "$status $(tail -1 <<<"$out" | awk '{ print $1, $4 }')" "0 26 ExecutionSucceeded"
	slsc_run flow run --resume nobody
	is "$status $err" "1 error: nobody: the slsc local that runs here has no execution of that name
hint: \`slsc flow history --list\` shows those that it has"
	# the file of a machine is changed while it is served
	sed -i 's/^Comment: checkout/Comment: another/' flow.asl.yaml
	wait_for grep -q '^checkout  is new: executions that run are finished by the old one' "$T/local.log"
	sfn DescribeStateMachine "{$M}"
	is "$(jq -r '.definition | fromjson | .Comment' <<<"$out")" another
	# an execution is one trace, the caller's: its own span, and below it those of its tasks
	sfn StartExecution "{$M,\"name\":\"traced\",\"traceHeader\":\"Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1\",\"input\":$(quote "$(jq -c '.order = "o-11"' <<<"$order")")}"
	ended "$X:traced"
	sdk_stop
	local_stop
	jq -c '.. | .spans? // empty | .[] | select(.traceId == "0af7651916cd43dd8448eb211c80319c")' otlp/traces.jsonl >"$T/spans"
	own=$(jq -r 'select(.name == "checkout") | .spanId' "$T/spans")
	is "$(jq -r 'select(.name == "checkout") | .parentSpanId' "$T/spans")" b7ad6b7169203331
	is "$(jq -r --arg own "$own" 'select(.parentSpanId == $own) | .name' "$T/spans" | xargs)" "stock risk payment message"
}

@test "Debian's AWS CLI: an execution from its machine to its history, and an error" {
	need /usr/bin/aws awscli && need jq jq
	mkdir p && cd p
	printf 'project: p\nfunctions:\n  f:\n    sources: [f.c]\n    runtime: none\n' >slsc.yaml
	printf 'int main(void) { return 0; }\n' >f.c
	local_start
	aws() {
		AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_REGION=us-east-1 AWS_PAGER='' AWS_MAX_ATTEMPTS=1 \
			/usr/bin/aws --endpoint-url "$url" stepfunctions "$@"
	}
	is "$(aws create-state-machine --name m --role-arn "$ROLE" \
		--definition '{"StartAt":"A","States":{"A":{"Type":"Pass","Result":7,"End":true}}}' | jq -r .stateMachineArn)" "$A:stateMachine:m"
	is "$(aws start-execution --state-machine-arn "$A:stateMachine:m" --name x | jq -r .executionArn)" "$A:execution:m:x"
	is "$(aws get-execution-history --execution-arn "$A:execution:m:x" --page-size 2 | jq -r '[.events[].type] | join(" ")')" \
		"ExecutionStarted PassStateEntered PassStateExited ExecutionSucceeded"
	is "$(aws describe-execution --execution-arn "$A:execution:m:x" | jq -r .output)" 7
	! aws stop-execution --execution-arn "$A:execution:m:y" 2>"$T/err" || return 1
	has "$(cat "$T/err")" "(ExecutionDoesNotExist) when calling the StopExecution operation"
	has "$(cat "$T/err")" ": Execution Does Not Exist: '$A:execution:m:y'"
}

@test "a full disk: what cannot be written does not begin; what runs waits until there is room" {
	[ "$(id -u)" = 0 ] || return 0
	full=$T/w/p
	mkdir "$full"
	mount -t tmpfs -o size=32m none "$full"
	cd p
	printf 'project: p\nfunctions:\n  f:\n    sources: [f.c]\n    runtime: none\n' >slsc.yaml
	printf 'int main(void) { return 0; }\n' >f.c
	printf '{"StartAt":"W","States":{"W":{"Type":"Wait","SecondsPath":"$.s","Next":"E"},"E":{"Type":"Succeed"}}}' >w.asl.json
	printf 'flows: {w: w.asl.json}\n' >>slsc.yaml
	local_start
	sdk_start
	M="\"stateMachineArn\":\"$A:stateMachine:w\""
	sfn StartExecution "{$M,\"name\":\"x\",\"input\":\"{\\\"s\\\":2}\"}"
	is "$(jq -r .executionArn <<<"$out")" "$A:execution:w:x"
	dd if=/dev/zero of=fill bs=1M >/dev/null 2>&1 || :
	dd if=/dev/zero of=fill2 bs=1k >/dev/null 2>&1 || :
	sfn StartExecution "{$M,\"name\":\"y\",\"input\":\"{\\\"s\\\":0,\\\"x\\\":\\\"$(head -c 100000 /dev/zero | tr '\0' x)\\\"}\"}"
	is "$(jq -c '[.thrown, .status]' <<<"$out")" '["InternalServerError",500]'
	has "$(jq -r .message <<<"$out")" ": No space left on device"
	wait_for grep -q "^error: .*/.slsc/flow.db: cannot .*: No space left on device" "$T/local.log"
	sfn DescribeExecution "{\"executionArn\":\"$A:execution:w:x\"}"
	is "$(jq -r .status <<<"$out")" RUNNING
	rm fill fill2
	ended "$A:execution:w:x"
	is "$(jq -r .status <<<"$out")" SUCCEEDED
	sfn DescribeExecution "{\"executionArn\":\"$A:execution:w:y\"}"
	is "$(jq -r .thrown <<<"$out")" ExecutionDoesNotExist
	sdk_stop
	local_stop
}
