/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "os/proc.h"
#include "scale/command.h"
#include "scale/forecast.h"
#include "scale/lstm.h"
#include "scale/maths.h"
#include "scale/policy.h"

#define SECOND 1000000000ull

static uint32_t want(struct policy *p, const struct policy_seen *s)
{
	struct err err = ERR_INIT;
	uint32_t n;

	assert_int_equal(policy_want(p, s, &n, &err), 0);
	return n;
}

/* What @up instances saw in a second in which they were busy for @use of the time. */
static struct policy_seen second(uint64_t now, uint32_t up, double use, uint64_t arrivals)
{
	return (struct policy_seen){ .now = now * SECOND,
				     .interval = SECOND,
				     .arrivals = arrivals,
				     .done = arrivals,
				     .busy_ns = (uint64_t)(use * up * 1e9),
				     .cpu_ns = (uint64_t)(use * up * 1e9),
				     .up_ns = up * SECOND,
				     .idle = up };
}

static void test_fixed(void **unused)
{
	struct policy_spec spec = { .kind = POLICY_FIXED, .least = 2, .most = 10, .fixed = 5 };
	struct policy_seen s = second(1, 5, 1, 100);
	struct policy *p = policy_new(&spec);

	(void)unused;
	assert_int_equal(want(p, &s), 5);
	policy_free(p);
	spec.fixed = 20;
	p = policy_new(&spec);
	assert_int_equal(want(p, &s), 10);
	policy_free(p);
	spec.fixed = 0;
	p = policy_new(&spec);
	assert_int_equal(want(p, &s), 2);
	policy_free(p);
	/* never none with a request that waits */
	spec.least = 0;
	p = policy_new(&spec);
	assert_int_equal(want(p, &s), 0);
	s.queue = 1;
	assert_int_equal(want(p, &s), 1);
	policy_free(p);
}

/* Kubernetes' example: 10 at 90 % with a target of 60 % are 15; within a tenth of the target nothing changes. */
static void test_cpu(void **unused)
{
	const struct policy_spec spec = { .kind = POLICY_CPU,
					  .least = 1,
					  .most = 1000,
					  .target = 0.6,
					  .period = 15 * SECOND,
					  .cooldown = 63 * SECOND };
	struct policy *p = policy_new(&spec);
	struct policy_seen s = second(0, 10, 0, 0);
	uint64_t now = 0;

	(void)unused;
	s.interval = s.up_ns = 0;
	assert_int_equal(want(p, &s), 10);
	for (now = 1; now < 15; now++) {
		s = second(now, 10, 0.9, 10);
		assert_int_equal(want(p, &s), 10);
	}
	s = second(now++, 10, 0.9, 10);
	assert_int_equal(want(p, &s), 15);
	for (; now <= 30; now++) {
		s = second(now, 15, 0.62, 10);
		assert_int_equal(want(p, &s), 15);
	}
	/* too many now: that is heard for as long as the cooldown lasts, and then not more than needed */
	for (; now <= 45 + 63 - 1; now++) {
		s = second(now, 15, 0.2, 10);
		assert_int_equal(want(p, &s), 15);
	}
	s = second(now + 15, 15, 0.2, 10);
	assert_int_equal(want(p, &s), 5);
	policy_free(p);
}

/* Of instances that are starting nothing was measured: they are not asked for twice, and not ended either. */
static void test_cpu_starting(void **unused)
{
	const struct policy_spec spec = { .kind = POLICY_CPU, .least = 1, .most = 1000, .target = 0.5,
					  .period = SECOND };
	struct policy *p = policy_new(&spec);
	struct policy_seen s = second(1, 1, 1, 100);

	(void)unused;
	s.starting = 20;
	assert_int_equal(want(p, &s), 21);
	/* one that does nothing, and twenty of whom nothing is known */
	s = second(2, 1, 0, 0);
	s.starting = 20;
	assert_int_equal(want(p, &s), 20);
	/* none is ready at all */
	s = second(3, 0, 0, 0);
	s.starting = 20;
	assert_int_equal(want(p, &s), 20);
	/* four at full use are eight at half of it, also if some are starting */
	s = second(4, 4, 1, 100);
	s.starting = 2;
	assert_int_equal(want(p, &s), 8);
	policy_free(p);
}

