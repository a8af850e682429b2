#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load helper

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
	is "$out" '{"bytes":4,"dry_run":false,"removed":1,"stage":{"bytes":0,"removed":0}}'
	is "$(cat "$SLSC_CACHE_DIR"/blobs/sha256/*)" bbbb
	slsc_run cache prune --keep 2GB
	is "$out" "removed 0 blobs, 0 B"
	slsc_run cache prune
	is "$out" "removed 1 blob, 4 B"
	[ -f "$SLSC_CACHE_DIR/git/f" ]
}

@test "cache prune: a size that is none" {
	private
	slsc_run cache prune --keep many
	is "$status" 2
	is "$err" "error: --keep: 'many' is no size
hint: write 2GB, 500MB or a number of bytes"
}
