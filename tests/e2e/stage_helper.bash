# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# A base to run steps on: Debian's static busybox, as an image layout that every test of a file shares.

# tiny_base ARCH DIR: what slsc makes of a Dockerfile that copies busybox and little else
tiny_base() {
	local box=/bin/busybox dir=$BATS_FILE_TMPDIR/box.$1
	need busybox busybox-static || return 1
	mkdir -p "$dir/root/bin" "$dir/root/etc" "$dir/root/tmp" "$dir/root/root"
	cp "$box" "$dir/root/bin/busybox"
	local a
	for a in sh cat echo ls mkdir rm mv cp ln touch chmod chown id env grep sleep true false test wc head tail stat tar sed \
		find ps kill sync pwd printf tee dd mknod mkfifo hostname uname readlink sort md5sum sha256sum wget date nohup setsid; do
		ln -sf busybox "$dir/root/bin/$a"
	done
	chmod 1777 "$dir/root/tmp"
	printf 'root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000:ada:/home/ada:/bin/sh\n' >"$dir/root/etc/passwd"
	printf 'root:x:0:\nada:x:1000:\nstaff:x:50:ada\n' >"$dir/root/etc/group"
	printf 'FROM scratch\nCOPY root /\n' >"$dir/Dockerfile"
	SLSC_CACHE_DIR=$BATS_FILE_TMPDIR/box.cache "$SLSC_BIN" -q build -f "$dir/Dockerfile" --arch "$1" -o "oci:$2" "$dir" >/dev/null
}

# every test: a cache of its own, and the base as $base
stage_setup() {
	export SLSC_CACHE_DIR=$T/cache
	base=$BATS_FILE_TMPDIR/base.oci
	[ -d "$base" ] || tiny_base amd64 "$base" || return 1
	mkdir ctx
	cd ctx || return 1
}

# build ARGS...: slsc build of ./Dockerfile, whose text is on stdin, with BASE as the base
build() {
	cat >Dockerfile
	slsc_run build -f Dockerfile --base "base=oci:$base" -o oci:"$T/out.oci" "$@" .
}

# built [TAG]: the manifest
built() {
	local d
	d=$(jq -r ".manifests[] | select(.annotations[\"org.opencontainers.image.ref.name\"] == \"${1:-latest}\").digest" \
		"$T/out.oci/index.json")
	cat "$T/out.oci/blobs/sha256/${d#sha256:}"
}

# built_config [TAG]
built_config() {
	local d
	d=$(built "${1:-latest}" | jq -r .config.digest)
	cat "$T/out.oci/blobs/sha256/${d#sha256:}"
}

# layer N: the listing of the image's Nth layer (from 0, or from the end: -1), as tar shows it
layer() {
	local d
	d=$(built | jq -r ".layers[$1].digest")
	TZ=UTC tar --numeric-owner -tvf "$T/out.oci/blobs/sha256/${d#sha256:}" | sed 's/  */ /g'
}

# in_layer N PATH: the bytes of a file of it
in_layer() {
	local d
	d=$(built | jq -r ".layers[$1].digest")
	tar -xOf "$T/out.oci/blobs/sha256/${d#sha256:}" "$2"
}
