#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc check: each rule has an artifact that breaks it and nothing else, and slsc's own break none.
load helper
load package_helper

end_registry() {
	[ -z "${registry:-}" ] || kill "$registry" 2>/dev/null || :
}
at_end+=(end_registry)

artifact() { # KIND PATH CASE
	need python3 python3 && need zstd zstd || return 1
	[ -f "$BATS_FILE_TMPDIR/x86_64" ] || tiny x86_64 "$BATS_FILE_TMPDIR/x86_64" || return 1
	python3 -W ignore "$SLSC_SRC/tests/e2e/support/artifacts.py" "$1" "$2" "$3" "${4:-$BATS_FILE_TMPDIR/x86_64}"
}

# finds PLATFORM KIND CASE LINE...: exactly these findings, remedies aside
finds() {
	local platform=$1 kind=$2 case=$3 path=$3
	shift 3
	[ "$kind" = image ] || path=$case.zip
	[ -e "$path" ] || artifact "$kind" "$path" "$case" || return 1
	slsc_run check "$path" --platform "$platform"
	is "$case: $(grep -v -e '^  ' -e '^[0-9]* artifact' <<<"$out")" "$case: $(printf '%s\n' "$@")" || return 1
	case "$*" in
	*error:*) [ "$status" -eq 3 ] ;;
	*) [ "$status" -eq 0 ] ;;
	esac
}

lambda() { finds lambda image "$@"; }
knative() { finds knative image "$@"; }
generic() { finds generic image "$@"; }
zipped() { finds lambda zip "$@"; }

@test "zips: what Lambda refuses" {
	zipped ok ""
	zipped bootstrap "error: bootstrap.zip: bin/bootstrap: is not at the zip's root [zip-bootstrap]"
	zipped executable "error: executable.zip: bootstrap: has mode 0644 [zip-executable]"
	zipped decimal "error: decimal.zip: bootstrap: has mode 01363, which is 755 in decimal [zip-decimal-mode]"
	zipped dos "error: dos.zip: bootstrap: has no Unix mode [zip-executable]" \
		"warning: dos.zip: bootstrap: has no Unix mode [zip-unix-mode]"
	zipped unix "warning: unix.zip: readme: has no Unix mode [zip-unix-mode]"
	zipped readable "error: readable.zip: secret: has mode 0600 [zip-readable]" \
		"error: readable.zip: d/: has mode 0700 [zip-readable]" \
		"error: readable.zip: e/: is a directory of mode 0744, which nobody can enter [zip-readable]"
	zipped method "error: method.zip: b: is compressed by method 12 [zip-method]"
	zipped direct "warning: direct.zip: has 52443170 bytes; a direct upload may have 52428800 (50 MB) [zip-size-direct]" ||
		has "$out" "a direct upload may have 52428800 (50 MB) [zip-size-direct]"
	has "$(artifact zip unzipped.zip unzipped && slsc check unzipped.zip 2>&1)" \
		"bytes; the most is 262144000 (250 MB) [zip-size-unzipped]"
}

@test "zips: what no program should unzip" {
	zipped names "error: names.zip: /etc/passwd: is an absolute name [zip-name]" \
		"error: names.zip: ../up: has .. in it [zip-name]" \
		"error: names.zip: a\\b: has a backslash, which Linux takes as part of the name [zip-name]" \
		"error: names.zip: d/../../x: has .. in it [zip-name]"
	zipped duplicate "error: duplicate.zip: bootstrap: is there twice [zip-duplicate]"
	zipped symlink "error: symlink.zip: out: leads to ../../etc [zip-symlink]" \
		"error: symlink.zip: abs: leads to /etc/passwd [zip-symlink]"
	zipped encrypted "error: encrypted.zip: bootstrap: is encrypted [zip-encrypted]"
	zipped damaged "error: damaged.zip: bootstrap: does not inflate to its size [zip-damaged]"
	zipped crc "error: crc.zip: bootstrap: does not match its checksum [zip-damaged]"
	zipped local-name "error: local-name.zip: bootstrap: has another name in its local header [zip-damaged]"
	zipped truncated "error: truncated.zip: not a zip file: it has no end record [zip-damaged]"
	zipped key "error: key.zip: key.pem: line 1: a private key [secret-private-key]" \
		"warning: key.zip: id_rsa: files of this name usually hold secrets [secret-file]"
	zipped world "warning: world.zip: bootstrap: has mode 0777 [file-world-writable]"
	zipped setuid "warning: setuid.zip: bootstrap: has mode 04755 [file-setuid]"
}

