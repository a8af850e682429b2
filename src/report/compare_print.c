/* SPDX-License-Identifier: Apache-2.0 */
#include "report/compare_print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const struct cmp_col_info cmp_cols[COL_COUNT] = {
	[COL_BINARY] = { "binary", "binary", UNIT_BYTES },
	[COL_ZIP] = { "zip", "zip", UNIT_BYTES },
	[COL_IMAGE] = { "image", "image", UNIT_BYTES },
	[COL_UNPACKED] = { "unpacked", "unpacked", UNIT_BYTES },
	[COL_LAYERS] = { "layers", "layers", UNIT_COUNT },
	[COL_FILES] = { "files", "files", UNIT_COUNT },
	[COL_BUILD] = { "build", "build", UNIT_SECONDS },
	[COL_PACKAGE] = { "package", "package", UNIT_SECONDS },
	[COL_START] = { "start_p50", "start p50", UNIT_MICROSECONDS },
	[COL_START_P99] = { "start_p99", "start p99", UNIT_MICROSECONDS },
	[COL_RSS] = { "rss", "RSS", UNIT_BYTES },
	[COL_PSS] = { "pss", "PSS", UNIT_BYTES },
	[COL_ALLOCS] = { "allocations", "allocations", UNIT_COUNT },
};

/* Three digits, more or less, of a value in a unit that starts at @least. */
static const char *digits(double v, const char *unit, char *text, size_t cap)
{
	const int decimals = v < 0.0995 ? 3 : v < 9.995 ? 2 : v < 99.95 ? 1 : 0;

	snprintf(text, cap, "%.*f%s", decimals, v, unit);
	return text;
}

const char *cmp_value_text(enum cmp_col col, double value, char *text, size_t cap)
{
	if (!isfinite(value) || value < 0) {
		snprintf(text, cap, "–");
		return text;
	}
	switch (cmp_cols[col].unit) {
	case UNIT_BYTES:
		return str_human_size(value < 1e18 ? (uint64_t)(value + 0.5) : (uint64_t)1e18, text, cap);
	case UNIT_COUNT:
		snprintf(text, cap, "%.0f", value);
		return text;
	case UNIT_SECONDS:
		return value < 0.09995 ? digits(value * 1e3, " ms", text, cap) : digits(value, " s", text, cap);
	case UNIT_MICROSECONDS:
		return value < 9999.5e3 ? digits(value / 1e3, " ms", text, cap) : digits(value / 1e6, " s", text, cap);
	}
	BUG("unit %d", (int)cmp_cols[col].unit);
}

/* ---- ranks and ratios ---- */

bool cmp_of_run(enum cmp_col col)
{
	return col == COL_START || col == COL_START_P99 || col == COL_RSS || col == COL_PSS || col == COL_ALLOCS;
}

bool cmp_best(const struct comparison *c, size_t row, enum cmp_col col)
{
	const struct cmp_row *r = &c->rows[row];

	return r->best[col] && isfinite(r->value[col]) && !(r->emulated && cmp_of_run(col));
}

double cmp_ratio(const struct comparison *c, size_t row, enum cmp_col col)
{
	const struct cmp_row *r = &c->rows[row], *to;

	if (r->reference >= c->nrows)
		return NAN;
	to = &c->rows[r->reference];
	if (cmp_of_run(col) && r->emulated != to->emulated)
		return NAN;
	if (r->value[col] == to->value[col])
		return 1;
	return to->value[col] > 0 ? r->value[col] / to->value[col] : NAN;
}

const char *cmp_ratio_text(const struct comparison *c, size_t row, enum cmp_col col, char *text, size_t cap)
{
	const double ratio = cmp_ratio(c, row, col);

	if (!isfinite(ratio))
		snprintf(text, cap, "%s", "");
	else if (c->rows[row].reference == row)
		snprintf(text, cap, "1×");
	else if (col == COL_START && !c->rows[row].start_differs)
		snprintf(text, cap, "same");
	else if (ratio < 0.001)
		snprintf(text, cap, "<0.001×");
	else if (ratio >= 9999.5)
		snprintf(text, cap, ">9999×");
	else
		digits(ratio, "×", text, cap);
	return text;
}

