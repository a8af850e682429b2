#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Binaries and steps of Dockerfiles in a cache elsewhere: a registry that is there, and ones that are dead, slow or wrong.
# shellcheck disable=SC2154,SC2030,SC2031 # helper.bash sets $status, $out and $err, registry_helper.bash $port
load helper
load registry_helper
load stage_helper

# A compiler that counts its runs: the real one's, not ccache's.
setup_file() {
	mkdir "$BATS_FILE_TMPDIR/bin"
	cat >"$BATS_FILE_TMPDIR/bin/clang" <<-'EOS'
		#!/bin/sh
		case " $* " in
		*" -c "*) echo compile ;;
		*) echo link ;;
		esac >>"${RUNS:-/dev/null}"
		exec /usr/bin/clang "$@"
	EOS
	chmod +x "$BATS_FILE_TMPDIR/bin/clang"
}

# project DIR [lambda]: two functions that share a header, the second with the runtime, or without; on a machine with no
# cache of its own, counting in $RUNS
project() {
	mkdir -p "$1/src" "$1/include" && cd "$1" || return 1
	cat >slsc.yaml <<-Y
		project: t
		arches: [x86_64]
		functions:
		  one: {sources: [src/one.c], includes: [include], runtime: none}
		  two: {sources: [src/two.c, src/more.c], includes: [include], runtime: ${2:-none}}
	Y
	printf '#define WORD "hello\\n"\n' >include/word.h
	cat >src/one.c <<-'C'
		#include <unistd.h>
		#include "word.h"
		int main(void) { return write(1, WORD, sizeof(WORD) - 1) != sizeof(WORD) - 1; }
	C
	if [ "${2:-none}" = lambda ]; then
		cat >src/two.c <<-'C'
			#include <slsc.h>
			#include "word.h"
			slsc_lambda_fn handler;
			const char *more(void);
			int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
			{
				(void)ctx;
				(void)in;
				slsc_put(out, more(), sizeof(WORD) - 1);
				return 0;
			}
		C
	else
		printf 'const char *more(void);\nint main(void) { return more()[0] == 0; }\n' >src/two.c
	fi
	printf '#include "word.h"\nconst char *more(void) { return WORD; }\n' >src/more.c
	machine
}

# machine: nothing that was built, fetched or unpacked before is known, but for the digests of the compilers
machine() {
	local known=$SLSC_CACHE_DIR/programs
	RUNS=$(mktemp "$T/runs.XXXXXX")
	SLSC_CACHE_DIR=$(mktemp -d "$T/cache.XXXXXX")
	[ ! -d "$known" ] || cp -a "$known" "$SLSC_CACHE_DIR"
	export RUNS SLSC_CACHE_DIR PATH=$BATS_FILE_TMPDIR/bin:$PATH
}

# said: the messages but for the progress
said() { grep -vxE 'building|packaging' <<<"$err" || true; }

runs() { grep -c "$1" "$RUNS" || true; }

# blob DIGEST: where the registry's store has it
blob() { echo "$store/docker/registry/v2/blobs/sha256/${1:7:2}/${1:7}/data"; }

# stored TAG: the manifest that the registry has
stored() {
	need curl curl || return 1
	curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://127.0.0.1:$port/v2/t/cache/manifests/$1"
}

