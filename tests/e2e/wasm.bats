#!/usr/bin/env bats
# slsc build --arch wasm32: commands of WASI, run by Node's.

load helper
load wasm_helper

# The names of a module's custom sections, and what it imports, by an engine's reading of it.
customs() {
	node -e 'const m = new WebAssembly.Module(require("fs").readFileSync(process.argv[1]));
		for (const n of ["name", "producers", "target_features", ".debug_info"])
			if (WebAssembly.Module.customSections(m, n).length) console.log(n);' "$1"
}

hello() {
	slsc init hello --template hello >/dev/null
	cd hello || return 1
}

M=.slsc/release/wasm32/f

@test "hello for wasm32: Node runs it, one event in, one answer out" {
	hello
	slsc_run build --arch wasm32
	is "$status" 0
	has "$out" "hello  wasm32 "
	has "$out" "  .slsc/release/wasm32/hello"
	run_wasi .slsc/release/wasm32/hello <<<'{"name":"Ada"}'
	is "$status" 0
	is "$out" '{"message":"Hello, Ada!"}'
	is "$err" ""
	run_wasi .slsc/release/wasm32/hello <<<'[]'
	is "$status" 1
	is "$out" '{"errorMessage":"the event is not a JSON object","errorType":"InvalidInput","stackTrace":[]}'
	is "$err" "ERROR invocation failed: InvalidInput: the event is not a JSON object"
	no_leftovers .
}

@test "it is stripped, imports WASI alone, and --json lists what it gives and needs" {
	hello
	slsc_run build --arch wasm32 --json
	is "$status" 0
	is "$(jq -c '.binaries[] | [.arch, .toolchain, .exports]' <<<"$out")" '["wasm32","wasi",["memory","_start"]]'
	is "$(jq -r '.binaries[].imports[]' <<<"$out" | sed 's/\..*//' | sort -u)" wasi_snapshot_preview1
	is "$(jq -r '.binaries[].size' <<<"$out")" "$(stat -c %s .slsc/release/wasm32/hello)"
	is "$(customs .slsc/release/wasm32/hello)" ""
	is "$(customs .slsc/release/wasm32/hello.debug | head -1)" name
	[ "$(stat -c %s .slsc/release/wasm32/hello)" -lt 30000 ]
	slsc_run build --arch wasm32 --json
	is "$(jq .steps <<<"$out")" 0
}

@test "only who asks for it gets it" {
	hello
	slsc_run build
	is "$status" 0
	is "$(ls .slsc/release)" "arm64
x86_64"
	slsc_run build --arch wasm32
	is "$status" 0
	slsc_run build --json
	is "$(jq -c '[.binaries[].arch]' <<<"$out")" '["x86_64","arm64"]'
	is "$(jq .steps <<<"$out")" 0
	sed -i 's/^arches:.*/arches: [x86_64, wasm32]/' slsc.yaml
	slsc_run build --json
	is "$(jq -c '[.binaries[].arch]' <<<"$out")" '["x86_64","wasm32"]'
	slsc_run config show --json
	is "$(jq -c .arches <<<"$out")" '["x86_64","wasm32"]'
}

@test "the same bytes elsewhere, at another time, by another launcher" {
	hello
	slsc build -q --arch wasm32 >/dev/null
	mkdir -p "$T/else/where"
	cp -r slsc.yaml src "$T/else/where"
	cd "$T/else/where"
	CCACHE_DISABLE=1 TZ=UTC slsc build -q --arch wasm32 -j1 --launcher env >/dev/null
	cmp .slsc/release/wasm32/hello "$T/w/hello/.slsc/release/wasm32/hello"
	if grep -aq "$T" .slsc/release/wasm32/hello; then
		return 1
	fi
}

