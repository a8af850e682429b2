/* SPDX-License-Identifier: Apache-2.0 */
#include "test_flow_util.h"

#include "flow/intrinsic.h"
#include "flow/jsonpath.h"
#include "flow/template.h"

static const char store[] =
	"{\"store\":{\"book\":["
	"{\"category\":\"reference\",\"author\":\"Nigel Rees\",\"title\":\"Sayings of the Century\",\"price\":8.95},"
	"{\"category\":\"fiction\",\"author\":\"Evelyn Waugh\",\"title\":\"Sword of Honour\",\"price\":12.99},"
	"{\"category\":\"fiction\",\"author\":\"Herman Melville\",\"title\":\"Moby Dick\",\"isbn\":\"0-553-21311-3\","
	"\"price\":8.99},"
	"{\"category\":\"fiction\",\"author\":\"J. R. R. Tolkien\",\"title\":\"The Lord of the Rings\","
	"\"isbn\":\"0-395-19395-8\",\"price\":22.99}],"
	"\"bicycle\":{\"color\":\"red\",\"price\":19.95}},\"expensive\":10,\"a b\":{\"it's\":[1,2,3]},\"null\":null}";

static json_t *the_context;

static json_t *get_context(void *arg)
{
	(void)arg;
	return the_context;
}

static json_t *get_variable(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "x") ? NULL : json_object_get(the_context, "Execution");
}

static uint64_t seed;
static const struct flow_data *data_of(json_t *input)
{
	static struct flow_data d;

	seed = 1;
	d = (struct flow_data){ input, get_context, get_variable, NULL, no_hash, &seed };
	return &d;
}

static int context_up(void **state)
{
	(void)state;
	the_context = json_of("{\"Execution\":{\"Id\":\"arn\"}}");
	return 0;
}

static int context_down(void **state)
{
	(void)state;
	json_decref(the_context);
	return 0;
}

/* What a value, path or function, is for an input: as JSON; or "Error: cause"; or "AT: why" if it is malformed. */
static const char *value_of(const char *text, const char *input)
{
	static char out[4096];
	CLEAN_ARENA struct arena a = ARENA_INIT;
	CLEAN_FAULT struct flow_fault f = FLOW_FAULT_INIT;
	CLEAN_BUF struct buf b = BUF_INIT;
	struct flow_value v;
	const char *why;
	size_t at;
	json_t *in, *got;

	if (flow_value_compile(&a, str_from(text), &v, &why, &at) < 0) {
		snprintf(out, sizeof(out), "%zu: %s", at, why);
		return out;
	}
	in = json_of(input);
	got = flow_value_get(&v, "f", data_of(in), &f);
	if (got)
		flow_value_dump(got, &b);
	else
		buf_addf(&b, "%s: %s", f.error, f.cause);
	snprintf(out, sizeof(out), "%s", b.ptr);
	json_decref(got);
	json_decref(in);
	return out;
}

