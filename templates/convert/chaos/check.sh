#!/bin/sh
# Whether each file was converted as a whole and is in the state table. Says what is missing, and how much.
set -eu
bad=0 missing=0 all=0
for f in data/in/*; do
	name=${f##*/}
	all=$((all + 1))
	iconv -f ISO-8859-1 -t UTF-8 "$f" | cmp -s - "data/out/$name" || bad=$((bad + 1))
	grep -q "^$name " data/state.log 2>/dev/null || missing=$((missing + 1))
done
[ "$bad" = 0 ] || echo "$bad of $all files are not converted, or not to their end" >&2
[ "$missing" = 0 ] || echo "$missing of $all files are not in the state table" >&2
[ "$bad$missing" = 00 ]
