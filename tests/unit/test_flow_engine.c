/* SPDX-License-Identifier: Apache-2.0 */
#include "test_flow_util.h"

static void test_heartbeat(void **state)
{
	struct run r;

	(void)state;
	run_open(&r, ONE(TASK ",\"TimeoutSeconds\":5,\"HeartbeatSeconds\":2" END));
	run_begin(&r, "{}");
	assert_int_equal(flow_execution_due(r.x), RUN_START + 2000);
	r.now += 1500;
	assert_true(run_tell(&r, (struct flow_event){ .kind = FLOW_EV_BEAT, .task = r.calls.ptr[0].task }));
	assert_int_equal(flow_execution_due(r.x), RUN_START + 3500);
	assert_false(run_tell(&r, (struct flow_event){ .kind = FLOW_EV_BEAT, .task = 99 }));
	r.now += 1500;
	run_tell(&r, (struct flow_event){ .kind = FLOW_EV_BEAT, .task = r.calls.ptr[0].task });
	r.now += 1500;
	run_tell(&r, (struct flow_event){ .kind = FLOW_EV_BEAT, .task = r.calls.ptr[0].task });
	/* the timeout of all comes before that of the next beat */
	assert_int_equal(flow_execution_due(r.x), RUN_START + 5000);
	run_on(&r, ANSWERS("..."));
	assert_string_equal(run_result(&r), "FAILED States.Timeout: -");
	run_close(&r);
}

static void test_retry(void **state)
{
	struct run r;

	(void)state;
	/* 1, 2, 4 seconds, then it is over */
	run_open(&r, ONE(TASK ",\"Retry\":[{\"ErrorEquals\":[\"E\"]}]" END));
	run_begin(&r, "{}");
	run_on(&r, ANSWERS("! E", "! E", "! E", "! E last"));
	assert_string_equal(run_result(&r), "FAILED E: last");
	assert_int_equal(r.now - RUN_START, 7000);
	assert_string_equal(r.log.ptr, "f {}\nf {} retry 1\nf {} retry 2\nf {} retry 3\n");
	run_close(&r);

	/* MaxDelaySeconds, and what another retrier did does not count */
	run_open(&r, ONE(TASK ",\"Retry\":[{\"ErrorEquals\":[\"E\"],\"IntervalSeconds\":4,\"BackoffRate\":3,"
			      "\"MaxDelaySeconds\":10,\"MaxAttempts\":2},{\"ErrorEquals\":[\"States.ALL\"],"
			      "\"IntervalSeconds\":1,\"BackoffRate\":1,\"MaxAttempts\":2}]" END));
	run_begin(&r, "{}");
	run_on(&r, ANSWERS("! E", "! F", "! E", "! F", "= 1"));
	assert_string_equal(run_result(&r), "SUCCEEDED 1");
	assert_int_equal(r.now - RUN_START, 4000 + 1000 + 10000 + 1000);
	run_close(&r);

	run_open(&r, ONE(TASK ",\"Retry\":[{\"ErrorEquals\":[\"E\"],\"MaxAttempts\":0},"
			      "{\"ErrorEquals\":[\"States.ALL\"]}]" END));
	run_begin(&r, "{}");
	run_on(&r, ANSWERS("! E never"));
	assert_string_equal(run_result(&r), "FAILED E: never");
	run_close(&r);

	/* JitterStrategy FULL: anything up to the delay, and the same again with the same seed */
	run_open(&r, ONE(TASK ",\"Retry\":[{\"ErrorEquals\":[\"E\"],\"IntervalSeconds\":100,"
			      "\"JitterStrategy\":\"FULL\"}]" END));
	run_begin(&r, "{}");
	run_on(&r, ANSWERS("! E", "= 1"));
	assert_in_range(r.now - RUN_START, 0, 100000);
	assert_int_not_equal((r.now - RUN_START) % 1000, 0);
	run_close(&r);

	/* the count is the context object's, and Parameters are made anew */
	runs(ONE(TASK ",\"Parameters\":{\"n.$\":\"$$.State.RetryCount\"},\"Retry\":[{\"ErrorEquals\":[\"E\"]}]" END),
	     "{}", ANSWERS("! E", "= 1"), "SUCCEEDED 1", "f {\"n\":0}\nf {\"n\":1} retry 1\n",
	     "ExecutionStarted TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionFailed "
	     "LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionSucceeded TaskStateExited "
	     "ExecutionSucceeded");
	/* what a task does not do in time is tried again */
	runs(ONE(TASK ",\"TimeoutSeconds\":1,\"Retry\":[{\"ErrorEquals\":[\"States.Timeout\"]}]" END), "{}",
	     ANSWERS("...", "= 1"), "SUCCEEDED 1", "f {} within 1000 ms\ncancel f\nf {} within 1000 ms retry 1\n",
	     NULL);
}