/* ---- columns and rows ---- */

size_t cmp_columns(const struct comparison *c, const struct cmp_table *t, enum cmp_col known[COL_COUNT],
		   enum cmp_col unknown[COL_COUNT], size_t *nunknown)
{
	size_t n = 0, none = 0;

	for (size_t i = 0; i < t->ncols; i++) {
		bool any = false;

		for (size_t r = 0; r < t->nrows && !any; r++)
			any = isfinite(c->rows[t->rows[r]].value[t->cols[i]]);
		if (any)
			known[n++] = t->cols[i];
		else
			unknown[none++] = t->cols[i];
	}
	*nunknown = none;
	return n;
}

size_t cmp_main_columns(enum cmp_col *cols, size_t n, size_t max)
{
	static const enum cmp_col most[COL_COUNT] = { COL_START, COL_BINARY, COL_IMAGE, COL_LAYERS, COL_ZIP,
						      COL_RSS, COL_UNPACKED, COL_START_P99, COL_PSS, COL_BUILD,
						      COL_PACKAGE, COL_FILES, COL_ALLOCS };
	bool keep[COL_COUNT] = { false };
	size_t kept = 0, len = 0;

	for (size_t p = 0; p < COL_COUNT && kept < max; p++)
		for (size_t i = 0; i < n; i++)
			if (cols[i] == most[p]) {
				keep[most[p]] = true;
				kept++;
			}
	for (size_t i = 0; i < n; i++)
		if (keep[cols[i]])
			cols[len++] = cols[i];
	return len;
}

enum cmp_col cmp_bar_column(const struct comparison *c, const struct cmp_table *t)
{
	enum cmp_col known[COL_COUNT], unknown[COL_COUNT];
	size_t none, n = cmp_columns(c, t, known, unknown, &none);

	for (size_t i = 0; i < n; i++)
		if (known[i] == COL_START)
			return COL_START;
	return n ? known[0] : COL_COUNT;
}

struct sortable {
	size_t row;
	double value;
	int group;	/* arch, and whether under qemu */
};

static int shorter_first(const void *a, const void *b)
{
	const struct sortable *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->value < y->value || x->value > y->value)
		return x->value < y->value ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

size_t cmp_bars(const struct comparison *c, const struct cmp_table *t, enum cmp_col col, struct cmp_bar **bars)
{
	CLEAN_FREE struct sortable *s = xcalloc(t->nrows + 1, sizeof(*s));
	double most = 0;
	size_t n = 0;

	for (size_t i = 0; i < t->nrows; i++) {
		const struct cmp_row *r = &c->rows[t->rows[i]];
		const double v = r->value[col];

		if (r->failed || !isfinite(v) || v < 0 || (cmp_of_run(col) && r->same_binary != CMP_NO_ROW))
			continue;
		s[n++] = (struct sortable){ t->rows[i], v, (int)r->arch * 2 + (cmp_of_run(col) && r->emulated) };
		most = v > most ? v : most;
	}
	qsort(s, n, sizeof(*s), shorter_first);
	*bars = xcalloc(n + 1, sizeof(**bars));
	for (size_t from = 0, to; from < n; from = to) {
		for (to = from + 1; to < n && s[to].group == s[from].group;)
			to++;
		if (cmp_of_run(col))
			most = s[to - 1].value;
		for (size_t i = from; i < to; i++)
			(*bars)[i] = (struct cmp_bar){ s[i].row, most > 0 ? s[i].value / most : 0, i == from };
	}
	return n;
}

const char *cmp_reference_name(const struct comparison *c, const struct cmp_table *t)
{
	const char *name = NULL;

	for (size_t i = 0; i < t->nrows; i++) {
		const size_t ref = c->rows[t->rows[i]].reference;

		if (ref >= c->nrows)
			continue;
		if (name && strcmp(name, c->rows[ref].strategy) != 0)
			return NULL;
		name = c->rows[ref].strategy;
	}
	return name;
}

