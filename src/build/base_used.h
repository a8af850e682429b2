/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_BASE_USED_H
#define SLSC_BUILD_BASE_USED_H

#include "build/debian.h"
#include "config/project.h"

/* Which entries of slsc.lock, of its sections "base" and "packages", a project's images ask for. */

struct base_used {
	struct used_set {
		char *key;	  /* "cc-debian12 + libcurl4": in the section "packages"; heap */
		const char *base; /* the named base; borrowed from struct bases; NULL: an image of others */
	} *ptr;
	size_t len, cap;
	struct strs images; /* as slsc.yaml names them, whether or not they can be locked */
	bool any;	    /* a Dockerfile may begin with any, listed or not */
};
#define CLEAN_BASE_USED __attribute__((cleanup(base_used_release)))

/**
 * base_used_find - of all functions of @p, under the strategies of slsc.yaml, too. ERR_CONFIG, located there, for
 * an unknown variant of a base.
 */
int base_used_find(struct project *p, const struct bases *bases, struct base_used *out, struct err *err) MUST_CHECK;
void base_used_release(struct base_used *u);

bool base_used_set(const struct base_used *u, const char *key);
bool base_used_image(const struct base_used *u, const char *name);

#endif
