#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc inspect: what it says agrees with stat, unzip, skopeo and tar, and adds up.
load helper
load package_helper
load registry_helper
load inspect_helper

# Two layers: one file overwritten, one deleted, one with a hard link whose first name goes.
wasteful() {
	mkdir -p one/app one/etc two/app
	bytes 5000 one/app/big && bytes 300 one/app/small && bytes 700 one/etc/gone && bytes 90 one/etc/first
	ln one/etc/first one/etc/second
	bytes 2000 two/app/big
	mkdir -p two/etc && : >two/etc/.wh.gone && : >two/etc/.wh.first
	layer one one && layer two two
	layout img "$(image img amd64 '{"User":"65532","Entrypoint":["/app/small","-x"]}' one.tar two.tar)"
}

@test "a program: what it is, and its size as stat has it" {
	tiny x86_64 hello && tiny arm64 hello-arm
	slsc_run inspect hello
	[ "$status" -eq 0 ]
	has "$out" "hello
  type        program for x86_64
  size        $(stat -c %s hello | sed -E 's/([0-9])([0-9]{3})$/\1,\2/') bytes"
	has "$out" "  program     static, stripped"
	slsc_run inspect hello-arm
	has "$out" "  type        program for arm64"
	slsc_run inspect hello --json --sections
	is "$(jq -r '.artifacts[0]|"\(.kind) \(.size) \(.arch) \(.views|keys|join(","))"' <<<"$out")" \
		"binary $(stat -c %s hello) x86_64 sections"
	sums "$T/out"
	slsc_run inspect hello --layers
	[ "$status" -eq 2 ]
	is "$err" "error: hello: is a program: it has no layers
hint: a program has --sections, --symbols and --sources"
}

@test "a zip: entries as unzip has them, and the headers are the rest" {
	need unzip unzip
	project
	slsc package --no-build --zip --arch x86_64 -q
	slsc_run inspect dist/hello-x86_64.zip
	[ "$status" -eq 0 ]
	has "$out" "dist/hello-x86_64.zip
  type        zip for x86_64
  size        "
	has "$out" " bytes, 1 entry
  program     bootstrap: static, stripped"
	slsc_run inspect dist/hello-x86_64.zip --json
	sums "$T/out"
	is "$(jq -r '.artifacts[0]|"\(.size) \(.unpacked)"' <<<"$out")" \
		"$(stat -c %s dist/hello-x86_64.zip) $(unzip -v dist/hello-x86_64.zip | awk '/bootstrap/{print $1}')"
	is "$(jq -r '.artifacts[0].views.files.children[]|select(.name=="bootstrap").bytes' <<<"$out")" \
		"$(unzip -v dist/hello-x86_64.zip | awk '/bootstrap/{print $3}')"
	is "$(jq -r '.artifacts[0].views.sections.bytes' <<<"$out")" "$(stat -c %s .slsc/release/x86_64/hello)"
	slsc_run inspect dist/hello-x86_64.zip --files
	packed=$(unzip -v dist/hello-x86_64.zip | awk '/bootstrap/{print $3}')
	size=$(stat -c %s dist/hello-x86_64.zip)
	is "$out" "bytes   share  packed
$(awk -v p="$packed" -v s="$size" 'BEGIN {
	printf "%5d  %5.1f%%  bootstrap\n%5d  %5.1f%%  (headers and directory)\n%5d  100.0%%  in all\n",
		p, 100 * p / s, s - p, 100 * (s - p) / s, s }')"
}

