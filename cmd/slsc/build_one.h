/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_ONE_H
#define SLSC_BUILD_ONE_H

#include "build/build.h"
#include "cli/opt.h"

/** A function that was built to be run here: in a struct solo. */
struct build_one {
	struct build_result res;
	const struct built *built; /* within res */
	int lock;		   /* build_lock(): nobody builds while it is held; -1: none */
};
#define BUILD_ONE_INIT                                                                                                 \
	{                                                                                                              \
		.lock = -1                                                                                             \
	}
#define CLEAN_BUILD_ONE __attribute__((cleanup(build_one_release)))

/**
 * build_one - build @name for this machine, or if it is not for this one, for the first that it is for. @profile: NULL:
 * the project's. @who: "slsc bench", who holds the lock from now on. Progress goes to stderr. As build_run().
 */
int build_one(struct project *p, const char *name, const char *profile, const char *who, const struct globals *g,
	      struct build_one *out, struct err *err) MUST_CHECK;
/** build_one_more - the same for who holds the lock; @res is to be released also after a failure. */
int build_one_more(struct project *p, const char *name, const char *profile, const struct globals *g,
		   struct build_result *res, struct err *err) MUST_CHECK;
/** build_one_unlock - others may build, and replace what was built. */
void build_one_unlock(struct build_one *b);
void build_one_release(struct build_one *b);

#endif
