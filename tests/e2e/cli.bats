#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The command line itself: dispatch, messages, exit codes, help, completions, man pages.
# shellcheck disable=SC2154,SC2016

load helper

project() {
	mkdir -p "${1:-.}"
	cat >"${1:-.}/slsc.yaml" <<-'EOF'
		project: demo
		profiles:
		  tiny:
		    extends: small
		functions:
		  hello:
		    sources: [hello.c]
		  hook:
		    sources: [hook.c]
	EOF
}

# lacks FILE REGEX
lacks() {
	if grep -E -- "$2" "$1" >&2; then return 1; fi
}

# complete_bash WORDS...: what bash offers for the last word
complete_bash() {
	bash --norc -c 'source <("$1" completion bash); shift
		COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _slsc; echo "${COMPREPLY[*]}"' \
		- "$SLSC_BIN" slsc "$@"
}

# complete_fish LINE: what fish offers, without the descriptions
complete_fish() {
	"$SLSC_BIN" completion fish >"$T/slsc.fish"
	fish --no-config -c "source $T/slsc.fish; complete -C \$argv[1]" "$1" | cut -f1 | tr '\n' ' '
}

complete_zsh() {
	mkdir -p "$T/zsh"
	"$SLSC_BIN" completion zsh >"$T/zsh/_slsc"
	TERM=xterm zsh -f "$BATS_TEST_DIRNAME/support/complete.zsh" "$T/zsh" "$1" | tr '\n' ' '
}

@test "alone: the commands on stderr, exit 2" {
	slsc_run
	is "$status" 2
	is "$out" ""
	has "$err" "usage: slsc [OPTION...] COMMAND [ARGUMENT...]"
	has "$err" "  build       "
	is "$(tail -n 1 "$T/err")" "error: no command given"
}

@test "help: the commands by group and the main job in five lines" {
	slsc_run --help
	is "$status" 0
	is "$err" ""
	has "$out" "the main job:
  \$ slsc init hello && cd hello   a project with one function and an slsc.yaml
  \$ slsc doctor                   which toolchains work here, and what is missing
  \$ slsc build                    static, verified binaries for every arch
  \$ slsc package --zip            Lambda zips, in dist/
  \$ slsc package --oci            OCI images, in dist/
"
	lacks "$T/out" ' _'
	local all=$out
	slsc_run help
	is "$out" "$all"
	slsc_run -h
	is "$out" "$all"
}

@test "help of a command: three ways to the same text" {
	slsc_run version --help
	is "$status" 0
	is "$err" ""
	is "$out" "usage: slsc version [OPTION...]

Print the version, and those of the libraries it was built with

everywhere:
      --json                     print results, and an error, as JSON
  -C, --directory=DIR            run as if started in DIR
  -v, --verbose                  say more; twice for even more
  -q, --quiet                    only results, warnings and errors
      --color=auto|always|never  colour in messages
      --progress=auto|always|never
                                 progress of long work
  -h, --help                     show this help

examples:
  \$ slsc version
  \$ slsc version --json | jq -r .version"
	local all=$out
	slsc_run help version
	is "$out" "$all"
	slsc_run version -h --bogus
	is "$out" "$all"
}

@test "help --json: every command and option, from the tables" {
	slsc_run help --json
	[ "$status" -eq 0 ]
	local all=$out
	is "$(jq -r '.commands[].name' <<<"$all" | sort)" \
		"$(slsc help | sed -n 's/^  \([a-z-]*\)   *[A-Z].*/slsc \1/p' | sort)"
	is "$(jq -r '.commands[] | select(.name == "slsc config") | .commands[].name' <<<"$all")" "slsc config check
slsc config show
slsc config schema"
	is "$(jq -c '.commands[] | select(.name == "slsc package") | .options[] | select(.long == "--level")' <<<"$all")" \
		'{"argument":"LEVEL","choices":["fast","default","max"],"help":"how hard to compress: fast, default or max","long":"--level","repeatable":false,"short":null}'
	is "$(jq -c '.commands[] | select(.name == "slsc package") | .options[] | select(.long == "--arch") | [.short, .repeatable]' <<<"$all")" \
		'["-a",true]'
	is "$(jq -r '.. | .name? // empty | select(test("_"))' <<<"$all")" ""
	# one command alone: the same object
	slsc_run help --json config show
	is "$(jq -S . <<<"$out")" "$(jq -S '.commands[] | .commands[] | select(.name == "slsc config show")' <<<"$all")"
	slsc_run help --json --generate x
	is "$status" 2
	is "$err" '{"error":{"code":"usage","message":"help: --generate and --json exclude each other","hint":null,"file":null,"line":null,"column":null}}'
}

