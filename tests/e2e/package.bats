#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc package: what it makes, as other people's tools see it.
load helper
load package_helper

@test "without a format it says which there are" {
	project
	slsc_run package
	[ "$status" -eq 2 ]
	is "$err" "error: say what to make: --zip, --oci, --oci-archive, --docker-archive or --workers
hint: --zip is a Lambda function's code; --oci is an image for any platform"
	[ ! -e dist ]
}

@test "zip: bootstrap 0755 at the root, includes beside it, for unzip, bsdtar and Python" {
	need unzip unzip && need bsdtar libarchive-tools && need python3 python3
	mkdir -p assets/img && echo a >assets/a.txt && echo p >assets/img/größe.png && chmod 600 assets/a.txt
	printf '#!/bin/sh\n' >run.sh && chmod 700 run.sh && ln -s a.txt assets/link
	project 'package:
  zip:
    include:
      - from: assets
      - {from: run.sh, to: bin/}'
	slsc_run package --zip --no-build
	[ "$status" -eq 0 ]
	has "$out" "dist/hello-x86_64.zip"
	has "$out" "dist/hello-arm64.zip"
	unzip -tqq dist/hello-x86_64.zip
	is "$(unzip -Z dist/hello-x86_64.zip | awk '/^[-dl]/ { print $1, $2 "", $NF }' | sort -k3)" \
		"drwxr-xr-x 2.0 assets/
-rw-r--r-- 2.0 assets/a.txt
-rw-r--r-- 2.0 assets/img/größe.png
drwxr-xr-x 2.0 assets/img/
lrwxrwxrwx 2.0 assets/link
drwxr-xr-x 2.0 bin/
-rwxr-xr-x 2.0 bin/run.sh
-rwxr-xr-x 2.0 bootstrap" || is "$(unzip -Z1 dist/hello-x86_64.zip | sort)" "assets/
assets/a.txt
assets/img/
assets/img/größe.png
assets/link
bin/
bin/run.sh
bootstrap"
	mkdir x && bsdtar -xf dist/hello-arm64.zip -C x
	cmp x/bootstrap .slsc/release/arm64/hello
	is "$(stat -c %a x/bootstrap x/assets/a.txt x/bin/run.sh | tr '\n' ' ')" "755 644 755 "
	is "$(readlink x/assets/link)" a.txt
	is "$(cat x/assets/img/größe.png)" p
	is "$(python3 -c '
import zipfile
z = zipfile.ZipFile("dist/hello-x86_64.zip")
assert z.testzip() is None
i = z.getinfo("bootstrap")
print(oct(i.external_attr >> 16), i.create_system, i.date_time)')" "0o100755 3 (1980, 1, 1, 0, 0, 0)"
	no_leftovers .
}

@test "oci: skopeo reads each architecture by itself and the index" {
	need skopeo skopeo && need jq jq
	project
	slsc_run package --oci --no-build
	[ "$status" -eq 0 ]
	is "$(skopeo inspect oci:dist/hello.oci:amd64 | jq -r .Architecture)" amd64
	is "$(skopeo inspect oci:dist/hello.oci:arm64 | jq -r .Architecture)" arm64
	is "$(skopeo inspect --override-arch arm64 oci:dist/hello.oci:latest | jq -r .Architecture)" arm64
	# stdout names what skopeo takes
	is "$(awk '$1 == "dist/hello.oci:arm64" { print $NF }' <<<"$out")" \
		"$(skopeo inspect oci:dist/hello.oci:arm64 | jq -r .Digest)"
	# one image alone, as a registry for Lambda wants it
	skopeo copy -q oci:dist/hello.oci:arm64 oci:one:x
	is "$(jq -r '.manifests[0].mediaType' one/index.json)" application/vnd.oci.image.manifest.v1+json
	# and every blob under its digest
	for b in dist/hello.oci/blobs/sha256/*; do
		is "$(sha256sum <"$b" | cut -d' ' -f1)" "${b##*/}"
	done
}

