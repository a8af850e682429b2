/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/vec.h"
#include "local/load.h"

#define US 1000ull
#define MS 1000000ull
#define S 1000000000ull
#define START (5000 * S)

/* ---- a made-up function under a made-up clock: @took ns a call, and it stands still from stall to go ---- */

static uint64_t now;

static uint64_t made_up_clock(void)
{
	return now;
}

struct pending {
	struct load_call *call;
	uint64_t at;
};

static struct {
	uint64_t took, stall, go;
	uint64_t begun, cancelled, most, under_way;
	bool silent, at_once;
	struct load_answer answer;
	struct load_answer (*answer_of)(uint64_t i);
	VEC(struct pending) queue;	/* all take the same: in order */
	size_t head;
	VEC(uint64_t) due;
} fn;

static void start(struct load_call *c, void *ctx)
{
	uint64_t at = now + fn.took;

	(void)ctx;
	assert_true(c->busy);
	assert_true(c->due <= now);
	VEC_PUSH(&fn.due, c->due);
	if (fn.answer_of)
		fn.answer = fn.answer_of(fn.begun);
	fn.begun++;
	fn.under_way++;
	fn.most = fn.under_way > fn.most ? fn.under_way : fn.most;
	if (fn.silent)
		return;
	if (fn.at_once) {
		fn.under_way--;
		load_done(c, &fn.answer);
		return;
	}
	if (at > fn.stall && now < fn.go)
		at = fn.go + fn.took;
	VEC_PUSH(&fn.queue, ((struct pending){ c, at }));
}

static void cancel(struct load_call *c, void *ctx)
{
	(void)ctx;
	assert_true(c->busy);
	fn.cancelled++;
	fn.under_way--;
}

static const struct load_target target = { start, cancel, NULL };

static void fn_reset(uint64_t took)
{
	VEC_FREE(&fn.queue);
	VEC_FREE(&fn.due);
	memset(&fn, 0, sizeof(fn));
	fn.took = took;
	fn.stall = fn.go = UINT64_MAX;
	now = START;
}

static void begin(struct load *l, struct load_spec spec)
{
	spec.clock = made_up_clock;
	load_init(l, &spec, &target);
	load_begin(l);
}

/* Time goes on to whatever comes next, until it is over or @until. */
static void run_until(struct load *l, uint64_t until)
{
	while (!l->over) {
		uint64_t answer = fn.head < fn.queue.len ? fn.queue.ptr[fn.head].at : UINT64_MAX;
		uint64_t at = answer < l->next ? answer : l->next;

		if (at > until)
			return;
		assert_true(at != UINT64_MAX);
		now = at > now ? at : now;
		if (answer <= l->next) {
			fn.under_way--;
			load_done(fn.queue.ptr[fn.head++].call, &fn.answer);
		} else {
			load_step(l);
		}
	}
}

static void run(struct load *l)
{
	run_until(l, UINT64_MAX);
}

/* ---- */

static void test_open(void **unused)
{
	struct load l;

	(void)unused;
	fn_reset(5 * MS);
	fn.answer = (struct load_answer){ .duration = 4 * MS, .cpu = 3 * MS, .memory = 1000, .has_allocs = true,
					  .allocs = 7 };
	begin(&l, (struct load_spec){ .rate = 100, .duration = 10 * S });
	run(&l);
	assert_int_equal(l.result.calls[LOAD_OK], 1000);
	assert_int_equal(load_result_calls(&l.result), 1000);
	assert_int_equal(l.result.warm.n, 1000);
	assert_int_equal(l.result.warm.min, 5 * MS);
	assert_int_equal(l.result.warm.max, 5 * MS);
	assert_int_equal(l.result.overhead.max, 1 * MS);
	assert_int_equal(l.result.duration.min, 4 * MS);
	assert_int_equal(l.result.cpu.n, 1000);
	assert_int_equal(l.result.memory, 1000);
	assert_int_equal(l.result.allocs, 7000);
	assert_int_equal(l.result.allocs_of, 1000);
	assert_int_equal(l.result.late.n, 1000);
	assert_int_equal(l.result.late.max, 0);
	assert_int_equal(l.result.limited, 0);
	assert_int_equal(l.result.corrected.n, 0);
	assert_int_equal(l.result.elapsed, 10 * S);
	assert_int_equal(l.result.seconds.len, 10);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(l.result.seconds.ptr[i].ok, 100);
		assert_in_range(l.result.seconds.ptr[i].p99, 5 * MS, 5 * MS);
	}
	assert_int_equal(fn.most, 1);
	load_release(&l);
}

