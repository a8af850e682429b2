#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Layers that nobody should unpack, and every command that reads layers.
load helper

private() { export SLSC_CACHE_DIR=$T/cache; }

# measured ARGS...: slsc_run, with the most memory that one of its processes took in $T/kib
measured() {
	status=0
	/usr/bin/python3 -c 'import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=open(sys.argv[1], "w"))
sys.exit(code)' "$T/kib" "$SLSC_BIN" "$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
	# a limit is that of an image less what its first layer takes
	out=$(sed 's/more than [0-9]* bytes when/more than N bytes when/' "$T/out")
	err=$(sed 's/more than [0-9]* bytes when/more than N bytes when/' "$T/err")
}

# outside: a project with its binary, and a directory beside it that nothing of an image may reach
outside() {
	private
	need jq jq
	mkdir "$T/outside"
	echo kept >"$T/outside/keep"
	slsc -q init --template raw raw >/dev/null
	mv raw/* .
	slsc -q build -a x86_64 >/dev/null
}

# around CASE CHECK BUILD [PACKAGE]: every command that reads layers meets that image; what is outside stays as it is, nothing
# takes 256 MB. CHECK: what check finds in layer 2; BUILD: the error of FROM and of COPY --from,
# "" if they take it; PACKAGE: status and error of package, which reads names alone and passes most of it on
around() {
	local before layer said c
	need /usr/bin/python3 python3 && need busybox busybox-static || return 1
	/usr/bin/python3 "$BATS_TEST_DIRNAME/support/hostile.py" "$1" "$1" "$T/outside" || return 1
	layer=sha256:$(jq -r '.layers[1].digest[7:19]' "$1/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "$1/index.json")")
	before=$(find "$T/outside" -printf '%p %y %m %s %T@ %l\n' | sort && cat "$T/outside/keep")
	mkdir -p ctx
	printf 'FROM base\nRUN true\n' >ctx/from
	printf 'FROM scratch\nCOPY --from=base / /x\n' >ctx/copy
	for c in "check oci:$1:t" "package --oci --no-build -a x86_64 --base oci:$1:t --sbom attach -o dist.$1" \
		"build -f ctx/from --base base=oci:$1:t -o oci:out.from ctx" \
		"build -f ctx/copy --base base=oci:$1:t -o dir:out.copy ctx" "copy oci:$1:t oci-archive:out.tar"; do
		# shellcheck disable=SC2086 # words
		measured -q $c
		case $c in
		check*) [ -z "$2" ] || has "$out" "layer 2${2//LAYER/ ($layer)}" || return 1 ;;
		package*) said=${4:-0 } && is "$status $err" "${said//LAYER/$layer}" || return 1 ;;
		*ctx/from*) is "$status $err" "${3:+1 error: ctx/from:2:1: RUN: oci:$1:t: layer $layer: }${3:-0 }" || return 1 ;;
		*ctx/copy*) is "$status $err" "${3:+1 error: ctx/copy:2:1: COPY: oci:$1:t: layer $layer: }${3:-0 }" || return 1 ;;
		copy*) is "$status $err" "0 " || return 1 ;;
		esac
		[ "$(cat "$T/kib")" -lt 262144 ] || return 1
		is "$(find "$T/outside" -printf '%p %y %m %s %T@ %l\n' | sort && cat "$T/outside/keep")" "$before" || return 1
		no_leftovers "$T" || return 1
	done
	rm -rf out.* "dist.$1"
}

@test "layers that reach outside: no command follows them" {
	outside
	local up nowhere="l: is a symlink that leads nowhere, and something is below it"
	up=$(printf '../%.0s' {1..20})${T#/}/outside
	around dotdot ": $up/new: has .. in it [layer-name]" "$up/new: a path with '..'"
	around absolute ": $T/outside/new: is an absolute name [layer-name]" ""
	around symlink ": l/new: would be written through a symlink [layer-through-symlink]" "$nowhere"
	around symlink-up ": l: leads to $up, above the root [layer-symlink]" "$nowhere"
	around symlink-file ": f: is there twice [layer-duplicate]" ""
	around hardlink ": h: is a link to $T/outside/keep, which is not in the image [layer-hardlink]" \
		"h: a hard link to $T/outside/keep, which is not in the layer before it"
	around hardlink-up ": h: is a link to $up/keep, which is not in the image [layer-hardlink]" \
		"h: a hard link by a path with '..'"
	around hardlink-through ": h: is a link to l/keep, which is not in the image [layer-hardlink]" \
		"h: a hard link to l/keep, which is not in the layer before it"
	around whiteout ": $up/.wh.keep: is a whiteout of what is not in its directory [layer-whiteout]" \
		"$up/.wh.keep: a path with '..'"
	around whiteout-through ": l/.wh.keep: would be written through a symlink [layer-through-symlink]" "$nowhere"
	around opaque-through ": l/.wh..wh..opq: would be written through a symlink [layer-through-symlink]" "$nowhere"
	around whiteout-dots ": a/.wh...: is a whiteout of what is not in its directory [layer-whiteout]" \
		"a/.wh...: a whiteout of nothing"
	around twice ": d: is there twice [layer-duplicate]" "d: is a symlink that leads nowhere, and something is below it"
	around circle ": a/x: would be written through a symlink [layer-through-symlink]" \
		"a: is a symlink that goes round in circles"
	around device ": n: is a device [layer-device]" ""
}

@test "layers that are too large for anybody end in bounded memory" {
	outside
	local layer
	around pax "LAYER: Special header too large [layer-damaged]" "Special header too large" \
		"1 error: base 'oci:pax:t': packages: layer 2 (LAYER): Special header too large"
	around size "LAYER: limit exceeded: more than N bytes when unpacked [layer-damaged]" \
		"limit exceeded: more than N bytes when unpacked" \
		"1 error: base 'oci:size:t': packages: layer 2 (LAYER): limit exceeded: more than N bytes when unpacked"
	around attribute "" "x: attribute user.a: Argument list too long"
	# a bomb of 512 MB is what an image may be: it costs time, but not twice the memory that a command may take
	around bomb "" ""
}
