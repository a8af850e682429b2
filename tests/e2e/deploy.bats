#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc deploy as a whole, before the server that plays the cloud: the way from a project to logs, beside AWS's own
# clients; and whatever ends a run at any of its requests, the alias is where it was or where it was to go.
# shellcheck disable=SC2154,SC2016 # helper.bash sets $status, $out and $err; there is a version $LATEST
load helper
load aws_helper
bats_require_minimum_version 1.5.0

setup() {
	helper_setup && aws_env && aws_put settings '{"polls": 0}' && kept project project
	pids=()
}

end_runs() {
	local pid
	for pid in "${pids[@]}"; do
		kill -9 "$pid" 2>/dev/null || :
	done
}
at_end+=(end_runs)

ROLE=arn:aws:iam::123456789012:role/hello

# settings MEMORY [ENV]: slsc.yaml
settings() {
	cat >slsc.yaml <<-EOY
		project: p
		arches: [x86_64]
		functions:
		  hello:
		    sources: [src/hello.c]
		    memory: $1 MB
		    env: {STAGE: v4lue-${2:-one}}
		    package: {zip: {include: [{from: note.txt}]}}
		    deploy: {role: "$ROLE", alias: live}
	EOY
}

project() {
	"$SLSC_BIN" init -q hello >/dev/null && mv hello/src . && rm -r hello
	echo one >note.txt
	settings 128
	"$SLSC_BIN" build -q >/dev/null
}

# another: what makes other code and another configuration
another() {
	edition=$((${edition:-1} + 1))
	echo "$edition" >note.txt
	settings $((128 + edition))
}

deploy() {
	slsc_run deploy --no-build "$@"
}

# alias: where it points to, as JSON, without its revision
alias_now() {
	cloud '.functions.hello.aliases.live | [.FunctionVersion, .RoutingConfig] | tojson'
}

# whole: the alias points to one version alone, which is what lies in dist/ with the memory of slsc.yaml
whole() {
	local sha
	sha=$(openssl dgst -sha256 -binary dist/hello-x86_64.zip | base64)
	is "$(cloud '.functions.hello | .aliases.live as $a | .versions[$a.FunctionVersion] |
		[$a.RoutingConfig, .CodeSha256, .MemorySize, .State] | tojson')" "[null,\"$sha\",$((128 + edition)),\"Active\"]"
}

# completed: what a run before has left undone
completed() {
	deploy
	is "$status $err" "0 " && whole
}

versions() {
	cloud '.functions.hello.versions | length'
}

@test "from a project to its logs: deploy, invoke, logs; what the AWS CLI reads and changes; back again" {
	need /usr/bin/aws awscli
	aws() { /usr/bin/aws --endpoint-url "$AWS_URL" lambda "$@"; }
	deploy
	is "$status $err" "0 "
	slsc_run invoke --remote hello:live --event '{"name":"Ada"}'
	is "$status $out" '0 {"message":"Hello, Ada!"}'
	slsc_run logs --remote hello:live --json
	is "$status $(jq -r .version <<<"$out" | sort -u)" "0 1"
	is "$(jq -r .message <<<"$out" | grep -c '^REPORT')" 2
	aws get-function-configuration --function-name hello --qualifier live >"$T/read"
	is "$(jq -c '[.Version, .MemorySize, .Runtime, .Environment.Variables.STAGE, .Role]' "$T/read")" \
		"[\"1\",128,\"provided.al2023\",\"v4lue-one\",\"$ROLE\"]"
	# somebody changes it by hand; a dry run tells, a run puts it right
	aws update-function-configuration --function-name hello --memory-size 512 >"$T/read"
	deploy -n
	is "$status $(sed -n '1,2p' <<<"$out")" "0 hello: would change
  MemorySize: 512 -> 128"
	deploy
	is "$status $(sed -n '1,2p;$p' <<<"$out")" "0 hello: changed
  MemorySize: 512 -> 128
  alias    live -> 1"
	is "$(alias_now) $(versions)" '["1",null] 2'
	no_secret "$T" "$AWS/requests.jsonl"
}

