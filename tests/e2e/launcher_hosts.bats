#!/usr/bin/env bats
# launcher: distcc, on hosts with network namespaces of their own; icecc without any.

load helper
load launcher_helper

# distcc_host N [PATH]: with a distccd, which finds compilers on PATH, those in no list of the package's too
distcc_host() {
	need distccd distcc
	chmod 711 "$T"
	: >"$T/host$1.log"
	chmod 666 "$T/host$1.log"
	host "$1" env -u TMPDIR PATH="${2:-$PATH}" distccd --no-detach --daemon --user nobody --jobs 4 \
		--enable-tcp-insecure --allow 10.77.0.0/16 --log-file "$T/host$1.log"
	# what listens is seen there
	until nsenter -t "${host[$1]}" -n grep -q ':0E30 ' /proc/net/tcp /proc/net/tcp6; do
		kill -0 "${host[$1]}"
		read -rt 0.01 -u "$never" || true
	done
}

distcc_setup() {
	client
	mkdir "$T/distcc"
	export DISTCC_DIR=$T/distcc
}

# jobs_of N: how many compiles it has done
jobs_of() {
	grep -c COMPILE_OK "$T/host$1.log" || true
}

hosts() {
	local n list=
	for n; do list+=", 10.77.$n.2/2"; done
	echo "{name: distcc, hosts: [${list#, }]}"
}

@test "distcc: two hosts compile all of it, and it is the same to the bit, for machines and wasm32" {
	reference template "${ALL[@]}"
	distcc_setup
	distcc_host 1
	distcc_host 2
	template "$T/a" "$(hosts 1 2)"
	build "${ALL[@]}"
	is "$status" 0
	is "$err" ""
	is "$(launched name fell_back)" "distcc 0"
	n=$(launched elsewhere)
	[ "$n" -gt 50 ]
	is $(($(jobs_of 1) + $(jobs_of 2))) "$n"
	[ "$(jobs_of 1)" -gt 0 ] && [ "$(jobs_of 2)" -gt 0 ]
	same_as_reference
	no_leftovers .
	is "$(find .slsc -name '*.i')" ""
}

@test "distcc and gcc, of this machine and a cross compiler, for musl and glibc: the same" {
	distcc_setup
	distcc_host 1
	for tc in musl-gcc gnu; do
		with_tc() { checkout "$@" && sed -i "1a toolchain: $tc" slsc.yaml; }
		rm -rf "$T/reference" "$T/a"
		reference with_tc
		with_tc "$T/a" "$(hosts 1)"
		build
		is "$status" 0
		is "$err" ""
		is "$(launched elsewhere fell_back)" "4 0"
		same_as_reference
	done
}

@test "distcc: macros of the command line, headers beside, an assembler's source, -include" {
	more() {
		checkout "$@"
		sed -i "s/runtime: none/runtime: none, flags: [-Isrc\/h, '-DW(x)=x+1', -UNDEBUG, -D, GNU=2, -Wall, -Wunused-macros]/" slsc.yaml
		sed -i 's/"src\/\*.c"/"src\/*.[cS]"/' slsc.yaml
		mkdir src/h
		printf '#ifndef __ASSEMBLER__\nint from_asm(void);\n#endif\n' >src/h/asm.h
		cat >src/asm.S <<-'S'
			#ifdef __x86_64__
			#define RESULT movl $N, %eax
			#else
			#define RESULT mov w0, N
			#endif
			.globl from_asm
			from_asm: RESULT
			ret
		S
		cat >src/w.c <<-'C'
			#include <asm.h>
			int w(void) { return W(GNU) + from_asm(); }
		C
	}
	reference more
	distcc_setup
	distcc_host 1
	more "$T/a" "$(hosts 1)"
	build
	is "$status" 0
	is "$err" ""
	is "$(launched elsewhere)" 6
	same_as_reference
	# what has to be here is here
	sed -i 's/-Wall/-Wall, -include, src\/h\/asm.h/' slsc.yaml
	build --arch arm64
	is "$status" 0
	is "$(launched elsewhere fell_back)" "0 0"
}

@test "distcc: what a compiler complains of is said as it says it here" {
	distcc_setup
	distcc_host 1
	checkout "$T/a" "$(hosts 1)"
	echo 'int broken(void) { return nothing; }' >>src/main.c
	build --arch x86_64
	is "$status" 1
	has "$err" "src/main.c:3:27: error: use of undeclared identifier 'nothing'"
	sed -i 's/nothing/0/; 1i #include "missing.h"' src/main.c
	build --arch x86_64
	is "$status" 1
	has "$err" "src/main.c:1:10: fatal error: 'missing.h' file not found"
}

