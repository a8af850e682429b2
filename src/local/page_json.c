/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of functions, instances, invocations and lines, as JSON. Times: ms since the epoch. */
#include "local/page_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/member.h"

static const char *const froms[] = { "function", "extension", "platform" };

static void add_trace(struct buf *out, const uint8_t id[16])
{
	char hex[33];

	trace_hex(id, 16, hex);
	buf_addf(out, ",\"trace\":\"%s\"", hex);
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

/* ---- functions ---- */

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Nearest rank, of the last PAGE_TOOK. */
static void add_quantiles(const struct page_fn *f, struct buf *out)
{
	uint64_t sorted[PAGE_TOOK];
	size_t n = f->ntook < PAGE_TOOK ? (size_t)f->ntook : PAGE_TOOK;

	if (!n) {
		buf_addz(out, ",\"p50_ms\":null,\"p99_ms\":null");
		return;
	}
	memcpy(sorted, f->took, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_size);
	buf_addf(out, ",\"p50_ms\":%.3f,\"p99_ms\":%.3f", ms(sorted[(n * 50 + 99) / 100 - 1]),
		 ms(sorted[(n * 99 + 99) / 100 - 1]));
}

/* [[column, bucket, count, bucket, count, ...], ...] */
static void add_heat(const struct page_fn *f, uint64_t since, struct buf *out)
{
	member_open(out, "heat", '[');
	for (unsigned k = 0; k < HEAT_COLUMNS; k++) {
		const struct page_column *c = &f->heat[k];

		if (!c->at || c->tick <= since)
			continue;
		member_open(out, NULL, '[');
		member_u64(out, NULL, c->at);
		for (unsigned b = 0; b < HEAT_BUCKETS; b++)
			if (c->count[b])
				buf_addf(out, ",%u,%u", b, c->count[b]);
		buf_addc(out, ']');
	}
	buf_addc(out, ']');
}

static void add_function(const struct page_fn *f, uint64_t since, struct buf *out)
{
	const struct lfn *fn = f->fn;
	uint64_t total = 0, errors;

	for (unsigned o = 0; o < ARRAY_LEN(f->outcomes); o++)
		total += f->outcomes[o];
	/* a caller that leaves says nothing of the function */
	errors = total - f->outcomes[OUTCOME_OK] - f->outcomes[OUTCOME_CANCELLED];
	member_open(out, NULL, '{');
	member_text(out, "name", fn->name);
	member_some(out, "arn", fn->arn);
	buf_addf(out,
		 ",\"runtime\":\"%s\",\"generation\":%u,\"timeout_ms\":%" PRIu64 ",\"memory\":%" PRIu64
		 ",\"concurrency\":%u,\"parallel\":%u,\"prewarm\":%u,\"active\":%u,\"waiting\":%u"
		 ",\"breaker\":\"%s\"",
		 fn->runtime == RUNTIME_HTTP ? "http" : "lambda", fn->generation, fn->timeout_ms, fn->memory,
		 fn->concurrency, fn->parallel, fn->prewarm, fn->active, fn->waiting,
		 breaker_state_name(breaker_state(&fn->breaker, loop_clock())));
	member_u64(out, "invocations", total);
	member_u64(out, "errors", errors);
	member_u64(out, "cold", f->cold);
	member_open(out, "outcomes", '{');
	for (unsigned o = 0; o < ARRAY_LEN(f->outcomes); o++)
		member_u64(out, outcome_name((enum outcome)o), f->outcomes[o]);
	buf_addc(out, '}');
	add_quantiles(f, out);
	/* which there are: others of it that a reader knows of are gone */
	member_open(out, "instances", '[');
	for (size_t n = 0; n < fn->instances.len; n++)
		member_u64(out, NULL, fn->instances.ptr[n]->number);
	buf_addc(out, ']');
	add_heat(f, since, out);
	buf_addc(out, '}');
}

/* ---- instances ---- */

static void add_running(const struct invocation *inv, struct buf *out)
{
	member_open(out, NULL, '{');
	member_text(out, "id", inv->id);
	add_trace(out, inv->trace_of.trace_id);
	buf_addf(out, ",\"began\":%" PRId64, inv->wall_given / 1000000);
	member_bool(out, "cold", inv->report.cold);
	member_some(out, "trigger", inv->trigger);
	member_some(out, "method", inv->method);
	member_some(out, "path", inv->path);
	buf_addc(out, '}');
}

static void add_instance(const struct instance *i, struct buf *out)
{
	member_open(out, NULL, '{');
	member_text(out, "function", i->fn->name);
	buf_addf(out,
		 ",\"number\":%" PRIu64 ",\"generation\":%u,\"state\":\"%s\",\"born\":%" PRId64 ",\"served\":%" PRIu64
		 ",\"memory\":%" PRIu64,
		 i->number, i->generation, instance_state_name(i->state), i->wall_born / 1000000, i->served,
		 i->used.memory);
	if (i->pid > 0)
		buf_addf(out, ",\"pid\":%d", (int)i->pid);
	if (i->ready)
		buf_addf(out, ",\"init_ms\":%.3f", ms(i->ready - i->born));
	member_some(out, "stream", i->stream);
	member_some(out, "why", i->end);
	member_open(out, "invocations", '[');
	for (const struct invocation *inv = i->doing; inv; inv = inv->next)
		add_running(inv, out);
	buf_addz(out, "]}");
}

void page_add_news(struct page *pg, uint64_t since, struct buf *out)
{
	buf_addz(out, "\"functions\":[");
	VEC_EACH(&pg->platform->fns, p) {
		const struct page_fn *f = page_fn_of(pg, *p);

		if (f->tick > since)
			add_function(f, since, out);
	}
	buf_addz(out, "],\"instances\":[");
	VEC_EACH(&pg->platform->fns, p)
		VEC_EACH(&(*p)->instances, i)
			if ((*i)->shown > since)
				add_instance(*i, out);
	buf_addc(out, ']');
}

/* ---- invocations ---- */

static void add_call(const struct page_call *c, uint64_t seq, struct buf *out)
{
	const struct invocation_report *r = &c->report;

	member_open(out, NULL, '{');
	member_u64(out, "seq", seq);
	member_text(out, "function", c->fn->fn->name);
	member_text(out, "id", c->id);
	add_trace(out, c->trace);
	buf_addf(out, ",\"outcome\":\"%s\",\"began\":%" PRId64 ",\"duration_ms\":%.3f,\"billed_ms\":%" PRIu64
		 ",\"memory\":%" PRIu64 ",\"cold\":%s,\"init_ms\":%.3f", outcome_name(c->outcome), c->began / 1000000,
		 ms(r->duration), r->billed_ms, r->memory_peak, c->cold ? "true" : "false", ms(r->init));
	/* of those that one process did at the same time, nobody knows it */
	if (r->cpu != UINT64_MAX)
		buf_addf(out, ",\"cpu_ms\":%.3f", ms(r->cpu));
	else
		member_text(out, "cpu_ms", NULL);
	member_count(out, "instance", c->instance);
	member_some(out, "error", c->error);
	member_some(out, "trigger", c->trigger);
	member_some(out, "method", c->method);
	member_some(out, "path", c->path);
	if (c->status)
		member_u64(out, "status", c->status);
	buf_addc(out, '}');
}

void page_add_calls(struct page *pg, uint64_t since, struct buf *out)
{
	uint64_t from = pg->ncalls > PAGE_CALLS ? pg->ncalls - PAGE_CALLS : 0;

	buf_addz(out, "\"invocations\":[");
	if (from < since)
		from = since;
	for (uint64_t n = from; n < pg->ncalls; n++)
		add_call(&pg->calls[n % PAGE_CALLS], n + 1, out);
	buf_addc(out, ']');
}

/* ---- lines ---- */

/* The first of @f's that comes after @since. They are in order. */
static uint64_t first_after(const struct page_fn *f, uint64_t since)
{
	uint64_t low = f->nlines > PAGE_LINES ? f->nlines - PAGE_LINES : 0, high = f->nlines;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (f->lines[mid % PAGE_LINES].seq <= since)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static const struct page_line *next_line(struct page *pg, struct page_fn **of)
{
	const struct page_line *first = NULL;

	VEC_EACH(&pg->platform->fns, p) {
		struct page_fn *f = (*p)->page;
		const struct page_line *l;

		if (!f || f->at == f->nlines)
			continue;
		l = &f->lines[f->at % PAGE_LINES];
		if (!first || l->seq < first->seq) {
			first = l;
			*of = f;
		}
	}
	return first;
}

static void add_line(const struct page_fn *f, const struct page_line *l, struct buf *out)
{
	member_open(out, NULL, '{');
	member_u64(out, "seq", l->seq);
	buf_addf(out, ",\"time\":%" PRId64, l->time / 1000000);
	member_text(out, "function", f->fn->name);
	member_u64(out, "instance", l->instance);
	member_text(out, "from", froms[l->from]);
	if (l->has_call) {
		member_text(out, "id", l->id);
		add_trace(out, l->trace);
	}
	if (l->cut)
		member_bool(out, "cut", true);
	member_str(out, "text", buf_str(&l->text));
	buf_addc(out, '}');
}

bool page_add_lines(struct page *pg, uint64_t *since, uint64_t from, size_t most, uint64_t *gap,
		    struct buf *out)
{
	size_t start = out->len;
	const struct page_line *l;
	struct page_fn *f = NULL;

	*gap = 0;
	VEC_EACH(&pg->platform->fns, p)
		if ((*p)->page)
			(*p)->page->at = first_after((*p)->page, *since);
	buf_addz(out, "\"lines\":[");
	while ((l = next_line(pg, &f)) != NULL && out->len - start < most) {
		f->at++;
		add_line(f, l, out);
		if (l->seq > from)
			*gap += l->seq - 1 - (*since > from ? *since : from);
		*since = l->seq;
	}
	buf_addc(out, ']');
	return !l;
}

void page_add_state(struct page *pg, struct buf *out)
{
	buf_addf(out, "{\"started\":%" PRIu64 ",\"now\":%" PRId64 ",\"region\":", pg->started, wall_clock() / 1000000);
	buf_add_json(out, str_from(pg->platform->region));
	buf_addf(out, ",\"readers\":{\"all\":%u,\"behind\":%u}", pg->nreaders, page_behind(pg));
	buf_addf(out, ",\"heat\":{\"seconds\":%u,\"columns\":%u,\"first\":%u},", HEAT_S, HEAT_COLUMNS, HEAT_FIRST);
	page_add_news(pg, 0, out);
	buf_addc(out, ',');
	page_add_calls(pg, 0, out);
}