@test "binaries: a clean checkout elsewhere compiles nothing, and has the same bytes" {
	need jq jq
	registry r
	local cache=127.0.0.1:$port/t/cache:main
	project "$T/here" lambda
	slsc_run build --json --cache-from "$cache" --cache-to "$cache"
	is "$status $(said)" "0 "
	is "$(jq -c '[.cache.hits, .cache.misses, .cache.received]' <<<"$out")" "[0,2,0]"
	[ "$(jq .cache.sent <<<"$out")" -gt 10000 ]
	[ "$(runs compile)" -gt 10 ]
	is "$(runs link)" 2
	slsc_run package --zip --oci
	is "$status" 0

	project "$T/there/elsewhere" lambda
	slsc_run -v build --json --cache-from "$cache"
	is "$status" 0
	has "$err" "one x86_64: taken from the cache
two x86_64: taken from the cache
cache of binaries: 2 hits, 0 misses, "
	is "$(jq -c '[.cache.hits, .cache.misses, .cache.sent, .steps]' <<<"$out")" "[2,0,0,0]"
	is "$(cat "$RUNS")" ""
	for f in one two; do
		cmp "$T/here/.slsc/release/x86_64/$f" ".slsc/release/x86_64/$f"
		cmp "$T/here/.slsc/release/x86_64/$f.debug" ".slsc/release/x86_64/$f.debug"
		cmp "$T/here/.slsc/release/x86_64/$f.map" ".slsc/release/x86_64/$f.map"
	done
	is "$(.slsc/release/x86_64/one)" hello
	# and it stays so, with and without the cache
	slsc_run build --json
	is "$status $(said)" "0 "
	is "$(jq -c '[.steps, .cache]' <<<"$out")" "[0,null]"
	slsc_run package --zip --oci
	is "$status" 0
	is "$(cat "$RUNS")" ""
	is "$(cd dist && sha256sum one-x86_64.zip two-x86_64.zip one.oci/index.json two.oci/index.json)" \
		"$(cd "$T/here/dist" && sha256sum one-x86_64.zip two-x86_64.zip one.oci/index.json two.oci/index.json)"
	no_leftovers "$T"
}

@test "binaries: what has changed is compiled, and nothing else" {
	need jq jq
	registry r
	local cache=127.0.0.1:$port/t/cache:main
	project "$T/here"
	slsc_run build --cache-to "$cache"
	is "$status $(said)" "0 "
	project "$T/there"
	echo '/* another */' >>src/one.c
	slsc_run build --json --cache-from "$cache"
	is "$status $(said)" "0 "
	is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out")" "[1,1]"
	is "$(runs compile) $(runs link)" "1 1"
	# a header that both read
	project "$T/third"
	sed -i s/hello/world/ include/word.h
	slsc_run build --json --cache-from "$cache"
	is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out")" "[0,2]"
	is "$(.slsc/release/x86_64/one)" world
	# a header that would be found first
	project "$T/fourth"
	sed s/hello/fresh/ include/word.h >src/word.h
	slsc_run build --json --cache-from "$cache"
	is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out")" "[0,2]"
	is "$(.slsc/release/x86_64/one)" fresh
	# a flag; a profile; an environment that compilers read
	project "$T/fifth"
	sed -i '/ one:/s/runtime: none/runtime: none, flags: [-DX]/' slsc.yaml
	slsc_run build --json --cache-from "$cache"
	is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out")" "[1,1]"
	project "$T/sixth"
	slsc_run build --json --profile small --cache-from "$cache"
	is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out")" "[0,2]"
	project "$T/seventh"
	SOURCE_DATE_EPOCH=1 slsc_run build --json --cache-from "$cache"
	is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out")" "[0,2]"
	# another compiler
	project "$T/eighth"
	mkdir bin
	sed 's/^exec/: other; exec/' "$BATS_FILE_TMPDIR/bin/clang" >bin/clang
	chmod +x bin/clang
	PATH=$PWD/bin:$PATH slsc_run build --json --cache-from "$cache"
	is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out")" "[0,2]"
}

