#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc deploy, from the first run to an alias that stays where it is, before the server that plays the cloud. Its function
# is built once; what makes another zip is a file beside it.
# shellcheck disable=SC2154,SC2016,SC2001 # helper.bash sets $status, $out and $err; jq has $LATEST
load helper
load aws_helper
bats_require_minimum_version 1.5.0

setup() {
	helper_setup && aws_env && kept project project && yaml ''
}

ROLE=arn:aws:iam::123456789012:role/hello
ARN=arn:aws:lambda:us-east-1:123456789012:function:hello

# yaml DEPLOY [MORE]: slsc.yaml, with these members of the function's deploy, and of the function
yaml() {
	cat >slsc.yaml <<-EOY
		project: p
		arches: [x86_64]
		functions:
		  hello:
		    sources: [src/hello.c]
		    package: {zip: {include: [{from: note.txt}]}}
		    deploy: {role: "$ROLE"${1:+, $1}}
		${2:+    $2}
	EOY
}

project() {
	"$SLSC_BIN" init -q hello >/dev/null && mv hello/src . && rm -r hello
	echo one >note.txt
	yaml ''
	"$SLSC_BIN" build -q >/dev/null
}

deploy() {
	slsc_run deploy --no-build "$@"
}

# what is in dist/, as Lambda has it
sha() {
	openssl dgst -sha256 -binary dist/hello-x86_64.zip | base64
}

@test "deploy: what would be done, field by field; done; nothing to do the second time" {
	deploy -n
	is "$status $err" "0 "
	is "$(sed 's/Code: .*/Code: SHA/' <<<"$out")" "hello: would be created
  Code: SHA
  Architectures: x86_64
  Runtime: provided.al2023
  Handler: bootstrap
  Role: $ROLE
  MemorySize: 128
  Timeout: 3"
	is "$(changes)" ""
	deploy
	is "$status $err" "0 "
	is "$out" "hello: created
  Code: $(sha)
  Architectures: x86_64
  Runtime: provided.al2023
  Handler: bootstrap
  Role: $ROLE
  MemorySize: 128
  Timeout: 3
  arn      $ARN
  version  \$LATEST
  code     $(sha)  $(stat -c %s dist/hello-x86_64.zip | awk '{ printf "%.1f KB", $1 / 1024 }')"
	is "$(changes)" "CreateFunction 201
Invoke 200"
	is "$(cloud '.functions.hello.versions["$LATEST"].CodeSha256')" "$(sha)"
	deploy
	is "$status $err $(head -1 <<<"$out")" "0  hello: nothing to do"
	is "$(changes)" "CreateFunction 201
Invoke 200"
	no_secret "$AWS/requests.jsonl" "$T/out" "$T/err" .
}

