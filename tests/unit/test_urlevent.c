/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to function URLs as events, and answers of functions as answers of HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "local/urlevent.h"

/* 2024-03-09T01:02:03.456Z */
#define TIME 1709946123456000000ull

static const struct urlevent_request plain = {
	.method = STR("GET"), .path = STR("/"), .source_ip = STR("127.0.0.1"), .domain = STR("localhost"),
	.id = STR("hello"), .request_id = STR("id-1"), .time_ns = TIME,
};

static void event_is(const struct urlevent_request *r, const char *expected)
{
	CLEAN_BUF struct buf out = BUF_INIT;
	json_t *root;

	urlevent_add(&out, r);
	assert_string_equal(out.ptr, expected);
	root = json_loadb(out.ptr, out.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	assert_non_null(root);
	json_decref(root);
}

static void smallest(void **state)
{
	(void)state;
	event_is(&plain, "{\"version\":\"2.0\",\"routeKey\":\"$default\",\"rawPath\":\"/\",\"rawQueryString\":\"\","
			 "\"headers\":{\"x-forwarded-for\":\"127.0.0.1\"},"
			 "\"requestContext\":{\"accountId\":\"anonymous\",\"apiId\":\"hello\","
			 "\"domainName\":\"localhost\",\"domainPrefix\":\"hello\","
			 "\"http\":{\"method\":\"GET\",\"path\":\"/\",\"protocol\":\"HTTP/1.1\","
			 "\"sourceIp\":\"127.0.0.1\",\"userAgent\":\"\"},"
			 "\"requestId\":\"id-1\",\"routeKey\":\"$default\",\"stage\":\"$default\","
			 "\"time\":\"09/Mar/2024:01:02:03 +0000\",\"timeEpoch\":1709946123456},"
			 "\"isBase64Encoded\":false}");
}

static void whole(void **state)
{
	static const struct urlevent_header headers[] = {
		{ "Host", "localhost:9000" },	  { "User-Agent", "curl/7" },
		{ "X-B", "1" },			  { "Cookie", "s=1; t=\"2;x" },
		{ "x-b", "2, 3" },		  { "Connection", "keep-alive" },
		{ "Content-Type", "TEXT/plain" }, { "X-Forwarded-For", "6.6.6.6" },
		{ "cookie", " u=3 ;;" },	  { "X-Amzn-Trace-Id", "Root=0" },
		{ "X-A", "\xff" },		  { "Transfer-Encoding", "chunked" },
	};
	struct urlevent_request r = plain;

	(void)state;
	r.method = STR("POST");
	r.path = STR("/a%20b/\"");
	r.query = STR("b=1&a=x%20y+z&b=2&&c&=d&b=%4&%62=%zz%41");
	r.headers = headers;
	r.nheaders = ARRAY_LEN(headers);
	r.body = STR("h\xc3\xa9\n");
	r.proto = STR("http");
	r.port = STR("9000");
	r.trace_id = STR("Root=1");
	event_is(&r, "{\"version\":\"2.0\",\"routeKey\":\"$default\",\"rawPath\":\"/a%20b/\\\"\","
		     "\"rawQueryString\":\"b=1&a=x%20y+z&b=2&&c&=d&b=%4&%62=%zz%41\","
		     "\"cookies\":[\"s=1\",\"t=\\\"2\",\"x\",\"u=3\"],"
		     "\"headers\":{\"content-type\":\"TEXT/plain\",\"host\":\"localhost:9000\","
		     "\"user-agent\":\"curl/7\",\"x-a\":\"\xef\xbf\xbd\",\"x-amzn-trace-id\":\"Root=1\","
		     "\"x-b\":\"1,2, 3\",\"x-forwarded-for\":\"127.0.0.1\",\"x-forwarded-port\":\"9000\","
		     "\"x-forwarded-proto\":\"http\"},"
		     "\"queryStringParameters\":{\"\":\"d\",\"a\":\"x y z\",\"b\":\"1,2,%4,%zzA\",\"c\":\"\"},"
		     "\"requestContext\":{\"accountId\":\"anonymous\",\"apiId\":\"hello\","
		     "\"domainName\":\"localhost\",\"domainPrefix\":\"hello\","
		     "\"http\":{\"method\":\"POST\",\"path\":\"/a%20b/\\\"\",\"protocol\":\"HTTP/1.1\","
		     "\"sourceIp\":\"127.0.0.1\",\"userAgent\":\"curl/7\"},"
		     "\"requestId\":\"id-1\",\"routeKey\":\"$default\",\"stage\":\"$default\","
		     "\"time\":\"09/Mar/2024:01:02:03 +0000\",\"timeEpoch\":1709946123456},"
		     "\"body\":\"h\xc3\xa9\\n\",\"isBase64Encoded\":false}");
}

static void bodies(void **state)
{
	static const struct {
		const char *type, *body, *tail;
	} cases[] = {
		{ "application/json; charset=utf-8", "{}", ",\"body\":\"{}\",\"isBase64Encoded\":false}" },
		{ "application/cloudevents+JSON", "{}", ",\"body\":\"{}\",\"isBase64Encoded\":false}" },
		{ "image/svg+xml", "<a/>", ",\"body\":\"<a/>\",\"isBase64Encoded\":false}" },
		{ "application/javascript", "1", ",\"body\":\"1\",\"isBase64Encoded\":false}" },
		{ "text/css", "a", ",\"body\":\"a\",\"isBase64Encoded\":false}" },
		{ "text/css", "\xff", ",\"body\":\"/w==\",\"isBase64Encoded\":true}" },
		{ "application/x-www-form-urlencoded", "a=b", ",\"body\":\"YT1i\",\"isBase64Encoded\":true}" },
		{ "application/octet-stream; x=text/plain", "a", ",\"body\":\"YQ==\",\"isBase64Encoded\":true}" },
		{ "", "a", ",\"body\":\"YQ==\",\"isBase64Encoded\":true}" },
		{ "image/png", "", "1709946123456},\"isBase64Encoded\":false}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct urlevent_header type = { "content-type", cases[i].type };
		CLEAN_BUF struct buf out = BUF_INIT;
		struct urlevent_request r = plain;

		r.headers = &type;
		r.nheaders = 1;
		r.body = str_from(cases[i].body);
		urlevent_add(&out, &r);
		if (!ends_with(out.ptr, cases[i].tail))
			fail_msg("%s: %s", cases[i].type, out.ptr);
	}
}

/* Thousands of parameters of one name, and of many. */
static void many(void **state)
{
	CLEAN_BUF struct buf query = BUF_INIT, out = BUF_INIT;
	struct urlevent_request r = plain;
	json_t *event, *root;

	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_addf(&query, "a=%d&k%d=v&", i % 10, i);
	r.query = buf_str(&query);
	urlevent_add(&out, &r);
	event = json_loadb(out.ptr, out.len, JSON_REJECT_DUPLICATES, NULL);
	root = json_object_get(event, "queryStringParameters");
	assert_int_equal(json_object_size(root), 20001);
	assert_int_equal(json_string_length(json_object_get(root, "a")), 2 * 20000 - 1);
	assert_memory_equal(json_string_value(json_object_get(root, "a")), "0,1,2,3,4,5,6,7,8,9,0,1", 23);
	assert_string_equal(json_string_value(json_object_get(root, "k19999")), "v");
	json_decref(event);
}

/* "200 Name=value ... body" */
static void show(const struct urlevent_answer *a, struct buf *out)
{
	buf_reset(out);
	buf_addf(out, "%u ", a->status);
	for (size_t i = 0; i < a->nheaders; i++)
		buf_addf(out, "%s=%s ", a->headers[i].name, a->headers[i].value);
	buf_adds(out, a->body);
}

#define REFUSED "502 Content-Type=text/plain Internal Server Error"
#define STATUS "the function's answer: statusCode is no number from 200 to 599"
#define EMPTY "the function's answer: line 1, column 0: it is no JSON: unexpected token near end of file"

static void answers(void **state)
{
	static const struct {
		const char *payload, *answer, *error;
	} cases[] = {
		/* inferred */
		{ "\"Hello\\n\"", "200 Content-Type=application/json Hello\n", "" },
		{ "{\"a\" : 1}", "200 Content-Type=application/json {\"a\" : 1}", "" },
		{ "{\"body\":\"x\"}", "200 Content-Type=application/json {\"body\":\"x\"}", "" },
		{ " [1]", "200 Content-Type=application/json  [1]", "" },
		{ "null", "200 Content-Type=application/json null", "" },
		{ "{\"id\":12345678901234567890}", "200 Content-Type=application/json {\"id\":12345678901234567890}",
		  "" },
		/* said */
		{ "{\"statusCode\":204}", "204 Content-Type=application/json ", "" },
		{ "{\"statusCode\":\"404\",\"body\":null,\"headers\":null,\"cookies\":null,\"isBase64Encoded\":null}",
		  "404 Content-Type=application/json ", "" },
		{ "{\"statusCode\":200,\"headers\":{\"content-Type\":\"text/html\",\"X-N\":12,\"X-R\":0.5,\"X-T\":true,"
		  "\"X-0\":null,\"Content-Length\":\"999\",\"connection\":\"close\"},"
		  "\"cookies\":[\"a=1; Path=/\",\"b=2\"],"
		  "\"body\":\"<p>\"}",
		  "200 content-Type=text/html X-N=12 X-R=0.5 X-T=true Set-Cookie=a=1; Path=/ Set-Cookie=b=2 <p>", "" },
		{ "{\"statusCode\":200,\"isBase64Encoded\":true,\"body\":\"aMOp\"}",
		  "200 Content-Type=application/json h\xc3\xa9", "" },
		{ "{\"statusCode\":200,\"isBase64Encoded\":false,\"body\":{\"a\":[1,null]}}",
		  "200 Content-Type=application/json {\"a\":[1,null]}", "" },
		{ "{\"statusCode\":200.0,\"cookies\":[\"a=1\"]}",
		  "200 Content-Type=application/json Set-Cookie=a=1 ", "" },
		/* malformed */
		{ "", REFUSED, EMPTY },
		{ "hello", REFUSED,
		  "the function's answer: line 1, column 5: it is no JSON: invalid token near 'hello'" },
		{ "{\n\"a\":}", REFUSED,
		  "the function's answer: line 2, column 5: it is no JSON: unexpected token near '}'" },
		{ "{\"statusCode\":101}", REFUSED, STATUS },
		{ "{\"statusCode\":600}", REFUSED, STATUS },
		{ "{\"statusCode\":-200}", REFUSED, STATUS },
		{ "{\"statusCode\":200.5}", REFUSED, STATUS },
		{ "{\"statusCode\":1e300}", REFUSED, STATUS },
		{ "{\"statusCode\":\"2xx\"}", REFUSED, STATUS },
		{ "{\"statusCode\":null}", REFUSED, STATUS },
		{ "{\"statusCode\":{}}", REFUSED, STATUS },
		{ "{\"statusCode\":200,\"headers\":[]}", REFUSED, "the function's answer: headers is no object" },
		{ "{\"statusCode\":200,\"headers\":{\"a\":[\"b\"]}}", REFUSED,
		  "the function's answer: header 'a' is no string" },
		{ "{\"statusCode\":200,\"headers\":{\"a b\":\"c\"}}", REFUSED,
		  "the function's answer: header 'a b' cannot be sent" },
		{ "{\"statusCode\":200,\"headers\":{\"\":\"c\"}}", REFUSED,
		  "the function's answer: header '' cannot be sent" },
		{ "{\"statusCode\":200,\"headers\":{\"a\":\"b\\r\\nc: d\"}}", REFUSED,
		  "the function's answer: header 'a' cannot be sent" },
		{ "{\"statusCode\":200,\"headers\":{\"a\":\"b\\u0000c\"}}", REFUSED,
		  "the function's answer: header 'a' cannot be sent" },
		{ "{\"statusCode\":200,\"cookies\":\"a=1\"}", REFUSED, "the function's answer: cookies is no array" },
		{ "{\"statusCode\":200,\"cookies\":[1]}", REFUSED,
		  "the function's answer: cookies holds what is no string" },
		{ "{\"statusCode\":200,\"cookies\":[\"a\\n\"]}", REFUSED,
		  "the function's answer: header 'Set-Cookie' cannot be sent" },
		{ "{\"statusCode\":200,\"isBase64Encoded\":\"true\"}", REFUSED,
		  "the function's answer: isBase64Encoded is no boolean" },
		{ "{\"statusCode\":200,\"isBase64Encoded\":true,\"body\":\"a\"}", REFUSED,
		  "the function's answer: isBase64Encoded is true, and body is no base64" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_URLEVENT_ANSWER struct urlevent_answer a = URLEVENT_ANSWER_INIT;
		CLEAN_BUF struct buf shown = BUF_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(urlevent_answer(&a, str_from(cases[i].payload), &err), *cases[i].error ? -1 : 0);
		show(&a, &shown);
		assert_string_equal(shown.ptr, cases[i].answer);
		assert_string_equal(err.msg, cases[i].error);
	}
}

static void limits(void **state)
{
	CLEAN_URLEVENT_ANSWER struct urlevent_answer a = URLEVENT_ANSWER_INIT, b = URLEVENT_ANSWER_INIT;
	CLEAN_URLEVENT_ANSWER struct urlevent_answer deep = URLEVENT_ANSWER_INIT;
	CLEAN_BUF struct buf payload = BUF_INIT, nested = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	buf_addz(&payload, "{\"statusCode\":200,\"cookies\":[\"0\"");
	for (unsigned i = 1; i < URLEVENT_HEADERS_MAX; i++)
		buf_addf(&payload, ",\"%u\"", i);
	buf_addz(&payload, "]}");
	assert_int_equal(urlevent_answer(&a, buf_str(&payload), &err), 0);
	assert_int_equal(a.nheaders, URLEVENT_HEADERS_MAX + 1);
	payload.len -= 2;
	buf_addz(&payload, ",\"x\"]}");
	assert_int_equal(urlevent_answer(&b, buf_str(&payload), &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.msg, "limit exceeded: the function's answer has more than 256 headers, or more than "
				     "65536 bytes of them");
	assert_int_equal(b.status, 502);
	for (int i = 0; i < 100000; i++)
		buf_addc(&nested, '[');
	assert_int_equal(urlevent_answer(&deep, buf_str(&nested), &err), -1);
	assert_int_equal(err.code, ERR_FORMAT);
}

static int feed(struct str in, size_t step, struct buf *shown, struct err *err)
{
	CLEANUP(urlevent_prelude_release) struct urlevent_prelude p = URLEVENT_PRELUDE_INIT;
	CLEAN_URLEVENT_ANSWER struct urlevent_answer a = URLEVENT_ANSWER_INIT;
	int ret = 0;

	for (size_t at = 0, used; ret == 0 && at < in.len; at += used) {
		size_t n = in.len - at < step ? in.len - at : step;
		CLEAN_FREE char *copy = xmalloc(n);

		memcpy(copy, in.ptr + at, n);
		ret = urlevent_prelude_feed(&p, copy, n, &used, &a, err);
		if (ret == 1) {
			a.body = (struct str){ in.ptr + at + used, in.len - at - used };
			show(&a, shown);
		} else if (ret < 0) {
			show(&a, shown);
		}
	}
	return ret;
}

static void prelude(void **state)
{
	static const struct {
		struct str in;
		const char *answer, *error;
		int ret;
	} cases[] = {
		{ STR("{\"statusCode\":201,\"headers\":{\"A\":\"b\"},\"cookies\":[\"c=d\"]}\0\0\0\0\0\0\0\0body"),
		  "201 Content-Type=application/octet-stream A=b Set-Cookie=c=d body", "", 1 },
		{ STR("{}\0\0\0\0\0\0\0\0"), "200 Content-Type=application/octet-stream ", "", 1 },
		{ STR("{\"headers\":{\"content-type\":\"text/html\"}}\0\0\0\0\0\0\0\0\0"),
		  "200 content-type=text/html ", "", 1 },
		{ STR("{}\0\0\0\0\0\0\0"), "", "", 0 },
		{ STR("{}"), "", "", 0 },
		{ STR("{}\0\0\0\0\0\0\0x"), REFUSED,
		  "the function's answer: less than eight NUL bytes before its body", -1 },
		{ STR("\0\0\0\0\0\0\0\0x"), REFUSED,
		  EMPTY, -1 },
		{ STR("[]\0\0\0\0\0\0\0\0x"), REFUSED,
		  "the function's answer: what is before its body is no JSON object", -1 },
		{ STR("{\"statusCode\":99}\0\0\0\0\0\0\0\0x"), REFUSED,
		  STATUS, -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t step = 1; step <= cases[i].in.len; step++) {
			CLEAN_BUF struct buf shown = BUF_INIT;
			struct err err = ERR_INIT;

			assert_int_equal(feed(cases[i].in, step, &shown, &err), cases[i].ret);
			assert_string_equal(shown.ptr, cases[i].answer);
			assert_string_equal(err.msg, cases[i].error);
		}
}

/* Binary from the first byte, as one writes who forgot the prelude: memory has an end. */
static void no_prelude(void **state)
{
	CLEAN_BUF struct buf in = BUF_INIT, shown = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	buf_reserve(&in, URLEVENT_PRELUDE_MAX + 1);
	memset(in.ptr, ' ', URLEVENT_PRELUDE_MAX + 1);
	in.len = URLEVENT_PRELUDE_MAX;
	assert_int_equal(feed(buf_str(&in), 1000, &shown, &err), 0);
	in.len++;
	for (size_t step = 1000; step < 1000000; step *= 10) {
		assert_int_equal(feed(buf_str(&in), step, &shown, &err), -1);
		assert_int_equal(err.code, ERR_LIMIT);
		assert_string_equal(err.msg, "limit exceeded: the function's answer: more than 131072 bytes before its "
					     "body");
		assert_string_equal(shown.ptr, REFUSED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smallest), cmocka_unit_test(whole),  cmocka_unit_test(bodies),
		cmocka_unit_test(many),	    cmocka_unit_test(answers), cmocka_unit_test(limits),
		cmocka_unit_test(prelude),  cmocka_unit_test(no_prelude),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
