/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

static void test_compare(void **state)
{
	struct str none = { NULL, 0 };

	(void)state;
	assert_true(str_eq(none, STR("")));
	assert_true(str_eqz(STR("ab"), "ab"));
	assert_false(str_eqz(STR("ab"), "abc"));
	assert_true(str_starts(STR("abc"), "ab"));
	assert_false(str_starts(STR("a"), "ab"));
	assert_true(str_starts(none, ""));
	assert_true(str_ends(STR("abc"), "bc"));
	assert_false(str_ends(STR("c"), "bc"));
	assert_true(starts_with("abc", "a"));
	assert_false(starts_with("a", "abc"));
	assert_true(ends_with("x.c", ".c"));
	assert_false(ends_with("c", ".c"));
}

static void test_trim_cut(void **state)
{
	struct str s = STR("a:b:c"), rest;

	(void)state;
	assert_true(str_eqz(str_trim(STR(" \t\r\n\v\f x y \n")), "x y"));
	assert_int_equal(str_trim(STR("  ")).len, 0);
	assert_int_equal(str_trim((struct str){ NULL, 0 }).len, 0);
	rest = str_cut(&s, ':');
	assert_true(str_eqz(s, "a") && str_eqz(rest, "b:c"));
	s = STR("abc");
	rest = str_cut(&s, ':');
	assert_true(str_eqz(s, "abc") && rest.len == 0 && rest.ptr);
	s = STR("a:");
	rest = str_cut(&s, ':');
	assert_true(str_eqz(s, "a") && rest.len == 0);
	s = (struct str){ NULL, 0 };
	assert_int_equal(str_cut(&s, ':').len, 0);
}

