/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of a sweep, and what is concluded of made-up measurements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "local/tune.h"
#include "report/stats.h"

#define MS	       1000000ull
#define MB	       1048576ull
#define NEAR(a, b, by) assert_true((a) - (b) <= (by) && (b) - (a) <= (by))

static const struct price lambda = {
	.platform = "lambda", .arch = "x86_64", .request = 2e-7, .gb_second = 0.0000166667
};

static void axis(struct tune *t, enum tune_kind kind, const char *name, size_t n, const char *const *text)
{
	struct tune_axis *a = tune_add(t, kind, name, n);

	for (; a->n < n; a->n++)
		a->value[a->n] = (struct tune_value){ .text = text[a->n] };
}

static void numbered(struct tune *t, size_t n)
{
	struct tune_axis *a = tune_add(t, TUNE_ENV, "N", n);

	for (; a->n < n; a->n++)
		a->value[a->n].text = arena_printf(&t->arena, "%zu", a->n);
	assert_int_equal(tune_rows(t), n);
	t->repeats = 5;
}

/* A repeat of @row: the rest does not matter. */
static void sample(struct tune *t, size_t row, double p99, double cost)
{
	VEC_PUSH(&t->row[row].samples,
		 ((struct tune_sample){ .calls = 100, .p50 = p99 / 2, .p99 = p99, .pause = p99, .cost = cost }));
}

static void samples(struct tune *t, size_t row, double p99, double cost)
{
	for (int i = 0; i < 5; i++)
		sample(t, row, p99 + i * 0.01, cost + i * 0.0001);
}

static void test_grid(void **state)
{
	static const char *const memory[] = { "128 MB", "256 MB" }, *const n[] = { "1", "4", "16" };
	CLEAN_TUNE struct tune t = { .seed = 1, .repeats = 5 };
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	axis(&t, TUNE_MEMORY, "memory", 2, memory);
	axis(&t, TUNE_WORKERS, "workers", 3, n);
	assert_int_equal(tune_rows(&t), 6);
	for (size_t i = 0; i < 6; i++) {
		assert_string_equal(tune_value_of(&t, i, 0)->text, memory[i / 3]);
		assert_string_equal(tune_value_of(&t, i, 1)->text, n[i % 3]);
	}
	tune_row_text(&t, 4, &b);
	assert_string_equal(b.ptr, "memory 256 MB, workers 4");
	assert_int_equal(tune_measurements(&t), 30);
	/* too many are none */
	for (size_t i = 0; i < 10; i++)
		axis(&t, TUNE_ENV, "X", 2, n);
	assert_int_equal(tune_rows(&t), 0);
	for (size_t i = t.naxes; i < TUNE_AXES_MAX; i++)
		assert_non_null(tune_add(&t, TUNE_ENV, "X", 1));
	assert_null(tune_add(&t, TUNE_ENV, "X", 1));
}

/* Each setting once a round; the seed decides the order, and each round has its own. */
static void test_rounds(void **state)
{
	CLEAN_TUNE struct tune t = { .seed = 7 }, u = { .seed = 7 };
	size_t a[16], b[16], differ = 0;

	(void)state;
	numbered(&t, 16);
	numbered(&u, 16);
	for (size_t k = 0; k < 5; k++) {
		unsigned seen = 0;

		assert_int_equal(tune_round(&t, k, a), 16);
		assert_int_equal(tune_round(&u, k, b), 16);
		assert_memory_equal(a, b, sizeof(a));
		for (size_t i = 0; i < 16; i++)
			seen |= 1u << a[i];
		assert_int_equal(seen, 0xffff);
		tune_round(&t, k + 1, b);
		differ += memcmp(a, b, sizeof(a)) != 0;
	}
	assert_int_equal(differ, 5);
	t.row[3].failed = "no";
	t.row[5].dropped = 1;
	assert_int_equal(tune_round(&t, 0, a), 14);
	for (size_t i = 0; i < 14; i++)
		assert_true(a[i] != 3 && a[i] != 5);
}

