#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc bench: what is called and counted, its forms, what a function can do wrong, an early end. No test asserts a time.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load local_helper

# bench ARGUMENT...: as JSON; every call is in one outcome, and in one latency
bench() {
	slsc_run bench --json -q "$@"
	is "$(jq '[.cold, .load] | map(select(. != null) | (.calls | add) == ([.latency.all.n, 0] | max)) | all' "$T/out")" true
}

# of EXPRESSION: of the last one
of() {
	jq -c "$1" "$T/out"
}

@test "text: both parts, each call counted, the limits named; results alone on stdout" {
	act
	slsc_run bench act -q --cold 3 --requests 50 --warmup 0
	is "$status/$err" "0/"
	is "$(sed 1!d "$T/out")" act
	[[ $(sed 2!d "$T/out") =~ ^(x86_64|arm64),\ profile\ release,\ 128\ MB,\ (7\.2\ %\ of\ a\ CPU|CPU\ not\ limited)$ ]]
	has "$out" "cold starts, each on an instance of its own
3 calls: 3 ok"
	has "$out" "closed loop: 1 caller, 50 calls
50 calls: 50 ok"
	# what is said of callers that wait is not said of cold starts
	is "$(sed '/^closed/,$d' "$T/out" | grep -c corrected)" 0
	slsc_run bench -q --cold 2 --duration 0
	is "$status/$err" "0/"
	is "$(grep -c 'calls:' "$T/out")" 1
}

@test "json: calls, instances and reports of both parts" {
	act
	bench act --cold 5 --concurrency 2 --requests 200 --warmup 100ms --event '{"do":"log","n":1}'
	is "$status/$err" "0/"
	is "$(of '[.project, .function, .load.spec.loop, .load.spec.concurrency, .load.spec.requests, .load.spec.warmup]')" \
		'["act","act","closed",2,200,100000000]'
	is "$(of '[.cold.calls.ok, (.cold.colds | length), .cold.latency.cold.n, .cold.init.n, .cold.latency.corrected]')" \
		'[5,5,5,5,null]'
	is "$(of '[.cold.colds[] | .[0] > .[1] and .[1] > 0] | all')" true
	# instances stay: two callers, two instances, made before it counts
	is "$(of '[.load.calls.ok, .load.warmup_colds, .load.latency.warm.n, .load.latency.cold]')" '[200,2,200,null]'
	is "$(of '.load.warmup_calls > 2 and .load.memory > 0 and .load.cpu.n == 200 and .load.function.n == 200')" true
	is "$(of '[(.cold.allocations | type), .load.allocations]')" '["number",null]'
	has "$(of .machine)" "Linux $(uname -r), $(uname -m), $(nproc)"
	is "$(of '.notes | map(select(startswith("2 cold starts in the warm-up"))) | length')" 1
}

@test "an open loop makes its calls at its rate, however long they take" {
	act
	bench act --cold 0 --rate 50 --duration 2s --warmup 0
	is "$status" 0
	is "$(of '[.cold, .load.spec.loop, .load.spec.rate, (.load.calls | add), .load.latency.corrected]')" '[null,"open",50,100,null]'
	is "$(of '.load.late.n + .load.limited')" 100
	# 500 ms each: some ten instances at once
	bench act --cold 0 --rate 20 --requests 30 --warmup 0 --event '{"do":"sleep","n":500}'
	is "$(of '[(.load.calls | add), .load.calls.ok, .load.latency.all.n]')" '[30,30,30]'
	is "$(of '.load.latency.cold.n >= 5')" true
	# the warm-up is of the same calls, and in no number but its own
	bench act --cold 0 --rate 50 --duration 1s --warmup 500ms
	is "$(of '[.load.warmup_calls, (.load.calls | add)]')" '[25,50]'
}

@test "a function that fails, ends, hangs, is too large: each is counted as what it did" {
	act '    timeout: 30 s
    memory: 3008 MB'
	bench act --cold 2 --requests 5 --warmup 0 --event '{"do":"fail"}'
	is "$status" 1
	is "$(jq -r .error.message "$T/err")" "act: no call went well"
	is "$(of '[.cold.calls.failed, .load.calls.failed, .load.errors]')" '[2,5,[{"n":5,"status":null,"text":"NotToday"}]]'
	bench act --cold 2 --requests 5 --warmup 0 --event '{"do":"exit","n":3}'
	is "$status" 1
	is "$(of '[.cold.calls.crashed, .load.calls.crashed, .load.errors[0].text, .load.init.n]')" '[2,5,"Runtime.ExitError",5]'
	bench act --cold 0 --requests 2 --warmup 0 --event '{"do":"big","n":6291557}'
	is "$(of '[.load.calls.failed, .load.errors[0].text]')" '[2,"Function.ResponseSizeTooLarge"]'
	slsc_run bench act -q --cold 0 --requests 3 --warmup 0 --event '{"do":"abort"}'
	is "$status" 1
	has "$out" "3 calls: 3 crashed"
	has "$out" "errors
3 × Runtime.ExitError"
	sed -i 's/timeout: 30 s/timeout: 200 ms/' slsc.yaml
	bench act --cold 1 --requests 2 --warmup 0 --event '{"do":"sleep","n":60000}'
	is "$(of '[.cold.calls.timeout, .load.calls.timeout, .load.errors[0].text]')" '[1,2,"Sandbox.Timedout"]'
	is "$(of '.load.latency.failed.min >= 200000000')" true
}

