/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "os/fs.h"
#include "report/claims.h"

static void refused(const char *text, const char *msg, const char *hint)
{
	struct err err = ERR_INIT;
	struct claims c;

	assert_int_equal(claims_parse(text, strlen(text), "c.yaml", &c, &err), -1);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.hint, hint);
	assert_null(c.row);
}

static void parse(const char *text, struct claims *c)
{
	struct err err = ERR_INIT;

	if (claims_parse(text, strlen(text), "c.yaml", c, &err) < 0)
		fail_msg("%s", err.msg);
}

static void test_read(void **unused)
{
	CLEAN_CLAIMS struct claims c;

	(void)unused;
	parse("source: a vendor\n"
	      "tune:\n  4/100: { p99 spread: 18 ms, mean pause: 320 µs }\n  16/50: {}\n"
	      "scale:\n  forecast lstm: { memory: 1.2 GB, scale-out: '2' }\n"
	      "compare:\n  anything: { layers: 3 }\n",
	      &c);
	assert_string_equal(c.source, "a vendor");
	assert_int_equal(c.len, 4);
	assert_true(claims_any(&c, CLAIMS_TUNE));
	assert_string_equal(claims_of(&c, CLAIMS_TUNE, "4/100", "p99 spread"), "18 ms");
	assert_string_equal(claims_of(&c, CLAIMS_TUNE, "4/100", "mean pause"), "320 µs");
	assert_null(claims_of(&c, CLAIMS_TUNE, "16/50", "mean pause"));
	assert_null(claims_of(&c, CLAIMS_TUNE, "4/50", "mean pause"));
	assert_null(claims_of(&c, CLAIMS_TUNE, "4/100", "cost"));
	assert_string_equal(claims_of(&c, CLAIMS_SCALE, "forecast lstm", "scale-out"), "2");
	assert_null(claims_of(&c, CLAIMS_SCALE, "4/100", "p99"));
	assert_string_equal(claims_of(&c, CLAIMS_COMPARE, "anything", "layers"), "3");
}

/* Nobody claims anything: that is no error, and nothing is shown. */
static void test_none(void **unused)
{
	struct term p = { .out = &(struct buf)BUF_INIT, .width = 80 };
	CLEAN_CLAIMS struct claims c;

	(void)unused;
	parse("source: nobody\n", &c);
	assert_int_equal(c.len, 0);
	assert_false(claims_any(&c, CLAIMS_SCALE));
	assert_null(claims_of(&c, CLAIMS_SCALE, "cpu", "p99"));
	cmp_claims_text(&p, c.source, NULL, 0);
	cmp_claims_html(c.source, NULL, 0, p.out);
	assert_int_equal(p.out->len, 0);
	cmp_claims_json(NULL, 0, p.out);
	assert_string_equal(p.out->ptr, "[]");
	buf_release(p.out);
}

static void test_refused(void **unused)
{
	CLEAN_BUF struct buf many = BUF_INIT;

	(void)unused;
	refused("", "c.yaml:1:1: no claims in it", "");
	refused("[]", "c.yaml:1:1: 'claims' is a list, not a mapping", "");
	refused("tune: {}\n", "c.yaml:1:1: 'source' is missing", "who claims it: source: the guide");
	refused("source: ~\n", "c.yaml:1:9: no claim for 'source'",
		"a text of up to 40 bytes, such as 3 to 8 ms; what is not claimed is left out");
	refused("sourc: x\n", "c.yaml:1:1: unknown key 'sourc'", "did you mean 'source'?");
	refused("scal: {}\n", "c.yaml:1:1: unknown key 'scal'", "did you mean 'scale'?");
	refused("tune: 3\n", "c.yaml:1:7: 'tune' is a number, not a mapping", "");
	refused("tune: {4: {}}\n", "c.yaml:1:8: unknown row '4'", "workers/retention, such as 4/100");
	refused("tune: {4/: {}}\n", "c.yaml:1:8: unknown row '4/'", "workers/retention, such as 4/100");
	refused("tune: {4/1000: {}}\n", "c.yaml:1:8: unknown row '4/1000'", "workers/retention, such as 4/100");
	refused("scale: {lstm: {}}\n", "c.yaml:1:9: unknown row 'lstm'",
		"a policy as the table has it, such as cpu or forecast lstm");
	refused("scale: {cpu: {p90: 1 s}}\n", "c.yaml:1:15: unknown key 'p90'", "did you mean 'p99'?");
	refused("scale: {cpu: 1 s}\n", "c.yaml:1:14: 'cpu' is a string, not a mapping", "");
	refused("scale: {cpu: {p99: [1 s]}}\n", "c.yaml:1:20: no claim for 'p99'",
		"a text of up to 40 bytes, such as 3 to 8 ms; what is not claimed is left out");
	refused("scale: {cpu: {p99: ''}}\n", "c.yaml:1:20: no claim for 'p99'",
		"a text of up to 40 bytes, such as 3 to 8 ms; what is not claimed is left out");
	refused("scale: {cpu: {p99: 12345678901234567890123456789012345678901}}\n", "c.yaml:1:20: no claim for 'p99'",
		"a text of up to 40 bytes, such as 3 to 8 ms; what is not claimed is left out");
	buf_addz(&many, "compare:\n");
	for (unsigned i = 0; i <= CLAIMS_ROWS; i++)
		buf_addf(&many, "  s%u: {}\n", i);
	refused(many.ptr, "c.yaml:202:3: limit exceeded: more than 200 rows", "");
}