static void test_utf8(void **state)
{
	static const char *const good[] = { "", "abc", "ä", "€", "😀", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf",
			"\xee\x80\x80",
					    "\xe0\xa0\x80", "\xf0\x90\x80\x80", "\xc2\x80" };
	static const char *const bad[] = { "\x80",	   "\xc0\xaf",	   "\xc1\xbf",	       "\xc3",
			"\xe0\x9f\xbf",
					   "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf5\x80\x80\x80",
					   "\xf4\x90\x80\x80", "\xe2\x82", "\xf0\x9f\x98", "\xff",  "\xc3." };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(str_is_utf8(str_from(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(str_is_utf8(str_from(bad[i])));
	assert_true(str_is_utf8((struct str){ NULL, 0 }));
}

static void test_closest(void **state)
{
	static const char *const keys[] = { "optimize", NULL, "", "arch", "arches", "memory", "x" };
	static const struct {
		const char *word, *want;
	} t[] = {
		{ "optimise", "optimize" }, { "optim", "optimize" }, { "opt", "optimize" }, { "op", NULL },
		{ "arhc", "arch" }, { "archs", "arch" }, { "memroy", "memory" }, { "mem", "memory" },
		{ "y", NULL }, { "", NULL }, { "zzz", NULL }, { "arches", "arches" }, { "ymemry", "memory" },
	};
	/* a near miss is nearer than what the word is only the beginning of, whichever comes first */
	static const char *const near[] = { "optimx", "optimize" };
	static const char *const far[] = { "optimize", "optimx" };
	char longest[66] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const char *got = str_closest(t[i].word, keys, sizeof(keys) / sizeof(keys[0]));

		if (t[i].want)
			assert_string_equal(got ? got : "(none)", t[i].want);
		else
			assert_null(got);
	}
	assert_string_equal(str_closest("optim", near, 2), "optimx");
	memset(longest, 'a', 65);
	assert_null(str_closest(longest, (const char *const[]){ longest }, 1));
	assert_null(str_closest("a", (const char *const[]){ longest }, 1));
	longest[64] = '\0';
	assert_ptr_equal(str_closest(longest, (const char *const[]){ longest }, 1), longest);
	assert_null(str_closest("a", NULL, 0));
	assert_non_null(str_closest("optim", far, 2));
}

static void test_human(void **state)
{
	static const struct {
		uint64_t n;
		const char *want;
	} t[] = {
		{ 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1.0 KB" }, { 12595, "12.3 KB" },
		{ 1048575, "1.0 MB" }, { 52428800, "50.0 MB" }, { UINT64_C(1) << 40, "1.0 TB" },
		{ UINT64_MAX, "16777216.0 TB" },
	};
	char b[32];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_string_equal(str_human_size(t[i].n, b, sizeof(b)), t[i].want);
}

static void test_units(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t want;
	} size[] = {
		{ "128 MB", 0, 128 << 20 }, { "24KB", 0, 24 << 10 }, { "1048576", 0, 1 << 20 },
		{ "512 KiB", 0, 512 << 10 }, { " 1 g ", 0, 1 << 30 }, { "1.5 KB", 0, 1536 }, { "0", 0, 0 },
		{ "0.1 KB", 0, 102 }, { "1.0", 0, 1 }, { "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -1, 0 }, { "17179869183 G", 0, UINT64_C(17179869183) << 30 },
		{ "17179869184 G", -1, 0 }, { "17179869183.999 G", 0, UINT64_C(18446744073708477874) },
		{ "1.5 B", -1, 0 }, { "1.5", -1, 0 }, { "", -1, 0 }, { "MB", -1, 0 }, { "-1", -1, 0 },
		{ "+1", -1, 0 }, { "1.", -1, 0 }, { ".5 MB", -1, 0 }, { "1.0001 MB", -1, 0 },
		{ "1 M B", -1, 0 }, { "1 TB", -1, 0 }, { "1e3", -1, 0 }, { "0x10", -1, 0 }, { "1 2", -1, 0 },
	}, number[] = {
		{ "0", 0, 0 }, { "18446744073709551615", 0, UINT64_MAX }, { "18446744073709551616", -1, 0 },
		{ "", -1, 0 }, { " 1", -1, 0 }, { "1 ", -1, 0 }, { "-1", -1, 0 }, { "1.0", -1, 0 },
		{ "007", 0, 7 },
	};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		v = 42;
		assert_int_equal(str_parse_size(str_from(size[i].text), &v), size[i].r);
		assert_true(v == (size[i].r ? 42 : size[i].want));
	}
	for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++) {
		v = 42;
		assert_int_equal(str_parse_u64(str_from(number[i].text), &v), number[i].r);
		assert_true(v == (number[i].r ? 42 : number[i].want));
	}
	/* a NUL, which YAML can write, is no end */
	assert_int_equal(str_parse_size(STR("1\0"), &v), -1);
	assert_int_equal(str_parse_size(STR("1 k\0b"), &v), -1);
	assert_int_equal(str_parse_size((struct str){ NULL, 0 }, &v), -1);
}

/* A terminal acts on C1 controls, too, as it reads UTF-8: U+009B is ESC [. */
static void test_control(void **state)
{
	(void)state;
	assert_int_equal(str_control(STR("\x1b[2J")), 1);
	assert_int_equal(str_control(STR("\x7f")), 1);
	assert_int_equal(str_control(STR("\n")), 1);
	assert_int_equal(str_control(STR("\xc2\x9b" "2J")), 2);
	assert_int_equal(str_control(STR("\xc2\x80")), 2);
	assert_int_equal(str_control(STR("\xc2\xa0")), 0);
	assert_int_equal(str_control(STR("\xc2")), 0);
	assert_int_equal(str_control(STR("\xc3\x9b")), 0);
	/* what turns a line around, and its neighbours */
	assert_int_equal(str_control(STR("\xe2\x80\xae" "x")), 3);
	assert_int_equal(str_control(STR("\xe2\x80\xaa")), 3);
	assert_int_equal(str_control(STR("\xe2\x80\x8e")), 3);
	assert_int_equal(str_control(STR("\xe2\x81\xa6")), 3);
	assert_int_equal(str_control(STR("\xe2\x81\xa9")), 3);
	assert_int_equal(str_control(STR("\xd8\x9c")), 2);
	assert_int_equal(str_control(STR("\xe2\x80\xa9")), 0);
	assert_int_equal(str_control(STR("\xe2\x80\xaf")), 0);
	assert_int_equal(str_control(STR("\xe2\x81\xaa")), 0);
	assert_int_equal(str_control(STR("\xe2\x80")), 0);
	assert_int_equal(str_control(STR("\xd8\x9b")), 0);
	assert_int_equal(str_controlz("\xe2\x80\xae"), 3);
	assert_int_equal(str_controlz("\xe2\x80"), 0);
	assert_int_equal(str_controlz(""), 0);
	assert_int_equal(str_control(STR("a")), 0);
	assert_int_equal(str_control(STR("")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare), cmocka_unit_test(test_trim_cut), cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_closest), cmocka_unit_test(test_human),	 cmocka_unit_test(test_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
