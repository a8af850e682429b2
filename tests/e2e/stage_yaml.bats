#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images of functions that slsc.yaml gives to a Dockerfile; stages that are stripped.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err, stage_helper.bash $base
load helper
load stage_helper
load package_helper

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