@test "zips: the architecture in the name, and what a dynamic program needs" {
	need gcc gcc && need musl-gcc musl-tools
	artifact zip a.zip ok && cp a.zip hello-arm64.zip && cp a.zip hello-x86_64.zip
	finds lambda zip hello-x86_64 ""
	finds lambda zip hello-arm64 "error: hello-arm64.zip: bootstrap: is for x86_64, not arm64 [binary-arch]"
	echo 'int main(void) { return 0; }' >m.c
	musl-gcc -o musl m.c && artifact zip musl.zip ok musl
	finds lambda zip musl "error: musl.zip: bootstrap: needs /lib/ld-musl-x86_64.so.1, which is not there [binary-loader]" \
		"error: musl.zip: bootstrap: needs libc.so, which is not there [binary-library]"
	gcc -o glibc m.c && artifact zip glibc.zip ok glibc
	finds lambda zip glibc \
		"warning: glibc.zip: bootstrap: is linked to glibc by /lib64/ld-linux-x86-64.so.2 [binary-dynamic]"
	gcc -o curses m.c -Wl,--no-as-needed -lz && artifact zip curses.zip ok curses
	finds lambda zip curses "error: curses.zip: bootstrap: needs libz.so.1, which is not there [binary-library]" \
		"warning: curses.zip: bootstrap: is linked to glibc by /lib64/ld-linux-x86-64.so.2 [binary-dynamic]"
	gcc -static -z execstack -o stack m.c && artifact zip stack.zip ok stack
	finds lambda zip stack "warning: stack.zip: bootstrap: has an executable stack [binary-hardening]"
	slsc_run check glibc
	is "$out" "warning: glibc: is dynamically linked: it needs /lib64/ld-linux-x86-64.so.2 where it runs [binary-dynamic]
  link it statically (slsc does): another release of the platform may have an older one
1 artifact: 0 errors, 1 warning, 0 notes"
	[ "$status" -eq 0 ]
}

@test "images: what Lambda refuses and others take" {
	lambda ok ""
	lambda index "error: index:v1: is an index of 1 manifest [lambda-index]"
	lambda attestation "error: attestation:v1: is an index of 2 manifests [lambda-index]" \
		"error: attestation:v1: manifests[1] is an attestation [lambda-attestation]"
	lambda docker ""
	lambda docker-plain "error: docker-plain:v1: layer 1: is not compressed [lambda-plain-layer]"
	lambda zstd "warning: zstd:v1: layer 1: is compressed by zstd [lambda-zstd-layer]"
	lambda parents "error: parents:v1: layer 1: var/task/x: has no entry for var/task before it [lambda-parents]"
	lambda entrypoint-path "error: entrypoint-path:v1: config: ENTRYPOINT is hello [entrypoint-absolute]"
	lambda entrypoint-symlink \
		"error: entrypoint-symlink:v1: config: ENTRYPOINT /hi is a symlink to app/hello [entrypoint-symlink]"
	lambda readable "warning: readable:v1: app/shadow: has mode 0640 [lambda-readable]"
	lambda workdir-access "error: workdir-access:v1: config: WORKDIR /home/nonroot: /home/nonroot has mode 0700,\
 owner 65532:65532: Lambda's user cannot enter [workdir-access]"
	lambda user-root ""
	for c in index attestation docker-plain zstd parents entrypoint-path entrypoint-symlink readable workdir-access; do
		knative $c ""
		generic $c ""
	done
}

# bats test_tags=bulk
@test "images: beyond 10 GB unpacked" {
	artifact image huge huge
	slsc_run check huge --platform lambda
	[ "$status" -eq 3 ]
	is "$(grep -v '^  ' <<<"$out" | sed 's/@sha256:[0-9a-f]*//')" \
		"error: huge: has 10.1 GB unpacked; the most is 10 GB [lambda-size]
error: huge: zeros: has 10.1 GB: no program is as large [binary-format]
warning: huge: layer 1: is compressed by zstd [lambda-zstd-layer]
1 artifact: 2 errors, 1 warning, 0 notes"
}

