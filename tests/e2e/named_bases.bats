#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc base, and named bases in packaging, against a signed mirror of our own; and programs on Debian's real packages.
load helper
load package_helper
load mirror_helper

@test "base list: what there is, with and without a lock" {
	mirror
	slsc_run base list
	[ "$status" -eq 0 ]
	is "$out" "base-debian12    not locked  7 named  static-debian12 with the C library and OpenSSL
cc-debian12      not locked 10 named  base-debian12 with what C++ and OpenMP programs load
scratch          built in    0 named  nothing
static-debian12  not locked  5 named  for static binaries; users, CA certificates, time zones, MIME types
static           built in    0 named  users, /tmp and CA certificates, built into slsc"
	slsc_run base build static-debian12
	slsc_run base list --json
	is "$(jq -c '.bases[]|select(.name=="static-debian12")|[.state,.packages]' <<<"$out")" \
		'["cached",["base-files","ca-certificates","media-types","netbase","tzdata"]]'
	rm -r "$SLSC_CACHE_DIR"
	slsc_run base list
	has "$out" "static-debian12  locked      5 named"
}

@test "base build: one layer a package, as distroless has it, for both architectures" {
	need jq jq
	mirror
	slsc_run base build static-debian12 -o oci:b
	[ "$status" -eq 0 ]
	is "$(notes)" "resolving packages of static-debian12 for x86_64
fetching packages of static-debian12 for x86_64
resolving packages of static-debian12 for arm64
fetching packages of static-debian12 for arm64"
	is "$(layer_list b amd64)" "0 lrwxrwxrwx 0/0 bin -> usr/bin
0 drwxr-xr-x 0/0 etc/
0 -rw-r--r-- 0/0 etc/group
0 -rw-r--r-- 0/0 etc/nsswitch.conf
0 -rw-r--r-- 0/0 etc/passwd
0 drwxr-xr-x 0/0 home/
0 drwx------ 65532/65532 home/nonroot/
0 lrwxrwxrwx 0/0 lib -> usr/lib
0 lrwxrwxrwx 0/0 lib64 -> usr/lib64
0 drwx------ 0/0 root/
0 lrwxrwxrwx 0/0 sbin -> usr/sbin
0 drwxrwxrwt 0/0 tmp/
0 drwxr-xr-x 0/0 usr/
0 drwxr-xr-x 0/0 usr/bin/
0 drwxr-xr-x 0/0 usr/lib/
0 drwxr-xr-x 0/0 usr/lib64/
0 drwxr-xr-x 0/0 usr/sbin/
1 drwxr-xr-x 0/0 etc/
1 lrwxrwxrwx 0/0 etc/os-release -> ../usr/lib/os-release
1 drwxrwxrwt 0/0 tmp/
1 drwxr-xr-x 0/0 usr/
1 drwxr-xr-x 0/0 usr/bin/
1 drwxr-xr-x 0/0 usr/lib/
1 -rw-r--r-- 0/0 usr/lib/os-release
1 drwxr-xr-x 0/0 usr/share/
1 drwxr-xr-x 0/0 usr/share/doc/
1 drwxr-xr-x 0/0 usr/share/doc/base-files/
1 -rw-r--r-- 0/0 usr/share/doc/base-files/copyright
1 drwxr-xr-x 0/0 var/
1 drwxr-xr-x 0/0 var/lib/
1 drwxr-xr-x 0/0 var/lib/dpkg/
1 drwxr-xr-x 0/0 var/lib/dpkg/status.d/
1 -rw-r--r-- 0/0 var/lib/dpkg/status.d/base-files
1 -rw-r--r-- 0/0 var/lib/dpkg/status.d/base-files.md5sums
2 drwxr-xr-x 0/0 etc/
2 drwxr-xr-x 0/0 etc/ssl/
2 drwxr-xr-x 0/0 etc/ssl/certs/
2 -rw-r--r-- 0/0 etc/ssl/certs/ca-certificates.crt
2 drwxr-xr-x 0/0 usr/
2 drwxr-xr-x 0/0 usr/share/
2 drwxr-xr-x 0/0 usr/share/doc/
2 drwxr-xr-x 0/0 usr/share/doc/ca-certificates/
2 -rw-r--r-- 0/0 usr/share/doc/ca-certificates/copyright
2 drwxr-xr-x 0/0 var/
2 drwxr-xr-x 0/0 var/lib/
2 drwxr-xr-x 0/0 var/lib/dpkg/
2 drwxr-xr-x 0/0 var/lib/dpkg/status.d/
2 -rw-r--r-- 0/0 var/lib/dpkg/status.d/ca-certificates
2 -rw-r--r-- 0/0 var/lib/dpkg/status.d/ca-certificates.md5sums
$(for p in 3:media-types 4:netbase 5:tzdata; do
	n=${p%%:*} p=${p#*:}
	printf "$n %s\n" "drwxr-xr-x 0/0 etc/" "-rw-r--r-- 0/0 etc/$p" "drwxr-xr-x 0/0 usr/" "drwxr-xr-x 0/0 usr/share/" \
		"drwxr-xr-x 0/0 usr/share/doc/" "drwxr-xr-x 0/0 usr/share/doc/$p/" "-rw-r--r-- 0/0 usr/share/doc/$p/copyright" \
		"drwxr-xr-x 0/0 var/" "drwxr-xr-x 0/0 var/lib/" "drwxr-xr-x 0/0 var/lib/dpkg/" \
		"drwxr-xr-x 0/0 var/lib/dpkg/status.d/" "-rw-r--r-- 0/0 var/lib/dpkg/status.d/$p" \
		"-rw-r--r-- 0/0 var/lib/dpkg/status.d/$p.md5sums"
done)"
	is "$(layer_list b arm64 | grep -c lib64)" 0
	is "$(config b amd64 | jq -cS .config)" \
		'{"Entrypoint":[],"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],"WorkingDir":"/"}'
	is "$(config b arm64 | jq -r '.history[].created_by')" "slsc base: users, links of a merged /usr
slsc base: base-files 12.4 (arm64)
slsc base: ca-certificates 20230311 (all)
slsc base: media-types 1.0 (all)
slsc base: netbase 1.0 (all)
slsc base: tzdata 1.0 (all)"
	layer() { blob b "$(manifest b amd64 | jq -r ".layers[$1].digest")"; }
	# all certificates in one file, each on lines of its own
	is "$(tar -xOzf "$(layer 2)" etc/ssl/certs/ca-certificates.crt)" "CERT A
CERT B"
	# what scanners read
	is "$(tar -xOzf "$(layer 2)" var/lib/dpkg/status.d/ca-certificates | grep -E '^(Package|Version)')" "Package: ca-certificates
Version: 20230311"
	is "$(tar -xOzf "$(layer 3)" var/lib/dpkg/status.d/media-types.md5sums | cut -c35-)" "etc/media-types
usr/share/doc/media-types/copyright"
	# what is for both architectures is one blob
	is "$(manifest b arm64 | jq -r '.layers[2].digest')" "$(manifest b amd64 | jq -r '.layers[2].digest')"
	no_leftovers "$T"
}

@test "slsc.lock: other sections stay; the same lock gives the same bytes, without apt or a network" {
	mirror
	printf 'version: 1\nother:\n  x: y\n' >slsc.lock
	slsc_run base build static-debian12 -o one
	[ "$status" -eq 0 ]
	has "$(cat slsc.lock)" "other:
  x: y
packages:
  \"static-debian12\":
    request: \"base-files ca-certificates media-types netbase tzdata\"
    amd64:
      - {name: \"base-files\", version: \"12.4\", arch: \"amd64\", sha256: \"$(sha256sum <"$REPO/pool/base-files_12.4_amd64.deb" | cut -d' ' -f1)\", size: $(stat -c %s "$REPO/pool/base-files_12.4_amd64.deb"), suite: \"bookworm\", date: \"20"
	has "$(grep -m1 base-files_ slsc.lock)" 'Z", path: "pool/base-files_12.4_amd64.deb"}'
	cp slsc.lock lock
	stop
	mkdir "$T/empty" && ln -s "$(command -v cat)" "$T/empty/cat"
	for how in 'TZ=UTC umask 077' 'TZ=America/St_Johns umask 000'; do
		rm -rf two "$SLSC_CACHE_DIR/layers"
		(eval "export ${how% umask*}; ${how#* }"
		PATH=$T/empty SLSC_APT_SOURCES=/nonexistent slsc_run base build static-debian12 -o two
		[ "$status" -eq 0 ] && is "$(notes)" "")
		diff -r one two
	done
	cmp slsc.lock lock
	# made anew on another machine: the packages are fetched again by the lock, whatever else the mirror has by now
	rm -rf two "$SLSC_CACHE_DIR"
	mkdir -p "$T/t" && doc "$T/t" netbase && mkdeb netbase 2.0 all '' "$T/t" && index
	serve
	slsc_run base build static-debian12 -o two
	[ "$status" -eq 0 ]
	is "$(notes)" "fetching packages of static-debian12 for x86_64
fetching packages of static-debian12 for arm64"
	diff -r one two
	cmp slsc.lock lock
}

@test "variants: nonroot, debug, and what there is not" {
	mirror
	slsc_run base build static-debian12:debug-nonroot
	[ "$status" -eq 0 ]
	is "$(config static-debian12-debug-nonroot.oci amd64 | jq -cS .config)" \
		'{"Entrypoint":["/busybox/sh"],"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/busybox","SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],"User":"65532:65532","WorkingDir":"/home/nonroot"}'
	has "$(layer_list static-debian12-debug-nonroot.oci arm64)" "0 lrwxrwxrwx 0/0 busybox/sh -> /usr/bin/busybox"
	has "$(layer_list static-debian12-debug-nonroot.oci arm64)" "-rw-r--r-- 0/0 usr/bin/busybox"
	has "$(grep busybox slsc.lock)" 'version: "1:1.35-4"'
	slsc_run base build static-debian12:fat
	[ "$status" -eq 2 ]
	is "$(notes)" "error: base 'static-debian12': there is no variant 'fat'
hint: choose one of: nonroot, debug, debug-nonroot"
	slsc_run base build static-debain12
	[ "$status" -eq 1 ]
	is "$(notes)" "error: there is no base 'static-debain12'
hint: did you mean 'static-debian12'?"
}

@test "static and scratch need no mirror" {
	export SLSC_CACHE_DIR=$T/cache SLSC_APT_SOURCES=/nonexistent
	slsc_run base build static
	has "$out" " 1 layer  sha256:"
	[ "$status" -eq 0 ]
	is "$(notes)" ""
	is "$(config static.oci arm64 | jq -c '[.history|length]')" '[1]'
	slsc_run base build scratch
	[ "$status" -eq 0 ]
	is "$(manifest scratch.oci amd64 | jq -c .layers)" '[]'
	[ ! -e slsc.lock ]
	[ ! -e "$SLSC_CACHE_DIR/apt/amd64" ]
}

@test "show: packages and sizes of one architecture; not locked yet" {
	mirror
	slsc_run base show static-debian12
	[ "$status" -eq 1 ]
	is "$(notes)" "error: the packages of base 'static-debian12' are not locked yet
hint: run \`slsc base build static-debian12\`, or \`slsc base update static-debian12\` to lock it only"
	slsc_run base update static-debian12 --arch arm64
	[ "$status" -eq 0 ]
	slsc_run base show static-debian12
	is "$(sed -n 1p <<<"$out")" "static-debian12: for static binaries; users, CA certificates, time zones, MIME types"
	is "$(sed -n 3p <<<"$out" | awk '{ print $1, $2, $NF }')" "base-files 12.4 bookworm"
	slsc_run base show static-debian12 --json
	is "$(jq -c '[.packages|keys, (.arm64[1]|[.name,.version,.arch,.suite,.path])]' <<<"$out")" \
		'[["arm64"],["ca-certificates","20230311","all","bookworm","pool/ca-certificates_20230311_all.deb"]]'
}

@test "update: moves the lock and says which packages changed" {
	mirror
	slsc_run base build static-debian12 -o one
	slsc_run base update
	is "$(notes)" "resolving packages of static-debian12 for x86_64
resolving packages of static-debian12 for arm64"
	is "$out" "nothing has changed"
	mkdir -p "$T/t" && doc "$T/t" netbase
	mkdeb netbase 2.0 all libfoo1 "$T/t"
	index
	cp slsc.lock lock
	slsc_run base update -n
	is "$(tail -1 <<<"$err")" "resolving packages of static-debian12 for arm64"
	[ "$status" -eq 0 ]
	is "$out" "static-debian12 x86_64: foo-common (none) -> 1.0-1
static-debian12 x86_64: libfoo1 (none) -> 1.0-1
static-debian12 x86_64: netbase 1.0 -> 2.0
static-debian12 arm64: foo-common (none) -> 1.0-1
static-debian12 arm64: libfoo1 (none) -> 1.0-1
static-debian12 arm64: netbase 1.0 -> 2.0"
	cmp slsc.lock lock
	# a build keeps to the lock
	slsc_run base build static-debian12 -o two
	diff -r one two
	slsc_run base update --json
	is "$(jq -c '.changes[2]' <<<"$out")" \
		'{"set":"static-debian12","arch":"x86_64","package":"netbase","from":"1.0","to":"2.0"}'
	slsc_run base build static-debian12 -o two
	is "$(notes)" ""
	is "$(config two amd64 | jq -r '.history[].created_by' | grep -c -e 'libfoo1 1.0-1 (amd64)' -e 'netbase 2.0')" 2
	# modes, owners and links of packages are theirs; what is hard-linked is there twice
	has "$(layer_list two arm64)" "-rwsr-xr-x 0/0 usr/libexec/one"
	has "$(layer_list two arm64)" "-rwsr-xr-x 0/0 usr/libexec/two"
	has "$(layer_list two arm64)" "lrwxrwxrwx 0/0 usr/lib/aarch64-linux-gnu/libfoo.so.1 -> libfoo.so.1.0"
	# only what maintainer scripts need
	is "$(config two amd64 | jq -r '.history[].created_by' | grep -c -e debconf -e dpkg -e perl -e openssl)" 0
	rm slsc.lock
	slsc_run base update
	[ "$status" -eq 1 ]
	is "$(notes)" "error: no base is locked in slsc.lock
hint: name one to lock it: slsc base update static-debian12"
}

@test "a mirror that moved on: the file that is locked is not there any more" {
	mirror
	slsc_run base build static-debian12
	rm -r "$SLSC_CACHE_DIR" "$REPO/pool/netbase_1.0_all.deb"
	slsc_run base build static-debian12
	[ "$status" -eq 1 ]
	has "$err" "error: package netbase 1.0 (all): no apt source has it: apt-helper download-file: Failed to fetch http://127.0.0.1:$PORT/pool/netbase_1.0_all.deb  404"
	has "$err" "hint: if the mirror has moved on, \`slsc base update\` locks what it has now"
	no_leftovers "$T"
}

@test "a .deb with other bytes than its index, or than the lock, is refused" {
	mirror
	local good
	good=$(sha "$REPO/pool/netbase_1.0_all.deb")
	printf x >>"$REPO/pool/netbase_1.0_all.deb"
	slsc_run base build static-debian12
	[ "$status" -eq 1 ]
	local says
	says="error: package netbase 1.0 (all): the mirror has other bytes than its signed index or slsc.lock says: expected sha256:$good
hint: the mirror is damaged or not to be trusted: use another one"
	is "$(tail -n 2 <<<"$err")" "$says"
	# nothing of it is left
	[ ! -e static-debian12.oci ]
	[ ! -e slsc.lock ]
	no_leftovers "$T"
	# with an index that says so, too: the lock decides
	cp -a "$BATS_FILE_TMPDIR/made/repo/pool/." "$REPO/pool/"
	slsc_run base build static-debian12
	[ "$status" -eq 0 ]
	rm -r "$SLSC_CACHE_DIR"
	mkdir -p "$T/t" && doc "$T/t" netbase && echo evil >"$T/t/evil" && mkdeb netbase 1.0 all '' "$T/t" && index
	slsc_run base build static-debian12
	[ "$status" -eq 1 ]
	is "$(tail -n 2 <<<"$err")" "$says"
}

@test "a source without a signature, of another key, or with a tampered index is refused" {
	mirror
	# Packages changed after it was signed
	sed -i 's/^Version: 12.4/Version: 12.5/' "$REPO/dists/bookworm/main/binary-amd64/Packages"
	slsc_run base build static-debian12
	[ "$status" -eq 1 ]
	has "$err" "error: static-debian12 for x86_64: apt-get update: Failed to fetch \
http://127.0.0.1:$PORT/dists/bookworm/main/binary-amd64/Packages"
	# Release changed after it was signed
	cp -a "$BATS_FILE_TMPDIR/made/repo/dists/." "$REPO/dists/"
	sed -i 's/^Suite: bookworm/Suite: trixie/' "$REPO/dists/bookworm/InRelease"
	slsc_run base build static-debian12
	[ "$status" -eq 1 ]
	has "$err" "error: static-debian12 for x86_64: apt-get update: "
	has "$err" "InRelease"
	# no signature at all
	rm "$REPO/dists/bookworm/InRelease"
	slsc_run base build static-debian12
	[ "$status" -eq 1 ]
	is "$(tail -n 1 <<<"$err")" "error: static-debian12 for x86_64: apt-get update: The repository \
'http://127.0.0.1:$PORT bookworm Release' is not signed."
	# a key that the sources do not name
	gpgconf --kill all && rm -rf "$GNUPGHOME" && mkdir -m 700 "$GNUPGHOME"
	gpg --batch -q --passphrase '' --quick-generate-key 'Other <other@example.com>' ed25519 sign never
	sign
	slsc_run base build static-debian12
	[ "$status" -eq 1 ]
	is "$(tail -n 1 <<<"$err")" "error: static-debian12 for x86_64: apt-get update: The repository \
'http://127.0.0.1:$PORT bookworm InRelease' is not signed."
	[ ! -e slsc.lock ]
	[ ! -e static-debian12.oci ]
	[ -z "$(ls "$SLSC_CACHE_DIR/blobs" 2>/dev/null)" ]
}

# bad_deb TAR: netbase 1.0 with this data.tar, in the mirror
bad_deb() {
	(
		cd "$T/bad" && printf '2.0\n' >debian-binary
		printf 'Package: netbase\nVersion: 1.0\nArchitecture: all\nMaintainer: x\nDescription: x\n' >control
		tar -czf control.tar.gz ./control && gzip -nc "$1" >data.tar.gz
		rm -f "$REPO/pool/netbase_1.0_all.deb"
		ar qc "$REPO/pool/netbase_1.0_all.deb" debian-binary control.tar.gz data.tar.gz
	) && index
}

@test "hostile packages are refused by name" {
	mirror
	mkdir "$T/bad"
	python3 - "$T/bad" <<-'EOF'
		import io, sys, tarfile
		def make(name, *entries):
		    with tarfile.open(sys.argv[1] + "/" + name, "w") as t:
		        for e in entries:
		            i = tarfile.TarInfo(e[0])
		            i.type = e[1]
		            if e[1] in (tarfile.SYMTYPE, tarfile.LNKTYPE): i.linkname = e[2]
		            elif e[1] == tarfile.REGTYPE: i.size = 1
		            t.addfile(i, io.BytesIO(b"x"))
		F, L, H, C = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE
		make("up.tar", ("./usr/../../etc/x", F))
		make("abs.tar", ("/etc/x", F))
		make("under.tar", ("./usr/l", L, "/etc"), ("./usr/l/x", F))
		make("hard.tar", ("./usr/h", H, "../../etc/shadow"))
		make("twice.tar", ("./usr/x", F), ("./usr/x", F))
		make("dev.tar", ("./dev/null", C))
		make("status.tar", ("./var/lib/dpkg/status.d/libc6", F))
		make("clash.tar", ("./etc/tzdata", F))
		make("over.tar", ("./etc", L, "/tmp"))
	EOF
	while read -r tar what; do
		bad_deb "$tar.tar"
		rm -rf "$SLSC_CACHE_DIR" slsc.lock
		slsc_run base build static-debian12 --arch arm64
		[ "$status" -eq 1 ]
		has "$err" "$what"
		[ ! -e static-debian12.oci ]
	done <<-'EOF'
		up package netbase 1.0: usr/../../etc/x: a path in an archive may not hold '..'
		abs package netbase 1.0: /etc/x: a path in an archive may not be absolute
		under package netbase: usr/l/x: cannot be below usr/l, which is a symlink in the archive
		hard package netbase 1.0: usr/h: a hard link: ../../etc/shadow: a path in an archive may not hold '..'
		twice package netbase 1.0: usr/x: is there twice, also in package netbase 1.0
		dev package netbase 1.0: dev/null: a device, which no image needs from a package
		status package netbase 1.0: var/lib/dpkg/status.d/libc6: is a place for what slsc knows of packages
		clash etc/tzdata: package tzdata has the same path as package netbase
		over etc: package netbase has a symlink at a path of
	EOF
}

@test "a package that is another than its index says; a file in the cache that is damaged" {
	mirror
	cp "$REPO/pool/tzdata_1.0_all.deb" "$T/tzdata.deb"
	mkdir "$T/t" && doc "$T/t" netbase
	mkdeb netbase 9 all '' "$T/t"
	# the index is made of the name in control: give it netbase 9's bytes as version 1.0
	index
	sed -i '/^Package: netbase/,/^$/ s/^Version: 9/Version: 99/' "$REPO"/dists/bookworm/main/binary-*/Packages
	(cd "$REPO" && apt-ftparchive -o APT::FTPArchive::Release::Codename=bookworm release dists/bookworm >"$T/R" && mv "$T/R" dists/bookworm/Release)
	sign
	slsc_run base build static-debian12
	[ "$status" -eq 1 ]
	has "$err" "package netbase 99: its control file says Version: 9, expected 99"
	cp -a "$BATS_FILE_TMPDIR/made/repo/." "$REPO/" && rm -rf "$SLSC_CACHE_DIR" slsc.lock "$REPO/pool/netbase_9_all.deb"
	index
	slsc_run base build static-debian12
	[ "$status" -eq 0 ]
	rm -r "$SLSC_CACHE_DIR/layers"
	f=$SLSC_CACHE_DIR/blobs/sha256/$(sha256sum <"$T/tzdata.deb" | cut -d' ' -f1)
	chmod u+w "$f" && printf '\0' | dd of="$f" bs=1 seek=200 conv=notrunc status=none
	slsc_run base build static-debian12
	[ "$status" -eq 1 ]
	is "$(notes)" "error: base for x86_64: package tzdata 1.0: its file in the cache is damaged; it was removed
hint: run the command again to fetch it anew"
	slsc_run base build static-debian12
	[ "$status" -eq 0 ]
}

@test "errors of the host: no apt, no such sources, another release of Debian, an unknown package" {
	mirror
	mkdir "$T/none" && ln -s "$(command -v cat)" "$T/none/cat"
	PATH=$T/none slsc_run base build static-debian12
	[ "$status" -eq 1 ]
	is "$(notes)" "error: bases made from Debian packages need apt, which is not on this system
hint: use base: static, an image by reference, or a system with apt to fetch what slsc.lock says"
	SLSC_APT_SOURCES=none.list slsc_run base build static-debian12
	[ "$status" -eq 1 ]
	is "$(notes)" "error: SLSC_APT_SOURCES is 'none.list': there is no such file
hint: name a .list or .sources file of apt's, or unset it for the host's sources"
	slsc_run base build base-debian12
	[ "$status" -eq 1 ]
	is "$(sed -n 2p <<<"$err")" "error: base-debian12 for x86_64: apt-get install: Unable to locate package libc6"
	mkdeb netbase 3 all 'libfoo1 (>= 7)' '' && index
	slsc_run base build static-debian12
	is "$(sed -n 2p <<<"$err")" "error: static-debian12 for x86_64: apt-get install: netbase : Depends: libfoo1 (>= 7) but it is not going to be installed"
	rm "$REPO/pool/netbase_3_all.deb" && index
	sed -i 's/^Codename: bookworm/Codename: trixie/' "$REPO/dists/bookworm/Release" && sign
	rm -r "$SLSC_CACHE_DIR"
	slsc_run base build static-debian12
	[ "$status" -eq 1 ]
	has "$err" "error: static-debian12 for x86_64: base 'static-debian12' takes packages of bookworm, the apt sources give base-files of trixie
hint: let SLSC_APT_SOURCES name a file with bookworm's sources, or take another base"
}

@test "a lock file that is wrong is told where" {
	mirror
	slsc_run base build static-debian12
	good=$(cat slsc.lock)
	while IFS='|' read -r sed what; do
		sed "$sed" <<<"$good" >slsc.lock
		slsc_run base build static-debian12
		[ "$status" -eq 1 ]
		is "$(notes)" "error: slsc.lock:$what
hint: restore it from version control, or run \`slsc base update\`"
	done <<-'EOF'
		0,/sha256: "../s/sha256: "../sha256: "zz/|7:9: a package without a valid sha256
		0,/path: "pool/s/path: "pool/path: "..\/pool/|7:9: a package with a name, version, arch or path that cannot be
		0,/size: [0-9]*/s/size: [0-9]*/size: 99999999999/|7:9: a package with a size that cannot be
		0,/name: "base-files", /s/name: "base-files", //|7:9: a package needs name, version, arch, sha256, size and path
		/request/d|4:3: packages need request and a list for each architecture
	EOF
}

@test "Debian's own mirror: a dynamic C and C++ program runs on cc-debian12, for both architectures" {
	need umoci umoci && need runc runc && need qemu-aarch64-static qemu-user-static && need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
	need jq jq && need gcc gcc
	unset SLSC_APT_SOURCES
	slsc_run base build cc-debian12:debug-nonroot -o cc
	[ "$status" -eq 0 ]
	slsc_run base show cc-debian12:debug-nonroot --json
	is "$(jq -r '.packages.arm64[].name' <<<"$out" | grep -c -x -e libc6 -e busybox-static)" 2
	slsc_run base list
	has "$out" "cc-debian12      cached     10 named"
	TZ=UTC slsc base build -q cc-debian12:debug-nonroot -o again >/dev/null
	cmp cc/index.json again/index.json
	cat >hello.c <<-'EOF'
		#include <dlfcn.h>
		#include <pwd.h>
		#include <stdio.h>
		#include <unistd.h>
		int main(void)
		{
			FILE *f = fopen("/etc/os-release", "r");
			char line[128] = "";
			void *ssl = dlopen("libssl.so.3", RTLD_NOW), *cc = dlopen("libstdc++.so.6", RTLD_NOW);
			struct passwd *who = getpwuid(getuid());
			printf("%s%s%d%d\n", "glibc ", f && fgets(line, sizeof(line), f) ? line : "?\n", ssl != NULL, cc != NULL);
			printf("%s %d\n", who ? who->pw_dir : "nobody", access("/etc/ssl/certs/ca-certificates.crt", R_OK));
			return 0;
		}
	EOF
	for pair in amd64:x86_64 arm64:aarch64; do
		a=${pair%:*} m=${pair#*:} qemu=
		"$m-linux-gnu-gcc" -O1 -o "hello-$a" hello.c
		umoci unpack --image "cc:$a" "b-$a"
		cp "hello-$a" "b-$a/rootfs/hello"
		if [ "$(uname -m)" != "$m" ]; then
			qemu=/qemu-$m-static
			cp "/usr/bin$qemu" "b-$a/rootfs$qemu"
		fi
		jq --arg q "$qemu" '.process.terminal = false | .process.args = (if $q == "" then [] else [$q] end) + ["/hello"]' \
			"b-$a/config.json" >"$T/c" && mv "$T/c" "b-$a/config.json"
		is "$(runc --root "$T/runc" run -b "b-$a" "slsc-test-$$-$a" </dev/null)" \
			"glibc PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"
11
/home/nonroot 0"
		[ "$(grep -c BEGIN "b-$a/rootfs/etc/ssl/certs/ca-certificates.crt")" -gt 100 ]
		grep -qx 'Package: libc6' "b-$a/rootfs/var/lib/dpkg/status.d/libc6"
		[ -s "b-$a/rootfs/usr/share/doc/libc6/copyright" ]
		is "$(readlink "b-$a/rootfs/lib")" usr/lib
		jq --arg q "$qemu" '.process.args = (if $q == "" then [] else [$q] end) + ["/busybox/sh", "-c", "read v </etc/debian_version; echo $v"]' \
			"b-$a/config.json" >"$T/c" && mv "$T/c" "b-$a/config.json"
		has "$(runc --root "$T/runc" run -b "b-$a" "slsc-test-$$-$a-sh" </dev/null)" "12."
	done
}

# signalled SIG: base build gets SIG when the mirror holds it; $code is how it ended
signalled() {
	code=0
	python3 - "$1" "$T/held" "$SLSC_BIN" base build static-debian12 -o oci:b 2>"$T/err" <<-'EOF' || code=$?
		import os, signal, subprocess, sys, time
		signal.signal(signal.SIGINT, signal.SIG_DFL)
		p = subprocess.Popen(sys.argv[3:])
		while not os.path.exists(sys.argv[2]):
		    if p.poll() is not None:
		        sys.exit("slsc ended before it was held")
		    time.sleep(0.01)
		p.send_signal(getattr(signal, sys.argv[1]))
		sys.exit(p.wait() % 256)
	EOF
}

@test "base build: a signal while apt works or a package is fetched, then run again" {
	mirror
	local at sig
	for at in InRelease .deb; do
		for sig in SIGINT SIGTERM SIGKILL; do
			rm -rf b slsc.lock "$SLSC_CACHE_DIR"
			held $at
			signalled $sig
			if [ $sig = SIGKILL ]; then
				# the mirror still holds its apt: that ends with it, and the next run waits until it has
				is "$code" 247
			else
				is "$code" 130
				has "$(tail -n 1 "$T/err")" "interrupted"
				no_leftovers "$T"
			fi
			[ ! -e b ] && [ ! -e slsc.lock ]
			slsc_run -q base build static-debian12 -o oci:b
			is "$status $err" "0 "
			no_leftovers "$T"
		done
	done
}
