/* SPDX-License-Identifier: Apache-2.0 */
#include "local/async.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "os/fs.h"

/* ---- in ---- */

struct entry {
	struct queue_put put;
	struct invocation *inv;		/* whose strings the put borrows; never invoked itself */
	char traceparent[TRACE_PARENT_SIZE];	/* the caller's: each attempt is a span of its own below that */
};

static void left(void *ctx, bool whole)
{
	(void)whole;
	((struct entry *)ctx)->inv->ctx = NULL;
}

static const struct gateway_call calls = { .left = left };

static void stored(struct queue_put *p, const struct err *err)
{
	struct entry *e = CONTAINER_OF(p, struct entry, put);
	struct web_req *req = e->inv->ctx;
	struct web_header h[] = { { "x-amzn-RequestId", e->inv->id }, { "X-Amzn-Trace-Id", e->inv->trace } };

	if (req) {
		req->ctx = NULL;
		if (err)
			gateway_error(req, 500, "ServiceException", "the event is not stored: %s", err->msg);
		else
			web_answer(req, 202, h, ARRAY_LEN(h), "", 0);
	}
	invocation_free(e->inv);
	free(e);
}

static struct str maybe(const char *s)
{
	return s ? str_from(s) : STR("");
}

static void enqueue(struct gateway *g, struct web_req *req, struct invocation *inv)
{
	struct async *a = g->async;
	struct entry *e = xcalloc(1, sizeof(*e));
	struct err err = ERR_INIT;

	struct trace caller = inv->trace_of;

	/* without a caller's span this one stands for the event's arrival */
	memcpy(caller.span_id, inv->parent, sizeof(caller.span_id));
	trace_format_parent(trace_has_span(&caller) ? &caller : &inv->trace_of, e->traceparent);
	e->inv = inv;
	inv->ctx = req;
	e->put = (struct queue_put){ .function = str_from(inv->fn->name), .id = str_from(inv->id),
				     .payload = buf_str(&inv->event), .traceparent = str_from(e->traceparent),
				     .tracestate = maybe(inv->tracestate), .done = stored };
	req->ctx = e;
	req->calls = &calls;
	if (queue_put(a->queue, &e->put, &err) == 0)
		return;
	req->ctx = NULL;
	gateway_error(req, 429, "TooManyRequestsException", "%s", err.msg);
	invocation_free(inv);
	free(e);
}

/* ---- out ---- */

static void finished(struct invocation *inv)
{
	struct queue_event *e = inv->ctx;
	struct async *a = e->ctx;
	struct queue_answer answer = { .status = 200, .payload = buf_str(&inv->body) };
	enum queue_outcome o = QUEUE_FAILED;

	if (a->closed)
		return;
	switch (inv->outcome) {
	case OUTCOME_OK:
		o = QUEUE_OK;
		break;
	case OUTCOME_THROTTLED:
		o = QUEUE_THROTTLED;
		answer.status = 429;
		break;
	case OUTCOME_STOPPED:
		o = QUEUE_RETURNED;
		break;
	default:
		answer.function_error = "Unhandled";
	}
	queue_done(a->queue, e, o, &answer);
}

static void deliver(void *ctx, struct queue_event *e)
{
	struct async *a = ctx;
	struct lfn *fn = platform_find(a->gateway->platform, str_from(e->function));
	struct invocation *inv;

	if (!fn) {
		queue_done(a->queue, e, QUEUE_RETURNED, NULL);
		return;
	}
	e->ctx = a;
	inv = invocation_new(fn);
	snprintf(inv->id, sizeof(inv->id), "%s", e->id);
	inv->event = e->payload;
	buf_init(&e->payload);
	invocation_trace(inv, e->traceparent, e->tracestate, e->trace);
	inv->async = true;
	inv->ctx = e;
	inv->finished = finished;
	platform_invoke(inv);
}

static void died(void *ctx, const struct queue_death *d)
{
	struct async *a = ctx;

	if (a->died)
		a->died(d);
}

static void trouble(void *ctx, const struct err *err)
{
	struct async *a = ctx;

	if (a->trouble)
		a->trouble(err);
}

/* ---- */

int async_start(struct async *a, struct gateway *g, const char *dir, struct err *err)
{
	CLEAN_FREE char *path = path_join(dir, ".slsc/local.db"), *dead = path_join(dir, ".slsc/dead-letters.jsonl");
	CLEAN_FREE char *arn = xasprintf("arn:aws:lambda:%s:%s:function:", g->platform->region, g->platform->account);
	struct queue_opts o = QUEUE_OPTS_INIT;

	o.path = path;
	o.dead = dead;
	o.arn = arn;
	o.deliver = deliver;
	o.died = died;
	o.trouble = trouble;
	o.ctx = a;
	a->gateway = g;
	a->closed = false;
	a->queue = queue_open(g->platform->loop, &o, err);
	if (!a->queue)
		return -1;
	g->async = a;
	g->enqueue = enqueue;
	return 0;
}

void async_serve(struct async *a, const struct lfn *fn)
{
	queue_serve(a->queue, fn->name, fn->concurrency);
}

void async_stop(struct async *a)
{
	if (!a->queue)
		return;
	a->closed = true;
	queue_close(a->queue);
	a->queue = NULL;
}
