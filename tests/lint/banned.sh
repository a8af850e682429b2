#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Calls of functions that overflow, keep hidden state, or start a shell. Usage: banned.sh [ROOT]
set -eu
cd "${1:-${SLSC_SRC:-$(dirname "$0")/../..}}"

found=$(mktemp)
trap 'rm -f "$found"' EXIT
names='strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|localtime|gmtime|ctime|asctime|system|popen|gets|tmpnam|mktemp'
# Of files with such a word the compiler takes the comments out and tells the lines; then the strings go.
find cmd src runtime templates tests -name '*.[ch]' -exec grep -lwE "$names" {} + 2>/dev/null | LC_ALL=C sort | while IFS= read -r file; do
	cc -fpreprocessed -dD -E -x c "$file" 2>/dev/null | awk -v file="$file" -v "names=$names" '
	/^# [0-9]+ "/ { line = $2 - 1; next }
	{
		line++
		gsub(/\\./, "")
		gsub(/"[^"]*"/, "\"\"")
		while (match($0, "(^|[^A-Za-z0-9_])(" names ")[ \t]*\\(")) {
			name = substr($0, RSTART, RLENGTH)
			gsub(/[^a-z]/, "", name)
			print file ":" line ": " name "() is banned"
			$0 = substr($0, RSTART + RLENGTH)
		}
	}'
done >"$found"
cat "$found"
test ! -s "$found"