@test "an image: its layers, files and waste" {
	wasteful
	slsc_run inspect oci:img
	[ "$status" -eq 0 ]
	is "$(sed -n '2p;4,9p' <<<"$out")" "  type        image for x86_64
  unpacked    8,090 bytes (7.9 KB), 3 files
  waste       5,700 bytes (5.6 KB), 70.5 % of that; efficiency 28.4 %
  digest      $(jq -r '.manifests[0].digest' img/index.json)
  user        65532
  starts      /app/small -x
  program     /app/small: no ELF file"
	slsc_run inspect oci:img --files
	is "$out" "bytes   share  file
2,300   96.2%  app/
2,000   83.7%    big
  300   12.6%    small
   90    3.8%  etc/second
2,390  100.0%  in all"
	slsc_run inspect oci:img --waste
	is "$out" "8,090 bytes of files in all layers - 2,390 that a container sees = 5,700 wasted (70.5 %)
efficiency as dive counts it: 0.2843
bytes   share  wasted by
5,000   87.7%  app/big (overwritten)
  700   12.3%  etc/gone (deleted)
5,700  100.0%  in all"
	slsc_run inspect oci:img --json
	sums "$T/out"
	is "$(jq -c '[.artifacts[0].image.layers[]|[.instruction,.files,.unpacked]]' <<<"$out")" \
		'[["make one",5,6090],["make two",1,2000]]'
	is "$(jq -c '[.artifacts[0].image.layers[]|[.digest,.size,.media_type]]' <<<"$out")" \
		"$(skopeo inspect --raw oci:img | jq -c '[.layers[]|[.digest,.size,.mediaType]]')"
	is "$(jq -c '[.artifacts[0].image.layers[].digest]' <<<"$out")" "$(skopeo inspect oci:img | jq -c .Layers)"
	is "$(jq .artifacts[0].size <<<"$out")" "$(($(skopeo inspect --raw oci:img | wc -c) +
		$(skopeo inspect --raw oci:img | jq '.config.size + ([.layers[].size]|add)')))"
	slsc_run inspect oci:img --layers
	is "$(sed -E 's/^ *[0-9,]+ +[0-9.]+%  //' <<<"$out")" "bytes   share  unpacked  files  layer
   6,090      5  1 make one
   2,000      1  2 make two
                 (manifest)
                 (config)
   8,090      6  in all"
}

# The example of dive's own unit test, whose score is 0.75; with entries for the directories dive counts what goes with
# nginx once more.
@test "an image: the efficiency is dive's" {
	mkdir -p a/etc/nginx b/etc/nginx c/etc
	bytes 2000 a/etc/nginx/nginx.conf && bytes 3000 a/etc/nginx/public
	bytes 5000 b/etc/nginx/nginx.conf && bytes 10000 b/etc/athing
	: >c/etc/.wh.nginx
	for d in a b c; do
		(cd $d && find . -type f -printf '%P\n' | sort | tar --format=ustar -cf ../$d.tar -T -)
	done
	layout bare "$(image bare amd64 '{}' a.tar b.tar c.tar)"
	is "$(slsc inspect oci:bare --json | jq '.artifacts[0].image.efficiency')" 0.75
	for d in a b c; do layer $d $d; done
	layout dirs "$(image dirs amd64 '{}' a.tar b.tar c.tar)"
	is "$(slsc inspect oci:dirs --json | jq '.artifacts[0].image.efficiency')" 0.821429
	is "$(slsc inspect oci:dirs --json | jq -c '.artifacts[0]|[.unpacked,.image.waste,.views.files.bytes]')" \
		"[20000,10000,10000]"
	slsc inspect oci:dirs --json >"$T/json"
	sums "$T/json"
}

@test "an image: a file replaced by a directory and the other way round, an opaque directory, an empty image" {
	mkdir -p a/x a/y/z b/x/in b/o d/o
	bytes 100 a/f && bytes 200 a/y/z/deep && bytes 50 a/x/one
	rm -rf a/f && bytes 100 a/f
	mkdir b/f && bytes 10 b/f/now && bytes 20 b/y
	: >b/x/.wh..wh..opq && bytes 5 b/x/in/two
	for d in a b; do layer $d $d; done
	layout img "$(image img amd64 '{}' a.tar b.tar)"
	slsc_run inspect oci:img --json
	sums "$T/out"
	is "$(jq -c '.artifacts[0]|[.unpacked,.image.waste,.views.files.bytes,.files]' <<<"$out")" "[385,350,35,3]"
	slsc_run inspect oci:img --waste
	is "$(sed 1,3d <<<"$out")" "  200   57.1%  y/z/deep (deleted)
  100   28.6%  f (deleted)
   50   14.3%  x/one (deleted)
  350  100.0%  in all"
	layout none "$(image none amd64 '{}')"
	slsc_run inspect oci:none --json
	is "$(jq -c '.artifacts[0]|[.unpacked,.files,.image.efficiency,.image.layers]' <<<"$out")" "[0,0,1,[]]"
}

@test "archives and layouts of one image say the same" {
	wasteful
	skopeo copy -q oci:img oci-archive:img.oci.tar
	skopeo copy -q oci:img docker-archive:img.docker.tar:x:1
	for a in oci:img oci-archive:img.oci.tar img.oci.tar docker-archive:img.docker.tar img; do
		slsc_run inspect "$a" --json
		is "$status" 0
		sums "$T/out"
		is "$a $(jq -c '.artifacts[0]|[.unpacked,.image.waste,.files]' <<<"$out")" "$a [8090,5700,3]"
	done
}

