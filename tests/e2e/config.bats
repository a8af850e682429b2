#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helper

DATA=$SLSC_SRC/tests/unit/data/config

project() {
	mkdir -p src
	: >src/hello.c
	cat >slsc.yaml
}

minimal() {
	project <<-'YAML'
		project: hello
		functions:
		  hello:
		    sources: [src/hello.c]
	YAML
}

@test "check: says what the project holds" {
	minimal
	slsc_run config check
	is "$status" 0
	is "$out" "slsc.yaml: ok (1 function, 2 arches)"
	is "$err" ""
	slsc_run config check --json
	is "$status" 0
	is "$out" '{"ok":true,"file":"slsc.yaml","project":"hello","arches":["x86_64","arm64"],"functions":["hello"]}'
}

@test "check: from a directory below" {
	minimal
	cd src
	slsc_run config check
	is "$status" 0
	is "$out" "../slsc.yaml: ok (1 function, 2 arches)"
}

@test "check: an unknown key, with a hint" {
	project <<-'YAML'
		project: hello
		functions:
		  hello: {sources: [src/hello.c]}
		profiles:
		  release:
		    optimise: 2
	YAML
	slsc_run config check
	is "$status" 1
	is "$out" ""
	is "$err" "error: slsc.yaml:6:5: unknown key 'optimise' in profile 'release'
hint: did you mean 'optimize'?"
	slsc_run config check --json
	is "$status" 1
	python3 -c '
import json, sys
e = json.load(open(sys.argv[1]))["error"]
assert (e["code"], e["file"], e["line"], e["column"]) == ("config", "slsc.yaml", 6, 5), e
assert e["hint"] == "did you mean \u0027optimize\u0027?", e' "$T/err"
}

@test "check: a file that is not there, with a hint" {
	minimal
	mv src/hello.c src/hallo.c
	slsc_run config check
	is "$status" 1
	is "$err" "error: slsc.yaml:4:15: no file matches 'src/hello.c'
hint: did you mean 'src/hallo.c'?"
}

@test "check: no project" {
	slsc_run config check
	is "$status" 1
	is "$err" "error: no slsc.yaml in '.' or any directory above it
hint: run 'slsc init' to begin a project"
}

@test "check: a file of 100 MB is refused before it is read" {
	truncate -s 100M slsc.yaml
	# the peak of its memory in KiB, then its exit code
	python3 -c 'import os, sys
pid = os.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss, os.waitstatus_to_exitcode(status))' "$SLSC_BIN" config check >"$T/out" 2>"$T/err"
	read -r peak code <"$T/out"
	is "$code" 1
	[ "$peak" -lt 65536 ]
	is "$(head -n 1 "$T/err")" "error: slsc.yaml: limit exceeded: 104857600 bytes, the limit is 1 MB"
}

@test "check: every bad file of the unit tests gives its message and its hint" {
	for f in "$DATA"/bad/*.yaml; do
		cp "$f" slsc.yaml
		slsc_run config check
		is "$status" 1
		is "$err" "$(grep -v '^code: \|^schema: ' "${f%.yaml}.expect")"
	done
}

@test "show: the resolved file, as YAML and as JSON" {
	cp "$DATA/good/full.yaml" slsc.yaml
	slsc_run config show
	is "$status" 0
	is "$out" "$(cat "$DATA/good/full.show")"
	slsc_run config show --json
	is "$status" 0
	is "$out" "$(cat "$DATA/good/full.json")"
	need jq jq
	is "$(jq .functions.orders.memory "$T/out")" 1610612736
}

@test "show: what is shown is a valid file" {
	for f in "$DATA"/good/*.show; do
		cp "$f" slsc.yaml
		slsc_run config show
		is "$status" 0
	done
}

@test "schema: takes every valid file and refuses what a schema can" {
	slsc_run config schema
	is "$status" 0
	cp "$T/out" schema.json
	python3 -c 'import jsonschema, yaml' || {
		echo "apt-get install python3-jsonschema python3-yaml" >&2
		return 1
	}
	# the worked example of the manual
	awk '/^```/ { on = 0 } on { print } /^```yaml/ { n++; on = n == 2 }' "$SLSC_SRC/docs/CONFIG.md" >example.yaml
	has "$(cat example.yaml)" "project: shop"
	python3 "$DATA/check_schema.py" schema.json example.yaml "$DATA"/good/*.yaml "$DATA"/good/*.show \
		"$DATA"/good/*.json "$SLSC_SRC"/templates/*/slsc.yaml >good.txt
	is "$(grep -v '^valid ' good.txt || true)" ""
	python3 "$DATA/check_schema.py" schema.json "$DATA"/bad/*.yaml >bad.txt
	while read -r verdict file _; do
		file=${file%:}
		if grep -q '^schema: accepts$' "${file%.yaml}.expect"; then
			is "$verdict $file" "valid $file"
		else
			[ "$verdict" != valid ] || is "valid $file" "invalid $file"
		fi
	done <bad.txt
	[ "$(grep -c '^invalid' bad.txt)" -ge 80 ]
	cp example.yaml slsc.yaml
	slsc_run config show
	is "$status" 0
}

@test "config: a wrong sub-command is a usage error" {
	slsc_run config shwo
	is "$status" 2
	has "$err" "did you mean 'show'"
}

# refused WHAT WHERE [HINT]: by check and by build, in the same words
refused() {
	local c
	for c in 'config check' build; do
		# shellcheck disable=SC2086
		slsc_run $c
		is "$status" 1
		is "$err" "error: slsc.yaml:$1${2:+
hint: $2}"
	done
}

@test "check: what build refuses" {
	minimal
	sed -i 's,src/hello.c,src/,' slsc.yaml
	refused "4:15: 'src' is a directory" 'write "src/*.c"'
	minimal
	sed -i 's,src/hello.c,slsc.yaml,' slsc.yaml
	refused "4:15: 'slsc.yaml' is no C source" \
		"sources are .c, .S, .s, .o and .a files; for another language use build: {command: ...}"
	minimal
	echo '    libs: [x/y.a]' >>slsc.yaml
	refused "5:12: no such file: 'x/y.a'"
	minimal
	echo '    includes: [scr]' >>slsc.yaml
	refused "5:16: no such include directory: 'scr'" "did you mean 'src'?"
	minimal
	echo '    handler: int' >>slsc.yaml
	refused "5:14: handler of function 'hello': 'int' is a keyword of C"
	minimal
	echo '    handler: main' >>slsc.yaml
	refused "5:14: handler of function 'hello': 'main' is the runtime's own" \
		"name another function, or write runtime: none"
	minimal
	echo 'profiles: {release: {static: false}}' >>slsc.yaml
	refused "5:12: profile 'release' is not static, and toolchain 'musl' only links statically" \
		"use toolchain: gnu"
}

@test "check: an empty argument of an image is one" {
	minimal
	echo 'package: {image: {args: ["", x]}}' >>slsc.yaml
	slsc_run config check
	is "$status" 0
	slsc_run config show --json
	is "$(jq -c '.functions.hello.package.image.args' <<<"$out")" '["","x"]'
}

@test "check: a pattern that matches too much" {
	minimal
	sed -i 's,src/hello.c,"**/*.c",' slsc.yaml
	(cd src && seq -f 'f%g.c' 65536 | xargs touch)
	slsc_run config check
	is "$status" 1
	has "$err" "error: slsc.yaml:4:15: "
	has "$err" "limit exceeded"
	is "$(tail -1 <<<"$err")" "hint: choose a narrower pattern"
}

