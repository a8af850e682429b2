/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hist.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/*
 * Buckets of width 1 up to 2 * HALF, then HALF of them for each power of two: 2 digits of 10 take 7 bits, 3 take 10.
 * The greatest value, HIST_MAX, has 42 bits.
 */
#define HALF_BITS 10u
#define HALF (1u << HALF_BITS)
#define MAX_BITS 42u
#define BUCKETS ((MAX_BITS - HALF_BITS + 1) * HALF)

static size_t bucket_of(uint64_t ns)
{
	const unsigned bits = 64u - (unsigned)__builtin_clzll(ns | 1);
	const unsigned shift = bits > HALF_BITS + 1 ? bits - HALF_BITS - 1 : 0;

	return shift * HALF + (size_t)(ns >> shift);
}

static uint64_t bucket_from(size_t i)
{
	const size_t shift = i < 2 * HALF ? 0 : i / HALF - 1;

	return (uint64_t)(i - shift * HALF) << shift;
}

static uint64_t bucket_to(size_t i)
{
	return bucket_from(i + 1) - 1;
}

void hist_init(struct hist *h)
{
	*h = (struct hist){ .count = xcalloc(BUCKETS, sizeof(*h->count)) };
}

void hist_release(struct hist *h)
{
	free(h->count);
	*h = (struct hist){ 0 };
}

void hist_reset(struct hist *h)
{
	uint64_t *count = h->count;

	memset(count, 0, BUCKETS * sizeof(*count));
	*h = (struct hist){ .count = count };
}

/* What all ways of recording share: @n values from @least to @most, whose sum is @sum. */
static void total(struct hist *h, uint64_t least, uint64_t most, uint64_t n, double sum)
{
	h->min = h->n && h->min < least ? h->min : least;
	h->max = h->max > most ? h->max : most;
	h->n += n;
	h->sum += sum;
}

void hist_record(struct hist *h, uint64_t ns)
{
	if (ns > HIST_MAX) {
		ns = HIST_MAX;
		h->over++;
	}
	h->count[bucket_of(ns)]++;
	total(h, ns, ns, 1, (double)ns);
}

/* How many of ns, ns - step, ..., n of them, are at least @from. */
static uint64_t at_least(uint64_t ns, uint64_t step, uint64_t n, uint64_t from)
{
	uint64_t k;

	if (ns < from)
		return 0;
	k = (ns - from) / step + 1;
	return k < n ? k : n;
}

/* @times such series. */
static void add_series(struct hist *h, uint64_t ns, uint64_t step, uint64_t n, uint64_t times)
{
	uint64_t last;
	size_t low, high;

	if (!n || !times)
		return;
	if (!step || ns > HIST_MAX) {
		uint64_t over = !step ? (ns > HIST_MAX ? n : 0) : at_least(ns, step, n, HIST_MAX + 1);
		uint64_t same = step ? over : n, value = ns < HIST_MAX ? ns : HIST_MAX;

		h->over += over * times;
		h->count[bucket_of(value)] += same * times;
		total(h, value, value, same * times, (double)value * (double)(same * times));
		if (same == n)
			return;
		ns -= same * step;
		n -= same;
	}
	last = ns - step * (n - 1);
	low = bucket_of(last);
	high = bucket_of(ns);
	if (n <= high - low) {
		for (uint64_t i = 0; i < n; i++)
			h->count[bucket_of(ns - i * step)] += times;
	} else {
		uint64_t above = 0;

		for (size_t b = high + 1; b-- > low;) {
			const uint64_t so_far = at_least(ns, step, n, bucket_from(b));

			h->count[b] += (so_far - above) * times;
			above = so_far;
		}
	}
	total(h, last, ns, n * times, ((double)ns + (double)last) / 2 * (double)n * (double)times);
}

void hist_record_series(struct hist *h, uint64_t ns, uint64_t step, uint64_t n)
{
	add_series(h, ns, step, n, 1);
}

static uint64_t missing(uint64_t ns, uint64_t expected)
{
	return expected && ns >= expected ? ns / expected - 1 : 0;
}

void hist_record_corrected(struct hist *h, uint64_t ns, uint64_t expected)
{
	hist_record(h, ns);
	if (missing(ns, expected))
		add_series(h, ns - expected, expected, missing(ns, expected), 1);
}

void hist_add(struct hist *h, const struct hist *from)
{
	if (!from->n)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		h->count[i] += from->count[i];
	h->over += from->over;
	total(h, from->min, from->max, from->n, from->sum);
}

void hist_add_corrected(struct hist *h, const struct hist *from, uint64_t expected)
{
	struct hist_bucket b = { 0 };

	hist_add(h, from);
	while (hist_next(from, &b)) {
		/* the middle of the bucket; the greatest is known */
		uint64_t ns = b.from + (b.to - b.from) / 2;

		ns = ns > from->max ? from->max : ns;
		if (missing(ns, expected))
			add_series(h, ns - expected, expected, missing(ns, expected), b.n);
	}
}

static uint64_t rank_of(uint64_t n, double p)
{
	/* a percentage times a count, so that 99 % of 200 is 198 and not a hair more */
	const double rank = p * (double)n / 100;
	uint64_t i = rank <= 0 ? 0 : (uint64_t)rank;

	i += (double)i < rank;
	return i < 1 ? 1 : i > n ? n : i;
}

uint64_t hist_percentile(const struct hist *h, double p)
{
	struct hist_bucket b = { 0 };
	uint64_t seen = 0, rank = rank_of(h->n, p);

	while (hist_next(h, &b)) {
		seen += b.n;
		if (seen >= rank)
			return b.to < h->max ? b.to : h->max;
	}
	return h->max;
}

double hist_mean(const struct hist *h)
{
	return h->n ? h->sum / (double)h->n : 0;
}

uint64_t hist_at_most(const struct hist *h, uint64_t ns)
{
	uint64_t n = 0;
	const size_t end = bucket_of(ns < HIST_MAX ? ns : HIST_MAX);

	for (size_t i = 0; i <= end; i++)
		n += h->count[i];
	return n;
}

bool hist_next(const struct hist *h, struct hist_bucket *b)
{
	while (h->n && b->next < BUCKETS) {
		const size_t i = b->next++;

		if (!h->count[i])
			continue;
		b->from = bucket_from(i);
		b->to = bucket_to(i);
		b->n = h->count[i];
		return true;
	}
	return false;
}
