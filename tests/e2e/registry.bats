#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# push, pull, copy, login and logout with Debian's docker-registry, beside skopeo and umoci.
load helper
load package_helper
load registry_helper

# hello: dist/hello.oci, for both architectures, with its tags latest, amd64 and arm64
hello() {
	project && "$SLSC_BIN" -q package --oci --no-build >/dev/null
}

# skopeo_ ARGS: without the configuration of this machine
skopeo_() {
	need skopeo skopeo && skopeo "$@"
}

# users: $T/users knows me, whose password is secret-word
users() {
	need htpasswd apache2-utils || return 1
	printf 'secret-word\n' | htpasswd -niB me >"$T/users"
	basic=$(printf 'auth: {htpasswd: {realm: x, path: %s/users}}' "$T")
}

# authority: $T/ca.crt, and $T/server.{crt,key} by it for 127.0.0.1 and localhost, $T/client.{crt,key}
authority() {
	need openssl openssl || return 1
	(
		cd "$T"
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=test-ca
		for who in server client; do
			openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $who.key -out $who.csr -subj /CN=$who
			openssl x509 -req -in $who.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out $who.crt \
				-extfile <(echo subjectAltName=IP:127.0.0.1,DNS:localhost)
		done
	) 2>"$T/openssl.log" || {
		cat "$T/openssl.log" >&2
		return 1
	}
}

@test "push of an index: what skopeo reads is what was made" {
	hello
	registry plain
	slsc_run push hello "127.0.0.1:$port/team/hello:1.0"
	is "$status" 0
	is "$out" "127.0.0.1:$port/team/hello@$(ref dist/hello.oci latest)"
	[[ $err =~ ^"127.0.0.1:$port/team/hello:1.0: pushed "[45]" of "[45]" blobs, " ]]
	is "$(skopeo_ inspect --raw --tls-verify=false "docker://127.0.0.1:$port/team/hello:1.0" | sha256sum | cut -d' ' -f1)" \
		"$(ref dist/hello.oci latest | cut -d: -f2)"
	skopeo_ copy -q --all --src-tls-verify=false "docker://127.0.0.1:$port/team/hello:1.0" oci:theirs:x
	same_blobs_of_index theirs
	# again: nothing is sent
	slsc_run push hello "localhost:$port/team/hello:1.0"
	is "$status $err" "0 localhost:$port/team/hello:1.0: already there"
	# another tag of the same: the manifest alone
	slsc_run push hello "127.0.0.1:$port/team/hello"
	has "$err" "127.0.0.1:$port/team/hello: pushed 0 of "
	is "$(skopeo_ list-tags --tls-verify=false "docker://127.0.0.1:$port/team/hello" | jq -c '.Tags | sort')" '["1.0","latest"]'
	no_leftovers "$T"
}

# the layout's blobs are those of dist/hello.oci
same_blobs_of_index() {
	local f
	whole "$1" || return 1
	for f in "$1"/blobs/sha256/*; do
		cmp "$f" "dist/hello.oci/blobs/sha256/${f##*/}" || return 1
	done
	is "$(find "$1/blobs" -type f | wc -l)" "$(find dist/hello.oci/blobs -type f | wc -l)"
}

@test "push of one architecture, which Lambda wants; to several places; --image-refs and --json" {
	hello
	registry plain
	slsc_run -q push --arch arm64 hello "127.0.0.1:$port/a:1" "127.0.0.1:$port/b:2" --image-refs refs
	is "$status $err" "0 "
	is "$out" "127.0.0.1:$port/a@$(ref dist/hello.oci arm64)
127.0.0.1:$port/b@$(ref dist/hello.oci arm64)"
	is "$(cat refs)" "$out"
	is "$(skopeo_ inspect --raw --tls-verify=false "docker://127.0.0.1:$port/a:1" | jq -r .mediaType)" application/vnd.oci.image.manifest.v1+json
	slsc_run -q push --arch aarch64 hello "127.0.0.1:$port/a:1" --json
	is "$(jq -c '.images[]|[.ref,.to,.unchanged,.copied,.manifests,.dry_run]' <<<"$out")" \
		"[\"127.0.0.1:$port/a@$(ref dist/hello.oci arm64)\",\"127.0.0.1:$port/a:1\",true,0,1,false]"
}

