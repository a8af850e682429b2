/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_STATS_H
#define SLSC_REPORT_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What may be said of measured times. Percentiles are of the samples themselves (nearest rank), nothing is smoothed. */

#define STATS_RESAMPLES 2000u
#define STATS_CONFIDENCE 0.95

struct stats {
	size_t n;		/* 0: nothing was measured, and all below is 0 */
	double min, p50, p90, p99, max, mean;
	/* of the median: bootstrap's percentile interval, 95 % (Efron and Tibshirani, 1993, ch. 13) */
	double low, high;
};

/** stats_of - @v: in any order, borrowed. The same samples give the same interval: the resampling is seeded. */
void stats_of(const double *v, size_t n, struct stats *out);

/**
 * stats_differ - whether the medians of @a and @b differ: the 95 % bootstrap interval of their ratio leaves out 1. Of
 * an empty set: false. *@low, *@high: of the ratio b/a; may be NULL.
 */
bool stats_differ(const double *a, size_t na, const double *b, size_t nb, double *low, double *high);

/**
 * stats_rank_test - how likely ranks as far apart as those of @a and @b are, or farther, if both are of one
 * distribution: Wilcoxon's rank sum, two-sided, all ways to deal out the ranks counted, or STATS_DEALS of them drawn
 * where there are more (Hollander, Wolfe, Chicken, 2014, 4.1). 1 for an empty set; never below 2 / C(na + nb, na): with
 * three of each, 0.1. na + nb at most STATS_RANKS.
 */
double stats_rank_test(const double *a, size_t na, const double *b, size_t nb);
#define STATS_RANKS 256u
#define STATS_DEALS 20000u

/** stats_percentile - nearest rank, @p in 0..100, of @sorted; n > 0. */
double stats_percentile(const double *sorted, size_t n, double p);

#endif
