/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_QUEUE_OPS_H
#define SLSC_LOCAL_QUEUE_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/** An event in the file. Times: ns since the epoch. */
struct queue_row {
	int64_t seq;			/* its key; those that came later have higher ones, until all are gone */
	int64_t made, due;
	unsigned attempts, throttled;	/* made so far; 429s so far */
	struct str function, id, trace, traceparent, tracestate, payload;
};

struct queue_store;

/** @at: when it is due, or was made. False: that is enough. */
typedef bool (*queue_each)(void *ctx, int64_t seq, int64_t at);

/**
 * What module_queue.c gives through late_load("sqlite"): the file, used by one thread at a time. Errors name it:
 * ERR_IO (a full disk is ENOSPC), ERR_FORMAT: damaged, ERR_EXISTS: another program has it open. Out of memory aborts.
 */
struct queue_ops {
	/** open - or make it. NULL after a failure, with the file as it was. */
	struct queue_store *(*open)(const char *path, struct err *err);
	void (*close)(struct queue_store *s);	/* what is committed is durable after it */
	/** begin - a transaction; @durable: its commit waits until a power cut cannot undo it. */
	int (*begin)(struct queue_store *s, bool durable, struct err *err);
	int (*commit)(struct queue_store *s, struct err *err);
	void (*rollback)(struct queue_store *s);
	/* within one */
	int (*insert)(struct queue_store *s, const struct queue_row *r, struct err *err);	/* but for seq */
	int (*remove)(struct queue_store *s, int64_t seq, struct err *err);
	int (*delay)(struct queue_store *s, const struct queue_row *r, struct err *err); /* due, attempts, throttled */
	/* outside */
	int (*count)(struct queue_store *s, uint64_t *rows, struct err *err);
	/** due - @function's, in order of due time, then of seq. */
	int (*due)(struct queue_store *s, const char *function, queue_each each, void *ctx, struct err *err);
	/** all - in order of seq, with the time each was made. */
	int (*all)(struct queue_store *s, queue_each each, void *ctx, struct err *err);
	/** read - @r borrows from the store until the next call. */
	int (*read)(struct queue_store *s, int64_t seq, struct queue_row *r, struct err *err);
};

struct flow_store_ops;
/** The table of late_load("sqlite"). */
struct sqlite_ops {
	const struct queue_ops *queue;
	const struct flow_store_ops *flow;	/* local/flow_store.h */
};

#endif
