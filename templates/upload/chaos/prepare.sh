#!/bin/sh
# N files of 300 KB in data/in; the store, at STORE, begins anew. Usage: prepare.sh N
set -eu
rm -rf data/in
mkdir -p data/in data/store
rm -f data/store/*
i=1
while [ "$i" -le "$1" ]; do
	head -c 307200 /dev/urandom >"data/in/$i.bin"
	i=$((i + 1))
done
python3 chaos/store.py reset "$STORE"
