#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc local beside who really speaks to Lambda: the AWS CLI and npm's SDK as callers; Node's runtime client, with both
# of its HTTP stacks, and Python as functions; a receiver that knows OTLP.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load local_helper
bats_require_minimum_version 1.5.0

setup_file() {
	npm_ci sdk
	export SDK=$npm
}

end_receiver() {
	[ -z "${receiver:-}" ] || kill "$receiver"
}
at_end+=(end_receiver)

# aws: Debian's, for the commands of standard input; see support/aws_cli.py
aws() {
	AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_REGION=us-east-1 AWS_PAGER='' AWS_MAX_ATTEMPTS=1 \
		/usr/bin/python3 -B "$SLSC_SRC/tests/e2e/support/aws_cli.py"
}

# sdk [FUNCTION HOW EVENT]...: a line for each
sdk() {
	node "$SLSC_SRC/tests/e2e/support/sdk_call.mjs" "$url" "$@"
}

@test "the AWS CLI: invoke, error, tail, event, dry run, too large, unknown" {
	need /usr/bin/aws awscli && need jq jq
	act_project
	local_start
	head -c 6300000 /dev/zero | tr '\0' x | { printf '"'; cat; printf '"'; } >large
	while read -r function options; do
		echo "--endpoint-url $url lambda invoke --function-name $function --cli-binary-format raw-in-base64-out $options"
	done <<-'EOF' | aws
		act --payload '{"do":"log","n":1}' --log-type Tail log.json
		act --payload '{"do":"fail"}' fail.json
		act --payload '{}' --invocation-type Event event.json
		act --payload '{}' --invocation-type DryRun dry.json
		act --payload file://large large.json
		nobody nobody.json
	EOF
	is "$(jq -r '[.StatusCode, .ExecutedVersion] | join(" ")' 1.out)" "200 \$LATEST"
	has "$(jq -r .LogResult 1.out | base64 -d)" "line 0"
	is "$(jq .count log.json)" 1
	is "$(jq -r .FunctionError 2.out) $(jq -r .errorType fail.json)" "Unhandled NotToday"
	is "$(jq -r .StatusCode 3.out)" 202
	is "$(jq -r .StatusCode 4.out)" 204
	has "$(cat 5.err)" "RequestTooLargeException"
	has "$(cat 6.err)" "(ResourceNotFoundException) when calling the Invoke operation"
	has "$(cat 6.err)" "Function not found: arn:aws:lambda:us-east-1:123456789012:function:nobody"
	is "$(cat [1-6].code | xargs)" "0 0 0 0 254 254"
}

@test "npm's SDK: every way to invoke, and its exceptions" {
	need node nodejs && need jq jq
	act_project '    concurrency: 1
    timeout: 20 s'
	local_start
	sdk act tail '{"do":"env"}' act sync '{"do":"fail"}' act dry '{}' act sync 'no JSON' nobody sync '{}' \
		act stream '{"do":"env"}' act stream '{"do":"fail"}' act event '{}' >answers
	line() { sed "$1!d" answers; }
	is "$(line 1)" '{"status":200,"text":"\"nobody\"","error":"","version":"$LATEST","log":"START"}'
	is "$(line 2 | jq -r '[.status, .error, (.text | fromjson | .errorMessage)] | join(" ")')" "200 Unhandled it is Sunday"
	is "$(line 3 | jq .status)" 204
	is "$(line 4)" '{"thrown":"InvalidRequestContentException","status":400}'
	is "$(line 5)" '{"thrown":"ResourceNotFoundException","status":404}'
	# an answer in one piece, asked for as a stream
	is "$(line 6)" '{"status":200,"text":"\"nobody\"","error":"","details":""}'
	is "$(line 7 | jq -r .error)" Function.NotToday
	is "$(line 8 | jq .status)" 202
	wait_for sh -c "[ \$(grep -c '^act  END' '$T/local.log') = 5 ]"
	call act '{"do":"sleep","n":4000}' &
	first=$!
	wait_for sh -c "[ \$(grep -c '^act  START' '$T/local.log') -gt \$(grep -c '^act  END' '$T/local.log') ]"
	is "$(sdk act sync '{}')" '{"thrown":"TooManyRequestsException","status":429}'
	wait "$first"
}

