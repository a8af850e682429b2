/* SPDX-License-Identifier: Apache-2.0 */
#include "local/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/proc.h"

#define EVENTS 256

uint64_t loop_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * LOOP_S + (uint64_t)t.tv_nsec;
}

/* A signal may have been another thread's: this wakes ours, and loop_once() asks. */
static void signalled(struct loop_io *io, uint32_t events)
{
	(void)io;
	(void)events;
}

static void run_tasks(struct loop_io *io, uint32_t events)
{
	struct loop *l = CONTAINER_OF(io, struct loop, wake_io);
	struct loop_task *t;
	uint64_t n;

	(void)events;
	/* before the list is taken: what comes later wakes again */
	if (read(l->wake, &n, sizeof(n)) < 0)
		return;
	pthread_mutex_lock(&l->lock);
	t = l->first;
	l->first = NULL;
	l->last = &l->first;
	pthread_mutex_unlock(&l->lock);
	while (t) {
		struct loop_task *next = t->next;

		t->run(t);
		t = next;
	}
}

int loop_init(struct loop *l, struct err *err)
{
	memset(l, 0, sizeof(*l));
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->last = &l->first;
	pthread_mutex_init(&l->lock, NULL);
	l->now = loop_clock();
	if (l->epoll < 0 || l->wake < 0)
		return err_sys(err, "cannot make an event loop");
	l->wake_io = (struct loop_io){ .fd = l->wake, .ready = run_tasks };
	l->signal_io = (struct loop_io){ .fd = sig_fd(), .ready = signalled };
	l->signals = sig_count();
	if (sig_fd() >= 0 && loop_io_add(l, &l->signal_io, EPOLLIN | EPOLLET, err) < 0)
		return -1;
	return loop_io_add(l, &l->wake_io, EPOLLIN, err);
}

void loop_release(struct loop *l)
{
	if (l->epoll >= 0)
		close(l->epoll);
	if (l->wake >= 0)
		close(l->wake);
	pthread_mutex_destroy(&l->lock);
	VEC_FREE(&l->watched);
	VEC_FREE(&l->free_slots);
	VEC_FREE(&l->timers);
}

/* ---- descriptors ---- */

/*
 * The event carries slot and descriptor: after one callback of a batch has removed a watch and another has taken its
 * slot, the old one's event is told from the new one's.
 */
static uint64_t token(const struct loop_io *io)
{
	return (uint64_t)io->slot << 32 | io->round;
}

int loop_io_add(struct loop *l, struct loop_io *io, uint32_t events, struct err *err)
{
	struct epoll_event e = { .events = events };

	if (l->free_slots.len) {
		io->slot = l->free_slots.ptr[--l->free_slots.len];
	} else {
		VEC_PUSH(&l->watched, NULL);
		io->slot = (uint32_t)l->watched.len;
	}
	l->watched.ptr[io->slot - 1] = io;
	io->round = ++l->rounds;
	e.data.u64 = token(io);
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, io->fd, &e) == 0)
		return 0;
	err_sys(err, "cannot watch a descriptor");
	l->watched.ptr[io->slot - 1] = NULL;
	VEC_PUSH(&l->free_slots, io->slot);
	io->slot = 0;
	return -1;
}

void loop_io_del(struct loop *l, struct loop_io *io)
{
	if (!io->slot)
		return;
	(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, io->fd, NULL);
	l->watched.ptr[io->slot - 1] = NULL;
	VEC_PUSH(&l->free_slots, io->slot);
	io->slot = 0;
}

/* ---- timers: a heap, each of which knows its place ---- */

static void put(struct loop *l, size_t i, struct loop_timer *t)
{
	l->timers.ptr[i] = t;
	t->place = i + 1;
}

static void sift(struct loop *l, size_t i, struct loop_timer *t)
{
	while (i > 0 && l->timers.ptr[(i - 1) / 2]->at > t->at) {
		put(l, i, l->timers.ptr[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		size_t c = 2 * i + 1;

		if (c + 1 < l->timers.len && l->timers.ptr[c + 1]->at < l->timers.ptr[c]->at)
			c++;
		if (c >= l->timers.len || l->timers.ptr[c]->at >= t->at)
			break;
		put(l, i, l->timers.ptr[c]);
		i = c;
	}
	put(l, i, t);
}

void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t ns)
{
	/* of the clock, not of the last wake-up: a callback may have taken long */
	t->at = loop_clock() + ns;
	if (!t->place) {
		VEC_PUSH(&l->timers, t);
		t->place = l->timers.len;
	}
	sift(l, t->place - 1, t);
}

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
	struct loop_timer *last;
	size_t i;

	if (!t->place)
		return;
	i = t->place - 1;
	last = l->timers.ptr[--l->timers.len];
	t->place = 0;
	if (last != t)
		sift(l, i, last);
}

static void run_timers(struct loop *l)
{
	while (l->timers.len && l->timers.ptr[0]->at <= l->now) {
		struct loop_timer *t = l->timers.ptr[0];

		loop_timer_stop(l, t);
		t->expired(t);
	}
}

/* ---- */

void loop_post(struct loop *l, struct loop_task *t)
{
	static const uint64_t one = 1;
	bool first;

	t->next = NULL;
	pthread_mutex_lock(&l->lock);
	first = !l->first;
	*l->last = t;
	l->last = &t->next;
	pthread_mutex_unlock(&l->lock);
	/* it fails when the counter is full: then the loop is awake anyway */
	if (first && write(l->wake, &one, sizeof(one)) < 0)
		return;
}

void loop_stop(struct loop *l)
{
	l->stopped = true;
}

/* Milliseconds for epoll_wait: never less than the time that is left, so that nothing is woken for nothing. */
static int wait_ms(const struct loop *l, uint64_t most)
{
	uint64_t left = most;

	if (l->timers.len) {
		uint64_t now = loop_clock(), at = l->timers.ptr[0]->at;

		if (at <= now)
			return 0;
		if (at - now < left)
			left = at - now;
	}
	if (left == UINT64_MAX)
		return -1;
	left = (left + LOOP_MS - 1) / LOOP_MS;
	return left > 3600000 ? 3600000 : (int)left;
}

int loop_once(struct loop *l, uint64_t ns, struct err *err)
{
	struct epoll_event e[EVENTS];
	bool busy = l->before && l->before(l->ctx);
	int n = epoll_wait(l->epoll, e, EVENTS, busy || l->stopped ? 0 : wait_ms(l, ns));

	if (n < 0 && errno != EINTR)
		return err_sys(err, "cannot wait for events");
	l->now = loop_clock();
	for (int i = 0; i < n; i++) {
		uint32_t slot = (uint32_t)(e[i].data.u64 >> 32);
		struct loop_io *io = l->watched.ptr[slot - 1];

		if (io && token(io) == e[i].data.u64)
			io->ready(io, e[i].events);
	}
	run_timers(l);
	/* after the events that came with it: what is watched by edges is not told of them again */
	if (sig_count() != l->signals) {
		l->signals = sig_count();
		return sig_check(err);
	}
	return 0;
}

int loop_run(struct loop *l, struct err *err)
{
	l->stopped = false;
	while (!l->stopped)
		if (loop_once(l, UINT64_MAX, err) < 0)
			return -1;
	return 0;
}
