#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The forms of a sweep: its page in a real browser, its table in terminals of several widths.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load browser_helper

drive() {
	"$SLSC_BUILD/tests/tune_drive" "$@"
}

setup_file() {
	drive html >"$BATS_FILE_TMPDIR/page.html"
	drive html hostile >"$BATS_FILE_TMPDIR/hostile.html"
	browser tune_page.py {looks,names,sorts,plain}=page.html hostile=hostile.html
}

@test "page: nothing sticks out at 400 and 1600 px, points are round, all text has contrast, by day and by night" {
	seen looks page.html
	looked
}

@test "page: a screen reader gets names, headings and tables" {
	seen names page.html
}

@test "page: settings are sorted by number; without script all is there" {
	seen sorts page.html
	seen plain page.html
}

@test "page: hostile names are text, and the policy stands" {
	seen hostile hostile.html
}

@test "page: the guide's table; nothing measured, nothing drawn" {
	drive html guide >page.html
	has "$(cat page.html)" '<h2 id="guide">Parallelism × collector</h2>'
	drive html none >page.html
	is "$(grep -c '<svg class="scatter"' page.html)" 0
	has "$(cat page.html)" 'never gets ready: Runtime.ExitError'
}

@test "text: what there is no room for is left out and named; reasons need no columns" {
	drive text plain 120 >wide
	drive text plain 80 >narrow
	is "$(sed -n '/^ *memory/,/^$/p' wide)" "$(cat <<'EOF'
    memory  CACHE      p50      p99  spread    pause      peak      CPU     cold    USD  same
    128 MB      1  never gets ready: Runtime.ExitError
>   128 MB      4  25.2 ms  75.6 ms     7 %   100 ms  345.8 KB  7.80 ms  3.15 ms  0.378  e
*   256 MB      1  13.7 ms  41.2 ms     7 %  56.2 ms  349.8 KB  7.80 ms  3.09 ms  0.509  d
    256 MB      4  12.8 ms  38.5 ms     6 %  51.5 ms  353.8 KB  7.80 ms  3.21 ms  0.541        dropped after 2
*   512 MB      1  9.33 ms  28.0 ms    10 %  38.1 ms  357.8 KB  7.80 ms  3.15 ms  0.672  c
*   512 MB      4  8.16 ms  24.5 ms     7 %  33.4 ms  361.8 KB  7.80 ms  3.06 ms  0.679  b
*  1024 MB      1  7.13 ms  21.4 ms     7 %  28.3 ms  365.8 KB  7.80 ms  3.21 ms  0.842  a
   1024 MB      4  6.30 ms  18.9 ms     7 %  25.7 ms  369.8 KB  7.80 ms  3.15 ms  0.850        10 % failed
EOF
)"
	is "$(sed -n '/^ *memory/,/^$/p' narrow | sed '4,$!d')" "$(cat <<'EOF'
*   256 MB      1  13.7 ms  41.2 ms     7 %  56.2 ms  3.09 ms  0.509  d
    256 MB      4  12.8 ms  38.5 ms     6 %  51.5 ms  3.21 ms  0.541        dropped after 2
*   512 MB      1  9.33 ms  28.0 ms    10 %  38.1 ms  3.15 ms  0.672  c
*   512 MB      4  8.16 ms  24.5 ms     7 %  33.4 ms  3.06 ms  0.679  b
*  1024 MB      1  7.13 ms  21.4 ms     7 %  28.3 ms  3.21 ms  0.842  a
   1024 MB      4  6.30 ms  18.9 ms     7 %  25.7 ms  3.15 ms  0.850        10 % failed
not shown for want of room: CPU, peak
EOF
)"
	# neither bytes that are no text, nor what steers a terminal
	is "$(drive text hostile 80 | grep -c "$(printf '[\033\377]')")" 0
	drive text plain 120 color >colored.txt
	is "$(grep -c "$(printf '\033')" colored.txt)" 1
	drive text none 80 >none.txt
	has "$(cat none.txt)" "none can be chosen
8 of 8 settings failed, and cannot be chosen"
}

@test "json and csv: sorted members, a line for each setting" {
	need jq jq
	drive json >t.json
	is "$(jq -cS . t.json)" "$(jq -c . t.json)"
	is "$(jq -c '[.settings[.chosen].chosen, (.settings | map(select(.chosen)) | length), (.settings | length)]' t.json)" '[true,1,8]'
	drive json hostile | jq -e . >/dev/null
	drive csv hostile >t.csv
	need python3 python3
	is "$(python3 -c 'import csv, sys
rows = list(csv.reader(open("t.csv", newline="", errors="replace")))
print(len(rows), {len(r) for r in rows})')" "9 {20}"
}
