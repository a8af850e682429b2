/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "local/record.h"
#include "os/fs.h"

#define NOW 1767323045678000000u	/* 2026-01-02T03:04:05.678Z */
#define ID "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
#define OTHER_ID "11111111-e9f4-11e8-9739-2dfe598c3fcd"
#define TRACE "5759e988bd862e3fe1be46a994272793"
#define SPAN "53995c3f42cd8ad8"

static struct record_origin origin;
static struct record record;
static struct buf scratch = BUF_INIT, out = BUF_INIT;
static char *kept;
static struct trace trace;
static struct record_now now = { .time = NOW };

static int set_up(void **state)
{
	const struct record_origin_spec spec = {
		.function = "hello", .version = "$LATEST", .region = "eu-west-1", .instance = "i-1",
		.memory = 134217728,
	};

	(void)state;
	record_origin_init(&origin, &spec);
	assert_true(trace_parse_xray(STR("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=" SPAN ";Sampled=1"), &trace,
				     NULL));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	record_origin_release(&origin);
	buf_release(&scratch);
	buf_release(&out);
	free(kept);
	return 0;
}

static const struct record *parse_bytes(const char *line, size_t len)
{
	free(kept);
	/* exact, so that a sanitizer sees a read past the end */
	kept = xmalloc(len ? len : 1);
	memcpy(kept, line, len);
	record_parse(&record, &origin, kept, len, &now, &scratch);
	return &record;
}

static const struct record *parse(const char *line)
{
	return parse_bytes(line, strlen(line));
}

static void value_is(const struct record_value *v, const char *want)
{
	if (!str_eqz(v->s, want))
		fail_msg("'" STR_FMT "' instead of '%s'", STR_ARG(v->s), want);
}

