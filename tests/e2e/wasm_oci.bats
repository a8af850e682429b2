#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Modules in layouts and registries: slsc package --oci, push, inspect, check, diff.
# shellcheck disable=SC2154 # helpers set $status, $out and $err
load helper
load package_helper
load registry_helper
load wasm_helper

# module BODY: a function for x86_64 and wasm32, packaged
module() {
	answer "$1"
	sed -i '1a arches: [x86_64, wasm32]' slsc.yaml
	slsc_run -q package --oci
	is "$status $err" "0 "
}

# edit JQ: the layout's module with another config, under the tag x of the layout y
edit() {
	local old m
	old=$(manifest dist/f.oci wasm | jq -r .config.digest)
	m=$(manifest dist/f.oci wasm)
	rm -rf y && mkdir -p y/blobs/sha256
	cp dist/f.oci/oci-layout y/
	cp "$(blob dist/f.oci "$(jq -r '.layers[0].digest' <<<"$m")")" y/blobs/sha256/
	jq -cj "$1" "$(blob dist/f.oci "$old")" >config
	cp config "y/blobs/sha256/$(sha256sum <config | cut -d' ' -f1)"
	jq -cj --arg d "sha256:$(sha256sum <config | cut -d' ' -f1)" --argjson n "$(stat -c %s config)" \
		'.config.digest = $d | .config.size = $n' <<<"$m" >changed
	cp changed "y/blobs/sha256/$(sha256sum <changed | cut -d' ' -f1)"
	jq -n --arg d "sha256:$(sha256sum <changed | cut -d' ' -f1)" --argjson n "$(stat -c %s changed)" '{schemaVersion: 2,
		manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $n,
		annotations: {"org.opencontainers.image.ref.name": "x"}}]}' >y/index.json
}

@test "the layout has the module beside the images, as the CNCF's layout of artifacts has it" {
	need skopeo skopeo && need jq jq
	module 'slsc_puts(out, "1"); return 0;'
	is "$(jq -c '[.manifests[] | [.annotations["org.opencontainers.image.ref.name"], .platform.os, .platform.architecture]]' \
		dist/f.oci/index.json)" '[["latest",null,null],["amd64","linux","amd64"],["wasm","wasip1","wasm"]]'
	is "$(manifest dist/f.oci wasm | jq -c '[.config.mediaType, .layers[].mediaType, .artifactType]')" \
		'["application/vnd.wasm.config.v0+json","application/wasm",null]'
	layer=$(manifest dist/f.oci wasm | jq -r '.layers[0].digest')
	is "$(config dist/f.oci wasm)" \
		"{\"architecture\":\"wasm\",\"created\":\"1980-01-01T00:00:00Z\",\"layerDigests\":[\"$layer\"],\"os\":\"wasip1\"}"
	cmp "$(blob dist/f.oci "$layer")" .slsc/release/wasm32/f
	is "$(awk '$1 == "dist/f.oci:wasm" { print $NF }' <<<"$out")" "$(ref dist/f.oci wasm)"
	# what runs containers is not led to it
	is "$(jq -r '.manifests[].platform.architecture' "$(blob dist/f.oci "$(ref dist/f.oci latest)")")" amd64
	is "$(skopeo inspect oci:dist/f.oci:latest | jq -r .Architecture)" amd64
	skopeo copy -q oci:dist/f.oci:wasm oci:other:m
	is "$(ref other m)" "$(ref dist/f.oci wasm)"
	slsc_run -q package --oci --json
	is "$(jq -c '.artifacts[0].images[] | select(.ref == "wasm") | [.platform, .layers[0].media_type, .layers[0].digest,
		.layers[0].diff_id]' <<<"$out")" "[{\"architecture\":\"wasm\",\"os\":\"wasip1\"},\"application/wasm\",\"$layer\",null]"
	list_is_true dist
	before=$(ref dist/f.oci wasm)
	mkdir "$T/else" && cp -r slsc.yaml src "$T/else"
	(cd "$T/else" && umask 077 && CCACHE_DISABLE=1 TZ=UTC slsc -q package --oci >/dev/null)
	is "$(ref "$T/else/dist/f.oci" wasm)" "$before"
	no_leftovers .
}

@test "of wasm32 alone: the module is all there is; archives leave it out" {
	need jq jq
	answer 'slsc_puts(out, "1"); return 0;'
	slsc_run -q package --oci --arch wasm32
	is "$status $err" "0 "
	is "$(jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' dist/f.oci/index.json)" wasm
	is "$(jq -r '.artifacts[0].sha256' dist/manifest.json)" "$(ref dist/f.oci wasm | cut -d: -f2)"
	list_is_true dist
	slsc_run inspect dist/f.oci
	is "$(head -2 <<<"$out")" "dist/f.oci
  type        module for wasm32"
	module 'slsc_puts(out, "1"); return 0;'
	slsc_run -q package --oci --oci-archive --arch x86_64
	slsc_run -q package --oci --oci-archive
	is "$(tar -xOf dist/f.oci.tar index.json | jq '.manifests | length')" 1
	is "$(tar -tf dist/f.oci.tar | grep -c "$(ref dist/f.oci wasm | cut -d: -f2)")" 0
	slsc_run package --oci -n --arch wasm32
	is "$status $out" "0 would write dist/f.oci"
}