@test "binaries: what was taken is watched like what was built" {
	need jq jq
	registry r
	local cache=127.0.0.1:$port/t/cache:main
	project "$T/here"
	slsc_run build --cache-to "$cache"
	project "$T/there"
	slsc_run build --cache-from "$cache"
	is "$status $(said) $(cat "$RUNS")" "0  "
	# written anew with the bytes of before, as by a checkout
	touch src/one.c include/word.h
	slsc_run build --dry-run
	is "$status $(said)$out" "0 "
	slsc_run build --json
	is "$status $(said) $(jq .steps <<<"$out")$(cat "$RUNS")" "0  0"
	# a change without the cache: only that function
	sed -i s/hello/again/ include/word.h
	sed -i 's/"word.h"/"word.h" /' src/more.c
	slsc_run build one
	is "$status $(said)" "0 "
	is "$(.slsc/release/x86_64/one)" again
	is "$(runs compile) $(runs link)" "1 1"
	# back to what the cache has: the binary of ninja's is ninja's to judge, what was taken is what it was
	project "$T/there"
	slsc_run build --json --cache-from "$cache"
	is "$status $(said)" "0 "
	is "$(.slsc/release/x86_64/one)" hello
	is "$(jq -c '[.cache.hits, .cache.misses, .steps]' <<<"$out")" "[0,0,2]"
	# a binary that somebody has written over
	echo x >.slsc/release/x86_64/two
	slsc_run build
	is "$status $(said)" "0 "
	is "$(readelf -h .slsc/release/x86_64/two | sed -n 's/ *Machine: *//p')" "Advanced Micro Devices X86-64"
	is "$(runs compile) $(runs link)" "3 2"
	# it is made of the sources that are there, whatever their times say
	project "$T/fifth"
	slsc_run build one
	cp -p src/one.c "$T/old.c"
	echo 'static int unused_here __attribute__((unused));' >>src/one.c
	(cd "$T/here" && cp "$T/fifth/src/one.c" src/one.c && slsc_run build --cache-to "$cache")
	rm .slsc/release/x86_64/one
	slsc_run build one --json --cache-from "$cache"
	is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out")" "[1,0]"
	cp -p "$T/old.c" src/one.c
	slsc_run build one
	is "$status $(said)" "0 "
	rm -rf "$T/sixth"
	project "$T/sixth"
	slsc_run build one
	cmp .slsc/release/x86_64/one "$T/fifth/.slsc/release/x86_64/one"
}

# goes_on MESSAGE: a build with $cache in both options says one warning and has the bytes of one without
goes_on() {
	local begun=$SECONDS
	slsc_run build one --cache-from "$cache" --cache-to "$cache"
	is "$status" 0 || return 1
	is "$(grep -c '^warning: ' <<<"$err")" 1 || return 1
	has "$err" "$1" || return 1
	[ $((SECONDS - begun)) -lt 40 ] || return 1
	cmp "$T/here/.slsc/release/x86_64/one" .slsc/release/x86_64/one || return 1
	rm -rf .slsc
}

@test "binaries: a registry that is dead, silent, slow, or says rubbish: one warning, and the same bytes" {
	project "$T/here"
	slsc_run build one
	is "$status" 0
	project "$T/there"
	cache=127.0.0.1:$(free_port)/x:t
	goes_on "warning: --cache-from: ${cache%/x:t}: Failed to connect to 127.0.0.1 port"
	local mode
	for mode in html html-as-json wrong-manifest broken loop endless-manifest endless-headers denied basic-loop \
		busy-for-long names-itself not-http; do
		liar $mode
		cache=127.0.0.1:$port/x:t
		goes_on "warning: --cache-from: 127.0.0.1:$port" || {
			echo "mode $mode" >&2
			return 1
		}
	done
	# an image that is no cache of ours
	liar honest
	cache=127.0.0.1:$port/x:t
	goes_on "warning: --cache-from: 127.0.0.1:$port/x:t: is no cache of binaries"
	for mode in silent slow-headers slow-body; do
		liar $mode
		cache=127.0.0.1:$port/x:t
		goes_on "warning: --cache-from: 127.0.0.1:$port/x: GET of manifest t: it " || {
			echo "mode $mode" >&2
			return 1
		}
	done
	no_leftovers "$T"
}

