#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc local: invocations by curl and by the AWS CLI, what a function can do wrong, quotas, hot reload, and its own end.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load local_helper
bats_require_minimum_version 1.5.0

# act [YAML-LINES]: a project with the function of support/act.c, served
act() {
	act_project "${1:-}"
	local_start
}

@test "an invocation: its answer, its headers, its log; instances are kept, one for one at a time" {
	need jq jq && need curl curl
	act
	call act '{}' -H 'X-Amz-Log-Type: Tail'
	is "$status" 200
	is "$(jq .count <<<"$out")" 1
	is "$(header X-Amz-Executed-Version)" "\$LATEST"
	is "$(header X-Amz-Function-Error)" ""
	id=$(header x-amzn-RequestId)
	[[ $id =~ ^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$ ]]
	log=$(header X-Amz-Log-Result | base64 -d)
	is "$(sed -n 1p <<<"$log")" "START RequestId: $id Version: \$LATEST"
	is "$(sed -n 2p <<<"$log")" "END RequestId: $id"
	n='[0-9.]+'
	report="^REPORT RequestId: $id,Duration: $n ms,Billed Duration: [0-9]+ ms,Memory Size: 128 MB,"
	report+="Max Memory Used: $n MB,Init Duration: $n ms,CPU: "
	[[ $(sed -n 3p <<<"$log" | tr '\t' ,) =~ $report ]]
	pid=$(jq .pid <<<"$out")
	call act '{}'
	is "$out" "{\"count\":2,\"pid\":$pid}"
	# two at once are two instances; the one that was there is one of them
	call act '{"do":"sleep","n":1000}' &
	first=$!
	wait_for sh -c "[ \$(grep -c '^act  START' '$T/local.log') = 3 ]"
	curl -s -X POST -d '{}' "$url/2015-03-31/functions/act/invocations" >"$T/second"
	wait "$first"
	is "$(jq -c . "$T/body")" "{\"count\":3,\"pid\":$pid}"
	[ "$(jq .pid "$T/second")" != "$pid" ]
}

@test "events and what is asked of an invocation" {
	need jq jq && need curl curl
	act
	call act 'no JSON'
	is "$status" 400
	is "$(header x-amzn-ErrorType)" InvalidRequestContentException
	call act '[1,2' && is "$status" 400
	call act '' && is "$status" 200
	call act '{}' -H 'X-Amz-Invocation-Type: DryRun' && is "$status" 204
	call act '{}' -H 'X-Amz-Invocation-Type: Sometimes' && is "$status" 400
	is "$(header x-amzn-ErrorType)" InvalidParameterValueException
	call nobody '{}' && is "$status" 404
	is "$(jq -r .Message <<<"$out")" "Function not found: arn:aws:lambda:us-east-1:123456789012:function:nobody"
	for name in act:\$LATEST 123456789012:function:act arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aact; do
		call "$name" '{}' && is "$status" 200
	done
	call act:7 '{}' && is "$status" 404
	call act '{}' -H "X-Amz-Client-Context: $(printf '{"a":1}' | base64)" && is "$status" 200
	call act '{}' -H 'X-Amz-Client-Context: {}' && is "$status" 400
	call act '{}' -H "X-Amz-Client-Context: $(printf 'no JSON' | base64)" && is "$status" 400
	# 6 MB pass, more does not, whether or not the caller waits to be told to go on
	head -c 6291454 /dev/zero | tr '\0' x | { printf '"'; cat; printf '"'; } >"$T/large"
	call act "@$T/large" && is "$status" 200
	printf ' ' >>"$T/large"
	call act "@$T/large" && is "$status" 413
	call act "@$T/large" -H 'Expect:' && is "$status" 413
	is "$(header x-amzn-ErrorType)" RequestTooLargeException
	# through a URL it is the event that counts: a binary body is base64 there
	head -c 4600000 /dev/zero >"$T/zero"
	status=$(curl -s -o /dev/null -w '%{http_code}' --data-binary "@$T/zero" "$url/act/")
	is "$status" 200
	head -c 4800000 /dev/zero >"$T/zero"
	out=$(curl -s -w '%{http_code}' --data-binary "@$T/zero" "$url/act/")
	has "$out" "Request must be smaller than 6291456 bytes as an event, in which a binary body is base64"
	is "${out: -3}" 413
	call act '{}' && is "$status" 200
}

