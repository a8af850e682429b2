#!/usr/bin/env bats
# launcher: caches before each compile. Real ccache and sccache, real Redis; servers that fail.

load helper
load launcher_helper

@test "ccache: a clean checkout in another directory is all hits, for machines and wasm32" {
	reference template "${ALL[@]}"
	export CCACHE_DIR=$T/cache
	template "$T/a" ccache
	build "${ALL[@]}"
	is "$status" 0
	is "$err" ""
	is "$(launched name hits)" "ccache 0"
	n=$(launched compiles)
	[ "$n" -gt 50 ]
	same_as_reference
	template "$T/elsewhere/b" ccache
	build "${ALL[@]}"
	is "$status" 0
	is "$err" ""
	is "$(launched compiles hits)" "$n $n"
	same_as_reference
}

@test "ccache and gcc, of this machine and a cross compiler: the same" {
	gcc() { checkout "$@" && sed -i '1a toolchain: musl-gcc' slsc.yaml; }
	reference gcc
	export CCACHE_DIR=$T/cache
	for dir in a elsewhere/b; do
		gcc "$T/$dir" ccache
		build
		is "$status" 0
		is "$err" ""
		same_as_reference
	done
	is "$(launched compiles hits)" "4 4"
}

@test "arguments are free of absolute paths, with each toolchain" {
	for tc in musl musl-gcc gnu; do
		template "$T/$tc"
		sed -i "s/^toolchain: .*/toolchain: $tc/" slsc.yaml
		slsc_run build -n -v --progress=never "${ALL[@]}"
		is "$status" 0
		grep -F ' -c ' <<<"$err" | sed 's/ # .*//' >compiles
		[ "$(wc -l <compiles)" -gt 50 ]
		# what is left is what things are called in binaries, and "the directory this runs in"
		is "$(grep -oE "[ =]/[^ ]*" compiles | sort -u | grep -vE '^=/(slsc|sysroot/(include|kernel|gcc)|proc/self/cwd(=\.)?)$')" ""
		is "$(grep -cF "$T" compiles)" 0
	done
}

@test "flags of slsc.yaml that hold the project's path: it is in no binary, as before" {
	checkout "$T/a"
	sed -i "s,runtime: none,&\, flags: [\"-I$T/a/src/x\"]," slsc.yaml
	mkdir src/x && echo 'static const char *here(void) { return __FILE__; }' >src/x/x.h
	sed -i '1i #include "x.h"' src/more.c
	sed -i 's/printf("%s %d %d", __FILE__/printf("%s %d %d", here()/' src/more.c
	build --arch x86_64
	is "$status" 0
	has "$(strings .slsc/release/x86_64/f)" ./src/x/x.h
}

@test "ccache and Redis: a machine with an empty cache gets all from there" {
	reference checkout
	redis
	for i in 1 2; do
		checkout "$T/$i" "{name: ccache, remote: \"redis://127.0.0.1:$port\"}"
		CCACHE_DIR=$T/cache$i build
		is "$status" 0
		is "$err" ""
		same_as_reference
		is "$(launched compiles hits remote_hits remote_failed)" "4 $((4 * i - 4)) $((4 * i - 4)) 0"
	done
}

@test "ccache and a server of HTTP: the same; read_only puts nothing there" {
	reference checkout
	server http
	for i in 0 1 2; do
		checkout "$T/$i" "{name: ccache, remote: \"http://127.0.0.1:$port/cache\"}"
		[ $i != 0 ] || sed -i 's/"}/", read_only: true}/' slsc.yaml
		CCACHE_DIR=$T/cache$i build
		is "$status" 0
		is "$err" ""
		same_as_reference
		is "$(launched compiles remote_hits)" "4 $((i == 2 ? 4 : 0))"
	done
}

