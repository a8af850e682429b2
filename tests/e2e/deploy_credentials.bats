#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Where slsc deploy finds credentials: roles, SSO, programs, containers, instances; the server says who has asked.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load aws_helper
bats_require_minimum_version 1.5.0

setup() {
	helper_setup && aws_env none && kept project project
	mkdir -p "$HOME/.aws"
}

# what there is to deploy is an image: nothing is built
project() {
	cat >slsc.yaml <<-EOY
		project: p
		functions:
		  hello:
		    sources: [none.c]
		    deploy: {image: "123456789012.dkr.ecr.us-east-1.amazonaws.com/hello:v1", role: "arn:aws:iam::123456789012:role/hello"}
	EOY
}

config() {
	cat >"$HOME/.aws/config"
}

# who ARGS...: a dry run, and whom the server took its last question for
who() {
	slsc_run deploy -n "$@"
	is "$status $err" "0 " || return 1
	asked '.who // empty' | tail -1
}

# quoting SECRET: a run whose first request is refused by a server that quotes it; $stars is what is shown in its place
quoting() {
	aws_put faults "$(jq -nc --arg s "$1" '[{op: "*", status: 400, raw: ({message: "no \($s)"} | tojson)}]')"
	slsc_run deploy -n
	stars=${1//?/*}
}

@test "credentials: the environment, a profile of a file, a session token" {
	aws_keys static
	is "$(who)" static
	AWS_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY$'\r\nX-Evil: 1' slsc_run deploy -n
	is "$status $err" "1 error: the access key of the environment has a blank in it, or what is not printable
hint: it may be a line's end: look at the key, the secret and the session token"
	is "$(AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null who)" static
	aws_keys none
	printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\naws_session_token = %s\n' \
		"$(key .session.AccessKeyId)" "$(key .session.SecretAccessKey)" "$(key .session.SessionToken)" >"$HOME/.aws/credentials"
	is "$(who)" session
	no_secret "$AWS/requests.jsonl" "$T/out" "$T/err"
}

@test "credentials: a program" {
	config <<-EOC
		[profile p]
		credential_process = jq -c '.session + {Version: 1}' "$AWS/keys.json"
	EOC
	is "$(who --aws-profile p)" session
	is "$(AWS_PROFILE=p who)" session
}

@test "credentials: a role of a role, with an external id; one that is refused" {
	aws_put settings '{"roles": {"arn:aws:iam::123456789012:role/one": {}, "arn:aws:iam::123456789012:role/two": {"external_id": "e:d"}}}'
	config <<-EOC
		[profile two]
		role_arn = arn:aws:iam::123456789012:role/two
		source_profile = one
		external_id = e:d
		role_session_name = me
		[profile one]
		role_arn = arn:aws:iam::123456789012:role/one
		source_profile = one
		role_session_name = me
		[profile no]
		role_arn = arn:aws:iam::123456789012:role/no
		source_profile = one
	EOC
	printf '[one]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$(key .static.AccessKeyId)" \
		"$(key .static.SecretAccessKey)" >"$HOME/.aws/credentials"
	is "$(who --aws-profile two)" two/me
	slsc_run deploy -n --aws-profile no
	is "$status $out" "1 "
	is "$(head -1 <<<"$err")" "error: AssumeRole of arn:aws:iam::123456789012:role/no, profile 'no': 403 AccessDenied: User: one/me is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/no"
	no_secret "$AWS/requests.jsonl" "$T/out" "$T/err"
}

@test "credentials: a role that asks for a code" {
	aws_put settings '{"roles": {"arn:aws:iam::123456789012:role/mfa": {"mfa": "123456"}}}'
	config <<-EOC
		[profile m]
		role_arn = arn:aws:iam::123456789012:role/mfa
		role_session_name = me
		mfa_serial = arn:aws:iam::123456789012:mfa/ada
		source_profile = m
		aws_access_key_id = $(key .static.AccessKeyId)
		aws_secret_access_key = $(key .static.SecretAccessKey)
	EOC
	python3 "$BATS_TEST_DIRNAME/support/tty_say.py" "mfa/ada: " 123456 "$SLSC_BIN" deploy -n --aws-profile m >"$T/shown"
	is "$(head -2 "$T/shown") $(asked '.who // empty' | tail -1)" "code of arn:aws:iam::123456789012:mfa/ada: 
hello: would be created mfa/me"
	status=0
	setsid -w "$SLSC_BIN" deploy -n --aws-profile m >"$T/out" 2>"$T/err" </dev/null || status=$?
	is "$status $(cat "$T/out" "$T/err")" "1 error: arn:aws:iam::123456789012:mfa/ada: there is no terminal to ask for the password
hint: run \`aws sts get-session-token\` where there is one, or slsc on a terminal"
	no_secret "$AWS/requests.jsonl" "$T/out" "$T/err" "$T/shown"
}

@test "credentials: a web identity" {
	key .web >token
	aws_put settings '{"roles": {"arn:aws:iam::123456789012:role/web": {}}}'
	export AWS_WEB_IDENTITY_TOKEN_FILE=$PWD/token AWS_ROLE_ARN=arn:aws:iam::123456789012:role/web AWS_ROLE_SESSION_NAME=pod
	is "$(who)" web/pod
	quoting "$(key .web)"
	is "$status $err" "1 error: AssumeRoleWithWebIdentity of $AWS_ROLE_ARN: 400: no $stars"
	echo other >token
	slsc_run deploy -n
	is "$status $(head -1 <<<"$err" | cut -c1-120)" "1 error: AssumeRoleWithWebIdentity of arn:aws:iam::123456789012:role/web: 400 InvalidIdentityToken: The ID Token provided "
	no_secret "$AWS/requests.jsonl" "$T/out" "$T/err"
}

@test "credentials: SSO" {
	config <<-EOC
		[sso-session corp]
		sso_region = us-east-1
		sso_start_url = https://corp.awsapps.com/start
		[profile s]
		sso_session = corp
		sso_account_id = 123456789012
		sso_role_name = Deploy
	EOC
	mkdir -p "$HOME/.aws/sso/cache"
	cache=$HOME/.aws/sso/cache/$(printf corp | sha1sum | cut -d' ' -f1).json
	jq '{accessToken: .sso, expiresAt: "2099-01-01T00:00:00Z", region: "us-east-1"}' "$AWS/keys.json" >"$cache"
	is "$(who --aws-profile s)" sso/Deploy
	sed -i 's/2099/2020/' "$cache"
	slsc_run deploy -n --aws-profile s
	is "$status $err" "1 error: profile 's': the login to its SSO session has expired
hint: run \`aws sso login --profile s\`"
	# what can be renewed is, and kept
	jq '{accessToken: "old", expiresAt: "2020-01-01T00:00:00Z", region: "us-east-1", refreshToken: .sso_refresh, clientId: "c",
		clientSecret: .sso_client, registrationExpiresAt: "2099-01-01T00:00:00Z", startUrl: "u"}' "$AWS/keys.json" >"$cache"
	is "$(who --aws-profile s)" sso/Deploy
	is "$(jq -r '[.startUrl, .accessToken] | join(" ")' "$cache")" "u $(key .sso)"
	is "$(stat -c %a "$cache")" 600
	is "$(who --aws-profile s) $(asked 'select(.op == "CreateToken") | .op')" "sso/Deploy CreateToken"
	jq -c '.refreshToken = "gone" | .expiresAt = "2020-01-01T00:00:00Z"' "$cache" >token && mv token "$cache"
	slsc_run deploy -n --aws-profile s
	is "$status $err" "1 error: profile 's': the login to its SSO session has expired
hint: run \`aws sso login --profile s\`"
	# the login's token goes to no other host
	sed -i 's/sso_region = us-east-1/sso_region = evil.example.com\//' "$HOME/.aws/config"
	jq '{accessToken: .sso, expiresAt: "2099-01-01T00:00:00Z"}' "$AWS/keys.json" >"$cache"
	slsc_run deploy -n --aws-profile s
	is "$status $err" "1 error: $HOME/.aws/config: profile 's': sso_region: 'evil.example.com/' is no region"
	sed -i 's/evil.example.com./us-east-1/' "$HOME/.aws/config"
	echo '{"accessToken":"other","expiresAt":"2099-01-01T00:00:00Z"}' >"$cache"
	slsc_run deploy -n --aws-profile s
	is "$status $err" "1 error: profile 's': the login to its SSO session has expired
hint: run \`aws sso login --profile s\`"
	no_secret "$AWS/requests.jsonl" "$T/out" "$T/err"
}

@test "credentials: a container, an instance, and where neither may be asked" {
	key .container >token
	export AWS_CONTAINER_CREDENTIALS_FULL_URI=$AWS_URL/v2/credentials/slsc AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=$PWD/token
	is "$(who)" container
	quoting "$(key .container)"
	is "$status $err" "1 error: the container's credentials: 400: no $stars"
	AWS_CONTAINER_CREDENTIALS_FULL_URI=http://ada:s3cret@127.0.0.1/x slsc_run deploy -n
	is "$status $err" "2 error: AWS_CONTAINER_CREDENTIALS_FULL_URI is no http or https URL, or names a user"
	aws_put faults '[{"op": "ContainerCredentials", "raw": "", "status": 307}]'
	slsc_run deploy -n
	is "$status $err" "1 error: the container's credentials: 307
hint: redirects are not followed: is the endpoint right?"
	AWS_CONTAINER_CREDENTIALS_FULL_URI=http://192.0.2.1/x slsc_run deploy -n
	is "$status $err" "2 error: AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://192.0.2.1/x' is neither https nor on this machine
hint: a token would go through the network in the clear"
	unset AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_EC2_METADATA_DISABLED
	export AWS_EC2_METADATA_SERVICE_ENDPOINT=$AWS_URL/
	is "$(who)" instance
	export AWS_EC2_METADATA_DISABLED=true
	slsc_run deploy -n
	is "$status $err" "1 error: there are no AWS credentials: not in the environment, $HOME/.aws/credentials or $HOME/.aws/config, and neither of a container nor of an instance
hint: run \`aws configure\` or \`aws sso login\`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	no_secret "$AWS/requests.jsonl" "$T/out" "$T/err"
}
