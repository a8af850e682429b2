#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc local with zips and images in place of functions: what slsc packages and what others do, from files and from a
# registry; an image's root, environment, user; what is hostile or damaged.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load local_helper
load registry_helper
load inspect_helper
bats_require_minimum_version 1.5.0

# packaged: $T/w/h/dist with hello's zips, layout and archives, made once for all tests
packaged() {
	if [ ! -d "$BATS_FILE_TMPDIR/h/dist" ]; then
		slsc_run init "$BATS_FILE_TMPDIR/h"
		slsc_run -C "$BATS_FILE_TMPDIR/h" package --zip --oci --oci-archive --docker-archive
		is "$status" 0 || return 1
	fi
	cp -r "$BATS_FILE_TMPDIR/h" "$T/w/h"
	cd "$T/w/h" || return 1
	own_cache
}

# what is unpacked is the test's own
own_cache() { export SLSC_CACHE_DIR=$T/cache; }

# artifact zip|image NAME CASE: see support/artifacts.py; its program does not matter unless it is started
artifact() {
	python3 -W ignore "$SLSC_SRC/tests/e2e/support/artifacts.py" "$1" "$2" "$3" "${4:-$(command -v busybox)}"
}

# box CONFIG [DIR...]: $T/w/box, an image whose root has busybox and /run, which does what its events say; each DIR is a
# layer on top
box() {
	need busybox busybox-static && need jq jq || return 1
	local config=$1 c dirs=(root.tar)
	mkdir -p root/bin root/opt/extensions
	cp "$(command -v busybox)" root/bin/busybox
	for c in sh wget sed tr cat id env touch ls pwd grep stat printf; do ln -sf busybox "root/bin/$c"; done
	install -m 755 "$SLSC_SRC/tests/e2e/support/bootstrap.sh" root/run
	[ -z "${extension:-}" ] || install -m 755 "$extension" root/opt/extensions/watcher
	layer root root
	shift
	for c; do
		layer "$c" "$c"
		dirs+=("$c.tar")
	done
	layout box "$(image box amd64 "$config" "${dirs[@]}")"
}

# says COMMAND: what it prints in the instance, lines joined by '|'
says() {
	call "${name:-box}" "\"$1\""
	is "$status" 200 && jq -r . <<<"$out"
}

# watcher HEAD: an extension, which puts an x into /tmp/seen for each invocation
watcher() {
	echo "$1"
	cat <<-'SH'
	api=http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension
	wget -S -O /dev/null --header 'Lambda-Extension-Name: watcher' --post-data '{"events":["INVOKE"]}' \
		"$api/register" 2>/tmp/registered
	id=$(sed -n 's/^ *Lambda-Extension-Identifier: *//Ip' /tmp/registered | tr -d '\r')
	while wget -q -O /tmp/next --header "Lambda-Extension-Identifier: $id" "$api/event/next"; do
		printf x >>/tmp/seen
	done
	SH
}

# refuses ARTIFACT MESSAGE [HINT]: with exit code 1, and nothing is left of it
refuses() {
	slsc_run local --port 0 "$1"
	is "$status" 1 && is "$err" "error: $2${3:+
hint: $3}" && is "$(find "$SLSC_CACHE_DIR/local" -name '*.part' 2>/dev/null)" ""
}

@test "what slsc packages: zip, layout, archives answer alike, also those for another machine; no project is needed" {
	need jq jq && need curl curl && need qemu-aarch64-static qemu-user-static
	packaged
	mkdir "$T/none" && cd "$T/none"
	for a in hello-x86_64.zip hello.oci hello.oci.tar hello-x86_64.docker.tar hello-arm64.zip hello.oci:arm64; do
		local_start "../w/h/dist/$a"
		call hello '{"name":"Ada"}'
		is "$status $out" '200 {"message":"Hello, Ada!"}'
		local_stop
		case $a in
		*arm64*) is "$(grep ^warning: "$T/local.log")" \
			"warning: hello is for arm64, and runs under qemu-aarch64-static: slowly" ;;
		*) is "$(grep ^warning: "$T/local.log")" "" ;;
		esac
	done
	# one directory for each, and the archive's and the layout's are the same
	is "$(find "$SLSC_CACHE_DIR/local" -mindepth 1 -maxdepth 1 -type d | wc -l)" 5
	is "$(ls -A)" .slsc
	# the queue is there, too
	local_start oci:../w/h/dist/hello.oci
	call hello '{}' -H 'X-Amz-Invocation-Type: Event'
	is "$status" 202
	wait_for grep -q '^hello  END' "$T/local.log"
}

