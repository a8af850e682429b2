/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "local/bench.h"
#include "report/compare_term.h"

/* A benchmark on a terminal: no line is wider than it, from 40 columns on. */

#define BINS 14
#define LEAST_WIDTH 40
#define LABEL 9 /* columns of "1.23 ms", with a gap */

enum col { COL_CALLS, COL_P50, COL_P90, COL_P99, COL_P999, COL_MAX, COLS };
static const char *const heads[COLS] = { "calls", "p50", "p90", "p99", "p99.9", "max" };

static const char *cell_text(const struct hist *h, enum col c, char *text, size_t cap)
{
	static const double at[COLS] = { [COL_P50] = 50, [COL_P90] = 90, [COL_P99] = 99, [COL_P999] = 99.9,
					 [COL_MAX] = 100 };

	return c == COL_CALLS ? str_human_count(h->n, text, cap)
			      : str_human_ns((double)hist_percentile(h, at[c]), text, cap);
}

static void right(struct buf *out, const char *text, int width)
{
	term_spaces(out, width - term_columns(text));
	buf_addz(out, text);
}

static void add_table(struct term *t, const struct bench_rows *rows)
{
	static const enum col less[] = { COL_P999, COL_P90, COL_CALLS };
	int name = 0, wide[COLS] = { 0 }, all = 0;
	char text[BENCH_TEXT_MAX];

	for (size_t i = 0; i < rows->n; i++)
		name = term_columns(rows->row[i].name) > name ? term_columns(rows->row[i].name) : name;
	all = name;
	for (int c = 0; c < COLS; c++) {
		wide[c] = term_columns(heads[c]);
		for (size_t i = 0; i < rows->n; i++) {
			const int w = term_columns(cell_text(rows->row[i].h, (enum col)c, text, sizeof(text)));

			wide[c] = w > wide[c] ? w : wide[c];
		}
		all += TERM_GAP + wide[c];
	}
	for (size_t i = 0; i < ARRAY_LEN(less) && all > t->width; i++) {
		all -= TERM_GAP + wide[less[i]];
		wide[less[i]] = 0;
	}
	term_spaces(t->out, name);
	for (int c = 0; c < COLS; c++)
		if (wide[c])
			right(t->out, heads[c], TERM_GAP + wide[c]);
	buf_addc(t->out, '\n');
	for (size_t i = 0; i < rows->n; i++) {
		buf_addz(t->out, rows->row[i].name);
		term_spaces(t->out, name - term_columns(rows->row[i].name));
		for (int c = 0; c < COLS; c++) {
			cell_text(rows->row[i].h, (enum col)c, text, sizeof(text));
			if (wide[c])
				right(t->out, text, TERM_GAP + wide[c]);
		}
		buf_addc(t->out, '\n');
	}
}

static void add_bar(struct buf *out, uint64_t n, uint64_t most, int width)
{
	static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	uint64_t e = most ? (uint64_t)((double)n / (double)most * width * 8 + 0.5) : 0;

	/* what is there at all is seen */
	e = n && !e ? 1 : e;
	for (uint64_t i = 0; i < e / 8; i++)
		buf_addz(out, "█");
	buf_addz(out, eighths[e % 8]);
	term_spaces(out, width - (int)((e + 7) / 8));
}

static void add_histogram(struct term *t, const struct hist *h)
{
	const struct axis a = bench_axis(h);
	uint64_t bins[BINS] = { 0 }, most = 0;
	double from = a.lo, step = 1;
	char text[BENCH_TEXT_MAX];
	int wide, count = 0;

	bench_bins(h, &a, bins, BINS);
	for (size_t i = 0; i < BINS; i++) {
		most = bins[i] > most ? bins[i] : most;
		wide = term_columns(str_human_count(bins[i], text, sizeof(text)));
		count = wide > count ? wide : count;
	}
	/* the BINS-th root, without libm: the axis says where a value is */
	for (double low = 1, high = a.hi / a.lo; high - low > 1e-9 * high;) {
		step = (low + high) / 2;
		if (axis_place(&a, a.lo * step) * BINS < 1)
			low = step;
		else
			high = step;
	}
	wide = t->width - LABEL - 1 - count - 1;
	wide = wide > 50 ? 50 : wide;
	buf_addc(t->out, '\n');
	for (size_t i = 0; i < BINS; i++, from *= step) {
		right(t->out, str_human_ns(from, text, sizeof(text)), LABEL - 1);
		buf_addz(t->out, "  ");
		add_bar(t->out, bins[i], most, wide);
		right(t->out, str_human_count(bins[i], text, sizeof(text)), count + 1);
		buf_addc(t->out, '\n');
	}
}

static void add_sentence(struct term *t, struct buf *text)
{
	if (text->len)
		term_line(t, 2, "%s", text->ptr);
	buf_reset(text);
}

static void add_part(struct term *t, const struct bench_part *p, const char *title, bool cold)
{
	const struct load_result *r = p->result;
	CLEANUP(bench_rows_release) struct bench_rows rows;
	CLEAN_BUF struct buf text = BUF_INIT;

	buf_addc(t->out, '\n');
	term_wrapped(t, "1", 0, 2, title);
	bench_rows_init(&rows, r);
	bench_outcome_text(r, &text);
	add_sentence(t, &text);
	bench_use_text(r, &text);
	add_sentence(t, &text);
	if (cold)
		bench_interval_text(r, &text);
	add_sentence(t, &text);
	if (rows.n) {
		buf_addc(t->out, '\n');
		add_table(t, &rows);
	}
	if (rows.all.n)
		add_histogram(t, &rows.all);
	if (r->nerrors)
		term_title(t, "errors");
	for (size_t i = 0; i < r->nerrors; i++) {
		CLEAN_BUF struct buf e = BUF_INIT;

		bench_error_text(&r->errors[i], &e);
		term_wrapped(t, "31", 0, 2, e.ptr);
	}
	if (r->errors_other)
		term_line(t, 2, "and %llu of other kinds", (unsigned long long)r->errors_other);
}

void bench_print_text(const struct bench_result *r, bool color, int width, struct buf *out)
{
	struct term t = { .out = out, .color = color, .width = width < LEAST_WIDTH ? LEAST_WIDTH : width };
	CLEAN_STRS struct strs notes = { 0 };

	term_sgr(&t, "1");
	term_cut(out, r->function, t.width);
	term_sgr(&t, "");
	buf_addc(out, '\n');
	if (r->what)
		term_line(&t, 2, "%s", r->what);
	if (r->cold.result)
		add_part(&t, &r->cold, "cold starts, each on an instance of its own", true);
	if (r->load.result) {
		CLEAN_BUF struct buf title = BUF_INIT;

		bench_course_text(&r->load.spec, &title);
		add_part(&t, &r->load, title.ptr, false);
	}
	bench_notes(r, &notes);
	if (notes.len)
		buf_addc(out, '\n');
	for (size_t i = 0; i < notes.len; i++)
		term_line(&t, 6, "note: %s", notes.ptr[i]);
}