@test "deploy: no role, an unknown function, options that contradict each other" {
	printf 'project: p\nfunctions:\n  hello:\n    sources: [src/hello.c]\n' >slsc.yaml
	deploy
	is "$status $err" "2 error: hello: there is no such function yet, and to create one takes a role
hint: name it: --role arn:aws:iam::ACCOUNT:role/NAME, or deploy.role in slsc.yaml"
	deploy helo
	is "$status $err" "1 error: unknown function 'helo'
hint: did you mean 'hello'?"
	deploy --weight 10%
	is "$status $err" "2 error: hello: --weight is about an alias, and none is named
hint: --alias NAME, or deploy.alias in slsc.yaml"
	deploy --alias live --weight 101%
	is "$status $err" "2 error: --weight: '101%' is no percentage from 0.1% to 100%
hint: write --weight 10%"
	# they become parts of URLs
	for alias in ../../other/aliases/live '..' 'live?Qualifier=2' 7 ''; do
		deploy --alias "$alias"
		is "$status $err" "2 error: --alias: expected a name of letters, digits, '-' and '_', found '$alias'"
	done
	deploy --role hello
	is "$status $err" "2 error: --role: expected the ARN of an IAM role, found 'hello'
hint: it looks like arn:aws:iam::123456789012:role/NAME"
	deploy --s3 '127.0.0.1#'
	is "$status $err" "2 error: --s3: expected BUCKET or BUCKET/PREFIX, found '127.0.0.1#'"
	# what is no URL may hold a password
	for url in ada:s3cret@127.0.0.1 ''; do
		deploy --endpoint-url "$url"
		is "$status $(head -1 <<<"$err")" "2 error: hello: GetFunction: its endpoint is no http or https URL"
	done
	deploy --endpoint-url http://ada:s3cret@127.0.0.1:1
	is "$status $err" "2 error: hello: GetFunction: its endpoint names a user: requests are signed in place of that
hint: look at --endpoint-url, AWS_ENDPOINT_URL and its like, and endpoint_url in ~/.aws/config"
	deploy --smoke {} --no-smoke
	is "$status $err" "2 error: --smoke and --no-smoke exclude each other"
	deploy --smoke gone.json
	is "$status $err" "1 error: --smoke 'gone.json': there is no such file, and it is no JSON"
	deploy --smoke '{"a":'
	is "$status $err" "1 error: --smoke:1:5: the event is no JSON: unexpected token near end of file"
	yaml 'smoke: gone.json'
	deploy
	is "$status $err" "1 error: slsc.yaml:7:67: there is no file 'gone.json'"
	printf 'project: p\nfunctions:\n  hello:\n    sources: [src/hello.c]\n' >slsc.yaml
	deploy --image x
	is "$status $err" "2 error: --image: say which function it is
hint: slsc deploy FUNCTION --image IMAGE; or deploy.image of each in slsc.yaml"
	deploy --image helo=x
	is "$status $err" "1 error: --image: unknown function 'helo'
hint: did you mean 'hello'?"
	(unset AWS_REGION && deploy && is "$status $err" "2 error: no region is known
hint: name it: --region, AWS_REGION, region in $HOME/.aws/config, or deploy.region in slsc.yaml")
	is "$(changes)" ""
}

@test "deploy: each field that differs, variables without their values, tags put and taken away" {
	yaml 'tags: {team: web, cost: "12"}, description: "says hello", log_format: json, layers: ["arn:aws:lambda:us-east-1:210987654321:layer:a:3"]' \
		'env: {STAGE: prod, KEY: v4lue-one}'
	deploy
	is "$status $err" "0 "
	yaml 'tags: {team: app, new: "1"}, description: "says hi", log_format: text' 'env: {STAGE: test, MORE: v4lue-two}'
	sed -i 's/    deploy/    memory: 256 MB\n    timeout: 4500 ms\n    storage: 1 GB\n    deploy/' slsc.yaml
	echo two >note.txt
	was=$(sha)
	deploy -n
	is "$status $out" "0 hello: would change
  Description: says hello -> says hi
  MemorySize: 128 -> 256
  Timeout: 3 -> 5
  EphemeralStorage: 512 -> 1024
  Environment.STAGE: (set) -> (another value)
  Environment.MORE: (set)
  Environment.KEY: (removed) (set)
  LoggingConfig: JSON -> Text
  Code: $was -> $(sha)
  Tags.team: web -> app
  Tags.new: 1
  Tags.cost: (removed) 12"
	deploy --json
	is "$status $(jq -c '.functions[0] | [.created, .tried, .version, .code_sha256, (.changes | length)]' <<<"$out")" \
		"0 [false,true,\"\$LATEST\",\"$(sha)\",12]"
	is "$(jq -c '.functions[0].changes[4:7]' <<<"$out")" \
		'[{"field":"Environment.STAGE","from":"(set)","to":"(another value)"},{"field":"Environment.MORE","from":null,"to":"(set)"},{"field":"Environment.KEY","from":"(set)","to":null}]'
	is "$(changes)" "CreateFunction 201
Invoke 200
UpdateFunctionConfiguration 200
UpdateFunctionCode 200
TagResource 204
UntagResource 204
Invoke 200"
	is "$(cloud '.functions.hello.tags')" '{
  "team": "app",
  "new": "1"
}'
	deploy
	is "$(head -1 <<<"$out")" "hello: nothing to do"
	! grep -r v4lue "$T/out" "$T/err" || return 1
	no_secret "$AWS/requests.jsonl" "$T/out" "$T/err"
}