@test "images: what is started, where and by whom" {
	generic entrypoint-missing "error: entrypoint-missing:v1: config: has neither ENTRYPOINT nor CMD [entrypoint-missing]"
	generic entrypoint-cmd ""
	generic entrypoint-not-found \
		"error: entrypoint-not-found:v1: config: ENTRYPOINT /app/helo is not there [entrypoint-not-found]"
	generic entrypoint-mode \
		"error: entrypoint-mode:v1: config: ENTRYPOINT /app/plain has mode 0644, owner 0:0 [entrypoint-executable]"
	generic entrypoint-dir "error: entrypoint-dir:v1: config: ENTRYPOINT /private/x: /private has mode 0700, owner 0:0:\
 the image's user cannot enter [entrypoint-executable]"
	generic entrypoint-is-dir \
		"error: entrypoint-is-dir:v1: config: ENTRYPOINT /app is no file [entrypoint-executable]"
	generic entrypoint-text "error: entrypoint-text:v1: app/text: not an ELF file [binary-format]"
	generic entrypoint-script \
		"error: entrypoint-script:v1: app/run: is a script for /bin/sh, which is not there [binary-loader]"
	lambda workdir-missing "error: workdir-missing:v1: config: WORKDIR /srv is not there [workdir-missing]"
	generic workdir-missing "warning: workdir-missing:v1: config: WORKDIR /srv is not there [workdir-missing]"
	generic user-root "warning: user-root:v1: config: no USER is set [user-root]"
	knative user-zero "error: user-zero:v1: config: USER is 0:0 [user-root]"
	knative user-name "error: user-name:v1: config: USER is app:app [user-name]"
	generic user-name ""
	generic arch "error: arch:v1: app/hello: is for x86_64, not arm64 [binary-arch]"
}

@test "images: a dynamic program's interpreter and libraries" {
	need gcc gcc
	echo 'int main(void) { return 0; }' >m.c
	gcc -o dynamic m.c
	artifact image dyn ok dynamic
	generic dyn "error: dyn:v1: app/hello: needs /lib64/ld-linux-x86-64.so.2, which is not there [binary-loader]" \
		"error: dyn:v1: app/hello: needs libc.so.6, which is not there [binary-library]"
}

@test "images: documents that contradict themselves" {
	generic media "error: media:v1: layer 1: is application/x-tar [image-media-type]"
	generic artifact "error: artifact:v1: config: is application/vnd.example.thing: this is no image [image-media-type]"
	generic layers "error: layers:v1: has 128 layers [image-layers]"
	generic platform "error: platform:v1: config: is for amd64; its descriptor says arm64 [image-platform]"
	generic windows "error: windows:v1: config: is for windows, not for linux [image-platform]"
	generic count "error: count:v1: config: has 0 diff_ids for 1 layers [image-diff-ids]"
	finds generic image diff-id "$(artifact image diff-id diff-id &&
		printf 'error: diff-id:v1: layer 1: its tar is sha256:%s, not what the config says [layer-diff-id]' \
			"$(zcat "diff-id/blobs/sha256/$(manifest diff-id v1 | jq -r '.layers[0].digest[7:]')" | sha256sum |
				cut -d' ' -f1)")"
	generic codec \
		"error: codec:v1: layer 1: its bytes are not compressed, not what its media type says [layer-compression]"
	artifact image truncated truncated
	slsc_run check truncated
	[ "$status" -eq 3 ]
	has "$out" "malformed gzip stream: it is cut short [layer-damaged]"
	artifact image wrong-digest wrong-digest
	slsc_run check wrong-digest
	[ "$status" -eq 3 ]
	has "$out" "not what its descriptor says [layer-damaged]"
}

