/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REGISTRY_TRANSFER_INTERNAL_H
#define SLSC_REGISTRY_TRANSFER_INTERNAL_H

#include "registry/plan.h"
#include "registry/transfer.h"

/** One copy under way: the files transfer*.c share it. */
struct transfer {
	const struct place *from, *to;
	const struct transfer_opts *o;
	struct transfer_result *r;
	struct origin *source;
	struct plan plan;
	struct plan_blobs blobs;
	atomic_bool cancel;
	atomic_ulong done;		/* bytes, for progress */
};

int transfer_to_registry(struct transfer *t, struct err *err) MUST_CHECK;
int transfer_to_layout(struct transfer *t, struct err *err) MUST_CHECK;
int transfer_to_archive(struct transfer *t, struct err *err) MUST_CHECK;

/** transfer_advance - @bytes more of blobs. */
void transfer_advance(uint64_t bytes, void *transfer);
/** transfer_scratch - a directory for what is on its way, in the user's cache; made; heap, or NULL with @err. */
char *transfer_scratch(struct err *err);
/** transfer_tag - what the image is called at its destination: the tag said there, that of its source, "latest". */
const char *transfer_tag(const struct transfer *t);

/**
 * layout_index_add - the text of an index.json with @root under @tag, which is taken from other entries; those stay as
 * they are. @old: the text so far; empty: none. ERR_FORMAT names @shown.
 */
int layout_index_add(const struct buf *old, const char *shown, const struct plan_node *root, const char *tag,
		     struct buf *out, struct err *err) MUST_CHECK;

#endif
