#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The templates with a Dockerfile, on debootstrap's minbase: built for both architectures, as root and as a user without
# any range of ids, and what is in the images run.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load package_helper

# What both templates begin with, and what takes longest: packages of Debian, for both architectures. A run of these tests
# leaves it to the next one.
setup_file() {
	local cache=${SLSC_TEST_CACHE:-$SLSC_BUILD/test-cache} base d=$BATS_FILE_TMPDIR
	base=$(python3 "$BATS_TEST_DIRNAME/../stage/bases.py" "$cache" minbases)
	export BASE=debian:bookworm-slim=oci:$base
	for arch in amd64 arm64; do
		SLSC_CACHE_DIR=$cache "$SLSC_BIN" build -q -f "$SLSC_SRC/templates/image-multi/Dockerfile" --until 6 --base "$BASE" \
			--arch "$arch" --cache-to "oci:$d/packages.$arch" -o "oci:$d/out.oci" "$SLSC_SRC/templates/image-multi"
		rm -r "$d/out.oci"
	done
}

# says ARCH PROJECT: what the program prints that is in the only layer of that image which has it
says() {
	local layout=$2/dist/${2##*/}.oci digest found=0 run=() oci=${1/x86_64/amd64}
	for digest in $(manifest "$layout" "$oci" | jq -r '.layers[].digest'); do
		tar -xOf "$(blob "$layout" "$digest")" usr/local/bin/hello >"$T/part" 2>"$T/err" || continue
		mv "$T/part" "$T/hello"
		found=$((found + 1))
	done
	is "$found" 1 || return 1
	chmod 755 "$T/hello"
	[ "$(uname -m)" = "${1/arm/aarch}" ] || run=("qemu-${1/arm/aarch}-static")
	[ ${#run[@]} = 0 ] || need "${run[0]}" qemu-user-static || return 1
	"${run[@]}" "$T/hello"
}

# images: "arch layers" of what was built; and the sizes are those of the blobs, which the human form says, too
images() {
	jq -r '.images[] | "\(.arch) \(.layers | length)"' "$T/out"
	jq -e '[.images[] | .size >= ([.layers[].size] | add)] | all' "$T/out" >"$T/sizes"
}

# the command that its README says, on the tests' base; prints JSON
readme() {
	local words
	read -ra words < <(sed -n 's/^    slsc \(build -f .*\)$/\1/p' README.md)
	is "${words[*]}" "build -f Dockerfile --arch x86_64,arm64 ."
	slsc_run "${words[@]}" --base "$BASE" "$@"
	[ "$status" -eq 0 ] || { echo "$err" >&2; return 1; }
}

@test "one stage and two: the same program for both architectures, in an image of less than a hundredth" {
	need jq jq && need podman podman && need runc runc
	local a t
	export SLSC_CACHE_DIR=$T/cache
	for t in single multi; do
		cd "$T/w"
		slsc_run init "image-$t" --template "image-$t"
		[ "$status" -eq 0 ]
		cd "image-$t"
		readme --cache-from "oci:$BATS_FILE_TMPDIR/packages.amd64" --cache-from "oci:$BATS_FILE_TMPDIR/packages.arm64" --json
		is "$(images)" "$([ "$t" = single ] && printf 'x86_64 5\narm64 5' || printf 'x86_64 2\narm64 2')"
		jq .images[].size "$T/out" >"$T/sizes.$t"
		for a in x86_64 arm64; do
			is "$(says "$a" "$PWD")" "Hello from a static binary for $a!"
			cp "$T/hello" "$T/hello.$t.$a"
			is "$(config "dist/image-$t.oci" "${a/x86_64/amd64}" | jq -c '[.config.User, .config.Entrypoint]')" \
				'["65532:65532",["/usr/local/bin/hello"]]'
		done
		readme
		has "$out" "dist/image-$t.oci  sha256:"
		has "$out" "$([ "$t" = single ] && echo '5 layers  sha256:' || echo '2 layers  sha256:')"
	done
	cd "$T/w"
	cmp "$T/hello.single.x86_64" "$T/hello.multi.x86_64"
	cmp "$T/hello.single.arm64" "$T/hello.multi.arm64"
	while read -r single multi; do
		[ "$((multi * 100))" -lt "$single" ]
	done < <(paste "$T/sizes.single" "$T/sizes.multi")
	t=$(dpkg --print-architecture)
	podman_ pull -q "oci:image-multi/dist/image-multi.oci:$t" >"$T/id"
	is "$(podman_ run --rm --network none "$(cat "$T/id")")" "Hello from a static binary for ${t/amd64/x86_64}!"
}

@test "a user with one id alone builds both, and the image of two stages is root's, bit for bit" {
	need jq jq && need setpriv util-linux
	local t a foreign=arm64 as=(setpriv --reuid 64321 --regid 64321 --clear-groups env "HOME=$T/theirs" "SLSC_CACHE_DIR=$T/theirs/cache")
	[ "$(dpkg --print-architecture)" = amd64 ] || foreign=amd64
	mkdir "$T/theirs"
	for t in single multi; do
		slsc_run init "$T/theirs/image-$t" --template "image-$t"
		[ "$status" -eq 0 ]
	done
	# what bats makes is for its own user alone
	cp -r "$BATS_FILE_TMPDIR/packages.$foreign" "$T/theirs/packages"
	cd "$T/theirs/image-multi"
	SLSC_CACHE_DIR=$T/cache readme --cache-from "oci:$BATS_FILE_TMPDIR/packages.amd64" \
		--cache-from "oci:$BATS_FILE_TMPDIR/packages.arm64" --json
	jq -r .images[].digest "$T/out" >"$T/roots"
	rm -r dist
	chmod 755 "$T" "$T/w"
	chown -R 64321:64321 "$T/theirs"
	for t in multi single; do
		cd "$T/theirs/image-$t"
		# the packages of the foreign architecture are taken as they are, those of the machine's own are installed
		"${as[@]}" "$SLSC_BIN" build -f Dockerfile --arch x86_64,arm64 --base "$BASE" --json \
			--cache-from "oci:$T/theirs/packages" . >"$T/out" 2>"$T/err" || { cat "$T/err" >&2; return 1; }
		is "$(images)" "$([ "$t" = single ] && printf 'x86_64 5\narm64 5' || printf 'x86_64 2\narm64 2')"
		for a in x86_64 arm64; do
			is "$(says "$a" "$PWD")" "Hello from a static binary for $a!"
		done
		[ "$t" = single ] || is "$(jq -r .images[].digest "$T/out")" "$(cat "$T/roots")"
	done
}

@test "the programs of both templates are functions as well" {
	for t in single multi; do
		slsc_run init "image-$t" --template "image-$t"
		[ "$status" -eq 0 ]
		slsc_run -C "image-$t" build --smoke
		[ "$status" -eq 0 ] || { echo "$err" >&2; return 1; }
		has "$out" "hello  x86_64"
		has "$out" "hello  arm64"
	done
}
