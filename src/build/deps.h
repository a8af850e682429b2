/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_DEPS_H
#define SLSC_BUILD_DEPS_H

#include "base/err.h"
#include "config/project.h"

/** A dependency as fetched: where its tree is in the user cache. */
struct dep_tree {
	const struct dependency *dep;	/* borrowed from the project */
	char commit[65];
	const char *dir;		/* absolute; in the project's arena */
};
struct dep_trees {
	struct dep_tree *ptr;
	size_t len, cap;
};

/**
 * deps_resolve - every dependency of @p at the commit that slsc.lock says, fetched into the user cache if it is
 * not there. One that the lock does not know, or knows at another URL or ref, is resolved and locked:
 * slsc.lock is written, unless @dry_run, which neither fetches nor writes (ERR_NOTFOUND then).
 * With everything there: no network, no libgit2, a stat each. @note is told of each fetch; may be NULL.
 */
int deps_resolve(struct project *p, bool dry_run, void (*note)(const char *line), struct dep_trees *out,
		 struct err *err) MUST_CHECK;

#endif
