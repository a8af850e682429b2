/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_ASYNC_H
#define SLSC_LOCAL_ASYNC_H

#include "local/gateway.h"
#include "local/queue.h"

/*
 * Events that are done later: durable before 202 is answered, then given to instances, tried again, and in the end
 * written to the dead-letter file (local/queue.h).
 */
struct async {
	struct gateway *gateway;
	struct queue *queue;
	void (*died)(const struct queue_death *d);
	void (*trouble)(const struct err *err);
	bool closed;
};

/**
 * async_start - open <dir>/.slsc/local.db and take over @g->enqueue; dead letters go to <dir>/.slsc/dead-letters.jsonl.
 * As queue_open(). @a->died and @a->trouble: set by the caller before.
 */
int async_start(struct async *a, struct gateway *g, const char *dir, struct err *err) MUST_CHECK;
/** async_serve - hand out the events of @fn from now on. */
void async_serve(struct async *a, const struct lfn *fn);
/** async_stop - after platform_stop(): all that is not done is for the next slsc. */
void async_stop(struct async *a);

#endif
