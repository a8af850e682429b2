#!/usr/bin/env bats
# slsc init: what a user sees. The templates themselves are built and run in templates.bats.
# shellcheck shell=bash disable=SC2154,SC2030,SC2031,SC2103
load helper

yaml() { # PROJECT
	printf 'project: %s\nfunctions:\n  f:\n    sources: [src/*.c]\n' "$1"
}

# files of the default template
hello=$(find "$SLSC_SRC/templates/hello" -type f | wc -l)

# a small template of our own in tpl/
make_template() {
	mkdir -p tpl/src
	yaml tpl >tpl/slsc.yaml
	echo 'int main(void) { return 0; }' >tpl/src/main.c
}

# the same as a repository, with a tag v1 whose source differs
make_repo() {
	make_template
	git init -q -b main tpl
	git -C tpl add .
	git -C tpl commit -q -m 1
	git -C tpl tag v1
	echo 'int main(void) { return 1; }' >tpl/src/main.c
	git -C tpl commit -q -a -m 2
}

@test "a new directory from the default template" {
	slsc_run init hello
	is "$status" 0
	is "$err" ""
	is "$out" "created hello (template hello): $hello files
next: cd hello && slsc build && slsc package --zip"
	is "$(head -1 hello/slsc.yaml)" "project: hello"
	diff -r "$SLSC_SRC/templates/hello" hello
	no_leftovers .
}

@test "every built-in template is listed and becomes a project whose configuration is right" {
	slsc_run init --list
	is "$status" 0
	is "$err" ""
	[ "$(cut -d' ' -f1 <<<"$out" | tr '\n' ' ')" = "checkout convert events hello http image-multi image-single proxy raw redact thumbnail upload " ]
	has "$out" "hello         A Lambda function in C"
	for t in checkout convert events hello http image-multi image-single proxy raw redact thumbnail upload; do
		slsc_run init "my-$t" --template "$t"
		is "$status" 0
		is "$(grep '^project:' "my-$t/slsc.yaml")" "project: my-$t"
		diff -r -x slsc.yaml "$SLSC_SRC/templates/$t" "my-$t"
	done
}

@test "what comes next is for what calls the functions" {
	slsc_run init a -t http
	is "$(tail -1 <<<"$out")" "next: cd a && slsc build && slsc package --oci"
	slsc_run init b -t raw
	is "$(tail -1 <<<"$out")" "next: cd b && slsc build && slsc package --oci"
	slsc_run init c -t thumbnail
	is "$(tail -1 <<<"$out")" "next: cd c && slsc build && slsc package --zip"
}

@test "--list --json" {
	slsc_run init --list --json
	is "$status" 0
	is "$(jq -c '[.[].name]' <<<"$out")" '["checkout","convert","events","hello","http","image-multi","image-single","proxy","raw","redact","thumbnail","upload"]'
	is "$(jq -r '.[3].description' <<<"$out")" "A Lambda function in C"
	slsc_run init x --list
	is "$status" 2
	is "$err" "error: --list takes no directory and no other option"
}

@test "the current directory, its parent's name, and a name that is given" {
	mkdir "My Project_2"
	cd "My Project_2"
	slsc_run init
	is "$out" "created my-project-2 (template hello): $hello files
next: slsc build && slsc package --zip"
	is "$(head -1 slsc.yaml)" "project: my-project-2"
	cd ..
	slsc_run init a/b/c --name ship
	is "$out" "created a/b/c (template hello): $hello files
next: cd a/b/c && slsc build && slsc package --zip"
	is "$(head -1 a/b/c/slsc.yaml)" "project: ship"
	slsc_run -C a init d
	is "$status" 0
	is "$(head -1 a/d/slsc.yaml)" "project: d"
}

@test "directory names that are no project's name" {
	slsc_run init 日本語
	is "$out" "created 日本語 (template hello): $hello files
next: cd '日本語' && slsc build && slsc package --zip"
	is "$(head -1 日本語/slsc.yaml)" "project: app"
	slsc_run init "Größe 2"
	is "$(head -1 "Größe 2/slsc.yaml")" "project: gr-e-2"
	slsc_run init 2024
	is "$(head -1 2024/slsc.yaml)" 'project: "2024"'
	slsc_run init -- -x
	is "$out" "created -x (template hello): $hello files
next: cd -- -x && slsc build && slsc package --zip"
	slsc_run init y --name Shop
	is "$status" 2
	is "$err" "error: 'Shop' cannot be a project's name
hint: a name has 1 to 64 of a-z, 0-9, - and _, and begins with a letter or digit"
	[ ! -e y ]
}

