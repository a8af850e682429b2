/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/member.h"
#include "report/claims.h"
#include "report/compare_print.h"

/*
 * All that a comparison knows, on one line; members in the order of their names, columns and rows in their own. Rows
 * are referred to by number; "layers_of" and "sources_of" are the row that has the same tree.
 */

/* jansson and others refuse what is nested deeper than some 2,000; a path of directories may be. */
#define DEEPEST 100

static void add_value(struct buf *out, const char *name, enum cmp_unit unit, double v)
{
	member(out, name);
	if (isfinite(v))
		cmp_add_number(out, unit, v);
	else
		buf_addz(out, "null");
}

static void add_row_number(struct buf *out, const char *name, size_t row)
{
	if (row == CMP_NO_ROW)
		member_text(out, name, NULL);
	else
		member_u64(out, name, row);
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
	member_open(out, NULL, '{');
	member_u64(out, "bytes", n->bytes);
	member_open(out, "children", '[');
}

static void close_node(struct buf *out, const struct size_node *n)
{
	buf_addc(out, ']');
	member_text(out, "kind", n->kind);
	member_text(out, "name", n->name);
	buf_addc(out, '}');
}

/* What lies deeper is in its parent's bytes. */
static void add_tree(struct buf *out, const char *name, const struct size_tree *t, size_t before)
{
	const struct size_node *n = t && before == CMP_NO_ROW ? t->root : NULL;
	size_t depth = 0;

	if (!n) {
		member_text(out, name, NULL);
		return;
	}
	member(out, name);
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
		member_text(out, "start", NULL);
		return;
	}
	member_open(out, "start", '{');
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		add_value(out, all[i].name, UNIT_MICROSECONDS, all[i].v);
	buf_addc(out, '}');
}

static void add_row(struct buf *out, const struct comparison *c, size_t row)
{
	const struct cmp_row *r = &c->rows[row];

	member_open(out, NULL, '{');
	member_text(out, "arch", arch_name(r->arch));
	member_text(out, "base", r->base);
	member_open(out, "best", '[');
	for (size_t i = 0; i < COL_COUNT; i++)
		if (cmp_best(c, row, (enum cmp_col)i))
			member_text(out, NULL, cmp_cols[i].key);
	buf_addc(out, ']');
	member_text(out, "compression", r->compression);
	member_bool(out, "emulated", r->emulated);
	member_text(out, "failed", r->failed);
	add_tree(out, "layers", r->layers, cmp_tree_before(c, row, true));
	add_row_number(out, "layers_of", cmp_tree_before(c, row, true));
	member_text(out, "note", r->note);
	member_text(out, "profile", r->profile);
	member_open(out, "ratios", '{');
	for (size_t i = 0; i < COL_COUNT; i++) {
		const double ratio = cmp_ratio(c, row, (enum cmp_col)i);

		if (isfinite(ratio))
			add_value(out, cmp_cols[i].key, UNIT_SECONDS, ratio);
	}
	buf_addc(out, '}');
	add_row_number(out, "reference", r->reference);
	add_row_number(out, "same_binary", r->same_binary);
	member_open(out, "samples", '[');
	for (size_t i = 0; r->samples && i < r->nsamples; i++)
		add_value(out, NULL, UNIT_MICROSECONDS, r->samples[i]);
	buf_addc(out, ']');
	add_tree(out, "sources", r->sources, cmp_tree_before(c, row, false));
	add_row_number(out, "sources_of", cmp_tree_before(c, row, false));
	add_start(out, &r->start);
	member_bool(out, "start_differs", r->start_differs);
	member_text(out, "strategy", r->strategy);
	member_text(out, "summary", r->summary);
	member_text(out, "toolchain", r->toolchain);
	member_open(out, "values", '{');
	for (size_t i = 0; i < COL_COUNT; i++)
		add_value(out, cmp_cols[i].key, cmp_cols[i].unit, r->value[i]);
	buf_addz(out, "}}");
}

static void add_table(struct buf *out, const struct cmp_table *t)
{
	member_open(out, NULL, '{');
	member(out, "claims");
	cmp_claims_json(t->claims, t->nclaims, out);
	member_open(out, "columns", '[');
	for (size_t i = 0; i < t->ncols; i++)
		member_text(out, NULL, cmp_cols[t->cols[i]].key);
	buf_addc(out, ']');
	member_open(out, "rows", '[');
	for (size_t i = 0; i < t->nrows; i++)
		member_u64(out, NULL, t->rows[i]);
	buf_addc(out, ']');
	member_text(out, "title", t->title);
	buf_addc(out, '}');
}

static void add_missed(struct buf *out, const struct cmp_miss *m)
{
	const enum cmp_unit unit = m->col == CMP_NO_COL ? UNIT_SECONDS : cmp_cols[m->col].unit;

	member_open(out, NULL, '{');
	member_text(out, "budget", m->budget);
	member_text(out, "column", m->col == CMP_NO_COL ? NULL : cmp_cols[m->col].key);
	member_text(out, "contributor", m->contributor);
	add_value(out, "limit", unit, m->limit);
	member_u64(out, "row", m->row);
	add_value(out, "value", unit, m->value);
	buf_addc(out, '}');
}

void cmp_print_json(const struct comparison *c, struct buf *out)
{
	buf_addc(out, '{');
	member_text(out, "cold", c->cold);
	member_open(out, "columns", '[');
	for (size_t i = 0; i < COL_COUNT; i++) {
		member_open(out, NULL, '{');
		member_text(out, "key", cmp_cols[i].key);
		member_text(out, "title", cmp_cols[i].title);
		member_text(out, "unit", unit_name(cmp_cols[i].unit));
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
	member_text(out, "function", c->function);
	member_text(out, "machine", c->machine);
	member_open(out, "missed", '[');
	for (size_t i = 0; i < c->nmissed; i++)
		add_missed(out, &c->missed[i]);
	buf_addc(out, ']');
	member_text(out, "project", c->project);
	member_open(out, "rows", '[');
	for (size_t i = 0; i < c->nrows; i++)
		add_row(out, c, i);
	buf_addc(out, ']');
	member_u64(out, "runs", c->runs);
	member_open(out, "tables", '[');
	for (size_t i = 0; i < c->ntables; i++)
		add_table(out, &c->tables[i]);
	buf_addc(out, ']');
	member_text(out, "version", c->version);
	member_strs(out, "warnings", &c->warnings);
	buf_addz(out, "}\n");
}
