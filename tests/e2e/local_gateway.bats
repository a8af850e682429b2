#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc local: what stands before a function's URL: a limit of the rate, a circuit breaker, who stands in.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load local_helper
bats_require_minimum_version 1.5.0

# ask PATH [CURL-ARGUMENT...]: $status, $out, $T/head
ask() {
	local path=$1
	shift
	status=$(curl -s -o "$T/body" -D "$T/head" -w '%{http_code}' "$@" "$url/$path")
	out=$(cat "$T/body")
}

# a function whose URL fails on /fail and ends its process on /exit
flaky() {
	project_of flaky '#include <slsc.h>
#include <stdio.h>
#include <unistd.h>
slsc_lambda_fn handler;
int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	struct slsc_str path = SLSC_STR("");
	char marker[] = "/proc/self/cwd/once";

	slsc_json_get(in, "rawPath", &path);
	if (slsc_str_eq(path, "\"/fail\""))
		return slsc_fail(ctx, "Never", "never");
	if (slsc_str_eq(path, "\"/exit\""))
		_exit(3);
	if (slsc_str_eq(path, "\"/once\"") && unlink(marker) == 0)
		_exit(3);
	slsc_puts(out, "\"fine\"");
	return 0;
}' "$1"
	local_start
}

@test "after three failures nothing is called: 503, with how long; the Invoke API is not held up" {
	need jq jq && need curl curl
	flaky ''
	ask flaky/fail && is "$status" 502
	ask flaky/ && is "$status $out" "200 fine"
	for _ in 1 2 3; do
		ask flaky/fail && is "$status" 502
	done
	ask flaky/
	is "$status $(jq -r .Reason <<<"$out")" "503 CircuitOpen"
	wait=$(header Retry-After)
	[ "$wait" -ge 1 ] && [ "$wait" -le 30 ]
	is "$(grep 'out of order' "$T/local.log")" "flaky  is out of order for 30 s: three failures in a row"
	call flaky '{}' && is "$status $out" '200 "fine"'
	# a new build has a clean slate
	echo '/* new */ int dummy;' >>src/main.c
	wait_for grep -q 'flaky  is new' "$T/local.log"
	ask flaky/ && is "$status $out" "200 fine"
}

@test "a file stands in, with its status" {
	need curl curl
	mkdir flaky && echo '{"sorry":true}' >flaky/sorry.json
	flaky '    fallback: {file: sorry.json, status: 203}'
	for _ in 1 2 3; do
		ask flaky/exit && is "$status" 502
	done
	ask flaky/
	is "$status $out $(header Content-Type)" '203 {"sorry":true} application/json'
	# why its instances ended is in the log; the first GET was made once more, and so is each that comes a second later
	ends=$(grep -c '^flaky  RequestId: [0-9a-f-]* Error: Runtime exited with error: exit status 3$' "$T/local.log")
	[ "$ends" -ge 4 ]
	[ "$ends" -le 6 ]
	# gone meanwhile: what is wrong with it is told here, and not to the caller
	rm sorry.json
	ask flaky/
	is "$status $(jq -r .message <<<"$out")" "503 the function is out of order"
	has "$(cat "$T/local.log")" "flaky  cannot read $PWD/sorry.json: No such file or directory"
	local_stop
	slsc_run local --port 0
	is "$status/$err" "1/error: slsc.yaml:5:22: no such file: 'sorry.json'
hint: it is relative to slsc.yaml's directory"
	sed -i 's/fallback:.*/extensions: nowhere/' slsc.yaml
	slsc_run config check
	is "$status/$err" "1/error: slsc.yaml:5:17: no such directory: 'nowhere'
hint: it is relative to slsc.yaml's directory"
}

@test "another function stands in" {
	need curl curl
	mkdir -p flaky/src && printf '#include <slsc.h>\nslsc_lambda_fn handler;\nint handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)\n{\n\t(void)ctx;\n\t(void)in;\n\tslsc_puts(out, "\\"from the other\\"");\n\treturn 0;\n}\n' >flaky/src/other.c
	flaky '    fallback: {function: other}
  other:
    sources: [src/other.c]'
	for _ in 1 2 3; do
		ask flaky/fail && is "$status" 502
	done
	ask flaky/
	is "$status $out" "200 from the other"
}

@test "more than the rate permits is refused, and told when to come again" {
	need jq jq && need curl curl
	flaky '    rate: 1'
	ask flaky/ && is "$status" 200
	ask flaky/
	is "$status $(jq -r .Reason <<<"$out") $(header Retry-After)" "429 RateLimited 1"
}

@test "a GET that met the end of its instance is made once more, a POST is not" {
	need curl curl
	mkdir flaky && touch flaky/once
	flaky ''
	ask flaky/once && is "$status $out" "200 fine"
	[ ! -e once ]
	touch once
	ask flaky/once -X POST && is "$status" 502
	[ ! -e once ]
}
