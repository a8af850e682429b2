/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/hist.h"

#define US 1000ull
#define MS 1000000ull
#define S 1000000000ull

static uint64_t state = 1;

static uint64_t draw(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

/* Each value from 1 ns to 1 h lies in its bucket, which is no wider than 1/1024 of it; buckets leave no gap. */
static void test_buckets(void **unused)
{
	CLEAN_HIST struct hist h;
	uint64_t values[64], n = 0;

	(void)unused;
	hist_init(&h);
	for (uint64_t v = 1; v <= HIST_MAX; v = v * 3 + draw() % 7)
		values[n++] = v;
	values[n++] = HIST_MAX;
	for (size_t i = 0; i < n; i++) {
		struct hist_bucket b = { 0 };

		hist_reset(&h);
		hist_record(&h, values[i]);
		assert_true(hist_next(&h, &b));
		assert_int_equal(b.n, 1);
		assert_in_range(values[i], b.from, b.to);
		assert_true((b.to - b.from) * 1000 <= b.from);
		assert_false(hist_next(&h, &b));
		assert_int_equal(h.min, values[i]);
		assert_int_equal(h.max, values[i]);
		/* the bucket before ends where this one begins */
		hist_record(&h, b.from - 1);
		b = (struct hist_bucket){ 0 };
		assert_true(hist_next(&h, &b));
		if (values[i] > 1)
			assert_int_equal(b.to, values[i] < 2048 ? values[i] - 1 : b.to);
		assert_in_range(values[i] - 1, b.from, values[i]);
	}
}

static int ascending(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Percentiles against the sorted samples themselves: not below, and at most a thousandth above. */
static void test_percentiles(void **unused)
{
	static const double p[] = { 0, 1, 25, 50, 75, 90, 99, 99.9, 99.99, 100 };
	enum { N = 100000 };
	CLEAN_FREE uint64_t *v = xcalloc(N, sizeof(*v));
	CLEAN_HIST struct hist h;
	double sum = 0;

	(void)unused;
	hist_init(&h);
	assert_int_equal(hist_percentile(&h, 50), 0);
	for (size_t i = 0; i < N; i++) {
		/* from 1 µs to 17 s, most of them short */
		v[i] = US + (draw() >> (30 + draw() % 30));
		sum += (double)v[i];
		hist_record(&h, v[i]);
	}
	qsort(v, N, sizeof(*v), ascending);
	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		size_t rank = (size_t)(p[i] * N / 100 + 0.999999);
		uint64_t exact = v[rank ? rank - 1 : 0], got = hist_percentile(&h, p[i]);

		assert_true(got >= exact);
		assert_true((got - exact) * 1000 <= exact);
	}
	assert_int_equal(h.n, N);
	assert_int_equal(hist_percentile(&h, 100), v[N - 1]);
	assert_int_equal(h.min, v[0]);
	assert_true(hist_mean(&h) > sum / N * 0.999999 && hist_mean(&h) < sum / N * 1.000001);
	assert_int_equal(hist_at_most(&h, v[N - 1]), N);
	assert_int_equal(hist_at_most(&h, 500), 0);
}

static void test_beyond(void **unused)
{
	CLEAN_HIST struct hist h;

	(void)unused;
	hist_init(&h);
	hist_record(&h, 0);
	hist_record(&h, HIST_MAX);
	hist_record(&h, HIST_MAX + 1);
	hist_record(&h, UINT64_MAX);
	assert_int_equal(h.n, 4);
	assert_int_equal(h.over, 2);
	assert_int_equal(h.min, 0);
	assert_int_equal(h.max, HIST_MAX);
	assert_int_equal(hist_percentile(&h, 25), 0);
	assert_int_equal(hist_percentile(&h, 50), HIST_MAX);
	hist_reset(&h);
	assert_int_equal(h.n, 0);
	assert_int_equal(hist_percentile(&h, 100), 0);
}

static void same(const struct hist *a, const struct hist *b)
{
	struct hist_bucket x = { 0 }, y = { 0 };

	assert_int_equal(a->n, b->n);
	assert_int_equal(a->min, b->min);
	assert_int_equal(a->max, b->max);
	assert_int_equal(a->over, b->over);
	assert_true(a->sum <= b->sum * 1.0000001 && a->sum >= b->sum * 0.9999999);
	while (hist_next(a, &x)) {
		assert_true(hist_next(b, &y));
		assert_int_equal(x.from, y.from);
		assert_int_equal(x.n, y.n);
	}
	assert_false(hist_next(b, &y));
}

/* Two halves put together are the whole. */
static void test_merge(void **unused)
{
	CLEAN_HIST struct hist all, one, two;

	(void)unused;
	hist_init(&all);
	hist_init(&one);
	hist_init(&two);
	for (int i = 0; i < 10000; i++) {
		uint64_t v = draw() >> (20 + draw() % 40);

		hist_record(&all, v);
		hist_record(i % 3 ? &one : &two, v);
	}
	hist_add(&one, &two);
	same(&one, &all);
	hist_reset(&two);
	hist_add(&one, &two);
	same(&one, &all);
	/* into an empty one */
	hist_add(&two, &all);
	same(&two, &all);
}

/* A series is what its values are one by one, whether there are more of them than buckets or fewer. */
static void test_series(void **unused)
{
	static const struct {
		uint64_t ns, step, n;
	} cases[] = { { 5 * S, 7 * US, 700000 }, { 5 * S, 700 * MS, 8 },	{ 900, 1, 901 },
		      { 100 * MS, 0, 5 },	 { HIST_MAX + 10 * S, 4 * S, 5 }, { 10 * MS, 10 * MS, 1 },
		      { HIST_MAX * 2, 0, 3 },	 { 3, 2, 0 } };

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_HIST struct hist series, single;

		hist_init(&series);
		hist_init(&single);
		hist_record_series(&series, cases[i].ns, cases[i].step, cases[i].n);
		for (uint64_t k = 0; k < cases[i].n; k++)
			hist_record(&single, cases[i].ns - k * cases[i].step);
		same(&series, &single);
	}
}

