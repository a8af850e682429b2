/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/compare_print.h"

/*
 * GitHub's Markdown, for a comment of a pull request: what was missed and a small table; the rest can be unfolded. A
 * forge makes something of much that stands in a text, @ and # above all, but of nothing in code: foreign names are
 * code, and in sentences marks are escaped.
 */

#define SMALL_COLUMNS 5
#define REASON_MAX 300 /* characters */

/* ---- escapes ---- */

static void add_text(struct buf *out, const char *s)
{
	for (uint32_t c; (c = cmp_char(&s)) != 0;) {
		if (c == '<')
			buf_addz(out, "&lt;");
		else if (c == '>')
			buf_addz(out, "&gt;");
		else if (c == '&')
			buf_addz(out, "&amp;");
		else if (c == '@' || c == '#' || (c == ':' && s[0] == '/'))
			/* the comment parts it from the name or number that would make a mention or a link of it */
			buf_addf(out, "%c<!-- -->", (int)c);
		else if (c < 0x80 && strchr("\\`*_{}[]|~$!", (int)c))
			buf_addf(out, "\\%c", (int)c);
		else
			cmp_add_char(out, c);
	}
}

/* @s as code; in a table a bar needs a backslash even there. */
static void add_code(struct buf *out, const char *s, bool table, size_t most)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	size_t run = 0, longest = 0, n = 0;
	char first, last;
	const char *pad;

	for (uint32_t c; (c = cmp_char(&s)) != 0;) {
		if (n++ == most) {
			buf_addz(&text, "…");
			break;
		}
		run = c == '`' ? run + 1 : 0;
		longest = run > longest ? run : longest;
		if (c == '|' && table)
			buf_addc(&text, '\\');
		cmp_add_char(&text, c);
	}
	if (!text.len)
		return;
	first = text.ptr[0];
	last = text.ptr[text.len - 1];
	pad = first == '`' || first == ' ' || last == '`' || last == ' ' ? " " : "";
	for (size_t i = 0; i <= longest; i++)
		buf_addc(out, '`');
	buf_addf(out, "%s%s%s", pad, text.ptr, pad);
	for (size_t i = 0; i <= longest; i++)
		buf_addc(out, '`');
}

static void add_label(const struct comparison *c, size_t row, bool table, struct buf *out)
{
	CLEAN_BUF struct buf label = BUF_INIT;

	cmp_label(c, row, &label);
	add_code(out, label.ptr, table, REASON_MAX);
}

/* ---- tables ---- */

static void add_cell(const struct comparison *c, size_t row, enum cmp_col col, struct buf *out)
{
	char value[CMP_TEXT_MAX], ratio[CMP_TEXT_MAX];
	const bool best = cmp_best(c, row, col), known = isfinite(c->rows[row].value[col]);

	cmp_value_text(col, c->rows[row].value[col], value, sizeof(value));
	cmp_ratio_text(c, row, col, ratio, sizeof(ratio));
	buf_addf(out, " %s%s%s", best ? "**" : "", value, best ? "**" : "");
	if (known && c->rows[row].emulated && cmp_of_run(col))
		buf_addz(out, " †");
	if (*ratio)
		buf_addf(out, " (%s)", ratio);
	buf_addz(out, " |");
}

static void add_grid(const struct comparison *c, const struct cmp_table *t, const enum cmp_col *cols, size_t n,
		     struct buf *out)
{
	buf_addz(out, "| strategy |");
	for (size_t i = 0; i < n; i++)
		buf_addf(out, " %s |", cmp_cols[cols[i]].title);
	buf_addz(out, "\n|:--|");
	for (size_t i = 0; i < n; i++)
		buf_addz(out, "--:|");
	buf_addc(out, '\n');
	for (size_t i = 0; i < t->nrows; i++) {
		const struct cmp_row *r = &c->rows[t->rows[i]];

		buf_addz(out, "| ");
		add_label(c, t->rows[i], true, out);
		if (r->failed) {
			buf_addz(out, ": failed |");
			for (size_t k = 0; k < n; k++)
				buf_addz(out, " – |");
		} else {
			buf_addz(out, " |");
			for (size_t k = 0; k < n; k++)
				add_cell(c, t->rows[i], cols[k], out);
		}
		buf_addc(out, '\n');
	}
	buf_addc(out, '\n');
}

static void add_remarks(const struct comparison *c, size_t which, struct buf *out)
{
	const struct cmp_table *t = &c->tables[which];
	bool any = false;

	for (size_t i = 0; i < t->nrows; i++) {
		const struct cmp_row *r = &c->rows[t->rows[i]];

		if ((!r->failed && !r->note) || cmp_told(c, which, t->rows[i]))
			continue;
		buf_addz(out, "- ");
		add_label(c, t->rows[i], false, out);
		if (r->failed) {
			buf_addz(out, " failed: ");
			add_code(out, r->failed, false, REASON_MAX);
		}
		if (r->note) {
			buf_addz(out, r->failed ? "; " : ": ");
			add_text(out, r->note);
		}
		buf_addc(out, '\n');
		any = true;
	}
	if (any)
		buf_addc(out, '\n');
}

static void add_legend(const struct comparison *c, const struct cmp_table *t, const enum cmp_col *cols, size_t n,
		       struct buf *out)
{
	const char *ref = cmp_reference_name(c, t);
	bool emulated = false, same = false;