static void test_halving(void **state)
{
	static const size_t after[] = { 32, 16, 8, 8, 8 };

	(void)state;
	for (enum tune_strategy s = TUNE_COST; s <= TUNE_BALANCED; s++) {
		CLEAN_TUNE struct tune t = { .halving = true, .strategy = s };
		size_t order[64], n;

		numbered(&t, 64);
		assert_int_equal(tune_measurements(&t), 64 + 32 + 16 + 8 + 8);
		for (size_t k = 0; k < 5; k++) {
			n = tune_round(&t, k, order);
			assert_int_equal(n, k ? after[k - 1] : 64);
			/* the higher the number, the slower and the cheaper; the product is least for the lowest */
			for (size_t i = 0; i < n; i++)
				sample(&t, order[i], 10.0 + (double)order[i], 100.0 - (double)order[i]);
			assert_int_equal(tune_halve(&t, k + 1), n - after[k]);
		}
		for (size_t i = 0; i < 64; i++) {
			const size_t place = s == TUNE_COST ? 63 - i : s == TUNE_SPEED ? i : 64;

			if (place < 64)
				assert_int_equal(t.row[i].dropped, place < 8 ? 0 : place < 16 ? 3 : place < 32 ? 2 : 1);
		}
		tune_judge(&t);
		assert_int_equal(t.chosen, s == TUNE_COST ? 63 : s == TUNE_SPEED ? 0 : 0);
	}
}

static void test_cost(void **state)
{
	CLEAN_HIST struct hist h;

	(void)state;
	hist_init(&h);
	assert_true(tune_billed(&h) == 0);
	/* each in whole milliseconds: 1, 1 and 3 */
	hist_record(&h, 20000);
	hist_record(&h, MS - 20000);
	hist_record(&h, 2 * MS + 50000);
	NEAR(tune_billed(&h), 5.0 / 3 * 1e6, 1);
	/* 1 GB for 100 ms, a million times, and a million requests */
	NEAR(tune_cost(&lambda, 100e6, 1024 * MB), 100000 * 0.0000166667 + 0.2, 1e-9);
	NEAR(tune_cost(&lambda, 1e6, 128 * MB), 1000 * 0.125 * 0.0000166667 + 0.2, 1e-9);
	hist_release(&h);
	hist_init(&h);
}

static void test_figures(void **state)
{
	CLEAN_TUNE struct tune t = { .seed = 1 };
	struct tune_figures f;

	(void)state;
	numbered(&t, 2);
	tune_figures(&t.row[0], &f);
	assert_true(f.p99 == 0 && f.cost == 0 && f.failed == 0 && tune_spread(&f) == 0);
	for (int i = 0; i < 4; i++)
		VEC_PUSH(&t.row[0].samples, ((struct tune_sample){ .calls = 50,
								   .failed = i == 2 ? 10 : 0,
								   .p50 = i + 1,
								   .p99 = 10 * (i + 1),
								   .pause = i == 1 ? 80 : 20,
								   .cpu = 5,
								   .cold = 7 - i,
								   .cost = 1,
								   .memory = (uint64_t)(100 - i) }));
	tune_figures(&t.row[0], &f);
	/* of an even number the middle of the two */
	assert_true(f.p50 == 2.5 && f.p99 == 25 && f.p99_low == 10 && f.p99_high == 40);
	assert_true(f.pause == 80 && f.pause_mean == 35 && f.cold == 5.5 && f.memory == 100);
	NEAR(f.failed, 0.05, 1e-12);
	NEAR(tune_spread(&f), 1.2, 1e-12);
}

/* 0: slow and cheap; 1: between; 2: fast and dear; 3: worse than 1 in both; 4: fails too often; 5: never ready. */
static void test_front(void **state)
{
	CLEAN_TUNE struct tune t = { .strategy = TUNE_COST };

	(void)state;
	numbered(&t, 6);
	samples(&t, 0, 90, 1);
	samples(&t, 1, 30, 2);
	samples(&t, 2, 10, 9);
	samples(&t, 3, 50, 3);
	samples(&t, 4, 1, 0.5);
	t.row[4].samples.ptr[0].failed = 6;
	t.row[5].failed = "never got ready";
	tune_judge(&t);
	assert_true(t.row[0].front && t.row[1].front && t.row[2].front);
	assert_true(!t.row[3].front && !t.row[4].front && !t.row[5].front);
	assert_true(!t.row[4].fit && !t.row[5].fit);
	assert_int_equal(t.chosen, 0);
	t.strategy = TUNE_SPEED;
	tune_judge(&t);
	assert_int_equal(t.chosen, 2);
	t.strategy = TUNE_BALANCED;
	tune_judge(&t);
	assert_int_equal(t.chosen, 1);
	assert_true(t.row[1].chosen && !t.row[0].chosen && !t.row[2].chosen);
	/* one failed call in 500 is no reason */
	t.row[4].samples.ptr[0].failed = 1;
	tune_judge(&t);
	assert_int_equal(t.chosen, 4);
	for (size_t i = 0; i < 5; i++)
		t.row[i].failed = "no";
	tune_judge(&t);
	assert_int_equal(t.chosen, TUNE_NONE);
}

