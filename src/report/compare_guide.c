/* SPDX-License-Identifier: Apache-2.0 */
/* The two tables of the guide to fast serverless functions, with its claims (guide.yaml) beside what is measured. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "report/claims.h"
#include "report/compare_run.h"

const char *const compare_guide_strategies[] = { "dynamic-glibc", "static-musl", "single-stage", "static-debian12",
						 NULL };

struct figure {
	const char *strategy, *what, *claim;
	enum cmp_col col;
};

static const struct figure links[] = {
	{ "dynamic-glibc", "start, dynamic", "start", COL_START },
	{ "static-musl", "start, static", "start", COL_START },
};
static const struct figure stages[] = {
	{ "single-stage", "size, single-stage", "size", COL_UNPACKED },
	{ "single-stage", "layers, single-stage", "layers", COL_LAYERS },
	{ "static-debian12", "size, multi-stage distroless", "size", COL_UNPACKED },
	{ "static-debian12", "layers, multi-stage distroless", "layers", COL_LAYERS },
};
static const enum cmp_col link_cols[] = { COL_BINARY, COL_ZIP, COL_BUILD, COL_START, COL_START_P99, COL_RSS };
static const enum cmp_col stage_cols[] = { COL_IMAGE, COL_UNPACKED, COL_LAYERS, COL_FILES, COL_PACKAGE };

/* Of this machine's architecture, if that is there. */
static const struct cmp_row *row_of(const struct comparison *c, const char *strategy)
{
	const struct cmp_row *found = NULL;

	for (size_t i = 0; i < c->nrows; i++)
		if (strcmp(c->rows[i].strategy, strategy) == 0 && (!found || (found->emulated && !c->rows[i].emulated)))
			found = &c->rows[i];
	return found;
}

static void fill(struct comparison *c, const struct claims *claims, struct cmp_table *t, const char *title,
		 const struct figure *figures, size_t n)
{
	size_t *rows = arena_alloc(&c->arena, (c->nrows + 1) * sizeof(*rows));
	struct cmp_claim *out = arena_alloc(&c->arena, n * sizeof(*out));

	for (size_t i = 0; i < c->nrows; i++)
		for (size_t k = 0; k < n; k++)
			if (strcmp(figures[k].strategy, c->rows[i].strategy) == 0) {
				rows[t->nrows++] = i;
				break;
			}
	for (size_t k = 0; k < n; k++) {
		const struct figure *f = &figures[k];
		const struct cmp_row *row = row_of(c, f->strategy);
		const char *claimed = claims_of(claims, CLAIMS_COMPARE, f->strategy, f->claim);
		char text[48];

		if (!claimed)
			continue;
		out[t->nclaims] = (struct cmp_claim){ .what = f->what, .claimed = arena_strdup(&c->arena, claimed) };
		if (row && !isnan(row->value[f->col]))
			out[t->nclaims].measured =
				arena_strdup(&c->arena, cmp_value_text(f->col, row->value[f->col], text, sizeof(text)));
		t->nclaims++;
	}
	t->title = title;
	t->rows = rows;
	t->source = arena_strdup(&c->arena, claims->source);
	t->claims = out;
}

void compare_guide(struct comparison *c, const struct claims *claims)
{
	c->tables = arena_alloc(&c->arena, 2 * sizeof(*c->tables));
	c->ntables = 2;
	c->tables[0] = (struct cmp_table){ .cols = link_cols, .ncols = ARRAY_LEN(link_cols) };
	c->tables[1] = (struct cmp_table){ .cols = stage_cols, .ncols = ARRAY_LEN(stage_cols) };
	fill(c, claims, &c->tables[0], "Static against dynamic", links, ARRAY_LEN(links));
	fill(c, claims, &c->tables[1], "Single-stage against multi-stage distroless", stages, ARRAY_LEN(stages));
}
