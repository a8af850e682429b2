# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# Registries on free ports of 127.0.0.1: Debian's docker-registry, and one that lies. Each test's own, ended with it.

pids=()
# what a read waits for in vain
exec {never}<> <(:)

# await FILE PID: until FILE is there, which process PID makes
await() {
	local i
	for ((i = 0; i < 3000; i++)); do
		[ -e "$1" ] && return 0
		kill -0 "$2" 2>/dev/null || break
		read -rt 0.01 -u "$never" || true
	done
	echo "$1 does not appear" >&2
	return 1
}

# liar MODE: starts liar.py; sets $port, $other, $log (a line a request)
liar() {
	need /usr/bin/python3 python3 || return 1
	local dir=$T/liar.$1
	mkdir -p "$dir"
	/usr/bin/python3 -SE "$BATS_TEST_DIRNAME/support/liar.py" "$1" "$dir" 2>"$dir/stderr" 3>&- &
	pids+=($!)
	await "$dir/port" $! || {
		cat "$dir/stderr" >&2
		return 1
	}
	port=$(cat "$dir/port") other=$(cat "$dir/other") log=$dir/log lies=$dir
	: >"$log"
}

# registry NAME [YAML]: starts docker-registry with what YAML adds to its configuration; sets $port, $store
registry() {
	need docker-registry docker-registry || return 1
	local dir=$T/registry.$1 tries
	store=$dir/store
	mkdir -p "$dir"
	# the port may be taken between its choice and its use
	for tries in 1 2 3; do
		port=$(free_port)
		cat >"$dir/config.yml" <<-EOF
			version: 0.1
			log: {level: warn, accesslog: {disabled: true}}
			storage: {filesystem: {rootdirectory: $store}, delete: {enabled: true}}
			http:
			  addr: 127.0.0.1:$port
			  secret: not-one
			${2:-}
		EOF
		docker-registry serve "$dir/config.yml" >"$dir/log" 2>&1 3>&- &
		pids+=($!)
		while kill -0 $! 2>/dev/null; do
			(exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
			read -rt 0.01 -u "$never" || true
		done
	done
	cat "$dir/log" >&2
	return 1
}

stop_registries() {
	local pid
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	pids=()
}
at_end+=(stop_registries)

# layout DIR TAG SIZE...: an image with uncompressed layers of so many bytes each (holes but for a number)
layout() {
	need jq jq || return 1
	local dir=$1 tag=$2 layers='' diffs='' n size digest config manifest
	shift 2
	mkdir -p "$dir/blobs/sha256"
	n=0
	for size in "$@"; do
		n=$((n + 1))
		printf '%s' "$n" >"$T/layer"
		truncate -s "$size" "$T/layer"
		digest=$(sha256sum <"$T/layer" | cut -d' ' -f1)
		mv "$T/layer" "$dir/blobs/sha256/$digest"
		layers+="${layers:+,}{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"sha256:$digest\",\"size\":$size}"
		diffs+="${diffs:+,}\"sha256:$digest\""
	done
	config="{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[$diffs]}}"
	digest=$(printf '%s' "$config" | sha256sum | cut -d' ' -f1)
	printf '%s' "$config" >"$dir/blobs/sha256/$digest"
	manifest="{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"sha256:$digest\",\"size\":${#config}},\"layers\":[$layers]}"
	digest=$(printf '%s' "$manifest" | sha256sum | cut -d' ' -f1)
	printf '%s' "$manifest" >"$dir/blobs/sha256/$digest"
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%d,"annotations":{"org.opencontainers.image.ref.name":"%s"}}]}' \
		"$digest" "${#manifest}" "$tag" >"$dir/index.json"
	printf '{"imageLayoutVersion":"1.0.0"}' >"$dir/oci-layout"
	image=sha256:$digest
}

# same_blobs A B: both layouts hold the same blobs, each with the bytes of its name
same_blobs() {
	is "$(ls "$1/blobs/sha256")" "$(ls "$2/blobs/sha256")" && whole "$1" && whole "$2"
}

# whole LAYOUT: every blob has the bytes of its name
whole() {
	(cd "$1/blobs/sha256" && for f in *; do printf '%s  %s\n' "$f" "$f"; done | sha256sum --quiet -c -)
}