static void test_paths(void **state)
{
	static const char *const cases[][2] = {
		{ "$.expensive", "10" },
		{ "$.store.book[0].title", "\"Sayings of the Century\"" },
		{ "$['store']['bicycle'][\"color\"]", "\"red\"" },
		{ "$.store.book[-1].price", "22.99" },
		{ "$['a b']['it\\'s'][1]", "2" },
		{ "$.null", "null" },
		{ "$.store.book[*].price", "[8.95,12.99,8.99,22.99]" },
		{ "$.store.*.color", "[\"red\"]" },
		{ "$..color", "[\"red\"]" },
		{ "$..price", "[8.95,12.99,8.99,22.99,19.95]" },
		{ "$..book[0].author", "[\"Nigel Rees\"]" },
		{ "$.store..isbn", "[\"0-553-21311-3\",\"0-395-19395-8\"]" },
		{ "$..nothing", "[]" },
		{ "$.store.book[0,2].price", "[8.95,8.99]" },
		{ "$.store.book[1:3].price", "[12.99,8.99]" },
		{ "$.store.book[:1].price", "[8.95]" },
		{ "$.store.book[-1:].price", "[22.99]" },
		{ "$.store.book[2:1].price", "[]" },
		{ "$.store.bicycle['price','color']", "{\"price\":19.95,\"color\":\"red\"}" },
		{ "$.store['book','bicycle'].price", "[19.95]" },
		{ "$.store.book[?(@.isbn)].price", "[8.99,22.99]" },
		{ "$.store.book[?(!@.isbn)].price", "[8.95,12.99]" },
		{ "$.store.book[?(@.price < 10)].author", "[\"Nigel Rees\",\"Herman Melville\"]" },
		{ "$.store.book[?(@.price > $.expensive && @.category == 'fiction')].price", "[12.99,22.99]" },
		{ "$.store.book[?(@.category == \"reference\" || (@.isbn && @.price >= 20))].price", "[8.95,22.99]" },
		{ "$.store.book[?(@.price in [8.99, 22.99])].price", "[8.99,22.99]" },
		{ "$.store.book[?(@.category nin ['fiction'])].price", "[8.95]" },
		{ "$.store.book[?(@['price'] != 8.95)].price", "[12.99,8.99,22.99]" },
		{ "$.store.book[?(@.isbn == null)].price", "[]" },
		{ "$..[?(@.color)].price", "[19.95]" },
		{ "$.store.book.length()", "4" },
		{ "$..price.length()", "5" },
		{ "$$.Execution.Id", "\"arn\"" },
		{ "$x.Id", "\"arn\"" },
		{ "$.store.book[9:]", "[]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *got = value_of(cases[i][0], store);

		if (strcmp(got, cases[i][1]) != 0)
			fail_msg("%s is %s, not %s", cases[i][0], got, cases[i][1]);
	}
	assert_string_equal(value_of("$", "[1,2.5,\"\\u0000\\n\"]"), "[1,2.5,\"\\u0000\\n\"]");
	assert_string_equal(value_of("$[1]", "[1,2]"), "2");
	assert_string_equal(
		value_of("$.a", "{\"b\":1}"),
		"States.Runtime: The JSONPath '$.a' specified for the field 'f.$' could not be found in the "
		"input '{\"b\":1}'");
	assert_string_equal(value_of("$.a[*]", "{\"b\":1}"),
			    "States.Runtime: The JSONPath '$.a[*]' specified for the field 'f.$' could not be found "
			    "in "
			    "the input '{\"b\":1}'");
	assert_string_equal(value_of("$y", "1"),
			    "States.Runtime: The JSONPath '$y' specified for the field 'f.$' could not be found in "
			    "the "
			    "input '1'");
}

static void test_malformed_paths(void **state)
{
	static const char *const cases[][2] = {
		{ "", "0: it is neither a path nor an intrinsic function" },
		{ "a.b", "0: it is neither a path nor an intrinsic function" },
		{ "$.", "2: a name is expected at its end" },
		{ "$..", "3: a name is expected at its end" },
		{ "$.a b", "3: a path cannot go on like this" },
		{ "$.a[", "4: a number, a quoted name, * or ?( is expected in the brackets" },
		{ "$.a[0", "3: a bracket is not closed" },
		{ "$.a['b", "4: a quote is not closed" },
		{ "$.a[x]", "4: a number, a quoted name, * or ?( is expected in the brackets" },
		{ "$.a[:]", "5: a number is expected on either side of the colon" },
		{ "$.a[99999999999]", "4: a number is too large" },
		{ "$.a[?(@.b", "9: a ) is missing here" },
		{ "$.a[?(@.b == )]", "13: a path, a quoted text, a number, true, false or null is expected here" },
		{ "$.a[?(@.b =~ /x/)]", "10: regular expressions are not supported" },
		{ "$.a[?(1)]", "6: a filter has to look at something" },
		{ "$.a.min()", "4: the only function of a path is .length()" },
		{ "$.a.length().b", "12: a path cannot go on like this" },
		{ "$.a*", "3: a path cannot go on like this" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *got = value_of(cases[i][0], "{}");

		if (strcmp(got, cases[i][1]) != 0)
			fail_msg("%s: %s, not %s", cases[i][0], got, cases[i][1]);
	}
}

static const struct jsonpath *compiled(struct arena *a, const char *text)
{
	const char *why = NULL;
	size_t at = 0;
	const struct jsonpath *p = jsonpath_compile(a, str_from(text), NULL, &why, &at);

	if (!p)
		fail_msg("%s: %s", text, why);
	return p;
}

static void test_references(void **state)
{
	static const struct {
		const char *text;
		bool reference, definite;
	} cases[] = {
		{ "$", true, true },
		{ "$.a", true, true },
		{ "$.a['b c'][0]", true, true },
		{ "$$.Task.Token", true, true },
		{ "$.a[-1]", false, true },
		{ "$.a[*]", false, false },
		{ "$.a..b", false, false },
		{ "$.a[0,1]", false, false },
		{ "$.a[0:1]", false, false },
		{ "$.a:b", false, true },
		{ "$.a@b", false, true },
		{ "$['a','b']", false, true },
		{ "$.a.length()", false, true },
	};
	CLEAN_ARENA struct arena a = ARENA_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct jsonpath *p = compiled(&a, cases[i].text);

		if (p->reference != cases[i].reference || p->definite != cases[i].definite)
			fail_msg("%s: reference %d, definite %d", cases[i].text, p->reference, p->definite);
	}
}

static void test_put(void **state)
{
	static const char *const cases[][3] = {
		{ "$", "{\"a\":1}", "7" },
		{ "$.b", "{\"a\":1}", "{\"a\":1,\"b\":7}" },
		{ "$.a", "{\"a\":1,\"b\":2}", "{\"a\":7,\"b\":2}" },
		{ "$.b.c.d", "{\"a\":1}", "{\"a\":1,\"b\":{\"c\":{\"d\":7}}}" },
		{ "$.a[1].b", "{\"a\":[1,{\"c\":2}]}", "{\"a\":[1,{\"c\":2,\"b\":7}]}" },
		{ "$.a[2]", "{\"a\":[1,2]}", NULL },
		{ "$.a.b", "{\"a\":1}", NULL },
		{ "$.a", "[1]", NULL },
		{ "$[0]", "{}", NULL },
		{ "$.a[0]", "{}", NULL },
	};
	CLEAN_ARENA struct arena a = ARENA_INIT;
	json_t *seven = json_integer(7);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_BUF struct buf before = BUF_INIT, after = BUF_INIT, out = BUF_INIT;
		json_t *in = json_of(cases[i][1]), *got;

		flow_value_dump(in, &before);
		got = jsonpath_put(compiled(&a, cases[i][0]), in, seven);
		flow_value_dump(in, &after);
		assert_string_equal(before.ptr, after.ptr);
		if (got)
			flow_value_dump(got, &out);
		if (!got != !cases[i][2] || (got && strcmp(out.ptr, cases[i][2]) != 0))
			fail_msg("%s into %s: %s", cases[i][0], cases[i][1], got ? out.ptr : "nothing");
		json_decref(got);
		json_decref(in);
	}
	json_decref(seven);
}