@test "a directory that is not empty is refused" {
	mkdir x
	echo mine >x/file
	slsc_run init x
	is "$status" 1
	is "$out" ""
	is "$err" "error: 'x' is not empty
hint: use --force to add the template's files; it overwrites nothing"
	is "$(ls -A x)" file
	slsc_run init x/file
	is "$status" 1
	is "$err" "error: 'x/file' is not a directory"
	slsc_run init x --json
	is "$(jq -r .error.code <<<"$err")" exists
}

@test "a repository that was just cloned needs no --force; what its host put there is not overwritten" {
	need git git
	make_template
	git init -q --bare there.git
	git clone -q there.git x 2>/dev/null
	echo mine | tee x/README.md x/LICENSE x/.gitignore >x/.gitattributes
	slsc_run init x --template ./tpl
	is "$status $err" "0 "
	is "$out" "created x (template ./tpl): 2 files
next: cd x && slsc build && slsc package --zip"
	is "$(cat x/README.md x/LICENSE)" "mine
mine"
	# hello has a README.md of its own
	git clone -q there.git y 2>/dev/null
	echo mine >y/README.md
	slsc_run init y
	is "$status $err" "1 error: 'y' has other files where the template has its own: README.md
hint: nothing was written; move them away, or choose another directory"
	is "$(ls -A y)" ".git
README.md"
	rm y/README.md
	cd y
	slsc_run init
	is "$status" 0
	is "$(git status --porcelain -uall | head -1)" "?? .gitignore"
	slsc_run init
	is "$status $err" "1 error: '.' is not empty
hint: use --force to add the template's files; it overwrites nothing"
}

@test "--force adds what is missing, and names every file in the way" {
	make_template
	mkdir -p x/src
	echo mine >x/file
	cp tpl/src/main.c x/src/
	slsc_run init x --force --template ./tpl
	is "$status" 0
	is "$out" "created x (template ./tpl): 1 file, 1 already there
next: cd x && slsc build && slsc package --zip"
	is "$(cat x/file)" mine
	echo mine >x/src/main.c
	echo mine >x/slsc.yaml
	before=$(find x -printf '%p %T@ %s\n' | sort)
	slsc_run init x --force --template ./tpl
	is "$status" 1
	is "$out" ""
	is "$err" "error: 'x' has other files where the template has its own: slsc.yaml, src/main.c
hint: nothing was written; move them away, or choose another directory"
	is "$(find x -printf '%p %T@ %s\n' | sort)" "$before"
}

@test "--dry-run writes nothing" {
	make_template
	slsc_run init x -n --template ./tpl
	is "$status" 0
	is "$out" "would create x (template ./tpl): 2 files
  slsc.yaml
  src/main.c"
	[ ! -e x ]
	no_leftovers .
}

@test "--json" {
	make_template
	slsc_run init x --json --template ./tpl
	is "$out" '{"commit":null,"created":["slsc.yaml","src/main.c"],"dir":"x","kept":[],"name":"x","template":"./tpl"}'
}

@test "templates that do not exist" {
	slsc_run init x --template helo
	is "$status" 1
	is "$err" "error: unknown template 'helo'
hint: did you mean 'hello'?"
	slsc_run init x --template zzzzz
	is "$err" "error: unknown template 'zzzzz'
hint: 'slsc init --list' shows the templates"
	make_template
	slsc_run init x --template tpl
	is "$err" "error: unknown template 'tpl'
hint: for the directory of that name, say './tpl'"
	slsc_run init x --template ../nothing
	is "$err" "error: template '../nothing' does not exist"
	mkdir void
	slsc_run init x --template ./void
	is "$status" 1
	is "$err" "error: ./void: there is no file slsc.yaml in it
hint: a template is a directory with an slsc.yaml"
	slsc_run init a b
	is "$status" 2
	is "$err" "error: slsc init: unexpected argument 'b'
hint: 'slsc init --help' shows what it takes"
	slsc_run init ""
	is "$status" 2
	is "$err" "error: the directory's name is empty"
	[ ! -e x ]
}

@test "a broken template is refused where it is broken" {
	make_template
	echo 'profil: {}' >>tpl/slsc.yaml
	slsc_run init x --template ./tpl
	is "$status" 1
	has "$err" "error: ./tpl/slsc.yaml:5:1: unknown key 'profil'"
	make_template
	ln -s ../../etc/passwd tpl/src/link
	slsc_run init x --template ./tpl
	is "$err" "error: ./tpl: src/link: the symlink leads out of the template"
	rm tpl/src/link
	mkfifo tpl/pipe
	slsc_run init x --template ./tpl
	is "$status" 1
	is "$err" "error: ./tpl: pipe is not a file, a directory or a symlink"
	[ ! -e x ]
	no_leftovers .
}

@test "a path's .git, .slsc and dist stay behind" {
	make_repo
	mkdir tpl/.slsc tpl/dist
	touch tpl/.slsc/a tpl/dist/b
	slsc_run init x --template ./tpl
	is "$status" 0
	is "$(ls -A x)" "slsc.yaml
src"
}