@test "deploy: an alias: made, moved, split by weights, one call each" {
	deploy --alias live
	is "$status $(tail -2 <<<"$out" | sed -n '$p')" "0   alias    live -> 1"
	echo two >note.txt
	deploy --alias live --weight 10%
	is "$status $(sed -n '3,4p;$p' <<<"$out")" "0   Version: 1 -> 2
  Alias.live: 1 -> 1, and 2 for 10 %
  alias    live -> 1, and 2 for 10 %"
	deploy --alias live --weight 10%
	is "$(head -1 <<<"$out")" "hello: nothing to do"
	deploy --alias live --weight 12.5
	is "$(sed -n '$p' <<<"$out")" "  alias    live -> 1, and 2 for 12.5 %"
	deploy --alias live
	is "$(sed -n '2p;$p' <<<"$out")" "  Alias.live: 1, and 2 for 12.5 % -> 2
  alias    live -> 2"
	deploy --alias live
	is "$(head -1 <<<"$out")" "hello: nothing to do"
	is "$(changes | grep -c Alias)" 4
	is "$(cloud '.functions.hello.aliases.live | [.FunctionVersion, .RoutingConfig] | tojson')" '["2",null]'
	deploy --alias other
	is "$status $(sed -n '2p' <<<"$out")" "0   Alias.other: 2"
	deploy --publish
	is "$(head -1 <<<"$out") $(grep version <<<"$out")" "hello: nothing to do   version  2"
}

@test "deploy: a trial that fails leaves the alias where it is; the next run goes on from there" {
	echo '{"name": "Ada"}' >good.json
	yaml 'alias: live, smoke: good.json'
	deploy
	is "$status" 0
	echo two >note.txt
	deploy --smoke '{"name": 1}'
	is "$status $out" "1 "
	is "$(tail -2 <<<"$err")" "error: hello: version 2 fails when it is tried (Unhandled): InvalidInput: \"name\" is not a string
hint: the alias 'live' stays on version 1; --smoke names another event, --no-smoke leaves it out"
	has "$err" "REPORT RequestId"
	is "$(cloud '.functions.hello.aliases.live.FunctionVersion')" 1
	deploy
	is "$status $err" "0 "
	is "$(sed -n '2p;$p' <<<"$out")" "  Alias.live: 1 -> 2
  alias    live -> 2"
	is "$(changes)" "CreateFunction 201
PublishVersion 201
Invoke 200
CreateAlias 201
UpdateFunctionCode 200
PublishVersion 201
Invoke 200
Invoke 200
UpdateAlias 200"
	echo three >note.txt
	deploy --no-smoke
	is "$status $(changes | tail -3)" "0 UpdateFunctionCode 200
PublishVersion 201
UpdateAlias 200"
}

