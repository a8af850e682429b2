#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The Dockerfiles of tests/stage/cases, built by slsc, buildah and Docker's BuildKit: trees, configs and histories are
# the same but for what tests/stage/differences.json gives a reason for. A failure names the case and what differs. slsc
# builds each as root and as a user without rights, who has a range of subordinate ids or has none; the peers once.
load helper

# build_as USER: all cases, into $BATS_FILE_TMPDIR/USER
build_as() {
	SLSC_TEST_CACHE=${SLSC_TEST_CACHE:-$SLSC_BUILD/test-cache} \
		"$BATS_TEST_DIRNAME/../stage/compare.py" --json "$BATS_FILE_TMPDIR/$1" --user "$1" \
		${SLSC_STAGE_PEERS:+--peers "$SLSC_STAGE_PEERS"}
}

setup_file() {
	build_as root
}

# verdicts USER CASES [OPTION...]: the cases are as they should be, and there are at least so many
verdicts() {
	local report
	report=$("$BATS_TEST_DIRNAME/../stage/compare.py" --report "$BATS_FILE_TMPDIR/$1" "${@:3}") || {
		printf '%s\n' "$report" | grep -v ': documented: ' >&2
		return 1
	}
	[ "$(printf '%s\n' "$report" | tail -n 1 | cut -d ' ' -f 1)" -ge "$2" ]
}

# group NAME CASES: those of a group
group() {
	verdicts root "$2" --group "$1"
}

@test "FROM: bases, stages, platforms, targets" {
	group from 14
}

@test "ARG and ENV: values, scopes, expansion, platforms" {
	group vars 15
}

@test "WORKDIR: relative, made, through symlinks" {
	group workdir 5
}

@test "COPY: files, directories, globs, links, names, modes" {
	group copy 18
}

@test "COPY: --from, --chown, --chmod, --link, --parents, --exclude, heredocs, refusals" {
	group copyflags 14
}

@test ".dockerignore: patterns, **, exceptions" {
	group ignore 6
}

@test "ADD: archives, URLs, checksums" {
	group add 10
}

@test "RUN: forms, heredocs, network, what a step sees and leaves" {
	group run 13
}

@test "RUN --mount: bind, cache, tmpfs, secret" {
	group mount 7
}

@test "USER: names, numbers, groups" {
	group user 4
}

@test "LABEL, EXPOSE, VOLUME, STOPSIGNAL, HEALTHCHECK, ENTRYPOINT, CMD" {
	group meta 14
}

@test "ONBUILD: recorded, of a base, of a stage" {
	group onbuild 3
}

@test "the language: escape directive, comments, continuations, case, refusals" {
	group syntax 8
}

@test "layers: whiteouts, opaque directories, links, xattrs, capabilities, types, names, squash" {
	group fs 17
}

@test "each documented difference is one" {
	"$BATS_TEST_DIRNAME/../stage/compare.py" --report "$BATS_FILE_TMPDIR/root" --unused
}

@test "all of them by a user without a range of ids: each difference is a documented one, and each such is there" {
	build_as plain
	verdicts plain 150
}

@test "all of them by a user with a range of ids: each difference is a documented one, and each such is there" {
	need newuidmap uidmap
	build_as subuid
	verdicts subuid 150
}

@test "docs/DOCKERFILE.md has the table of differences" {
	local line
	"$BATS_TEST_DIRNAME/../stage/compare.py" --table >"$T/table"
	while IFS= read -r line; do
		grep -Fqx -- "$line" "$BATS_TEST_DIRNAME/../../docs/DOCKERFILE.md" || {
			echo "docs/DOCKERFILE.md lacks: $line" >&2
			return 1
		}
	done <"$T/table"
	is "$(grep -c '^| \(buildah\|docker\|slsc\)' "$BATS_TEST_DIRNAME/../../docs/DOCKERFILE.md")" \
		"$(grep -c '^| \(buildah\|docker\|slsc\)' "$T/table")"
}
