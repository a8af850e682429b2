# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# What every end-to-end test starts from: a private directory as cwd and HOME, a foreign TZ, no
# configuration of the machine's user. The toolchains' sysroots come from one cache for all tests.

if [ -z "${SLSC_BIN:-}" ]; then
	SLSC_SRC=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	SLSC_BUILD=${SLSC_BUILD:-$SLSC_SRC/build/dev}
	SLSC_BIN=$SLSC_BUILD/bin/slsc
fi

setup() {
	T=$(mktemp -d "${TMPDIR:-/tmp}/slsc-test.XXXXXX")
	mkdir "$T/home" "$T/w"
	export HOME=$T/home TZ=Pacific/Chatham LC_ALL=C.UTF-8 NO_COLOR=1
	export XDG_CACHE_HOME=$T/home/.cache SLSC_CACHE_DIR=${SLSC_TEST_CACHE:-$SLSC_BUILD/test-cache}
	export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.com
	export GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.com
	export PATH=${SLSC_BIN%/*}:$PATH
	unset SOURCE_DATE_EPOCH CC CFLAGS LDFLAGS
	cd "$T/w" || return 1
}

# commands that end what a test has started
at_end=()

teardown() {
	local end
	cd / || return 1
	for end in "${at_end[@]}"; do
		"$end"
	done
	[ -z "${T:-}" ] || rm -rf "$T"
}

# a port that nobody listens on; not of those that the kernel gives to who asks for any
free_port() {
	local try
	while :; do
		try=$((10000 + SRANDOM % 20000))
		(exec 9<>"/dev/tcp/127.0.0.1/$try") 2>/dev/null || break
	done
	echo $try
}

# kept NAME COMMAND...: into a directory that COMMAND, run in it when it is empty, has filled for the first test of the file
# to ask. Each test gets a copy at the same path, which the commands of a build contain: nothing is compiled twice.
kept() {
	local at=$BATS_FILE_TMPDIR/w saved=$BATS_FILE_TMPDIR/kept.$1
	shift
	cd / && rm -rf "$at" || return 1
	if [ ! -d "$saved" ]; then
		mkdir "$at" && cd "$at" && "$@" && cp -a "$at" "$saved" || return 1
	else
		cp -a "$saved" "$at" && cd "$at" || return 1
	fi
}

# slsc_run ARGS...: runs slsc; sets $status, $out (stdout), $err (stderr)
slsc_run() {
	status=0
	"$SLSC_BIN" "$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
	out=$(cat "$T/out")
	err=$(cat "$T/err")
}

# is WHAT EXPECTED: exact comparison, shown when it fails
is() {
	[ "$1" = "$2" ] && return 0
	printf 'expected:\n%s\ngot:\n%s\n' "$2" "$1" >&2
	return 1
}

# has TEXT PART
has() {
	case $1 in
	*"$2"*) return 0 ;;
	esac
	printf 'expected to find:\n%s\nin:\n%s\n' "$2" "$1" >&2
	return 1
}

# npm_ci NAME: npm's packages that tests/e2e/NAME/package-lock.json pins, once for all tests; sets $npm, their directory
npm_ci() {
	local want
	need node nodejs && need npm npm || return 1
	npm=${SLSC_TEST_CACHE:-$SLSC_BUILD/test-cache}/$1
	mkdir -p "$npm"
	(
		flock 9
		want=$(cat "$BATS_TEST_DIRNAME/$1"/*.json)
		[ "$(cat "$npm/stamp" 2>/dev/null)" != "$want" ] || exit 0
		cp "$BATS_TEST_DIRNAME/$1"/*.json "$npm/"
		# the bytes are pinned by the lock file: whoever delivers them will do
		(cd "$npm" && npm ci --ignore-scripts --no-audit --no-fund --strict-ssl=false --loglevel=error >/dev/null) ||
			exit 1
		printf '%s\n' "$want" >"$npm/stamp"
	) 9>"$npm/lock"
}

# need TOOL PACKAGE: a test whose tool is absent fails, and names the package
need() {
	command -v "$1" >/dev/null 2>&1 && return 0
	echo "$1 is missing: apt-get install $2" >&2
	return 1
}

# no_leftovers DIR: no temporary file of ours anywhere below
no_leftovers() {
	local left
	left=$(find "$1" -name '.slsc-tmp.*' 2>/dev/null)
	[ -z "$left" ] && return 0
	echo "left behind: $left" >&2
	return 1
}