# What would be spooled has no place there: an archive's layers are read, and hashed, where they lie.
@test "layers of an archive are not copied" {
	mkdir one
	bytes 5000 one/f
	layer one one
	layout img "$(image img amd64 '{}' one.tar)"
	skopeo copy -q oci:img oci-archive:img.oci.tar
	skopeo copy -q oci:img docker-archive:img.docker.tar:x:1
	for a in oci-archive:img.oci.tar docker-archive:img.docker.tar; do
		TMPDIR=$T/nowhere slsc_run inspect "$a" --files
		is "$status $err" "0 "
		is "$out" "bytes   share  file
5,000  100.0%  f
5,000  100.0%  in all"
	done
	# and what is wrong with one is found all the same
	digest=$(skopeo inspect oci:img | jq -r .Layers[0])
	python3 - "$(blob img "$digest")" <<-'EOF'
		import sys
		blob = open(sys.argv[1], "rb").read()
		tar = open("img.oci.tar", "rb").read()
		at = tar.index(blob) + 8
		open("bad.oci.tar", "wb").write(tar[:at] + bytes([tar[at] ^ 4]) + tar[at + 1:])
	EOF
	slsc_run inspect oci-archive:bad.oci.tar
	[ "$status" -eq 1 ]
	has "$err" "error: oci-archive:bad.oci.tar: layer 1 (${digest:0:19}): its $(stat -c %s "$(blob img "$digest")") bytes are sha256:"
	has "$err" ", not what its descriptor says"
}

@test "an image in a registry is what it was in its layout" {
	wasteful
	registry one
	skopeo copy -q --dest-tls-verify=false oci:img "docker://127.0.0.1:$port/x:1"
	slsc inspect oci:img --json | jq '.artifacts[0]|del(.artifact)|.views[].name=""' >want
	slsc_run inspect "127.0.0.1:$port/x:1" --insecure --json
	[ "$status" -eq 0 ]
	is "$(jq '.artifacts[0]|del(.artifact)|.views[].name=""' <<<"$out")" "$(cat want)"
	slsc_run inspect "127.0.0.1:$port/y:1" --insecure --json
	[ "$status" -eq 1 ]
	is "$out" ""
	is "$(jq -r .error.code <<<"$err")" notfound
}

@test "several architectures: each is told of, a view is of this machine's" {
	mkdir -p a b
	bytes 100 a/f && bytes 300 b/f
	layer a a && layer b b
	layout both "$(image both amd64 '{}' a.tar)" "$(image both arm64 '{}' b.tar)"
	slsc_run inspect oci:both
	[ "$status" -eq 0 ]
	is "$(grep -e type -e '  unpacked' <<<"$out")" "  type        image for x86_64
  unpacked    100 bytes, 1 file
  type        image for arm64
  unpacked    300 bytes, 1 file"
	slsc_run inspect oci:both --json
	is "$(jq -c '[.artifacts[]|[.arch,.unpacked]]' <<<"$out")" '[["x86_64",100],["arm64",300]]'
	slsc_run inspect oci:both --files --arch arm64
	has "$out" "  300  100.0%  f"
	if [ "$(uname -m)" = x86_64 ]; then want=100; else want=300; fi
	slsc_run inspect oci:both --files
	has "$out" "  $want  100.0%  f"
	slsc_run inspect oci:both --arch s390x
	[ "$status" -eq 1 ]
	is "$err" "error: oci:both: has no image for s390x: there are amd64, arm64
hint: take another image, or build for the architectures that it is for"
	layout far "$(image far s390x '{}' a.tar)" "$(image far ppc64le '{}' b.tar)"
	slsc_run inspect oci:far --files
	[ "$status" -eq 2 ]
	is "$err" "error: oci:far: holds no image for this machine ($(uname -m | sed s/aarch64/arm64/)), but for s390x, ppc64le
hint: --arch s390x shows that one"
	slsc_run inspect oci:far --files --arch ppc64le
	[ "$status" -eq 0 ]
}

@test "the program of an image, through links and PATH, is looked into without being unpacked" {
	tiny x86_64 one/usr/bin/real
	mkdir -p one/bin
	ln -s ../usr/bin/real one/bin/link
	layer one one
	layout img "$(image img amd64 '{"Cmd":["link"],"Env":["PATH=/sbin:/bin"]}' one.tar)"
	slsc_run inspect oci:img
	has "$out" "  program     /usr/bin/real: static, stripped"
	slsc_run inspect oci:img --sections --json
	is "$(jq '.artifacts[0].views.sections.bytes' <<<"$out")" "$(stat -c %s one/usr/bin/real)"
	sums "$T/out"
	layout none "$(image none amd64 '{}' one.tar)"
	slsc_run inspect oci:none --sections
	[ "$status" -eq 2 ]
	is "$err" "error: oci:none: starts no program that --sections could look into
hint: an image's program is its ENTRYPOINT, or its CMD"
}

