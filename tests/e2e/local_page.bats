#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The page of slsc local: its state by jq, its events by a client in Python, and itself in Chromium.
# shellcheck disable=SC2154 # the helpers set $status, $out, $url and others
load helper
load local_helper
bats_require_minimum_version 1.5.0

# act [YAML-LINES [ARGUMENT...]]: a project with the function of support/act.c, served
act() {
	need jq jq && need curl curl && need python3 python3 || return 1
	act_project "${1:-    timeout: 5 s}"
	local_start "${@:2}"
}

# page WHAT [MORE]: see support/local_page.py
page() {
	local what=$1
	shift
	python3 "$SLSC_SRC/tests/e2e/support/local_page.py" "$what" "$url" "$@"
}

# state FILTER: of /_slsc/state
state() {
	curl -s "$url/_slsc/state" | jq -c "$1"
}

@test "state: functions, instances, invocations, lines" {
	act '    timeout: 5 s
    memory: 256 MB
    concurrency: 2'
	has "$(cat "$T/local.log")" "all of it at $url/_slsc/"
	is "$(state '.functions[0] | [.name, .runtime, .generation, .timeout_ms, .memory, .concurrency]')" \
		'["act","lambda",0,5000,268435456,2]'
	is "$(state '.functions[0] | [.invocations, .errors, .p50_ms, .p99_ms, .heat]')" '[0,0,null,null,[]]'
	is "$(state '[.instances, .invocations, .lines]')" '[[],[],[]]'
	call act '{"do":"log","n":2}' -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
	id=$(header x-amzn-RequestId)
	trace=0af7651916cd43dd8448eb211c80319c
	is "$(state '.invocations[0] | [.seq, .function, .id, .trace, .outcome, .cold, .instance]')" \
		"[1,\"act\",\"$id\",\"$trace\",\"ok\",true,1]"
	is "$(state '.invocations[0] | [.duration_ms > 0, .init_ms > 0, .cpu_ms > 0, .memory > 0]')" '[true,true,true,true]'
	is "$(state '.lines | map([.seq, .text, .from, .instance])')" '[[1,"line 0","function",1],[2,"line 1","function",1]]'
	is "$(state '.lines | map([.id, .trace]) | unique')" "[[\"$id\",\"$trace\"]]"
	is "$(state '.instances | map([.function, .number, .state, .served, .memory > 0, .pid > 0, .why, .invocations])')" \
		'[["act",1,"idle",1,true,true,null,[]]]'
	curl -s "$url/act/some/path?q=1" >/dev/null
	is "$(state '.invocations[1] | [.trigger, .method, .path, .status, .cold]')" '["http","GET","/some/path",200,false]'
	call act '{"do":"fail"}'
	call act '{"do":"exit","n":3}'
	is "$(state '.invocations | map([.outcome, .error])[2:]')" \
		'[["error","Function.NotToday"],["exit","Runtime.ExitError"]]'
	is "$(state '.functions[0] | [.invocations, .errors, .cold, .outcomes.ok, .outcomes.error, .outcomes.exit]')" \
		'[4,2,1,2,1,1]'
	is "$(state '.functions[0] | [.p50_ms > 0, .p99_ms >= .p50_ms]')" '[true,true]'
	# all that were given to an instance are in the buckets
	is "$(state '[.functions[0].heat[][1:] | to_entries | map(select(.key % 2 == 1).value) | add] | add')" 4
}

@test "state: one that runs, one that is refused, one that times out" {
	act '    timeout: 700 ms
    concurrency: 1'
	call act '{}'
	curl -s -X POST -d '{"do":"sleep","n":10000}' "$url/2015-03-31/functions/act/invocations" >"$T/slow" &
	slow=$!
	wait_for sh -c "curl -s '$url/_slsc/state' | jq -e '.instances[0].invocations | length == 1'" >/dev/null
	is "$(state '[.functions[0].active, .instances[0].state, .instances[0].invocations[0].cold]')" '[1,"busy",false]'
	call act '{}' && is "$status" 429
	wait "$slow"
	is "$(state '.invocations | map([.outcome, .instance, .error])[1:]')" \
		'[["throttled",null,"TooManyRequestsException"],["timeout",1,"Sandbox.Timedout"]]'
	is "$(state '.functions[0].outcomes | [.ok, .throttled, .timeout]')" '[1,1,1]'
	# what is no report of an invocation is among the lines
	has "$(state '.lines[-1] | [.from, .text]')" 'Task timed out after 0.70 seconds"]'
}