#define FAILED(call, why) "States.IntrinsicFailure: The function '" call "' had the following error: " why

static void test_intrinsics(void **state)
{
	static const char in[] =
		"{\"name\":\"Arnav\",\"t\":\"Hello, my name is {}.\",\"list\":[1,2,3,4,5,6,7,8,9],"
		"\"twice\":[1,2,3,3,3,3,3,3,4],\"o\":{\"a\":{\"x\":1},\"b\":[true,null,\"s\"]},\"p\":{\"a\":2},"
		"\"s\":\"This.is+a,test=string\",\"json\":\"{\\\"n\\\":20}\",\"b64\":\"RGF0YQ==\"}";
	static const char *const cases[][2] = {
		{ "States.Format('Hello, my name is {}.', $.name)", "\"Hello, my name is Arnav.\"" },
		{ "States.Format($.t, $.name)", "\"Hello, my name is Arnav.\"" },
		{ "States.Format('{} {} {} {}', 1, 2.5, true, null)", "\"1 2.5 true null\"" },
		{ "States.Format('\\{\\} it\\'s \\\\ {}', 'x')", "\"{} it's \\\\ x\"" },
		{ "States.Format('{}', $.o)", "\"{a={x=1}, b=[true, null, s]}\"" },
		{ "States.Format('{}')", FAILED("States.Format('{}')", "there are fewer values than {} in the text") },
		{ "States.Format('', 1)", FAILED("States.Format('', 1)", "there are more values than {} in the "
		"text") },
		{ "States.StringToJson($.json)", "{\"n\":20}" },
		{ "States.StringToJson('x')",
		  FAILED("States.StringToJson('x')", "the string is no JSON: invalid token near 'x'") },
		{ "States.JsonToString($.p)", "\"{\\\"a\\\":2}\"" },
		{ "States.Array('Foo', 2020, $.p, null)", "[\"Foo\",2020,{\"a\":2},null]" },
		{ "States.Array()", "[]" },
		{ "States.ArrayPartition($.list, 4)", "[[1,2,3,4],[5,6,7,8],[9]]" },
		{ "States.ArrayPartition($.list,0)",
		  FAILED("States.ArrayPartition($.list,0)", "the size of a part is no positive number") },
		{ "States.ArrayContains($.list, 5)", "true" },
		{ "States.ArrayContains($.list, 5.5)", "false" },
		{ "States.ArrayRange(1, 9, 2)", "[1,3,5,7,9]" },
		{ "States.ArrayRange(3, 1, -1)", "[3,2,1]" },
		{ "States.ArrayRange(1, 0, 1)", "[]" },
		{ "States.ArrayRange(1, 9, 0)", FAILED("States.ArrayRange(1, 9, 0)", "the step is 0") },
		{ "States.ArrayRange(0, 1000, 1)",
		  FAILED("States.ArrayRange(0, 1000, 1)", "the list would have more than 1000 elements") },
		{ "States.ArrayGetItem($.list, 5)", "6" },
		{ "States.ArrayGetItem($.list, 9)",
		  FAILED("States.ArrayGetItem($.list, 9)", "the list has 9 elements, none with the index 9") },
		{ "States.ArrayLength($.list)", "9" },
		{ "States.ArrayUnique($.twice)", "[1,2,3,4]" },
		{ "States.Base64Encode('Data to encode')", "\"RGF0YSB0byBlbmNvZGU=\"" },
		{ "States.Base64Decode($.b64)", "\"Data\"" },
		{ "States.Base64Decode('?')", FAILED("States.Base64Decode('?')", "the string is no Base64") },
		{ "States.Base64Decode('/w==')",
		  FAILED("States.Base64Decode('/w==')", "what the string stands for is no UTF-8") },
		{ "States.Hash('abcd', 'SHA-1')", "\"0404040404040404040404040404040404040404\"" },
		{ "States.Hash('abcd', 'SHA-2')",
		  FAILED("States.Hash('abcd', 'SHA-2')",
			 "the algorithm is none of MD5, SHA-1, SHA-256, SHA-384 and SHA-512") },
		{ "States.JsonMerge($.o, $.p, false)", "{\"a\":2,\"b\":[true,null,\"s\"]}" },
		{ "States.JsonMerge($.o, $.p, true)",
		  FAILED("States.JsonMerge($.o, $.p, true)",
			 "the third argument is not false: objects are not merged deeply") },
		{ "States.MathAdd(111, -1)", "110" },
		{ "States.MathAdd(1.5, 1)", "3" },
		{ "States.MathAdd(2147483648, 1)",
		  FAILED("States.MathAdd(2147483648, 1)", "a number is not between -2147483648 and 2147483647") },
		{ "States.MathRandom(1, 2)", "1" },
		{ "States.MathRandom(2, 1)", FAILED("States.MathRandom(2, 1)", "the end is not above the start") },
		{ "States.StringSplit('1,2,3,4,5', ',')", "[\"1\",\"2\",\"3\",\"4\",\"5\"]" },
		{ "States.StringSplit($.s, '.+,=')", "[\"This\",\"is\",\"a\",\"test\",\"string\"]" },
		{ "States.StringSplit('a\xc3\xa4z', '\xc3\xa4')", "[\"a\",\"z\"]" },
		{ "States.Format('{}', States.ArrayLength(States.ArrayUnique($.twice)))", "\"4\"" },
		{ "States.Format('{}', $.missing)",
		  "States.Runtime: The function 'States.Format('{}', $.missing)' had the following error: The "
		  "JsonPath "
		  "argument for the field '$.missing' could not be found in the input '" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *got = value_of(cases[i][0], in);
		size_t n = cases[i][1] ? strlen(cases[i][1]) : 0;

		if (cases[i][1] && (strncmp(got, cases[i][1], n) != 0 || (got[n] && cases[i][1][n - 1] != '\'')))
			fail_msg("%s is %s, not %s", cases[i][0], got, cases[i][1]);
	}
	/* the same state of chance, the same value: version 4, variant 1 */
	assert_int_equal(strlen(value_of("States.UUID()", "{}")), 38);
	assert_int_equal(value_of("States.UUID()", "{}")[15], '4');
	assert_non_null(strchr("89ab", value_of("States.UUID()", "{}")[20]));
	assert_string_equal(value_of("States.MathRandom(0, 1000000, 7)", "{}"),
			    value_of("States.MathRandom(0, 1000000, 7)", "1"));
}

static void test_malformed_intrinsics(void **state)
{
	static const char *const cases[][2] = {
		{ "States.Nothing()", "0: it is neither a path nor an intrinsic function" },
		{ "States.UUID", "11: a ( is expected behind a function's name" },
		{ "States.UUID(", "12: a ) is missing at its end" },
		{ "States.UUID() x", "13: nothing can follow a function" },
		{ "States.UUID(1)", "0: it has too many arguments" },
		{ "States.ArrayLength()", "0: it has too few arguments" },
		{ "States.Format('a", "14: a quote is not closed" },
		{ "States.Format('\\n')", "15: a backslash has to be followed by ' { } or another one" },
		{ "States.Format('a' 'b')", "18: a comma or ) is expected here" },
		{ "States.Format('a', $.b", "22: a ) is missing at its end" },
		{ "States.Format('a', $.)", "21: a name is expected here" },
		{ "States.Format('a', 1x)", "20: a comma or ) is expected here" },
		{ "States.Format(\"a\")", "14: an argument has to be a path, a text in single quotes, a number, true, "
					  "false, null or a function" },
	};
	CLEAN_BUF struct buf deep = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *got = value_of(cases[i][0], "{}");

		if (strcmp(got, cases[i][1]) != 0)
			fail_msg("%s: %s, not %s", cases[i][0], got, cases[i][1]);
	}
	for (unsigned i = 0; i < 10; i++)
		buf_addz(&deep, "States.Array(");
	buf_addz(&deep, "1))))))))))");
	assert_string_equal(value_of(deep.ptr, "{}"), "[[[[[[[[[[1]]]]]]]]]]");
	buf_reset(&deep);
	for (unsigned i = 0; i < 100000; i++)
		buf_addz(&deep, "States.Array(");
	assert_string_equal(value_of(deep.ptr, "{}"), "0: it is too long");
	deep.ptr[10000] = '\0';
	assert_string_equal(value_of(deep.ptr, "{}"), "130: functions are nested more than 10 deep");
}

