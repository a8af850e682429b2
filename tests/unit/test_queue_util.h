/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_TEST_QUEUE_UTIL_H
#define SLSC_TEST_QUEUE_UTIL_H

/* A queue in a directory of its own, and a loop; what was delivered, stored, and told. Include after cmocka.h. */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vec.h"
#include "local/queue.h"
#include "os/fs.h"

static char dir[64], path[96], dead_path[96];
static struct loop loop;
static struct queue *queue;
static struct queue_opts opts;
static struct err err;

static VEC(struct queue_event *) out;	/* delivered and not given back */
static struct strs delivered;		/* "id/attempt", in order */
static struct strs deaths;		/* "function/id/condition/attempts" */
static struct strs troubles;		/* "message" */
static unsigned stored, refused;
static struct err refusal;

struct one {
	struct queue_put put;
	char function[32], id[64];
	char *payload;
};

static inline void on_deliver(void *ctx, struct queue_event *e)
{
	(void)ctx;
	VEC_PUSH(&out, e);
	strs_addf(&delivered, "%s/%u", e->id, e->attempt);
}

static inline void on_died(void *ctx, const struct queue_death *d)
{
	(void)ctx;
	strs_addf(&deaths, "%s/%s/%s/%u", d->function, d->id, d->condition, d->attempts);
}

static inline void on_trouble(void *ctx, const struct err *e)
{
	(void)ctx;
	strs_add(&troubles, e->msg);
}

static inline void on_done(struct queue_put *p, const struct err *e)
{
	struct one *o = CONTAINER_OF(p, struct one, put);

	if (e)
		refusal = *e;
	e ? refused++ : stored++;
	free(o->payload);
	free(o);
}

static inline struct one *one(const char *function, const char *id, const char *payload)
{
	struct one *o = xcalloc(1, sizeof(*o));

	snprintf(o->function, sizeof(o->function), "%s", function);
	snprintf(o->id, sizeof(o->id), "%s", id);
	o->payload = xstrdup(payload);
	o->put = (struct queue_put){ .function = str_from(o->function), .id = str_from(o->id),
				     .payload = str_from(o->payload), .done = on_done };
	return o;
}

static inline void put(const char *function, const char *id, const char *payload)
{
	struct one *o = one(function, id, payload);

	if (queue_put(queue, &o->put, &err) < 0)
		fail_msg("%s", err.msg);
}

/* The next event that is out, taken from the list. */
static inline struct queue_event *take(void)
{
	struct queue_event *e = out.ptr[0];

	memmove(out.ptr, out.ptr + 1, --out.len * sizeof(out.ptr[0]));
	return e;
}

#define UNTIL(condition)                                                                                               \
	do {                                                                                                           \
		uint64_t end_ = loop_clock() + 60 * LOOP_S;                                                            \
                                                                                                                       \
		while (!(condition)) {                                                                                 \
			assert_int_equal(loop_once(&loop, LOOP_S, &err), 0);                                           \
			if (loop_clock() > end_)                                                                       \
				fail_msg("never: %s", #condition);                                                     \
		}                                                                                                      \
	} while (0)

static inline void forget(void)
{
	out.len = 0;
	strs_release(&delivered);
	strs_release(&deaths);
	strs_release(&troubles);
	stored = refused = 0;
}

static inline void open_queue(void)
{
	queue = queue_open(&loop, &opts, &err);
	if (!queue)
		fail_msg("%s", err.msg);
}

static inline void close_queue(void)
{
	queue_close(queue);
	queue = NULL;
	/* its wake-up may still lie there */
	assert_int_equal(loop_once(&loop, 0, &err), 0);
}

/* Bytes of a file, or "" */
static inline struct buf content(const char *file)
{
	struct buf b = BUF_INIT;

	if (fs_exists(file))
		assert_int_equal(fs_read(file, 64u << 20, &b, &err), 0);
	return b;
}

static inline void set_paths(void)
{
	snprintf(path, sizeof(path), "%s/queue.db", dir);
	snprintf(dead_path, sizeof(dead_path), "%s/dead.jsonl", dir);
}

static inline int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_queue.XXXXXX");
	if (!mkdtemp(dir) || loop_init(&loop, &err) < 0)
		return -1;
	set_paths();
	opts = (struct queue_opts)QUEUE_OPTS_INIT;
	opts.path = path;
	opts.dead = dead_path;
	opts.deliver = on_deliver;
	opts.died = on_died;
	opts.trouble = on_trouble;
	opts.retry_ns = opts.throttle_ns = LOOP_MS;
	forget();
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	if (queue)
		close_queue();
	loop_release(&loop);
	forget();
	VEC_FREE(&out);
	return fs_rmtree(dir, &err);
}

#endif