bool cmp_several_archs(const struct comparison *c)
{
	for (size_t i = 1; i < c->nrows; i++)
		if (c->rows[i].arch != c->rows[0].arch)
			return true;
	return false;
}

bool cmp_has_samples(const struct cmp_row *r)
{
	return !r->failed && r->samples && r->nsamples && r->start.n && r->same_binary == CMP_NO_ROW;
}

bool cmp_told(const struct comparison *c, size_t table, size_t row)
{
	for (size_t t = 0; t < table; t++)
		for (size_t i = 0; i < c->tables[t].nrows; i++)
			if (c->tables[t].rows[i] == row)
				return true;
	return false;
}

void cmp_label(const struct comparison *c, size_t row, struct buf *out)
{
	buf_addz(out, c->rows[row].strategy);
	if (cmp_several_archs(c))
		buf_addf(out, " %s", arch_name(c->rows[row].arch));
}

size_t cmp_tree_before(const struct comparison *c, size_t row, bool layers)
{
	const struct size_tree *t = layers ? c->rows[row].layers : c->rows[row].sources;

	for (size_t i = 0; t && t->root && i < row; i++) {
		const struct size_tree *o = layers ? c->rows[i].layers : c->rows[i].sources;

		if (o == t || (o && o->root && o->n == t->n && o->root->bytes == t->root->bytes &&
			       o->root->hash == t->root->hash))
			return i;
	}
	return CMP_NO_ROW;
}

/* ---- sentences ---- */

void cmp_miss_text(const struct comparison *c, const struct cmp_miss *m, struct buf *out)
{
	char value[CMP_TEXT_MAX], limit[CMP_TEXT_MAX];

	buf_addf(out, "%s of ", m->budget);
	cmp_label(c, m->row, out);
	if (m->col == CMP_NO_COL) {
		buf_addf(out, ": %.1f %%, the limit is %.1f %%", m->value * 100, m->limit * 100);
		if (m->contributor)
			buf_addf(out, "; largest: %s", m->contributor);
		return;
	}
	cmp_value_text(m->col, m->value, value, sizeof(value));
	cmp_value_text(m->col, m->limit, limit, sizeof(limit));
	/* 20.0 KB against 20.0 KB would say nothing */
	if (strcmp(value, limit) == 0)
		buf_addf(out, ": %.0f, the limit is %.0f", m->value, m->limit);
	else
		buf_addf(out, ": %s, the limit is %s", value, limit);
	if (m->limit > 0 && m->value > m->limit) {
		const double over = (m->value / m->limit - 1) * 100;

		buf_addf(out, over < 0.1 ? " (<0.1 %% over)" : over < 10 ? " (%.1f %% over)" : " (%.0f %% over)", over);
	}
	if (m->contributor)
		buf_addf(out, "; largest: %s", m->contributor);
}

void cmp_count_text(const struct comparison *c, struct buf *out)
{
	bool arch[ARCH_ALL] = { false };
	size_t n = 0, arches = 0;

	for (size_t i = 0; i < c->nrows; i++) {
		bool before = false;

		for (size_t k = 0; k < i && !before; k++)
			before = strcmp(c->rows[k].strategy, c->rows[i].strategy) == 0;
		n += !before;
		arches += !arch[c->rows[i].arch];
		arch[c->rows[i].arch] = true;
	}
	buf_addf(out, "%zu strateg%s", n, n == 1 ? "y" : "ies");
	if (arches > 1)
		buf_addf(out, " for %zu architectures", arches);
}

const char *cmp_elsewhere(const struct comparison *c)
{
	bool qemu = false, node = false;

	for (size_t i = 0; i < c->nrows; i++) {
		node |= c->rows[i].arch == ARCH_WASM32;
		qemu |= c->rows[i].arch != ARCH_WASM32 && c->rows[i].emulated;
	}
	return qemu && node ? "ran under qemu or in Node" : node ? "ran in Node" : "ran under qemu";
}