@test "push --dry-run sends nothing" {
	hello
	registry plain
	slsc_run push -n hello "127.0.0.1:$port/hello:1" --image-refs refs
	is "$status" 0
	has "$err" "127.0.0.1:$port/hello:1: would push "
	is "$out" "127.0.0.1:$port/hello@$(ref dist/hello.oci latest)"
	[ ! -e refs ]
	[ ! -e "$store/docker/registry/v2/repositories/hello" ]
}

@test "what is wrong on the command line" {
	slsc_run push hello localhost:1/x
	is "$status" 1
	is "$err" "error: there is no image of function 'hello': dist/hello.oci does not exist
hint: slsc package --oci hello"
	slsc_run push oci:nowhere localhost:1/x
	is "$status" 1
	layout img t 10
	slsc_run push oci:img oci:other
	is "$status" 2
	is "$err" "error: 'oci:other' is not in a registry
hint: slsc copy writes layouts and archives"
	slsc_run pull oci:img oci:other
	is "$status $err" "2 error: 'oci:img' is not in a registry
hint: slsc copy reads layouts and archives"
	slsc_run pull localhost:1/x localhost:1/y
	is "$status" 2
	slsc_run push oci:img "localhost:1/x@sha256:$(printf '%064d' 0)"
	is "$status" 2
	is "$err" "error: localhost:1/x@sha256:$(printf '%064d' 0): the image is another: $image"
	slsc_run push --key k oci:img localhost:1/x
	is "$status $err" "2 error: --key without --cert
hint: --cert names the certificate that belongs to the key"
	slsc_run login 'a b' -u me
	is "$status" 2
	# each says what would have been right
	slsc_run pull localhost:1/x there
	is "$status $err" "2 error: 'there': names no registry, and there is no file or directory of that name
hint: for an image layout write oci:there; a file is oci-archive:FILE or docker-archive:FILE"
	slsc_run copy oci:img there
	is "$status $err" "2 error: 'there': names no registry, and there is no file or directory of that name
hint: for an image layout write oci:there; a file is oci-archive:FILE or docker-archive:FILE"
	slsc_run push localhost:1/x hello
	is "$status $err" "2 error: 'hello': names no registry, and there is no file or directory of that name
hint: the source comes first: slsc push SOURCE HOST/REPOSITORY[:TAG]"
	slsc_run push oci:img https://localhost:1/x
	is "$status $err" "2 error: 'https://localhost:1/x': a registry is named without a scheme
hint: write HOST/REPOSITORY[:TAG]; plain http is used for this machine only, or with --insecure"
}

@test "a function's name, wherever one stands in its project; a wrong one" {
	project
	mkdir below
	export COSIGN_PASSWORD=word
	slsc sign -q --generate-key below/k >/dev/null
	local line
	local -a words
	for line in "push helo localhost:1/x" "copy helo oci:x" "sign --key k.key helo" "verify-signature --key k.pub helo" \
		"check helo"; do
		read -ra words <<<"$line"
		slsc_run -C below "${words[@]}"
		is "$status $err" "1 error: unknown function 'helo'
hint: did you mean 'hello'?"
	done
	slsc_run push hello localhost:1/x
	is "$status $err" "1 error: there is no image of function 'hello': dist/hello.oci does not exist
hint: slsc package --oci hello"
	slsc package -q --oci --no-build >/dev/null
	registry plain
	cd below
	slsc_run push hello "127.0.0.1:$port/hello"
	is "$status" 0
	is "$out" "127.0.0.1:$port/hello@$(ref ../dist/hello.oci latest)"
	slsc_run copy -q hello oci:copied:latest
	is "$status $out" "0 oci:copied:latest@$(ref ../dist/hello.oci latest)"
	slsc_run -C .. push --arch arm64 hello "127.0.0.1:$port/hello:arm64"
	is "$out" "127.0.0.1:$port/hello@$(ref ../dist/hello.oci arm64)"
}

