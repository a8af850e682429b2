/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_SNAPSHOT_INTERNAL_H
#define SLSC_STAGE_SNAPSHOT_INTERNAL_H

#include <sys/stat.h>

#include "base/buf.h"
#include "stage/snapshot.h"

/* What the parts of snapshot.h share. Names of overlayfs' attributes: Documentation/filesystems/overlayfs.rst. */
#define SNAP_OPAQUE "user.overlay.opaque"
#define SNAP_XWHITEOUT "user.overlay.whiteout"
#define SNAP_OWNER "user.slsc.owner"
#define WH_PREFIX ".wh."
#define WH_OPAQUE ".wh..wh..opq"
#define WH_AUFS ".wh..wh."	/* what aufs kept for itself: no whiteouts of anything */

/** A path of a stack, with no symlink in it. Zero is empty. */
struct snap_at {
	char *path;		/* "" is the root; heap */
	struct stat st;		/* of the topmost one, as it lies there */
	size_t *layers;		/* those that make it up, the topmost first; of what is no directory one; heap */
	size_t n;
};
#define CLEAN_SNAP_AT __attribute__((cleanup(snap_at_release)))
void snap_at_release(struct snap_at *a);

/** snap_root - 1; 0 if the stack is empty; -1. */
int snap_root(const struct snap_stack *s, struct snap_at *out, struct err *err) MUST_CHECK;
/** snap_step - @name in the directory @dir. 1: @out is it; 0: it is not there; -1: ERR_IO. */
int snap_step(const struct snap_stack *s, const struct snap_at *dir, const char *name, struct snap_at *out,
	      struct err *err) MUST_CHECK;
/** snap_names - the names in @dir, merged, sorted. */
int snap_names(const struct snap_stack *s, const struct snap_at *dir, struct strs *names, struct err *err) MUST_CHECK;
/** snap_host - where the topmost one lies on this machine; heap. */
char *snap_host(const struct snap_stack *s, const struct snap_at *a);

/** snap_is_whiteout - of the file at @host, whose stat is @st. */
bool snap_is_whiteout(const char *host, const struct stat *st);

/** What SNAP_OWNER says: st as it would be if we could own and make everything. */
struct snap_owner {
	uint32_t uid, gid;
	bool node;		/* mode (with type bits) and rdev are there */
	mode_t mode;
	dev_t rdev;
};
/** snap_owner_parse - false if @text is malformed. */
bool snap_owner_parse(const char *text, size_t n, struct snap_owner *out);
/** snap_check_name - ERR_FORMAT for a path whose name would be a whiteout in a layer. */
int snap_check_name(const char *path, struct err *err) MUST_CHECK;
/** snap_owner_apply - @st as the container should see it; reads the attribute of the file at @host. */
void snap_owner_apply(const char *host, struct stat *st);

/** The attributes of one file. Memory is kept for the next one; zero with its bufs initialised is empty. */
struct snap_attrs {
	struct xattr *ptr;	/* those that belong into a layer, sorted by name */
	size_t len, cap;
	bool opaque, xwhiteout;
	const char *refused;	/* overlayfs keeps the file's place or bytes elsewhere by this attribute; or NULL */
	bool owned;
	struct snap_owner owner;
	struct buf names, values;
};
#define SNAP_ATTRS_INIT { .names = BUF_INIT, .values = BUF_INIT }
#define CLEAN_SNAP_ATTRS __attribute__((cleanup(snap_attrs_release)))
void snap_attrs_release(struct snap_attrs *a);
/** snap_attrs_read - @st: the file's lstat(2). */
int snap_attrs_read(struct snap_attrs *a, const char *host, const struct stat *st, struct err *err) MUST_CHECK;
/** snap_owner_to_stat - @st as the container should see it, by what @a has read. */
void snap_owner_to_stat(const struct snap_attrs *a, struct stat *st);
bool snap_attrs_equal(const struct snap_attrs *a, const struct snap_attrs *b);

/** snap_xattr_kept - whether an attribute of a layer's tar is given to the file, or is somebody's own business. */
bool snap_xattr_kept(const char *name);

#endif
