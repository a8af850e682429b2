/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_NODE_H
#define SLSC_BUILD_NODE_H

#include "base/buf.h"
#include "base/err.h"
#include "config/project.h"

/* Modules, run by Node's WASI (src/build/wasi/run.mjs): slsc has no engine of its own. */

#define NODE_ENDED 70	/* the status if the engine ended the module: a trap, an import that it lacks */

struct node_run {
	const char *node;		/* node_find()'s */
	const char *module;		/* a path */
	const char *event;		/* on stdin */
	const struct lkvs *env;		/* the module's environment; NULL: empty */
	unsigned warm;			/* so many times in one process: @out is then the microseconds, as JSON */
	unsigned timeout_ms;		/* then it is killed */
};

/** node_find - its path, heap. ERR_TOOL. */
char *node_find(struct err *err) MUST_CHECK;
/** node_run - @out and @said: what it wrote, 1 MiB of each at most. ERR_BUILD: it was killed; ERR_IO, ERR_INTR. */
int node_run(const struct node_run *r, struct buf *out, struct buf *said, int *status, struct err *err) MUST_CHECK;
/** node_failed - whether the module of runtime lambda answered with an error: status 1, and its JSON on stdout. */
bool node_failed(int status, const struct buf *out);
/** node_word - the last line of @said, which is the engine's after NODE_ENDED. */
struct str node_word(const struct buf *said);

#endif
