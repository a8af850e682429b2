/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_QUEUE_INTERNAL_H
#define SLSC_LOCAL_QUEUE_INTERNAL_H

#include <pthread.h>

#include "base/map.h"
#include "local/queue.h"
#include "local/queue_ops.h"

/*
 * Two threads. The loop's (queue.c) hands over puts, events given back and what is served, under the lock, and gets
 * notes; the writer (queue_writer.c) alone touches the file, the lanes and the list of what is out.
 */

/** What the loop's thread is told, in order. Embedded; run() may free it. */
struct note {
	struct note *next;
	void (*run)(struct queue *q, struct note *n);
};

/** The task that takes the notes; it may lie in the loop when the queue is gone. */
struct queue_wake {
	struct loop_task task;
	struct queue *q;		/* NULL: gone */
};

/** What a change of queue_serve() is until the writer has it. */
struct serve {
	struct serve *next;
	unsigned limit;
	char function[];
};

/** A function that is served. */
struct lane {
	char *function;
	unsigned limit, out;
	int64_t next;			/* nothing that is not out is due earlier; INT64_MAX: nothing is there */
};

/** An event that is out: what its owner does not see. */
struct queue_state {
	struct queue_event event;
	struct note note;
	struct queue_state *next;	/* given back */
	struct lane *lane;
	int64_t seq, due;
	unsigned attempts, throttled;	/* before it was delivered */
	size_t size;			/* of its payload */
	enum queue_outcome outcome;
	int status;			/* of its last answer, for a dead letter */
	char *function_error;
	struct buf answer;
	const char *buried;		/* it is in the dead-letter file already: why */
	struct buf words;		/* its strings */
};

enum fate { FATE_REMOVED, FATE_DELAYED, FATE_KEPT, FATE_DEAD };

/** What becomes of an event. */
struct verdict {
	enum fate fate;
	struct queue_state *e;		/* NULL: it was not out; it has become too old */
	struct queue_row row;		/* seq; due, attempts, throttled as they will be */
	const char *condition;		/* of FATE_DEAD */
	struct note *note;		/* of FATE_DEAD: told when it is committed */
};

struct queue {
	struct loop *loop;
	struct queue_opts opts;
	char *path, *dead, *arn;
	const struct queue_ops *ops;
	struct queue_store *store;
	int lock_fd;
	pthread_t thread;
	struct queue_wake *wake;

	pthread_mutex_t lock;		/* for what follows */
	pthread_cond_t cond;		/* to the writer */
	struct queue_put *puts, **last_put;
	struct queue_state *done, **last_done;
	struct serve *serve, **last_serve;
	struct note *notes, **last_note;
	uint64_t rows, putting;		/* in the file; on their way */
	bool posted, closing;

	/* the writer's */
	struct map lanes;		/* of struct lane */
	VEC(struct queue_state *) out;	/* by seq */
	VEC(struct verdict) verdicts;
	struct queue_state *settling;	/* given back, and not committed yet */
	uint64_t out_bytes, random;
	/* after a failure, to write down what becomes of events, or to read: not before this; 0: there was none */
	int64_t settle_again, read_again;
	int64_t sweep;			/* when to look for what is too old */
};

void *queue_writer(void *q);
/** queue_notify - @n is run in the loop's thread; of the writer. */
void queue_notify(struct queue *q, struct note *n);
void queue_state_free(struct queue_state *e);
int64_t queue_wall(void);

#endif
