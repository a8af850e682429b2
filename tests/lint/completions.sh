#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# completions/ and docs/man/ are what the option table gives: to renew them, run `slsc help --generate` and copy.
# Hand-written pages of other sections (docs/man/*.5, *.7) are no concern of it.
set -eu
cd "${SLSC_SRC:-$(dirname "$0")/../..}"

: "${SLSC_BIN:?the built slsc}"
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"$SLSC_BIN" help --generate "$fresh"
bad=0
diff -ru completions "$fresh/completions" || bad=1
diff -ru -x '*.5' -x '*.7' docs/man "$fresh/man" || bad=1
[ $bad = 0 ] || echo "completions/ or docs/man/ are out of step with the option table: slsc help --generate DIR"
exit $bad
