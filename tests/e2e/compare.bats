#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc compare: every number of its table against whoever else can tell it, budgets, baselines, and what goes wrong.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
bats_require_minimum_version 1.5.0

# project [TEMPLATE]: raw where any program will do: each comparison compiles anew, to tell how long that takes
project() {
	slsc_run init "${1:-hello}" --template "${1:-hello}"
	is "$status" 0 || return 1
	cd "${1:-hello}" || return 1
}

ok() {
	slsc_run "$@"
	[ "$status" -eq 0 ] || { echo "$err" >&2; return 1; }
}

# of STRATEGY ARCH EXPRESSION: of that row of the JSON in $T/out
of() {
	jq -r --arg s "$1" --arg a "$2" ".rows[] | select(.strategy == \$s and .arch == \$a) | $3" "$T/out"
}

@test "sizes, layers and files are those of stat, skopeo and tar; every start is there; ratios and the best" {
	need jq jq && need skopeo skopeo
	local a s d zip image unpacked
	project
	ok compare --strategies project,small,static-glibc,scratch,static-zstd --runs 20 --reference small --json
	is "$(jq -r '[.function, .project, .runs, (.rows | length), (.missed | length)] | join(" ")' "$T/out")" \
		"hello hello 20 10 0"
	cp "$T/out" "$T/first"
	for a in x86_64 arm64; do
		for s in project small static-glibc; do
			d=.slsc/compare-${s/project/default}/$a
			is "$(of "$s" "$a" .values.binary)" "$(stat -c %s "$d/hello")"
		done
		for s in project small static-glibc scratch static-zstd; do
			is "$(of "$s" "$a" .failed)" null
			d=.slsc/compare/$s/$a
			zip=$(stat -c %s "$d/hello-$a.zip")
			is "$(of "$s" "$a" .values.zip)" "$zip"
			# the manifest, and what it names
			skopeo inspect --raw "oci:$d/hello.oci:${a/x86_64/amd64}" >"$T/manifest"
			image=$(jq --argjson m "$(stat -c %s "$T/manifest")" '$m + .config.size + ([.layers[].size] | add)' "$T/manifest")
			is "$(of "$s" "$a" .values.image)" "$image"
			is "$(of "$s" "$a" .values.layers)" "$(jq '.layers | length' "$T/manifest")"
			unpacked=0
			rm -rf "$T/files"
			mkdir "$T/files"
			for digest in $(jq -r '.layers[].digest | sub("sha256:"; "")' "$T/manifest"); do
				tar -xf "$d/hello.oci/blobs/sha256/$digest" -C "$T/files"
			done
			unpacked=$(find "$T/files" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')
			is "$(of "$s" "$a" .values.unpacked)" "$unpacked"
			is "$(of "$s" "$a" .values.files)" "$(find "$T/files" ! -type d -printf x | wc -c)"
			is "$(of "$s" "$a" '.samples | length')" 20
			is "$(of "$s" "$a" '(.samples | sort)[9] == .values.start_p50')" true
			is "$(of "$s" "$a" '(.samples | sort)[19] == .values.start_p99')" true
			is "$(of "$s" "$a" '.start.low <= .start.p50 and .start.p50 <= .start.high')" true
		done
	done
	a=$(uname -m)
	a=${a/aarch64/arm64}
	# memory and allocations are of this machine's own
	is "$(of project "$a" '.emulated, (.values.rss > 0), (.values.pss > 0), (.values.pss <= .values.rss), .values.allocations')" \
		"$(printf 'false\ntrue\ntrue\ntrue\n0')"
	is "$(of static-glibc "$a" '.values.allocations > 0')" true
	is "$(jq -c --arg a "$a" '[.rows[] | select(.arch != $a) | .emulated, .values.rss, (.best | index("start_p50"))] | unique' "$T/out")" \
		'[null,true]'
	# less is better: the smallest program is marked, of each architecture
	is "$(jq -r '.rows[] | select(.best | index("binary")) | .strategy' "$T/out")" "$(printf 'small\nsmall')"
	is "$(jq -r '.rows[] | select(.best | index("image")) | .strategy' "$T/out" | sort -u)" scratch
	is "$(of project "$a" '(.ratios.binary - .values.binary / '"$(of small "$a" .values.binary)"') | fabs < 0.001')" true
	# image strategies share the project's program, and so its starts
	is "$(of scratch "$a" '.same_binary')" "$(jq --arg a "$a" '[.rows[] | .strategy == "project" and .arch == $a] | index(true)' "$T/out")"
	# bytes by source are the program's, those by file the image's, and they add up
	is "$(jq '[.rows[] | .values as $v | (if .sources then .sources.bytes == $v.binary else .sources_of end),
		(if .layers then .layers.bytes == $v.unpacked else .layers_of end)] | all' "$T/out")" true
	is "$(jq '[.rows[] | .sources, .layers | select(. != null) | recurse(.children[]?) | select(.children | length > 0)
		| .bytes == ([.children[].bytes] | add)] | length > 500 and all' "$T/out")" true
	no_leftovers .
}

