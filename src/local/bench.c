/* SPDX-License-Identifier: Apache-2.0 */
#include "local/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/compare_print.h"
#include "report/stats.h"

#define LATE (1 * LOOP_MS) /* of a call in a hundred: from there on it is told */

void bench_rows_init(struct bench_rows *rows, const struct load_result *r)
{
	const struct bench_row all[] = {
		{ "all", "from when it was due to its answer", &rows->all },
		{ "warm", "that went well", &r->warm },
		{ "cold", "that went well, on an instance started for it", &r->cold },
		{ "failed", "that did not go well", &r->failed },
		{ "corrected", "all, as independent callers would have seen it", &r->corrected },
		{ "overhead", "warm: of that, what was not spent in the function and its Runtime API", &r->overhead },
		{ "function", "in the function", &r->duration },
		{ "init", "before the first call of an instance", &r->init },
		{ "CPU", "of a call", &r->cpu },
	};

	*rows = (struct bench_rows){ .n = 0 };
	load_result_all(r, &rows->all);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		const struct hist *h = all[i].h;
		/* all of one kind: one line is enough */
		const bool same = i >= 1 && i <= 4 && h->n == rows->all.n;

		if (h->n && !same)
			rows->row[rows->n++] = all[i];
	}
}

void bench_rows_release(struct bench_rows *rows)
{
	hist_release(&rows->all);
}

/* ---- text ---- */

static void add_count(struct buf *out, uint64_t n, const char *one, const char *many)
{
	char text[BENCH_TEXT_MAX];

	buf_addf(out, "%s %s", str_human_count(n, text, sizeof(text)), n == 1 ? one : many);
}

/* A span that somebody chose: 10 s, 2.5 s, 500 ms. */
static void add_span(struct buf *out, uint64_t ns)
{
	if (ns % LOOP_S == 0 || ns >= 10 * LOOP_S)
		buf_addf(out, "%llu s", (ns + LOOP_S / 2) / LOOP_S);
	else if (ns >= LOOP_S)
		buf_addf(out, "%.1f s", (double)ns / (double)LOOP_S);
	else
		buf_addf(out, "%llu ms", ns / LOOP_MS);
}

void bench_course_text(const struct load_spec *s, struct buf *out)
{
	if (s->rate) {
		buf_addz(out, "open loop: ");
		add_count(out, s->rate, "call", "calls");
		buf_addz(out, " a second");
	} else {
		buf_addz(out, "closed loop: ");
		add_count(out, s->concurrency ? s->concurrency : 1, "caller", "callers");
	}
	if (s->duration) {
		buf_addz(out, " for ");
		add_span(out, s->duration);
	}
	if (s->requests) {
		buf_addz(out, s->duration ? " or " : ", ");
		add_count(out, s->requests, "call", "calls");
		buf_addz(out, s->rate ? " in all" : "");
	}
	if (s->warmup) {
		buf_addz(out, ", after ");
		add_span(out, s->warmup);
		buf_addz(out, " of warm-up");
	}
}

double bench_throughput(const struct load_result *r)
{
	return r->elapsed ? (double)r->calls[LOAD_OK] * 1e9 / (double)r->elapsed : 0;
}

uint64_t bench_failed(const struct load_result *r)
{
	return load_result_calls(r) - r->calls[LOAD_OK];
}

static void add_rate(struct buf *out, double v)
{
	char text[BENCH_TEXT_MAX];

	if (v >= 99.95)
		buf_addz(out, str_human_count((uint64_t)(v + 0.5), text, sizeof(text)));
	else
		buf_addf(out, "%.*f", v >= 9.995 ? 1 : 2, v);
}

void bench_outcome_text(const struct load_result *r, struct buf *out)
{
	char text[BENCH_TEXT_MAX];
	const char *sep = ": ";

	add_count(out, load_result_calls(r), "call", "calls");
	for (size_t i = 0; i < LOAD_OUTCOMES; i++) {
		if (!r->calls[i])
			continue;
		buf_addf(out, "%s%s %s", sep, str_human_count(r->calls[i], text, sizeof(text)), load_outcome_name[i]);
		sep = ", ";
	}
	if (!r->elapsed)
		return;
	buf_addz(out, "; ");
	add_rate(out, bench_throughput(r));
	buf_addz(out, " a second");
}

void bench_use_text(const struct load_result *r, struct buf *out)
{
	char text[BENCH_TEXT_MAX];
	const bool allocs = r->allocs_of != 0;

	if (r->memory)
		buf_addf(out, "memory %s at most", str_human_size(r->memory, text, sizeof(text)));
	if (!r->cpu.n && !allocs)
		return;
	buf_addz(out, r->memory ? "; " : "");
	if (r->cpu.n)
		buf_addf(out, "CPU %s", str_human_ns(hist_mean(&r->cpu), text, sizeof(text)));
	buf_addz(out, r->cpu.n && allocs ? " and " : "");
	if (allocs)
		buf_addf(out, "%.1f allocations", (double)r->allocs / (double)r->allocs_of);
	buf_addz(out, " a call");
}

