/* SPDX-License-Identifier: Apache-2.0 */
#include "report/budget.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/json_text.h"
#include "os/fs.h"

#define BASELINE_MAX (1u << 20)
#define VERSION 1

struct baseline {
	json_t *root;
};

void baseline_free(struct baseline **b)
{
	if (!*b)
		return;
	json_decref((*b)->root);
	free(*b);
	*b = NULL;
}

int baseline_load(struct baseline **out, const char *path, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	json_t *root;

	if (fs_read(path, BASELINE_MAX, &text, err) < 0) {
		if (err->code == ERR_NOTFOUND || err->sys == 2)
			err_hint(err, "slsc compare --check --baseline %s --update-baseline makes it", path);
		return -1;
	}
	root = json_text_parse(buf_str(&text), path, "", err);
	if (!root)
		return -1;
	if (json_integer_value(json_object_get(root, "version")) != VERSION ||
	    !json_is_object(json_object_get(root, "functions"))) {
		json_decref(root);
		err_set(err, ERR_FORMAT, "%s: not a baseline of this version of slsc", path);
		return err_hint(err, "remove it, and make it anew by --update-baseline");
	}
	*out = xcalloc(1, sizeof(**out));
	(*out)->root = root;
	return 0;
}

/* What a baseline holds, and may not grow. */
static const enum cmp_col kept[] = { COL_BINARY, COL_ZIP, COL_IMAGE, COL_LAYERS, COL_START, COL_RSS };

void baseline_update(const struct baseline *old, const struct comparison *c, struct buf *out)
{
	json_t *root = old ? json_deep_copy(old->root)
			   : json_pack("{s:i, s:{}}", "version", VERSION, "functions");
	json_t *arches = json_object();
	char *text;

	for (size_t i = 0; i < c->nrows; i++) {
		const struct cmp_row *row = &c->rows[i];
		json_t *values;

		if (strcmp(row->strategy, STRATEGY_PROJECT) != 0)
			continue;
		values = json_object();
		for (size_t k = 0; k < ARRAY_LEN(kept); k++) {
			const double v = row->value[kept[k]];

			if (isnan(v))
				continue;
			json_object_set_new(values, cmp_cols[kept[k]].key,
					    kept[k] == COL_START ? json_real(v) : json_integer((json_int_t)v));
		}
		json_object_set_new(arches, arch_name(row->arch), values);
	}
	json_object_set_new(json_object_get(root, "functions"), c->function, arches);
	text = json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_REAL_PRECISION(6));
	buf_addz(out, text);
	buf_addc(out, '\n');
	free(text);
	json_decref(root);
}

/* ---- checks ---- */

struct checking {
	struct comparison *c;
	VEC(struct cmp_miss) missed;
};

/* What takes most of it: people want to know where to look first. */
static const char *contributor(struct comparison *c, const struct cmp_row *row, enum cmp_col col)
{
	const struct size_tree *t = col == COL_BINARY || col == COL_ZIP ? row->sources : row->layers;
	const struct size_node *n = t && t->root ? t->root->child : NULL;
	char human[32];

	if (col != COL_BINARY && col != COL_ZIP && col != COL_IMAGE && col != COL_LAYERS && col != COL_UNPACKED)
		return NULL;
	if (!n)
		return NULL;
	/* down to where most of it is in one place */
	while (n->child && n->child->bytes * 2 > n->bytes)
		n = n->child;
	return arena_printf(&c->arena, "%s %s, %s", n->kind, n->name, str_human_size(n->bytes, human, sizeof(human)));
}

static void miss(struct checking *k, size_t row, enum cmp_col col, const char *budget, double limit, double value)
{
	VEC_PUSH(&k->missed,
		 ((struct cmp_miss){ .budget = arena_strdup(&k->c->arena, budget), .row = row, .col = col,
				     .limit = limit, .value = value,
				     .contributor = contributor(k->c, &k->c->rows[row], col) }));
}

static void check_limits(struct checking *k, size_t row, const struct budget *b)
{
	const struct {
		const char *name;
		enum cmp_col col;
		double limit;
	} all[] = {
		{ "binary", COL_BINARY, (double)b->binary }, { "zip", COL_ZIP, (double)b->zip },
		{ "image", COL_IMAGE, (double)b->image },    { "layers", COL_LAYERS, (double)b->layers },
		{ "start", COL_START, (double)b->start_us }, { "memory", COL_RSS, (double)b->memory },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		const double v = k->c->rows[row].value[all[i].col];
		/* what an emulator takes says nothing of the machine that the budget is for */
		const bool told = !k->c->rows[row].emulated || (all[i].col != COL_START && all[i].col != COL_RSS);

		if (all[i].limit > 0 && told && (isnan(v) || v > all[i].limit))
			miss(k, row, all[i].col, all[i].name, all[i].limit, v);
	}
}

/* The other way round: it is more that is better. */
static void check_efficiency(struct checking *k, size_t row, const struct budget *b)
{
	const double limit = (double)b->efficiency_permille / 1000;

	if (b->efficiency_permille && k->c->rows[row].efficiency < limit)
		miss(k, row, CMP_NO_COL, "efficiency", limit, k->c->rows[row].efficiency);
}

static void check_growth(struct checking *k, size_t i, const struct budget *b, const struct baseline *base)
{
	const struct cmp_row *row = &k->c->rows[i];
	const json_t *was = json_object_get(json_object_get(json_object_get(base->root, "functions"), k->c->function),
					    arch_name(row->arch));

	for (size_t n = 0; n < ARRAY_LEN(kept); n++) {
		const enum cmp_col col = kept[n];
		const json_t *old = json_object_get(was, cmp_cols[col].key);
		const double limit = json_number_value(old) * (1 + (double)b->growth_permille / 1000);
		const double value = col == COL_START ? row->start.low : row->value[col];
		CLEAN_FREE char *name = xasprintf("growth of %s", cmp_cols[col].title);

		if (json_is_number(old) && !(row->emulated && col == COL_START) && value > limit)
			miss(k, i, col, name, limit, row->value[col]);
	}
}

size_t budget_check(struct comparison *c, const struct project *p, const struct baseline *base)
{
	struct checking k = { .c = c };
	const struct budget *b = NULL;

	for (size_t i = 0; i < p->nbudgets; i++)
		if (strcmp(p->budgets[i]->function, c->function) == 0)
			b = p->budgets[i];
	for (size_t i = 0; b && i < c->nrows; i++) {
		if (strcmp(c->rows[i].strategy, STRATEGY_PROJECT) != 0)
			continue;
		check_limits(&k, i, b);
		check_efficiency(&k, i, b);
		if (base && b->growth_permille)
			check_growth(&k, i, b, base);
	}
	c->missed = arena_copy(&c->arena, k.missed.ptr, k.missed.len * sizeof(*c->missed));
	c->nmissed = k.missed.len;
	VEC_FREE(&k.missed);
	return c->nmissed;
}