#define CAUGHT(errors)                                                                                                 \
	"{\"StartAt\":\"A\",\"States\":{\"A\":{" TASK ",\"Catch\":[{\"ErrorEquals\":[" errors                          \
	"],\"ResultPath\":\"$.e\",\"Next\":\"C\"}],\"End\":true},\"C\":{\"Type\":\"Succeed\"}}}"

static void test_catch(void **state)
{
	static const struct {
		const char *errors, *error;
		bool caught;
	} cases[] = {
		{ "\"E\"", "E", true },
		{ "\"F\",\"E\"", "E", true },
		{ "\"F\"", "E", false },
		{ "\"States.ALL\"", "E", true },
		{ "\"States.ALL\"", "States.Timeout", true },
		{ "\"States.ALL\"", "States.Runtime", false },
		{ "\"States.ALL\"", "States.DataLimitExceeded", false },
		{ "\"States.DataLimitExceeded\"", "States.DataLimitExceeded", true },
		{ "\"States.Runtime\"", "States.Runtime", false },
		{ "\"States.TaskFailed\"", "E", true },
		{ "\"States.TaskFailed\"", "States.Timeout", false },
		{ "\"States.Timeout\"", "States.Timeout", true },
		{ "\"States.Timeout\"", "States.HeartbeatTimeout", true },
		{ "\"States.HeartbeatTimeout\"", "States.HeartbeatTimeout", true },
		{ "\"States.HeartbeatTimeout\"", "States.Timeout", false },
	};

	(void)state;
	runs(CAUGHT("\"E\""), "{\"a\":1}", ANSWERS("! E why"),
	     "SUCCEEDED {\"a\":1,\"e\":{\"Error\":\"E\",\"Cause\":\"why\"}}", NULL,
	     "ExecutionStarted TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionFailed "
	     "TaskStateExited SucceedStateEntered SucceedStateExited ExecutionSucceeded");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_FREE char *machine = xasprintf("{\"StartAt\":\"A\",\"States\":{\"A\":{" TASK
						     ",\"Catch\":[{\"ErrorEquals\":[%s],\"Next\":\"C\"}],"
						     "\"End\":true},\"C\":{\"Type\":\"Succeed\"}}}",
						     cases[i].errors);
		CLEAN_FREE char *answer = xasprintf("! %s", cases[i].error);

		if (strncmp(run_whole(machine, "{}", ANSWERS(answer)), cases[i].caught ? "SUCC" : "FAIL", 4) != 0)
			fail_msg("%s and %s", cases[i].errors, cases[i].error);
	}
	/* what ResultSelector does wrong is no Runtime error */
	runs("{\"StartAt\":\"A\",\"States\":{\"A\":{" TASK
	     ",\"ResultSelector\":{\"n.$\":\"States.ArrayLength($)\"},\"Catch\":[{\"ErrorEquals\":[\"States.Intrinsi"
	     "cFailure\"],\"Next\":\"C\"}],\"End\":true},\"C\":{\"Type\":\"Pass\",\"Result\":1,\"End\":true}}}",
	     "{}", ANSWERS("= 5"), "SUCCEEDED 1", NULL, NULL);
}

