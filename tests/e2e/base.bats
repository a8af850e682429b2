#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images that stand on images which others have made.
load helper
load package_helper

# umoci_base DIR TAG ARCH: a layout with one image of one layer (etc/base), an environment, a user and labels
umoci_base() {
	need umoci umoci || return 1
	[ -d "$1" ] || umoci init --layout "$1"
	umoci new --image "$1:$2"
	umoci config --image "$1:$2" --architecture "$3" --config.env PATH=/base/bin --config.env BASE=yes \
		--config.user 1234 --config.workingdir /base --config.label base.label=x --config.entrypoint /base/run \
		--config.cmd arg --config.exposedports 80/tcp
	mkdir -p "$T/rootfs/etc" && echo "base for $3" >"$T/rootfs/etc/base"
	umoci insert --image "$1:$2" "$T/rootfs/etc" /etc
}

# two_arches DIR: one layout, its index "latest" for both architectures
two_arches() {
	umoci_base "$T/pair" amd64 amd64 && umoci_base "$T/pair" arm64 arm64 || return 1
	mkdir -p "$1" && cp -r "$T/pair/oci-layout" "$T/pair/blobs" "$1/"
	local index
	index=$(jq -c '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [.manifests[] |
		{mediaType, digest, size, platform: {os: "linux", architecture: .annotations["org.opencontainers.image.ref.name"]}}]}' \
		"$T/pair/index.json")
	local hex
	hex=$(printf %s "$index" | sha256sum | cut -d' ' -f1)
	printf %s "$index" >"$1/blobs/sha256/$hex"
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:%s","size":%d,"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}' \
		"$hex" "${#index}" >"$1/index.json"
}

# layers LAYOUT REF / diff_ids LAYOUT REF
layers() { manifest "$1" "$2" | jq -r '.layers[].digest'; }
diff_ids() { config "$1" "$2" | jq -r '.rootfs.diff_ids[]'; }

on_base() {
	project "package: {image: {base: '$1'}}"
	slsc_run package --oci --no-build
	is "$status$err" 0
}

@test "base: a layout of umoci: layers shared, environment, user and history kept" {
	umoci_base b latest amd64
	project
	slsc_run package --oci --no-build -a x86_64 --base oci:b
	is "$status$err" 0
	is "$(layers dist/hello.oci amd64 | head -1)" "$(layers b latest)"
	is "$(diff_ids dist/hello.oci amd64 | head -1)" "$(diff_ids b latest)"
	cmp "$(blob b "$(layers b latest)")" "$(blob dist/hello.oci "$(layers b latest)")"
	is "$(config dist/hello.oci amd64 | jq -c '[.config.Env, .config.User, .config.WorkingDir, .config.Entrypoint]')" \
		'[["PATH=/base/bin","BASE=yes"],"1234","/base",["/var/task/bootstrap"]]'
	# what was the base's own program's is not the function's
	is "$(config dist/hello.oci amd64 | jq -c '[.config.Cmd, .config.ExposedPorts, .config.Labels["base.label"]]')" \
		'[null,null,null]'
	is "$(config dist/hello.oci amd64 | jq '[.history[] | select(.empty_layer | not)] | length')" 2
	is "$(config dist/hello.oci amd64 | jq -r '.history[-1].created_by')" "slsc package hello: /var/task"
	is "$(manifest dist/hello.oci amd64 | jq -c '.annotations | [."org.opencontainers.image.base.name", ."org.opencontainers.image.base.digest"]')" \
		"[null,\"$(ref b latest)\"]"
	# others see one file system
	umoci unpack --rootless --image dist/hello.oci:amd64 bundle
	is "$(cat bundle/rootfs/etc/base)" "base for amd64"
	[ -x bundle/rootfs/var/task/bootstrap ]
	is "$(skopeo inspect oci:dist/hello.oci:amd64 | jq '.Layers | length')" 2
}