@test "an image that is not there: what there is in its place" {
	registry plain
	layout img t 10
	slsc_run -q push oci:img "127.0.0.1:$port/team/app:1.10" "127.0.0.1:$port/team/app:main" \
		"127.0.0.1:$port/team/app:sha256-$(printf '%064d' 0).sig"
	is "$status" 0
	slsc_run pull "127.0.0.1:$port/team/app:1.01" oci:x
	is "$status $err" "1 error: 127.0.0.1:$port/team/app:1.01: there is no such image
hint: did you mean '1.10'? there are: 1.10, main"
	slsc_run pull "127.0.0.1:$port/team/app" oci:x
	is "$status $err" "1 error: 127.0.0.1:$port/team/app:latest: there is no such image
hint: there are: 1.10, main"
	slsc_run pull "127.0.0.1:$port/team/ap:main" oci:x
	is "$status $err" "1 error: 127.0.0.1:$port/team/ap:main: there is no such image
hint: 127.0.0.1:$port has no repository 'team/ap', or does not show it to you"
	slsc_run pull "127.0.0.1:$port/team/app@sha256:$(printf '%064d' 0)" oci:x
	is "$status $err" "1 error: 127.0.0.1:$port/team/app@sha256:$(printf '%064d' 0): there is no such image"
	[ ! -e x ]
}

@test "pull of what skopeo pushed, both ways; umoci unpacks it" {
	need umoci umoci
	hello
	registry plain
	skopeo_ copy -q --all --dest-tls-verify=false oci:dist/hello.oci:latest "docker://127.0.0.1:$port/hello:s"
	slsc_run pull "127.0.0.1:$port/hello:s" oci:got
	is "$status" 0
	is "$out" "127.0.0.1:$port/hello@$(ref dist/hello.oci latest)"
	same_blobs_of_index got
	is "$(ref got s)" "$(ref dist/hello.oci latest)"
	# one of them, in a layout that keeps what it has
	slsc_run -q pull --arch x86_64 "127.0.0.1:$port/hello@$(ref dist/hello.oci latest)" oci:got:mine
	is "$status $err" "0 "
	is "$(ref got s)" "$(ref dist/hello.oci latest)"
	is "$(ref got mine)" "$(ref dist/hello.oci amd64)"
	same_blobs_of_index got
	umoci unpack --rootless --image got:mine bundle
	is "$(bundle/rootfs/"$(config got mine | jq -r '.config.Entrypoint[0]')")" "hello from x86_64"
	slsc_run pull -n "127.0.0.1:$port/hello:s" oci:new
	is "$status" 0
	[[ $err =~ ^"oci:new: would pull "([0-9])" of "([0-9])" blobs, " ]]
	is "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
	[ ! -e new ]
	slsc_run pull -n "127.0.0.1:$port/hello:s" oci:got
	has "$err" "oci:got: would pull 0 of "
	slsc_run pull "127.0.0.1:$port/hello:s" oci:got
	is "$status $err" "0 oci:got: already there"
	no_leftovers .
}

@test "a damaged blob of a layout is fetched again; an image replaced takes its blobs with it" {
	registry plain
	layout one t 3000 4000
	layout two t 5000
	slsc_run -q push oci:one "127.0.0.1:$port/x:one"
	slsc_run -q push oci:two "127.0.0.1:$port/x:two"
	slsc_run -q pull "127.0.0.1:$port/x:one" oci:got:t
	same_blobs one got
	printf 'damage' | dd of="$(find got/blobs -size -3 -size +0 -name '*' -type f | head -n 1)" conv=notrunc 2>/dev/null
	slsc_run -q pull "127.0.0.1:$port/x:one" oci:got:t
	is "$status" 0
	same_blobs one got
	slsc_run -q pull "127.0.0.1:$port/x:two" oci:got:t
	same_blobs two got
}

@test "a damaged layout is not pushed" {
	registry plain
	layout img t 3000
	blob=$(find img/blobs -size 6 -type f)
	printf 'damage' | dd of="$blob" conv=notrunc 2>/dev/null
	slsc_run push oci:img "127.0.0.1:$port/x:t"
	is "$status" 1
	has "$err" "error: 127.0.0.1:$port/x: upload of blob sha256:${blob##*/}: oci:img: blob sha256:${blob##*/}: it is damaged: its bytes have the digest sha256:"
	has "$err" "hint: make it again"
	is "$(find "$store" -path '*_manifests/tags*' 2>/dev/null)" ""
	truncate -s 2999 "$blob"
	slsc_run push oci:img "127.0.0.1:$port/x:t"
	is "$status" 1
	is "$err" "error: oci:img: blob sha256:${blob##*/}: it has 2999 bytes, its manifest says 3000
hint: make it again"
}