static void test_parallel(void **state)
{
	(void)state;
	runs(ONE("\"Type\":\"Parallel\",\"Branches\":[" BRANCH("P", "\"Type\":\"Pass\",\"Result\":1" END) "," BRANCH(
		     "Q", TASK END) "],\"ResultPath\":\"$.r\"" END),
	     "{\"a\":1}", ANSWERS("= 2"), "SUCCEEDED {\"a\":1,\"r\":[1,2]}", "f {\"a\":1}\n",
	     "ExecutionStarted ParallelStateEntered ParallelStateStarted PassStateEntered PassStateExited "
	     "TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionSucceeded "
	     "TaskStateExited ParallelStateSucceeded ParallelStateExited ExecutionSucceeded");
	/* one fails: the others are ended */
	runs(ONE("\"Type\":\"Parallel\",\"Branches\":[" BRANCH("P", TASK END) "," BRANCH("Q", TASK END) "," BRANCH(
		     "R", "\"Type\":\"Wait\",\"Seconds\":9" END) "]" END),
	     "{}", ANSWERS("! E why"), "FAILED E: why", "f {}\nf {}\ncancel f\n",
	     "ExecutionStarted ParallelStateEntered ParallelStateStarted TaskStateEntered LambdaFunctionScheduled "
	     "LambdaFunctionStarted TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted "
	     "WaitStateEntered LambdaFunctionFailed WaitStateAborted TaskStateAborted ParallelStateFailed "
	     "ExecutionFailed");
	/* and all of it is tried again, then caught */
	runs("{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Parallel\",\"Branches\":[" BRANCH(
		     "P",
		     TASK END) "," BRANCH("Q",
					  TASK END) "],\"Retry\":[{\"ErrorEquals\":[\"States.BranchFailed\"],"
						    "\"MaxAttempts\":1}],\"Catch\":[{\"ErrorEquals\":[\"E\"],"
						    "\"Next\":\"C\"}],\"End\":true},\"C\":{\"Type\":\"Succeed\"}}}",
	     "{}", ANSWERS("! E", "= 1", "! E why"), "SUCCEEDED {\"Error\":\"E\",\"Cause\":\"why\"}",
	     "f {}\nf {}\ncancel f\nf {}\nf {}\n", NULL);
	/* what is wrong inside fails all, whatever is caught */
	is(ONE("\"Type\":\"Parallel\",\"Branches\":[" BRANCH(
		   "P", "\"Type\":\"Pass\",\"InputPath\":\"$.b\"" END) "],\"Catch\":["
								       "{\"ErrorEquals\":[\"States.ALL\"],"
								       "\"Next\":\"A\"}]" END),
	   "{}",
	   "FAILED States.Runtime: An error occurred while executing the state 'P' (entered at the event id #4). "
	   "Invalid path '$.b': there is no such name");
}

static void test_map(void **state)
{
	(void)state;
	runs(ONE(MAP("\"ItemsPath\":\"$.l\",\"ResultPath\":\"$.r\",", BRANCH("P", "\"Type\":\"Pass\"" END))),
	     "{\"l\":[1,{\"x\":2}]}", ANSWERS(NULL), "SUCCEEDED {\"l\":[1,{\"x\":2}],\"r\":[1,{\"x\":2}]}", "",
	     "ExecutionStarted MapStateEntered MapStateStarted MapIterationStarted MapIterationStarted "
	     "PassStateEntered PassStateExited MapIterationSucceeded PassStateEntered PassStateExited "
	     "MapIterationSucceeded MapStateSucceeded MapStateExited ExecutionSucceeded");
	runs(ONE(MAP("", BRANCH("P", "\"Type\":\"Pass\"" END))), "[]", ANSWERS(NULL), "SUCCEEDED []", "",
	     "ExecutionStarted MapStateEntered MapStateStarted MapStateSucceeded MapStateExited ExecutionSucceeded");
	runs(ONE(MAP("\"ItemsPath\":\"$.l\",\"ItemSelector\":{\"i.$\":\"$$.Map.Item.Index\","
		     "\"v.$\":\"$$.Map.Item.Value\",\"k.$\":\"$.k\"},",
		     BRANCH("P",
			    "\"Type\":\"Pass\",\"Parameters\":{\"in.$\":\"$\",\"i.$\":\"$$.Map.Item.Index\"}" END))),
	     "{\"l\":[\"a\",\"b\"],\"k\":7}", ANSWERS(NULL),
	     "SUCCEEDED [{\"in\":{\"i\":0,\"v\":\"a\",\"k\":7},\"i\":0},{\"in\":{\"i\":1,\"v\":\"b\",\"k\":7},"
	     "\"i\":1}]",
	     "", NULL);
	/* two at a time: the third begins when one is over */
	runs(ONE(MAP("\"MaxConcurrency\":2,", BRANCH("P", TASK END))), "[1,2,3]", ANSWERS("= 10", "= 20", "= 30"),
	     "SUCCEEDED [10,20,30]", "f 1\nf 2\nf 3\n",
	     "ExecutionStarted MapStateEntered MapStateStarted MapIterationStarted MapIterationStarted "
	     "TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted TaskStateEntered "
	     "LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionSucceeded TaskStateExited "
	     "MapIterationSucceeded MapIterationStarted TaskStateEntered LambdaFunctionScheduled "
	     "LambdaFunctionStarted LambdaFunctionSucceeded TaskStateExited MapIterationSucceeded "
	     "LambdaFunctionSucceeded TaskStateExited MapIterationSucceeded MapStateSucceeded MapStateExited "
	     "ExecutionSucceeded");
	runs(ONE(MAP("\"MaxConcurrencyPath\":\"$.n\",\"ItemsPath\":\"$.l\",", BRANCH("P", TASK END))),
	     "{\"n\":1,\"l\":[1,2]}", ANSWERS("= 1", "! E why"), "FAILED E: why", "f 1\nf 2\n",
	     "ExecutionStarted MapStateEntered MapStateStarted MapIterationStarted TaskStateEntered "
	     "LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionSucceeded TaskStateExited "
	     "MapIterationSucceeded MapIterationStarted TaskStateEntered LambdaFunctionScheduled "
	     "LambdaFunctionStarted LambdaFunctionFailed MapIterationFailed MapStateFailed ExecutionFailed");
	runs(ONE(MAP("", BRANCH("P", TASK END))), "[1,2]", ANSWERS("! E"), "FAILED E: -", "f 1\nf 2\ncancel f\n",
	     "ExecutionStarted MapStateEntered MapStateStarted MapIterationStarted MapIterationStarted "
	     "TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted TaskStateEntered "
	     "LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionFailed MapIterationFailed "
	     "TaskStateAborted MapIterationAborted MapStateFailed ExecutionFailed");
	is(ONE(MAP("", BRANCH("P", "\"Type\":\"Pass\"" END))), "{}",
	   "FAILED States.Runtime: An error occurred while executing the state 'A' (entered at the event id #2). "
	   "Reference path \"$\" must point to array.");
	/* a Map in a Map: $$.Map.Item is the inner one's */
	is(ONE(MAP("",
		   BRANCH("I",
			  MAP("",
			      BRANCH("P", "\"Type\":\"Pass\",\"Parameters\":{\"v.$\":\"$$.Map.Item.Value\"}" END))))),
	   "[[1,2],[3]]", "SUCCEEDED [[{\"v\":1},{\"v\":2}],[{\"v\":3}]]");
}