@test "base: slsc.yaml wins over what the base says" {
	umoci_base b latest amd64
	project "    env: {BASE: mine, MORE: x}
    arches: [x86_64]
package: {image: {base: 'oci:b', user: nonroot, workdir: /w}}"
	slsc_run package --oci --no-build
	is "$status$err" 0
	is "$(config dist/hello.oci amd64 | jq -c '[.config.Env, .config.User, .config.WorkingDir]')" \
		'[["PATH=/base/bin","BASE=mine","MORE=x"],"65532:65532","/w"]'
}

@test "base: root as the base's user is not taken over" {
	umoci_base b latest amd64
	for u in root 0 0:0 root:root "" nonroot; do
		umoci config --image b:latest --config.user "$u"
		project
		slsc_run package --oci --no-build -a x86_64 --base oci:b
		is "$status$err" 0
		is "$(config dist/hello.oci amd64 | jq -r .config.User)" 65532:65532
	done
}

@test "base: an index gives each architecture its own; the same bytes twice" {
	two_arches b
	on_base oci:b
	is "$(layers dist/hello.oci amd64 | head -1)" "$(layers "$T/pair" amd64)"
	is "$(layers dist/hello.oci arm64 | head -1)" "$(layers "$T/pair" arm64)"
	[ "$(layers dist/hello.oci amd64 | head -1)" != "$(layers dist/hello.oci arm64 | head -1)" ]
	for b in dist/hello.oci/blobs/sha256/*; do
		is "$(sha256sum <"$b" | cut -d' ' -f1)" "${b##*/}"
	done
	cp -r dist first
	rm -rf dist
	TZ=UTC LC_ALL=C slsc_run package --oci --no-build
	diff -r dist first
	# and over itself
	slsc_run package --oci --no-build
	diff -r dist first
}

@test "base: archives of skopeo, and our own layouts and archives" {
	need skopeo skopeo
	two_arches b
	skopeo copy -q --all oci:b:latest oci-archive:b.tar:latest
	on_base oci:b
	cp -r dist/hello.oci want
	on_base oci-archive:b.tar
	is "$(layers dist/hello.oci arm64)" "$(layers want arm64)"
	# an uncompressed docker archive for one architecture
	skopeo copy -q --override-arch amd64 oci:b:latest docker-archive:b.docker.tar:base:1
	slsc_run package --oci --no-build -a x86_64 --base docker-archive:b.docker.tar
	is "$status$err" 0
	is "$(diff_ids dist/hello.oci amd64)" "$(diff_ids want amd64)"
	is "$(manifest dist/hello.oci amd64 | jq -r '.layers[0].mediaType')" application/vnd.oci.image.layer.v1.tar
	slsc_run package --oci --no-build -a x86_64 --base b.docker.tar:base:2
	is "$status" 1
	is "$err" "error: --base: docker-archive:b.docker.tar:base:2: has no tag 'base:2'
hint: there are: docker.io/library/base:1"
	slsc_run package --oci --no-build -a x86_64 --base b.docker.tar:base:1
	is "$status$err" 0
	# slsc's own, of either kind
	slsc_run package --oci-archive --docker-archive --no-build -o other --base oci:b
	is "$status$err" 0
	slsc_run package --oci --no-build --base other/hello.oci.tar
	is "$status$err" 0
	is "$(layers dist/hello.oci arm64 | wc -l)" 3
	slsc_run package --oci --no-build -a arm64 --base other/hello-arm64.docker.tar
	is "$status$err" 0
	is "$(diff_ids dist/hello.oci arm64 | wc -l)" 3
}

