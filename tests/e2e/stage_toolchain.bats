#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Compilers from a stage of a Dockerfile: `toolchain: {stage: ...}`. The stage has what musl needs and no more, since a cold
# cache has it installed anew; stage_builder.bats builds by what Dockerfile.builder installs.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper

setup_file() {
	export SLSC_SRC SLSC_BUILD SLSC_BIN
	mkdir "$BATS_FILE_TMPDIR/p" "$BATS_FILE_TMPDIR/p/scripts" "$BATS_FILE_TMPDIR/bin" || return 1
	echo 'clang lld musl-dev libgcc-12-dev libstb-dev' >"$BATS_FILE_TMPDIR/p/scripts/packages"
	cat >"$BATS_FILE_TMPDIR/p/Dockerfile" <<-'EOF'
		FROM debian:bookworm-slim AS builder
		RUN --mount=type=bind,source=scripts/packages,target=/tmp/packages \
			apt-get update -q \
			&& apt-get install -y -q --no-install-recommends $(cat /tmp/packages) \
			&& rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/ldconfig
	EOF
	# all that a build may find on this machine: no compiler, no linker
	local t
	for t in ninja bwrap sh newuidmap newgidmap qemu-aarch64-static; do
		command -v "$t" >/dev/null && ln -s "$(command -v "$t")" "$BATS_FILE_TMPDIR/bin/$t"
	done
}