static void otlp_is(const char *want)
{
	json_t *j;

	buf_reset(&out);
	record_add_otlp(&record, &out);
	assert_string_equal(out.ptr, want);
	j = json_loadb(out.ptr, out.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
	assert_non_null(j);
	json_decref(j);
}

static void line_is(const char *want)
{
	buf_reset(&out);
	record_add_line(&record, &origin, &out);
	assert_string_equal(out.ptr, want);
}

/* The attributes of a line that is JSON, as OTLP/JSON has them, without those that each record has. */
static void attributes_are(const char *line, const char *want)
{
	const char *from;
	char *to;

	parse(line);
	buf_reset(&out);
	record_add_otlp(&record, &out);
	from = strstr(out.ptr, "\"stdout\"}}");
	assert_non_null(from);
	from += strlen("\"stdout\"}}");
	from += *from == ',';
	to = strrchr(from, ']');
	assert_non_null(to);
	*to = '\0';
	if (strcmp(from, want) != 0)
		fail_msg("%s\n gives %s\n instead of %s", line, from, want);
}

static void test_text(void **state)
{
	(void)state;
	parse("hello \"world\"\t\\ \x7f");
	otlp_is("{\"timeUnixNano\":\"1767323045678000000\",\"observedTimeUnixNano\":\"1767323045678000000\","
		"\"body\":{\"stringValue\":\"hello \\\"world\\\"\\t\\\\ \\u007f\"},"
		"\"attributes\":[{\"key\":\"log.iostream\",\"value\":{\"stringValue\":\"stdout\"}}]}");
	line_is("{\"timestamp\":\"2026-01-02T03:04:05.678000000Z\",\"message\":\"hello \\\"world\\\"\\t\\\\ \\u007f\","
		"\"service.name\":\"hello\",\"function\":\"hello\",\"version\":\"$LATEST\",\"region\":\"eu-west-1\","
		"\"instance\":\"i-1\",\"stream\":\"stdout\"}\n");
	parse("");
	line_is("{\"timestamp\":\"2026-01-02T03:04:05.678000000Z\",\"message\":\"\","
		"\"service.name\":\"hello\",\"function\":\"hello\",\"version\":\"$LATEST\",\"region\":\"eu-west-1\","
		"\"instance\":\"i-1\",\"stream\":\"stdout\"}\n");
}

static void test_json(void **state)
{
	(void)state;
	now.trace = &trace;
	now.request_id = STR(ID);
	now.stream = RECORD_STDERR;
	/* as slsc's runtime writes it */
	parse("{\"timestamp\":\"2026-01-02T03:04:05.600Z\",\"level\":\"WARN\",\"message\":\"st\\u00f6red\","
	"\"request_id\":\""
	      ID "\",\"trace_id\":\"" TRACE "\",\"span_id\":\"" SPAN "\",\"trace_flags\":\"01\",\"function\":\"hello\","
	      "\"version\":\"$LATEST\",\"region\":\"eu-west-1\",\"key\":\"a.jpg\",\"bytes\":1024,\"ms\":1.5,\"ok\":"
	      "true}");
	otlp_is("{\"timeUnixNano\":\"1767323045600000000\",\"observedTimeUnixNano\":\"1767323045678000000\","
		"\"severityNumber\":13,\"severityText\":\"WARN\",\"body\":{\"stringValue\":"
		"\"st\\u00f6red\"},\"attributes\":["
		"{\"key\":\"faas.invocation_id\",\"value\":{\"stringValue\":\"" ID "\"}},"
		"{\"key\":\"log.iostream\",\"value\":{\"stringValue\":\"stderr\"}},"
		"{\"key\":\"key\",\"value\":{\"stringValue\":\"a.jpg\"}},{\"key\":\"bytes\",\"value\":{\"intValue\":"
		"\"1024\"}},"
		"{\"key\":\"ms\",\"value\":{\"doubleValue\":1.5}},{\"key\":\"ok\",\"value\":{\"boolValue\":true}}],"
		"\"flags\":1,\"traceId\":\"" TRACE "\",\"spanId\":\"" SPAN "\"}");
	line_is("{\"timestamp\":\"2026-01-02T03:04:05.600000000Z\",\"severity_number\":13,\"level\":\"WARN\","
		"\"message\":\"st\\u00f6red\",\"service.name\":\"hello\",\"function\":\"hello\",\"version\":"
		"\"$LATEST\","
		"\"region\":\"eu-west-1\",\"instance\":\"i-1\",\"stream\":\"stderr\",\"request_id\":\"" ID "\","
		"\"trace_id\":\"" TRACE "\",\"span_id\":\"" SPAN "\",\"trace_flags\":\"01\","
		"\"attributes\":{\"key\":\"a.jpg\",\"bytes\":1024,\"ms\":1.5,\"ok\":true}}\n");
	now.stream = RECORD_STDOUT;
	now.trace = NULL;
	now.request_id = STR("");
}

/* What loggers write, and what is seen in it. */
static void test_loggers(void **state)
{
	static const struct {
		const char *line;
		uint8_t severity;
		const char *text, *body, *id;
		uint64_t time;
	} t[] = {
		/* slsc's runtime */
		{ "INFO " ID " stored key=\"a b\"", 9, "INFO", "stored key=\"a b\"", ID, NOW },
		{ "INFO " ID " ", 9, "INFO", "", ID, NOW },
		{ "ERROR " OTHER_ID " of an earlier one", 17, "ERROR", "of an earlier one", OTHER_ID, NOW },
		{ "INFO startup: table us=412", 9, "INFO", "INFO startup: table us=412", ID, NOW },
		{ "INFO " ID, 9, "INFO", "INFO " ID, ID, NOW },
		{ "INFO", 0, "", "INFO", ID, NOW },
		{ "Info for all", 0, "", "Info for all", ID, NOW },
		/* Lambda's Node */
		{ "2026-01-02T03:04:05.001Z\t" ID "\tWARN\thello\tyou", 13, "WARN", "hello\tyou", ID, NOW - 677000000 },
		{ "2026-01-02T03:04:05.001Z\tundefined\tERROR\tx", 17, "ERROR", "x", ID, NOW - 677000000 },
		{ "2026-01-02T03:04:05.001Z\tabc\tERROR\tx", 0, "", "2026-01-02T03:04:05.001Z\tabc\tERROR\tx", ID,
		  NOW },
		{ "2026-01-02T03:04:05.001Z\t" ID "\tWARN", 0, "", "2026-01-02T03:04:05.001Z\t" ID "\tWARN", ID, NOW },
		/* Lambda's Python */
		{ "[CRITICAL]\t2026-01-02T03:04:05.001Z\t" ID "\tx", 21, "CRITICAL", "x", ID, NOW - 677000000 },
		{ "[INFO]\t2026-01-02T03:04:05.001Z\t\tx", 9, "INFO", "x", ID, NOW - 677000000 },
		{ "[INFO]\tnow\t\tx", 0, "", "[INFO]\tnow\t\tx", ID, NOW },
		/* and its JSON; pino; zap; what has no message */
		{ "{\"timestamp\": \"2026-01-02T03:04:05Z\", \"level\": \"info\", \"message\": \"m\", \"requestId\":"
		" \"" OTHER_ID "\"}",
		  9, "info", "m", OTHER_ID, NOW - 678000000 },
		{ "{\"level\":50,\"time\":1767323045001,\"pid\":1,\"msg\":\"m\"}", 17, "", "m", ID, NOW - 677000000 },
		{ "{\"level\":\"debug\",\"ts\":1767323045.001,\"msg\":\"m\"}", 5, "debug", "m", ID, NOW - 677000000 },
		{ " {\"a\":1} ", 0, "", " {\"a\":1} ", ID, NOW },
		{ "{}", 0, "", "{}", ID, NOW },
		{ "{\"message\":{\"a\":1},\"level\":\"odd\"}", 0, "", "{\"message\":{\"a\":1},\"level\":"
		"\"odd\"}", ID, NOW },
	};

	(void)state;
	now.request_id = STR(ID);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const struct record *r = parse(t[i].line);

		if (r->severity != t[i].severity || r->time != t[i].time)
			fail_msg("%s: severity %u, time %llu", t[i].line, r->severity, (unsigned long long)r->time);
		value_is(&r->severity_text, t[i].text);
		value_is(&r->body, t[i].body);
		value_is(&r->request_id, t[i].id);
	}
	now.request_id = STR("");
}

