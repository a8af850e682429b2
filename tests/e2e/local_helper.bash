# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# slsc local for a test: started on a free port, ended with the test.

# local_start ARGUMENT...: in the current directory; $url is where it serves, $T/local.log what it says
local_start() {
	rm -f .slsc/local.json
	setsid "$SLSC_BIN" local --port 0 "$@" >"$T/local.log" 2>&1 3>&- &
	local_pid=$!
	wait_for local_there && url=$(jq -r .url .slsc/local.json 2>/dev/null) && return 0
	cat "$T/local.log" >&2
	return 1
}

# local_there: it serves, or has ended
local_there() {
	[ -s .slsc/local.json ] || ! kill -0 "$local_pid" 2>/dev/null
}

# local_stop: by SIGTERM; all that it started has to be gone
local_stop() {
	[ -n "${local_pid:-}" ] || return 0
	kill "$local_pid" 2>/dev/null || :
	wait "$local_pid" || :
	local_pid=
}
at_end+=(local_stop)

# call FUNCTION EVENT [CURL-ARGUMENT...]: $out is the answer's body, $status its status, $T/head its headers
call() {
	local f=$1 event=$2
	shift 2
	status=$(curl -s -o "$T/body" -D "$T/head" -w '%{http_code}' -X POST --data-binary "$event" "$@" \
		"$url/2015-03-31/functions/$f/invocations")
	out=$(cat "$T/body")
}

# header NAME: of the last answer
header() {
	tr -d '\r' <"$T/head" | sed -n "s/^$1: //Ip"
}

# wait_for COMMAND...: until it succeeds, a minute at most. What takes long is asked less often: to ask takes processes.
wait_for() {
	local nap end=$((SECONDS + 60))
	for nap in 2 2 2 3 3 4 4 5 5 6 6 8 8; do
		"$@" && return 0
		sleep "0.0$nap"
	done
	while ((SECONDS < end)); do
		"$@" && return 0
		sleep 0.1
	done
	echo "waited in vain for: $*" >&2
	return 1
}

# site: a project with a function that speaks HTTP: GET / is greeted, a body is echoed, a long one is too much
site() {
	mkdir -p site/src && cd site || return 1
	cat >src/site.c <<-'EOF'
		#include <slsc.h>
		slsc_http_fn handler;
		int handler(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
		{
			if (req->body.len > 20)
				return slsc_fail(ctx, "TooLong", "more than twenty");
			if (req->body.len > 12)
				return slsc_response_error(res, 413, "more than twelve");
			slsc_puts(&res->body, req->body.len ? "posted " : "got");
			return req->body.len ? slsc_response_piece(res, req->body) : 0;
		}
	EOF
	printf 'project: site\nfunctions:\n  site:\n    sources: [src/*.c]\n    runtime: http\n' >slsc.yaml
	"$SLSC_BIN" build >/dev/null 2>&1
}

# project_of NAME SOURCE [YAML-LINES]: a project with one function made of a C source
project_of() {
	mkdir -p "$1/src" && cd "$1" || return 1
	printf '%s\n' "$2" >src/main.c
	printf 'project: %s\nfunctions:\n  %s:\n    sources: [src/main.c]\n%s\n' "$1" "$1" "${3:-}" >slsc.yaml
}

# act_project [YAML-LINES]: one with the function of support/act.c, which does what an event says
act_project() {
	project_of act "$(cat "$SLSC_SRC/tests/e2e/support/act.c")" "${1:-}"
}

# act [YAML-LINES]: that, built
act() {
	need jq jq
	act_project "$@"
	"$SLSC_BIN" build >/dev/null 2>&1
}
