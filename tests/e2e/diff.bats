#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc diff: what grew and shrank, adding up to the difference that stat sees; and since a commit.
load helper
load package_helper
load inspect_helper

# comma N: 1234 as 1,234
comma() { echo "${1%???},${1: -3}"; }

# cache_is_empty: of what was built nothing is left but the lock
cache_is_empty() { is "$(find "$SLSC_CACHE_DIR/diff" -mindepth 1 -not -name '*.lock')" ""; }

@test "two zips" {
	need zip zip
	bytes 1000 one && bytes 2000 two
	zip -qX0 a.zip one two
	bytes 2500 two && bytes 300 three
	zip -qX0 b.zip one two three
	slsc_run diff a.zip b.zip
	[ "$status" -eq 0 ]
	a=$(stat -c %s a.zip) b=$(stat -c %s b.zip)
	head=$((b - a - 800))
	is "$out" "before  a.zip: zip, $(comma "$a") bytes
after   b.zip: zip, $(comma "$b") bytes
change  +$((b - a)) bytes (+$(awk -v a="$a" -v b="$b" 'BEGIN{printf "%.1f", 100*(b-a)/a}') %)

change  before  after  files
  +500   2,000  2,500  two
  +300       0    300  three
  $(printf '%+4d' "$head")     $((a - 3000))    $((b - 3800))  (headers and directory)
  $(printf '%+4d' $((b - a)))   $(comma "$a")  $(comma "$b")  in all"
	slsc_run diff a.zip b.zip --json
	adds "$T/out"
	is "$(jq -c '.differences[0]|[.a.artifact,.b.artifact,.change]' <<<"$out")" "[\"a.zip\",\"b.zip\",$((b - a))]"
	slsc_run diff b.zip a.zip --json
	adds "$T/out"
	is "$(jq '.differences[0].change' <<<"$out")" "$((a - b))"
	slsc_run diff a.zip a.zip
	is "$out" "before  a.zip: zip, $(comma "$a") bytes
after   a.zip: zip, $(comma "$a") bytes
change  0 bytes

files: the same sizes"
}

@test "two images: by layer, file and waste" {
	mkdir -p one/d two/d
	bytes 3000 one/d/x && bytes 100 one/same && bytes 700 two/d/y
	layer one one && layer two two
	layout a "$(image a amd64 '{}' one.tar two.tar)"
	bytes 3500 one/d/x && bytes 200 two/d/x && rm two/d/y
	layer one one && layer two two
	layout b "$(image b amd64 '{}' one.tar two.tar)"
	slsc_run diff oci:a oci:b --files --waste
	[ "$status" -eq 0 ]
	is "$(sed 1,4d <<<"$out")" "change  before  after  files
-3,500   3,700    200  d/
-2,800   3,000    200    x
  -700     700      0    y
-3,500   3,800    300  in all

change  before  after  waste
+3,500       0  3,500  d/x
+3,500       0  3,500  in all"
	slsc_run diff oci:a oci:b --files --top 1
	is "$(sed 1,4d <<<"$out")" "change  before  after  files
-3,500   3,700    200  d/
-3,500   3,800    300  in all"
	slsc_run diff oci:a oci:b --json
	adds "$T/out"
	is "$(jq -c '.differences[0].views|keys' <<<"$out")" '["files","layers","waste"]'
	is "$(jq -c '[.differences[0].views.layers.children[]|.name]|sort' <<<"$out")" '["make one","make two"]'
}

@test "a program, a zip and an image of the same: whole by whole, and program by program" {
	project
	slsc package --no-build -q --zip --oci
	program=.slsc/release/x86_64/hello
	slsc_run diff $program dist/hello-x86_64.zip --json
	adds "$T/out"
	is "$(jq -c '.differences[0]|[.change,.views.sections.change]' <<<"$out")" \
		"[$(($(stat -c %s dist/hello-x86_64.zip) - $(stat -c %s $program))),0]"
	is "$(jq '.differences[0].views|has("bytes") and (has("files")|not)' <<<"$out")" true
	slsc_run diff dist/hello-x86_64.zip dist/hello.oci
	[ "$status" -eq 0 ]
	has "$out" "after   dist/hello.oci: image, "
	has "$out" "sections: the same sizes"
	slsc_run diff dist/hello-arm64.zip dist/hello.oci --json
	adds "$T/out"
	is "$(jq -r '.differences[0].b.arch' <<<"$out")" arm64
	slsc_run diff dist/hello-x86_64.zip dist/hello.oci --files
	[ "$status" -eq 2 ]
	is "$err" "error: a zip's files are packed, an image's are not: they cannot be compared
hint: --sections, --symbols and --sources compare the programs in them"
	slsc_run diff $program dist/hello.oci --waste
	[ "$status" -eq 2 ]
	is "$out" ""
	slsc_run diff $program
	[ "$status" -eq 2 ]
	is "$err" "error: $program: is an artifact: what is it to be compared with?
hint: name a second artifact, or a git revision alone"
	slsc_run diff $program nowhere --json
	[ "$status" -eq 1 ]
	is "$out" ""
}