@test "a password comes from the environment, and is nowhere to be seen" {
	redis --requirepass s3cret
	checkout "$T/a" "{name: ccache, remote: \"redis://127.0.0.1:$port\"}"
	CCACHE_DIR=$T/cache0 build
	is "$status" 0
	is "$err" "warning: launcher ccache: redis://127.0.0.1:$port is left out: it asks for a password"
	rm -rf .slsc
	export SLSC_LAUNCHER_REMOTE=redis://s3cret@127.0.0.1:$port
	CCACHE_DIR=$T/cache1 build -v
	is "$status" 0
	is "$(grep -rl s3cret "$T/out" "$T/err" .slsc slsc.yaml)" ""
	[ "$(redis-cli -p "$port" -a s3cret --no-auth-warning dbsize)" -ge 8 ]
	# a wrong one is not taken: that is said, without it
	rm -rf .slsc
	SLSC_LAUNCHER_REMOTE=redis://wr0ng@127.0.0.1:$port CCACHE_DIR=$T/cache2 build
	is "$status" 0
	is "$err" "warning: launcher ccache: redis://127.0.0.1:$port failed in 4 of 4 compiles, which went on without it"
	SLSC_LAUNCHER_REMOTE=redis://s3cret/x@127.0.0.1 build
	is "$status" 2
	is "$(jq -r .error.message <<<"$err")" \
		"SLSC_LAUNCHER_REMOTE: an '@' after the host: in a password '/' is written %2F"
	SLSC_LAUNCHER_REMOTE=grpc://me:s3cret@127.0.0.1 build
	is "$status" 2
	is "$(jq -r .error.message <<<"$err")" "SLSC_LAUNCHER_REMOTE: ccache cannot use 'grpc://127.0.0.1'"
	# and slsc.yaml holds none
	sed -i "s,redis://,redis://s3cret@," slsc.yaml
	slsc_run config show
	is "$status" 1
	is "$err" "error: slsc.yaml:2:34: launcher.remote: expected the URL of a server, without a password
hint: redis://HOST[:PORT], http://HOST[:PORT][/PATH], file:/DIR, ...; one with a password: \$SLSC_LAUNCHER_REMOTE"
}

# left_out SCHEME WHY: the server at $port is not used, which is said once; what is built is the same
left_out() {
	rm -rf "$T/a" "$T/cache"
	checkout "$T/a" "{name: ccache, remote: \"$1://127.0.0.1:$port\"}"
	CCACHE_DIR=$T/cache build
	is "$status" 0
	is "$err" "warning: launcher ccache: $1://127.0.0.1:$port is left out: $2"
	is "$(launched compiles hits remote_failed)" "4 0 0"
	same_as_reference
}

@test "a cache server that is not there, or is none: the build goes on here, one warning" {
	reference checkout
	port=$(free_port)
	left_out redis "connection refused"
	left_out http "connection refused"
	server silent
	left_out redis "no answer within 1000 ms"
	left_out http "no answer within 1000 ms"
	server noise
	left_out redis "it does not speak Redis: '?? what do you want?'"
	left_out http "it does not speak HTTP: '?? what do you want?'"
	server http
	left_out redis "it does not speak Redis: '<!DOCTYPE HTML>'"
	server http-all
	left_out http "it has everything: 200 for what nobody has put there"
}

# fails_midway SCHEME WORDS: as above, of one that seemed well
fails_midway() {
	rm -rf "$T/a" "$T/cache"
	checkout "$T/a" "{name: ccache, remote: \"$1://127.0.0.1:$port\"}"
	CCACHE_DIR=$T/cache build -j 1
	is "$status" 0
	is "$err" "${2:+warning: launcher ccache: $1://127.0.0.1:$port failed in $2 of 4 compiles, which went on without it}"
	same_as_reference
}

@test "a cache server that fails midway: the build goes on here, the same bytes, one warning" {
	reference checkout
	server redis-hangs
	fails_midway redis 4
	server http-dies
	fails_midway http 3
	server redis-rubbish
	fails_midway redis 4
	server http-rubbish
	fails_midway http 4
}

# broken SCRIPT TOLD: a ccache that is this script; the build goes on without it, which is said once, and why
broken() {
	rm -rf "$T/a" "${T:?}/bin"
	checkout "$T/a" ccache
	mkdir "$T/bin"
	printf '#!/bin/sh\n%s\n' "$1" >"$T/bin/ccache"
	chmod +x "$T/bin/ccache"
	PATH=$T/bin:$PATH build
	is "$status" 0
	has "$err" "warning: launcher ccache: a compile failed with it, and not without it: $2"
	is "$(wc -l <<<"$err")" 1
	same_as_reference
}

