#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc chaos: the faults that take longest: connections, a full /tmp, late keys, CPU and memory.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load local_helper
load chaos_helper
bats_require_minimum_version 1.5.0

@test "connections break in a part: the upload is resumed, or it is lost" {
	upload
	chaos chaos/cut.yaml
	is "$status/$err" "0/"
	is "$(of '[.held, .lost, .calls.ok]')" '[true,0,40]'
	# one for each part, each question and each completion at least, and those that broke
	is "$(of '.timeline[1].hits > 60')" true
	without NO_RESUME
	chaos chaos/cut.yaml
	is "$status" 3
	is "$(of '[.held, .lost > 3, .lost == .calls.failed]')" '[false,true,true]'
	has "$err" " of 40 files are not in the store, or not as they were"
	is "$(pgrep -f "chaos/store.py serve [0-9]* data/store" || :)" ""
	# a store of one's own, that is not there
	sed -i 's/serve: .*/to: 127.0.0.1:1/' chaos/cut.yaml
	slsc_run chaos run -q chaos/cut.yaml
	is "$status" 1
	is "$err" "no store at 127.0.0.1:1: Connection refused
hint: python3 chaos/store.py serve 9100 data/store &
error: chaos/cut.yaml:5:9: before: the command failed: exit 1"
}

@test "/tmp is full: it is noticed, or what is sent is torn" {
	upload
	chaos chaos/tmp.yaml
	is "$status/$err" "0/"
	is "$(of '[.held, .lost, .failed, .notes == [] or (.notes | length) == 1]')" '[true,0,0,true]'
	is "$(of '.timeline[0].hits > 0 and .timeline[0].hits == .timeline[1].hits')" true
	without NO_SPACE
	chaos chaos/tmp.yaml
	is "$status" 3
	# all went well, says the function
	is "$(of '[.lost, .failed, (.findings[] | select(.held | not) | .name)]')" '[0,0,"check"]'
	has "$err" " of 50 files are not in the store, or not as they were"
}

@test "a key is changed, and known late: processes with the old one go, or events are lost" {
	upload
	chaos chaos/key.yaml
	is "$status/$err" "0/"
	is "$(of '[.held, .lost, .failed > 0, .instances > 1, .notes]')" '[true,0,true,true,[]]'
	without NO_RENEW
	chaos chaos/key.yaml
	is "$status" 3
	is "$(of '[.held, .lost > 3, .instances]')" '[false,true,1]'
}

@test "connections are slow, delayed, reset: all arrives in the end" {
	upload
	cat >plan.yaml <<-'EOF'
		duration: 2 s
		before: sh chaos/prepare.sh 20
		load: {rate: 10, event: '{"file": "$N.bin"}', retries: 6}
		proxies: [{env: STORE, serve: exec python3 chaos/store.py serve "$PORT" data/store}]
		steady: {lost: 0}
		check: sh chaos/check.sh
		faults:
		  - {fault: net_throttle, bytes: 2 MB, for: 600 ms}
		  - {fault: net_delay, delay: 10 ms, at: 600 ms, for: 600 ms}
		  - {fault: net_reset, at: 1200 ms, for: 300 ms}
	EOF
	chaos plan.yaml
	is "$status/$err" "0/"
	is "$(of '[.timeline[] | select(.event == "end") | .hits > 0]')" '[true,true,true]'
	is "$(of '.failed > 0')" true
}

@test "CPU and memory are used up from beside: in its limits, and no longer than said" {
	act '    memory: 256 MB'
	cat >plan.yaml <<-'EOF'
		duration: 6 s
		load: {callers: 1, event: '{"do": "sleep", "n": 50}'}
		steady: {error_rate: 99 %}
		faults:
		  - {fault: cpu, at: 300 ms, for: 500 ms}
		  - {fault: memory, at: 1 s, level: 110 %, for: 4900 ms}
	EOF
	"$SLSC_BIN" chaos run plan.yaml --json -q >"$T/out" 2>"$T/err" 3>&- &
	pid=$!
	wait_for pgrep -f "^$SLSC_BIN _fault cpu 0\$"
	wait "$pid"
	is "$(cat "$T/err")" ""
	is "$(of '[.timeline[] | select(.event == "end") | .fault]')" '["cpu","memory"]'
	is "$(of '[.timeline[] | select(.fault == "cpu") | .hits]')" '[1,1]'
	# who is over its memory is ended, and the event is done by the next one
	is "$(of '[.lost, .instances > 1]')" '[0,true]'
	is "$(pgrep -f "^$SLSC_BIN _fault" || :)" ""
}

@test "as a user without cgroups: memory is refused, the rest goes on and is undone" {
	need setpriv util-linux
	[ "$(id -u)" = 0 ] || return 0
	act
	cat >plan.yaml <<-'EOF'
		duration: 1 s
		load: {callers: 2, event: '{"do": "sleep", "n": 5}'}
		steady: {lost: 0}
		faults:
		  - {fault: tmp_full, at: 100 ms, for: 200 ms, share: 50 %}
		  - {fault: cpu, at: 300 ms, for: 200 ms}
		  - {fault: freeze, at: 600 ms, for: 200 ms}
	EOF
	sed 's/cpu/memory/' plan.yaml >memory.yaml
	chmod 755 "$T" "$T/w"
	chown -R 65534:65534 "$T"
	user() {
		status=0
		setpriv --reuid 65534 --regid 65534 --clear-groups env SLSC_CACHE_DIR="$T/cache" \
			"$SLSC_BIN" chaos run -q --json "$@" >"$T/out" 2>"$T/err" 3>&- || status=$?
	}
	user plan.yaml
	is "$status/$(cat "$T/err")" "0/"
	is "$(of '[.timeline[] | select(.event == "end") | [.fault, .hits]]')" '[["tmp_full",1],["cpu",2],["freeze",2]]'
	has "$(of '.notes[0]')" "CPU is not limited"
	is "$(pgrep -u 65534 -f "$SLSC_BIN" || :)$(processes)" ""
	user memory.yaml
	is "$status" 1
	is "$(jq -r '.error | .message, .line, .column' "$T/err")" \
		"memory.yaml:6:5: faults: 'memory' needs cgroups, and none can be made here
6
5"
}