static void test_times(void **state)
{
	static const struct {
		const char *time;
		uint64_t want;		/* 0: it stays an attribute */
	} t[] = {
		{ "\"2026-01-02T03:04:05.678Z\"", NOW },
		{ "\"2026-01-02 03:04:05,678\"", NOW },
		{ "\"2026-01-02T05:34:05.678+02:30\"", NOW },
		{ "\"2026-01-01T22:04:05.678-0500\"", NOW },
		{ "\"2026-01-02t03:04:05.678000001z\"", NOW + 1 },
		{ "\"2026-01-02T03:04:05.6780000019Z\"", NOW + 1 },
		{ "\"2024-02-29T23:59:60Z\"", 1709251200000000000u },
		{ "1767323045", NOW - 678000000 },
		{ "1767323045.678", NOW },
		{ "1767323045678", NOW },
		{ "1767323045678.25", NOW + 250000 },
		{ "1767323045678000", NOW },
		{ "1767323045678000123", NOW + 123 },
		{ "1.767323045678e9", NOW },
		{ "\"yesterday\"", 0 }, { "\"\"", 0 }, { "\"2026-13-02T03:04:05Z\"", 0 }, { "\"2026-01-02\"", 0 },
		{ "\"2026-01-02T03:04:05.Z\"", 0 }, { "\"2026-01-02T03:04:05Zx\"", 0 },
		{ "\"1969-12-31T23:59:59Z\"", 0 },
		{ "\"2026-01-02T03:04:05+2\"", 0 }, { "\"3000-01-01T00:00:00Z\"", 0 },
		{ "\"1970-01-01T00:00:00Z\"", 0 },
		{ "-1", 0 }, { "0", 0 }, { "1e300", 0 }, { "9.3e12", 0 }, { "99999999999999999999", 0 }, { "true", 0 },
		{ "null", 0 }, { "[]", 0 },
	};

	(void)state;
	now.time = 5;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		CLEAN_FREE char *line = xasprintf("{\"time\":%s}", t[i].time);
		const struct record *r = parse(line);

		if (r->time != (t[i].want ? t[i].want : 5) || r->count != !t[i].want || r->observed != 5)
			fail_msg("%s: %llu, %u attributes", t[i].time, (unsigned long long)r->time, r->count);
	}
	now.time = NOW;
}