@test "deploy: a URL for everybody, for signed requests, for nobody" {
	yaml 'alias: live, url: public'
	deploy
	is "$status $(grep -o 'url .*on.aws' <<<"$out" | sed 's,//.*\.lambda,//X.lambda,')" "0 url      https://X.lambda-url.us-east-1.on.aws"
	is "$(cloud '[.functions.hello.urls.live.AuthType, (.functions.hello.policies.live[] | [.Sid, .Action, .Condition])] | tojson')" \
		'["NONE",["slsc-url-public","lambda:InvokeFunctionUrl",{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}],["slsc-url-public-invoke","lambda:InvokeFunction",{"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}]]'
	deploy
	is "$(head -1 <<<"$out")" "hello: nothing to do"
	yaml 'alias: live, url: iam'
	deploy
	is "$status $(sed -n '2,3p' <<<"$out")" "0   Url: NONE -> AWS_IAM
  Url.Policy: (removed) everybody"
	is "$(cloud '[.functions.hello.urls.live.AuthType, .functions.hello.policies.live] | tojson')" '["AWS_IAM",[]]'
	yaml 'alias: live, url: none'
	deploy
	is "$status $(sed -n '2p' <<<"$out")" "0   Url: (removed) AWS_IAM"
	is "$(cloud '.functions.hello.urls | tojson')" '{}'
	deploy --url
	is "$status $(sed -n '2p' <<<"$out")" "0   Url: AWS_IAM"
}

@test "deploy: code through S3, uploaded once; a bucket that is elsewhere" {
	deploy --s3 artifacts/zips
	is "$status $err" "0 "
	is "$(asked 'select(.service == "s3") | [.op, .status] | join(" ")')" "HeadObject 404
PutObject 200"
	is "$(cloud '.objects | keys[]')" "artifacts/zips/hello-$(sha256sum <dist/hello-x86_64.zip | cut -d' ' -f1).zip"
	aws_put settings '{"buckets": {"artifacts": "us-east-1", "far": "eu-west-1"}}'
	echo two >note.txt
	aws_put faults '[{"op": "PutObject", "cut": "body", "at": 1000}]'
	deploy --s3 artifacts
	is "$status $err" "0 "
	is "$(cloud '.functions.hello.versions["$LATEST"].CodeSha256')" "$(sha)"
	echo three >note.txt
	deploy --s3 far
	is "$status $out" "1 "
	is "$err" "error: hello: HeadObject s3://far/hello-$(sha256sum <dist/hello-x86_64.zip | cut -d' ' -f1).zip: 301
hint: the bucket is in another region: Lambda takes code from its own only"
}

# bats test_tags=bulk
@test "deploy: a zip of more than 50 MB: refused before it is sent, and through S3" {
	head -c 53000000 /dev/urandom >note.txt
	deploy --level fast
	is "$status $out $err" "2  error: hello: its zip is 50.6 MB, and Lambda takes 50 MB directly
hint: name a bucket that it goes through: --s3 BUCKET, or deploy.s3 in slsc.yaml"
	is "$(changes)" ""
	deploy --level fast --s3 artifacts --no-smoke
	is "$status $err" "0 "
	is "$(changes)" "PutObject 200
CreateFunction 201"
}

@test "deploy: an image of ECR, by digest and by tag" {
	image=123456789012.dkr.ecr.us-east-1.amazonaws.com/hello
	digest=$(printf x | sha256sum | cut -d' ' -f1)
	yaml "image: \"$image@sha256:$digest\""
	deploy --no-smoke
	is "$status $err" "0 "
	is "$(sed -n '2p' <<<"$out")" "  Code: $image@sha256:$digest"
	deploy --no-smoke
	is "$(head -1 <<<"$out")" "hello: nothing to do"
	deploy --image "hello=$image:v2" --no-smoke
	is "$status $(sed -n '2p' <<<"$out")" "0   Code: $image@sha256:$digest -> $image:v2"
	yaml ''
	deploy
	is "$status $err" "1 error: hello: the function there is made of an image, which cannot be changed
hint: name an image: --image, or deploy.image in slsc.yaml"
}

