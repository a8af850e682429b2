#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compares each C file with what clang-format makes of it, in what a formatter is good at: spaces between tokens of a
# line, the place of braces, the indentation of statements. Where long lines are broken and what is aligned with what
# is left to the author, but 120 columns are the end. Usage: format.sh [ROOT]
set -eu
cd "${1:-${SLSC_SRC:-$(dirname "$0")/../..}}"

command -v clang-format-14 >/dev/null || {
	echo "clang-format-14 is missing: apt-get install clang-format-14"
	exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
find cmd src runtime templates tests -name '*.[ch]' 2>/dev/null | LC_ALL=C sort >"$work/files"
# One process for many files: to start it takes longer than to format one.
mkdir "$work/formatted"
xargs cp --parents -t "$work/formatted" <"$work/files"
cp .clang-format "$work/formatted/"
(cd "$work/formatted" && xargs -P "$(nproc)" -n 100 clang-format-14 --style=file -i) <"$work/files"
# pairs of files: what it was, what it is
# shellcheck disable=SC2016
sed "s,.*,& $work/formatted/&," "$work/files" | LC_ALL=C xargs -P "$(nproc)" -n 200 awk '
function complain(what) {
	print file ":" at ": " what ": " line[at]
}
# The white space at a place of a text.
function gap(text, from) {
	return match(substr(text, from, 512), /[^ \t\n]/) ? substr(text, from, RSTART - 1) : ""
}
function indent(space) {
	sub(/.*\n/, "", space)
	return space
}
FNR == 1 && ++files % 2 {
	compare()
	file = FILENAME
	was = is = last = ""
	delete line
}
files % 2 {
	line[FNR] = $0
	was = was $0 "\n"
	wide = $0
	gsub(/\t/, "        ", wide)
	# bytes of UTF-8 that do not start a character
	gsub(/[\200-\277]/, "", wide)
	at = FNR
	if (length(wide) > 120)
		complain("more than 120 columns")
	if ($0 ~ /[ \t]$/)
		complain("white space at the end")
	next
}
{ is = is $0 "\n" }
END { compare() }
function compare(    n, end, i, j, a, b, c, above, below) {
	gsub(/\\\n/, "\n", was)
	gsub(/\\\n/, "\n", is)
	at = 1
	n = length(was)
	end = length(is)
	i = j = 1
	while (i <= n && j <= end) {
		a = gap(was, i)
		b = gap(is, j)
		i += length(a)
		j += length(b)
		c = substr(was, i, 1)
		above = gsub(/\n/, "\n", a)
		below = index(b, "\n")
		at += above
		if (c != substr(is, j, 1)) {
			complain("clang-format changes more than white space")
			return
		}
		# both { 0 } and {0} are in use; what is a cast or a pointer, clang-format can only guess
		if (!above && !below && (a == "") != (b == "") && last !~ /[{*&>+-]/ && c !~ /[}*&>+-]/ &&
		    !(last == ")" && c ~ /["A-Za-z_]/))
			complain(a == "" ? "a space is missing before \"" c "\"" : "a space too many before \"" c "\"")
		else if (above && below && last ~ /[;{}]/ && c !~ /[#*}\/]/ && indent(a) != indent(b))
			complain("indentation")
		else if (c == "{" && last == ")" && !above != !below)
			complain("the place of the brace")
		last = c
		i++
		j++
	}
}' >"$work/complaints"
sort -t : -k 1,1 -k 2,2n "$work/complaints"
test ! -s "$work/complaints"