@test "the network goes away at each of a run's requests: the alias stays or has moved; the next run completes it" {
	export AWS_MAX_ATTEMPTS=1
	deploy
	for ((at = 0; ; at++)); do
		was=$(alias_now) had=$(versions)
		another
		aws_put faults '[{"op": "*", "skip": '"$at"', "times": -1, "cut": "head"}]'
		deploy
		[ "$status" != 0 ] || break
		is "$status $(wc -l <"$T/out")" "1 0"
		has "$err" "error: hello: "
		is "$(alias_now)" "$was"
		aws_put faults '[]'
		completed
		is "$(versions)" $((had + 1))
	done
	whole
	# it was cut at all of them
	[ "$at" -ge 10 ]
	no_secret "$T" "$AWS/requests.jsonl"
}

@test "each of a run's requests is done, and its answer lost: the same; nothing is done twice" {
	export AWS_MAX_ATTEMPTS=1
	deploy
	for ((at = 0; ; at++)); do
		was=$(alias_now) had=$(versions)
		another
		# three times: over connections that were open already libcurl asks again by itself
		aws_put faults '[{"op": "*", "skip": '"$at"', "times": 3, "cut": "answer"}]'
		deploy
		[ "$status" != 0 ] || break
		case $(asked 'select(.fault) | .op' | tail -1) in
		UpdateAlias) whole ;;
		Invoke) [ "$(asked 'select(.fault) | .op' | grep -c Invoke)" = 1 ] && is "$(alias_now)" "$was" ;;
		*) is "$(alias_now)" "$was" ;;
		esac
		aws_put faults '[]'
		completed
		is "$(versions)" $((had + 1))
	done
	[ "$at" -ge 10 ]
	no_secret "$T" "$AWS/requests.jsonl"
}

# hung OP: until slsc waits for the answer to it
hung() {
	local i
	aws_put faults '[{"op": "'"$1"'", "hang": true}]'
	"$SLSC_BIN" deploy --no-build >"$T/out" 2>"$T/err" </dev/null 3>&- &
	pids+=($!)
	for ((i = 0; i < 3000; i++)); do
		[ "$(cloud '.faults | length')" != 0 ] || return 0
		kill -0 "${pids[-1]}" || return 1
		sleep 0.02
	done
	return 1
}

@test "kill -9 and SIGTERM in the middle: nothing is left behind, and the next run goes on" {
	deploy
	for op in UpdateFunctionCode PublishVersion Invoke UpdateAlias; do
		was=$(alias_now)
		another
		hung $op
		kill -9 "${pids[-1]}"
		wait "${pids[-1]}" || :
		is "$(alias_now)" "$was"
		completed
	done
	another
	hung UpdateAlias
	was=$(alias_now)
	kill "${pids[-1]}"
	wait "${pids[-1]}" || status=$?
	is "$status $(cat "$T/err")" "130 error: hello: UpdateAlias: interrupted"
	is "$(alias_now)" "$was"
	completed
	no_leftovers .
	no_secret "$T" "$AWS/requests.jsonl"
}

@test "two runs at once: the alias points to one of both, whole; who comes too late says so" {
	deploy
	another
	cp -a . ../other
	hung PublishVersion
	(
		cd ../other
		another
		completed
	)
	was=$(alias_now)
	# the first one goes on where it was held, and finds that the function is another one by now
	kill -9 "${pids[-1]}"
	wait "${pids[-1]}" || :
	aws_put faults '[{"op": "UpdateFunctionCode", "skip": 0, "code": "PreconditionFailedException"}]'
	deploy
	is "$status $err" "1 error: hello: UpdateFunctionCode: somebody else has changed the function meanwhile
hint: look who it is, and run slsc deploy again"
	is "$(alias_now)" "$was"
	deploy
	is "$status $err" "0 "
	whole
}

@test "what variables hold is in no message, whatever the service quotes; nor on disk, nor in the words of -vv" {
	deploy -vv
	is "$status" 0
	settings 128 two
	aws_put faults '[{"op": "UpdateFunctionConfiguration", "code": "InvalidParameterValueException", "message":
		"Lambda was unable to configure your environment variables. Is v4lue-two right? String measured: {\"STAGE\":\"v4lue-t"}]'
	cp "$T/err" "$T/first"
	deploy -vv
	is "$status" 1
	has "$err" "error: hello: UpdateFunctionConfiguration: 400 InvalidParameterValueException: Lambda was unable to configure your environment variables."
	! grep -l v4lue "$T/first" "$T/out" "$T/err" || return 1
	is "$(grep -rl v4lue . | grep -v '^./slsc.yaml$')" ""
	no_secret "$T" "$SLSC_CACHE_DIR/programs" "$AWS/requests.jsonl"
}
