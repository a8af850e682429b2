#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The template redact: what goes in is what comes out but for what must not, on each machine and by node:wasi; what it
# encrypted is opened by node:crypto. What it depends on comes from Debian's source packages, not from the network's git.
# shellcheck disable=SC2154,SC2030,SC2031,SC2016,SC2034 # helpers sets $status, $out and $err
load helper
load workerd_helper

API=$BATS_TEST_DIRNAME/support/runtime_api.py
OPEN=$BATS_TEST_DIRNAME/support/redact_open.mjs
M=.slsc/release/wasm32/redact

export REDACT_KEY=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f

make_project() {
	need jq jq && need node nodejs && need python3 python3 || return 1
	"$BATS_TEST_DIRNAME/support/redact_sources" "$SLSC_CACHE_DIR" || return 1
	slsc_run init redact --template redact
	is "$status" 0 || return 1
	mv redact/* . && rmdir redact || return 1
	slsc_run build
	[ "$status" -eq 0 ] || { echo "$err" >&2; return 1; }
	printf '%s' "$err" >build.err
}

project() { kept redact make_project; }

# wasm: the events on stdin through the module; sets $status, $out, $err
wasm() {
	status=0
	timeout 60 node --no-warnings "$BATS_TEST_DIRNAME/support/wasi.mjs" $M >"$T/out" 2>"$T/err" || status=$?
	out=$(cat "$T/out")
	err=$(cat "$T/err")
}

# record: every kind of value, and one of each that must not be read
record() {
	cat <<-'JSON'
		{"user": {"id": 7, "email": "ada@example.com", "name": "Ad\u00e0 \"L\" \ud83d\ude00 größe\n"}, "ip": "192.0.2.1", "ok": true}
		{"ip":-12.50e+3,"list":[{"ip":null},{"ip":[1,"two",{"three":3.0}]},[{"ip":{"v":4,"a":[]}}]],"n":1e2}
		{"password":"p\"w","token":{"a":[1,2]},"secret":12,"authorization":["Bearer x"],"cookie":null,"empty":{},"none":[]}
	JSON
}

OPENED='{"user":{"id":7,"email":"ada@example.com","name":"Adà \"L\" 😀 größe\n"},"ip":"192.0.2.1","ok":true}
{"ip":-12500,"list":[{"ip":null},{"ip":[1,"two",{"three":3}]},[{"ip":{"v":4,"a":[]}}]],"n":100}
{"password":"***","token":"***","secret":"***","authorization":"***","cookie":"***","empty":{},"none":[]}'

@test "the template: pinned sources, three architectures, 1.2 MB at most, and init says what it is" {
	project
	slsc_run init --list
	has "$out" "redact        A Lambda function that makes log records fit to leave the edge"
	cmp slsc.lock "$SLSC_SRC/templates/redact/slsc.lock"
	# nothing was fetched, nothing is to be done
	is "$(grep -c 'fetching bearssl\|fetching jsmn' build.err)" 0
	slsc_run build --json
	is "$(jq -c '[.steps, [.binaries[].arch]]' <<<"$out")" '[0,["x86_64","arm64","wasm32"]]'
	[ "$(stat -c %s $M)" -le 100000 ]
	[ "$(stat -c %s .slsc/release/x86_64/redact)" -le 1258291 ]
	[ "$(stat -c %s .slsc/release/arm64/redact)" -le 1258291 ]
	slsc_run package --zip
	is "$status" 0
	is "$(find dist -name '*.zip' | sort)" "dist/redact-arm64.zip
dist/redact-x86_64.zip"
}

@test "values of every kind are encrypted and masked; node:crypto opens them" {
	project
	wasm < <(record)
	is "$status" 0
	is "$err" ""
	is "$(node "$OPEN" <"$T/out")" "$OPENED"
	# what is not for everybody is not there, what is for all is as it was
	for word in ada@ example Ada größe 192.0.2.1 12.50 two three; do
		[ "${out#*"$word"}" = "$out" ] || { echo "$word is in $out" >&2; return 1; }
	done
	is "$(sed -E 's,"enc:v1:[A-Za-z0-9+/]+=*",E,g' <<<"$out")" '{"user":{"id":7,"email":E,"name":E},"ip":E,"ok":true}
{"ip":E,"list":[{"ip":E},{"ip":E},[{"ip":E}]],"n":1e2}
{"password":"***","token":"***","secret":"***","authorization":"***","cookie":"***","empty":{},"none":[]}'
}

@test "the same on x86_64 and arm64, through the Runtime API" {
	project
	record >event
	for arch in x86_64 arm64; do
		run=(".slsc/release/$arch/redact")
		case $arch-$(uname -m) in
		arm64-x86_64) need qemu-aarch64-static qemu-user-static && run=(qemu-aarch64-static "${run[@]}") ;;
		x86_64-aarch64) need qemu-x86_64-static qemu-user-static && run=(qemu-x86_64-static "${run[@]}") ;;
		esac
		is "$("$API" --env "REDACT_KEY=$REDACT_KEY" --payload-file event --answer answer -- "${run[@]}" 2>&1)" \
			"1 invocations, 1 ok, 0 failed"
		is "$(node "$OPEN" <answer)" "$OPENED"
		is "$("$API" --quiet --expect-init-error KeyMissing --payload-file event -- "${run[@]}" 2>&1)" \
			"0 invocations, 0 ok, 0 failed"
	done
}

@test "each value has a nonce of its own, in each run; nothing opens under another name, key or with a bit changed" {
	project
	for _ in $(seq 2000); do echo '{"ip":"192.0.2.1"}'; done >event
	wasm <event
	node "$OPEN" --nonces <"$T/out" >nonces
	wasm <event
	node "$OPEN" --nonces <"$T/out" >>nonces
	is "$(wc -l <nonces)" 4000
	is "$(sort -u nonces | wc -l)" 4000
	is "$(tail -n 1 "$T/out" | node "$OPEN")" '{"ip":"192.0.2.1"}'
	local refused='Unsupported state or unable to authenticate data'
	is "$(tail -n 1 "$T/out" | sed s/ip/id/ | node "$OPEN" 2>&1)" "$refused"
	is "$(tail -n 1 "$T/out" | sed 's/\(:v1:...\)./\1_/' | node "$OPEN" 2>&1)" "$refused"
	is "$(tail -n 1 "$T/out" | REDACT_KEY=${REDACT_KEY/0/1} node "$OPEN" 2>&1)" "$refused"
}

@test "without a key that is one there is no answer" {
	project
	local type message
	# KEY|TYPE|MESSAGE
	while IFS='|' read -r key type message; do
		REDACT_KEY=$key wasm < <(record)
		is "$status" 1
		is "$out" "{\"errorMessage\":\"$message\",\"errorType\":\"$type\",\"stackTrace\":[]}"
		is "$err" "ERROR invocation failed: $type: $message"
	done <<-T
		|KeyMissing|REDACT_KEY is not set: it takes 64 hex digits
		${REDACT_KEY%?}|KeyInvalid|REDACT_KEY is not 64 hex digits
		${REDACT_KEY}0|KeyInvalid|REDACT_KEY is not 64 hex digits
		${REDACT_KEY%?}g|KeyInvalid|REDACT_KEY is not 64 hex digits
	T
	unset REDACT_KEY
	wasm < <(record)
	is "$(jq -r .errorType <<<"$out")" KeyMissing
	# who encrypts nothing needs none, but has to say so
	REDACT_ENCRYPT=none wasm <<<'{"ip":1,"password":2}'
	is "$out" '{"ip":1,"password":"***"}'
}

@test "a line that is not understood is replaced as a whole, those beside it are not" {
	project
	python3 - >event <<-'P'
		import sys
		bad = [b"plain hunter2", b'{"password":"hunter2"', b'{"password":"hunter2"} x', b'{"password":"hunter2"}\0', b"null",
		       b'["hunter2"]', b'"hunter2"', b'{"a" "hunter2"}', b'{"a":hunter2}', b'{"a":1 "password":"hunter2"}',
		       b'{"a":"\\x hunter2"}', b'{"a":"hunter2\t"}', b"{'a':'hunter2'}", b'{"a":1,}', b'{"a":01}', b'{"hunter2"}', b"{"]
		out = sys.stdout.buffer
		with open("expected", "w") as expected:
		    for n, line in enumerate(bad):
		        out.write(b'{"a":1}\n' + line + b"\r\n")
		        print('{"a":1}\n{"redact_error":"not a JSON object","line":%d,"bytes":%d}' % (2 * n + 2, len(line) + 1),
		              file=expected)
		for line in (b'{"a":"hunter2\xff"}', b'{"a":"hunter2\xc0\xaf"}', b'{"a":"hunter2\xed\xa0\x80"}',
		             b'{"a":' * 32 + b'"hunter2"' + b"}" * 32, b'{"a":' * 33 + b'"hunter2"' + b"}" * 33, b"[" * 100000,
		             b'{"hunter2":"' + b"x" * (262144 - 14) + b'"}', b'{"hunter2":"' + b"x" * (262144 - 13) + b'"}',
		             b'{"a":[' + b"0," * 16380 + b'0]}', b'{"a":[' + b"0," * 16381 + b'"hunter2"]}',
		             b'{"' + b"hunter2" * 1000 + b'":{"a":1}}'):
		    out.write(line + b"\n")
		out.write(b'\n\r\n{"a":"last"}')
	P
	wasm <event
	is "$status" 0
	is "$err" ""
	is "$(head -n 34 "$T/out")" "$(cat expected)"
	deep=$(printf '{"a":%.0s' $(seq 32))\"hunter2\"$(printf '}%.0s' $(seq 32))
	is "$(tail -n +35 "$T/out" | sed -E 's/x{9,}/X/; s/(0,){9,}/Z/')" "{\"redact_error\":\"not UTF-8\",\"line\":35,\"bytes\":16}
{\"redact_error\":\"not UTF-8\",\"line\":36,\"bytes\":17}
{\"redact_error\":\"not UTF-8\",\"line\":37,\"bytes\":18}
$deep
{\"redact_error\":\"nested too deep\",\"line\":39,\"bytes\":207}
{\"redact_error\":\"nested too deep\",\"line\":40,\"bytes\":100000}
{\"hunter2\":\"X\"}
{\"redact_error\":\"the line is too long\",\"line\":42,\"bytes\":262145}
{\"a\":[Z0]}
{\"redact_error\":\"too many values\",\"line\":44,\"bytes\":32779}
{\"redact_error\":\"the names are too long\",\"line\":45,\"bytes\":7012}
{\"a\":\"last\"}"
}

@test "an event of nothing, and one whose answer does not fit" {
	project
	wasm </dev/null
	is "$status" 0
	is "$out" ""
	wasm < <(printf '\n\n\r\n')
	is "$out" ""
	head -c 2000000 /dev/zero | tr '\0' '\n' | sed 's/.*/x/' >event
	wasm <event
	is "$status" 1
	is "$(jq -r .errorType <<<"$out")" Function.ResponseSizeTooLarge
}

