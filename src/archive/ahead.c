/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "os/proc.h"

struct slot {
	char *p;
	size_t n, cap;
};

struct ahead {
	unar_read_fn read;
	void *ctx;
	bool threaded;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t filled, freed;
	/* under the lock: how many were filled and given back so far; last: how the reading ended */
	size_t head, tail;
	bool quit, ended;
	ssize_t last;
	struct err err;
	/* the thread's while it is not filled, then the reader's */
	struct slot slots[AHEAD_SLOTS];
	bool holding;		/* the reader has a block: slot head */
};

/* Waits for a free slot; false: nobody wants more. */
static bool next_slot(struct ahead *a)
{
	bool quit;

	pthread_mutex_lock(&a->lock);
	while (!a->quit && a->tail - a->head == AHEAD_SLOTS)
		pthread_cond_wait(&a->freed, &a->lock);
	quit = a->quit;
	pthread_mutex_unlock(&a->lock);
	return !quit;
}

static void *work(void *arg)
{
	struct ahead *a = arg;
	const void *p;
	ssize_t n = 1;

	while (next_slot(a)) {
		struct slot *s = &a->slots[a->tail % AHEAD_SLOTS];

		n = a->read(a->ctx, &p, &a->err);
		if (n > 0 && (size_t)n > s->cap) {
			s->cap = (size_t)n > AHEAD_BLOCK ? (size_t)n : AHEAD_BLOCK;
			free(s->p);
			s->p = xmalloc(s->cap);
		}
		if (n > 0)
			memcpy(s->p, p, (size_t)n);
		pthread_mutex_lock(&a->lock);
		if (n > 0) {
			s->n = (size_t)n;
			a->tail++;
		} else {
			a->ended = true;
			a->last = n;
		}
		pthread_cond_signal(&a->filled);
		pthread_mutex_unlock(&a->lock);
		if (n <= 0)
			break;
	}
	return NULL;
}

struct ahead *ahead_new(unar_read_fn read, void *ctx)
{
	struct ahead *a = xcalloc(1, sizeof(*a));

	*a = (struct ahead){ .read = read, .ctx = ctx };
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->filled, NULL);
	pthread_cond_init(&a->freed, NULL);
	a->threaded = sig_thread(&a->thread, work, a) == 0;
	return a;
}

ssize_t ahead_read(void *ctx, const void **p, struct err *err)
{
	struct ahead *a = ctx;
	ssize_t n;

	if (!a->threaded)
		return a->read(a->ctx, p, err);
	pthread_mutex_lock(&a->lock);
	if (a->holding) {
		a->head++;
		a->holding = false;
		pthread_cond_signal(&a->freed);
	}
	/* the thread polls for signals: it never waits for anything but us and its source */
	while (a->head == a->tail && !a->ended)
		pthread_cond_wait(&a->filled, &a->lock);
	if (a->head < a->tail) {
		const struct slot *s = &a->slots[a->head % AHEAD_SLOTS];

		a->holding = true;
		*p = s->p;
		n = (ssize_t)s->n;
	} else {
		n = a->last;
		if (n < 0)
			*err = a->err;
	}
	pthread_mutex_unlock(&a->lock);
	return n;
}

void ahead_free(struct ahead *a)
{
	if (!a)
		return;
	if (a->threaded) {
		pthread_mutex_lock(&a->lock);
		a->quit = true;
		pthread_cond_signal(&a->freed);
		pthread_mutex_unlock(&a->lock);
		pthread_join(a->thread, NULL);
	}
	pthread_cond_destroy(&a->freed);
	pthread_cond_destroy(&a->filled);
	pthread_mutex_destroy(&a->lock);
	for (size_t i = 0; i < AHEAD_SLOTS; i++)
		free(a->slots[i].p);
	free(a);
}