@test "without an argument: what slsc package has made" {
	project
	slsc_run inspect
	[ "$status" -eq 1 ]
	is "$err" "error: nothing is packaged yet: dist/manifest.json lists nothing
hint: run 'slsc package' first, or name an artifact"
	slsc package --no-build -q --zip --oci
	slsc_run inspect
	[ "$status" -eq 0 ]
	is "$(grep -v '^  ' <<<"$out" | grep .)" "dist/hello-arm64.zip
dist/hello-x86_64.zip
dist/hello.oci
dist/hello.oci"
	slsc_run inspect --json
	sums "$T/out"
	slsc_run inspect --arch arm64
	is "$(grep -v '^  ' <<<"$out" | grep .)" "dist/hello-arm64.zip
dist/hello.oci"
	slsc_run inspect dist/hello.oci:arm64 --layers
	[ "$status" -eq 0 ]
	# a view of all that has it, and of which it is
	host=$(uname -m | sed s/aarch64/arm64/)
	slsc_run inspect --layers
	is "$status $err $(head -n 1 <<<"$out")" "0  dist/hello.oci ($host)"
	is "$(sed 1d <<<"$out")" "$(slsc inspect "dist/hello.oci:${host/x86_64/amd64}" --layers)"
	slsc_run inspect --sections --top 1
	is "$(grep ^dist <<<"$out")" "dist/hello-arm64.zip
dist/hello-x86_64.zip
dist/hello.oci ($host)"
	slsc inspect --layers --json >"$T/json"
	is "$(jq -c '[.artifacts[] | .kind, (.views | keys)]' "$T/json")" '["image",["layers"]]'
	rm -r dist
	slsc package --no-build -q --zip
	slsc_run inspect --waste
	is "$status $err" "1 error: nothing that dist/manifest.json lists has what is asked for
hint: images have layers, and so waste: run 'slsc package --oci' first"
}

@test "the N largest parts, and one row for what is left out" {
	mkdir -p one/d
	for i in 1 2 3 4 5; do bytes "${i}00" "one/d/f$i"; done
	bytes 50 one/top
	layer one one
	layout img "$(image img amd64 '{}' one.tar)"
	slsc_run inspect oci:img --files --top 3
	is "$out" "bytes   share  file
1,500   96.8%  d/
  500   32.3%    f5
  400   25.8%    f4
  600   38.7%    (3 others)
   50    3.2%  (1 other)
1,550  100.0%  in all"
	slsc_run inspect oci:img --files --all
	is "$(wc -l <<<"$out")" 9
}

@test "rows fit the terminal" {
	mkdir -p one
	bytes 100 "one/$(printf 'n%.0s' {1..200})"
	layer one one
	layout img "$(image img amd64 '{}' one.tar)"
	cat >width.py <<-'EOF'
		import fcntl, os, pty, struct, sys, termios
		pid, fd = pty.fork()
		if pid == 0:
		    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("4H", 24, 60, 0, 0))
		    os.execvp(sys.argv[1], sys.argv[1:])
		text = b""
		try:
		    while chunk := os.read(fd, 65536):
		        text += chunk
		except OSError:
		    pass
		os.waitpid(pid, 0)
		lines = text.decode().replace("\r", "").split("\n")
		print(max(len(x) for x in lines), [x for x in lines if "nnn" in x][0].strip())
	EOF
	is "$(python3 width.py slsc inspect oci:img --progress never --files)" "60 100  100.0%  $(printf 'n%.0s' {1..42})..."
	slsc_run inspect oci:img --files
	has "$out" "$(printf 'n%.0s' {1..200})"
}

@test "a name that would steer the terminal" {
	mkdir one
	bytes 10 "$(printf 'one/a\033[31mb')"
	layer one one
	layout img "$(image img amd64 '{}' one.tar)"
	slsc_run inspect oci:img --files
	has "$out" "a?[31mb"
	slsc_run inspect oci:img --json
	is "$(jq -r '.artifacts[0].views.files.children[0].name' <<<"$out")" "$(printf 'a\033[31mb')"
}

