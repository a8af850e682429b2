# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# Projects of one function, made for WASI.

# project: of one function, whose source is on stdin
project() {
	mkdir -p src
	cat >slsc.yaml <<-'Y'
		project: t
		functions:
		  f:
		    sources: [src/f.c]
	Y
	cat >src/f.c
}

# answer BODY: a project whose handler is BODY
answer() {
	project <<-C
		#include <slsc.h>
		int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
		{
			(void)ctx, (void)in, (void)out;
			$1
		}
	C
}

# run_wasi MODULE [SECONDS]: with stdin as it is; sets $status (124: it was ended), $out, $err
run_wasi() {
	need node nodejs
	status=0
	timeout "${2:-60}" node --no-warnings "$SLSC_SRC/tests/e2e/support/wasi.mjs" "$1" >"$T/out" 2>"$T/err" || status=$?
	out=$(cat "$T/out")
	err=$(cat "$T/err")
}