@test "archives: pulled, read by skopeo, copied on" {
	hello
	registry plain
	slsc_run -q push hello "127.0.0.1:$port/hello:1"
	slsc_run -q pull "127.0.0.1:$port/hello:1" oci-archive:hello.oci.tar
	is "$status $err" "0 "
	is "$(skopeo_ inspect --raw oci-archive:hello.oci.tar | sha256sum | cut -d' ' -f1)" "$(ref dist/hello.oci latest | cut -d: -f2)"
	slsc_run pull "127.0.0.1:$port/hello:1" docker-archive:hello.docker.tar
	is "$status" 2
	is "$err" "error: docker-archive:hello.docker.tar: holds one architecture, the image has several
hint: choose one with --arch, or write an oci-archive:"
	slsc_run -q pull --arch amd64 "127.0.0.1:$port/hello:1" docker-archive:hello.docker.tar
	is "$status $err" "0 "
	skopeo_ copy -q docker-archive:hello.docker.tar oci:back:x
	is "$(config back x | jq -cS .rootfs)" "$(config dist/hello.oci amd64 | jq -cS .rootfs)"
	is "$(skopeo_ inspect docker-archive:hello.docker.tar | jq -r .Architecture)" amd64
	is "$(tar -xOf hello.docker.tar manifest.json | jq -c '.[0].RepoTags')" "[\"127.0.0.1:$port/hello:1\"]"
	no_leftovers "$T"
	is "$(find "$SLSC_CACHE_DIR/transfer" -name "layout.*")" ""
}

@test "copy between registries and repositories: mounted, or by way of a file" {
	hello
	registry one
	local one=127.0.0.1:$port
	registry two
	local two=127.0.0.1:$port
	slsc_run -q push hello "$one/hello:1"
	slsc_run copy "$one/hello:1" "$one/prod/hello:1"
	is "$status" 0
	has "$err" "$one/prod/hello:1: mounted "
	has "$err" "$one/prod/hello:1: copied 0 of "
	is "$out" "$one/prod/hello@$(ref dist/hello.oci latest)"
	slsc_run -q copy "$one/prod/hello:1" "$two/other:2"
	is "$status $err" "0 "
	slsc_run -q copy "$two/other:2" oci:back:latest
	same_blobs_of_index back
	slsc_run -q copy oci:back oci-archive:x.oci.tar
	is "$status $out" "0 oci-archive:x.oci.tar@$(ref dist/hello.oci latest)"
}

@test "a large blob goes in pieces; memory does not grow" {
	need /usr/bin/time time
	registry plain
	layout img t 100000000 1000
	/usr/bin/time -f %M -o "$T/rss" "$SLSC_BIN" -q push oci:img "127.0.0.1:$port/big:t" >"$T/out"
	is "$(cat "$T/out")" "127.0.0.1:$port/big@$image"
	[ "$(cat "$T/rss")" -lt 65536 ]
	/usr/bin/time -f %M -o "$T/rss" "$SLSC_BIN" -q pull "127.0.0.1:$port/big:t" oci:got >"$T/out"
	[ "$(cat "$T/rss")" -lt 65536 ]
	same_blobs img got
}

