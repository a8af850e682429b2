/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "report/compare_print.h"
#include "report/compare_term.h"

#define LEAST_BAR 8
#define MOST_BAR 60

/* In eighths of a column; what is there at all is seen. */
static void add_bar(struct buf *out, double part, int width)
{
	static const char *const eighth[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	long n = (long)(part * width * 8 + 0.5);

	if (n < 1)
		n = 1;
	for (long i = 0; i < n / 8; i++)
		buf_addz(out, "█");
	buf_addz(out, eighth[n % 8]);
	term_spaces(out, width - (int)((n + 7) / 8));
}

/* "0.11 ms", and between what it lies with 95 %, to a digit more. */
static void value_text(const struct cmp_row *r, enum cmp_col col, struct buf *out)
{
	char text[CMP_TEXT_MAX];

	buf_addz(out, cmp_value_text(col, r->value[col], text, sizeof(text)));
	if (col == COL_START && r->start.n)
		cmp_interval_text(&r->start, out);
}

void term_bars(struct term *p, const struct cmp_table *t, enum cmp_col col)
{
	CLEAN_FREE struct cmp_bar *bars = NULL;
	const size_t n = cmp_bars(p->c, t, col, &bars);
	CLEAN_BUF struct buf label = BUF_INIT, value = BUF_INIT;
	int name = 0, text = 0, width;

	for (size_t i = 0; i < n; i++) {
		buf_reset(&label);
		buf_reset(&value);
		cmp_label(p->c, bars[i].row, &label);
		value_text(&p->c->rows[bars[i].row], col, &value);
		name = term_columns(label.ptr) > name ? term_columns(label.ptr) : name;
		text = term_columns(value.ptr) > text ? term_columns(value.ptr) : text;
	}
	width = p->width - name - text - 2 * TERM_GAP;
	if (n < 2 || width < LEAST_BAR)
		return;
	width = width < MOST_BAR ? width : MOST_BAR;
	buf_addc(p->out, '\n');
	term_wrapped(p, "2", 0, 2, col == COL_START ? "start p50, and where it lies with 95 %" : cmp_cols[col].title);
	for (size_t i = 0; i < n; i++) {
		const struct cmp_row *r = &p->c->rows[bars[i].row];
		const bool best = cmp_best(p->c, bars[i].row, col);

		if (bars[i].first && i && cmp_of_run(col))
			buf_addc(p->out, '\n');
		buf_reset(&label);
		buf_reset(&value);
		cmp_label(p->c, bars[i].row, &label);
		value_text(r, col, &value);
		term_spaces(p->out, name - term_cut(p->out, label.ptr, name) + TERM_GAP);
		term_sgr(p, best ? "32" : r->emulated && cmp_of_run(col) ? "33" : "36");
		add_bar(p->out, bars[i].part, width);
		term_sgr(p, "");
		term_spaces(p->out, TERM_GAP);
		buf_addf(p->out, "%s\n", value.ptr);
	}
}