@test "a launcher that fails, or lies: the build goes on without it, the same bytes, one warning" {
	reference checkout
	broken 'echo ccache: error: not today >&2; echo more >&2; exit 1' "ccache: error: not today"
	# shellcheck disable=SC2016
	broken 'kill -SEGV $$' "Segmentation fault"
	# it says that all is well, and makes nothing
	broken 'exit 0' "clang: error: no such file or directory: '.slsc/release/"
	# one that leaves a directory in the place of its log, which the next build meets
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nmkdir -p "$CCACHE_STATSLOG/x"\nexec "$@"\n' >"$T/bin/ccache"
	for _ in 1 2; do
		touch src/*.c
		PATH=$T/bin:$PATH build
		is "$status" 0
		is "$err" "warning: launcher ccache: cannot read $T/a/.slsc/launcher.log: not a regular file"
		same_as_reference
	done
	# one that is no program
	printf '\177ELF' >"$T/bin/distcc"
	chmod +x "$T/bin/distcc"
	PATH=$T/bin:$PATH build --launcher distcc
	is "$status" 0
	has "$err" "warning: launcher distcc is left out: cannot run distcc: Exec format error"
	is "$(launched name)" null
	same_as_reference
	# the real one, whose directory cannot be one
	checkout "$T/b" ccache
	echo >"$T/file"
	CCACHE_DIR=$T/file build
	is "$status" 0
	has "$err" "warning: launcher ccache: a compile failed with it, and not without it: ccache: error: "
	is "$(wc -l <<<"$err")" 1
	same_as_reference
}

@test "what does not compile is said once, with a launcher as without" {
	export CCACHE_DIR=$T/cache
	checkout "$T/a"
	echo 'int broken(void) { return nothing; }' >>src/main.c
	slsc_run build --launcher none --arch x86_64
	is "$status" 1
	has "$err" "src/main.c:3:27: error: use of undeclared identifier 'nothing'"
	told=$err
	slsc_run build --launcher ccache --arch x86_64
	is "$status" 1
	is "$err" "$told"
}

@test "a build command that fails is run once, and has no launcher to blame" {
	mkdir "$T/a" && cd "$T/a"
	printf 'project: t\nlauncher: ccache\narches: [x86_64]\nfunctions: {f: {build: {command: "%s"}, runtime: none}}\n' \
		"echo ran >>$T/runs; echo so it says; exit 1" >slsc.yaml
	CCACHE_DIR=$T/cache slsc_run build --progress=never
	is "$status" 1
	is "$err" "so it says
error: slsc.yaml:4:34: the build command of 'f' failed for x86_64"
	is "$(cat "$T/runs")" ran
}

@test "doctor --launcher: ccache by itself, by Redis, and without what the second compile needs" {
	export CCACHE_DIR=$T/cache
	slsc_run doctor --launcher ccache --progress=never
	is "$status" 0
	is "$err" ""
	is "$out" "LAUNCHER  ARCH    STATE
ccache    x86_64  works   the second compile, in another directory, was a hit: the same bytes
ccache    arm64   works   the second compile, in another directory, was a hit: the same bytes"
	redis
	checkout "$T/a" "{name: ccache, remote: \"redis://127.0.0.1:$port\"}"
	sed -i '2a arches: [arm64, wasm32]' slsc.yaml
	slsc_run doctor --launcher --json --progress=never
	is "$status" 0
	is "$(jq -c '.launcher, (.arches[] | [.arch, .hit, .remote_hit, .same, .works])' <<<"$out" | paste -sd' ')" \
		'"ccache" ["arm64",true,true,true,true] ["wasm32",true,true,true,true]'
	kill -KILL "${pids[-1]}"
	wait "${pids[-1]}" 2>/dev/null || true
	slsc_run doctor --launcher --progress=never
	is "$status" 0
	is "$err" "warning: launcher ccache: redis://127.0.0.1:$port is left out: connection refused"
	# a cache that keeps nothing
	CCACHE_READONLY=1 CCACHE_DIR=$T/empty slsc_run doctor --launcher ccache --progress=never
	is "$status" 1
	has "$out" "ccache    arm64   broken  the second compile, in another directory, was no hit"
	has "$err" "error: launcher 'ccache' does not do what it should for every arch
hint: the table says what"
}

@test "doctor --launcher: what it is not asked" {
	slsc_run doctor --launcher
	is "$status" 2
	is "$err" "error: no launcher to try: no slsc.yaml names none
hint: slsc doctor --launcher ccache"
	slsc_run doctor --launcher gcc
	is "$status" 2
	is "$err" "error: 'gcc' is no launcher that slsc knows
hint: ccache, sccache, distcc, icecc or recc"
	slsc_run doctor ccache
	is "$status" 2
	is "$err" "error: slsc doctor: unexpected argument 'ccache'
hint: 'slsc doctor --help' shows what it takes"
}

@test "sccache: all hits in another directory, no server is left; one that will have no Redis goes on without it" {
	reference checkout "${ALL[@]}"
	export SCCACHE_DIR=$T/sccache
	for i in 1 2; do
		checkout "$T/$i" sccache
		build "${ALL[@]}"
		is "$status" 0
		is "$err" ""
		is "$(launched name compiles hits)" "sccache 6 $((6 * i - 6))"
		same_as_reference
	done
	redis --requirepass s3cret
	rm -rf .slsc
	SLSC_LAUNCHER_REMOTE=redis://:wr0ng@127.0.0.1:$port build "${ALL[@]}"
	is "$status" 0
	has "$err" "warning: launcher sccache: redis://127.0.0.1:$port is left out: its server does not start: "
	is "$(wc -l <<<"$err")" 1
	is "$(launched hits)" 6
	is "$(grep -ls "SCCACHE_DIR=$T/sccache" /proc/[0-9]*/environ | grep -v "/proc/$$/" | xargs -r -n1 dirname |
		while read -r p; do cat "$p/comm"; done | grep -c sccache)" 0
}