@test "a zip that is cut short: what can be read, then what is wrong and where" {
	need zip zip
	bytes 1000 one && bytes 2000 two
	zip -q0 whole.zip one two
	head -c 2500 whole.zip >cut.zip
	slsc_run inspect cut.zip --files
	[ "$status" -eq 1 ]
	is "$out" "bytes   share  packed
1,378   55.1%  two
1,000   40.0%  one
  122    4.9%  (headers and directory)
2,500  100.0%  in all"
	is "$err" "error: cut.zip: not a zip file: it has no end record, and ends at offset 2500"
	slsc_run inspect cut.zip --json
	[ "$status" -eq 1 ]
	sums "$T/out"
	is "$(jq -r '.artifacts[0].error' <<<"$out")" \
		"cut.zip: not a zip file: it has no end record, and ends at offset 2500"
	is "$(jq -r '.error.message' <<<"$err")" \
		"cut.zip: not a zip file: it has no end record, and ends at offset 2500"
	: >empty.zip
	slsc_run inspect empty.zip --json
	[ "$status" -eq 1 ]
	is "$out" ""
}

# Entries of a bomb share their bytes: each byte of the file counts once.
@test "a zip whose entries overlap adds up all the same" {
	python3 -W ignore - <<-'EOF'
		import struct, zipfile, zlib
		data = bytes(1000)
		name = b"x"
		crc = zlib.crc32(data)
		local = struct.pack("<IHHHHHIIIHH", 0x04034b50, 20, 0, 0, 0, 33, crc, 1000, 1000, 1, 0) + name
		record = struct.pack("<IHHHHHHIIIHHHHHII", 0x02014b50, 0x031e, 20, 0, 0, 0, 33, crc, 1000, 1000, 1, 0, 0, 0, 0,
		                     0o100644 << 16, 0) + name
		directory = record * 50
		end = struct.pack("<IHHHHIIH", 0x06054b50, 0, 0, 50, 50, len(directory), len(local) + 1000, 0)
		open("bomb.zip", "wb").write(local + data + directory + end)
	EOF
	slsc_run inspect bomb.zip --json --files
	sums "$T/out"
	is "$(jq -c '.artifacts[0]|[.files,.unpacked,(.views.files.children[]|select(.name=="x").bytes)]' <<<"$out")" \
		"[50,50000,1000]"
}

@test "a damaged layer: what is before it, and where it is damaged" {
	wasteful
	layers=$(skopeo inspect --raw oci:img | jq -c .layers)
	blob=img/blobs/sha256/$(jq -r '.[1].digest' <<<"$layers" | cut -d: -f2)
	size=$(stat -c %s "$blob")
	head -c 1000 "$blob" >x && mv x "$blob"
	slsc_run inspect oci:img --layers
	[ "$status" -eq 1 ]
	has "$out" "2 make two (damaged)"
	has "$out" "6,090      5  1 make one"
	has "$err" "error: oci:img: layer 2 (sha256:"
	has "$err" ": malformed gzip stream: it is cut short, at offset 1000 of its blob, "
	slsc_run inspect oci:img --json
	[ "$status" -eq 1 ]
	is "$(jq -c '[.artifacts[0].image.layers[]|[.damaged,.size]]' <<<"$out")" \
		"[[false,$(jq '.[0].size' <<<"$layers")],[true,$size]]"
	sums "$T/out"
	rm "$blob"
	slsc_run inspect oci:img --json
	[ "$status" -eq 1 ]
	jq -e . "$T/out" >/dev/null
	has "$err" "is missing"
}

@test "an archive that is cut short: its first layers" {
	wasteful
	mkdir a
	tar -C img --format=ustar -cf img.oci.tar oci-layout index.json blobs
	big=$(tar -tvRf img.oci.tar | sort -k5nr | awk '/sha256\/./{print $2; exit}' | tr -d :)
	# the members up to the largest, and the first 512 bytes of that one
	head -c $(((big + 2) * 512)) img.oci.tar >cut.oci.tar
	slsc_run inspect cut.oci.tar --json
	[ "$status" -eq 1 ]
	has "$err" "cut.oci.tar: "
	has "$err" "offset"
	jq -e . "$T/out" >/dev/null || [ -z "$out" ]
	head -c 300 img.oci.tar >tiny.oci.tar
	slsc_run inspect tiny.oci.tar
	[ "$status" -eq 1 ]
	is "$out" ""
	has "$err" "error: tiny.oci.tar: "
}

@test "what is no artifact" {
	slsc_run inspect nowhere
	[ "$status" -eq 1 ]
	is "$err" "error: nowhere: there is no such file
hint: an artifact is a program, a zip, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE or HOST/REPOSITORY[:TAG][@DIGEST]"
	echo text >text
	slsc_run inspect text
	[ "$status" -eq 2 ]
	is "$err" "error: text: is neither a program nor a zip nor an image
hint: of an image in a tar say which: oci-archive:FILE or docker-archive:FILE"
	printf '\177ELF' >short
	slsc_run inspect short
	[ "$status" -eq 1 ]
	has "$err" "error: short: "
}