@test "oci: config, layers and Lambda's rules" {
	project '    env: {GREETING: hi, PATH: /bin}
package:
  image:
    user: 1000:1001
    workdir: /var/task
    args: [--serve]
    labels: {team: a}
    annotations: {note: b}'
	slsc_run package --oci --no-build
	[ "$status" -eq 0 ]
	is "$(config dist/hello.oci arm64 | jq -cS .config)" \
		'{"Entrypoint":["/var/task/bootstrap","--serve"],"Env":["PATH=/bin","SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt","GREETING=hi"],"Labels":{"org.opencontainers.image.created":"1980-01-01T00:00:00Z","org.opencontainers.image.title":"hello","team":"a"},"User":"1000:1001","WorkingDir":"/var/task"}'
	is "$(config dist/hello.oci arm64 | jq -c '[.architecture,.os,.created,(.history|length),(.rootfs.diff_ids|length)]')" \
		'["arm64","linux","1980-01-01T00:00:00Z",2,2]'
	is "$(manifest dist/hello.oci amd64 | jq -c .annotations)" \
		'{"note":"b","org.opencontainers.image.created":"1980-01-01T00:00:00Z","org.opencontainers.image.title":"hello"}'
	# explicit parents before children, owner 0:0, the binary no symlink
	layer=$(manifest dist/hello.oci amd64 | jq -r '.layers[1].digest')
	is "$(TZ=UTC tar --numeric-owner -tvzf "$(blob dist/hello.oci "$layer")" | awk '{ print $1, $2, $4, $5, $6 }')" \
		"drwxr-xr-x 0/0 1980-01-01 00:00 var/
drwxr-xr-x 0/0 1980-01-01 00:00 var/task/
-rwxr-xr-x 0/0 1980-01-01 00:00 var/task/bootstrap"
	# diff_ids are of what the layers unpack to
	is "$(gzip -dc "$(blob dist/hello.oci "$layer")" | sha256sum | cut -d' ' -f1)" \
		"$(config dist/hello.oci amd64 | jq -r '.rootfs.diff_ids[1]' | cut -d: -f2)"
	# both architectures share the base
	is "$(manifest dist/hello.oci arm64 | jq -r '.layers[0].digest')" \
		"$(manifest dist/hello.oci amd64 | jq -r '.layers[0].digest')"
}

@test "oci: the static base has users, certificates, /tmp; tzdata by option; scratch has nothing" {
	project
	slsc_run package --oci --no-build
	base=$(blob dist/hello.oci "$(manifest dist/hello.oci amd64 | jq -r '.layers[0].digest')")
	is "$(tar --numeric-owner -tvzf "$base" | awk '{ print $1, $2, $6 }')" \
		"drwxr-xr-x 0/0 etc/
-rw-r--r-- 0/0 etc/group
-rw-r--r-- 0/0 etc/nsswitch.conf
-rw-r--r-- 0/0 etc/os-release
-rw-r--r-- 0/0 etc/passwd
drwxr-xr-x 0/0 etc/ssl/
drwxr-xr-x 0/0 etc/ssl/certs/
-rw-r--r-- 0/0 etc/ssl/certs/ca-certificates.crt
drwxr-xr-x 0/0 home/
drwx------ 65532/65532 home/nonroot/
drwx------ 0/0 root/
drwxrwxrwt 0/0 tmp/"
	is "$(tar -xOzf "$base" etc/passwd | grep -c '^nonroot:x:65532:65532:nonroot:/home/nonroot:')" 1
	[ "$(tar -xOzf "$base" etc/ssl/certs/ca-certificates.crt | grep -c BEGIN)" -gt 100 ]
	printf 'package: {image: {tzdata: true}}\n' >>slsc.yaml
	slsc_run package --oci --no-build --base scratch
	is "$(config dist/hello.oci amd64 | jq -r '.history[].created_by' | cut -d'(' -f1)" "slsc base tzdata 
slsc package hello: /var/task"
	is "$(config dist/hello.oci amd64 | jq -c .config.Env)" \
		'["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]'
	is "$(config dist/hello.oci amd64 | jq -r .config.User)" 65532:65532
}

