/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "local/tune.h"
#include "report/stats.h"

#define MS 1000000u
#define GB (1024.0 * 1024 * 1024)

const char *const tune_strategy_name[] = {
	[TUNE_COST] = "cost", [TUNE_SPEED] = "speed", [TUNE_BALANCED] = "balanced", NULL
};

/* ---- money ---- */

double tune_billed(const struct hist *duration)
{
	struct hist_bucket b = { 0 };
	double sum = 0;

	while (hist_next(duration, &b)) {
		/* the middle: what is whole milliseconds is not to be charged for one more by its bucket's end */
		const uint64_t ns = b.from + (b.to - b.from) / 2;

		sum += (double)((ns + MS - 1) / MS) * (double)b.n;
	}
	return duration->n ? sum * MS / (double)duration->n : 0;
}

double tune_cost(const struct price *p, double billed, uint64_t memory)
{
	return price_demand(p, 1e6, 1e6 * (billed / 1e9) * ((double)memory / GB));
}

/* ---- figures ---- */

typedef double measure(const struct tune_sample *s);

static double p50_of(const struct tune_sample *s)
{
	return s->p50;
}

static double p99_of(const struct tune_sample *s)
{
	return s->p99;
}

static double cpu_of(const struct tune_sample *s)
{
	return s->cpu;
}

static double cold_of(const struct tune_sample *s)
{
	return s->cold;
}

static double cost_of(const struct tune_sample *s)
{
	return s->cost;
}

static double both_of(const struct tune_sample *s)
{
	return s->p99 * s->cost;
}

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* @v: room for all; sorted. Returns how many. */
static size_t values(const struct tune_row *r, measure *m, double *v)
{
	for (size_t i = 0; i < r->samples.len; i++)
		v[i] = m(&r->samples.ptr[i]);
	qsort(v, r->samples.len, sizeof(*v), ascending);
	return r->samples.len;
}

/* The mean of the two in the middle: of four repeats neither of them is more likely than the other. */
static double median(const struct tune_row *r, measure *m)
{
	double v[TUNE_REPEATS_MAX];
	const size_t n = values(r, m, v);

	return n ? (v[(n - 1) / 2] + v[n / 2]) / 2 : 0;
}

static bool differ(const struct tune_row *a, const struct tune_row *b, measure *m)
{
	double x[TUNE_REPEATS_MAX], y[TUNE_REPEATS_MAX];

	return stats_rank_test(x, values(a, m, x), y, values(b, m, y)) < TUNE_P;
}

void tune_figures(const struct tune_row *r, struct tune_figures *out)
{
	uint64_t calls = 0, failed = 0;

	*out = (struct tune_figures){ .p50 = median(r, p50_of),
				      .p99 = median(r, p99_of),
				      .cpu = median(r, cpu_of),
				      .cold = median(r, cold_of),
				      .cost = median(r, cost_of) };
	for (size_t i = 0; i < r->samples.len; i++) {
		const struct tune_sample *s = &r->samples.ptr[i];

		out->p99_low = !i || s->p99 < out->p99_low ? s->p99 : out->p99_low;
		out->p99_high = s->p99 > out->p99_high ? s->p99 : out->p99_high;
		out->pause = s->pause > out->pause ? s->pause : out->pause;
		out->pause_mean += s->pause / (double)r->samples.len;
		out->memory = s->memory > out->memory ? s->memory : out->memory;
		calls += s->calls;
		failed += s->failed;
	}
	out->failed = calls ? (double)failed / (double)calls : 0;
}

double tune_spread(const struct tune_figures *f)
{
	return f->p99 > 0 ? (f->p99_high - f->p99_low) / f->p99 : 0;
}

/* ---- conclusions ---- */

static void mark_front(struct tune *t)
{
	for (size_t i = 0; i < t->nrows; i++) {
		const struct tune_figures *a = &t->row[i].is;

		t->row[i].front = t->row[i].fit;
		for (size_t k = 0; k < t->nrows && t->row[i].front; k++) {
			const struct tune_figures *b = &t->row[k].is;

			if (t->row[k].fit && b->p99 <= a->p99 && b->cost <= a->cost &&
			    (b->p99 < a->p99 || b->cost < a->cost))
				t->row[i].front = false;
		}
	}
}

