#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Registries that lie, break off or never end: exact messages, and nothing left behind.
load helper
load registry_helper

# refuse MODE MESSAGE [HINT]: a pull from that liar fails with this message and leaves nothing
refuse() {
	liar "$1" || return 1
	slsc_run pull "127.0.0.1:$port/x:t" oci:out
	is "$status" 1 || return 1
	is "$err" "error: ${2//PORT/$port}${3:+
hint: ${3//PORT/$port}}" || return 1
	is "$out" "" && [ ! -e out ] && no_leftovers "$T"
}

layer() { /usr/bin/python3 -c 'import hashlib; print("sha256:" + hashlib.sha256(bytes(range(256)) * 4096).hexdigest())'; }

@test "an honest one" {
	liar honest
	slsc_run -q pull "127.0.0.1:$port/x:t" oci:out
	is "$status $err" "0 "
	[[ $out =~ ^127\.0\.0\.1:$port/x@sha256:[0-9a-f]{64}$ ]]
	whole out
	is "$(find out/blobs/sha256 -type f | wc -l)" 3
}

@test "a blob of other bytes" {
	refuse wrong-blob "127.0.0.1:PORT/x: GET of blob $(layer): the registry sent other bytes: they have the digest $(
		/usr/bin/python3 -c 'import hashlib; print("sha256:" + hashlib.sha256(b"y" + (bytes(range(256)) * 4096)[1:]).hexdigest())')"
}

@test "a manifest of other bytes" {
	liar wrong-manifest
	slsc_run pull "127.0.0.1:$port/x:t" oci:out
	is "$status" 1
	[[ $err =~ ^"error: 127.0.0.1:$port/x: GET of manifest t: the registry sent other bytes: they have the digest sha256:"[0-9a-f]{64}", not sha256:"[0-9a-f]{64}$ ]]
	[ ! -e out ]
}

@test "a blob with more bytes, fewer, no end" {
	local size=1048576
	refuse long-blob "127.0.0.1:PORT/x: GET of blob $(layer): the registry sends more than the $size bytes that its manifest says"
	refuse short-blob "127.0.0.1:PORT/x: GET of blob $(layer): the registry sent 1048575 bytes, the manifest says $size"
	refuse endless-blob "127.0.0.1:PORT/x: GET of blob $(layer): the registry sends more than the $size bytes that its manifest says"
	refuse wrong-size "127.0.0.1:PORT/x: GET of blob $(layer): the registry sent $size bytes, the manifest says 1048577"
}

@test "a body that breaks off goes on where it ended" {
	liar cut-once
	slsc_run -q pull "127.0.0.1:$port/x:t" oci:out
	is "$status $err" "0 "
	whole out
	is "$(grep -c "blobs/$(layer)" "$log")" 2
	liar cut-no-range
	slsc_run -q pull "127.0.0.1:$port/x:t" oci:out2
	is "$status $err" "0 "
	same_blobs out out2
}

@test "a body that always breaks off, or goes on elsewhere" {
	liar cut-always
	slsc_run pull "127.0.0.1:$port/x:t" oci:out
	is "$status" 1
	has "$err" "error: 127.0.0.1:$port/x: GET of blob $(layer): "
	is "$(grep -c "blobs/$(layer)" "$log")" 5
	[ ! -e out ]
	liar cut-wrong-range
	slsc_run pull "127.0.0.1:$port/x:t" oci:out
	is "$status" 1
	is "$err" "error: 127.0.0.1:$port/x: GET of blob $(layer): asked for the bytes from 524288 on, the registry sends 'bytes 524289-1048575/1048576'"
	[ ! -e out ]
}

@test "manifests and headers without end, a manifest of 100 MB" {
	refuse endless-manifest "127.0.0.1:PORT/x: GET of manifest t: limit exceeded: the answer has more than 4194304 bytes"
	refuse big-manifest "127.0.0.1:PORT/x: GET of manifest t: limit exceeded: the answer has more than 4194304 bytes"
	refuse endless-headers "127.0.0.1:PORT/x: GET of manifest t: limit exceeded: more than 262144 bytes of headers"
}

@test "an index of 10,000 entries" {
	refuse many-entries "127.0.0.1:PORT/x: manifest t: limit exceeded: 10000 manifests, the most is 1024"
}