@test "Node's runtime client, by both of its HTTP stacks; streams through to npm's SDK" {
	need node nodejs && need jq jq
	ric=${SLSC_TEST_CACHE:-$SLSC_BUILD/test-cache}/ric
	"$SLSC_SRC/tests/runtime/ric/install" "$ric"
	cp "$SLSC_SRC/tests/runtime/ric/probe.mjs" .
	for stack in '' 'AWS_LAMBDA_NODEJS_USE_ALTERNATIVE_CLIENT_1=true'; do
		for what in handler stream; do
			local_start --name node -- env $stack node "$ric/node_modules/aws-lambda-ric/bin/index.mjs" "probe.$what"
			if [ "$what" = handler ]; then
				call node '{"echo":{"a":[1,"ü"]}}' && is "$status $out" '200 {"a":[1,"ü"]}'
				call node '{"fail":"Function.Custom"}'
				is "$(header X-Amz-Function-Error) $(jq -r .errorType <<<"$out")" "Unhandled Function.Custom"
				call node '{"size":6291456}' && is "${#out}" 6291456
				call node '{"show":1}'
				is "$(jq -r '[.arn, .name, .id, .deadline] | join(" ")' <<<"$out")" \
					"arn:aws:lambda:us-east-1:123456789012:function:node node 36 true"
			else
				sdk node stream '{}' node stream '{"fail":"Function.Midway"}' >answers
				is "$(sed 1!d answers)" '{"status":200,"text":"one two","error":"","details":""}'
				is "$(sed 2!d answers | jq -r '[.text, .error] | join(" ")')" "one two Function.Midway"
				is "$(curl -s "$url/node/")" "one two"
			fi
			local_stop
		done
	done
}

@test "a function in Python; its lines and its trace at a receiver of OTLP" {
	need python3 python3 && need jq jq
	mkdir received
	python3 "$SLSC_SRC/tests/e2e/support/otlp_receiver.py" received 3>&- &
	receiver=$!
	wait_for test -s received/port
	port=$(cat received/port)
	cp "$SLSC_SRC/tests/e2e/support/local_function.py" .
	WHO=somebody local_start --name py --otlp "http://127.0.0.1:$port" -- /usr/bin/python3 -u local_function.py
	call py '{"n":7}' -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
	is "$(jq -c '[.event, .left]' <<<"$out")" '[{"n":7},true]'
	[[ $(jq -r .trace <<<"$out") =~ ^Root=1-0af76519-16cd43dd8448eb211c80319c\;Parent=[0-9a-f]{16}\;Sampled=1$ ]]
	is "$(jq -r '.env | map(select(test("^(WHO|HOME|USER|PWD|OLDPWD|SHLVL|_|BATS.*|SLSC.*|T)$"))) | join(" ")' <<<"$out")" ""
	call py '{"fail":true}'
	is "$(jq -r .errorType <<<"$out")" Function.Asked
	local_stop
	kill "$receiver"
	wait "$receiver" || :
	receiver=
	# the receiver refuses what the protocol does not have
	is "$(grep -v '^200 ' received/requests)" ""
	is "$(jq -r '.. | .logRecords? // empty | .[] | [.severityText, .body.stringValue, .traceId] | join(" ")' received/logs.jsonl | sed -n 2p)" \
		"warn got it 0af7651916cd43dd8448eb211c80319c"
	is "$(jq -r '.. | .spans? // empty | .[] | select(.traceId == "0af7651916cd43dd8448eb211c80319c") | .name' received/traces.jsonl | sort | xargs)" \
		"handler init py"
	is "$(jq -r '.. | .spans? // empty | .[] | select(.status.code == 2) | .name' received/traces.jsonl | sort | xargs)" "handler py"
}
