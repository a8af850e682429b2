/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "report/compare_print.h"

/*
 * RFC 4180: CRLF, quotes doubled. A line for each row of the comparison, in the units of the comparison, and empty for
 * what is not known.
 */

void cmp_add_csv(struct buf *out, const char *s)
{
	const bool first = !out->len || out->ptr[out->len - 1] == '\n';

	if (!first)
		buf_addc(out, ',');
	if (!s || !s[strcspn(s, "\",\r\n")]) {
		buf_addz(out, s ? s : "");
		return;
	}
	buf_addc(out, '"');
	for (; *s; s++) {
		if (*s == '"')
			buf_addc(out, '"');
		buf_addc(out, *s);
	}
	buf_addc(out, '"');
}

static void add_number(struct buf *out, enum cmp_unit unit, double v)
{
	CLEAN_BUF struct buf text = BUF_INIT;

	if (isfinite(v))
		cmp_add_number(&text, unit, v);
	cmp_add_csv(out, text.ptr);
}

static void add_row(struct buf *out, const struct comparison *c, const struct cmp_row *r)
{
	cmp_add_csv(out, r->strategy);
	cmp_add_csv(out, arch_name(r->arch));
	cmp_add_csv(out, r->emulated ? "true" : "false");
	cmp_add_csv(out, r->profile);
	cmp_add_csv(out, r->toolchain);
	cmp_add_csv(out, r->base);
	cmp_add_csv(out, r->compression);
	for (size_t i = 0; i < COL_COUNT; i++)
		add_number(out, cmp_cols[i].unit, r->value[i]);
	add_number(out, UNIT_MICROSECONDS, r->start.n ? r->start.low : NAN);
	add_number(out, UNIT_MICROSECONDS, r->start.n ? r->start.high : NAN);
	add_number(out, UNIT_COUNT, r->failed ? NAN : (double)r->nsamples);
	cmp_add_csv(out, r->same_binary < c->nrows ? c->rows[r->same_binary].strategy : NULL);
	cmp_add_csv(out, r->reference < c->nrows ? c->rows[r->reference].strategy : NULL);
	cmp_add_csv(out, r->reference >= c->nrows ? NULL : r->start_differs ? "true" : "false");
	cmp_add_csv(out, r->note);
	cmp_add_csv(out, r->failed);
	buf_addz(out, "\r\n");
}

void cmp_print_csv(const struct comparison *c, struct buf *out)
{
	static const char *const before[] = { "strategy", "arch", "emulated", "profile", "toolchain", "base",
					      "compression" };
	static const char *const after[] = { "start_low", "start_high", "runs", "same_binary", "reference",
					     "start_differs", "note", "failed" };

	for (size_t i = 0; i < ARRAY_LEN(before); i++)
		buf_addf(out, "%s,", before[i]);
	for (size_t i = 0; i < COL_COUNT; i++)
		buf_addf(out, "%s,", cmp_cols[i].key);
	for (size_t i = 0; i < ARRAY_LEN(after); i++)
		buf_addf(out, "%s%s", after[i], i + 1 < ARRAY_LEN(after) ? "," : "\r\n");
	for (size_t i = 0; i < c->nrows; i++)
		add_row(out, c, &c->rows[i]);
}