@test "base: images of buildah, with several layers" {
	need buildah buildah
	mkdir c && echo one >c/one && printf 'FROM scratch\nCOPY one /one\nENV A=b\nCOPY one /two\n' >c/Dockerfile
	buildah --root "$T/s" --runroot "$T/r" --storage-driver vfs bud -q --layers --isolation chroot --arch arm64 -t b c
	buildah --root "$T/s" --runroot "$T/r" --storage-driver vfs push -q b oci:b:v1
	buildah --root "$T/s" --runroot "$T/r" --storage-driver vfs push -q b docker-archive:b.tar:b:v1
	project
	slsc_run package --oci --no-build -a arm64 --base oci:b:v1
	is "$status$err" 0
	is "$(layers dist/hello.oci arm64 | head -n -1)" "$(layers b v1)"
	is "$(config dist/hello.oci arm64 | jq -c .config.Env)" "$(config b v1 | jq -c .config.Env)"
	ids=$(diff_ids dist/hello.oci arm64)
	slsc_run package --oci --no-build -a arm64 --base docker-archive:b.tar
	is "$status$err" 0
	is "$(diff_ids dist/hello.oci arm64)" "$ids"
}

@test "base: formats are kept, but an archive for docker load has no compressed layer" {
	need skopeo skopeo && need zstd zstd
	umoci_base b latest amd64
	# the same layer as zstd
	hex=$(layers b latest) && hex=${hex#sha256:}
	mkdir z && cp -r b/. z
	gzip -dc "b/blobs/sha256/$hex" | zstd -q >l.zst
	l=$(sha256sum <l.zst | cut -d' ' -f1) && cp l.zst "z/blobs/sha256/$l"
	m=$(manifest b latest | jq -c ".layers[0] = {mediaType: \"application/vnd.oci.image.layer.v1.tar+zstd\", digest: \"sha256:$l\", size: $(stat -c %s l.zst)}")
	h=$(printf %s "$m" | sha256sum | cut -d' ' -f1) && printf %s "$m" >"z/blobs/sha256/$h"
	jq -c ".manifests[0].digest = \"sha256:$h\" | .manifests[0].size = ${#m}" b/index.json >z/index.json
	project
	slsc_run package --oci --docker-archive --no-build -a x86_64 --base oci:z --json
	is "$status$err" 0
	is "$(manifest dist/hello.oci amd64 | jq -r '.layers[].mediaType')" "application/vnd.oci.image.layer.v1.tar+zstd
application/vnd.oci.image.layer.v1.tar+gzip"
	cmp "$(blob dist/hello.oci "sha256:$l")" l.zst
	is "$(jq -c '.artifacts[0] | [.unpacked, .images[0].layers[0].tar_size, .images[0].layers[0].compressor]' <<<"$out")" \
		'[null,null,null]'
	is "$(skopeo inspect --config docker-archive:dist/hello-x86_64.docker.tar | jq -c .rootfs.diff_ids)" \
		"$(config dist/hello.oci amd64 | jq -c .rootfs.diff_ids)"
	bsdtar -xOf dist/hello-x86_64.docker.tar "$(diff_ids b latest | cut -d: -f2).tar" | tar -t | grep -qx etc/base
}

@test "base: names: --base NAME=SOURCE, mirrors, the longest of them" {
	umoci_base bases/static nonroot amd64
	umoci_base other/x nonroot amd64
	umoci config --image other/x:nonroot --config.env WHICH=other
	env_of() { config dist/hello.oci amd64 | jq -c '.config.Env'; }
	project "    arches: [x86_64]
package: {image: {base: 'gcr.io/distroless/static:nonroot'}}
mirrors:
  gcr.io: 'oci:none'
  gcr.io/distroless: 'oci:bases'
  gcr.io/distrol: 'oci:none'"
	slsc_run package --oci --no-build
	is "$status$err" 0
	is "$(env_of)" '["PATH=/base/bin","BASE=yes"]'
	is "$(manifest dist/hello.oci amd64 | jq -c '.annotations | [."org.opencontainers.image.base.name", ."org.opencontainers.image.base.digest"]')" \
		"[\"gcr.io/distroless/static:nonroot\",\"$(ref bases/static nonroot)\"]"
	slsc_run package --oci --no-build --base gcr.io/distroless/static:nonroot=oci:other/x:nonroot
	is "$status$err" 0
	is "$(env_of)" '["PATH=/base/bin","BASE=yes","WHICH=other"]'
	slsc_run package --oci --no-build --base gcr.io/distroles/static:nonroot=oci:none -n
	is "$status $err" "0 warning: --base gcr.io/distroles/static:nonroot=oci:none: no base here is called \
'gcr.io/distroles/static:nonroot'; did you mean 'gcr.io/distroless/static:nonroot'?"
	slsc_run package --zip --no-build --base a=b
	is "$status $err" "0 warning: --base a=b: no base here is called 'a'"
	# what slsc.yaml says is relative to it, the command line to where one stands
	mkdir -p sub && cd sub
	slsc_run package --oci --no-build -o ../dist
	is "$status$err" 0
	slsc_run package --oci --no-build -o ../dist --base oci:../other/x:nonroot
	is "$status$err" 0
	cd ..
	is "$(env_of)" '["PATH=/base/bin","BASE=yes","WHICH=other"]'
	[ ! -e slsc.lock ]
}

@test "base: what is wrong is said where it stands" {
	umoci_base b v1 amd64
	fails() {
		slsc_run package --oci --no-build ${2:+-a "$2"}
		is "$status" 1 && is "$err" "$1" && [ ! -e dist/hello.oci ]
	}
	project "package: {image: {base: 'oci:b:v1'}}"
	fails "error: slsc.yaml:6:25: oci:b:v1: has no image for arm64: it is for amd64
hint: take another image, or one that is for arm64 too"
	project "package: {image: {base: 'oci:b:v2'}}"
	fails "error: slsc.yaml:6:25: oci:b:v2: has no tag 'v2'
hint: did you mean 'v1'? there are: v1"
	project "package: {image: {base: 'oci:none'}}"
	fails "error: slsc.yaml:6:25: oci:none: is no image layout: it has no file oci-layout
hint: a layout is a directory with oci-layout, index.json and blobs/, such as \`slsc package --oci\` makes"
	project "package: {image: {base: 'alpine:3'}}"
	slsc_run package --oci --no-build
	is "$err" "error: slsc.yaml:6:25: 'alpine:3': names no registry, and there is no file or directory of that name
hint: a registry is always named: HOST/REPOSITORY[:TAG], such as docker.io/library/alpine:3"
	project
	slsc_run package --oci --no-build --base sratch
	is "$status" 2
	is "$err" "error: unknown base 'sratch'
hint: did you mean 'scratch'?"
	slsc_run package --oci --no-build --base static --base scratch
	is "$status$err" "2error: --base: an image has one base
hint: name static, scratch or an image such as oci:DIR[:TAG]"
	slsc_run package --oci --no-build --base x=
	is "$status" 2
	is "${err%%$'\n'*}" "error: --base x=: the source is empty"
	# zips stand on nothing, so nothing is looked for
	project "package: {image: {base: 'oci:none'}}"
	slsc_run package --zip --no-build
	is "$status$err" 0
}

@test "base: damaged layers are refused, and what was there stays" {
	umoci_base b latest amd64
	project
	slsc_run package --oci --docker-archive --no-build -a x86_64
	is "$status$err" 0
	cp -r dist before
	l=$(layers b latest)
	refused() {
		for f in --oci --docker-archive; do
			slsc_run package $f --no-build -a x86_64 --base oci:b
			is "$status" 1 && has "$err" "$1" || return 1
			diff -r dist/hello.oci before/hello.oci && cmp dist/hello-x86_64.docker.tar before/hello-x86_64.docker.tar ||
				return 1
		done
	}
	cp "$(blob b "$l")" good
	printf x | dd of="$(blob b "$l")" bs=1 seek=30 conv=notrunc status=none
	refused "oci:b: $l has other bytes than its digest says"
	head -c 30 good >"$(blob b "$l")"
	refused "oci:b: $l has 30 bytes where $(stat -c %s good) were named"
	rm "$(blob b "$l")"
	refused "oci:b: $l is missing"
	cp good "$(blob b "$l")"
	# a config that names another diff_id is found out when the layer is unpacked
	c=$(config b latest | jq -c '.rootfs.diff_ids[0] |= sub("[0-9a-f]{4}$"; "0000")')
	h=$(printf %s "$c" | sha256sum | cut -d' ' -f1) && printf %s "$c" >"b/blobs/sha256/$h"
	m=$(manifest b latest | jq -c ".config.digest = \"sha256:$h\" | .config.size = ${#c}")
	h=$(printf %s "$m" | sha256sum | cut -d' ' -f1) && printf %s "$m" >"b/blobs/sha256/$h"
	jq -c ".manifests[0].digest = \"sha256:$h\" | .manifests[0].size = ${#m}" b/index.json >i && mv i b/index.json
	slsc_run package --docker-archive --no-build -a x86_64 --base oci:b
	is "$status$err" "1error: oci:b: $l does not unpack to the diff_id of its config"
}

# registry: docker-registry on a free port of this machine; $REG is its address
registry() {
	need docker-registry docker-registry && need python3 python3 && need curl curl || return 1
	REG=127.0.0.1:$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' "$T/reg" "$REG" >"$T/reg.yml"
	docker-registry serve "$T/reg.yml" >"$T/reg.log" 2>&1 3>&- &
	reg_pid=$!
	until curl -sf "http://$REG/v2/" >/dev/null; do kill -0 "$reg_pid" || return 1; done
}
stop_registry() {
	[ -n "${reg_pid:-}" ] || return 0
	kill "$reg_pid"
	wait "$reg_pid" || true
	reg_pid=
}
at_end+=(stop_registry)

@test "base: a registry's tag is locked by digest; then nothing is asked that the store has" {
	export SLSC_CACHE_DIR=$T/cache
	registry
	two_arches b
	skopeo copy -q --all --dest-tls-verify=false oci:b:latest "docker://$REG/team/base:1"
	digest=$(ref b latest)
	project "package: {image: {base: '$REG/team/base:1'}}"
	# a dry run asks nobody and writes nothing
	slsc_run package --oci --no-build -n
	is "$status$out" "0would write dist/hello.oci"
	[ ! -e slsc.lock ] && [ ! -e "$SLSC_CACHE_DIR" ]
	slsc_run package --oci --no-build
	is "$status$err" 0
	is "$(grep -v '^#' slsc.lock)" "version: 1
base:
  \"$REG/team/base:1\":
    digest: $digest"
	is "$(manifest dist/hello.oci arm64 | jq -r '.annotations."org.opencontainers.image.base.name"')" "$REG/team/base:1"
	is "$(layers dist/hello.oci arm64 | head -1)" "$(layers "$T/pair" arm64)"
	cp -r dist first
	# the tag moves: the lock does not
	umoci_base n latest amd64
	umoci config --image n:latest --config.env NEW=1
	skopeo copy -q --dest-tls-verify=false oci:n:latest "docker://$REG/team/base:1"
	rm -rf dist
	slsc_run package --oci --no-build
	is "$status$err" 0
	diff -r dist first
	# and without the registry
	stop_registry
	rm -rf dist
	slsc_run package --oci --no-build
	is "$status$err" 0
	diff -r dist first
	# what the store has lost is asked for again
	slsc_run cache prune
	slsc_run package --oci --no-build
	is "$status" 1
	has "$err" "error: slsc.yaml:6:25: "
	diff -r dist first
	# a digest that is none is an error
	sed -i "s/digest: .*/digest: main/" slsc.lock
	slsc_run package --oci --no-build
	is "$status$err" "1error: slsc.lock:5:5: base '$REG/team/base:1' has no valid digest
hint: restore slsc.lock, or remove the entry to lock the base anew"
}

@test "base update: the lock of a registry's tag moves to what it is now; -n, --json, by name or all" {
	export SLSC_CACHE_DIR=$T/cache
	registry
	umoci_base b latest amd64
	umoci_base n latest amd64
	umoci config --image n:latest --config.env NEW=1
	local old new
	old=$(ref b latest) new=$(ref n latest)
	skopeo copy -q --dest-tls-verify=false oci:b:latest "docker://$REG/team/base:1"
	project "    arches: [x86_64]
mirrors: {example.com/team/base: '$REG/team/base'}
package: {image: {base: 'example.com/team/base:1'}}"
	slsc_run base update
	is "$status$err" "1error: no base is locked in slsc.lock
hint: \`slsc package --oci\` locks what slsc.yaml names"
	slsc_run base update example.com/team/base:1 -n
	is "$status$err$out" "0example.com/team/base:1: (none) -> $old"
	[ ! -e slsc.lock ]
	slsc_run package --oci --no-build
	is "$status$err" 0
	printf 'other:\n  x: y\n' >>slsc.lock
	slsc_run base update
	is "$status$err$out" "0nothing has changed"
	slsc_run base update --json
	is "$status$err$out" '0{"changes":[],"images":[],"dropped":[]}'
	skopeo copy -q --dest-tls-verify=false oci:n:latest "docker://$REG/team/base:1"
	cp slsc.lock before
	slsc_run base update -n
	is "$status$err$out" "0example.com/team/base:1: $old -> $new"
	cmp slsc.lock before
	slsc_run base update --json
	is "$status$err$out" "0{\"changes\":[],\"images\":[{\"name\":\"example.com/team/base:1\",\"from\":\"$old\",\"to\":\"$new\"}],\"dropped\":[]}"
	sed "s/$old/$new/" before | cmp - slsc.lock
	slsc_run package --oci --no-build
	is "$status$err" 0
	is "$(config dist/hello.oci amd64 | jq -c .config.Env)" '["PATH=/base/bin","BASE=yes","NEW=1"]'
	# what cannot move
	slsc_run base update "example.com/team/base@$old"
	is "$status$err" "2error: example.com/team/base@$old: is not a tag in a registry: there is nothing to lock
hint: what is named by its digest, or lies on the disk, is taken as it is"
	cp slsc.lock before
	slsc_run base update example.com/team/base:2
	is "$status$out$err" "1error: 'example.com/team/base:2' is not locked in slsc.lock, and slsc.yaml does not use it
hint: name one that either has; without a name all that slsc.yaml uses are updated"
	cp slsc.yaml good.yaml
	sed -i "s|example.com/team/base:1|example.com/team/base:2|" slsc.yaml
	slsc_run base update example.com/team/base:2
	is "$status$out" 1
	is "$err" "error: example.com/team/base:2: $REG/team/base:2: there is no such image
hint: there are: 1"
	sed -i "s|example.com/team/base:2|$REG/team/base:2|" slsc.yaml
	slsc_run base update "$REG/team/base:2"
	is "$status$err" "1error: $REG/team/base:2: there is no such image
hint: there are: 1"
	mv good.yaml slsc.yaml
	for c in build show; do
		slsc_run base $c example.com/team/base:1
		is "$status$err" "2error: 'example.com/team/base:1' is an image, and no base made from Debian packages
hint: \`slsc base list\` shows those; an image is locked in slsc.lock when a project whose slsc.yaml names it is packaged"
	done
	sed -i "s|'$REG/team/base'|'oci:b'|" slsc.yaml
	slsc_run base update
	is "$status$out" "0nothing has changed"
	is "$err" "example.com/team/base:1 is not a tag in a registry now: left as it is in slsc.lock"
	stop_registry
	sed -i "s|'oci:b'|'$REG/team/base'|" slsc.yaml
	slsc_run base update
	is "$status$out" 1
	has "$err" "error: example.com/team/base:1: "
	cmp slsc.lock before
	sed -i "s/digest: .*/digest: main/" slsc.lock
	slsc_run base update
	is "$status$err" "1error: slsc.lock:5:5: base 'example.com/team/base:1' has no valid digest
hint: restore slsc.lock, or remove the entry to lock the base anew"
}

@test "base: a registry's digest needs no lock; an image that is not there" {
	export SLSC_CACHE_DIR=$T/cache
	registry
	umoci_base b latest amd64
	skopeo copy -q --dest-tls-verify=false oci:b:latest "docker://$REG/team/base:1"
	project "    arches: [x86_64]
package: {image: {base: '$REG/team/base@$(ref b latest)'}}"
	slsc_run package --oci --no-build
	is "$status$err" 0
	[ ! -e slsc.lock ]
	is "$(layers dist/hello.oci amd64 | head -1)" "$(layers b latest)"
	slsc_run package --oci --no-build --base "$REG/team/base:2"
	is "$status" 1
	has "$err" "error: --base: $REG/team/base"
}

@test "base: an image of others is one component of SBOM and provenance, by its manifest's digest" {
	need clang clang && need ld.lld lld
	umoci_base b latest amd64
	mkdir -p "$T/db/status.d"
	printf 'Package: netbase\nVersion: 6.4\nArchitecture: all\n' >"$T/db/status.d/netbase"
	umoci insert --image b:latest "$T/db" /var/lib/dpkg
	local digest
	digest=$(ref b latest)
	slsc_run init -q --template raw raw
	mv b raw/b
	cd raw
	slsc_run package --oci -a x86_64 --base oci:b --sbom attach --provenance attach
	[ "$status" -eq 0 ]
	attached() {
		local d
		d=$(jq -r --arg t "$1" '.manifests[] | select(.artifactType == $t).digest' dist/raw.oci/index.json)
		cat "$(blob dist/raw.oci "$(jq -r '.layers[0].digest' "$(blob dist/raw.oci "$d")")")"
	}
	is "$(attached application/spdx+json | jq -r '.packages[] | select(.name == "oci:b") |
		.versionInfo + " " + .checksums[0].checksumValue + " " + .primaryPackagePurpose')" "$digest ${digest#sha256:} CONTAINER"
	is "$(attached application/vnd.cyclonedx+json | jq -r '.components[] | select(.name == "oci:b") |
		.version + " " + .hashes[0].content + " " + .type')" "$digest ${digest#sha256:} container"
	# and the packages that it says it has
	is "$(attached application/spdx+json | jq -r '.packages[] | select(.name == "netbase") |
		.externalRefs[0].referenceLocator')" "pkg:deb/debian/netbase@6.4?arch=all"
	is "$(attached application/vnd.cyclonedx+json | jq -r '.components[] | select(.name == "netbase") |
		.version + " " + .purl')" "6.4 pkg:deb/debian/netbase@6.4?arch=all"
	is "$(attached application/vnd.in-toto+json | jq -r '.predicate.buildDefinition.resolvedDependencies[] |
		select(.name == "oci:b").digest.sha256')" "${digest#sha256:}"
	attached application/spdx+json >spdx.json
	attached application/vnd.cyclonedx+json >cdx.json
	"$BATS_TEST_DIRNAME/support/schema.py" spdx spdx.json
	"$BATS_TEST_DIRNAME/support/schema.py" cyclonedx cdx.json
}

@test "base: a blob of a registry's base that rots in the store is asked for again" {
	export SLSC_CACHE_DIR=$T/cache
	registry
	umoci_base b latest amd64
	skopeo copy -q --dest-tls-verify=false oci:b:latest "docker://$REG/x:t"
	project "package: {image: {base: '$REG/x@$(ref b latest)'}}"
	slsc_run -q package --oci --arch x86_64 --no-build
	is "$status $err" "0 "
	local before b
	before=$(find dist -type f -exec sha256sum {} + | sort)
	[ -n "$(find "$T/cache/blobs/sha256" -type f)" ]
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
