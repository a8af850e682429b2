#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Disks that are full or read-only: the cache's, $TMPDIR's, the output's. What is said, what is left, and the next run.
load helper
load registry_helper

FULL="No space left on device
hint: free some space, or write elsewhere, then run it again"
CACHE_FULL="No space left on device
hint: free some space there, as with \`slsc cache prune\`, or let SLSC_CACHE_DIR name another directory"
CACHE_RO="Read-only file system
hint: let SLSC_CACHE_DIR name a directory that can be written to"

# on_disk HOW SCRIPT: a shell with $small, a file system of 3 MB, the functions of this file and $status, $err after run
on_disk() {
	local how='m'
	[ "$(id -u)" -eq 0 ] || how='rm'
	mkdir -p "$T/small"
	{
		declare -f is has no_leftovers slsc_run whole files
		declare -p T SLSC_BIN FULL CACHE_FULL CACHE_RO
		echo "port=${port:-}; small=$T/small; set -e"
		echo 'run() { local want=$1; shift; slsc_run -q "$@"; is "$status $err" "$want"; no_leftovers "$T"; }'
		echo 'mount -t tmpfs -o size=3m none "$small"'
		cat
	} >"$T/script"
	unshare -$how bash "$T/script"
}

# files DIR: how many there are
files() { find "$1" -type f 2>/dev/null | wc -l; }

# three layers of 2 MB each, that cannot be made smaller, pushed as x:t
image_of_6mb() {
	registry open
	mkdir noise
	printf 'FROM scratch\n' >noise/Dockerfile
	local f
	for f in a b c; do
		head -c 2000000 /dev/urandom >noise/$f
		printf 'COPY %s /\n' $f >>noise/Dockerfile
	done
	SLSC_CACHE_DIR=$T/other slsc -q build -f noise/Dockerfile -o oci:img:t noise >"$T/out"
	slsc -q push oci:img "127.0.0.1:$port/x:t" >"$T/out"
}

@test "a full disk for what is written: nothing of it stays, and with space it is right" {
	image_of_6mb
	export COSIGN_PASSWORD=word
	slsc -q sign --generate-key k >"$T/out"
	slsc -q copy oci:img:t oci:signed:t >"$T/out"
	on_disk <<-'E'
		slsc_run -q pull "127.0.0.1:$port/x:t" "oci:$small/out"
		is "$status" 1
		[[ $err =~ ^"error: 127.0.0.1:$port/x: GET of blob sha256:"[0-9a-f]{64}": cannot write $small/out: $FULL"$ ]]
		is "$(files "$small")" 0
		run "1 error: cannot write $small/out: $FULL" copy oci:img "oci:$small/out"
		run "1 error: cannot write $small/out.tar: $FULL" copy oci:img "oci-archive:$small/out.tar"
		is "$(files "$small")" 0
		cp -r signed/index.json signed/oci-layout "$small"
		mkdir -p "$small/blobs" && mount --bind signed/blobs "$small/blobs"
		dd if=/dev/zero of="$small/fill" bs=4k 2>/dev/null || true
		before=$(find signed -type f | sort | xargs sha256sum)
		run "1 error: cannot write $small/index.json: $FULL" sign --key k.key "oci:$small:t"
		is "$(find signed -type f | sort | xargs sha256sum)" "$before"
		cmp signed/index.json "$small/index.json"
		run "1 error: cannot write $small/k.key: $FULL" sign --generate-key "$small/k"
		run "1 error: --image-refs: cannot write $small/refs: $FULL" push oci:img "127.0.0.1:$port/y:t" --image-refs "$small/refs"
		rm "$small/fill"
		run "0 " sign --key k.key "oci:$small:t"
		run "0 " verify-signature --key k.pub "oci:$small:t"
	E
}

@test "a full disk for the cache: the message names it, what is whole stays, and with space it is right" {
	image_of_6mb
	slsc -q init --template raw raw >"$T/out"
	mv raw/* .
	slsc -q build -a x86_64 >"$T/out"
	mkdir ctx
	echo a >ctx/a
	printf 'FROM base\nCOPY a /a\n' >ctx/Dockerfile
	slsc -q copy oci:img oci-archive:img.tar >"$T/out"
	on_disk <<-'E'
		export SLSC_CACHE_DIR=$small/cache
		slsc_run -q copy oci:img oci-archive:out.tar
		is "$status" 1
		[[ $err =~ ^"error: cannot write $small/cache/transfer/layout."[0-9]+": $CACHE_FULL"$ ]]
		[ ! -e out.tar ]
		is "$(files "$small")" 0
		dd if=/dev/zero of="$small/fill" bs=1k count=1500 2>/dev/null
		slsc_run -q push oci-archive:img.tar "127.0.0.1:$port/y:t"
		is "$status" 1
		[[ $err =~ ^"error: cannot write $small/cache/transfer/"[0-9a-f]{64}": $CACHE_FULL"$ ]]
		slsc_run -q package --oci -a x86_64 --no-build --base "127.0.0.1:$port/x:t"
		is "$status" 1
		[[ $err =~ ^"error: 127.0.0.1:$port/x: GET of blob sha256:"[0-9a-f]{64}": cannot write $small/cache/blobs/sha256/"[0-9a-f]{64}": $CACHE_FULL"$ ]]
		is "$(files dist)" 0
		slsc_run -q build -f ctx/Dockerfile --base "base=127.0.0.1:$port/x:t" -o oci:out ctx
		is "$status" 1
		[[ $err =~ ^"error: ctx/Dockerfile:2:1: COPY: layer sha256:"[0-9a-f]{12}": 127.0.0.1:$port/x: GET of blob sha256:"[0-9a-f]{64}": cannot write $small/cache/blobs/" ]]
		has "$err" ": $CACHE_FULL"
		[ ! -e out ]
		(cd "$small/cache/blobs/sha256" && for f in *; do echo "$f  $f"; done | sha256sum --quiet -c -)
		dd if=/dev/zero of="$small/fill2" bs=4k 2>/dev/null || true
		slsc_run cache prune
		is "$status" 0
		is "$(files "$small/cache/blobs")" 0
		no_leftovers "$T"
		mount -o remount,size=30m "$small"
		run "0 " copy oci:img oci-archive:out.tar
		run "0 " push oci-archive:img.tar "127.0.0.1:$port/y:t"
		run "0 " package --oci -a x86_64 --no-build --base "127.0.0.1:$port/x:t"
		whole dist/raw.oci
		run "0 " build -f ctx/Dockerfile --base "base=127.0.0.1:$port/x:t" -o oci:out ctx
		whole out
	E
}

@test "a full disk for what lies there for a moment: TMPDIR is named" {
	image_of_6mb
	slsc -q copy oci:img oci-archive:img.tar >"$T/out"
	gzip -1 img.tar
	on_disk <<-'E'
		export TMPDIR=$small
		run "1 error: img.tar.gz: cannot write a temporary file in $small: $FULL" copy oci-archive:img.tar.gz oci:out
		[ ! -e out ]
		dd if=/dev/zero of="$small/fill" bs=4k 2>/dev/null || true
		slsc_run -q check "127.0.0.1:$port/x:t"
		is "$status" 1
		has "$err" ": cannot write a temporary file in $small: $FULL"
		is "$(files "$small")" 1
		mount -o remount,ro "$small"
		slsc_run -q check "127.0.0.1:$port/x:t"
		is "$status" 1
		has "$err" ": cannot make a temporary file in $small: Read-only file system
		hint: let TMPDIR name a directory that can be written to"
	E
}

@test "a cache that is read-only: most commands do without it, the others name it" {
	image_of_6mb
	slsc -q init --template raw raw >"$T/out"
	mv raw/* .
	slsc -q build -a x86_64 >"$T/out"
	mkdir ctx
	printf 'FROM scratch\nCOPY Dockerfile /\n' >ctx/Dockerfile
	on_disk <<-'E'
		export SLSC_CACHE_DIR=$small/cache COSIGN_PASSWORD=word
		mkdir "$small/cache"
		mount -o remount,ro "$small"
		c=$small/cache
		run "0 " push oci:img "127.0.0.1:$port/y:t"
		run "0 " pull "127.0.0.1:$port/x:t" oci:out
		run "0 " copy "127.0.0.1:$port/x:t" "127.0.0.1:$port/z:t"
		run "0 " package --oci --zip -a x86_64 --no-build --base oci:img
		whole dist/raw.oci
		run "0 " sbom raw -o s.json
		run "0 " sign --generate-key k
		run "0 " sign --key k.key oci:dist/raw.oci:amd64
		run "0 " verify-signature --key k.pub oci:dist/raw.oci:amd64
		run "0 " base build static -o oci:static
		run "0 " base list
		run "0 " cache info
		run "0 " cache prune
		run "1 error: cannot create directory $c/transfer: $CACHE_RO" copy oci:img oci-archive:out.tar
		run "1 error: --base: cannot create directory $c/blobs: $CACHE_RO" \
			package --oci -a x86_64 --no-build --base "127.0.0.1:$port/x:t"
		run "1 error: cannot create directory $c/stage: $CACHE_RO" build -f ctx/Dockerfile -o oci:built ctx
		[ ! -e out.tar ]
		[ ! -e built ]
	E
}
