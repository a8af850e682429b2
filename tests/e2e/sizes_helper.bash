# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016,SC2154 # jq's variables; helper.bash sets $status, $out and $err
# What slsc inspect and slsc diff say of a built project's artifacts, for both architectures: sizes are those of stat,
# unzip, skopeo and tar, symbols those of nm, and all of it adds up. With inspect_helper and package_helper.

# of ARTIFACT ARCH EXPRESSION: of that one in the JSON in $T/out
of() { jq -r --arg p "$1" --arg a "$2" ".artifacts[] | select(.artifact == \$p and .arch == \$a) | $3" "$T/out"; }

# zip_agrees NAME ARCH
zip_agrees() {
	local zip=dist/$1-$2.zip
	is "$(of "$zip" "$2" .size)" "$(stat -c %s "$zip")"
	is "$(of "$zip" "$2" '[.unpacked, (.views.files.children[] | select(.name == "bootstrap") | .bytes)] | @tsv')" \
		"$(unzip -v "$zip" | awk '/bootstrap/ { print $1 "\t" $3 }')"
}

# image_agrees NAME ARCH
image_agrees() {
	local image=oci:dist/$1.oci:${2/x86_64/amd64} shown=dist/$1.oci dir=$T/files-$2 digest
	skopeo inspect --raw "$image" >"$T/manifest"
	is "$(of "$shown" "$2" .image.digest)" "$(skopeo inspect "$image" | jq -r .Digest)"
	is "$(of "$shown" "$2" '.image.layers[] | [.digest, .size, .media_type] | @tsv')" \
		"$(jq -r '.layers[] | [.digest, .size, .mediaType] | @tsv' "$T/manifest")"
	is "$(of "$shown" "$2" .size)" \
		"$(jq --argjson m "$(stat -c %s "$T/manifest")" '$m + .config.size + ([.layers[].size] | add)' "$T/manifest")"
	is "$(of "$shown" "$2" '.views.layers.children[] | select(.kind != "layer") | "\(.kind) \(.bytes)"' | sort)" \
		"config $(jq .config.size "$T/manifest")
manifest $(stat -c %s "$T/manifest")"
	mkdir "$dir"
	for digest in $(jq -r '.layers[].digest' "$T/manifest"); do
		tar -xf "$(blob "dist/$1.oci" "$digest")" -C "$dir"
	done
	is "$(of "$shown" "$2" .views.files.bytes)" \
		"$(find "$dir" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')"
	# each file by its whole name
	is "$(of "$shown" "$2" '.views.files | def names($at): if .kind == "file" then "\($at)\(.name) \(.bytes)" else
		(if .kind == "dir" then "\($at)\(.name)/" else $at end) as $in | .children[] | names($in) end; names("")' | sort)" \
		"$(find "$dir" -type f -size +0 -printf '%P %s\n' | sort)"
}

# program_agrees NAME ARCH: in all that holds it; most of what has a name is compared with nm
program_agrees() {
	local program=.slsc/release/$2/$1 view compared
	for view in sections symbols sources; do
		is "$view $(of "dist/$1-$2.zip" "$2" ".views.$view.bytes")" "$view $(stat -c %s "$program")"
		is "$view $(of "dist/$1.oci" "$2" ".views.$view.bytes")" "$view $(stat -c %s "$program")"
	done
	of "dist/$1.oci" "$2" .views.symbols >"$T/symbols"
	compared=$("$BATS_TEST_DIRNAME/support/nm_sizes.py" "$T/symbols" "$program.debug") || return 1
	[ "${compared% *}" -gt 90 ]
	is "$(jq --argjson n "${compared#* }" '[recurse(.children[]?) | select(.kind == "symbol").bytes] | add |
		$n <= . and $n >= . * 0.85' "$T/symbols")" true
	slsc inspect --json "$program" >"$T/program"
	sums "$T/program"
	is "$(jq '.artifacts[0] | [.size, .unpacked] | unique[]' "$T/program")" "$(stat -c %s "$program")"
	is "$(jq -S '.artifacts[0].views | map_values(del(.name))' "$T/program")" \
		"$(of "dist/$1.oci" "$2" '.views | {sections, sources, symbols} | map_values(del(.name))' | jq -S .)"
}

# seen_from_elsewhere NAME: the debug file is found where the artifact is, not where the user stands
seen_from_elsewhere() {
	local where
	mkdir "$T/elsewhere"
	for where in "$PWD/dist/$1-arm64.zip" "oci:$PWD/dist/$1.oci:arm64"; do
		slsc -C "$T/elsewhere" inspect "$where" --symbols --json >"$T/symbols"
		is "$(jq '.artifacts[0].views.symbols | del(.name)' "$T/symbols")" \
			"$(of "dist/$1-arm64.zip" arm64 '.views.symbols | del(.name)')"
	done
}

# differs NAME: from one architecture to the other, as program, zip and image
differs() {
	local a=x86_64 b=arm64
	slsc diff ".slsc/release/$a/$1" ".slsc/release/$b/$1" --sections --symbols --sources --json >"$T/diff"
	adds "$T/diff"
	is "$(jq -c '.differences[0] | .change, (.views | keys)' "$T/diff")" \
		"$(($(stat -c %s ".slsc/release/$b/$1") - $(stat -c %s ".slsc/release/$a/$1")))
[\"sections\",\"sources\",\"symbols\"]"
	slsc diff "dist/$1-$a.zip" "dist/$1-$b.zip" --files --json >"$T/diff"
	adds "$T/diff"
	is "$(jq '.differences[0].change' "$T/diff")" \
		"$(($(stat -c %s "dist/$1-$b.zip") - $(stat -c %s "dist/$1-$a.zip")))"
	slsc diff "dist/$1.oci:amd64" "dist/$1.oci:arm64" --layers --files --json >"$T/diff"
	adds "$T/diff"
	is "$(jq '.differences[0].change' "$T/diff")" "$(($(of "dist/$1.oci" $b .size) - $(of "dist/$1.oci" $a .size)))"
}

# agrees NAME: the project in the current directory, packaged as zips and images
agrees() {
	need unzip unzip && need skopeo skopeo && need nm binutils && need jq jq || return 1
	local arch
	slsc_run inspect --json
	is "$status" 0
	sums "$T/out"
	for arch in x86_64 arm64; do
		zip_agrees "$1" $arch
		image_agrees "$1" $arch
		program_agrees "$1" $arch
	done
	differs "$1"
}
