/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "local/tune.h"
#include "report/compare_print.h"
#include "report/html.h"

/* The page: what was chosen, latency against cost, the table, how it was measured. */

#define LOG_FROM  8 /* an axis that spans more is logarithmic */
#define LABEL_MAX 40

static bool has_place(const struct tune_row *r)
{
	return r->samples.len && r->is.p99 > 0 && r->is.cost > 0;
}

/* ---- latency against cost: points placed by percentages, so that they stay round at any width ---- */

static void widen(struct axis *a)
{
	const double by = a->hi > a->lo ? (a->hi - a->lo) * 0.08 : a->hi * 0.1;

	a->log = a->hi > a->lo * LOG_FROM;
	if (a->log) {
		a->lo *= 0.8;
		a->hi *= 1.25;
	} else {
		a->lo = a->lo > by ? a->lo - by : 0;
		a->hi += by;
	}
}

static bool axes_of(const struct tune *t, struct axis *x, struct axis *y)
{
	size_t n = 0;

	*x = *y = (struct axis){ .log = false };
	for (size_t i = 0; i < t->nrows; i++) {
		const struct tune_figures *f = &t->row[i].is;

		if (!has_place(&t->row[i]))
			continue;
		x->lo = !n || f->cost < x->lo ? f->cost : x->lo;
		x->hi = f->cost > x->hi ? f->cost : x->hi;
		y->lo = !n || f->p99_low < y->lo ? f->p99_low : y->lo;
		y->hi = f->p99_high > y->hi ? f->p99_high : y->hi;
		n++;
	}
	/* a repeat may have had no answer in time at all */
	y->lo = y->lo > 0 ? y->lo : 1;
	if (n) {
		widen(x);
		widen(y);
	}
	return n > 0;
}

static void add_at(struct buf *out, const char *name, const struct axis *a, double v, bool up)
{
	const double part = axis_place(a, v);

	buf_addf(out, " %s=\"", name);
	html_percent(out, 100 * (up ? 1 - part : part));
	buf_addc(out, '"');
}

static void add_rulers(struct buf *out, const struct axis *x, const struct axis *y, const char *currency)
{
	double tick[AXIS_TICKS];
	char text[TUNE_TEXT_MAX];
	size_t n = axis_ticks(y, 1, tick);

	for (size_t i = 0; i < n; i++) {
		buf_addz(out, "<line class=\"rule\" x1=\"0\" x2=\"100%\"");
		add_at(out, "y1", y, tick[i], true);
		add_at(out, "y2", y, tick[i], true);
		buf_addz(out, "/><text class=\"l\" x=\"0\" dy=\"-.3em\"");
		add_at(out, "y", y, tick[i], true);
		buf_addf(out, ">%s</text>", str_human_ns(tick[i], text, sizeof(text)));
	}
	n = axis_ticks(x, 0.001, tick);
	for (size_t i = 0; i < n; i++) {
		buf_addz(out, "<line class=\"rule\" y1=\"0\" y2=\"100%\"");
		add_at(out, "x1", x, tick[i], false);
		add_at(out, "x2", x, tick[i], false);
		buf_addz(out, "/><text class=\"m\" y=\"100%\" dy=\"1.5em\"");
		add_at(out, "x", x, tick[i], false);
		buf_addz(out, ">");
		cmp_add_number(out, UNIT_MICROSECONDS, tick[i]);
		buf_addz(out, "</text>");
	}
	buf_addz(out, "<text class=\"m\" x=\"50%\" y=\"100%\" dy=\"3.1em\">");
	html_text(out, currency);
	buf_addz(out, " for a million calls</text><text class=\"l\" x=\"0\" y=\"0\" dy=\"-1.3em\">p99</text>");
}

