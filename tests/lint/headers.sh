#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each header compiles alone: it includes what it needs, and warns of nothing. Usage: headers.sh [ROOT]
set -eu
cd "${1:-${SLSC_SRC:-$(dirname "$0")/../..}}"

bad=0
for header in $(find cmd src runtime -name '*.h' | LC_ALL=C sort); do
	case $header in
	runtime/*) flags="-Iruntime/include -Iruntime" ;;
	*) flags="-Isrc -Icmd/slsc" ;;
	esac
	# shellcheck disable=SC2086
	cc -std=gnu11 -fsyntax-only -D_GNU_SOURCE -DSLSC_VERSION='""' $flags -Wall -Wextra -Wshadow -Wconversion \
		-Wformat=2 -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-function -Werror \
		-include "$header" -x c /dev/null || {
		echo "$header: does not compile alone"
		bad=1
	}
done
exit $bad
