/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "scale/sim.h"

#define MS     1000000ull
#define SECOND 1000000000ull

/** A queue with fixed servers, and what came of it. */
struct queue {
	double rate, seconds; /* a second; of the load */
	uint32_t servers;
	const char *service;
	uint64_t seed;
};

static struct policy_spec fixed(uint32_t n)
{
	return (struct policy_spec){ .kind = POLICY_FIXED, .least = 1, .most = POLICY_INSTANCES, .fixed = n };
}

static void run(const struct queue *q, struct sim_result *r)
{
	CLEAN_SPREAD struct spread service, cold = { .kind = SPREAD_FIXED };
	CLEAN_ARRIVALS struct arrivals a;
	const struct pattern_spec load = { .kind = PATTERN_STEP,
					   .base = q->rate,
					   .rate = q->rate,
					   .before = 10 * SECOND,
					   .duration = (uint64_t)(q->seconds * 1e9) };
	const struct policy_spec p = fixed(q->servers);
	struct policy *policy = policy_new(&p);
	struct err err = ERR_INIT;
	struct sim_spec s = { .service = &service,
			      .cold = &cold,
			      .cpu = 1,
			      .interval = SECOND,
			      .initial = q->servers,
			      .most = 10000,
			      .queue = 1000000,
			      .seed = q->seed };

	assert_int_equal(spread_parse(q->service, "service", &service, &err), 0);
	assert_int_equal(arrivals_make(&a, &load, &err), 0);
	s.arrivals = &a;
	assert_int_equal(sim_run(&s, policy, r, &err), 0);
	policy_free(policy);
}

/* Erlang's C: the mean wait of M/M/c, in seconds, of @rate a second and @mean seconds of service. */
static double erlang_wait(double rate, double mean, unsigned servers)
{
	const double load = rate * mean;
	double blocked = 1, waits;

	for (unsigned k = 1; k <= servers; k++)
		blocked = load * blocked / (k + load * blocked);
	waits = servers * blocked / (servers - load * (1 - blocked));
	return waits * mean / (servers - load);
}

static void assert_near(double got, double want, double part)
{
	const double off = got > want ? got - want : want - got;

	if (off > (want < 0 ? -want : want) * part)
		fail_msg("%g is not within %g %% of %g", got, part * 100, want);
}

static double mean_wait(const struct sim_result *r)
{
	return r->wait_ns / (double)r->latency.n / 1e9;
}

/* Poisson arrivals, exponential service: Erlang 1917. */
static void test_mmc(void **unused)
{
	static const struct queue queues[] = {
		{ 80, 50000, 1, "exp:5ms", 1 },	    /* of M/M/1, rho 0.4 */
		{ 700, 4000, 8, "exp:10ms", 2 },    /* rho 0.875 */
		{ 2560, 2500, 32, "exp:10ms", 3 },  /* rho 0.8 */
		{ 2000, 2500, 110, "exp:50ms", 4 }, /* rho 0.91 */
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
		const struct queue *q = &queues[i];
		struct sim_result r;
		double mean;
		struct err err = ERR_INIT;
		struct spread d;

		assert_int_equal(spread_parse(q->service, "service", &d, &err), 0);
		mean = d.mean / 1e9;
		run(q, &r);
		assert_near(mean_wait(&r), erlang_wait(q->rate, mean, q->servers), 0.02);
		/* Little's law: the servers that are at work, on average */
		assert_near(r.busy_ns / 1e9 / (q->seconds + 10), q->rate * mean, 0.02);
		assert_int_equal(r.refused, 0);
		assert_int_equal(r.peak, q->servers);
		assert_int_equal(r.requests, r.latency.n);
		sim_result_release(&r);
	}
}

/* Any service, one server: Pollaczek and Khinchine. The wait is rate E[S^2] / 2 (1 - rho). */
static void test_mg1(void **unused)
{
	static const struct queue det = { 140, 20000, 1, "5ms", 5 }, log = { 100, 40000, 1, "lognormal:4ms,12ms", 6 };
	struct sim_result r;
	struct err err = ERR_INIT;
	struct spread d;
	double m, m2;

	(void)unused;
	run(&det, &r);
	assert_near(mean_wait(&r), 140 * 0.005 * 0.005 / (2 * (1 - 0.7)), 0.02);
	sim_result_release(&r);
	assert_int_equal(spread_parse(log.service, "service", &d, &err), 0);
	m = d.mean / 1e9;
	m2 = m * m * maths_exp(d.sigma * d.sigma);
	run(&log, &r);
	assert_near(mean_wait(&r), 100 * m2 / (2 * (1 - 100 * m)), 0.02);
	sim_result_release(&r);
}

