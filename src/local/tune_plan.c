/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "local/tune.h"
#include "scale/maths.h"

void tune_release(struct tune *t)
{
	for (size_t i = 0; i < t->nrows; i++)
		VEC_FREE(&t->row[i].samples);
	strs_release(&t->notes);
	arena_release(&t->arena);
	*t = (struct tune){ .chosen = TUNE_NONE };
}

struct tune_axis *tune_add(struct tune *t, enum tune_kind kind, const char *name, size_t n)
{
	struct tune_axis *a;

	if (t->naxes == TUNE_AXES_MAX)
		return NULL;
	a = &t->axis[t->naxes++];
	*a = (struct tune_axis){ .kind = kind, .name = name };
	a->value = arena_alloc(&t->arena, n * sizeof(*a->value));
	return a;
}

size_t tune_rows(struct tune *t)
{
	size_t n = 1;

	for (size_t i = 0; i < t->naxes; i++) {
		n *= t->axis[i].n;
		if (n > TUNE_SETTINGS_MAX)
			return 0;
	}
	t->row = arena_alloc(&t->arena, n * sizeof(*t->row));
	t->nrows = n;
	t->chosen = TUNE_NONE;
	return n;
}

const struct tune_value *tune_value_of(const struct tune *t, size_t row, size_t axis)
{
	for (size_t i = t->naxes; i-- > axis + 1;)
		row /= t->axis[i].n;
	return &t->axis[axis].value[row % t->axis[axis].n];
}

void tune_row_text(const struct tune *t, size_t row, struct buf *out)
{
	for (size_t i = 0; i < t->naxes; i++)
		buf_addf(out, "%s%s %s", i ? ", " : "", t->axis[i].name, tune_value_of(t, row, i)->text);
}

/* ---- when ---- */

static bool goes_on(const struct tune_row *r)
{
	return !r->failed && !r->dropped;
}

size_t tune_round(const struct tune *t, size_t repeat, size_t *order)
{
	struct rng rng;
	size_t n = 0;

	for (size_t i = 0; i < t->nrows; i++)
		if (goes_on(&t->row[i]))
			order[n++] = i;
	rng_seed(&rng, t->seed, repeat);
	/* Fisher and Yates; n is small, so that the remainder favours none */
	for (size_t i = n; i > 1; i--) {
		const size_t k = (size_t)(rng_next(&rng) % i), was = order[i - 1];

		order[i - 1] = order[k];
		order[k] = was;
	}
	return n;
}

static size_t kept_of(size_t n)
{
	const size_t half = (n + 1) / 2;

	return n <= TUNE_FINAL ? n : half < TUNE_FINAL ? TUNE_FINAL : half;
}

struct ranked {
	size_t row;
	double score;
};

static int by_score(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->score < y->score || x->score > y->score)
		return x->score < y->score ? -1 : 1;
	return (x->row > y->row) - (x->row < y->row);
}

size_t tune_halve(struct tune *t, size_t repeats)
{
	CLEAN_FREE struct ranked *all = xcalloc(t->nrows + 1, sizeof(*all));
	size_t n = 0, keep;

	if (!t->halving)
		return 0;
	for (size_t i = 0; i < t->nrows; i++) {
		struct tune_figures f;

		if (!goes_on(&t->row[i]))
			continue;
		tune_figures(&t->row[i], &f);
		/* a product has no unit: twice as fast is worth twice the price */
		all[n++] = (struct ranked){ i, t->strategy == TUNE_COST	   ? f.cost
					       : t->strategy == TUNE_SPEED ? f.p99
									   : f.p99 * f.cost };
	}
	qsort(all, n, sizeof(*all), by_score);
	keep = kept_of(n);
	for (size_t i = keep; i < n; i++)
		t->row[all[i].row].dropped = repeats;
	return n - keep;
}

size_t tune_measurements(const struct tune *t)
{
	size_t n = t->nrows, all = 0;

	for (size_t i = 0; i < t->repeats; i++) {
		all += n;
		if (t->halving)
			n = kept_of(n);
	}
	return all;
}
