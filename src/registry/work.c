/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/work.h"

#include <pthread.h>

#include "base/mem.h"
#include "base/vec.h"
#include "os/proc.h"

#define SMALL (1u << 20)	/* bytes that take no longer than a few round trips */

struct work {
	size_t n;
	atomic_size_t next;
	int (*fn)(void *ctx, size_t i, struct err *err);
	void *ctx;
	atomic_bool *cancel;
	pthread_mutex_t lock;
	struct err err;		/* the first */
};

static void *run(void *arg)
{
	struct work *w = arg;

	while (!atomic_load(w->cancel)) {
		size_t i = atomic_fetch_add(&w->next, 1u);
		struct err err = ERR_INIT;

		if (i >= w->n)
			break;
		if (sig_check(&err) == 0 && w->fn(w->ctx, i, &err) == 0)
			continue;
		pthread_mutex_lock(&w->lock);
		/* what the others say after this is that they were cancelled */
		if (w->err.code == ERR_NONE)
			w->err = err;
		pthread_mutex_unlock(&w->lock);
		atomic_store(w->cancel, true);
	}
	return NULL;
}

unsigned work_jobs(size_t n, uint64_t bytes)
{
	size_t jobs = bytes > SMALL ? n : n / 2 + n % 2;

	return jobs == 0 ? 1 : jobs < WORK_JOBS ? (unsigned)jobs : WORK_JOBS;
}

int work_run(size_t n, unsigned jobs, int (*fn)(void *ctx, size_t i, struct err *err), void *ctx, atomic_bool *cancel,
	     struct err *err)
{
	struct work w = { .n = n, .fn = fn, .ctx = ctx, .cancel = cancel, .lock = PTHREAD_MUTEX_INITIALIZER };
	VEC(pthread_t) threads = { 0 };

	/* With fewer threads than asked for it only takes longer. */
	for (size_t i = 1; i < n && i < jobs; i++) {
		pthread_t t;

		if (pthread_create(&t, NULL, run, &w) != 0)
			break;
		VEC_PUSH(&threads, t);
	}
	run(&w);
	for (size_t i = 0; i < threads.len; i++)
		pthread_join(threads.ptr[i], NULL);
	VEC_FREE(&threads);
	if (w.err.code == ERR_NONE)
		return 0;
	*err = w.err;
	return -1;
}