@test "check: scaling, what it holds and what does not go together" {
	while IFS='|' read -r lines message; do
		project <<-YAML
			project: hello
			functions:
			  hello:
			    sources: [src/hello.c]
			    concurrency: 4
			    $(printf %b "$lines")
		YAML
		slsc_run config check
		is "$status" 1
		is "${err%%$'\n'*}" "error: slsc.yaml:$message"
	done <<-'X'
		scaling: {min: 2}|6:14: missing key 'policy' in scaling of function 'hello'
		scaling: {policy: guess}|6:23: scaling.policy of function 'hello': expected fixed, cpu, forecast or command, found 'guess'
		scaling: {policy: fixed}|6:23: scaling of function 'hello': missing 'fixed'
		scaling: {policy: fixed, fixed: 5}|6:37: scaling.fixed of function 'hello': more instances than concurrency, which is 4
		scaling: {policy: cpu, min: 5}|6:33: scaling.min of function 'hello': more instances than concurrency, which is 4
		scaling: {policy: cpu, fixed: 2}|6:35: scaling.fixed of function 'hello': is for policy fixed alone
		scaling: {policy: cpu, target: 101 %}|6:36: scaling.target of function 'hello': '101 %' is out of range: 1 % to 100 %
		scaling: {policy: fixed, fixed: 2, cooldown: 1 s}|6:50: scaling.cooldown of function 'hello': is for policy cpu or forecast alone
		scaling: {policy: forecast, season: 1 h}|6:41: scaling.season of function 'hello': is for forecaster holt-winters alone
		scaling: {policy: forecast, forecaster: lstm}|6:23: scaling of function 'hello': missing 'model'
		scaling: {policy: forecast, horizon: 65 s}|6:42: scaling.horizon of function 'hello': has to be from 1 to 64 intervals
		scaling: {policy: forecast, forecaster: holt-winters, season: 1 s}|6:67: scaling.season of function 'hello': has to be from 2 to 1000000 intervals
		scaling: {policy: command}|6:23: scaling of function 'hello': missing 'command'
		scaling: {policy: cpu}\n    prewarm: 1|7:14: prewarm of function 'hello': scaling says how many instances there are
	X
	is "$(tail -1 <<<"$err")" "hint: write scaling.min in its place"
	project <<-'YAML'
		project: hello
		functions:
		  hello:
		    sources: [src/hello.c]
		    scaling: {policy: forecast, forecaster: holt-winters, season: 1 h, horizon: 10 s, min: 2}
	YAML
	slsc_run config show
	is "$status" 0
	has "$out" "    scaling:
      policy: forecast
      interval: 1 s
      min: 2
      queue: 1000
      cooldown: 60 s
      horizon: 10 s
      forecaster: holt-winters
      season: 3600 s
"
	slsc_run config show --json
	is "$(jq -c '.functions.hello.scaling | [.policy, .min, .season]' <<<"$out")" '["forecast",2,"3600 s"]'
}