static void test_levels(void **state)
{
	static const struct {
		const char *level;
		uint8_t want;
	} t[] = {
		{ "\"trace\"", 1 }, { "\"Debug\"", 5 }, { "\"INFO\"", 9 }, { "\"information\"", 9 },
		{ "\"notice\"", 10 },
		{ "\"warn\"", 13 }, { "\"Warning\"", 13 }, { "\"err\"", 17 }, { "\"ERROR\"", 17 }, { "\"severe\"", 17 },
		{ "\"alert\"", 19 }, { "\"critical\"", 21 }, { "\"FATAL\"", 21 }, { "\"panic\"", 22 }, { "10", 1 },
		{ "20", 5 },
		{ "30", 9 }, { "40", 13 }, { "50", 17 }, { "60", 21 }, { "35", 0 }, { "0", 0 }, { "70", 0 },
		{ "-10", 0 },
		{ "30.0", 0 }, { "\"\"", 0 }, { "\"inf\"", 0 }, { "\"i\"", 0 }, { "null", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		CLEAN_FREE char *line = xasprintf("{\"severity\":%s}", t[i].level);
		const struct record *r = parse(line);

		if (r->severity != t[i].want || r->count != !t[i].want)
			fail_msg("%s: %u, %u attributes", t[i].level, r->severity, r->count);
	}
	/* the first that is understood; what the others say is kept */
	attributes_are("{\"level\":\"x\",\"severity\":\"INFO\",\"lvl\":\"WARN\"}",
		       "{\"key\":\"level\",\"value\":{\"stringValue\":\"x\"}},{\"key\":\"lvl\",\"value\":"
		       "{\"stringValue\":\"WARN\"}}");
	assert_int_equal(record.severity, 9);
	assert_string_equal(record_severity_name(0), "");
	assert_string_equal(record_severity_name(1), "TRACE");
	assert_string_equal(record_severity_name(4), "TRACE");
	assert_string_equal(record_severity_name(9), "INFO");
	assert_string_equal(record_severity_name(24), "FATAL");
	assert_string_equal(record_severity_name(25), "");
}

static void test_values(void **state)
{
	(void)state;
	attributes_are("{\"a\":null,\"b\":[1,\"x\",{\"c\" : [ ] , \"d\":{ }},false],\"e\":-0.5e-3}",
		       "{\"key\":\"a\",\"value\":{}},{\"key\":\"b\",\"value\":{\"arrayValue\":{\"values\":"
		       "[{\"intValue\":\"1\"},"
		       "{\"stringValue\":\"x\"},{\"kvlistValue\":{\"values\":[{\"key\":\"c\",\"value\":"
		       "{\"arrayValue\":{\"values\":"
		       "[]}}},{\"key\":\"d\",\"value\":{\"kvlistValue\":{\"values\":[]}}}]}},{\"boolValue\":false}]}}},"
		       "{\"key\":\"e\",\"value\":{\"doubleValue\":-0.5e-3}}");
	/* 64 bits, and what is more; a double has no words for infinity */
	attributes_are("{\"a\":9223372036854775806,\"b\":9223372036854775808,\"c\":-0,\"d\":1e308,\"e\":1e309,\"f\":"
	"[1e309]}",
		       "{\"key\":\"a\",\"value\":{\"intValue\":\"9223372036854775806\"}},"
		       "{\"key\":\"b\",\"value\":{\"doubleValue\":9223372036854775808}},{\"key\":\"c\",\"value\":"
		       "{\"doubleValue\":-0}},"
		       "{\"key\":\"d\",\"value\":{\"doubleValue\":1e308}},{\"key\":\"e\",\"value\":{\"stringValue\":"
		       "\"1e309\"}},"
		       "{\"key\":\"f\",\"value\":{\"stringValue\":\"[1e309]\"}}");
	/* keys are unique: the later one counts, whatever its spelling; within a value it stays text */
	attributes_are("{\"a\":1,\"b\":2,\"\\u0061\":3}",
		       "{\"key\":\"a\",\"value\":{\"intValue\":\"3\"}},{\"key\":\"b\",\"value\":{\"intValue\":\"2\"}}");
	assert_int_equal(record.dropped, 1);
	attributes_are("{\"a\":{\"x\":1,\"x\":2},\"b\":{\"\\u0078\":1}}",
		       "{\"key\":\"a\",\"value\":{\"stringValue\":\"{\\\"x\\\":1,\\\"x\\\":2}\"}},"
		       "{\"key\":\"b\",\"value\":{\"stringValue\":\"{\\\"\\\\u0078\\\":1}\"}}");
	attributes_are("{\"a\\n\\\"\\ud83d\\ude00\\u00e4\\u20ac\":\"\\ud800\\udc00 \\ud800 \\udc00\\ud800\"}",
		       "{\"key\":\"a\\n\\\"\xf0\x9f\x98\x80\xc3\xa4\xe2\x82\xac\","
		       "\"value\":{\"stringValue\":\"\\ud800\\udc00 \\ufffd \\ufffd\\ufffd\"}}");
	/* ours to write */
	attributes_are("{\"log.iostream\":\"x\",\"a\":1,\"faas.invocation_id\":\"i\",\"service.name\":\"other\","
	"\"function\":\"hello\"}",
		       "{\"key\":\"a\",\"value\":{\"intValue\":\"1\"}},{\"key\":\"service.name\",\"value\":"
		       "{\"stringValue\":\"other\"}}");
	assert_int_equal(record.dropped, 1);
	value_is(&record.request_id, "i");
}

/* {"a":[[...]]} with @depth arrays. */
static const struct record *parse_nested(unsigned depth)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addz(&b, "{\"a\":");
	for (unsigned i = 0; i < depth; i++)
		buf_addc(&b, '[');
	for (unsigned i = 0; i < depth; i++)
		buf_addc(&b, ']');
	buf_addc(&b, '}');
	return parse_bytes(b.ptr, b.len);
}