/* A rate that does not divide a second: each call when it is due, and after a thousand seconds still. */
static void test_no_drift(void **unused)
{
	struct load l;

	(void)unused;
	fn_reset(1 * MS);
	begin(&l, (struct load_spec){ .rate = 7, .requests = 7001 });
	run(&l);
	assert_int_equal(fn.due.len, 7001);
	assert_int_equal(fn.due.ptr[1], START + S / 7);
	assert_int_equal(fn.due.ptr[7000], START + 1000 * S);
	assert_int_equal(l.result.warm.n, 7001);
	load_release(&l);
	/* what is due at the very end is not begun */
	fn_reset(1 * MS);
	begin(&l, (struct load_spec){ .rate = 2, .duration = 1500 * MS });
	run(&l);
	assert_int_equal(fn.begun, 3);
	assert_int_equal(l.result.elapsed, 1500 * MS);
	load_release(&l);
	/* the sooner of the two */
	fn_reset(1 * MS);
	begin(&l, (struct load_spec){ .rate = 1000, .duration = 10 * S, .requests = 50 });
	run(&l);
	assert_int_equal(fn.begun, 50);
	assert_int_equal(l.result.elapsed, 50 * MS);
	load_release(&l);
}

/*
 * It stands still for a second: a tenth of the calls wait 1 s, 0.99 s, 0.98 s ... Whether they all are under way or but
 * one of them, each has waited since it was due.
 */
static void test_open_stall(void **unused)
{
	static const uint32_t most[] = { 1000, 1 };

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(most); i++) {
		struct load l;

		fn_reset(10 * US);
		fn.stall = START + 5 * S;
		fn.go = START + 6 * S;
		begin(&l, (struct load_spec){ .rate = 100, .duration = 10 * S, .concurrency = most[i] });
		run(&l);
		assert_int_equal(l.result.calls[LOAD_OK], 1000);
		assert_in_range(hist_percentile(&l.result.warm, 89), 10 * US, 11 * US);
		assert_in_range(hist_percentile(&l.result.warm, 95), 480 * MS, 520 * MS);
		assert_in_range(hist_percentile(&l.result.warm, 99), 890 * MS, 920 * MS);
		assert_in_range(l.result.warm.max, S, S + 20 * US);
		assert_int_equal(fn.most, most[i] == 1 ? 1 : 101);
		/* what waited for room is told apart from what this machine was late with */
		assert_in_range(l.result.limited, most[i] == 1 ? 99 : 0, most[i] == 1 ? 100 : 0);
		assert_int_equal(l.result.late.max, 0);
		assert_int_equal(l.result.seconds.ptr[5].ok, 0);
		assert_in_range(l.result.seconds.ptr[6].max, S, S + 20 * US);
		/* nothing was served for so long; else the next answer was there 10 µs after its call was due */
		assert_in_range(l.result.pause, S, S + 20 * US);
		assert_in_range(l.result.pause_sum, S, S + 1001 * 10 * US);
		load_release(&l);
	}
}