@test "as many at once as the function has instances: the others are refused, and it is said" {
	act '    concurrency: 1'
	bench act --cold 1 --concurrency 4 --requests 50 --warmup 0 --event '{"do":"sleep","n":100}'
	is "$status" 0
	is "$(of '.load.calls | .refused >= 1 and .ok >= 1 and .refused + .ok == 50')" true
	is "$(of '.load.errors[0] | [.status, .text]')" '[429,"TooManyRequestsException"]'
	is "$(of '.notes | map(select(. == "it takes 1 call at once, by its concurrency: of 4 callers some are refused")) | length')" 1
}

@test "a function that speaks HTTP: GET /, or POST with an event; answers of 500 and more are failures" {
	need jq jq
	site
	bench --cold 3 --requests 40 --warmup 0 --concurrency 4
	is "$status/$err" "0/"
	is "$(of '[.cold.calls.ok, .cold.latency.cold.n, .load.calls.ok, .load.errors]')" '[3,3,40,[]]'
	bench --cold 1 --requests 3 --warmup 0 --event '{"a":123456789012345678}'
	is "$status" 1
	is "$(of '[.cold.calls.failed, .load.calls.failed, .load.errors]')" '[1,3,[{"n":3,"status":500,"text":null}]]'
}

@test "--memory, --profile, --example; what slsc local warns of is noted" {
	act
	bench act --cold 1 --requests 1 --warmup 0 --memory 1769MB --profile small --example s3
	is "$status" 0
	is "$(of '.what | sub("CPU not limited"; "100.0 % of a CPU")')" \
		"\"$(uname -m | sed s/aarch64/arm64/), profile small, 1769 MB, 100.0 % of a CPU\""
	[ -x ".slsc/small/$(uname -m | sed s/aarch64/arm64/)/act" ]
	bench act --cold 1 --duration 0 --memory 128MB --event '{"do":"memory","n":600}'
	is "$(of .cold.calls.crashed)" 1
	local_start
	warnings=$(sed -n 's/^warning: //p' "$T/local.log")
	local_stop
	is "$(jq -r --arg w "$warnings" '.notes - (.notes - [$w]) | join("")' "$T/out")" "$warnings"
}

@test "html and text go to a file" {
	act
	slsc_run bench act -q --cold 2 --requests 5 --warmup 0 --format html -o bench.html
	is "$status/$out/$err" "0//"
	is "$(head -c 15 bench.html)" "<!DOCTYPE html>"
	has "$(cat bench.html)" "5 calls: 5 ok"
	slsc_run bench act -q --cold 1 --duration 0 -o no/such/bench.txt
	is "$status/$out" "1/"
	has "$err" "no/such"
	slsc_run bench act -q --cold 1 --duration 0 -o bench.txt
	has "$(cat bench.txt)" "1 call: 1 ok"
	no_leftovers .
}

# early WAIT-FOR ARGUMENT...: a signal once stderr has a line; sets $status
early() {
	local what=$1 pid
	shift
	setsid "$SLSC_BIN" bench act "$@" >"$T/out" 2>"$T/err" 3>&- &
	pid=$!
	wait_for grep -q "^$what\$" "$T/err"
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	if pgrep -s "$pid"; then return 1; fi
	is "$(tail -n 1 "$T/err")" "error: interrupted"
}

@test "a signal: what there is is printed, exit 130, nothing is left" {
	act
	early load --cold 2 --duration 60s --warmup 0
	is "$status" 130
	has "$(cat "$T/out")" "2 calls: 2 ok"
	has "$(cat "$T/out")" "closed loop: 1 caller for 60 s"
	has "$(cat "$T/out")" "note: interrupted: the numbers are of what had been measured by then"
	early "cold starts" --cold 10000 --event '{"do":"sleep","n":20}'
	is "$status" 130
	has "$(cat "$T/out")" "cold starts, each on an instance of its own"
	has "$(cat "$T/out")" "note: interrupted: the numbers are of what had been measured by then"
	is "$(grep -c loop "$T/out")" 0
	# in the midst of a call that takes its time
	early calls --cold 0 --requests 2 --warmup 0 --event '{"do":"sleep","n":2900}'
	is "$status" 130
}

@test "what is asked wrongly is told" {
	act
	printf '  site:\n    sources: [src/main.c]\n    runtime: none\n' >>slsc.yaml
	while IFS='|' read -r options message; do
		# shellcheck disable=SC2086
		slsc_run bench act $options
		is "$status/$out/$err" "2//error: $message"
	done <<-'EOF'
		--cold 0 --duration 0|neither a cold start nor a load: there is nothing to measure
		--cold many|--cold: 'many' is no number up to 10000
		--cold 10001|--cold: '10001' is no number up to 10000
		--event {} --example s3|--event and --example are both an event
	EOF
	slsc_run bench act --rate 5 --concurrency 5
	is "$status/$err" "2/error: --rate is an open loop, --concurrency a closed one
hint: the open one has as many calls under way as it takes, at most 1000"
	slsc_run bench act --duration soon
	is "$status/$err" "2/error: --duration: 'soon' is no time of at most 24 h
hint: such as 10s, 500ms, 2min"
	slsc_run bench act --warmup 25h
	is "$status/$err" "2/error: --warmup: '25h' is no time of at most 24 h
hint: such as 10s, 500ms, 2min"
	slsc_run bench act --memory 64MB
	is "$status/$err" "2/error: --memory: '64MB' is not within 128 MB and 10,240 MB
hint: such as 1769MB, which comes with a whole CPU"
	slsc_run bench
	is "$status/$err" "2/error: slsc.yaml has 2 functions: say which one to measure
hint: slsc bench act"
	slsc_run bench site
	is "$status/$out/$err" "1//error: slsc.yaml:6:3: 'site' takes neither events nor requests: its runtime is none"
	slsc_run bench atc
	is "$status/$err" "1/error: unknown function 'atc'
hint: did you mean 'act'?"
}
