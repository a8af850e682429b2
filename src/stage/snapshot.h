/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_SNAPSHOT_H
#define SLSC_STAGE_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "archive/tree.h"
#include "base/arena.h"
#include "base/vec.h"
#include "oci/origin.h"

/*
 * Layers as directories that overlayfs takes as they are (Documentation/filesystems/overlayfs.rst, with
 * `userxattr`, for root too, so that there is one form): a whiteout is a character device 0:0, an opaque directory
 * has user.overlay.opaque=y. A layer lies in <cache>/stage/layers/<name>/fs and is whole or absent.
 *
 * Owners: in a namespace that maps only one id a chown fails; then user.slsc.owner="UID:GID[:MODE[:MAJOR:MINOR]]"
 * on the file says what it really is, which overlayfs copies up with the file; what cannot carry it (symlinks) is
 * 0:0 there.
 */

/** Layers, the lowest first; the upper ones hide what is below. */
struct snap_stack {
	const char *const *dirs;	/* the fs directories */
	size_t n;
};

/** What a path is in the stack, as a container would see it. */
struct snap_node {
	mode_t mode;		/* with the type bits */
	uint32_t uid, gid;
	uint64_t size;
	dev_t rdev;
	int64_t mtime;
	char *target;		/* of a symlink; heap; else NULL */
	char *host;		/* path of the topmost one on this machine; heap */
	size_t layer;		/* whose it is */
};
void snap_node_release(struct snap_node *n);
#define CLEAN_SNAP_NODE __attribute__((cleanup(snap_node_release)))

/**
 * snap_lookup - @path ("usr/bin/x", "" the root), whatever symlinks are on the way: they are followed inside the
 * stack, as after chroot(2), at most 40; the last one only if @follow. 1: @out is it; 0: it is not there (also a
 * parent that is no directory); -1: ERR_IO, ERR_LIMIT (a loop). @real: out, the path it really has, or would have
 * if all but its last components exist (heap; may be NULL).
 */
int snap_lookup(const struct snap_stack *s, const char *path, bool follow, struct snap_node *out, char **real,
		struct err *err) MUST_CHECK;
/** snap_list - the names in a directory of the stack, merged, sorted; @path has no symlink in it (see real above). */
int snap_list(const struct snap_stack *s, const char *path, struct strs *names, struct err *err) MUST_CHECK;

/**
 * snap_unpack - a layer's blob as the directory @dir, which appears whole: owners, modes, times, xattrs, hard links,
 * holes, devices as far as we may. Bounded and careful as rootfs_read(): nothing lands outside of @dir, whatever
 * names, links and duplicates say; what a careful unpacker refuses is ERR_FORMAT "layer sha256:...: <path>: ...".
 * Size, digest and @diff_id (may be NULL) are verified before it appears. A @dir that is there is taken as it is.
 */
int snap_unpack(const char *dir, struct origin *o, const struct doc_descriptor *d, const struct digest *diff_id,
		struct err *err) MUST_CHECK;
/**
 * snap_write - @tree (finished; ".wh.NAME" and ".wh..wh..opq" mean what they mean in a layer) as the directory
 * @dir: the same as unpacking the blob that layer_write() makes of it.
 */
int snap_write(const char *dir, const struct tree *tree, int64_t mtime, struct err *err) MUST_CHECK;

/**
 * snap_diff - the upper directory that a RUN has filled, as a tree for layer_write(): whiteouts, opaque
 * directories, hard links (within this layer), xattrs, capabilities, devices; times later than @epoch are @epoch.
 * A directory that was only copied up, with nothing new in or about it, is left out (@below tells). Sockets are
 * left out. Files are read when the tree is written, so the directory must not change till then. ERR_LIMIT past
 * TREE_MAX_ENTRIES.
 */
int snap_diff(const char *upper, const struct snap_stack *below, int64_t epoch, struct tree *out,
	      struct err *err) MUST_CHECK;

/**
 * snap_squash - the whole stack as one tree, as a container sees it: no whiteouts, everything once.
 */
int snap_squash(const struct snap_stack *s, int64_t epoch, struct tree *out, struct err *err) MUST_CHECK;

#endif
