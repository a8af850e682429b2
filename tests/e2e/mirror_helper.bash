# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A mirror of our own: a few tiny packages for both architectures, signed with a key made here, served on 127.0.0.1.

# mkdeb NAME VERSION ARCH DEPENDS TREE: into pool/; control.tar and data.tar are xz, as Debian's
mkdeb() {
	local d=$REPO/work/$1
	rm -rf "$d" && mkdir -p "$d/DEBIAN" "$REPO/pool"
	[ -z "$5" ] || cp -a "$5/." "$d/"
	(cd "$d" && find . -type f ! -path './DEBIAN/*' -printf '%P\n' | LC_ALL=C sort | xargs -r md5sum) >"$T/sums"
	mv "$T/sums" "$d/DEBIAN/md5sums"
	printf '#!/bin/sh\nexit 1\n' >"$d/DEBIAN/postinst" && chmod 755 "$d/DEBIAN/postinst"
	{
		printf 'Package: %s\nVersion: %s\nArchitecture: %s\n' "$1" "$2" "$3"
		printf 'Maintainer: Nobody <nobody@example.com>\nMulti-Arch: foreign\n'
		[ -z "$4" ] || printf 'Depends: %s\n' "$4"
		printf 'Description: for tests\n'
	} >"$d/DEBIAN/control"
	dpkg-deb --root-owner-group -Zxz -b "$d" "$REPO/pool/$1_${2/:/%3a}_$3.deb" >/dev/null
}

# doc DIR NAME: what every package has of documentation
doc() {
	mkdir -p "$1/usr/share/doc/$2" "$1/usr/share/man/man1" "$1/usr/share/locale/de"
	echo "licence of $2" >"$1/usr/share/doc/$2/copyright"
	echo changes >"$1/usr/share/doc/$2/changelog"
	echo page >"$1/usr/share/man/man1/$2.1"
	echo words >"$1/usr/share/locale/de/$2.mo"
}

# sha FILE: its SHA-256
sha() { sha256sum <"$1" | cut -d' ' -f1; }

