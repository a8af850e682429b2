#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc local and functions that speak HTTP: the template, and a server of Python's standard library, by curl.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load local_helper
bats_require_minimum_version 1.5.0

# web [ARGUMENT...]: Python's server as the function web
web() {
	need jq jq && need curl curl && need python3 python3 || return 1
	local_start --name web --http -- python3 -u "$BATS_TEST_DIRNAME/support/http_server.py" "$@"
}

# get PATH [CURL-ARGUMENT...]: $out is the answer's body, $status its status, $rc curl's own, $T/head its headers
get() {
	local path=$1
	shift
	rc=0
	status=$(curl -s -o "$T/body" -D "$T/head" -w '%{http_code}' "$@" "$url/web$path") || rc=$?
	out=$(tr -d '\0' <"$T/body" | head -c 100000)
}

# error TYPE: the body's; its message is $out
error() {
	is "$(jq -r .errorType <<<"$out")" "$1"
	is "$(header Content-Type)" application/json
	out=$(jq -r .errorMessage <<<"$out")
	[[ $out =~ ^RequestId:\ [0-9a-f-]{36}\ Error:\ (.*)$ ]] && out=${BASH_REMATCH[1]}
}

@test "the template: built, served, asked by curl; new sources take over" {
	need jq jq && need curl curl
	slsc_run init web --template http
	is "$status" 0
	cd web
	sed -i 's/^  http:$/  web:/' slsc.yaml
	local_start
	get / && is "$status" 200
	is "$out" "It works. Try /hello/{name}."
	is "$(header Content-Type)" "text/plain; charset=utf-8"
	is "$(header Content-Length)" 29
	get '' && is "$status" 200
	get /hello/Ada && is "$out" '{"message":"Hello, Ada!"}'
	get / -I && is "$status" 200
	is "$(header Content-Length)" 29
	get /nowhere && is "$status" 404
	get /echo -X PUT && is "$status" 405
	head -c 1048576 /dev/urandom >"$T/random"
	get /echo --data-binary "@$T/random" && is "$status" 200
	cmp "$T/random" "$T/body"
	get /count/300000 && is "$status" 200
	is "$(seq 300000 | sha256sum)" "$(sha256sum <"$T/body")"
	is "$(header Transfer-Encoding)" chunked
	get /events -H 'ce-id: 7' -H 'ce-source: /t' -H 'ce-type: t.t' -H 'ce-specversion: 1.0' -d 'abc' && is "$status" 200
	is "$out" '{"id":"7","type":"t.t","bytes":3}'
	grep -q $'^web  REPORT RequestId: .*\tInit Duration: .*\tRequest: GET /\tAnswer: 200$' "$T/local.log"
	# no event of Lambda's can be given to it
	call web '{}' && is "$status" 400
	is "$(jq -r .message <<<"$out")" "web speaks HTTP: send it requests below /web/"
	sed -i 's/It works\./It is new./' src/*.c
	renewed() { [ "$(curl -s "$url/web/")" = "It is new. Try /hello/{name}." ]; }
	wait_for renewed
}

@test "methods, paths, headers, cookies: what comes is passed on, what belongs to one connection is not" {
	web
	for method in GET POST PUT PATCH DELETE OPTIONS PROPFIND; do
		get '/a%20b//c/../d?x=1&y=%2F&&z' --path-as-is -X "$method"
		is "$status $(jq -r '.method + " " + .target' <<<"$out")" "200 $method /a%20b//c/../d?x=1&y=%2F&&z"
	done
	get /x -H 'X-Two: 1' -H 'X-Two: 2' -H 'X-Empty;' -H 'Cookie: a=1; b=2' -H 'Connection: X-Hop, close' -H 'X-Hop: 1' \
		-H 'TE: trailers' -H 'Keep-Alive: 9' -H 'Accept:' -H 'User-Agent: t' -u a:b -H 'X-Forwarded-For: 192.0.2.7' \
		-H 'X-Forwarded-Proto: https' -H 'X-Forwarded-Host: elsewhere' -H 'X-Request-Id: mine' \
		-H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' -H 'tracestate: a=b' \
		-H 'X-Amzn-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1'
	# the trace goes on; the parent is the span of this call
	span=$(jq -r '.headers[] | select(.[0] == "traceparent") | .[1][36:52]' <<<"$out")
	[[ $span =~ ^[0-9a-f]{16}$ ]] && [ "$span" != b7ad6b7169203331 ]
	is "$(jq -c '.headers | map(select(.[0] | startswith("Host") | not))' <<<"$out")" "$(jq -c . <<-END
		[["Authorization","Basic YTpi"],["X-Two","1"],["X-Two","2"],["X-Empty",""],["Cookie","a=1; b=2"],["User-Agent","t"],
		["X-Request-Id","mine"],["X-Forwarded-For","192.0.2.7, 127.0.0.1"],
		["X-Forwarded-Host","${url#http://}"],["X-Forwarded-Proto","http"],
		["X-Amzn-Trace-Id","Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=$span;Sampled=1"],
		["traceparent","00-0af7651916cd43dd8448eb211c80319c-$span-01"],["tracestate","a=b"]]
	END
	)"
	is "$(jq -r '.headers[] | select(.[0] == "Host") | .[1]' <<<"$out")" "${url#http://}"
	# without any of these: an id and a trace are made, and nothing is said of a body
	get /x
	is "$(jq -r '.headers | map(.[0]) | join(" ")' <<<"$out")" \
		"Host User-Agent Accept X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Request-Id X-Amzn-Trace-Id traceparent"
	id=$(jq -r '.headers[] | select(.[0] == "X-Request-Id") | .[1]' <<<"$out")
	grep -q "^web  REPORT RequestId: $id"$'\t' "$T/local.log"
	get /cookies
	is "$(header Set-Cookie)" "$(printf 'a=1; Path=/\nb=2')"
	is "$(header X-Once)$(header X-Hop)$(header Keep-Alive)" x
	for code in 200 201 204 301 304 404 418 500 599; do
		get "/status?n=$code" && is "$status" "$code"
	done
	get '/large?n=1600' -I && is "$status $(header Content-Length)" "200 1600"
	get /x -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: eA==' \
		&& is "$status" 501
	get /x -H 'Connection: Upgrade, HTTP2-Settings' -H 'Upgrade: h2c' -H 'HTTP2-Settings: AA' && is "$status" 200
	# a name that is none is a way to smuggle
	exec 5<>"/dev/tcp/127.0.0.1/${url##*:}"
	printf 'POST /web/x HTTP/1.1\r\nHost: %s\r\nContent-Length : 9\r\nX-A: b\r\nConnection: close\r\n\r\n' \
		"${url#http://}" >&5
	raw=$(cat <&5)
	exec 5>&-
	has "$raw" '["X-A", "b"]'
	is "$(grep -ci '"content-length ' <<<"$raw")" 0
}

@test "bodies both ways: 1 MB, 32 MB, chunked, none, more than is taken" {
	web
	head -c 1048576 /dev/urandom >"$T/random"
	get /echo --data-binary "@$T/random" && is "$status" 200
	cmp "$T/random" "$T/body"
	get /echo -H 'Transfer-Encoding: chunked' -H 'Expect: 100-continue' --data-binary "@$T/random" && is "$status" 200
	cmp "$T/random" "$T/body"
	# whose length is known by then
	is "$(header X-Length)" 1048576
	get /echo -X POST && is "$(header X-Length)" none
	get /echo -d '' && is "$(header X-Length)" 0
	get /echo -X GET -d 'with a GET' && is "$out" "with a GET"
	get '/large?n=1048576' && is "$(wc -c <"$T/body")" 1048576
	head -c $((32 << 20)) /dev/zero >"$T/zero"
	get /echo --data-binary "@$T/zero" && is "$status" 200
	cmp "$T/zero" "$T/body"
	printf x >>"$T/zero"
	get /echo --data-binary "@$T/zero" && is "$status" 413
	is "$(jq -r .message <<<"$out")" "Request must be smaller than 33554432 bytes"
	get /echo --data-binary "@$T/zero" -H 'Expect:' && is "$status" 413
}

@test "answers come as they are made, as fast as they are taken; who leaves is known at once" {
	web
	get /pid && is "$status" 200
	mkfifo "$T/pipe"
	# the second line is made when the first has been seen
	curl -sN "$url/web/stream" >"$T/pipe" &
	exec 5<"$T/pipe"
	read -r -t 5 line <&5 && is "$line" one
	curl -s "$url/web/go" && read -r -t 5 line <&5 && is "$line" two
	wait $!
	exec 5<&-
	# server-sent events, whose reader goes
	curl -sN "$url/web/sse" >"$T/pipe" &
	reader=$!
	exec 5<"$T/pipe"
	read -r -t 5 line <&5 && is "$line" "data: one"
	kill "$reader"
	wait "$reader" || :
	exec 5<&-
	wait_for grep -q '^web  the caller has left$' "$T/local.log"
	wait_for grep -q $'\tStatus: cancelled\tRequest: GET /sse\tAnswer: 200$' "$T/local.log"
	is "$(curl -s "$url/_slsc/state" | jq -c '.functions[0] | [.invocations, .errors, .cold, .outcomes.cancelled]')" \
		'[4,0,1,1]'
	# a reader that does not read: the function is held up when what lies between is full
	exec 5<>"/dev/tcp/127.0.0.1/${url##*:}"
	printf 'GET /web/endless HTTP/1.1\r\nHost: %s\r\n\r\n' "${url#http://}" >&5
	held() {
		local a b
		a=$(cat sent 2>/dev/null) && sleep 0.2 && b=$(cat sent) && [ -n "$a" ] && [ "$a" = "$b" ]
	}
	wait_for held
	[ "$(cat sent)" -lt $((32 << 20)) ]
	is "$(ps -o rss= "$local_pid" | awk '{ print ($1 < 40000) }')" 1
	# others are served meanwhile
	get /pid && is "$status" 200
	exec 5>&-
}

@test "what goes wrong is told: 502, 504; and the next request is served" {
	web
	get /pid && pid=$out
	get /close && is "$status" 502
	error Runtime.ConnectionClosed
	is "$out" "the function closed the connection before its answer was whole"
	get /garbage && is "$status" 502
	error Runtime.InvalidResponse
	has "$out" "the function's answer is no HTTP: "
	# it was not the process: that goes on
	get /pid && is "$out" "$pid"
	# on a connection that was kept, too, what may have been done is not done again; reading may be, once
	rm closed
	get /close -d x && is "$status" 502
	is "$(cat closed)" POST
	rm closed
	get /pid && get /close && is "$status" 502
	is "$(sort -u closed)" GET
	[ "$(wc -l <closed)" -le 2 ]
	get /cut && is "$rc" 18
	is "$status $out" "200 half"
	get /cutchunk && is "$rc" 18
	get /pid && is "$out" "$pid"
	# the process
	get '/exit?n=3' -X POST && is "$status" 502
	error Runtime.ExitError
	is "$out" "Runtime exited with error: exit status 3"
	get /pid && is "$status" 200
	[ "$out" != "$pid" ]
	get /abort -X POST && is "$status" 502
	error Runtime.ExitError
	is "$out" "Runtime exited with error: signal: aborted"
	# its last answer is whole
	get /last && is "$status $rc $(wc -c <"$T/body")" "200 0 1048576"
	get /pid && is "$status" 200
	pid=$out
	# one that is killed while it has nothing to do is nobody's trouble
	kill -KILL "$pid"
	get /pid && is "$status" 200
	[ "$out" != "$pid" ]
	pid=$out
	# the time that it has; others in the same process are served to their end
	get /hang &
	hang=$!
	wait_for test -e hanging
	# its own time has to end later
	sleep 1
	curl -s "$url/web/until?file=there" >"$T/until" &
	until=$!
	wait "$hang"
	# that has given out what is read here
	: >there
	wait "$until"
	is "$(cat "$T/until")" "$pid"
	get /hang && is "$status" 504
	error Sandbox.Timedout
	is "$out" "Task timed out after 3.00 seconds"
	get /pid && is "$status" 200
	[ "$out" != "$pid" ]
	ended() { ! kill -0 "$pid" 2>/dev/null; }
	wait_for ended
	grep -q $'\tStatus: timeout\tRequest: GET /hang\tAnswer: 504$' "$T/local.log"
}

# one curl for all: a process for each request takes longer than the requests
parallel=(-Z --no-progress-meter --parallel-immediate --parallel-max)

# codes N URL: N at once; the status of each answer in $T/codes, as it comes
codes() {
	curl -s "${parallel[@]}" "$1" -o /dev/null -w '%{stderr}%{http_code}\n' "$2" 2>"$T/codes"
}

@test "many at once in one instance; more when it is full; all are answered when some are killed" {
	web
	get /pid && pid=$out
	curl -s "${parallel[@]}" 50 "$url/web/meet?n=50&[1-50]" >"$T/pids"
	is "$(sort "$T/pids" | uniq -c | xargs)" "50 $pid"
	# 100 need a second one
	codes 100 "$url/web/hang?[1-100]" &
	wait_for sh -c "[ \$(pgrep -P $local_pid -f http_server | wc -l) = 2 ]"
	pkill -KILL -P "$local_pid" -f http_server
	wait $!
	# 503: of those whose instance had not been ready yet; 504 where the machine is so busy that their time was over
	is "$(grep -c '^50[234]$' "$T/codes") $(wc -l <"$T/codes")" "100 100"
	# under load, half of whose servers are killed: an answer to each, and nothing but 200 and 502
	codes 20 "$url/web/pid?[1-2000]" &
	load=$!
	for i in 500 1000 1500; do
		wait_for sh -c "[ \$(wc -l <'$T/codes') -ge $i ]"
		pkill -KILL -P "$local_pid" -f http_server || :
	done
	wait "$load"
	is "$(wc -l <"$T/codes")" 2000
	is "$(grep -cv '^200$\|^502$' "$T/codes")" 0
	[ "$(grep -c 200 "$T/codes")" -gt 1900 ]
}

@test "HTTP/1.0, where each request has a connection; a function that never listens, or ends at once" {
	web 1.0
	for i in 1 2 3; do
		get /echo -d "n$i" && is "$status $out" "200 n$i"
	done
	get '/large?n=1048576' && is "$(wc -c <"$T/body")" 1048576
	local_stop
	local_start --name web --http -- sh -c 'echo no; exit 7'
	get / && is "$status" 503
	error Runtime.ExitError
	is "$out" "Runtime exited with error: exit status 7"
	grep -q '^web  no$' "$T/local.log"
	local_stop
	local_start --name web --http -- sleep 60
	get / && is "$status" 503
	error Sandbox.Timedout
	is "$out" "Init phase timed out after 10.00 seconds"
}

@test "answers that are none, and such as just are" {
	need jq jq && need curl curl && need python3 python3
	local_start --name web --http -- python3 -u "$BATS_TEST_DIRNAME/support/http_raw.py"
	ok='HTTP/1.1 200 OK\r\n'
	long=$(printf 'a%.0s' {1..1000})
	headers() { for ((i = 0; i < $1; i++)); do printf 'X-%d: %s\r\n' "$i" "$long"; done; }
	# raw STATUS CURL'S-CODE BODY BYTES
	raw() {
		printf %b "$4" >answer
		get /answer --max-time 2
		is "$status $rc" "$1 $2"
		[ "$1" = 502 ] || is "$out" "$3"
	}
	raw 200 0 ok "${ok}Content-Length: 2\r\n\r\nok"
	raw 200 0 ok "${ok}Content-Length: 2\r\n\r\nok, and more"
	raw 200 0 abcd "${ok}Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"
	is "$(header Content-Encoding)" gzip
	raw 200 0 'to the end' "HTTP/1.0 200 OK\r\n\r\nto the end"
	raw 200 0 abc "${ok}Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: t\r\n\r\n"
	raw 200 0 ok "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${ok}Content-Length: 2\r\n\r\nok"
	is "$(header Link)" ""
	raw 200 0 '' "${ok}Content-Length: 0\r\nX-A: b\rSet-Cookie: no\r\n\r\n"
	is "$(header Set-Cookie)" ""
	raw 200 0 '' "${ok}Content-Length: 0\r\n$(headers 9)\n\r\n"
	is "$(header X-8)" "$long"
	# a length that is no number: to the end
	raw 200 0 ok "${ok}Content-Length: 99999999999999999999999\r\n\r\nok"
	# answers that break off
	raw 200 18 ab "${ok}Content-Length: 9\r\n\r\nab"
	raw 200 18 abc "${ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
	raw 200 18 abc "${ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n"
	# no answers
	raw 502 0 '' ''
	raw 502 0 '' 'HTTP/1.1 200 OK'
	raw 502 0 '' "${ok}X-A: b"
	raw 502 0 '' 'SSH-2.0-x\r\n'
	raw 502 0 '' "HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n"
	raw 502 0 '' "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"
	raw 502 0 '' "HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n"
	raw 502 0 '' "${ok}Content-Length: -5\r\n\r\n"
	raw 502 0 '' "${ok}X-A: a\0b\r\nContent-Length: 0\r\n\r\n"
	raw 502 0 '' "${ok}X-A: b\r\n folded\r\nContent-Length: 0\r\n\r\n"
	raw 502 0 '' "${ok}$(headers 70)\n\r\n"
	raw 502 0 '' "${ok}X: $(headers 70 | tr -d '\r\n')\r\n\r\n"
	raw 502 0 '' "${ok}Content-Length: 0\r\n$(headers 14)\n\r\n"
	error Runtime.InvalidResponse
	is "$out" "the function's answer is no HTTP: its headers are too long to be passed on"
	# the request's and the answer's share what a connection has
	printf %b "${ok}Content-Length: 0\r\n$(headers 9)\n\r\n" >answer
	get /answer -H "X-Long: $long$long$long" && is "$status" 200
	get /answer -H "X-Long: $long$long$long$long$long$long" && is "$status" 502
	raw 200 0 ok "${ok}Content-Length: 2\r\n\r\nok"
}

@test "a command is served without slsc.yaml; what is wrong with one is told" {
	need jq jq && need curl curl && need python3 python3
	cat >f.py <<-'END'
		import os, urllib.request
		base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
		while True:
		    r = urllib.request.urlopen(base + "next")
		    urllib.request.urlopen(base + r.headers["Lambda-Runtime-Aws-Request-Id"] + "/response", b"got " + r.read())
	END
	local_start --name f -- python3 f.py
	call f '{}' && is "$status $out" "200 got {}"
	local_stop
	slsc_run local --port 0 --name f --http -- no-such-program
	is "$status" 1
	has "$err" "'no-such-program' is not found on PATH"
	slsc_run local --name f
	is "$status" 2
	has "$err" "--name: the command to serve is missing"
	slsc_run local --name 'a b' -- true
	is "$status" 2
	has "$err" "--name: 'a b' is not a name of lower-case letters, digits, '-' and '_'"
	slsc_run local --http
	is "$status" 2
	has "$err" "--http is for a command that --name names"
}

@test "prewarm: an instance is warmed up before it is ready, until it says that it is" {
	need jq jq && need curl curl
	mkdir -p w/src && cd w
	cat >src/w.c <<-'EOF'
		#include <slsc.h>
		#include <stdio.h>
		static int asked;
		bool slsc_ready(void)
		{
			return ++asked > 2;
		}
		slsc_http_fn handler;
		int handler(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
		{
			char text[32];
			(void)ctx, (void)req;
			snprintf(text, sizeof(text), "asked %d times", asked);
			slsc_puts(&res->body, text);
			return 0;
		}
	EOF
	printf 'project: w\nfunctions:\n  web:\n    sources: [src/w.c]\n    runtime: http\n    concurrency: 1\n    prewarm: 1\n' >slsc.yaml
	local_start
	wait_for grep -q 'prewarm: ready' "$T/local.log"
	get / && is "$status $out" "200 asked 3 times"
	is "$(sed -n 's/ in [0-9.]* s/ in T/; /prewarm:/p' "$T/local.log")" "web  prewarm: warming
web  prewarm: ready in T, 3 probes"
}