@test "layers: what no program should unpack" {
	generic absolute "error: absolute:v1: layer 1: /etc/passwd: is an absolute name [layer-name]"
	generic dotdot "error: dotdot:v1: layer 1: app/../../etc/passwd: has .. in it [layer-name]"
	generic symlink "warning: symlink:v1: layer 1: app/up: leads to ../../etc, above the root [layer-symlink]" ||
		return 1
	generic hardlink "error: hardlink:v1: layer 1: app/shadow: is a link to ../../etc/shadow, which is not in the image\
 [layer-hardlink]"
	generic hardlink-missing \
		"error: hardlink-missing:v1: layer 1: app/two: is a link to app/one, which is not in the image [layer-hardlink]"
	generic through "error: through:v1: layer 1: out/passwd: would be written through a symlink [layer-through-symlink]"
	generic whiteout \
		"error: whiteout:v1: layer 1: ../.wh.etc: is a whiteout of what is not in its directory [layer-whiteout]"
	generic whiteout-dots \
		"error: whiteout-dots:v1: layer 1: app/.wh...: is a whiteout of what is not in its directory [layer-whiteout]"
	generic duplicate "error: duplicate:v1: layer 1: app/hello: is there twice [layer-duplicate]"
	generic device "warning: device:v1: layer 1: dev/null: is a device [layer-device]"
}

@test "layers: whiteouts hide what is below" {
	generic hidden "error: hidden:v1: config: ENTRYPOINT /app/hello is not there [entrypoint-not-found]"
	generic opaque "error: opaque:v1: config: ENTRYPOINT /app/hello is not there [entrypoint-not-found]"
}

@test "files and secrets, also in layers and words that nobody sees" {
	generic setuid "warning: setuid:v1: app/su: has mode 04755 [file-setuid]"
	generic writable "warning: writable:v1: app/all: has mode 0666 [file-world-writable]" \
		"warning: writable:v1: open: has mode 0777 [file-world-writable]"
	generic removed-key "error: removed-key:v1: layer 1: app/key.pem: line 1: a private key [secret-private-key]"
	generic secret-files "warning: secret-files:v1: layer 1: app/.env: files of this name usually hold secrets [secret-file]" \
		"warning: secret-files:v1: layer 1: app/.git/HEAD: a git repository [secret-file]"
	generic tokens "error: tokens:v1: layer 1: app/aws: line 2: an AWS access key id [secret-token]" \
		"error: tokens:v1: layer 1: app/gh: line 1: a GitHub token [secret-token]" \
		"error: tokens:v1: layer 1: app/npm: line 1: an npm token [secret-token]" \
		"error: tokens:v1: layer 1: app/docker.json: the password of a registry, as docker keeps it [secret-token]"
	[[ $out$err != *AKIAABCDEFGH* && $out$err != *dXNlcjpwYXNz* ]]
	generic env "error: env:v1: config: Env K: an AWS access key id [secret-token]" \
		"warning: env:v1: config: Env: DB_PASSWORD is set in the image [secret-env]"
	generic label-secret "error: label-secret:v1: config: label note: an AWS access key id [secret-token]"
	generic history "error: history:v1: config: history[0]: an AWS access key id [secret-token]"
}

@test "where an image comes from" {
	generic label "info: label:v1: config: has no org.opencontainers.image.revision [label-missing]"
	generic base "warning: base:v1: config: says its base is docker.io/library/debian:12, without a digest [base-unpinned]"
	generic base-pinned ""
}

@test "modules: what no engine gives, and what is none" {
	printf '\0asm\1\0\0\0\2\013\1\3env\3a\033b\0\0' >foreign.wasm
	slsc_run check foreign.wasm
	is "$status" 3
	is "$(grep -v '^  ' <<<"$out")" "error: foreign.wasm: does not export the function '_start' [module-format]
error: foreign.wasm: does not export its 'memory' [module-format]
error: foreign.wasm: imports function 'a?b' from 'env' [module-imports]
1 artifact: 3 errors, 0 warnings, 0 notes"
	printf '\0asm\1\0\0\0\2\5\377\377\377\377\17' >bad.wasm
	slsc_run check bad.wasm
	is "$(head -1 <<<"$out")" \
		"error: bad.wasm: the module: byte 15: 4294967295 imports do not fit into their section [module-format]"
	slsc_run check bad.wasm --ignore module-format
	is "$status" 0
}

@test "every rule is triggered by a test of this file" {
	local id missing=
	for id in $("$SLSC_BIN" check --list-rules --json | jq -r '.[].id'); do
		grep -q "\[$id\]" "$BATS_TEST_DIRNAME/check.bats" || missing+=" $id"
	done
	is "$missing" ""
}

