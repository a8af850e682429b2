#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Same inputs, same bytes: two directories, each with another time zone, locale, umask, time stamps and
# order of creation.
load ../e2e/helper
load ../e2e/package_helper

YAML='package:
  zip:
    include: [{from: data}]
  image: {tzdata: true}'

fill() {
	mkdir -p data/sub
	for f in "$@"; do
		echo "content of $f" >"data/$f"
	done
	ln -s a "data/link"
}

@test "zips, layouts and archives do not depend on the surroundings" {
	mkdir one "two ü"
	tiny x86_64 "$BATS_FILE_TMPDIR/x86_64" && tiny arm64 "$BATS_FILE_TMPDIR/arm64"
	all='--zip --oci --oci-archive --docker-archive --no-build'
	# shellcheck disable=SC2086
	(umask 022 && cd one && project "$YAML" && fill a b sub/c ä &&
		TZ=Asia/Kathmandu LC_ALL=C "$SLSC_BIN" -q package $all)
	# shellcheck disable=SC2086
	(umask 077 && cd 'two ü' && fill ä sub/c b a && project "$YAML" && find . -exec touch -h -d 2001-02-03 {} + &&
		TZ=America/St_Johns LC_ALL=C.UTF-8 HOME=/nonexistent "$SLSC_BIN" -q package $all)
	is "$(cd 'two ü/dist' && find . -type f -exec sha256sum {} + | sort -k2)" \
		"$(cd one/dist && find . -type f -exec sha256sum {} + | sort -k2)"
}

@test "a tree's tar has the bytes that are on record" {
	project 'package: {zip: {include: [{from: data}]}, image: {base: scratch}}'
	fill a b sub/c ä
	# the program itself depends on the compiler's version, so here it is a fixed one
	for a in x86_64 arm64; do
		printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0' >"$T/elf"
		if [ "$a" = arm64 ]; then printf '\267\0\1\0\0\0'; else printf '\76\0\1\0\0\0'; fi >>"$T/elf"
		head -c 40 /dev/zero >>"$T/elf"
		printf '\100\0\70\0\0\0\100\0\0\0\0\0' | dd of="$T/elf" bs=1 seek=52 conv=notrunc status=none
		cp "$T/elf" ".slsc/release/$a/hello"
	done
	slsc_run package --oci --no-build --json
	[ "$status" -eq 0 ]
	is "$(jq -r '.artifacts[0].images[].layers[].diff_id' <<<"$out")" "$(cat "$BATS_TEST_DIRNAME/package_bytes.sha256")"
}