static void test_limits(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	const struct record *r;

	(void)state;
	assert_int_equal(parse_nested(16)->fields[0].value.kind, RECORD_TREE);
	assert_int_equal(parse_nested(17)->fields[0].value.kind, RECORD_TEXT);
	assert_int_equal(parse_nested(64)->fields[0].value.kind, RECORD_TEXT);
	assert_int_equal(parse_nested(65)->count, 0);
	assert_int_equal(record.body.s.len, 136);
	assert_int_equal(parse_nested(100000)->count, 0);

	/* 1,024 values are a tree, one more is text; what comes after that may be a tree again */
	buf_addz(&b, "{\"b\":[0");
	for (unsigned i = 0; i < 1022; i++)
		buf_addz(&b, ",0");
	buf_addz(&b, "],\"c\":[1]}");
	r = parse(b.ptr);
	assert_int_equal(r->count, 2);
	assert_int_equal(r->fields[0].value.kind, RECORD_TREE);
	assert_int_equal(r->fields[1].value.kind, RECORD_TEXT);
	assert_int_equal(r->nodes, 1024);
	b.len -= 10;
	buf_addz(&b, ",0],\"c\":[]}");
	r = parse(b.ptr);
	assert_int_equal(r->fields[0].value.kind, RECORD_TEXT);
	assert_int_equal(r->fields[1].value.kind, RECORD_TREE);
	assert_int_equal(r->nodes, 1);

	/* 128 attributes; 64 keys of a nested object */
	buf_reset(&b);
	for (unsigned i = 0; i < 130; i++)
		buf_addf(&b, "%s\"k%u\":%u", i ? "," : "{", i, i);
	buf_addz(&b, ",\"k127\":true,\"message\":\"m\"}");
	r = parse(b.ptr);
	assert_int_equal(r->count, 128);
	assert_int_equal(r->dropped, 3);
	assert_int_equal(r->fields[127].value.kind, RECORD_TRUE);
	value_is(&r->body, "m");
	buf_reset(&out);
	record_add_otlp(r, &out);
	assert_non_null(strstr(out.ptr, "],\"droppedAttributesCount\":3}"));
	for (unsigned keys = 64; keys <= 65; keys++) {
		buf_reset(&b);
		buf_addz(&b, "{\"o\":");
		for (unsigned i = 0; i < keys; i++)
			buf_addf(&b, "%s\"k%u\":%u", i ? "," : "{", i, i);
		buf_addz(&b, "}}");
		assert_int_equal(parse(b.ptr)->fields[0].value.kind, keys == 64 ? RECORD_TREE : RECORD_TEXT);
	}

	/* digits: what no double holds is text */
	buf_reset(&b);
	buf_addz(&b, "{\"a\":1");
	for (unsigned i = 0; i < 299; i++)
		buf_addc(&b, '0');
	buf_addz(&b, ",\"b\":1");
	for (unsigned i = 0; i < 400; i++)
		buf_addc(&b, '0');
	buf_addz(&b, ",\"c\":0.");
	for (unsigned i = 0; i < 400; i++)
		buf_addc(&b, '1');
	buf_addz(&b, "}");
	r = parse(b.ptr);
	assert_int_equal(r->fields[0].value.kind, RECORD_DOUBLE);
	assert_int_equal(r->fields[1].value.kind, RECORD_TEXT);
	assert_int_equal(r->fields[2].value.kind, RECORD_DOUBLE);
}

