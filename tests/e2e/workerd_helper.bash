# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034
# npm's workerd, and calls of what it serves. $NPM: where npm_ci has put it.

# serve DIR: sets $url, $served (what it prints)
serve() {
	local i kind=64
	stop
	[ "$(uname -m)" = x86_64 ] || kind=arm64
	served=$T/served
	: >"$T/control"
	"$NPM/node_modules/@cloudflare/workerd-linux-$kind/bin/workerd" serve "$1/config.capnp" --control-fd=5 \
		--socket-addr http=127.0.0.1:0 5>"$T/control" >"$served" 2>&1 3>&- &
	worker=$!
	for ((i = 0; i < 3000; i++)); do
		grep -q '"listen"' "$T/control" && break
		kill -0 "$worker" 2>/dev/null || { cat "$served" >&2; return 1; }
		read -rt 0.01 <> <(:) || true
	done
	url=http://127.0.0.1:$(jq -r 'select(.event == "listen").port' "$T/control")/
}

stop() {
	[ -z "${worker:-}" ] && return 0
	kill "$worker"
	wait "$worker" || :
	worker=
}
at_end+=(stop)

# call [CURL-OPTION...]: sets $status (of HTTP), $out
call() {
	need curl curl || return 1
	status=$(curl -sS -D "$T/headers" -o "$T/body" -w '%{http_code}' "$@" "$url")
	out=$(cat "$T/body")
}

# header NAME
header() {
	tr -d '\r' <"$T/headers" | sed -n "s/^$1: //Ip"
}