static void test_limits(void **state)
{
	CLEAN_BUF struct buf in = BUF_INIT, expect = BUF_INIT;
	struct run r;

	(void)state;
	buf_addz(&in, "{\"s\":\"");
	for (unsigned i = 0; i < 140000; i++)
		buf_addc(&in, 'x');
	buf_addz(&in, "\"}");
	is(ONE("\"Type\":\"Pass\",\"ResultPath\":\"$.r\"" END), in.ptr,
	   "FAILED States.DataLimitExceeded: The state/task 'A' returned a result with a size exceeding the "
	   "maximum number of bytes service limit.");
	is(ONE("\"Type\":\"Pass\",\"Parameters\":{\"a.$\":\"$\",\"b.$\":\"$\"}" END), in.ptr,
	   "FAILED States.DataLimitExceeded: The state/task 'A' returned a result with a size exceeding the "
	   "maximum number of bytes service limit.");
	/* 262,144 bytes are let through, one more is not */
	buf_reset(&in);
	buf_addz(&in, "= \"");
	for (unsigned i = 0; i < 262144 - 2; i++)
		buf_addc(&in, 'x');
	buf_addz(&in, "\"");
	assert_true(starts_with(run_whole(ONE(TASK END), "{}", ANSWERS(in.ptr)), "SUCCEEDED \"xxx"));
	in.ptr[in.len - 1] = 'x';
	buf_addz(&in, "\"");
	runs(ONE(TASK END), "{}", ANSWERS(in.ptr),
	     "FAILED States.DataLimitExceeded: The state/task 'arn:aws:lambda:us-east-1:123456789012:function:f' "
	     "returned a result with a size exceeding the maximum number of bytes service limit.",
	     NULL, NULL);
	/* nesting grows in a loop until it is too deep */
	is("{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"Parameters\":{\"a.$\":\"$\"},\"Next\":\"B\"},"
	   "\"B\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$.never\",\"IsPresent\":true,\"Next\":\"C\"}],"
	   "\"Default\":\"A\"},\"C\":{\"Type\":\"Succeed\"}}}",
	   "{}",
	   "FAILED States.DataLimitExceeded: The state/task 'A' returned a result with a size exceeding the "
	   "maximum number of bytes service limit.");
	/* a loop without a wait gives the caller its turn, and the clock ends it */
	run_open(&r, "{\"TimeoutSeconds\":1,\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"Next\":\"B\"},"
		     "\"B\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$.never\",\"IsPresent\":true,"
		     "\"Next\":\"C\"}],\"Default\":\"A\"},\"C\":{\"Type\":\"Succeed\"}}}");
	run_begin(&r, "{}");
	assert_int_equal(flow_execution_due(r.x), 0);
	assert_int_equal(flow_execution_steps(r.x), FLOW_STEPS_MAX);
	r.now += 999;
	run_tell(&r, (struct flow_event){ .kind = FLOW_EV_TIME });
	assert_int_equal(flow_execution_status(r.x), FLOW_RUNNING);
	r.now += 1;
	run_tell(&r, (struct flow_event){ .kind = FLOW_EV_TIME });
	assert_string_equal(run_result(&r), "TIMED_OUT -: -");
	run_close(&r);
	/* or, without a clock, the length of its history */
	run_open(&r, "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"Next\":\"B\"},"
		     "\"B\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$.never\",\"IsPresent\":true,"
		     "\"Next\":\"C\"}],\"Default\":\"A\"},\"C\":{\"Type\":\"Succeed\"}}}");
	run_begin(&r, "{}");
	for (unsigned n = 0; n < FLOW_EVENTS_MAX / FLOW_STEPS_MAX && !flow_execution_status(r.x); n++)
		run_tell(&r, (struct flow_event){ .kind = FLOW_EV_TIME });
	assert_string_equal(run_result(&r), "FAILED States.Runtime: The execution reached the maximum number of "
					    "history events (1000000).");
	assert_in_range(flow_execution_events(r.x), FLOW_EVENTS_MAX, FLOW_EVENTS_MAX + 4 * FLOW_STEPS_MAX);
	run_close(&r);
}