@test "binaries: blobs that are gone, cut, or others; an index that lies" {
	need jq jq
	local digest config
	registry r
	cache=127.0.0.1:$port/t/cache:main
	project "$T/here"
	slsc_run build --cache-to "$cache"
	is "$status $(said)" "0 "
	cp -a "$store" "$T/store"
	digest=$(stored main | jq -r '.layers[0].digest')
	config=$(stored main | jq -r .config.digest)
	is "$(stored main | jq -r '[.artifactType, .config.mediaType, .layers[0].mediaType] | join(" ")')" \
		"application/vnd.slsc.binaries.v1 application/vnd.slsc.binaries.v1+json application/vnd.slsc.binary.v1+zstd"
	restore() { rm -rf "$store"; cp -a "$T/store" "$store"; }

	for how in gone cut other; do
		machine
		project "$T/$how"
		case $how in
		gone) rm "$(blob "$digest")" ;;
		cut) truncate -s 100 "$(blob "$digest")" ;;
		other) printf x | dd of="$(blob "$digest")" bs=1 seek=50 conv=notrunc status=none ;;
		esac
		slsc_run build --json --cache-from "$cache"
		is "$status" 0
		is "$(grep -c '^warning: --cache-from: ' <<<"$err")" 1
		is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out")" "[1,1]"
		for f in one two; do cmp "$T/here/.slsc/release/x86_64/$f" ".slsc/release/x86_64/$f"; done
		restore
	done
	printf '{"binaries"' >"$(blob "$config")"
	project "$T/index"
	slsc_run build --cache-from "$cache"
	is "$status" 0
	is "$(grep -c '^warning: --cache-from: ' <<<"$err")" 1
	for f in one two; do cmp "$T/here/.slsc/release/x86_64/$f" ".slsc/release/x86_64/$f"; done
}

@test "binaries: two that write one cache at once leave a whole one; a layout is a cache, too" {
	need jq jq
	registry r
	local cache=127.0.0.1:$port/t/cache:main pids=("${pids[@]}") a b
	project "$T/a"
	project "$T/b"
	sed -i s/hello/other/ include/word.h
	(cd "$T/a" && exec "$SLSC_BIN" -q build --cache-to "$cache" >/dev/null 2>"$T/a.err" 3>&-) &
	a=$!
	(cd "$T/b" && exec "$SLSC_BIN" -q build --cache-to "$cache" >/dev/null 2>"$T/b.err" 3>&-) &
	b=$!
	wait $a
	wait $b
	is "$(cat "$T/a.err" "$T/b.err")" ""
	project "$T/c"
	slsc_run build --json --cache-from "$cache" --cache-to "oci:$T/layout:x"
	is "$status $(said)" "0 "
	[[ $(jq -c '[.cache.hits, .cache.misses]' <<<"$out") =~ ^"["(2,0|0,2)"]"$ ]]
	project "$T/d"
	slsc_run build --json --cache-from "oci:$T/none" --cache-from "oci:$T/layout:x"
	is "$status" 0
	is "$(said)" "warning: --cache-from: oci:$T/none: is no image layout: it has no file oci-layout"
	is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out")" "[2,0]"
	slsc_run build --cache-to 'oci:'
	is "$status" 2
	has "$err" "error: --cache-to: 'oci:': the path is empty"
}

@test "binaries: what a kill leaves while a cache is written, the next build removes" {
	liar silent
	project "$T/here"
	"$SLSC_BIN" -q build one --cache-to "127.0.0.1:$port/x:t" >/dev/null 2>&1 3>&- &
	local us=$!
	until [ -s "$log" ]; do
		kill -0 $us
		read -rt 0.01 -u "$never" || true
	done
	[ -n "$(find .slsc -name index.json)" ]
	kill -KILL $us
	wait $us 2>/dev/null || true
	slsc_run build one
	is "$status $(said)" "0 "
	is "$(find .slsc -name index.json)" ""
	no_leftovers "$T"
}

@test "a login, and a registry that may only be read: the build is good" {
	registry r 'auth: {htpasswd: {realm: r, path: '"$T/htpasswd"'}}'
	need htpasswd apache2-utils
	htpasswd -Bbc "$T/htpasswd" me secret-word 2>/dev/null
	local cache=127.0.0.1:$port/t/cache:main
	project "$T/here"
	slsc_run build --cache-to "$cache"
	is "$status" 0
	is "$(said)" "warning: --cache-to: 127.0.0.1:$port: it wants a login"
	slsc_run login -u me --password-stdin "127.0.0.1:$port" <<<secret-word
	printf '{"auths":{"127.0.0.1:%s":{"username":"me","password":"secret-word"}}}' "$port" >"$T/config.json"
	DOCKER_CONFIG=$T slsc_run build --cache-to "$cache"
	is "$status $(said)" "0 "
	project "$T/there"
	DOCKER_CONFIG=$T slsc_run build --cache-from "$cache"
	is "$status $(said)$(cat "$RUNS")" "0 "
}