@test "mail addresses and card numbers are found in texts, names and numbers, and little else is" {
	project
	REDACT_ENCRYPT=none wasm <<-'JSON'
		{"t":"from Ada <ada.l+x@mail.example.org>, to b@c.de.","u":"gr\u00f6\u00dfe@m\u00fcller.de","v":"a\u0040b.org"}
		{"ada@example.com":1,"t":"quote \" ada@example.com \\ \n tab\t"}
		{"t":"4111111111111111 and 4111 1111 1111 1111, 5500-0000-0000-0004; 12 378282246310005","n":4111111111111111,"l":[30569309025904]}
		{"t":"4111111111111112 1234567890123 41111111111111111111111","ms":1790000000000,"us":1790000000000000,"n":-1.5e-7}
		{"t":"@ a@ @b a@b a@localhost @example.com","p":"x=4111111111111111&y=1","q":"4111  1111  1111  1111"}
		{"t":"\u0034111111111111111","e":"6011 0009 9013 9424 7"}
	JSON
	is "$status" 0
	is "$out" '{"t":"from Ada <[email]>, to [email].","u":"[email]","v":"[email]"}
{"[email]":1,"t":"quote \" [email] \\ \n tab\u0009"}
{"t":"[card] and [card], [card]; 12 [card]","n":"[card]","l":["[card]"]}
{"t":"4111111111111112 1234567890123 41111111111111111111111","ms":1790000000000,"us":1790000000000000,"n":-1.5e-7}
{"t":"@ a@ @b a@b a@localhost @example.com","p":"x=[card]&y=1","q":"4111  1111  1111  1111"}
{"t":"[card]","e":"[card] 7"}'
}

