/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "local/span.h"

#define TRACE "5759e988bd862e3fe1be46a994272793"
#define ID "8476a536-e9f4-11e8-9739-2dfe598c3fcd"

static struct buf out = BUF_INIT;
static struct record_origin origin;

static int set_up(void **state)
{
	const struct record_origin_spec spec = { .function = "hello" };

	(void)state;
	record_origin_init(&origin, &spec);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	record_origin_release(&origin);
	buf_release(&out);
	return 0;
}

static struct span span_new(void)
{
	struct span s = { .start = 1767323045000000000u, .end = 1767323045678000000u, .request_id = STR(ID) };

	assert_true(trace_unhex(STR(TRACE), s.trace.trace_id, 16));
	memset(s.trace.span_id, 0xaa, 8);
	memset(s.init_id, 0xbb, 8);
	memset(s.handler_id, 0xcc, 8);
	s.trace.flags = TRACE_SAMPLED;
	return s;
}

static void spans_are(const struct span *s, unsigned n, const char *want)
{
	json_t *j;

	buf_reset(&out);
	buf_addc(&out, '[');
	assert_int_equal(span_add_otlp(s, &origin, &out), n);
	buf_addc(&out, ']');
	assert_string_equal(out.ptr, want);
	j = json_loadb(out.ptr, out.len, JSON_REJECT_DUPLICATES, NULL);
	assert_int_equal(json_array_size(j), n);
	json_decref(j);
}

static void test_warm(void **state)
{
	struct span s = span_new();

	(void)state;
	s.handler_start = 1767323045100000000u;
	s.handler_end = 1767323045600000000u;
	spans_are(&s, 2,
		  "[{\"traceId\":\"" TRACE "\",\"spanId\":\"aaaaaaaaaaaaaaaa\",\"flags\":257,\"kind\":2,\"name\":"
		  "\"hello\","
		  "\"startTimeUnixNano\":\"1767323045000000000\",\"endTimeUnixNano\":\"1767323045678000000\","
		  "\"attributes\":["
		  "{\"key\":\"faas.trigger\",\"value\":{\"stringValue\":\"other\"}},"
		  "{\"key\":\"faas.invocation_id\",\"value\":{\"stringValue\":\"" ID "\"}},"
		  "{\"key\":\"faas.coldstart\",\"value\":{\"boolValue\":false}}]},"
		  "{\"traceId\":\"" TRACE "\",\"spanId\":\"cccccccccccccccc\",\"parentSpanId\":\"aaaaaaaaaaaaaaaa\","
		  "\"flags\":257,"
		  "\"kind\":1,\"name\":\"handler\",\"startTimeUnixNano\":\"1767323045100000000\","
		  "\"endTimeUnixNano\":\"1767323045600000000\",\"attributes\":[]}]");
}

/* Everything at once: HTTP, cold, a caller, measured, failed in the handler. */
static void test_all(void **state)
{
	struct span s = span_new();

	(void)state;
	memset(s.parent, 0x11, 8);
	s.state = STR("rojo=00f067aa0ba902b7");
	s.trigger = "http";
	s.cold = true;
	s.arn = STR("arn:aws:lambda:eu-west-1:012345678901:function:hello");
	s.method = STR("GET");
	s.path = STR("/a\"b\xff");
	s.status = 502;
	s.billed_ms = 679;
	s.memory_peak = 1048576;
	s.cpu_ns = 5000000;
	s.init_start = 1767323045000000001u;
	s.init_end = 1767323045000000002u;
	s.handler_start = 1767323045100000000u;
	s.handler_end = 1767323045000000000u;
	s.error = "Function.Bad";
	s.message = STR("no\nluck");
	spans_are(&s, 3,
		  "[{\"traceId\":\"" TRACE "\",\"spanId\":\"aaaaaaaaaaaaaaaa\",\"traceState\":"
		  "\"rojo=00f067aa0ba902b7\","
		  "\"parentSpanId\":\"1111111111111111\",\"flags\":769,\"kind\":2,\"name\":\"hello\","
		  "\"startTimeUnixNano\":\"1767323045000000000\",\"endTimeUnixNano\":\"1767323045678000000\","
		  "\"attributes\":["
		  "{\"key\":\"faas.trigger\",\"value\":{\"stringValue\":\"http\"}},"
		  "{\"key\":\"faas.invocation_id\",\"value\":{\"stringValue\":\"" ID "\"}},"
		  "{\"key\":\"faas.coldstart\",\"value\":{\"boolValue\":true}},{\"key\":\"aws.lambda.invoked_arn\","
		  "\"value\":{\"stringValue\":\"arn:aws:lambda:eu-west-1:012345678901:function:hello\"}},"
		  "{\"key\":\"http.request.method\",\"value\":{\"stringValue\":\"GET\"}},"
		  "{\"key\":\"url.path\",\"value\":{\"stringValue\":\"/a\\\"b\xef\xbf\xbd\"}},"
		  "{\"key\":\"url.scheme\",\"value\":{\"stringValue\":\"http\"}},"
		  "{\"key\":\"http.response.status_code\",\"value\":{\"intValue\":\"502\"}},"
		  "{\"key\":\"slsc.billed_duration_ms\",\"value\":{\"intValue\":\"679\"}},"
		  "{\"key\":\"slsc.max_memory_used\",\"value\":{\"intValue\":\"1048576\"}},"
		  "{\"key\":\"slsc.cpu_time_ns\",\"value\":{\"intValue\":\"5000000\"}},"
		  "{\"key\":\"error.type\",\"value\":{\"stringValue\":\"Function.Bad\"}}],"
		  "\"status\":{\"code\":2,\"message\":\"no\\nluck\"}},"
		  "{\"traceId\":\"" TRACE "\",\"spanId\":\"bbbbbbbbbbbbbbbb\",\"traceState\":\"rojo=00f067aa0ba902b7\","
		  "\"parentSpanId\":\"aaaaaaaaaaaaaaaa\",\"flags\":257,\"kind\":1,\"name\":\"init\","
		  "\"startTimeUnixNano\":\"1767323045000000001\",\"endTimeUnixNano\":\"1767323045000000002\","
		  "\"attributes\":[]},"
		  /* the clock was set back: it does not end before it begins */
		  "{\"traceId\":\"" TRACE "\",\"spanId\":\"cccccccccccccccc\",\"traceState\":\"rojo=00f067aa0ba902b7\","
		  "\"parentSpanId\":\"aaaaaaaaaaaaaaaa\",\"flags\":257,\"kind\":1,\"name\":\"handler\","
		  "\"startTimeUnixNano\":\"1767323045100000000\",\"endTimeUnixNano\":\"1767323045100000000\","
		  "\"attributes\":["
		  "{\"key\":\"error.type\",\"value\":{\"stringValue\":\"Function.Bad\"}}],"
		  "\"status\":{\"code\":2,\"message\":\"no\\nluck\"}}]");
}

