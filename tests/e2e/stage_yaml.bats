#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images of functions that slsc.yaml gives to a Dockerfile; stages that are stripped.
# shellcheck disable=SC2154,SC2030,SC2031 # helper.bash sets $status, $out and $err, stage_helper.bash $base
load helper
load stage_helper
load package_helper
load registry_helper

setup_file() { export SLSC_TEST_CACHE=$BATS_FILE_TMPDIR/test-cache; }

# shop [IMAGE-KEYS]: function api without sources, made by ./Dockerfile, whose text is on stdin
shop() {
	export SLSC_CACHE_DIR=$T/cache
	base=$BATS_FILE_TMPDIR/base.oci
	[ -d "$base" ] || tiny_base amd64 "$base" || return 1
	mkdir -p app
	echo hi >app/f
	cat >Dockerfile
	cat >slsc.yaml <<-EOF
		project: shop
		arches: [x86_64, arm64]
		mirrors: {example.org/base: "oci:$base"}
		functions:
		  api:
		    runtime: http
		    timeout: 5 s
		    env: {MODE: prod}
		    package: {image: {dockerfile: Dockerfile${1:+, $1}}}
	EOF
}

# labels_of KIND:FILE: what is in an archive, as skopeo reads it
labels_of() {
	need skopeo skopeo || return 1
	skopeo inspect "$1" | jq -c .Labels
}

@test "a Dockerfile makes a function's image, for both architectures, with what slsc.yaml says on top" {
	shop 'target: api, context: app, build_args: {WORD: 7}, labels: {org.example.team: a}, annotations: {org.example.x: z}' <<-'EOF'
		FROM scratch AS common
		ARG WORD=none TARGETARCH
		LABEL word=$WORD org.opencontainers.image.title=mine
		FROM common AS api
		ARG TARGETARCH
		COPY f /srv/$TARGETARCH/f
		ENV MODE=dev X=y
		USER 12
		CMD ["/srv/f"]
		HEALTHCHECK CMD ["/srv/f", "-h"]
		FROM common
	EOF
	slsc_run package --oci --oci-archive --docker-archive
	is "$status" 0
	is "$(cut -d ' ' -f 1 "$T/out")" "dist/api.oci
dist/api.oci:amd64
dist/api.oci:arm64
dist/api.oci.tar
dist/api-x86_64.docker.tar
dist/api-arm64.docker.tar"
	list_is_true dist
	is "$(jq -c '[.artifacts[]|[.path,.function,(.images|length)]]' dist/manifest.json)" \
		'[["api-arm64.docker.tar","api",1],["api-x86_64.docker.tar","api",1],["api.oci","api",2],["api.oci.tar","api",2]]'
	for a in amd64 arm64; do
		is "$(config dist/api.oci $a | jq -c '[.architecture,.config.User,.config.Cmd,.config.Healthcheck.Test]')" \
			"[\"$a\",\"12\",[\"/srv/f\"],[\"CMD\",\"/srv/f\",\"-h\"]]"
		is "$(config dist/api.oci $a | jq -c '[.config.Env[]|select(startswith("PATH=")|not)]')" \
			'["MODE=prod","X=y","SLSC_TIMEOUT_MS=5000"]'
		is "$(config dist/api.oci $a | jq -c .config.Labels)" \
			'{"org.example.team":"a","org.opencontainers.image.created":"1980-01-01T00:00:00Z","org.opencontainers.image.title":"api","word":"7"}'
		is "$(manifest dist/api.oci $a | jq -c .annotations)" \
			'{"org.example.x":"z","org.opencontainers.image.created":"1980-01-01T00:00:00Z","org.opencontainers.image.title":"api"}'
		is "$(tar -tzf "$(blob dist/api.oci "$(manifest dist/api.oci $a | jq -r '.layers[0].digest')")")" "srv/
srv/$a/
srv/$a/f"
	done
	is "$(labels_of oci-archive:dist/api.oci.tar | jq -r .word)" 7
	is "$(labels_of docker-archive:dist/api-arm64.docker.tar | jq -r .word)" 7
	is "$(tar -xOf dist/api-x86_64.docker.tar manifest.json | jq -c '.[0].RepoTags')" '["shop/api:amd64"]'
	# again, from another directory, with other times: the same bytes
	first=$(cat dist/manifest.json)
	touch -d 1999-01-01 app/f
	(cd app && slsc_run package --oci --oci-archive --docker-archive && is "$status" 0)
	is "$(cat dist/manifest.json)" "$first"
	no_leftovers "$T"
}

