/* SPDX-License-Identifier: Apache-2.0 */
#include "local/solo.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "local/relay.h"
#include "local/serve.h"
#include "os/fs.h"

static void on_line(struct observer *o, struct instance *i, struct invocation *inv, enum line_from from,
		    struct str line)
{
	struct solo *s = CONTAINER_OF(o, struct solo, observer);

	(void)i;
	(void)inv;
	if (s->line)
		s->line(s, from, line);
}

static int serve(struct solo *s, const struct project *p, const struct built *b, struct err *err)
{
	CLEAN_FREE char *path = path_join(p->dir, b->path);

	s->fn = serve_function(p, b->function, b->arch, path, err);
	if (!s->fn)
		return -1;
	s->fn->prewarm = 0;
	platform_add(&s->platform, s->fn);
	s->observer.line = on_line;
	platform_observe(&s->platform, &s->observer);
	return 0;
}

int solo_check(const struct project *p, const struct function *f, struct err *err)
{
	if (f->runtime != RUNTIME_NONE)
		return 0;
	return project_err(p, ERR_CONFIG, f->name, err, "'%s' takes neither events nor requests: its runtime is none",
			   f->name.s);
}

int solo_start(struct solo *s, const struct project *p, const struct built *b, struct err *err)
{
	if (loop_init(&s->loop, err) < 0)
		return -1;
	s->have = SOLO_LOOP;
	if (web_start(&s->web, &s->loop, 0, err) < 0)
		return -1;
	s->have = SOLO_WEB;
	if (platform_init(&s->platform, &s->loop, &s->web, err) < 0)
		return -1;
	s->have = SOLO_ALL;
	return serve(s, p, b, err);
}

void solo_end(struct solo *s)
{
	struct err ignored = ERR_INIT;

	if (s->have == SOLO_ALL) {
		platform_stop(&s->platform, 0);
		/* signals do not hasten it: there is nothing to wait for but the end of what was killed */
		while (s->platform.ninstances)
			if (loop_run(&s->loop, &ignored) < 0 && ignored.code != ERR_INTR)
				break;
	}
	if (s->have >= SOLO_WEB)
		web_stop(&s->web);
	if (s->have == SOLO_ALL)
		platform_release(&s->platform);
	if (s->have >= SOLO_LOOP)
		loop_release(&s->loop);
	s->have = SOLO_NONE;
}

struct invocation *solo_invocation(struct solo *s, struct str event)
{
	struct invocation *inv;

	if (s->fn->runtime == RUNTIME_HTTP)
		return relay_invocation(s->fn, event.len ? "POST" : "GET", "/", event);
	inv = invocation_new(s->fn);
	buf_adds(&inv->event, event);
	return inv;
}

/* ---- one invocation ---- */

struct once {
	struct solo *solo;
	const struct invoke_request *req;
	struct invoke_result *result;
	struct invocation_report *report;
	struct err *err;
	bool over, failed;		/* failed: the sink, and @err says why */
};

static void put(struct once *o, const char *p, size_t n)
{
	if (o->failed || !n || o->req->sink(o->req->ctx, p, n, o->err) == 0)
		return;
	o->failed = true;
	loop_stop(&o->solo->loop);
}

static void stream_head(struct invocation *inv, const char *content_type)
{
	(void)inv;
	(void)content_type;
}

static size_t stream_data(struct invocation *inv, const char *p, size_t n)
{
	if (inv->ctx)
		put(inv->ctx, p, n);
	return 0;
}

/* The same members that the Invoke API has, by its two ways to answer. */
static void take_error(struct once *o, struct invocation *inv)
{
	struct invoke_result *r = o->result;

	if (inv->call && inv->outcome == OUTCOME_ERROR && !inv->error_type)
		buf_addf(&r->error, "%u", inv->status);
	else if (!o->req->stream)
		buf_addz(&r->error, "Unhandled");
	if (r->error.len)
		return;
	buf_addz(&r->error, inv->error_type ? inv->error_type : "Unhandled");
	if (!inv->trailer_error || base64_decode(str_from(inv->trailer_error), &r->details) < 0) {
		buf_reset(&r->details);
		buf_adds(&r->details, buf_str(&inv->body));
	}
}

static void finished(struct invocation *inv)
{
	struct once *o = inv->ctx;
	struct invoke_result *r = o ? o->result : NULL;
	const bool well = inv->outcome == OUTCOME_OK;

	if (!o)
		return;
	o->over = true;
	*o->report = inv->report;
	r->status = inv->call ? (int)inv->status : 200;
	snprintf(r->request_id, sizeof(r->request_id), "%s", inv->id);
	snprintf(r->version, sizeof(r->version), "%s", inv->call ? "" : "$LATEST");
	if (!well)
		take_error(o, inv);
	if (well ? !(o->req->stream && inv->streamed) : !o->req->stream)
		put(o, inv->body.ptr, inv->body.len);
	loop_stop(&o->solo->loop);
}

int solo_invoke(struct solo *s, const struct invoke_request *req, struct invoke_result *r,
		struct invocation_report *report, struct err *err)
{
	struct once o = { .solo = s, .req = req, .result = r, .report = report, .err = err };
	struct invocation *inv = solo_invocation(s, req->event);
	int ret = 0;

	*report = (struct invocation_report){ 0 };
	inv->ctx = &o;
	inv->finished = finished;
	if (req->stream) {
		inv->stream_head = stream_head;
		inv->stream_data = stream_data;
	}
	platform_invoke(inv);
	if (!o.over)
		ret = loop_run(&s->loop, err);
	/* what it still says is for nobody */
	if (!o.over)
		inv->ctx = NULL;
	return ret < 0 || o.failed ? -1 : 0;
}