@test "beside functions; slsc.yaml counts for what has a function's name; two of one name are refused" {
	need jq jq && need curl curl
	packaged
	sed -i 's/memory: 128 MB/memory: 256 MB/' slsc.yaml
	cp dist/hello-x86_64.zip Other_one-x86_64.zip
	# built as other tests do it
	SLSC_CACHE_DIR=${SLSC_TEST_CACHE:-$SLSC_BUILD/test-cache} local_start hello ./Other_one-x86_64.zip
	for name in hello other_one; do
		call "$name" '{}' -H 'X-Amz-Log-Type: Tail'
		is "$out" '{"message":"Hello, world!"}'
		log=$(header X-Amz-Log-Result | base64 -d)
		has "$log" "Memory Size: $([ "$name" = hello ] && echo 256 || echo 128) MB"
	done
	local_stop
	local_start dist/hello.oci
	call hello '{}' -H 'X-Amz-Log-Type: Tail'
	has "$(header X-Amz-Log-Result | base64 -d)" "Memory Size: 256 MB"
	local_stop
	refuses_two() {
		slsc_run local --port 0 dist/hello-x86_64.zip dist/hello.oci
		is "$status" 2
		is "$err" "error: dist/hello.oci: 'hello' is served already
hint: a function is named after its zip or image: rename one of them"
	}
	refuses_two
	echo 'functions: 1' >>slsc.yaml
	slsc_run local --port 0 dist/hello.oci
	is "$status" 1
	[[ $err =~ ^error:\ slsc.yaml: ]]
}

@test "an image: a root of its own that is read-only, its environment, working directory, arguments, user" {
	need jq jq && need curl curl
	own_cache
	box '{"Entrypoint":["/run"],"Cmd":["a b"],"User":"65532:65531","WorkingDir":"/srv/x","Env":["PATH=/bin","LANG=C",
		"GREETING=hi there","AWS_LAMBDA_FUNCTION_NAME=lie","LAMBDA_TASK_ROOT=/lie"]}'
	local_start oci:box
	is "$(says 'pwd; ls /; ls /root /home')" \
		"/srv/x|bin|dev|etc|opt|proc|run|srv|tmp|ls: /root: No such file or directory|ls: /home: No such file or directory|"
	is "$(says 'echo x >/new; echo x >/srv/x/new; echo x >/tmp/new && cat /tmp/new')" \
		"/tmp/command: line 1: can't create /new: Read-only file system|/tmp/command: line 1: can't create /srv/x/new: Read-only file system|x|"
	is "$(says env | tr '|' '\n' | grep -E '^(ARGUMENTS|AWS_LAMBDA_FUNCTION_NAME|GREETING|LAMBDA_TASK_ROOT|LANG|PATH|TZ)=' | LC_ALL=C sort)" \
		"ARGUMENTS=a b
AWS_LAMBDA_FUNCTION_NAME=box
GREETING=hi there
LAMBDA_TASK_ROOT=/var/task
LANG=C
PATH=/bin
TZ=:UTC"
	is "$(says 'stat -c %u:%g:%a /bin/busybox; echo seen >/dev/stdout')" "$(id -u):$(id -g):755|seen|"
	[ "$(id -u)" != 0 ] || is "$(says 'id -u; id -G; ls /proc/1/fd')" \
		"65532|65531|ls: can't open '/proc/1/fd': Permission denied|"
	# names are those of this machine
	is "$(says 'cat /etc/hosts')" "$(tr '\n\t\042\134' '|___' </etc/hosts)"
}

@test "layers: what upper ones take away or replace; links stay inside; no device, no setuid" {
	need jq jq && need curl curl
	own_cache
	mkdir -p a/d a/gone a/opaque b/d b/opaque
	echo 1 >a/d/old && echo 2 >a/gone/x && echo 3 >a/opaque/x && echo 4 >a/file && ln a/file a/hard
	ln -s /d/old a/link && ln -s ../../../../../../etc/hosts a/up && echo s >a/su && chmod 4755 a/su && mkdir a/was
	touch b/.wh.gone b/d/.wh.old b/opaque/.wh..wh..opq b/.wh.file && echo 5 >b/d/new && echo 6 >b/opaque/y
	echo file >b/was && [ "$(id -u)" != 0 ] || mknod a/null c 1 3
	box '{"Cmd":["/run"],"Env":["PATH=/bin"],"User":"0"}' a b
	local_start oci:box
	is "$(says 'cat /d/new /opaque/y /hard /was; ls /d /opaque; stat -c %a /su; ls -d /gone /file /d/old /opaque/x /null')" \
		"5|6|4|file|/d:|new||/opaque:|y|755|$(for f in /gone /file /d/old /opaque/x /null; do
			printf 'ls: %s: No such file or directory|' $f; done)"
	is "$(says 'cat /link; cat /up | wc -c')" "cat: can't open '/link': No such file or directory|$(wc -c </etc/hosts)|"
}

