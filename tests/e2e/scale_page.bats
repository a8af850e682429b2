#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The page of a simulation in a real browser.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper

# browser WHAT PAGE [DIR]: see support/scale_page.py
browser() {
	need chromium chromium && need python3 python3 || return 1
	python3 "$SLSC_SRC/tests/e2e/support/scale_page.py" "$@"
}

page() {
	slsc_run scale simulate -q --duration 30s --before 10s --rate 300 --goal 500ms --format html "$@" -o page.html
	is "$status" 0
	is "$out" ""
}

@test "page: nothing sticks out at 400 and 1600 px, all text has contrast, by day and by night" {
	page
	browser looks page.html "$T"
	file "$T/400-dark.png" | grep -q 'PNG image data, 400 x '
	[ -z "${SLSC_SCREENSHOTS:-}" ] || cp "$T"/*.png "$SLSC_SCREENSHOTS/"
}

@test "page: policies are sorted by number" {
	page
	browser sorts page.html
}

@test "page: a trace's hostile name is text, and the policy stands" {
	printf '0,10\n1,20\n' >'<script>alert(1)<"&.csv'
	slsc_run scale simulate -q --format html --trace '<script>alert(1)<"&.csv' -o page.html
	is "$status" 0
	browser hostile page.html
}

@test "page: the same seed is the same page" {
	page
	cp page.html one.html
	page --seed 1
	cmp page.html one.html
}
