# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# The checkout template for tests of slsc flow.

# built_shop: the template's project, built for this machine
built_shop() {
	"$SLSC_BIN" init . --template checkout >/dev/null || return 1
	sed -i "s/^arches: .*/arches: [$(uname -m | sed s/aarch64/arm64/)]/; s/PACE_MS: .*/PACE_MS: \"0\"/" slsc.yaml
	"$SLSC_BIN" build >"$T/build" 2>&1 || { cat "$T/build" >&2; return 1; }
}

# shop: a fresh copy of it, with an empty shop, in the current directory
shop() {
	kept shop built_shop && sh prepare.sh
}

# calls: who was called, in order, without the milliseconds
calls() {
	cut -d' ' -f1 data/calls.log | xargs
}

# until_in FILE TEXT: until a line of FILE has TEXT in it, a minute at most
until_in() {
	local i
	for ((i = 0; i < 3000; i++)); do
		grep -qF -e "$2" "$1" 2>/dev/null && return 0
		sleep 0.02
	done
	echo "waited in vain for '$2' in:" >&2
	cat "$1" >&2
	return 1
}
