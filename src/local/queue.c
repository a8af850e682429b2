/* SPDX-License-Identifier: Apache-2.0 */
#include "local/queue.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "local/queue_internal.h"
#include "os/fs.h"
#include "os/late.h"
#include "os/proc.h"

int64_t queue_wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * (int64_t)LOOP_S + t.tv_nsec;
}

/* ---- delays ---- */

/* @base times 2^@n, at most @max */
static uint64_t doubled(uint64_t base, unsigned n, uint64_t max)
{
	while (n-- && base < max)
		base = base > max / 2 ? max : base * 2;
	return base < max ? base : max;
}

uint64_t queue_retry_delay(uint64_t base, unsigned n, uint64_t random)
{
	return random % (doubled(base, n - 1, INT64_MAX / 4) + 1);
}

uint64_t queue_throttle_delay(uint64_t base, uint64_t max, unsigned n, uint64_t random)
{
	uint64_t most = doubled(base, n, max);

	return most - random % (most / 2 + 1);
}

/* ---- notes ---- */

static void run_notes(struct queue *q)
{
	struct note *n;

	pthread_mutex_lock(&q->lock);
	n = q->notes;
	q->notes = NULL;
	q->last_note = &q->notes;
	q->posted = false;
	pthread_mutex_unlock(&q->lock);
	while (n) {
		struct note *next = n->next;

		n->run(q, n);
		n = next;
	}
}

static void woken(struct loop_task *t)
{
	struct queue_wake *w = CONTAINER_OF(t, struct queue_wake, task);

	if (w->q)
		run_notes(w->q);
	else
		free(w);
}

void queue_notify(struct queue *q, struct note *n)
{
	bool post;

	n->next = NULL;
	pthread_mutex_lock(&q->lock);
	*q->last_note = n;
	q->last_note = &n->next;
	post = !q->posted;
	q->posted = true;
	pthread_mutex_unlock(&q->lock);
	if (post)
		loop_post(q->loop, &q->wake->task);
}

void queue_state_free(struct queue_state *e)
{
	buf_release(&e->event.payload);
	buf_release(&e->answer);
	buf_release(&e->words);
	free(e->function_error);
	free(e);
}

/* ---- opening and closing ---- */

static int lock(struct queue *q, struct err *err)
{
	q->lock_fd = fs_lock_use("queue", q->path, "slsc local", err);
	if (q->lock_fd < 0 && err->code == ERR_EXISTS)
		err_hint(err, "end that one, or name another file for the queue");
	return q->lock_fd < 0 ? -1 : 0;
}

static int start(struct queue *q, struct err *err)
{
	int e = sig_thread(&q->thread, queue_writer, q);

	return e ? err_set(err, ERR_IO, "cannot start a thread: %s", strerror(e)) : 0;
}

static void release(struct queue *q)
{
	VEC_EACH(&q->out, e)
		queue_state_free(*e);
	VEC_FREE(&q->out);
	VEC_FREE(&q->verdicts);
	for (size_t i = 0; i < q->lanes.len; i++) {
		struct lane *l = q->lanes.ptr[i].val;

		free(l->function);
		free(l);
	}
	map_release(&q->lanes);
	if (q->store)
		q->ops->close(q->store);
	if (q->lock_fd >= 0)
		close(q->lock_fd);
	pthread_mutex_destroy(&q->lock);
	pthread_cond_destroy(&q->cond);
	free(q->path);
	free(q->dead);
	free(q->arn);
	free(q);
}

static struct queue *queue_new(struct loop *loop, const struct queue_opts *opts)
{
	struct queue *q = xcalloc(1, sizeof(*q));
	pthread_condattr_t attr;

	q->loop = loop;
	q->opts = *opts;
	q->path = xstrdup(opts->path);
	q->dead = opts->dead ? xstrdup(opts->dead) : NULL;
	q->arn = xstrdup(opts->arn);
	q->lock_fd = -1;
	q->last_put = &q->puts;
	q->last_done = &q->done;
	q->last_serve = &q->serve;
	q->last_note = &q->notes;
	if (getrandom(&q->random, sizeof(q->random), GRND_NONBLOCK) < 0)
		q->random = loop_clock();
	q->random |= 1;
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->cond, &attr);
	pthread_condattr_destroy(&attr);
	return q;
}

