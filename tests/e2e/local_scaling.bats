#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc local with scaling: instances by a policy, and by a program of the user's.
# shellcheck disable=SC2154 # the helpers set $status, $out, $url and others
load helper
load local_helper
bats_require_minimum_version 1.5.0

# scaled LINE...: a project with the function of support/act.c, with these lines below scaling, served
scaled() {
	need jq jq && need curl curl || return 1
	act_project "    timeout: 10 s
    concurrency: 5
    scaling:$(printf '\n      %s' "$@")"
	local_start
}

# instances STATE N: so many are in it
instances() {
	curl -s "$url/_slsc/state" | jq -e --arg s "$1" --argjson n "$2" \
		'[.instances[] | select(.state == $s)] | length == $n' >/dev/null
}

# said TEXT N: so often it is a line of the log
said() {
	[ "$(grep -cFx "act  $1" "$T/local.log")" = "$2" ]
}

# obeying [LINE...]: a program that says what is in the file want, and notes what it is told
obeying() {
	mkdir -p act
	echo 3 >act/want
	cat >act/policy.sh <<-'X'
		while read -r line; do
			echo "$line" >>told
			read -r want <want
			case $want in
			hang) echo $$ >pid && exec sleep 1000 ;;
			end) exit 0 ;;
			*) echo "$want" | sed 's/^[0-9]*$/{"want":&}/' ;;
			esac
		done
	X
	scaled 'policy: command' 'interval: 50 ms' 'command: exec sh policy.sh' "$@"
}

@test "fixed: instances are started ahead of calls; more calls wait, as many as the queue takes" {
	scaled 'policy: fixed' 'fixed: 2' 'queue: 1'
	wait_for instances idle 2
	call act '{"do":"sleep","n":3000}' &
	wait_for instances busy 1
	curl -s -X POST -d '{"do":"sleep","n":3000}' "$url/2015-03-31/functions/act/invocations" >"$T/second" &
	second=$!
	wait_for instances busy 2
	curl -s -X POST -d '{}' "$url/2015-03-31/functions/act/invocations" >"$T/third" &
	third=$!
	wait_for sh -c "curl -s '$url/_slsc/state' | jq -e '.functions[0].waiting == 1'" >/dev/null
	status=$(curl -s -o "$T/fourth" -w '%{http_code}' -X POST -d '{}' "$url/2015-03-31/functions/act/invocations")
	is "$status" 429
	has "$(cat "$T/fourth")" "Rate Exceeded."
	wait "$second" "$third"
	is "$(jq .count "$T/third")" 2
	# nobody was started for the one that waited
	is "$(curl -s "$url/_slsc/state" | jq -c '[.functions[0].cold, (.instances | length)]')" '[2,2]'
}

@test "what waits for instances that cannot start is told so" {
	need jq jq && need curl curl
	project_of bad '#include <slsc.h>
#include <unistd.h>
slsc_lambda_fn handler;
__attribute__((constructor)) static void fail(void) { _exit(3); }
int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out) { (void)ctx; slsc_put(out, in.ptr, in.len); return 0; }' \
		'    scaling: {policy: fixed, fixed: 1}'
	local_start
	for i in 1 2; do
		call bad '{}'
		is "$status $(header X-Amz-Function-Error)" "200 Unhandled"
		is "$(jq -r .errorType <<<"$out")" Runtime.ExitError
	done
}

@test "forecast: more instances for what comes, and all but the fewest are let go after the cooldown" {
	scaled 'policy: forecast' 'forecaster: last' 'interval: 100 ms' 'horizon: 100 ms' 'cooldown: 300 ms' 'min: 1'
	wait_for instances idle 1
	for i in 1 2 3 4; do
		curl -s -X POST -d '{"do":"sleep","n":300}' "$url/2015-03-31/functions/act/invocations" >"$T/call$i" &
		calls+=($!)
	done
	wait "${calls[@]}"
	for i in 1 2 3 4; do
		is "$(jq 'has("pid")' "$T/call$i")" true
	done
	# one was not enough for them, and one is what is left
	[ "$(curl -s "$url/_slsc/state" | jq '.functions[0].cold')" -gt 1 ]
	wait_for instances idle 1
}