/*
 * The classic: 100 s in which each call takes 1 ms, then one that takes 100 s. A caller that asks each 10 ms would have
 * seen half of its calls wait.
 */
static void test_correction(void **unused)
{
	CLEAN_HIST struct hist naive, corrected, after;

	(void)unused;
	hist_init(&naive);
	hist_init(&corrected);
	hist_init(&after);
	for (int i = 0; i < 10000; i++) {
		hist_record(&naive, 1 * MS);
		hist_record_corrected(&corrected, 1 * MS, 10 * MS);
	}
	hist_record(&naive, 100 * S);
	hist_record_corrected(&corrected, 100 * S, 10 * MS);
	assert_int_equal(naive.n, 10001);
	assert_in_range(hist_percentile(&naive, 99.9), 1 * MS, 1001 * US);
	assert_int_equal(corrected.n, 20000);
	/* half are 1 ms, the others spread evenly to 100 s */
	assert_in_range(hist_percentile(&corrected, 50), 1 * MS, 1001 * US);
	assert_in_range(hist_percentile(&corrected, 75), 49900 * MS, 50100 * MS);
	assert_in_range(hist_percentile(&corrected, 99), 97900 * MS, 98200 * MS);
	assert_int_equal(hist_percentile(&corrected, 100), 100 * S);
	hist_add_corrected(&after, &naive, 10 * MS);
	assert_in_range(after.n, 19995, 20005);
	assert_in_range(hist_percentile(&after, 75), 49850 * MS, 50150 * MS);
	/* nothing is expected: nothing is filled in; an hour against a nanosecond comes to an end, too */
	hist_reset(&corrected);
	hist_record_corrected(&corrected, 5 * S, 0);
	hist_record_corrected(&corrected, 5 * MS, 10 * MS);
	hist_record_corrected(&corrected, 10 * MS, 10 * MS);
	assert_int_equal(corrected.n, 3);
	hist_record_corrected(&corrected, 20 * MS, 10 * MS);
	assert_int_equal(corrected.n, 5);
	hist_record_corrected(&corrected, HIST_MAX, 1);
	assert_int_equal(corrected.n, 5 + HIST_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets), cmocka_unit_test(test_percentiles), cmocka_unit_test(test_beyond),
		cmocka_unit_test(test_merge), cmocka_unit_test(test_series), cmocka_unit_test(test_correction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