@test "a table for eyes, CSV and markdown for others, a file of HTML" {
	project raw
	ok compare --arch x86_64 --strategies project,scratch --runs 5
	has "$out" "project"
	has "$out" "scratch"
	ok compare --arch x86_64 --strategies project,scratch --runs 5 --format csv
	is "$(wc -l <"$T/out")" 3
	ok compare --arch x86_64 --strategies project,scratch --runs 5 --format markdown
	has "$out" '| `project` | '
	ok compare --arch x86_64 --strategies project,scratch --runs 5 --format html -o "$T/c.html"
	is "$out" ""
	has "$(head -c 15 "$T/c.html")" "<!DOCTYPE html>"
	run ! grep -E '(src|href)="?https?:' "$T/c.html"
}

@test "http and a function that wants more: both runtimes are started and asked, for both architectures" {
	need jq jq
	local a
	project http
	ok compare --strategies project,scratch --runs 5 --json --request /x
	is "$(jq -c '[.rows[] | [.arch, .strategy, .failed]]' "$T/out")" \
		'[["x86_64","project",null],["arm64","project",null],["x86_64","scratch",null],["arm64","scratch",null]]'
	for a in x86_64 arm64; do
		is "$(of project $a '.values.start_p50 > 0')" true
		is "$(of project $a '.values | [.binary, .zip] | @tsv')" \
			"$(stat -c %s .slsc/compare-default/$a/http ".slsc/compare/project/$a/http-$a.zip" | paste -s)"
	done
	# what wants more does so on any machine
	cd ..
	project thumbnail
	a=$(uname -m)
	a=${a/aarch64/arm64}
	ok compare --arch "$a" --strategies project --runs 5 --json --event '{"body":"","isBase64Encoded":true}'
	is "$(of project "$a" '[.failed, (.values.start_p50 > 0)] | map(tostring) | join(" ")')" "null true"
	is "$(of project "$a" '.values | [.binary, .zip] | @tsv')" \
		"$(stat -c %s ".slsc/compare-default/$a/thumbnail" ".slsc/compare/project/$a/thumbnail-$a.zip" | paste -s)"
}

@test "what fails says why in its row, the others go on, and the exit code is 1" {
	need jq jq
	project
	cat >>slsc.yaml <<-'EOF'
		strategies:
		  broken: {summary: "does not compile", profile: bad}
		  mine: {profile: small, base: scratch, compression: zstd}
		profiles:
		  bad: {flags: ["-Dhandler=("]}
	EOF
	slsc_run compare --arch x86_64 --strategies broken,mine --runs 5 --json
	is "$status" 1
	is "$(tail -n 1 "$T/err" | jq -r .error.message)" "1 of 2 rows failed"
	has "$(of broken x86_64 .failed)" "did not compile"
	is "$(of broken x86_64 '[.values[]] | unique | tostring')" "[null]"
	is "$(of mine x86_64 '[.failed, .profile, .base, .compression, .values.layers] | map(tostring) | join(" ")')" \
		"null small scratch zstd 1"
}