/* The file that comes with slsc, which `slsc compare --preset guide` shows. */
static void test_own(void **unused)
{
	CLEAN_FREE char *path = path_join(getenv("SLSC_BUILD"), "share/slsc/guide.yaml");
	struct err err = ERR_INIT;
	CLEAN_CLAIMS struct claims c;

	(void)unused;
	if (claims_load(path, &c, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(c.source, "the guide");
	assert_string_equal(claims_of(&c, CLAIMS_COMPARE, "dynamic-glibc", "start"), "3 to 8 ms");
	assert_string_equal(claims_of(&c, CLAIMS_COMPARE, "static-musl", "start"), "0.2 ms");
	assert_string_equal(claims_of(&c, CLAIMS_COMPARE, "single-stage", "size"), "324 MB");
	assert_string_equal(claims_of(&c, CLAIMS_COMPARE, "single-stage", "layers"), "12");
	assert_string_equal(claims_of(&c, CLAIMS_COMPARE, "static-debian12", "size"), "18.2 MB");
	assert_string_equal(claims_of(&c, CLAIMS_COMPARE, "static-debian12", "layers"), "3");
}

static void test_shown(void **unused)
{
	static const struct cmp_claim claims[] = { { "p99, cpu", "480 ms", "31.9 s" },
						   { "p99, <lstm>\x1b[1m", "95 ms", NULL } };
	CLEAN_BUF struct buf out = BUF_INIT;
	struct term p = { .out = &out, .width = 60 };

	(void)unused;
	cmp_claims_text(&p, "last year", claims, 2);
	assert_string_equal(out.ptr, "\n"
				     "                 last year  measured here\n"
				     "p99, cpu            480 ms         31.9 s\n"
				     "p99, <lstm>?[1m      95 ms   not measured\n");
	buf_reset(&out);
	p.width = 30;
	cmp_claims_text(&p, "last year", claims, 1);
	assert_string_equal(out.ptr, "\np99, cpu: last year says 480\n  ms, measured here: 31.9 s\n");
	buf_reset(&out);
	cmp_claims_json(claims, 2, &out);
	assert_string_equal(out.ptr, "[{\"claimed\":\"480 ms\",\"measured\":\"31.9 s\",\"what\":\"p99, cpu\"},"
				     "{\"claimed\":\"95 ms\",\"measured\":null,\"what\":\"p99, <lstm>\\u001b[1m\"}]");
	buf_reset(&out);
	cmp_claims_html("a & b", claims + 1, 1, &out);
	assert_non_null(strstr(out.ptr, "<caption>What a &amp; b says, and what was measured here</caption>"));
	assert_non_null(strstr(out.ptr, "<th scope=\"row\">p99, &lt;lstm&gt;"));
	assert_non_null(strstr(out.ptr, "<td>not measured</td>"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read), cmocka_unit_test(test_none),  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_own),  cmocka_unit_test(test_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
