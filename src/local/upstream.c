/* SPDX-License-Identifier: Apache-2.0 */
#include "local/upstream.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "os/late.h"

/* A connection's descriptor, as long as libcurl waits for it. */
struct watch {
	struct upstream *upstream;
	struct loop_io io;
	uint32_t events;
};

static void ready(struct loop_io *io, uint32_t events)
{
	struct watch *w = CONTAINER_OF(io, struct watch, io);

	w->upstream->ops->ready(w->upstream->multi, io->fd, events);
}

static void watch(void *upstream, int fd, uint32_t events, void **slot)
{
	struct upstream *c = upstream;
	struct watch *w = *slot;
	struct err err;

	if (w && w->events == events)
		return;
	if (w)
		loop_io_del(c->loop, &w->io);
	if (!events) {
		free(w);
		*slot = NULL;
		return;
	}
	if (!w) {
		w = xcalloc(1, sizeof(*w));
		w->upstream = c;
		w->io = (struct loop_io){ .fd = fd, .ready = ready };
		*slot = w;
	}
	w->events = events;
	/* it fails for want of memory alone: then the exchange ends at its deadline */
	if (loop_io_add(c->loop, &w->io, events, &err) < 0)
		w->io.slot = 0;
}

static void set_timer(void *upstream, int64_t ms)
{
	struct upstream *c = upstream;

	if (ms < 0)
		loop_timer_stop(c->loop, &c->timer);
	else
		loop_timer_set(c->loop, &c->timer, (uint64_t)ms * LOOP_MS);
}

static void expired(struct loop_timer *t)
{
	struct upstream *c = CONTAINER_OF(t, struct upstream, timer);

	c->ops->ready(c->multi, -1, 0);
}

int upstream_start(struct upstream *c, struct loop *loop, struct err *err)
{
	memset(c, 0, sizeof(*c));
	c->loop = loop;
	c->ops = late_load("relay", err);
	if (!c->ops)
		return -1;
	c->timer.expired = expired;
	c->events = (struct upstream_events){ .watch = watch, .timer = set_timer, .upstream = c };
	c->multi = c->ops->start(&c->events);
	return 0;
}

void upstream_stop(struct upstream *c)
{
	c->ops->stop(c->multi);
	loop_timer_stop(c->loop, &c->timer);
}

void upstream_send(struct upstream *c, struct exchange *x)
{
	c->ops->send(c->multi, x);
}

void upstream_cancel(struct upstream *c, struct exchange *x)
{
	c->ops->cancel(c->multi, x);
}

void upstream_more(struct upstream *c, struct exchange *x)
{
	c->ops->more(x);
}