/* The same seed gives the same; another gives another, of the same kind. */
static void test_seed(void **unused)
{
	struct queue q = { 500, 60, 8, "exp:10ms", 7 };
	struct sim_result a, b, c;

	(void)unused;
	run(&q, &a);
	run(&q, &b);
	q.seed = 8;
	run(&q, &c);
	assert_int_equal(a.requests, b.requests);
	assert_memory_equal(&a.wait_ns, &b.wait_ns, sizeof(a.wait_ns));
	assert_int_equal(a.points.len, b.points.len);
	assert_memory_equal(a.points.ptr, b.points.ptr, a.points.len * sizeof(*a.points.ptr));
	assert_int_equal(a.points.len, 70);
	assert_true(a.requests != c.requests);
	sim_result_release(&a);
	sim_result_release(&b);
	sim_result_release(&c);
}

/* Requests that are all known: each wait can be counted by hand. */
static void test_by_hand(void **unused)
{
	struct arrival each[] = {
		{ 0, 30 * MS }, { 10 * MS, 10 * MS }, { 20 * MS, 30 * MS }, { 20 * MS, 5 * MS }, { 100 * MS, 1 * MS }
	};
	struct arrivals a = { .each = each, .n = ARRAY_LEN(each), .exact = true };
	const struct spread none = { .kind = SPREAD_FIXED };
	const struct policy_spec p = fixed(2);
	struct sim_spec s = { .arrivals = &a,
			      .service = &none,
			      .cold = &none,
			      .cpu = 1,
			      .interval = SECOND,
			      .initial = 2,
			      .most = 10,
			      .queue = 10,
			      .seed = 1 };
	struct policy *policy = policy_new(&p);
	struct err err = ERR_INIT;
	struct sim_result r;

	(void)unused;
	arrivals_finish(&a);
	assert_int_equal(a.end, SECOND);
	assert_true(a.peak == 5);
	assert_int_equal(sim_run(&s, policy, &r, &err), 0);
	/* the second is done when the third comes; the fourth waits for the first, 10 ms */
	assert_int_equal(r.waited, 1);
	assert_true(r.wait_ns == 10e6);
	assert_true(r.busy_ns == 76e6);
	assert_true(r.all_ns == 2e9);
	assert_int_equal(r.latency.max, 30 * MS);
	sim_result_release(&r);
	/* of a queue for none that waits, it is refused */
	s.queue = 0;
	assert_int_equal(sim_run(&s, policy, &r, &err), 0);
	assert_int_equal(r.refused, 1);
	assert_int_equal(r.latency.n, 4);
	assert_int_equal(r.points.len, 1);
	assert_int_equal(r.points.ptr[0].refused, 1);
	sim_result_release(&r);
	policy_free(policy);
}

/* From 2 instances to 5, with a second of cold start: nobody is served by what is not ready. */
static void test_cold(void **unused)
{
	CLEAN_ARRIVALS struct arrivals a;
	const struct pattern_spec load = {
		.kind = PATTERN_STEP, .base = 20, .rate = 45, .before = 30 * SECOND, .duration = 60 * SECOND
	};
	struct spread service = { .kind = SPREAD_FIXED, .mean = 100e6 }, cold = { .kind = SPREAD_FIXED, .mean = 1e9 };
	struct policy_spec p = { .kind = POLICY_FIXED, .least = 1, .most = 100, .fixed = 5 };
	struct policy *policy = policy_new(&p);
	struct sim_spec s = { .arrivals = &a,
			      .service = &service,
			      .cold = &cold,
			      .cpu = 1,
			      .interval = SECOND,
			      .initial = 2,
			      .most = 100,
			      .queue = 1000,
			      .seed = 1 };
	struct err err = ERR_INIT;
	struct sim_result r;

	(void)unused;
	assert_int_equal(arrivals_make(&a, &load, &err), 0);
	assert_int_equal(sim_run(&s, policy, &r, &err), 0);
	/* the first tick is at 0: three more start, and are ready a second later */
	assert_int_equal(r.points.ptr[0].all, 5);
	assert_int_equal(r.points.ptr[0].wanted, 5);
	assert_int_equal(r.points.ptr[1].up, 5);
	assert_int_equal(r.colds, 0);
	assert_int_equal(r.peak, 5);
	assert_near(r.all_ns, 5 * 90e9, 0.002);
	assert_near(r.all_ns - r.up_ns, 3e9, 1e-9);
	sim_result_release(&r);
	policy_free(policy);
}