/* What differs by less than its repeats do is equal, and the cheaper one is taken; letters say which are. */
static void test_equal(void **state)
{
	static const double noisy[] = { 10, 14, 11, 13, 12 }, also[] = { 11.5, 9.9, 13.5, 12.5, 10.5 },
			    slow[] = { 20, 21, 22, 23, 24 };
	CLEAN_TUNE struct tune t = { .strategy = TUNE_SPEED };

	(void)state;
	numbered(&t, 3);
	for (int i = 0; i < 5; i++) {
		sample(&t, 0, noisy[i], 2);
		sample(&t, 1, also[i], 3);
		sample(&t, 2, slow[i], 2);
	}
	tune_judge(&t);
	assert_true(t.row[1].is.p99 < t.row[0].is.p99);
	assert_int_equal(t.chosen, 0);
	assert_string_equal(t.row[0].group, "a");
	assert_string_equal(t.row[1].group, "a");
	assert_string_equal(t.row[2].group, "b");
	/* as fast, but dearer; as cheap, but slower */
	assert_true(!t.row[1].equal && !t.row[2].equal);
	for (int i = 0; i < 5; i++)
		t.row[1].samples.ptr[i].cost = 2;
	tune_judge(&t);
	assert_int_equal(t.chosen, 1);
	assert_true(t.row[0].equal && !t.row[2].equal);
}

/* With three repeats nothing can be told apart: then the best is what it seems to be, and none is called equal. */
static void test_few(void **state)
{
	CLEAN_TUNE struct tune t = { .strategy = TUNE_COST };

	(void)state;
	numbered(&t, 2);
	for (int i = 0; i < 3; i++) {
		sample(&t, 0, 100, 1);
		sample(&t, 1, 1, 50);
	}
	tune_judge(&t);
	assert_int_equal(t.chosen, 0);
	assert_false(t.row[1].equal);
	assert_string_equal(t.row[1].group, "");
	sample(&t, 0, 100, 1);
	sample(&t, 1, 1, 50);
	tune_judge(&t);
	assert_int_equal(t.chosen, 0);
	assert_false(t.row[1].equal);
}

/* Groups overlap where the middle one differs from neither. */
static void test_letters(void **state)
{
	CLEAN_TUNE struct tune t = { .strategy = TUNE_SPEED };

	(void)state;
	numbered(&t, 3);
	for (int i = 0; i < 5; i++) {
		sample(&t, 0, 10 + i, 1);
		sample(&t, 1, 12 + i, 1);
		sample(&t, 2, 14.5 + i, 1);
	}
	tune_judge(&t);
	assert_string_equal(t.row[0].group, "a");
	assert_string_equal(t.row[1].group, "ab");
	assert_string_equal(t.row[2].group, "b");
}

static void test_rank(void **state)
{
	static const double a[] = { 1, 2, 3, 4, 5 }, b[] = { 6, 7, 8, 9, 10 }, c[] = { 1.5, 2.5, 3.5, 4.5, 5.5 };
	double many[60], more[60];

	(void)state;
	/* two of the 252 ways */
	NEAR(stats_rank_test(a, 5, b, 5), 2.0 / 252, 1e-12);
	NEAR(stats_rank_test(b, 5, a, 5), 2.0 / 252, 1e-12);
	NEAR(stats_rank_test(a, 3, b, 3), 0.1, 1e-12);
	NEAR(stats_rank_test(a, 4, b, 4), 2.0 / 70, 1e-12);
	/* R: wilcox.test(c(1,2,3,4,5), c(1.5,2.5,3.5,4.5,5.5)): W = 10, p-value = 0.6905 */
	NEAR(stats_rank_test(a, 5, c, 5), 0.6905, 0.0001);
	assert_true(stats_rank_test(a, 5, a, 5) == 1);
	assert_true(stats_rank_test(a, 0, b, 5) == 1 && stats_rank_test(a, 5, b, 0) == 1);
	assert_true(stats_rank_test(a, 1, b, 1) == 1);
	/* drawn, where there are too many to count: the same each time */
	for (int i = 0; i < 60; i++) {
		many[i] = i * 37 % 60;
		more[i] = many[i] + 15;
	}
	assert_true(stats_rank_test(many, 60, more, 60) < 0.001);
	assert_true(stats_rank_test(many, 60, more, 60) == stats_rank_test(many, 60, more, 60));
	assert_true(stats_rank_test(many, 60, many, 60) > 0.9);
}