/* The same of a closed loop: measured, it is one slow call in 100,000; corrected, a tenth of the time. */
static void test_closed_stall(void **unused)
{
	struct load l;

	(void)unused;
	fn_reset(1 * MS);
	fn.stall = START + 5 * S;
	fn.go = START + 6 * S;
	begin(&l, (struct load_spec){ .concurrency = 1, .duration = 10 * S });
	run(&l);
	assert_in_range(l.result.calls[LOAD_OK], 8990, 9010);
	assert_in_range(hist_percentile(&l.result.warm, 99.9), MS, MS + US);
	assert_in_range(l.result.warm.max, S, S + 3 * MS);
	assert_in_range(l.result.expected, MS, MS + US);
	assert_in_range(l.result.corrected.n, 9980, 10020);
	assert_in_range(hist_percentile(&l.result.corrected, 95), 450 * MS, 550 * MS);
	assert_int_equal(l.result.elapsed, 10 * S);
	load_release(&l);
}

static struct load_answer fails_for_a_while(uint64_t i)
{
	return (struct load_answer){ .outcome = i >= 100 && i < 150 ? LOAD_FAILED : LOAD_OK };
}

/* An answer that did not go well serves nobody; neither is idle time a pause, nor what came before it counted. */
static void test_pause(void **unused)
{
	struct load l;

	(void)unused;
	fn_reset(1 * MS);
	fn.answer_of = fails_for_a_while;
	begin(&l, (struct load_spec){ .rate = 100, .duration = 2 * S });
	run(&l);
	assert_int_equal(l.result.calls[LOAD_FAILED], 50);
	assert_int_equal(l.result.pause, 501 * MS);
	assert_int_equal(l.result.pauses, 150);
	assert_int_equal(l.result.pause_sum, 149 * MS + 501 * MS);
	load_release(&l);
	/* the same in the warm-up, but for its last 50 ms */
	fn_reset(1 * MS);
	fn.answer_of = fails_for_a_while;
	begin(&l, (struct load_spec){ .rate = 100, .warmup = 1450 * MS, .duration = S });
	run(&l);
	assert_int_equal(l.result.pause, 51 * MS);
	load_release(&l);
	/* to the end */
	fn_reset(1 * MS);
	fn.stall = START + 500 * MS;
	fn.go = START + 3600 * S;
	begin(&l, (struct load_spec){ .rate = 100, .duration = 1 * S, .drain = 2 * S });
	run(&l);
	assert_int_equal(l.result.calls[LOAD_OK], 50);
	assert_int_equal(l.result.pause, 2500 * MS);
	load_release(&l);
}

static void test_closed(void **unused)
{
	struct load l;

	(void)unused;
	fn_reset(2 * MS);
	begin(&l, (struct load_spec){ .concurrency = 8, .requests = 1001 });
	assert_int_equal(fn.begun, 8);
	run(&l);
	assert_int_equal(fn.begun, 1001);
	assert_int_equal(fn.most, 8);
	assert_int_equal(l.result.calls[LOAD_OK], 1001);
	assert_int_equal(l.result.elapsed, 126 * 2 * MS);
	assert_int_equal(l.result.late.n, 0);
	load_release(&l);
	/* answers that come from inside of start(): neither a deep stack, nor a loop that never looks up */
	fn_reset(0);
	fn.at_once = true;
	fn.answer = (struct load_answer){ .outcome = LOAD_REFUSED, .status = 429, .error = "TooManyRequests" };
	begin(&l, (struct load_spec){ .concurrency = 3, .requests = 100000 });
	assert_in_range(fn.begun, 1, 1000);
	assert_int_equal(l.next, START);
	run(&l);
	assert_int_equal(l.result.calls[LOAD_REFUSED], 100000);
	assert_int_equal(l.result.failed.n, 100000);
	assert_int_equal(l.result.nerrors, 1);
	assert_int_equal(l.result.errors[0].n, 100000);
	assert_int_equal(l.result.errors[0].status, 429);
	assert_string_equal(l.result.errors[0].text, "TooManyRequests");
	load_release(&l);
}

static struct load_answer cold_at_first(uint64_t i)
{
	return (struct load_answer){ .cold = i < 4 || i == 500, .init = i < 4 || i == 500 ? 3 * MS : 0 };
}