@test "a function that never is ready is ended at its timeout, one that crashes is told of" {
	need jq jq
	project
	cat >src/hello.c <<-'EOF'
		#include <slsc.h>
		#include <stdlib.h>
		#include <unistd.h>
		static int init(void *state)
		{
			(void)state;
			if (getenv("CRASH"))
				abort();
			for (;;)
				pause();
		}
		static __attribute__((constructor)) void begin(void)
		{
			init(NULL);
		}
	EOF
	cat >slsc.yaml <<-'EOF'
		project: stuck
		arches: [x86_64]
		functions:
		  stuck: {sources: [src/hello.c], runtime: none, timeout: 300 ms}
		  crash: {sources: [src/hello.c], runtime: none, env: {CRASH: "1"}}
	EOF
	echo 'int main(void) { return 0; }' >>src/hello.c
	sed -i '/slsc.h/d' src/hello.c
	slsc_run compare stuck --strategies project --runs 5 --json
	is "$status" 1
	is "$(of project x86_64 .failed)" "default for x86_64: served no request within 300 ms"
	slsc_run compare crash --strategies project --runs 5 --json
	is "$status" 1
	is "$(of project x86_64 .failed)" "default for x86_64: killed by signal 6 (Aborted)"
	is "$(pgrep -f "$T/w/hello/.slsc/compare" || :)" ""
}

@test "budgets: exit 3 names each that was missed, by how much; a baseline may not be outgrown" {
	need jq jq
	project
	cat >>slsc.yaml <<-'EOF'
		budgets:
		  hello: {binary: 10 KB, zip: 64 KB, layers: 1, growth: 5%}
	EOF
	slsc_run compare --check --arch x86_64 --runs 5
	is "$status" 3
	has "$out" "binary"
	has "$out" "10.0 KB"
	has "$err" "error: 2 budgets were missed"
	slsc_run compare --check --arch x86_64 --runs 5 --json
	is "$status" 3
	is "$(jq -c '[.missed[] | [.budget, .limit]]' "$T/out")" '[["binary",10240],["layers",1]]'
	is "$(jq '.missed[0].value == .rows[0].values.binary' "$T/out")" true
	# where to look first
	is "$(jq '.missed[0].contributor | length > 0' "$T/out")" true
	# fewer starts than a p99 needs are told of, and counted all the same
	has "$err" "warning: 5 starts of each program say little: 200 are enough for p99"
	sed -i 's/binary: 10 KB/binary: 64 KB/; s/layers: 1/layers: 3/' slsc.yaml
	cat >Dockerfile <<-'EOF'
		FROM scratch
		COPY slsc.yaml /a
		COPY src/hello.c /a
	EOF
	cp slsc.yaml kept
	sed -i 's/growth: 5%/growth: 5%, efficiency: 99%/' slsc.yaml
	printf 'package: {image: {dockerfile: Dockerfile}}\n' >>slsc.yaml
	sed -i '/^package:$/,/^[a-z]/{/^package:$/d;/^ /d}' slsc.yaml
	slsc_run compare --check --arch x86_64 --runs 5 --json
	is "$status" 3
	is "$(jq -c '[.missed[] | [.budget, .column, .limit]]' "$T/out")" '[["efficiency",null,0.99]]'
	mv kept slsc.yaml
	slsc_run compare --check --arch x86_64 --runs 5 --baseline base.json
	is "$status" 1
	is "$err" "error: cannot read base.json: No such file or directory
hint: slsc compare --check --baseline base.json --update-baseline makes it"
	ok compare --check --arch x86_64 --runs 5 --baseline base.json --update-baseline
	is "$(jq -c '.functions.hello.x86_64 | keys' base.json)" '["binary","image","layers","rss","start_p50","zip"]'
	jq '.functions.hello.x86_64.start_p50 = 1000000 | .functions.hello.x86_64.rss = 100000000' base.json >b && mv b base.json
	ok compare --check --arch x86_64 --runs 5 --baseline base.json
	jq '.functions.hello.x86_64.zip = 1000' base.json >b && mv b base.json
	slsc_run compare --check --arch x86_64 --runs 5 --baseline base.json --json
	is "$status" 3
	is "$(jq -c '[.missed[] | [.budget, .limit]]' "$T/out")" '[["growth of zip",1050]]'
	echo '{"version": 7}' >base.json
	slsc_run compare --check --arch x86_64 --runs 5 --baseline base.json
	is "$status" 1
	is "$(head -n 1 "$T/err")" "error: base.json: not a baseline of this version of slsc"
}

