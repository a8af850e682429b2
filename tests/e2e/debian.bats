#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# package.image.packages: images on packages of Debian's, from a signed mirror of our own, and what the store keeps of them.
load helper
load package_helper
load registry_helper
load mirror_helper

on_scratch() { project 'package: {image: {base: scratch, packages: [libfoo1]}}'; }

# files LAYOUT REF: the names in each layer, a line a layer
files() {
	local d
	for d in $(manifest "$1" "$2" | jq -r '.layers[].digest'); do
		tar -tzf "$(blob "$1" "$d")" | grep -v '/$' | LC_ALL=C sort | tr '\n' ' '
		echo
	done
}

@test "packages and what they depend on: a layer each, scanners' files, the lock" {
	need jq jq
	mirror
	on_scratch
	slsc_run package --oci --no-build
	[ "$status" -eq 0 ]
	local a triple
	for a in amd64 arm64; do
		triple=x86_64-linux-gnu
		[ $a = amd64 ] || triple=aarch64-linux-gnu
		is "$(files dist/hello.oci $a | sed 's/lib64 //; s/ $//')" "bin lib sbin
etc/foo/foo.conf usr/libexec/one usr/libexec/two usr/share/doc/foo-common/copyright \
var/lib/dpkg/status.d/foo-common var/lib/dpkg/status.d/foo-common.md5sums
usr/lib/$triple/libfoo.so.1 usr/lib/$triple/libfoo.so.1.0 usr/share/doc/libfoo1/copyright \
var/lib/dpkg/status.d/libfoo1 var/lib/dpkg/status.d/libfoo1.md5sums
var/task/bootstrap"
		is "$(sed -n "/^    $a:/,/^    [^ ]/p" slsc.lock | grep -o 'name: [^,]*, version: [^,]*, arch: [^,]*, sha256: [^,]*')" \
			"name: \"foo-common\", version: \"1.0-1\", arch: \"all\", sha256: \"$(sha "$REPO/pool/foo-common_1.0-1_all.deb")\"
name: \"libfoo1\", version: \"1.0-1\", arch: \"$a\", sha256: \"$(sha "$REPO/pool/libfoo1_1.0-1_$a.deb")\""
	done
	tar -xzOf "$(blob dist/hello.oci "$(manifest dist/hello.oci arm64 | jq -r '.layers[2].digest')")" \
		var/lib/dpkg/status.d/libfoo1 >"$T/libfoo1"
	has "$(cat "$T/libfoo1")" "Package: libfoo1
Version: 1.0-1
Architecture: arm64"
	# the same from a directory, without a server
	stop
	printf 'deb [signed-by=%s] file:%s bookworm main\n' "$T/key.gpg" "$REPO" >"$T/file.list"
	mv dist first && mv slsc.lock lock
	SLSC_APT_SOURCES=$T/file.list SLSC_CACHE_DIR=$T/other slsc_run -q package --oci --no-build
	is "$status $err" "0 "
	diff -r first dist
	cmp lock slsc.lock
}

@test "package: a named base and packages of the function's own, one on top of the other" {
	mirror
	project '    package: {image: {packages: [libfoo1], base: "static-debian12:debug"}}
package: {image: {packages: [foo-common], max_layers: 3}}'
	slsc_run package --oci --no-build
	[ "$status" -eq 0 ]
	is "$(notes)" "resolving packages of static-debian12 + busybox-static foo-common libfoo1 for x86_64
fetching packages of static-debian12 + busybox-static foo-common libfoo1 for x86_64
resolving packages of static-debian12 + busybox-static foo-common libfoo1 for arm64
fetching packages of static-debian12 + busybox-static foo-common libfoo1 for arm64"
	# the two largest have a layer each, all others share one
	is "$(config dist/hello.oci arm64 | jq -r '.history[].created_by' | sed 's/ [^ ]* (/ (/g' | awk 'NR == 1 || NR > 3')" \
		"slsc base: users, links of a merged /usr, busybox
$(config dist/hello.oci arm64 | jq -r '.history[3].created_by' | sed 's/ [^ ]* (/ (/g')
slsc package hello: /var/task"
	is "$(config dist/hello.oci arm64 | jq -r '.history|length')" 5
	is "$(config dist/hello.oci arm64 | jq -r '.history[].created_by' | grep -o '[a-z0-9-]* [^ ]* ([a-z0-9]*)' | cut -d' ' -f1 | sort | tr '\n' ' ')" \
		"base-files busybox-static ca-certificates foo-common libfoo1 media-types netbase tzdata "
	is "$(config dist/hello.oci amd64 | jq -c '.config|[.User,.WorkingDir,.Entrypoint,.Env]')" \
		'["65532:65532","/",["/var/task/bootstrap"],["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/busybox","SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"]]'
	# the same again needs nobody, and makes no difference, for archives either
	cp -a dist one
	stop
	slsc_run package --oci --no-build
	[ "$status" -eq 0 ]
	is "$(notes)" ""
	diff -r dist one
	slsc_run package --docker-archive --no-build
	[ "$status" -eq 0 ]
	is "$(tar -xOf dist/hello-arm64.docker.tar manifest.json | jq -r '.[0].Layers|length')" 5
	# others stand on what they stood on
	slsc_run package --oci --no-build --base static-debian12:fat
	[ "$status" -eq 2 ]
	has "$err" "error: base 'static-debian12': there is no variant 'fat'"
}

