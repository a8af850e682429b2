/* SPDX-License-Identifier: Apache-2.0 */
#include "local/flow_journal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "local/platform.h"
#include "os/fs.h"
#include "os/late.h"
#include "os/proc.h"

#define KEPT_NS (90ll * 24 * 3600 * 1000000000)

/** The task that tells what is done; it may lie in the loop when the journal is gone. */
struct journal_wake {
	struct loop_task task;
	struct flow_journal *j; /* NULL: gone */
};

struct flow_journal {
	struct loop *loop;
	char *path;
	int lock_fd;
	const struct flow_store_ops *ops;
	struct flow_store *store;
	pthread_t thread;
	struct journal_wake *wake;

	pthread_mutex_t file; /* for the store: whose turn it is */
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t cond;  /* to the thread */
	struct flow_job *first, **last;
	struct flow_job *told, **last_told;
	bool posted, closing;
};

/* ---- the thread ---- */

static void op_failed(struct flow_job *op, const struct err *err)
{
	op->failed = true;
	op->err = xmalloc(sizeof(*op->err));
	*op->err = *err;
}

static int write_all(struct flow_journal *j, struct flow_job *ops, struct err *err)
{
	if (j->ops->begin(j->store, err) < 0)
		return -1;
	for (struct flow_job *op = ops; op; op = op->next) {
		struct err own = ERR_INIT;

		if (op->work(op, j->ops, j->store, &own) == 0)
			continue;
		if (!op->writes) {
			op_failed(op, &own);
			continue;
		}
		*err = own;
		j->ops->rollback(j->store);
		return -1;
	}
	if (j->ops->commit(j->store, err) == 0)
		return 0;
	j->ops->rollback(j->store);
	return -1;
}

static void do_jobs(struct flow_journal *j, struct flow_job *ops)
{
	struct err err = ERR_INIT;
	bool writes = false;

	for (struct flow_job *op = ops; op; op = op->next)
		writes |= op->writes;
	if (writes) {
		if (write_all(j, ops, &err) == 0)
			return;
		for (struct flow_job *op = ops; op; op = op->next)
			if (!op->failed)
				op_failed(op, &err);
		return;
	}
	for (struct flow_job *op = ops; op; op = op->next)
		if (op->work(op, j->ops, j->store, &err) < 0)
			op_failed(op, &err);
}

static void do_all(struct flow_journal *j, struct flow_job *ops)
{
	pthread_mutex_lock(&j->file);
	do_jobs(j, ops);
	pthread_mutex_unlock(&j->file);
}

static void tell(struct flow_journal *j, struct flow_job *ops)
{
	bool post;

	pthread_mutex_lock(&j->lock);
	*j->last_told = ops;
	while (*j->last_told)
		j->last_told = &(*j->last_told)->next;
	post = !j->posted;
	j->posted = true;
	pthread_mutex_unlock(&j->lock);
	if (post)
		loop_post(j->loop, &j->wake->task);
}

static void *journal_thread(void *arg)
{
	struct flow_journal *j = arg;

	for (;;) {
		struct flow_job *ops;

		pthread_mutex_lock(&j->lock);
		while (!j->first && !j->closing)
			pthread_cond_wait(&j->cond, &j->lock);
		ops = j->first;
		j->first = NULL;
		j->last = &j->first;
		pthread_mutex_unlock(&j->lock);
		if (!ops)
			return NULL;
		do_all(j, ops);
		tell(j, ops);
	}
}

/* ---- the loop's ---- */

static void tell_done(struct flow_journal *j)
{
	struct flow_job *op;

	pthread_mutex_lock(&j->lock);
	op = j->told;
	j->told = NULL;
	j->last_told = &j->told;
	j->posted = false;
	pthread_mutex_unlock(&j->lock);
	while (op) {
		struct flow_job *next = op->next;
		struct err *err = op->err;

		op->err = NULL;
		op->done(op, op->failed ? err : NULL);
		free(err);
		op = next;
	}
}

static void woken(struct loop_task *t)
{
	struct journal_wake *w = CONTAINER_OF(t, struct journal_wake, task);

	if (w->j)
		tell_done(w->j);
	else
		free(w);
}

void flow_journal_do(struct flow_journal *j, struct flow_job *op)
{
	op->next = NULL;
	op->failed = false;
	op->err = NULL;
	pthread_mutex_lock(&j->lock);
	*j->last = op;
	j->last = &op->next;
	pthread_cond_signal(&j->cond);
	pthread_mutex_unlock(&j->lock);
}

int flow_journal_now(struct flow_journal *j, struct flow_job *op, struct err *err)
{
	int ret = 0;

	op->next = NULL;
	op->failed = false;
	op->err = NULL;
	do_all(j, op);
	if (op->failed) {
		*err = *op->err;
		ret = -1;
	}
	free(op->err);
	op->err = NULL;
	return ret;
}

/* ---- opening and closing ---- */

static int lock(struct flow_journal *j, const char *who, struct err *err)
{
	j->lock_fd = fs_lock_use("journal", j->path, who, err);
	if (j->lock_fd < 0 && err->code == ERR_EXISTS)
		err_hint(err, "wait for it, or run without a journal: --memory");
	return j->lock_fd < 0 ? -1 : 0;
}

static int forget(struct flow_job *op, const struct flow_store_ops *ops, struct flow_store *s, struct err *err)
{
	(void)op;
	return ops->expire(s, wall_clock() - KEPT_NS, err);
}

static int start(struct flow_journal *j, struct err *err)
{
	int e = sig_thread(&j->thread, journal_thread, j);

	return e ? err_set(err, ERR_IO, "cannot start a thread: %s", strerror(e)) : 0;
}

static void release(struct flow_journal *j)
{
	if (j->store)
		j->ops->close(j->store);
	if (j->lock_fd >= 0)
		close(j->lock_fd);
	pthread_mutex_destroy(&j->file);
	pthread_mutex_destroy(&j->lock);
	pthread_cond_destroy(&j->cond);
	free(j->path);
	free(j);
}

struct flow_journal *flow_journal_open(struct loop *loop, const char *path, const char *who, int64_t *next,
				       struct err *err)
{
	const struct sqlite_ops *sqlite = late_load("sqlite", err);
	struct flow_job old = { .work = forget, .writes = true };
	struct flow_journal *j;

	if (!sqlite)
		return NULL;
	j = xcalloc(1, sizeof(*j));
	j->loop = loop;
	j->path = xstrdup(path);
	j->lock_fd = -1;
	j->ops = sqlite->flow;
	j->last = &j->first;
	j->last_told = &j->told;
	pthread_mutex_init(&j->file, NULL);
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->cond, NULL);
	if (lock(j, who, err) < 0 || !(j->store = j->ops->open(j->path, next, err)) ||
	    flow_journal_now(j, &old, err) < 0) {
		release(j);
		return NULL;
	}
	j->wake = xmalloc(sizeof(*j->wake));
	*j->wake = (struct journal_wake){ .task.run = woken, .j = j };
	if (start(j, err) == 0)
		return j;
	free(j->wake);
	release(j);
	return NULL;
}

void flow_journal_close(struct flow_journal *j)
{
	bool posted;

	pthread_mutex_lock(&j->lock);
	j->closing = true;
	pthread_cond_signal(&j->cond);
	pthread_mutex_unlock(&j->lock);
	pthread_join(j->thread, NULL);
	posted = j->posted;
	tell_done(j);
	/* what the loop still has of us goes when it comes to it */
	if (posted)
		j->wake->j = NULL;
	else
		free(j->wake);
	release(j);
}