/* 100 a second of 50 ms each keep 5 at work; with the square root of it twice, 10 are wanted. */
static void test_forecast(void **unused)
{
	struct policy_spec spec = { .kind = POLICY_FORECAST,
				    .least = 1,
				    .most = 1000,
				    .headroom = 2,
				    .horizon = 30 * SECOND,
				    .forecast = { .kind = FORECAST_LAST } };
	struct policy *p = policy_new(&spec);
	struct policy_seen s = second(0, 10, 0, 0);

	(void)unused;
	s.interval = s.up_ns = 0;
	assert_int_equal(want(p, &s), 10);
	s = second(1, 10, 0.5, 100);
	assert_int_equal(want(p, &s), 10);
	/* five times as many; what waits is served within 5 s on top of it */
	s = second(2, 50, 0.5, 500);
	assert_int_equal(want(p, &s), 35);
	s.queue = 100;
	assert_int_equal(want(p, &s), 37);
	policy_free(p);
}

static double one_ahead(const struct forecast_spec *spec, const double *v, size_t n, size_t ahead)
{
	struct forecaster *f = forecaster_new(spec);
	double out[FORECAST_STEPS];

	for (size_t i = 0; i < n; i++)
		forecaster_add(f, v[i]);
	forecaster_predict(f, out, ahead);
	forecaster_free(f);
	return out[ahead - 1];
}

static void check(const struct forecast_spec *s, const double *v, size_t n, size_t from, size_t steps,
		  struct forecast_error *e)
{
	struct err err = ERR_INIT;

	assert_int_equal(forecast_check(s, v, n, from, steps, e, &err), 0);
}

static void assert_near(double got, double want_it, double off)
{
	if (got > want_it + off || got < want_it - off)
		fail_msg("%g is not within %g of %g", got, off, want_it);
}

static void test_forecasters(void **unused)
{
	struct forecast_spec s = { .kind = FORECAST_LAST };
	double flat[200], line[200], wave[600], slow[5000], most = 0;
	struct forecast_error e;

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(flat); i++) {
		flat[i] = 50;
		line[i] = 100 + 3 * (double)i;
	}
	for (size_t i = 0; i < ARRAY_LEN(wave); i++)
		wave[i] = 500 + 300 * maths_sin_turn((double)i / 60);
	for (int k = 0; k < FORECAST_LSTM; k++) {
		s.kind = (enum forecast_kind)k;
		assert_near(one_ahead(&s, flat, 0, 1), 0, 0);
		assert_near(one_ahead(&s, flat, 1, 3), 50, 0);
		assert_near(one_ahead(&s, flat, ARRAY_LEN(flat), 30), 50, 1e-9);
		check(&s, flat, ARRAY_LEN(flat), 0, 30, &e);
		assert_near(e.mae, 0, 1e-9);
		/* all pairs of a value and one of up to 30 after it */
		assert_int_equal(e.n, 199 * 30 - 29 * 30 / 2);
	}
	s.kind = FORECAST_LAST;
	assert_near(one_ahead(&s, line, 200, 10), 697, 0);
	check(&s, line, ARRAY_LEN(line), 0, 1, &e);
	assert_near(e.mae, 3, 1e-9);
	/* a line goes on: damped, so a little less */
	s.kind = FORECAST_HOLT_WINTERS;
	assert_near(one_ahead(&s, line, 200, 1), 700, 4);
	/* a wave, whose changes are known by those before; nothing of that by the last value */
	s.kind = FORECAST_AR;
	check(&s, wave, ARRAY_LEN(wave), 300, 5, &e);
	assert_true(e.mae < 10);
	s.kind = FORECAST_LAST;
	check(&s, wave, ARRAY_LEN(wave), 300, 5, &e);
	assert_true(e.mae > 50);
	/* with its season the wave is known all the way */
	s = (struct forecast_spec){ .kind = FORECAST_HOLT_WINTERS, .season = 60 };
	check(&s, wave, ARRAY_LEN(wave), 300, 30, &e);
	assert_true(e.mae < 10);
	/* a season of more values than there are places for, whose places have not as many each */
	s.season = 1000;
	for (size_t i = 0; i < ARRAY_LEN(slow); i++)
		slow[i] = 500 + 300 * maths_sin_turn((double)i / 1000);
	check(&s, slow, ARRAY_LEN(slow), 2000, 30, &e);
	assert_true(e.mae < 4);
	/* values that are none, and numbers without end, do no harm */
	for (size_t i = 0; i < ARRAY_LEN(flat); i++)
		flat[i] = i % 3 ? (i % 2 ? 1e300 * 1e300 : -5) : 1e12 * (double)i;
	for (int k = 0; k < FORECAST_LSTM; k++) {
		s = (struct forecast_spec){ .kind = (enum forecast_kind)k, .season = 7 };
		for (size_t n = 1; n < ARRAY_LEN(flat); n += 13) {
			const double v = one_ahead(&s, flat, n, 30);

			most = v > most ? v : most;
			assert_true(v >= 0 && v <= 400e12);
		}
	}
	assert_true(most > 0);
}