void cmp_interval_text(const struct stats *s, struct buf *out)
{
	const int decimals = s->high < 9995 ? 3 : s->high < 99950 ? 2 : 1;

	buf_addf(out, " (%.*f to %.*f)", decimals, s->low / 1e3, decimals, s->high / 1e3);
}

void cmp_how_text(const struct comparison *c, struct buf *out)
{
	size_t arches[ARCH_ALL] = { 0 };

	if (c->runs)
		buf_addf(out, "%zu start%s of each program, interleaved; ", c->runs, c->runs == 1 ? "" : "s");
	for (size_t i = 0; i < c->nrows; i++)
		arches[c->rows[i].arch] += c->rows[i].emulated;
	if (c->cold)
		buf_addf(out, "%s; ", c->cold);
	for (size_t a = 0; a < ARCH_ALL; a++)
		if (arches[a])
			buf_addf(out, "%s %s; ", arch_name((enum arch)a), a == ARCH_WASM32 ? "in Node" : "under qemu");
	buf_addf(out, "%s; slsc %s", c->machine ? c->machine : "unknown machine", c->version);
}

/* ---- numbers for machines: tens of thousands of them, so not by printf ---- */

void cmp_add_u64(struct buf *out, uint64_t v)
{
	char text[20];
	size_t n = sizeof(text);

	do
		text[--n] = (char)('0' + v % 10);
	while (v /= 10);
	buf_add(out, text + n, sizeof(text) - n);
}

void cmp_add_number(struct buf *out, enum cmp_unit unit, double v)
{
	const int decimals = unit == UNIT_SECONDS ? 6 : unit == UNIT_MICROSECONDS ? 3 : 0;
	const uint64_t scale = decimals == 6 ? 1000000 : decimals == 3 ? 1000 : 1;
	uint64_t whole;

	if (v < 0 || v > 9e12) {
		buf_addf(out, "%.17g", v);
		return;
	}
	whole = (uint64_t)(v * (double)scale + 0.5);
	cmp_add_u64(out, whole / scale);
	whole %= scale;
	if (!whole)
		return;
	buf_addc(out, '.');
	for (uint64_t digit = scale / 10; whole; whole %= digit, digit /= 10)
		buf_addc(out, (char)('0' + whole / digit));
}

/* ---- foreign text ---- */

uint32_t cmp_char(const char **s)
{
	const unsigned char *p = (const unsigned char *)*s;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = *p;
	size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;

	if (!c)
		return 0;
	if (n > 1)
		c &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			n = 0;
			break;
		}
		c = c << 6 | (p[i] & 0x3f);
	}
	*s += n ? n : 1;
	if (c == '\t' || c == '\n' || c == '\r')
		return ' ';
	if (!n || c < least[n] || c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff ||
	    (c & 0xfffe) == 0xfffe || c == 0x2028 || c == 0x2029 || str_turns(c))
		return 0xfffd;
	return c;
}

void cmp_add_char(struct buf *out, uint32_t c)
{
	char utf8[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; c >>= 6)
		utf8[i] = (char)(0x80 | (c & 0x3f));
	utf8[0] = (char)(n == 1 ? c : (0xf00u >> n & 0xf0) | c);
	buf_add(out, utf8, n);
}

void compare_print(const struct comparison *c, const struct cmp_style *style, struct buf *out)
{
	switch (style->format) {
	case CMP_TABLE:
		cmp_print_table(c, style->color, style->width, out);
		return;
	case CMP_JSON:
		cmp_print_json(c, out);
		return;
	case CMP_CSV:
		cmp_print_csv(c, out);
		return;
	case CMP_MARKDOWN:
		cmp_print_markdown(c, out);
		return;
	case CMP_HTML:
		cmp_print_html(c, out);
		return;
	}
	BUG("format %d", (int)style->format);
}