@test "umoci unpacks the layout, runc runs both architectures" {
	need umoci umoci && need runc runc && need qemu-aarch64-static qemu-user-static
	local rootless='' qemu
	[ "$(id -u)" -eq 0 ] || rootless=--rootless
	project
	slsc_run package --oci --no-build
	for pair in amd64:x86_64 arm64:arm64; do
		umoci unpack $rootless --image "dist/hello.oci:${pair%:*}" "b-${pair%:*}"
		cmp "b-${pair%:*}/rootfs/var/task/bootstrap" ".slsc/release/${pair#*:}/hello"
		qemu=
		if [ "$(uname -m)" = x86_64 ] && [ "${pair#*:}" = arm64 ]; then
			qemu=/qemu-aarch64-static
		elif [ "$(uname -m)" = aarch64 ] && [ "${pair#*:}" = x86_64 ]; then
			qemu=/qemu-x86_64-static
		fi
		[ -z "$qemu" ] || cp "/usr/bin$qemu" "b-${pair%:*}/rootfs$qemu"
		jq --arg q "$qemu" '.process.terminal = false | if $q == "" then . else .process.args = [$q] + .process.args end' \
			"b-${pair%:*}/config.json" >"$T/c" && mv "$T/c" "b-${pair%:*}/config.json"
		is "$(jq -c .process.user "b-${pair%:*}/config.json")" '{"uid":65532,"gid":65532}' || [ -n "$rootless" ]
		is "$(runc --root "$T/runc" run -b "b-${pair%:*}" "slsc-test-$$-${pair%:*}" </dev/null)" \
			"hello from ${pair#*:}"
	done
}

@test "podman loads both kinds of archive, under names, and runs one" {
	need podman podman
	project
	slsc_run package --oci-archive --docker-archive --no-build
	[ "$status" -eq 0 ]
	[ ! -e dist/hello.oci ]
	has "$(podman_ load -q -i dist/hello-x86_64.docker.tar)" "localhost/demo-shop/hello:amd64"
	has "$(podman_ load -q -i dist/hello-arm64.docker.tar)" "localhost/demo-shop/hello:arm64"
	has "$(podman_ load -q -i dist/hello.oci.tar)" "localhost/demo-shop/hello:latest"
	is "$(podman_ image inspect localhost/demo-shop/hello:arm64 | jq -r '.[0].Architecture')" arm64
	# one config, so one image id, whichever way it came
	local here=amd64
	[ "$(uname -m)" = aarch64 ] && here=arm64
	is "$(podman_ image inspect localhost/demo-shop/hello:latest | jq -r '.[0].Id')" \
		"$(podman_ image inspect "localhost/demo-shop/hello:$here" | jq -r '.[0].Id')"
	is "$(podman_ run --rm --network none "localhost/demo-shop/hello:$here" 2>"$T/podman")" \
		"hello from $(uname -m | sed s/aarch64/arm64/)" || { cat "$T/podman" >&2; return 1; }
	# intermediate layouts are gone
	[ -z "$(find .slsc -name '*.oci' -o -name '*.docker')" ]
	no_leftovers .
}

@test "zstd and no compression; zstd warns for Lambda" {
	need zstd zstd
	project
	slsc_run package --oci --no-build --compression zstd
	[ "$status" -eq 0 ]
	is "$err" "warning: hello: zstd layers: no evidence that Lambda accepts them; use gzip for Lambda"
	z=$(config dist/hello.oci amd64 | jq -c .rootfs.diff_ids)
	is "$(manifest dist/hello.oci amd64 | jq -r '.layers[1].mediaType')" application/vnd.oci.image.layer.v1.tar+zstd
	zstd -qt "$(blob dist/hello.oci "$(manifest dist/hello.oci amd64 | jq -r '.layers[1].digest')")"
	slsc_run package --oci --no-build --compression none
	[ "$status" -eq 0 ]
	is "$(config dist/hello.oci amd64 | jq -c .rootfs.diff_ids)" "$z"
	is "$(manifest dist/hello.oci amd64 | jq -c '[.layers[].digest]')" "$z"
	# nothing of the zstd image stays behind: 2 × (function layer, config, manifest), base, index
	is "$(find dist/hello.oci/blobs -type f | wc -l)" 8
}