static void test_warmup(void **unused)
{
	static const uint32_t rate[] = { 100, 0 };

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(rate); i++) {
		struct load l;

		fn_reset(10 * MS);
		fn.answer_of = cold_at_first;
		begin(&l, (struct load_spec){ .rate = rate[i], .concurrency = rate[i] ? 0 : 1, .warmup = 2 * S,
					      .duration = 10 * S });
		run(&l);
		assert_int_equal(l.result.warmup_calls, 200);
		assert_int_equal(l.result.warmup_colds, 4);
		assert_int_equal(load_result_calls(&l.result), 1000);
		assert_int_equal(l.result.warm.n, 999);
		assert_int_equal(l.result.cold.n, 1);
		assert_int_equal(l.result.init.n, 1);
		assert_int_equal(l.result.colds.len, 1);
		assert_int_equal(l.result.colds.ptr[0].latency, 10 * MS);
		assert_int_equal(l.result.colds.ptr[0].init, 3 * MS);
		assert_int_equal(l.result.elapsed, 10 * S);
		assert_in_range(l.result.seconds.len, 10, 11);
		load_release(&l);
	}
}

/* It never answers: what is under way is given up, what was never begun has waited, too. */
static void test_silence(void **unused)
{
	struct load l;

	(void)unused;
	fn_reset(0);
	fn.silent = true;
	begin(&l, (struct load_spec){ .rate = 100, .concurrency = 10, .duration = S, .drain = 2 * S });
	run(&l);
	assert_int_equal(now, START + 3 * S);
	assert_int_equal(fn.cancelled, 10);
	assert_int_equal(l.result.calls[LOAD_ABANDONED], 10);
	assert_int_equal(l.result.calls[LOAD_UNSENT], 90);
	assert_int_equal(l.result.failed.n, 100);
	assert_int_equal(l.result.failed.max, 3 * S);
	assert_int_equal(l.result.failed.min, 2 * S + 10 * MS);
	load_release(&l);
	fn_reset(0);
	fn.silent = true;
	begin(&l, (struct load_spec){ .concurrency = 4, .duration = S });
	run(&l);
	assert_int_equal(now, START + S + LOAD_DRAIN);
	assert_int_equal(l.result.calls[LOAD_ABANDONED], 4);
	assert_int_equal(fn.cancelled, 4);
	load_release(&l);
}

static void test_stop(void **unused)
{
	struct load l;

	(void)unused;
	fn_reset(300 * MS);
	begin(&l, (struct load_spec){ .rate = 10, .duration = 100 * S });
	run_until(&l, START + 2 * S);
	now = START + 2 * S + 50 * MS;
	load_stop(&l);
	assert_true(l.over);
	assert_true(l.result.interrupted);
	assert_int_equal(l.result.calls[LOAD_OK], 18);
	assert_int_equal(load_result_calls(&l.result), 18);
	assert_int_equal(fn.cancelled, 3);
	assert_int_equal(l.result.elapsed, 2 * S + 50 * MS);
	load_stop(&l);
	assert_int_equal(fn.cancelled, 3);
	load_release(&l);
	/* released in the middle of it */
	fn_reset(300 * MS);
	begin(&l, (struct load_spec){ .concurrency = 2, .duration = 100 * S });
	load_release(&l);
	assert_int_equal(fn.cancelled, 2);
}

static struct load_answer all_sorts(uint64_t i)
{
	static char text[64];

	snprintf(text, sizeof(text), "Kind%d", (int)(i % 20));
	return (struct load_answer){ .outcome = i % 2 ? LOAD_CRASHED : LOAD_TIMEOUT,
				     .status = 502,
				     .error = i == 39 ? NULL : text };
}

