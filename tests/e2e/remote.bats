#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc invoke --remote and slsc logs --remote, before the server that plays the cloud.
# shellcheck disable=SC2154,SC2016 # helper.bash sets $status, $out and $err; there is a version $LATEST
load helper
load aws_helper
bats_require_minimum_version 1.5.0

setup() {
	helper_setup && aws_env
	follower=
}

end_follower() {
	[ -z "$follower" ] || kill "$follower" 2>/dev/null || :
}
at_end+=(end_follower)

# project: a function "hello" that is called "there-hello" where it is deployed
project() {
	mkdir src && echo 'int main(void) { return 0; }' >src/main.c
	printf 'project: p\nfunctions:\n  hello:\n    sources: [src/main.c]\n    deploy:\n      name: there-hello\n' >slsc.yaml
}

# put GROUP STREAM MS LINES: JSON strings, as if they had been logged then
put() {
	aws_put logs "$(printf '{"group": "%s", "stream": "%s", "at": %s, "lines": [%s]}' "$@")"
}

group=/aws/lambda/there-hello
one='2026/01/02/[1]aa' latest='2026/01/02/[$LATEST]bb'

@test "invoke --remote: the answer, its version, the log, an error, an alias, an ARN" {
	project
	aws_zip code.zip
	aws_function there-hello code.zip
	slsc_run invoke --remote --event '{"a":1}'
	is "$status $out $err" '0 {"a":1} '
	slsc_run invoke --remote hello --event '{"a":1}' --tail
	is "$status $out" '0 {"a":1}'
	is "$(sed -n '1s/RequestId: [0-9a-f-]*/ID/p; 2p; 3s/ .*//p; 4s/ .*//p' <<<"$err")" 'START ID Version: $LATEST
said by $LATEST
END
REPORT'
	slsc_run invoke --remote hello:1 --event '{"a":1}' --json
	is "$status $(jq -c '[.function, .status, .version, .payload, .encoding, .function_error, .log]' <<<"$out")" \
		'0 ["hello:1",200,"1",{"a":1},"json",null,null]'
	slsc_run invoke --remote hello --qualifier 1 --event '{"errorType":"fail","errorMessage":"as asked"}'
	is "$status $out" '1 {"errorType":"fail","errorMessage":"as asked"}'
	is "$err" "error: hello: the function failed (Unhandled): fail: as asked"
	slsc_run invoke --remote arn:aws:lambda:us-east-1:123456789012:function:there-hello:1 --event '{}' --region us-east-1
	is "$status $out $err" "0 {} "
	slsc_run invoke --remote hello --async
	is "$status $out ${err% *}" "0  queued for hello, request"
	slsc_run invoke --remote hello --dry-run
	is "$status $out $err" "0  hello can be invoked"
	is "$(asked 'select(.op == "Invoke") | .params | [.FunctionName, .Qualifier, .InvocationType] | map(. // "-") | join(" ")')" \
		"there-hello - RequestResponse
there-hello - RequestResponse
there-hello 1 RequestResponse
there-hello 1 RequestResponse
arn:aws:lambda:us-east-1:123456789012:function:there-hello 1 RequestResponse
there-hello - Event
there-hello - DryRun"
	no_secret "$T" "$AWS/requests.jsonl"
}

@test "invoke --remote: busy, out of order, cut, refused, unknown, expired, a clock that is off" {
	aws_zip code.zip
	aws_function f code.zip
	throttled='"code": "TooManyRequestsException", "message": "Rate Exceeded."'
	aws_put faults "[{\"op\": \"Invoke\", $throttled}, {\"op\": \"Invoke\", \"code\": \"ServiceException\"}]"
	slsc_run invoke --remote f
	is "$status $out $err" "0 {} "
	aws_put faults "[{\"op\": \"Invoke\", $throttled, \"times\": -1}]"
	AWS_MAX_ATTEMPTS=2 slsc_run invoke --remote f
	is "$status $out" "1 "
	is "$err" "error: f: Invoke: 429 TooManyRequestsException: Rate Exceeded.
hint: all its instances are busy: try again, or raise its concurrency"
	# who is to wait longer than half a minute is told so instead
	aws_put reset
	aws_function f code.zip
	aws_put faults "[{\"op\": \"Invoke\", $throttled, \"times\": -1, \"headers\": {\"Retry-After\": \"60\"}}]"
	slsc_run invoke --remote f
	is "$status $(head -1 <<<"$err")" "1 error: f: Invoke: 429 TooManyRequestsException: Rate Exceeded."
	is "$(asked 'select(.op == "Invoke") | .status')" 429
	# it may have run: once is enough
	aws_put reset
	aws_function f code.zip
	aws_put faults '[{"op": "Invoke", "cut": "answer", "times": -1}]'
	slsc_run invoke --remote f
	is "$status $out" "1 "
	has "$err" "error: f: Invoke: "
	is "$(asked 'select(.op == "Invoke") | .status')" 200
	aws_put faults '[]'
	slsc_run invoke --remote nobody
	is "$status" 1
	is "$err" "error: nobody: Invoke: 404 ResourceNotFoundException: Function not found: \
arn:aws:lambda:us-east-1:123456789012:function:nobody
hint: is it deployed, and in us-east-1?"
	slsc_run invoke --remote f --event 'no JSON'
	is "$status" 1
	aws_put settings '{"clock": 900}'
	slsc_run invoke --remote f
	is "$status $out" "0 {}"
	has "$err" "behind: requests are signed with the server's time"
	aws_put settings '{"clock": 0}'
	aws_keys expired
	slsc_run invoke --remote f --json
	is "$status $(jq -r .error.message <<<"$err")" \
		"1 f: Invoke: the credentials of the environment have expired"
	aws_keys denied
	slsc_run invoke --remote f
	is "$status" 1
	has "$err" "error: f: Invoke: 403 AccessDeniedException: User: arn:aws:iam::123456789012:user/denied is not authorized"
	no_secret "$T" "$AWS/requests.jsonl"
}

