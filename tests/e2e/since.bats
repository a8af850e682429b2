#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Of many functions, those that a range of git's touches.
# shellcheck shell=bash disable=SC2154
load helper

# three functions in a repository with one commit, tagged v1
three() {
	need git git && need jq jq
	mkdir -p src/lib inc data
	echo '#define COMMON 0' >inc/common.h
	printf '#include "common.h"\n#define DEEP COMMON\n' >inc/deep.h
	echo '#include <deep.h>
int main(void) { return DEEP; }' >src/a.c
	echo '#include "b.h"
int main(void) { return B; }' >src/b.c
	echo '#define B 0' >src/b.h
	echo 'int main(void) { return 0; }' >src/c.c
	echo 'int lib;' >src/lib/one.c
	cat >slsc.yaml <<-'Y'
		project: t
		arches: [x86_64]
		functions:
		  a: {sources: [src/a.c], includes: [inc], runtime: none}
		  b: {sources: [src/b.c], runtime: none}
		  c: {sources: [src/c.c, "src/lib/*.c"], runtime: none}
	Y
	printf '.slsc/\ncompile_commands.json\nignored\n' >.gitignore
	echo text >README
	git init -q -b main
	commit
	git tag v1
}

commit() {
	git add -A
	git commit -q -m x
}

# touched RANGE ARGS...: the functions
touched() {
	slsc_run build -n --json --since "$@"
	is "$status" 0 || {
		echo "$err" >&2
		return 1
	}
	jq -r '[.since.functions[].function] | join(" ")' <<<"$out"
}

# why RANGE FUNCTION: "reason file by" lines
why() {
	slsc_run build -n --json --since "$1" "$2"
	jq -r '.since.functions[].why[] | "\(.reason) \(.file) \(.by)"' <<<"$out"
}

# after COMMANDS: what they touch, from v1 on, the work tree put back afterwards
after() {
	eval "$1"
	touched v1
	git reset -q --hard v1
	git clean -qfdx -e .slsc
}

@test "a source touches its function alone, which alone is built" {
	three
	echo '/* more */' >>src/b.c
	slsc_run build --since v1 --json
	is "$status" 0
	is "$err" "since v1: 1 of 3 functions, touched by 1 file that differs"
	is "$(jq -c '[.binaries[].function]' <<<"$out")" '["b"]'
	is "$(jq -c .since <<<"$out")" \
		'{"changed":1,"functions":[{"function":"b","why":[{"by":null,"file":"src/b.c","reason":"source"}]}],"range":"v1"}'
	[ -e .slsc/release/x86_64/b ] && [ ! -e .slsc/release/x86_64/a ]
	slsc_run build --since v1 -v -n
	is "$status" 0
	has "$err" "b: src/b.c is one of its sources"
}

@test "nothing touched: nothing is built, exit code 0" {
	three
	slsc_run build --since v1
	is "$status $out" "0 "
	is "$err" "since v1: nothing to do, nothing differs"
	echo more >>README
	echo x >untracked
	slsc_run build --since HEAD
	is "$status $out" "0 "
	is "$err" "since HEAD: nothing to do, no function reads the 2 files that differ"
	slsc_run build --since HEAD --json
	is "$out" '{"binaries":[],"since":{"changed":2,"functions":[],"range":"HEAD"},"steps":0}'
	[ ! -e .slsc/release ]
	slsc_run package --zip --since HEAD --json
	is "$status" 0
	is "$(jq -c '[.artifacts, .since.functions]' <<<"$out")" '[[],[]]'
	[ ! -e dist ]
}

@test "headers, and those that they include" {
	three
	is "$(after 'echo >>src/b.h')" b
	is "$(after 'echo >>inc/deep.h')" a
	is "$(after 'echo >>inc/common.h')" a
	# one that would be found first
	is "$(after 'echo >src/deep.h')" ""
	is "$(after 'echo >inc/b.h')" ""
	is "$(after 'echo >inc/unused.h')" ""
	is "$(after 'git rm -q src/b.h')" b
	echo >>inc/common.h
	is "$(why v1 a)" "header inc/common.h inc/deep.h"
	for opt in -v --explain; do
		slsc_run build -n $opt --since v1
		has "$err" "a: inc/common.h is included by inc/deep.h"
	done
}

