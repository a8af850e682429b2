/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between slsc.yaml and the cloud, and what AWS's refusals become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "deploy/deploy.h"

#define SHA   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA64 "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

static void parse(struct project *p, const char *text)
{
	struct err err = ERR_INIT;

	if (project_parse(p, "slsc.yaml", "/p", text, strlen(text), &err) < 0)
		fail_msg("%s", err.msg);
}

/* "field: from -> to", a line each */
static void lines(const struct changes *c, struct buf *b)
{
	VEC_EACH(c, x)
		buf_addf(b, "%s: %s -> %s\n", x->field, x->from ? x->from : "-", x->to ? x->to : "-");
}

static json_t *json(const char *text)
{
	json_error_t e;
	json_t *j = json_loads(text, 0, &e);

	if (!j)
		fail_msg("%s", e.text);
	return j;
}

static const char full[] =
	"project: p\narches: [arm64, x86_64]\n"
	"deploy: {role: \"arn:aws:iam::123456789012:role/all\", tags: {a: \"1\", b: \"2\"}, layers: [\"l:1\"]}\n"
	"functions:\n  f:\n    sources: [f.c]\n    memory: 256 MB\n    timeout: 1500 ms\n"
	"    env: {A: x, B: y}\n"
	"    deploy: {tags: {b: \"3\"}, layers: [\"l:2\"], log_format: json, name: there, alias: live}\n";

static void test_want(void **state)
{
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_WANT struct want w = { .function = NULL };
	CLEAN_JSON json_t *nothing = json("{}"), *update = json("{}"), *set = json("{}"), *unset = json("[]");
	CLEANUP(changes_release) struct changes c = { 0 };
	CLEAN_BUF struct buf b = BUF_INIT;
	const struct want_opts o = { .arch = NULL };
	struct err err = ERR_INIT;

	(void)state;
	parse(&p, full);
	assert_int_equal(want_init(&w, &p, p.functions[0], &o, &err), 0);
	want_zip(&w, "f.zip", 10, SHA);
	assert_string_equal(w.name, "there");
	assert_string_equal(w.arch, "arm64");
	assert_string_equal(w.alias, "live");
	assert_true(w.publish);
	assert_int_equal(w.url, URL_UNSAID);
	assert_string_equal(w.zip_sha256, SHA64);
	assert_true(want_differs(&w, nothing, &c, update));
	assert_true(want_code_differs(&w, nothing, NULL, &c));
	assert_true(want_tags_differ(&w, nothing, &c, set, unset));
	lines(&c, &b);
	assert_string_equal(b.ptr,
			    "Runtime: - -> provided.al2023\nHandler: - -> bootstrap\n"
			    "Role: - -> arn:aws:iam::123456789012:role/all\nMemorySize: - -> 256\n"
			    "Timeout: - -> 2\nEnvironment.A: - -> (set)\nEnvironment.B: - -> (set)\n"
			    "Layers: - -> l:1 l:2\nLoggingConfig: Text -> JSON\n"
			    "Architectures: x86_64 -> arm64\nCode: - -> " SHA64 "\nTags.a: - -> 1\nTags.b: - -> 3\n");
	assert_int_equal(json_object_size(update), 8);
	assert_int_equal(json_object_size(set), 2);
}

static void test_same(void **state)
{
	CLEAN_PROJECT struct project p = { 0 };
	CLEAN_WANT struct want w = { .function = NULL };
	CLEAN_JSON json_t *config = json(
		"{\"Runtime\":\"provided.al2023\",\"Handler\":\"bootstrap\","
		"\"Role\":\"arn:aws:iam::123456789012:role/all\","
		"\"MemorySize\":256,\"Timeout\":2,\"Environment\":{\"Variables\":{\"B\":\"y\",\"A\":\"x\"}},"
		"\"Layers\":[{\"Arn\":\"l:1\",\"CodeSize\":1},{\"Arn\":\"l:2\"}],\"Description\":\"theirs\","
		"\"LoggingConfig\":{\"LogFormat\":\"JSON\",\"LogGroup\":\"g\"},\"EphemeralStorage\":{\"Size\":512},"
		"\"Architectures\":[\"arm64\"],\"CodeSha256\":\"" SHA64 "\"}");
	CLEAN_JSON json_t *tags = json("{\"a\":\"1\",\"b\":\"3\",\"aws:x\":\"y\"}"), *set = json("{}"),
			  *unset = json("[]");
	CLEAN_JSON json_t *other = NULL;
	CLEANUP(changes_release) struct changes c = { 0 };
	CLEAN_BUF struct buf b = BUF_INIT;
	const struct want_opts o = { .arch = NULL };
	struct err err = ERR_INIT;

	(void)state;
	parse(&p, full);
	assert_int_equal(want_init(&w, &p, p.functions[0], &o, &err), 0);
	want_zip(&w, "f.zip", 10, SHA);
	assert_false(want_differs(&w, config, &c, NULL));
	assert_false(want_code_differs(&w, config, NULL, &c));
	assert_false(want_tags_differ(&w, tags, &c, set, unset));
	assert_int_equal(c.len, 0);
	other = json_deep_copy(config);
	json_object_set_new(other, "Environment", json("{\"Variables\":{\"A\":\"z\",\"C\":\"s3cret\"}}"));
	json_object_set_new(tags, "gone", json_string("x"));
	assert_true(want_differs(&w, other, &c, NULL));
	assert_true(want_tags_differ(&w, tags, &c, set, unset));
	lines(&c, &b);
	assert_string_equal(b.ptr, "Environment.A: (set) -> (another value)\nEnvironment.B: - -> (set)\n"
				   "Environment.C: (set) -> -\nTags.gone: x -> -\n");
	assert_string_equal(json_string_value(json_array_get(unset, 0)), "gone");
}