@test "rules by the environment: paths, either case, escaped and doubled names; bad ones are refused" {
	project
	export REDACT_ENCRYPT=none
	REDACT_MASK=' A.b , Key ' wasm <<-'JSON'
		{"a":{"b":1,"c":2},"b":3,"x":{"A":[{"B":4}]},"a.b":5,"xa":{"b":6},"aa.b":7,"x.a.b":8}
		{"KEY":1,"\u006bey":2,"key":[3],"key":{"z":4},"keys":5,"akey":6,"":7}
	JSON
	is "$out" '{"a":{"b":"***","c":2},"b":3,"x":{"A":[{"B":"***"}]},"a.b":"***","xa":{"b":6},"aa.b":7,"x.a.b":"***"}
{"KEY":"***","\u006bey":"***","key":"***","key":"***","keys":5,"akey":6,"":7}'
	# a name that is in both is masked
	REDACT_ENCRYPT=ip REDACT_MASK=ip wasm <<<'{"ip":"192.0.2.1"}'
	is "$out" '{"ip":"***"}'
	for list in '' ' ' a,,b 'a,' ',a' .a a. "$(seq -s, 65)" "$(printf '%04097d' 0)"; do
		REDACT_MASK=$list wasm <<<'{"a":"hunter2"}'
		is "$status" 1
		is "$out" '{"errorMessage":"REDACT_MASK is not a list of names, or none","errorType":"ConfigInvalid","stackTrace":[]}'
		REDACT_ENCRYPT=$list wasm <<<'{"a":"hunter2"}'
		is "$(jq -r .errorMessage <<<"$out")" "REDACT_ENCRYPT is not a list of names, or none"
	done
}

