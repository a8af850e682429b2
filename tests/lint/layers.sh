#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who includes whom: reads the #include lines of cmd/, src/ and runtime/ and fails on an edge that docs/HACKING.md
# does not draw, and on a library's header outside of the room that owns the library.
# Usage: layers.sh [ROOT]
set -eu
cd "${1:-${SLSC_SRC:-$(dirname "$0")/../..}}"

# shellcheck disable=SC2016
find cmd src runtime -name '*.[ch]' 2>/dev/null | LC_ALL=C sort | tr '\n' '\0' | xargs -0r awk '
BEGIN {
	# A room includes itself and the rooms of a smaller number, never its neighbours of the same.
	split("base:0 os:1 cli:2 config:2 vcs:2 elf:2 wasm:2 archive:2 flow:3 oci:3 registry:4 build:4 stage:5 report:6 scale:7 deploy:8 local:8 cmd:9",
	      list, " ")
	for (i in list) {
		split(list[i], part, ":")
		rank[part[1]] = part[2]
	}
	# header, or its directory with a slash: the room that owns it
	split("git2.h:vcs git2/:vcs libelf.h:elf gelf.h:elf dwarf.h:elf elfutils/:elf archive.h:archive archive_entry.h:archive " \
	      "zstd.h:archive zstd_errors.h:archive libdeflate.h:archive zlib.h:archive yaml.h:config " \
	      "openssl/:oci curl/:registry sqlite3.h:local microhttpd.h:local jansson.h:* getopt.h:cli", list2, " ")
	for (i in list2) {
		split(list2[i], part, ":")
		owner[part[1]] = part[2]
	}
	# one file of another room that needs it as well
	also["src/local/module_relay.c"] = "curl/"
}
function complain(what) {
	print FILENAME ":" FNR ": " what
	bad = 1
}
FNR == 1 {
	split(FILENAME, path, "/")
	room = path[1] == "src" ? path[2] : path[1]
	if (room != "runtime" && !(room in rank))
		complain("src/" room " is no room of the house: give it a place in tests/lint/layers.sh")
}
/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
	name = $0
	sub(/^[^<"]*[<"]/, "", name)
	sub(/[>"].*/, "", name)
	first = name
	sub(/\/.*/, "", first)
	if (name ~ /(^|\/)\.\.?\//) {
		complain("includes \"" name "\": say src-relative where it is")
		next
	}
	if (name ~ /\// && (first in rank)) {
		if (room == "runtime")
			complain("runtime/ includes \"" name "\" of src/")
		else if (first != room && rank[first] >= rank[room])
			complain((room == "cmd" ? "cmd" : "src/" room) " may not include \"" name "\"")
		next
	}
	if (room != "runtime" && (name == "slsc.h" || first == "runtime"))
		complain((room == "cmd" ? "cmd" : "src/" room) " includes \"" name "\" of runtime/")
	key = (name in owner) ? name : (first "/")
	if (key in owner) {
		if (room == "runtime")
			complain("runtime/ includes <" name ">: it depends on libc alone")
		else if (owner[key] != "*" && owner[key] != room && !(FILENAME in also && also[FILENAME] == key))
			complain((room == "cmd" ? "cmd" : "src/" room) " includes <" name \
				 ">, which belongs to src/" owner[key])
	}
}
END { exit bad }' || exit 1
