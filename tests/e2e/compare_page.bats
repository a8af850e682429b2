#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The HTML of a comparison in a real browser, and the other formats as programs read them.
load helper
load browser_helper

drive() {
	"$SLSC_BUILD/tests/compare_drive" "$@" 2>/dev/null
}

setup_file() {
	drive html >"$BATS_FILE_TMPDIR/page.html"
	drive html hostile >"$BATS_FILE_TMPDIR/hostile.html"
	drive html large >"$BATS_FILE_TMPDIR/large.html"
	browser compare_page.py {looks,names,sorts,zooms,plain}=page.html hostile=hostile.html plain=large.html
}

@test "page: nothing sticks out at 400 and 1600 px, all text has contrast, by day and by night" {
	seen looks page.html
	looked
}

@test "page: a screen reader gets names, headings and tables" {
	seen names page.html
}

@test "page: tables are sorted by click and by key" {
	seen sorts page.html
}

@test "page: groups of a map are enlarged and left by key" {
	seen zooms page.html
}

@test "page: without script everything is there" {
	seen plain page.html
}

@test "page: hostile names are text, and the policy stands" {
	seen hostile hostile.html
}

@test "page: 20 strategies and trees of 50,000 parts stay below 1 MB" {
	[ "$(wc -c <"$BATS_FILE_TMPDIR/large.html")" -lt 1000000 ]
	seen plain large.html
}

@test "json: what jq reads" {
	drive json >c.json
	is "$(jq -c '[.rows[] | select(.best | index("start_p50")) | .strategy]' c.json)" '["static-musl","static-debian12"]'
	is "$(jq '.rows[0].samples | length' c.json)" 200
	is "$(jq -c '.rows[0].sources | [.bytes, ([.children[].bytes] | add)]' c.json)" '[20586,20586]'
	is "$(jq -c '.missed[0] | [.budget, .row, .limit, .value]' c.json)" '["zip",1,20480,331209]'
}

@test "csv: what Python reads" {
	need python3 python3
	drive csv hostile >c.csv
	is "$(python3 -c '
import csv
with open("c.csv", newline="", errors="surrogateescape") as f:
    rows = list(csv.DictReader(f, strict=True))
print(len(rows), rows[2]["start_p50"], rows[5]["arch"], rows[4]["failed"][:25])')" \
		"7 112.091 arm64 <script>alert(1)</script>"
}
