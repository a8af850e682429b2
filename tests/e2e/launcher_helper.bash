# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# What the tests of launchers share: servers, projects, and what no launcher made of them.

ALL=(--arch x86_64 --arch arm64 --arch wasm32)

# server KIND: sets $port; ended with the test
server() {
	mkfifo "$T/port"
	python3 -SEu "$SLSC_SRC/tests/e2e/support/cache_server.py" "$1" >"$T/port" 2>"$T/server.err" &
	pids+=($!)
	read -r port <"$T/port"
	rm "$T/port"
}

# redis [OPTIONS]: a real one, sets $port
redis() {
	need redis-server redis-server
	port=$(free_port)
	redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$T" "$@" >"$T/redis.log" 2>&1 &
	pids+=($!)
	until grep -q 'Ready to accept connections' "$T/redis.log" 2>/dev/null; do
		kill -0 "${pids[-1]}"
		read -rt 0.01 -u "$never" || true
	done
}

# a daemon's children outlive it
end_all() {
	local n pid
	for n in "${!host[@]}"; do
		kill -0 "${host[n]}" 2>/dev/null && end "$n"
	done
	for pid in "${pids[@]}"; do
		kill -KILL "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	:
}
at_end+=(end_all)
pids=()
# what a read waits for in vain
exec {never}<> <(:)

# build ARGS...: a build with nothing on stderr but what is to be read
build() {
	slsc_run build --progress=never --json "$@"
}

# template DIR [LAUNCHER]: the template hello, as somebody else has cloned it into DIR
template() {
	mkdir -p "$1" && cd "$1" || return 1
	"$SLSC_BIN" init hello --template hello >/dev/null 2>&1
	cd hello || return 1
	[ -z "${2:-}" ] || sed -i "1a launcher: $2" slsc.yaml
}

# checkout DIR [LAUNCHER]: two small sources, with all that makes an object depend on where and how it is compiled
checkout() {
	mkdir -p "$1/src" && cd "$1" || return 1
	printf 'project: t\n%sfunctions: {f: {sources: ["src/*.c"], runtime: none, defines: {N: "3 + 1"}}}\n' \
		"${2:+launcher: $2
}" >slsc.yaml
	cat >src/h.h <<-'C'
		static inline int twice(int x) { return 2 * x; }
		#define MAX(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
		int more(int argc);
	C
	cat >src/main.c <<-'C'
		#include "h.h"
		int main(int argc, char **argv) { return argv[0] ? twice(more(argc)) - N : 1; }
	C
	cat >src/more.c <<-'C'
		#undef NDEBUG
		#include <assert.h>
		#include <errno.h>
		#include <stdio.h>
		#include "h.h"
		#define SQUARE(x) ((x) * \
				   (x))
		int more(int argc)
		{
			assert(argc > 0);
			return printf("%s %d %d", __FILE__,
				      SQUARE(argc +
					     1), MAX(argc,
						     EINTR)) + __LINE__;
		}
	C
}

digests() {
	find .slsc/release -maxdepth 2 -type f ! -name '.ninja*' ! -name '*.map' -exec sha256sum {} + | sort -k2
}

# launched FIELD...: of what the last build said
launched() {
	local f
	for f; do jq -r ".launcher.$f" <<<"$out"; done | paste -sd' '
}

# reference MAKER [ARGS...]: what no launcher made, in a directory whose name nobody else's is
reference() {
	"$1" "$T/reference"
	build --launcher none "${@:2}"
	is "$status" 0
	is "$(launched name)" null
	digests >"$T/reference.digests"
	[ -s "$T/reference.digests" ]
}

same_as_reference() {
	is "$(digests)" "$(cat "$T/reference.digests")"
}

# namespace COMMAND...: in a network namespace of its own, whose process is ${pids[-1]}; runs until the end of the test
namespace() {
	mkfifo "$T/up"
	# shellcheck disable=SC2016
	unshare -n -- sh -c 'ip link set lo up && echo >"$0" && exec "$@"' "$T/up" "$@" 3>&- &
	pids+=($!)
	read -r <"$T/up"
	rm "$T/up"
}

# client: where slsc runs from now on
client() {
	need ip iproute2
	namespace tail -f /dev/null
	client=${pids[-1]}
	host[0]=$client
	printf '#!/bin/sh\nexec nsenter -t %s -n %s "$@"\n' "$client" "$SLSC_BIN" >"$T/slsc"
	chmod +x "$T/slsc"
	SLSC_BIN=$T/slsc
}

# host N COMMAND...: one more, 10.77.N.2, with a wire to the client's
host() {
	local n=$1
	shift
	namespace "$@"
	host[n]=${pids[-1]}
	ip link add "v$n" netns "$client" type veth peer name v netns "${host[n]}"
	nsenter -t "$client" -n sh -c "ip addr add 10.77.$n.1/24 dev v$n && ip link set v$n up"
	nsenter -t "${host[n]}" -n sh -c "ip addr add 10.77.$n.2/24 dev v && ip link set v up"
}
host=()

# end N: all that runs there, at once
end() {
	local p ns all=()
	ns=$(readlink "/proc/${host[$1]}/ns/net")
	for p in /proc/[0-9]*; do
		[ "$(readlink "$p/ns/net" 2>/dev/null)" != "$ns" ] || all+=("${p#/proc/}")
	done
	kill -KILL "${all[@]}"
	wait "${host[$1]}" 2>/dev/null || true
}
