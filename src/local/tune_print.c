/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "local/tune.h"
#include "report/compare_print.h"

#define COLUMNS 10 /* after those of the axes */
#define GAP	2

const char *tune_money_text(double v, char *text, size_t cap)
{
	snprintf(text, cap, "%.*f", v >= 99.95 ? 0 : v >= 9.995 ? 1 : v >= 0.9995 ? 2 : 3, v);
	return text;
}

/* Values and reasons are anybody's: what is no UTF-8 or steers a terminal is replaced. */
static void add_shown(struct buf *out, const char *s)
{
	for (uint32_t c; (c = cmp_char(&s)) != 0;)
		cmp_add_char(out, c);
}

static void push_shown(struct strs *out, const char *s)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	add_shown(&b, s);
	strs_add(out, b.ptr);
}

/* ---- what is said of the whole ---- */

static void told_choice(const struct tune *t, struct strs *out)
{
	const struct tune_row *r = &t->row[t->chosen];
	CLEAN_BUF struct buf b = BUF_INIT;
	char p99[TUNE_TEXT_MAX], money[TUNE_TEXT_MAX];
	size_t equal = 0;

	tune_row_text(t, t->chosen, &b);
	strs_addf(out, "best by %s: %s: p99 %s, %s %s for a million calls", tune_strategy_name[t->strategy], b.ptr,
		  str_human_ns(r->is.p99, p99, sizeof(p99)), tune_money_text(r->is.cost, money, sizeof(money)),
		  t->currency);
	buf_reset(&b);
	for (size_t i = 0; i < t->nrows; i++) {
		if (!t->row[i].equal)
			continue;
		buf_addz(&b, equal++ ? "; " : "");
		tune_row_text(t, i, &b);
	}
	if (equal)
		strs_addf(out, "equal to it, neither p99 nor cost differ by more than chance: %s", b.ptr);
}

static void told_left_out(const struct tune *t, struct strs *out)
{
	size_t failed = 0, dropped = 0, unfit = 0, never = 0;

	for (size_t i = 0; i < t->nrows; i++) {
		const struct tune_row *r = &t->row[i];

		failed += r->failed != NULL;
		dropped += r->dropped != 0;
		never += !r->failed && !r->samples.len;
		unfit += !r->failed && !r->dropped && r->samples.len && !r->fit;
	}
	if (dropped)
		strs_addf(out,
			  "skipped: of %zu settings %zu %s dropped after some repeats, as the worse half by %s; "
			  "--full measures all to the end",
			  t->nrows, dropped, dropped == 1 ? "was" : "were", tune_strategy_name[t->strategy]);
	if (failed)
		strs_addf(out, "%zu of %zu settings failed, and cannot be chosen", failed, t->nrows);
	if (unfit)
		strs_addf(out, "%zu cannot be chosen: more than 1 %% of the calls failed", unfit);
	if (never)
		strs_addf(out, "ended early: %zu of %zu settings were not measured at all", never, t->nrows);
}

void tune_told(const struct tune *t, struct strs *out)
{
	if (t->chosen != TUNE_NONE)
		told_choice(t, out);
	else
		strs_add(out, "none can be chosen");
	told_left_out(t, out);
	if (t->repeats < TUNE_TELLING)
		strs_addf(out, "with %zu repeat%s nothing can be told from chance: %u are the least", t->repeats,
			  t->repeats == 1 ? "" : "s", TUNE_TELLING);
	if (t->guide && t->claims && t->claims->source && !claims_any(t->claims, CLAIMS_TUNE))
		strs_addf(out, "what %s itself has in that table is not known here: --claims FILE puts it beside",
			  t->claims->source);
	for (size_t i = 0; i < t->notes.len; i++)
		strs_add(out, t->notes.ptr[i]);
}

/* ---- the table ---- */

struct column {
	const char *title;
	unsigned drop; /* where there is no room: the lowest first; 0: never */
	size_t width;
	bool left, hidden;
};

struct grid {
	struct column col[1 + TUNE_AXES_MAX + COLUMNS];
	size_t n;
	struct strs cells; /* of nrows times n */
};

static size_t shown_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void add_column(struct grid *g, const char *title, unsigned drop, bool left)
{
	g->col[g->n++] = (struct column){ .title = title, .drop = drop, .width = shown_width(title), .left = left };
}

static void add_columns(struct grid *g, const struct tune *t)
{
	add_column(g, "", 0, true);
	for (size_t i = 0; i < t->naxes; i++)
		add_column(g, t->axis[i].name, 0, false);
	add_column(g, "p50", 5, false);
	add_column(g, "p99", 0, false);
	add_column(g, "spread", 6, false);
	add_column(g, "pause", 7, false);
	add_column(g, "peak", 3, false);
	add_column(g, "CPU", 2, false);
	add_column(g, "cold", 4, false);
	add_column(g, t->currency, 0, false);
	add_column(g, "same", 8, true);
	add_column(g, "", 0, true);
}

