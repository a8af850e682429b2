# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The Dockerfiles of tests/stage/cases, built by slsc, buildah and Docker's BuildKit.

COMPARE=$BATS_TEST_DIRNAME/../stage/compare.py

# build_as USER [OPTION...]: all cases, into $BATS_FILE_TMPDIR/USER
build_as() {
	SLSC_TEST_CACHE=${SLSC_TEST_CACHE:-$SLSC_BUILD/test-cache} "$COMPARE" --json "$BATS_FILE_TMPDIR/$1" --user "$1" \
		${SLSC_STAGE_PEERS:+--peers "$SLSC_STAGE_PEERS"} "${@:2}"
}

# verdicts USER CASES [OPTION...]: the cases are as they should be, and there are at least so many
verdicts() {
	local report
	report=$("$COMPARE" --report "$BATS_FILE_TMPDIR/$1" "${@:3}") || {
		printf '%s\n' "$report" | grep -v ': documented: ' >&2
		return 1
	}
	[ "$(printf '%s\n' "$report" | tail -n 1 | cut -d ' ' -f 1)" -ge "$2" ]
}
