#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Calls of functions that overflow, keep hidden state, or start a shell. Usage: banned.sh [ROOT]
set -eu
cd "${1:-${SLSC_SRC:-$(dirname "$0")/../..}}"

found=$(mktemp)
trap 'rm -f "$found"' EXIT
# The compiler takes the comments out and tells the lines; then the strings go.
find cmd src runtime templates tests -name '*.[ch]' 2>/dev/null | LC_ALL=C sort | while IFS= read -r file; do
	cc -fpreprocessed -dD -E -x c "$file" 2>/dev/null | awk -v file="$file" '
	/^# [0-9]+ "/ { line = $2 - 1; next }
	{
		line++
		gsub(/\\./, "")
		gsub(/"[^"]*"/, "\"\"")
		while (match($0, /(^|[^A-Za-z0-9_])(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|localtime|gmtime|ctime|asctime|system|popen|gets|tmpnam|mktemp)[ \t]*\(/)) {
			name = substr($0, RSTART, RLENGTH)
			gsub(/[^a-z]/, "", name)
			print file ":" line ": " name "() is banned"
			$0 = substr($0, RSTART + RLENGTH)
		}
	}'
done >"$found"
cat "$found"
test ! -s "$found"