static void add_time(struct grid *g, double ns)
{
	char text[TUNE_TEXT_MAX];

	strs_add(&g->cells, ns > 0 ? str_human_ns(ns, text, sizeof(text)) : "–");
}

static void add_cells(struct grid *g, const struct tune *t, size_t row)
{
	const struct tune_row *r = &t->row[row];
	const struct tune_figures *f = &r->is;
	char text[TUNE_TEXT_MAX];

	strs_add(&g->cells, r->chosen ? ">" : r->front ? "*" : "");
	for (size_t i = 0; i < t->naxes; i++)
		push_shown(&g->cells, tune_value_of(t, row, i)->text);
	if (!r->samples.len) {
		for (size_t i = 0; i + 1 < COLUMNS; i++)
			strs_add(&g->cells, "");
		push_shown(&g->cells, r->failed ? r->failed : "not measured");
		return;
	}
	add_time(g, f->p50);
	add_time(g, f->p99);
	strs_addf(&g->cells, "%.0f %%", 100 * tune_spread(f));
	add_time(g, f->pause);
	strs_add(&g->cells, f->memory ? str_human_size(f->memory, text, sizeof(text)) : "–");
	add_time(g, f->cpu);
	add_time(g, f->cold);
	strs_add(&g->cells, tune_money_text(f->cost, text, sizeof(text)));
	strs_add(&g->cells, r->group);
	if (r->failed)
		push_shown(&g->cells, r->failed);
	else if (r->dropped)
		strs_addf(&g->cells, "dropped after %zu", r->dropped);
	else if (f->failed > 0)
		strs_addf(&g->cells, "%.2g %% failed", 100 * f->failed);
	else
		strs_add(&g->cells, r->equal ? "= the best" : "");
}

static size_t total_width(const struct grid *g)
{
	size_t n = 0;

	for (size_t i = 0; i + 1 < g->n; i++)
		n += g->col[i].hidden ? 0 : g->col[i].width + (i ? GAP : 0);
	return n;
}

/* Returns what was left out, in words. */
static void fit(struct grid *g, size_t rows, int width, struct buf *out)
{
	for (size_t i = 0; i < rows; i++)
		for (size_t k = 0; k < g->n; k++) {
			const size_t w = shown_width(g->cells.ptr[i * g->n + k]);

			g->col[k].width = w > g->col[k].width ? w : g->col[k].width;
		}
	while (total_width(g) > (size_t)width) {
		struct column *least = NULL;

		for (size_t k = 0; k < g->n; k++)
			if (g->col[k].drop && !g->col[k].hidden && (!least || g->col[k].drop < least->drop))
				least = &g->col[k];
		if (!least)
			return;
		least->hidden = true;
		buf_addf(out, "%s%s", out->len ? ", " : "", least->title);
	}
}

static void pad(struct buf *out, size_t n)
{
	while (n--)
		buf_addc(out, ' ');
}

/* @short_of: so many cells, then the last one: there are no figures, but a reason. */
static void add_line(const struct grid *g, const char *const *cells, size_t short_of, bool bold, struct buf *out)
{
	const size_t from = out->len;

	for (size_t k = 0; k < g->n; k++) {
		const char *s = cells ? cells[k] : g->col[k].title;
		const size_t w = shown_width(s);

		if (g->col[k].hidden || (short_of && k >= short_of && k + 1 < g->n))
			continue;
		pad(out, k ? GAP : 0);
		if (!g->col[k].left)
			pad(out, g->col[k].width - w);
		buf_addz(out, s);
		if (g->col[k].left && k + 1 < g->n)
			pad(out, g->col[k].width - w);
	}
	while (out->len > from && out->ptr[out->len - 1] == ' ')
		out->ptr[--out->len] = '\0';
	if (bold) {
		CLEAN_BUF struct buf line = BUF_INIT;

		buf_addz(&line, out->ptr + from);
		out->len = from;
		out->ptr[from] = '\0';
		buf_addf(out, "\x1b[1m%s\x1b[0m", line.ptr);
	}
	buf_addc(out, '\n');
}

static void add_table(const struct tune *t, bool color, int width, struct buf *out)
{
	struct grid g = { .n = 0 };
	CLEAN_BUF struct buf left_out = BUF_INIT;

	add_columns(&g, t);
	for (size_t i = 0; i < t->nrows; i++)
		add_cells(&g, t, i);
	fit(&g, t->nrows, width, &left_out);
	add_line(&g, NULL, 0, false, out);
	for (size_t i = 0; i < t->nrows; i++)
		add_line(&g, (const char *const *)&g.cells.ptr[i * g.n], t->row[i].samples.len ? 0 : 1 + t->naxes,
			 color && t->row[i].chosen, out);
	if (left_out.len)
		buf_addf(out, "not shown for want of room: %s\n", left_out.ptr);
	strs_release(&g.cells);
}

