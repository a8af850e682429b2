#!/usr/bin/env bats
# Many functions: parts of them for several machines.
# shellcheck shell=bash disable=SC2154
load helper

four() {
	mkdir src
	for f in a b c d; do echo 'int main(void) { return 0; }' >src/$f.c; done
	echo 'int more;' >src/b2.c
	cat >slsc.yaml <<-'Y'
		project: t
		arches: [x86_64]
		functions:
		  a: {sources: [src/a.c], runtime: none}
		  b: {sources: [src/b.c, src/b2.c], runtime: none}
		  c: {sources: [src/c.c], runtime: none}
		  d: {sources: [src/d.c], runtime: none}
	Y
}

@test "--shard: each function in one part, built there alone" {
	four
	slsc_run build --shard 1/2 --json
	is "$status" 0
	is "$err" "shard 1/2: 2 of 4 functions, split by their numbers of sources"
	is "$(jq -c '[.binaries[].function]' <<<"$out")" '["b","d"]'
	[ ! -e .slsc/release/x86_64/a ]
	rm -rf .slsc
	slsc_run build --shard 2/2 --json
	is "$status" 0
	is "$(jq -c '[.binaries[].function]' <<<"$out")" '["a","c"]'
	slsc_run build --shard 5/5 --json
	is "$status" 0
	is "$(jq -c . <<<"$out")" '{"binaries":[],"steps":0}'
}

@test "--shard: an earlier build's times make the parts even" {
	four
	mkdir -p .slsc/release
	printf '# ninja log v5\n0\t%s\t1\t.slsc/release/x86_64/%s\t1\n' 900 a 100 b 200 c 300 d >.slsc/release/.ninja_log
	slsc_run build --shard 1/2 -n
	is "$status" 0
	has "$err$out" "shard 1/2: 1 of 4 functions, split by how long each took"
	slsc_run build --shard 1/2 -n -q --json
	is "$status $out" '0 {"dry_run":true}'
	slsc_run package --zip --shard 2/2 --json
	is "$status" 0
	is "$(jq -c '[.artifacts[].function]' <<<"$out")" '["b","c","d"]'
}

@test "--shard: what is no part, and where there is nothing to split" {
	four
	slsc_run build --shard 3/2
	is "$status" 2
	has "$err" "error: --shard 3/2: is no part of a whole"
	has "$err" "write I/N, such as 2/4 for the second of four; N is at most 4096"
	slsc_run build -f Dockerfile --shard 1/2 .
	is "$status" 2
	has "$err" "error: --shard: a Dockerfile's image has no functions to split"
}

@test "build: options that would mean nothing are none" {
	four
	echo 'FROM scratch' >Dockerfile
	for opt in --smoke --profile=small --launcher=none; do
		slsc_run build -f Dockerfile $opt .
		is "$status" 2
		has "$err" "error: ${opt%%=*} is about functions, and --file about a Dockerfile"
	done
	slsc_run build -f Dockerfile --arch wasm32 .
	is "$status" 2
	is "$err" "error: --arch wasm32: a Dockerfile's image is for machines
hint: x86_64 or arm64"
	for opt in --target=x --tag=x --output=dir:x --label=a=b --compression=zstd --level=max --squash --strip \
		--print=plan --until=2; do
		slsc_run build $opt
		is "$status" 2
		is "$err" "error: ${opt%%=*} is about a Dockerfile, and none is named
hint: name it with --file; what slsc.yaml says of images, 'slsc package' makes"
	done
	[ ! -e .slsc ]
}

@test "a dependency of several functions is compiled once for each target" {
	need git git
	four
	mkdir dep
	echo 'int answer(void) { return 0; }' >dep/answer.c
	echo 'int more(void) { return 0; }' >dep/more.c
	git -C dep init -q -b main
	git -C dep add .
	git -C dep commit -q -m x
	cat >slsc.yaml <<-'Y'
		project: t
		functions:
		  a: {sources: [src/a.c], runtime: none, dependencies: [d]}
		  b: {sources: [src/b.c], runtime: none, dependencies: [d]}
		  c: {sources: [src/c.c], runtime: none, dependencies: [d], defines: {X: "1"}}
		  d: {sources: [src/d.c], runtime: none, dependencies: [d], toolchain: gnu, arches: [x86_64]}
		dependencies:
		  d: {git: dep, ref: main, sources: ["*.c"]}
	Y
	slsc_run build -v
	is "$status" 0
	# two sources, for musl on both machines and for gnu on one
	is "$(cut -f 4 .slsc/release/.ninja_log | grep -c '/\.dep/')" 6
	is "$(cut -f 4 .slsc/release/.ninja_log | grep '/\.dep/' | sort | uniq -d)" ""
	# each object is linked into all of them
	is "$(grep -c '^build .slsc/release/x86_64/[abcd] .*\.dep/d-.*/answer\.c\.o' .slsc/build.ninja)" 4
	slsc_run build --json
	is "$(jq .steps <<<"$out")" 0
}
