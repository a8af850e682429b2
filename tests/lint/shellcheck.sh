#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs shellcheck on every script of ours. Usage: shellcheck.sh [ROOT]
set -eu
cd "${1:-${SLSC_SRC:-$(dirname "$0")/../..}}"

command -v shellcheck >/dev/null || {
	echo "shellcheck is missing: apt-get install shellcheck"
	exit 1
}
bad=0
for script in $(find scripts .ci tests -type f 2>/dev/null | LC_ALL=C sort); do
	case $script in
	*.bats) dialect=bats ;;
	*.bash) dialect=bash ;;
	*.sh) dialect= ;;
	*)
		# tests/bench/run and the like have no suffix
		case $(head -c 64 "$script" | tr -d '\0' | head -n 1) in
		'#!'*bats) dialect=bats ;;
		'#!'*sh) dialect= ;;
		*) continue ;;
		esac
		;;
	esac
	# bats runs each test in a subshell, with the variables that helper.bash sets
	exclude=
	[ "$dialect" = bats ] && exclude=SC2016,SC2030,SC2031,SC2154
	(cd "$(dirname "$script")" && shellcheck -x -P "SCRIPTDIR:$OLDPWD" ${dialect:+-s "$dialect"} \
		${exclude:+-e "$exclude"} "$(basename "$script")") || {
		echo "$script: see above"
		bad=1
	}
done
exit $bad
