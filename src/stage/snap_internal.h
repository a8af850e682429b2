/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_SNAP_INTERNAL_H
#define SLSC_STAGE_SNAP_INTERNAL_H

#include <sys/stat.h>

#include "stage/snapshot.h"

#define XATTR_OPAQUE "user.overlay.opaque"
#define XATTR_OWNER "user.slsc.owner"
#define SNAP_MAX_XATTRS 64u
#define SNAP_MAX_XATTR (64u << 10)	/* bytes of one */

/** What a file of a layer's directory really is. */
struct snap_attrs {
	struct stat st;			/* with the owner, mode and device that XATTR_OWNER says */
	struct tree_xattr x[SNAP_MAX_XATTRS];	/* sorted; those that belong into a layer */
	size_t nx;
	bool opaque, whiteout;
	struct arena arena;		/* of x */
};
void snap_attrs_release(struct snap_attrs *a);
#define CLEAN_SNAP_ATTRS __attribute__((cleanup(snap_attrs_release)))
/** snap_attrs_read - of @host, no link followed; 0: it is not there. @xattrs: also those. */
int snap_attrs_read(struct snap_attrs *a, const char *host, bool xattrs, struct err *err) MUST_CHECK;

/** The layers that a directory of the stack is in, the topmost first. */
struct snap_set {
	uint8_t layer[128];
	size_t n;
};
/**
 * snap_child - @name in the directory @dir ("usr", "" the root) that @in says: 1: a directory, in @out; 2: something
 * else, of layer out->layer[0]; 0: it is not there.
 */
int snap_child(const struct snap_stack *s, const struct snap_set *in, const char *dir, const char *name,
	       struct snap_set *out, struct err *err) MUST_CHECK;
/** snap_child_stat - the same; @st: out, of the topmost one, if there is one. */
int snap_child_stat(const struct snap_stack *s, const struct snap_set *in, const char *dir, const char *name,
		    struct snap_set *out, struct stat *st, struct err *err) MUST_CHECK;
void snap_root(const struct snap_stack *s, struct snap_set *out);
/** snap_names - of the directory, merged, sorted, without what is whited out. */
int snap_names(const struct snap_stack *s, const struct snap_set *in, const char *dir, struct strs *names,
	       struct err *err) MUST_CHECK;
char *snap_host(const struct snap_stack *s, size_t layer, const char *path);	/* heap */

/** snap_order_links - of hard links that name any file of theirs: the file becomes the one that sorts first. */
void snap_order_links(struct tree *t);
/** snap_read_link - heap; NULL with @err. */
char *snap_read_link(const char *host, struct err *err);

#endif