@test "package: packages on scratch, on static and on an image of others" {
	mirror
	project '    package: {image: {packages: [foo-common]}}'
	slsc_run package --oci --no-build --base scratch
	[ "$status" -eq 0 ]
	is "$(config dist/hello.oci amd64 | jq -r '.history[].created_by')" "slsc base: links of a merged /usr
slsc base: foo-common 1.0-1 (all)
slsc package hello: /var/task"
	slsc_run package --oci --no-build
	[ "$status" -eq 0 ]
	is "$(config dist/hello.oci amd64 | jq -r '.history[].created_by' | cut -d'(' -f1)" "slsc base static 
slsc base: links of a merged /usr
slsc base: foo-common 1.0-1 
slsc package hello: /var/task"
	is "$(notes)" ""
	slsc_run base build static-debian12 -o other
	slsc_run package --oci --no-build --base oci:other
	[ "$status" -eq 0 ]
	is "$(config dist/hello.oci amd64 | jq -r '.history[].created_by' | tail -2)" "slsc base: foo-common 1.0-1 (all)
slsc package hello: /var/task"
	is "$(config dist/hello.oci amd64 | jq -c '[.history,.rootfs.diff_ids]|map(length)')" '[8,8]'
	# both sets are in one lock
	is "$(grep -c 'request:' slsc.lock)" 2
}

@test "package: what is wrong is told where it is written" {
	mirror
	project '    package: {image: {packages: [libfoo1, nonesuch]}}'
	slsc_run package --oci --no-build
	[ "$status" -eq 1 ]
	is "$(tail -1 <<<"$err")" "error: slsc.yaml:6:34: libfoo1 nonesuch for x86_64: apt-get install: Unable to locate package nonesuch"
	[ ! -e dist ]
	# neither a zip nor a dry run needs packages
	slsc_run package --zip --no-build
	[ "$status" -eq 0 ]
	slsc_run package --oci --no-build -n
	[ "$status" -eq 0 ]
	[ ! -e slsc.lock ]
	sed -i 's/nonesuch/"Bad Name"/' slsc.yaml
	slsc_run package --oci --no-build
	is "$status $err" "1 error: slsc.yaml:6:43: package.image.packages of function 'hello': expected a Debian package's name, found the string 'Bad Name'"
	sed -i 's/, "Bad Name"//' slsc.yaml
	mkdir "$T/none" && ln -s "$(command -v cat)" "$T/none/cat"
	PATH=$T/none slsc_run package --oci --no-build
	is "$status $(notes)" "1 error: slsc.yaml:6:34: bases made from Debian packages need apt, which is not on this system
hint: use base: static, an image by reference, or a system with apt to fetch what slsc.lock says"
	SLSC_APT_SOURCES=/nowhere slsc_run package --oci --no-build
	is "$status $(notes)" "1 error: slsc.yaml:6:34: SLSC_APT_SOURCES is '/nowhere': there is no such file
hint: name a .list or .sources file of apt's, or unset it for the host's sources"
	slsc package -q --oci --no-build >/dev/null
	rm -r "$SLSC_CACHE_DIR" "$REPO/pool/libfoo1_1.0-1_amd64.deb"
	slsc_run package --oci --no-build
	is "$status" 1
	has "$(notes)" "error: slsc.yaml:6:34: package libfoo1 1.0-1 (amd64): no apt source has it: "
	is "$(tail -1 <<<"$err")" "hint: if the mirror has moved on, \`slsc base update\` locks what it has now"
	sed -i 's/packages: .*]/base: static-debian13/' slsc.yaml
	slsc_run package --oci --no-build
	[ "$status" -eq 1 ]
	is "$(notes)" "error: slsc.yaml:6:29: unknown base 'static-debian13'
hint: did you mean 'static-debian12'?"
	sed -i 's/debian13/debian12:what/' slsc.yaml
	slsc_run package --oci --no-build
	is "$status $(notes)" "1 error: slsc.yaml:6:29: base 'static-debian12': there is no variant 'what'
hint: choose one of: nonroot, debug, debug-nonroot"
}

