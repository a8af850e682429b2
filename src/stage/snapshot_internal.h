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
bool snap_attrs_equal(const struct snap_attrs *a, const struct snap_attrs *b);

/** snap_xattr_kept - whether an attribute of a layer's tar is given to the file, or is somebody's own business. */
bool snap_xattr_kept(const char *name);

/* A directory in the making (snap_make.c), by snap_unpack() and snap_write(). */
struct snap_make;
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
/** snap_make_new - beside @dir, under a temporary name. @shown: for messages. NULL with @err. */
struct snap_make *snap_make_new(const char *dir, const char *shown, struct err *err);
/**
 * snap_make_add - 1: a file, whose bytes are to follow by snap_make_data(); 0: done; -1: ERR_FORMAT, ERR_IO. Whiteouts
 * are what their names say.
 */
int snap_make_add(struct snap_make *m, const struct snap_entry *e, struct err *err) MUST_CHECK;
int snap_make_data(struct snap_make *m, const void *p, size_t n, struct err *err) MUST_CHECK;
int snap_make_end(struct snap_make *m, struct err *err) MUST_CHECK;
/** snap_make_commit - the directories get their modes and times, and the whole its name. Frees @m. */
int snap_make_commit(struct snap_make *m, struct err *err) MUST_CHECK;
/** snap_make_abort - removes what there is. NULL is fine. */
void snap_make_abort(struct snap_make *m);

#endif
