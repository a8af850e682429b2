# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# The cloud for a test: support/aws_server.py, one for a file, as new for each test; its keys stay the same.

# aws_start: before a file's tests; $AWS is the server's directory, $AWS_URL where it serves
aws_start() {
	local i
	need /usr/bin/python3 python3 && need jq jq && need curl curl || return 1
	/usr/bin/python3 -c 'import botocore' 2>/dev/null || {
		echo "botocore is missing: apt-get install python3-botocore" >&2
		return 1
	}
	export AWS=$BATS_FILE_TMPDIR/aws AWS_URL AWS_SERVER
	mkdir "$AWS"
	/usr/bin/python3 "$BATS_TEST_DIRNAME/support/aws_server.py" "$AWS" >"$AWS/said" 2>&1 3>&- &
	AWS_SERVER=$!
	for ((i = 0; i < 3000; i++)); do
		[ ! -s "$AWS/port" ] || break
		kill -0 "$AWS_SERVER" 2>/dev/null || break
		sleep 0.02
	done
	if [ ! -s "$AWS/port" ]; then
		cat "$AWS/said" >&2
		return 1
	fi
	AWS_URL=http://127.0.0.1:$(cat "$AWS/port")
}

setup_file() {
	aws_start
}

teardown_file() {
	[ -z "${AWS_SERVER:-}" ] || kill "$AWS_SERVER"
}

# helper_setup: what helper.bash has a test start with; the file's own setup goes on from there with aws_env
eval "helper_$(declare -f setup)"

# aws_env [KEYS]: for setup: the server as new, and an environment in which slsc finds it, with "static" keys or others
aws_env() {
	local name
	aws_put reset
	for name in ${!AWS_@}; do
		case $name in
		AWS_URL | AWS_SERVER) ;;
		*) unset "$name" ;;
		esac
	done
	export AWS_ENDPOINT_URL=$AWS_URL AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true AWS_PAGER=''
	aws_keys "${1:-static}"
}

# aws_keys KEYS|none: those that the environment has
aws_keys() {
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
	[ "$1" != none ] || return 0
	AWS_ACCESS_KEY_ID=$(key ".$1.AccessKeyId") AWS_SECRET_ACCESS_KEY=$(key ".$1.SecretAccessKey")
	AWS_SESSION_TOKEN=$(key ".$1.SessionToken // empty")
	export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	[ -z "$AWS_SESSION_TOKEN" ] || export AWS_SESSION_TOKEN
}

# key FILTER: of keys.json
key() {
	jq -r "$1" "$AWS/keys.json"
}

# aws_put faults|settings|logs|reset [JSON]
aws_put() {
	curl -sf -X PUT --data-binary "${2:-}" "$AWS_URL/_$1"
}

# asked [FILTER]: what came since the last reset, a line each: by default operation and status
asked() {
	jq -r "${1:-[.op, .status] | join(\" \")}" "$AWS/requests.jsonl"
}

# changes: the operations since the last reset that were to change something
changes() {
	jq -r 'select(.op | test("^(Get|List|Head|Filter|Describe)") | not) | [.op, .status] | join(" ")' "$AWS/requests.jsonl"
}

# cloud FILTER: of all that there is
cloud() {
	curl -sf "$AWS_URL/_state" | jq -r "$1"
}

# aws_signed SERVICE CURL-ARGUMENT...: a request by curl, which signs it; sets nothing
aws_signed() {
	local service=$1
	shift
	curl -sS --aws-sigv4 "aws:amz:us-east-1:$service" \
		-K <(printf 'user = "%s:%s"\n' "$(key .static.AccessKeyId)" "$(key .static.SecretAccessKey)") "$@"
}

# aws_zip FILE: an archive with a program that gives back what it gets, as an error if that has "fail" in it
aws_zip() {
	need zip zip && mkdir "$T/zip" || return 1
	cat >"$T/zip/bootstrap" <<-'EOF'
		#!/bin/sh
		api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
		id=$(curl -s -D - -o event "$api/next" | tr -d '\r' | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //Ip')
		echo "said by $AWS_LAMBDA_FUNCTION_VERSION"
		case $(cat event) in
		*fail*) how=error ;;
		*) how=response ;;
		esac
		curl -s -o /dev/null --data-binary @event "$api/$id/$how"
		curl -s "$api/next"
	EOF
	chmod 755 "$T/zip/bootstrap"
	(cd "$T/zip" && zip -qX "$T/code.zip" bootstrap) && mv "$T/code.zip" "$1"
}

# aws_function NAME ZIP [JSON-MEMBERS]: makes a function there, with a version 1
aws_function() {
	local answer f=$AWS_URL/2015-03-31/functions
	printf '{"FunctionName": "%s", "Role": "arn:aws:iam::123456789012:role/lambda", "Runtime": "provided.al2023",
		"Handler": "bootstrap", "Timeout": 60, "Publish": true, "Code": {"ZipFile": "%s"}%s}' \
		"$1" "$(base64 -w0 "$2")" "${3:+, $3}" >"$T/create"
	answer=$(aws_signed lambda -H 'Content-Type: application/json' --data-binary "@$T/create" "$f")
	is "$(jq -r .Version <<<"$answer")" 1 || return 1
	while [ "$(aws_signed lambda "$f/$1/configuration?Qualifier=1" | jq -r .State)" = Pending ] ||
		[ "$(aws_signed lambda "$f/$1/configuration" | jq -r .State)" = Pending ]; do
		:
	done
}

# no_secret FILE...: none of the keys in what anybody has written or was started with, and the server found nothing
# wrong with itself
no_secret() {
	local words
	words=$(jq -r '.. | strings | select(contains("/"))' "$AWS/keys.json")
	! grep -rlF -e "$words" "$@" || return 1
	is "$(asked 'select(.leak or .broken)')" ""
	is "$(cat "$AWS/said")" ""
}