/* The error by hand: forecasts 1 and 3 of values 3 and 3, and 0 of 0. */
static void test_error(void **unused)
{
	static const double v[] = { 1, 3, 3, 0, 0 };
	const struct forecast_spec s = { .kind = FORECAST_LAST };
	struct forecast_error e;

	(void)unused;
	check(&s, v, ARRAY_LEN(v), 0, 1, &e);
	assert_int_equal(e.n, 4);
	assert_near(e.mae, (2.0 + 0 + 3 + 0) / 4, 1e-12);
	assert_near(e.smape, (100.0 + 0 + 200 + 0) / 4, 1e-12);
	check(&s, v, ARRAY_LEN(v), 4, 1, &e);
	assert_int_equal(e.n, 1);
	assert_near(e.mae, 0, 0);
	check(&s, v, 1, 0, 1, &e);
	assert_int_equal(e.n, 0);
}

/* ---- the network ---- */

static void make_wave(double *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i] = 500 + 400 * maths_sin_turn((double)i / 90);
}

static void test_lstm(void **unused)
{
	CLEAN_FREE struct lstm *a = xcalloc(1, sizeof(*a)), *b = xcalloc(1, sizeof(*b));
	CLEAN_BUF struct buf one = BUF_INIT, two = BUF_INIT;
	struct lstm_training how = { .seed = 1, .steps = 150 };
	struct forecast_spec s = { .kind = FORECAST_LSTM, .lstm = a };
	struct forecast_error lstm, last;
	struct err err = ERR_INIT;
	double v[600];

	(void)unused;
	make_wave(v, ARRAY_LEN(v));
	assert_int_equal(lstm_train(a, v, ARRAY_LEN(v), 1, &how), 0);
	assert_true(a->loss < a->naive / 4);
	/* the same again is the same; of another seed it is another */
	assert_int_equal(lstm_train(b, v, ARRAY_LEN(v), 1, &how), 0);
	lstm_write(a, &one);
	lstm_write(b, &two);
	assert_string_equal(one.ptr, two.ptr);
	how.seed = 2;
	how.steps = 2;
	assert_int_equal(lstm_train(b, v, ARRAY_LEN(v), 1, &how), 0);
	assert_true(memcmp(a->w, b->w, sizeof(a->w)) != 0);
	/* what is written is what is read */
	assert_int_equal(lstm_parse(buf_str(&one), "m.json", b, &err), 0);
	assert_memory_equal(a, b, sizeof(*a));
	/* and it forecasts what it has learned, better than nothing would */
	check(&s, v, ARRAY_LEN(v), 200, 30, &lstm);
	s.kind = FORECAST_LAST;
	check(&s, v, ARRAY_LEN(v), 200, 30, &last);
	assert_true(lstm.mae < last.mae / 2);
}

static int stop(unsigned done, unsigned steps, void *ctx)
{
	(void)done;
	(void)steps;
	return *(int *)ctx;
}

static void test_lstm_stops(void **unused)
{
	CLEAN_FREE struct lstm *a = xcalloc(1, sizeof(*a));
	int answer = -7;
	const struct lstm_training how = { .seed = 1, .steps = 3, .progress = stop, .ctx = &answer };
	double v[300];

	(void)unused;
	make_wave(v, ARRAY_LEN(v));
	assert_int_equal(lstm_train(a, v, ARRAY_LEN(v), 1, &how), -7);
	/* a history of nothing at all teaches nothing, and does not divide by nothing */
	memset(v, 0, sizeof(v));
	answer = 0;
	assert_int_equal(lstm_train(a, v, ARRAY_LEN(v), 1, &how), 0);
	assert_true(maths_finite(a->loss) && a->naive == 0);
}

static void refused(const char *text, const char *msg)
{
	CLEAN_FREE struct lstm *l = xcalloc(1, sizeof(*l));
	struct err err = ERR_INIT;

	assert_int_equal(lstm_parse(str_from(text), "m.json", l, &err), -1);
	assert_string_equal(err.msg, msg);
}

