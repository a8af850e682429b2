#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What stage_compare.bats leaves out: buildah builds all the Dockerfiles that it knows, too, not only those that Docker's
# BuildKit does not know; and slsc steps of Debian for arm64, through qemu.
load helper
load stage_compare_helper

@test "all Dockerfiles, by all peers: each difference is a documented one, and each documented one is there" {
	build_as root --all
	verdicts root 157
	"$COMPARE" --report "$BATS_FILE_TMPDIR/root" --unused
}

@test "minbase for arm64 by users without rights" {
	need newuidmap uidmap
	local user
	for user in plain subuid; do
		build_as "$user" --group from --all
		verdicts "$user" 14 --group from
	done
}