/* From one setting of the front to the next dearer one, in steps: what lies below and left of it, nobody reaches. */
static void add_front(struct buf *out, const struct tune *t, const struct axis *x, const struct axis *y)
{
	size_t at = TUNE_NONE;

	for (;;) {
		size_t next = TUNE_NONE;

		for (size_t i = 0; i < t->nrows; i++) {
			const struct tune_row *r = &t->row[i];

			if (r->front && has_place(r) && (at == TUNE_NONE || r->is.cost > t->row[at].is.cost) &&
			    (next == TUNE_NONE || r->is.cost < t->row[next].is.cost))
				next = i;
		}
		if (next == TUNE_NONE)
			return;
		if (at != TUNE_NONE) {
			const struct tune_figures *a = &t->row[at].is, *b = &t->row[next].is;

			buf_addz(out, "<line class=\"step\"");
			add_at(out, "x1", x, a->cost, false);
			add_at(out, "x2", x, b->cost, false);
			add_at(out, "y1", y, a->p99, true);
			add_at(out, "y2", y, a->p99, true);
			buf_addz(out, "/><line class=\"step\"");
			add_at(out, "x1", x, b->cost, false);
			add_at(out, "x2", x, b->cost, false);
			add_at(out, "y1", y, a->p99, true);
			add_at(out, "y2", y, b->p99, true);
			buf_addz(out, "/>");
		}
		at = next;
	}
}

/* "256 MB, 4": the values alone, since the table names them. */
static void values_text(const struct tune *t, size_t row, struct buf *out)
{
	for (size_t i = 0; i < t->naxes; i++)
		buf_addf(out, "%s%s", i ? ", " : "", tune_value_of(t, row, i)->text);
}

static void add_point(struct buf *out, const struct tune *t, size_t row, const struct axis *x, const struct axis *y)
{
	const struct tune_row *r = &t->row[row];
	CLEAN_BUF struct buf name = BUF_INIT, values = BUF_INIT;
	char p99[TUNE_TEXT_MAX], money[TUNE_TEXT_MAX];

	tune_row_text(t, row, &name);
	values_text(t, row, &values);
	buf_addf(out, "<g class=\"%s\"><title>", r->chosen ? "chosen" : r->front ? "front" : r->fit ? "any" : "out");
	html_text(out, name.ptr);
	buf_addf(out, ": p99 %s, %s ", str_human_ns(r->is.p99, p99, sizeof(p99)),
		 tune_money_text(r->is.cost, money, sizeof(money)));
	html_text(out, t->currency);
	buf_addz(out, "</title><line");
	add_at(out, "x1", x, r->is.cost, false);
	add_at(out, "x2", x, r->is.cost, false);
	add_at(out, "y1", y, r->is.p99_low, true);
	add_at(out, "y2", y, r->is.p99_high, true);
	buf_addf(out, "/><circle r=\"%d\"", r->chosen ? 8 : 6);
	add_at(out, "cx", x, r->is.cost, false);
	add_at(out, "cy", y, r->is.p99, true);
	buf_addz(out, "/>");
	if (r->front || r->chosen) {
		const bool right = axis_place(x, r->is.cost) > 0.8;

		buf_addf(out, "<text class=\"%s\" dx=\"%d\" dy=\"-.6em\"", right ? "r" : "l", right ? -10 : 10);
		add_at(out, "x", x, r->is.cost, false);
		add_at(out, "y", y, r->is.p99, true);
		buf_addc(out, '>');
		html_text_cut(out, values.ptr, LABEL_MAX);
		buf_addz(out, "</text>");
	}
	buf_addz(out, "</g>");
}

static void add_plot(struct buf *out, const struct tune *t)
{
	static const char *const kinds[][2] = { { "chosen", "chosen" },
						{ "front", "on the front" },
						{ "any", "others" },
						{ "out", "not to be chosen: dropped, or calls failed" } };
	struct axis x, y;

	if (!axes_of(t, &x, &y))
		return;
	buf_addz(out,
		 "<section aria-labelledby=\"plot\"><h2 id=\"plot\">Latency against cost</h2><p>Further down is "
		 "faster, further left is cheaper. The upright line of a point is from the least to the greatest p99 "
		 "of its repeats; the dashed line is the front: no setting is better than those on it in both.</p>"
		 "<div class=\"panel\"><svg class=\"scatter\" role=\"img\" aria-label=\"p99 against cost, a point for "
		 "each setting; the table below has the same numbers\"><svg x=\"2%\" y=\"7%\" width=\"95%\" "
		 "height=\"81%\" class=\"area\">");
	add_rulers(out, &x, &y, t->currency);
	add_front(out, t, &x, &y);
	for (size_t i = 0; i < t->nrows; i++)
		if (has_place(&t->row[i]) && !t->row[i].chosen)
			add_point(out, t, i, &x, &y);
	if (t->chosen != TUNE_NONE && has_place(&t->row[t->chosen]))
		add_point(out, t, t->chosen, &x, &y);
	buf_addz(out, "</svg></svg><p class=\"legend\">");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		buf_addf(out,
			 "<svg class=\"dot\" aria-hidden=\"true\"><circle class=\"%s\" cx=\"6\" cy=\"6\" r=\"5\"/>"
			 "</svg> %s ",
			 kinds[i][0], kinds[i][1]);
	buf_addz(out, "</p></div></section>");
}