@test "a password: login, the file it goes to, logout" {
	hello
	users
	registry basic "$basic"
	export DOCKER_CONFIG=$T/docker
	slsc_run push hello "127.0.0.1:$port/hello:1"
	is "$status" 1
	is "$err" "error: 127.0.0.1:$port: it wants a login
hint: slsc login 127.0.0.1:$port"
	is "$(printf wrong | "$SLSC_BIN" login "127.0.0.1:$port" -u me --password-stdin 2>&1)" "error: 127.0.0.1:$port: it refuses this user's name and password
hint: slsc login 127.0.0.1:$port"
	[ ! -e "$DOCKER_CONFIG/config.json" ]
	mkdir "$DOCKER_CONFIG"
	printf '{"HttpHeaders":{"X":"1"},"auths":{"other.example":{"auth":"YTpi"}}}' >"$DOCKER_CONFIG/config.json"
	is "$(printf 'secret-word\n' | "$SLSC_BIN" login "127.0.0.1:$port" -u me --password-stdin 2>&1)" \
		"127.0.0.1:$port: logged in; stored in $DOCKER_CONFIG/config.json"
	is "$(stat -c %a "$DOCKER_CONFIG/config.json")" 600
	is "$(jq -c . "$DOCKER_CONFIG/config.json")" "{\"HttpHeaders\":{\"X\":\"1\"},\"auths\":{\"other.example\":{\"auth\":\"YTpi\"},\"127.0.0.1:$port\":{\"auth\":\"$(printf me:secret-word | base64)\"}}}"
	slsc_run -q push hello "127.0.0.1:$port/hello:1"
	is "$status $err" "0 "
	# skopeo reads what slsc has written, and slsc what skopeo writes
	skopeo_ inspect --authfile "$DOCKER_CONFIG/config.json" --tls-verify=false "docker://127.0.0.1:$port/hello:1" >"$T/out"
	slsc_run logout "127.0.0.1:$port"
	is "$status $err" "0 127.0.0.1:$port: logged out; removed from $DOCKER_CONFIG/config.json"
	is "$(jq -c .auths "$DOCKER_CONFIG/config.json")" '{"other.example":{"auth":"YTpi"}}'
	slsc_run logout "127.0.0.1:$port"
	is "$status $err" "0 127.0.0.1:$port: there was no login in $DOCKER_CONFIG/config.json"
	slsc_run pull "127.0.0.1:$port/hello:1" oci:x
	is "$status" 1
	printf 'secret-word' | skopeo_ login --authfile "$T/podman.json" --tls-verify=false -u me --password-stdin "127.0.0.1:$port"
	REGISTRY_AUTH_FILE=$T/podman.json slsc_run -q pull "127.0.0.1:$port/hello:1" oci:x
	is "$status $err" "0 "
	mkdir -p "$HOME/.config/containers"
	cp "$T/podman.json" "$HOME/.config/containers/auth.json"
	slsc_run -q pull "127.0.0.1:$port/hello:1" oci:y
	is "$status $err" "0 "
	no_leftovers "$T"
}

@test "login asks for what it needs" {
	slsc_run login localhost:1
	is "$status $err" "2 error: say who logs in
hint: slsc login localhost:1 -u USER --password-stdin"
	slsc_run login localhost:1 -u me
	is "$status $err" "2 error: stdin is no terminal to ask for the password on
hint: --password-stdin takes it from stdin: slsc login HOST -u USER --password-stdin < FILE"
	slsc_run login localhost:1 -u me --password-stdin
	is "$status $err" "2 error: stdin: the password is empty"
}

@test "a password is asked for on a terminal, and not shown" {
	users
	registry basic "$basic"
	DOCKER_CONFIG=$T/docker /usr/bin/python3 - "$SLSC_BIN" "127.0.0.1:$port" >"$T/screen" <<-'EOF'
		import os, pty, sys
		pid, fd = pty.fork()
		if pid == 0:
		    os.execv(sys.argv[1], ["slsc", "login", sys.argv[2], "-u", "me"])
		screen = b""
		while b"Password: " not in screen:
		    screen += os.read(fd, 4096)
		os.write(fd, b"secret-word\n")
		try:
		    while True:
		        data = os.read(fd, 4096)
		        if not data:
		            break
		        screen += data
		except OSError:
		    pass
		print(screen.decode())
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	EOF
	has "$(cat "$T/screen")" "127.0.0.1:$port: logged in"
	is "$(grep -c secret-word "$T/screen" || true)" 0
	is "$(jq -r '.auths[].auth' "$T/docker/config.json")" "$(printf me:secret-word | base64)"
}