@test "a registry takes it, and gives it back" {
	need jq jq
	module 'slsc_puts(out, "1"); return 0;'
	registry plain
	slsc_run push oci:dist/f.oci:wasm "127.0.0.1:$port/f:wasm"
	is "$status" 0
	is "$out" "127.0.0.1:$port/f@$(ref dist/f.oci wasm)"
	slsc_run inspect "127.0.0.1:$port/f:wasm" --json
	is "$status $err" "0 "
	is "$(jq -c '.artifacts[0] | [.kind, .arch, .module.exports, .module.verdict, .module.digest]' <<<"$out")" \
		"[\"module\",\"wasm32\",[\"memory\",\"_start\"],null,\"$(ref dist/f.oci wasm)\"]"
	slsc_run check "127.0.0.1:$port/f:wasm"
	is "$status $out" "0 1 artifact: 0 errors, 0 warnings, 0 notes"
	slsc_run pull "127.0.0.1:$port/f:wasm" oci:back:m
	is "$status" 0
	is "$(ref back m)" "$(ref dist/f.oci wasm)"
	slsc_run push f --arch wasm32 "127.0.0.1:$port/f:again"
	is "$status" 0
	has "$out" "@$(ref dist/f.oci wasm)"
	slsc_run push f --arch wasm32 -n "127.0.0.1:$port/f:again"
	has "$err" "already there"
}

@test "check finds what no engine gives, and what is no module" {
	need jq jq
	module 'slsc_puts(out, "1"); return 0;'
	slsc_run check
	is "$status" 0
	has "$out" "3 artifacts: 0 errors, 0 warnings, "
	has "$out" "':latest' is an index of several architectures; push one of :amd64 ["
	edit '.layerDigests[0] = "sha256:00"'
	slsc_run check oci:y:x
	is "$status" 3
	is "$(head -1 <<<"$out")" "error: oci:y:x: config: layerDigests does not name the module [image-diff-ids]"
	edit '.os = "linux"'
	slsc_run check oci:y:x
	is "$(head -1 <<<"$out")" "error: oci:y:x: config: is for linux/wasm, not wasip1/wasm [image-platform]"
	edit '. + {x: ("x" * 70000)}'
	slsc_run check oci:y:x
	has "$(head -1 <<<"$out")" "limit exceeded: "
	has "$(head -1 <<<"$out")" " [layer-damaged]"
	edit '"no"'
	slsc_run check oci:y:x
	is "$(head -1 <<<"$out")" "error: oci:y:x: config: is no JSON object [layer-damaged]"
}

@test "inspect lists the module of a layout; diff tells what it needs and needed" {
	need jq jq
	module 'slsc_puts(out, "1"); return 0;'
	slsc_run inspect
	is "$(grep -A1 '^dist' <<<"$out")" "dist/f.oci
  type        image for x86_64
--
dist/f.oci:wasm
  type        module for wasm32"
	slsc_run inspect --arch wasm32
	is "$(grep -c '^dist' <<<"$out")" 1
	slsc_run inspect --arch x86_64
	is "$(grep '^dist' <<<"$out")" dist/f.oci
	slsc_run inspect dist/f.oci:wasm --layers
	is "$status $err" "2 error: dist/f.oci:wasm: is a WebAssembly module: it has no layers to show
hint: leave out --layers: what it imports and exports is told of it"
	cp -r dist/f.oci old.oci
	sed -i '1i int getentropy(void *, unsigned long);' src/f.c
	sed -i 's/return 0/return getentropy(out->ptr, 8)/' src/f.c
	slsc_run -q package --oci
	slsc_run diff oci:old.oci:wasm oci:dist/f.oci:wasm
	is "$status" 0
	is "$(sed 's/[0-9,]* bytes.*/N/; s/  *$//' <<<"$out")" "before  oci:old.oci:wasm: module, N
after   oci:dist/f.oci:wasm: module, N
change  +N
imports + wasi_snapshot_preview1.random_get"
	slsc_run diff --json oci:dist/f.oci:wasm oci:old.oci:wasm
	is "$(jq -c '.differences[0].imports' <<<"$out")" '{"added":[],"removed":["wasi_snapshot_preview1.random_get"]}'
	need git git
	printf 'dist\n.slsc\ny\nold.oci\n' >.gitignore
	git init -q . && git add -A && git commit -qm one
	slsc_run -q package --oci --workers
	sed -i "s/\"1\"/\"$(printf '%0200d' 1)\"/" src/f.c
	slsc_run diff HEAD --json
	is "$status" 0
	is "$(jq -c '.differences[] | [.a.artifact, .a.kind, .b.kind, .change != 0]' <<<"$out")" \
		'["HEAD:f.oci (x86_64)","image","image",true]
["HEAD:f.oci (wasm32)","module","module",true]
["HEAD:f.workers","module","module",true]'
	slsc_run diff HEAD --json --arch wasm32
	is "$(jq -r '.differences[].a.artifact' <<<"$out")" "HEAD:f.oci (wasm32)
HEAD:f.workers"
}