# image ARGS...: slsc build of ./Dockerfile on a machine of its own
image() { slsc_run build -f Dockerfile --base "base=oci:$base" -o "oci:$T/out.oci" "$@" .; }

# steps CTX: two stages, three steps, one of which has a secret and a build argument
steps() {
	base=$BATS_FILE_TMPDIR/base.oci
	[ -d "$base" ] || tiny_base amd64 "$base" || return 1
	mkdir -p "$1" && cd "$1" || return 1
	cat >Dockerfile <<-'D'
		FROM base AS builder
		ARG WORD=none
		RUN --mount=type=secret,id=key echo $WORD >/out; echo more >/more; test -s /run/secrets/key
		FROM base
		RUN echo own >/own
		COPY --from=builder /out /out
	D
	printf 'very-secret-bytes' >"$T/key"
	machine
}

@test "steps: another machine runs nothing, and takes only what the image stands on" {
	need jq jq
	registry r
	local cache=127.0.0.1:$port/t/cache:steps first
	steps "$T/here"
	image --json --secret "id=key,src=$T/key" --cache-from "$cache" --cache-to "$cache"
	is "$status" 0
	is "$(grep -c '^warning' <<<"$err" || true)" 0
	is "$(jq -c '[.cache.hits, .cache.misses, .cache.received]' <<<"$out")" "[0,3,0]"
	first=$(jq -r .digest <<<"$out")
	is "$(stored steps | jq -r .config.mediaType)" application/vnd.slsc.cache.v1+json
	is "$(grep -rl very-secret-bytes "$store" || true)" ""
	# the builder's own layer is not asked for; what comes in goes out again
	for _ in 1 2; do
		steps "$T/there"
		image --json --secret "id=key,src=$T/key" --cache-from "$cache" --cache-to "$cache"
		is "$status $(grep -v 'receiving\|^$' <<<"$err" || true)" "0 "
		is "$(jq -c '[.steps, .cached, .cache.hits, .cache.misses, .digest]' <<<"$out")" "[3,3,3,0,\"$first\"]"
		is "$(stored steps | jq '.layers | length')" 3
		is "$(find "$SLSC_CACHE_DIR/blobs" -type f | wc -l)" 2
	done
}

@test "steps: dead, slow and wrong registries; blobs that are gone, cut or others" {
	need jq jq
	local first digest blob
	steps "$T/here"
	registry r
	local real=127.0.0.1:$port/t/cache:steps rport=$port rstore=$store
	image --json --secret "id=key,src=$T/key" --cache-to "$real"
	is "$status" 0
	first=$(jq -r .digest <<<"$out")
	cp -a "$store" "$T/store"
	for mode in dead html broken loop silent honest; do
		steps "$T/there"
		if [ $mode = dead ]; then
			port=$(free_port)
		else
			liar $mode
		fi
		image --json --secret "id=key,src=$T/key" --cache-from "127.0.0.1:$port/x:t" --cache-to "127.0.0.1:$port/x:t"
		is "$status $(jq -r .digest <<<"$out")" "0 $first"
		is "$mode $(grep -c '^warning: --cache-from: 127.0.0.1:' <<<"$err")" "$mode 1"
	done
	port=$rport store=$rstore
	for digest in $(stored steps | jq -r '.layers[].digest'); do
		for how in gone cut other; do
			steps "$T/there"
			case $how in
			gone) rm "$(blob "$digest")" ;;
			cut) truncate -s 60 "$(blob "$digest")" ;;
			other) printf x | dd of="$(blob "$digest")" bs=1 seek=50 conv=notrunc status=none ;;
			esac
			image --json --secret "id=key,src=$T/key" --cache-from "$real" --cache-to "$real"
			is "$status $(jq -r .digest <<<"$out")" "0 $first"
			[ "$(grep -c '^warning: --cache-' <<<"$err" || true)" -le 1 ]
			# what is written names nothing that the registry does not have
			for blob in $(stored steps | jq -r '.config.digest, .layers[].digest'); do [ -e "$(blob "$blob")" ]; done
			rm -rf "$store"
			cp -a "$T/store" "$store"
		done
	done
	# an export that fails leaves a good build
	steps "$T/there"
	image --json --secret "id=key,src=$T/key" --cache-to "127.0.0.1:$(free_port)/x:t"
	is "$status $(jq -r .digest <<<"$out")" "0 $first"
	is "$(grep -c '^warning: --cache-to: ' <<<"$err")" 1
}

