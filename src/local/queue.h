/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_QUEUE_H
#define SLSC_LOCAL_QUEUE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "local/loop.h"

/*
 * Asynchronous invocations that are not lost: a file of SQLite, written by a thread of its own. Whatever waits is
 * stored in one transaction, so that many share one wait for the disk. Every call here, and every callback, is of the
 * loop's thread; none but queue_open() and queue_close() waits.
 *
 * An event is done at least once: it is in the file from before queue_put()'s callback, through kill -9 and a power
 * cut, until after queue_done(). Who starts anew gets all that was not done, also what was being worked on. What can
 * come twice: an event whose work a kill interrupted, its line in the dead-letter file, and, if slsc is killed before
 * the callback, an event whose caller heard nothing.
 *
 * Due times and ages are of the wall clock, since they outlive the process. Limits: the AWS Lambda Developer Guide,
 * "Error handling for asynchronous invocation"; delays are shorter here, where somebody waits.
 */

#define QUEUE_PAYLOAD_MAX (1u << 20)	/* bytes of an event: Lambda's limit for asynchronous invocation */

struct queue;
struct queue_event;

/** An event that is final without success, and how: for a line of log. Strings as long as the call. */
struct queue_death {
	const char *function, *id;
	const char *condition;		/* "RetriesExhausted", "EventAgeExceeded" */
	unsigned attempts;
};

struct queue_opts {
	const char *path;		/* of the file; beside it are PATH-wal and PATH.lock */
	const char *dead;		/* the dead-letter file; NULL: dead events are dropped */
	const char *arn;		/* what comes before a function's name in its ARN */
	uint64_t rows_max;		/* events in the file */
	uint64_t out_bytes;		/* payloads out at once: none is handed out while there are more */
	unsigned retries;		/* after the first attempt */
	uint64_t retry_ns;		/* before the nth retry: up to this times 2^(n-1) */
	uint64_t throttle_ns, throttle_max_ns;
	uint64_t age_ns;
	/* an event is due: to be given back by queue_done(), soon or late */
	void (*deliver)(void *ctx, struct queue_event *e);
	void (*died)(void *ctx, const struct queue_death *d);	/* it is in the dead-letter file; may be NULL */
	/*
	 * the file cannot be read or written, or that of dead letters: told once, until it works again. It is tried
	 * again every second; what is done keeps its place among those out until then. May be NULL
	 */
	void (*trouble)(void *ctx, const struct err *err);
	void *ctx;
};
#define QUEUE_OPTS_INIT                                                                                                \
	{                                                                                                              \
		.arn = "arn:aws:lambda:us-east-1:012345678912:function:", .rows_max = 100000, .out_bytes = 64u << 20,  \
		.retries = 2, .retry_ns = LOOP_S, .throttle_ns = LOOP_S, .throttle_max_ns = 300 * LOOP_S,              \
		.age_ns = 6 * 3600 * LOOP_S                                                                            \
	}

/**
 * queue_open - open or make the file, of mode 0600, and start its thread. @opts: copied, its strings too.
 * ERR_EXISTS: another slsc has it; ERR_FORMAT: it is damaged (a file up to 16 MB is read whole to see that), or not
 * ours: left as it is; ERR_IO; ERR_TOOL: no SQLite. NULL after a failure.
 */
struct queue *queue_open(struct loop *loop, const struct queue_opts *opts, struct err *err) MUST_CHECK;
/**
 * queue_close - wait until what was put and done is committed, call those callbacks that are due, and free it. What is
 * out stays in the file, for the next who opens it; its struct queue_event is gone. Not from one of its callbacks.
 */
void queue_close(struct queue *q);

/** An event to store; embedded in its owner, in place until done() is called. */
struct queue_put {
	struct str function, id, payload;	/* borrowed until then; the payload is JSON */
	struct str trace, traceparent, tracestate;	/* X-Amzn-Trace-Id and W3C's; empty: none */
	/* @err NULL: it is durable. Else nothing of it is in the file: the disk is full, or fails */
	void (*done)(struct queue_put *p, const struct err *err);
	struct queue_put *next;			/* the queue's own */
	int64_t made;
};

/**
 * queue_put - have @p stored; @p->done is called once, later. Fails at once, without that call, with ERR_LIMIT: larger
 * than QUEUE_PAYLOAD_MAX, or rows_max events wait already.
 */
int queue_put(struct queue *q, struct queue_put *p, struct err *err) MUST_CHECK;

/**
 * queue_serve - hand out @function's events, at most @n at once, the longest due first; 0, as at the beginning: none,
 * they stay in the file until their age is reached. Those that are out already stay out.
 */
void queue_serve(struct queue *q, const char *function, unsigned n);

/** An event that is out. Its owner is the queue; whoever it was delivered to has it until queue_done(). */
struct queue_event {
	const char *function, *id;
	const char *trace, *traceparent, *tracestate;	/* or NULL */
	struct buf payload;		/* may be taken away: what is left is freed */
	int64_t made;			/* ns since the epoch */
	unsigned attempt;		/* 1: the first */
	void *ctx;			/* of who has it */
	struct queue_state *state;	/* the queue's own */
};

enum queue_outcome {
	QUEUE_OK,			/* it is done, and removed */
	QUEUE_FAILED,			/* an attempt that failed */
	QUEUE_THROTTLED,		/* no instance could be had: no attempt, tried again later and later */
	QUEUE_RETURNED,			/* as if it had not been delivered; it comes again in 0.1 s */
};

/** What the last answer was, for the dead-letter file. Borrowed for the call. */
struct queue_answer {
	int status;			/* of the invocation: 200 for a function's error, 429 */
	const char *function_error;	/* "Unhandled", or NULL */
	struct str payload;		/* JSON */
};

/** queue_done - give @e back, which is gone after this. @a: NULL, but for QUEUE_FAILED and QUEUE_THROTTLED. */
void queue_done(struct queue *q, struct queue_event *e, enum queue_outcome outcome, const struct queue_answer *a);

/** queue_count - events in the file, those that are out among them. */
uint64_t queue_count(struct queue *q);

/* Delays, in ns; @random is any number. */
/** queue_retry_delay - before the @n-th retry (from 1): 0 to @base times 2^(n-1), evenly ("full jitter"). */
uint64_t queue_retry_delay(uint64_t base, unsigned n, uint64_t random);
/** queue_throttle_delay - after the @n-th 429 (from 1): between half and all of @base times 2^n, at most @max. */
uint64_t queue_throttle_delay(uint64_t base, uint64_t max, unsigned n, uint64_t random);

#endif
