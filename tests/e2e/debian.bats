#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Bases made from Debian packages: from a small archive of the test's own, signed by its own key, and from Debian's.
load helper
load package_helper
load registry_helper

# deb NAME VERSION ARCH DEPENDS [FILE...]: a package whose FILEs hold its name and version
deb() {
	local root=$T/deb.$1 name=$1 version=$2 arch=$3 depends=$4 file
	shift 4
	mkdir -p "$root/DEBIAN" "$T/repo/pool"
	printf 'Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: t <t@example.com>\nDescription: t\n' \
		"$name" "$version" "$arch" >"$root/DEBIAN/control"
	[ -z "$depends" ] || echo "Depends: $depends" >>"$root/DEBIAN/control"
	for file; do
		mkdir -p "$root/$(dirname "$file")"
		echo "$name $version" >"$root/$file"
	done
	dpkg-deb --root-owner-group -Zxz -b "$root" "$T/repo/pool/${name}_${version}_$arch.deb" >/dev/null
	rm -r "$root"
}

# archive [KEY]: what is in the pool as a suite $SUITE, or "test", signed by KEY; "": not signed
archive() {
	local a suite=${SUITE:-test}
	local dir=$T/repo/dists/$suite
	rm -rf "$dir"
	for a in amd64 arm64; do
		mkdir -p "$dir/main/binary-$a"
		(cd "$T/repo" && apt-ftparchive --arch $a packages pool) >"$dir/main/binary-$a/Packages"
	done
	(cd "$T/repo" && apt-ftparchive -o APT::FTPArchive::Release::Codename="$suite" -o APT::FTPArchive::Release::Suite="$suite" \
		-o 'APT::FTPArchive::Release::Architectures=amd64 arm64' -o APT::FTPArchive::Release::Components=main \
		release "dists/$suite") >"$T/Release"
	mv "$T/Release" "$dir/Release"
	[ -z "${1-key}" ] || gpg -q --batch --homedir "$T/gnupg" -u "${1-key}" --clearsign -o "$dir/InRelease" "$dir/Release"
}

# two: the archive has one and two, which depends on it
two() {
	need gpg gnupg && need apt-ftparchive apt-utils && need dpkg-deb dpkg || return 1
	mkdir -m 700 "$T/gnupg"
	gpg -q --batch --homedir "$T/gnupg" --passphrase '' --quick-gen-key key rsa2048 sign never 2>/dev/null
	gpg -q --batch --homedir "$T/gnupg" --export key >"$T/key.gpg"
	local a
	for a in amd64 arm64; do
		deb one 1.0 $a '' usr/lib/one.so usr/share/doc/one/copyright usr/share/doc/one/changelog usr/share/man/man1/one.1
		deb two 2.0 $a 'one (>= 1.0)' bin/two
	done
	archive
	echo "deb [signed-by=$T/key.gpg] file:$T/repo ${SUITE:-test} main" >"$T/sources.list"
	export SLSC_APT_SOURCES=$T/sources.list
	export SLSC_CACHE_DIR=$T/cache
}

# on SLSC.YAML-LINES: the project with this in package.image
on() {
	project
	printf 'package:\n  image:\n' >>slsc.yaml
	printf '    %s\n' "$@" >>slsc.yaml
}

# layers LAYOUT REF: the names in each layer, a line a layer
layers() {
	local d
	for d in $(manifest "$1" "$2" | jq -r '.layers[].digest'); do
		tar -tzf "$(blob "$1" "$d")" | grep -v '/$' | LC_ALL=C sort | tr '\n' ' '
		echo
	done
}

stop_gpg() {
	[ ! -d "${T:-/nowhere}/gnupg" ] || gpgconf --homedir "$T/gnupg" --kill all 2>/dev/null || true
}

teardown() {
	stop_gpg
	stop_registries
	cd / || return 1
	[ -z "${T:-}" ] || rm -rf "$T"
}

