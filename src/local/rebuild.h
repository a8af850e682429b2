/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_REBUILD_H
#define SLSC_LOCAL_REBUILD_H

#include "build/build.h"
#include "local/loop.h"

/* Builds a project's functions in a thread, one build at a time, slsc.yaml read anew each time. */

struct rebuild {
	struct loop *loop;
	const char *dir;		/* the project's */
	struct build_request req;	/* borrowed, and so are its members; callbacks are called in the thread */
	void (*waiting)(const char *holder, void *ctx);
	/* in the loop's thread: @err->code ERR_NONE: these are built. All borrowed until it returns. */
	void (*done)(struct rebuild *r, struct project *p, struct build_result *res, const struct err *err);
	/* its own */
	pthread_t thread;
	struct loop_task task;
	bool running, again;
	struct project project;
	struct build_result res;
	struct err err;
};

/** rebuild_go - build; while a build runs, once more after it. */
void rebuild_go(struct rebuild *r);
/** rebuild_stop - waits for the build that runs; done() is not called. */
void rebuild_stop(struct rebuild *r);

#endif