@test "deploy: throttled, out of order, cut before and after, in conflict: done once, and done" {
	deploy --alias live
	echo two >note.txt
	sed -i 's/    deploy/    memory: 256 MB\n    deploy/' slsc.yaml
	aws_put faults '[{"op": "GetFunction", "code": "TooManyRequestsException", "times": 2},
		{"op": "GetAlias", "cut": "half"},
		{"op": "UpdateFunctionConfiguration", "cut": "answer"},
		{"op": "UpdateFunctionCode", "cut": "body", "at": 2000},
		{"op": "UpdateFunctionCode", "code": "ResourceConflictException"},
		{"op": "UpdateFunctionCode", "cut": "answer"},
		{"op": "PublishVersion", "code": "ServiceException"},
		{"op": "PublishVersion", "cut": "answer"},
		{"op": "UpdateAlias", "cut": "answer"}]'
	deploy --alias live
	is "$status $err" "0 "
	is "$(cloud '.functions.hello | [(.versions | keys | map(tonumber? // 0) | max), .aliases.live.FunctionVersion] | tojson')" '[2,"2"]'
	deploy --alias live
	is "$(head -1 <<<"$out")" "hello: nothing to do"
	no_secret "$AWS/requests.jsonl" "$T/out" "$T/err"
}

@test "deploy: a creation whose answer was lost; a change that fails there; another change under way" {
	aws_put faults '[{"op": "CreateFunction", "cut": "answer"}]'
	deploy
	is "$status $err" "0 "
	is "$(changes)" "CreateFunction 201
CreateFunction 409
Invoke 200"
	aws_put reset
	aws_put faults '[{"op": "CreateFunction", "code": "InvalidParameterValueException",
		"message": "The role defined for the function cannot be assumed by Lambda.", "status": 400}]'
	deploy
	is "$status $err" "1 error: hello: CreateFunction: 400 InvalidParameterValueException: The role defined for the function cannot be assumed by Lambda.
hint: may Lambda take that role? if it is new, that takes some seconds: try again"
	deploy
	aws_put settings '{"fails": ["InvalidConfiguration", "its layer is gone"]}'
	echo two >note.txt
	deploy --alias live
	is "$status $err" "1 error: hello: the last change failed (InvalidConfiguration): its layer is gone
hint: mend that, and deploy again"
	is "$(cloud '.functions.hello.aliases | tojson')" '{}'
	deploy --alias live
	is "$status $(sed -n '$p' <<<"$out")" "0   alias    live -> 1"
}

@test "deploy: somebody else moves the alias, or changes the function, meanwhile" {
	deploy --alias live
	echo two >note.txt
	aws_put faults '[{"op": "UpdateAlias", "code": "PreconditionFailedException", "times": 1}]'
	deploy --alias live
	is "$status $err" "1 error: hello: somebody else has moved the alias 'live' meanwhile
hint: look who it is, and run slsc deploy again"
	is "$(cloud '.functions.hello.aliases.live.FunctionVersion')" 1
	echo three >note.txt
	aws_put faults '[{"op": "UpdateFunctionCode", "code": "PreconditionFailedException", "times": 1}]'
	deploy --alias live
	is "$status $err" "1 error: hello: UpdateFunctionCode: somebody else has changed the function meanwhile
hint: look who it is, and run slsc deploy again"
}

