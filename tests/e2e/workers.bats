#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc package --workers: served by npm's workerd, called by curl; taken by npm's wrangler.
# shellcheck disable=SC2154 # helpers set $status, $out and $err
load helper
load wasm_helper
load workerd_helper

setup_file() {
	npm_ci workers
	export NPM=$npm
}

# package: sets $D, the directory
package() {
	slsc_run -q package --workers
	is "$status $err" "0 "
	D=dist/f.workers
}

@test "workerd serves hello: the answer, the handler's error, its log, an identity for each request" {
	slsc init hello --template hello >/dev/null
	cd hello
	slsc_run -q package --workers
	is "$status $err" "0 "
	is "$(awk '{ print $1, $NF }' <<<"$out")" "dist/hello.workers sha256:$(cd dist/hello.workers && sha256sum -- * | sha256sum | cut -d' ' -f1)"
	is "$(ls dist/hello.workers)" "config.capnp
hello.wasm
worker.mjs
wrangler.toml"
	cmp dist/hello.workers/hello.wasm .slsc/release/wasm32/hello
	serve dist/hello.workers
	call -d '{"name":"Ada"}'
	is "$status $out" '200 {"message":"Hello, Ada!"}'
	is "$(header content-type)" application/json
	id=$(header x-request-id)
	[[ $id =~ ^[0-9a-f-]{36}$ ]]
	call -d '[]'
	is "$status $out" '500 {"errorMessage":"the event is not a JSON object","errorType":"InvalidInput","stackTrace":[]}'
	[ "$id" != "$(header x-request-id)" ]
	id=$(header x-request-id)
	stop
	has "$(cat "$served")" "ERROR $id invocation failed: InvalidInput: the event is not a JSON object"
	no_leftovers .
}

@test "an event of 6 MB and 100 bytes fits, one byte more does not, whoever tells its length" {
	answer 'slsc_put_u64(out, in.len); return 0;'
	package
	serve $D
	call
	is "$status $out" "200 0"
	head -c 6291556 /dev/zero >"$T/event"
	call --data-binary @"$T/event"
	is "$status $out" "200 6291556"
	call -H 'Transfer-Encoding: chunked' --data-binary @"$T/event"
	is "$status $out" "200 6291556"
	printf x >>"$T/event"
	for how in 'Expect:' 'Transfer-Encoding: chunked'; do
		call -H "$how" --data-binary @"$T/event"
		is "$status $out" '413 {"errorMessage":"the event is larger than 6291556 bytes","errorType":"Runtime.EventSizeTooLarge","stackTrace":[]}'
	done
	call -d 123
	is "$status $out" "200 3"
}

@test "what traps is one clear line and 502, and the next request is served: nothing is left of the last" {
	answer '
		static int before;

		if (in.len == 4)
			__builtin_trap();
		slsc_put_u64(out, (uint64_t)before++);
		return 0;'
	package
	serve $D
	call -d 1
	is "$status $out" "200 0"
	call -d trap
	is "$status $out" '502 {"errorMessage":"f was ended: unreachable","errorType":"Runtime.ExitError","stackTrace":[]}'
	id=$(header x-request-id)
	call -d 1
	is "$status $out" "200 0"
	stop
	is "$(grep -c 'was ended' "$served")" 1
	has "$(cat "$served")" "FATAL $id f was ended: unreachable"
}

@test "main() without a runtime: its stdout is the answer, its status counts, what does not end is cut off" {
	project <<-'C'
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		int main(int argc, char **argv)
		{
			char word[16] = "";
			size_t n = fread(word, 1, sizeof(word) - 1, stdin);

			if (strcmp(word, "exit") == 0)
				return 3;
			if (strcmp(word, "fail") == 0) {
				puts("no");
				exit(4);
			}
			while (strcmp(word, "fill") == 0)
				puts("more and more");
			printf("%d %s %zu %s", argc, argv[0], n, getenv("PLACE"));
			return 0;
		}
	C
	cat >>slsc.yaml <<-'Y'
		    runtime: none
		    env:
		      PLACE: "a \"b\" \\ \x01\x7f é\n"
	Y
	package
	serve $D
	call -d ab
	is "$status $out" "200 1 f 2 $(printf 'a "b" \\ \1\177 é')"
	call -d exit
	is "$status $out" '500 {"errorMessage":"f exited with status 3","errorType":"Runtime.ExitError","stackTrace":[]}'
	call -d fail
	is "$status $out" "500 no"
	call -d fill
	is "$status $(jq -r .errorMessage <<<"$out")" "502 f was ended: its answer is larger than 6291556 bytes"
}