static void test_stop(void **state)
{
	struct run r;

	(void)state;
	run_open(&r, ONE(MAP("", BRANCH("P", TASK END))));
	run_begin(&r, "[1,2]");
	r.now += 5;
	assert_true(run_tell(&r, (struct flow_event){ .kind = FLOW_EV_STOP, .error = "Enough", .cause = "said so" }));
	assert_string_equal(run_result(&r), "ABORTED Enough: said so");
	assert_string_equal(r.log.ptr, "f 1\nf 2\ncancel f\ncancel f\n");
	assert_int_equal(flow_execution_ended(r.x), RUN_START + 5);
	assert_int_equal(flow_execution_due(r.x), FLOW_NEVER);
	assert_false(run_tell(&r, (struct flow_event){ .kind = FLOW_EV_TIME }));
	run_close(&r);
}

static void test_lines(void **state)
{
	CLEAN_BUF struct buf in = BUF_INIT;
	struct run r;

	(void)state;
	/* of 30,000 iterations that may run side by side, two lines each, no more begin than there is room for */
	buf_addc(&in, '[');
	for (unsigned i = 0; i < 30000; i++)
		buf_addz(&in, i ? ",1" : "1");
	buf_addc(&in, ']');
	run_open(&r, ONE(MAP("\"MaxConcurrency\":30000,",
			     BRANCH("Q", "\"Type\":\"Parallel\",\"Branches\":[" BRANCH("T", TASK END) "," BRANCH(
						 "W", "\"Type\":\"Wait\",\"Seconds\":1" END) "]" END))));
	run_begin(&r, in.ptr);
	while (!flow_execution_due(r.x))
		run_tell(&r, (struct flow_event){ .kind = FLOW_EV_TIME });
	assert_in_range(r.calls.len, FLOW_LINES_MAX / 4, FLOW_LINES_MAX);
	run_tell(&r, (struct flow_event){ .kind = FLOW_EV_STOP });
	assert_int_equal(r.calls.len, 0);
	run_close(&r);

	/* and all are run in the end */
	run_open(&r, ONE(MAP("\"MaxConcurrency\":30000,\"ResultSelector\":{\"n.$\":\"States.ArrayLength($)\"},",
			     BRANCH("W", "\"Type\":\"Wait\",\"Seconds\":1" END))));
	run_begin(&r, in.ptr);
	run_on(&r, ANSWERS(NULL));
	assert_string_equal(run_result(&r), "SUCCEEDED {\"n\":30000}");
	assert_int_equal(r.now - RUN_START, 4000);
	run_close(&r);

	/* one of many that have begun fails */
	run_open(&r, ONE(MAP("\"MaxConcurrency\":30000,", BRANCH("F", "\"Type\":\"Fail\",\"Error\":\"E\""))));
	run_begin(&r, in.ptr);
	assert_string_equal(run_result(&r), "FAILED E: -");
	assert_string_equal(flow_execution_where(r.x)->name, "F");
	run_close(&r);
}