# project [LINE]: hello, compiled in the stage, or by what this line of slsc.yaml says
project() {
	need jq jq && need bwrap bubblewrap || return 1
	local base
	base=$(python3 "$BATS_TEST_DIRNAME/../stage/bases.py" "$SLSC_CACHE_DIR" minbase) || return 1
	cp -r "$BATS_FILE_TMPDIR/p/." .
	printf '%s\n' '#include <slsc.h>' '#include "greeting.h"' \
		'int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)' \
		'{' '	(void)ctx; (void)in;' '	slsc_puts(out, GREETING);' '	return 0;' '}' >hello.c
	echo '#define GREETING "{\"from\": \"a stage\"}"' >greeting.h
	{
		printf 'project: t\nmirrors: {"debian:bookworm-slim": "oci:%s"}\n' "$base"
		[ $# -gt 0 ] || set -- 'toolchain: {stage: builder}'
		printf '%s\n' "$@"
		printf 'functions:\n  hello: {sources: [hello.c]}\n'
	} >slsc.yaml
}

# built: the project of every other test, built once for both architectures
built() {
	kept built make_built
}

make_built() {
	project && hidden build --smoke && ok && cp "$T/err" smoke
}

# with_path DIR ARGS...: slsc_run with no other programs than those of DIR
with_path() {
	local dir=$1
	shift
	status=0
	PATH=$dir "$SLSC_BIN" "$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
	out=$(cat "$T/out")
	err=$(cat "$T/err")
}

# hidden ARGS...: slsc_run on a machine without compilers
hidden() {
	with_path "$BATS_FILE_TMPDIR/bin" "$@"
}

steps() {
	jq .steps "$T/out"
}

ok() {
	[ "$status" -eq 0 ] && return 0
	echo "$err" >&2
	return 1
}

@test "hello is built for both architectures by the stage's compilers, on a machine that has none" {
	built
	has "$(cat smoke)" "smoke: hello x86_64 asked for an event"
	has "$(cat smoke)" "smoke: hello arm64 asked for an event"
	is "$(file -b .slsc/release/arm64/hello | cut -d, -f2)" " ARM aarch64"
	[ -s .slsc/release/x86_64/hello.debug ] && [ -s .slsc/release/x86_64/hello.map ]
	# whatever the machine has, and wherever the project lies: the same bytes, shown by one architecture
	mkdir "$T/other" && cp -r Dockerfile scripts hello.c greeting.h slsc.yaml "$T/other/"
	(cd "$T/other" && "$SLSC_BIN" -q build --arch x86_64 >/dev/null)
	cmp .slsc/release/x86_64/hello "$T/other/.slsc/release/x86_64/hello"
	cmp .slsc/release/x86_64/hello.debug "$T/other/.slsc/release/x86_64/hello.debug"
	# with nothing to do nothing runs, without bwrap nor a namespace
	mkdir "$T/bin" && ln -s "$(command -v ninja)" "$(command -v sh)" "$T/bin/"
	with_path "$T/bin" build --json --explain
	ok
	is "$(steps)" 0
	is "$err" ""
}

@test "a header of the project makes its users stale, one of the stage is never missed; -v shows what ran" {
	built
	# of a directory that the compiler does not take for the system's
	sed -i 's|{sources: \[hello.c\]}|{sources: [hello.c], flags: [-I/usr/include/stb]}|' slsc.yaml
	sed -i '1i #include <stb_sprintf.h>' hello.c
	hidden build --json --arch x86_64
	ok
	hidden build --json --arch x86_64
	is "$(steps)" 0
	echo '#define GREETING "{}"' >greeting.h
	hidden build -v --explain --arch x86_64
	ok
	has "$err" ".slsc/release/x86_64/.obj/stage.builder/hello/hello.c.o: is older than greeting.h"
	is "$(grep -c ' clang .* -c ' "$T/err")" 1
	is "$(grep -c '^"$SLSC_IN_STAGE" [0-9a-f]\{16\}/builder clang .* && "$SLSC_SELF" _finish ' "$T/err")" 1
	# an editor finds the headers where they really are
	local dir
	dir=$(grep -o "[^ ]*/stage/layers/[0-9a-f]*/usr/include/x86_64-linux-musl" compile_commands.json)
	[ -f "$dir/stdio.h" ]
	has "$(cat compile_commands.json)" '"command":"clang '
}

@test "another Dockerfile is another command for each step; a step that gives the same is none" {
	built
	echo 'RUN touch /one' >>Dockerfile
	hidden build --explain --json --arch x86_64
	ok
	has "$err" ".slsc/release/x86_64/.obj/stage.builder/hello/hello.c.o: its command has changed"
	[ "$(steps)" -gt 20 ]
	echo '# nothing' >>Dockerfile
	hidden build --json --arch x86_64
	is "$(steps)" 0
}

@test "the commands see the project, slsc's runtime and the stage: no other file of this machine, and no network" {
	project
	echo secret >"$T/secret"
	cat >>slsc.yaml <<-EOF
		  own:
		    runtime: none
		    build:
		      command: |
		        { id -u; ls "$T"; ls /sys/class/net; echo "\$HOME \$PATH"; echo "\${MINE-none}"; pwd; } >seen
		        ! touch "$SLSC_BUILD/share/slsc/runtime/mine" /proc/sys/kernel/hostname 2>/dev/null
		        echo 'int main(void) { return 0; }' >own.c && \$CC own.c -o "\$SLSC_OUT"
		      inputs: [hello.c]
	EOF
	export MINE=1
	hidden build --smoke own
	ok
	has "$err" "smoke: own arm64 exited with status 0"
	is "$(cat seen)" "0
w
lo
/root $T/w/.slsc/release/arm64/.obj/stage.builder/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
none
$T/w"
	is "$(stat -c %u seen)" "$(id -u)"
	[ ! -e "$SLSC_BUILD/share/slsc/runtime/mine" ]
}

@test "the SBOM and the provenance name the stage by its digest, and the compiler by its package in there" {
	built
	hidden build --json --arch x86_64
	ok
	is "$(jq -r '.binaries[0].toolchain' "$T/out")" "musl in stage builder of Dockerfile"
	hidden sbom hello --arch x86_64
	ok
	local digest
	digest=$(jq -r '.packages[] | select(.name == "stage builder of Dockerfile").versionInfo' "$T/out")
	has "$digest" "sha256:$(grep -o -m1 'IN_STAGE" [0-9a-f]\{16\}' .slsc/build.ninja | cut -d' ' -f2)"
	is "$(jq -r '.packages[] | select(.name == "clang-14").versionInfo' "$T/out" | cut -d. -f1)" "1:14"
	is "$(jq -r '.packages[] | select(.name == "musl-dev").externalRefs[0].referenceLocator' "$T/out" | cut -d@ -f1)" \
		"pkg:deb/debian/musl-dev"
	hidden package --oci --arch x86_64 --provenance attach
	ok
	jq -s --arg d "${digest#sha256:}" -e '.[] | select(.predicateType? == "https://slsa.dev/provenance/v1").predicate.buildDefinition
		| .externalParameters.toolchain == "musl in stage builder of Dockerfile" and
		  any(.resolvedDependencies[]; .digest.sha256 == $d)' \
		<(for b in dist/hello.oci/blobs/sha256/*; do jq -c . "$b" 2>/dev/null || true; done) >/dev/null
}

@test "what is wrong is said where it stands" {
	project 'toolchain: {stage: bilder}'
	slsc_run build
	is "$status" 1
	is "$err" "error: slsc.yaml:3:20: Dockerfile has no stage 'bilder'
hint: did you mean 'builder'?"
	project 'toolchain: {stage: builder, dockerfile: Dockerfil}'
	slsc_run config check
	is "$err" "error: slsc.yaml:3:41: no such Dockerfile: 'Dockerfil'
hint: did you mean 'Dockerfile'?"
	project 'toolchain: {stage: builder, from: Dockerfile}'
	slsc_run build
	is "$err" "error: slsc.yaml:3:29: unknown key 'from' in toolchain
hint: known keys: stage, dockerfile"
	project 'toolchain: [builder]'
	slsc_run build
	is "$err" "error: slsc.yaml:3:12: toolchain: expected a string or a mapping, found a list"
	project 'toolchain: {dockerfile: Dockerfile}'
	slsc_run build
	is "$err" "error: slsc.yaml:3:12: missing key 'stage' in toolchain"

	project
	mv Dockerfile elsewhere
	slsc_run build
	is "$err" "error: slsc.yaml:3:20: no such Dockerfile: 'Dockerfile'
hint: name it: toolchain: {stage: builder, dockerfile: PATH}"
	printf 'FROM debian:bookworm-slim AS builder\nRUN echo no compiler here; exit 3\n' >Dockerfile
	slsc_run build
	is "$status" 1
	has "$err" "error: Dockerfile:2:1: stage builder: RUN: exit code 3
  no compiler here"
	printf 'FROM debian:bookworm-slim AS builder\n' >Dockerfile
	slsc_run build
	is "$err" "error: slsc.yaml:3:20: stage 'builder' of Dockerfile has no toolchain for x86_64: musl lacks clang, ld.lld
hint: install one in it: RUN apt-get update && apt-get install -y clang lld musl-dev libgcc-12-dev"
}

@test "a compile error is the compiler's, and its file's; what this machine lacks is said, too" {
	project
	echo 'int x = ;' >>hello.c
	# a build that takes its time says that it builds
	hidden build --progress never --arch x86_64
	is "$status" 1
	is "$err" "hello.c:9:9: error: expected expression
int x = ;
        ^
1 error generated.
error: hello.c did not compile (function 'hello', x86_64)"
	sed -i '$d' hello.c
	sed -i 's|{sources: \[hello.c\]}|{sources: [hello.c], includes: [/usr/include/none]}|' slsc.yaml
	hidden build
	is "$err" "error: slsc.yaml:5:42: no such include directory in stage 'builder': '/usr/include/none'
hint: of this machine a stage sees the project's directory alone"
	project
	hidden build --launcher sh
	is "$status" 2
	is "$err" "error: --launcher sh: 'hello' is compiled in stage 'builder', where nothing of this machine is
hint: leave it out, or name the other functions"
	mkdir "$T/bin" && ln -s "$(command -v ninja)" "$(command -v sh)" "$T/bin/"
	with_path "$T/bin" build --progress never
	is "$status" 1
	is "$err" "error: stage 'builder': 'bwrap' is not found on PATH
hint: apt-get install bubblewrap"
}

@test "a dry run makes no stage, says what would be compiled in one that is there, and writes nothing" {
	project
	hidden build -n --arch x86_64
	ok
	has "$out$err" "compile hello.c (x86_64)"
	[ ! -e .slsc ]
	echo 'RUN touch /two' >>Dockerfile
	hidden build -n
	is "$status" 1
	is "$err" "error: slsc.yaml:3:20: stage 'builder' of Dockerfile is not made yet
hint: run \`slsc build\`"
	[ ! -e .slsc ]
}

@test "a project may use the stage for one function and this machine for another; config show says which" {
	project 'toolchain: musl'
	sed -i 's|hello: {|hello: {toolchain: {stage: builder}, |' slsc.yaml
	echo '  here: {sources: [hello.c]}' >>slsc.yaml
	slsc_run build --json --arch x86_64
	ok
	is "$(jq -c '[.binaries[] | .toolchain]' "$T/out")" '["musl in stage builder of Dockerfile","musl"]'
	slsc_run config show --json
	is "$(jq -c '[.toolchain, .functions.hello.toolchain, .functions.here.toolchain]' "$T/out")" \
		'["musl",{"stage":"builder","dockerfile":"Dockerfile"},"musl"]'
	slsc_run config show
	cp "$T/out" slsc.yaml
	slsc_run build --json --arch x86_64
	is "$(steps)" 0
	slsc_run config schema
	is "$(jq -c '.properties.toolchain.type' "$T/out")" '["object","string"]'
	slsc_run doctor --no-fetch --json
	is "$(jq -c '[.toolchains[] | select(.toolchain == "stage builder") | .state]' "$T/out")" '["works","works"]'
}

@test "an interrupt ends what runs in the stage, and leaves nothing" {
	built
	cat >>slsc.yaml <<-'EOF'
		  slow: {runtime: none, build: {command: "sleep 987654 & wait"}}
	EOF
	local sig pid status
	for sig in TERM KILL; do
		"$SLSC_BIN" build slow --arch x86_64 2>"$T/err" 3>&- &
		pid=$!
		until pgrep -f '^sleep 987654$' >/dev/null; do kill -0 "$pid"; done
		kill "-$sig" "$pid"
		status=0
		wait "$pid" || status=$?
		is "$status" "$([ "$sig" = TERM ] && echo 130 || echo 137)"
		# who was killed has told nobody to wait; but the next build does
		hidden build hello --arch x86_64
		ok
		is "$(pgrep -f '^sleep 987654$')" ""
		is "$(find "$SLSC_CACHE_DIR/stage/run" -mindepth 1 -maxdepth 1 -name "$pid*")" ""
		no_leftovers .
	done
}

@test "without rights, with one user id, by another compiler: the stage is made, and files are the user's" {
	need setpriv util-linux
	project
	local as=() cache=$SLSC_CACHE_DIR/stage-toolchain uid
	printf '%s\n' 'FROM debian:bookworm-slim AS builder' \
		'RUN apt-get update -q && apt-get install -y -q --no-install-recommends gcc musl-dev' >Dockerfile
	sed -i '1i arches: [x86_64]' slsc.yaml
	# its own cache is kept from run to run, too
	mkdir -p "$cache"
	cp -r "$BATS_FILE_TMPDIR/bin" "$T/bin"
	if [ "$(id -u)" -eq 0 ]; then
		chmod 755 "$T" && chown -R 65534:65534 "$T/w" "$T/home" && chown 65534:65534 "$cache"
		as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	fi
	uid=$("${as[@]}" id -u)
	as+=(env "PATH=$T/bin" "SLSC_CACHE_DIR=$cache" "$SLSC_BIN")
	"${as[@]}" build --json >"$T/out" 2>"$T/err" || { cat "$T/err" >&2; return 1; }
	is "$(jq -r '.binaries[0].toolchain' "$T/out")" "musl-gcc in stage builder of Dockerfile"
	has "$(file -b .slsc/release/x86_64/hello)" "statically linked"
	is "$(stat -c %u .slsc/release/x86_64/hello .slsc/release/x86_64/.obj/stage.builder/hello/hello.c.o)" "$uid
$uid"
	"${as[@]}" build --json --smoke >"$T/out"
	is "$(steps)" 0
}

@test "a cache elsewhere has the stage and the binary: a machine with neither makes neither" {
	built
	hidden build --json --arch x86_64 --cache-to "oci:$T/elsewhere:main"
	ok
	is "$(jq -c '[.manifests[].annotations["org.opencontainers.image.ref.name"]] | sort' "$T/elsewhere/index.json")" \
		'["main","main-stage-builder"]'
	mkdir "$T/other" && cp -r Dockerfile scripts hello.c greeting.h slsc.yaml "$T/other/"
	cd "$T/other"
	SLSC_CACHE_DIR=$T/cache hidden build --json --arch x86_64 --cache-from "oci:$T/elsewhere:main"
	ok
	is "$(jq -c '[.steps, .cache.hits, .cache.misses]' "$T/out")" "[0,1,0]"
	is "$(grep -c ' RUN ' "$T/err" || true)" 0
	cmp .slsc/release/x86_64/hello "$BATS_FILE_TMPDIR/w/.slsc/release/x86_64/hello"
	cmp .slsc/release/x86_64/hello.map "$BATS_FILE_TMPDIR/w/.slsc/release/x86_64/hello.map"
}