@test "extensions of an image start with its instances" {
	need jq jq && need curl curl
	own_cache
	watcher '#!/bin/sh' >watch
	extension=watch box '{"Cmd":["/run"],"Env":["PATH=/bin"],"User":"65532"}'
	local_start oci:box
	is "$(says 'id -u >/tmp/me')" ""
	is "$(says 'until grep -q xx /tmp/seen; do :; done; echo told')" "told|"
}

@test "an image that listens for HTTP is told by its config" {
	need jq jq && need curl curl
	own_cache
	mkdir -p root/www root/bin && echo page >root/www/page
	printf '#!/bin/sh\necho "$SLSC_TIMEOUT_MS" >/tmp/index.html; cd /tmp; ln -s /www/page .\nexec httpd -f -p "$PORT"\n' \
		>root/serve
	chmod 755 root/serve && ln -s busybox root/bin/httpd && ln -s busybox root/bin/ln
	box '{"Cmd":["/serve"],"Env":["PATH=/bin","PORT=1","SLSC_TIMEOUT_MS=2500"],"User":"1000"}'
	local_start oci:box
	is "$(curl -s "$url/box/page") $(curl -s "$url/box/index.html")" "page 2500"
	local_stop
	box '{"Cmd":["/serve"],"Env":["PATH=/bin"],"User":"1000","ExposedPorts":{"80/tcp":{}}}'
	printf 'project: x\nfunctions:\n  box:\n    runtime: http\n    timeout: 7 s\n    concurrency: 1\n    prewarm: 1\n    sources: [x.c]\n' >slsc.yaml
	local_start oci:box
	# it knows nothing of warm-up, and serves all the same
	wait_for grep -q prewarm:.unhealthy "$T/local.log"
	is "$(curl -s "$url/box/page") $(curl -s "$url/box/index.html")" "page 7000"
	is "$(grep prewarm: "$T/local.log")" "box  prewarm: warming
box  prewarm: unhealthy after 3 probes: GET /health?ready=1: status 404"
}

@test "an image in a registry" {
	need jq jq && need curl curl
	packaged
	registry one
	slsc_run push dist/hello.oci "127.0.0.1:$port/team/greeter:1" --insecure
	is "$status" 0
	mkdir "$T/none" && cd "$T/none"
	local_start --insecure "127.0.0.1:$port/team/greeter:1"
	call greeter '{}'
	is "$out" '{"message":"Hello, world!"}'
	local_stop
	slsc_run local --port 0 --insecure "127.0.0.1:$port/team/nobody:1"
	is "$status" 1
	has "$err" "error: 127.0.0.1:$port/team/nobody:1: "
}

@test "a zip: where it lies, what it may not write, its extensions; scripts" {
	need jq jq && need curl curl && need zip zip
	own_cache
	mkdir -p z/d
	printf '#!%s sh\n' "$(command -v busybox)" >z/bootstrap
	printf 'PATH=%s\n' "$T/w/bin" >>z/bootstrap
	sed 1d "$SLSC_SRC/tests/e2e/support/bootstrap.sh" >>z/bootstrap
	chmod 755 z/bootstrap && echo data >z/d/data && ln -s d/data z/link
	mkdir bin && for c in sh wget sed tr cat id env touch ls pwd grep; do ln -s "$(command -v busybox)" "bin/$c"; done
	mkdir -p z/opt/extensions && watcher "$(head -2 z/bootstrap)" >z/opt/extensions/watcher
	chmod 755 z/opt/extensions/watcher
	(cd z && zip -qry ../Some.Function.zip .)
	local_start ./Some.Function.zip
	name=some-function
	dir=$SLSC_CACHE_DIR/local/$(sha256sum <Some.Function.zip | cut -d' ' -f1)
	is "$(says 'pwd; cat link; env | grep ^LAMBDA_TASK_ROOT=')" "$dir|data|LAMBDA_TASK_ROOT=$dir|"
	[ "$(id -u)" != 0 ] || is "$(says 'echo x >d/data; echo x >/tmp/new && cat /tmp/new')" \
		"/tmp/command: line 1: can't create d/data: Read-only file system|x|"
	is "$(cat "$dir/d/data")" data
	is "$(says 'until grep -q xx /tmp/seen; do :; done; echo told')" "told|"
}