@test "each profile's module answers, and main() without a runtime runs" {
	answer 'slsc_puts(out, "[1]"); return 0;'
	for p in release small fast debug; do
		slsc_run build --arch wasm32 --profile "$p"
		is "$status" 0
		run_wasi ".slsc/$p/wasm32/f" </dev/null
		is "$out" "[1]"
		is "$status" 0
	done
	sed -i '$a\    runtime: none' slsc.yaml
	printf '#include <stdio.h>\nint main(void) { puts("plain"); return 3; }\n' >src/f.c
	slsc_run build --arch wasm32
	is "$status" 0
	run_wasi $M </dev/null
	is "$out" plain
	is "$status" 3
}

@test "context, deadline, arena and logs" {
	answer '
		char *a = slsc_alloc(ctx, 3 << 20), *b = slsc_alloc(ctx, 40 << 20);

		if (!a || !b || ((uintptr_t)b & 15) || slsc_alloc(ctx, (size_t)600 << 20))
			return slsc_fail(ctx, "NoMemory", "the arena");
		a[0] = a[(3 << 20) - 1] = b[0] = b[(40 << 20) - 1] = 1;
		slsc_log(ctx, SLSC_WARN, "seen");
		slsc_put_str(out, ctx->request_id);
		slsc_puts(out, slsc_remaining_ms(ctx) == INT64_MAX ? " none" : slsc_cancelled(ctx) ? " over" : " left");
		slsc_puts(out, slsc_sleep_ms(ctx, 1) ? " cut" : " slept");
		return 0;'
	slsc_run build --arch wasm32
	is "$status" 0
	SLSC_REQUEST_ID=r-1 run_wasi $M </dev/null
	is "$out" "r-1 none slept"
	is "$err" "WARN r-1 seen"
	SLSC_DEADLINE_MS=$((($(date +%s) + 3600) * 1000)) run_wasi $M </dev/null
	is "$out" " left slept"
	SLSC_DEADLINE_MS=1700000000000 run_wasi $M </dev/null
	is "$out" " over cut"
	SLSC_DEADLINE_MS=12x run_wasi $M </dev/null
	is "$out" " none slept"
}

@test "a handler that heeds its deadline ends by itself; an endless one is ended by its host" {
	answer 'while (!slsc_cancelled(ctx)); return slsc_fail(ctx, "Late", "no more time");'
	slsc_run build --arch wasm32
	SLSC_DEADLINE_MS=$(($(date +%s%3N) + 300)) run_wasi $M </dev/null
	is "$status" 1
	is "$out" '{"errorMessage":"no more time","errorType":"Late","stackTrace":[]}'
	answer 'for (volatile int i = 0;; i++); return 0;'
	slsc_run build --arch wasm32
	is "$status" 0
	run_wasi $M 2 </dev/null
	is "$status" 124
	is "$out" ""
}

@test "a trap answers nothing; a stack that overflows traps" {
	answer 'slsc_puts(out, "half"); __builtin_trap();'
	slsc_run build --arch wasm32
	is "$status" 0
	run_wasi $M </dev/null
	is "$status" 70
	is "$out" ""
	is "$err" unreachable
	answer 'extern int deep(int); return deep(100000);'
	printf '%s\n' 'int deep(int n) { volatile char big[65536]; big[n & 65535] = 1; return n ? deep(n - 1) + big[n & 7] : 0; }' >>src/f.c
	sed -i '1i int deep(int n);' src/f.c
	slsc_run build --arch wasm32
	is "$status" 0
	run_wasi $M </dev/null
	is "$status" 70
	is "$out" ""
	is "$err" "memory access out of bounds"
}

@test "the largest event fits, one byte more is refused" {
	answer 'slsc_put_u64(out, in.len); return 0;'
	slsc_run build --arch wasm32
	head -c 6291556 /dev/zero >"$T/event"
	run_wasi $M <"$T/event"
	is "$out" 6291556
	printf x >>"$T/event"
	run_wasi $M <"$T/event"
	is "$status" 1
	is "$(jq -r .errorType <<<"$out")" Runtime.EventSizeTooLarge
	answer 'memset(slsc_extend(out, out->cap), 0, out->cap); slsc_put(out, "x", 1); return 0;'
	sed -i '1i #include <string.h>' src/f.c
	slsc_run build --arch wasm32
	run_wasi $M </dev/null
	is "$status" 1
	is "$(jq -r .errorType <<<"$out")" Function.ResponseSizeTooLarge
}