/* ---- slsc.yaml and options ---- */

static const struct tune_machine machine = { .memory = 8192 * MB, .cpus = 4, .cpu_limited = true };

static int axes_of(struct tune *t, struct project *p, const char *tune, const char *runtime, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addf(&b, "project: x\nfunctions:\n  f:\n    sources: [a.c]\n    runtime: %s\n%s", runtime, tune);
	if (project_parse(p, "slsc.yaml", "/nowhere", b.ptr, b.len, err) < 0)
		return -1;
	return tune_axes(t, p, p->functions[0], &p->functions[0]->tune, &machine, err);
}

static void test_more_cpus_than_there_are(void **state)
{
	static const char *const with_cpu[] = { "", "      cpu: [50 %, 100 %]\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(with_cpu); i++) {
		CLEAN_TUNE struct tune t = { .seed = 1 };
		CLEAN_PROJECT struct project p = { 0 };
		CLEAN_BUF struct buf b = BUF_INIT;
		struct err err = ERR_INIT;

		buf_addf(&b, "    tune:\n      memory: [7076 MB, 8 GB]\n%s", with_cpu[i]);
		if (axes_of(&t, &p, b.ptr, "lambda", &err) < 0)
			fail_msg("%s", err.msg);
		/* with a share of its own memory has no say */
		assert_int_equal(t.notes.len, i ? 0 : 1);
		if (!i)
			assert_string_equal(t.notes.ptr[0], "8192 MB: this machine has 4 CPUs, and 4.6 come with it");
	}
}