@test "distcc: hosts that are not there: the build goes on here, one warning" {
	reference checkout
	distcc_setup
	# the first has nobody listening, the second no wire
	host 1 tail -f /dev/null
	checkout "$T/a" "$(hosts 1)"
	build
	is "$status" 0
	is "$err" "warning: launcher distcc: 4 compiles were done here, since no other host did them"
	is "$(launched elsewhere fell_back)" "0 4"
	same_as_reference
}

# A host whose compiler does not come back, which says when it has begun
stuck_host() {
	mkdir "$T/stuck"
	mkfifo -m 666 "$T/begun"
	printf '#!/bin/sh\necho >"%s/begun"\nexec tail -f /dev/null\n' "$T" >"$T/stuck/clang"
	chmod +x "$T/stuck/clang"
	distcc_host "$1" "$T/stuck:$PATH"
}

@test "distcc: a host dies midway: what it had is done again, the same bytes, one warning" {
	reference checkout
	distcc_setup
	distcc_host 1
	stuck_host 2
	checkout "$T/a" "$(hosts 2 1)"
	build -j 2 &
	us=$!
	read -r <"$T/begun"
	end 2
	wait "$us"
	err=$(cat "$T/err") out=$(cat "$T/out")
	is "$err" "warning: launcher distcc: 1 compile was begun anew by another host, since the first did not finish"
	is "$(launched elsewhere moved fell_back)" "4 1 0"
	same_as_reference
}

@test "distcc: the only host dies midway: the build goes on here" {
	reference checkout
	distcc_setup
	stuck_host 1
	checkout "$T/a" "$(hosts 1)"
	build -j 1 &
	us=$!
	read -r <"$T/begun"
	end 1
	wait "$us"
	err=$(cat "$T/err")
	is "$err" "warning: launcher distcc: 4 compiles were done here, since no other host did them"
	same_as_reference
}

@test "distcc: a host that hangs is waited for as long as DISTCC_IO_TIMEOUT says" {
	reference checkout --arch x86_64
	distcc_setup
	stuck_host 1
	checkout "$T/a" "$(hosts 1)"
	# shellcheck disable=SC2094
	while read -r; do :; done <>"$T/begun" &
	pids+=($!)
	DISTCC_IO_TIMEOUT=1 build --arch x86_64
	is "$status" 0
	is "$err" "warning: launcher distcc: 2 compiles were done here, since no other host did them"
	same_as_reference
}

@test "doctor --launcher: distcc with a host, and without" {
	distcc_setup
	distcc_host 1
	checkout "$T/a" "$(hosts 1)"
	sed -i '2a arches: [arm64, wasm32]' slsc.yaml
	slsc_run doctor --launcher --progress=never
	is "$status" 0
	is "$err" ""
	is "$out" "LAUNCHER  ARCH    STATE
distcc    arm64   works   another host compiled it: the same bytes
distcc    wasm32  works   another host compiled it: the same bytes"
	end 1
	slsc_run doctor --launcher --json --progress=never
	is "$status" 1
	is "$(jq -c '.arches[] | [.arch, .elsewhere, .same, .works, .detail]' <<<"$out")" \
		'["arm64",false,true,false,"no other host compiled it"]
["wasm32",false,true,false,"no other host compiled it"]'
}

@test "icecc without a daemon: it is done here, the same bytes" {
	need icecc icecc
	# nor is the machine's own in reach
	mkdir -p /run/icecc
	printf '#!/bin/sh\nexec unshare -mn sh -c "mount -t tmpfs none /run/icecc && exec \\"\$@\\"" sh %s "$@"\n' \
		"$SLSC_BIN" >"$T/slsc"
	chmod +x "$T/slsc"
	SLSC_BIN=$T/slsc
	for tc in musl musl-gcc; do
		with_tc() { checkout "$@" && sed -i "1a toolchain: $tc" slsc.yaml; }
		rm -rf "$T/reference" "$T/a"
		reference with_tc
		with_tc "$T/a" icecc
		build
		is "$status" 0
		is "$err" "warning: launcher icecc: 4 compiles were done here, since no other host did them"
		same_as_reference
	done
}
