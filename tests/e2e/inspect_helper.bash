# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Images put together from directories, a layer each, and sums that jq adds.

# put DIR TYPE <BYTES: a blob of a layout, and its descriptor on stdout
put() {
	local hex
	mkdir -p "$1/blobs/sha256"
	cat >"$1/blobs/new"
	hex=$(sha256sum <"$1/blobs/new" | cut -d' ' -f1)
	jq -cn --arg t "$2" --arg d "sha256:$hex" --argjson s "$(stat -c %s "$1/blobs/new")" \
		'{mediaType: $t, digest: $d, size: $s}'
	mv "$1/blobs/new" "$1/blobs/sha256/$hex"
}

# image DIR ARCH CONFIG TAR...: one image, and its descriptor on stdout; a layer's instruction is "make TAR"
image() {
	local dir=$1 arch=$2 config=$3 tar layers='[]' diff='[]' history='[]' d
	shift 3
	for tar; do
		d=$(gzip -nc "$tar" | put "$dir" application/vnd.oci.image.layer.v1.tar+gzip)
		layers=$(jq -c --argjson d "$d" '. + [$d]' <<<"$layers")
		diff=$(jq -c --arg d "sha256:$(sha256sum <"$tar" | cut -d' ' -f1)" '. + [$d]' <<<"$diff")
		history=$(jq -c --arg t "make ${tar%.tar}" '. + [{created_by: $t}, {created_by: "ENV x", empty_layer: true}]' \
			<<<"$history")
	done
	d=$(jq -cn --arg a "$arch" --argjson c "$config" --argjson d "$diff" --argjson h "$history" \
		'{architecture: $a, os: "linux", config: $c, rootfs: {type: "layers", diff_ids: $d}, history: $h}' |
		put "$dir" application/vnd.oci.image.config.v1+json)
	jq -cn --argjson c "$d" --argjson l "$layers" '{schemaVersion: 2,
		mediaType: "application/vnd.oci.image.manifest.v1+json", config: $c, layers: $l}' |
		put "$dir" application/vnd.oci.image.manifest.v1+json |
		jq -c --arg a "$arch" '. + {platform: {os: "linux", architecture: $a}}'
}

# layout DIR DESCRIPTOR...: oci-layout and index.json
layout() {
	local dir=$1
	shift
	printf '{"imageLayoutVersion":"1.0.0"}' >"$dir/oci-layout"
	printf '%s\n' "$@" | jq -cs '{schemaVersion: 2, manifests: .}' >"$dir/index.json"
}

# layer NAME DIR: DIR as NAME.tar, with its directories
layer() { tar -C "$2" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=gnu -cf "$1.tar" .; }

# bytes N FILE: N bytes that do not compress
bytes() {
	mkdir -p "$(dirname "$2")"
	openssl enc -aes-128-ctr -nosalt -pass pass:"$2" -pbkdf2 -iter 1 </dev/zero 2>/dev/null | head -c "$1" >"$2"
}

# sums FILE: every part of every view is its own bytes and those of its parts, and a view is what it says it divides
sums() {
	jq -e '
		def adds: (.bytes == .own + ([.children[]?.bytes] | add // 0)) and all(.children[]?; adds);
		[.artifacts[] | . as $a | (.views | length > 0) and all(.views[]; adds) and
			(if .views.layers then .views.layers.bytes == .size else true end) and
			(if .views.layers then ([.image.layers[].size] | add) <= .size else true end) and
			([.views.sections, .views.symbols, .views.sources | select(.) | .bytes] as $program |
				($program | unique | length <= 1) and
				(if .kind == "binary" then all($program[]; . == $a.size) else true end)) and
			(if .kind == "zip" and .views.files then .views.files.bytes == .size else true end) and
			(if .kind == "image" and .views.files and .views.waste then
				.views.files.bytes + .views.waste.bytes == .unpacked and .views.waste.bytes == .image.waste and
				([.image.layers[].unpacked] | add // 0) == .unpacked else true end)] | all' "$1" >/dev/null && return 0
	echo "does not add up: $1" >&2
	return 1
}

# adds FILE: of `slsc diff --json`: in every view the children's changes are their parent's, and that of the whole is the
# sizes' difference
adds() {
	jq -e '
		def adds: .change == .b - .a and
			(if .children then ([.children[].change] | add) == .change and all(.children[]; adds) else true end);
		[.differences[] | .change as $c | .change == (.b.size // 0) - (.a.size // 0) and all(.views[]; adds) and
			(if .views.bytes then .views.bytes.change == $c else true end) and
			(if .views.layers then .views.layers.change == $c else true end) and
			(if .a.kind == "zip" and .b.kind == "zip" and .views.files then .views.files.change == $c else true end) and
			([.views.sections, .views.symbols, .views.sources | select(.) | .change] as $program |
				($program | unique | length <= 1) and
				(if .a.kind == "binary" and .b.kind == "binary" then all($program[]; . == $c) else true end))] |
			length > 0 and all' "$1" >/dev/null && return 0
	echo "does not add up: $1" >&2
	return 1
}