@test "hostile and damaged zips are refused, and leave nothing" {
	own_cache
	hostile() { artifact zip "$1.zip" "$1" && refuses "./$1.zip" "./$1.zip$2" "${3:-}"; }
	hostile names ": /etc/passwd: an absolute path"
	hostile symlink ": out: a symlink that leads out of the zip"
	hostile unzipped ": limit exceeded: it holds more than 262144000 bytes (250 MB)"
	hostile method ": b is neither stored nor deflated"
	hostile encrypted ": bootstrap is encrypted"
	hostile damaged ": bootstrap does not inflate to its size"
	hostile crc ": bootstrap does not match its checksum"
	hostile local-name ": bootstrap has another name in its local header"
	hostile truncated ": not a zip file: it has no end record"
	is "$(find "$SLSC_CACHE_DIR/local" -mindepth 1 -maxdepth 1 ! -name lock ! -name held)" ""
	# what is no hostility: it cannot be started
	hostile bootstrap ": there is no bootstrap in it" "the program of a Lambda zip is the file bootstrap at its root"
	hostile executable ": bootstrap: is not executable" "pack it with its mode 0755"
	hostile dos ": bootstrap: is not executable" "pack it with its mode 0755"
	: >empty.zip && refuses ./empty.zip "./empty.zip: not a zip file: it has no end record"
	python3 - <<-'PY'
	import zipfile
	def make(path, *entries):
	    with zipfile.ZipFile(path, "w") as z:
	        for name, data, mode in entries:
	            info = zipfile.ZipInfo(name)
	            info.external_attr = mode << 16
	            z.writestr(info, data)
	boot = ("bootstrap", b"#!/bin/sh\n", 0o100755)
	make("up.zip", boot, ("d/../../x", b"x", 0o100644))
	# each link by itself stays inside; what one leads to through the other does not
	make("turn.zip", boot, ("d/e/up", b"../..", 0o120777), ("out", b"d/e/up/../secret", 0o120777))
	make("through.zip", boot, ("out", b"/", 0o120777), ("out/tmp/slsc-was-here", b"x", 0o100644))
	make("round.zip", boot, ("a", b"b", 0o120777), ("b", b"a", 0o120777))
	make("pipe.zip", boot, ("pipe", b"", 0o010644))
	make("text.zip", ("bootstrap", b"hello\n", 0o100755))
	make("fine.zip", boot, ("d/f", b"x", 0o100644), ("in", b"d/../d/f", 0o120777), ("nowhere", b"d/g", 0o120777))
	PY
	refuses ./up.zip "./up.zip: d/../../x: a path with '..'"
	refuses ./turn.zip "./turn.zip: out: a symlink that leads out of the zip"
	refuses ./through.zip "./through.zip: out: a symlink that leads out of the zip"
	[ ! -e /tmp/slsc-was-here ]
	refuses ./round.zip "./round.zip: a: a symlink that goes round in circles"
	refuses ./pipe.zip "./pipe.zip: pipe: is neither a file nor a directory nor a symlink"
	refuses ./text.zip "./text.zip: bootstrap: is neither an ELF file nor a script" \
		"a script begins with #! and its interpreter"
	local_start ./fine.zip
}

