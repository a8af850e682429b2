/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_ROOTFS_INTERNAL_H
#define SLSC_OCI_ROOTFS_INTERNAL_H

#include "oci/layer_read.h"
#include "oci/rootfs.h"

/* Between rootfs.c, which puts entries into the tree, and rootfs_lists.c, where threads read them from layers. */

/** What a layer's tar says: its entries as written, without attributes. */
struct layer_list {
	struct arena arena;
	struct unar_entry *ptr;
	size_t len, cap;
	struct rootfs_layer layer;
	bool done;
	int ret;		/* -1: err says why; the entries till then are there */
	struct err err;
};

struct layer_lists;

/** layer_lists_new - starts to read the layers of @r->manifest, as many at once as there are processors. */
struct layer_lists *layer_lists_new(struct rootfs *r, const struct rootfs_hooks *hooks);
/** layer_lists_get - waits for layer @i; the list is borrowed until layer_lists_drop(). */
struct layer_list *layer_lists_get(struct layer_lists *ls, size_t i);
/** layer_lists_drop - layer @i is used up. */
void layer_lists_drop(struct layer_lists *ls, size_t i);
/** layer_lists_free - NULL is fine; ends what is still being read. */
void layer_lists_free(struct layer_lists *ls);

/** layer_read_entry - the next entry, counted, its bytes offered to hooks->bytes. 1, 0 at the end, -1. */
int layer_read_entry(struct layer_reader *lr, const struct rootfs_hooks *hooks, size_t layer, struct rootfs_layer *l,
		     uint64_t max_entries, struct unar_entry *e, struct err *err) MUST_CHECK;
/** layer_read_end - of what was read: verified, and noted in @l; after a failure how far it came. */
int layer_read_end(struct layer_reader *lr, int ret, struct rootfs_layer *l, struct err *err) MUST_CHECK;
char *layer_name(const struct document *m, size_t i);	/* heap */
int layer_too_many(uint64_t max, struct err *err);
int layer_too_long(struct err *err);

#endif
