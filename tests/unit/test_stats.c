/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "report/stats.h"

#define NEAR(a, b, by) assert_true((a) - (b) <= (by) && (b) - (a) <= (by))

static void test_percentiles(void **state)
{
	double v[200];
	struct stats s;

	(void)state;
	/* 200 .. 1 */
	for (int i = 0; i < 200; i++)
		v[i] = 200 - i;
	stats_of(v, 200, &s);
	assert_int_equal(s.n, 200);
	assert_true(s.min == 1 && s.max == 200);
	assert_true(s.p50 == 100 && s.p90 == 180 && s.p99 == 198);
	NEAR(s.mean, 100.5, 1e-9);
	/* the order is left alone */
	assert_true(v[0] == 200 && v[199] == 1);
	stats_of(v, 1, &s);
	assert_true(s.p50 == 200 && s.p99 == 200 && s.low == 200 && s.high == 200);
	stats_of(v, 0, &s);
	assert_int_equal(s.n, 0);
	assert_true(s.p50 == 0 && s.high == 0);
}

/* By the binomial distribution the median of 200 lies between the 87th and the 114th sample in 95 % of all cases. */
static void test_interval(void **state)
{
	double v[200];
	struct stats s, again;

	(void)state;
	for (int i = 0; i < 200; i++)
		v[i] = i + 1;
	stats_of(v, 200, &s);
	NEAR(s.low, 87, 2);
	NEAR(s.high, 114, 2);
	assert_true(s.low <= s.p50 && s.p50 <= s.high);
	stats_of(v, 200, &again);
	assert_memory_equal(&s, &again, sizeof(s));
}

static void test_differ(void **state)
{
	double a[200], b[200], low, high;

	(void)state;
	for (int i = 0; i < 200; i++) {
		a[i] = 100 + i % 20;
		b[i] = 100 + (i * 7) % 20;
	}
	assert_false(stats_differ(a, 200, b, 200, &low, &high));
	assert_true(low <= 1 && high >= 1);
	for (int i = 0; i < 200; i++)
		b[i] *= 1.2;
	assert_true(stats_differ(a, 200, b, 200, &low, &high));
	assert_true(low > 1.1 && high < 1.3);
	assert_true(stats_differ(b, 200, a, 200, NULL, NULL));
	assert_false(stats_differ(a, 200, b, 0, NULL, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