@test "logs: as text and as JSON, by pages, of a version, filtered, since, of a group of another name" {
	project
	now=$(date +%s)
	aws_zip code.zip
	aws_function there-hello code.zip
	put $group "$one" "$((now - 1200))000" '"an old one"'
	put $group "$one" "${now}007" '"one", "two\twith\u001b[31m", "three"'
	put $group "$latest" "${now}999" '"four \"ü\"\nand more"'
	at=$(date -u -d "@$now" +%Y-%m-%dT%H:%M:%S)
	slsc_run logs --remote
	is "$status $err" "0 "
	is "$out" "$(printf '%s\n' "$at.007Z one" "$at.007Z two	with"$'\e[31m' "$at.007Z three" "$at.999Z four \"ü\"" "and more")"
	aws_put settings '{"page": 2, "empty_pages": true}'
	slsc_run logs --remote hello --json --since 2h
	is "$(jq -c '[.time, .message, .version, .stream]' <<<"$out" | sed '1d')" "$(
		printf '["%s","%s","%s","%s"]\n' "$at.007Z" one 1 "$one" "$at.007Z" 'two\twith\u001b[31m' 1 "$one" \
			"$at.007Z" three 1 "$one" "$at.999Z" 'four \"ü\"\nand more' '$LATEST' "$latest"
	)"
	is "$(jq -r .message <<<"$out" | head -1) $(jq -r .id <<<"$out" | sort -u | wc -l)" "an old one 5"
	slsc_run logs --remote hello:1 --filter '"three"'
	is "$status $out" "0 $at.007Z three"
	slsc_run logs --remote hello --since 0s --filter nothing
	is "$status $out $err" "0  hello: nothing since 0s"
	# a terminal is not told what to do
	is "$(script -qec 'slsc logs --remote hello:1 --filter two' /dev/null </dev/null | tr -d '\r')" \
		"$at.007Z two	with?[31m"
	aws_function other code.zip '"LoggingConfig": {"LogGroup": "/mine"}'
	put /mine "$one" "${now}000" '"elsewhere"'
	slsc_run logs --remote other
	is "$status $out" "0 $at.000Z elsewhere"
	# without the right to ask for the function, its logs are where they usually are
	aws_put faults '[{"op": "GetFunctionConfiguration", "code": "AccessDeniedException", "status": 403, "message": "no"}]'
	slsc_run logs --remote hello --filter three
	is "$status $out" "0 $at.007Z three"
	no_secret "$T" "$AWS/requests.jsonl"
}

@test "logs: what is not there, not allowed, not understood" {
	slsc_run logs f
	is "$status $err" "2 error: slsc local prints what its functions log: there is nothing to fetch
hint: of a function that is deployed: slsc logs --remote f"
	slsc_run logs --remote
	is "$status $err" "2 error: which function is meant?
hint: slsc logs --remote FUNCTION"
	slsc_run logs --remote f --since tomorrow
	is "$status $err" "2 error: --since: 'tomorrow' is no time of at most a year
hint: such as 30s, 10m, 2h, 3d"
	slsc_run logs --remote 'a/b'
	is "$status $err" "2 error: 'a/b' is no function's name
hint: NAME, NAME:QUALIFIER or an ARN"
	slsc_run logs --remote arn:aws:s3:::bucket
	is "$status $err" "2 error: 'arn:aws:s3:::bucket' is no function's ARN"
	slsc_run logs --remote f
	is "$status $err" "1 error: f: GetFunctionConfiguration: 404 ResourceNotFoundException: Function not found: \
arn:aws:lambda:us-east-1:123456789012:function:f
hint: is it deployed, and in us-east-1?"
	aws_zip code.zip
	aws_function f code.zip
	slsc_run logs --remote f
	is "$status $err" "1 error: f: there is no log group /aws/lambda/f
hint: the first call makes it: slsc invoke --remote f"
	put /aws/lambda/f "$one" 1 '"x"'
	aws_put faults '[{"op": "FilterLogEvents", "raw": "{\"events\": [{}]}"}]'
	slsc_run logs --remote f
	is "$status $err" "1 error: f: FilterLogEvents: events[0] has no timestamp, or no message"
	aws_put faults '[{"op": "FilterLogEvents", "raw": "{\"nextToken\": \"t/0\"}", "times": -1}]'
	slsc_run logs --remote f
	is "$status $err" "1 error: f: FilterLogEvents: the next page is the same one, over and over"
	unset AWS_REGION
	slsc_run logs --remote f
	is "$status $err" "2 error: no region is known
hint: name it: --region, AWS_REGION, region in $HOME/.aws/config, or deploy.region in slsc.yaml"
	slsc_run invoke f --region us-east-1
	is "$status $err" "2 error: --region is of a function that is deployed
hint: --remote"
	no_secret "$T" "$AWS/requests.jsonl"
}

