/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept for the page, and what is answered below /_slsc/. */
#include "local/page_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "local/gateway.h"
#include "local/local_page.h" /* made by cmake/page.cmake: LOCAL_HTML, and the digests of its style and script */

/* ---- the observer: it must cost next to nothing, whoever looks ---- */

struct page_fn *page_fn_of(struct page *pg, struct lfn *fn)
{
	if (!fn->page) {
		fn->page = xcalloc(1, sizeof(*fn->page));
		fn->page->fn = fn;
		fn->page->tick = ++pg->tick;
	}
	return fn->page;
}

/* What the page shows of the platform's own lines is in its tables; all others are told. */
static bool is_report(struct str line)
{
	return str_starts(line, "START RequestId: ") || str_starts(line, "END RequestId: ") ||
	       str_starts(line, "REPORT RequestId: ");
}

static void line(struct observer *o, struct instance *i, struct invocation *inv, enum line_from from, struct str text)
{
	struct page *pg = CONTAINER_OF(o, struct page, observer);
	struct page_fn *f = page_fn_of(pg, i->fn);
	struct page_line *l;

	if (from == FROM_PLATFORM && is_report(text))
		return;
	if (!f->lines)
		f->lines = xcalloc(PAGE_LINES, sizeof(*f->lines));
	l = &f->lines[f->nlines++ % PAGE_LINES];
	if (!l->seq)
		buf_init(&l->text);
	l->seq = ++pg->nlines;
	l->time = wall_clock();
	l->instance = i->number;
	l->from = from;
	l->has_call = inv != NULL;
	if (inv) {
		memcpy(l->id, inv->id, sizeof(l->id));
		memcpy(l->trace, inv->trace_of.trace_id, sizeof(l->trace));
	}
	l->cut = text.len > PAGE_LINE_MAX;
	buf_reset(&l->text);
	buf_add(&l->text, text.ptr, l->cut ? PAGE_LINE_MAX : text.len);
	page_touch(pg);
}

static unsigned bucket(uint64_t ns)
{
	unsigned e = ns ? 63u - (unsigned)__builtin_clzll(ns) : 0, b;

	if (e < HEAT_FIRST)
		return 0;
	b = 2 * (e - HEAT_FIRST) + (unsigned)(ns >> (e - 1) & 1);
	return b < HEAT_BUCKETS ? b : HEAT_BUCKETS - 1;
}

static void took(struct page *pg, struct page_fn *f, uint64_t ns, uint64_t s)
{
	struct page_column *c = &f->heat[s / HEAT_S % HEAT_COLUMNS];

	f->took[f->ntook++ % PAGE_TOOK] = ns;
	if (c->at != s / HEAT_S)
		*c = (struct page_column){ .at = s / HEAT_S };
	c->count[bucket(ns)]++;
	c->tick = pg->tick;
}

static void copy(char *to, size_t size, const char *from)
{
	size_t n = from ? strnlen(from, size - 1) : 0;

	if (n)
		memcpy(to, from, n);
	to[n] = '\0';
}

static void over(struct observer *o, struct invocation *inv)
{
	struct page *pg = CONTAINER_OF(o, struct page, observer);
	struct page_fn *f = page_fn_of(pg, inv->fn);
	struct page_call *c = &pg->calls[pg->ncalls++ % PAGE_CALLS];

	f->tick = ++pg->tick;
	f->outcomes[inv->outcome]++;
	f->cold += inv->report.cold;
	c->fn = f;
	c->instance = inv->instance ? inv->instance->number : 0;
	memcpy(c->id, inv->id, sizeof(c->id));
	memcpy(c->trace, inv->trace_of.trace_id, sizeof(c->trace));
	c->cold = inv->report.cold;
	c->is_given = inv->is_given;
	c->outcome = inv->outcome;
	c->status = inv->status;
	c->began = inv->is_given ? inv->wall_given : inv->wall_made;
	c->report = inv->report;
	copy(c->error, sizeof(c->error), inv->error_type);
	copy(c->trigger, sizeof(c->trigger), inv->trigger);
	copy(c->method, sizeof(c->method), inv->method);
	copy(c->path, sizeof(c->path), inv->path);
	if (inv->is_given)
		took(pg, f, inv->report.duration, ((uint64_t)inv->wall_given + inv->report.duration) / LOOP_S);
	if (inv->instance)
		inv->instance->shown = pg->tick;
	page_touch(pg);
}