/* ---- tables ---- */

static void add_head(struct buf *out, const char *name)
{
	buf_addz(out, "<th scope=\"col\">");
	html_text_cut(out, name, HTML_NAME_MAX);
	buf_addz(out, "</th>");
}

static void add_time(struct buf *out, double ns)
{
	char text[TUNE_TEXT_MAX];

	if (ns <= 0) {
		buf_addz(out, "<td>–</td>");
		return;
	}
	buf_addz(out, "<td data-v=\"");
	cmp_add_number(out, UNIT_BYTES, ns);
	buf_addf(out, "\">%s</td>", str_human_ns(ns, text, sizeof(text)));
}

static void add_row(struct buf *out, const struct tune *t, size_t row)
{
	const struct tune_row *r = &t->row[row];
	const struct tune_figures *f = &r->is;
	CLEAN_BUF struct buf name = BUF_INIT;
	char text[TUNE_TEXT_MAX];

	tune_row_text(t, row, &name);
	buf_addz(out, "<tr><th scope=\"row\">");
	html_text_cut(out, name.ptr, HTML_NAME_MAX);
	if (r->chosen)
		buf_addz(out, " <span class=\"tag\">chosen</span>");
	else if (r->equal)
		buf_addz(out, " <span class=\"tag\">equal</span>");
	if (r->front)
		buf_addz(out, " <span class=\"tag\">front</span>");
	if (r->dropped)
		buf_addf(out, "<small>dropped after %zu</small>", r->dropped);
	buf_addz(out, "</th>");
	if (!r->samples.len) {
		buf_addz(out, "<td class=\"bad\" colspan=\"10\">");
		html_text(out, r->failed ? r->failed : "not measured");
		buf_addz(out, "</td></tr>");
		return;
	}
	add_time(out, f->p50);
	add_time(out, f->p99);
	buf_addz(out, "<td data-v=\"");
	cmp_add_number(out, UNIT_MICROSECONDS, 100 * tune_spread(f));
	buf_addf(out, "\">%.0f %%</td>", 100 * tune_spread(f));
	add_time(out, f->pause);
	buf_addf(out, "<td data-v=\"%" PRIu64 "\">%s</td>", f->memory,
		 f->memory ? str_human_size(f->memory, text, sizeof(text)) : "–");
	add_time(out, f->cpu);
	add_time(out, f->cold);
	buf_addz(out, "<td data-v=\"");
	cmp_add_number(out, UNIT_SECONDS, f->cost);
	buf_addf(out, "\">%s</td><td data-v=\"", tune_money_text(f->cost, text, sizeof(text)));
	cmp_add_number(out, UNIT_SECONDS, f->failed);
	buf_addf(out, "\">%.2g %%</td><td>%s</td></tr>", 100 * f->failed, r->group);
}

static void add_table(struct buf *out, const struct tune *t)
{
	static const char *const heads[] = { "setting", "p50",	       "p99", "spread",
					     "pause",	"peak memory", "CPU", "cold start" };

	buf_addz(out,
		 "<section aria-labelledby=\"all\"><h2 id=\"all\">Settings</h2><p>Spread: from the least to the "
		 "greatest p99 of the repeats, as a part of p99. Pause: the longest time in which calls were due and "
		 "none was answered. Settings with a letter of the last column in common do not differ in p99.</p>"
		 "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"table: settings\">"
		 "<table class=\"grid\"><thead><tr>");
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		add_head(out, heads[i]);
	add_head(out, t->currency);
	add_head(out, "failed");
	add_head(out, "same");
	buf_addz(out, "</tr></thead><tbody>");
	for (size_t i = 0; i < t->nrows; i++)
		add_row(out, t, i);
	buf_addz(out, "</tbody></table></div></section>");
}

