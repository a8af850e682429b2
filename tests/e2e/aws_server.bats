#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The server that slsc deploy is tested on, before clients that know the real one: botocore, the AWS CLI, npm's SDK.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load aws_helper
bats_require_minimum_version 1.5.0

setup_file() {
	aws_start
	npm_ci sdk
	export SDK=$npm
}

setup() {
	helper_setup && aws_env
}

@test "botocore: functions from create to alias, weights, URL; S3, logs, STS, SSO; refusals" {
	/usr/bin/python3 "$BATS_TEST_DIRNAME/support/aws_boto.py" "$AWS_URL" "$AWS/keys.json"
	no_secret "$AWS/requests.jsonl"
	is "$(cloud '.functions.f.aliases.live | "\(.FunctionVersion) \(.RoutingConfig.AdditionalVersionWeights)"')" '1 {"2":0.5}'
}

@test "the AWS CLI: create, wait, publish, invoke, what it logged" {
	need /usr/bin/aws awscli
	aws_zip code.zip
	aws_put settings '{"polls": 0}'
	# this one does not know AWS_ENDPOINT_URL yet
	aws() { /usr/bin/aws --endpoint-url "$AWS_URL" "$@"; }
	aws lambda create-function --function-name cli --role arn:aws:iam::123456789012:role/lambda --runtime provided.al2 \
		--handler bootstrap --zip-file fileb://code.zip --timeout 60 --publish >"$T/made"
	is "$(jq -r '[.Version, .State, .CodeSha256] | join(" ")' "$T/made")" \
		"1 Pending $(openssl dgst -sha256 -binary code.zip | base64)"
	aws lambda wait function-active-v2 --function-name cli --qualifier 1
	aws lambda invoke --function-name cli --qualifier 1 --cli-binary-format raw-in-base64-out \
		--payload '{"a":1}' out.json >"$T/meta"
	is "$(cat out.json) $(jq -r .ExecutedVersion "$T/meta")" '{"a":1} 1'
	aws logs filter-log-events --log-group-name /aws/lambda/cli >"$T/events"
	is "$(jq -r '.events[1].message' "$T/events")" "said by 1"
	no_secret "$AWS/requests.jsonl"
}

@test "npm's SDK: what botocore's models are too old for, and conflicts" {
	aws_zip code.zip
	is "$(node "$BATS_TEST_DIRNAME/support/sdk_deploy.mjs" "$AWS_URL" code.zip)" \
		"$(tr -d '\n\t' <<-'EOF'
			{"format":"JSON","Version":"1","AuthType":"AWS_IAM","InvokeMode":"BUFFERED",
			"conflict":"ResourceConflictException","memory":512}
		EOF
		)"
	no_secret "$AWS/requests.jsonl"
}

@test "faults: throttled, out of order, a clock that is off, cut before, in and after a request, somebody else's answer" {
	ask() {
		aws_signed lambda -o "$T/body" -D "$T/head" -w '%{http_code}' "$@" 2>"$T/err"
	}
	list=$AWS_URL/2015-03-31/functions/
	aws_put faults '[{"op": "List*", "code": "TooManyRequestsException", "message": "Rate exceeded",
		"headers": {"Retry-After": "1"}, "members": {"Reason": "CallerRateLimitExceeded"}},
		{"op": "List*", "code": "ServiceException"}, {"op": "*", "raw": "<html>", "status": 502}, {"op": "*", "cut": "half"},
		{"op": "*", "cut": "answer"}, {"op": "*", "cut": "head"}, {"op": "UpdateFunctionCode", "cut": "body", "at": 9}]'
	is "$(ask "$list") $(cat "$T/body")" \
		'429 {"Type": "User", "Reason": "CallerRateLimitExceeded", "Message": "Rate exceeded"}'
	has "$(tr -d '\r' <"$T/head")" "Retry-After: 1
"
	is "$(ask "$list") $(cat "$T/body")" '500 {"Type": "Service", "Message": "ServiceException"}'
	is "$(ask "$list") $(cat "$T/body")" '502 <html>'
	for _ in half answer head; do
		! ask "$list" || return 1
	done
	! ask -X PUT --data-binary "$(printf '%9999s' x)" "${list}f/code" || return 1
	is "$(ask "$list") $(cat "$T/body")" '200 {"Functions": []}'
	aws_put settings '{"clock": 301}'
	is "$(ask "$list") $(grep -o 'Signature expired' "$T/body")" "403 Signature expired"
	is "$(asked '[.op, .status, .fault, .code] | map(. // "-") | join(" ")')" "ListFunctions 429 code -
ListFunctions 500 code -
ListFunctions 502 raw -
ListFunctions 200 cut -
ListFunctions 200 cut -
ListFunctions - cut -
UpdateFunctionCode - cut -
ListFunctions 200 - -
ListFunctions 403 - InvalidSignatureException"
	no_secret "$AWS/requests.jsonl"
}

@test "who gives keys: a container's endpoint, an instance's; no version 1 of the latter" {
	metadata=$AWS_URL/latest/meta-data/iam/security-credentials/
	is "$(curl -s -o /dev/null -w '%{http_code}' "$metadata")" 401
	token=$(curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$AWS_URL/latest/api/token")
	is "$(curl -s -K <(printf 'header = "X-aws-ec2-metadata-token: %s"\n' "$token") "$metadata")" instance-role
	is "$(curl -s -o /dev/null -w '%{http_code}' "$AWS_URL/v2/credentials/slsc")" 403
	is "$(curl -s -K <(printf 'header = "Authorization: %s"\n' "$(key .container)") "$AWS_URL/v2/credentials/slsc" |
		jq -r .RoleArn)" arn:aws:iam::123456789012:role/task
	no_secret "$AWS/requests.jsonl"
}

@test "a secret among a program's arguments is told of, with the program's name, at the next request" {
	mkfifo "$T/gate"
	bash -c 'read -r _ <"$0"' "$T/gate" "$(key .session.SessionToken)" 3>&- &
	until grep -q gate "/proc/$!/cmdline"; do
		:
	done
	curl -s -o /dev/null "$AWS_URL/2015-03-31/functions/"
	is "$(asked '.leak | join(" ")')" bash
	! grep -F "$(key .session.SessionToken)" "$AWS/requests.jsonl" || return 1
	echo >"$T/gate"
	wait
}