@test "indexes in indexes: deep, wide, and one that names itself" {
	need curl curl
	local root empty=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
	refuse nested "127.0.0.1:PORT/x:t: limit exceeded: indexes more than 4 deep"
	is "$(grep -c manifests "$log")" 5
	slsc_run pull --arch amd64 "127.0.0.1:$port/x:t" oci:out
	is "$status $err" "1 error: 127.0.0.1:$port/x:t: limit exceeded: indexes more than 4 deep"
	slsc_run check "127.0.0.1:$port/x:t"
	is "$status" 3
	has "$out" ": indexes more than 4 deep [layer-damaged]"
	# what names no platform is looked into, but not 65536 times
	liar fan
	slsc_run pull --arch arm64 "127.0.0.1:$port/x:t" oci:out
	is "$status" 1
	[[ $err =~ ^"error: 127.0.0.1:$port/x:t: sha256:"[0-9a-f]{64}": none of its 13 images is for arm64"$ ]]
	[ "$(grep -c . "$log")" -lt 40 ]
	slsc_run -q pull "127.0.0.1:$port/x:t" oci:out
	is "$status $err" "0 "
	whole out
	is "$(find out/blobs/sha256 -type f | wc -l)" 7
	rm -r out
	liar names-itself
	slsc_run pull "127.0.0.1:$port/x:t" oci:out
	is "$status" 1
	root=sha256:$(curl -s "http://127.0.0.1:$port/v2/x/manifests/t" | sha256sum | cut -d' ' -f1)
	is "$err" "error: 127.0.0.1:$port/x: GET of manifest $empty: the registry sent other bytes: they have the digest $root, not $empty"
	[ ! -e out ]
}

@test "HTML instead of JSON" {
	refuse html "127.0.0.1:PORT/x: GET of manifest t: the answer is text/html, not a manifest" "is 127.0.0.1:PORT a registry?"
	liar html-as-json
	slsc_run pull "127.0.0.1:$port/x:t" oci:out
	is "$status" 1
	has "$err" "error: 127.0.0.1:$port/x: manifest t"
}

@test "redirects: a loop, other schemes, a user's name" {
	refuse loop "127.0.0.1:PORT/x: GET of manifest t: more than 5 redirects"
	is "$(grep -c manifests "$log")" 6
	refuse redirect-file "127.0.0.1:PORT/x: GET of manifest t: the registry redirects: 'file:///etc/passwd' is not an http or https URL, or names a user"
	liar redirect-user
	slsc_run pull "127.0.0.1:$port/x:t" oci:out
	is "$status" 1
	has "$err" "is not an http or https URL, or names a user"
}

@test "credentials do not follow a redirect to another host" {
	liar redirect-host
	printf '{"auths":{"127.0.0.1:%s":{"auth":"%s"}}}' "$port" "$(printf 'me:secret-word' | base64)" >config.json
	DOCKER_CONFIG=$PWD slsc_run -q pull "127.0.0.1:$port/x:t" oci:out
	is "$status $err" "0 "
	whole out
	has "$(cat "$log")" "GET /v2/x/manifests/t Basic"
	has "$(cat "$log")" "other GET /$(layer) anonymous"
	is "$(grep -c '^other .* Basic' "$log" || true)" 0
}

@test "401 for ever" {
	liar basic-loop
	slsc_run pull "127.0.0.1:$port/x:t" oci:out
	is "$status" 1
	is "$err" "error: 127.0.0.1:$port: it wants a login
hint: slsc login 127.0.0.1:$port"
	printf '{"auths":{"127.0.0.1:%s":{"username":"me","password":"secret-word"}}}' "$port" >config.json
	DOCKER_CONFIG=$PWD slsc_run pull "127.0.0.1:$port/x:t" oci:out
	is "$status" 1
	is "$err" "error: 127.0.0.1:$port: it refuses this user's name and password
hint: slsc login 127.0.0.1:$port"
	liar bearer-loop
	slsc_run pull "127.0.0.1:$port/x:t" oci:out
	is "$status" 1
	is "$err" "error: 127.0.0.1:$port/x: GET of manifest t: the registry answered 401 Unauthorized: UNAUTHORIZED: a token, please
hint: this user may not do that; another one can: slsc login 127.0.0.1:$port"
	is "$(grep -c manifests "$log")" 3
}