static void test_maths(void **unused)
{
	double sum = 0, squares = 0;
	struct rng r, other;

	(void)unused;
	assert_true(maths_log(1) == 0);
	assert_near(maths_log(10), 2.302585092994045684, 1e-15);
	assert_near(maths_log(1e-310), -713.801378828154, 1e-13);
	assert_near(maths_exp(1), 2.718281828459045235, 1e-15);
	assert_near(maths_exp(-20), 2.061153622438557828e-9, 1e-14);
	assert_near(maths_exp(600), 3.7730203009299397e260, 1e-12);
	assert_true(maths_exp(-1e9) == 0 && maths_log(0) == -745);
	assert_near(maths_sqrt(2), 1.4142135623730950488, 1e-16);
	assert_near(maths_sin_turn(1.0 / 12), 0.5, 1e-14);
	assert_near(maths_sin_turn(0.75), -1, 1e-14);
	assert_near(maths_tanh(0.5), 0.46211715726000975850, 1e-14);
	for (double x = 1e-6; x < 1e6; x *= 1.7)
		assert_near(maths_exp(maths_log(x)), x, 1e-13);
	/* the first numbers of a seed never change */
	rng_seed(&r, 1, 2);
	rng_seed(&other, 1, 3);
	assert_true(rng_next(&r) != rng_next(&other));
	for (int i = 0; i < 1000000; i++) {
		const double v = rng_normal(&r);

		sum += v;
		squares += v * v;
	}
	assert_true(sum / 1e6 < 0.004 && sum / 1e6 > -0.004);
	assert_near(squares / 1e6, 1, 0.006);
}

static void test_spread(void **unused)
{
	static const char *const wrong[] = { "",
					     "x",
					     "-1ms",
					     "exp:",
					     "exp:0",
					     "lognormal:5ms",
					     "lognormal:5ms,1ms",
					     "lognormal:0,5ms",
					     "2h",
					     "nan",
					     "exp:20ms,3",
					     "lognormal:5ms,6ms,7ms" };
	static const uint64_t from[] = { 100, 1000, 5000 }, to[] = { 199, 1999, 5000 };
	static const double weight[] = { 6, 3, 1 };
	struct err err = ERR_INIT;
	uint64_t n[3] = { 0 };
	struct spread d;
	double sum = 0;
	struct rng r;

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(spread_parse(wrong[i], "cold", &d, &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
	}
	assert_string_equal(err.msg, "--cold: 'lognormal:5ms,6ms,7ms' is no distribution of times up to 1 h");
	rng_seed(&r, 1, 1);
	spread_measured(&d, from, to, weight, 3);
	for (int i = 0; i < 100000; i++) {
		const uint64_t v = spread_draw(&d, &r);

		sum += (double)v;
		for (size_t k = 0; k < 3; k++)
			n[k] += v >= from[k] && v <= to[k];
	}
	assert_int_equal(n[0] + n[1] + n[2], 100000);
	assert_near((double)n[0], 60000, 0.02);
	assert_near((double)n[1], 30000, 0.02);
	assert_near((double)n[2], 10000, 0.03);
	assert_near(d.mean, 0.6 * 149.5 + 0.3 * 1499.5 + 0.1 * 5000, 1e-12);
	assert_near(sum / 100000, d.mean, 0.02);
	spread_release(&d);
	assert_int_equal(spread_parse("lognormal:20ms,80ms", "service", &d, &err), 0);
	sum = 0;
	for (int i = 0; i < 200000; i++)
		sum += spread_draw(&d, &r) > 80000000;
	assert_near(sum, 2000, 0.07);
}

/* Patterns: how many come, and when. */
static void test_arrivals(void **unused)
{
	struct pattern_spec s = { .kind = PATTERN_RAMP,
				  .base = 100,
				  .rate = 1000,
				  .before = 10 * SECOND,
				  .duration = 100 * SECOND,
				  .seed = 1 };
	struct err err = ERR_INIT;
	struct arrivals_cursor c;
	struct arrivals a;
	uint64_t n, at, last, busy;

	(void)unused;
	for (int kind = 0; kind < PATTERN_COUNT; kind++) {
		s.kind = (enum pattern)kind;
		assert_int_equal(arrivals_make(&a, &s, &err), 0);
		assert_int_equal(a.end, 110 * SECOND);
		assert_int_equal(a.step, kind == PATTERN_STEP ? 10 * SECOND : ARRIVALS_NEVER);
		n = last = 0;
		for (arrivals_begin(&c, &a, 1); (at = arrivals_next(&c, &busy)) != ARRIVALS_NEVER; n++) {
			assert_true(at >= last && at < a.end);
			last = at;
		}
		assert_near((double)n, arrivals_expected(&a), 0.02);
		if (kind == PATTERN_STEP)
			assert_true(arrivals_expected(&a) == 101000);
		if (kind == PATTERN_RAMP || kind == PATTERN_DIURNAL)
			assert_near(arrivals_expected(&a), 56000, 1e-9);
		arrivals_release(&a);
	}
	s.kind = PATTERN_STEP;
	s.rate = 1e6;
	s.duration = 2000 * SECOND;
	assert_int_equal(arrivals_make(&a, &s, &err), -1);
	assert_string_equal(err.msg, "more than 1000000000 requests");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maths),	cmocka_unit_test(test_spread), cmocka_unit_test(test_arrivals),
		cmocka_unit_test(test_mmc),	cmocka_unit_test(test_mg1),    cmocka_unit_test(test_seed),
		cmocka_unit_test(test_by_hand), cmocka_unit_test(test_cold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