/* What is nearly JSON is text. */
static void test_no_json(void **state)
{
	static const char *const lines[] = {
		"{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{\"a\":"
		"1}x", "{a:1}", "{\"a\" 1}",
		"{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":+1}", "{\"a\":1e}", "{\"a\":1e+}", "{\"a\":"
		"-}", "{\"a\":tru}",
		"{\"a\":truex}", "{\"a\":nul", "{\"a\":\"\t\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":"
		"\"\\u12", "{\"a\":\"\\",
		"{\"a\":[1,]}", "{\"a\":[1 2]}", "{\"a\":[}", "{\"a\":{\"b\"}}", "{\"a\":{\"b\":1,}}", "{\"a\":"
		"{1:1}}", "{,}", "[1]", "\"a\"",
		"1", "null", "{\"level\":\"ERROR\",\"time\":1767323045001,\"message\":\"m\"", "{\"a\":NaN}", "{\"a\":"
		"1}{\"b\":2}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		const struct record *r = parse(lines[i]);

		if (r->count || r->severity || r->time != NOW || r->body.kind != RECORD_TEXT)
			fail_msg("%s: taken as JSON", lines[i]);
		value_is(&r->body, lines[i]);
	}
}

static void test_bytes(void **state)
{
	(void)state;
	/* every byte that is none of UTF-8 is one U+FFFD: overlong forms, surrogates, what is cut, what stands alone */
	parse_bytes("a\0\xff\xc3\xa4\xc0\xaf\xed\xa0\x80\xf5\xe2\x82z\xe2\x82", 16);
	otlp_is("{\"timeUnixNano\":\"1767323045678000000\",\"observedTimeUnixNano\":\"1767323045678000000\","
		"\"body\":{\"stringValue\":"
		"\"a\\u0000\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
		"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\"},"
		"\"attributes\":[{\"key\":\"log.iostream\",\"value\":{\"stringValue\":\"stdout\"}}]}");
	/* JSON all the same, keys with escapes beside it */
	attributes_are("{\"a\xff\\n\":\"\xfe\",\"\\u0062\":\"\xc3\xa4\",\"c\":{\"\xff\":1}}",
		       "{\"key\":\"a\xef\xbf\xbd\\n\",\"value\":{\"stringValue\":\"\xef\xbf\xbd\"}},"
		       "{\"key\":\"b\",\"value\":{\"stringValue\":\"\xc3\xa4\"}},"
		       "{\"key\":\"c\",\"value\":{\"kvlistValue\":{\"values\":[{\"key\":\"\xef\xbf\xbd\",\"value\":"
		       "{\"intValue\":\"1\"}}]}}}");
	value_is(&parse_bytes("a\x80", 2)->body, "a\xef\xbf\xbd");
	value_is(&parse_bytes("\x80", 1)->body, "\xef\xbf\xbd");
	otlp_is("{\"timeUnixNano\":\"1767323045678000000\",\"observedTimeUnixNano\":\"1767323045678000000\","
		"\"body\":{\"stringValue\":\"\xef\xbf\xbd\"},\"attributes\":[{\"key\":\"log.iostream\",\"value\":"
		"{\"stringValue\":"
		"\"stdout\"}}]}");
	line_is("{\"timestamp\":\"2026-01-02T03:04:05.678000000Z\",\"message\":\"\xef\xbf\xbd\",\"service.name\":"
	"\"hello\","
		"\"function\":\"hello\",\"version\":\"$LATEST\",\"region\":\"eu-west-1\",\"instance\":\"i-1\","
		"\"stream\":\"stdout\"}\n");
}