@test "the clock, random numbers, the deadline, the trace; files there are none" {
	answer '
		unsigned char r[70000] = { 0 };
		struct timespec mono;
		int zeros = 0, left = slsc_remaining_ms(ctx) > 1000 && slsc_remaining_ms(ctx) <= 2000;

		getentropy(r, 256);
		for (int i = 0; i < 256; i++)
			zeros += !r[i];
		clock_gettime(CLOCK_MONOTONIC, &mono);
		slsc_put_u64(out, (uint64_t)time(NULL));
		slsc_puts(out, zeros < 20 ? " random" : " zeros");
		slsc_puts(out, left ? " left" : " no deadline");
		slsc_puts(out, mono.tv_sec >= 0 ? " mono " : " ? ");
		slsc_put_str(out, ctx->trace_id);
		slsc_puts(out, fopen("/etc/passwd", "r") || !access("x", 0) ? " files" : " none");
		fprintf(stderr, "two\nlines");
		return 0;'
	sed -i '1i #include <stdio.h>\n#include <time.h>\n#include <unistd.h>' src/f.c
	echo '    timeout: 2 s' >>slsc.yaml
	package
	serve $D
	before=$(date +%s)
	call -d '' -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
	is "$status" 200
	[ "${out%% *}" -ge "$before" ] && [ "${out%% *}" -le "$(date +%s)" ]
	is "${out#* }" "random left mono 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 none"
	stop
	is "$(grep -Ec '^(two|lines)$' "$served")" 2
}

@test "a handler that heeds its deadline ends by itself in workerd" {
	answer 'while (!slsc_cancelled(ctx)) {} return slsc_fail(ctx, "Late", "no more time");'
	echo '    timeout: 300 ms' >>slsc.yaml
	package
	serve $D
	call -m 20
	is "$status $out" '500 {"errorMessage":"no more time","errorType":"Late","stackTrace":[]}'
}

@test "what a Worker does not give is refused when it is packaged, with its place; the old package stays" {
	answer 'return 0;'
	package
	was=$(cd $D && sha256sum -- *)
	answer 'return slsc_sleep_ms(ctx, 1);'
	slsc_run package --workers
	is "$status" 1
	is "$(tail -2 "$T/err")" "error: slsc.yaml:3:3: 'f' imports poll_oneoff of WASI, which a Worker does not give it
hint: a Worker cannot wait: leave out slsc_sleep_ms(), nanosleep() and poll()"
	answer 'return wasi_raise(0) + wasi_shutdown(0, 0);'
	sed -i '2i __attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_raise"))) int wasi_raise(int);' src/f.c
	sed -i '2i __attribute__((import_module("wasi_snapshot_preview1"), import_name("sock_shutdown"))) int wasi_shutdown(int, int);' src/f.c
	slsc_run package --workers
	is "$status" 1
	has "$(tail -2 "$T/err")" "error: slsc.yaml:3:3: 'f' imports "
	has "$(tail -2 "$T/err")" " of WASI, which a Worker does not give it
hint: docs/WASM.md lists what it gives"
	has "$err" proc_raise
	has "$err" sock_shutdown
	is "$(cd $D && sha256sum -- *)" "$was"
	# what the Worker has is what slsc takes for it
	names=$(sed -n 's/^\t\t\t\([a-z0-9_]*\): (.*/\1/p' "$SLSC_SRC/src/build/workers/worker.mjs" | sort)
	is "$(sed "/^import module/d; s/^export default/const it =/" "$SLSC_SRC/src/build/workers/worker.mjs" |
		sed 's/#wasi()/wasi()/' | cat - <(echo 'for (const n of Object.keys(new Run(null, {}).wasi()).sort()) console.log(n);') |
		node --input-type=module -)" "$names"
	is "$(wc -l <<<"$names")" 39
}