@test "help of what is not there" {
	slsc_run help biuld
	is "$status" 2
	is "$err" "error: unknown command 'biuld'
hint: did you mean 'build'?"
	slsc_run help version more
	is "$status" 2
	is "$err" "error: slsc version has no command 'more'"
	slsc_run help config shwo
	is "$err" "error: slsc config: 'shwo' is not one of check, show, schema
hint: did you mean 'show'?"
	slsc_run help --generate x build
	is "$err" "error: help: --generate takes no command"
}

@test "help: every command has one, no line wider than the terminal" {
	local c
	for c in $(complete_bash ''); do
		slsc_run "$c" --help
		is "$status" 0
		is "$err" ""
		has "$out" "usage: slsc $c [OPTION...]"
		# 80 columns when there is no terminal; examples stand as they are
		is "$(grep -v '^  \$' "$T/out" | awk 'length > 80')" ""
	done
}

@test "help: every command, and each of a command's own, shows an example" {
	need jq jq
	slsc_run help --json
	is "$(jq -r '.commands[] | (., .commands[]?) | select((.examples // "") | test("slsc ") | not) | .name' <<<"$out")" ""
	has "$(slsc base --help)" '  $ slsc base update -n '
}

@test "unknown command" {
	slsc_run biuld
	is "$status" 2
	is "$out" ""
	is "$err" "error: unknown command 'biuld'
hint: did you mean 'build'?"
	slsc_run xyzzy
	is "$err" "error: unknown command 'xyzzy'
hint: 'slsc --help' lists the commands"
	slsc_run ''
	is "$status" 2
	is "$err" "error: unknown command ''
hint: 'slsc --help' lists the commands"
}

@test "unknown option, wrong value, wrong number of arguments" {
	slsc_run build --arhc arm64
	is "$status" 2
	is "$err" "error: unknown option '--arhc'
hint: did you mean '--arch'?"
	slsc_run version --colo=never
	is "$err" "error: unknown option '--colo'
hint: did you mean '--color'?"
	slsc_run version --color=alway
	is "$err" "error: --color: 'alway' is not one of auto, always, never
hint: did you mean 'always'?"
	slsc_run version -C
	is "$err" "error: --directory needs a value
hint: write --directory=DIR"
	slsc_run version now
	is "$err" "error: slsc version: unexpected argument 'now'
hint: 'slsc version --help' shows what it takes"
	slsc_run completion
	is "$err" "error: slsc completion: missing argument bash|zsh|fish
hint: usage: slsc completion bash|zsh|fish"
	slsc_run completion tcsh
	is "$status" 2
	is "$err" "error: completion: 'tcsh' is not one of bash, zsh, fish"
	slsc_run -n version
	is "$status" 2
	is "$err" "error: slsc version takes no --dry-run
hint: 'slsc version --help' lists the options"
	slsc_run config
	is "$status" 2
	is "$err" "error: slsc config: say which: check, show, schema
hint: 'slsc config --help' says what each does"
	slsc_run config chekc
	is "$status" 2
	is "$err" "error: slsc config: 'chekc' is not one of check, show, schema
hint: did you mean 'check'?"
}

@test "version: text, JSON, and no library loaded for it" {
	slsc_run version
	is "$status" 0
	is "$err" ""
	is "$(head -n 1 "$T/out")" "slsc $(sed -n 's/^project(slsc VERSION \([0-9.]*\).*/\1/p' "$SLSC_SRC/CMakeLists.txt")"
	has "$out" "
  libdeflate 1."
	local first
	first=$(head -n 1 "$T/out")
	slsc_run version --json
	is "$status" 0
	is "slsc $(jq -r .version "$T/out")" "$first"
	is "$(jq -r '.libraries | [has("jansson", "libcrypto", "libdeflate", "libelf", "libgit2", "libyaml", "libzstd")] | all' \
		"$T/out")" true
	slsc_run --version
	is "$(head -n 1 "$T/out")" "$first"
	slsc_run --version --json
	is "slsc $(jq -r .version "$T/out")" "$first"
	LD_DEBUG=files "$SLSC_BIN" version >"$T/ld" 2>&1
	has "$(cat "$T/ld")" libc.so.6
	lacks "$T/ld" 'lib(git2|crypto|archive|curl|ssl)\.so'
}

