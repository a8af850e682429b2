#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The Dockerfiles of tests/stage/cases, built by slsc and Docker's BuildKit, or by buildah what it alone knows: trees,
# configs and histories are the same but for what tests/stage/differences.json gives a reason for. A failure names the
# case and what differs. slsc builds each as root and as a user without rights, who has a range of subordinate ids or has
# none; the peers once. stage_compare_long.bats has buildah build them all, which shows how Docker and buildah differ.
load helper
load stage_compare_helper

setup_file() {
	build_as root
}

# group NAME CASES: those of a group
group() {
	verdicts root "$2" --group "$1"
}

@test "FROM: bases, stages, platforms, targets" {
	group from 13
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
	"$COMPARE" --report "$BATS_FILE_TMPDIR/root" --unused
}

@test "what is compared has each instruction and each flag" {
	local name word files=()
	"$COMPARE" --list >"$T/list"
	while read -r name; do
		files+=("$BATS_TEST_DIRNAME/../stage/cases/$name")
	done < <(awk -F '\t' '$3 ~ /buildah|docker/ { print $2 }' "$T/list")
	[ ${#files[@]} -ge 140 ]
	for word in FROM ARG ENV LABEL RUN COPY ADD WORKDIR USER EXPOSE VOLUME STOPSIGNAL SHELL HEALTHCHECK ENTRYPOINT CMD ONBUILD \
		MAINTAINER '# escape='; do
		grep -rqi -- "^$word" "${files[@]}" || { echo "no $word" >&2; return 1; }
	done
	for word in --target --build-arg --secret --squash --from= --chown= --chmod= --mount=type=bind --mount=type=cache \
		--mount=type=tmpfs --mount=type=secret --interval=; do
		grep -rqs -- "$word" "${files[@]}" || { echo "no $word" >&2; return 1; }
	done
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
	"$COMPARE" --table >"$T/table"
	while IFS= read -r line; do
		grep -Fqx -- "$line" "$BATS_TEST_DIRNAME/../../docs/DOCKERFILE.md" || {
			echo "docs/DOCKERFILE.md lacks: $line" >&2
			return 1
		}
	done <"$T/table"
	is "$(grep -c '^| \(buildah\|docker\|slsc\)' "$BATS_TEST_DIRNAME/../../docs/DOCKERFILE.md")" \
		"$(grep -c '^| \(buildah\|docker\|slsc\)' "$T/table")"
}