@test "the same bytes elsewhere; it is listed, checked, looked into, and replaced whole" {
	answer 'slsc_puts(out, "1"); return 0;'
	package
	mkdir -p "$T/else/where"
	cp -r slsc.yaml src "$T/else/where"
	(cd "$T/else/where" && umask 077 && CCACHE_DISABLE=1 TZ=UTC slsc package -q --workers --profile release >/dev/null)
	diff -r $D "$T/else/where/$D"
	is "$(jq -c '.artifacts[] | [.path, .kind, .function, .arch, .profile]' dist/manifest.json)" \
		'["f.workers","workers","f","wasm32","release"]'
	is "$(jq -r '.artifacts[].size' dist/manifest.json)" "$(cat $D/* | wc -c)"
	is "$(jq -r '.artifacts[].sha256' dist/manifest.json)" "$(cd $D && sha256sum -- * | sha256sum | cut -d' ' -f1)"
	slsc_run check
	is "$status $out" "0 1 artifact: 0 errors, 0 warnings, 0 notes"
	slsc_run inspect
	is "$(head -2 <<<"$out")" "$D/f.wasm
  type        module for wasm32"
	slsc_run check --reproducible
	is "$status $out" "0 f.workers  the same bytes"
	echo 'int more;' >>src/f.c
	sed -i 's/"1"/"2"/' src/f.c
	slsc_run check --reproducible
	is "$status" 3
	has "$out" "f.workers  differs: f.wasm: offset 0x"
	touch $D/stray
	package
	[ ! -e $D/stray ]
	no_leftovers .
	# an entry goes as soon as its files are others
	echo >>$D/worker.mjs
	slsc_run package --zip --arch x86_64
	is "$(jq -r '.artifacts[].path' dist/manifest.json)" f-x86_64.zip
}

@test "killed at any moment it leaves the old package, the new one, or none" {
	local ms old new
	answer 'slsc_puts(out, "1"); return 0;'
	package
	old=$(cd $D && sha256sum -- * | sha256sum)
	sed -i 's/"1"/"2"/' src/f.c
	rm -r dist
	package
	new=$(cd $D && sha256sum -- * | sha256sum)
	[ "$old" != "$new" ]
	rm -r dist
	for ms in $(seq 0 2 40); do
		timeout -s KILL "0.$(printf %03d "$ms")" "$SLSC_BIN" -q package --workers --no-build >/dev/null 2>&1 || :
		[ ! -e $D ] || is "$(cd $D && sha256sum -- * | sha256sum)" "$new"
	done
	sed -i 's/"2"/"1"/' src/f.c
	slsc_run -q build --arch wasm32
	for ms in $(seq 0 2 40); do
		timeout -s KILL "0.$(printf %03d "$ms")" "$SLSC_BIN" -q package --workers --no-build >/dev/null 2>&1 || :
		[ ! -e $D ] || has "$old$new" "$(cd $D && sha256sum -- * | sha256sum)"
	done
	package
	is "$(cd $D && sha256sum -- * | sha256sum)" "$old"
	is "$(jq -r '.artifacts[].sha256' dist/manifest.json)  -" "$old"
	no_leftovers .
}

