/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/claims.h"
#include "report/compare_print.h"

/*
 * All that a comparison knows, on one line; members in the order of their names, columns and rows in their own. Rows
 * are referred to by number; "layers_of" and "sources_of" are the row that has the same tree.
 */

/* jansson and others refuse what is nested deeper than some 2,000; a path of directories may be. */
#define DEEPEST 100

static void add_name(struct buf *out, const char *name)
{
	const char last = out->ptr[out->len - 1];

	if (last != '{' && last != '[' && last != ':')
		buf_addc(out, ',');
	if (!name)
		return;
	buf_addc(out, '"');
	buf_addz(out, name);
	buf_add(out, "\":", 2);
}

static void add_string(struct buf *out, const char *name, const char *s)
{
	add_name(out, name);
	if (s)
		buf_add_json(out, str_from(s));
	else
		buf_addz(out, "null");
}

static void add_bool(struct buf *out, const char *name, bool v)
{
	add_name(out, name);
	buf_addz(out, v ? "true" : "false");
}

static void add_u64(struct buf *out, const char *name, uint64_t v)
{
	add_name(out, name);
	cmp_add_u64(out, v);
}

static void add_value(struct buf *out, const char *name, enum cmp_unit unit, double v)
{
	add_name(out, name);
	if (isfinite(v))
		cmp_add_number(out, unit, v);
	else
		buf_addz(out, "null");
}

static void add_row_number(struct buf *out, const char *name, size_t row)
{
	if (row == CMP_NO_ROW)
		add_string(out, name, NULL);
	else
		add_u64(out, name, row);
}

static const char *unit_name(enum cmp_unit u)
{
	static const char *const name[] = { [UNIT_BYTES] = "bytes", [UNIT_COUNT] = "count",
					    [UNIT_SECONDS] = "seconds", [UNIT_MICROSECONDS] = "microseconds" };

	return name[u];
}

/* ---- trees ---- */

static void open_node(struct buf *out, const struct size_node *n)
{
	add_name(out, NULL);
	buf_addc(out, '{');
	add_u64(out, "bytes", n->bytes);
	add_name(out, "children");
	buf_addc(out, '[');
}

static void close_node(struct buf *out, const struct size_node *n)
{
	buf_addc(out, ']');
	add_string(out, "kind", n->kind);
	add_string(out, "name", n->name);
	buf_addc(out, '}');
}

/* What lies deeper is in its parent's bytes. */
static void add_tree(struct buf *out, const char *name, const struct size_tree *t, size_t before)
{
	const struct size_node *n = t && before == CMP_NO_ROW ? t->root : NULL;
	size_t depth = 0;

	if (!n) {
		add_string(out, name, NULL);
		return;
	}
	add_name(out, name);
	while (n) {
		open_node(out, n);
		if (n->child && depth < DEEPEST) {
			n = n->child;
			depth++;
			continue;
		}
		for (;;) {
			close_node(out, n);
			if (!depth) {
				n = NULL;
				break;
			}
			if (n->next) {
				n = n->next;
				break;
			}
			n = n->parent;
			depth--;
		}
	}
}

/* ---- rows ---- */

static void add_start(struct buf *out, const struct stats *s)
{
	const struct {
		const char *name;
		double v;
	} all[] = { { "high", s->high }, { "low", s->low }, { "max", s->max }, { "mean", s->mean }, { "min", s->min },
		    { "p50", s->p50 }, { "p90", s->p90 }, { "p99", s->p99 } };

	if (!s->n) {
		add_string(out, "start", NULL);
		return;
	}
	add_name(out, "start");
	buf_addc(out, '{');
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		add_value(out, all[i].name, UNIT_MICROSECONDS, all[i].v);
	buf_addc(out, '}');
}

