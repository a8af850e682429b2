/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "os/proc.h"

struct pool {
	const struct pool_ops *ops;
	char *jobs;
	void *state;			/* of the owner, for what it runs itself */
	size_t head, tail;		/* owner only; jobs head..tail-1 are given; slot: number % POOL_SLOTS */
	pthread_t threads[POOL_THREADS];
	size_t nthreads;		/* owner only */
	bool no_threads;		/* owner only: the system refused the first one */

	pthread_mutex_t lock;		/* for the rest */
	pthread_cond_t given, finished;
	size_t next, end;		/* jobs next..end-1 wait for a thread */
	bool done[POOL_SLOTS];
	size_t busy, alive;
	bool quit, orphan;
};

static void *job_at(const struct pool *p, size_t i)
{
	return p->jobs + (i % POOL_SLOTS) * p->ops->job_size;
}

struct pool *pool_new(const struct pool_ops *ops)
{
	struct pool *p = xcalloc(1, sizeof(*p));
	pthread_condattr_t attr;

	p->ops = ops;
	p->jobs = xcalloc(POOL_SLOTS, ops->job_size);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->given, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->finished, &attr);
	pthread_condattr_destroy(&attr);
	return p;
}

static void destroy(struct pool *p)
{
	for (size_t i = 0; i < POOL_SLOTS; i++)
		p->ops->job_release(job_at(p, i));
	if (p->state)
		p->ops->state_free(p->state);
	pthread_cond_destroy(&p->given);
	pthread_cond_destroy(&p->finished);
	pthread_mutex_destroy(&p->lock);
	free(p->jobs);
	free(p);
}

static void *work(void *arg)
{
	struct pool *p = arg;
	const struct pool_ops *ops = p->ops;	/* an orphaned pool may go while this thread tidies up */
	void *state = NULL;
	bool last;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		size_t i;

		/* What the owner ran itself is done already. */
		while (p->next != p->end && p->done[p->next % POOL_SLOTS])
			p->next++;
		if (p->quit)
			break;
		if (p->next == p->end) {
			pthread_cond_wait(&p->given, &p->lock);
			continue;
		}
		i = p->next++;
		p->busy++;
		pthread_mutex_unlock(&p->lock);
		ops->run(job_at(p, i), &state);
		pthread_mutex_lock(&p->lock);
		p->busy--;
		p->done[i % POOL_SLOTS] = true;
		pthread_cond_signal(&p->finished);
	}
	last = --p->alive == 0 && p->orphan;
	pthread_mutex_unlock(&p->lock);
	if (state)
		ops->state_free(state);
	if (last)
		destroy(p);
	return NULL;
}

/* Another thread if there is work for it. */
static void start_thread(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	if (sig_thread(&p->threads[p->nthreads], work, p) == 0) {
		p->nthreads++;
		p->alive++;
	}
	pthread_mutex_unlock(&p->lock);
	p->no_threads = p->nthreads == 0;
}

void *pool_slot(struct pool *p)
{
	return p->tail - p->head == POOL_SLOTS ? NULL : job_at(p, p->tail);
}

void pool_submit(struct pool *p, bool now)
{
	size_t slot = p->tail % POOL_SLOTS;

	if (!now && p->nthreads < POOL_THREADS && !p->no_threads)
		start_thread(p);
	now = now || p->no_threads;
	if (now)
		p->ops->run(job_at(p, p->tail), &p->state);
	pthread_mutex_lock(&p->lock);
	p->done[slot] = now;
	p->tail++;
	p->end = p->tail;
	if (!now)
		pthread_cond_signal(&p->given);
	pthread_mutex_unlock(&p->lock);
}

bool pool_empty(const struct pool *p)
{
	return p->head == p->tail;
}

void *pool_take(struct pool *p, struct err *err)
{
	size_t slot = p->head % POOL_SLOTS;
	int r = sig_check(err);

	if (pool_empty(p))
		BUG("nothing to take from the pool");
	pthread_mutex_lock(&p->lock);
	while (r == 0 && !p->done[slot]) {
		struct timespec t;

		clock_gettime(CLOCK_MONOTONIC, &t);
		t.tv_nsec += POOL_POLL_MS * 1000000L;
		if (t.tv_nsec >= 1000000000L) {
			t.tv_sec++;
			t.tv_nsec -= 1000000000L;
		}
		pthread_cond_timedwait(&p->finished, &p->lock, &t);
		r = sig_check(err);
	}
	/* Its slot may be filled again before a thread has passed it over. */
	if (r == 0 && p->next == p->head)
		p->next++;
	pthread_mutex_unlock(&p->lock);
	return r == 0 ? job_at(p, p->head) : NULL;
}

void pool_done(struct pool *p)
{
	p->head++;
}

void pool_free(struct pool *p)
{
	bool wait;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->quit = true;
	p->orphan = p->busy > 0;
	wait = !p->orphan;
	pthread_cond_broadcast(&p->given);
	/* Under the lock: no orphaned thread frees the pool before all of them are let go. */
	if (!wait)
		for (size_t i = 0; i < p->nthreads; i++)
			pthread_detach(p->threads[i]);
	pthread_mutex_unlock(&p->lock);
	if (!wait)
		return;
	for (size_t i = 0; i < p->nthreads; i++)
		pthread_join(p->threads[i], NULL);
	destroy(p);
}