@test "what slsc makes has no errors and no warnings, for any platform" {
	project
	git init -q . && git remote add origin https://example.com/x.git && git add -A && git commit -qm x
	slsc_run package --no-build --zip --oci
	[ "$status" -eq 0 ]
	slsc_run check
	[ "$status" -eq 0 ]
	is "$out" "info: dist/hello.oci: ':latest' is an index of several architectures; push one of :amd64, :arm64 [lambda-push-tag]
  push one of the tags that name a single manifest
5 artifacts: 0 errors, 0 warnings, 1 note"
	is "$err" ""
	for p in knative generic; do
		slsc_run check hello --platform $p
		[ "$status" -eq 0 ]
		is "$out" "5 artifacts: 0 errors, 0 warnings, 0 notes"
	done
	slsc_run check dist/hello.oci:latest
	[ "$status" -eq 3 ]
	has "$out" "error: dist/hello.oci:latest: is an index of 2 manifests [lambda-index]"
	is "$err" "error: 1 error found
hint: --ignore ID leaves a rule out; docs/CHECK.md explains each"
	slsc_run check oci:dist/hello.oci:arm64
	[ "$status" -eq 0 ]
	is "$out" "1 artifact: 0 errors, 0 warnings, 0 notes"
}

@test "the function's runtime chooses an image's platform" {
	project
	sed -i 's/^  hello:/&\n    runtime: http/' slsc.yaml
	slsc_run package --no-build --oci
	slsc_run check --json
	[ "$status" -eq 0 ]
	is "$(jq -r '[.findings[].platform]|unique|join(",")' <<<"$out")" knative
	slsc_run check dist/hello.oci --platform lambda --json
	is "$(jq -r '[.findings[].platform]|unique|join(",")' <<<"$out")" lambda
}

@test "package.check.ignore: findings are counted, not listed; of this project's artifacts alone" {
	noisy_project fixed
	slsc package --oci >/dev/null
	slsc_run check
	has "$out" "[label-missing]"
	printf 'package: {check: {ignore: [label-missing]}}\n' >>slsc.yaml
	slsc_run check
	is "$status $err" "0 "
	is "$(tail -n 1 <<<"$out")" "2 artifacts: 0 errors, 0 warnings, 1 note; 1 ignored by slsc.yaml"
	slsc_run check --json
	is "$(jq -c '[.ignored, .infos, (.findings | length)]' <<<"$out")" "[1,1,1]"
	cp -a dist/hello.oci "$T/foreign.oci"
	slsc_run check "$T/foreign.oci"
	has "$out" "[label-missing]"
	sed -i 's/label-missing/label-mising/' slsc.yaml
	slsc_run check
	is "$status" 1
	is "$err" "error: slsc.yaml:$(wc -l <slsc.yaml):28: ignore: there is no rule 'label-mising'
hint: did you mean 'label-missing'?"
}

@test "--json, --ignore, --list-rules" {
	artifact image env env
	slsc_run check env --json
	[ "$status" -eq 3 ]
	is "$(jq -c '[.errors, .warnings, .infos, .artifacts, .findings[1]]' <<<"$out")" \
		'[1,1,0,["env:v1"],{"artifact":"env:v1","id":"secret-token","message":"an AWS access key id","platform":"generic","remedy":"remove it from every layer and revoke it; pass it at run time","severity":"error","where":"config: Env K"}]'
	slsc_run check env --ignore secret-token,secret-env
	[ "$status" -eq 0 ]
	is "$out" "1 artifact: 0 errors, 0 warnings, 0 notes"
	slsc_run check env --ignore secret-tokne
	[ "$status" -eq 2 ]
	is "$err" "error: --ignore: there is no rule 'secret-tokne'
hint: did you mean 'secret-token'?"
	slsc_run check --list-rules
	[ "$status" -eq 0 ]
	is "$(head -2 <<<"$out")" "rule                   lambda   knative  generic  finds
zip-bootstrap          error    off      off      no file 'bootstrap' at the zip's root"
}