static void add_guide(struct buf *out, const struct tune *t)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct cmp_claim *claims;
	const size_t n = tune_claims(t, &a, &claims);

	buf_addz(
		out,
		"<section aria-labelledby=\"guide\"><h2 id=\"guide\">Parallelism × collector</h2><p>The guide's table: "
		"from the least to the greatest p99 of the repeats, and the mean of their longest pauses.</p><div "
		"class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"table: parallelism and collector\">"
		"<table "
		"class=\"grid\"><thead><tr>");
	add_head(out, "workers, retention");
	add_head(out, "p99 spread");
	add_head(out, "mean pause");
	buf_addz(out, "</tr></thead><tbody>");
	for (size_t i = 0; i < t->nrows; i++) {
		const struct tune_figures *f = &t->row[i].is;

		buf_addz(out, "<tr><th scope=\"row\">");
		html_text(out, tune_value_of(t, i, 0)->text);
		buf_addz(out, ", ");
		html_text(out, tune_value_of(t, i, 1)->text);
		buf_addz(out, "</th>");
		add_time(out, f->p99_high - f->p99_low);
		add_time(out, f->pause_mean);
		buf_addz(out, "</tr>");
	}
	buf_addz(out, "</tbody></table></div>");
	if (n)
		cmp_claims_html(t->claims->source, claims, n, out);
	buf_addz(out, "</section>");
}

/* ---- the page ---- */

static void add_card(struct buf *out, const char *title, const char *value, const char *below)
{
	buf_addf(out, "<div class=\"card panel\"><p>%s</p><p class=\"value\">", title);
	html_text_cut(out, value, HTML_NAME_MAX);
	buf_addz(out, "</p><p>");
	html_text(out, below);
	buf_addz(out, "</p></div>");
}

static void add_cards(struct buf *out, const struct tune *t)
{
	const struct tune_row *r = t->chosen == TUNE_NONE ? NULL : &t->row[t->chosen];
	CLEAN_BUF struct buf below = BUF_INIT;
	char text[TUNE_TEXT_MAX];

	if (!r)
		return;
	buf_addz(out, "<div class=\"cards\">");
	for (size_t i = 0; i < t->naxes && i < 4; i++) {
		CLEAN_BUF struct buf name = BUF_INIT;

		buf_reset(&below);
		buf_addf(&below, "of %zu", t->axis[i].n);
		html_text_cut(&name, t->axis[i].name, HTML_NAME_MAX);
		add_card(out, name.ptr, tune_value_of(t, t->chosen, i)->text, below.ptr);
	}
	add_card(out, "p99", str_human_ns(r->is.p99, text, sizeof(text)), "median of the repeats");
	buf_reset(&below);
	buf_addf(&below, "%s for a million calls", t->currency);
	add_card(out, "cost", tune_money_text(r->is.cost, text, sizeof(text)), below.ptr);
	if (r->is.cold > 0)
		add_card(out, "cold start", str_human_ns(r->is.cold, text, sizeof(text)), "median");
	buf_addz(out, "</div>");
}

static void add_list(struct buf *out, const struct strs *v)
{
	buf_addz(out, "<section aria-labelledby=\"told\"><h2 id=\"told\">What it comes to</h2><ul>");
	for (size_t i = 0; i < v->len; i++) {
		buf_addz(out, "<li>");
		html_text(out, v->ptr[i]);
		buf_addz(out, "</li>");
	}
	buf_addz(out, "</ul></section>");
}

static void add_how(struct buf *out, const struct tune *t)
{
	buf_addf(
		out,
		"<section aria-labelledby=\"how\"><h2 id=\"how\">How it was measured</h2><p>%zu repeats of each of %zu "
		"settings, in turn, in an order drawn from seed %" PRIu64
		"; each on a platform of its own.</p><p>Load: ",
		t->repeats, t->nrows, t->seed);
	html_text(out, t->load);
	buf_addz(out, ".</p><p>Prices: ");
	html_text(out, t->prices);
	buf_addz(out, ".</p><p>");
	html_text(out, t->machine ? t->machine : "unknown machine");
	buf_addz(out, "; slsc ");
	html_text(out, t->version);
	buf_addz(out, ".</p></section>");
}

void tune_print_html(const struct tune *t, struct buf *out)
{
	CLEAN_STRS struct strs told = { 0 };

	tune_told(t, &told);
	html_begin(out, t->function, ": tuning");
	buf_addz(out, "<p>");
	if (t->project)
		html_text_cut(out, t->project, HTML_NAME_MAX);
	buf_addz(out, "</p></header><main>");
	add_cards(out, t);
	add_list(out, &told);
	add_plot(out, t);
	add_table(out, t);
	if (t->guide)
		add_guide(out, t);
	add_how(out, t);
	html_end(out);
}
