/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_THEN_H
#define SLSC_REPORT_THEN_H

#include "base/err.h"
#include "config/project.h"
#include "report/check_dist.h"

/*
 * A project's artifacts as they were at a commit, and as they are now: the commit is checked out into the cache, the
 * work tree is copied beside it, and both are built and packaged there, alike. Nothing of the user's is touched: no
 * file of the work tree, no ref, no index. What is made is in a directory of the project's own, held by a lock.
 */
struct then {
	char *dir;		/* in the cache; gone with then_release() */
	int lock;
	char commit[65];
	struct dist before, after;	/* of either */
};
#define THEN_INIT { .lock = -1 }
#define CLEAN_THEN __attribute__((cleanup(then_release)))

/** then_hooks - what the caller shows meanwhile; each may be NULL. */
struct then_hooks {
	void (*on_output)(const char *p, size_t n, void *ctx);	/* of a build that failed */
	void (*on_step)(const char *what, void *ctx);
	void *ctx;
};

/**
 * then_make - of what dist/ lists of kinds and profile, or zips and OCI layouts of the default one. @rev as
 * git_checkout() has it. ERR_NOTFOUND: no repository or commit; ERR_BUILD; ERR_LIMIT; ERR_INTR.
 */
int then_make(struct then *t, const struct project *p, const char *rev, const struct then_hooks *hooks,
	      struct err *err) MUST_CHECK;
void then_release(struct then *t);

#endif
