#!/bin/sh
# Whether the store has each file, to the last byte.
set -eu
bad=0 all=0
for f in data/in/*; do
	all=$((all + 1))
	cmp -s "$f" "data/store/${f##*/}" || bad=$((bad + 1))
done
[ "$bad" = 0 ] || echo "$bad of $all files are not in the store, or not as they were" >&2
[ "$bad" = 0 ]