static void test_bounds(void **state)
{
	CLEAN_BUF struct buf in = BUF_INIT, deep = BUF_INIT;

	(void)state;
	buf_addz(&in, "{\"s\":\"");
	for (unsigned i = 0; i < 200000; i++)
		buf_addc(&in, 'x');
	buf_addz(&in, "\"}");
	assert_string_equal(
		value_of("States.Format('{}{}', $.s, $.s)", in.ptr),
		"States.DataLimitExceeded: The function 'States.Format('{}{}', $.s, $.s)' returned a result "
		"with a size exceeding the maximum number of bytes service limit.");
	assert_string_equal(value_of("States.Hash($.s, 'SHA-1')", in.ptr),
			    FAILED("States.Hash($.s, 'SHA-1')", "the data has more than 10000 bytes"));
	/* each ".." looks at all that is below: the third power of the levels is too much */
	for (unsigned i = 0; i < 400; i++)
		buf_addc(&deep, '[');
	for (unsigned i = 0; i < 400; i++)
		buf_addc(&deep, ']');
	assert_string_equal(value_of("$..*..*..*", deep.ptr),
			    "States.Runtime: Invalid path '$..*..*..*': it would look at more than 1000000 values");
}

static void test_template(void **state)
{
	static const char *const cases[][2] = {
		{ "{\"a\":1,\"b\":[{\"c.$\":\"$.x\"},\"$.x\"]}", "{\"a\":1,\"b\":[{\"c\":{\"y\":2}},\"$.x\"]}" },
		{ "{\"a.$\":\"States.ArrayLength($.l)\",\"d\":{\"e.$\":\"$$.Execution.Id\"}}",
		  "{\"a\":2,\"d\":{\"e\":\"arn\"}}" },
		{ "{\"a.$\":5}", "{\"a.$\":5}" },
		{ "[]", "[]" },
	};
	json_t *in = json_of("{\"x\":{\"y\":2},\"l\":[1,2]}"), *bad;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_ARENA struct arena a = ARENA_INIT;
		CLEAN_FAULT struct flow_fault f = FLOW_FAULT_INIT;
		CLEAN_BUF struct buf out = BUF_INIT;
		json_t *json = json_of(cases[i][0]), *got;
		const json_t *wrong;
		const char *why;
		size_t at;
		const struct template *t = template_compile(&a, json, &wrong, &why, &at);

		assert_non_null(t);
		got = template_fill(t, data_of(in), &f);
		assert_non_null(got);
		flow_value_dump(got, &out);
		assert_string_equal(out.ptr, cases[i][1]);
		json_decref(got);
		json_decref(json);
	}
	json_decref(in);

	CLEAN_ARENA struct arena a = ARENA_INIT;
	const json_t *wrong = NULL;
	const char *why;
	size_t at;

	bad = json_of("{\"a\":[{\"b.$\":\"$.x[\"}]}");
	assert_null(template_compile(&a, bad, &wrong, &why, &at));
	assert_string_equal(json_string_value(wrong), "$.x[");
	assert_int_equal(at, 4);
	json_decref(bad);
}