@test "token services that lie" {
	refuse token-html "127.0.0.1:PORT: its token service 127.0.0.1: its answer holds no token"
	refuse token-control "127.0.0.1:PORT: its token service 127.0.0.1: its answer holds no token"
	refuse token-refuses "127.0.0.1:PORT: its token service 127.0.0.1: it refuses: 401 Unauthorized" "slsc login 127.0.0.1:PORT"
	refuse realm-elsewhere "127.0.0.1:PORT: its token service 192.0.2.1: it is plain http: no password goes there"
	refuse realm-file "127.0.0.1:PORT: its token service: 'file:///etc/passwd' is not an http or https URL, or names a user"
	refuse negotiate "127.0.0.1:PORT: it refuses access, and says no way to log in that slsc knows"
}

@test "what it says is cleaned and cut" {
	liar denied
	slsc_run pull "127.0.0.1:$port/x:t" oci:out
	is "$status" 1
	is "${err%%xxx*}" "error: 127.0.0.1:$port/x: GET of manifest t: the registry answered 403 Forbidden: DENIED:  [31mnot you  "
	[ ${#err} -lt 600 ]
}

@test "busy: Retry-After is honoured, if it is not too long" {
	liar busy
	slsc_run -q pull "127.0.0.1:$port/x:t" oci:out
	is "$status $err" "0 "
	is "$(grep -c manifests/t "$log")" 3
	rm -r out
	refuse busy-for-long "127.0.0.1:PORT/x: GET of manifest t: the registry answered 429 Too Many Requests: TOOMANYREQUESTS: slow down" "it asks to wait 3600 s: try again then"
	is "$(grep -c manifests/t "$log")" 1
}

@test "500: five tries" {
	refuse broken "127.0.0.1:PORT/x: GET of manifest t: the registry answered 500 Internal Server Error: UNKNOWN: no disk"
	is "$(grep -c manifests/t "$log")" 5
}

@test "a connection reset in the middle of an upload: it goes on there" {
	liar reset-upload
	layout img t 70000000
	slsc_run -q push oci:img "127.0.0.1:$port/x:new"
	is "$status $err" "0 "
	is "$out" "127.0.0.1:$port/x@$image"
	(cd "$lies/blobs" && for f in *; do echo "$f  $f"; done | sha256sum --quiet -c -)
	# one upload for each blob; the second piece breaks off after a third, the next one goes on there, to the end
	is "$(grep -c '^POST' "$log")" 2
	# (a 416 says where that is; else it is asked)
	[ "$(grep -c '^GET /v2/x/blobs/uploads/0 ' "$log")" -le 1 ]
	# Where the reset meets libcurl before it has all of the piece away, that is all. Where it waits for the answer, it
	# sends the piece once more by itself, since the connection is one used before; the registry refuses that (416).
	[[ $(grep -c '^PATCH' "$log") =~ ^[34]$ ]]
}

@test "an upload that is forgotten begins anew" {
	liar forget-upload
	layout img t 70000000
	slsc_run -q push oci:img "127.0.0.1:$port/x:new"
	is "$status $err" "0 "
	(cd "$lies/blobs" && for f in *; do echo "$f  $f"; done | sha256sum --quiet -c -)
}

@test "a PUT whose connection or answer is lost is made again, or found to be done" {
	liar flaky-put
	layout img t 1000
	slsc_run -q push oci:img "127.0.0.1:$port/x:new"
	is "$status $err" "0 "
	is "$(find "$lies/blobs" -type f | wc -l)" 2
	liar lost-answer
	slsc_run -q push oci:img "127.0.0.1:$port/x:new"
	is "$status $err" "0 "
	is "$(find "$lies/blobs" -type f | wc -l)" 2
}

@test "uploads: no Location, a wrong Range, other bytes stored" {
	layout img t 40000000
	local blob
	blob=sha256:$(find img/blobs/sha256 -size +1M -printf '%f\n')
	liar wrong-range
	slsc_run -q push oci:img "127.0.0.1:$port/x:new"
	is "$status" 1
	# it is taken at its word once, says by the upload's status that it has all of the piece, and then the same again
	is "$err" "error: 127.0.0.1:$port/x: upload of blob $blob: after the bytes 33554432 to 39999999 the registry says '0-5'"
	layout small t 10
	liar no-location
	slsc_run push oci:small "127.0.0.1:$port/x:new"
	is "$status" 1
	[[ $err =~ ^"error: 127.0.0.1:$port/x: upload of blob sha256:"[0-9a-f]{64}": the registry names no place to send it to"$ ]]
	liar wrong-put
	slsc_run push oci:small "127.0.0.1:$port/x:new"
	is "$status" 1
	has "$err" "error: 127.0.0.1:$port/x: PUT of manifest new: the registry stored other bytes: it says sha256:e3b0c442"
}

@test "what does not speak HTTP" {
	liar not-http
	slsc_run pull "127.0.0.1:$port/x:t" oci:out
	is "$status" 1
	has "$err" "error: 127.0.0.1:$port: "
	[ ! -e out ]
}

@test "nobody is there" {
	port=$(free_port)
	slsc_run pull "127.0.0.1:$port/x:t" oci:out
	is "$status" 1
	has "$err" "error: 127.0.0.1:$port: Failed to connect to 127.0.0.1 port $port"
	is "$(tail -n 1 <<<"$err")" "hint: does it run there, and is the port right?"
	# a name that no resolver has to be asked for: one of its parts is too long
	slsc_run pull "$(printf 'a%.0s' {1..64}).example/x:t" oci:out
	is "$status" 1
	has "$err" "Could not resolve host: aaa"
	is "$(tail -n 1 <<<"$err")" "hint: is the name right, and is there a network?"
	[ ! -e out ]
}

@test "killed in a stalled upload, then run again" {
	liar stall-upload
	layout img t 70000000
	"$SLSC_BIN" -q push oci:img "127.0.0.1:$port/x:new" 3>&- &
	local pid=$!
	await "$lies/stalled" $pid
	kill -KILL $pid
	wait $pid || true
	liar honest
	slsc_run -q push oci:img "127.0.0.1:$port/x:new"
	is "$status $out$err" "0 127.0.0.1:$port/x@$image"
	no_leftovers "$T"
}

@test "SIGINT in a stalled upload ends it at once" {
	liar stall-upload
	layout img t 70000000
	# a background job of a script ignores SIGINT: SIGTERM is the same to slsc
	"$SLSC_BIN" push oci:img "127.0.0.1:$port/x:new" 2>"$T/err" 3>&- &
	local pid=$! code=0
	await "$lies/stalled" $pid
	kill -TERM $pid
	wait $pid || code=$?
	is "$code" 130
	is "$(tail -n 1 "$T/err")" "error: interrupted"
}

@test "a blob that is wrapped in gzip, or comes as a part that nobody asked for" {
	refuse partial "127.0.0.1:PORT/x: GET of blob $(layer): the registry sent 1000 bytes, the manifest says 1048576"
	liar gzip-encoding
	slsc_run pull "127.0.0.1:$port/x:t" oci:out
	is "$status" 1
	[[ $err =~ ^"error: 127.0.0.1:$port/x: GET of blob $(layer): the registry sent "[0-9]+" bytes, the manifest says 1048576"$ ]]
	[ ! -e out ]
}

@test "several challenges: the one that slsc knows best is taken, quoted marks and all" {
	liar two-challenges
	slsc_run -q pull "127.0.0.1:$port/x:t" oci:out
	is "$status $err" "0 "
	has "$(cat "$log")" 'GET /token?service=a%2C%22b&scope=repository%3Ax%3Apull anonymous'
	has "$(cat "$log")" 'GET /v2/x/manifests/t Bearer'
}

@test "pages of referrers without end" {
	liar referrers-loop
	slsc_run pull --attachments "127.0.0.1:$port/x:t" oci:out
	is "$status" 1
	[[ $err =~ "error: "(.*": ")?"limit exceeded: 127.0.0.1:$port/x: GET of referrers of sha256:"[0-9a-f]{64}": more than 16 pages"$ ]]
	is "$(grep -c referrers "$log")" 16
}

@test "the place of an upload: relative, with a query, of another scheme, with a user" {
	local m
	layout img t 1000
	for m in location-query location-relative; do
		liar $m
		slsc_run -q push oci:img "127.0.0.1:$port/x:new"
		is "$status $err" "0 "
		is "$(find "$lies/blobs" -type f | wc -l)" 2
	done
	has "$(cat "$T/liar.location-query/log")" 'PUT /v2/x/blobs/uploads/0?state=a%2Fb&c=d&digest=sha256:'
	for m in location-file location-user; do
		liar $m
		slsc_run push oci:img "127.0.0.1:$port/x:new"
		is "$status" 1
		has "$err" "the registry's Location: '"
		has "$err" "' is not an http or https URL, or names a user"
		is "$(grep -c '^PUT' "$log" || true)" 0
	done
}
