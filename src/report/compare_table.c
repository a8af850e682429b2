/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/claims.h"
#include "report/compare_print.h"
#include "report/compare_term.h"

/* A comparison on a terminal: no line is wider than it, but where not even one column fits. */

#define LEAST_NAME 12
#define LEAST_WIDTH 20

/* ---- the table ---- */

struct grid {
	const struct cmp_table *t;
	enum cmp_col cols[COL_COUNT], unknown[COL_COUNT];
	size_t ncols, nunknown, nout;
	int name, base;			/* widths; base 0: not shown */
	int value[COL_COUNT], ratio[COL_COUNT];
	bool best, same, emulated, ratios;	/* what there is to explain */
};

static int max_int(int a, int b)
{
	return a > b ? a : b;
}

static const char *mark_of(const struct comparison *c, size_t row, enum cmp_col col)
{
	if (!isfinite(c->rows[row].value[col]))
		return "";
	return cmp_best(c, row, col) ? "*" : c->rows[row].emulated && cmp_of_run(col) ? "~" : "";
}

static int column_width(const struct grid *g, enum cmp_col col)
{
	return max_int(g->value[col] + (g->ratio[col] ? 1 + g->ratio[col] : 0), term_columns(cmp_cols[col].title));
}

static int grid_width(const struct grid *g)
{
	int w = g->name + (g->base ? TERM_GAP + g->base : 0);

	for (size_t i = 0; i < g->ncols; i++)
		w += TERM_GAP + column_width(g, g->cols[i]);
	return w;
}

/* Of what an image is made is worth a column where that differs, and where there is an image's column beside it. */
static int base_width(const struct comparison *c, const struct cmp_table *t)
{
	const char *first = NULL;
	bool image = false, differs = false;
	int w = 0;

	for (size_t i = 0; i < t->ncols; i++)
		image = image || t->cols[i] == COL_IMAGE || t->cols[i] == COL_UNPACKED || t->cols[i] == COL_LAYERS;
	for (size_t i = 0; i < t->nrows && image; i++) {
		const char *base = c->rows[t->rows[i]].base;

		if (!base)
			continue;
		differs = differs || (first && strcmp(first, base) != 0);
		first = base;
		w = max_int(w, term_columns(base));
	}
	return differs ? max_int(w, 4) : 0;
}

/* Of @all as many as fit, but one at least. */
static void fit_columns(struct grid *g, const enum cmp_col *all, size_t n, int width)
{
	for (size_t max = n;; max--) {
		memcpy(g->cols, all, n * sizeof(*all));
		g->ncols = cmp_main_columns(g->cols, n, max);
		if (max <= 1 || grid_width(g) <= width)
			return;
	}
}

static void grid_measure(const struct comparison *c, const struct cmp_table *t, int width, struct grid *g)
{
	enum cmp_col all[COL_COUNT];
	size_t n;

	*g = (struct grid){ .t = t, .base = base_width(c, t), .name = term_columns("strategy") };
	n = g->ncols = cmp_columns(c, t, all, g->unknown, &g->nunknown);
	for (size_t i = 0; i < t->nrows; i++) {
		CLEAN_BUF struct buf label = BUF_INIT;
		char text[CMP_TEXT_MAX];

		cmp_label(c, t->rows[i], &label);
		g->name = max_int(g->name, term_columns(label.ptr));
		for (size_t k = 0; k < n; k++) {
			const enum cmp_col col = all[k];
			const double v = c->rows[t->rows[i]].value[col];
			int w = term_columns(cmp_value_text(col, v, text, sizeof(text)));

			w += term_columns(mark_of(c, t->rows[i], col));
			g->value[col] = max_int(g->value[col], w);
			w = term_columns(cmp_ratio_text(c, t->rows[i], col, text, sizeof(text)));
			g->ratio[col] = max_int(g->ratio[col], w);
		}
	}
	if (g->name > width * 2 / 5)
		g->name = max_int(LEAST_NAME, width * 2 / 5);
	fit_columns(g, all, n, width);
	if (g->base && g->ncols < n && g->ncols < 3) {
		g->base = 0;
		fit_columns(g, all, n, width);
	}
	/* those left out come behind those not known, for whoever tells of both */
	for (size_t i = 0; i < n; i++) {
		bool in = false;

		for (size_t k = 0; k < g->ncols; k++)
			in = in || g->cols[k] == all[i];
		if (!in)
			g->unknown[g->nunknown + g->nout++] = all[i];
	}
}