/* Which trace a line is of: flags, trace and span as hexadecimal digits. */
static void trace_is(const char *line, const char *want)
{
	char got[TRACE_PARENT_SIZE];

	parse(line);
	trace_format_parent(&record.trace, got);
	if (strcmp(got, want) != 0)
		fail_msg("%s: %s instead of %s", line, got, want);
}

static void test_trace(void **state)
{
	(void)state;
	trace_is("{}", "00-00000000000000000000000000000000-0000000000000000-00");
	trace_is("{\"span_id\":\"1111111111111111\",\"trace_flags\":\"01\"}",
		 "00-00000000000000000000000000000000-0000000000000000-00");
	trace_is("{\"span_id\":\"1111111111111111\",\"trace_id\":\"22222222222222222222222222222222\",\"trace_flags\":"
	"\"01\"}",
		 "00-22222222222222222222222222222222-1111111111111111-01");
	now.trace = &trace;
	trace_is("x", "00-" TRACE "-" SPAN "-01");
	trace_is("{\"a\":1}", "00-" TRACE "-" SPAN "-01");
	/* a span of the function's own making, in our trace or in another */
	trace_is("{\"spanId\":\"1111111111111111\"}", "00-" TRACE "-1111111111111111-01");
	trace_is("{\"spanId\":\"1111111111111111\",\"traceId\":\"" TRACE "\",\"traceFlags\":\"00\"}",
		 "00-" TRACE "-1111111111111111-00");
	trace_is("{\"trace.id\":\"" TRACE "\"}", "00-" TRACE "-" SPAN "-01");
	trace_is("{\"trace_id\":"
	"\"22222222222222222222222222222222\"}", "00-22222222222222222222222222222222-0000000000000000-01");
	trace_is("{\"trace_id\":\"00000000000000000000000000000000\",\"span_id\":\"x\"}", "00-" TRACE "-" SPAN "-01");
	assert_int_equal(record.count, 2);
	trace_is("{\"xray_trace_id\":\"1-5759e989-bd862e3fe1be46a994272793\"}",
		 "00-5759e989bd862e3fe1be46a994272793-0000000000000000-01");
	trace_is("{\"xray_trace_id\":\"1-5759e989_bd862e3fe1be46a994272793\"}", "00-" TRACE "-" SPAN "-01");
	/* without a span there is none in OTLP */
	trace_is("{\"trace_id\":"
	"\"22222222222222222222222222222222\"}", "00-22222222222222222222222222222222-0000000000000000-01");
	buf_reset(&out);
	record_add_otlp(&record, &out);
	assert_non_null(strstr(out.ptr, ",\"flags\":1,\"traceId\":\"22222222222222222222222222222222\"}"));
	now.trace = NULL;
}