void bench_interval_text(const struct load_result *r, struct buf *out)
{
	CLEAN_FREE double *v = xcalloc(r->colds.len + 1, sizeof(*v));
	char low[BENCH_TEXT_MAX], high[BENCH_TEXT_MAX], p50[BENCH_TEXT_MAX];
	struct stats s;

	if (r->colds.len < 2)
		return;
	for (size_t i = 0; i < r->colds.len; i++)
		v[i] = (double)r->colds.ptr[i].latency;
	stats_of(v, r->colds.len, &s);
	buf_addf(out, "median %s, with 95 %% between %s and %s", str_human_ns(s.p50, p50, sizeof(p50)),
		 str_human_ns(s.low, low, sizeof(low)), str_human_ns(s.high, high, sizeof(high)));
}

static void add_foreign(struct buf *out, const char *s)
{
	for (uint32_t c; (c = cmp_char(&s)) != 0;)
		cmp_add_char(out, c);
}

void bench_error_text(const struct load_error *e, struct buf *out)
{
	char text[BENCH_TEXT_MAX];

	buf_addf(out, "%s ×", str_human_count(e->n, text, sizeof(text)));
	if (e->status)
		buf_addf(out, " %d", e->status);
	buf_addz(out, e->text[0] ? " " : "");
	add_foreign(out, e->text);
	if (!e->status && !e->text[0])
		buf_addz(out, " without a reason");
}

/* ---- what has to be said ---- */

static void note_part(const struct bench_part *p, struct strs *notes)
{
	const struct load_result *r = p->result;
	char text[BENCH_TEXT_MAX], count[BENCH_TEXT_MAX];
	const uint64_t most = p->spec.concurrency ? p->spec.concurrency : LOAD_OPEN_CONCURRENCY;

	if (!r)
		return;
	if (r->interrupted)
		strs_add(notes, "interrupted: the numbers are of what had been measured by then");
	if (r->calls[LOAD_UNSENT])
		strs_addf(notes, "the function does not keep up: %s calls were due and never begun; they count with "
				 "the time they had waited",
			  str_human_count(r->calls[LOAD_UNSENT], count, sizeof(count)));
	if (r->limited)
		strs_addf(notes, "%s calls had to wait since %s were under way, the most at once",
			  str_human_count(r->limited, count, sizeof(count)),
			  str_human_count(most, text, sizeof(text)));
	if (hist_percentile(&r->late, 99) > LATE)
		strs_addf(notes, "this machine began calls late, one in a hundred by %s or more: latencies are that "
				 "much too long",
			  str_human_ns((double)hist_percentile(&r->late, 99), text, sizeof(text)));
	if (r->corrected.n > r->warm.n + r->cold.n + r->failed.n)
		strs_addf(notes, "a caller of a closed loop does not call while it waits: “corrected” fills in a call "
				 "each %s, the median",
			  str_human_ns((double)r->expected, text, sizeof(text)));
	if (r->warmup_colds)
		strs_addf(notes, "%s cold start%s in the warm-up, not counted here",
			  str_human_count(r->warmup_colds, count, sizeof(count)), r->warmup_colds == 1 ? "" : "s");
}

void bench_notes(const struct bench_result *r, struct strs *notes)
{
	note_part(&r->cold, notes);
	note_part(&r->load, notes);
	for (size_t i = 0; i < r->warnings.len; i++) {
		CLEAN_BUF struct buf b = BUF_INIT;

		add_foreign(&b, r->warnings.ptr[i]);
		strs_add(notes, b.ptr);
	}
}

/* ---- histograms ---- */

struct axis bench_axis(const struct hist *h)
{
	struct axis a = { .lo = (double)h->min * 0.97, .hi = (double)h->max * 1.01, .log = true };

	a.lo = a.lo > 1 ? a.lo : 1;
	/* not so narrow that a bin is finer than what is known */
	a.hi = a.hi > a.lo * 1.5 ? a.hi : a.lo * 1.5;
	return a;
}

void bench_bins(const struct hist *h, const struct axis *a, uint64_t *bins, size_t n)
{
	struct hist_bucket b = { 0 };

	while (hist_next(h, &b)) {
		const size_t i = (size_t)(axis_place(a, (double)(b.from + (b.to - b.from) / 2)) * (double)n);

		bins[i < n ? i : n - 1] += b.n;
	}
}

void bench_print(const struct bench_result *r, const struct bench_style *style, struct buf *out)
{
	switch (style->format) {
	case BENCH_TEXT:
		bench_print_text(r, style->color, style->width, out);
		return;
	case BENCH_JSON:
		bench_print_json(r, out);
		return;
	case BENCH_HTML:
		bench_print_html(r, out);
		return;
	}
	BUG("format %d", (int)style->format);
}
