/* SPDX-License-Identifier: Apache-2.0 */
#include "test_flow_util.h"

static void test_data_flow(void **state)
{
	(void)state;
	is(ONE("\"Type\":\"Pass\"" END), "{\"a\":1}", "SUCCEEDED {\"a\":1}");
	is(ONE("\"Type\":\"Pass\",\"Result\":[1]" END), "{\"a\":1}", "SUCCEEDED [1]");
	is(ONE("\"Type\":\"Pass\",\"Result\":[1],\"ResultPath\":\"$.b.c\"" END), "{\"a\":1}",
	   "SUCCEEDED {\"a\":1,\"b\":{\"c\":[1]}}");
	is(ONE("\"Type\":\"Pass\",\"InputPath\":\"$.a\",\"ResultPath\":\"$.b\"" END), "{\"a\":1}",
	   "SUCCEEDED {\"a\":1,\"b\":1}");
	is(ONE("\"Type\":\"Pass\",\"Result\":1,\"ResultPath\":null" END), "{\"a\":1}", "SUCCEEDED {\"a\":1}");
	is(ONE("\"Type\":\"Pass\",\"InputPath\":null" END), "{\"a\":1}", "SUCCEEDED {}");
	is(ONE("\"Type\":\"Pass\",\"OutputPath\":null" END), "{\"a\":1}", "SUCCEEDED {}");
	is(ONE("\"Type\":\"Pass\",\"OutputPath\":\"$.a[1:]\"" END), "{\"a\":[1,2,3]}", "SUCCEEDED [2,3]");
	is(ONE("\"Type\":\"Pass\",\"Parameters\":{\"x.$\":\"$.a\",\"n.$\":\"$$.State.Name\","
	       "\"s\":1}" END), "{\"a\":1}",
	   "SUCCEEDED {\"x\":1,\"n\":\"A\",\"s\":1}");
	is(ONE("\"Type\":\"Pass\",\"InputPath\":\"$.b\"" END), "{\"a\":1}",
	   "FAILED States.Runtime: An error occurred while executing the state 'A' (entered at the event id #2). "
	   "Invalid path '$.b': there is no such name");
	is(ONE("\"Type\":\"Pass\",\"Parameters\":{\"x.$\":\"$.b\"}" END), "{\"a\":1}",
	   "FAILED States.Runtime: An error occurred while executing the state 'A' (entered at the event id #2). "
	   "The JSONPath '$.b' specified for the field 'x.$' could not be found in the input '{\"a\":1}'");
	is(ONE("\"Type\":\"Pass\",\"ResultPath\":\"$.a.b\"" END), "{\"a\":1}",
	   "FAILED States.ResultPathMatchFailure: An error occurred while executing the state 'A' (entered at the "
	   "event id #2). Unable to apply ResultPath '$.a.b' to the input '{\"a\":1}'");
	is(ONE("\"Type\":\"Succeed\",\"OutputPath\":\"$.a\""), "{\"a\":1}", "SUCCEEDED 1");
	is(ONE("\"Type\":\"Fail\",\"Error\":\"E\",\"Cause\":\"c\""), "{}", "FAILED E: c");
	is(ONE("\"Type\":\"Fail\",\"ErrorPath\":\"$.e\",\"CausePath\":\"States.Format('{}!', $.e)\""), "{\"e\":\"x\"}",
	   "FAILED x: x!");
	is(ONE("\"Type\":\"Fail\""), "{}", "FAILED -: -");
}

static void test_context(void **state)
{
	(void)state;
	is(ONE("\"Type\":\"Pass\",\"Parameters\":{\"c.$\":\"$$\"}" END), "{\"a\":1}",
	   "SUCCEEDED {\"c\":{\"Execution\":{\"Id\":\"arn:aws:states:us-east-1:123456789012:execution:m:e\","
	   "\"Input\":{\"a\":1},\"Name\":\"e\",\"RoleArn\":\"arn:aws:iam::123456789012:role/r\","
	   "\"StartTime\":\"2023-11-14T22:13:20.000Z\"},\"State\":{\"EnteredTime\":\"2023-11-14T22:13:20.000Z\","
	   "\"Name\":\"A\",\"RetryCount\":0},\"StateMachine\":{\"Id\":\"arn:aws:states:us-east-1:123456789012:state"
	   "Machine:m\",\"Name\":\"m\"}}}");
}