/* Right-aligned, in @width columns. */
static void add_right(struct term *p, const char *code, const char *mark, const char *text, int width)
{
	term_spaces(p->out, width - term_columns(mark) - term_columns(text));
	if (*code && *text)
		term_sgr(p, code);
	buf_addz(p->out, mark);
	buf_addz(p->out, text);
	if (*code && *text)
		term_sgr(p, "");
}

static void add_head(struct term *p, const struct grid *g)
{
	term_sgr(p, "2");
	buf_addf(p->out, "%-*s", g->ncols || g->base ? g->name : 0, "strategy");
	if (g->base)
		buf_addf(p->out, "%*s%-*s", TERM_GAP, "", g->ncols ? g->base : 0, "base");
	for (size_t i = 0; i < g->ncols; i++)
		buf_addf(p->out, "%*s%*s", TERM_GAP, "", column_width(g, g->cols[i]), cmp_cols[g->cols[i]].title);
	term_sgr(p, "");
	buf_addc(p->out, '\n');
}

static void add_cell(struct term *p, struct grid *g, size_t row, enum cmp_col col)
{
	char value[CMP_TEXT_MAX], ratio[CMP_TEXT_MAX];
	const char *mark = mark_of(p->c, row, col);

	cmp_value_text(col, p->c->rows[row].value[col], value, sizeof(value));
	cmp_ratio_text(p->c, row, col, ratio, sizeof(ratio));
	g->best = g->best || *mark == '*';
	g->emulated = g->emulated || *mark == '~';
	g->same = g->same || strcmp(ratio, "same") == 0;
	g->ratios = g->ratios || *ratio;
	term_spaces(p->out, TERM_GAP + column_width(g, col) - g->value[col] - (g->ratio[col] ? 1 + g->ratio[col] : 0));
	add_right(p, *mark == '*' ? "1;32" : *mark == '~' ? "33" : "", mark, value, g->value[col]);
	if (g->ratio[col])
		add_right(p, "2", "", ratio, 1 + g->ratio[col]);
}

static void trim(struct buf *out)
{
	while (out->len && out->ptr[out->len - 1] == ' ')
		out->ptr[--out->len] = '\0';
}

/* @told: why it failed stands above already. */
static void add_row(struct term *p, struct grid *g, size_t row, bool told)
{
	const struct cmp_row *r = &p->c->rows[row];
	CLEAN_BUF struct buf label = BUF_INIT;

	cmp_label(p->c, row, &label);
	term_spaces(p->out, g->name - term_cut(p->out, label.ptr, g->name));
	if (r->failed) {
		CLEAN_BUF struct buf why = BUF_INIT;

		buf_addf(&why, told ? "failed" : "failed: %s", r->failed);
		term_spaces(p->out, TERM_GAP);
		term_wrapped(p, "31", g->name + TERM_GAP, g->name + TERM_GAP, why.ptr);
		return;
	}
	if (g->base) {
		term_spaces(p->out, TERM_GAP);
		term_spaces(p->out, g->base - term_cut(p->out, r->base ? r->base : "", g->base));
	}
	for (size_t i = 0; i < g->ncols; i++)
		add_cell(p, g, row, g->cols[i]);
	trim(p->out);
	buf_addc(p->out, '\n');
}

static void add_names(struct buf *out, const enum cmp_col *cols, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%s%s", i ? ", " : "", cmp_cols[cols[i]].title);
}