@test "a foreign import is refused, located, and the old module stays" {
	answer 'return 0;'
	slsc_run build --arch wasm32
	before=$(sha256sum $M)
	answer 'return secret();'
	sed -i '2i __attribute__((import_module("env"), import_name("secret"))) int secret(void);' src/f.c
	slsc_run build --arch wasm32
	is "$status" 1
	is "$(tail -2 "$T/err")" "error: slsc.yaml:3:3: .slsc/release/wasm32/f: imports function 'secret' from 'env'
hint: what the engine gives is wasi_snapshot_preview1 alone: define it, or leave it out"
	is "$(sha256sum $M)" "$before"
	[ ! -e .slsc/link ]
}

@test "a function that WASI preview 1 does not have is refused like one of another module" {
	answer 'return wasi_later();'
	sed -i '2i __attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_wirte"))) int wasi_later(void);' src/f.c
	slsc_run build --arch wasm32
	is "$status" 1
	is "$(tail -2 "$T/err")" "error: slsc.yaml:3:3: .slsc/release/wasm32/f: imports function 'fd_wirte' from 'wasi_snapshot_preview1'
hint: WASI has no such function: did you mean 'fd_write'?"
	[ ! -e $M ]
}

@test "what WASI does not have says so when it is linked, with its place in slsc.yaml" {
	answer 'return socket(2, 1, 0);'
	sed -i '1i int socket(int, int, int);' src/f.c
	slsc_run build --arch wasm32
	is "$status" 1
	is "$(tail -2 "$T/err")" "error: slsc.yaml:3:3: 'f' calls 'socket', which wasm32 does not have
hint: WASI has no sockets, threads, processes or signals; keep it within #ifndef __wasi__, or leave wasm32 out of arches"
	answer 'return pthread_create(0, 0, 0, 0);'
	sed -i '1i int pthread_create(void *, void *, void *, void *);' src/f.c
	slsc_run build --arch wasm32
	has "$err" "error: slsc.yaml:3:3: 'f' calls 'pthread_create', which wasm32 does not have"
	answer 'return 0;'
	sed -i 's/int handler/int other/' src/f.c
	slsc_run build --arch wasm32
	has "$err" "error: slsc.yaml:3:3: handler 'handler' is not defined in the sources of 'f'"
}

@test "parts of the runtime that need signals or snapshots are refused where they stand" {
	for part in 'SLSC_FALLBACK(0, 100)' SLSC_CRASH_REPORT 'SLSC_RESTORE(0, 0)'; do
		answer 'return 0;'
		sed -i "2i $part;" src/f.c
		slsc_run build --arch wasm32
		is "$status" 1
		has "$err" "src/f.c:2:1: error: static_assert failed \"${part%%(*} "
		has "$err" "error: src/f.c did not compile (function 'f', wasm32)"
	done
	answer 'return slsc_stream_begin(ctx, 0);'
	slsc_run build --arch wasm32
	has "$err" "error: slsc.yaml:3:3: 'f' calls 'slsc_stream_begin', which wasm32 does not have"
}