@test "base update: a base's name stands for all that is locked on it, an entry's for that one" {
	mirror
	project '    arches: [x86_64]
package: {image: {base: static-debian12, packages: [foo-common]}}'
	local key='static-debian12 + foo-common' base
	slsc package -q --oci --no-build >/dev/null
	mkdeb netbase 2.0 all '' '' && index
	cp slsc.lock lock
	# what nothing uses is not added
	for base in cc-debian12 static-debian12:debug; do
		slsc_run base update $base
		is "$status$out $err" "1 error: '$base' is not locked in slsc.lock, and slsc.yaml does not use it
hint: name one that either has; without a name all that slsc.yaml uses are updated"
	done
	slsc_run base update "$key bar"
	is "$status$out $(head -1 <<<"$err")" "1 error: there is no base '$key bar'"
	slsc_run base update static-debian12 -a x86_64 -n
	is "$status$out" "0$key x86_64: netbase 1.0 -> 2.0"
	cmp slsc.lock lock
	slsc_run base update "$key" -a x86_64
	is "$status$out" "0$key x86_64: netbase 1.0 -> 2.0"
	is "$(grep -c request: slsc.lock)" 1
	# so it is listed and shown
	slsc_run base list
	has "$out" "static-debian12  locked "
	slsc_run base show static-debian12
	is "$status$err" "1error: the packages of base 'static-debian12' are not locked yet
hint: slsc.lock has it with packages of an image's own: slsc base show \"$key\""
	slsc_run base show "$key"
	is "$status$(head -2 <<<"$out" | cut -d, -f1)" "0$key
x86_64: 6 packages"
	# before it is locked, too
	rm slsc.lock
	slsc_run base show static-debian12
	is "$status$err" "1error: the packages of base 'static-debian12' are not locked yet
hint: run \`slsc base build static-debian12\`, or \`slsc package --oci\` if slsc.yaml names it"
	slsc_run base update static-debian12 -a x86_64
	is "$status$(head -1 <<<"$out")" "0$key x86_64: base-files (none) -> 12.4"
	is "$(grep -c request: slsc.lock)" 1
}

@test "base update: what slsc.yaml does not use any more is dropped, and told; one that fails hides none" {
	mirror
	project '    arches: [x86_64]
package: {image: {base: "127.0.0.1:1/x:1", packages: [foo-common]}}'
	slsc package -q --oci --no-build --base scratch >/dev/null
	sed -i "s/packages: .foo-common./packages: [netbase]/" slsc.yaml
	slsc package -q --oci --no-build --base scratch >/dev/null
	printf 'base:\n  "127.0.0.1:1/x:1":\n    digest: sha256:%064d\n' 0 >>slsc.lock
	mkdeb netbase 2.0 all '' '' && index
	cp slsc.lock lock
	slsc_run base update -a x86_64 -n
	is "$status $out" "1 netbase x86_64: netbase 1.0 -> 2.0
foo-common: not used by slsc.yaml: would be dropped"
	has "$err" "error: 127.0.0.1:1/x:1: "
	cmp slsc.lock lock
	sed -i "s/127.0.0.1:1.x:1/scratch/" slsc.yaml
	# what a strategy of slsc compare names is in use
	cp slsc.yaml good.yaml
	echo 'strategies: {ours: {packages: [foo-common]}}' >>slsc.yaml
	slsc_run base update -a x86_64 -n
	is "$status $out" "0 netbase x86_64: netbase 1.0 -> 2.0
127.0.0.1:1/x:1: not used by slsc.yaml: would be dropped"
	mv good.yaml slsc.yaml
	slsc_run base update -a x86_64 --json
	is "$status $(jq -c '[(.changes|length),.images,.dropped]' <<<"$out")" '0 [1,[],["foo-common","127.0.0.1:1/x:1"]]'
	is "$(notes)" "resolving packages of netbase for x86_64
fetching packages of netbase for x86_64"
	is "$(grep -v '^#' slsc.lock | grep '^[^ ]\|^  [^ ]')" 'version: 1
packages:
  "netbase":'
}

@test "a damaged blob in dist spoils neither the next image nor the cache" {
	need jq jq
	mirror
	on_scratch
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
	mirror
	on_scratch
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

@test "SBOM and provenance of an image name the packages below it, by version and digest" {
	need jq jq && need clang clang && need ld.lld lld
	local cache=$SLSC_CACHE_DIR
	mirror
	mkdir -p "$SLSC_CACHE_DIR"
	ln -s "$cache/sysroot" "$SLSC_CACHE_DIR/sysroot"
	slsc_run init -q --template raw raw
	cd raw
	sed -i 's/^  image:$/&\n    packages: [libfoo1]\n    sbom: attach\n    provenance: attach/' slsc.yaml
	slsc_run package --oci --arch arm64
	[ "$status" -eq 0 ]
	attached() {
		local d
		d=$(jq -r --arg t "$1" '.manifests[] | select(.artifactType == $t).digest' dist/raw.oci/index.json)
		cat "$(blob dist/raw.oci "$(jq -r '.layers[0].digest' "$(blob dist/raw.oci "$d")")")"
	}
	both() { jq -r "$1 | select(.name == \"foo-common\" or .name == \"libfoo1\") | $2"; }
	local purls="pkg:deb/debian/foo-common@1.0-1?arch=all&distro=debian-12
pkg:deb/debian/libfoo1@1.0-1?arch=arm64&distro=debian-12"
	is "$(attached application/spdx+json | both '.packages[]' '.versionInfo')" "1.0-1
1.0-1"
	is "$(attached application/spdx+json | both '.packages[]' '.externalRefs[0].referenceLocator')" "$purls"
	is "$(attached application/vnd.cyclonedx+json | both '.components[]' .purl)" "$purls"
	is "$(attached application/vnd.in-toto+json | both '.predicate.buildDefinition.resolvedDependencies[]' .uri)" "$purls"
	is "$(attached application/vnd.in-toto+json | both '.predicate.buildDefinition.resolvedDependencies[]' .digest.sha256)" \
		"$(sha "$REPO/pool/foo-common_1.0-1_all.deb")
$(sha "$REPO/pool/libfoo1_1.0-1_arm64.deb")"
	attached application/spdx+json >spdx.json
	attached application/vnd.cyclonedx+json >cdx.json
	"$BATS_TEST_DIRNAME/support/schema.py" spdx spdx.json
	"$BATS_TEST_DIRNAME/support/schema.py" cyclonedx cdx.json
	# slsc sbom names the same ones, from the lock alone
	stop
	slsc_run sbom --arch arm64
	is "$status $err" "0 "
	is "$(both '.packages[]' '.externalRefs[0].referenceLocator' <<<"$out")" "$purls"
	cp slsc.lock saved && sed -i '/^packages:/,$d' slsc.lock
	slsc_run sbom --arch arm64
	is "$status $err" "1 error: the Debian packages of the image are not locked yet for arm64
hint: run \`slsc package --oci\` first: it writes them into slsc.lock"
	mv saved slsc.lock
	# what is no release of Debian's keeps its own name
	serve
	sed -i 's/^\(Suite\|Codename\): bookworm/\1: test/' "$REPO/dists/bookworm/Release" && sign
	rm -r "$SLSC_CACHE_DIR/apt"
	slsc_run base update
	[ "$status" -eq 0 ]
	slsc_run package --oci --arch arm64
	[ "$status" -eq 0 ]
	is "$(attached application/vnd.cyclonedx+json | both '.components[]' .purl)" "${purls//debian-12/test}"
}
