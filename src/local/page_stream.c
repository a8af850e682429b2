/* SPDX-License-Identifier: Apache-2.0 */
/* Who reads the page's events. */
#include "local/page_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "local/gateway.h"

#define SOON_NS (10 * LOOP_MS)		/* after a change that comes alone: what belongs to it comes along */
#define BEAT_NS LOOP_S
#define PING 15u			/* beats without news until a reader is written to: has it gone? */
#define LINES_MAX (128u << 10)		/* bytes of lines in one event */

struct page_reader {
	struct page *page;
	struct web_req *req;
	struct page_reader *next;
	uint64_t tick, calls, lines;	/* what it has been told */
	uint64_t from;			/* the last line when it came: it is to know if it misses later ones */
	bool behind;			/* it is told nothing until it has read what waits */
	bool whole;			/* it gets all anew */
};

static void leave(struct page_reader *r)
{
	struct page *pg = r->page;

	for (struct page_reader **at = &pg->readers; *at; at = &(*at)->next)
		if (*at == r) {
			*at = r->next;
			pg->nreaders--;
			break;
		}
	if (!pg->readers) {
		loop_timer_stop(pg->platform->loop, &pg->flush);
		loop_timer_stop(pg->platform->loop, &pg->beat);
		buf_release(&pg->out);
	}
	free(r);
}

void page_touch(struct page *pg)
{
	uint64_t now, due;

	if (!pg->readers || pg->flush.place)
		return;
	now = loop_clock();
	due = pg->flushed + PAGE_BATCH_NS;
	loop_timer_set(pg->platform->loop, &pg->flush, due > now + SOON_NS ? due - now : SOON_NS);
}

static void send_event(struct page_reader *r, const char *name, struct buf *data)
{
	buf_addz(data, "}\n\n");
	web_write(r->req, "event: ", 7);
	web_write(r->req, name, strlen(name));
	web_write(r->req, "\ndata: ", 7);
	web_write(r->req, data->ptr, data->len);
	buf_reset(data);
}

static void send_state(struct page_reader *r)
{
	struct page *pg = r->page;

	r->whole = false;
	page_add_state(pg, &pg->out);
	send_event(r, "state", &pg->out);
	r->tick = pg->tick;
	r->calls = pg->ncalls;
	/* it knows which ones it has */
}

/* Whether there is more for it. */
static bool send_update(struct page_reader *r)
{
	struct page *pg = r->page;
	struct buf *out = &pg->out;
	uint64_t gap = 0;
	bool all;

	if (r->tick == pg->tick && r->calls == pg->ncalls && r->lines == pg->nlines)
		return false;
	buf_addf(out, "{\"now\":%" PRId64 ",", wall_clock() / 1000000);
	page_add_news(pg, r->tick, out);
	buf_addc(out, ',');
	page_add_calls(pg, r->calls, out);
	buf_addc(out, ',');
	all = page_add_lines(pg, &r->lines, r->from, LINES_MAX, &gap, out);
	if (gap)
		buf_addf(out, ",\"skipped\":%" PRIu64, gap);
	send_event(r, "update", out);
	r->tick = pg->tick;
	r->calls = pg->ncalls;
	return !all;
}

unsigned page_behind(const struct page *pg)
{
	unsigned n = 0;

	for (const struct page_reader *r = pg->readers; r; r = r->next)
		n += r->behind;
	return n;
}

static void flush(struct loop_timer *t)
{
	struct page *pg = CONTAINER_OF(t, struct page, flush);
	bool more = false;

	pg->flushed = loop_clock();
	pg->beats = 0;
	for (struct page_reader *r = pg->readers; r; r = r->next) {
		if (r->behind)
			continue;
		if (web_write(r->req, "", 0) > WEB_STREAM_MAX) {
			r->behind = true;
			web_write(r->req, "event: lost\ndata: {}\n\n", 22);
			continue;
		}
		if (r->whole)
			send_state(r);
		more |= send_update(r);
	}
	if (more)
		page_touch(pg);
}

static void beat(struct loop_timer *t)
{
	struct page *pg = CONTAINER_OF(t, struct page, beat);

	if (page_look(pg))
		page_touch(pg);
	if (++pg->beats >= PING) {
		pg->beats = 0;
		for (struct page_reader *r = pg->readers; r; r = r->next)
			if (!r->behind)
				web_write(r->req, ":\n\n", 3);
	}
	loop_timer_set(pg->platform->loop, t, BEAT_NS);
}

static void left(void *ctx, bool whole)
{
	(void)whole;
	leave(ctx);
}

static void drained(void *ctx)
{
	struct page_reader *r = ctx;

	if (!r->behind)
		return;
	r->behind = false;
	r->whole = true;
	page_touch(r->page);
}

static const struct gateway_call calls = { .left = left, .drained = drained };

void page_stream(struct page *pg, struct web_req *req)
{
	static const struct web_header h[] = {
		{ "Content-Type", "text/event-stream" }, { "Cache-Control", "no-store" },
		{ "X-Content-Type-Options", "nosniff" }, { "Cross-Origin-Resource-Policy", "same-origin" },
	};
	struct page_reader *r;

	if (strcmp(req->method, "HEAD") == 0) {
		web_answer(req, 200, h, ARRAY_LEN(h), "", 0);
		return;
	}
	if (pg->nreaders >= PAGE_READERS) {
		gateway_error(req, 503, "ServiceException", "the page has %u readers already", PAGE_READERS);
		return;
	}
	r = xcalloc(1, sizeof(*r));
	*r = (struct page_reader){ .page = pg, .req = req, .from = pg->nlines, .next = pg->readers };
	req->ctx = r;
	req->calls = &calls;
	web_stream(req, 200, h, ARRAY_LEN(h));
	web_write(req, "retry: 1000\n\n", 13);
	(void)page_look(pg);
	send_state(r);
	if (!pg->readers)
		loop_timer_set(pg->platform->loop, &pg->beat, BEAT_NS);
	pg->readers = r;
	pg->nreaders++;
	page_touch(pg);
}

void page_stream_init(struct page *pg)
{
	pg->flush.expired = flush;
	pg->beat.expired = beat;
}

void page_stream_stop(struct page *pg)
{
	while (pg->readers)
		leave(pg->readers);
}
