#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc invoke, against a platform and without one: what it sends, what it prints, exit codes; example events.
# shellcheck disable=SC2154,SC2016

load helper
load local_helper

# serve [PROJECT]: the Invoke API on 127.0.0.1; sets $url
serve() {
	mkdir -p "$T/server"
	python3 "$BATS_TEST_DIRNAME/support/invoke_server.py" "$T/server" "$@" &
	server=$!
	until [ -f "$T/server/port" ]; do
		kill -0 "$server" || return 1
		sleep 0.01
	done
	url=http://127.0.0.1:$(cat "$T/server/port")
}

end_server() {
	[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true
}
at_end+=(end_server)

# sent: the last request, as [path, type, log type, body]
sent() {
	tail -n 1 "$T/server/log"
}

project() {
	cat >slsc.yaml <<-'EOF'
		project: demo
		functions:
		  echo:
		    sources: [echo.c]
	EOF
}

@test "an answer is printed as it is, and the event sent as it is" {
	serve
	slsc_run invoke echo --url "$url" --event '{"a": [1,  "é"]}'
	is "$status/$out/$err" '0/{"a": [1,  "é"]}/'
	is "$(sent)" '["/2015-03-31/functions/echo/invocations", "RequestResponse", null, "{\"a\": [1,  \"\u00e9\"]}"]'
	# nothing is added at its end, and nothing taken from it
	"$SLSC_BIN" invoke bytes --url "$url/" >"$T/bytes"
	python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)))' | cmp - "$T/bytes"
	is "$(sent)" '["/2015-03-31/functions/bytes/invocations", "RequestResponse", null, "{}"]'
	slsc_run invoke empty --url "$url"
	is "$status/$out/$err" "0//"
	slsc_run invoke echo:live --url "$url" --event 12345678901234567890
	is "$status/$out/$err" "0/12345678901234567890/"
	has "$(sent)" '"/2015-03-31/functions/echo%3Alive/invocations"'
}

@test "an event from a file, from standard input, from the examples" {
	serve
	echo '{"from": "file"}' >event.json
	slsc_run invoke echo --url "$url" --event event.json
	is "$status/$out" '0/{"from": "file"}'
	out=$(echo '[1]' | "$SLSC_BIN" invoke echo --url "$url" -e -)
	is "$out" '[1]'
	slsc_run invoke echo --url "$url" --example sqs
	is "$status/$err" "0/"
	cmp "$T/out" "$SLSC_SRC/events/sqs.json"
}