struct queue *queue_open(struct loop *loop, const struct queue_opts *opts, struct err *err)
{
	struct queue *q = queue_new(loop, opts);
	const struct sqlite_ops *sqlite = late_load("sqlite", err);

	if (sqlite)
		q->ops = sqlite->queue;
	if (!q->ops || lock(q, err) < 0 || !(q->store = q->ops->open(q->path, err)) ||
	    q->ops->count(q->store, &q->rows, err) < 0) {
		release(q);
		return NULL;
	}
	q->wake = xmalloc(sizeof(*q->wake));
	*q->wake = (struct queue_wake){ .task.run = woken, .q = q };
	if (start(q, err) == 0)
		return q;
	free(q->wake);
	release(q);
	return NULL;
}

void queue_close(struct queue *q)
{
	bool posted;

	pthread_mutex_lock(&q->lock);
	q->closing = true;
	pthread_cond_signal(&q->cond);
	pthread_mutex_unlock(&q->lock);
	pthread_join(q->thread, NULL);
	posted = q->posted;
	run_notes(q);
	/* what the loop still has of us goes when it comes to it */
	if (posted)
		q->wake->q = NULL;
	else
		free(q->wake);
	while (q->serve) {
		struct serve *s = q->serve;

		q->serve = s->next;
		free(s);
	}
	release(q);
}

/* ---- of the loop's thread ---- */

int queue_put(struct queue *q, struct queue_put *p, struct err *err)
{
	bool full;

	if (!p->function.len || !p->id.len)
		BUG("an event without a name");
	if (p->payload.len > QUEUE_PAYLOAD_MAX)
		return err_set(err, ERR_LIMIT, "limit exceeded: an asynchronous event of %zu bytes, of %u at most",
			       p->payload.len, QUEUE_PAYLOAD_MAX);
	p->made = queue_wall();
	p->next = NULL;
	pthread_mutex_lock(&q->lock);
	full = q->rows + q->putting >= q->opts.rows_max || q->closing;
	if (!full) {
		*q->last_put = p;
		q->last_put = &p->next;
		q->putting++;
		pthread_cond_signal(&q->cond);
	}
	pthread_mutex_unlock(&q->lock);
	if (!full)
		return 0;
	err_set(err, ERR_LIMIT, "limit exceeded: the queue %s holds %llu events", q->path,
		(unsigned long long)q->opts.rows_max);
	return err_hint(err, "the functions take fewer than come: more concurrency, or wait");
}

void queue_serve(struct queue *q, const char *function, unsigned n)
{
	size_t len = strlen(function) + 1;
	struct serve *s = xmalloc(sizeof(*s) + len);

	s->next = NULL;
	s->limit = n;
	memcpy(s->function, function, len);
	pthread_mutex_lock(&q->lock);
	*q->last_serve = s;
	q->last_serve = &s->next;
	pthread_cond_signal(&q->cond);
	pthread_mutex_unlock(&q->lock);
}

void queue_done(struct queue *q, struct queue_event *event, enum queue_outcome outcome, const struct queue_answer *a)
{
	struct queue_state *e = event->state;

	e->outcome = outcome;
	if (a) {
		e->status = a->status;
		e->function_error = a->function_error ? xstrdup(a->function_error) : NULL;
		buf_adds(&e->answer, a->payload);
	}
	buf_release(&event->payload);
	e->next = NULL;
	pthread_mutex_lock(&q->lock);
	*q->last_done = e;
	q->last_done = &e->next;
	pthread_cond_signal(&q->cond);
	pthread_mutex_unlock(&q->lock);
}

uint64_t queue_count(struct queue *q)
{
	uint64_t n;

	pthread_mutex_lock(&q->lock);
	n = q->rows;
	pthread_mutex_unlock(&q->lock);
	return n;
}