/* Calls that are told of 3 ms after their answer came, as by a target that has to tidy up between two. */
static void test_told_late(void **unused)
{
	struct load l;

	(void)unused;
	fn_reset(5 * MS);
	begin(&l, (struct load_spec){ .concurrency = 1, .requests = 2 });
	for (int i = 0; i < 2; i++) {
		struct load_call *c = fn.queue.ptr[i].call;

		now = c->sent + 8 * MS;
		load_done(c, &(struct load_answer){ .cold = true, .at = c->sent + 5 * MS });
	}
	assert_true(l.over);
	assert_int_equal(l.result.cold.n, 2);
	assert_int_equal(l.result.cold.max, 5 * MS);
	assert_int_equal(fn.due.ptr[1], START + 8 * MS);
	assert_int_equal(l.result.elapsed, 13 * MS);
	load_release(&l);
}

static void test_errors(void **unused)
{
	struct load l;

	(void)unused;
	fn_reset(MS);
	fn.answer_of = all_sorts;
	begin(&l, (struct load_spec){ .concurrency = 1, .requests = 40 });
	run(&l);
	assert_int_equal(l.result.calls[LOAD_TIMEOUT], 20);
	assert_int_equal(l.result.calls[LOAD_CRASHED], 20);
	assert_int_equal(l.result.nerrors, LOAD_ERRORS_MAX);
	assert_int_equal(l.result.errors[3].n, 2);
	assert_string_equal(l.result.errors[3].text, "Kind3");
	assert_int_equal(l.result.errors_other, 8);
	assert_int_equal(l.result.seconds.ptr[0].failed, 40);
	load_release(&l);
}

/* ---- by the loop and the real clock ---- */

static struct loop loop;
static struct loop_timer later;
static VEC(struct load_call *) waiting;
static int over;

static void answer_all(struct loop_timer *t)
{
	static const struct load_answer ok = { .outcome = LOAD_OK };

	(void)t;
	for (size_t i = 0; i < waiting.len; i++)
		load_done(waiting.ptr[i], &ok);
	waiting.len = 0;
}

static void start_later(struct load_call *c, void *ctx)
{
	(void)ctx;
	VEC_PUSH(&waiting, c);
	if (!later.place)
		loop_timer_set(&loop, &later, 100 * US);
}

static void on_over(struct load *l)
{
	over++;
	assert_true(l->over);
	loop_stop(&loop);
}

static void test_loop(void **unused)
{
	static const struct load_target real = { start_later, cancel, NULL };
	static const struct load_spec spec[] = { { .rate = 2000, .requests = 400 },
						 { .concurrency = 4, .requests = 100 },
						 { .concurrency = 4, .duration = 30 * MS } };
	struct err err;

	(void)unused;
	assert_int_equal(loop_init(&loop, &err), 0);
	later.expired = answer_all;
	for (size_t i = 0; i < ARRAY_LEN(spec); i++) {
		struct load l;
		const uint64_t before = loop_clock();

		over = 0;
		load_init(&l, &spec[i], &real);
		assert_int_equal(load_start(&l, &loop, on_over, &err), 0);
		assert_int_equal(over, 0);
		assert_int_equal(loop_run(&loop, &err), 0);
		assert_int_equal(over, 1);
		assert_int_equal(l.result.calls[LOAD_OK], load_result_calls(&l.result));
		if (spec[i].requests)
			assert_int_equal(l.result.calls[LOAD_OK], spec[i].requests);
		else
			assert_true(l.result.calls[LOAD_OK] > 4);
		/* the schedule has been kept: 400 calls, one each half millisecond */
		if (spec[i].rate)
			assert_true(loop_clock() - before >= 199 * MS && l.result.late.n == 400);
		assert_int_equal(l.timer.fd, -1);
		load_release(&l);
	}
	VEC_FREE(&waiting);
	loop_release(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_no_drift),
		cmocka_unit_test(test_open_stall),
		cmocka_unit_test(test_closed_stall),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_warmup),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_loop),
		cmocka_unit_test(test_told_late),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	VEC_FREE(&fn.queue);
	VEC_FREE(&fn.due);
	return failed;
}