static void test_origin(void **state)
{
	struct record_origin o;
	struct record_origin_spec spec = { .service = "s\"\xff", .function = "f" };
	char *longer = xmalloc(5001);

	(void)state;
	assert_string_equal(origin.resource.ptr,
			    "{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"hello\"}},"
			    "{\"key\":\"faas.name\",\"value\":{\"stringValue\":\"hello\"}},"
			    "{\"key\":\"faas.version\",\"value\":{\"stringValue\":\"$LATEST\"}},"
			    "{\"key\":\"faas.instance\",\"value\":{\"stringValue\":\"i-1\"}},"
			    "{\"key\":\"cloud.region\",\"value\":{\"stringValue\":\"eu-west-1\"}},"
			    "{\"key\":\"faas.max_memory\",\"value\":{\"intValue\":\"134217728\"}}]}");
	record_origin_init(&o, &spec);
	assert_true(o.id > origin.id);
	assert_string_equal(o.resource.ptr,
			    "{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":"
			    "\"s\\\"\xef\xbf\xbd\"}},"
			    "{\"key\":\"faas.name\",\"value\":{\"stringValue\":\"f\"}}]}");
	assert_string_equal(o.members.ptr, ",\"service.name\":\"s\\\"\xef\xbf\xbd\",\"function\":\"f\"");
	record_origin_release(&o);
	memset(longer, 'x', 5000);
	longer[5000] = '\0';
	spec = (struct record_origin_spec){ .version = longer, .memory = 1 };
	record_origin_init(&o, &spec);
	assert_int_equal(strlen(o.version), 1024);
	assert_string_equal(o.service, "");
	record_origin_release(&o);
	spec = (struct record_origin_spec){ .memory = 1 };
	record_origin_init(&o, &spec);
	assert_string_equal(o.resource.ptr, "{\"attributes\":[{\"key\":\"faas.max_memory\",\"value\":{\"intValue\":"
	"\"1\"}}]}");
	record_origin_release(&o);
	free(longer);
}

/* observe/elasticsearch-template.json has a field for each member that a line may have, and no other. */
static void test_template(void **state)
{
	const char *src = getenv("SLSC_SRC");
	CLEAN_FREE char *path = path_join(src ? src : ".", "observe/elasticsearch-template.json");
	json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, NULL), *fields, *line, *v;
	const char *key;

	(void)state;
	fields = json_object_get(json_object_get(json_object_get(file, "template"), "mappings"), "properties");
	now.trace = &trace;
	now.request_id = STR(ID);
	parse_bytes("WARN " ID " x", 42);
	record.count = 1;
	record.fields[0] = (struct record_field){ STR("a"), { STR("1"), RECORD_INT } };
	buf_reset(&out);
	record_add_line(&record, &origin, &out);
	line = json_loadb(out.ptr, out.len, 0, NULL);
	assert_int_equal(json_object_size(line), 15);
	json_object_foreach(line, key, v) {
		CLEAN_FREE char *name = xstrdup(strcmp(key, "timestamp") == 0 ? "@timestamp" : key);
		char *dot = strchr(name, '.');
		json_t *field;

		if (dot)
			*dot = '\0';
		field = json_object_get(fields, name);
		if (dot)
			field = json_object_get(json_object_get(field, "properties"), dot + 1);
		if (!json_object_get(field, "type"))
			fail_msg("the template has no %s", key);
	}
	assert_int_equal(json_object_size(fields), json_object_size(line));
	json_decref(line);
	json_decref(file);
	now.trace = NULL;
	now.request_id = STR("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text), cmocka_unit_test(test_json), cmocka_unit_test(test_loggers),
		cmocka_unit_test(test_times), cmocka_unit_test(test_levels), cmocka_unit_test(test_values),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_no_json), cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_trace), cmocka_unit_test(test_origin), cmocka_unit_test(test_template),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