@test "hostile and damaged images are refused, and leave nothing" {
	own_cache
	# where its layer's digest is: @
	hostile() {
		artifact image "$1.oci" "$1"
		layer=$(jq -r '.manifests[0].digest' "$1.oci/index.json")
		layer=$(jq -r '.layers[0].digest' "$1.oci/blobs/sha256/${layer#*:}")
		refuses "oci:$1.oci" "oci:$1.oci: layer 1 (${layer:0:19}): $2"
	}
	hostile absolute "/etc/passwd: leads out of the image"
	hostile dotdot "app/../../etc/passwd: leads out of the image"
	hostile hardlink "app/shadow: is a hard link to nothing in the image: ../../etc/shadow"
	hostile through "out/passwd: is below a symlink of its own layer, or of one that leads out of the image"
	hostile whiteout "../.wh.etc: takes away what is outside of the image"
	hostile truncated "malformed gzip stream: it is cut short"
	artifact image diff-id.oci diff-id
	slsc_run local --port 0 oci:diff-id.oci
	[[ $err =~ ^error:\ oci:diff-id.oci:\ layer\ 1.*:\ its\ bytes\ are\ not\ those\ that\ the\ config\ names,\ but\ sha256:[0-9a-f]{64}$ ]]
	artifact image wrong-digest.oci wrong-digest
	slsc_run local --port 0 oci:wrong-digest.oci
	is "$status" 1
	[[ $err =~ ^error:\ oci:wrong-digest.oci:\ layer\ 1\ \(sha256: ]]
	is "$(find "$SLSC_CACHE_DIR/local" -mindepth 1 -maxdepth 1 ! -name lock ! -name held)" ""
	what() { artifact image "$1.oci" "$1" && refuses "oci:$1.oci" "oci:$1.oci: $2" "${3:-}"; }
	what windows "is for windows"
	what media "layer 1 is no layer of an image, but application/x-tar"
	what entrypoint-missing "says nothing of what to start" "an image needs an ENTRYPOINT, or a CMD"
	what entrypoint-not-found "/app/helo: its program is not in the image"
	what entrypoint-mode "/app/plain: is not executable" "pack it with its mode 0755"
	what entrypoint-text "/app/text: is neither an ELF file nor a script" "a script begins with #! and its interpreter"
	what hidden "/app/hello: its program is not in the image"
	[ "$(id -u)" != 0 ] || what user-name "USER app:app: the image's etc/passwd has no user 'app'" \
		"add the user in an earlier step, or write a number"
	what arch "/app/hello: is for x86_64, but the image says arm64"
	refuses ./nothing.zip "./nothing.zip: there is no such file" "slsc local takes a zip, oci:DIR[:TAG], \
oci-archive:FILE, docker-archive:FILE or HOST/REPOSITORY[:TAG][@DIGEST]"
	head -c 2000 /dev/zero >zeros.oci.tar
	slsc_run local --port 0 zeros.oci.tar
	is "$status" 1
	has "$err" "error: "
	has "$err" zeros.oci.tar
}

@test "no qemu, no rights: said in one line" {
	need jq jq && need curl curl
	packaged
	mkdir "$T/empty"
	PATH=$T/empty "$SLSC_BIN" local --port 0 oci:dist/hello.oci:arm64 2>"$T/err" && false
	is "$(cat "$T/err")" "error: oci:dist/hello.oci:arm64: its architecture is arm64, and qemu-aarch64-static is not found
hint: apt-get install qemu-user-static"
	# without root an image runs as who one is, and that is told
	need setpriv util-linux
	chmod 755 "$T" "$T/w" "$T/home"
	cmake --install "$SLSC_BUILD" --prefix "$T/usr" >/dev/null
	rm -rf "$T/cache"
	mkdir "$T/cache" && chmod 777 "$T/cache" "$T/w/h"
	cat >"$T/slsc" <<-SH
	#!/bin/sh
	[ "\$(id -u)" != 0 ] || set -- setpriv --reuid 65534 --regid 65534 --clear-groups "$T/usr/bin/slsc" "\$@"
	[ "\$(id -u)" = 0 ] || set -- "$T/usr/bin/slsc" "\$@"
	exec "\$@"
	SH
	chmod 755 "$T/slsc"
	rm -rf .slsc
	SLSC_BIN=$T/slsc local_start dist/hello.oci
	call hello '{}'
	is "$out" '{"message":"Hello, world!"}'
	is "$(grep -c '^warning: images run as you, not as the users that they name: that takes root$' "$T/local.log")" 1
}

@test "cache prune: what is unpacked goes when nobody serves, and is made again" {
	need jq jq && need curl curl
	packaged
	local_start dist/hello-x86_64.zip
	slsc_run cache prune --json
	is "$(jq .local.removed <<<"$out")" 0
	is "$err" "warning: zips and images unpacked for slsc local stay: one is running"
	call hello '{"name":"Ada"}' && is "$out" '{"message":"Hello, Ada!"}'
	local_stop
	# what a killed one has left
	mkdir "$SLSC_CACHE_DIR/local/half.part" "$SLSC_CACHE_DIR/local/gone"
	slsc_run cache prune -n
	has "$out" "would remove 2 directories of slsc local, "
	slsc_run cache prune
	is "$status" 0
	has "$out" "removed 2 directories of slsc local, "
	is "$(find "$SLSC_CACHE_DIR/local" -mindepth 1 -type d)" ""
	local_start dist/hello-x86_64.zip
	call hello '{"name":"Ada"}' && is "$out" '{"message":"Hello, Ada!"}'
}
