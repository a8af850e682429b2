#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Each template as its README has it: created, built, packaged, and what was packaged run for real, for
# both architectures: the machine's own, and the other under qemu. What slsc inspect and slsc diff say of three of them
# agrees with others' tools.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load package_helper
load inspect_helper
load sizes_helper

API=$BATS_TEST_DIRNAME/support/runtime_api.py

# made NAME: the template's project, after the slsc commands of its README and a full build and package. What is in
# the zips is then at $T/ARCH; what the images start is the same.
made() {
	need unzip unzip && need bsdtar libarchive-tools && need jq jq && need python3 python3 && need curl curl || return 1
	local arch layout=dist/$1.oci start
	slsc_run init "$1" --template "$1"
	[ "$status" -eq 0 ] || { echo "$err" >&2; return 1; }
	cd "$1" || return 1
	grep '^    slsc ' README.md >"$T/commands"
	is "$(head -n 1 "$T/commands")" "    slsc build"
	sh -eu "$T/commands"
	slsc_run build --smoke
	[ "$status" -eq 0 ] || { echo "$err" >&2; return 1; }
	has "$out" "$1  x86_64"
	has "$out" "$1  arm64"
	slsc_run package --zip --oci
	[ "$status" -eq 0 ] || { echo "$err" >&2; return 1; }
	for arch in x86_64 arm64; do
		unzip -p "dist/$1-$arch.zip" bootstrap >"$T/$arch"
		chmod 755 "$T/$arch"
		cmp "$T/$arch" ".slsc/release/$arch/$1"
		start=$(config "$layout" "${arch/x86_64/amd64}" | jq -r '.config.Entrypoint[0]')
		bsdtar -xOf "$(blob "$layout" "$(manifest "$layout" "${arch/x86_64/amd64}" | jq -r '.layers[-1].digest')")" \
			"${start#/}" | cmp - "$T/$arch"
	done
}

# on ARCH: sets run, the command that runs a packaged binary, and native
on() {
	case $1-$(uname -m) in
	x86_64-x86_64 | arm64-aarch64) native=1 run=("$T/$1") && return ;;
	arm64-*) run=(qemu-aarch64-static "$T/$1") ;;
	*) run=(qemu-x86_64-static "$T/$1") ;;
	esac
	native=
	need "${run[0]}" qemu-user-static
}

@test "hello serves a thousand invocations" {
	made hello
	for arch in x86_64 arm64; do
		on $arch
		count=${native:+1000}
		count=${count:-50}
		is "$("$API" --count "$count" --max-connections 1 --payload '{"name":"Ada {i}"}' \
			--expect '{"message":"Hello, Ada {i}!"}' -- "${run[@]}" 2>&1)" \
			"$count invocations, $count ok, 0 failed"
		is "$("$API" --expect '{"message":"Hello, world!"}' -- "${run[@]}" 2>&1)" \
			"1 invocations, 1 ok, 0 failed"
		is "$("$API" --quiet --payload '{"name":1}' --expect-error InvalidInput -- "${run[@]}" 2>&1)" \
			"1 invocations, 1 ok, 0 failed"
	done
	agrees hello
}

@test "http answers its routes" {
	made http
	grep -q '^    curl http://localhost:8080/hello/Ada$' README.md
	mkfifo "$T/log"
	for arch in x86_64 arm64; do
		on $arch
		PORT=0 timeout 60 "${run[@]}" >"$T/stdout" 2>"$T/log" 3>&- &
		pid=$!
		exec 4<"$T/log"
		read -r -t 20 line <&4
		has "$line" "listening on 0.0.0.0:"
		url=http://localhost:${line##*:}
		is "$(sed -n "s,^    \(curl http://localhost:\)8080,\1${line##*:},p" README.md | sh)" \
			'{"message":"Hello, Ada!"}'
		is "$(curl -sS "$url/")" "It works. Try /hello/{name}."
		is "$(curl -sS --data-binary 'any bytes' "$url/echo")" "any bytes"
		is "$(curl -sS "$url/_/health")" ok
		is "$(curl -sS -w '%{http_code}' "$url/nowhere")" '{"message":"not found"}
404'
		is "$(curl -sS -o "$T/body" -w '%{http_code}' -D "$T/head" "$url/echo")" 405
		has "$(cat "$T/head")" "Allow: POST"
		kill "$pid"
		wait "$pid"
		exec 4<&-
	done
	agrees http
}

# png_size FILE: "WIDTH HEIGHT" of a PNG whose chunks are whole
png_size() {
	python3 -c '
import struct, sys, zlib
data, at, pixels = open(sys.argv[1], "rb").read(), 8, b""
assert data[:8] == b"\x89PNG\r\n\x1a\n"
while at < len(data):
    size, kind = struct.unpack(">I4s", data[at:at + 8])
    body = data[at + 8:at + 8 + size]
    assert struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0] == zlib.crc32(kind + body)
    if kind == b"IHDR":
        width, height = struct.unpack(">II", body[:8])
        channels = {0: 1, 2: 3, 4: 2, 6: 4}[body[9]]
    pixels += body if kind == b"IDAT" else b""
    at += 12 + size
assert kind == b"IEND" and len(zlib.decompress(pixels)) == (width * channels + 1) * height
print(width, height)' "$1"
}