@test "--check of several functions: --output has all of them" {
	need jq jq
	mkdir src
	echo 'int main(void) { return 0; }' | tee src/f.c >src/g.c
	cat >slsc.yaml <<-'EOF'
		project: p
		arches: [x86_64]
		functions:
		  f: {sources: [src/f.c], runtime: none}
		  g: {sources: [src/g.c], runtime: none}
		budgets: {f: {binary: 64 KB}, g: {binary: 1 KB}}
	EOF
	slsc_run compare --check --runs 1 --json -o both.json
	is "$status $out" "3 "
	is "$(jq -c '[.function, (.missed | length)]' both.json)" '["f",0]
["g",1]'
	slsc_run compare --check --runs 1 --format html -o both.html
	is "$status $err" "2 error: --format html: a page is of one function, and slsc.yaml has 2
hint: slsc compare f --check --format html"
	[ ! -e both.html ]
}

@test "the page cache is emptied of the program, or it is told that it was not" {
	need jq jq
	project raw
	ok compare --arch x86_64 --strategies project --runs 5 --cold --json
	case $(jq -r .cold "$T/out") in
	"the program's pages were dropped before each start;"*) ;;
	"not cold: the file system keeps the program in memory") ;;
	*) jq -r .cold "$T/out" >&2; return 1 ;;
	esac
}

@test "what is asked for wrongly is refused before anything is built" {
	project
	slsc_run compare --strategies smal
	is "$status" 2
	is "$err" "error: there is no strategy 'smal'
hint: did you mean 'small'?"
	slsc_run compare --strategies small,small
	is "$err" "error: strategy 'small' is named twice"
	slsc_run compare --strategies small --reference fast
	is "$err" "error: --reference: 'fast' is none of what is compared"
	slsc_run compare --claims c.yaml
	is "$status/$err" "2/error: --claims goes with --preset"
	slsc_run compare --preset guide --claims none.yaml
	is "$status/$err" "1/error: none.yaml: No such file or directory"
	slsc_run compare --preset guide --strategies small
	is "$status" 2
	is "$err" "error: --preset names the strategies: leave out --strategies"
	slsc_run compare --baseline x
	is "$err" "error: --baseline goes with --check"
	slsc_run compare --check --update-baseline
	is "$err" "error: --update-baseline: say which file by --baseline"
	slsc_run compare --check
	is "$err" "error: slsc.yaml has no budgets to check
hint: write them, such as budgets: {hello: {zip: 16 KB}}"
	slsc_run compare --request x
	is "$err" "error: --request: 'x' does not begin with a slash"
	slsc_run compare --event none.json
	is "$status" 1
	is "$err" "error: --event: cannot read none.json: No such file or directory"
	slsc_run compare --runs 0
	is "$status" 2
	[ ! -e .slsc ]
	slsc_run compare --list
	is "$status" 0
	has "$out" "static-musl       musl, static"
	cd ..
	slsc_run compare
	is "$status" 1
	has "$err" "slsc init"
}

@test "interrupted: nothing of it runs on" {
	project raw
	"$SLSC_BIN" compare --arch x86_64 --strategies project --runs 100000 >"$T/out" 2>"$T/err" &
	local pid=$! n=0 status=0
	# it is measuring once the program has been packed
	until [ -e .slsc/compare/project/x86_64/raw.oci/index.json ] || [ $((n += 1)) -gt 3000 ]; do
		read -rt 0.02 <> <(:) || :
	done
	kill -TERM "$pid"
	wait "$pid" || status=$?
	is "$status" 130
	is "$(pgrep -f "$T/w/raw/.slsc/compare" || :)" ""
	no_leftovers .
}