@test "who has one: arches, --arch, --json, -n, and other formats beside it" {
	answer 'return 0;'
	cat >>slsc.yaml <<-'Y'
		  m:
		    sources: [src/f.c]
		    arches: [arm64]
	Y
	slsc_run package --workers -n
	is "$status $out" "0 would write dist/f.workers"
	[ ! -e dist ]
	slsc_run -q package --workers --json
	is "$status $err" "0 "
	is "$(jq -c '.artifacts[] | [.path, .kind, .arch, .function, .size > 20000, (.sha256 | length), .unpacked]' <<<"$out")" \
		'["dist/f.workers","workers","wasm32","f",true,64,null]'
	is "$(ls .slsc/release)" wasm32
	slsc_run package --workers m
	is "$status $err" "1 error: slsc.yaml:5:3: 'm' is not built for wasm32, of which a Worker is made
hint: add wasm32 to its arches"
	slsc_run package --workers --arch x86_64
	is "$status $err" "2 error: --workers: a Worker is made of wasm32, which --arch leaves out
hint: add --arch wasm32, or leave out --arch"
	slsc_run package --zip --arch wasm32 f
	is "$status $err" "2 error: f: no zip and no archive of an image is made of wasm32
hint: --oci makes an artifact of the module, --workers a Worker"
	rm -r dist
	slsc_run package --zip --oci --workers
	is "$status" 0
	is "$(ls dist)" "f-arm64.zip
f-x86_64.zip
f.oci
f.workers
m-arm64.zip
m.oci
manifest.json"
	slsc_run package --workers --no-build -p small
	is "$status $err" "1 error: f is not built for wasm32 in profile 'small': there is no .slsc/small/wasm32/f
hint: run \`slsc build f --arch wasm32\`, or leave out --no-build"
	echo '    env: {DB_PASSWORD: hunter2, A: b}' >>slsc.yaml
	sed -i 's/\[arm64\]/[wasm32]/; 1a arches: [x86_64, wasm32]' slsc.yaml
	slsc_run -q package --workers m
	is "$status $err" "0 warning: slsc.yaml:9:11: DB_PASSWORD is a secret, by its name, and its value is in the Worker, in wrangler.toml and config.capnp: take it out of env, and set it by 'wrangler secret put DB_PASSWORD'"
	slsc_run check dist/m.workers
	is "$status $out" "0 warning: dist/m.workers: config.capnp: DB_PASSWORD is set in the Worker [secret-env]
  set it when the function is deployed, from the platform's secret store
warning: dist/m.workers: wrangler.toml: DB_PASSWORD is set in the Worker [secret-env]
1 artifact: 0 errors, 2 warnings, 0 notes"
	echo '    package: {check: {ignore: [secret-env]}}' >>slsc.yaml
	slsc_run -q package --workers m
	is "$status $err" "0 "
	# debug information is for debuggers
	slsc_run package --workers -p debug
	is "$status" 0
	is "$(node -e 'const m = new WebAssembly.Module(require("fs").readFileSync(process.argv[1]));
		console.log(["name", "producers", ".debug_info"].filter((n) => WebAssembly.Module.customSections(m, n).length));' \
		dist/f.workers/f.wasm)" "[]"
	slsc_run help package
	has "$out" "--workers"
}

@test "wrangler takes the directory as it is" {
	answer 'slsc_puts(out, "1"); return 0;'
	printf '    timeout: 900 s\n    env: {A: "1 \\"2\\" \\x7f"}\n' >>slsc.yaml
	package
	has "$(cat $D/wrangler.toml)" 'cpu_ms = 300000'
	has "$(cat $D/wrangler.toml)" '"SLSC_TIMEOUT_MS" = "900000"'
	cd $D
	status=0
	WRANGLER_SEND_METRICS=false WRANGLER_HIDE_BANNER=true node --no-warnings "$NPM/node_modules/wrangler/bin/wrangler.js" deploy --dry-run \
		--outdir "$T/bundle" >"$T/log" 2>&1 </dev/null || { cat "$T/log"; return 1; }
	has "$(cat "$T/log")" "--dry-run: exiting now."
	has "$(cat "$T/log")" 'SLSC_TIMEOUT_MS: "900000"'
	is "$(grep WARNING "$T/log" | grep -vc 'is now out-of-date')" 0
	cmp "$T"/bundle/*f.wasm f.wasm
}