@test "each file touches the functions whose compiler has read it, and no others" {
	three
	mkdir -p src/sub inc/first
	printf '#pragma once\n#include "deep.h"\n#include "../src/sub/up.h"\n' >inc/first/first.h
	printf '#ifndef UP\n#define UP\n#include "beside.h" /* src/sub, not inc */\n#endif\n' >src/sub/up.h
	touch src/sub/beside.h inc/beside.h
	printf '#define INC 1\n#include "lib/impl.c"\n#inc\\\nlude <first.h>\nint main(void) { return 0; }\n' >src/d.c
	echo 'static int impl;' >src/lib/impl.c
	printf '#ifdef OFF\n/* #include "b.h" */ // #include "b.h"\n#endif\nint s = sizeof("#include");\n' >src/e.c
	sed -i 's/"src.lib.\*.c"/src\/lib\/one.c/' slsc.yaml
	cat >>slsc.yaml <<-'Y'
		  d: {sources: [src/d.c, src/e.c], includes: [inc/first, inc, src], runtime: none}
	Y
	commit
	git tag -f v1
	"$SLSC_BIN" build -q
	ninja -f .slsc/build.ninja -t deps | awk '/^\.slsc/ { split($1, p, "/"); next } NF && $1 !~ /^\// { print $1, p[6] }' |
		while read -r path fn; do echo "$(realpath --relative-to . "$path") $fn"; done | sort -u >"$T/compiler"
	is "$(wc -l <"$T/compiler")" 15
	git ls-files src inc | while read -r path; do
		echo >>"$path"
		for fn in $(touched v1); do echo "$path $fn"; done
		git checkout -q "$path"
	done | sort -u >"$T/since"
	is "$(cat "$T/since")" "$(cat "$T/compiler")"
}

@test "the work tree: staged, uncommitted, untracked, ignored, deleted and renamed files" {
	three
	is "$(after 'echo >>src/a.c; git add src/a.c')" a
	is "$(after 'echo >>src/a.c; git commit -qam x')" a
	is "$(after 'echo "int two;" >src/lib/two.c')" c
	is "$(after 'echo src/lib/two.c >>.git/info/exclude; echo >src/lib/two.c')" ""
	: >.git/info/exclude
	is "$(after 'echo "int two;" >src/lib/two.c; rm src/lib/one.c')" c
	is "$(after 'git mv src/lib/one.c src/lib/uno.c')" c
	is "$(after 'mkdir -p data; git mv src/lib/one.c data/; git mv README src/lib/r.c')" c
	is "$(after 'chmod +x src/c.c')" c
	# staged, and put back: `git diff v1` has nothing of it
	is "$(after 'echo >>src/a.c; git add src/a.c; git show v1:src/a.c >src/a.c')" ""
	# what slsc writes is no change, even where it is not ignored
	rm .gitignore
	git add -A
	git commit -qm y
	"$SLSC_BIN" build -q b
	is "$(touched HEAD)" ""
}

@test "ranges: A..B, A...B, and sides that are left out" {
	three
	git checkout -q -b feature
	echo >>src/a.c
	commit
	git checkout -q main
	echo >>src/b.c
	commit
	git checkout -q feature
	echo >>src/c.c
	is "$(touched main..feature)" "a b"
	is "$(touched main...feature)" "a"
	is "$(touched main..)" "a b"
	is "$(touched main...)" "a"
	is "$(touched ..main)" "a b"
	is "$(touched main)" "a b c"
	is "$(touched HEAD~1..HEAD)" "a"
	is "$(touched 'v1^{tree}')" "a c"
}

