/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REGISTRY_ORIGIN_H
#define SLSC_REGISTRY_ORIGIN_H

#include "oci/origin.h"
#include "registry/client.h"

/** For origin_env.ctx. */
struct registry_env {
	const struct registry_opts *opts;	/* borrowed; NULL: the defaults */
	const atomic_bool *cancel;		/* or NULL */
};

/**
 * registry_open - an image in a registry (origin_env.registry); its tag is "latest" if @pl says neither tag nor digest.
 * Any number of threads may use the origin at once. @ctx: struct registry_env, or NULL.
 */
int registry_open(struct origin **out, const struct place *pl, void *ctx, struct err *err) MUST_CHECK;

#endif