@test "--json: the error is one JSON line on stderr, stdout stays clean" {
	slsc_run config check --json
	is "$status" 1
	is "$out" ""
	is "$(wc -l <"$T/err")" 1
	is "$(jq -r '.error.code' "$T/err")" notfound
	is "$(jq -r '.error | keys_unsorted | join(" ")' "$T/err")" "code message hint file line column"
	printf 'project: demo\nfunctions:\n  hello:\n    sorces: [x.c]\n' >slsc.yaml
	slsc_run --json config check
	is "$status" 1
	is "$out" ""
	is "$(jq -c '.error | [.code, .file, .line, .column]' "$T/err")" '["config","slsc.yaml",4,5]'
	# also when the command line itself is wrong, wherever --json stands
	slsc_run version --bogus --json
	is "$status" 2
	is "$err" '{"error":{"code":"usage","message":"unknown option '"'--bogus'"'","hint":"'"'slsc version --help'"' lists the options","file":null,"line":null,"column":null}}'
	slsc_run biuld --json
	is "$(jq -r .error.hint "$T/err")" "did you mean 'build'?"
	slsc_run version --bogus -- --json
	is "$(head -n 1 "$T/err")" "error: unknown option '--bogus'"
}

@test "-C: before or after the command" {
	project sub
	touch sub/hello.c sub/hook.c
	slsc_run -C sub _complete functions
	is "$out" "hello
hook"
	slsc_run _complete -C sub functions
	is "$out" "hello
hook"
	slsc_run _complete --directory=sub functions
	is "$out" "hello
hook"
	slsc_run -C nowhere version
	is "$status" 1
	is "$out" ""
	is "$err" "error: -C nowhere: No such file or directory"
	slsc_run -C sub/slsc.yaml version
	is "$status" 1
	is "$err" "error: -C sub/slsc.yaml: Not a directory"
}

@test "colour: NO_COLOR and --color" {
	local red=$'\033[1;31merror:\033[m'
	slsc_run --color=always biuld
	has "$err" "$red unknown command"
	slsc_run --color=never biuld
	is "$(head -n 1 "$T/err")" "error: unknown command 'biuld'"
	# on a terminal
	unset NO_COLOR
	TERM=xterm script -qec "'$SLSC_BIN' biuld" /dev/null >"$T/tty" || true
	has "$(cat "$T/tty")" "$red"
	NO_COLOR=1 TERM=xterm script -qec "'$SLSC_BIN' biuld" /dev/null >"$T/tty" || true
	has "$(cat "$T/tty")" "error: unknown command"
	lacks "$T/tty" $'\033'
	TERM=dumb script -qec "'$SLSC_BIN' biuld" /dev/null >"$T/tty" || true
	lacks "$T/tty" $'\033'
}

@test "what a name says does not reach the terminal as control characters" {
	slsc_run $'bu\033[2Jild'
	is "$status" 2
	is "$(head -n 1 "$T/err")" "error: unknown command 'bu?[2Jild'"
}

@test "stdout full, closed, or without a reader" {
	status=0
	"$SLSC_BIN" version >/dev/full 2>"$T/err" || status=$?
	is "$status" 1
	is "$(head -n 1 "$T/err")" "error: cannot write standard output: No space left on device"
	status=0
	"$SLSC_BIN" version >&- 2>"$T/err" || status=$?
	is "$status" 1
	is "$(cat "$T/err")" "error: cannot write standard output: Bad file descriptor"
	# by SIGPIPE and without a word, as filters end
	mkfifo "$T/pipe"
	(exec 3<"$T/pipe"; exec 3<&-) &
	status=0
	(sleep 0.2; exec "$SLSC_BIN" version) >"$T/pipe" 2>"$T/err" || status=$?
	wait
	is "$status" 141
	is "$(cat "$T/err")" ""
}

@test "closed standard descriptors are not given to files" {
	status=0
	"$SLSC_BIN" help --generate gen >&- 2>&- <&- || status=$?
	is "$status" 0
	"$SLSC_BIN" help --generate again
	diff -r gen again
}

@test "the terminal's width is used" {
	script -qec "stty cols 50; '$SLSC_BIN' help version" /dev/null </dev/null | tr -d '\r' >"$T/narrow"
	is "$(awk 'length > 50' "$T/narrow" | grep -v '^  \$')" ""
	has "$(cat "$T/narrow")" "      --json
        print results, and an error, as JSON"
}

@test "_complete: names for the shells, and silence when something is wrong" {
	slsc_run _complete functions
	is "$status" 0
	is "$out$err" ""
	project
	slsc_run _complete functions
	is "$out" "hello
hook"
	slsc_run _complete profiles
	has "$out" "tiny"
	slsc_run _complete arches
	is "$out" "x86_64
arm64"
	slsc_run _complete templates
	has "$out" "hello"
	slsc_run _complete toolchains
	has "$out" "musl"
	slsc_run _complete bases
	is "$out" "base-debian12
cc-debian12
scratch
static-debian12
static"
	slsc_run _complete rules
	is "$out" "$(slsc check --list-rules --json | jq -r '.[].id')"
	slsc_run _complete nonsense
	is "$status" 0
	is "$out$err" ""
	echo 'broken: [' >slsc.yaml
	slsc_run _complete functions
	is "$status" 0
	is "$out$err" ""
}

