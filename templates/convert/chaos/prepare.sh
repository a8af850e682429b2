#!/bin/sh
# N files of ISO 8859-1 in data/in, of 64 KB; the rest of data is emptied. Usage: prepare.sh N
set -eu
rm -rf data
mkdir -p data/in data/out
yes 'na\357ve caf\351, pi\361ata: a line of text' | head -n 1800 | while read -r line; do
	printf '%b\n' "$line"
done >data/in/1.txt
i=2
while [ "$i" -le "$1" ]; do
	cp data/in/1.txt "data/in/$i.txt"
	i=$((i + 1))
done
