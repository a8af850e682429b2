/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/ahead.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct ahead {
	unar_read_fn read;
	void *ctx;
	pthread_t thread;
	bool threaded;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under the lock; block n is the reader's from put > n on until took > n */
	size_t put, took;
	bool ended, stop;
	int ret;	/* with ended: 0, or -1 with err */
	struct err err;
	struct {
		char *ptr;
		size_t len;
	} block[AHEAD_BLOCKS];
	bool holds;	/* the reader still looks at block took */
};

/* Waits for a free block; false: nobody wants more. */
static bool wait_free(struct ahead *a)
{
	bool go;

	pthread_mutex_lock(&a->lock);
	while (!a->stop && a->put - a->took == AHEAD_BLOCKS)
		pthread_cond_wait(&a->changed, &a->lock);
	go = !a->stop;
	pthread_mutex_unlock(&a->lock);
	return go;
}

static bool give(struct ahead *a, const char *p, size_t n)
{
	while (n) {
		const size_t take = n < AHEAD_BLOCK ? n : AHEAD_BLOCK, at = a->put % AHEAD_BLOCKS;

		if (!wait_free(a))
			return false;
		if (!a->block[at].ptr)
			a->block[at].ptr = xmalloc(AHEAD_BLOCK);
		memcpy(a->block[at].ptr, p, take);
		a->block[at].len = take;
		p += take;
		n -= take;
		pthread_mutex_lock(&a->lock);
		a->put++;
		pthread_cond_broadcast(&a->changed);
		pthread_mutex_unlock(&a->lock);
	}
	return true;
}

static void *run(void *arg)
{
	struct ahead *a = arg;
	struct err err = ERR_INIT;
	const void *p;
	ssize_t n;

	while ((n = a->read(a->ctx, &p, &err)) > 0)
		if (!give(a, p, (size_t)n))
			return NULL;
	pthread_mutex_lock(&a->lock);
	a->ended = true;
	a->ret = n < 0 ? -1 : 0;
	a->err = err;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

struct ahead *ahead_new(unar_read_fn read, void *ctx)
{
	struct ahead *a = xcalloc(1, sizeof(*a));

	a->read = read;
	a->ctx = ctx;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	/* where there may be no more threads it is slower, and nothing else */
	a->threaded = pthread_create(&a->thread, NULL, run, a) == 0;
	return a;
}

ssize_t ahead_read(void *ahead, const void **p, struct err *err)
{
	struct ahead *a = ahead;
	ssize_t n;

	if (!a->threaded)
		return a->read(a->ctx, p, err);
	pthread_mutex_lock(&a->lock);
	if (a->holds) {
		a->took++;
		a->holds = false;
		pthread_cond_broadcast(&a->changed);
	}
	while (a->put == a->took && !a->ended)
		pthread_cond_wait(&a->changed, &a->lock);
	if (a->put > a->took) {
		const size_t at = a->took % AHEAD_BLOCKS;

		*p = a->block[at].ptr;
		n = (ssize_t)a->block[at].len;
		a->holds = true;
	} else {
		n = a->ret;
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
		a->stop = true;
		pthread_cond_broadcast(&a->changed);
		pthread_mutex_unlock(&a->lock);
		pthread_join(a->thread, NULL);
	}
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->changed);
	for (size_t i = 0; i < AHEAD_BLOCKS; i++)
		free(a->block[i].ptr);
	free(a);
}