@test "completion: bash" {
	"$SLSC_BIN" completion bash >"$T/c"
	bash -n "$T/c"
	project
	is "$(complete_bash bui)" "build"
	is "$(complete_bash _)" ""
	is "$(complete_bash build ho)" "hook"
	is "$(complete_bash build --arch arm64,x)" "arm64,x86_64"
	is "$(complete_bash build --profile = t)" "tiny"
	is "$(complete_bash build --prog)" "--progress"
	is "$(complete_bash --color =)" "auto always never"
	is "$(complete_bash --color = ne)" "never"
	is "$(complete_bash -v --color never config s)" "show schema"
	is "$(complete_bash config check --j)" "--json"
	is "$(complete_bash help conf)" "config"
	is "$(complete_bash completion '')" "bash zsh fish"
	is "$(complete_bash base build sta)" "static-debian12 static"
	is "$(complete_bash package --base scr)" "scratch"
	is "$(complete_bash check --ignore user-r)" "user-root"
	mkdir other && project other
	cd /
	is "$(complete_bash -C "$T/w/other" build he)" "hello"
	cd "$T/w"
	# whatever a name may be, it is not run
	mkdir "$T/bin"
	printf '#!/bin/sh\necho '"'"'$(touch owned)'"'"'\n' >"$T/bin/slsc"
	chmod +x "$T/bin/slsc"
	is "$(PATH=$T/bin:$PATH complete_bash build '')" '$(touch owned)'
	[ ! -e owned ]
}

@test "completion: fish" {
	need fish fish
	"$SLSC_BIN" completion fish >"$T/c"
	fish -n "$T/c"
	project
	is "$(complete_fish 'slsc bui')" "build "
	is "$(complete_fish 'slsc build h')" "hello hook "
	is "$(complete_fish 'slsc build --arch arm64,x')" "arm64,x86_64 "
	is "$(complete_fish 'slsc build --profile ti')" "tiny "
	is "$(complete_fish 'slsc --color=never config s')" "schema show "
	is "$(complete_fish 'slsc help conf')" "config "
	is "$(complete_fish 'slsc completion ')" "bash fish zsh "
	is "$(complete_fish 'slsc base show cc')" "cc-debian12 "
	is "$(complete_fish 'slsc check --ignore user-r')" "user-root "
	project other
	cd /
	is "$(complete_fish "slsc -C $T/w/other build he")" "hello "
}

@test "completion: zsh" {
	need zsh zsh
	"$SLSC_BIN" completion zsh >"$T/c"
	zsh -n "$T/c"
	project
	is "$(complete_zsh 'slsc bui')" "build "
	is "$(complete_zsh 'slsc build h')" "hello hook "
	is "$(complete_zsh 'slsc build --arch=arm64,')" "--arch=arm64,x86_64 "
	is "$(complete_zsh 'slsc build --profile ti')" "tiny "
	is "$(complete_zsh 'slsc --color never config s')" "schema show "
	is "$(complete_zsh 'slsc help conf')" "config "
	is "$(complete_zsh 'slsc completion ')" "bash fish zsh "
	is "$(complete_zsh 'slsc base show cc')" "cc-debian12 "
	is "$(complete_zsh 'slsc check --ignore user-r')" "user-root "
	project other
	cd /
	is "$(complete_zsh "slsc -C $T/w/other build he")" "hello "
}

@test "help --generate: the same bytes each time, a man page for each command, valid roff" {
	need groff groff-base
	need man man-db
	slsc_run help --generate one
	is "$status" 0
	is "$out$err" ""
	TZ=America/Lima LC_ALL=C COLUMNS=40 "$SLSC_BIN" help --generate two
	diff -r one two
	is "$(cd one/completions && echo *)" "_slsc slsc.bash slsc.fish"
	local c page
	for c in $(complete_bash ''); do
		[ -f "one/man/slsc-$c.1" ]
	done
	for page in one/man/*.1; do
		is "$(groff -man -Tutf8 -ww -rLL=78n -z "$page" 2>&1)" ""
		is "$(LC_ALL=C.UTF-8 man --warnings -l "$page" 2>&1 >/dev/null)" ""
		has "$(man -P cat -l "$page")" "NAME"
	done
	is "$("$SLSC_BIN" completion bash | cmp - one/completions/slsc.bash)" ""
	slsc_run help --generate /proc/nowhere
	is "$status" 1
}
