/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_SNAP_MAKE_H
#define SLSC_STAGE_SNAP_MAKE_H

#include "stage/snapshot_internal.h"

/* A directory in the making, by snap_unpack() and snap_write(). */

struct snap_entry {
	const char *path;	/* as a layer names it; "" the root */
	mode_t mode;		/* with type bits */
	bool hardlink;		/* to target */
	const char *target;	/* of symlinks and hard links */
	uint32_t uid, gid;
	int64_t mtime;
	dev_t rdev;
	const struct xattr *xattrs;
	size_t nxattrs;
};

struct snap_make {
	char *dir, *tmp;		/* what it is to be, and where it is till then */
	char *shown;
	int root;
	uid_t uid;			/* ours: what is made has them */
	gid_t gid;
	uint64_t made, path_bytes;
	struct {
		struct snap_made {
			char *path;
			ino_t ino;
			mode_t mode;
			int64_t mtime;
		} *ptr;
		size_t len, cap;
	} dirs;				/* that get their modes and times at the end */
	bool rooted;			/* an entry has described the root */
	char *parent;			/* the directory that was looked up last */
	int parent_fd;			/* O_PATH; -1: none */
	bool stale;			/* something was taken away since: look it up again */
	struct buf path, target;	/* scratch */
	/* the file at hand */
	int fd;
	struct snap_entry entry;	/* borrowed */
	char *file;			/* its path */
	uint64_t at, end;		/* bytes so far, and up to where there are some in the file */
	uint64_t zeros;			/* that come before at and were not written */
};

/** snap_make_new - under a temporary name beside @dir, whose parent exists. @shown: for messages. NULL with @err. */
struct snap_make *snap_make_new(const char *dir, const char *shown, struct err *err);
/**
 * snap_make_add - 1: a file, whose bytes are to follow by snap_make_data(), @e as it is till snap_make_end(); 0: done;
 * -1: ERR_FORMAT, ERR_LIMIT, ERR_IO. Whiteouts are what their names say.
 */
int snap_make_add(struct snap_make *m, const struct snap_entry *e, struct err *err) MUST_CHECK;
/** snap_make_data - the next bytes; long runs of zeros become holes. */
int snap_make_data(struct snap_make *m, const void *p, size_t n, struct err *err) MUST_CHECK;
int snap_make_end(struct snap_make *m, struct err *err) MUST_CHECK;
/** snap_make_commit - the directories get their modes and times, and the whole its name. Frees @m. */
int snap_make_commit(struct snap_make *m, struct err *err) MUST_CHECK;
/** snap_make_abort - removes what there is. NULL is fine. */
void snap_make_abort(struct snap_make *m);

/* Between snap_make.c and snap_make_file.c */
int snap_make_failed(struct snap_make *m, const char *path, struct err *err);	/* of errno; -1 */
void snap_file_begin(struct snap_make *m, const struct snap_entry *e, const char *path);
void snap_file_close(struct snap_make *m);
/** snap_set_attrs - owner and attributes of a file or directory, in the order that keeps both. */
int snap_set_attrs(struct snap_make *m, int fd, const struct snap_entry *e, const char *path,
		   struct err *err) MUST_CHECK;

#endif