@test "a damaged artifact is not compared" {
	need zip zip
	bytes 1000 one
	zip -qX0 a.zip one
	head -c 900 a.zip >cut.zip
	slsc_run diff a.zip cut.zip
	[ "$status" -eq 1 ]
	is "$out" ""
	is "$err" "error: cut.zip: not a zip file: it has no end record, and ends at offset 900"
}

# A project in a repository, below its top; the second commit makes one function larger and adds another.
@test "since a commit: it and the present are built elsewhere, and nothing of the user's is touched" {
	need git git
	mkdir -p repo/app && cd repo
	git init -q -b main .
	git remote add origin https://example.com/r.git
	slsc init -q app/p --template raw
	cd app/p
	sed -i 's/^arches:.*/arches: [x86_64]/' slsc.yaml
	grep -q '^arches' slsc.yaml || sed -i '1a arches: [x86_64]' slsc.yaml
	git add -A . && git commit -qm one
	source=$(find . -name '*.c' | head -1)
	cat >>"$source" <<-'EOF'

		static const char ballast[20000] = { [19999] = 1 };
		__attribute__((constructor)) static void keep(void) { __asm__ volatile("" : : "r"(ballast)); }
	EOF
	git commit -qam two
	before=$(cd ../.. && git status --porcelain --ignored && git for-each-ref && find . -type f -not -path './.git/index' |
		sort | xargs sha256sum)
	slsc_run diff HEAD~1
	[ "$status" -eq 0 ] || { echo "$err"; return 1; }
	has "$out" "before  HEAD~1:raw-x86_64.zip: zip, "
	has "$out" "after   now:raw-x86_64.zip: zip, "
	is "$(cd ../.. && git status --porcelain --ignored && git for-each-ref && find . -type f -not -path './.git/index' |
		sort | xargs sha256sum)" "$before"
	[ ! -e dist ]
	slsc_run diff HEAD~1 --json --arch arm64
	is "$status $out" '0 {"differences":[]}'
	slsc_run diff HEAD~1 --json
	[ "$status" -eq 0 ]
	adds "$T/out"
	is "$(jq -r '[.differences[]|.a.artifact]|join(" ")' <<<"$out")" "HEAD~1:raw-x86_64.zip HEAD~1:raw.oci (x86_64)"
	cp "$T/out" "$T/json"
	# all that changed is what was added: the image's labels are as long
	is "$(jq '[.differences[]|select(.a.kind=="image").views.layers.children[]|select(.kind!="layer")]|length' <<<"$out")" 0
	is "$(jq '.differences[0].views.sections.children[]|select(.name==".rodata").change >= 20000' <<<"$out")" true
	# of all that has a view, and by what each build left beside its program
	slsc_run diff HEAD~1 --layers
	is "$status $(grep ^before <<<"$out")" "0 before  HEAD~1:raw.oci (x86_64): image, $(jq '.differences[1].a.size' "$T/json" |
		sed -E 's/([0-9])([0-9]{3})$/\1,\2/') bytes"
	is "$(jq -c '[.differences[].views | has("symbols") and has("sources")]' "$T/json")" '[true,true]'
	# the present is the work tree, not HEAD
	git checkout -q HEAD~1 -- "$source"
	slsc_run diff HEAD --json
	is "$(jq '.differences[0].views.sections.children[]|select(.name==".rodata").change <= -20000' <<<"$out")" true
	cache_is_empty
}

@test "since a commit: what cannot be built, and what is no commit" {
	need git git
	slsc init -q p --template raw && cd p
	slsc_run diff HEAD~1
	[ "$status" -eq 1 ]
	is "$err" "error: $PWD: is in no git repository, and so there is no 'HEAD~1'
hint: run 'git init' and commit first"
	git init -q -b main .
	git add -A && git commit -qm one
	slsc_run diff nothing
	[ "$status" -eq 1 ]
	is "$err" "error: $PWD: there is no commit 'nothing'
hint: 'git log --oneline' lists those there are"
	source=$(find . -name '*.c' | head -1)
	echo 'this is no C' >>"$source"
	git commit -qam broken
	slsc_run diff HEAD --json
	[ "$status" -eq 1 ]
	is "$out" ""
	has "$err" "the build of HEAD failed: "
	cache_is_empty
}