@test "slsc.yaml: an entry touches its function, what is shared those that use it" {
	three
	cat >>slsc.yaml <<-'Y'
		  d: {sources: [src/c.c], runtime: none, toolchain: own}
		profiles:
		  small: {defines: {X: "1"}}
		  other: {optimize: "3"}
		toolchains:
		  own: {extends: musl}
		budgets:
		  a: {binary: 1 MB}
	Y
	commit
	git tag -f v1
	is "$(after 'sed -i "s/src.a.c\]/&, handler: other/" slsc.yaml')" a
	# how it is written means nothing
	is "$(after 'sed -i "s/a: {/# a comment\n  a: { /; s/project: t/project: \"t\"/" slsc.yaml')" ""
	is "$(after 'sed -i "s/1 MB/2 MB/; s/optimize: .3./optimize: \"2\"/" slsc.yaml')" ""
	is "$(after 'sed -i "s/project: t/project: u/" slsc.yaml')" "a b c d"
	is "$(after 'echo "package: {image: {labels: {x: y}}}" >>slsc.yaml')" "a b c d"
	is "$(after 'sed -i "s/extends: musl/&, cflags: [-g]/" slsc.yaml')" d
	is "$(after 'sed -i "s/ b: {/ new: {/" slsc.yaml')" new
	is "$(after 'sed -i "/ b: {/d" slsc.yaml')" ""
	sed -i 's/X: "1"/X: "2"/' slsc.yaml
	is "$(touched v1)" ""
	is "$(touched v1 -p small)" "a b c d"
	slsc_run build -n --json --since v1 -p small a
	is "$(jq -c '.since.functions[0].why' <<<"$out")" '[{"by":"profiles.small","file":"slsc.yaml","reason":"config"}]'
	slsc_run build -n --since v1 -p none
	is "$status" 1
	has "$err" "error: unknown profile 'none'"
}

@test "slsc.yaml that was not there, or cannot be read, touches all" {
	three
	git checkout -q --orphan fresh
	git rm -q --cached slsc.yaml
	git commit -qm without
	git tag without
	git add slsc.yaml
	git commit -qm with
	is "$(touched without)" "a b c"
	is "$(why without..HEAD c)" "config slsc.yaml all functions: it was not there"
	sed -i 's/project:/projekt:/' slsc.yaml
	git commit -qam broken
	git tag broken
	git checkout -q HEAD~1 slsc.yaml
	is "$(touched broken)" "a b c"
	is "$(why broken c)" "config slsc.yaml all functions: as it was it cannot be read"
}

@test "what a compiler alone can tell is taken for touched" {
	three
	printf '#include HEADER\nint main(void) { return 0; }\n' >src/c.c
	commit
	git tag -f v1
	is "$(after 'echo >>README')" c
	is "$(after 'echo >>src/b.h')" "b c"
	echo >>README
	is "$(why v1 c)" "computed-include README src/c.c:1"
}

@test "files that are embedded, linked, named by flags, packed, served" {
	three
	mkdir -p assets ext ld vendor
	touch data/x.bin data/asm.inc assets/logo ext/e ld/x.ld vendor/libx.a data/answer forced.h args
	# shellcheck disable=SC2016
	cat >src/c.c <<-'C'
		asm(".incbin \"data/x.bin\"\n.include \"asm.inc\"");
		int main(void) { return 0; }
	C
	cat >slsc.yaml <<-'Y'
		project: t
		arches: [x86_64]
		functions:
		  a: {sources: [src/a.c], includes: [inc], runtime: none, libs: [vendor/libx.a], ldflags: ["-Wl,-T,ld/x.ld", "@args"]}
		  b:
		    sources: [src/b.c]
		    runtime: none
		    package: {zip: {include: [{from: "assets/*"}]}}
		    fallback: {file: data/answer}
		    extensions: ext
		  c: {sources: [src/c.c], includes: [data], runtime: none, flags: [-include, forced.h]}
	Y
	commit
	git tag -f v1
	for f in data/x.bin data/asm.inc assets/logo assets/new ext/e ext/new ld/x.ld args vendor/libx.a data/answer forced.h; do
		echo >>$f
		slsc_run build -n --json --since v1
		printf '%s: %s\n' $f "$(jq -r '.since.functions[] | "\(.function) \(.why[0].reason)"' <<<"$out")"
		git reset -q --hard
		git clean -qfd
	done >"$T/got"
	is "$(cat "$T/got")" "data/x.bin: c embedded
data/asm.inc: c header
assets/logo: b packaged
assets/new: b packaged
ext/e: b extension
ext/new: b extension
ld/x.ld: a flag
args: a flag
vendor/libx.a: a library
data/answer: b fallback
forced.h: c header"
}

@test "directories and headers of flags, however they are spelled" {
	three
	mkdir inc2
	echo '#define DEEP 0' >inc2/deep.h
	echo '#include "more.h"' >inc2/h.h
	echo '#define MORE' >inc2/more.h
	printf '%s\n' '-DX "-Iinc2"' '@nested' >flags.rsp
	echo -O2 >nested
	printf '.section .rodata\n.INCBIN "data/x.bin"\n' >src/s.S
	touch data/x.bin
	echo 'int main(void) { return 0; }' >src/c.c
	cat >slsc.yaml <<-'Y'
		project: t
		arches: [x86_64]
		functions:
		  after: {sources: [src/a.c], runtime: none, flags: [-Xpreprocessor, -I, -Xpreprocessor, inc2]}
		  equals: {sources: [src/a.c], runtime: none, flags: [--include-directory=inc2]}
		  forced: {sources: [src/c.c], runtime: none, flags: [--include=inc2/h.h]}
		  next: {sources: [src/a.c], runtime: none, flags: [--include-directory, inc2]}
		  none: {sources: [src/c.c], runtime: none, ldflags: ["-Wl,-Ldata"]}
		  prefix: {sources: [src/c.c], runtime: none, flags: [-iprefix, inc2/, -iwithprefix, x]}
		  response: {sources: [src/a.c], runtime: none, flags: ["@flags.rsp"]}
		  wp: {sources: [src/a.c], runtime: none, flags: ["-Wp,-Iinc2"]}
		  wpforced: {sources: [src/c.c, src/s.S], runtime: none, flags: ["-Wp,-include,inc2/h.h"]}
	Y
	commit
	git tag -f v1
	is "$(after 'echo >>inc2/deep.h')" "after equals next prefix response wp"
	is "$(after 'echo >>inc2/more.h')" "forced prefix wpforced"
	is "$(after 'echo >>data/x.bin')" "none prefix wpforced"
	is "$(after 'echo >>nested')" "prefix response"
	is "$(after 'mv nested gone')" "prefix response"
}

@test "build commands: their inputs, or every file" {
	three
	cat >>slsc.yaml <<-'Y'
		  d: {build: {command: "cp src/c.c $SLSC_OUT", inputs: ["src/*.c"]}, runtime: none}
		  e: {build: {command: "cp src/c.c $SLSC_OUT"}, runtime: none}
	Y
	commit
	git tag -f v1
	is "$(after 'echo >>src/b.c')" "b d e"
	is "$(after 'echo >>README')" "e"
	is "$(after 'touch x.o .hidden')" ""
	is "$(after 'sed -i "s/^  d: .*cp/&  /" slsc.yaml')" "d"
}

@test "Dockerfiles: the file, its context, and what .dockerignore leaves out" {
	three
	mkdir -p ctx/docs
	touch ctx/app ctx/docs/x
	printf 'FROM scratch\nCOPY app /\n' >Dockerfile
	echo docs >ctx/.dockerignore
	cat >>slsc.yaml <<-'Y'
		  d: {package: {image: {dockerfile: Dockerfile, context: ctx}}}
	Y
	commit
	git tag -f v1
	is "$(after 'echo >>ctx/app')" d
	is "$(after 'echo >>Dockerfile')" d
	is "$(after 'echo >>ctx/docs/x')" ""
	is "$(after 'echo >>ctx/.dockerignore')" d
	is "$(after 'echo >>src/c.c')" c
	is "$(after 'git rm -q ctx/app')" d
}

@test "slsc.lock: an entry touches those that use it" {
	three
	cat >>slsc.yaml <<-'Y'
		  d: {sources: [src/c.c], runtime: none, dependencies: [z], includes: [inc]}
		  e: {sources: [src/c.c], runtime: none, package: {image: {base: cc-debian12}}}
		dependencies:
		  z: {git: "https://z.example.com/z.git", ref: main, sources: []}
	Y
	cat >slsc.lock <<-'Y'
		version: 1
		dependencies:
		  z:
		    git: "https://z.example.com/z.git"
		    ref: "main"
		    commit: 1111111111111111111111111111111111111111
		packages:
		  "cc-debian12":
		    request: "a"
		  "nodejs-debian12":
		    request: "b"
	Y
	mkdir -p "$T/cache/git"/{1,2}111111111111111111111111111111111111111
	export SLSC_CACHE_DIR=$T/cache
	commit
	git tag -f v1
	is "$(after 'sed -i "s/commit: 1/commit: 2/" slsc.lock')" d
	is "$(after 'sed -i "s/\"a\"/\"c\"/" slsc.lock')" e
	is "$(after 'sed -i "s/\"b\"/\"c\"/; s/version: 1/version: 1 # x/" slsc.lock')" ""
	# a dependency's headers may include those of the project
	is "$(after 'echo >inc/z_config.h')" d
}

@test "links: what they lead to, in the project and outside" {
	three
	mkdir ../p
	mv ./* .gitignore ../p/
	rm -rf .git
	git init -q -b main
	mkdir shared
	echo '#define SHARED 0' >shared/shared.h
	mv ../p .
	cd p
	mkdir real
	printf '#include "shared.h"\nint main(void) { return SHARED; }\n' >real/c.c
	ln -sf ../real/c.c src/c.c
	sed -i 's/^  c: .*/  c: {sources: [src\/c.c], includes: [..\/shared], runtime: none}/' slsc.yaml
	commit
	git tag v1
	is "$(touched v1)" ""
	echo >>real/c.c
	is "$(why v1 c)" "source real/c.c null"
	git checkout -q real
	echo >>../shared/shared.h
	is "$(why v1 c)" "header ../shared/shared.h src/c.c"
	git checkout -q ..
	# directories
	ln -s ../real src/dir
	ln -s ../shared inc2
	echo 'int two;' >real/two.c
	sed -i 's/^  c: .*/  c: {sources: ["src\/dir\/*.c"], includes: [inc2], runtime: none}/' slsc.yaml
	commit
	git tag -f v1
	rm real/two.c
	is "$(why v1 c)" "source real/two.c null"
	git checkout -q real
	rm ../shared/shared.h
	is "$(why v1 c)" "header ../shared/shared.h src/dir/c.c"
	git checkout -q ..
	# links that lead elsewhere
	cp -r ../shared ../shared2
	cp -r real real2
	commit
	git tag -f v1
	ln -sfn ../shared2 inc2
	is "$(why v1 c)" "header inc2 src/dir/c.c"
	git checkout -q inc2
	ln -sfn ../real2 src/dir
	is "$(why v1 c)" "source src/dir null
header src/dir src/dir/c.c"
	git checkout -q src/dir
	is "$(touched v1)" ""
}

@test "names on the command line, and --shard" {
	three
	echo >>src/a.c
	echo >>src/b.c
	is "$(touched v1 a c)" "a"
	is "$(touched v1 c)" ""
	slsc_run build --since v1 nope
	is "$status" 1
	has "$err" "error: unknown function 'nope'"
	slsc_run build --since v1 --shard 1/2 --json
	is "$status" 0
	is "$err" "since v1: 2 of 3 functions, touched by 2 files that differ
shard 1/2: 1 of 2 functions, split by their numbers of sources"
	is "$(jq -c '[.binaries[].function]' <<<"$out")" '["a"]'
	slsc_run package --zip --since v1 --shard 2/2 --json
	is "$(jq -c '[.artifacts[].function]' <<<"$out")" '["b"]'
	slsc_run build --since v1 --shard 1/2 c --json
	is "$status" 0
	is "$(jq -c .binaries <<<"$out")" '[]'
	slsc_run build --since v1 -f Dockerfile .
	is "$status" 2
	has "$err" "error: --since: a Dockerfile's image has no functions to choose from"
}

@test "nothing touched: what was asked for is looked at all the same" {
	three
	for command in build "package --zip"; do
		# shellcheck disable=SC2086
		slsc_run $command --since v1 --shard 3/2
		is "$status" 2
		is "$err" "error: --shard 3/2: is no part of a whole
hint: write I/N, such as 2/4 for the second of four; N is at most 4096"
		# shellcheck disable=SC2086
		slsc_run $command --since v1 --cache-to ''
		is "$status" 2
		has "$err" "error: --cache-to: '': "
		# shellcheck disable=SC2086
		slsc_run $command --since v1 --cache-from oci:
		is "$status" 2
		is "${err%%$'\n'*}" "error: --cache-from: 'oci:': the path is empty"
		# shellcheck disable=SC2086
		slsc_run $command --since v1 --cache-from "oci:$T/none" --json
		is "$status" 0
		is "$(jq -c .cache <<<"$out")" '{"hits":0,"misses":0,"received":0,"sent":0}'
	done
}

@test "revisions that are not there, and where there is no repository" {
	three
	slsc_run build --since nope
	is "$status" 1
	is "$err" "error: --since nope: $PWD: there is no commit 'nope'
hint: 'git log --oneline' lists those there are; 'git fetch' brings a branch of the remote"
	slsc_run build --since v1...nope --json
	is "$status" 1
	has "$err" "there is no commit 'nope'"
	slsc_run package --zip --since ''
	is "$status" 2
	has "$err" "error: --since : the revision is empty"
	echo >>src/a.c
	commit
	git clone -q --depth 1 "file://$PWD" "$T/shallow"
	slsc_run -C "$T/shallow" build --since HEAD~1
	is "$status" 1
	has "$err" "hint: this clone is shallow: fetch its history (fetch-depth: 0 of actions/checkout, GIT_DEPTH: 0 of GitLab, or git fetch --unshallow)"
	git checkout -q --orphan alone
	git commit -qm alone
	slsc_run build --since v1...HEAD
	is "$status" 1
	has "$err" "error: --since v1...HEAD: $PWD: 'v1' and 'HEAD' have no commit in common"
	rm -rf .git
	slsc_run build --since v1
	is "$status" 1
	is "$err" "error: --since v1: $PWD: is in no git repository, and so there is no 'v1'
hint: run 'git init' and commit first"
}

@test "hostile names, and repositories in the repository" {
	three
	sed -i 's/^  c: .*/  c: {sources: [src\/c.c], runtime: none, package: {zip: {include: [{from: "data\/*"}]}}}/' slsc.yaml
	touch data/x
	commit
	git tag -f v1
	printf x >$'data/a\nb'
	slsc_run build -n -v --since v1
	is "$status" 0
	has "$err" "c: data/a?b is packed with it"
	rm data/a*
	printf x >$'data/\xff\x01'
	is "$(touched v1)" c
	is "$(why v1 c | head -1)" $'packaged data/\xef\xbf\xbd\x01 null'
	rm -f data/?*
	touch data/x
	git init -q src/sub
	git -C src/sub commit -q --allow-empty -m x
	is "$(touched v1)" ""
	sed -i 's/^  b: .*/  b: {sources: [src\/b.c], includes: [src\/sub], runtime: none}/' slsc.yaml
	printf '#include <sub.h>\nint main(void) { return 0; }\n' >src/b.c
	commit
	git tag -f v1
	echo '#define SUB' >src/sub/sub.h
	git -C src/sub add sub.h
	git -C src/sub commit -q -m y
	is "$(why v1 b)" "header src/sub src/b.c"
}

@test "a hundred thousand files that differ" {
	three
	# one tree of 100,000 names, without as many files
	blob=$(git hash-object -w README)
	for i in $(seq 0 99); do
		tree=$(seq -f "100644 blob $blob	%06.0f.txt" $((i * 1000)) $((i * 1000 + 999)) | git mktree)
		printf '040000 tree %s\td%02d\n' "$tree" "$i"
	done | git mktree >"$T/many"
	{ git ls-tree v1; printf '040000 tree %s\tmany\n' "$(cat "$T/many")"; } | git mktree >"$T/root"
	git tag big "$(git commit-tree -p v1 -m big "$(cat "$T/root")")"
	slsc_run build --since v1..big
	is "$status" 0
	is "$err" "since v1..big: nothing to do, no function reads the 100000 files that differ"
	sed -i 's/^  c: .*/  c: {sources: [src\/c.c], runtime: none, package: {zip: {include: [{from: "many\/**\/09*.txt"}]}}}/' slsc.yaml
	slsc_run build -n --json --since v1..big
	is "$(jq -c '.since.functions' <<<"$out")" \
		'[{"function":"c","why":[{"by":null,"file":"many/d90/090000.txt","reason":"packaged"}]}]'
}