/* What marks mean, only where they are. */
static void add_legend(struct term *p, const struct grid *g)
{
	const char *ref = cmp_reference_name(p->c, g->t);
	CLEAN_BUF struct buf text = BUF_INIT;

	if (g->best)
		buf_addf(&text, "* the best%s", cmp_several_archs(p->c) ? " of its architecture" : "");
	if (g->emulated)
		buf_addf(&text, "%s~ %s, not ranked", text.len ? "; " : "", cmp_elsewhere(p->c));
	if (g->ratios && ref)
		buf_addf(&text, "%s× to %s", text.len ? "; " : "", ref);
	if (g->same)
		buf_addf(&text, "%ssame: no difference at 95 %%", text.len ? "; " : "");
	if (text.len)
		term_wrapped(p, "", 0, 2, text.ptr);
	if (g->nunknown) {
		buf_reset(&text);
		buf_addz(&text, "not measured: ");
		add_names(&text, g->unknown, g->nunknown);
		term_wrapped(p, "", 0, 2, text.ptr);
	}
	if (g->nout) {
		buf_reset(&text);
		buf_addf(&text, "left out to fit %d columns: ", p->width);
		add_names(&text, g->unknown + g->nunknown, g->nout);
		term_wrapped(p, "", 0, 2, text.ptr);
	}
}

/* What rows have to say, and those whose program is another's. */
static void print_notes(struct term *p)
{
	const struct comparison *c = p->c;
	bool any = false;

	for (size_t i = 0; i < c->nrows; i++) {
		CLEAN_BUF struct buf label = BUF_INIT;

		if (!c->rows[i].note)
			continue;
		buf_addz(p->out, any ? "" : "\n");
		any = true;
		cmp_label(c, i, &label);
		term_line(p, 2, "%s: %s", label.ptr, c->rows[i].note);
	}
	for (size_t with = 0; with < c->nrows; with++) {
		CLEAN_BUF struct buf text = BUF_INIT;

		for (size_t i = 0; i < c->nrows; i++) {
			const struct cmp_row *r = &c->rows[i];

			if (r->failed || r->same_binary != with || !isfinite(r->value[COL_START]))
				continue;
			buf_addz(&text, text.len ? ", " : "");
			cmp_label(c, i, &text);
		}
		if (!text.len)
			continue;
		buf_addz(p->out, any ? "" : "\n");
		any = true;
		buf_addz(&text, ": the same program as ");
		cmp_label(c, with, &text);
		buf_addz(&text, ", which ran once for all");
		term_wrapped(p, "", 0, 2, text.ptr);
	}
}

/* ---- all of it ---- */

static void print_grid(struct term *p, size_t which)
{
	const struct cmp_table *t = &p->c->tables[which];
	enum cmp_col bars;
	struct grid g;

	grid_measure(p->c, t, p->width, &g);
	term_title(p, t->title);
	add_head(p, &g);
	for (size_t i = 0; i < t->nrows; i++)
		add_row(p, &g, t->rows[i], cmp_told(p->c, which, t->rows[i]));
	add_legend(p, &g);
	cmp_claims_text(p, t->source, t->claims, t->nclaims);
	bars = cmp_bar_column(p->c, t);
	if (bars != COL_COUNT)
		term_bars(p, t, bars);
}

static void print_missed(struct term *p)
{
	const struct comparison *c = p->c;

	if (!c->nmissed)
		return;
	term_title(p, c->nmissed == 1 ? "1 budget is not met" : "budgets that are not met");
	for (size_t i = 0; i < c->nmissed; i++) {
		CLEAN_BUF struct buf text = BUF_INIT;

		cmp_miss_text(c, &c->missed[i], &text);
		term_wrapped(p, "31", 0, 2, text.ptr);
	}
}

void cmp_print_table(const struct comparison *c, bool color, int width, struct buf *out)
{
	struct term p = { .c = c, .out = out, .width = width < LEAST_WIDTH ? LEAST_WIDTH : width, .color = color };
	CLEAN_BUF struct buf how = BUF_INIT, count = BUF_INIT;

	cmp_count_text(c, &count);
	if (c->function)
		term_line(&p, 0, "%s: %s", c->function, count.ptr);
	cmp_how_text(c, &how);
	term_wrapped(&p, "", 0, 0, how.ptr);
	for (size_t i = 0; i < c->ntables; i++)
		print_grid(&p, i);
	print_notes(&p);
	print_missed(&p);
	for (size_t i = 0; i < c->warnings.len; i++) {
		if (!i)
			buf_addc(out, '\n');
		term_line(&p, 2, "warning: %s", c->warnings.ptr[i]);
	}
}
