# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Pages in Chromium, which is started once for all tests of a file.

# browser SCRIPT WHAT=PAGE...: see support/compare_page.py; from setup_file, what is wrong is for each test to tell
browser() {
	need chromium chromium && need python3 python3 || return 1
	python3 -B "$SLSC_SRC/tests/e2e/support/$1" "$BATS_FILE_TMPDIR" "${@:2}" >"$BATS_FILE_TMPDIR/browser" 2>&1 || :
}

# seen WHAT PAGE: in the browser, and nothing was wrong
seen() {
	[ -e "$BATS_FILE_TMPDIR/$1.$2" ] || { cat "$BATS_FILE_TMPDIR/browser" >&2 && return 1; }
	is "$(cat "$BATS_FILE_TMPDIR/$1.$2")" ""
}

# looked: seen in both widths, which are kept for who wants to look, too
looked() {
	file "$BATS_FILE_TMPDIR/400-dark.png" | grep -q 'PNG image data, 400 x ' &&
		file "$BATS_FILE_TMPDIR/1600-light.png" | grep -q 'PNG image data, 1600 x ' || return 1
	[ -z "${SLSC_SCREENSHOTS:-}" ] || cp "$BATS_FILE_TMPDIR"/*.png "$SLSC_SCREENSHOTS/"
}
