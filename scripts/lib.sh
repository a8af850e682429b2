# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Shared by scripts/* and tests/bench/*, which source it in the project's root: what is missing is installed from
# Debian's packages; nothing else is touched.

say() {
	printf '%s\n' "── $*"
}

# packages KIND...: the names of those kinds in scripts/packages
packages() {
	for kind; do
		sed -n "s/^$kind //p" scripts/packages
	done | tr ' ' '\n' | sort -u
}

# install_missing KIND...: no network at all when everything is there
install_missing() {
	if ! command -v dpkg-query >/dev/null 2>&1; then
		echo "This script installs Debian packages; elsewhere install the equivalents of:" >&2
		packages "$@" | tr '\n' ' ' >&2
		echo >&2
		return 1
	fi
	# What another package provides counts, too: the nodejs of other archives has npm in it, and excludes Debian's.
	have=" $(dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' | sed -n 's/([^)]*)//g; s/^installed //p' |
		tr ',\n' '  ') "
	missing=
	for p in $(packages "$@"); do
		case $have in
		*" $p "*) ;;
		*) missing="$missing $p" ;;
		esac
	done
	[ -n "$missing" ] || return 0
	say "installing$missing"
	sudo=
	if [ "$(id -u)" != 0 ]; then
		if ! command -v sudo >/dev/null 2>&1; then
			echo "not root, and there is no sudo: run as root: apt-get install$missing" >&2
			return 1
		fi
		sudo=sudo
	fi
	$sudo apt-get update -q >/dev/null || echo "apt-get update failed; trying with the lists there are" >&2
	log=$(mktemp)
	# shellcheck disable=SC2086
	if ! $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >"$log" 2>&1; then
		tail -n 15 "$log" >&2
		rm -f "$log"
		return 1
	fi
	rm -f "$log"
}