@test "what goes wrong is told in the platform's words, and the next one is served" {
	need jq jq && need curl curl
	# with less memory comes less of a CPU
	act '    timeout: 500 ms
    memory: 3008 MB'
	call act '{"do":"fail"}'
	is "$status $(header X-Amz-Function-Error)" "200 Unhandled"
	is "$(jq -r '[.errorType, .errorMessage] | join(": ")' <<<"$out")" "NotToday: it is Sunday"
	call act '{"do":"exit","n":42}'
	is "$status $(header X-Amz-Function-Error)" "200 Unhandled"
	id=$(header x-amzn-RequestId)
	is "$out" "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: $id Error: Runtime exited with error: exit status 42\"}"
	call act '{"do":"exit"}'
	id=$(header x-amzn-RequestId)
	is "$(jq -r .errorMessage <<<"$out")" "RequestId: $id Error: Runtime exited without providing a reason"
	call act '{"do":"abort"}'
	id=$(header x-amzn-RequestId)
	is "$(jq -r .errorMessage <<<"$out")" "RequestId: $id Error: Runtime exited with error: signal: aborted"
	call act '{"do":"sleep","n":60000}' -H 'X-Amz-Log-Type: Tail'
	id=$(header x-amzn-RequestId)
	is "$out" "{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":\"RequestId: $id Error: Task timed out after 0.50 seconds\"}"
	has "$(header X-Amz-Log-Result | base64 -d)" "$id Task timed out after 0.50 seconds"
	call act '{"do":"big","n":6291557}'
	is "$(jq -r .errorType <<<"$out")" Function.ResponseSizeTooLarge
	call act '{"do":"big","n":6291456}'
	is "$(header X-Amz-Function-Error) ${#out}" " 6291456"
	# who answered too much was told so, and lives
	call act '{}' && is "$(jq .count <<<"$out")" 3
}

@test "quotas: memory, /tmp, environment, and no process is left" {
	need jq jq && need curl curl
	WHO=somebody
	export WHO
	act '    memory: 128 MB
    storage: 512 MB
    concurrency: 1
    timeout: 60 s'
	call act '{"do":"env"}' && is "$out" '"nobody"'
	call act '{"do":"memory","n":64}' && is "$(header X-Amz-Function-Error)" ""
	call act '{"do":"memory","n":600}'
	is "$(header X-Amz-Function-Error)" Unhandled
	if [ "$(id -u)" = 0 ]; then
		is "$(jq -r .errorType <<<"$out")" Runtime.OutOfMemory
		call act '{"do":"tmp"}'
		[ "$out" -le 512 ] && [ "$out" -ge 500 ]
	fi
	call act '{"do":"fork"}'
	pid=$(jq .pid <<<"$out")
	call act '{"do":"exit"}'
	wait_for sh -c "! ps -o stat= -s $pid | grep -qv Z"
}

@test "too many at once are refused; concurrency is the function's" {
	need jq jq && need curl curl
	act '    concurrency: 1
    timeout: 20 s'
	call act '{"do":"sleep","n":1500}' &
	first=$!
	wait_for grep -q '^act  START' "$T/local.log"
	code=$(curl -s -o "$T/refused" -D "$T/refused.head" -w '%{http_code}' -X POST -d '{}' "$url/2015-03-31/functions/act/invocations")
	is "$code" 429
	is "$(jq -r .Reason "$T/refused")" ReservedFunctionConcurrentInvocationLimitExceeded
	has "$(cat "$T/refused.head")" TooManyRequestsException
	wait "$first"
	call act '{}' && is "$status" 200
}