static void changed(struct observer *o, struct instance *i)
{
	struct page *pg = CONTAINER_OF(o, struct page, observer);

	i->shown = ++pg->tick;
	page_fn_of(pg, i->fn)->tick = pg->tick;
	page_touch(pg);
}

/* of an instance that has others, too, the state is the same */
static void begun(struct observer *o, struct invocation *inv)
{
	changed(o, inv->instance);
}

bool page_look(struct page *pg)
{
	bool news = false;

	VEC_EACH(&pg->platform->fns, p) {
		const struct lfn *fn = *p;
		struct page_fn *f = page_fn_of(pg, *p);
		uint64_t now[] = { fn->generation, fn->active, fn->timeout_ms, fn->memory, fn->concurrency,
				   (uint64_t)breaker_state(&fn->breaker, loop_clock()) + 1 };

		_Static_assert(sizeof(now) == sizeof(f->shown), "what is compared");
		if (memcmp(now, f->shown, sizeof(now)) == 0)
			continue;
		memcpy(f->shown, now, sizeof(now));
		f->tick = ++pg->tick;
		news = true;
	}
	return news;
}

void page_start(struct page *pg, struct platform *p)
{
	memset(pg, 0, sizeof(*pg));
	pg->platform = p;
	pg->started = (uint64_t)wall_clock() / 1000000;
	pg->calls = xcalloc(PAGE_CALLS, sizeof(*pg->calls));
	buf_init(&pg->out);
	pg->observer = (struct observer){ .line = line, .begun = begun, .over = over, .changed = changed };
	page_stream_init(pg);
	platform_observe(p, &pg->observer);
}

void page_stop(struct page *pg)
{
	if (!pg->platform)
		return;
	page_stream_stop(pg);
	VEC_EACH(&pg->platform->fns, p) {
		struct page_fn *f = (*p)->page;

		for (uint64_t n = 0; f && f->lines && n < f->nlines && n < PAGE_LINES; n++)
			buf_release(&f->lines[n].text);
		if (f)
			free(f->lines);
		free(f);
		(*p)->page = NULL;
	}
	free(pg->calls);
	buf_release(&pg->out);
	pg->platform = NULL;
}

/* ---- requests ---- */

#define NOT_KEPT { "Cache-Control", "no-store" }, { "X-Content-Type-Options", "nosniff" }, \
	{ "Cross-Origin-Resource-Policy", "same-origin" }, { "Referrer-Policy", "no-referrer" }

static void show_page(struct web_req *req)
{
	static const char text[] = LOCAL_HTML;
	static const struct web_header h[] = {
		{ "Content-Type", "text/html; charset=utf-8" },
		{ "Content-Security-Policy", "default-src 'none'; style-src 'sha256-" LOCAL_CSS_SHA256 "'; script-src "
		  "'sha256-" LOCAL_JS_SHA256 "'; connect-src 'self'; img-src data:; base-uri 'none'; form-action "
		  "'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'" },
		NOT_KEPT,
	};

	web_answer(req, 200, h, ARRAY_LEN(h), text, sizeof(text) - 1);
}

static void show_state(struct page *pg, struct web_req *req)
{
	static const struct web_header h[] = { { "Content-Type", "application/json" }, NOT_KEPT };
	struct buf b = BUF_INIT;
	uint64_t since = 0, gap;
	size_t len;

	(void)page_look(pg);
	page_add_state(pg, &b);
	buf_addc(&b, ',');
	(void)page_add_lines(pg, &since, 0, SIZE_MAX, &gap, &b);
	buf_addz(&b, "}\n");
	len = b.len;
	web_answer_take(req, 200, h, ARRAY_LEN(h), buf_detach(&b), len);
}

bool page_path(struct str path)
{
	return str_starts(path, "/_slsc/") || str_eqz(path, "/_slsc");
}

void page_request(struct page *pg, struct web_req *req)
{
	static const struct web_header to = { "Location", "/_slsc/" }, allow = { "Allow", "GET, HEAD" };

	if (strcmp(req->method, "GET") != 0 && strcmp(req->method, "HEAD") != 0)
		web_answer(req, 405, &allow, 1, "", 0);
	else if (str_eqz(req->path, "/_slsc"))
		web_answer(req, 308, &to, 1, "", 0);
	else if (str_eqz(req->path, "/_slsc/"))
		show_page(req);
	else if (str_eqz(req->path, "/_slsc/state"))
		show_state(pg, req);
	else if (str_eqz(req->path, "/_slsc/events"))
		page_stream(pg, req);
	else
		gateway_error(req, 404, "ResourceNotFoundException", "nothing is at '" STR_FMT "'", STR_ARG(req->path));
}