@test "runtime http and stages are refused where wasm32 is asked for, not elsewhere" {
	answer 'return 0;'
	cat >>slsc.yaml <<-'Y'
		  web:
		    sources: [src/web.c]
		    runtime: http
	Y
	echo 'int web;' >src/web.c
	slsc_run build f --arch wasm32
	is "$status" 0
	slsc_run build --arch wasm32
	is "$status" 1
	is "$err" "error: slsc.yaml:5:3: 'web' has runtime http, which wasm32 cannot have: WASI opens no sockets
hint: runtime lambda takes one event on stdin; or give 'web' arches without wasm32"
	sed -i '$a\    toolchain: {stage: builder}' slsc.yaml
	sed -i '/runtime: http/d' slsc.yaml
	echo 'FROM scratch AS builder' >Dockerfile
	slsc_run build --arch wasm32 --dry-run
	is "$status" 1
	has "$err" "error: slsc.yaml:7:24: stage 'builder' does not compile for wasm32: this machine's clang does"
	sed -i '$s/.*/    runtime: http/' slsc.yaml
	sed -i '1a arches: [x86_64, wasm32]' slsc.yaml
	slsc_run config check
	is "$status" 1
	has "$err" "error: slsc.yaml:6:3: 'web' has runtime http"
}

@test "a damaged module is linked anew" {
	answer 'slsc_puts(out, "1"); return 0;'
	slsc_run build --arch wasm32
	before=$(sha256sum <$M)
	echo junk >$M
	slsc_run build --arch wasm32
	is "$status" 0
	is "$(sha256sum <$M)" "$before"
	has "$err" "$M is damaged: linking it anew"
}

@test "zips and archives are made for machines alone" {
	answer 'return 0;'
	sed -i '1a arches: [wasm32, x86_64]' slsc.yaml
	slsc_run package --zip --json
	is "$status" 0
	is "$(find dist -type f -name '*.zip')" dist/f-x86_64.zip
	sed -i '2s/.*/arches: [wasm32]/' slsc.yaml
	for how in --zip --oci-archive --docker-archive; do
		slsc_run package $how
		is "$status" 1
		is "$err" "error: slsc.yaml:4:3: 'f' is built for wasm32 alone, of which no zip and no archive of an image is made
hint: add x86_64 or arm64 to arches; --oci and --workers are for modules"
	done
	slsc_run invoke f
	is "$status" 1
	is "$err" "error: slsc.yaml:4:3: 'f' is built for wasm32 alone, which slsc does not run
hint: add x86_64 or arm64 to arches"
}

@test "--smoke: Node runs the module with an event; a trap and an endless loop are failures" {
	answer 'slsc_puts(out, "1"); return 0;'
	slsc_run build --arch wasm32 --smoke
	is "$status" 0
	has "$err" "smoke: f wasm32 answered an event"
	answer 'return slsc_fail(ctx, "Odd", "not this one");'
	slsc_run build --arch wasm32 --smoke
	is "$status" 0
	has "$err" "smoke: f wasm32 answered an event with an error"
	answer '__builtin_trap();'
	slsc_run build --arch wasm32 --smoke
	is "$status" 1
	is "$(tail -1 "$T/err")" "error: smoke test of 'f' for wasm32: $M: the engine ended it: unreachable"
	answer 'for (volatile int i = 0;; i++); return 0;'
	slsc_run build --arch wasm32 --smoke
	is "$status" 1
	is "$(tail -1 "$T/err")" "error: smoke test of 'f' for wasm32: $M: 10 s passed before it answered an event"
	sed -i '$a\    runtime: none' slsc.yaml
	printf 'int main(void) { return 3; }\n' >src/f.c
	slsc_run build --arch wasm32 --smoke
	is "$(tail -1 "$T/err")" "error: smoke test of 'f' for wasm32: $M: exited with status 3"
	printf 'int main(void) { for (volatile int i = 0;; i++); }\n' >src/f.c
	slsc_run build --arch wasm32 --smoke
	is "$status" 0
	has "$err" "smoke: f wasm32 runs"
	printf 'int main(void) { return 0; }\n' >src/f.c
	slsc_run build --arch wasm32 --smoke
	has "$err" "smoke: f wasm32 exited with status 0"
	mkdir "$T/bin"
	for t in clang llvm-ar ninja sh wasm-ld; do
		ln -s "$(command -v $t)" "$T/bin/$t"
	done
	status=0
	PATH=$T/bin "$SLSC_BIN" build --arch wasm32 --smoke 2>"$T/err" || status=$?
	is "$status" 1
	is "$(tail -2 "$T/err")" "error: 'node' is not found on PATH
hint: apt-get install nodejs"
}