@test "forecast by a model that was trained; of a function that speaks HTTP; what is wrong with a model" {
	need jq jq && need curl curl
	slsc_run init web --template http
	cd web
	sed -i 's/^  http:$/  web:\n    concurrency: 4\n    scaling: {policy: forecast, forecaster: lstm, model: day.json, min: 2}/' slsc.yaml
	line=$(grep -n scaling: slsc.yaml | cut -d: -f1)
	slsc_run local -q
	is "$status" 1
	is "$err" "error: slsc.yaml:$line:58: there is no 'day.json'
hint: slsc scale train -o day.json"
	slsc_run scale train -q --load diurnal --duration 10min --period 2min --rate 100 --steps 5 --interval 2s -o day.json
	is "$status" 0
	slsc_run local -q
	is "$status" 1
	is "$err" "error: slsc.yaml:$line:58: 'day.json' was trained for intervals of 2 s, and the policy looks each 1 s
hint: interval: says how often"
	slsc_run scale train -q --load diurnal --duration 10min --period 2min --rate 100 --steps 5 -o day.json
	is "$status" 0
	local_start
	wait_for instances idle 2
	is "$(curl -s "$url/web/hello/Ada")" '{"message":"Hello, Ada!"}'
	# as many as it says, without a call
	kill -KILL "$(curl -s "$url/_slsc/state" | jq '.instances[0].pid')"
	renewed() { curl -s "$url/_slsc/state" | jq -e '.instances | map(.number) == [2,3]' >/dev/null && instances idle 2; }
	wait_for renewed
	is "$(curl -s "$url/web/hello/Bob")" '{"message":"Hello, Bob!"}'
}

@test "cpu: instances that compute get more of them" {
	scaled 'policy: cpu' 'target: 10 %' 'cpu_period: 200 ms' 'interval: 100 ms' 'cooldown: 10 min'
	wait_for instances idle 1
	# with 128 MB comes a thirteenth of a CPU: all of that
	call act '{"do":"spin","n":200}'
	is "$status" 200
	wait_for instances idle 5
}

@test "command: it is told what there is, asked each interval and obeyed, up and down" {
	obeying
	wait_for instances idle 3
	is "$(head -1 told | jq -c '[.interval, .arrivals, .queue, .idle, .busy]')" '[0,0,0,0,0]'
	call act '{}'
	wait_for grep -q '"arrivals":1,"done":1,' told
	is "$(grep -c '"arrivals":1,' told)" 1
	# as in the file, and within concurrency and min
	echo 9 >want
	wait_for instances idle 5
	echo 0 >want
	wait_for instances idle 1
	wait_for sh -c "tail -1 told | jq -e '.idle == 1 and .starting == 0'" >/dev/null
	is "$(grep -c scaling "$T/local.log" || :)" 0
}

@test "command: rubbish, silence and an end are told once, and the last number stays" {
	obeying 'answer_within: 3 s'
	wait_for instances idle 3
	echo many >want
	wait_for said "scaling: the policy's command answers 'many', which is no number of instances; it stays at 3" 1
	instances idle 3
	call act '{}'
	is "$status" 200
	# a new one is asked, and what goes on to be wrong is not told again
	before=$(wc -l <told)
	wait_for sh -c "[ \$(wc -l <told) -gt $before ]"
	echo 2 >want
	wait_for said "scaling: the policy's command answers again" 1
	wait_for instances idle 2
	echo hang >want
	wait_for said "scaling: the policy's command has not answered within 3000 ms; it stays at 2" 1
	instances idle 2
	echo 3 >want
	wait_for said "scaling: the policy's command answers again" 2
	echo end >want
	wait_for said "scaling: the policy's command has ended; it stays at 3" 1
	is "$(grep -c 'it stays at' "$T/local.log")" 3
}

@test "command: it ends with slsc, even if it hangs" {
	obeying 'answer_within: 10 min'
	wait_for instances idle 3
	echo hang >want
	wait_for test -s pid
	kill -0 "$(cat pid)"
	local_stop
	! kill -0 "$(cat pid)" 2>/dev/null || false
}

@test "a new scaling is taken over while it serves; without one, instances are started for calls again" {
	scaled 'policy: fixed' 'fixed: 2'
	wait_for instances idle 2
	sed -i 's/fixed: 2/fixed: 4/' slsc.yaml
	wait_for instances idle 4
	sed -i '/scaling:/,$d' slsc.yaml
	for i in 1 2 3 4 5; do
		wait_for sh -c "curl -s -X POST -d '{}' '$url/2015-03-31/functions/act/invocations' | jq -e .pid" >/dev/null
	done
}