static void test_values(void **state)
{
	static const char *const texts[] = { "null",
					     "true",
					     "[]",
					     "{}",
					     "-9223372036854775808",
					     "0.1",
					     "1e+300",
					     "1.0",
					     "[1,[2,{\"a\":[]}],\"\\u0001\\t\\\"\\\\\xc3\xa4\"]",
					     "{\"a\":{},\"b\":false}" };
	json_t *a, *b;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEAN_BUF struct buf out = BUF_INIT;
		json_t *v = json_of(texts[i]);
		size_t n = strlen(texts[i]);

		flow_value_dump(v, &out);
		assert_string_equal(out.ptr, texts[i]);
		assert_int_equal(flow_value_size(v, n), n);
		assert_int_equal(flow_value_size(v, n - 1), SIZE_MAX);
		json_decref(v);
	}
	a = json_of("{\"x\":1,\"y\":[1.0,\"s\"]}");
	b = json_of("{\"y\":[1,\"s\"],\"x\":1.0}");
	assert_true(flow_value_equal(a, b));
	json_decref(b);
	b = json_of("{\"y\":[1,\"t\"],\"x\":1.0}");
	assert_false(flow_value_equal(a, b));
	json_decref(a);
	json_decref(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),	   cmocka_unit_test(test_malformed_paths),
		cmocka_unit_test(test_references), cmocka_unit_test(test_put),
		cmocka_unit_test(test_intrinsics), cmocka_unit_test(test_malformed_intrinsics),
		cmocka_unit_test(test_bounds),	   cmocka_unit_test(test_template),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, context_up, context_down);
}