static void test_axes(void **state)
{
	CLEAN_TUNE struct tune t = { .seed = 1 };
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	const char *profile;
	struct function f;

	(void)state;
	if (axes_of(&t, &p,
		    "    env: {A: x, B: y}\n    tune:\n      memory: [128MB, 1 GB]\n      cpu: [50 %, 12.5%]\n"
		    "      workers: [4, auto]\n      retention: [100, 0]\n      profile: [release, fast]\n"
		    "      env: {B: [1, 2], C: [\"\", z]}\n      defines: {N: [10]}\n",
		    "http", &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(t.nrows, 128);
	tune_row_text(&t, 127, &b);
	assert_string_equal(b.ptr,
			    "memory 1024 MB, cpu 12.5 %, workers auto, retention 0, profile fast, B 2, C z, N 10");
	f = *p.functions[0];
	tune_set(&t, 127, &f, &profile);
	assert_string_equal(profile, "fast");
	assert_int_equal(f.memory, 1024 * MB);
	assert_int_equal(f.cpu, 125);
	assert_int_equal(f.env.len, 4);
	assert_string_equal(f.env.ptr[0].val.s, "x");
	assert_string_equal(f.env.ptr[1].val.s, "2");
	assert_string_equal(f.env.ptr[2].key.s, "SLSC_WORKERS");
	assert_string_equal(f.env.ptr[2].val.s, "auto");
	assert_int_equal(f.defines.len, 2);
	assert_string_equal(f.defines.ptr[0].key.s, "SLSC_ARENA_RETENTION");
	assert_string_equal(f.defines.ptr[0].val.s, "0");
	/* the function itself is as it was */
	assert_int_equal(p.functions[0]->env.len, 2);
	assert_string_equal(p.functions[0]->env.ptr[1].val.s, "y");
}

static void test_impossible(void **state)
{
	static const struct {
		const char *tune, *runtime, *msg, *hint;
	} cases[] = {
		{ "memory: [128 MB, 64 MB]", "lambda",
		  "slsc.yaml:7:24: tune.memory of function 'f': '64 MB' is not within 128 MB and 10,240 MB",
		  "such as 1769 MB, which comes with a whole CPU" },
		{ "memory: [9000 MB, 128 MB]", "lambda",
		  "slsc.yaml:7:16: tune.memory of function 'f': '9000 MB' is more than this machine has, 8.0 GB", "" },
		{ "memory: [128 MB, 128MB]", "lambda",
		  "slsc.yaml:7:24: tune.memory of function 'f': '128MB' is there twice", "" },
		{ "cpu: [50 %, 500 %]", "lambda",
		  "slsc.yaml:7:19: tune.cpu of function 'f': '500 %' is more than this machine has, 4 CPUs", "" },
		{ "cpu: [half]", "lambda", "slsc.yaml:7:13: tune.cpu of function 'f': 'half' is no share of a CPU",
		  "such as 50 %, or 200 % for two" },
		{ "workers: [1, 2]", "lambda",
		  "slsc.yaml:7:17: tune.workers of function 'f': SLSC_WORKERS is for runtime http, 'f' has runtime "
		  "lambda",
		  "an instance of runtime lambda serves one call at a time" },
		{ "workers: [1, 65]", "http",
		  "slsc.yaml:7:20: tune.workers of function 'f': '65' is neither a number from 1 to 64 nor auto", "" },
		{ "retention: [50, 101]", "lambda",
		  "slsc.yaml:7:23: tune.retention of function 'f': '101' is no number from 0 to 100",
		  "percent of what the arena would keep for the next call" },
		{ "profile: [release, fsat]", "lambda",
		  "slsc.yaml:7:26: unknown profile 'fsat' in tune of function 'f'", "did you mean 'fast'?" },
		{ "env: {AWS_LAMBDA_X: [a, b]}", "lambda",
		  "slsc.yaml:7:13: tune.env of function 'f': 'AWS_LAMBDA_X' is the platform's", "" },
		{ "env: {A: b}", "lambda",
		  "slsc.yaml:7:16: tune.env of function 'f': 'A': expected a list of values, found a string",
		  "write [b]" },
		{ "env: {A: []}", "lambda",
		  "slsc.yaml:7:16: tune.env of function 'f': 'A': expected a list of values, found none", "" },
		{ "memory: [128 MB]", "lambda", "one setting alone: there is nothing to choose from",
		  "such as --memory 128MB,256MB,512MB, or `tune:` in slsc.yaml" },
		{ "workers: [1, 2]\n      env: {SLSC_WORKERS: [1, 2]}", "http",
		  "tune of function 'f': workers and SLSC_WORKERS are the same thing", "" },
		{ "generator: x\n      events: [a.json]", "lambda",
		  "slsc.yaml:7:18: tune.generator of function 'f': events and a generator exclude each other", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_TUNE struct tune t = { .seed = 1 };
		CLEAN_PROJECT struct project p = { 0 };
		CLEAN_BUF struct buf b = BUF_INIT;
		struct err err = ERR_INIT;

		buf_addf(&b, "    tune:\n      %s\n", cases[i].tune);
		assert_int_equal(axes_of(&t, &p, b.ptr, cases[i].runtime, &err), -1);
		assert_string_equal(err.msg, cases[i].msg);
		assert_string_equal(err.hint, cases[i].hint);
	}
}

/* What stands in no file is of an option; without any axis it is memory, as far as there is that much. */
static void test_options(void **state)
{
	static const struct tune_machine small = {
		.memory = 600 * MB, .cpus = 1, .lacks = "no cgroups", .hint = "root"
	};
	CLEAN_TUNE struct tune t = { .seed = 1 };
	CLEAN_PROJECT struct project p = { 0 };
	struct lstr cpu = { "50%", 0, 0 };
	struct tune_def def = { .cpu = { &cpu, 1 } };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(axes_of(&t, &p, "", "lambda", &err), 0);
	assert_int_equal(t.nrows, 5);
	tune_release(&t);
	assert_int_equal(tune_axes(&t, &p, p.functions[0], &p.functions[0]->tune, &small, &err), 0);
	assert_int_equal(t.nrows, 3);
	assert_string_equal(t.axis[0].value[2].text, "512 MB");
	tune_release(&t);
	assert_int_equal(tune_axes(&t, &p, p.functions[0], &def, &small, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_string_equal(err.msg, "--cpu: no share of a CPU can be kept to here: no cgroups");
	assert_string_equal(err.hint, "root");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grid),
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_halving),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_front),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_letters),
		cmocka_unit_test(test_rank),
		cmocka_unit_test(test_axes),
		cmocka_unit_test(test_more_cpus_than_there_are),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