@test "deploy: refusals are one line each, and tried once; no secret anywhere" {
	aws_put faults '[{"op": "*", "code": "InvalidParameterValueException", "message": "no\nsuch", "status": 400}]'
	deploy
	is "$status $err" "1 error: hello: GetFunction: 400 InvalidParameterValueException: no"
	aws_keys denied
	deploy
	is "$status $(head -1 <<<"$err")" "1 error: hello: GetFunction: 403 AccessDeniedException: User: arn:aws:iam::123456789012:user/denied is not authorized to perform: lambda:GetFunction because no identity-based policy allows the action"
	aws_keys expired
	deploy
	is "$status $err" "1 error: hello: GetFunction: the credentials of the environment have expired
hint: set new ones, in AWS_ACCESS_KEY_ID and its like, or unset them for those of ~/.aws"
	aws_keys static
	AWS_SECRET_ACCESS_KEY=x deploy
	is "$status $err" "1 error: hello: GetFunction: AWS does not take the signature (403 InvalidSignatureException)
hint: is the secret access key of the environment whole, and is it that of the access key?"
	AWS_ACCESS_KEY_ID=AKIANOBODY deploy
	is "$status $(head -1 <<<"$err")" "1 error: hello: GetFunction: AWS does not know the access key of the environment"
	is "$(asked '[.op, .status] | join(" ")' | sort | uniq -c | sed 's/^ *//')" "1 GetFunction 400
4 GetFunction 403"
	aws_put faults '[{"op": "*", "raw": "<html>", "status": 200}]'
	deploy
	is "$status $err" "1 error: hello: GetFunction: the answer is no JSON object: does Lambda serve there?"
	AWS_MAX_ATTEMPTS=2 && export AWS_MAX_ATTEMPTS
	aws_put faults '[{"op": "*", "code": "TooManyRequestsException", "message": "Rate exceeded", "times": -1}]'
	deploy
	is "$status $err" "1 error: hello: GetFunction: 429 TooManyRequestsException: Rate exceeded
hint: the service is busy or out of order: try again later"
	AWS_ENDPOINT_URL=http://127.0.0.1:1 deploy
	is "$status $(head -1 <<<"$err" | sed 's/: Failed.*//')" "1 error: hello: GetFunction"
	no_secret "$AWS/requests.jsonl" "$T/out" "$T/err"
}

@test "deploy: a clock that is off: signed once more with the server's time" {
	aws_put settings '{"clock": 900}'
	deploy --alias live
	is "$status $err" "0 this machine's clock is 900 s behind: requests are signed with the server's time"
	is "$(asked '[.op, .status] | join(" ")' | head -2)" "GetFunction 403
GetFunction 404"
	aws_put settings '{"clock": -900}'
	deploy --alias live
	is "$status $err" "0 this machine's clock is 900 s ahead: requests are signed with the server's time"
}

@test "deploy: interrupted in the trial, the alias stays, and the next run goes on from there" {
	deploy --alias live
	echo two >note.txt
	aws_put faults '[{"op": "Invoke", "hang": true}]'
	"$SLSC_BIN" deploy --no-build --alias live >"$T/out" 2>"$T/err" </dev/null &
	pid=$!
	for ((i = 0; i < 3000; i++)); do
		[ "$(cloud '.faults | length')" != 0 ] || break
		sleep 0.02
	done
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	is "$status $(cat "$T/out" "$T/err")" "130 error: hello: Invoke: interrupted"
	is "$(cloud '.functions.hello.aliases.live.FunctionVersion')" 1
	deploy --alias live
	is "$status $(sed -n '2p' <<<"$out")" "0   Alias.live: 1 -> 2"
}

@test "deploy: a function that speaks HTTP is tried with GET /, and by its status" {
	mkdir -p "$T/http/src" && cd "$T/http"
	cat >src/web.c <<-'X'
		#include <slsc.h>
		#include <stdlib.h>
		slsc_http_fn handler;
		int handler(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
		{
			(void)ctx;
			res->status = getenv("BROKEN") || req->method.len != 3 ? 503 : 200;
			return 0;
		}
	X
	cat >slsc.yaml <<-EOY
		project: p
		arches: [x86_64]
		functions:
		  web:
		    sources: [src/web.c]
		    runtime: http
		    deploy: {role: "$ROLE", alias: live}
	EOY
	slsc_run deploy -q
	is "$status $err" "0 "
	is "$(tail -1 <<<"$out")" "  alias    live -> 1"
	echo '    env: {BROKEN: "1"}' >>slsc.yaml
	slsc_run deploy -q
	is "$status" 1
	is "$(tail -2 <<<"$err")" "error: web: version 2 answers 503 when it is tried
hint: the alias 'live' stays on version 1; --smoke names another event, --no-smoke leaves it out"
	is "$(cloud '.functions.web.aliases.live.FunctionVersion')" 1
}