# shop DIR: a function that is compiled, and one whose image a Dockerfile makes
shop() {
	base=$BATS_FILE_TMPDIR/base.oci
	[ -d "$base" ] || tiny_base amd64 "$base" || return 1
	project "$1"
	cat >slsc.yaml <<-Y
		project: shop
		arches: [x86_64]
		mirrors: {example.org/base: "oci:$base"}
		functions:
		  one: {sources: [src/one.c], includes: [include], runtime: none}
		  api: {runtime: http, package: {image: {dockerfile: Dockerfile}}}
	Y
	printf 'FROM example.org/base\nRUN echo ran >/ran\nCMD ["/bin/cat", "/ran"]\n' >Dockerfile
}

@test "package: binaries, and each Dockerfile's image under a tag of its own; one warning for all" {
	need jq jq
	need curl curl
	registry r
	local cache=127.0.0.1:$port/t/cache:main
	shop "$T/here"
	slsc_run package --oci --json --cache-from "$cache" --cache-to "$cache"
	is "$status $(said | grep -v ' RUN ' || true)" "0 "
	is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out")" "[0,1]"
	is "$(curl -s "http://127.0.0.1:$port/v2/t/cache/tags/list" | jq -c '.tags | sort')" '["main","main-image-api"]'
	shop "$T/there"
	slsc_run package --oci --json --cache-from "$cache" --cache-to "$cache"
	is "$status $(said)" "0 "
	is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out")" "[1,0]"
	is "$(cat "$RUNS")" ""
	is "$(cd dist && sha256sum one.oci/index.json api.oci/index.json)" \
		"$(cd "$T/here/dist" && sha256sum one.oci/index.json api.oci/index.json)"
	stop_registries
	shop "$T/third"
	slsc_run package --oci --cache-from "$cache" --cache-to "$cache"
	is "$status" 0
	is "$(grep -c '^warning: ' <<<"$err")" 1
	is "$(cd dist && sha256sum one.oci/index.json api.oci/index.json)" \
		"$(cd "$T/here/dist" && sha256sum one.oci/index.json api.oci/index.json)"
}

# half_dead LAYOUT: a registry that gives x:t's manifest and index out of LAYOUT, and never ends a blob of it; sets $port
half_dead() {
	cat >"$T/half_dead.py" <<-'EOP'
		import http.server, json, os, sys, time
		dir, out = sys.argv[1:]
		read = lambda digest: open(f"{dir}/blobs/sha256/{digest[7:]}", "rb").read()
		top = json.load(open(f"{dir}/index.json"))["manifests"][0]
		manifest = read(top["digest"])
		index = json.loads(manifest)["config"]["digest"]
		class Handler(http.server.BaseHTTPRequestHandler):
		    protocol_version = "HTTP/1.1"
		    def log_message(self, *_): pass
		    def do_GET(self):
		        what = self.path.rsplit("/", 1)[-1]
		        whole = manifest if "/manifests/" in self.path else read(what) if "/blobs/" in self.path else b"{}"
		        self.send_response(200)
		        self.send_header("Content-Type", top["mediaType"] if whole is manifest else "application/octet-stream")
		        self.send_header("Content-Length", str(len(whole)))
		        self.end_headers()
		        if "/blobs/" not in self.path or what == index:
		            self.wfile.write(whole)
		            return
		        open(out + ".blob", "w").close()
		        try:
		            for at in range(len(whole)):
		                self.wfile.write(whole[at:at + 1])
		                self.wfile.flush()
		                time.sleep(0.05)
		        except OSError:
		            self.close_connection = True
		server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		server.daemon_threads = True
		with open(out + ".tmp", "w") as f:
		    f.write(str(server.server_port))
		os.rename(out + ".tmp", out)
		server.serve_forever()
	EOP
	/usr/bin/python3 -SE "$T/half_dead.py" "$1" "$T/half_dead.port" 3>&- &
	pids+=($!)
	await "$T/half_dead.port" $! || return 1
	port=$(cat "$T/half_dead.port")
}