@test "state: what is kept is bounded" {
	act
	for i in 1 2 3; do
		call act '{"do":"log","n":500}'
	done
	is "$(state '[(.lines | length), .lines[0].seq, .lines[-1].seq, .lines[-1].text]')" '[1000,501,1500,"line 499"]'
	call act "{\"do\":\"print\",\"text\":\"$(head -c 5000 /dev/zero | tr '\0' x)\"}"
	is "$(state '.lines[-1] | [.cut, (.text | length)]')" '[true,4096]'
	is "$(state '.lines[-2].cut')" null
	for i in $(seq 250); do
		echo "url = $url/2015-03-31/functions/act/invocations"
		echo 'data = "{}"'
		echo 'output = /dev/null'
		[ "$i" = 250 ] || echo next
	done >"$T/many"
	curl -s -K "$T/many"
	# the last one's end may be seen a moment after its answer
	wait_for eval '[ "$(state ".functions[0].invocations")" = 254 ]'
	is "$(state '[(.invocations | length), .invocations[0].seq, .invocations[-1].seq]')" '[200,55,254]'
}

@test "state: a new build is another generation" {
	act
	call act '{}'
	is "$(state '[.functions[0].generation, .instances[0].generation]')" '[0,0]'
	sed -i 's/it is Sunday/it is Monday/' src/main.c
	wait_for grep -q 'act  is new' "$T/local.log"
	call act '{}'
	is "$(state '[.functions[0].generation, (.instances | map(select(.state == "idle")) | .[0].generation)]')" '[1,1]'
}

@test "state: a function that speaks HTTP" {
	need jq jq && need curl curl && need python3 python3
	printf 'project: web\nfunctions: {}\n' >slsc.yaml
	local_start --name web --http -- python3 -u "$BATS_TEST_DIRNAME/support/http_server.py"
	curl -s "$url/web/x?q=1" >/dev/null
	is "$(state '.functions[0] | [.name, .runtime, .invocations]')" '["web","http",1]'
	is "$(state '.invocations[0] | [.method, .path, .status, .outcome]')" '["GET","/x",200,"ok"]'
}

@test "who may ask, and what for" {
	act
	get() { curl -s -o "$T/body" -w '%{http_code}' "$@"; }
	for path in /_slsc/ /_slsc/state /_slsc/events; do
		is "$(get -H 'Origin: http://example.com' "$url$path")" 403
		is "$(get -H 'Host: example.com' "$url$path")" 403
		is "$(get -H 'Sec-Fetch-Site: cross-site' "$url$path")" 403
		is "$(get -X POST -d '{}' "$url$path")" 405
		is "$(get -I "$url$path")" 200
	done
	is "$(get "$url/_slsc")" 308
	is "$(get "$url/_slsc/nothing")" 404
	is "$(jq -r .message "$T/body")" "nothing is at '/_slsc/nothing'"
	is "$(get -H "Origin: $url" "$url/_slsc/state")" 200
	curl -s -D "$T/head" -o "$T/body" "$url/_slsc/"
	has "$(header Content-Security-Policy)" "default-src 'none'; style-src 'sha256-"
	is "$(header Cache-Control) $(header X-Content-Type-Options) $(header Cross-Origin-Resource-Policy)" \
		'no-store nosniff same-origin'
	# nothing in it that the policy forbids, and nothing from elsewhere
	run ! grep -E '<[^>]* (on[a-z]+|style)=|src=|https?://[^w]' "$T/body"
}

@test "events: a state, then what changes, in batches" {
	act '    timeout: 5 s
    concurrency: 1'
	page events
}

@test "events: who does not read costs nothing, is told so, and catches up" {
	act '    timeout: 60 s
    memory: 3008 MB'
	page slow "$(jq .pid .slsc/local.json)"
}

@test "events: 32 readers, and room for the next when they leave" {
	act
	page readers
}

@test "page: rows, lines and outcomes as they come; filters by click and by key" {
	need chromium chromium
	act
	page live
}

@test "page: what a function prints is text" {
	need chromium chromium
	act
	page hostile
}

@test "page: nothing sticks out at 400 and 1600 px, all text has contrast, by day and by night" {
	need chromium chromium
	act
	page looks "$T"
	file "$T/local-400-dark.png" | grep -q 'PNG image data, 400 x '
	file "$T/local-1600-light.png" | grep -q 'PNG image data, 1600 x '
	[ -z "${SLSC_SCREENSHOTS:-}" ] || cp "$T"/local-*.png "$SLSC_SCREENSHOTS/"
}

@test "page: it goes on by itself when slsc local is back" {
	need chromium chromium
	port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
	act '    timeout: 5 s' --port "$port"
	mkfifo "$T/pipe"
	page back - <"$T/pipe" >"$T/steps" 3>&- &
	browser=$!
	exec 9>"$T/pipe"
	wait_for grep -q 'end it' "$T/steps"
	local_stop
	echo >&9
	wait_for grep -q 'start it' "$T/steps"
	local_start --port "$port"
	echo >&9
	exec 9>&-
	wait "$browser" || { cat "$T/steps" >&2 && return 1; }
}
