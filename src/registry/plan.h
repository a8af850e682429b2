/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REGISTRY_PLAN_H
#define SLSC_REGISTRY_PLAN_H

#include <stdatomic.h>

#include "base/map.h"
#include "base/vec.h"
#include "oci/origin.h"

/* What there is to copy of one image: its manifests and the blobs that they name. */

#define PLAN_MAX_MANIFESTS 1024u
#define PLAN_MAX_BYTES (24u << 20)	/* of all manifests */

struct plan_node {
	struct doc_descriptor d;
	struct buf bytes;
	struct document doc;
	unsigned level;		/* 0: the root; what it names has 1, and so on */
	bool there;		/* the destination has it: for who copies */
};

struct plan {
	struct arena arena;
	VEC(struct plan_node *) nodes;		/* the root first, each before what it names */
	struct map seen;			/* digest -> struct plan_node * */
	size_t bytes;
};
#define CLEAN_PLAN __attribute__((cleanup(plan_release)))

/**
 * plan_make - read them all from @o: @ref as in origin_ops.manifest; @arch ("amd64"): only its manifest; NULL: all.
 * ERR_LIMIT, and whatever @o says.
 */
int plan_make(struct plan *p, struct origin *o, const char *ref, const char *arch, atomic_bool *cancel,
	      struct err *err) MUST_CHECK;
void plan_release(struct plan *p);

/** A blob and where it is from. */
struct plan_blobs {
	VEC(const struct doc_descriptor *) list;	/* each digest once, the largest first */
	uint64_t bytes;
};
/** plan_blobs - those of manifests that are not @there. ERR_FORMAT if one digest has two sizes. */
int plan_blobs(const struct plan *p, struct plan_blobs *out, struct err *err) MUST_CHECK;

#endif
