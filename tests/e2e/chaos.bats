#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc chaos: faults are put in and undone, a hypothesis holds or fails, an early end leaves nothing.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load local_helper
load chaos_helper
load browser_helper
bats_require_minimum_version 1.5.0

@test "files are converted while a tenth of the instances is killed: whole with care, torn without" {
	need jq jq && need iconv libc-bin
	"$SLSC_BIN" init convert --template convert 2>"$T/err"
	cd convert
	chaos chaos/kill.yaml
	is "$status/$err" "0/"
	is "$(of '[.held, .lost, .calls.ok, .aborted]')" '[true,0,160,null]'
	is "$(of '[.findings[] | [.name, .held]]')" \
		'[["error rate",true],["p99",true],["lost events",true],["check",true]]'
	is "$(of '.claims[0] | [.what, .claimed, .measured]')" '["check","state table complete","exit 0"]'
	# all of the schedule, and most of it found somebody; each was made good by a retry
	is "$(of '[.timeline[].nth] == [range(1; 26)]')" true
	is "$(of '[.timeline[] | .hits > 0] | map(select(.)) | length > 15')" true
	is "$(of '.failed > 15 and .retried == .failed and .attempts == 160 + .failed')" true
	is "$(cut -d' ' -f1 data/state.log | sort -u | wc -l)" 160
	sed -i 's/^    runtime: lambda/&\n    defines: {NO_CARE: "1"}/' slsc.yaml
	chaos chaos/kill.yaml
	is "$status" 3
	is "$(jq -r .error.message <<<"${err##*$'\n'}")" "convert: the hypothesis failed"
	has "$err" " of 160 files are not converted, or not to their end"
	has "$err" " of 160 files are not in the state table"
	is "$(of '[.held, .lost, (.findings[] | select(.name == "check") | .measured)]')" '[false,0,"exit 1"]'
}

@test "the same plan has the same schedule, another seed another one; what happens keeps to it" {
	act
	cat >plan.yaml <<-'EOF'
		duration: 2 s
		seed: 3
		load: {callers: 3}
		steady: {lost: 0}
		faults:
		  - {fault: kill, at: 200 ms, every: 100 ms, times: 6, jitter: 300 ms, share: 10 %}
		  - {fault: freeze, at: 1500 ms, for: 100 ms}
	EOF
	slsc_run chaos run plan.yaml --dry-run
	is "$status/$err" "0/"
	first=$out
	is "$(wc -l <<<"$first")" 7
	has "$first" "      1.500 s  freeze 100 % of instances, #1"
	slsc_run chaos run plan.yaml --dry-run
	is "$out" "$first"
	slsc_run chaos run plan.yaml --dry-run --seed 4
	[ "$out" != "$first" ]
	slsc_run chaos run plan.yaml --dry-run --json
	cp "$T/out" "$T/schedule"
	[ ! -e data ]
	chaos plan.yaml
	is "$status" 0
	is "$(of '[.timeline[] | select(.event == "begin") | [.number, .nth]]')" "$(jq -c '[.schedule[] | [.number, .nth]]' "$T/schedule")"
	# never too early
	is "$(jq -n --slurpfile s "$T/schedule" --slurpfile r "$T/out" '
		[$s[0].schedule, [$r[0].timeline[] | select(.event == "begin")]] | transpose | map(.[1].at >= .[0].at) | all')" true
}

@test "the plan that docs/CHAOS.md shows is one; its answers, too" {
	"$SLSC_BIN" init convert --template convert 2>/dev/null
	cd convert
	sed -n '/^```yaml$/,/^```$/p' "$SLSC_SRC/docs/CHAOS.md" | sed '1d;$d' >plan.yaml
	slsc_run chaos run plan.yaml --dry-run
	is "$status/$err" "0/"
	is "$(grep -c ' kill 10 % of busy instances, #' <<<"$out")" 5
	has "$out" "      1.000 s  net_delay 100 % of connections, by 200 ms, #1"
	slsc_run chaos run chaos/kill.yaml --dry-run
	is "$(sed 's/^/    /; 2q' "$T/out")" "$(grep -A 2 'kill.yaml --dry-run' "$SLSC_SRC/docs/CHAOS.md" | tail -n 2)"
}

@test "freeze, latency, errors, a slow start, a clock that is off: each does what it says, and is over" {
	act
	cat >plan.yaml <<-'EOF'
		duration: 2 s
		load: {callers: 2, event: '{"do": "deadline", "n": $N}', call: direct}
		steady: {error_rate: 50 %}
		faults:
		  - {fault: slow_start, delay: 300 ms, for: 350 ms}
		  - {fault: freeze, at: 400 ms, for: 300 ms}
		  - {fault: latency, at: 800 ms, for: 300 ms, delay: 40 ms}
		  - {fault: error, at: 1200 ms, for: 200 ms, share: 50 %, error: Chaos.Made}
		  - {fault: clock, at: 1500 ms, shift: -1 h}
	EOF
	chaos plan.yaml
	is "$status/$err" "0/"
	is "$(of '[.timeline[] | select(.event == "end") | .fault]')" '["slow_start","freeze","latency","error","clock"]'
	is "$(of '[.timeline[] | select(.event == "end" and (.fault == "slow_start" or .fault == "freeze")) | .hits]')" '[2,2]'
	is "$(of '.timeline[] | select(.event == "end" and .fault == "latency") | .hits | . >= 2 and . <= 16')" true
	is "$(of '.timeline[] | select(.event == "end" and .fault == "error") | .hits')" "$(of .failed)"
	is "$(of '[.calls.failed == .failed, .failed > 0, .lost]')" '[true,true,0]'
	slsc_run chaos run plan.yaml -q
	is "$status" 0
	[[ $out =~ [0-9]+' × Chaos.Made' ]]
}

@test "page: readable at 400 and 1600 px, by day and by night, and for a screen reader; what a plan says is text" {
	act
	cat >plan.yaml <<-'EOF'
		duration: 3 s
		load: {callers: 4, event: '{"do": "sleep", "n": 5}', call: direct}
		steady: {error_rate: 0 %, p99: 1 s, lost: 0}
		faults:
		  - {fault: kill, every: 300 ms, share: 25 %}
		  - {fault: freeze, at: 1 s, for: 500 ms, share: 50 %}
		  - {fault: latency, at: 1500 ms, for: 1 s, delay: 30 ms}
		  - {fault: error, at: 2 s, error: '<img src=x>'}
	EOF
	slsc_run chaos run plan.yaml -q --format html -o "$BATS_FILE_TMPDIR/page.html"
	is "$status/$out/$err" "3//error: act: the hypothesis failed"
	browser chaos_page.py {looks,names,hostile}=page.html
	seen looks page.html
	looked
	seen names page.html
	seen hostile page.html
	slsc_run chaos run plan.yaml --dry-run --format html
	is "$status/$err" "2/error: a schedule is text or JSON, no page"
}

@test "abort: it ends at once, and all is undone" {
	act
	cat >plan.yaml <<-'EOF'
		duration: 60 s
		load: {rate: 40}
		steady: {error_rate: 100 %}
		abort: {error_rate: 50 %}
		faults: [{fault: error}]
	EOF
	chaos plan.yaml
	is "$status" 3
	is "$(of '[.held, (.timeline | map(.event))]')" '[false,["begin","end"]]'
	[[ $(of .aborted) =~ ^\"([0-9]+)\ of\ ([0-9]+)\ attempts\ failed\ within\ a\ second\"$ ]]
	is "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
	is "$(of '.findings[] | select(.name == "abort") | .held')" false
	is "$(of '.timeline[1].at < 20000000000')" true
}

@test "an event whose retries are used up is lost" {
	act
	cat >plan.yaml <<-'EOF'
		duration: 500 ms
		load: {rate: 20, requests: 10, event: '{"do": "fail"}', retries: 1, retry: 10 ms}
		steady: {lost: 9}
		faults: []
	EOF
	chaos plan.yaml
	is "$status" 3
	is "$(of '[.lost, .attempts, .failed, .retried, .calls.failed]')" '[10,20,20,10,10]'
	is "$(of .findings)" '[{"held":false,"limit":"9","measured":"10","name":"lost events"}]'
}

# started: in the background, as the leader of a session of its own, up to where an instance is stopped
started() {
	setsid "$SLSC_BIN" chaos run plan.yaml --progress=never >"$T/out" 2>"$T/err" 3>&- &
	pid=$!
	stopped() {
		local p
		for p in $(processes); do
			[ "$(sed 's/.*) //' "/proc/$p/stat" | cut -d' ' -f1)" != T ] || return 0
		done
		return 1
	}
	wait_for stopped
}

gone() {
	[ -z "$(processes)" ] && ! pgrep -f "^$SLSC_BIN _fault" && ! kill -0 "$(cat command)" 2>/dev/null
}

@test "a signal, or kill -9, while instances are frozen: nothing is left" {
	act
	cat >plan.yaml <<-'EOF'
		duration: 60 s
		load: {callers: 3, event: '{"do": "sleep", "n": 5}'}
		steady: {lost: 0}
		faults: [{fault: freeze, at: 200 ms, for: 50 s}, {fault: latency, delay: 10 ms}, {fault: cpu, at: 50 ms, share: 30 %},
		  {fault: command, command: echo $$ >command; exec sleep 3000, undo: touch undone}]
	EOF
	started
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	is "$status/$(tail -n 1 "$T/err")" "130/error: interrupted"
	is "$(sed 1q "$T/out")" "act: the hypothesis is open: the run was interrupted"
	# who is under another fault is not frozen; on a busy machine that may be nobody
	grep -qE "freeze +#1 +over, it met [123]\$" "$T/out"
	# a command is not waited for, its undoing is
	run ! grep "took too long" "$T/out"
	[ -e undone ]
	gone
	[ ! -e .slsc/chaos.db ]
	started
	kill -KILL "$pid"
	wait "$pid" || :
	wait_for gone
	# the next run finds nothing of it, in the queue either
	sed -i 's/60 s/3 s/; s/at: 200 ms, for: 50 s/at: 2 s, for: 100 ms/; s/at: 50 ms, share/at: 1500 ms, share/
		s/exec sleep 3000/true/' plan.yaml
	chaos plan.yaml
	is "$status" 0
	is "$(of '.attempts == .calls.ok')" true
	find /sys/fs/cgroup -type d -name "slsc-$pid" >"$T/groups"
	is "$(cat "$T/groups")" ""
}

@test "faults that met nothing were not survived: the run says so, and fails" {
	act
	cat >plan.yaml <<-'EOF'
		duration: 800 ms
		load: {callers: 1, event: '{"do": "sleep", "n": 50}'}
		steady: {lost: 0}
		faults: [{fault: kill}, {fault: latency, delay: 1 ms}]
	EOF
	chaos plan.yaml
	is "$status" 3
	is "$(of '[.held, (.findings[] | select(.held | not) | [.name, .limit])]')" '[false,["faults","met some"]]'
	is "$(of '.findings[] | select(.name == "faults") | .measured')" '"kill met no instances"'
	# without those it holds
	sed -i 's/^faults.*/faults: [{fault: latency, delay: 1 ms}]/' plan.yaml
	chaos plan.yaml
	is "$status" 0
}

@test "a signal during before ends all that it has started" {
	act
	cat >plan.yaml <<-'EOF'
		duration: 400 ms
		before: sleep 3000 & echo $! >child.new; mv child.new child; wait
		load: {rate: 10}
		steady: {lost: 0}
		faults: [{fault: latency, delay: 1 ms}]
	EOF
	setsid "$SLSC_BIN" chaos run plan.yaml --progress=never >"$T/out" 2>"$T/err" 3>&- &
	pid=$!
	wait_for [ -e child ]
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	is "$status/$(cat "$T/out" "$T/err")" "130/error: interrupted"
	wait_for eval '! kill -0 "$(cat child)" 2>/dev/null'
}

# server: whether that of the plan is still there
server() {
	kill -0 "$(cat server)" 2>/dev/null
}

@test "a server of the plan is there before all else, and gone when the run is over, however that ends" {
	need python3 python3 && need curl curl
	act
	mkdir served
	echo key >served/token
	cat >plan.yaml <<-'EOF'
		duration: 2 s
		proxies:
		  - env: STORE
		    serve: echo $$ >server; exec python3 -m http.server --bind 127.0.0.1 "$PORT" -d served >log 2>&1
		before: curl -sf "http://$STORE/token" -o first
		load: {callers: 1}
		steady: {lost: 0}
		check: curl -sf "http://$STORE/token" | cmp - first
		faults: [{fault: latency, delay: 1 ms}]
	EOF
	PORT=1 STORE=nobody chaos plan.yaml
	is "$status/$err" "0/"
	is "$(of '[.held, .notes]')" '[true,[]]'
	is "$(cat first)" key
	run ! server
	# one that ends meanwhile is told
	sed 's/^faults.*/faults: [{fault: command, command: echo "$STORE" >told; kill $(cat server)}]/; /^check/d' plan.yaml >ends.yaml
	# the plan's own address, whatever the user's environment has
	STORE=nobody chaos ends.yaml
	is "$status" 0
	[[ $(cat told) =~ ^127\.0\.0\.1:[0-9]+$ ]]
	is "$(of .notes)" '["the server of STORE ended by itself: signal: terminated"]'
	# one that never begins is told before anything is done
	sed -i 's/exec python3.*/touch wrong; exit 3/; s/^before.*/before: touch begun/' ends.yaml
	slsc_run chaos run -q ends.yaml
	is "$status/$out/$err" \
		"1//error: ends.yaml:4:12: proxies.serve: the server ended before it took a connection: exit status 3"
	[ -e wrong ] && [ ! -e begun ]
	# a signal while it is waited for
	sed -i 's/touch wrong.*/exec sleep 3000/' ends.yaml
	rm server
	setsid "$SLSC_BIN" chaos run ends.yaml --progress=never >"$T/out" 2>"$T/err" 3>&- &
	pid=$!
	wait_for [ -s server ]
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	is "$status/$(cat "$T/out" "$T/err")" "130/error: interrupted"
	run ! server
	# SIGKILL of slsc
	rm server
	sed -i 's/2 s/1 min/; s/^before.*/before: touch begun/' plan.yaml
	"$SLSC_BIN" chaos run plan.yaml --progress=never >"$T/out" 2>"$T/err" 3>&- &
	pid=$!
	wait_for [ -e begun ]
	server
	kill -KILL "$pid"
	wait "$pid" || :
	wait_for eval '! server'
}

@test "what a plan has wrong is told, with its place" {
	act '  site:
    sources: [src/main.c]
    runtime: http'
	printf 'duration: 1 s\nload: {rate: 1}\nsteady: {lost: 0}\nfaults: [{fault: kill}]\n' >plan.yaml
	slsc_run chaos run plan.yaml
	is "$status/$out/$err" "1//error: plan.yaml:1:1: slsc.yaml has 2 functions: the plan has to say which one
hint: function: act"
	sed '1ifunction: akt' plan.yaml >bad.yaml
	slsc_run chaos run bad.yaml
	is "$status/$err" "1/error: bad.yaml:1:11: unknown function 'akt'
hint: did you mean 'act'?"
	sed '1ifunction: site' plan.yaml >bad.yaml
	slsc_run chaos run bad.yaml
	is "$status/$err" "1/error: bad.yaml:1:1: load: 'site' speaks HTTP and takes no events from a queue
hint: call: direct"
	sed '1ifunction: site
		s/rate: 1/&, call: direct/; s/{fault: kill}/&, {fault: error}/' plan.yaml >bad.yaml
	slsc_run chaos run bad.yaml
	is "$status/$err" "1/error: bad.yaml:5:25: faults: 'error' is put in by the Runtime API, and 'site' speaks HTTP"
	sed '1ifunction: act
		s/rate: 1/&, event: "{"/' plan.yaml >bad.yaml
	slsc_run chaos run bad.yaml
	is "$status" 1
	has "$err" "error: bad.yaml:3:24: event of load: it is no JSON: "
	sed '1ifunction: act
		s/^duration.*/&\nbefore: exit 7/' plan.yaml >bad.yaml
	slsc_run chaos run -q bad.yaml
	is "$status/$err" "1/error: bad.yaml:3:9: before: the command failed: exit 7"
	sed '1ifunction: act
		s/^duration.*/&\nproxies: [{env: STORE, to: "no.such.name.invalid:80"}]/' plan.yaml >bad.yaml
	slsc_run chaos run -q bad.yaml
	is "$status" 1
	has "$err" "error: bad.yaml:3:28: proxies.to: no.such.name.invalid:80: "
	sed '1ifunction: act
		s/^duration.*/&\nproxies: [{env: A, to: "h:1"}, {env: A, to: "h:2"}]/' plan.yaml >bad.yaml
	slsc_run chaos run -q bad.yaml
	is "$status/$err" "1/error: bad.yaml:3:38: proxies.env: 'A' is there twice"
	sed '1ifunction: act
		s/^duration.*/&\nproxies: [{env: AWS_LAMBDA_RUNTIME_API, to: "h:1"}]/' plan.yaml >bad.yaml
	slsc_run chaos run -q bad.yaml
	is "$status/$err" "1/error: bad.yaml:3:17: proxies.env: 'AWS_LAMBDA_RUNTIME_API' is the platform's"
	sed '1ifunction: act
		s/^duration.*/&\nbefore: touch begun/' plan.yaml >bad.yaml
	slsc_run chaos run -q bad.yaml -o none/c.html
	is "$status/$err" "1/error: cannot write none/c.html: No such file or directory"
	[ ! -e begun ]
	# what a plan calls an error reaches no terminal as it is
	printf '%s\n' 'function: act' 'duration: 1 s' 'load: {rate: 1}' 'steady: {lost: 0}' \
		'faults: [{fault: error, error: "a\ab"}]' >bell.yaml
	slsc_run chaos run -q bell.yaml --dry-run -o schedule
	is "$status/$out/$err" "0//"
	is "$(cat schedule)" "      0.000 s  error 100 % of events, as a?b, #1"
	slsc_run chaos run
	is "$status" 2
	slsc_run chaos run nothing.yaml
	is "$status" 1
	has "$err" "nothing.yaml"
}

@test "retries are counted when they are over, as attempts are" {
	act
	cat >plan.yaml <<-'EOP'
		duration: 2 s
		drain: 1 ms
		load: {rate: 20, requests: 4, event: '{"do": "sleep", "n": 60000}', retry: 1 ms}
		steady: {lost: 0}
		faults: [{fault: kill, at: 1500 ms}]
	EOP
	chaos plan.yaml
	is "$status" 3
	# each was killed once, and its retry is under way at the end
	is "$(of '[.attempts > 0, .attempts == .failed, .retried, .calls.abandoned]')" '[true,true,0,4]'
}
