#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load helper
load registry_helper

# cached TEXT: a blob in the store, as slsc would put it there
cached() {
	local d=$SLSC_CACHE_DIR/blobs/sha256
	mkdir -p "$d"
	printf %s "$1" >"$d/$(printf %s "$1" | sha256sum | cut -d' ' -f1)"
}

private() { export SLSC_CACHE_DIR=$T/cache; }

@test "cache info: an absent cache is empty and is not made" {
	private
	slsc_run cache info
	is "$status" 0
	is "$out" "$SLSC_CACHE_DIR
in all              0 B"
	[ ! -e "$SLSC_CACHE_DIR" ]
	slsc_run cache info --json
	is "$out" "{\"bytes\":0,\"dir\":\"$SLSC_CACHE_DIR\",\"parts\":[]}"
}

@test "cache info: parts, in bytes and files" {
	private
	cached hello
	cached "hello world"
	mkdir -p "$SLSC_CACHE_DIR/git/x" && printf 1234 >"$SLSC_CACHE_DIR/git/x/f"
	slsc_run cache info
	is "$out" "$SLSC_CACHE_DIR
blobs              16 B  2 files
git                 4 B  1 file
in all             20 B"
	slsc_run cache info --json
	is "$(jq -c '[.bytes, .parts[0].name, .parts[0].bytes, .parts[0].files, .parts[1].name]' <<<"$out")" \
		'[20,"blobs",16,2,"git"]'
}

@test "cache prune: what was used longest ago goes first, and only blobs go" {
	private
	cached aaaa
	touch -d '2001-01-01' "$SLSC_CACHE_DIR"/blobs/sha256/*
	cached bbbb
	mkdir -p "$SLSC_CACHE_DIR/git" && echo x >"$SLSC_CACHE_DIR/git/f"
	slsc_run cache prune --keep 4 -n
	is "$out" "would remove 1 blob, 4 B"
	is "$(find "$SLSC_CACHE_DIR/blobs" -type f | wc -l)" 2
	slsc_run cache prune --keep 4 --json
	is "$out" '{"bytes":4,"dry_run":false,"removed":1,"stage":{"bytes":0,"removed":0},"local":{"bytes":0,"removed":0}}'
	is "$(cat "$SLSC_CACHE_DIR"/blobs/sha256/*)" bbbb
	slsc_run cache prune --keep 2GB
	is "$out" "removed 0 blobs, 0 B"
	slsc_run cache prune
	is "$out" "removed 1 blob, 4 B"
	[ -f "$SLSC_CACHE_DIR/git/f" ]
}

@test "cache prune: while another slsc is at work, what was used in the last hour stays, and that is said" {
	private
	need flock util-linux
	cached aaaa
	touch -d '2001-01-01' "$SLSC_CACHE_DIR"/blobs/sha256/*
	cached bbbb
	mkfifo begun go
	flock -s "$SLSC_CACHE_DIR/blobs/sha256" sh -c 'echo >begun; read -r _ <go' 3>&- &
	read -r _ <begun
	slsc_run cache prune
	is "$out/$err" "removed 1 blob, 4 B/warning: blobs that were used in the last hour stay: another slsc is running"
	is "$(cat "$SLSC_CACHE_DIR"/blobs/sha256/*)" bbbb
	# nothing else would have gone
	slsc_run cache prune --keep 4
	is "$out/$err" "removed 0 blobs, 0 B/"
	echo >go
	wait
	slsc_run cache prune
	is "$out/$err" "removed 1 blob, 4 B/"
}

@test "cache prune: a size that is none" {
	private
	slsc_run cache prune --keep many
	is "$status" 2
	is "$err" "error: --keep: 'many' is no size
hint: write 2GB, 500MB or a number of bytes"
}

# both PID...: all end well; their messages if not
both() {
	local pid code=0
	for pid in "$@"; do
		wait "$pid" || code=1
	done
	[ $code = 0 ] || cat "$T"/err.* >&2
	return $code
}

# in_background N ARGS...: slsc, its words in $T/err.N
in_background() {
	local n=$1
	shift
	"$SLSC_BIN" -q "$@" >"$T/out.$n" 2>"$T/err.$n" 3>&- &
}

whole_store() { (cd "$SLSC_CACHE_DIR/blobs/sha256" && for f in *; do echo "$f  $f"; done | sha256sum --quiet -c -); }

@test "two at once on one cache: pulls, builds and packages of one base, with prune in between" {
	private
	registry open
	mkdir ctx
	head -c 3000000 /dev/urandom >ctx/big
	echo a >ctx/a
	printf 'FROM scratch\nCOPY big /\nCOPY a /\n' >ctx/Dockerfile
	SLSC_CACHE_DIR=$T/other slsc -q build -f ctx/Dockerfile -o oci:img ctx >"$T/out"
	slsc -q push oci:img "127.0.0.1:$port/x:t" >"$T/out"
	printf 'FROM base\nCOPY a /b\n' >ctx/Dockerfile
	slsc -q init --template raw raw >"$T/out"
	mv raw/* .
	slsc -q build -a x86_64 >"$T/out"
	local a b c d e
	for _ in 1 2 3 4; do
		rm -rf out* one two image
		in_background a pull "127.0.0.1:$port/x:t" oci:out
		a=$!
		in_background b pull "127.0.0.1:$port/x:t" oci:out
		b=$!
		in_background c package --oci -a x86_64 --no-build -o one --base "127.0.0.1:$port/x:t"
		c=$!
		in_background d build -f ctx/Dockerfile --base "base=127.0.0.1:$port/x:t" -o oci:image ctx
		d=$!
		in_background e cache prune
		e=$!
		both $a $b $c $d $e
		whole out && whole one/raw.oci && whole image
		in_background a package --oci -a x86_64 --no-build -o two --base "127.0.0.1:$port/x:t"
		a=$!
		in_background b copy oci:img oci-archive:out.a.tar
		b=$!
		in_background c copy oci:img oci-archive:out.b.tar
		c=$!
		in_background d base build static -o oci:out.base
		d=$!
		in_background e base build static -o oci:out.base
		e=$!
		both $a $b $c $d $e
		diff -r one two
		cmp out.a.tar out.b.tar
		whole out.base
	done
	whole_store
	no_leftovers "$T"
	is "$(find "$SLSC_CACHE_DIR/transfer" -mindepth 1 2>/dev/null)" ""
}
