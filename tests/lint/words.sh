#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Files that are too long, have no licence line (but for templates/, which becomes the user's own code), or hold a
# promise instead of code. Usage: words.sh [ROOT]
set -eu
cd "${1:-${SLSC_SRC:-$(dirname "$0")/../..}}"

# shellcheck disable=SC2016
find cmd src runtime templates tests -name '*.[ch]' 2>/dev/null | LC_ALL=C sort | tr '\n' '\0' | xargs -0r awk '
function complain(file, line, what) {
	print file ":" line ": " what
	bad = 1
}
FNR == 1 && FILENAME !~ /^templates\// && $0 != "/* SPDX-License-Identifier: Apache-2.0 */" {
	complain(FILENAME, 1, "the first line is not /* SPDX-License-Identifier: Apache-2.0 */")
}
FNR == 801 {
	complain(FILENAME, 801, "more than 800 lines: split it")
}
FILENAME ~ /^(cmd|src|runtime)\// && match($0, /(^|[^A-Za-z0-9_])(TODO|FIXME|XXX)([^A-Za-z0-9_]|$)/) {
	complain(FILENAME, FNR, "unfinished: " $0)
}
END { exit bad }' || exit 1