static void test_variables(void **state)
{
	(void)state;
	is("{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"Result\":5,\"Assign\":{\"x.$\":\"$\",\"y\":2},"
	   "\"Next\":\"B\"},\"B\":{\"Type\":\"Pass\",\"Parameters\":{\"v.$\":\"States.MathAdd($x, $y)\"},"
	   "\"Assign\":{\"x\":1,\"z.$\":\"$x\"},\"Next\":\"C\"},\"C\":{\"Type\":\"Pass\","
	   "\"Parameters\":{\"x.$\":\"$x\",\"z.$\":\"$z\"},\"ResultPath\":\"$.r\",\"End\":true}}}",
	   "{}", "SUCCEEDED {\"v\":7,\"r\":{\"x\":1,\"z\":5}}");
}

#define CHOICE(rule)                                                                                                   \
	"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Choice\",\"Choices\":[{" rule                                \
	",\"Next\":\"Y\"}],\"Default\":"                                                                               \
	"\"N\"},\"Y\":{\"Type\":\"Pass\",\"Result\":\"yes\",\"End\":true},\"N\":{\"Type\":\"Pass\",\"Result\":\"no\"," \
	"\"End\":true}}}"

static void test_choice(void **state)
{
	static const struct {
		const char *rule, *input;
		bool yes;
	} cases[] = {
		{ "\"Variable\":\"$.a\",\"StringEquals\":\"x\"", "{\"a\":\"x\"}", true },
		{ "\"Variable\":\"$.a\",\"StringEquals\":\"x\"", "{\"a\":1}", false },
		{ "\"Variable\":\"$.a\",\"StringEqualsPath\":\"$.b\"", "{\"a\":\"x\",\"b\":\"x\"}", true },
		{ "\"Variable\":\"$.a\",\"StringLessThan\":\"b\"", "{\"a\":\"abc\"}", true },
		{ "\"Variable\":\"$.a\",\"StringLessThanPath\":\"$.b\"", "{\"a\":\"b\",\"b\":\"b\"}", false },
		{ "\"Variable\":\"$.a\",\"StringGreaterThan\":\"b\"", "{\"a\":\"bb\"}", true },
		{ "\"Variable\":\"$.a\",\"StringGreaterThanPath\":\"$.b\"", "{\"a\":\"c\",\"b\":\"b\"}", true },
		{ "\"Variable\":\"$.a\",\"StringLessThanEquals\":\"b\"", "{\"a\":\"b\"}", true },
		{ "\"Variable\":\"$.a\",\"StringLessThanEqualsPath\":\"$.b\"", "{\"a\":\"c\",\"b\":\"b\"}", false },
		{ "\"Variable\":\"$.a\",\"StringGreaterThanEquals\":\"b\"", "{\"a\":\"a\"}", false },
		{ "\"Variable\":\"$.a\",\"StringGreaterThanEqualsPath\":\"$.b\"", "{\"a\":\"b\",\"b\":\"b\"}", true },
		{ "\"Variable\":\"$.a\",\"StringMatches\":\"log-*.txt\"", "{\"a\":\"log-2026.txt\"}", true },
		{ "\"Variable\":\"$.a\",\"StringMatches\":\"log-*.txt\"", "{\"a\":\"log-2026.txt.gz\"}", false },
		{ "\"Variable\":\"$.a\",\"StringMatches\":\"*a*b*\"", "{\"a\":\"xxabab\"}", true },
		{ "\"Variable\":\"$.a\",\"StringMatches\":\"a\\\\*\"", "{\"a\":\"a*\"}", true },
		{ "\"Variable\":\"$.a\",\"StringMatches\":\"a\\\\*\"", "{\"a\":\"ab\"}", false },
		{ "\"Variable\":\"$.a\",\"StringMatches\":\"a\\\\\\\\*\"", "{\"a\":\"a\\\\b\"}", true },
		{ "\"Variable\":\"$.a\",\"StringMatches\":\"*\"", "{\"a\":\"\"}", true },
		{ "\"Variable\":\"$.a\",\"NumericEquals\":1", "{\"a\":1.0}", true },
		{ "\"Variable\":\"$.a\",\"NumericEqualsPath\":\"$.b\"", "{\"a\":1,\"b\":2}", false },
		{ "\"Variable\":\"$.a\",\"NumericLessThan\":1.5", "{\"a\":1}", true },
		{ "\"Variable\":\"$.a\",\"NumericLessThanPath\":\"$.b\"", "{\"a\":1,\"b\":2}", true },
		{ "\"Variable\":\"$.a\",\"NumericGreaterThan\":1", "{\"a\":1}", false },
		{ "\"Variable\":\"$.a\",\"NumericGreaterThanPath\":\"$.b\"", "{\"a\":3,\"b\":2}", true },
		{ "\"Variable\":\"$.a\",\"NumericLessThanEquals\":1", "{\"a\":1}", true },
		{ "\"Variable\":\"$.a\",\"NumericLessThanEqualsPath\":\"$.b\"", "{\"a\":1,\"b\":\"1\"}", false },
		{ "\"Variable\":\"$.a\",\"NumericGreaterThanEquals\":9007199254740993", "{\"a\":9007199254740992}",
		  false },
		{ "\"Variable\":\"$.a\",\"NumericGreaterThanEqualsPath\":\"$.b\"", "{\"a\":1,\"b\":1}", true },
		{ "\"Variable\":\"$.a\",\"BooleanEquals\":true", "{\"a\":true}", true },
		{ "\"Variable\":\"$.a\",\"BooleanEquals\":true", "{\"a\":\"true\"}", false },
		{ "\"Variable\":\"$.a\",\"BooleanEqualsPath\":\"$.b\"", "{\"a\":false,\"b\":false}", true },
		{ "\"Variable\":\"$.a\",\"TimestampEquals\":\"2001-01-01T12:00:00Z\"",
		  "{\"a\":\"2001-01-01T14:00:00+02:00\"}", true },
		{ "\"Variable\":\"$.a\",\"TimestampEqualsPath\":\"$.b\"",
		  "{\"a\":\"2001-01-01T12:00:00Z\",\"b\":\"2001-01-01T12:00:00.000Z\"}", true },
		{ "\"Variable\":\"$.a\",\"TimestampLessThan\":\"2001-01-01T12:00:00.5Z\"",
		  "{\"a\":\"2001-01-01T12:00:00Z\"}", true },
		{ "\"Variable\":\"$.a\",\"TimestampLessThanPath\":\"$.b\"",
		  "{\"a\":\"2001-01-01T12:00:00Z\",\"b\":\"no\"}", false },
		{ "\"Variable\":\"$.a\",\"TimestampGreaterThan\":\"2001-01-01T12:00:00Z\"",
		  "{\"a\":\"2001-01-01T12:00:01Z\"}", true },
		{ "\"Variable\":\"$.a\",\"TimestampGreaterThanPath\":\"$.a\"", "{\"a\":\"2001-01-01T12:00:01Z\"}",
		  false },
		{ "\"Variable\":\"$.a\",\"TimestampLessThanEquals\":\"2001-01-01T12:00:00Z\"", "{\"a\":\"2001-01-01\""
		"}",
		  false },
		{ "\"Variable\":\"$.a\",\"TimestampLessThanEqualsPath\":\"$.a\"", "{\"a\":\"2001-01-01T12:00:01Z\"}",
		  true },
		{ "\"Variable\":\"$.a\",\"TimestampGreaterThanEquals\":\"2001-01-01T12:00:00Z\"",
		  "{\"a\":\"2001-01-01T12:00:00Z\"}", true },
		{ "\"Variable\":\"$.a\",\"TimestampGreaterThanEqualsPath\":\"$.b\"",
		  "{\"a\":\"2001-01-01T12:00:00Z\",\"b\":\"2002-01-01T12:00:00Z\"}", false },
		{ "\"Variable\":\"$.a\",\"IsNull\":true", "{\"a\":null}", true },
		{ "\"Variable\":\"$.a\",\"IsPresent\":true", "{\"a\":null}", true },
		{ "\"Variable\":\"$.b\",\"IsPresent\":true", "{\"a\":null}", false },
		{ "\"Variable\":\"$.b\",\"IsPresent\":false", "{\"a\":null}", true },
		{ "\"Variable\":\"$.a\",\"IsNumeric\":true", "{\"a\":1.5}", true },
		{ "\"Variable\":\"$.a\",\"IsNumeric\":false", "{\"a\":\"1\"}", true },
		{ "\"Variable\":\"$.a\",\"IsString\":true", "{\"a\":\"\"}", true },
		{ "\"Variable\":\"$.a\",\"IsBoolean\":true", "{\"a\":false}", true },
		{ "\"Variable\":\"$.a\",\"IsTimestamp\":true", "{\"a\":\"2001-01-01T12:00:00Z\"}", true },
		{ "\"Variable\":\"$.a\",\"IsTimestamp\":true", "{\"a\":\"2001-01-01t12:00:00z\"}", false },
		{ "\"Not\":{\"Variable\":\"$.a\",\"IsNull\":true}", "{\"a\":1}", true },
		{ "\"And\":[{\"Variable\":\"$.a\",\"IsPresent\":true},{\"Variable\":\"$.a\",\"NumericLessThan\":3}]",
		  "{\"a\":1}", true },
		{ "\"And\":[{\"Variable\":\"$.a\",\"IsPresent\":true},{\"Variable\":\"$.a\",\"NumericLessThan\":3}]",
		  "{}", false },
		{ "\"Or\":[{\"Variable\":\"$.a\",\"IsPresent\":false},{\"Not\":{\"Variable\":\"$.a\","
		  "\"IsString\":true}}]",
		  "{\"a\":1}", true },
		{ "\"Variable\":\"$$.State.Name\",\"StringEquals\":\"A\"", "{}", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_FREE char *machine = xasprintf(
			"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Choice\",\"Choices\":[{%s,"
			"\"Next\":\"Y\"}],\"Default\":\"N\"},\"Y\":{\"Type\":\"Pass\",\"Result\":\"yes\","
			"\"End\":true},\"N\":{\"Type\":\"Pass\",\"Result\":\"no\",\"End\":true}}}",
			cases[i].rule);
		const char *got = run_whole(machine, cases[i].input, NULL);

		if (strcmp(got, cases[i].yes ? "SUCCEEDED \"yes\"" : "SUCCEEDED \"no\"") != 0)
			fail_msg("%s of %s: %s", cases[i].rule, cases[i].input, got);
	}
	is(CHOICE("\"Variable\":\"$.b\",\"IsNull\":true"), "{}",
	   "FAILED States.Runtime: An error occurred while executing the state 'A' (entered at the event id #2). "
	   "Invalid path '$.b': The choice state's condition path references an invalid value.");
	is("{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$\","
	   "\"IsNull\":true,\"Next\":\"B\"}]},\"B\":{\"Type\":\"Succeed\"}}}",
	   "{}",
	   "FAILED States.NoChoiceMatched: An error occurred while executing the state 'A' (entered at the event "
	   "id #2). No choice rule holds, and there is no Default");
}

static int64_t waited(const char *fields, const char *input)
{
	static const char *const none[] = { NULL };
	CLEAN_FREE char *machine =
		xasprintf("{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Wait\",%s,\"End\":true}}}", fields);
	struct run r;
	int64_t took;

	run_open(&r, machine);
	run_begin(&r, input);
	run_on(&r, none);
	took = r.now - RUN_START;
	assert_string_equal(flow_status_name[flow_execution_status(r.x)], "SUCCEEDED");
	run_close(&r);
	return took;
}

static void test_wait(void **state)
{
	(void)state;
	assert_int_equal(waited("\"Seconds\":10", "{}"), 10000);
	assert_int_equal(waited("\"Seconds\":0", "{}"), 0);
	assert_int_equal(waited("\"SecondsPath\":\"$.s\"", "{\"s\":3}"), 3000);
	assert_int_equal(waited("\"Timestamp\":\"2023-11-14T22:13:21.2345Z\"", "{}"), 1235);
	assert_int_equal(waited("\"Timestamp\":\"2001-01-01T00:00:00Z\"", "{}"), 0);
	assert_int_equal(waited("\"TimestampPath\":\"$.t\"", "{\"t\":\"2023-11-15T00:13:22+02:00\"}"), 2000);
	is(ONE("\"Type\":\"Wait\",\"SecondsPath\":\"$.s\"" END), "{\"s\":-1}",
	   "FAILED States.Runtime: An error occurred while executing the state 'A' (entered at the event id #2). "
	   "The SecondsPath parameter does not reference an integer value from 0 to 99999999: $.s == -1");
	is(ONE("\"Type\":\"Wait\",\"TimestampPath\":\"$.s\"" END), "{\"s\":\"soon\"}",
	   "FAILED States.Runtime: An error occurred while executing the state 'A' (entered at the event id #2). "
	   "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format "
	   "string: $.s == \"soon\"");
}

static void test_task(void **state)
{
	(void)state;
	runs(ONE(TASK END), "{\"a\":1}", ANSWERS("= {\"b\":2}"), "SUCCEEDED {\"b\":2}", "f {\"a\":1}\n",
	     "ExecutionStarted TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted "
	     "LambdaFunctionSucceeded TaskStateExited ExecutionSucceeded");
	runs(ONE(TASK ",\"Parameters\":{\"x.$\":\"$.a\"},\"ResultSelector\":{\"y.$\":\"$.b\"},\"ResultPath\":\"$.r\","
		      "\"OutputPath\":\"$.r\"" END),
	     "{\"a\":1}", ANSWERS("= {\"b\":2}"), "SUCCEEDED {\"y\":2}", "f {\"x\":1}\n", NULL);
	runs(ONE(INVOKE ",\"Parameters\":{\"FunctionName\":\"g:7\",\"Payload.$\":\"$.a\"}" END), "{\"a\":{\"b\":1}}",
	     ANSWERS("= 5"),
	     "SUCCEEDED {\"ExecutedVersion\":\"$LATEST\",\"Payload\":5,\"SdkHttpMetadata\":{\"AllHttpHeaders\":{"
	     "\"Content-Type\":[\"application/json\"],\"X-Amz-Executed-Version\":[\"$LATEST\"],"
	     "\"x-amzn-RequestId\":[\"\"]},\"HttpHeaders\":{\"Content-Type\":\"application/json\","
	     "\"X-Amz-Executed-Version\":\"$LATEST\",\"x-amzn-RequestId\":\"\"},\"HttpStatusCode\":200},"
	     "\"SdkResponseMetadata\":{\"RequestId\":\"\"},\"StatusCode\":200}",
	     "g {\"b\":1}\n",
	     "ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSucceeded TaskStateExited "
	     "ExecutionSucceeded");
	runs(ONE(INVOKE ",\"Parameters\":{\"FunctionName.$\":\"$.f\"},\"ResultSelector\":{\"p.$\":\"$.Payload\"}" END),
	     "{\"f\":\"arn:aws:lambda:us-east-1:123456789012:function:h:live\"}", ANSWERS("= [1]"),
	     "SUCCEEDED {\"p\":[1]}", "h {}\n", NULL);
	runs(ONE(TASK END), "{}", ANSWERS("! Oops it broke"), "FAILED Oops: it broke", NULL,
	     "ExecutionStarted TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionFailed "
	     "ExecutionFailed");
	runs(ONE(TASK ",\"TimeoutSeconds\":5" END), "{}", ANSWERS("..."), "FAILED States.Timeout: -",
	     "f {} within 5000 ms\ncancel f\n",
	     "ExecutionStarted TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted "
	     "LambdaFunctionTimedOut ExecutionFailed");
	runs(ONE(TASK ",\"TimeoutSecondsPath\":\"$.t\"" END), "{\"t\":7}", ANSWERS("= 1"), "SUCCEEDED 1",
	     "f {\"t\":7} within 7000 ms\n", NULL);
	runs(ONE(TASK ",\"TimeoutSeconds\":5,\"HeartbeatSeconds\":2" END), "{}", ANSWERS("..."),
	     "FAILED States.HeartbeatTimeout: -", "f {} within 5000 ms\ncancel f\n", NULL);
	runs("{\"TimeoutSeconds\":3,\"StartAt\":\"A\",\"States\":{\"A\":{" TASK
	     ",\"TimeoutSeconds\":60,\"End\":true}}}",
	     "{}", ANSWERS("..."), "TIMED_OUT -: -", "f {} within 3000 ms\ncancel f\n",
	     "ExecutionStarted TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted ExecutionTimedOut");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data_flow),
		cmocka_unit_test(test_context),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_task),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
