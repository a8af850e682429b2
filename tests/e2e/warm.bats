#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc warm against a server that answers as its paths say, and against a function of slsc's in HTTP mode.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load registry_helper

# serve: starts warm_server.py; sets $url, $log
serve() {
	need /usr/bin/python3 python3 || return 1
	local dir=$T/server
	mkdir "$dir"
	/usr/bin/python3 "$BATS_TEST_DIRNAME/support/warm_server.py" "$dir" 2>"$dir/stderr" 3>&- &
	pids+=($!)
	await "$dir/port" $! || {
		cat "$dir/stderr" >&2
		return 1
	}
	url=http://127.0.0.1:$(cat "$dir/port") log=$dir/log
}

# without_times TEXT: what took how long is another matter
without_times() {
	sed -E 's/[0-9]+\.[0-9]+ s/T/g; s/"seconds":[0-9.]+/"seconds":T/g; s/after [0-9]+ ms/after T/g' <<<"$1"
}

@test "ready at once: one request, with the header, to /health?ready=1" {
	serve
	slsc_run warm "$url/200/"
	is "$status" 0
	is "$(without_times "$out")" "$url/200/health?ready=1: ready in T, 1 probe"
	is "$err" "$url/200/health?ready=1: warming"
	is "$(cut -d' ' -f3- "$log")" "/200/health?ready=1 1"
}

@test "not yet: asked again, later each time" {
	serve
	slsc_run warm "$url/503,503,503,204"
	is "$status" 0
	is "$(without_times "$out")" "$url/503,503,503,204/health?ready=1: ready in T, 4 probes"
	# 100, 200 and 400 ms, and what it takes to ask
	is "$(awk 'NR > 1 { print ($2 - last >= least[NR] && $2 - last < least[NR] + 2000) } { last = $2 }
		BEGIN { least[2] = 99; least[3] = 199; least[4] = 399 }' "$log")" "1
1
1"
}

@test "three failures in a row are unhealthy, whatever the others are" {
	serve
	slsc_run warm "$url/500,503,404,301,500" "$url/200"
	is "$status" 1
	is "$(without_times "$out" | sort)" "$url/200/health?ready=1: ready in T, 1 probe
$url/500,503,404,301,500/health?ready=1: unhealthy after T, 5 probes: status 500"
	is "$(tail -n 1 "$T/err")" "error: 1 of 2 is unhealthy"
	# a redirect is not followed
	is "$(grep -c ' /200/ ' "$log")" 0
}

@test "no answer, no server, no end of the answer" {
	serve
	slsc_run warm "$url/close" "$url/endless" http://127.0.0.1:1
	is "$status" 1
	is "$(without_times "$out" | sort)" "$(printf '%s\n' \
		"http://127.0.0.1:1/health?ready=1: unhealthy after T, 3 probes: Failed to connect to 127.0.0.1 port 1 after T: Couldn't connect to server" \
		"$url/close/health?ready=1: unhealthy after T, 3 probes: it closed the connection without an answer" \
		"$url/endless/health?ready=1: ready in T, 1 probe" | sort)"
	is "$(tail -n 1 "$T/err")" "error: 2 of 3 are unhealthy"
}

@test "three at a time" {
	serve
	slsc_run warm "$url"/slow/{1..7}
	is "$status" 0
	is "$(wc -l <"$T/out")" 7
	is "$(cut -d' ' -f1 "$log" | sort -n | tail -n 1)" 3
	is "$(wc -l <"$log")" 7
}

@test "its time is over" {
	serve
	slsc_run warm --timeout 1 "$url/503"
	is "$status" 1
	is "$(without_times "$out")" "$url/503/health?ready=1: unhealthy after T, 5 probes: not ready after 1 s: status 503"
	slsc_run warm --timeout 0 "$url/503"
	is "$status" 2
}

@test "json: one line, in the order of the arguments" {
	need jq jq
	serve
	slsc_run warm --json "$url/503,200" "$url/404" "$url/close?deep=1"
	is "$status" 1
	is "$(without_times "$out")" '{"targets":[{"probes":2,"seconds":T,"state":"ready","status":200,"url":"'"$url"'/503,200/health?ready=1","why":null},{"probes":3,"seconds":T,"state":"unhealthy","status":404,"url":"'"$url"'/404/health?ready=1","why":"status 404"},{"probes":3,"seconds":T,"state":"unhealthy","status":null,"url":"'"$url"'/close?deep=1","why":"it closed the connection without an answer"}]}'
	is "$err" '{"error":{"code":"network","message":"2 of 3 are unhealthy","hint":null,"file":null,"line":null,"column":null}}'
	is "$(jq '[.targets[].seconds > 0.1] | all' <<<"$out")" true
}

@test "on a terminal one line shows what there is" {
	serve
	slsc_run warm --progress always "$url/503,503,200" "$url/200"
	is "$status" 0
	is "$(wc -l <"$T/out")" 2
	has "$err" "warming 0/2"
	has "$err" "ready: 0 cold, "
	is "$(grep -c ': warming' "$T/err" || true)" 0
}

@test "what is no URL is said before anything is asked" {
	serve
	slsc_run warm "$url/200" 127.0.0.1:8080
	is "$status" 2
	is "$err" "error: '127.0.0.1:8080' is not an http or https URL
hint: such as http://127.0.0.1:8080"
	slsc_run warm http://user:secret@127.0.0.1/
	is "$status" 2
	is "$err" "error: URL 1 names a user, which none may"
	is "$(cat "$log" 2>/dev/null)" ""
}

@test "interrupted while nothing answers" {
	serve
	"$SLSC_BIN" warm "$url/hang" >"$T/out" 2>"$T/err" 3>&- &
	pid=$!
	await "$log" $pid
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	is "$status" 130
	is "$(cat "$T/out")" ""
	is "$(tail -n 1 "$T/err")" "error: interrupted"
}

@test "a function that needs something first: warm before its first request" {
	need curl curl
	local fifo=$T/log port
	mkdir src
	cp "$SLSC_SRC/tests/runtime/functions/warm_http.c" src/
	cat >slsc.yaml <<-'YAML'
		project: warm
		arches: [x86_64]
		functions:
		  warm:
		    sources: [src/warm_http.c]
		    runtime: http
		    handler: handler
	YAML
	[ "$(uname -m)" = x86_64 ] || sed -i s/x86_64/arm64/ slsc.yaml
	slsc_run build
	is "$status" 0
	mkfifo "$fifo"
	set -- .slsc/release/*/warm
	PORT=0 FAILS=2 "$1" 2>"$fifo" 3>&- &
	pids+=($!)
	exec 4<"$fifo"
	read -r -t 20 line <&4
	has "$line" "listening on 0.0.0.0:"
	port=${line##*:}
	slsc_run warm "http://127.0.0.1:$port"
	is "$status" 0
	is "$(without_times "$out")" "http://127.0.0.1:$port/health?ready=1: ready in T, 3 probes"
	# what is lazy was made by the third probe, and not by this
	is "$(curl -sS "http://127.0.0.1:$port/")" 3
}