@test "sccache gives up its server's start after ten seconds: it is begun again, three times at most" {
	checkout "$T/a" sccache
	mkdir "$T/bin"
	export SCCACHE_DIR=$T/sccache
	# as on a machine that is too busy: its server comes up at the second start, after the first was given up, or never
	cat >"$T/bin/sccache" <<-SH
		#!/bin/sh
		real=$(command -v sccache)
		[ "\$1" = --start-server ] || exec \$real "\$@"
		echo >>"$T/starts"
		case \$UP.\$(wc -l <"$T/starts") in
		second.2 | late.2) exec \$real "\$@" ;;
		late.1) \$real "\$@" >/dev/null || exit ;;
		esac
		printf 'sccache: Starting the server...\nsccache: error: Timed out waiting for server startup\n' >&2
		exit 2
	SH
	chmod +x "$T/bin/sccache"
	for up in second late; do
		rm -rf .slsc "$T/starts"
		UP=$up PATH=$T/bin:$PATH build --arch x86_64
		is "$status" 0
		is "$err" ""
		is "$(launched name compiles)" "sccache 2"
		is "$(wc -l <"$T/starts")" 2
	done
	rm -rf .slsc "$T/starts"
	UP=never PATH=$T/bin:$PATH build --arch x86_64
	is "$status" 0
	is "$err" "warning: launcher sccache is left out: its server does not start: sccache: error: Timed out waiting for server startup"
	is "$(launched name)" null
	is "$(wc -l <"$T/starts")" 3
}

@test "a launcher that is not installed: where it is named, and the package; none turns it off" {
	mkdir "$T/bin"
	for p in ninja clang clang++ ld.lld sh cat jq find sort sha256sum paste; do ln -s "$(command -v $p)" "$T/bin/$p"; done
	checkout "$T/a" "{name: distcc, hosts: [localhost]}"
	PATH=$T/bin slsc_run build
	is "$status" 1
	is "$err" "error: slsc.yaml:2:18: launcher 'distcc' is not found on PATH
hint: apt-get install distcc"
	PATH=$T/bin slsc_run build --launcher recc
	is "$status" 2
	is "$err" "error: --launcher: 'recc' is not found on PATH
hint: Debian 12 has no package of it: it is built from BuildBox's sources"
	[ ! -e .slsc ]
	PATH=$T/bin build --launcher none --arch x86_64
	is "$status" 0
}

@test "recc: its command line, and the server that slsc.yaml names" {
	mkdir "$T/bin"
	printf '#!/bin/sh\necho "$RECC_SERVER $1 $2" >>"%s/recc.log"\nexec "$@"\n' "$T" >"$T/bin/recc"
	chmod +x "$T/bin/recc"
	reference checkout
	server grpc
	checkout "$T/a" "{name: recc, remote: \"grpc://127.0.0.1:$port\"}"
	PATH=$T/bin:$PATH build
	is "$status" 0
	is "$err" ""
	is "$(sort -u "$T/recc.log")" "grpc://127.0.0.1:$port clang --target=aarch64-linux-musl
grpc://127.0.0.1:$port clang --target=x86_64-linux-musl"
	is "$(wc -l <"$T/recc.log")" 4
	same_as_reference
}

@test "slsc.yaml: what a launcher has not, where it stands" {
	for case in '{name: sccache, hosts: [a]}|2:27: launcher: sccache has no '"'hosts'" '{name: distcc, remote: "redis://a"}|2:26: launcher: distcc has no '"'remote'" \
		'{name: ccache, remote: "grpc://a"}|2:34: launcher.remote: ccache cannot use '"'grpc://a'" \
		'{remote: "redis://a"}|2:11: missing key '"'name' in launcher" \
		'gcc|2:11: launcher: expected ccache, sccache, distcc, icecc, recc or none, found '"'gcc'"; do
		checkout "$T/a" "${case%%|*}"
		slsc_run config show
		is "$status" 1
		is "${err%%$'\n'*}" "error: slsc.yaml:${case#*|}"
	done
	checkout "$T/a" '{name: ccache, remote: "http://h/p", read_only: true}'
	slsc_run config show --json
	is "$(jq -c .launcher <<<"$out")" '{"name":"ccache","remote":"http://h/p","read_only":true}'
	slsc_run config show
	has "$out" '
launcher:
  name: ccache
  remote: "http://h/p"
  read_only: true
'
}