@test "git: revision, source, version and time are in annotations and labels, never in layers" {
	need git git
	project
	echo '.slsc
dist' >.gitignore
	slsc_run package --oci --zip --no-build
	zip=$(sha256sum dist/hello-arm64.zip)
	layers=$(manifest dist/hello.oci arm64 | jq -c .layers)
	git init -q && git add . && GIT_COMMITTER_DATE='1700000000 +0300' git commit -qm one && git tag v1.2
	git remote add origin https://user:pass@git.example/shop.git
	slsc_run package --oci --zip --no-build
	[ "$status" -eq 0 ]
	want='{"org.opencontainers.image.created":"2023-11-14T22:13:20Z","org.opencontainers.image.revision":"'$(git rev-parse HEAD)'","org.opencontainers.image.source":"https://git.example/shop.git","org.opencontainers.image.title":"hello","org.opencontainers.image.version":"v1.2"}'
	is "$(manifest dist/hello.oci arm64 | jq -c .annotations)" "$want"
	is "$(config dist/hello.oci arm64 | jq -cS .config.Labels)" "$want"
	is "$(jq -c .annotations "$(blob dist/hello.oci "$(ref dist/hello.oci latest)")")" "$want"
	is "$(sha256sum dist/hello-arm64.zip)" "$zip"
	is "$(manifest dist/hello.oci arm64 | jq -c .layers)" "$layers"
	is "$(jq -r '.artifacts[0].revision' dist/manifest.json)" "$(git rev-parse HEAD)"
	echo 'int y;' >>src/x.c
	slsc_run package --oci --no-build
	is "$err" "warning: there are uncommitted changes: the revision is marked -dirty"
	git remote set-url origin 'ssh://git@git.example/shop.git?token=secret#frag'
	slsc_run package --oci --no-build
	is "$(manifest dist/hello.oci arm64 | jq -r '.annotations."org.opencontainers.image.source"')" \
		ssh://git.example/shop.git
	is "$(manifest dist/hello.oci arm64 | jq -r '.annotations."org.opencontainers.image.revision"')" \
		"$(git rev-parse HEAD)-dirty"
}

@test "git: a repository without a commit has no revision to be marked" {
	need git git
	project
	git init -q
	slsc_run package --oci --no-build
	[ "$status" -eq 0 ]
	is "$err" ""
	is "$(jq -r '.artifacts[0].revision' dist/manifest.json)" null
}

@test "SOURCE_DATE_EPOCH overrides the time, and must be a number" {
	project
	SOURCE_DATE_EPOCH=1600000000 slsc_run package --oci --no-build
	is "$(config dist/hello.oci amd64 | jq -r .created)" 2020-09-13T12:26:40Z
	SOURCE_DATE_EPOCH=soon slsc_run package --oci --no-build
	[ "$status" -eq 2 ]
	is "$err" "error: SOURCE_DATE_EPOCH is 'soon': not a number of seconds since 1970
hint: unset it, or set it to \$(git log -1 --format=%ct)"
	for v in 253402300800 99999999999999999999999; do
		SOURCE_DATE_EPOCH=$v slsc_run package --oci --no-build
		[ "$status" -eq 2 ]
		is "$err" "error: SOURCE_DATE_EPOCH is '$v': not in the range 0 to 253402300799
hint: unset it, or set it to \$(git log -1 --format=%ct)"
	done
	SOURCE_DATE_EPOCH=253402300799 slsc_run package --oci --no-build
	is "$(config dist/hello.oci amd64 | jq -r .created)" 9999-12-31T23:59:59Z
}