static void test_where(void **state)
{
	struct run r;

	(void)state;
	run_open(&r, "{\"StartAt\":\"A\",\"States\":{\"A\":{" TASK
		     ",\"Catch\":[{\"ErrorEquals\":[\"E\"],\"Next\":\"B\"}],\"End\":true},\"B\":{\"Type\":\"Pass\","
		     "\"InputPath\":\"$.x\",\"End\":true}}}");
	run_begin(&r, "{}");
	assert_null(flow_execution_where(r.x));
	run_on(&r, ANSWERS("! E"));
	assert_int_equal(flow_execution_status(r.x), FLOW_FAILED);
	assert_string_equal(flow_execution_where(r.x)->path, "States.B");
	run_close(&r);
}

static void test_clock(void **state)
{
	struct run r;

	(void)state;
	run_open(&r, ONE("\"Type\":\"Wait\",\"Seconds\":10" END));
	run_begin(&r, "{}");
	/* too early: nothing has changed, and nothing is remembered */
	r.now += 9999;
	assert_false(run_tell(&r, (struct flow_event){ .kind = FLOW_EV_TIME }));
	assert_false(run_tell(&r, (struct flow_event){ .kind = FLOW_EV_DONE, .task = 1 }));
	r.now = RUN_START + 10000;
	assert_true(run_tell(&r, (struct flow_event){ .kind = FLOW_EV_TIME }));
	assert_int_equal(flow_execution_ended(r.x), RUN_START + 10000);
	run_close(&r);
}

static const char everything[] =
	"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Parallel\",\"Branches\":[{\"StartAt\":\"W\","
	"\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":3,\"Next\":\"U\"},\"U\":{\"Type\":\"Pass\","
	"\"Parameters\":{\"u.$\":\"States.UUID()\",\"n.$\":\"States.MathRandom(0, 1000000)\"},\"End\":true}}},"
	"{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"ItemsPath\":\"$.l\",\"MaxConcurrency\":2,"
	"\"ItemProcessor\":{\"StartAt\":\"T\",\"States\":{\"T\":{" TASK ",\"TimeoutSeconds\":10,"
	"\"Retry\":[{\"ErrorEquals\":[\"E\"],\"JitterStrategy\":\"FULL\"}],\"Catch\":[{\"ErrorEquals\":[\"F\"],"
	"\"Next\":\"O\"}],\"End\":true},\"O\":{\"Type\":\"Pass\",\"Result\":\"caught\",\"End\":true}}},"
	"\"End\":true}}}],"
	"\"ResultPath\":\"$.r\",\"Next\":\"Z\"},\"Z\":{" TASK ",\"ResultPath\":\"$.z\",\"End\":true}}}";

/* The journal read again: the same history to the byte, and the same state. */
static struct flow_execution *replay(struct run *to, const struct run *from, size_t lines, const char *input)
{
	const char *p = from->journal.ptr;
	struct flow_sink sink;

	run_open(to, everything);
	to->want_full = true;
	run_begin(to, input);
	sink = run_sink(to);
	for (size_t i = 0; i < lines; i++) {
		const char *end = strchr(p, '\n');
		struct flow_event_read read;
		struct err err = ERR_INIT;

		assert_int_equal(flow_event_parse(p, (size_t)(end - p), &read, &err), 0);
		to->now = read.ev.now;
		for (size_t k = 0; k < to->calls.len; k++) {
			if (to->calls.ptr[k].task == read.ev.task) {
				call_drop(to, k);
				break;
			}
		}
		flow_execution_tell(to->x, &read.ev, &sink);
		flow_event_release(&read);
		p = end + 1;
	}
	return to->x;
}

static void test_replay(void **state)
{
	static const char input[] = "{\"l\":[1,2,3]}";
	const char *const *answers = ANSWERS("! E", "= 2", "! F no", "= 1", "= \"end\"");
	struct run r, again;
	size_t lines = 0;

	(void)state;
	run_open(&r, everything);
	r.want_full = true;
	run_begin(&r, input);
	run_on(&r, answers);
	assert_int_equal(flow_execution_status(r.x), FLOW_SUCCEEDED);
	assert_non_null(strstr(run_result(&r), "\"caught\""));
	assert_non_null(strstr(run_result(&r), "\"z\":\"end\"}"));
	for (const char *p = r.journal.ptr; *p; p++)
		lines += *p == '\n';
	assert_in_range(lines, 6, 20);
	replay(&again, &r, lines, input);
	assert_string_equal(again.full.ptr, r.full.ptr);
	assert_string_equal(again.log.ptr, r.log.ptr);
	run_close(&again);
	/* Killed behind each of its events: what is under way is given out once more, and it comes to an end. */
	for (size_t n = 0; n < lines; n++) {
		CLEAN_BUF struct buf asked = BUF_INIT;

		replay(&again, &r, n, input);
		assert_true(strncmp(again.full.ptr, r.full.ptr, again.full.len) == 0);
		for (size_t k = 0; k < again.calls.len; k++) {
			buf_addf(&asked, "again %s ", again.calls.ptr[k].function);
			flow_value_dump(again.calls.ptr[k].payload, &asked);
			buf_addc(&asked, '\n');
		}
		buf_reset(&again.log);
		again.now += 60000;
		assert_true(run_tell(&again, (struct flow_event){ .kind = FLOW_EV_RESUME }));
		for (const char *p = asked.ptr; *p; p = strchr(p, '\n') + 1) {
			CLEAN_FREE char *line = xstrndup(p, strcspn(p, "\n"));

			assert_non_null(strstr(again.log.ptr, line));
		}
		while (flow_execution_status(again.x) == FLOW_RUNNING) {
			if (again.calls.len) {
				run_answer(&again, "= 0");
				continue;
			}
			assert_int_not_equal(flow_execution_due(again.x), FLOW_NEVER);
			if (flow_execution_due(again.x) > again.now)
				again.now = flow_execution_due(again.x);
			run_tell(&again, (struct flow_event){ .kind = FLOW_EV_TIME });
		}
		assert_int_equal(flow_execution_status(again.x), FLOW_SUCCEEDED);
		run_close(&again);
	}
	run_close(&r);
}

