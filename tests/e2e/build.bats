#!/usr/bin/env bats
# slsc build: from sources to verified binaries, and every way it can go wrong.

load helper

# project [YAML LINES...]: a project with one C file
project() {
	mkdir -p src
	cat >src/main.c <<-'C'
		#include <unistd.h>
		int main(void) { return write(1, "hi\n", 3) != 3; }
	C
	cat >slsc.yaml
}

plain() {
	project <<-'Y'
		project: t
		functions:
		  hello:
		    sources: [src/*.c]
		    runtime: none
	Y
}

@test "builds both arches, static, stripped, with their debug files" {
	plain
	slsc_run build
	is "$status" 0
	has "$out" "hello  x86_64"
	has "$out" ".slsc/release/arm64/hello"
	is "$(file -b .slsc/release/x86_64/hello | cut -d, -f1-2)" "ELF 64-bit LSB executable, x86-64"
	is "$(file -b .slsc/release/arm64/hello | cut -d, -f1-2)" "ELF 64-bit LSB executable, ARM aarch64"
	has "$(file -b .slsc/release/arm64/hello)" "statically linked"
	is "$(.slsc/release/x86_64/hello)" hi
	is "$(qemu-aarch64-static .slsc/release/arm64/hello)" hi
	has "$(readelf -S .slsc/release/x86_64/hello.debug)" .debug_info
	id=$(readelf -n .slsc/release/x86_64/hello | sed -n 's/.*Build ID: //p')
	is "$id" "$(readelf -n .slsc/release/x86_64/hello.debug | sed -n 's/.*Build ID: //p')"
	[ -n "$id" ]
	has "$(cat compile_commands.json)" '"file":"src/main.c"'
	no_leftovers .
}

@test "does nothing the second time, and leaves build.ninja alone" {
	plain
	slsc_run build
	touch -d '2020-01-01' .slsc/build.ninja
	slsc_run build --json
	is "$status" 0
	is "$(jq -r .steps <<<"$out")" 0
	is "$(stat -c %Y .slsc/build.ninja)" "$(date -d 2020-01-01 +%s)"
	is "$err" ""
}

@test "a changed header makes what includes it stale, and --explain says so" {
	plain
	echo 'int unused_here;' >src/a.h
	sed -i '1i #include "a.h"' src/main.c
	slsc_run build
	sleep_free_touch src/a.h
	slsc_run build --arch x86_64 --explain
	is "$status" 0
	has "$err" "src/a.h"
}

@test "what the assembler and the linker read makes stale, too" {
	need jq jq
	# ccache sees .incbin, but not what .include names
	export CCACHE_DISABLE=1
	mkdir data
	cat >slsc.yaml <<-'Y'
		project: t
		arches: [x86_64]
		functions:
		  gnu: {sources: [a.c], flags: [-Idata], runtime: none, toolchain: gnu}
		  musl: {sources: [a.c], includes: [data], runtime: none, flags: ["@flags"], ldflags: ["-Wl,--defsym,n=4", "-Wl,--script=a b.ld"]}
	Y
	printf '#define DATA(f) __asm__(".section .rodata\\nblob:\\n.global blob\\n" f "\\n.previous")\n' >data/asm.h
	printf '.incbin "a blob.bin"\n' >data/blob.inc
	printf 'one\n' >'data/a blob.bin'
	echo -DX >flags
	printf 'SECTIONS { .rodata : { *(.rodata*) } }\nINSERT AFTER .text;\n' >'a b.ld'
	cat >a.c <<-'C'
		#include <unistd.h>
		#include "asm.h"
		DATA(".include \"data/blob.inc\"");
		extern const char blob[];
		int main(void) { return write(1, blob, 4) != 4; }
	C
	slsc_run build
	is "$status" 0
	slsc_run build --json
	is "$status $(jq .steps <<<"$out")" "0 0"
	printf 'two\n' >'data/a blob.bin'
	sleep_free_touch 'data/a blob.bin'
	slsc_run build --json --explain
	is "$status $(jq .steps <<<"$out")" "0 4"
	has "$err" "data/a blob.bin"
	is "$(.slsc/release/x86_64/gnu) $(.slsc/release/x86_64/musl)" "two two"
	touch -d "$(date -d '-1 minute' '+%F %T')" 'data/a blob.bin'
	slsc_run build --json
	is "$status" 0
	touch -d "$(date -d '+2 minutes' '+%F %T')" 'a b.ld'
	slsc_run build --json
	is "$status $(jq .steps <<<"$out")" "0 1"
	sleep_free_touch flags
	slsc_run build --json
	is "$status $(jq .steps <<<"$out")" "0 2"
}

# Nothing of a link that failed or was killed.
no_links() {
	is "$(find .slsc/link -type f 2>/dev/null)" ""
}

# A modification time later than that of everything built so far.
sleep_free_touch() {
	touch -d "$(date -d '+1 minute' '+%F %T')" "$1"
}

@test "asks for one function and one arch" {
	project <<-'Y'
		project: t
		functions:
		  one: {sources: [src/main.c], runtime: none}
		  two: {sources: [src/main.c], runtime: none}
	Y
	slsc_run build two --arch arm64
	is "$status" 0
	[ -e .slsc/release/arm64/two ]
	[ ! -e .slsc/release/arm64/one ]
	[ ! -e .slsc/release/x86_64/two ]
}

@test "an unknown function, profile, arch: did you mean" {
	plain
	slsc_run build helo
	is "$status" 1
	has "$err" "did you mean 'hello'?"
	slsc_run build --profile smal
	is "$status" 1
	has "$err" "did you mean 'small'?"
	slsc_run build --arch riscv
	is "$status" 2
	has "$err" "'riscv' is not one of"
}

@test "a dry run writes nothing" {
	plain
	slsc_run build -n
	is "$status" 0
	has "$err" "compile src/main.c (x86_64)"
	has "$err" "link .slsc/release/arm64/hello (arm64)"
	[ ! -e .slsc ]
	[ ! -e compile_commands.json ]
}

@test "a source that does not compile: the compiler's words, then which function" {
	plain
	echo 'int broken( { return 0; }' >src/bad.c
	slsc_run build --arch x86_64
	is "$status" 1
	has "$err" "src/bad.c:1:13: error: expected parameter declarator"
	has "$err" "error: src/bad.c did not compile (function 'hello', x86_64)"
	[ ! -e .slsc/release/x86_64/hello ]
}

@test "a failed build leaves the old binary as it was" {
	plain
	slsc_run build --arch x86_64
	before=$(sha256sum .slsc/release/x86_64/hello)
	echo 'int main(void) { return missing(); }' >src/main.c
	slsc_run build --arch x86_64
	is "$status" 1
	is "$(sha256sum .slsc/release/x86_64/hello)" "$before"
	no_leftovers .
}

@test "a handler that does not exist: which there are" {
	mkdir src
	cat >src/f.c <<-'C'
		#include <slsc.h>
		int greet(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out);
		int greet(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
		{
			(void)ctx; (void)in; (void)out;
			return 0;
		}
	C
	cat >slsc.yaml <<-'Y'
		project: t
		functions:
		  f:
		    sources: [src/f.c]
		    handler: gret
	Y
	slsc_run build --arch x86_64
	is "$status" 1
	has "$err" "error: slsc.yaml:5:14: handler 'gret' is not defined in the sources of 'f'"
	# that is all there is to say, unless asked for more
	is "$(grep -v '^building' <<<"$err")" "error: slsc.yaml:5:14: handler 'gret' is not defined in the sources of 'f'
hint: did you mean 'greet'? defined are: greet"
	slsc_run build --arch x86_64 -v
	has "$err" "undefined symbol: gret"
	is "$(tail -1 <<<"$err")" "hint: did you mean 'greet'? defined are: greet"
	sed -i 's/gret/greet/' slsc.yaml
	slsc_run build --smoke
	is "$status" 0
}

@test "an object of another arch is named" {
	plain
	printf 'int x;\n' >x.c
	aarch64-linux-gnu-gcc -c x.c -o src/x.o
	sed -i "s,src/\*.c,'src/*.[co]'," slsc.yaml
	slsc_run build --arch x86_64
	is "$status" 1
	has "$err" "slsc.yaml:4:15: cannot link 'hello': "
	has "$err" "src/x.o: is arm64, not x86_64"
	slsc_run build --arch arm64
	is "$status" 0
}

@test "a dynamic library asked of a static build" {
	plain
	sed -i 's/runtime: none/runtime: none\n    libs: [z]/' slsc.yaml
	slsc_run build --arch x86_64
	is "$status" 1
	is "$(grep -vc '^building' <<<"$err")" 2
	has "$err" "slsc.yaml:6:12: library 'z' has no static archive for x86_64 (libz.a is not in "
}

@test "a shared object on the command line is caught after the link" {
	plain
	printf 'int shared(void) { return 1; }\n' >s.c
	gcc -shared -fPIC -nostdlib s.c -o libs.so
	printf 'int shared(void); int main(void) { return shared(); }\n' >src/main.c
	sed -i 's,runtime: none,runtime: none\n    toolchain: gnu\n    ldflags: [-Wl\,-Bdynamic\, libs.so],' slsc.yaml
	sed -i 's/^project: t/project: t\nprofiles: {release: {static: true}}/' slsc.yaml
	slsc_run build --arch x86_64
	is "$status" 1
	[ ! -e .slsc/release/x86_64/hello ]
}

@test "dynamic binaries out of a build command fail, and say which library" {
	project <<-'Y'
		project: t
		arches: [x86_64]
		functions:
		  f:
		    runtime: none
		    build: {command: 'gcc -o "$SLSC_OUT" src/main.c'}
	Y
	slsc_run build
	is "$status" 1
	has "$err" "interpreter"
	has "$err" "libc.so.6"
	has "$err" "slsc.yaml:6:22: the build command of 'f' failed for x86_64"
}

@test "build: command runs the user's own make with CC, CFLAGS and SLSC_OUT" {
	project <<-'Y'
		project: t
		functions:
		  made:
		    runtime: none
		    build: {command: make -s}
	Y
	printf '$(SLSC_OUT): src/main.c\n\t$(CC) $(CFLAGS) -c $< -o $(SLSC_BUILD_DIR)/main.o\n\t$(AR) rcs $(SLSC_BUILD_DIR)/m.a $(SLSC_BUILD_DIR)/main.o\n\t$(RANLIB) $(SLSC_BUILD_DIR)/m.a\n\t$(CC) $(LDFLAGS) $(SLSC_BUILD_DIR)/m.a -o $@\n' >Makefile
	slsc_run build --smoke
	is "$status" 0
	is "$(.slsc/release/x86_64/made)" hi
	is "$(qemu-aarch64-static .slsc/release/arm64/made)" hi
	slsc_run build --json
	is "$(jq -r .steps <<<"$out")" 0
}

@test "a dry run lists build commands: one that never ran, and one that has changed" {
	mkdir src
	echo 'int main(void) { return 0; }' >src/main.c
	cat >slsc.yaml <<-'Y'
		project: p
		arches: [x86_64]
		functions:
		  f:
		    runtime: none
		    build: {command: '$CC -o "$SLSC_OUT" src/main.c', inputs: [src/main.c]}
	Y
	slsc_run build -n
	is "$status" 0
	is "$err" "build .slsc/release/x86_64/f (x86_64)"
	[ ! -e .slsc ]
	slsc_run build -q
	is "$status" 0
	before=$(find .slsc -type f -exec stat -c '%n %Y %i' {} + | sort)
	slsc_run build -n
	is "$status $err" "0 "
	sed -i 's/-o /-O2 -o /' slsc.yaml
	slsc_run build -n
	is "$status" 0
	is "$err" "build .slsc/release/x86_64/f (x86_64)"
	slsc_run build -n --explain
	is "$err" ".slsc/release/x86_64/.obj/musl/f/command.sh: is not there yet, or will differ
build .slsc/release/x86_64/f (x86_64)"
	is "$(find .slsc -type f -exec stat -c '%n %Y %i' {} + | sort)" "$before"
	slsc_run build --json
	is "$(jq .steps <<<"$out")" 1
	touch src/main.c
	slsc_run build -n
	is "$err" "build .slsc/release/x86_64/f (x86_64)"
}

@test "a build command that makes nothing" {
	project <<-'Y'
		project: t
		functions:
		  f:
		    runtime: none
		    build: {command: 'true'}
	Y
	slsc_run build --arch x86_64
	is "$status" 1
	has "$err" "the command made no file at SLSC_OUT"
}

@test "missing files are located" {
	plain
	sed -i 's,src/\*.c,src/*.cc,' slsc.yaml
	slsc_run build
	is "$status" 1
	is "$err" "error: slsc.yaml:4:15: no file matches 'src/*.cc'
hint: it is relative to slsc.yaml's directory; '**' stands for any number of directories"
	plain
	sed -i 's,runtime: none,runtime: none\n    includes: [inc],' slsc.yaml
	slsc_run build
	is "$status" 1
	has "$err" "error: slsc.yaml:6:16: no such include directory: 'inc'"
}

@test "toolchains: each links static binaries that run" {
	for tc in musl musl-gcc gnu; do
		plain
		sed -i "s/^project: t/project: t\ntoolchain: $tc/" slsc.yaml
		rm -rf .slsc
		slsc_run build --smoke
		is "$status $tc" "0 $tc"
		is "$(.slsc/release/x86_64/hello)" hi
		is "$(qemu-aarch64-static .slsc/release/arm64/hello)" hi
	done
}

@test "a toolchain of the user's own, per arch" {
	plain
	cat >>slsc.yaml <<-'Y'
		toolchain: mine
		toolchains:
		  mine:
		    extends: gnu
		    cflags: [-DMINE=1]
		    arches:
		      arm64: {cc: aarch64-linux-gnu-gcc-12}
	Y
	printf '#if MINE != 1\n#error\n#endif\n' >>src/main.c
	slsc_run build
	is "$status" 0
	has "$(grep aarch64-linux-gnu-gcc-12 .slsc/build.ninja)" "-DMINE=1"
}

@test "a compiler that is not there: what is missing" {
	plain
	cat >>slsc.yaml <<-'Y'
		toolchain: mine
		toolchains:
		  mine: {extends: musl, cc: no-such-cc}
	Y
	slsc_run build --arch x86_64
	is "$status" 1
	has "$err" "error: toolchain 'mine' for x86_64 lacks no-such-cc"
}

@test "profiles: small is no larger than release, debug keeps its symbols, all of them run" {
	plain
	for p in release small fast debug; do
		slsc_run build --profile "$p" --smoke
		is "$status $p" "0 $p"
		is "$(.slsc/$p/x86_64/hello)" hi
	done
	[ "$(stat -c %s .slsc/small/x86_64/hello)" -le "$(stat -c %s .slsc/release/x86_64/hello)" ]
	has "$(readelf -S .slsc/debug/x86_64/hello)" .symtab
}

@test "static-pie, stack protector and extends" {
	plain
	cat >>slsc.yaml <<-'Y'
		profiles:
		  hard: {extends: release, pie: true, stack_protector: true}
	Y
	slsc_run build --profile hard --smoke
	is "$status" 0
	has "$(file -b .slsc/hard/x86_64/hello)" "static-pie linked"
	is "$(.slsc/hard/x86_64/hello)" hi
	is "$(qemu-aarch64-static .slsc/hard/arm64/hello)" hi
}

@test "no path of the machine is in the binary, and two directories give the same bytes" {
	plain
	cat >src/main.c <<-'C'
		#include <assert.h>
		#include <stdio.h>
		int main(int c, char **v) { (void)v; puts(__FILE__); assert(c); return 0; }
	C
	cat >>slsc.yaml <<-'Y'
		profiles:
		  checked: {extends: release, assertions: true}
	Y
	slsc_run build --profile checked
	is "$status" 0
	cp -r . "$T/other place"
	cd "$T/other place"
	rm -rf .slsc
	umask 077
	TZ=America/Lima LC_ALL=C HOME=$T/w slsc_run build --profile checked
	is "$status" 0
	for a in x86_64 arm64; do
		cmp ".slsc/checked/$a/hello" "$T/w/.slsc/checked/$a/hello"
		cmp ".slsc/checked/$a/hello.debug" "$T/w/.slsc/checked/$a/hello.debug"
		! grep -c "$T" ".slsc/checked/$a/hello"
	done
}

@test "an absolute path inside fails the build" {
	plain
	printf '#include <stdio.h>\nint main(void) { return puts(P); }\n' >src/main.c
	sed -i "s,runtime: none,runtime: none\n    defines: {P: '\"$PWD/secret\"'}," slsc.yaml
	slsc_run build --arch x86_64
	is "$status" 1
	has "$err" "$PWD/secret"
	[ ! -e .slsc/release/x86_64/hello ]
}

@test "non-ASCII names and spaces in paths" {
	mkdir 'söurce dir'
	printf '#include <unistd.h>\nint main(void) { return write(1, "hi\\n", 3) != 3; }\n' >'söurce dir/mäin $x.c'
	cat >slsc.yaml <<-'Y'
		project: t
		functions:
		  f: {sources: ['söurce dir/*.c'], runtime: none}
	Y
	slsc_run build
	is "$status" 0
	is "$(.slsc/release/x86_64/f)" hi
	slsc_run build --json
	is "$(jq -r .steps <<<"$out")" 0
}

@test "dependencies: fetched from git, locked by commit, compiled per target, then no network" {
	git init -q "$T/dep"
	printf 'int answer(void);\n' >"$T/dep/answer.h"
	printf '#include "answer.h"\nint answer(void) { return 42; }\n' >"$T/dep/answer.c"
	git -C "$T/dep" add . && git -C "$T/dep" commit -qm one && git -C "$T/dep" tag v1
	commit=$(git -C "$T/dep" rev-parse HEAD)
	project <<-Y
		project: t
		dependencies:
		  answer: {git: 'file://$T/dep', ref: v1, sources: ['*.c']}
		functions:
		  f: {sources: [src/main.c], runtime: none, dependencies: [answer]}
	Y
	printf '#include <answer.h>\nint main(void) { return answer() != 42; }\n' >src/main.c
	export SLSC_CACHE_DIR=$T/cache
	mkdir -p "$T/cache"
	ln -s "${SLSC_TEST_CACHE:-$SLSC_BUILD/test-cache}/sysroot" "$T/cache/sysroot"
	slsc_run build
	is "$status" 0
	has "$err" "fetching answer: file://$T/dep at v1"
	is "$(sed -n 's/^ *commit: //p' slsc.lock)" "$commit"
	.slsc/release/x86_64/f
	# the tag moves: the lock holds
	printf 'int answer(void) { return 7; }\n' >"$T/dep/answer.c"
	git -C "$T/dep" commit -qam two && git -C "$T/dep" tag -f v1 >/dev/null
	rm -rf .slsc
	mv "$T/dep" "$T/gone"
	slsc_run build
	is "$status" 0
	.slsc/release/x86_64/f
	# a ref that does not exist is located
	mv "$T/gone" "$T/dep"
	sed -i 's/ref: v1/ref: v9/' slsc.yaml
	slsc_run build
	is "$status" 1
	has "$err" "error: slsc.yaml:3:17: dependency 'answer':"
	is "$(sed -n 's/^ *commit: //p' slsc.lock)" "$commit"
}

@test "a launcher is put before each compile, without making anything stale" {
	plain
	printf '#!/bin/sh\necho x >>"%s/launched"\nexec "$@"\n' "$T" >"$T/launch"
	chmod +x "$T/launch"
	slsc_run build --launcher "$T/launch" --arch x86_64
	is "$status" 0
	is "$(cat "$T/launched")" x
	slsc_run build --launcher "env X=1 $T/launch" --arch arm64
	is "$status" 0
	is "$(wc -l <"$T/launched")" 2
	slsc_run build --arch x86_64 --json
	is "$(jq -r .steps <<<"$out")" 0
}

@test "two at once: the second waits and says for whom" {
	plain
	mkfifo "$T/fifo"
	cat >>slsc.yaml <<-Y
		  slow:
		    runtime: none
		    arches: [x86_64]
		    build: {command: 'echo started >"$T/started"; read -r x <"$T/fifo"; cp $(command -v true) "\$SLSC_OUT"'}
	Y
	"$SLSC_BIN" build slow >"$T/o1" 2>"$T/e1" &
	first=$!
	until [ -e "$T/started" ]; do :; done
	"$SLSC_BIN" build hello >"$T/o2" 2>"$T/e2" &
	second=$!
	until grep -q "waiting for slsc build, pid $first" "$T/e2"; do kill -0 "$second"; done
	echo go >"$T/fifo"
	wait "$first" || true
	wait "$second"
	has "$(cat "$T/o2")" .slsc/release/x86_64/hello
}

@test "SIGINT: 130, one line, the old artifact intact, nothing left running" {
	plain
	slsc_run build hello
	mkfifo "$T/fifo"
	cat >>slsc.yaml <<-Y
		  slow:
		    runtime: none
		    arches: [x86_64]
		    build: {command: 'echo \$\$ >"$T/pid"; read -r x <"$T/fifo"'}
	Y
	# a background job of a non-interactive shell ignores SIGINT: python gives it back
	python3 -c 'import os,signal,sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])' \
		"$SLSC_BIN" build slow >"$T/o" 2>"$T/e" &
	pid=$!
	until [ -s "$T/pid" ]; do kill -0 "$pid"; done
	kill -INT "$pid"
	code=0
	wait "$pid" || code=$?
	is "$code" 130
	has "$(cat "$T/e")" "error: interrupted"
	no_leftovers .
	slsc_run build hello
	is "$status" 0
}

@test "SIGKILL at any moment: the next build is whole" {
	plain
	for after in 1 5 20 50 90; do
		rm -rf .slsc
		timeout -s KILL "0.$(printf %03d $after)" "$SLSC_BIN" build >/dev/null 2>&1 || true
		slsc_run build
		is "$status" 0
		is "$(.slsc/release/x86_64/hello)" hi
		is "$(qemu-aarch64-static .slsc/release/arm64/hello)" hi
		no_leftovers .
		no_links
	done
	# killed with something half linked
	mkdir -p .slsc/link/arm64/x
	touch .slsc/link/x86_64/hello.stripped
	slsc_run build
	is "$status" 0
	no_links
	[ ! -e .slsc/link/arm64/x ]
}

@test "a project directory that cannot be written" {
	plain
	[ "$(id -u)" = 0 ] || { chmod a-w .; slsc_run build; is "$status" 1; has "$err" "cannot create directory"; chmod u+w .; return 0; }
	mkdir "$T/ro"
	cp -r . "$T/ro/p"
	mount --bind "$T/ro/p" "$T/ro/p" 2>/dev/null && mount -o remount,ro,bind "$T/ro/p" || {
		# no mounts here: a file where the directory must be
		touch .slsc
		slsc_run build
		is "$status" 1
		has "$err" "cannot create directory $PWD/.slsc: Not a directory"
		return 0
	}
	cd "$T/ro/p"
	slsc_run build
	cd /
	umount "$T/ro/p"
	is "$status" 1
	is "$(head -1 "$T/err")" "error: cannot create directory $T/ro/p/.slsc: Read-only file system"
}

@test "doctor: what works, and what is missing with the exact command" {
	slsc_run doctor --no-fetch
	is "$status" 0
	has "$out" "musl        x86_64  works"
	has "$out" "musl        arm64   works"
	command -v zig >/dev/null ||
		has "$out" "zig         x86_64  missing  zig cc (not in Debian 12; put zig on PATH)"
	slsc_run doctor --json --no-fetch
	is "$(jq -r '[.toolchains[] | select(.state=="works")] | length' <<<"$out")" 7
	export SLSC_CACHE_DIR=$T/empty
	slsc_run doctor --no-fetch
	is "$status" 1
	has "$out" "musl        arm64   missing  musl's headers and libc.a for arm64: slsc doctor"
	has "$err" "error: toolchain 'musl' does not work for every arch"
}

@test "smoke: a binary that crashes is told apart from one that works" {
	plain
	printf '#include <stdlib.h>\nint main(void) { abort(); }\n' >src/main.c
	slsc_run build --arch x86_64 --smoke
	is "$status" 1
	is "$(tail -1 "$T/err")" "error: smoke test of 'hello' for x86_64: .slsc/release/x86_64/hello: killed by signal 6 (Aborted)"
}

@test "odd names: what ninja cannot follow is refused, the rest builds once" {
	plain
	for n in 'a b' 'c:d' 'h#i' 'x$y' 'x=y' 'a%b' '(p)' '~t' 'n[1]' '日本'; do
		echo "int v$(printf %s "$n" | md5sum | cut -c1-8);" >"src/$n.c"
	done
	slsc_run build --arch x86_64
	is "$status" 0
	slsc_run build --arch x86_64 --json
	is "$(jq -r .steps <<<"$out")" 0
	touch "src/it's.c"
	slsc_run build
	is "$status" 1
	is "$err" "error: slsc.yaml:4:15: 'src/it's.c': ''' cannot be in the name of a source
hint: rename the file"
}

@test "a project in a directory with blanks, quotes, = and \$: no path inside, nothing rebuilt" {
	for d in 'a b' "it's" 'a=b' 'do$llar' 'ha#sh' 'ünï'; do
		mkdir "$T/w/$d"
		cd "$T/w/$d"
		plain
		printf '#include <stdio.h>\nint main(void) { return puts(__FILE__) < 0; }\n' >src/main.c
		slsc_run build
		is "$status $d" "0 $d"
		is "$(.slsc/release/x86_64/hello)" src/main.c
		slsc_run build --json
		is "$(jq -r .steps <<<"$out")" 0
		sha256sum <.slsc/release/arm64/hello >>"$T/sums"
	done
	is "$(sort -u "$T/sums" | wc -l)" 1
}

@test "build: command runs cmake, in a directory with a blank; a change of flags starts afresh" {
	need cmake cmake
	mkdir "$T/w/c d"
	cd "$T/w/c d"
	project <<-'Y'
		project: t
		functions:
		  made:
		    runtime: none
		    build:
		      inputs: ['src/*.c', CMakeLists.txt]
		      command: |
		        cmake -S . -B "$SLSC_BUILD_DIR" >"$SLSC_BUILD_DIR/log"
		        cmake --build "$SLSC_BUILD_DIR" >>"$SLSC_BUILD_DIR/log"
		        cp "$SLSC_BUILD_DIR/made" "$SLSC_OUT"
	Y
	printf 'const char *hi(void);\nconst char *hi(void) { return N; }\n' >src/hi.c
	printf '#include <stdio.h>\nconst char *hi(void);\nint main(void) { return puts(hi()) < 0; }\n' >src/main.c
	cat >CMakeLists.txt <<-'C'
		cmake_minimum_required(VERSION 3.20)
		project(made C)
		find_package(Threads REQUIRED)
		file(GLOB rest src/h*.c)
		add_library(hi STATIC ${rest})
		target_compile_definitions(hi PRIVATE N="hi")
		add_executable(made src/main.c)
		target_link_libraries(made hi Threads::Threads)
	C
	slsc_run build --smoke
	is "$status" 0
	is "$(grep -v '^building\|^smoke: ' <<<"$err")" ""
	is "$(.slsc/release/x86_64/made)" hi
	is "$(qemu-aarch64-static .slsc/release/arm64/made)" hi
	slsc_run build --json
	is "$(jq -r .steps <<<"$out")" 0
	# a source that goes is a change
	printf 'int unused;\n' >src/hx.c
	slsc_run build --arch x86_64
	rm src/hx.c
	slsc_run build --arch x86_64 --json
	is "$(jq -r .steps <<<"$out")" 1
	# cmake keeps the flags of its first run
	printf 'profiles: {release: {optimize: s}}\n' >>slsc.yaml
	slsc_run build --arch x86_64
	is "$status" 0
	grep -q -- '-Os' .slsc/release/x86_64/.obj/musl/made/build/CMakeCache.txt
}

@test "build: command stops at the line that fails, and leaves nothing" {
	project <<-'Y'
		project: t
		arches: [x86_64]
		functions:
		  f:
		    runtime: none
		    build:
		      command: |
		        cp src/main.c "$SLSC_OUT"
		        false
		        echo "not reached"
	Y
	slsc_run build
	is "$status" 1
	is "$(grep -v '^building' <<<"$err")" "error: slsc.yaml:7:16: the build command of 'f' failed for x86_64"
	no_links
}

@test "a binary that is refused is the one error, with --json too" {
	plain
	printf '#include <stdio.h>\nint main(void) { return puts(P); }\n' >src/main.c
	sed -i "s,runtime: none,runtime: none\n    defines: {P: '\"$PWD/secret\"'}," slsc.yaml
	slsc_run build --arch x86_64 --json
	is "$status" 1
	err=$(grep -v '^building' <<<"$err")
	is "$(jq -r .error.code <<<"$err")" verify
	has "$(jq -r .error.message <<<"$err")" ".slsc/release/x86_64/hello: holds the build path '"
	has "$(jq -r .error.message <<<"$err")" "$PWD/secret' in .rodata"
	no_links
}

@test "--explain and -v in words" {
	plain
	slsc_run build --arch x86_64 --explain
	has "$err" ".slsc/release/x86_64/.obj/musl/hello/src/main.c.o: is not there yet"
	sed -i 's/runtime: none/runtime: none\n    defines: {X: "1"}/' slsc.yaml
	slsc_run build --arch x86_64 --explain
	has "$err" "src/main.c.o: its command has changed"
	sleep_free_touch src/main.c
	slsc_run build --arch x86_64 --explain -v
	has "$err" ".slsc/release/x86_64/.obj/musl/hello/src/main.c.o: is older than src/main.c"
	has "$err" "-c src/main.c -o "
}

@test "what is gone makes stale: a header, a source, a renamed one" {
	plain
	printf '#include "a.h"\nint other(void) { return A; }\n' >src/other.c
	echo '#define A 1' >src/a.h
	slsc_run build --arch x86_64
	rm src/a.h
	slsc_run build --arch x86_64
	is "$status" 1
	has "$err" "'a.h' file not found"
	echo '#define A 1' >src/a.h
	mv src/other.c src/another.c
	slsc_run build --arch x86_64 --json
	is "$(jq -r .steps <<<"$out")" 2
	rm src/another.c
	slsc_run build --arch x86_64 --json
	is "$(jq -r .steps <<<"$out")" 1
}

@test "the programs that are missing, with the command that brings them" {
	plain
	mkdir "$T/bin"
	PATH=$T/bin "$SLSC_BIN" build --arch x86_64 2>"$T/err" || status=$?
	is "$status" 1
	is "$(cat "$T/err")" "error: toolchain 'musl' for x86_64 lacks clang, ld.lld
hint: apt-get install clang lld"
	for t in clang ld.lld; do ln -s "$(command -v "$t")" "$T/bin/$t"; done
	PATH=$T/bin "$SLSC_BIN" build --arch x86_64 2>"$T/err" || status=$?
	is "$status" 1
	is "$(cat "$T/err")" "error: 'ninja' is not found on PATH
hint: apt-get install ninja-build"
	printf '#!/bin/sh\necho "cannot load" >&2\nexit 127\n' >"$T/bin/ninja"
	chmod +x "$T/bin/ninja"
	PATH=$T/bin:$PATH slsc_run build --arch x86_64
	is "$status" 1
	is "$err" "cannot load
error: ninja failed with status 127"
}

@test "a full disk: the old binary stays, nothing else does" {
	plain
	slsc_run build --arch x86_64
	before=$(sha256sum .slsc/release/x86_64/hello)
	mkdir "$T/small"
	if ! mount -t tmpfs -o size=300k none "$T/small" 2>/dev/null; then
		# no mounts here: a limit on the size of files stands in
		printf 'char big[3000000] = {1};\nint main(void) { return big[1]; }\n' >src/main.c
		(
			ulimit -f 1000
			slsc_run build --arch x86_64
			is "$status" 1
		)
		is "$(sha256sum .slsc/release/x86_64/hello)" "$before"
		no_leftovers .
		return 0
	fi
	cp -a . "$T/small/p"
	cd "$T/small/p"
	printf 'char big[3000000] = {1};\nint main(void) { return big[1]; }\n' >src/main.c
	slsc_run build --arch x86_64
	after=$(sha256sum .slsc/release/x86_64/hello)
	left=$(find . -name '.slsc-tmp.*' -o -path '*/link/*' -type f)
	cd /
	umount "$T/small"
	is "$status" 1
	is "$(tail -1 "$T/err")" "hint: the disk is full: free some space, then run it again"
	is "$after" "$before"
	is "$left" ""
}

@test "SIGKILL ends the compilers too, and the next build waits for them" {
	plain
	mkfifo "$T/fifo"
	cat >>slsc.yaml <<-Y
		  slow:
		    runtime: none
		    arches: [x86_64]
		    build: {command: 'echo \$\$ >"$T/pid"; read -r x <"$T/fifo"'}
	Y
	"$SLSC_BIN" build slow >/dev/null 2>&1 &
	us=$!
	until [ -s "$T/pid" ]; do kill -0 "$us"; done
	kill -KILL "$us"
	wait "$us" || true
	slsc_run build hello
	is "$status" 0
	# ninja had ended its command before the build above began
	state=$(ps -o stat= -p "$(cat "$T/pid")") || true
	is "${state%"${state#?}"}" "${state:+Z}"	# gone, or dead and not yet reaped by init
}

@test "a launcher that is not there is a usage error" {
	plain
	slsc_run build --launcher nosuch
	is "$status" 2
	is "$err" "error: --launcher: 'nosuch' is not found on PATH"
	slsc_run build --launcher "./src/main.c -x"
	is "$status" 2
	is "$err" "error: --launcher: './src/main.c' is not an executable file"
	[ ! -e .slsc ]
}

@test "a library's file that is not there: where, by check and build alike" {
	plain
	sed -i 's,runtime: none,runtime: none\n    libs: [x/y.a],' slsc.yaml
	for c in build 'config check'; do
		# shellcheck disable=SC2086
		slsc_run $c
		is "$status" 1
		is "$err" "error: slsc.yaml:6:12: no such file: 'x/y.a'"
	done
}

@test "paths are those of the project where the user stands in it, else whole" {
	plain
	slsc_run build --arch x86_64
	is "${out##* }" .slsc/release/x86_64/hello
	slsc_run -C src build --arch x86_64
	is "${out##* }" "$PWD/.slsc/release/x86_64/hello"
	slsc_run -C src build --arch x86_64 --json
	is "$(jq -r '.binaries[0].path' <<<"$out")" "$PWD/.slsc/release/x86_64/hello"
	is "$(jq -r '.binaries[0].debug' <<<"$out")" "$PWD/.slsc/release/x86_64/hello.debug"
}

@test "-q prints the results" {
	plain
	slsc_run build -q --arch x86_64
	is "$status" 0
	has "$out" "hello  x86_64"
	is "$err" ""
}

@test "an output that was written over is linked anew" {
	plain
	slsc_run build
	sum=$(sha256sum .slsc/release/arm64/hello)
	echo junk >.slsc/release/x86_64/hello
	cp .slsc/release/x86_64/hello.debug .slsc/release/arm64/hello
	printf '\x3e\0' | dd of=.slsc/release/arm64/hello bs=1 seek=18 conv=notrunc 2>/dev/null
	slsc_run build --json
	is "$status" 0
	is "$(jq -r .steps <<<"$out")" 2
	is "$(grep damaged <<<"$err")" ".slsc/release/x86_64/hello is damaged: linking it anew
.slsc/release/arm64/hello is damaged: linking it anew"
	is "$(.slsc/release/x86_64/hello)" hi
	is "$(sha256sum .slsc/release/arm64/hello)" "$sum"
}

@test "a linker that dies of SIGBUS has met a full disk" {
	plain
	cat >"$T/cc" <<-'S'
		#!/bin/sh
		case "$*" in *' -c '*) exec clang "$@" ;; esac
		echo "Stack dump:" >&2
		echo "clang: error: unable to execute command: Bus error" >&2
		exit 254
	S
	chmod +x "$T/cc"
	printf 'toolchain: mine\ntoolchains: {mine: {extends: musl, cc: %s}}\n' "$T/cc" >>slsc.yaml
	slsc_run build --arch x86_64
	is "$status" 1
	is "$(grep -v '^building' <<<"$err")" "error: function 'hello' did not link for x86_64
hint: the disk is full: free some space, then run it again"
}

@test "smoke: says what each binary did, and a status other than 0 is a failure" {
	plain
	slsc_run build --smoke
	is "$status" 0
	is "$(grep ^smoke <<<"$err")" "smoke: hello x86_64 exited with status 0
smoke: hello arm64 exited with status 0"
	printf '#include <unistd.h>\nint main(void) { for (;;) pause(); }\n' >src/main.c
	slsc_run build --smoke --arch x86_64
	is "$status" 0
	is "$(grep ^smoke <<<"$err")" "smoke: hello x86_64 runs"
	printf 'int main(void) { return 3; }\n' >src/main.c
	slsc_run build --smoke --arch x86_64
	is "$status" 1
	is "$(tail -1 <<<"$err")" "error: smoke test of 'hello' for x86_64: .slsc/release/x86_64/hello: exited with status 3"
}

@test "a project's directory with a line break" {
	mkdir "$T/w/a
b"
	cd "$T/w/a
b"
	plain
	slsc_run build
	is "$status" 1
	is "$err" "error: $T/w/a?b: the project's directory has a line break in its path
hint: rename the directory"
}

@test "a directory of the system as cache or HOME is no path to look for in a binary" {
	plain
	printf '#include <stdio.h>\nint main(void) { return puts("/usr/sbin /dev/null") < 0; }\n' >src/main.c
	SLSC_CACHE_DIR=/dev/null HOME=/usr/sbin slsc_run build --arch x86_64
	is "$(grep -v '^building' <<<"$err")" ""
	is "$status" 0
}
