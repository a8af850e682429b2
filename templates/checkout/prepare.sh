#!/bin/sh
# An empty shop with 10 lamps and 1 chair.
set -eu
rm -rf data
mkdir -p data/items data/reserved/lamp data/reserved/chair data/payments data/mail
echo 10 >data/items/lamp
echo 1 >data/items/chair
