/* SPDX-License-Identifier: Apache-2.0 */
#include "report/stats.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double stats_percentile(const double *sorted, size_t n, double p)
{
	/* a percentage times a count, so that 99 % of 200 is 198 and not a hair more */
	const double rank = p * (double)n / 100;
	size_t i = (size_t)rank;

	i += (double)i < rank;
	return sorted[i == 0 ? 0 : i > n ? n - 1 : i - 1];
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016. */
static uint64_t draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

/*
 * The median of a resample of sorted @v: which of them are drawn how often is counted, and the middle is found in one
 * pass, without sorting.
 */
static double resampled_median(const double *v, size_t n, unsigned *times, uint64_t *state)
{
	const size_t middle = (n + 1) / 2;
	size_t seen = 0, i = 0;

	memset(times, 0, n * sizeof(*times));
	for (size_t k = 0; k < n; k++)
		times[(size_t)(((draw(state) >> 32) * n) >> 32)]++;
	while ((seen += times[i]) < middle)
		i++;
	return v[i];
}

static double *sorted_copy(const double *v, size_t n)
{
	double *s = xcalloc(n + 1, sizeof(*s));

	if (n)
		memcpy(s, v, n * sizeof(*s));
	qsort(s, n, sizeof(*s), ascending);
	return s;
}

static void interval(double *medians, double *low, double *high)
{
	const double tail = (1 - STATS_CONFIDENCE) / 2 * 100;

	qsort(medians, STATS_RESAMPLES, sizeof(*medians), ascending);
	*low = stats_percentile(medians, STATS_RESAMPLES, tail);
	*high = stats_percentile(medians, STATS_RESAMPLES, 100 - tail);
}

void stats_of(const double *v, size_t n, struct stats *out)
{
	CLEAN_FREE double *s = sorted_copy(v, n), *medians = xcalloc(STATS_RESAMPLES, sizeof(*medians));
	CLEAN_FREE unsigned *times = xcalloc(n + 1, sizeof(*times));
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

	*out = (struct stats){ .n = n };
	if (!n)
		return;
	for (size_t i = 0; i < n; i++)
		out->mean += s[i] / (double)n;
	out->min = s[0];
	out->max = s[n - 1];
	out->p50 = stats_percentile(s, n, 50);
	out->p90 = stats_percentile(s, n, 90);
	out->p99 = stats_percentile(s, n, 99);
	for (size_t i = 0; i < STATS_RESAMPLES; i++)
		medians[i] = resampled_median(s, n, times, &state);
	interval(medians, &out->low, &out->high);
}

bool stats_differ(const double *a, size_t na, const double *b, size_t nb, double *low, double *high)
{
	CLEAN_FREE double *x = sorted_copy(a, na), *y = sorted_copy(b, nb);
	CLEAN_FREE double *ratios = xcalloc(STATS_RESAMPLES, sizeof(*ratios));
	CLEAN_FREE unsigned *times = xcalloc((na > nb ? na : nb) + 1, sizeof(*times));
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
	double from = 1, to = 1;

	if (na && nb) {
		for (size_t i = 0; i < STATS_RESAMPLES; i++) {
			const double mx = resampled_median(x, na, times, &state);

			ratios[i] = resampled_median(y, nb, times, &state) / (mx > 0 ? mx : 1);
		}
		interval(ratios, &from, &to);
	}
	if (low)
		*low = from;
	if (high)
		*high = to;
	return na && nb && (from > 1 || to < 1);
}

/* ---- ranks ---- */

/* Twice the rank of @v[@i] within @v: equal ones share the middle of their ranks. */
static unsigned rank_of(const double *v, size_t n, size_t i)
{
	unsigned below = 0, same = 0;

	for (size_t k = 0; k < n; k++) {
		below += v[k] < v[i];
		same += v[k] == v[i];
	}
	return 2 * below + same + 1;
}

/* Whether a sum is as far from the expected one as @far, which is of the same @twice the ranks. */
static bool as_far(uint64_t sum, uint64_t expected, uint64_t far)
{
	return (sum > expected ? sum - expected : expected - sum) >= far;
}

/* Each choice of @na of @n in turn, by the smallest change: at[] are ascending, the next is the next in order. */
static bool next_choice(size_t *at, size_t na, size_t n)
{
	size_t i = na;

	while (i > 0 && at[i - 1] == n - na + i - 1)
		i--;
	if (i == 0)
		return false;
	at[i - 1]++;
	for (; i < na; i++)
		at[i] = at[i - 1] + 1;
	return true;
}

static uint64_t choices(size_t n, size_t k, uint64_t most)
{
	uint64_t c = 1;

	for (size_t i = 1; i <= k && c <= most; i++)
		c = c * (n - k + i) / i;
	return c;
}

static double all_deals(const unsigned *rank, size_t na, size_t n, uint64_t expected, uint64_t far)
{
	CLEAN_FREE size_t *at = xcalloc(na, sizeof(*at));
	uint64_t count = 0, of = 0;

	for (size_t i = 0; i < na; i++)
		at[i] = i;
	do {
		uint64_t sum = 0;

		for (size_t i = 0; i < na; i++)
			sum += rank[at[i]];
		count += as_far(sum, expected, far);
		of++;
	} while (next_choice(at, na, n));
	return (double)count / (double)of;
}

static double some_deals(unsigned *rank, size_t na, size_t n, uint64_t expected, uint64_t far)
{
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15), count = 1;

	for (unsigned k = 1; k < STATS_DEALS; k++) {
		uint64_t sum = 0;

		for (size_t i = 0; i < na; i++) {
			const size_t j = i + (size_t)(((draw(&state) >> 32) * (n - i)) >> 32);
			const unsigned r = rank[j];

			rank[j] = rank[i];
			rank[i] = r;
			sum += r;
		}
		count += as_far(sum, expected, far);
	}
	return (double)count / STATS_DEALS;
}

double stats_rank_test(const double *a, size_t na, const double *b, size_t nb)
{
	const size_t n = na + nb;
	double v[STATS_RANKS];
	unsigned rank[STATS_RANKS];
	uint64_t sum = 0, expected, far;

	if (!na || !nb || n > STATS_RANKS)
		return 1;
	memcpy(v, a, na * sizeof(*v));
	memcpy(v + na, b, nb * sizeof(*v));
	for (size_t i = 0; i < n; i++)
		rank[i] = rank_of(v, n, i);
	for (size_t i = 0; i < na; i++)
		sum += rank[i];
	/* twice na (n + 1) / 2 */
	expected = na * (n + 1);
	far = sum > expected ? sum - expected : expected - sum;
	if (choices(n, na, STATS_DEALS) <= STATS_DEALS)
		return all_deals(rank, na, n, expected, far);
	return some_deals(rank, na, n, expected, far);
}