@test "packages and what they depend on: a layer each, scanners' files, the lock" {
	need jq jq
	two
	on 'base: scratch' 'packages: [two]'
	slsc_run package --oci --no-build
	[ "$status" -eq 0 ]
	for a in amd64 arm64; do
		is "$(layers dist/hello.oci $a | sed 's/lib64 //')" "bin lib sbin 
usr/lib/one.so usr/share/doc/one/copyright var/lib/dpkg/status.d/one 
usr/bin/two var/lib/dpkg/status.d/two 
var/task/bootstrap "
		is "$(sed -n "/^    $a:/,/^    [^ ]/p" slsc.lock | grep -o 'name: [^,]*, version: [^,]*, arch: [^,]*')" \
			"name: \"one\", version: \"1.0\", arch: \"$a\"
name: \"two\", version: \"2.0\", arch: \"$a\""
		is "$(sed -n "/^    $a:/,/^    [^ ]/p" slsc.lock | grep -o 'sha256: "[0-9a-f]*"' | cut -d'"' -f2)" \
			"$(cd "$T/repo/pool" && sha256sum one_1.0_$a.deb two_2.0_$a.deb | cut -d' ' -f1)"
	done
	has "$(cat slsc.lock)" 'suite: "test"'
	tar -xzOf "$(blob dist/hello.oci "$(manifest dist/hello.oci arm64 | jq -r '.layers[2].digest')")" \
		var/lib/dpkg/status.d/two >"$T/two"
	has "$(cat "$T/two")" "Package: two
Version: 2.0
Architecture: arm64"
}