# index: Packages, Release and its signature, as they are now
index() {
	(
		cd "$REPO" || exit
		local a
		for a in amd64 arm64; do
			mkdir -p dists/bookworm/main/binary-$a
			dpkg-scanpackages -m -a $a pool 2>/dev/null >dists/bookworm/main/binary-$a/Packages
		done
		rm -f dists/bookworm/*Release*
		apt-ftparchive -o APT::FTPArchive::Release::Codename=bookworm -o APT::FTPArchive::Release::Suite=bookworm \
			-o APT::FTPArchive::Release::Architectures='amd64 arm64' \
			-o APT::FTPArchive::Release::Components=main release dists/bookworm >"$T/Release"
		mv "$T/Release" dists/bookworm/Release
	)
	sign
}

sign() {
	gpg --batch --yes -q --clearsign -o "$REPO/dists/bookworm/InRelease" "$REPO/dists/bookworm/Release"
}

# mirror: makes it and serves it; SLSC_APT_SOURCES names it
mirror() {
	need gpg gpg && need apt-ftparchive apt-utils && need dpkg-deb dpkg && need dpkg-scanpackages dpkg-dev || return 1
	need python3 python3 || return 1
	export REPO=$T/repo GNUPGHOME=$T/gpg SLSC_CACHE_DIR=$T/cache
	local made=$BATS_FILE_TMPDIR/made
	if [ ! -d "$made" ]; then
		mkdir -p "$REPO" && make_mirror || return 1
		gpgconf --kill all
		mkdir "$made.new" && cp -a "$REPO" "$GNUPGHOME" "$T/key.gpg" "$made.new" && mv "$made.new" "$made"
	else
		cp -a "$made/repo" "$made/gpg" "$made/key.gpg" "$T"
	fi
	serve
}

make_mirror() {
	mkdir -m 700 "$GNUPGHOME"
	gpg --batch -q --passphrase '' --quick-generate-key 'Test <test@example.com>' ed25519 sign never 2>"$T/gpg.err" || {
		cat "$T/gpg.err" >&2
		return 1
	}
	gpg --batch -q --export >"$T/key.gpg"
	local a triple t=$REPO/work/tree
	for a in amd64 arm64; do
		triple=x86_64-linux-gnu
		[ $a = arm64 ] && triple=aarch64-linux-gnu
		rm -rf "$t" && mkdir -p "$t/lib/$triple" "$t/usr/bin" && doc "$t" libfoo1
		echo "foo for $a" >"$t/lib/$triple/libfoo.so.1.0"
		ln -s libfoo.so.1.0 "$t/lib/$triple/libfoo.so.1"
		mkdeb libfoo1 1.0-1 $a 'foo-common (>= 1.0), debconf (>= 0.5) | debconf-2.0, dpkg (>= 1.15)' "$t"
		rm -rf "$t" && mkdir -p "$t/bin" && doc "$t" busybox-static && echo "busybox for $a" >"$t/bin/busybox"
		mkdeb busybox-static 1:1.35-4 $a '' "$t"
		rm -rf "$t" && mkdir -p "$t/etc" "$t/tmp" "$t/bin" "$t/usr/lib" && doc "$t" base-files && chmod 1777 "$t/tmp"
		echo ID=debian >"$t/usr/lib/os-release" && ln -s ../usr/lib/os-release "$t/etc/os-release"
		mkdeb base-files 12.4 $a 'awk' "$t"
	done
	rm -rf "$t" && mkdir -p "$t/etc/foo" "$t/usr/libexec" "$t/var/lib/foo" && doc "$t" foo-common
	echo conf >"$t/etc/foo/foo.conf" && echo helper >"$t/usr/libexec/one" && chmod 4755 "$t/usr/libexec/one"
	ln "$t/usr/libexec/one" "$t/usr/libexec/two"
	mkdeb foo-common 1.0-1 all 'perl:any' "$t"
	rm -rf "$t" && mkdir -p "$t/usr/share/ca-certificates/mozilla" "$t/usr/sbin" "$t/etc/ssl/certs" && doc "$t" ca-certificates
	printf 'CERT B' >"$t/usr/share/ca-certificates/mozilla/B.crt" && echo 'CERT A' >"$t/usr/share/ca-certificates/mozilla/A.crt"
	echo script >"$t/usr/sbin/update-ca-certificates"
	mkdeb ca-certificates 20230311 all 'openssl (>= 1.1.1), debconf' "$t"
	for a in media-types netbase tzdata; do
		rm -rf "$t" && mkdir -p "$t/etc" && doc "$t" $a && echo $a >"$t/etc/$a"
		mkdeb $a 1.0 all '' "$t"
	done
	rm -rf "$t"
	index
}

serve() {
	[ -p "$T/port" ] || mkfifo "$T/port"
	python3 -SEuc '
import functools, http.server, sys
class H(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *a): print(self.requestline, file=sys.stderr, flush=True)
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(H, directory=sys.argv[1]))
print(s.server_address[1], flush=True)
s.serve_forever()' "$REPO" >"$T/port" 2>"$T/requests" 3>&- &
	SERVER=$!
	read -r PORT <"$T/port" || return 1
	printf 'deb [signed-by=%s] http://127.0.0.1:%s bookworm main\n' "$T/key.gpg" "$PORT" >"$T/mirror.list"
	export SLSC_APT_SOURCES=$T/mirror.list
}

# held FILE: the mirror never answers the first request for a path that ends in FILE; $T/held appears when it comes
held() {
	stop
	rm -f "$T/held"
	python3 -SEuc '
import functools, http.server, sys, threading
first = threading.Lock()
class H(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *a): pass
    def do_GET(self):
        if self.path.endswith(sys.argv[2]) and first.acquire(blocking=False):
            open(sys.argv[3], "w").close()
            threading.Event().wait()
        super().do_GET()
s = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[4])), functools.partial(H, directory=sys.argv[1]))
print(s.server_address[1], flush=True)
s.serve_forever()' "$REPO" "$1" "$T/held" "$PORT" >"$T/port" 3>&- &
	SERVER=$!
	read -r PORT <"$T/port"
}

# stop: the mirror is not there any more
stop() {
	[ -n "${SERVER:-}" ] || return 0
	kill "$SERVER"
	wait "$SERVER" 2>/dev/null || true
	SERVER=
}

end_mirror() {
	stop
	[ -z "${GNUPGHOME:-}" ] || gpgconf --kill all
}
at_end+=(end_mirror)

# layer_list LAYOUT ARCH: "N MODE OWNER PATH [-> TARGET]" of all layers
layer_list() {
	local n=0 d
	for d in $(manifest "$1" "$2" | jq -r '.layers[].digest'); do
		TZ=UTC tar --numeric-owner -tvzf "$(blob "$1" "$d")" | awk -v n=$n '{ $3=""; $4=""; $5=""; print n, $0 }' | tr -s ' '
		n=$((n + 1))
	done
}

# notes: stderr without the line that says what takes longer than half a second
notes() { grep -Exv 'packaging|making layers' "$T/err" || true; }