struct by_p99 {
	size_t row;
	double p99;
};

static int compare_p99(const void *a, const void *b)
{
	const struct by_p99 *x = a, *y = b;

	if (x->p99 < y->p99 || x->p99 > y->p99)
		return x->p99 < y->p99 ? -1 : 1;
	return (x->row > y->row) - (x->row < y->row);
}

/* More than 26 runs, or seven for one row, have no letters: two that share none may then be alike. */
static void add_letter(struct tune_row *r, size_t n)
{
	const size_t len = strlen(r->group);

	if (len + 1 < sizeof(r->group) && n < 26) {
		r->group[len] = (char)('a' + n);
		r->group[len + 1] = '\0';
	}
}

/*
 * Runs of rows, in the order of p99, of which no two differ; those that are within another one are left out. Two that
 * share a letter do not differ; of two that share none, some between them do.
 */
static void group(struct tune *t)
{
	CLEAN_FREE struct by_p99 *all = xcalloc(t->nrows + 1, sizeof(*all));
	size_t n = 0, letter = 0, covered = 0;

	for (size_t i = 0; i < t->nrows; i++) {
		t->row[i].group[0] = '\0';
		if (t->row[i].fit && t->row[i].samples.len >= TUNE_TELLING)
			all[n++] = (struct by_p99){ i, t->row[i].is.p99 };
	}
	qsort(all, n, sizeof(*all), compare_p99);
	for (size_t i = 0; i < n; i++) {
		/* up to there no two differ, since they are in the last run */
		size_t end = covered > i ? covered : i + 1;

		for (bool same = true; end < n; end += same) {
			for (size_t k = i; k < end && same; k++)
				same = !differ(&t->row[all[k].row], &t->row[all[end].row], p99_of);
			if (!same)
				break;
		}
		if (i && end <= covered)
			continue;
		for (size_t k = i; k < end; k++)
			add_letter(&t->row[all[k].row], letter);
		letter++;
		covered = end;
	}
}

/* The best in @first; of those that do not differ from it in that, the best in @then. */
static size_t choose(const struct tune *t, measure *first, measure *then)
{
	size_t best = TUNE_NONE, chosen;

	for (size_t i = 0; i < t->nrows; i++)
		if (t->row[i].fit && (best == TUNE_NONE || median(&t->row[i], first) < median(&t->row[best], first)))
			best = i;
	chosen = best;
	/* where nothing can be told apart, all would be as good as the best */
	if (best == TUNE_NONE || t->row[best].samples.len < TUNE_TELLING)
		return best;
	for (size_t i = 0; i < t->nrows; i++)
		if (t->row[i].fit && !differ(&t->row[best], &t->row[i], first) &&
		    median(&t->row[i], then) < median(&t->row[chosen], then))
			chosen = i;
	return chosen;
}

void tune_judge(struct tune *t)
{
	for (size_t i = 0; i < t->nrows; i++) {
		struct tune_row *r = &t->row[i];

		tune_figures(r, &r->is);
		r->fit = !r->failed && !r->dropped && r->samples.len && r->is.failed <= TUNE_FAILED_MAX;
		r->chosen = r->equal = false;
	}
	mark_front(t);
	group(t);
	t->chosen = t->strategy == TUNE_COST	? choose(t, cost_of, p99_of)
		    : t->strategy == TUNE_SPEED ? choose(t, p99_of, cost_of)
						: choose(t, both_of, cost_of);
	for (size_t i = 0; i < t->nrows && t->chosen != TUNE_NONE; i++) {
		struct tune_row *r = &t->row[i];

		r->chosen = i == t->chosen;
		/* of too few repeats not to differ says nothing */
		r->equal = r->fit && !r->chosen && r->samples.len >= TUNE_TELLING &&
			   !differ(&t->row[t->chosen], r, p99_of) && !differ(&t->row[t->chosen], r, cost_of);
	}
}