@test "without its linker it names the package, doctor too" {
	answer 'return 0;'
	mkdir "$T/bin"
	for t in clang llvm-ar ninja sh; do
		ln -s "$(command -v $t)" "$T/bin/$t"
	done
	status=0
	PATH=$T/bin "$SLSC_BIN" build --arch wasm32 2>"$T/err" || status=$?
	is "$status" 1
	is "$(cat "$T/err")" "error: toolchain 'wasi' for wasm32 lacks wasm-ld
hint: apt-get install lld"
	PATH=$T/bin "$SLSC_BIN" doctor --no-fetch >"$T/out" 2>"$T/err" || status=$?
	has "$(cat "$T/out")" "wasi        wasm32  missing  wasm-ld: apt-get install lld"
}

@test "inspect lists what a module imports and exports, and what is wrong with a foreign one" {
	answer 'slsc_puts(out, "1"); return 0;'
	slsc_run build --arch wasm32
	slsc_run inspect $M
	is "$status" 0
	is "$(head -2 <<<"$out")" "$M
  type        module for wasm32"
	has "$out" "  imports     wasi_snapshot_preview1.environ_get
              wasi_snapshot_preview1.environ_sizes_get"
	has "$out" "  exports     memory
              _start
  module      stripped
  verdict     imports and exports are as they should be"
	slsc_run inspect --json $M
	is "$(jq -c '.artifacts[0] | [.kind, .arch, .module.exports, .module.stripped, .module.verdict, .program]' <<<"$out")" \
		'["module","wasm32",["memory","_start"],true,null,null]'
	is "$(jq .artifacts[0].size <<<"$out")" "$(stat -c %s $M)"
	printf '\0asm\1\0\0\0\2\013\1\3env\3a\033b\0\0' >foreign.wasm
	slsc_run inspect --json foreign.wasm
	is "$(jq -r .artifacts[0].module.verdict <<<"$out")" "imports function 'a?b' from 'env'; does not export the function '_start'; does not export its 'memory'"
	slsc_run inspect foreign.wasm
	has "$out" "  imports     env.a?b"
	slsc_run inspect --sections $M
	is "$status" 2
	is "$err" "error: $M: is a WebAssembly module: it has no sections to show
hint: leave out --sections: what it imports and exports is told of it"
	printf '\0asm\1\0\0\0\2\5\377\377\377\377\17' >bad.wasm
	slsc_run inspect bad.wasm
	is "$status" 1
	is "$err" "error: bad.wasm: byte 15: 4294967295 imports do not fit into their section"
	# of which nothing is known
	is "$out" "bad.wasm
  type        module
  size        15 bytes"
	slsc_run inspect --json bad.wasm
	is "$(jq -c '.artifacts[0] | [.kind, .module]' <<<"$out")" '["module",null]'
	# what would turn the line around
	printf '\0asm\1\0\0\0\2\012\1\4e\342\200\256\1b\0\0' >turned.wasm
	slsc_run inspect turned.wasm
	has "$out" "  imports     e?.b"
	slsc_run check turned.wasm
	has "$out" "imports function 'b' from 'e?' [module-imports]"
	# what is exported is not there
	printf '\0asm\1\0\0\0\5\3\1\0\1\7\012\1\6memory\2\7' >nothing.wasm
	slsc_run inspect nothing.wasm
	is "$status $err" "1 error: nothing.wasm: byte 25: an export is memory 7, of 1"
	slsc_run check nothing.wasm
	is "$status" 3
	is "$(head -1 <<<"$out")" "error: nothing.wasm: the module: byte 25: an export is memory 7, of 1 [module-format]"
	slsc_run local --port 0 bad.wasm
	is "$status" 2
	is "$(tail -2 "$T/err")" "error: bad.wasm: is a WebAssembly module, which slsc does not run
hint: build the function for this machine"
}
