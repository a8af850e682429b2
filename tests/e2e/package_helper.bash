# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A project whose binaries are there already: freestanding programs that print a word, made by clang
# alone, so that packaging is tested without a sysroot.

# tiny ARCH OUT: an ELF for x86_64 or arm64 that prints "hello from ARCH"
tiny() {
	need clang-14 clang-14 && need ld.lld lld || return 1
	cat >"$T/tiny.c" <<-'EOF'
		static long call(long n, long a, long b, long c)
		{
		#ifdef __x86_64__
			long r;
			__asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
			return r;
		#else
			register long x8 __asm__("x8") = n, x0 __asm__("x0") = a;
			register long x1 __asm__("x1") = b, x2 __asm__("x2") = c;
			__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
			return x0;
		#endif
		}
		#ifdef __x86_64__
		enum { WRITE = 1, EXIT = 60 };
		static const char word[] = "hello from x86_64\n";
		#else
		enum { WRITE = 64, EXIT = 93 };
		static const char word[] = "hello from arm64\n";
		#endif
		void _start(void)
		{
			call(WRITE, 1, (long)word, sizeof(word) - 1);
			call(EXIT, 0, 0, 0);
		}
	EOF
	local target=x86_64-linux-gnu
	[ "$1" = arm64 ] && target=aarch64-linux-gnu
	mkdir -p "$(dirname "$2")"
	clang-14 --target=$target -O1 -ffreestanding -nostdlib -static -fuse-ld=lld -s -o "$2" "$T/tiny.c"
}

# project [YAML-TAIL]: functions.hello in the current directory, built for both architectures
project() {
	mkdir -p src
	echo 'int x;' >src/x.c
	cat >slsc.yaml <<-EOF
		project: demo--shop_
		arches: [x86_64, arm64]
		functions:
		  hello:
		    sources: [src/*.c]
		${1:-}
	EOF
	for a in x86_64 arm64; do
		[ -f "$BATS_FILE_TMPDIR/$a" ] || tiny "$a" "$BATS_FILE_TMPDIR/$a" || return 1
		mkdir -p ".slsc/release/$a"
		cp "$BATS_FILE_TMPDIR/$a" ".slsc/release/$a/hello"
	done
}

# blob LAYOUT DIGEST: the path of a blob
blob() { echo "$1/blobs/sha256/${2#sha256:}"; }

# ref LAYOUT REF: the digest that a ref of index.json names
ref() {
	jq -r --arg r "$2" '.manifests[]|select(.annotations."org.opencontainers.image.ref.name"==$r).digest' \
		"$1/index.json"
}

# manifest / config LAYOUT REF: the JSON of one image
manifest() { cat "$(blob "$1" "$(ref "$1" "$2")")"; }
config() { cat "$(blob "$1" "$(manifest "$1" "$2" | jq -r .config.digest)")"; }

# list_is_true DIR: every entry of DIR/manifest.json tells its file's digest and size
list_is_true() {
	local path kind sha size
	[ -e "$1/manifest.json" ] || return 0
	jq -e . "$1/manifest.json" >/dev/null || return 1
	while read -r path kind sha size; do
		if [ "$kind" = oci ]; then
			has "$(cat "$1/$path/index.json")" "sha256:$sha" || return 1
			is "$(sha256sum <"$1/$path/blobs/sha256/$sha" | cut -d' ' -f1)" "$sha" || return 1
		else
			is "$path $(sha256sum <"$1/$path" | cut -d' ' -f1) $(stat -c %s "$1/$path")" "$path $sha $size" || return 1
		fi
	done < <(jq -r '.artifacts[]|"\(.path) \(.kind) \(.sha256) \(.size)"' "$1/manifest.json")
}

# podman_ ARGS: podman as it runs in a VM with hybrid cgroups, with a store of its own
podman_() {
	printf '[containers]\ndefault_ulimits=["nofile=20000:20000","nproc=32768:32768"]\n' >"$T/containers.conf"
	CONTAINERS_CONF=$T/containers.conf podman --root "$T/store" --runroot "$T/run" --storage-driver vfs \
		--cgroup-manager cgroupfs --runtime runc "$@"
}
