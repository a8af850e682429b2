# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# Functions in Python, served by local_drive (e2e/support/local_drive.c) and called with curl.

DRIVE=$SLSC_BUILD/tests/local_drive
SUPPORT=$BATS_TEST_DIRNAME/support

setup() {
	T=$(mktemp -d "${TMPDIR:-/tmp}/slsc-test.XXXXXX")
	mkdir "$T/w" "$T/x"
	export LC_ALL=C.UTF-8 TZ=Pacific/Chatham
	cd "$T/w" || return 1
	AS=()
	need python3 python3
	need curl curl
}

teardown() {
	[ -z "${pid:-}" ] || kill -KILL "$pid" 2>/dev/null || :
	cd / || return 1
	[ -z "${T:-}" ] || rm -rf "$T"
}

# program FILE: an executable in Python, from standard input, that has what support/local_runtime.py has
program() {
	{
		# as a whole: an instance has a /tmp of its own, and this tree may lie below the machine's
		echo '#!/usr/bin/python3'
		cat "$SUPPORT/local_runtime.py" -
	} >"$1.new"
	chmod +x "$1.new"
	mv "$1.new" "$1"
}

function_is() {
	program f.py
}

extension_is() {
	program "$T/x/$1"
}

# as_user: what serve() starts from here on has no rights; for root to call, others have none anyway
as_user() {
	[ "$(id -u)" = 0 ] || return 0
	need setpriv util-linux || return 1
	AS=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	chmod 755 "$T" "$T/x"
	chmod 777 "$T/w"
}

# serve [OPTION...]: f.py as the function f; sets $port and $pid
serve() {
	local i
	: >"$T/log"
	"${AS[@]}" "$DRIVE" "$@" f ./f.py >"$T/log" 2>"$T/err" 3>&- &
	pid=$!
	for ((i = 0; i < 1500; i++)); do
		read -r port <"$T/log" && return 0
		kill -0 "$pid" || break
		sleep 0.02
	done
	cat "$T/err" >&2
	return 1
}

# invoke EVENT [CURL OPTION...]: sets $status, $error (X-Amz-Function-Error), $id, $body
invoke() {
	local event=$1
	shift
	curl -s -S -m 60 -o "$T/body" -D "$T/head" -d "$event" "$@" \
		"http://127.0.0.1:$port/2015-03-31/functions/f/invocations" || return 1
	status=$(sed -n '1s/HTTP[^ ]* \([0-9]*\).*/\1/p' "$T/head")
	error=$(header X-Amz-Function-Error)
	id=$(header x-amzn-RequestId)
	body=$(cat "$T/body")
}

header() {
	tr -d '\r' <"$T/head" | sed -n "s/^$1: //Ip"
}

# wait_for PATTERN FILE: until a line of it is there, a minute at most
wait_for() {
	local end=$((SECONDS + 60))
	while ((SECONDS < end)); do
		grep -q -- "$1" "$2" 2>/dev/null && return 0
		sleep 0.05
	done
	echo "no '$1' in $2:" >&2
	cat "$2" >&2
	return 1
}

# stop: it ends by itself, with nothing on its standard error, and so does all that it started
stop() {
	kill -TERM "$pid"
	wait "$pid" || {
		echo "it ended with $?" >&2
		cat "$T/err" >&2
		return 1
	}
	pid=
	is "$(tail -1 "$T/log")" ended
	is "$(cat "$T/err")" ""
}

# wrong FROM TO: what a runtime is told
wrong() {
	printf '{"errorMessage":"State transition from %s to %s failed for runtime. ' "$1" "$2"
	printf 'Error: State transition is not allowed","errorType":"InvalidStateTransition"}'
}

# failed TYPE MESSAGE: what the caller was told of it
failed() {
	is "$status $error $body" \
		"200 Unhandled {\"errorType\":\"$1\",\"errorMessage\":\"RequestId: $id Error: $2\"}"
}
