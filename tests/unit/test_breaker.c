/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "local/breaker.h"

#define MS 1000000ull
#define S 1000000000ull
#define START (1000 * S)

static void call(struct breaker *b, uint64_t now, enum breaker_outcome outcome)
{
	struct breaker_call c;

	assert_true(breaker_allow(b, now, &c));
	breaker_done(b, now, &c, outcome);
}

static void test_three_failures(void **unused)
{
	struct breaker b = { 0 };
	struct breaker_call c;
	uint64_t t = START;

	(void)unused;
	assert_int_equal(breaker_state(&b, t), BREAKER_CLOSED);
	/* a success in between, or one that says nothing: two after a success are not three in a row */
	call(&b, t, BREAKER_FAILED);
	call(&b, t, BREAKER_TIMEOUT);
	call(&b, t, BREAKER_OK);
	call(&b, t, BREAKER_FAILED);
	call(&b, t, BREAKER_CANCELLED);
	call(&b, t, BREAKER_FAILED);
	assert_int_equal(breaker_state(&b, t), BREAKER_CLOSED);
	assert_int_equal(breaker_wait(&b, t), 0);
	call(&b, t, BREAKER_FAILED);
	assert_int_equal(breaker_state(&b, t), BREAKER_OPEN);
	assert_int_equal(breaker_wait(&b, t + 10 * S), 20 * S);
	assert_false(breaker_allow(&b, t + 30 * S - 1, &c));
	assert_int_equal(b.refused, 1);
	assert_int_equal(b.opened, 1);
	t += 30 * S;
	assert_int_equal(breaker_state(&b, t), BREAKER_HALF_OPEN);
	assert_int_equal(breaker_wait(&b, t), 0);
	/* one trial at a time */
	assert_true(breaker_allow(&b, t, &c));
	assert_true(c.trial);
	assert_false(breaker_allow(&b, t, &(struct breaker_call){ 0 }));
	breaker_done(&b, t + S, &c, BREAKER_FAILED);
	assert_int_equal(breaker_state(&b, t + S), BREAKER_OPEN);
	assert_int_equal(breaker_wait(&b, t + S), 30 * S);
	t += 31 * S;
	/* a trial whose caller has gone leaves room for another */
	call(&b, t, BREAKER_CANCELLED);
	assert_int_equal(breaker_state(&b, t), BREAKER_HALF_OPEN);
	call(&b, t, BREAKER_OK);
	assert_int_equal(breaker_state(&b, t), BREAKER_CLOSED);
	/* and all is forgotten: it takes three again */
	call(&b, t, BREAKER_FAILED);
	call(&b, t, BREAKER_FAILED);
	assert_int_equal(breaker_state(&b, t), BREAKER_CLOSED);
	call(&b, t, BREAKER_FAILED);
	assert_int_equal(breaker_state(&b, t), BREAKER_OPEN);
}

/* Calls that began before it opened end after: neither they nor a trial's rivals change what has been decided since. */
static void test_late(void **unused)
{
	struct breaker b = { 0 };
	struct breaker_call late[4];
	uint64_t t = START;

	(void)unused;
	for (int i = 0; i < 4; i++)
		assert_true(breaker_allow(&b, t, &late[i]));
	for (int i = 0; i < 3; i++)
		call(&b, t, BREAKER_FAILED);
	breaker_done(&b, t + S, &late[0], BREAKER_FAILED);
	breaker_done(&b, t + S, &late[1], BREAKER_OK);
	assert_int_equal(breaker_wait(&b, t + S), 29 * S);
	t += 30 * S;
	breaker_done(&b, t, &late[2], BREAKER_OK);
	assert_int_equal(breaker_state(&b, t), BREAKER_HALF_OPEN);
	call(&b, t, BREAKER_OK);
	breaker_done(&b, t, &late[3], BREAKER_FAILED);
	call(&b, t, BREAKER_FAILED);
	call(&b, t, BREAKER_FAILED);
	assert_int_equal(breaker_state(&b, t), BREAKER_CLOSED);
	/* replaced: what was called before says nothing of what is called now */
	assert_true(breaker_allow(&b, t, &late[0]));
	breaker_reset(&b);
	breaker_done(&b, t, &late[0], BREAKER_FAILED);
	call(&b, t, BREAKER_FAILED);
	call(&b, t, BREAKER_FAILED);
	assert_int_equal(breaker_state(&b, t), BREAKER_CLOSED);
}

/* Calls by the five letters of @pattern, t for a timeout, until it opens: how many that took; 0: it does not. */
static unsigned mixed(struct breaker *b, uint64_t *t, uint64_t each, unsigned calls, const char *pattern)
{
	for (unsigned i = 0; i < calls; i++) {
		call(b, *t, pattern[i % 5] == 't' ? BREAKER_TIMEOUT : BREAKER_OK);
		if (breaker_state(b, *t) != BREAKER_CLOSED)
			return i + 1;
		*t += each;
	}
	return 0;
}