@test "nobody from another origin can ask" {
	need curl curl
	act
	local path=/2015-03-31/functions/act/invocations p=${url##*:}
	code() { curl -s -o /dev/null -w '%{http_code}' -X POST -d '{}' "$@"; }
	is "$(code "$url$path" -H 'Host: evil.example')" 403
	is "$(code "$url$path" -H "Host: evil.example:$p")" 403
	is "$(code "$url$path" -H "Host: 127.0.0.1:1")" 403
	is "$(code "$url$path" -H "Host:")" 403
	is "$(code "$url$path" -H 'Origin: http://evil.example')" 403
	is "$(code "$url$path" -H 'Origin: null')" 403
	is "$(code "$url$path" -H 'Sec-Fetch-Site: cross-site')" 403
	is "$(code "$url$path" -H "Origin: $url")" 200
	is "$(code "$url$path" -H "Host: localhost:$p")" 200
	is "$(code "$url$path" -H "Host: act.localhost:$p")" 200
}

@test "sources that change are built anew; what runs is finished by the old instance; an error is told" {
	need jq jq && need curl curl
	act '    timeout: 20 s'
	call act '{"do":"sleep","n":2000}' &
	first=$!
	wait_for grep -q '^act  START' "$T/local.log"
	sed -i 's/it is Sunday/it is Monday/' src/main.c
	monday() { call act '{"do":"fail"}' && [ "$(jq -r .errorMessage <<<"$out")" = "it is Monday" ]; }
	status=0
	wait_for grep -q 'act  is new' "$T/local.log"
	curl -s -X POST -d '{"do":"fail"}' "$url/2015-03-31/functions/act/invocations" >"$T/second"
	is "$(jq -r .errorMessage "$T/second")" "it is Monday"
	wait "$first"
	is "$(jq .count "$T/body")" 1
	echo 'int x = ;' >>src/main.c
	wait_for grep -q 'did not compile' "$T/local.log"
	monday
	printf '    memory: 256 MB\n' >>slsc.yaml
	sed -i '$d' src/main.c
	memory() { call act '{}' -H 'X-Amz-Log-Type: Tail' && header X-Amz-Log-Result | base64 -d | grep -q 'Memory Size: 256 MB'; }
	wait_for memory
}

@test "the function's URL: an event in, an answer out" {
	need jq jq && need curl curl
	project_of url "$(cat "$SLSC_SRC/tests/e2e/support/act.c")"
	cat >src/main.c <<-'C'
	#include <slsc.h>
	slsc_lambda_fn handler;
	int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
	{
		struct slsc_str path;

		if (slsc_json_get(in, "rawPath", &path) > 0 && slsc_str_eq(path, "\"/answer\"")) {
			slsc_puts(out, "{\"statusCode\":201,\"headers\":{\"X-One\":\"1\"},\"cookies\":[\"a=1\",\"b=2\"],"
				       "\"body\":\"aGVsbG8=\",\"isBase64Encoded\":true}");
			return 0;
		}
		if (slsc_json_get(in, "rawPath", &path) > 0 && slsc_str_eq(path, "\"/fail\""))
			return slsc_fail(ctx, "Never", "never");
		slsc_put(out, in.ptr, in.len);
		return 0;
	}
	C
	local_start
	curl -s "$url/url/a%20b/c?x=1&y=2&x=3" -H 'Cookie: k=v' -H 'X-Two: a' -H 'X-Two: b' >"$T/event"
	is "$(jq -r '[.version, .rawPath, .rawQueryString, .queryStringParameters.x, .cookies[0], .headers["x-two"], .requestContext.http.method] | join(" ")' "$T/event")" \
		"2.0 /a%20b/c x=1&y=2&x=3 1,3 k=v a,b GET"
	is "$(curl -s -o "$T/body" -D "$T/head" -w '%{http_code}' "$url/url/answer")" 201
	is "$(cat "$T/body") $(header X-One) $(header Set-Cookie | tr '\n' ' ')" "hello 1 a=1 b=2 "
	is "$(curl -s -o "$T/body" -w '%{http_code}' "$url/url/fail")" 502
	is "$(printf '\001\377' | curl -s --data-binary @- -H 'Content-Type: image/png' "$url/url" | jq -r '[.body, .isBase64Encoded, .rawPath] | join(" ")')" \
		"Af8= true /"
	is "$(curl -s -o /dev/null -w '%{http_code}' "$url/nobody/")" 404
}

@test "events for later: 202 when they are durable; kill -9 loses none; dead letters" {
	need jq jq && need curl curl
	act '    timeout: 20 s'
	call act '{"do":"log","n":1}' -H 'X-Amz-Invocation-Type: Event'
	is "$status $out" "202 "
	wait_for grep -q '^act  line 0' "$T/local.log"
	for i in 1 2 3; do
		call act "{\"do\":\"sleep\",\"n\":3000,\"i\":$i}" -H 'X-Amz-Invocation-Type: Event'
		is "$status" 202
	done
	wait_for sh -c "[ \$(grep -c '^act  START' '$T/local.log') = 4 ]"
	kill -9 "$local_pid"
	wait "$local_pid" || :
	# none of its instances outlives it
	wait_for sh -c "! pgrep -f '$T/w/act/[.]slsc/release'"
	local_start
	wait_for sh -c "[ \$(grep -c '^act  END' '$T/local.log') = 3 ]"
	call act '{"do":"fail"}' -H 'X-Amz-Invocation-Type: Event'
	id=$(header x-amzn-RequestId)
	wait_for test -s .slsc/dead-letters.jsonl
	is "$(jq -r '[.requestContext.requestId, .requestContext.condition, .requestContext.approximateInvokeCount, .responsePayload.errorMessage] | join(" ")' .slsc/dead-letters.jsonl)" \
		"$id RetriesExhausted 3 it is Sunday"
	has "$(cat "$T/local.log")" "event $id is in .slsc/dead-letters.jsonl after 3 attempts (RetriesExhausted)"
}

@test "its end: SIGTERM lets what runs finish; a second one does not; a port in use and a second slsc local are told" {
	need jq jq && need curl curl
	act '    timeout: 20 s'
	slsc_run local --port 0
	is "$status" 1
	[[ $err =~ ^error:\ slsc\ local\ runs\ in\ .*\ already,\ pid\ $local_pid ]]
	mkdir "$T/other" && cd "$T/other"
	slsc_run init . --template hello
	slsc_run local --port "${url##*:}"
	is "$status" 1
	has "$err" "error: cannot listen on 127.0.0.1:${url##*:}: Address already in use"
	# a mistake comes before that
	slsc_run local --port "${url##*:}" helo
	is "$status" 1
	has "$err" "'helo'"
	has "$err" "did you mean 'hello'?"
	slsc_run local --port 0 --otlp foo
	is "$status" 2
	is "$err" "error: 'foo' is not an http or https URL, or names a user
hint: a collector is at http://127.0.0.1:4318, say"
	cd "$T/w/act"
	call act '{"do":"sleep","n":700}' &
	first=$!
	wait_for grep -q '^act  START' "$T/local.log"
	kill "$local_pid"
	wait "$first"
	is "$(jq .count "$T/body")" 1
	code=0
	wait "$local_pid" || code=$?
	is "$code" 0
	local_pid=
	[ ! -e .slsc/local.json ]
}

@test "extensions of slsc.yaml start with an instance and are told of its end" {
	need jq jq && need curl curl && need python3 python3
	mkdir -p act/extensions
	{
		echo '#!/usr/bin/python3'
		cat "$SLSC_SRC/tests/e2e/support/local_runtime.py"
		echo 'attend(register().id, lambda e: say(e["eventType"]))'
	} >act/extensions/watcher
	chmod +x act/extensions/watcher
	act '    extensions: extensions'
	call act '{}' && is "$(jq .count <<<"$out")" 1
	wait_for grep -q '^act  INVOKE' "$T/local.log"
	local_stop
	wait_for grep -q '^act  SHUTDOWN' "$T/local.log"
}
