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