static void test_history(void **state)
{
	struct run r;

	(void)state;
	run_open(&r, ONE(TASK ",\"TimeoutSeconds\":9" END));
	r.want_full = true;
	run_begin(&r, "{\"a\":1}");
	r.now += 250;
	run_on(&r, ANSWERS("! E c"));
	assert_string_equal(
		r.full.ptr,
		"{\"timestamp\":1700000000.0,\"type\":\"ExecutionStarted\",\"id\":1,\"previousEventId\":0,"
		"\"executionStartedEventDetails\":{\"input\":\"{\\\"a\\\":1}\",\"inputDetails\":{\"truncated\":false},"
		"\"roleArn\":\"arn:aws:iam::123456789012:role/r\"}}\n"
		"{\"timestamp\":1700000000.0,\"type\":\"TaskStateEntered\",\"id\":2,\"previousEventId\":1,"
		"\"stateEnteredEventDetails\":{\"name\":\"A\",\"input\":\"{\\\"a\\\":1}\","
		"\"inputDetails\":{\"truncated\":false}}}\n"
		"{\"timestamp\":1700000000.0,\"type\":\"LambdaFunctionScheduled\",\"id\":3,\"previousEventId\":2,"
		"\"lambdaFunctionScheduledEventDetails\":{\"resource\":\"arn:aws:lambda:us-east-1:123456789012:functio"
		"n:f\","
		"\"input\":\"{\\\"a\\\":1}\",\"inputDetails\":{\"truncated\":false},\"timeoutInSeconds\":9}}\n"
		"{\"timestamp\":1700000000.0,\"type\":\"LambdaFunctionStarted\",\"id\":4,\"previousEventId\":3}\n"
		"{\"timestamp\":1700000000.25,\"type\":\"LambdaFunctionFailed\",\"id\":5,\"previousEventId\":4,"
		"\"lambdaFunctionFailedEventDetails\":{\"error\":\"E\",\"cause\":\"c\"}}\n"
		"{\"timestamp\":1700000000.25,\"type\":\"ExecutionFailed\",\"id\":6,\"previousEventId\":5,"
		"\"executionFailedEventDetails\":{\"error\":\"E\",\"cause\":\"c\"}}\n");
	run_close(&r);
}

/* Whether @v is what the model of the service's API has for @shape. */
static void fits(json_t *shapes, json_t *v, const char *shape, const char *path)
{
	json_t *s = json_object_get(shapes, shape), *members = json_object_get(s, "members"), *item;
	const char *type = json_string_value(json_object_get(s, "type")), *key;
	size_t i;

	if (!type)
		fail_msg("%s: the model has no %s", path, shape);
	if (!strcmp(type, "structure")) {
		json_object_foreach(v, key, item) {
			json_t *member = json_object_get(members, key);
			CLEAN_FREE char *below = xasprintf("%s.%s", path, key);

			if (!member)
				fail_msg("%s: the model has no such member of %s", below, shape);
			fits(shapes, item, json_string_value(json_object_get(member, "shape")), below);
		}
		json_array_foreach(json_object_get(s, "required"), i, item)
			if (!json_object_get(v, json_string_value(item)))
				fail_msg("%s: %s is missing", path, json_string_value(item));
	} else if (!strcmp(type, "string")    ? !json_is_string(v)
		   : !strcmp(type, "boolean") ? !json_is_boolean(v)
					      : !json_is_number(v)) {
		fail_msg("%s: it is no %s", path, type);
	}
	if (json_object_get(s, "enum")) {
		bool known = false;

		json_array_foreach(json_object_get(s, "enum"), i, item)
			known |= !strcmp(json_string_value(item), json_string_value(v));
		if (!known)
			fail_msg("%s: the model does not know '%s'", path, json_string_value(v));
	}
}