@test "a registry whose blobs trickle costs seconds, once" {
	need jq jq
	local begun
	project "$T/here"
	slsc_run build --cache-to "oci:$T/layout:t"
	is "$status $(said)" "0 "
	half_dead "$T/layout"
	project "$T/there"
	begun=$SECONDS
	slsc_run build --json --cache-from "127.0.0.1:$port/x:t" --cache-to "127.0.0.1:$port/x:t"
	is "$status" 0
	[ $((SECONDS - begun)) -lt 40 ]
	[[ $(grep '^warning' <<<"$err") =~ ^"warning: --cache-from: 127.0.0.1:$port/x: GET of blob sha256:"[0-9a-f]+": it stalls: less than 65536 bytes a second for 5 s"$ ]]
	is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out")" "[0,2]"
	for f in one two; do cmp "$T/here/.slsc/release/x86_64/$f" ".slsc/release/x86_64/$f"; done
	# a signal ends the wait at once; what a kill leaves is no obstacle
	for sig in TERM KILL; do
		project "$T/$sig"
		rm "$T/half_dead.port.blob"
		"$SLSC_BIN" build --cache-from "127.0.0.1:$port/x:t" >/dev/null 2>"$T/err" 3>&- &
		local pid=$! code=0
		await "$T/half_dead.port.blob" $pid
		kill -$sig $pid
		wait $pid || code=$?
		is "$code" "$([ $sig = TERM ] && echo 130 || echo 137)"
		is "$(grep -c '^warning' "$T/err" || true)" 0
		slsc_run build --json --cache-from "oci:$T/layout:t"
		is "$status $(said)" "0 "
		is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out")" "[2,0]"
		no_leftovers "$T/$sig"
	done
}