@test "a binary that is not built, or of another architecture" {
	project
	rm .slsc/release/arm64/hello
	slsc_run package --zip --no-build
	[ "$status" -eq 1 ]
	is "$err" "error: hello is not built for arm64 in profile 'release': there is no .slsc/release/arm64/hello
hint: run \`slsc build hello\`, or leave out --no-build"
	[ ! -e dist/hello-x86_64.zip ]
	cp .slsc/release/x86_64/hello .slsc/release/arm64/hello
	slsc_run package --zip --no-build
	[ "$status" -eq 1 ]
	has "$err" "error: .slsc/release/arm64/hello: is for x86_64, not arm64"
	slsc_run package --zip --no-build --arch x86_64
	[ "$status" -eq 0 ]
}

@test "a damaged binary: how to make it again" {
	project
	echo junk >.slsc/release/x86_64/hello
	slsc_run package --zip --no-build
	[ "$status" -eq 1 ]
	is "$err" "error: hello for x86_64: $T/w/.slsc/release/x86_64/hello: not an ELF file
hint: remove it and build again: slsc build hello"
}

@test "a zip of runtime http is one like others: there is a client of the Runtime API in it" {
	project
	sed -i 's/^    sources/    runtime: http\n    sources/' slsc.yaml
	slsc_run package --zip --no-build
	is "$status $err" "0 "
}

@test "the image of an HTTP function carries its timeout, whose default is the documented one" {
	local path='"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"'
	project
	sed -i 's/^    sources/    runtime: http\n    sources/' slsc.yaml
	printf 'package: {image: {base: scratch}}\n' >>slsc.yaml
	slsc_run package --oci --no-build
	[ "$status" -eq 0 ]
	is "$(config dist/hello.oci amd64 | jq -c .config.Env)" "[$path,\"SLSC_TIMEOUT_MS=3000\"]"
	sed -i 's/^    sources/    timeout: 2.5 s\n    env: {A: b}\n    sources/' slsc.yaml
	slsc_run package --oci --no-build
	is "$(config dist/hello.oci arm64 | jq -c .config.Env)" "[$path,\"SLSC_TIMEOUT_MS=2500\",\"A=b\"]"
	# what env says is what is meant; empty: no deadline
	sed -i 's/{A: b}/{SLSC_TIMEOUT_MS: ""}/' slsc.yaml
	slsc_run package --oci --no-build
	is "$(config dist/hello.oci amd64 | jq -c .config.Env)" "[$path,\"SLSC_TIMEOUT_MS=\"]"
	# Lambda has a setting of its own, and who has no runtime reads no variable of it
	for runtime in lambda none; do
		sed -i "s/runtime: .*/runtime: $runtime/; s/^    env: .*/    env: {}/" slsc.yaml
		slsc_run package --oci --no-build
		is "$(config dist/hello.oci amd64 | jq -c .config.Env)" "[$path]"
	done
}

@test "names that loading would mix up are refused for archives" {
	project '  a_b: {sources: [src/x.c]}
  a-_b: {sources: [src/x.c]}'
	for a in x86_64 arm64; do
		cp .slsc/release/$a/hello .slsc/release/$a/a_b && cp .slsc/release/$a/hello .slsc/release/$a/a-_b
	done
	for how in --oci-archive --docker-archive; do
		slsc_run package a_b $how --no-build
		[ "$status" -eq 1 ]
		is "$err" "error: slsc.yaml:6:3: the images of functions 'a_b' and 'a-_b' would both be called 'demo-shop/a_b' when loaded
hint: rename one: a run of - and _ becomes its last, none is left at the end"
	done
	slsc_run package hello --oci-archive --no-build
	[ "$status" -eq 0 ]
	slsc_run package --oci --zip --no-build
	[ "$status" -eq 0 ]
}

@test "Lambda's limits: both sizes and the largest files, exit code 3" {
	truncate -s 300M big.bin
	project 'package: {zip: {include: [{from: big.bin}]}}'
	slsc_run package --zip --no-build --arch x86_64
	[ "$status" -eq 3 ]
	size=$((300 * 1024 * 1024 + $(stat -c %s .slsc/release/x86_64/hello)))
	has "$err" "error: hello: its zip, unzipped, is 300.0 MB ($size bytes), Lambda's limit is 250.0 MB (262144000 bytes); largest: big.bin 300.0 MB, bootstrap"
	has "$err" "hint: include less, or put large data into S3 or an image"
	[ ! -e dist/hello-x86_64.zip ]
	# another runtime's zip may go elsewhere
	sed -i 's/^    sources/    runtime: none\n    sources/' slsc.yaml
	slsc_run package --zip --no-build --arch x86_64
	[ "$status" -eq 0 ]
	has "$err" "warning: hello: its zip, unzipped, is 300.0 MB, over Lambda's limit of 250.0 MB"
}

@test "a large include streams: zip and layers stay far below its size in memory" {
	need /usr/bin/time time
	head -c 160M /dev/urandom >big.bin
	project 'package: {zip: {include: [{from: big.bin}]}}'
	sed -i 's/^    sources/    runtime: none\n    sources/' slsc.yaml
	for how in --zip --oci '--oci --compression zstd'; do
		# shellcheck disable=SC2086
		/usr/bin/time -f %M -o "$T/rss" "$SLSC_BIN" -q package $how --level fast --no-build --arch x86_64
		rss=$(cat "$T/rss")
		# the sanitizers' shadow memory is not ours
		[ "$rss" -lt 81920 ] || nm "$SLSC_BIN" | grep -q __asan_init || is "$how: $rss KiB" "less than 80 MiB"
		rm -rf dist
	done
}

@test "dist/manifest.json keeps what is still there" {
	project '  other:
    sources: [src/*.c]
    arches: [x86_64]'
	cp .slsc/release/x86_64/hello .slsc/release/x86_64/other
	slsc_run package --zip --no-build
	slsc_run package other --oci --no-build
	is "$(jq -c '[.artifacts[].path]' dist/manifest.json)" \
		'["hello-arm64.zip","hello-x86_64.zip","other-x86_64.zip","other.oci"]'
	is "$(jq -r '.artifacts[1].sha256' dist/manifest.json)" "$(sha256sum <dist/hello-x86_64.zip | cut -d' ' -f1)"
	rm dist/hello-arm64.zip
	slsc_run package other --oci --no-build
	is "$(jq -c '[.artifacts[].path]' dist/manifest.json)" '["hello-x86_64.zip","other-x86_64.zip","other.oci"]'
	cp dist/manifest.json m
	slsc_run package other --oci --no-build
	cmp m dist/manifest.json
	echo '{broken' >dist/manifest.json
	slsc_run package other --oci --no-build
	is "$(jq -c '[.artifacts[].path]' dist/manifest.json)" '["other.oci"]'
}

@test "dist/manifest.json makes no false claim after a failure or a kill" {
	project
	slsc_run package --zip --docker-archive --no-build
	cp dist/manifest.json before
	echo more >data.txt
	printf 'package: {zip: {include: [{from: data.txt}]}}\n' >>slsc.yaml
	# the second format fails: the zips are new, the archives are old
	mv dist/hello-x86_64.docker.tar "$T/" && mkdir -p dist/hello-x86_64.docker.tar/x
	slsc_run package --zip --docker-archive --no-build
	[ "$status" -eq 1 ]
	has "$err" "hello-x86_64.docker.tar"
	is "$(jq -c '[.artifacts[].path]' dist/manifest.json)" \
		'["hello-arm64.docker.tar","hello-arm64.zip","hello-x86_64.zip"]'
	list_is_true dist
	rmdir dist/hello-x86_64.docker.tar/x dist/hello-x86_64.docker.tar
	# a file that somebody changed is not listed any more
	echo x >>dist/hello-arm64.docker.tar
	slsc_run package --oci --no-build
	is "$(jq -c '[.artifacts[].path]' dist/manifest.json)" '["hello-arm64.zip","hello-x86_64.zip","hello.oci"]'
	echo '{}' >dist/hello.oci/index.json
	slsc_run package --zip --no-build
	is "$(jq -c '[.artifacts[].path]' dist/manifest.json)" '["hello-arm64.zip","hello-x86_64.zip"]'
	list_is_true dist
	slsc_run package --zip --oci --docker-archive --no-build
	head -c 300K /dev/urandom >noise
	for i in $(seq 20); do
		head -c $((i * 9000)) noise >data.txt
		timeout -s KILL "0.0$(printf %02d $((i * 2)))" "$SLSC_BIN" package --zip --oci --docker-archive --no-build \
			>/dev/null 2>&1 || true
		list_is_true dist
	done
	slsc_run package --zip --oci --docker-archive --no-build
	is "$(jq '.artifacts|length' dist/manifest.json)" 5
	list_is_true dist
	no_leftovers .
}

@test "-n --json: what is not known is null; an empty --output is refused" {
	project
	slsc_run package --zip --oci -n --json
	[ "$status" -eq 0 ]
	is "$(jq -c '[.dry_run, (.artifacts[]|[.path,.sha256,.size])]' <<<"$out")" \
		'[true,["dist/hello-x86_64.zip",null,null],["dist/hello-arm64.zip",null,null],["dist/hello.oci",null,null]]'
	slsc_run package --zip --no-build --json
	is "$(jq -c 'has("dry_run")' <<<"$out")" false
	rm -r dist
	for o in "-o" "--output"; do
		slsc_run package --zip --no-build $o ''
		[ "$status" -eq 2 ]
		is "$err" "error: --output: the directory's name is empty
hint: leave it out for dist in the project, or write . for this directory"
	done
	is "$(ls)" "slsc.yaml
src"
}

@test "--json holds digests, sizes, diff_ids and platforms; -n writes nothing; -o chooses the place" {
	project
	slsc_run package --oci --zip -n
	is "$out" "would write dist/hello-x86_64.zip
would write dist/hello-arm64.zip
would write dist/hello.oci"
	[ ! -e dist ]
	slsc_run package --oci --no-build --json -o "$T/out dir"
	[ "$status" -eq 0 ]
	[ ! -e dist ]
	d=$T/out\ dir/hello.oci
	is "$(jq -r '.artifacts[0].path' <<<"$out")" "$d"
	is "$(jq -r '.artifacts[0].sha256' <<<"$out")" "$(ref "$d" latest | cut -d: -f2)"
	is "$(jq -c '[.artifacts[0].images[]|[.platform.architecture,.digest]]' <<<"$out")" \
		"[[\"amd64\",\"$(ref "$d" amd64)\"],[\"arm64\",\"$(ref "$d" arm64)\"]]"
	is "$(jq -c '[.artifacts[0].images[0].layers[].diff_id]' <<<"$out")" \
		"$(config "$d" amd64 | jq -c .rootfs.diff_ids)"
	is "$(jq .artifacts[0].size <<<"$out")" "$(find "$d" -type f -printf '%s\n' | paste -sd+ | bc)"
}

@test "an unwritable dist, a file in the way" {
	project
	mkdir dist
	echo x >dist/hello.oci
	slsc_run package --oci --no-build
	[ "$status" -eq 1 ]
	is "$err" "error: $T/w/dist/hello.oci is in the way: it is not a directory
hint: move it away, or choose another place"
	slsc_run package --oci --no-build -o /proc/nowhere
	[ "$status" -eq 1 ]
	has "$err" "error: "
	has "$err" "/proc/nowhere"
	[ "$(id -u)" -ne 0 ] || skip_mode=1
	if [ -z "${skip_mode:-}" ]; then
		rm dist/hello.oci && chmod 555 dist
		slsc_run package --zip --no-build
		[ "$status" -eq 1 ]
		has "$err" "Permission denied"
		has "$err" "hint: check the owner and mode of the directory"
	fi
}

@test "a full disk leaves the old artifacts and no temporary file" {
	# a file size limit is as good as a full disk, and needs no mount
	project
	slsc_run package --oci --zip --no-build
	before=$(find dist -type f -exec sha256sum {} + | sort)
	head -c 3M /dev/urandom >more.bin
	printf 'package: {zip: {include: [{from: more.bin}]}}\n' >>slsc.yaml
	for how in --zip --oci --oci-archive --docker-archive; do
		status=0
		(trap '' XFSZ; ulimit -f 1024; exec "$SLSC_BIN" package $how --no-build >"$T/out" 2>"$T/err") || status=$?
		[ "$status" -eq 1 ]
		has "$(cat "$T/err")" "File too large"
		is "$(find dist -type f -exec sha256sum {} + | sort)" "$before"
		no_leftovers .
	done
}

@test "no space left on the device: one clear line, the old artifacts stay" {
	project
	slsc_run package --oci --zip --no-build
	cp -r dist old
	head -c 3M /dev/urandom >more.bin
	printf 'package: {zip: {include: [{from: more.bin}]}}\n' >>slsc.yaml
	cat >"$T/inside" <<-'EOF'
		set -eu
		mount -t tmpfs -o size=1m none dist
		cp -r old/. dist/
		for how in --zip --oci; do
			status=0
			"$SLSC_BIN" package $how --no-build >"$T/out" 2>"$T/err" || status=$?
			echo "$how $status $(grep -c '^error: .*: No space left on device$' "$T/err")"
			tail -n 1 "$T/err"
			diff -r old dist
			ls -A dist dist/hello.oci | grep -F .slsc-tmp. && exit 1
		done
		exit 0
	EOF
	export SLSC_BIN T
	local how=-m
	[ "$(id -u)" -eq 0 ] || how=-Urm
	is "$(unshare $how sh "$T/inside")" "--zip 1 1
hint: free some space, or write elsewhere, then run it again
--oci 1 1
hint: free some space, or write elsewhere, then run it again"
}

@test "SIGINT ends with 130 and leaves the old artifacts; after SIGKILL the next run is clean" {
	project
	slsc_run package --oci --zip --no-build
	cp dist/manifest.json "$T/list"
	before=$(find dist -type f -exec sha256sum {} + | sort)
	head -c 200M /dev/urandom >more.bin
	printf 'package: {zip: {include: [{from: more.bin}]}}\n' >>slsc.yaml
	for how in --zip --oci; do
		# a shell's background jobs ignore SIGINT: a new one does not
		status=0
		timeout --preserve-status -s INT 0.3 "$SLSC_BIN" package $how --level max --no-build >"$T/out" 2>"$T/err" ||
			status=$?
		[ "$status" -eq 130 ]
		has "$(cat "$T/err")" "interrupted"
		is "$(find dist -type f -exec sha256sum {} + | sort)" "$before"
		no_leftovers .
		timeout -s KILL 0.3 "$SLSC_BIN" package $how --level max --no-build >/dev/null 2>&1 || true
		is "$(find dist -name index.json -o -name '*.zip' | sort | xargs sha256sum)" \
			"$(grep -E 'index.json|zip$' <<<"$before" | sort -k2)"
		list_is_true dist
		cp "$T/list" dist/manifest.json
	done
	sed -i /^package/d slsc.yaml
	slsc_run package --oci --zip --no-build
	[ "$status" -eq 0 ]
	is "$(find dist -type f -exec sha256sum {} + | sort)" "$before"
	no_leftovers .
}

@test "two at once wait for each other" {
	project
	for i in 1 2 3 4; do
		"$SLSC_BIN" -q package --oci --zip --no-build >"$T/o$i" 2>&1 3>&- &
	done
	wait
	cmp "$T/o1" "$T/o2" && cmp "$T/o1" "$T/o4"
	is "$(skopeo inspect oci:dist/hello.oci:amd64 | jq -r .Architecture)" amd64
}

@test "a damaged base is refused, a damaged blob repaired" {
	project
	slsc_run package --oci --no-build
	before=$(find dist -type f -exec sha256sum {} + | sort)
	b=$(blob dist/hello.oci "$(manifest dist/hello.oci amd64 | jq -r '.layers[1].digest')")
	printf X | dd of="$b" bs=1 seek=40 conv=notrunc status=none
	slsc_run package --oci --no-build
	is "$(find dist -type f -exec sha256sum {} + | sort)" "$before"
	mkdir -p "$T/p/bin" "$T/p/share/slsc/base" && cp "$SLSC_BIN" "$T/p/bin/" && cp -r "$SLSC_BUILD/lib" "$T/p/"
	cp "$SLSC_BUILD"/share/slsc/base/* "$T/p/share/slsc/base/"
	cp -rL "$SLSC_BUILD/share/slsc/bases" "$T/p/share/slsc/"
	printf X | dd of="$T/p/share/slsc/base/static.tar.gz" bs=1 seek=40 conv=notrunc status=none
	SLSC_BIN=$T/p/bin/slsc slsc_run package --oci --no-build
	[ "$status" -eq 1 ]
	has "$err" "static.tar.gz: is damaged: its digest is not the one in base.json"
	is "$(find dist -type f -exec sha256sum {} + | sort)" "$before"
}
