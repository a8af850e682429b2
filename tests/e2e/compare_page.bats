#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The HTML of a comparison in a real browser, and the other formats as programs read them.
load helper

drive() {
	"$SLSC_BUILD/tests/compare_drive" "$@" 2>/dev/null
}

# browser WHAT PAGE [DIR]: see support/compare_page.py
browser() {
	need chromium chromium && need python3 python3 || return 1
	python3 "$SLSC_SRC/tests/e2e/support/compare_page.py" "$@"
}

@test "page: nothing sticks out at 400 and 1600 px, all text has contrast, by day and by night" {
	drive html >page.html
	browser looks page.html "$T"
	file "$T/400-dark.png" | grep -q 'PNG image data, 400 x '
	file "$T/1600-light.png" | grep -q 'PNG image data, 1600 x '
	[ -z "${SLSC_SCREENSHOTS:-}" ] || cp "$T"/*.png "$SLSC_SCREENSHOTS/"
}

@test "page: a screen reader gets names, headings and tables" {
	drive html >page.html
	browser names page.html
}

@test "page: tables are sorted by click and by key" {
	drive html >page.html
	browser sorts page.html
}

@test "page: groups of a map are enlarged and left by key" {
	drive html >page.html
	browser zooms page.html
}

@test "page: without script everything is there" {
	drive html >page.html
	browser plain page.html
}

@test "page: hostile names are text, and the policy stands" {
	drive html hostile >page.html
	browser hostile page.html
}

@test "page: 20 strategies and trees of 50,000 parts stay below 1 MB" {
	drive html large >page.html
	[ "$(wc -c <page.html)" -lt 1000000 ]
	browser plain page.html
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