@test "what is no event is told where it is wrong, before anything is sent" {
	printf '{\n  "a": 1,\n  "b" 2\n}\n' >bad.json
	slsc_run invoke echo --url http://127.0.0.1:1 --event bad.json
	is "$status/$out/$err" "1//error: bad.json:3:7: the event is no JSON: ':' expected near '2'"
	slsc_run invoke echo --url http://127.0.0.1:1 --event '{"a"}'
	is "$status/$err" "1/error: --event:1:5: the event is no JSON: ':' expected near '}'"
	slsc_run invoke echo --url http://127.0.0.1:1 --event no.json
	is "$status/$err" "1/error: --event 'no.json': there is no such file, and it is no JSON
hint: --example NAME takes an example; \`slsc invoke --list\` shows them"
	slsc_run invoke echo --url http://127.0.0.1:1 --event -
	is "$status/$err" "1/error: standard input:1:1: the event is no JSON: unexpected token near end of file"
	head -c 6291457 /dev/zero | tr '\0' ' ' >"$T/large"
	status=0
	"$SLSC_BIN" invoke echo --url http://127.0.0.1:1 --event - <"$T/large" 2>"$T/err" || status=$?
	is "$status/$(cat "$T/err")" "1/error: limit exceeded: standard input: an event has at most 6291456 bytes"
	slsc_run invoke echo --url http://127.0.0.1:1 --example dynamo
	is "$status/$err" "1/error: there is no example event 'dynamo'
hint: did you mean 'dynamodb'?"
	for options in "--event {} --example s3" "--async --tail" "--async --stream" "--async --dry-run" "--dry-run --stream"; do
		# shellcheck disable=SC2086
		slsc_run invoke echo --url http://127.0.0.1:1 $options
		is "$status/$out" "2/"
	done
}

@test "a function's error: its answer on stdout, exit 1" {
	serve
	slsc_run invoke fail --url "$url"
	is "$status" 1
	is "$out" '{"errorType": "Runtime.ExitError", "errorMessage": "RequestId: id-1 Error: Runtime exited with error: exit status 42"}'
	is "$err" "error: fail: the function failed (Unhandled): Runtime.ExitError: RequestId: id-1 Error: Runtime exited with error: exit status 42"
	slsc_run invoke fail --url "$url" --json
	is "$status" 1
	is "$(jq -c '[.function_error, .payload.errorType, .encoding]' "$T/out")" '["Unhandled","Runtime.ExitError","json"]'
	is "$(jq -r .error.code "$T/err")" function
}

@test "--tail: the log to stderr, the answer alone on stdout" {
	serve
	slsc_run invoke echo --url "$url" --tail --event '"x"'
	is "$status/$out" '0/"x"'
	is "$err" "START RequestId: id-1
hello from the log
END RequestId: id-1"
	is "$(sent)" '["/2015-03-31/functions/echo/invocations", "RequestResponse", "Tail", "\"x\""]'
}

@test "--async queues, --dry-run asks" {
	serve
	slsc_run invoke echo --url "$url" --async
	is "$status/$out/$err" "0//queued for echo, request id-1"
	is "$(sent)" '["/2015-03-31/functions/echo/invocations", "Event", null, "{}"]'
	slsc_run invoke echo --url "$url" --dry-run
	is "$status/$out/$err" "0//echo can be invoked"
	is "$(sent)" '["/2015-03-31/functions/echo/invocations", "DryRun", null, "{}"]'
	# a platform that does not queue, but answers
	slsc_run invoke eager --url "$url" --async
	is "$status/$out/$err" "0/{}/"
	slsc_run invoke echo --url "$url" --async --json
	is "$status/$err" "0/"
	is "$out" '{"function":"echo","status":202,"request_id":"id-1","version":null,"function_error":null,"error_details":null,"payload":null,"encoding":null,"log":null,"report":null}'
}

@test "--json: JSON, text and bytes as what they are" {
	serve
	slsc_run invoke echo --url "$url" --json --tail --event $'{"a":\n1}'
	is "$status" 0
	is "$out" '{"function":"echo","status":200,"request_id":"id-1","version":"$LATEST","function_error":null,"error_details":null,"payload":{"a": 1},"encoding":"json","log":"START RequestId: id-1\nhello from the log\nEND RequestId: id-1\n","report":null}'
	slsc_run invoke bytes --url "$url" --json
	is "$(jq -r .encoding "$T/out")" base64
	jq -r .payload "$T/out" | base64 -d >"$T/bytes"
	python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)))' | cmp - "$T/bytes"
}

@test "--stream: pieces are printed as they come" {
	serve
	mkfifo "$T/pipe"
	"$SLSC_BIN" invoke slow --url "$url" --stream --tail >"$T/pipe" 2>"$T/err" &
	pid=$!
	exec 7<"$T/pipe"
	read -r line <&7
	is "$line" one
	touch "$T/server/go"
	is "$(cat <&7)" two
	exec 7<&-
	wait "$pid"
	has "$(cat "$T/err")" "hello from the log"
	is "$(sent)" '["/2021-11-15/functions/slow/response-streaming-invocations", "RequestResponse", "Tail", "{}"]'
	slsc_run invoke slow --url "$url" --stream --json
	is "$(jq -c '[.payload, .encoding, .status, .version]' "$T/out")" '["one\ntwo\n","text",200,"$LATEST"]'
}

@test "--stream: failures midway" {
	serve
	slsc_run invoke fail --url "$url" --stream
	is "$status/$out" "1/one"
	is "$err" "error: fail: the function failed (Runtime.ExitError): Runtime.ExitError: RequestId: id-1 Error: Runtime exited with error: exit status 42"
	slsc_run invoke cut --url "$url" --stream
	is "$status/$out/$err" "1/one/error: $url: cut: the answer ends before it is complete"
	slsc_run invoke half --url "$url" --stream
	is "$status/$out/$err" "1/one/error: $url: half: event stream, byte 110: it ends within a message"
	slsc_run invoke broken --url "$url" --stream
	is "$status/$out/$err" "1/one/error: $url: broken: event stream, byte 110: a message's CRC is wrong"
	slsc_run invoke refused --url "$url" --stream
	is "$status/$out/$err" "1/one/error: $url: refused: the platform breaks off: ServiceException: {\"Message\":\"out of order\"}"
	slsc_run invoke missing --url "$url" --stream
	is "$status/$out/$err" "1//error: $url: missing: 404 ResourceNotFoundException: Function not found: missing"
}

@test "refusals of the platform, and none" {
	serve
	project
	slsc_run invoke busy --url "$url"
	is "$status/$out/$err" "1//error: $url: busy: 429 TooManyRequestsException: Rate Exceeded.
hint: all its instances are busy: try again, or raise its concurrency"
	slsc_run invoke large --url "$url"
	is "$status/$out/$err" "1//error: $url: large: limit exceeded: the answer has more than 6291556 bytes"
	slsc_run invoke drop --url "$url"
	is "$status/$out/$err" "1//error: $url: drop: it closed the connection without an answer"
	slsc_run invoke echo --url "$url/api"
	is "$status/$out/$err" "1//error: $url/api: echo: 404: <html>no such page</html>
hint: does slsc local serve there? it has no Invoke API"
	slsc_run invoke echo --url ftp://127.0.0.1
	is "$status/$err" "1/error: 'ftp://127.0.0.1' is not an http or https URL, or names a user"
	kill "$server"
	wait "$server" || true
	slsc_run invoke echo --url "$url"
	is "$status/$out" "1/"
	has "$err" "error: $url: echo: Failed to connect to 127.0.0.1 port ${url##*:}"
	has "$err" "hint: does it run there, and is the port right?"
}

@test "the platform that runs in the project is found, from below it too" {
	project
	mkdir sub
	serve "$T/w"
	slsc_run invoke echo --event 1
	is "$status/$out/$err" "0/1/"
	# the only function needs no name
	slsc_run -C sub invoke --event 2
	is "$status/$out/$err" "0/2/"
	slsc_run invoke ehco
	is "$status/$out/$err" "1//error: $url: ehco: 404 ResourceNotFoundException: Function not found: ehco
hint: did you mean 'echo'?"
	# killed: what it has left is no platform
	kill -9 "$server"
	wait "$server" || true
	[ -f .slsc/local.json ]
	slsc_run invoke echo --async
	is "$status/$out/$err" "1//error: $T/w: no slsc local runs in this project: there is nobody to keep an event for later
hint: start it with \`slsc local\`, or name another platform with --url"
}

@test "without slsc.yaml: the directory itself, and a name is needed" {
	serve "$T/w"
	slsc_run invoke echo --event 1
	is "$status/$out/$err" "0/1/"
	slsc_run invoke
	is "$status/$out/$err" "2//error: which function is to be invoked?
hint: slsc invoke FUNCTION"
}

@test "examples: listed with a summary, as JSON, completed; each holds what its service documents" {
	slsc_run invoke --list
	is "$status/$err" "0/"
	is "$(head -n 1 "$T/out")" "alb              a request through an Application Load Balancer"
	is "$(wc -l <"$T/out")" "$(($(find "$SLSC_SRC/events" -name '*.json' | wc -l) - 1))"
	slsc_run invoke --list --json
	is "$(jq -c '.examples[0]' "$T/out")" '{"name":"alb","summary":"a request through an Application Load Balancer"}'
	slsc_run _complete examples
	is "$(head -n 3 "$T/out" | tr '\n' ' ')" "alb apigw apigw-v1 "
	cd "$SLSC_SRC/events"
	is "$(jq -r .awslogs.data cloudwatch-logs.json | base64 -d | gzip -d | jq -r '.logEvents[1].message')" "plain text"
	is "$(jq -r '.Records[1].kinesis.data' kinesis.json | base64 -d)" '{"second":true}'
	is "$(jq -r '.Records[0].body' sqs.json | tr -d '\n' | md5sum | cut -d' ' -f1)" "$(jq -r '.Records[0].md5OfBody' sqs.json)"
	is "$(jq -r '[.Records[].eventName] | join(" ")' dynamodb.json)" "INSERT MODIFY REMOVE"
	is "$(jq -r '.version + .requestContext.http.method' url.json)" "2.0POST"
	is "$(jq -r '.version + .httpMethod' apigw-v1.json)" "1.0POST"
	is "$(jq -r .specversion cloudevent.json)" "1.0"
	# nobody's account
	if grep -hoE 'arn:[^"]*:[0-9]{12}:' ./*.json | grep -v :123456789012:; then return 1; fi
}

# ---- without a platform that runs ----

# act [YAML-LINES]: a project with the function of support/act.c, built
act() {
	act_project "${1:-}"
	"$SLSC_BIN" build >/dev/null 2>&1
}

@test "here: the answer alone on stdout, an instance of its own, and nothing is left" {
	need jq jq
	act
	slsc_run invoke act --event '{"a":1}'
	is "$status/$err" "0/"
	is "$(jq .count <<<"$out")" 1
	if kill -0 "$(jq .pid <<<"$out")" 2>/dev/null; then return 1; fi
	slsc_run -C src invoke
	is "$status/$(jq .count <<<"$out")/$err" "0/1/"
	slsc_run invoke 'act:$LATEST'
	is "$status/$(jq .count <<<"$out")/$err" "0/1/"
	# the answer is what the function wrote, no byte more
	slsc_run invoke act --event '{"do":"big","n":100000}'
	is "$status/$(wc -c <"$T/out")/$(head -c 2 "$T/out")" '0/100000/"x'
	# the environment is the platform's
	WHO=somebody slsc_run invoke act --event '{"do":"env"}'
	is "$status/$out/$err" '0/"nobody"/'
	[ ! -e .slsc/local.json ]
}

@test "here: --tail is the log as it comes, --json has the report" {
	need jq jq
	act '    memory: 256 MB'
	slsc_run invoke act --tail --event '{"do":"log","n":3}'
	is "$status/$(jq -r .count <<<"$out")" "0/1"
	id=$(sed -n 's/^START RequestId: \(.*\) Version: .LATEST$/\1/p' "$T/err")
	is "$(sed 2,5!d "$T/err")" "line 0
line 1
line 2
END RequestId: $id"
	is "$(wc -l <"$T/err")" 6
	expected="REPORT RequestId: $id	Duration: N ms	Billed Duration: N ms	Memory Size: N MB	Max Memory Used: N MB	"
	expected+="Init Duration: N ms	CPU: N ms	XRAY TraceId: "
	has "$(sed '6!d; s/: [0-9.]* /: N /g' "$T/err")" "$expected"
	has "$(sed 6!d "$T/err")" "	Memory Size: 256 MB	"
	slsc_run invoke act --json --tail --event '{"do":"log","n":2}'
	is "$status/$err" "0/"
	is "$(jq -c '[.function, .status, .version, .function_error, .payload.count, .encoding, .report.cold]' "$T/out")" \
		'["act",200,"$LATEST",null,1,"json",true]'
	is "$(jq -r .log "$T/out" | sed 2,3!d)" "line 0
line 1"
	is "$(jq '.report | .billed_ms == ((.init_ns + .duration_ns) / 1000000 | ceil) and .duration_ns > 0 and .init_ns > 0' "$T/out")" true
	# without --tail nobody hears it
	slsc_run invoke act --event '{"do":"log","n":2}'
	is "$status/$err" "0/"
}

@test "here: a function that fails, ends, hangs: its error, exit 1" {
	need jq jq
	act '    timeout: 300 ms'
	slsc_run invoke act --event '{"do":"fail"}'
	is "$status" 1
	is "$(jq -r .errorType <<<"$out")" NotToday
	is "$err" "error: act: the function failed (Unhandled): NotToday: it is Sunday
hint: --tail shows what it printed"
	slsc_run invoke act --json --event '{"do":"exit","n":42}'
	is "$status" 1
	id=$(jq -r .request_id "$T/out")
	is "$(jq -r .payload.errorMessage "$T/out")" "RequestId: $id Error: Runtime exited with error: exit status 42"
	is "$(jq -r .error.code "$T/err")" function
	slsc_run invoke act --event '{"do":"sleep","n":60000}'
	is "$status" 1
	has "$err" "error: act: the function failed (Unhandled): Sandbox.Timedout: RequestId: "
	has "$err" " Error: Task timed out after 0.30 seconds"
	# what it printed is offered, and not asked for twice
	printf '#include <stdio.h>\n#include <stdlib.h>\n#include <slsc.h>\nslsc_lambda_fn handler;\n' >src/main.c
	printf 'static void __attribute__((constructor)) no(void) { puts("no disk"); fflush(stdout); exit(3); }\n' >>src/main.c
	printf 'int handler(struct slsc_ctx *c, struct slsc_str in, struct slsc_out *out)\n{ (void)c; (void)in; (void)out; return 0; }\n' >>src/main.c
	slsc_run invoke act
	is "$status" 1
	has "$err" "Error: Runtime exited with error: exit status 3
hint: --tail shows what it printed"
	slsc_run invoke act --tail
	is "$(sed 1!d "$T/err")" "no disk"
	is "$(grep -c hint "$T/err")" 0
}

@test "here: --stream prints pieces as they come" {
	mkdir -p flow/src && cd flow
	cat >src/flow.c <<-'EOF'
		#include <time.h>
		#include <unistd.h>
		#include <slsc.h>
		slsc_lambda_fn handler;
		int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
		{
			struct timespec t = { 0, 5000000 };
			(void)out;
			if (slsc_stream_begin(ctx, "text/plain") || slsc_stream_write(ctx, "one\n", 4))
				return -1;
			while (access("go", F_OK) != 0)
				nanosleep(&t, 0);
			if (in.len > 2)
				return slsc_fail(ctx, "Torn", "half of it");
			return slsc_stream_write(ctx, "two\n", 4);
		}
	EOF
	printf 'project: flow\nfunctions:\n  flow:\n    sources: [src/*.c]\n    timeout: 60 s\n' >slsc.yaml
	"$SLSC_BIN" build >/dev/null 2>&1
	mkfifo "$T/pipe"
	"$SLSC_BIN" invoke --stream >"$T/pipe" 2>"$T/err" &
	pid=$!
	exec 7<"$T/pipe"
	read -r line <&7
	is "$line" one
	touch go
	is "$(cat <&7)" two
	exec 7<&-
	wait "$pid"
	is "$(cat "$T/err")" ""
	# as the Invoke API would tell it
	slsc_run invoke --stream --event '{"torn":1}'
	is "$status/$out" "1/one"
	has "$err" "error: flow: the function failed (Function.Torn): Torn: half of it"
	# and in one piece
	slsc_run invoke
	is "$status/$out/$err" "0/one
two/"
	slsc_run invoke --stream --json
	is "$(jq -c '[.payload, .encoding]' "$T/out")" '["one\ntwo\n","text"]'
}

@test "here: a function that speaks HTTP is asked for /, or given the event" {
	need jq jq
	site
	slsc_run invoke
	is "$status/$out/$err" "0/got/"
	slsc_run invoke site --event '{"a":1}'
	is "$status/$out/$err" '0/posted {"a":1}/'
	slsc_run invoke site --stream --tail --event '{"a":1}'
	is "$status/$out" '0/posted {"a":1}'
	has "$err" "	Request: POST /	Answer: 200"
	# whose fault it is, by the status
	slsc_run invoke site --event '{"a":12345678}'
	is "$status/$(jq -r .message <<<"$out")/$err" "0/more than twelve/site answered with status 413"
	slsc_run invoke site --event '{"a":123456789012345678}'
	is "$status" 1
	is "$err" "error: site: the function failed (500)
hint: --tail shows what it printed"
	slsc_run invoke site --json
	is "$(jq -c '[.status, .version, .payload, .encoding, .report.cold]' "$T/out")" '[200,null,"got","text",true]'
}

@test "here: what cannot be run is told, and where it is written" {
	project
	printf '  site:\n    sources: [site.c]\n    runtime: none\n' >>slsc.yaml
	slsc_run invoke ehco
	is "$status/$out" "1/"
	is "$err" "error: unknown function 'ehco'
hint: did you mean 'echo'?"
	slsc_run invoke echo:7
	is "$status/$err" "1/error: 'echo:7': no slsc local runs in this project, and without it \$LATEST is the only version"
	slsc_run invoke
	is "$status/$err" "2/error: slsc.yaml has 2 functions: say which one to invoke
hint: slsc invoke echo"
	cd "$T/home"
	slsc_run invoke echo
	is "$status/$err" "1/error: $T/home: no slsc local runs here, and no slsc.yaml is here or above
hint: go to the project, make one with \`slsc init\`, or name a platform with --url"
	cd "$OLDPWD"
	slsc_run invoke echo --dry-run
	is "$status/$out/$err" "0//echo can be invoked"
	[ ! -e .slsc ]
	slsc_run invoke echo
	is "$status/$err" "1/error: slsc.yaml:4:15: no file matches 'echo.c'
hint: it is relative to slsc.yaml's directory; '**' stands for any number of directories"
	printf 'int handler;\n' >echo.c
	slsc_run invoke echo
	is "$status/$out" "1/"
	has "$err" "error: "
	rm -r .slsc
	slsc_run invoke site
	[ ! -e .slsc ]
	is "$status/$out/$err" "1//error: slsc.yaml:5:3: 'site' takes neither events nor requests: its runtime is none"
}

@test "here: a signal ends it and what it runs: exit 130" {
	act '    timeout: 60 s'
	setsid "$SLSC_BIN" invoke act --tail --event '{"do":"sleep","n":60000}' >"$T/out" 2>"$T/err" 3>&- &
	pid=$!
	wait_for grep -q '^START' "$T/err"
	child=$(pgrep -P "$pid")
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	is "$status" 130
	is "$(tail -n 1 "$T/err")" "error: interrupted"
	if kill -0 "$child" 2>/dev/null; then return 1; fi
}

@test "a platform that runs in the project is asked, not passed by" {
	need jq jq
	act
	local_start
	slsc_run invoke act --json
	is "$(jq -c '[.payload.count, .report]' "$T/out")" '[1,null]'
	slsc_run invoke act --json
	is "$(jq -c '[.payload.count, .report]' "$T/out")" '[2,null]'
	local_stop
	slsc_run invoke act --json
	is "$(jq -c '[.payload.count, .report.cold]' "$T/out")" '[1,true]'
}
