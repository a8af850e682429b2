/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/member.h"

static void invariants(const struct buf *b)
{
	assert_non_null(b->ptr);
	assert_int_equal(b->ptr[b->len], '\0');
	assert_true(b->cap ? b->len < b->cap : b->len == 0 && b->ptr == buf_empty);
}

static void test_life(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	char *s;

	(void)state;
	invariants(&b);
	buf_add(&b, NULL, 0);
	buf_addz(&b, "");
	buf_reset(&b);
	invariants(&b);
	s = buf_detach(&b);
	assert_string_equal(s, "");
	free(s);
	for (int i = 0; i < 1000; i++) {
		buf_addc(&b, (char)('a' + i % 26));
		invariants(&b);
	}
	assert_int_equal(b.len, 1000);
	buf_reset(&b);
	invariants(&b);
	assert_true(b.cap > 1000);
	buf_addf(&b, "%s-%0200d", "x", 7);
	invariants(&b);
	assert_int_equal(b.len, 202);
	buf_adds(&b, STR("tail"));
	assert_true(str_ends(buf_str(&b), "7tail"));
	s = buf_detach(&b);
	assert_int_equal(strlen(s), 206);
	free(s);
	invariants(&b);
	buf_reserve(&b, 0);
	invariants(&b);
	buf_release(&b);
	invariants(&b);
	assert_int_equal(buf_empty[0], '\0');
	/* at each length the text just fits or just does not */
	for (int n = 0; n < 200; n++) {
		buf_release(&b);
		buf_addf(&b, "%*s", n, "");
		invariants(&b);
		assert_int_equal(b.len, n);
	}
}

static void test_json(void **state)
{
	static const struct {
		struct str in;
		const char *want;
	} t[] = {
		{ { NULL, 0 }, "\"\"" }, { STR("plain"), "\"plain\"" },
		{ STR("a\"b\\c/"), "\"a\\\"b\\\\c/\"" },
		{ STR("\n\t\r\b\f\x1f\x7f"), "\"\\n\\t\\u000d\\u0008\\u000c\\u001f\\u007f\"" },
		{ STR("a\0b"), "\"a\\u0000b\"" }, { STR("ä€😀"), "\"ä€😀\"" },
		{ STR("\xff" "a\xc3"), "\"\xef\xbf\xbd" "a\xef\xbf\xbd\"" },
		{ STR("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		CLEAN_BUF struct buf b = BUF_INIT;

		buf_add_json(&b, t[i].in);
		assert_string_equal(b.ptr, t[i].want);
		invariants(&b);
	}
}

static void test_member(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	CLEAN_STRS struct strs v = { 0 };

	(void)state;
	member_open(&b, NULL, '{');
	member_strs(&b, "none", &v);
	strs_add(&v, "{");
	strs_add(&v, "b\"");
	member_strs(&b, "list", &v);
	member_list(&b, "more", (const char *const[]){ "c", NULL });
	member_open(&b, "in", '{');
	member_bool(&b, "no", false);
	member_bool(&b, "yes", true);
	buf_addc(&b, '}');
	member_u64(&b, "least", 0);
	member_count(&b, "no count", 0);
	member_count(&b, "count", 1);
	member_u64(&b, "most", UINT64_MAX);
	member_text(&b, "text", "");
	member_text(&b, "null", NULL);
	member_some(&b, "some", "x");
	member_some(&b, "nothing", "");
	member_some(&b, "neither", NULL);
	member_str(&b, "bytes", STR("a\0b"));
	member(&b, "pairs");
	member_open(&b, NULL, '[');
	for (uint64_t i = 0; i < 2; i++) {
		member_open(&b, NULL, '[');
		member_u64(&b, NULL, i);
		buf_addc(&b, ']');
	}
	buf_addz(&b, "]}");
	assert_string_equal(
		b.ptr, "{\"none\":[],\"list\":[\"{\",\"b\\\"\"],\"more\":[\"c\"],\"in\":{\"no\":false,\"yes\":true},"
		       "\"least\":0,\"no count\":null,\"count\":1,\"most\":18446744073709551615,"
		       "\"text\":\"\",\"null\":null,"
		       "\"some\":\"x\",\"nothing\":null,\"neither\":null,\"bytes\":\"a\\u0000b\","
		       "\"pairs\":[[0],[1]]}");
	invariants(&b);
}

static void test_shell(void **state)
{
	static const char *const t[][2] = {
		{ "", "''" }, { "-DX=1", "-DX=1" }, { "a b", "'a b'" }, { "it's", "'it'\\''s'" },
		{ "$HOME", "'$HOME'" }, { "~", "'~'" }, { "*", "'*'" }, { "a\nb", "'a\nb'" }, { "ä", "'ä'" },
		{ "/usr/lib+1", "/usr/lib+1" }, { "a;b", "'a;b'" }, { "#", "'#'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		CLEAN_BUF struct buf b = BUF_INIT;

		buf_add_shell(&b, t[i][0]);
		assert_string_equal(b.ptr, t[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_member),
		cmocka_unit_test(test_shell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
