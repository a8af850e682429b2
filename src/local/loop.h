/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_LOOP_H
#define SLSC_LOCAL_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/err.h"
#include "base/vec.h"

/*
 * One thread and one epoll(7) for all of the local platform: no state of it needs a lock. What blocks (a build, a disk,
 * another server) runs in threads of its own, which hand their results over with loop_post(). All calls but that one
 * are of the loop's thread. Times are nanoseconds of CLOCK_MONOTONIC.
 */

/** A descriptor that is watched; embedded in its owner, which stays in place until loop_io_del(). */
struct loop_io {
	int fd;
	/* EPOLLIN ...; may remove any loop_io, also itself */
	void (*ready)(struct loop_io *io, uint32_t events);
	uint32_t slot;			/* the loop's own; 0: not watched */
	uint32_t round;			/* likewise: no two watches have the same */
};

/** What is called once, at its time or soon after; embedded in its owner. Zero is unset. */
struct loop_timer {
	void (*expired)(struct loop_timer *t);
	uint64_t at;
	size_t place;			/* in the heap, from 1 on; 0: not set */
};

/** What another thread hands over; embedded in its owner, which may free it when called. */
struct loop_task {
	void (*run)(struct loop_task *t);
	struct loop_task *next;
};

struct loop {
	int epoll, wake;		/* wake: an eventfd */
	uint64_t now;			/* as of the last wake-up */
	/* before each wait; true: something is left to do, so do not sleep */
	bool (*before)(void *ctx);
	void *ctx;
	bool stopped;
	VEC(struct loop_io *) watched;	/* by slot - 1; NULL: free. A late event of a removed one finds nothing */
	VEC(uint32_t) free_slots;
	uint32_t rounds;
	VEC(struct loop_timer *) timers;	/* a binary heap by time */
	struct loop_io wake_io, signal_io;
	unsigned signals;		/* how many have been told */
	pthread_mutex_t lock;
	struct loop_task *first, **last;	/* handed over, under the lock */
};

int loop_init(struct loop *l, struct err *err) MUST_CHECK;
void loop_release(struct loop *l);

/** loop_io_add - watch @io->fd for @events (EPOLLET may be among them). ERR_IO. */
int loop_io_add(struct loop *l, struct loop_io *io, uint32_t events, struct err *err) MUST_CHECK;
/** loop_io_del - before the descriptor is closed; harmless if it is not watched. */
void loop_io_del(struct loop *l, struct loop_io *io);

/** loop_timer_set - in @ns nanoseconds from now on, in place of the time it was set to. */
void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t ns);
/** loop_timer_stop - harmless if it is not set. */
void loop_timer_stop(struct loop *l, struct loop_timer *t);

/** loop_post - have @t run in the loop's thread; from any thread, in order. */
void loop_post(struct loop *l, struct loop_task *t);

/** loop_run - until loop_stop(); ERR_INTR once for each time a signal has come, and it may go on; ERR_IO. */
int loop_run(struct loop *l, struct err *err) MUST_CHECK;
/** loop_once - what is ready, waiting for something at most @ns (UINT64_MAX: for ever). As loop_run(). */
int loop_once(struct loop *l, uint64_t ns, struct err *err) MUST_CHECK;
void loop_stop(struct loop *l);

/** loop_clock - CLOCK_MONOTONIC now; loop.now is cheaper. */
uint64_t loop_clock(void);

#define LOOP_MS 1000000ull
#define LOOP_S 1000000000ull

#endif
