#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The page of a simulation in a real browser.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load browser_helper

page() {
	"$SLSC_BIN" scale simulate -q --format html "$@"
}

load_of_page=(--duration 30s --before 10s --rate 300 --goal 500ms)

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return 1
	printf '0,10\n1,20\n' >'<script>alert(1)<"&.csv'
	page "${load_of_page[@]}" -o page.html && page --trace '<script>alert(1)<"&.csv' -o hostile.html &&
		browser scale_page.py {looks,sorts}=page.html hostile=hostile.html
}

@test "page: nothing sticks out at 400 and 1600 px, all text has contrast, by day and by night" {
	seen looks page.html
	looked
}

@test "page: policies are sorted by number" {
	seen sorts page.html
}

@test "page: a trace's hostile name is text, and the policy stands" {
	seen hostile hostile.html
}

@test "page: the same seed is the same page" {
	slsc_run scale simulate -q --format html "${load_of_page[@]}" --seed 1 -o page.html
	is "$status" 0
	is "$out" ""
	cmp page.html "$BATS_FILE_TMPDIR/page.html"
}
