/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_SNAP_PLACE_H
#define SLSC_STAGE_SNAP_PLACE_H

#include "archive/unarchive.h"
#include "base/map.h"
#include "base/vec.h"

/*
 * Entries of a foreign archive, or of a tree, as files below one directory, which nothing leaves: every name is
 * resolved by the kernel as after chroot(2) (openat2, RESOLVE_IN_ROOT). What a careful unpacker refuses is ERR_FORMAT
 * "<shown>: <path>: ...". ERR_LIMIT past ROOTFS_MAX_ENTRIES names, those that paths imply among them, and past
 * PLACER_MAX_DEPTH names in a path.
 */
#define PLACER_MAX_DEPTH 200u	/* fs_rmtree() has a limit of its own */
struct placer {
	int root;			/* the directory */
	const char *shown;		/* for messages; borrowed */
	int parent;			/* the last parent, kept open; -1: none */
	char *parent_path;
	bool stale;			/* something was taken away since: look the parent up again */
	bool whiteouts;			/* ".wh.NAME" is what it means in a layer */
	uint64_t made, path_bytes;	/* entries and the directories that their paths imply */
	uint64_t at, zeros;		/* of the file at hand: bytes so far; those before that were not written */
	VEC(struct placed_dir {
		char *path;
		ino_t ino;
		mode_t mode;
		int64_t mtime;
	}) dirs;			/* whose modes and times come last */
	char *block;
};

/** placer_open - @dir is an empty directory of ours. */
int placer_open(struct placer *p, const char *dir, const char *shown, bool whiteouts, struct err *err) MUST_CHECK;
/** placer_put - one entry. *@fd: out, of a file to be written and then given to placer_file_end(); else -1. */
int placer_put(struct placer *p, const struct unar_entry *e, int *fd, struct err *err) MUST_CHECK;
/** placer_write - the next bytes of a file; long runs of zeros become holes. */
int placer_write(struct placer *p, int fd, const void *data, size_t n, struct err *err) MUST_CHECK;
/** placer_file_end - owner, mode, attributes, times; closes @fd. */
int placer_file_end(struct placer *p, const struct unar_entry *e, int fd, uint64_t size, struct err *err) MUST_CHECK;
/** placer_file - all of that: what @u has of the entry @e into its @fd. */
int placer_file(struct placer *p, struct unar *u, const struct unar_entry *e, int fd, struct err *err) MUST_CHECK;
/** placer_finish - the directories' modes and times. */
int placer_finish(struct placer *p, struct err *err) MUST_CHECK;
void placer_close(struct placer *p);

#endif
