#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc local: instances that are killed under load, nonsense beside real requests, leaks, floods, a full disk, no cgroups.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load local_helper
bats_require_minimum_version 1.5.0

unmount() {
	[ -z "${full:-}" ] || umount "$full"
}
at_end+=(unmount)

act() {
	act_project "${1:-}"
	shift || :
	local_start "$@"
}

# said: the numbers of all events that were delivered, once each
said() {
	jq -r 'select(.message | startswith("said ")) | .message[5:]' "$T/log.jsonl" | sort -n | uniq
}

@test "a tenth of the instances are killed again and again: each caller gets an answer, each event is done" {
	need jq jq && need python3 python3
	act '    memory: 3008 MB' --log-file "$T/log.jsonl"
	python3 "$SLSC_SRC/tests/e2e/support/local_load.py" kill "$url" act "$local_pid" 3 >"$T/counts"
	cat "$T/counts" >&2
	[ "$(jq .killed "$T/counts")" -ge 20 ]
	# answers are 200, or 200 with Runtime.ExitError, and nothing else; some of each
	is "$(jq -r 'keys[]' "$T/counts" | grep -vE '^(200|200 Runtime.ExitError|202 event|events|killed)$' || :)" ""
	[ "$(jq '.["200"]' "$T/counts")" -ge 100 ]
	jq -r '.events[]' "$T/counts" | sort -n >"$T/accepted"
	[ "$(wc -l <"$T/accepted")" -ge 20 ]
	# an event whose instance was killed three times is a dead letter: done with, too
	all() {
		{
			said
			[ ! -e .slsc/dead-letters.jsonl ] || jq -r .requestPayload.n .slsc/dead-letters.jsonl
		} | sort -n | uniq | cmp -s - "$T/accepted"
	}
	wait_for all
}

@test "a thousand malformed requests a second change nothing for the others" {
	need jq jq && need python3 python3
	act '    memory: 3008 MB'
	python3 "$SLSC_SRC/tests/e2e/support/local_load.py" noise "$url" act 2 >"$T/counts"
	cat "$T/counts" >&2
	is "$(jq -r 'keys[]' "$T/counts" | grep -vE '^(200|202 event|events|noise)$' || :)" ""
	[ "$(jq '.["200"]' "$T/counts")" -ge 100 ]
	[ "$(jq .noise "$T/counts")" -ge 1000 ]
	call act '{}' && is "$status" 200
}

@test "a function that leaks is ended at its limit, and the next instance serves" {
	need jq jq && need curl curl
	act '    timeout: 30 s'
	killed=0
	for i in $(seq 400); do
		call act '{"do":"leak"}'
		[ "$(header X-Amz-Function-Error)" = "" ] || { killed=$i && break; }
	done
	[ "$killed" -gt 50 ]
	is "$(jq -r .errorType <<<"$out")" Runtime.OutOfMemory
	call act '{}' && is "$(jq .count <<<"$out")" 1
}

@test "a gigabyte of log: others are served meanwhile, slsc does not grow" {
	need curl curl
	act '    memory: 3008 MB
    timeout: 120 s' -q
	call act '{"do":"flood","n":1024}' &
	first=$!
	for _ in $(seq 20); do
		is "$(curl -s -o /dev/null -w '%{http_code}' -m 20 -X POST -d '{}' "$url/2015-03-31/functions/act/invocations")" 200
	done
	wait "$first"
	is "$(tr -d '\r' <"$T/head" | head -1)" "HTTP/1.1 200 OK"
	[ "$(sed -n 's/^VmHWM:[ \t]*\([0-9]*\).*/\1/p' "/proc/$local_pid/status")" -lt 100000 ]
}

@test "who reads the log stops: calls go on, and so does the end" {
	need curl curl
	act_project '    timeout: 60 s'
	slsc_run build
	mkfifo "$T/log"
	exec 7<>"$T/log"
	"$SLSC_BIN" local --port 0 2>"$T/log" 3>&- 7>&- &
	local_pid=$!
	wait_for test -s .slsc/local.json
	url=$(jq -r .url .slsc/local.json)
	for _ in 1 2 3; do
		is "$(curl -s -o /dev/null -w '%{http_code}' -m 50 -X POST -d '{"do":"flood","n":4}' \
			"$url/2015-03-31/functions/act/invocations")" 200
	done
	# what was left out is told once somebody reads again
	timeout 20 grep -m 1 -E '^warning: [0-9]+ lines were left out: nobody took them$' <&7
	call act '{"do":"flood","n":4}' && is "$status" 200
	kill "$local_pid"
	ended() { ! kill -0 "$local_pid" 2>/dev/null; }
	wait_for ended
	wait "$local_pid" || :
	local_pid=
	exec 7>&-
}

@test "a full disk: an event for later is refused, invocations go on" {
	need curl curl
	[ "$(id -u)" = 0 ] || return 0
	full=$T/w/act
	mkdir -p "$full"
	mount -t tmpfs -o size=48m none "$full"
	cd "$T/w"
	act ''
	call act '{"do":"log","n":1}' -H 'X-Amz-Invocation-Type: Event' && is "$status" 202
	dd if=/dev/zero of=fill bs=1M >/dev/null 2>&1 || :
	dd if=/dev/zero of=fill2 bs=1k >/dev/null 2>&1 || :
	head -c 900000 /dev/zero | tr '\0' x | { printf '"'; cat; printf '"'; } >"$T/event"
	call act "@$T/event" -H 'X-Amz-Invocation-Type: Event'
	is "$status" 500
	has "$out" "the event is not stored"
	call act '{}' && is "$status" 200
	rm -f fill fill2
	call act '{"do":"log","n":1}' -H 'X-Amz-Invocation-Type: Event' && is "$status" 202
	cd "$T"
	local_stop
}

@test "without cgroups, what is not enforced is said in one line" {
	need curl curl && need setpriv util-linux
	[ "$(id -u)" = 0 ] || return 0
	act_project
	slsc_run build
	chmod 755 "$T" "$T/w"
	chown -R 65534:65534 "$T"
	rm -f .slsc/local.json
	setpriv --reuid 65534 --regid 65534 --clear-groups env SLSC_CACHE_DIR="$T/cache" \
		"$SLSC_BIN" local --port 0 >"$T/local.log" 2>&1 3>&- &
	local_pid=$!
	wait_for test -s .slsc/local.json
	url=$(jq -r .url .slsc/local.json)
	is "$(grep -c '^warning: ' "$T/local.log")" 1
	has "$(cat "$T/local.log")" "CPU"
	call act '{"do":"memory","n":600}'
	# a limit of the process: it is malloc() that fails
	is "$(jq -r .errorType <<<"$out")" NoMemory
	call act '{}' && is "$status" 200
}
