/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ARCHIVE_POOL_H
#define SLSC_ARCHIVE_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * A ring of jobs that up to POOL_THREADS threads work on and that are taken back in the order they were given, so
 * that what is written does not depend on the threads. The owner is one thread, which fills, takes back and writes:
 * it never computes for long, and so hears a signal within POOL_POLL_MS.
 */
#define POOL_THREADS 2u
#define POOL_SLOTS 4u
#define POOL_POLL_MS 40

struct pool_ops {
	size_t job_size;
	/* Touches nothing but the job and *@state, which is the thread's own and NULL at first. */
	void (*run)(void *job, void **state);
	void (*job_release)(void *job);
	void (*state_free)(void *state);	/* not called with NULL */
};

struct pool;
/** pool_new - no thread runs before the first pool_submit(). @ops: borrowed, static. Jobs start zeroed. */
struct pool *pool_new(const struct pool_ops *ops);
/** pool_slot - the next job to fill, as its last user left it; NULL if the ring is full: take one back first. */
void *pool_slot(struct pool *p);
/** pool_submit - run what pool_slot() gave; at once and here if @now, or if there are no threads to be had. */
void pool_submit(struct pool *p, bool now);
/** pool_empty - whether nothing is to be taken back. */
bool pool_empty(const struct pool *p);
/** pool_take - wait for the oldest job; NULL with ERR_INTR after a signal. It stays the caller's until pool_done(). */
void *pool_take(struct pool *p, struct err *err);
/** pool_done - the slot of the job that pool_take() gave is free again. */
void pool_done(struct pool *p);
/**
 * pool_free - jobs not taken back are dropped. Threads at work are not waited for: the last one frees the memory.
 */
void pool_free(struct pool *p);

#endif