# polled N: until N requests for events have come since the last reset
polled() {
	local i
	for ((i = 0; i < 3000; i++)); do
		[ "$(asked 'select(.op == "FilterLogEvents") | .status' | wc -l)" -lt "$1" ] || return 0
		kill -0 "$follower" || return 1
		sleep 0.02
	done
	return 1
}

# shown LINE: until slsc has printed it
shown() {
	local i
	for ((i = 0; i < 3000; i++)); do
		! grep -qF "$1" "$T/out" || return 0
		kill -0 "$follower" || return 1
		sleep 0.02
	done
	return 1
}

@test "logs --follow: each event once, late ones too, through trouble, until Ctrl-C" {
	aws_zip code.zip
	aws_function f code.zip
	# what a shell starts in the background ignores Ctrl-C
	follow() {
		env --default-signal=INT "$SLSC_BIN" logs --remote f --follow >"$T/out" 2>"$T/err" </dev/null 3>&- &
		follower=$!
	}
	export AWS_MAX_ATTEMPTS=1
	follow
	polled 2
	now=$(date +%s)
	put /aws/lambda/f "$one" "${now}500" '"first"'
	shown first
	put /aws/lambda/f "$one" "${now}100" '"late, of before"'
	shown late
	aws_put settings '{"page": 1}'
	aws_put faults '[{"op": "FilterLogEvents", "code": "ThrottlingException", "status": 400, "message": "Rate exceeded"},
		{"op": "FilterLogEvents", "cut": "head"}]'
	put /aws/lambda/f "$one" "$((now + 1))000" '"last"'
	shown last
	kill -INT "$follower"
	wait "$follower"
	follower=
	is "$(cut -d' ' -f2- "$T/out")" "first
late, of before
last"
	is "$(cat "$T/err")" "nothing has been logged yet: waiting for it
warning: f: FilterLogEvents: 400 ThrottlingException: Rate exceeded: going on"
	# what is not going to get better ends it
	follow
	shown last
	aws_put faults '[{"op": "FilterLogEvents", "code": "AccessDeniedException", "status": 400, "message": "no more"}]'
	wait "$follower" || status=$?
	follower=
	is "$status $(grep -v ^hint "$T/err")" "1 error: f: FilterLogEvents: 400 AccessDeniedException: no more"
	no_secret "$T" "$AWS/requests.jsonl"
}

@test "logs --follow: keys that a container gives are asked for again before they expire" {
	aws_zip code.zip
	aws_function f code.zip
	put /aws/lambda/f "$one" "$(date +%s)000" '"x"'
	aws_put settings '{"lifetime": 66}'
	aws_keys none
	AWS_CONTAINER_CREDENTIALS_FULL_URI=$AWS_URL/v2/credentials/slsc
	AWS_CONTAINER_AUTHORIZATION_TOKEN=$(key .container)
	export AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_AUTHORIZATION_TOKEN
	env --default-signal=INT "$SLSC_BIN" logs --remote f --follow >"$T/out" 2>"$T/err" </dev/null 3>&- &
	follower=$!
	for ((i = 0; i < 3000; i++)); do
		[ "$(asked 'select(.op == "ContainerCredentials") | .status' | wc -l)" -lt 2 ] || break
		sleep 0.02
	done
	n=$(asked 'select(.op == "FilterLogEvents") | .status' | wc -l)
	polled $((n + 1))
	kill -INT "$follower"
	wait "$follower"
	follower=
	is "$(cut -d' ' -f2 "$T/out") $(cat "$T/err")" "x "
	is "$(asked 'select(.service) | [.who, .status] | join(" ")' | sort -u)" "container 200
static 200
static 201"
	no_secret "$T" "$AWS/requests.jsonl"
}
