#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc makes the image in which CI builds functions, from its own sources; in that image slsc makes a function, and what
# comes out is what this machine makes, byte for byte.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper

@test "Dockerfile.builder is built, and hello in it, without a network and without rights: the same bytes as here" {
	need jq jq
	local base f
	base=$(python3 "$BATS_TEST_DIRNAME/../stage/bases.py" "$SLSC_CACHE_DIR" minbase)
	# the packages stay in the cache of the tests; slsc itself is compiled whenever its sources have changed
	slsc_run build -f "$SLSC_SRC/Dockerfile.builder" --base "debian:bookworm-slim=oci:$base" --compression zstd --level fast \
		--json -o "oci:$T/builder.oci" "$SLSC_SRC"
	[ "$status" -eq 0 ] || { echo "$err" >&2; return 1; }
	is "$(jq '.images[0].layers | length' "$T/out")" 5

	cat >Dockerfile <<-'EOF'
		FROM builder AS ci
		RUN id -u >uid && slsc version >version && slsc doctor --no-fetch >doctor
		RUN --network=none slsc init hello --ci github && cd hello && slsc build --smoke && slsc package --zip --oci
		FROM scratch
		COPY --from=ci /home/nonroot/work /
	EOF
	SLSC_CACHE_DIR=$T/cache slsc_run build -f Dockerfile --base "builder=oci:$T/builder.oci" -o "dir:$T/made" .
	[ "$status" -eq 0 ] || { echo "$err" >&2; return 1; }
	is "$(cat "$T/made/uid")" 65532
	is "$(head -n 1 "$T/made/version")" "$("$SLSC_BIN" version | head -n 1)"
	for f in musl musl-gcc gnu; do
		is "$(grep -c "^$f .*works" "$T/made/doctor")" 2
	done
	slsc_run init hello --ci github
	cd hello
	cmp .github/workflows/slsc.yml "$T/made/hello/.github/workflows/slsc.yml"
	slsc_run package --zip --oci
	[ "$status" -eq 0 ] || { echo "$err" >&2; return 1; }
	for f in dist/hello-x86_64.zip dist/hello-arm64.zip dist/hello.oci/index.json; do
		cmp "$f" "$T/made/hello/$f"
	done
}