/* All kinds of events: what an SDK reads them by is shipped with Debian's awscli. */
static void test_model(void **state)
{
	static const char model[] =
		"/usr/lib/python3/dist-packages/awscli/botocore/data/stepfunctions/2016-11-23/service-2.json";
	const struct {
		const char *machine, *input, *const *answers;
	} cases[] = {
		{ everything, "{\"l\":[1,2,3]}", ANSWERS("! E", "= 2", "! F no", "= 1", "= \"end\"") },
		{ everything, "{\"l\":[1,2,3]}", ANSWERS("! G") },
		{ everything, "{\"l\":[1]}", ANSWERS("...", "...") },
		{ ONE(INVOKE
		      ",\"Parameters\":{\"FunctionName\":\"g\"},\"TimeoutSeconds\":9,\"HeartbeatSeconds\":3" END),
		  "{}", ANSWERS("= 1") },
		{ ONE(INVOKE ",\"Parameters\":{\"FunctionName\":\"g\"}" END), "{}", ANSWERS("! E c") },
		{ ONE(INVOKE ",\"Parameters\":{\"FunctionName\":\"g\"},\"TimeoutSeconds\":9" END), "{}",
		  ANSWERS("...") },
		{ "{\"TimeoutSeconds\":3,\"StartAt\":\"A\",\"States\":{\"A\":{" TASK END "}}}", "{}", ANSWERS("...") },
		{ CAUGHT("\"E\""), "{}", ANSWERS("! E") },
		{ ONE("\"Type\":\"Fail\",\"Error\":\"E\""), "{}", ANSWERS(NULL) },
	};
	json_error_t e;
	json_t *api = json_load_file(model, 0, &e), *shapes = json_object_get(api, "shapes"), *seen = json_object();

	(void)state;
	if (!api)
		fail_msg("%s: %s (package awscli)", model, e.text);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct run r;

		run_open(&r, cases[i].machine);
		r.want_full = true;
		run_begin(&r, cases[i].input);
		run_on(&r, cases[i].answers);
		for (const char *p = r.full.ptr; *p; p = strchr(p, '\n') + 1) {
			CLEAN_FREE char *line = xstrndup(p, strcspn(p, "\n"));
			json_t *event = json_of(line);

			fits(shapes, event, "HistoryEvent", line);
			json_object_set(seen, json_string_value(json_object_get(event, "type")), json_true());
			json_decref(event);
		}
		run_close(&r);
	}
	assert_int_equal(json_object_size(seen), 39);
	json_decref(seen);
	json_decref(api);
}

static void test_functions(void **state)
{
	static const char payload[] = "{\"errorType\":\"E\",\"errorMessage\":\"m\"}";
	struct flow_fault f = FLOW_FAULT_INIT;
	json_t *v = flow_function_value("{\"a\":1}", 7);

	(void)state;
	assert_true(json_is_object(v));
	json_decref(v);
	v = flow_function_value("plain", 5);
	assert_string_equal(json_string_value(v), "plain");
	json_decref(v);
	flow_function_fault(payload, strlen(payload), &f);
	assert_string_equal(f.error, "E");
	assert_string_equal(f.cause, payload);
	v = flow_function_value("a\xff", 2);
	assert_string_equal(json_string_value(v), "a\xef\xbf\xbd");
	json_decref(v);
	v = flow_function_value("{\"a\":1,\"a\":2}", 13);
	assert_int_equal(json_integer_value(json_object_get(v, "a")), 2);
	json_decref(v);
	/* what is no UTF-8 is the same now and in a replay */
	runs(CAUGHT("\"E\""), "{}", ANSWERS("! E \xff"),
	     "SUCCEEDED {\"e\":{\"Error\":\"E\","
	     "\"Cause\":\"\xef\xbf\xbd\"}}",
	     NULL, NULL);
	flow_function_fault("oops", 4, &f);
	assert_string_equal(f.error, "Lambda.Unknown");
	assert_string_equal(f.cause, "oops");
	flow_fault_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heartbeat),
		cmocka_unit_test(test_retry),
		cmocka_unit_test(test_catch),
		cmocka_unit_test(test_parallel),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_where),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