@test "hostile events: what is made to cost time does not" {
	project
	python3 -c '
n = 6 << 20
def repeat(line):
    return line * (n // len(line))
for name, data in (("at", repeat(b"{\"a\":\"" + b"a@" * 60000 + b"\"}\n")),
                   ("digits", repeat(b"{\"a\":\"" + b"4 " * 60000 + b"\"}\n")),
                   ("brackets", repeat(b"[]" * 16000 + b"\n")), ("deep", repeat((b"[" * 31 + b"]" * 31 + b",") * 500 + b"\n")),
                   ("open", b"[" * n), ("quotes", b"\"" * n), ("escapes", repeat(b"{\"a\":\"" + b"\\u0040" * 40000 + b"\"}\n"))):
    open(name, "wb").write(data)'
	export REDACT_ENCRYPT=none
	for name in at digits brackets deep open quotes escapes; do
		# killed after 20 s: none of them takes 2
		status=0
		timeout 20 node --no-warnings "$BATS_TEST_DIRNAME/support/wasi.mjs" $M <$name >"$T/out" 2>"$T/err" || status=$?
		is "$name $status" "$name 0"
		python3 -c 'import json, sys; [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]' "$T/out"
	done
	seq 1 150000 | sed 's/.*/{"password":"hunter2","n":&}/' >event
	wasm <event
	is "$status" 0
	is "$(sed 's/"\*\*\*"/"hunter2"/' "$T/out" | cmp - event)" ""
}

@test "on Lambda lines come as the body of a function URL's request; for WASI that is a record as any other" {
	project
	local run=(".slsc/release/$(uname -m | sed s/aarch64/arm64/)/redact") url='{version: "2.0", requestContext: {http: {}}}'
	call() {
		"$API" --quiet --env "REDACT_KEY=$REDACT_KEY" --payload-file event "$@" -- "${run[@]}" 2>&1
	}
	record >lines
	echo nonsense >>lines
	for request in '{body: $b}' '{body: ($b | @base64), isBase64Encoded: true}'; do
		jq -n --rawfile b lines "$url + $request" >event
		is "$(call --answer answer)" "1 invocations, 1 ok, 0 failed"
		is "$(jq -c 'del(.body)' answer)" '{"statusCode":200,"headers":{"content-type":"application/x-ndjson"}}'
		is "$(jq -rj .body answer | node "$OPEN")" "$OPENED"'
{"redact_error":"not a JSON object","line":4,"bytes":8}'
	done
	for request in '{body: "{\"password\":1}", isBase64Encoded: true}' '{body: null}' '{body: {password: 1}}'; do
		jq -n "$url + $request" >event
		is "$(call --expect '{"statusCode":400,"body":"the body cannot be read"}')" "1 invocations, 1 ok, 0 failed"
	done
	jq -n "$url" >event
	is "$(call --expect '{"statusCode":200,"headers":{"content-type":"application/x-ndjson"},"body":""}')" \
		"1 invocations, 1 ok, 0 failed"
	head -c 2000000 /dev/zero | tr '\0' '\n' | sed 's/.*/x/' >lines
	jq -n --rawfile b lines "$url + {body: \$b}" >event
	is "$(call --expect-error Function.ResponseSizeTooLarge)" "1 invocations, 1 ok, 0 failed"
	jq -cn "$url"' + {body: "{\"ip\":1}", password: 2}' >event
	wasm <event
	is "$out" '{"version":"2.0","requestContext":{"http":{}},"body":"{\"ip\":1}","password":"***"}'
}

@test "workerd serves it: opened by node:crypto, a line that is none, and no answer without a key" {
	npm_ci workers
	NPM=$npm
	project
	sed -i "s/^    runtime: lambda$/&\n    env: {REDACT_KEY: \"$REDACT_KEY\"}/" slsc.yaml
	slsc_run -q package --workers
	is "$status $err" "0 "
	[ "$(du -sb --apparent-size dist/redact.workers | cut -f1)" -le 1258291 ]
	serve dist/redact.workers
	record >event
	call --data-binary @event
	is "$status $(node "$OPEN" <<<"$out")" "200 $OPENED"
	call -d 'no JSON, and a@b.example in it'
	is "$status $out" '200 {"redact_error":"not a JSON object","line":1,"bytes":30}'
	stop
	sed -i '/^    env:/d' slsc.yaml
	slsc_run -q package --workers
	serve dist/redact.workers
	call --data-binary @event
	is "$status $out" '500 {"errorMessage":"REDACT_KEY is not set: it takes 64 hex digits","errorType":"KeyMissing","stackTrace":[]}'
	stop
}

@test "fuzzed with ASan and UBSan: no error, no leak, and a secret is never in the answer" {
	project
	need clang-14 libclang-rt-14-dev
	local git=$SLSC_CACHE_DIR/git runtime=() f
	local b=$git/8ef7680081c61b486622f2d983c0d3d21e83caad j=$git/fdcef3ebf886fa210d14956d3c068a653e76a24e
	for f in "$SLSC_SRC"/runtime/*.c; do
		case ${f##*/} in
		entry_*.c | wasi.c | http*.c | cloudevents.c) ;;
		*) runtime+=("$f") ;;
		esac
	done
	clang-14 -g -O1 -std=gnu11 -D_GNU_SOURCE -w -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-I"$SLSC_SRC/runtime/include" -Isrc -isystem "$b/inc" -isystem "$b/src" -isystem "$j" -o fuzz \
		"$BATS_TEST_DIRNAME/support/redact_fuzz.c" src/*.c "${runtime[@]}" "$b/src/aead/gcm.c" \
		"$b"/src/codec/{dec,enc}32le.c "$b/src/hash/ghash_ctmul64.c" "$b"/src/symcipher/aes_ct64{,_ctr,_enc}.c
	mkdir corpus
	record | awk '{ print >("corpus/" NR) }'
	echo '1},{"a":[4111 1111 1111 1111' >corpus/card
	printf '"a\\u0040b.org" , "ip" : [ {}, "\\ud83d\\ude00" ]' >corpus/mail
	printf '1}\n{"user":{"email":"x"},"p":"' >corpus/line
	./fuzz -seed=1 -runs=40000 -max_len=2048 -rss_limit_mb=1024 corpus >fuzz.log 2>&1 || {
		tail -n 40 fuzz.log >&2
		return 1
	}
	has "$(tail -n 1 fuzz.log)" "Done 40000 runs"
}