	for (size_t i = 0; i < t->nrows; i++)
		for (size_t k = 0; k < n; k++) {
			const struct cmp_row *r = &c->rows[t->rows[i]];
			char ratio[CMP_TEXT_MAX];

			emulated = emulated || (r->emulated && cmp_of_run(cols[k]) && isfinite(r->value[cols[k]]));
			cmp_ratio_text(c, t->rows[i], cols[k], ratio, sizeof(ratio));
			same = same || strcmp(ratio, "same") == 0;
		}
	buf_addf(out, "**Bold**: the best%s.", cmp_several_archs(c) ? " of its architecture" : "");
	if (ref) {
		buf_addz(out, " ×: to ");
		add_code(out, ref, false, REASON_MAX);
		buf_addc(out, '.');
	}
	if (same)
		buf_addz(out, " Same: no difference at 95 %.");
	if (emulated)
		buf_addf(out, " †: %s, not ranked.", cmp_elsewhere(c));
	buf_addz(out, "\n\n");
}

static void add_claims(const struct cmp_table *t, struct buf *out)
{
	if (!t->nclaims)
		return;
	buf_addz(out, "<details><summary>What ");
	add_text(out, t->source);
	buf_addz(out, " says</summary>\n\n| what | ");
	add_text(out, t->source);
	buf_addz(out, " | measured here |\n|:--|--:|--:|\n");
	for (size_t i = 0; i < t->nclaims; i++) {
		buf_addz(out, "| ");
		add_text(out, t->claims[i].what);
		buf_addz(out, " | ");
		add_text(out, t->claims[i].claimed);
		buf_addz(out, " | ");
		add_text(out, t->claims[i].measured ? t->claims[i].measured : "not measured");
		buf_addz(out, " |\n");
	}
	buf_addz(out, "\n</details>\n\n");
}

static void add_starts(const struct comparison *c, const struct cmp_table *t, struct buf *out)
{
	static const char head[] = "<details><summary>Starts</summary>\n\n"
				   "| strategy | n | min | p50 | 95 % | p90 | p99 | max |\n"
				   "|:--|--:|--:|--:|--:|--:|--:|--:|\n";
	bool any = false;

	for (size_t i = 0; i < t->nrows; i++) {
		const struct cmp_row *r = &c->rows[t->rows[i]];
		const struct stats *s = &r->start;
		const double v[] = { s->min, s->p50, s->low, s->high, s->p90, s->p99, s->max };
		char text[ARRAY_LEN(v)][CMP_TEXT_MAX];

		if (!cmp_has_samples(r))
			continue;
		for (size_t k = 0; k < ARRAY_LEN(v); k++)
			cmp_value_text(COL_START, v[k], text[k], sizeof(text[k]));
		buf_addf(out, "%s| ", any ? "" : head);
		any = true;
		add_label(c, t->rows[i], true, out);
		buf_addf(out, "%s | %zu | %s | %s | %s to %s | %s | %s | %s |\n", r->emulated ? " †" : "", s->n,
			 text[0], text[1], text[2], text[3], text[4], text[5], text[6]);
	}
	if (any)
		buf_addz(out, "\n</details>\n\n");
}

static void add_table(const struct comparison *c, size_t which, struct buf *out)
{
	const struct cmp_table *t = &c->tables[which];
	enum cmp_col known[COL_COUNT], small[COL_COUNT], unknown[COL_COUNT];
	size_t none, n = cmp_columns(c, t, known, unknown, &none), nsmall;

	memcpy(small, known, sizeof(small));
	nsmall = cmp_main_columns(small, n, SMALL_COLUMNS);
	buf_addz(out, "#### ");
	add_text(out, t->title);
	buf_addz(out, "\n\n");
	add_grid(c, t, small, nsmall, out);
	add_remarks(c, which, out);
	add_legend(c, t, known, n, out);
	if (nsmall < n) {
		buf_addf(out, "<details><summary>All %zu columns</summary>\n\n", n);
		add_grid(c, t, known, n, out);
		buf_addz(out, "</details>\n\n");
	}
	for (size_t i = 0; i < n; i++)
		if (known[i] == COL_START)
			add_starts(c, t, out);
	add_claims(t, out);
}

void cmp_print_markdown(const struct comparison *c, struct buf *out)
{
	CLEAN_BUF struct buf how = BUF_INIT;

	buf_addz(out, "### ");
	if (c->function)
		add_code(out, c->function, false, REASON_MAX);
	buf_addz(out, c->function ? ": " : "");
	cmp_count_text(c, out);
	buf_addz(out, " compared\n\n");
	if (c->nmissed)
		buf_addf(out, "**%zu budget%s not met**\n\n", c->nmissed, c->nmissed == 1 ? " is" : "s are");
	for (size_t i = 0; i < c->nmissed; i++) {
		CLEAN_BUF struct buf text = BUF_INIT;

		cmp_miss_text(c, &c->missed[i], &text);
		buf_addz(out, "- ");
		add_text(out, text.ptr);
		buf_addc(out, '\n');
	}
	if (c->nmissed)
		buf_addc(out, '\n');
	for (size_t i = 0; i < c->ntables; i++)
		add_table(c, i, out);
	buf_addz(out, "<details><summary>How it was measured</summary>\n\n");
	cmp_how_text(c, &how);
	add_text(out, how.ptr);
	buf_addz(out, "\n");
	for (size_t i = 0; i < c->warnings.len; i++) {
		buf_addz(out, i ? "- " : "\n- ");
		add_text(out, c->warnings.ptr[i]);
		buf_addc(out, '\n');
	}
	buf_addz(out, "\n</details>\n");
}