@test "names in an archive do not steer the terminal" {
	need python3 python3
	[ -f "$BATS_FILE_TMPDIR/x86_64" ] || tiny x86_64 "$BATS_FILE_TMPDIR/x86_64"
	python3 - "$BATS_FILE_TMPDIR/x86_64" <<-'EOF'
		import sys, zipfile
		with zipfile.ZipFile("t.zip", "w") as z:
		    for name, data in (("bootstrap", open(sys.argv[1], "rb").read()), ("/a\x1b[31m\n", b"x")):
		        i = zipfile.ZipInfo(name)
		        i.create_system, i.external_attr = 3, 0o100755 << 16
		        z.writestr(i, data)
	EOF
	finds lambda zip t "error: t.zip: /a?[31m?: is an absolute name [zip-name]"
}

@test "what is not there, or is nothing we know" {
	slsc_run check
	[ "$status" -eq 1 ]
	has "$err" "slsc.yaml"
	slsc_run check nothing.zip
	[ "$status" -eq 2 ]
	has "$err" "error: 'nothing.zip': there is no such file or directory"
	echo hello >text.txt
	slsc_run check text.txt
	[ "$status" -eq 2 ]
	is "$err" "error: 'text.txt': is a file, but its name does not say that it is an image
hint: if it is one, write oci-archive:FILE or docker-archive:FILE"
	slsc_run check .
	[ "$status" -eq 2 ]
	is "$err" "error: '.': is a directory, but no image layout: it has no file oci-layout
hint: a layout is a directory with oci-layout, index.json and blobs/, such as \`slsc package --oci\` makes"
	slsc_run check --fresh
	[ "$status" -eq 2 ]
	is "$err" "error: --fresh goes with --reproducible"
	project
	slsc_run check
	[ "$status" -eq 1 ]
	is "$err" "error: nothing is packaged yet: dist/manifest.json lists nothing
hint: run 'slsc package' first, or name an artifact"
}

@test "images that umoci, skopeo and podman make" {
	need umoci umoci && need skopeo skopeo
	tiny x86_64 hello
	umoci init --layout u && umoci new --image u:v1
	umoci insert --image u:v1 hello /app/hello
	umoci config --image u:v1 --config.entrypoint /app/hello --config.user 1000 --config.label \
		org.opencontainers.image.source=x --config.label org.opencontainers.image.revision=1
	slsc_run check u:v1 --platform lambda
	is "$(grep -o '\[.*\]' <<<"$out")" "[lambda-parents]"
	[ "$status" -eq 3 ]
	slsc_run check u:v1 --platform knative
	is "$out" "1 artifact: 0 errors, 0 warnings, 0 notes"
	skopeo copy -q oci:u:v1 dir:d && skopeo copy -q --format v2s2 dir:d oci:s:v1 2>/dev/null ||
		skopeo copy -q oci:u:v1 oci:s:v1
	slsc_run check s:v1 --platform generic
	is "$out" "1 artifact: 0 errors, 0 warnings, 0 notes"
}

@test "an image in a registry" {
	need docker-registry docker-registry && need skopeo skopeo && need curl curl
	local port
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	printf 'version: 0.1\nhttp: {addr: "127.0.0.1:%s"}\nstorage: {filesystem: {rootdirectory: %s}}\n' \
		"$port" "$T/registry" >"$T/registry.yml"
	docker-registry serve "$T/registry.yml" >"$T/registry.log" 2>&1 3>&- &
	registry=$!
	curl -sf --retry 100 --retry-delay 0 --retry-connrefused --retry-all-errors "http://127.0.0.1:$port/v2/"
	artifact image index index
	skopeo copy -q --all --dest-tls-verify=false oci:index:v1 "docker://127.0.0.1:$port/x/index:v1"
	slsc_run check "127.0.0.1:$port/x/index:v1" --platform lambda
	kill "$registry"
	wait "$registry" || :
	[ "$status" -eq 3 ]
	is "$(grep -v '^  ' <<<"$out")" "error: 127.0.0.1:$port/x/index:v1: is an index of 1 manifest [lambda-index]
2 artifacts: 1 error, 0 warnings, 0 notes"
	slsc_run check "127.0.0.1:$port/x/index:v1"
	[ "$status" -eq 1 ]
}

# A function whose program is made by a command, which puts @1 into it.
noisy_project() {
	need clang-14 clang-14 && need ld.lld lld
	cat >slsc.yaml <<-EOF
		project: p
		arches: [x86_64]
		functions:
		  hello:
		    build:
		      command: ./build.sh
		      inputs: [build.sh, tiny.c]
	EOF
	tiny x86_64 x && cp "$T/tiny.c" tiny.c
	printf 'const char noise[] __attribute__((used)) = NOISE;\n' >>tiny.c
	cat >build.sh <<-EOF
		#!/bin/sh
		set -e
		noise=$1
		clang-14 -O1 -ffreestanding -nostdlib -static -fuse-ld=lld -s "-DNOISE=\\"\$noise\\"" -o "\$SLSC_OUT" tiny.c
	EOF
	chmod +x build.sh
}

@test "--reproducible: a normal project gives the same bytes elsewhere" {
	noisy_project fixed
	git init -q . && git add -A && git commit -qm x
	slsc_run package --zip --oci
	[ "$status" -eq 0 ]
	slsc_run check --reproducible
	is "$err" ""
	[ "$status" -eq 0 ]
	is "$out" "hello-x86_64.zip  the same bytes
hello.oci         the same bytes"
	rm -r dist
	slsc_run check --reproducible hello --json
	[ "$status" -eq 0 ]
	is "$out" '{"artifacts":[{"artifact":"hello-x86_64.zip","difference":null},{"artifact":"hello.oci","difference":null}],"compared_with":"build","reproducible":true}'
	[ ! -e dist ]
	[ -z "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'slsc-check.*' -user "$(id -u)" -newer "$T/out")" ]
}

@test "--reproducible: a random build is named, down to the section" {
	# shellcheck disable=SC2016
	noisy_project '$(od -An -N8 -tx8 /dev/urandom | tr -d " ")'
	slsc_run package --zip --oci
	[ "$status" -eq 0 ]
	slsc_run check --reproducible
	[ "$status" -eq 3 ]
	[[ $out =~ ^hello-x86_64.zip\ \ differs:\ bootstrap:\ section\ .rodata,\ offset\ 0x[0-9a-f]+\ \(address\ 0x[0-9a-f]+\) ]]
	[[ $out =~ hello.oci\ +differs:\ .*:\ layer\ [0-9]+:\ [a-z/]+:\ section\ .rodata,\ offset\ 0x ]]
	is "$err" "error: 2 of 2 artifacts differ
hint: if sources have changed since, run 'slsc package' first; what it was told (--base, --compression, --level) has to be told here, too; --fresh compares two builds elsewhere"
	slsc_run check --reproducible --fresh
	[ "$status" -eq 3 ]
	has "$err" "hint: look for times, random numbers and absolute paths in what is named above"
}

@test "--reproducible: modes, configs and compression are named, too" {
	noisy_project fixed
	slsc_run package --zip --oci
	chmod 755 build.sh
	printf 'package:\n  image:\n    labels: {a: "1"}\n' >>slsc.yaml
	slsc_run check --reproducible
	[ "$status" -eq 3 ]
	is "$(grep -c 'differs' <<<"$out")" 1
	has "$out" "hello.oci         differs: latest: amd64: config: config.Labels.a is nothing, then \"1\""
	slsc_run package --zip --level max
	slsc_run check --reproducible
	has "$out" "hello-x86_64.zip  differs: bootstrap: the same bytes, compressed otherwise"
	slsc_run check --reproducible --level max
	has "$out" "hello-x86_64.zip  the same bytes"
}

@test "--reproducible: what package was told on its command line is told here, too" {
	noisy_project fixed
	slsc_run package --oci --base scratch --compression none
	[ "$status" -eq 0 ]
	slsc_run check --reproducible
	[ "$status" -eq 3 ]
	has "$out" "hello.oci  differs: "
	has "$err" "what it was told (--base, --compression, --level) has to be told here, too"
	slsc_run check --reproducible --base scratch --compression none
	is "$status $out" "0 hello.oci  the same bytes"
	slsc_run check --base scratch
	is "$status $err" "2 error: --base goes with --reproducible"
	slsc_run check --compression none
	is "$status $err" "2 error: --compression goes with --reproducible"
}

@test "--reproducible: a copy that does not build" {
	noisy_project fixed
	slsc_run package --zip
	echo 'exit 1' >build.sh
	slsc_run check --reproducible
	[ "$status" -eq 1 ]
	has "$err" "error: the build of a copy failed: "
}