@test "the lock: the same bytes elsewhere, without the archive, without apt, offline" {
	need jq jq
	two
	on 'base: scratch' 'packages: [two]'
	slsc package -q --oci --no-build >"$T/first"
	# from the store alone
	rm -rf dist
	mv "$T/repo" "$T/gone"
	TZ=UTC LC_ALL=C PATH=${SLSC_BIN%/*} slsc package -q --oci --no-build >"$T/second"
	cmp "$T/first" "$T/second"
	# from the archive alone, to another cache, whatever else it has by now
	mv "$T/gone" "$T/repo"
	deb one 1.1 amd64 '' usr/lib/one.so
	deb one 1.1 arm64 '' usr/lib/one.so
	archive
	cp slsc.lock "$T/lock"
	rm -rf dist
	(umask 077 && SLSC_CACHE_DIR=$T/other slsc package -q --oci --no-build) >"$T/second"
	cmp "$T/first" "$T/second"
	cmp slsc.lock "$T/lock"
}

@test "a damaged blob in dist spoils neither the next image nor the cache" {
	need jq jq
	two
	on 'base: scratch' 'packages: [two]'
	slsc package -q --oci --no-build >"$T/first"
	for d in $(manifest dist/hello.oci amd64 | jq -r '.layers[1:-1][].digest'); do
		printf X | dd of="$(blob dist/hello.oci "$d")" bs=1 seek=30 conv=notrunc status=none
	done
	slsc package -q --oci --no-build >"$T/second"
	cmp "$T/first" "$T/second"
	whole dist/hello.oci
	rm -rf dist
	slsc package -q --oci --no-build >"$T/second"
	cmp "$T/first" "$T/second"
	whole dist/hello.oci
}

@test "a layer of the store that was verified is hashed again once its time or its size is another" {
	need jq jq
	two
	on 'base: scratch' 'packages: [two]'
	slsc package -q --oci --no-build >"$T/first"
	local names layer what d n
	names=$(for a in amd64 arm64; do manifest dist/hello.oci $a | jq -r '.layers[1:-1][].digest'; done | sort -u)
	n=$(wc -l <<<"$names")
	[ ! -e "$SLSC_CACHE_DIR/verified" ]
	find "$SLSC_CACHE_DIR/blobs" -type f -exec touch -d 2001-01-01 {} +
	for what in time size; do
		slsc package -q --oci --no-build >"$T/second"
		cmp "$T/first" "$T/second"
		is "$(ls "$SLSC_CACHE_DIR/verified")" "${names//sha256:/}"
		for layer in $names; do
			d=$SLSC_CACHE_DIR/blobs/sha256/${layer#sha256:}
			[ "$d" -ef "$(blob dist/hello.oci "$layer")" ]
			if [ $what = time ]; then
				printf X | dd of="$d" bs=1 seek=30 conv=notrunc status=none
			else
				truncate -s -1 "$d"
				touch -d 2001-01-01 "$d"
			fi
		done
		slsc package -q --oci --no-build >"$T/second"
		cmp "$T/first" "$T/second"
		whole dist/hello.oci
		(cd "$SLSC_CACHE_DIR/blobs/sha256" && for d in *; do echo "$d  $d"; done | sha256sum --quiet -c -)
		find "$SLSC_CACHE_DIR/blobs" -type f -exec touch -d 2001-01-01 {} +
	done
	slsc package -q --oci --no-build >"$T/second"
	is "$(slsc cache info --json | jq -c '.parts[] | select(.name == "verified") | .files')" "$n"
	slsc -q cache prune --keep 0
	is "$(find "$SLSC_CACHE_DIR/verified" "$SLSC_CACHE_DIR/blobs" -type f)" ""
	no_leftovers "$T"
}

@test "base update: which packages changed; what the archive has dropped" {
	two
	on 'base: scratch' 'packages: [two]'
	slsc package -q --oci --no-build >"$T/first"
	slsc_run base update
	is "$out" "nothing has changed"
	rm "$T"/repo/pool/one_1.0_*
	deb one 1.1 amd64 '' usr/lib/one.so
	deb one 1.1 arm64 '' usr/lib/one.so
	archive
	SLSC_CACHE_DIR=$T/other slsc_run package --oci --no-build
	[ "$status" -eq 1 ]
	is "$err" "fetching packages of two for x86_64
error: slsc.yaml:10:16: package one 1.0 (amd64): no apt source has it: apt-helper download-file: Failed to fetch file:$T/repo/pool/one_1.0_amd64.deb  File not found - $T/repo/pool/one_1.0_amd64.deb (2: No such file or directory)
hint: if the mirror has moved on, \`slsc base update\` locks what it has now"
	cp slsc.lock "$T/lock"
	slsc_run base update -n
	is "$out" "two x86_64: one 1.0 -> 1.1
two arm64: one 1.0 -> 1.1"
	cmp slsc.lock "$T/lock"
	slsc_run base update
	is "$out" "two x86_64: one 1.0 -> 1.1
two arm64: one 1.0 -> 1.1"
	slsc package -q --oci --no-build >"$T/second"
	run cmp -s "$T/first" "$T/second"
	[ "$status" -eq 1 ]
	is "$(layers dist/hello.oci amd64 | sed -n 2p)" "usr/lib/one.so var/lib/dpkg/status.d/one "
}

@test "an archive that is not signed, by another key, or changed is refused" {
	two
	on 'base: scratch' 'packages: [two]'
	archive ''
	slsc_run package --oci --no-build
	[ "$status" -eq 1 ]
	is "$err" "resolving packages of two for x86_64
error: slsc.yaml:10:16: two for x86_64: apt-get update: The repository 'file:$T/repo test Release' is not signed."
	gpg -q --batch --homedir "$T/gnupg" --passphrase '' --quick-gen-key other rsa2048 sign never 2>/dev/null
	archive other
	slsc_run package --oci --no-build
	[ "$status" -eq 1 ]
	is "$err" "resolving packages of two for x86_64
error: slsc.yaml:10:16: two for x86_64: apt-get update: The repository 'file:$T/repo test InRelease' is not signed."
	archive
	sed -i 's/^Version: 1.0/Version: 1.9/' "$T/repo/dists/test/main/binary-amd64/Packages"
	slsc_run package --oci --no-build
	[ "$status" -eq 1 ]
	is "$err" "resolving packages of two for x86_64
error: slsc.yaml:10:16: two for x86_64: apt-get update: Failed to fetch file:$T/repo/dists/test/main/binary-amd64/Packages  Hash Sum mismatch"
	[ ! -e slsc.lock ]
	[ ! -e dist ]
}

@test "a package with other bytes than the archive or the lock says is refused" {
	two
	on 'base: scratch' 'packages: [two]'
	cp "$T/repo/pool/one_1.0_amd64.deb" "$T/good"
	printf X | dd of="$T/repo/pool/one_1.0_amd64.deb" bs=1 seek=300 conv=notrunc status=none
	slsc_run package --oci --no-build
	[ "$status" -eq 1 ]
	is "$(tail -n 2 <<<"$err")" "error: slsc.yaml:10:16: package one 1.0 (amd64): the mirror has other bytes than its signed index or slsc.lock says: expected sha256:$(sha256sum <"$T/good" | cut -d' ' -f1)
hint: the mirror is damaged or not to be trusted: use another one"
	[ ! -e dist ]
	cp "$T/good" "$T/repo/pool/one_1.0_amd64.deb"
	slsc package -q --oci --no-build >/dev/null
	# the archive has another one under the same name and version, properly signed
	printf X | dd of="$T/repo/pool/one_1.0_amd64.deb" bs=1 seek=300 conv=notrunc status=none
	archive
	SLSC_CACHE_DIR=$T/other slsc_run package --oci --no-build
	[ "$status" -eq 1 ]
	is "$(tail -n 2 <<<"$err")" "error: slsc.yaml:10:16: package one 1.0 (amd64): the mirror has other bytes than its signed index or slsc.lock says: expected sha256:$(sha256sum <"$T/good" | cut -d' ' -f1)
hint: the mirror is damaged or not to be trusted: use another one"
}

@test "what is wrong with packages in slsc.yaml" {
	two
	on 'base: scratch' 'packages: [nothing]'
	slsc_run package --oci --no-build
	[ "$status" -eq 1 ]
	is "$(tail -n 1 <<<"$err")" "error: slsc.yaml:10:16: nothing for x86_64: apt-get install: Unable to locate package nothing"
	on 'base: scratch' 'packages: ["Two;rm"]'
	slsc_run config check
	[ "$status" -eq 1 ]
	is "$err" "error: slsc.yaml:10:16: package.image.packages: expected a Debian package's name, found the string 'Two;rm'"
	on 'base: static-debian12:what'
	slsc_run package --oci --no-build
	[ "$status" -eq 1 ]
	is "$err" "error: slsc.yaml:9:11: base 'static-debian12': there is no variant 'what'
hint: choose one of: nonroot, debug, debug-nonroot"
	on 'base: scratch' 'packages: [two]'
	run env PATH="${SLSC_BIN%/*}" "$SLSC_BIN" package --oci --no-build
	[ "$status" -eq 1 ]
	is "$output" "error: slsc.yaml:10:16: bases made from Debian packages need apt, which is not on this system
hint: use base: static, an image by reference, or a system with apt to fetch what slsc.lock says"
	SLSC_APT_SOURCES=/nowhere slsc_run package --oci --no-build
	[ "$status" -eq 1 ]
	is "$err" "error: slsc.yaml:10:16: SLSC_APT_SOURCES is '/nowhere': there is no such file
hint: name a .list or .sources file of apt's, or unset it for the host's sources"
}

@test "SBOM and provenance of an image name the packages below it, by version and digest" {
	need jq jq && need clang clang && need ld.lld lld
	local cache=$SLSC_CACHE_DIR
	two
	mkdir -p "$SLSC_CACHE_DIR"
	ln -s "$cache/sysroot" "$SLSC_CACHE_DIR/sysroot"
	slsc_run init -q --template raw raw
	cd raw
	sed -i 's/^  image:$/&\n    packages: [two]\n    sbom: attach\n    provenance: attach/' slsc.yaml
	slsc_run package --oci --arch arm64
	[ "$status" -eq 0 ]
	attached() {
		local d
		d=$(jq -r --arg t "$1" '.manifests[] | select(.artifactType == $t).digest' dist/raw.oci/index.json)
		cat "$(blob dist/raw.oci "$(jq -r '.layers[0].digest' "$(blob dist/raw.oci "$d")")")"
	}
	local one two
	one=$(sha256sum <"$T/repo/pool/one_1.0_arm64.deb" | cut -d' ' -f1)
	two=$(sha256sum <"$T/repo/pool/two_2.0_arm64.deb" | cut -d' ' -f1)
	is "$(attached application/spdx+json | jq -r '.packages[] | select(.name == "one" or .name == "two") |
		.versionInfo + " " + .externalRefs[0].referenceLocator')" \
		"1.0 pkg:deb/debian/one@1.0?arch=arm64&distro=test
2.0 pkg:deb/debian/two@2.0?arch=arm64&distro=test"
	is "$(attached application/vnd.cyclonedx+json | jq -r '.components[] | select(.name == "one" or .name == "two").purl')" \
		"pkg:deb/debian/one@1.0?arch=arm64&distro=test
pkg:deb/debian/two@2.0?arch=arm64&distro=test"
	is "$(attached application/vnd.in-toto+json | jq -r '.predicate.buildDefinition.resolvedDependencies[] |
		select(.name == "one" or .name == "two") | .uri + " " + .digest.sha256')" \
		"pkg:deb/debian/one@1.0?arch=arm64&distro=test $one
pkg:deb/debian/two@2.0?arch=arm64&distro=test $two"
	# slsc sbom names the same ones, from the lock alone
	mv "$T/repo" "$T/away"
	slsc_run sbom --arch arm64
	is "$status $err" "0 "
	is "$(jq -r '.packages[] | select(.name == "one" or .name == "two") | .externalRefs[0].referenceLocator' <<<"$out")" \
		"pkg:deb/debian/one@1.0?arch=arm64&distro=test
pkg:deb/debian/two@2.0?arch=arm64&distro=test"
	cp slsc.lock saved && sed -i '/^packages:/,$d' slsc.lock
	slsc_run sbom --arch arm64
	is "$status $err" "1 error: the Debian packages of the image are not locked yet for arm64
hint: run \`slsc package --oci\` first: it writes them into slsc.lock"
	mv saved slsc.lock && mv "$T/away" "$T/repo"
	attached application/spdx+json >spdx.json
	attached application/vnd.cyclonedx+json >cdx.json
	"$BATS_TEST_DIRNAME/support/schema.py" spdx spdx.json
	"$BATS_TEST_DIRNAME/support/schema.py" cyclonedx cdx.json
	# a release of Debian's is named as scanners name it, and as what is linked is
	SUITE=bookworm archive
	sed -i 's/ test main/ bookworm main/' "$T/sources.list"
	slsc_run base update
	[ "$status" -eq 0 ]
	slsc_run package --oci --arch arm64
	[ "$status" -eq 0 ]
	is "$(attached application/vnd.cyclonedx+json | jq -r '.components[] | select(.name == "one" or .name == "two").purl')" \
		"pkg:deb/debian/one@1.0?arch=arm64&distro=debian-12
pkg:deb/debian/two@2.0?arch=arm64&distro=debian-12"
}

# image DIR ARCH: the root file system of a base with a program in it, as a bundle's rootfs
run_on() {
	local layout=$1 oci=$2 program=$3 qemu
	qemu="qemu-$(uname -m)-static"
	[ "$oci" != arm64 ] || qemu="qemu-aarch64-static"
	[ "$oci" != amd64 ] || qemu="qemu-x86_64-static"
	umoci unpack --rootless --image "$layout:$oci" "$T/b.$oci" >"$T/umoci" 2>&1 || { cat "$T/umoci" >&2; return 1; }
	cp "$program" "$T/b.$oci/rootfs/program"
	cp "$(command -v "$qemu")" "$T/b.$oci/rootfs/qemu"
	# from within a chroot nobody may make a user namespace
	local as=()
	[ "$(id -u)" -eq 0 ] || as=(unshare -r)
	"${as[@]}" chroot "$T/b.$oci/rootfs" /qemu /program
}

@test "Debian's own packages: a dynamic program runs on base-debian12, for both architectures" {
	need umoci umoci && need qemu-aarch64-static qemu-user-static && need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
	need x86_64-linux-gnu-gcc gcc && need jq jq
	cat >"$T/x.c" <<-'EOF'
		#include <pwd.h>
		#include <stdio.h>
		int main(void)
		{
			struct passwd *p = getpwuid(65532);
			FILE *f = fopen("/etc/ssl/certs/ca-certificates.crt", "r");
			printf("%s %d\n", p ? p->pw_dir : "nobody", f != NULL);
			return 0;
		}
	EOF
	x86_64-linux-gnu-gcc -o "$T/x.amd64" "$T/x.c"
	aarch64-linux-gnu-gcc -o "$T/x.arm64" "$T/x.c"
	slsc_run base build base-debian12:nonroot -o oci:base
	[ "$status" -eq 0 ]
	has "$out" "base  sha256:"
	for a in amd64 arm64; do
		is "$(config base $a | jq -r '.config.User')" 65532:65532
		is "$(run_on base $a "$T/x.$a")" "/home/nonroot 1"
	done
	slsc_run base show base-debian12:nonroot --json
	[ "$status" -eq 0 ]
	slsc_run base list
	has "$out" "base-debian12    cached      7 packages"
	# again from the store: the same bytes
	TZ=UTC slsc base build -q base-debian12:nonroot -o oci:again >"$T/again"
	cmp base/index.json again/index.json
	no_leftovers .
}

@test "a blob of a registry's base that rots in the store is asked for again" {
	registry open
	export SLSC_CACHE_DIR=$T/cache
	layout img t 1000 2000
	slsc -q push oci:img "127.0.0.1:$port/x:t" >"$T/out"
	on "base: 127.0.0.1:$port/x@$image"
	slsc_run -q package --oci --arch x86_64 --no-build
	is "$status $err" "0 "
	before=$(find dist -type f -exec sha256sum {} + | sort)
	[ -n "$(find "$T/cache/blobs/sha256" -type f)" ]
	local b
	for b in "$T/cache/blobs/sha256"/*; do
		printf X | dd of="$b" bs=1 seek=40 conv=notrunc status=none
	done
	rm -r dist
	slsc_run -q package --oci --arch x86_64 --no-build
	is "$status $err" "0 "
	is "$(find dist -type f -exec sha256sum {} + | sort)" "$before"
	(cd "$T/cache/blobs/sha256" && for b in *; do echo "$b  $b"; done | sha256sum --quiet -c -)
	no_leftovers "$T"
}