static void add_row(struct buf *out, const struct comparison *c, size_t row)
{
	const struct cmp_row *r = &c->rows[row];

	add_name(out, NULL);
	buf_addc(out, '{');
	add_string(out, "arch", arch_name(r->arch));
	add_string(out, "base", r->base);
	add_name(out, "best");
	buf_addc(out, '[');
	for (size_t i = 0; i < COL_COUNT; i++)
		if (cmp_best(c, row, (enum cmp_col)i))
			add_string(out, NULL, cmp_cols[i].key);
	buf_addc(out, ']');
	add_string(out, "compression", r->compression);
	add_bool(out, "emulated", r->emulated);
	add_string(out, "failed", r->failed);
	add_tree(out, "layers", r->layers, cmp_tree_before(c, row, true));
	add_row_number(out, "layers_of", cmp_tree_before(c, row, true));
	add_string(out, "note", r->note);
	add_string(out, "profile", r->profile);
	add_name(out, "ratios");
	buf_addc(out, '{');
	for (size_t i = 0; i < COL_COUNT; i++) {
		const double ratio = cmp_ratio(c, row, (enum cmp_col)i);

		if (isfinite(ratio))
			add_value(out, cmp_cols[i].key, UNIT_SECONDS, ratio);
	}
	buf_addc(out, '}');
	add_row_number(out, "reference", r->reference);
	add_row_number(out, "same_binary", r->same_binary);
	add_name(out, "samples");
	buf_addc(out, '[');
	for (size_t i = 0; r->samples && i < r->nsamples; i++)
		add_value(out, NULL, UNIT_MICROSECONDS, r->samples[i]);
	buf_addc(out, ']');
	add_tree(out, "sources", r->sources, cmp_tree_before(c, row, false));
	add_row_number(out, "sources_of", cmp_tree_before(c, row, false));
	add_start(out, &r->start);
	add_bool(out, "start_differs", r->start_differs);
	add_string(out, "strategy", r->strategy);
	add_string(out, "summary", r->summary);
	add_string(out, "toolchain", r->toolchain);
	add_name(out, "values");
	buf_addc(out, '{');
	for (size_t i = 0; i < COL_COUNT; i++)
		add_value(out, cmp_cols[i].key, cmp_cols[i].unit, r->value[i]);
	buf_addz(out, "}}");
}

static void add_table(struct buf *out, const struct cmp_table *t)
{
	add_name(out, NULL);
	buf_addc(out, '{');
	add_name(out, "claims");
	cmp_claims_json(t->claims, t->nclaims, out);
	add_name(out, "columns");
	buf_addc(out, '[');
	for (size_t i = 0; i < t->ncols; i++)
		add_string(out, NULL, cmp_cols[t->cols[i]].key);
	buf_addc(out, ']');
	add_name(out, "rows");
	buf_addc(out, '[');
	for (size_t i = 0; i < t->nrows; i++)
		add_u64(out, NULL, t->rows[i]);
	buf_addc(out, ']');
	add_string(out, "title", t->title);
	buf_addc(out, '}');
}

static void add_missed(struct buf *out, const struct cmp_miss *m)
{
	const enum cmp_unit unit = m->col == CMP_NO_COL ? UNIT_SECONDS : cmp_cols[m->col].unit;

	add_name(out, NULL);
	buf_addc(out, '{');
	add_string(out, "budget", m->budget);
	add_string(out, "column", m->col == CMP_NO_COL ? NULL : cmp_cols[m->col].key);
	add_string(out, "contributor", m->contributor);
	add_value(out, "limit", unit, m->limit);
	add_u64(out, "row", m->row);
	add_value(out, "value", unit, m->value);
	buf_addc(out, '}');
}

void cmp_print_json(const struct comparison *c, struct buf *out)
{
	buf_addc(out, '{');
	add_string(out, "cold", c->cold);
	add_name(out, "columns");
	buf_addc(out, '[');
	for (size_t i = 0; i < COL_COUNT; i++) {
		add_name(out, NULL);
		buf_addc(out, '{');
		add_string(out, "key", cmp_cols[i].key);
		add_string(out, "title", cmp_cols[i].title);
		add_string(out, "unit", unit_name(cmp_cols[i].unit));
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
	add_string(out, "function", c->function);
	add_string(out, "machine", c->machine);
	add_name(out, "missed");
	buf_addc(out, '[');
	for (size_t i = 0; i < c->nmissed; i++)
		add_missed(out, &c->missed[i]);
	buf_addc(out, ']');
	add_string(out, "project", c->project);
	add_name(out, "rows");
	buf_addc(out, '[');
	for (size_t i = 0; i < c->nrows; i++)
		add_row(out, c, i);
	buf_addc(out, ']');
	add_u64(out, "runs", c->runs);
	add_name(out, "tables");
	buf_addc(out, '[');
	for (size_t i = 0; i < c->ntables; i++)
		add_table(out, &c->tables[i]);
	buf_addc(out, ']');
	add_string(out, "version", c->version);
	add_name(out, "warnings");
	buf_addc(out, '[');
	for (size_t i = 0; i < c->warnings.len; i++)
		add_string(out, NULL, c->warnings.ptr[i]);
	buf_addz(out, "]}\n");
}