/* The row of "4/100": so many workers, so much retention. */
static const struct tune_row *row_named(const struct tune *t, const char *name)
{
	for (size_t i = 0; i < t->nrows; i++) {
		const char *workers = tune_value_of(t, i, 0)->text, *retention = tune_value_of(t, i, 1)->text;
		const size_t n = strlen(workers);

		if (strncmp(name, workers, n) == 0 && name[n] == '/' && strcmp(name + n + 1, retention) == 0)
			return &t->row[i];
	}
	return NULL;
}

size_t tune_claims(const struct tune *t, struct arena *a, struct cmp_claim **out)
{
	static const char *const figures[] = { "p99 spread", "mean pause" };
	const size_t rows = t->guide && t->claims ? t->claims->len : 0;
	size_t n = 0;

	*out = arena_alloc(a, (rows * ARRAY_LEN(figures) + 1) * sizeof(**out));
	for (size_t k = 0; k < ARRAY_LEN(figures); k++)
		for (size_t i = 0; i < rows; i++) {
			const char *name = t->claims->row[i].name;
			const char *claimed = claims_of(t->claims, CLAIMS_TUNE, name, figures[k]);
			const struct tune_row *r = row_named(t, name);
			char text[TUNE_TEXT_MAX];

			if (t->claims->row[i].table != CLAIMS_TUNE || !claimed)
				continue;
			(*out)[n] = (struct cmp_claim){ .what = arena_printf(a, "%s, %s", figures[k], name),
							.claimed = claimed };
			if (r && r->samples.len) {
				str_human_ns(k ? r->is.pause_mean : r->is.p99_high - r->is.p99_low, text, sizeof(text));
				(*out)[n].measured = arena_strdup(a, text);
			}
			n++;
		}
	return n;
}

static void add_claims(const struct tune *t, int width, struct buf *out)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct term p = { .out = out, .width = width };
	struct cmp_claim *claims;
	const size_t n = tune_claims(t, &a, &claims);

	if (n)
		cmp_claims_text(&p, t->claims->source, claims, n);
}

static void add_guide(const struct tune *t, struct buf *out)
{
	char text[TUNE_TEXT_MAX];

	buf_addz(out, "\nparallelism × collector, as the guide has it\n  workers  retention  p99 spread  mean pause\n");
	for (size_t i = 0; i < t->nrows; i++) {
		const struct tune_row *r = &t->row[i];

		buf_addf(out, "  %7s  %9s", tune_value_of(t, i, 0)->text, tune_value_of(t, i, 1)->text);
		if (!r->samples.len) {
			buf_addz(out, "           –           –\n");
			continue;
		}
		str_human_ns(r->is.p99_high - r->is.p99_low, text, sizeof(text));
		pad(out, 12 - shown_width(text));
		buf_addz(out, text);
		str_human_ns(r->is.pause_mean, text, sizeof(text));
		pad(out, 12 - shown_width(text));
		buf_addf(out, "%s\n", text);
	}
}

void tune_print_text(const struct tune *t, bool color, int width, struct buf *out)
{
	CLEAN_STRS struct strs told = { 0 };

	add_shown(out, t->function);
	buf_addf(out, "\n%s\n", t->load);
	buf_addf(out, "%zu setting%s, %zu repeat%s of each, in turn; seed %llu\n", t->nrows, t->nrows == 1 ? "" : "s",
		 t->repeats, t->repeats == 1 ? "" : "s", (unsigned long long)t->seed);
	buf_addf(out, "prices: %s\nmachine: %s\n\n", t->prices, t->machine ? t->machine : "unknown");
	add_table(t, color, width < 60 ? 60 : width, out);
	if (t->guide)
		add_guide(t, out);
	add_claims(t, width < 60 ? 60 : width, out);
	buf_addz(
		out,
		"\n> chosen, * no other is better in both p99 and cost; those with a letter of `same` in common do not "
		"differ in p99\n");
	tune_told(t, &told);
	for (size_t i = 0; i < told.len; i++) {
		add_shown(out, told.ptr[i]);
		buf_addc(out, '\n');
	}
}

void tune_print(const struct tune *t, enum tune_format format, bool color, int width, struct buf *out)
{
	switch (format) {
	case TUNE_TEXT:
		tune_print_text(t, color, width, out);
		break;
	case TUNE_JSON:
		tune_print_json(t, out);
		break;
	case TUNE_CSV:
		tune_print_csv(t, out);
		break;
	case TUNE_HTML:
		tune_print_html(t, out);
		break;
	}
}