@test "wasm32: modules in Node, beside programs; strategies for machines have no row of it" {
	need jq jq && need node nodejs && need unzip unzip
	local m=.slsc/compare/project/wasm32
	project
	ok compare --arch wasm32 --arch x86_64 --strategies project,small,static-musl,scratch --runs 5 --json
	is "$(jq -r '.rows[] | [.strategy, .arch, .failed] | join(" ")' "$T/out")" "project x86_64 
project wasm32 
small x86_64 
small wasm32 
static-musl x86_64 
scratch x86_64 "
	is "$(of project wasm32 .values.binary)" "$(stat -c %s .slsc/compare-default/wasm32/hello)"
	is "$(of project wasm32 .values.zip)" "$(stat -c %s $m/hello.zip)"
	unzip -p $m/hello.zip hello.wasm | cmp - .slsc/compare-default/wasm32/hello
	is "$(of project wasm32 .values.image)" "$(cat $m/hello.oci/blobs/sha256/* | wc -c)"
	is "$(of project wasm32 '[.emulated, .toolchain, .base, .values.rss, .values.allocations, .values.layers, (.samples | length),
		(.best | index("start_p50"))] | tojson')" '[true,"wasi",null,null,null,null,5,null]'
	is "$(of small wasm32 '.best | index("binary") != null')" true
	is "$(of small wasm32 '(.ratios.binary - .values.binary / '"$(of project wasm32 .values.binary)"') | fabs < 0.001')" true
	[[ $(of project wasm32 .note) =~ ^"run by Node "v[0-9.]+": a start is node's own, too; a new instance in a node that runs answers in "[0-9.]+" ms (p50 of 5)"$ ]]
	# a handler that fails is told of; what is compared with nothing of its kind has no ratio
	ok compare --arch wasm32 --arch x86_64 --strategies static-musl,project --runs 3 --event '[]' --json
	is "$(of project wasm32 '.ratios.binary')" null
	has "$(of project wasm32 .note)" "answers with an error; run by Node v"
	for f in table markdown csv html; do
		ok compare --arch wasm32 --strategies project --runs 3 --format $f
		has "$out" wasm32 || [ $f != table ]
	done
	ok compare --arch wasm32 --strategies project --runs 3
	has "$out" "3 starts of each program, interleaved; wasm32 in Node; "
	has "$out" "~ ran in Node, not ranked"
	# a trap is a row that failed
	printf '#include <slsc.h>\nint handler(struct slsc_ctx *c, struct slsc_str i, struct slsc_out *o) { (void)c, (void)i, (void)o; __builtin_trap(); }\n' >src/hello.c
	slsc_run compare --arch wasm32 --strategies project --runs 3 --json
	is "$status" 1
	is "$(of project wasm32 .failed)" "default for wasm32: the engine ended it: unreachable"
	printf '#include <slsc.h>\nint handler(struct slsc_ctx *c, struct slsc_str i, struct slsc_out *o) { (void)c, (void)i; return slsc_puts(o, "1"), 0; }\n' >src/hello.c
	# budgets: of sizes, for a start of node's is none of the function's
	printf 'budgets: {hello: {binary: 4 KB, start: 1 us}}\n' >>slsc.yaml
	slsc_run compare --check --arch wasm32 --runs 3 --json
	is "$status" 3
	is "$(jq -c '[.missed[].budget]' "$T/out")" '["binary"]'
	# without node there are sizes
	cp -rs /usr/bin "$T/bin"
	rm -f "$T/bin/node"
	PATH=$T/bin "$SLSC_BIN" compare --arch wasm32 --strategies project --runs 3 --json >"$T/out" 2>"$T/err"
	is "$(of project wasm32 '[.failed, .note, .values.start_p50, .values.binary > 10000] | tojson')" \
		'[null,"no start: '"'node'"' is not found on PATH (apt-get install nodejs)",null,true]'
}