@test "a credential helper: get, store, erase; what it says stays out of sight" {
	hello
	users
	registry basic "$basic"
	export DOCKER_CONFIG=$T/docker
	mkdir "$DOCKER_CONFIG" "$T/bin"
	cat >"$T/bin/docker-credential-test" <<-'EOF'
		#!/bin/sh
		input=$(cat)
		echo "$1 $input" >>"$HOME/helper.log"
		case $1 in
		get)
			[ -e "$HOME/secret" ] || { echo 'credentials not found in native keychain'; exit 1; }
			printf '{"ServerURL":"%s","Username":"me","Secret":"%s"}' "$input" "$(cat "$HOME/secret")" ;;
		store) printf '%s' "$input" | sed 's/.*"Secret":"\([^"]*\)".*/\1/' | tr -d '\n' >"$HOME/secret" ;;
		erase) rm "$HOME/secret" ;;
		esac
	EOF
	chmod +x "$T/bin/docker-credential-test"
	export PATH=$T/bin:$PATH
	printf '{"credsStore":"test"}' >"$DOCKER_CONFIG/config.json"
	slsc_run push hello "127.0.0.1:$port/hello:1"
	is "$status" 1
	has "$err" "it wants a login"
	is "$(printf secret-word | "$SLSC_BIN" login "127.0.0.1:$port" -u me --password-stdin 2>&1)" "127.0.0.1:$port: logged in; stored in docker-credential-test"
	is "$(cat "$DOCKER_CONFIG/config.json")" '{"credsStore":"test"}'
	slsc_run -q push hello "127.0.0.1:$port/hello:1"
	is "$status $err" "0 "
	is "$(tail -n 1 "$HOME/helper.log")" "get 127.0.0.1:$port"
	slsc_run -q logout "127.0.0.1:$port"
	[ ! -e "$HOME/secret" ]
	printf '{"credHelpers":{"127.0.0.1:%s":"absent"}}' "$port" >"$DOCKER_CONFIG/config.json"
	slsc_run push hello "127.0.0.1:$port/hello:2"
	is "$status" 1
	has "$err" "'docker-credential-absent' is not found on PATH"
	printf '{"auths":' >"$DOCKER_CONFIG/config.json"
	slsc_run push hello "127.0.0.1:$port/hello:2"
	is "$status $err" "1 error: $DOCKER_CONFIG/config.json:1: not a JSON object
hint: mend or remove it, then log in again"
}

@test "tokens: anonymous pull, push with a password, an identity token; all scopes at once" {
	hello
	need openssl openssl
	mkdir "$T/tokens"
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/tokens/key" -out "$T/tokens/crt" -days 2 -subj /CN=tokens 2>"$T/openssl.log"
	/usr/bin/python3 "$BATS_TEST_DIRNAME/support/token_server.py" "$T/tokens" "$T/tokens/key" "$T/tokens/crt" 3>&- &
	pids+=($!)
	await "$T/tokens/port" $!
	registry token "auth: {token: {realm: 'http://127.0.0.1:$(cat "$T/tokens/port")/token', service: x, issuer: tokens, rootcertbundle: $T/tokens/crt}}"
	export DOCKER_CONFIG=$T/docker
	slsc_run push hello "127.0.0.1:$port/hello:1"
	is "$status" 1
	has "$err" "the registry answered 401 Unauthorized: UNAUTHORIZED: authentication required"
	is "$(printf wrong | "$SLSC_BIN" login "127.0.0.1:$port" -u me --password-stdin 2>&1)" \
		"error: 127.0.0.1:$port: its token service 127.0.0.1: it refuses: 401 Unauthorized
hint: check the user's name and password: slsc login 127.0.0.1:$port"
	printf secret-word | "$SLSC_BIN" -q login "127.0.0.1:$port" -u me --password-stdin
	: >"$T/tokens/log"
	slsc_run -q push hello "127.0.0.1:$port/hello:1"
	is "$status $err" "0 "
	is "$(cat "$T/tokens/log")" "GET me repository:hello:pull,push"
	: >"$T/tokens/log"
	slsc_run -q copy "127.0.0.1:$port/hello:1" "127.0.0.1:$port/prod/hello:1"
	is "$status $err" "0 "
	is "$(sort "$T/tokens/log")" "GET me repository:hello:pull
GET me repository:hello:pull repository:prod/hello:pull,push"
	"$SLSC_BIN" -q logout "127.0.0.1:$port"
	: >"$T/tokens/log"
	slsc_run -q pull "127.0.0.1:$port/hello:1" oci:got
	is "$status $err" "0 "
	is "$(cat "$T/tokens/log")" "GET nobody repository:hello:pull"
	printf '{"auths":{"127.0.0.1:%s":{"identitytoken":"secret-identity"}}}' "$port" >"$DOCKER_CONFIG/config.json"
	: >"$T/tokens/log"
	slsc_run -q push hello "127.0.0.1:$port/hello:2"
	is "$status $err" "0 "
	is "$(cat "$T/tokens/log")" "POST identity repository:hello:pull,push"
}

