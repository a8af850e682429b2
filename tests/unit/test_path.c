/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "os/fs.h"

static void test_join(void **state)
{
	static const char *const t[][3] = {
		{ "a", "b", "a/b" }, { "a/", "b", "a/b" }, { ".", "b", "b" }, { "", "b", "b" },
		{ "a", "/b", "/b" }, { "/", "b", "/b" }, { "a", "", "a" }, { ".", "", "." }, { "", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		CLEAN_FREE char *got = path_join(t[i][0], t[i][1]);

		assert_string_equal(got, t[i][2]);
	}
}

static void test_dirname(void **state)
{
	static const char *const t[][2] = {
		{ "a", "." }, { "a/b", "a" }, { "/a", "/" }, { "//a", "/" }, { "a//b", "a" }, { "/a/b", "/a" },
		{ "/", "/" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		CLEAN_FREE char *got = path_dirname(t[i][0]);

		assert_string_equal(got, t[i][1]);
	}
	assert_string_equal(path_basename("a/b"), "b");
	assert_string_equal(path_basename("b"), "b");
	assert_string_equal(path_basename("/b"), "b");
}

static void test_clean(void **state)
{
	static const struct {
		const char *in, *want;
		bool inside;
	} t[] = {
		{ "", ".", true }, { ".", ".", true }, { "./", ".", true }, { "a", "a", true },
		{ "a/", "a", true }, { "a//b", "a/b", true }, { "./a/./b/.", "a/b", true },
		{ "a/..", ".", true }, { "a/../b", "b", true }, { "a/b/../c", "a/c", true },
		{ "..", "..", false }, { "../..", "../..", false }, { "a/../..", "..", false },
		{ "../a/..", "..", false }, { "../a/../b", "../b", false }, { "..a", "..a", true },
		{ "...", "...", true }, { "..a/../b", "b", true }, { "/", "/", false }, { "//", "/", false },
		{ "/..", "/", false }, { "/../a", "/a", false }, { "/a/../..", "/", false },
		{ "/a/b/..", "/a", false }, { "/a//b/", "/a/b", false }, { "a/b/../../..", "..", false },
		{ "../../a/..", "../..", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		CLEAN_FREE char *got = path_clean(t[i].in), *again = path_clean(got);

		assert_string_equal(got, t[i].want);
		assert_string_equal(again, got);
		assert_int_equal(path_is_inside(got), t[i].inside);
	}
}

static void is(char *got, const char *want)
{
	assert_string_equal(got, want);
	free(got);
}

static void test_dirs(void **state)
{
	char cwd[4096];
	CLEAN_FREE char *share = dirs_share(), *self = dirs_self(), *relative = NULL, *nowhere = NULL;

	(void)state;
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	relative = xasprintf("%s/here", cwd);
	setenv("HOME", "/home/u", 1);
	unsetenv("XDG_CACHE_HOME");
	unsetenv("SLSC_CACHE_DIR");
	is(dirs_cache(), "/home/u/.cache/slsc");
	setenv("XDG_CACHE_HOME", "relative", 1);
	is(dirs_cache(), "/home/u/.cache/slsc");
	setenv("XDG_CACHE_HOME", "/x", 1);
	is(dirs_cache(), "/x/slsc");
	setenv("SLSC_CACHE_DIR", "", 1);
	is(dirs_cache(), "/x/slsc");
	setenv("SLSC_CACHE_DIR", "/c", 1);
	is(dirs_cache(), "/c");
	setenv("SLSC_CACHE_DIR", "here", 1);
	is(dirs_cache(), relative);
	unsetenv("XDG_CACHE_HOME");
	unsetenv("SLSC_CACHE_DIR");
	unsetenv("HOME");
	nowhere = dirs_cache();
	assert_int_equal(nowhere[0], '/');
	assert_true(ends_with(nowhere, "/.cache/slsc"));
	assert_int_equal(self[0], '/');
	assert_string_equal(path_basename(self), "test_path");
	assert_true(ends_with(share, "/share/slsc"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_dirname),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_dirs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