static void test_timeouts(void **unused)
{
	struct breaker b = { 0 };
	uint64_t t = START;

	(void)unused;
	/* 60 % are not more than 60 %: as long as one likes */
	assert_int_equal(mixed(&b, &t, 100 * MS, 2000, "otott"), 0);
	/* 2 of 3 are, once there are ten */
	b = (struct breaker){ 0 };
	t += 100 * S;
	for (int i = 0; i < 3; i++) {
		call(&b, t, BREAKER_TIMEOUT);
		call(&b, t, BREAKER_OK);
		call(&b, t, BREAKER_TIMEOUT);
	}
	assert_int_equal(breaker_state(&b, t), BREAKER_CLOSED);
	call(&b, t, BREAKER_OK);
	assert_int_equal(breaker_state(&b, t), BREAKER_CLOSED); /* 6 of 10 */
	call(&b, t, BREAKER_TIMEOUT);
	assert_int_equal(breaker_state(&b, t), BREAKER_OPEN); /* 7 of 11 */
	assert_int_equal(breaker_wait(&b, t), 60 * S);
	t += 60 * S;
	/* a trial that fails: 60 s again */
	call(&b, t, BREAKER_FAILED);
	assert_int_equal(breaker_wait(&b, t), 60 * S);
	t += 60 * S;
	call(&b, t, BREAKER_OK);
	assert_int_equal(breaker_state(&b, t), BREAKER_CLOSED);
}

/* Timeouts slide out of the window, slot by slot, and all at once after a pause. */
static void test_window(void **unused)
{
	struct breaker b = { 0 }, within;
	uint64_t t = START;

	(void)unused;
	for (int i = 0; i < 3; i++) {
		call(&b, t, BREAKER_TIMEOUT);
		call(&b, t, BREAKER_TIMEOUT);
		call(&b, t, BREAKER_OK);
	}
	/* 6 of 9, a slot before the window's end: one more makes 7 of 10 */
	within = b;
	call(&within, START + 9 * S, BREAKER_TIMEOUT);
	assert_int_equal(breaker_state(&within, START + 9 * S), BREAKER_OPEN);
	/* and just past it, it is one of one */
	call(&b, START + 10 * S, BREAKER_TIMEOUT);
	assert_int_equal(breaker_state(&b, START + 10 * S), BREAKER_CLOSED);
	assert_int_equal(b.calls[0] + b.calls[1] + b.calls[9], 1);
	call(&b, START + 5000 * S, BREAKER_OK);
	for (unsigned i = 0, sum = 0; i < BREAKER_SLOTS; i++) {
		sum += b.calls[i];
		assert_int_equal(b.timeouts[i], 0);
		assert_true(sum <= 1);
	}
}

static void test_rate(void **unused)
{
	struct rate_limit r;
	uint64_t t = START, wait, taken = 0;

	(void)unused;
	rate_limit_init(&r, 10, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(rate_limit_take(&r, t), 0);
	wait = rate_limit_take(&r, t);
	assert_int_equal(wait, 100 * MS);
	assert_int_equal(retry_after_s(wait), 1);
	assert_int_equal(rate_limit_take(&r, t + 40 * MS), 60 * MS);
	assert_int_equal(rate_limit_take(&r, t + 100 * MS), 0);
	assert_int_equal(rate_limit_take(&r, t + 100 * MS), 100 * MS);
	/* however often it is asked, 10 a second, and never more than 5 are saved */
	for (t = START + 10 * S; t < START + 20 * S; t += MS)
		taken += rate_limit_take(&r, t) == 0;
	assert_int_equal(taken, 5 + 99);
	t += 3600 * S;
	for (taken = 0; rate_limit_take(&r, t) == 0;)
		taken++;
	assert_int_equal(taken, 5);
	/* one a second without a burst; none at all; the most there is */
	rate_limit_init(&r, 1, 0);
	assert_int_equal(rate_limit_take(&r, t), 0);
	assert_int_equal(rate_limit_take(&r, t), S);
	assert_int_equal(retry_after_s(S), 1);
	assert_int_equal(retry_after_s(S + 1), 2);
	assert_int_equal(retry_after_s(0), 1);
	rate_limit_init(&r, 0, 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(rate_limit_take(&r, t), 0);
	rate_limit_init(&r, UINT32_MAX, UINT32_MAX);
	assert_int_equal(rate_limit_take(&r, t), 0);
}

static void test_budget(void **unused)
{
	struct retry_budget r = { 0 };
	uint64_t t = START, taken = 0;

	(void)unused;
	/* the first call of all may be retried once */
	retry_call(&r, t);
	assert_true(retry_take(&r, t));
	assert_false(retry_take(&r, t));
	/* everything fails and asks for retries: a fifth of 10,000 calls, and one for each of the 10 s */
	for (int i = 0; i < 10000; i++) {
		t += MS;
		retry_call(&r, t);
		taken += retry_take(&r, t);
		taken += retry_take(&r, t);
	}
	assert_in_range(taken, 2009, 2011);
	/* seldom called: one a second, and no more than ten of them are saved */
	for (taken = 0, t += 3600 * S; retry_take(&r, t);)
		taken++;
	assert_int_equal(taken, 10);
	assert_false(retry_take(&r, t + S - 1));
	assert_true(retry_take(&r, t + S));
	/* a long time without a failure saves no more than a hundred */
	for (int i = 0; i < 100000; i++)
		retry_call(&r, t + S);
	for (taken = 0; retry_take(&r, t + S);)
		taken++;
	assert_int_equal(taken, RETRY_SAVED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_failures), cmocka_unit_test(test_late), cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_window),	       cmocka_unit_test(test_rate), cmocka_unit_test(test_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
