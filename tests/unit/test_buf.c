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
		cmocka_unit_test(test_shell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
