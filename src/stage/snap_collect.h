/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_SNAP_COLLECT_H
#define SLSC_STAGE_SNAP_COLLECT_H

#include "base/map.h"
#include "stage/snapshot_internal.h"

/** Files of layers' directories as entries of a tree. Zero but for out and epoch is empty. */
struct snap_collect {
	struct tree *out;
	int64_t epoch;		/* later times become it */
	struct map links;	/* inode -> path of the first entry, of files that have several names */
};
void snap_collect_release(struct snap_collect *c);

#define SNAP_INODE_MAX 40
/** snap_inode - what names a file apart from its path. */
void snap_inode(const struct stat *st, char key[SNAP_INODE_MAX]);

/** snap_collect - the file at @host, as @st and @attrs say, becomes the entry @path; a socket becomes none. */
int snap_collect(struct snap_collect *c, const char *path, const char *host, const struct stat *st,
		 const struct snap_attrs *attrs, struct err *err) MUST_CHECK;

#endif