# kinds DIR REPO: functions of every toolchain, of a dependency, with a library and an object of the project's own
kinds() {
	mkdir -p "$1/src" && cd "$1" || return 1
	cat >slsc.yaml <<-Y
		project: t
		arches: [x86_64]
		dependencies:
		  answer: {git: "$2", ref: v1, sources: ["*.c"], includes: [.]}
		functions:
		  dep: {sources: [src/dep.c], runtime: none, dependencies: [answer]}
		  gnu: {sources: [src/m.c], runtime: none, toolchain: gnu, libs: [m]}
		  lib: {sources: [src/lib.c], runtime: none, libs: [src/libtwo.a]}
		  mgcc: {sources: [src/m.c], runtime: none, toolchain: musl-gcc}
		  musl: {sources: [src/m.c], runtime: none}
		  own: {build: {command: "\$CC -o \$SLSC_OUT src/m.c", inputs: ["src/m.c"]}, runtime: none}
		  strange: {sources: [src/m.c], runtime: none, ldflags: ["-fuse-ld=lld"]}
	Y
	printf '#include <math.h>\nint main(int c, char **v) { return (int)sqrt(c + (v[0] == 0)) - 1; }\n' >src/m.c
	printf '#include <answer.h>\nint main(void) { return answer() != 42; }\n' >src/dep.c
	printf 'int two(void);\nint main(void) { return two() != 2; }\n' >src/lib.c
	if [ $# -gt 2 ]; then
		cp "$3/src/libtwo.a" src/
	else
		printf 'int two(void) { return 2; }\n' >two.c
		/usr/bin/clang --target=x86_64-linux-musl -c two.c -o two.o
		ar rcD src/libtwo.a two.o
	fi
	machine
}

@test "binaries: of every toolchain, profile and kind, but those whose inputs nobody knows" {
	need jq jq
	local cache=oci:$T/layout opts n strange file
	git init -q -b main "$T/repo"
	printf 'int answer(void);\n' >"$T/repo/answer.h"
	printf '#include "answer.h"\nint answer(void) { return 42; }\n' >"$T/repo/answer.c"
	git -C "$T/repo" add . && git -C "$T/repo" commit -qm one && git -C "$T/repo" tag v1
	kinds "$T/here" "file://$T/repo"
	kinds "$T/there" "file://$T/repo" "$T/here"
	for opts in "5 2 " "5 2 -p small" "1 0 -p debug musl" "1 0 --arch wasm32 musl"; do
		read -r n strange opts <<<"$opts"
		cd "$T/here"
		machine
		# shellcheck disable=SC2086
		slsc_run -v build $opts --cache-to "$cache"
		is "$status" 0
		is "$(grep -c ': not put into the cache$' <<<"$err" || true)" "$strange"
		cd "$T/there"
		machine
		# shellcheck disable=SC2086
		slsc_run -v build --json $opts --cache-from "$cache"
		is "$status" 0
		is "$opts $(jq -c '[.cache.hits, .cache.misses]' <<<"$out")" "$opts [$n,0]"
		for file in $(jq -r '.binaries[] | select(.function | . != "own" and . != "strange") | .path, .debug // empty' <<<"$out"); do
			cmp "$T/here/$file" "$file"
		done
		# shellcheck disable=SC2086
		slsc_run build --json $opts
		is "$(jq .steps <<<"$out")" 0
	done
	is "$(runs compile)" 0
	.slsc/release/x86_64/dep
	.slsc/release/x86_64/lib
	# the library of the project's own counts by its bytes
	printf 'int two(void) { return 2 + 0 * 1; }\n' >two.c
	/usr/bin/clang --target=x86_64-linux-musl -g -c two.c -o two.o
	rm src/libtwo.a .slsc/release/x86_64/lib
	ar rcD src/libtwo.a two.o
	(cd "$T/here" && slsc_run build --cache-to "$cache")
	slsc_run build lib --json --cache-from "$cache"
	is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out")" "[0,1]"
}

@test "binaries: what the assembler reads counts, and what nobody can name is kept out" {
	need jq jq
	local cache=oci:$T/layout
	mkdir -p "$T/p/data" && cd "$T/p"
	cat >slsc.yaml <<-'Y'
		project: t
		arches: [x86_64]
		functions:
		  macro: {sources: [macro.c], runtime: none}
		  order: {sources: [plain.c], includes: [data], runtime: none, ldflags: ["-Wl,--symbol-ordering-file=order"]}
		  plain: {sources: [plain.c], includes: [data], runtime: none, ldflags: ["-Wl,--as-needed,-z,now", "-Wl,-umain"]}
	Y
	printf '.incbin "blob.bin"\n' >data/blob.inc
	printf 'one\n' >data/blob.bin
	printf 'main\n' >order
	cat >plain.c <<-'C'
		#include <unistd.h>
		__asm__(".section .rodata\nblob: .global blob\n.INCLUDE \"data/blob.inc\"\n.previous");
		extern const char blob[];
		int main(void) { return write(1, blob, 4) != 4; }
	C
	cat >macro.c <<-'C'
		#define FILE_OF "data/blob.bin"
		__asm__(".section .rodata\n.incbin \"" FILE_OF "\"\n.previous");
		int main(void) { return 0; }
	C
	machine
	slsc_run -v build --cache-to "$cache"
	is "$status $(grep ' the cache' <<<"$err")" "0 macro x86_64: not put into the cache
order x86_64: not put into the cache"
	rm -r .slsc
	slsc_run build plain --json --cache-from "$cache"
	is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out") $(.slsc/release/x86_64/plain)" "[1,0] one"
	# what was taken is watched
	printf 'two\n' >data/blob.bin
	slsc_run build plain
	is "$status $(.slsc/release/x86_64/plain)" "0 two"
	rm -r .slsc
	slsc_run build plain --json --cache-from "$cache"
	is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out") $(.slsc/release/x86_64/plain)" "[0,1] two"
	# one that is found before it
	printf 'one\n' >data/blob.bin
	printf 'new\n' >blob.bin
	rm -r .slsc
	slsc_run build plain --json --cache-from "$cache"
	is "$(jq -c '[.cache.hits, .cache.misses]' <<<"$out") $(.slsc/release/x86_64/plain)" "[0,1] new"
}