static void test_failures(void **state)
{
	static char longer[9000];
	struct span s = span_new();

	(void)state;
	/* in init: there is no handler, and the error is init's */
	s.trace.flags = 0;
	s.init_start = s.init_end = s.start;
	s.init_failed = true;
	s.error = "Runtime.ExitError";
	spans_are(&s, 2,
		  "[{\"traceId\":\"" TRACE "\",\"spanId\":\"aaaaaaaaaaaaaaaa\",\"flags\":256,\"kind\":2,\"name\":"
		  "\"hello\","
		  "\"startTimeUnixNano\":\"1767323045000000000\",\"endTimeUnixNano\":\"1767323045678000000\","
		  "\"attributes\":["
		  "{\"key\":\"faas.trigger\",\"value\":{\"stringValue\":\"other\"}},"
		  "{\"key\":\"faas.invocation_id\",\"value\":{\"stringValue\":\"" ID "\"}},"
		  "{\"key\":\"faas.coldstart\",\"value\":{\"boolValue\":false}},"
		  "{\"key\":\"error.type\",\"value\":{\"stringValue\":\"Runtime.ExitError\"}}],\"status\":{\"code\":"
		  "2}},"
		  "{\"traceId\":\"" TRACE "\",\"spanId\":\"bbbbbbbbbbbbbbbb\",\"parentSpanId\":\"aaaaaaaaaaaaaaaa\","
		  "\"flags\":256,"
		  "\"kind\":1,\"name\":\"init\",\"startTimeUnixNano\":\"1767323045000000000\","
		  "\"endTimeUnixNano\":\"1767323045000000000\",\"attributes\":["
		  "{\"key\":\"error.type\",\"value\":{\"stringValue\":\"Runtime.ExitError\"}}],\"status\":{\"code\":"
		  "2}}]");
	/* an answer of 500 is an error of the server's span alone; 499 is none */
	s = span_new();
	s.request_id = STR("");
	s.status = 500;
	spans_are(&s, 1,
		  "[{\"traceId\":\"" TRACE "\",\"spanId\":\"aaaaaaaaaaaaaaaa\",\"flags\":257,\"kind\":2,\"name\":"
		  "\"hello\","
		  "\"startTimeUnixNano\":\"1767323045000000000\",\"endTimeUnixNano\":\"1767323045678000000\","
		  "\"attributes\":["
		  "{\"key\":\"faas.trigger\",\"value\":{\"stringValue\":\"other\"}},"
		  "{\"key\":\"faas.coldstart\",\"value\":{\"boolValue\":false}},"
		  "{\"key\":\"http.response.status_code\",\"value\":{\"intValue\":\"500\"}},"
		  "{\"key\":\"error.type\",\"value\":{\"stringValue\":\"500\"}}],\"status\":{\"code\":2}}]");
	s.status = 499;
	buf_reset(&out);
	assert_int_equal(span_add_otlp(&s, &origin, &out), 1);
	assert_null(strstr(out.ptr, "error.type"));
	/* what is endless is cut */
	memset(longer, 'x', sizeof(longer));
	s.path = s.message = s.arn = (struct str){ longer, sizeof(longer) };
	s.error = "Function.Bad";
	buf_reset(&out);
	assert_int_equal(span_add_otlp(&s, &origin, &out), 1);
	assert_in_range(out.len, 2 * SPAN_STRING_MAX + SPAN_MESSAGE_MAX, 2 * SPAN_STRING_MAX + SPAN_MESSAGE_MAX + 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_warm), cmocka_unit_test(test_all), cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