static void test_refused(void **state)
{
	CLEAN_PROJECT struct project p = { 0 };
	static const struct {
		const char *yaml, *msg;
	} all[] = {
		{ "project: p\narches: [wasm32]\nfunctions:\n  f:\n    sources: [f.c]\n",
		  "slsc.yaml:4:3: 'f' is built for wasm32 alone, which Lambda does not run" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		CLEAN_WANT struct want w = { .function = NULL };
		const struct want_opts o = { .arch = NULL };
		struct err err = ERR_INIT;

		project_release(&p);
		memset(&p, 0, sizeof(p));
		parse(&p, all[i].yaml);
		assert_int_equal(want_init(&w, &p, p.functions[0], &o, &err), -1);
		assert_string_equal(err.msg, all[i].msg);
	}
}

/* A service that quotes what it was sent, and goes on with all of it. */
static void test_secrets(void **state)
{
	static char id[] = "AKIDEXAMPLE", secret[] = "wJalrXUtnFEMI/K7MDENG",
		    token[] = "FwoGZXIvYXdzEXAMPLE==", from[] = "here";
	const struct aws_creds creds = { .id = id, .secret = secret, .token = token, .from = from };
	const struct aws_call call = { .what = "f: Op", .creds = &creds };
	static const struct {
		int status;
		const char *type, *body, *msg;
	} all[] = {
		{ 400, "x-amzn-ErrorType: InvalidParameterValueException:http://x/",
		  "{\"message\":\"no wJalrXUtnFEMI/K7MDENG\"}",
		  "f: Op: 400 InvalidParameterValueException: no *********************" },
		{ 400, NULL,
		  "{\"__type\":\"com.amazonaws#ValidationException\",\"message\":\"a FwoGZXIvYXdzEXAMPLE== b\"}",
		  "f: Op: 400 ValidationException: a ********************* b" },
		{ 403, "x-amzn-ErrorType: InvalidSignatureException",
		  "{\"message\":\"no match\\n\\nThe Canonical String\\nx-amz-security-token:FwoGZXIvYXdzEXAMPLE==\"}",
		  "f: Op: AWS does not take the signature (403 InvalidSignatureException)" },
		{ 403, NULL, "<Error><Code>RequestTimeTooSkewed</Code><Message>too far\x1b[2J</Message></Error>",
		  "f: Op: 403 RequestTimeTooSkewed: too far?[2J" },
		{ 403, NULL, "<Error><Code>ExpiredToken</Code></Error>",
		  "f: Op: the credentials of here have expired" },
		{ 502, NULL, "<html>", "f: Op: 502" },
		{ 500, NULL, "", "f: Op: 500" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
		struct err err = ERR_INIT;

		resp.status = all[i].status;
		if (all[i].type)
			strs_add(&resp.headers, all[i].type);
		buf_addz(&resp.body, all[i].body);
		assert_int_equal(aws_refused(&call, &resp, &err), -1);
		assert_string_equal(err.msg, all[i].msg);
		assert_null(strstr(err.hint, token));
	}
}

/* What a service quotes is hidden before the message is cut: of a part nobody would know that it is one. */
static void test_quoted(void **state)
{
	static char secret[] = "****************", from[] = "here";
	char token[901], word[601];
	const struct aws_creds creds = { .id = from, .secret = secret, .token = token, .from = from };
	static const char *const hide[] = { "bearer-of-all", "first line\nse\tcond \"part\"", "abc", "", NULL };
	struct aws_call call = { .what = "f: Op", .creds = &creds, .hide = hide };
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	struct err err = ERR_INIT;

	(void)state;
	memset(token, 'T', sizeof(token) - 1);
	token[sizeof(token) - 1] = '\0';
	memset(word, '*', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	resp.status = 400;
	buf_addf(&resp.body, "{\"message\":\"%s\"}", token);
	assert_int_equal(aws_refused(&call, &resp, &err), -1);
	assert_memory_equal(err.msg, "f: Op: 400: ", 12);
	assert_string_equal(err.msg + 12, word);
	/* a secret of stars, as somebody has copied it from a page, ends too */
	buf_reset(&resp.body);
	buf_addz(&resp.body, "{\"message\":\"**************** bearer-of-all abc first line\"}");
	assert_int_equal(aws_refused(&call, &resp, &err), -1);
	assert_string_equal(err.msg, "f: Op: 400: **************** ************* abc **********");
	/* as a service quotes it that writes JSON; and where nobody signs */
	call.creds = NULL;
	buf_reset(&resp.body);
	buf_addz(&resp.body, "{\"message\":\"{v=first line\\\\nse\\\\tcond \\\"part\\\"}\"}");
	assert_int_equal(aws_refused(&call, &resp, &err), -1);
	assert_string_equal(err.msg, "f: Op: 400: {v=**********\\nse\\t*****\"****\"}");
}

static void test_jitter(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_in_range(aws_jitter(1000), 500, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_want),	cmocka_unit_test(test_same),   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_secrets), cmocka_unit_test(test_quoted), cmocka_unit_test(test_jitter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