@test "the compressed layers of what a RUN made are those of the image; mirrors say where FROM comes from" {
	shop '' <<-'EOF'
		FROM example.org/base
		RUN echo made >/made
	EOF
	slsc_run package --oci --arch x86_64 --compression zstd
	is "$status" 0
	has "$err" "[stage-0 1/1] RUN"
	is "$(manifest dist/api.oci amd64 | jq -c '[.layers[].mediaType|ltrimstr("application/vnd.oci.image.layer.v1.")]')" \
		'["tar+gzip","tar+zstd"]'
	is "$(zstd -dqc "$(blob dist/api.oci "$(manifest dist/api.oci amd64 | jq -r '.layers[1].digest')")" | tar -xO made)" made
	# what was made is not made again
	slsc_run package --oci --arch x86_64 --compression zstd
	is "$status" 0
	is "$err" ""
	# --base NAME=SOURCE comes before the mirrors
	slsc_run package --oci --arch x86_64 --base "example.org/base=oci:$T/nowhere"
	is "$status" 1
	has "$err" "error: Dockerfile:1:6: oci:$T/nowhere: is no image layout"
}

@test "functions with and without a Dockerfile, and one in user namespaces: two stages in one process" {
	need setpriv util-linux
	export SLSC_CACHE_DIR=$T/cache
	base=$BATS_FILE_TMPDIR/base.oci
	[ -d "$base" ] || tiny_base amd64 "$base" || return 1
	project "  one: {package: {image: {dockerfile: Dockerfile, target: one}}}
  two: {package: {image: {dockerfile: Dockerfile, target: two}}}
mirrors: {base: \"oci:$T/p/base\"}"
	sed -i 's/^arches:.*/arches: [x86_64]/' slsc.yaml
	printf 'FROM base AS one\nRUN echo 1 >/n\nFROM base AS two\nRUN echo 2 >/n\n' >Dockerfile
	cp -r . "$T/p"
	cp -r "$base" "$T/p/base"
	chmod 755 "$T"
	mkdir "$T/theirs"
	chown -R 64321:64321 "$T/p" "$T/theirs"
	cd "$T/p"
	status=0
	HOME=$T/theirs SLSC_CACHE_DIR=$T/theirs/cache setpriv --reuid 64321 --regid 64321 --clear-groups \
		"$SLSC_BIN" package --no-build --oci >"$T/out" 2>"$T/err" || status=$?
	is "$(grep error "$T/err")" ""
	is "$status" 0
	for n in one two; do
		d=$(manifest dist/$n.oci amd64 | jq -r '.layers[-1].digest')
		is "$(tar -xzOf "$(blob dist/$n.oci "$d")" n)" "$([ $n = one ] && echo 1 || echo 2)"
	done
	is "$(config dist/hello.oci amd64 | jq -c .config.Entrypoint)" '["/var/task/bootstrap"]'
	theirs=$(jq -c '[.artifacts[]|[.path,.sha256]]' dist/manifest.json)
	# root makes the same
	chown -R 0:0 "$T/p"
	slsc_run package --no-build --oci
	is "$status" 0
	is "$(jq -c '[.artifacts[]|[.path,.sha256]]' dist/manifest.json)" "$theirs"
}

@test "a function without sources: build passes it over, there is no zip, no SBOM, no base of it" {
	shop '' <<<'FROM scratch'
	slsc_run build
	is "$status" 0
	is "$out$err" ""
	slsc_run build api --json
	is "$status" 0
	is "$out" '{"binaries":[],"steps":0}'
	is "$err" "api: there is nothing to compile, a Dockerfile makes its image"
	slsc_run package --zip
	is "$status" 1
	is "$err" "error: slsc.yaml:5:3: there is no zip of 'api': it has neither sources nor build, a Dockerfile makes its image
hint: make its image with --oci, or name the other functions"
	slsc_run package --oci --base static
	is "$status" 2
	is "$err" "error: --base static: the image of 'api' is made by Dockerfile
hint: --base NAME=SOURCE says where an image that its FROM names comes from"
	slsc_run package --oci --sbom attach
	is "$status" 2
	is "$err" "error: --sbom: there is none of 'api', whose image a Dockerfile makes
hint: leave it out, or name the other functions"
	printf 'package: {image: {provenance: attach}}\n' >>slsc.yaml
	slsc_run package --oci
	is "$status" 1
	is "$err" "error: slsc.yaml:10:31: provenance: there is none of 'api', whose image a Dockerfile makes
hint: write provenance: none for that function"
	slsc_run sbom api
	is "$status" 2
	is "$err" "error: api: there is no binary to list, a Dockerfile makes its image
hint: name a function that has sources or build"
	[ ! -e dist ]
}

@test "what is wrong is said at its place: file, context, stage, step; nothing is written" {
	shop 'target: bulder' <<-'EOF'
		FROM example.org/base AS builder
		RUN echo oh; exit 3
	EOF
	slsc_run package --oci --arch x86_64
	is "$status" 1
	is "$err" "error: slsc.yaml:9:55: Dockerfile has no stage 'bulder'
hint: did you mean 'builder'?"
	slsc_run package --oci -n --arch x86_64
	is "$status" 1
	has "$err" "error: slsc.yaml:9:55: Dockerfile has no stage 'bulder'"
	sed -i 's/bulder/builder/' slsc.yaml
	slsc_run package --oci --arch x86_64 -n
	is "$status" 0
	is "$out" "would write dist/api.oci"
	[ ! -e dist ]
	slsc_run package --oci --arch x86_64
	is "$status" 1
	has "$err" "error: Dockerfile:2:1: stage builder: RUN: exit code 3
  oh"
	[ ! -e dist ]
	sed -i 's/dockerfile: Dockerfile/dockerfile: Dockerfil/' slsc.yaml
	for c in 'config check' 'package --oci'; do
		# shellcheck disable=SC2086
		slsc_run $c
		is "$status" 1
		is "$err" "error: slsc.yaml:9:35: no such Dockerfile: 'Dockerfil'
hint: did you mean 'Dockerfile'?"
	done
	sed -i 's/Dockerfil, .*/Dockerfile, context: apps}}/' slsc.yaml
	slsc_run package --oci
	is "$status" 1
	is "$err" "error: slsc.yaml:9:56: no such directory: 'apps'
hint: did you mean 'app'?"
	sed -i 's/context: apps/build_args: {WROD: x}/' slsc.yaml
	printf 'FROM scratch\nARG WORD\nCOPY app /\n' >Dockerfile
	slsc_run package --oci
	is "$status" 0
	has "$err" "warning: api: --build-arg WROD: no ARG of the stages that are built asks for it; did you mean WORD?"
}

@test "a registry's tag in FROM is locked by digest, unless it is told for one run" {
	need skopeo skopeo || return 1
	registry open
	shop '' <<-EOF
		FROM example.org/base:1
		COPY app/f /f
	EOF
	skopeo copy -q --dest-tls-verify=false "oci:$base:latest" "docker://127.0.0.1:$port/base:1"
	digest=$(skopeo inspect --tls-verify=false "docker://127.0.0.1:$port/base:1" | jq -r .Digest)
	sed -i "s,^mirrors:.*,mirrors: {example.org: \"127.0.0.1:$port\"}," slsc.yaml
	slsc_run package --oci --arch x86_64 -n
	is "$status$out" "0would write dist/api.oci"
	slsc_run package --oci --arch x86_64 --base "example.org/base:1=127.0.0.1:$port/base:1"
	is "$status" 0
	[ ! -e slsc.lock ]
	slsc_run package --oci --arch x86_64
	is "$status" 0
	is "$(grep -v '^#' slsc.lock)" "version: 1
base:
  \"example.org/base:1\":
    digest: $digest"
	first=$(cat dist/api.oci/index.json)
	# the tag moves: the lock does not
	printf 'FROM scratch\nCOPY app /moved\n' >other.Dockerfile
	slsc_run build -f other.Dockerfile -o "oci:$T/other" .
	is "$status" 0
	skopeo copy -q --dest-tls-verify=false "oci:$T/other:latest" "docker://127.0.0.1:$port/base:1"
	slsc_run package --oci --arch x86_64
	is "$status" 0
	is "$(cat dist/api.oci/index.json)" "$first"
	# what `slsc build -f` is told is not of this project's lock
	slsc_run build -f Dockerfile --base "example.org/base:1=127.0.0.1:$port/base:1" -o "oci:$T/out.oci" .
	is "$status" 0
	is "$(layer 0 | tail -1 | cut -d ' ' -f 6)" moved/f
	sed -i 's/digest: .*/digest: main/' slsc.lock
	slsc_run package --oci --arch x86_64
	is "$status" 1
	is "$err" "error: slsc.lock:5:5: base 'example.org/base:1' has no valid digest
hint: restore slsc.lock, or remove the entry to lock the base anew"
}

@test "a short name in FROM: mirrors by either form of it, and slsc base update moves its lock" {
	need skopeo skopeo || return 1
	registry open
	shop '' <<<$'FROM debian:12\nCOPY app/f /f'
	skopeo copy -q --dest-tls-verify=false "oci:$base:latest" "docker://127.0.0.1:$port/deb:12"
	first=$(skopeo inspect --tls-verify=false "docker://127.0.0.1:$port/deb:12" | jq -r .Digest)
	local mirrors
	for mirrors in "{debian: '127.0.0.1:$port/deb'}" "{docker.io/library/debian: '127.0.0.1:$port/deb'}" \
		"{docker.io: '127.0.0.1:1', docker.io/library/debian: '127.0.0.1:$port/deb', docker.io/library: '127.0.0.1:1'}"; do
		rm -f slsc.lock
		sed -i "s|^mirrors:.*|mirrors: $mirrors|" slsc.yaml
		slsc_run -q package --oci --arch x86_64
		is "$err" ""
		is "$status" 0
		is "$(grep -v '^#' slsc.lock)" "version: 1
base:
  \"docker.io/library/debian:12\":
    digest: $first"
		slsc_run base update
		is "$status" 0
		is "$err" ""
	done
	printf 'FROM scratch\nCOPY app /moved\n' >other.Dockerfile
	slsc_run build -f other.Dockerfile -o "oci:$T/other" .
	is "$status" 0
	skopeo copy -q --dest-tls-verify=false "oci:$T/other:latest" "docker://127.0.0.1:$port/deb:12"
	sed -i "s,^mirrors:.*,mirrors: {debian: '127.0.0.1:$port/deb'}," slsc.yaml
	slsc_run base update
	is "$status" 0
	has "$out" "docker.io/library/debian:12"
	slsc_run -q package --oci --arch x86_64
	is "$status" 0
	is "$(grep -c "$first" slsc.lock)" 0
	# a named base stays one, whatever stands for the registry
	sed -i "s,^mirrors:.*,mirrors: {docker.io: '127.0.0.1:1'}," slsc.yaml
	printf 'FROM static\nCOPY app/f /f\n' >Dockerfile
	slsc_run -q package --oci --arch x86_64
	is "$err" ""
	is "$status" 0
}

# programs: ctx/{static,dynamic,foreign,libx.so,part.o,script,plain}, all but the last two with symbols
programs() {
	need clang-14 clang-14 && need ld.lld lld && need readelf binutils || return 1
	printf 'int helper(int x) { return x + 1; }\nvoid _start(void) { for (;;) helper(1); }\n' >"$T/p.c"
	printf 'int shared(void) { return 1; }\n' >"$T/x.c"
	printf 'int shared(void);\nvoid _start(void) { for (;;) shared(); }\n' >"$T/d.c"
	local cc=(clang-14 -g -O0 -ffreestanding -nostdlib -fuse-ld=lld) x=--target=x86_64-linux-gnu
	"${cc[@]}" $x -static -Wl,-z,noexecstack -o static "$T/p.c"
	"${cc[@]}" $x -static -s -o plain "$T/p.c"
	"${cc[@]}" --target=aarch64-linux-gnu -static -o foreign "$T/p.c"
	"${cc[@]}" $x -shared -fPIC -o libx.so "$T/x.c"
	"${cc[@]}" $x -o dynamic -Wl,--dynamic-linker=/lib/ld.so "$T/d.c" libx.so
	clang-14 -g -O0 $x -c -o part.o "$T/p.c"
	printf '#!/bin/sh\n' >script
	chmod 755 script
}

# unpack N DIR: the image's Nth layer
unpack() {
	local d
	d=$(built | jq -r ".layers[$1].digest")
	mkdir "$2"
	tar -xf "$T/out.oci/blobs/sha256/${d#sha256:}" -C "$2"
}

# has_symtab FILE
has_symtab() { readelf -SW "$1" | grep -q '\.symtab'; }
# stripped FILE
stripped() { ! has_symtab "$1"; }

@test "--strip: programs and shared objects of the stage's own layers, not the base's; the rest is as it was" {
	stage_setup
	programs
	mkdir under
	cp static under/static
	printf 'FROM scratch\nCOPY under /base\n' >Dockerfile
	slsc_run build -f Dockerfile -o "oci:$T/under.oci" .
	is "$status" 0
	under=$(jq -r '.manifests[0].digest' "$T/under.oci/index.json")
	under=$(jq -r '.layers[0].digest' "$T/under.oci/blobs/sha256/${under#sha256:}")
	text='FROM under AS first
COPY static libx.so part.o /a/
FROM first
COPY script plain /b/
COPY --chmod=4755 static /c/'
	build --base "under=oci:$T/under.oci" <<<"$text"
	is "$status" 0
	plain=$(built | jq -c '[.layers[].digest]')
	build --base "under=oci:$T/under.oci" --strip <<<"$text"
	is "$status" 0
	is "$(grep -c warning "$T/err" || true)" 0
	is "$(built | jq -r '.layers[0].digest')" "$under"
	# what holds no program with symbols is the same layer
	is "$(built | jq -r '.layers[2].digest')" "$(jq -r '.[2]' <<<"$plain")"
	unpack 1 "$T/a" && unpack 3 "$T/c"
	stripped "$T/a/a/static"
	stripped "$T/a/a/libx.so"
	readelf --dyn-syms -W "$T/a/a/libx.so" | grep -q ' shared$'
	cmp part.o "$T/a/a/part.o"
	has_symtab static
	cmp "$T/a/a/static" "$T/c/c/static"
	is "$(stat -c %a "$T/c/c/static")" 4755
	# the config tells of these layers
	is "$(built_config | jq -c '[.history[]|select(.empty_layer|not)]|length')" 4
	for i in 1 3; do
		d=$(built | jq -r ".layers[$i].digest")
		is "$(built_config | jq -r ".rootfs.diff_ids[$i]")" \
			"sha256:$(gzip -dcf "$T/out.oci/blobs/sha256/${d#sha256:}" | sha256sum | cut -d ' ' -f 1)"
	done
	# cached or not, today or not: the same bytes
	first=$(cat "$T/out.oci/index.json")
	touch -d 1999-01-01 static
	build --base "under=oci:$T/under.oci" --strip <<<"$text"
	is "$(cat "$T/out.oci/index.json")" "$first"
	SLSC_CACHE_DIR=$T/other build --base "under=oci:$T/under.oci" --strip <<<"$text"
	is "$(cat "$T/out.oci/index.json")" "$first"
	# and without it what it was
	build --base "under=oci:$T/under.oci" <<<"$text"
	is "$(built | jq -c '[.layers[].digest]')" "$plain"
	is "$(find "$SLSC_CACHE_DIR/stage/run" -mindepth 1 2>/dev/null)" ""
}

@test "--strip: what a RUN links together stays so; a whole image in one layer or in a directory, too" {
	stage_setup
	programs
	text='FROM base
COPY static /s
RUN cp /s /t && ln /t /u && echo x >/x && rm /s'
	build --strip <<<"$text"
	is "$status" 0
	unpack -1 "$T/run"
	stripped "$T/run/t"
	is "$(stat -c %i "$T/run/t")" "$(stat -c %i "$T/run/u")"
	is "$(layer -1 | cut -d ' ' -f 6-)" ".wh.s
t
u link to t
x"
	size=$(stat -c %s "$T/run/t")
	build --strip --squash <<<"$text"
	is "$status" 0
	is "$(built | jq '.layers|length')" 1
	is "$(in_layer 0 t | sha256sum)" "$(sha256sum <"$T/run/t")"
	is "$(in_layer 0 bin/busybox | sha256sum)" "$(sha256sum </bin/busybox)"
	slsc_run build -f Dockerfile --base "base=oci:$base" --strip -o "dir:$T/rootfs" .
	is "$status" 0
	is "$(stat -c %s "$T/rootfs/t")" "$size"
	cmp /bin/busybox "$T/rootfs/bin/busybox"
}

@test "--strip says what is not static, not for this machine, or would be damaged; the first twenty" {
	stage_setup
	programs
	cp static extra
	echo "a payload that only this program knows how to find, and that is longer than any padding there may be" >>extra
	printf '\177ELF and no more of it' >broken
	build --strip <<<$'FROM scratch\nCOPY broken dynamic extra foreign libx.so static /bin/'
	is "$status" 0
	is "$(grep ^warning "$T/err")" "warning: --strip: /bin/dynamic: has an interpreter /lib/ld.so; needs shared library libx.so
warning: --strip: /bin/extra: is left as it is: it has data behind its sections
warning: --strip: /bin/foreign: is arm64, not x86_64"
	unpack 0 "$T/bin"
	cmp extra "$T/bin/bin/extra"
	cmp broken "$T/bin/bin/broken"
	stripped "$T/bin/bin/foreign"
	stripped "$T/bin/bin/dynamic"
	mkdir many
	for i in $(seq 10 33); do cp plain "many/$i" && cp dynamic "many/d$i"; done
	build --strip --arch x86_64 --arch arm64 <<<$'FROM scratch\nCOPY many /m/'
	is "$status" 0
	is "$(grep -c 'warning: --strip for amd64: /m/.*: has an interpreter' "$T/err")" 20
	has "$err" "warning: --strip for amd64: the like of 4 more files"
	has "$err" "warning: --strip for arm64: the like of 28 more files"
	has "$err" "warning: --strip for arm64: /m/10: is x86_64, not arm64"
}

@test "blobs that rot in the store are made or fetched anew, whoever needs them" {
	stage_setup
	registry open
	slsc -q push "oci:$base" "127.0.0.1:$port/base:t" >"$T/out"
	echo hello >a
	printf 'FROM 127.0.0.1:%s/base:t\nCOPY a /a\nRUN cat /a >/b\n' "$port" >Dockerfile
	slsc_run -q build -f Dockerfile -o oci:one .
	is "$status$err" 0
	whole one
	rot() {
		local b
		# other inodes: what the layout has linked stays as it is
		for b in "$SLSC_CACHE_DIR/blobs/sha256"/*; do
			printf X | cat - <(tail -c +2 "$b") >"$T/rotten" && touch -d '2001-01-01' "$T/rotten" && mv "$T/rotten" "$b"
		done
	}
	[ "$(find "$SLSC_CACHE_DIR/blobs/sha256" -type f | wc -l)" -ge 4 ]
	rot
	slsc_run -q build -f Dockerfile -o oci:two .
	is "$status$err" 0
	same_blobs one two
	# what is whole and old enough is hashed once: then a record tells
	touch -d '2002-01-01' "$SLSC_CACHE_DIR/blobs/sha256"/*
	slsc_run -q build -f Dockerfile -o oci:two .
	is "$status$err" 0
	local l
	for l in $(jq -r '.layers[].digest' "two/blobs/sha256/$(jq -r '.manifests[0].digest' two/index.json | cut -d: -f2)"); do
		[ -f "$SLSC_CACHE_DIR/verified/${l#sha256:}" ]
		is "$(stat -c %y "$SLSC_CACHE_DIR/blobs/sha256/${l#sha256:}" | cut -c1-4)" 2002
	done
	# and those that have to be unpacked again
	rot
	rm -rf "$SLSC_CACHE_DIR/stage/layers"
	printf 'FROM 127.0.0.1:%s/base:t\nCOPY a /a\nRUN cat /a /a >/c\n' "$port" >Dockerfile
	slsc_run -q build -f Dockerfile -o oci:three .
	is "$status$err" 0
	whole three
	rot
	slsc_run -q build -f Dockerfile -o oci:four .
	is "$status$err" 0
	same_blobs three four
	no_leftovers "$T"
}
