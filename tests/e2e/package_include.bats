#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc package: what an include brings, and what it must not.
load helper
load package_helper

# include LIST: the project with these includes, line 9 being the first
include() {
	project "package:
  zip:
    include:
$1"
}

names() { unzip -Z1 "${1:-dist/hello-x86_64.zip}" | LC_ALL=C sort | tr '\n' ' '; }

# refused MESSAGE HINT
refused() {
	slsc_run package --zip --no-build
	[ "$status" -eq 1 ] && is "$err" "error: $1
hint: $2" && [ ! -e dist/hello-x86_64.zip ]
}

@test "slsc's own output is left out of what a glob or a directory brings" {
	need unzip unzip && need git git
	mkdir -p web/dist web/.slsc && echo a >web/a && echo b >web/dist/b && echo c >web/.slsc/c
	git init -q && git init -q web/sub
	echo "[\"$PWD\"]" >compile_commands.json
	include "      - from: '**'"
	for how in "'**', to: ./" "., to: all/" "web, to: web/" "'*', to: x/"; do
		sed -i "s|^      - .*|      - {from: $how}|" slsc.yaml
		rm -rf dist
		slsc_run package --zip --oci --no-build
		is "$err" ""
		[ "$status" -eq 0 ]
		cp dist/hello-x86_64.zip one.zip.keep && mv one.zip.keep "$T/one.zip"
		slsc_run package --zip --oci --docker-archive --no-build
		cmp "$T/one.zip" dist/hello-x86_64.zip
		case $how in
		"'**'"*) is "$(names)" "bootstrap slsc.yaml src/ src/x.c web/ web/a web/dist/ web/dist/b " ;;
		.*) is "$(names)" "all/ all/slsc.yaml all/src/ all/src/x.c all/web/ all/web/.slsc/ all/web/.slsc/c all/web/a all/web/dist/ all/web/dist/b all/web/sub/ bootstrap " ;;
		web*) is "$(names)" "bootstrap web/ web/web/ web/web/.slsc/ web/web/.slsc/c web/web/a web/web/dist/ web/web/dist/b web/web/sub/ " ;;
		*) is "$(names)" "bootstrap x/ x/slsc.yaml " ;;
		esac
	done
}

@test "the directory of --output is left out too, even if it is the project" {
	need unzip unzip
	include "      - {from: ., to: all/}"
	for dir in out . src/../out "$T/w/out"; do
		slsc_run package --zip --oci --docker-archive --no-build -o "$dir"
		[ "$status" -eq 0 ]
		cp "$dir/hello-x86_64.zip" "$T/one.zip"
		slsc_run package --zip --no-build -o "$dir"
		cmp "$T/one.zip" "$dir/hello-x86_64.zip"
		is "$(names "$dir/hello-x86_64.zip")" "all/ all/slsc.yaml all/src/ all/src/x.c bootstrap "
		rm -rf "$dir"/hello* out manifest.json
	done
}

@test "what slsc or git writes cannot be named" {
	mkdir -p dist .git && echo x >dist/x && echo y >.git/y && echo '[]' >compile_commands.json && ln -s dist other
	include '      - from: src'
	hint="include the files that it is made from, or a command's output in another directory"
	for from in dist dist/x compile_commands.json .slsc/release/x86_64/hello .git; do
		sed -i "s|^      - .*|      - from: $from|" slsc.yaml
		refused "slsc.yaml:9:15: '$from' is what slsc or git itself writes" "$hint"
	done
	sed -i "s|^      - .*|      - from: 'dist/*'|" slsc.yaml
	refused "slsc.yaml:9:15: 'dist' is what slsc or git itself writes" "$hint"
	# by a symlink, or as all that a pattern matches
	for from in other/x '*.json'; do
		sed -i "s|^      - .*|      - from: '$from'|" slsc.yaml
		refused "slsc.yaml:9:15: '$from' is what slsc or git itself writes" "$hint"
	done
}

@test "an include does not leave the project, nor a symlink the package" {
	mkdir -p "$T/outside" k in && echo s >"$T/outside/secret" && ln -s "$T/outside" k/link && echo i >in/i && ln -s ../in k/in
	include '      - from: src'
	for from in k/link/secret 'k/link/**' 'k/*/s*'; do
		sed -i "s|^      - .*|      - from: '$from'|" slsc.yaml
		refused "slsc.yaml:9:15: 'k/link/secret' is outside the project: a symlink leads to $T/outside" \
			"copy into the project what is to be packaged"
	done
	hint="include less, or put what it points to in its place"
	sed -i "s|^      - .*|      - from: k|" slsc.yaml
	refused "slsc.yaml:9:15: symlink 'k/link' leads out of the package, to '$T/outside'" "$hint"
	rm k/link && ln -s ../../x k/up
	refused "slsc.yaml:9:15: symlink 'k/up' leads out of the package, to '../../x'" "$hint"
	rm k/up
	# what stays inside is kept as it is, also where a pattern matches it
	ln -s i in/l && ln -s in top
	printf '      - {from: "in/*", to: k/sub/}\n      - from: in\n      - from: top\n      - {from: k/in/i, to: t}\n' >>slsc.yaml
	slsc_run package --zip --no-build
	is "$err" ""
	is "$(unzip -Z dist/hello-x86_64.zip | awk '/^[-dl]/ { print substr($1, 1, 1) $NF }' | LC_ALL=C sort | tr '\n' ' ')" \
		"-bootstrap -in/i -k/sub/i -t din/ dk/ dk/sub/ lin/l lk/in lk/sub/l ltop "
}

@test "clashes and odd files are located, with paths of the project" {
	mkdir -p a b && echo 1 >a/f && echo 2 >b/f && echo 3 >bootstrap
	hint="remove one of them, or choose another place with 'to'"
	include "      - {from: a/f, to: x}
      - {from: b/f, to: x}"
	refused "slsc.yaml:10:16: 'b/f' and 'a/f' of line 9 both become 'x'" "$hint"
	sed -i "s|^      - {from: b/f.*|      - {from: b, to: x/f}|" slsc.yaml
	refused "slsc.yaml:10:16: 'b' and 'a/f' of line 9 clash: in the package, 'x' is no directory" "$hint"
	sed -i -e "s|^      - {from: b.*|      - {from: 'a/*'}|" -e "s|^      - {from: a/f.*|      - {from: a}|" slsc.yaml
	refused "slsc.yaml:10:16: 'a/f' is included twice: line 9 does it already" "$hint"
	sed -i -e "/'a/d" -e "s|^      - .*|      - from: 'boot*'|" slsc.yaml
	refused "slsc.yaml:9:15: 'bootstrap' would take the place of bootstrap, the function's binary" \
		"choose another place with 'to'"
	sed -i -e "s|^      - .*|      - from: a|" slsc.yaml
	mkfifo a/pipe
	refused "slsc.yaml:9:15: 'a/pipe' is no file, directory or symlink" "remove it, or include less"
	rm a/pipe && touch a/$'caf\xe9'
	refused "slsc.yaml:9:15: a/caf\\xe9: a path in an archive may not hold bytes that are not UTF-8" \
		"rename it, or include less"
	rm a/caf* && ln -s $'caf\xe9' a/l
	refused "slsc.yaml:9:15: the target of symlink 'a/l' is not UTF-8" "rename what it points to, or include less"
}