@test "git: the default branch, a ref, an error" {
	make_repo
	slsc_run init x --template "file://$PWD/tpl" --json
	is "$status" 0
	is "$err" ""
	is "$(jq -r .commit <<<"$out")" "$(git -C tpl rev-parse HEAD)"
	is "$(cat x/src/main.c)" "int main(void) { return 1; }"
	is "$(head -1 x/slsc.yaml)" "project: x"
	[ ! -e x/.git ]
	slsc_run init y --template "file://$PWD/tpl#v1"
	is "$out" "created y (template file://$PWD/tpl#v1): 2 files
next: cd y && slsc build && slsc package --zip"
	is "$(cat y/src/main.c)" "int main(void) { return 0; }"
	slsc_run init z -t ./tpl#v1
	is "$status" 0
	is "$(cat z/src/main.c)" "int main(void) { return 0; }"
	slsc_run init q -t "file://$PWD/tpl#v2"
	is "$status" 1
	is "$err" "error: file://$PWD/tpl: no branch, tag or commit 'v2'
hint: did you mean 'v1'?"
	[ ! -e q ]
}

@test "git: a repository that is no template leaves nothing" {
	git init -q -b main r
	echo x >r/x
	git -C r add .
	git -C r commit -q -m 1
	export TMPDIR=$T/tmp
	mkdir "$TMPDIR"
	slsc_run init x -t "file://$PWD/r"
	is "$status" 1
	is "$err" "error: file://$PWD/r: there is no file slsc.yaml in it
hint: a template is a directory with an slsc.yaml"
	is "$(ls -A)" r
	is "$(ls -A "$TMPDIR")" ""
	slsc_run init x -t "http://user:hunter2@127.0.0.1:9/r.git"
	is "$status" 1
	is "$err" "error: http://127.0.0.1:9/r.git: failed to connect to 127.0.0.1: Connection refused"
	is "$(ls -A)" r
	is "$(ls -A "$TMPDIR")" ""
}

@test "git: SIGINT while a server keeps us waiting" {
	export TMPDIR=$T/tmp
	mkdir "$TMPDIR"
	python3 -c '
import socket, sys, time
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
c, _ = s.accept()
print("connected", flush=True)
time.sleep(60)' >port &
	server=$!
	for _ in $(seq 200); do ! grep -q . port || break; sleep 0.02; done
	"$SLSC_BIN" init x -t "git://127.0.0.1:$(head -1 port)/r" >out 2>err &
	pid=$!
	for _ in $(seq 200); do ! grep -q connected port || break; sleep 0.02; done
	sleep 0.1
	# bash starts background jobs with SIGINT ignored; SIGTERM is handled alike
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	kill "$server"
	is "$status" 130
	is "$(cat err)" "error: interrupted"
	[ ! -e x ]
	is "$(ls -A "$TMPDIR")" ""
}

@test "no permission to write" {
	mkdir locked
	chmod 555 locked
	if [ "$(id -u)" -eq 0 ]; then
		need setpriv util-linux
		chmod 755 "$T" "$T/w"
		# the tree of slsc may lie where that user may not look
		cmake --install "$SLSC_BUILD" --prefix "$T/usr" >/dev/null
		SLSC_BIN=$T/usr/bin/slsc
		run=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	else
		run=()
	fi
	status=0
	"${run[@]}" "$SLSC_BIN" init locked/x >"$T/out" 2>"$T/err" || status=$?
	is "$status" 1
	is "$(cat "$T/err")" "error: cannot write in locked: Permission denied
hint: check the owner and mode of the directory"
	[ ! -e locked/x ]
	chmod 755 locked
}

@test "killed at any moment: all or nothing, and the next run sweeps" {
	make_template
	for i in $(seq 200); do echo "int v$i;" >"tpl/src/v$i.c"; done
	for ms in 0 1 2 4 8 16 32; do
		rm -rf x
		"$SLSC_BIN" init x --template ./tpl >/dev/null 2>&1 &
		sleep "0.0$(printf %02d "$ms")"
		kill -KILL $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		[ ! -e x ] || [ "$(find x -type f | wc -l)" -eq 202 ]
	done
	rm -rf x
	slsc_run init x --template ./tpl
	is "$status" 0
	no_leftovers .
}

@test "many at once in one place: each whole, one of them in each directory" {
	make_template
	for i in $(seq 20); do
		"$SLSC_BIN" init "x$((i % 4))" --template ./tpl >"out$i" 2>&1 &
	done
	wait
	is "$(cat out* | grep -c '^created')" 4
	is "$(cat out* | grep -c "^error: 'x[0-3]' ")" 16
	for i in 0 1 2 3; do
		is "$(find "x$i" -type f | sort)" "x$i/slsc.yaml
x$i/src/main.c"
	done
	no_leftovers .
}