static void test_lstm_files(void **unused)
{
	(void)unused;
	refused("{", "m.json:1:1: no JSON: string or '}' expected near end of file");
	refused("[]", "m.json: is no model of slsc scale train");
	refused("{\"format\":\"slsc-scale-lstm\",\"version\":2}",
		"m.json: is of another version of slsc: this one reads version 1");
	refused("{\"format\":\"slsc-scale-lstm\",\"version\":1,\"inputs\":2,\"hidden\":99}",
		"m.json: is a network of another shape");
	refused("{\"format\":\"slsc-scale-lstm\",\"version\":1,\"inputs\":2,\"hidden\":12,\"window\":60,\"ahead\":30,"
		"\"interval\":1,\"scale\":0,\"loss\":1,\"naive\":1,\"weights\":[]}",
		"m.json: lacks a number, or has one that cannot be");
	refused("{\"format\":\"slsc-scale-lstm\",\"version\":1,\"inputs\":2,\"hidden\":12,\"window\":60,\"ahead\":30,"
		"\"interval\":1,\"scale\":1,\"loss\":1,\"naive\":1,\"weights\":[1,2]}",
		"m.json: has not as many weights as its shape needs");
}

/* ---- a command ---- */

static int ask(const char *text, uint64_t answer, uint32_t *n, struct err *err)
{
	const struct policy_seen s = { .now = 61500000000,
				       .interval = SECOND,
				       .arrivals = 300,
				       .done = 298,
				       .busy_ns = 6020000000,
				       .up_ns = 12 * SECOND,
				       .cpu_ns = 1,
				       .queue = 3,
				       .idle = 6,
				       .busy = 5,
				       .starting = 4 };
	struct policy_command *c = policy_command_start(text, answer, err);
	int ret;

	assert_non_null(c);
	ret = policy_command_ask(c, &s, n, err);
	policy_command_end(c);
	return ret;
}

static void test_command(void **unused)
{
	struct err err = ERR_INIT;
	uint32_t n = 0;

	(void)unused;
	assert_int_equal(
		ask("read line; [ \"$line\" = '{\"now\":61.5,\"interval\":1,\"arrivals\":300,\"done\":298,"
		    "\"busy_seconds\":6.02,\"up_seconds\":12,\"cpu_seconds\":0.000000001,\"queue\":3,\"idle\":6,"
		    "\"busy\":5,\"starting\":4}' ] && echo '{\"want\":12}'",
		    5 * SECOND, &n, &err),
		0);
	assert_int_equal(n, 12);
	assert_int_equal(ask("echo 12", 5 * SECOND, &n, &err), -1);
	assert_string_equal(err.msg, "the policy's command answers '12', which is no number of instances");
	assert_int_equal(err.code, ERR_FUNCTION);
	assert_int_equal(ask("echo '{\"want\":-1}'", 5 * SECOND, &n, &err), -1);
	assert_int_equal(ask("echo '{\"want\":100001}'", 5 * SECOND, &n, &err), -1);
	assert_int_equal(ask("read x; exit 3", 5 * SECOND, &n, &err), -1);
	assert_string_equal(err.msg, "the policy's command has ended without an answer");
	assert_int_equal(ask("read x; printf '{\"want\":1}\\n{\"want\":1}\\n'", 5 * SECOND, &n, &err), -1);
	assert_string_equal(err.msg, "the policy's command answers more than one line to one");
	assert_int_equal(ask("head -c 6000 /dev/zero | tr '\\0' x; cat", 5 * SECOND, &n, &err), -1);
	assert_string_equal(err.msg, "limit exceeded: the policy's command answers a line of more than 4096 bytes");
	/* neither it nor its child ends by itself: both are ended */
	assert_int_equal(ask("read x; echo '{\"want\":2}'; exec >&-; sleep 1000 & wait", 5 * SECOND, &n, &err), 0);
	assert_int_equal(n, 2);
	/* it reads, and never says anything */
	assert_int_equal(ask("cat >/dev/null", SECOND / 20, &n, &err), -1);
	assert_string_equal(err.msg, "the policy's command has not answered within 50 ms");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed), cmocka_unit_test(test_cpu), cmocka_unit_test(test_cpu_starting),
		cmocka_unit_test(test_forecast),
		cmocka_unit_test(test_forecasters), cmocka_unit_test(test_error), cmocka_unit_test(test_lstm),
		cmocka_unit_test(test_lstm_stops), cmocka_unit_test(test_lstm_files), cmocka_unit_test(test_command),
	};

	/* a command that has ended is an error, not a signal */
	sig_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