@test "TLS: a certificate authority of one's own, a client's certificate, --insecure" {
	hello
	authority
	registry tls "  tls: {certificate: $T/server.crt, key: $T/server.key}"
	slsc_run push hello "127.0.0.1:$port/hello:1"
	is "$status" 1
	has "$err" "error: 127.0.0.1:$port: its certificate is not trusted: "
	has "$err" "hint: name its certificate authority with --ca-file, or in SSL_CERT_FILE"
	slsc_run -q push --ca-file "$T/ca.crt" hello "127.0.0.1:$port/hello:1"
	is "$status $err" "0 "
	SSL_CERT_FILE=$T/ca.crt slsc_run -q pull "localhost:$port/hello:1" oci:one
	is "$status $err" "0 "
	slsc_run -q pull --insecure "127.0.0.1:$port/hello:1" oci:two
	is "$status $err" "0 "
	mkdir -p "$HOME/.config/containers/certs.d/127.0.0.1:$port"
	cp "$T/ca.crt" "$HOME/.config/containers/certs.d/127.0.0.1:$port/"
	slsc_run -q pull "127.0.0.1:$port/hello:1" oci:three
	is "$status $err" "0 "
	same_blobs_of_index three
	skopeo_ copy -q --all --src-cert-dir "$HOME/.config/containers/certs.d/127.0.0.1:$port" "docker://127.0.0.1:$port/hello:1" oci:theirs:x
	same_blobs_of_index theirs
	slsc_run push --ca-file "$T/users" hello "127.0.0.1:$port/hello:1"
	is "$status" 1
	echo nothing >"$T/nothing"
	slsc_run push --ca-file "$T/nothing" hello "127.0.0.1:$port/hello:1"
	is "$status $err" "1 error: --ca-file: $T/nothing: it holds no certificate in PEM form"

	registry mutual "  tls: {certificate: $T/server.crt, key: $T/server.key, clientcas: [$T/ca.crt]}"
	slsc_run push --ca-file "$T/ca.crt" hello "127.0.0.1:$port/hello:1"
	is "$status" 1
	has "$err" "error: 127.0.0.1:$port: "
	slsc_run -q push --ca-file "$T/ca.crt" --cert "$T/client.crt" --key "$T/client.key" hello "127.0.0.1:$port/hello:1"
	is "$status $err" "0 "
}

@test "plain http is for this machine only" {
	layout img t 10
	slsc_run push oci:img registry.invalid/x:t
	is "$status" 1
	has "$err" "error: registry.invalid/x: HEAD of manifest t: "
	is "$(grep -c 'http:' <<<"$err" || true)" 0
}

@test "killed at any moment, a push is just run again" {
	registry plain
	layout img t 100000000 60000000 1000
	local pid n
	for n in 1 2 3 4 5 6; do
		"$SLSC_BIN" -q push oci:img "127.0.0.1:$port/x:t" >"$T/out" 3>&- &
		pid=$!
		# each time a little later: after so many bytes have reached the store
		while kill -0 $pid 2>/dev/null &&
			[ "$(find "$store" -type f -size +1M 2>/dev/null | wc -l)" -lt $((n / 3)) ] &&
			[ "$(find "$store" -type f 2>/dev/null | wc -l)" -lt $n ]; do :; done
		kill -KILL $pid 2>/dev/null || true
		wait $pid || true
	done
	slsc_run -q push oci:img "127.0.0.1:$port/x:t"
	is "$status $out$err" "0 127.0.0.1:$port/x@$image"
	slsc_run -q pull "127.0.0.1:$port/x:t" oci:got
	same_blobs img got
}

@test "a pull that is killed leaves the layout as it was; run again it ends well" {
	registry plain
	layout old t 1000
	layout img t 100000000 60000000
	slsc_run -q push oci:old "127.0.0.1:$port/x:old"
	slsc_run -q push oci:img "127.0.0.1:$port/x:t"
	slsc_run -q pull "127.0.0.1:$port/x:old" oci:got:t
	cp got/index.json "$T/before"
	"$SLSC_BIN" -q pull "127.0.0.1:$port/x:t" oci:got:t >"$T/out" 3>&- &
	local pid=$!
	while kill -0 $pid 2>/dev/null && [ -z "$(find "/proc/$pid/fd" -lname '*/blobs/sha256/*' 2>/dev/null)" ]; do :; done
	kill -KILL $pid 2>/dev/null || true
	wait $pid || true
	cmp got/index.json "$T/before"
	slsc_run -q copy oci:got:t oci:check
	is "$status" 0
	slsc_run -q pull "127.0.0.1:$port/x:t" oci:got:t
	is "$status $err" "0 "
	same_blobs img got
}