@test "thumbnail resizes a JPEG and a PNG" {
	made thumbnail
	cp "$SLSC_SRC/tests/runtime/data/gradient.jpg" photo.jpg
	python3 -c '
import struct, sys, zlib
def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
rows = b"".join(b"\0" + bytes(c for x in range(640) for c in (x & 255, y & 255, 80)) for y in range(400))
sys.stdout.buffer.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 640, 400, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))' >photo.png
	is "$(png_size photo.png)" "640 400"
	for arch in x86_64 arm64; do
		on $arch
		# as the README makes it: 256 wide, but no larger than the image
		sed -n 's/^    \(echo .* > event.json\)$/\1/p' README.md >"$T/event"
		sh "$T/event"
		is "$("$API" --payload-file event.json --answer answer.json -- "${run[@]}" 2>&1)" \
			"1 invocations, 1 ok, 0 failed"
		jq -r .image answer.json | base64 -d >jpeg.png
		is "$(png_size jpeg.png)" "$(jq -r '"\(.width) \(.height)"' answer.json)"
		is "$(png_size jpeg.png)" "100 75"

		printf '{"image":"%s","width":160}' "$(base64 -w0 photo.png)" >event.json
		is "$("$API" --payload-file event.json --answer answer.json -- "${run[@]}" 2>&1)" \
			"1 invocations, 1 ok, 0 failed"
		jq -r .image answer.json | base64 -d >small.png
		is "$(png_size small.png)" "160 100"

		jq -n --rawfile image <(base64 -w0 photo.jpg) '{version: "2.0", isBase64Encoded: true, body: $image,
			requestContext: {http: {method: "POST"}}, queryStringParameters: {width: "20"}}' >event.json
		is "$("$API" --payload-file event.json --answer answer.json -- "${run[@]}" 2>&1)" \
			"1 invocations, 1 ok, 0 failed"
		jq -r .body answer.json | base64 -d >url.png
		is "$(png_size url.png)" "20 15"
	done
	agrees thumbnail
}

@test "events handles each event once" {
	made events
	sed -n '/^    {"Records"/,/}}}]}$/p' README.md >event.json
	for arch in x86_64 arm64; do
		on $arch
		is "$("$API" --quiet --payload-file event.json --expect '{"processed":1,"skipped":0}' -- "${run[@]}" 2>&1)" \
			"1 invocations, 1 ok, 0 failed"
		# the second time it has been seen
		"$API" --count 2 --payload-file event.json --answer answer.json -- "${run[@]}" >"$T/out" 2>&1 || true
		is "$(jq -c . answer.json)" '{"processed":0,"skipped":1}'
		has "$(cat "$T/out")" 'object event="ObjectCreated:Put" bucket="photos" key="summer/lake 1.jpg" bytes=1024'
	done
}

@test "proxy answers from its upstream, and without it" {
	made proxy
	mkdir -p up/items
	printf 'item one' >up/items/1
	mkfifo "$T/log" "$T/port"
	for arch in x86_64 arm64; do
		on $arch
		python3 -c '
import functools, http.server
class Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory="up"))
print(server.server_port, flush=True)
server.serve_forever()' >"$T/port" 3>&- &
		upstream=$!
		read -r -t 20 port <"$T/port"
		UPSTREAM=http://localhost:$port PORT=0 timeout 60 "${run[@]}" >"$T/stdout" 2>"$T/log" 3>&- &
		pid=$!
		exec 4<"$T/log"
		read -r -t 20 line <&4
		url=http://localhost:${line##*:}
		is "$(sed -n "s,^    \(curl http://localhost:\)8080,\1${line##*:},p" README.md | sh)" "item one"
		is "$(curl -sS -H 'X-Preheat: 1' "$url/items/1")" '{"preheated":true}'
		is "$(curl -sS -o "$T/body" -w '%{http_code}' "$url/items/2")" 404
		kill "$upstream"
		wait "$upstream" || true
		is "$(curl -sS -w ' %{http_code}' "$url/items/1")" "item one 203"
		is "$(curl -sS -o "$T/body" -w '%{http_code}' "$url/items/2")" 503
		kill "$pid"
		wait "$pid"
		exec 4<&-
	done
}

@test "raw runs" {
	made raw
	for arch in x86_64 arm64; do
		on $arch
		is "$("${run[@]}")" "Hello from a static binary!"
	done
}
