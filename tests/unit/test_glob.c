/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/glob.h"
#include "base/mem.h"
#include "os/fs.h"
#include "test_home.h"

static bool match(const char *pattern, const char *path)
{
	CLEAN_GLOB struct glob g = { .n = 0 };
	CLEAN_FREE char *copy = xstrdup(path);
	struct err err;
	uint64_t state;

	assert_int_equal(glob_init(&g, pattern, &err), 0);
	state = glob_start(&g);
	for (char *name = copy, *next; name; name = next) {
		next = strchr(name, '/');
		if (next)
			*next++ = '\0';
		if (next && !glob_more(&g, state))
			return false;
		state = glob_step(&g, state, name, false);
	}
	return glob_done(&g, state);
}

static void test_match(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool want;
	} t[] = {
		{ "a", "a", true }, { "a", "b", false }, { "*", "a", true }, { "*", "a/b", false },
		{ "*", ".a", false }, { ".*", ".a", true }, { "\\.*", ".a", true }, { "?a", ".a", false },
		{ "[.]a", ".a", false }, { "a*", "a.b", true }, { "*.c", "x.c", true }, { "*.c", ".c", false },
		{ "*.c", "x.cc", false }, { "a*b*c", "aXbYbZc", true }, { "a*b*c", "acb", false },
		{ "**.c", "x.c", true }, { "**.c", "d/x.c", false }, { "**", "a", true },
		{ "**", "a/b/c", true }, { "**", "a/.b", false }, { "**", ".a/b", false },
		{ "**/x.c", "x.c", true }, { "**/x.c", "a/b/x.c", true }, { "**/x.c", "yx.c", false },
		{ "**/x.c", "a/yx.c", false }, { "src/**/*.c", "src/a.c", true },
		{ "src/**/*.c", "src/d/e/a.c", true }, { "src/**/*.c", "a.c", false },
		{ "src/**/*.c", "src/.d/a.c", false }, { "src/**", "src", false },
		{ "src/**", "src/a/b", true }, { "**/**/**", "a", true }, { "**/a/**/b/**", "x/a/b/c", true },
		{ "**/a/**/b/**", "a/x/y/b/c/d", true }, { "**/a/**/b/**", "a/x/y/b", false },
		{ "a/**/b", "a/b", true }, { "a/**/b", "a/x/y/b", true }, { "a/**/b", "ab", false },
		{ "x**/b", "xb", false }, { "x**/b", "xyz/b", true }, { "x**/b", "x/y/b", false },
		{ "**/.x/*", "a/.x/b", true }, { "[a-c]x", "bx", true }, { "[a-c]x", "dx", false },
		{ "[!a-c]x", "dx", true }, { "[^a-c]x", "ax", false }, { "[]]", "]", true },
		{ "[!]]", "]", false }, { "[a-]", "-", true }, { "[\\]]", "]", true },
		{ "[\\a-\\c]", "b", true }, { "[", "[", true }, { "[a", "[a", true }, { "[a", "a", false },
		{ "[]", "[]", true }, { "[c-a]", "b", false }, { "a[", "a[", true }, { "\\*", "*", true },
		{ "\\*", "a", false }, { "a\\", "a\\", true }, { "\\[a]", "[a]", true }, { "?", "a", true },
		{ "?", "ä", true }, { "?", "€", true }, { "??", "ä", false }, { "?", "\xff", true },
		{ "[ä-ü]", "ö", true }, { "[ä-ü]", "x", false }, { "[!ä]", "ö", true },
		{ "x[€]y", "x€y", true }, { "*ä", "aä", true }, { "*\xa4", "ä", false },
		{ "./a/./b", "a/b", true }, { "a//b", "a/b", true }, { "a/", "a", false },
		{ "**/", "a/b", false }, { "", "a", false }, { "a/*/c", "a/b/c", true },
		{ "a/*/c", "a/c", false }, { "*a*b", "aab", true }, { "***", "abc", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (match(t[i].pattern, t[i].path) != t[i].want)
			fail_msg("'%s' and '%s': not %d", t[i].pattern, t[i].path, t[i].want);
}

static void times(struct buf *b, const char *s, int n)
{
	while (n--)
		buf_addz(b, s);
}

/* Patterns that cost a matcher of the simple sort exponential time. */
static void test_hostile(void **state)
{
	CLEAN_BUF struct buf pattern = BUF_INIT, path = BUF_INIT;
	struct glob g;
	struct err err;

	(void)state;
	times(&pattern, "a*", 60);
	buf_addz(&pattern, "b");
	times(&path, "a", 4000);
	assert_false(match(pattern.ptr, path.ptr));
	buf_reset(&pattern);
	buf_reset(&path);
	times(&pattern, "**/a/", 30);
	buf_addz(&pattern, "b");
	times(&path, "a/", 2000);
	buf_addz(&path, "a");
	assert_false(match(pattern.ptr, path.ptr));
	buf_reset(&pattern);
	times(&pattern, "*/", 62);
	assert_int_equal(glob_init(&g, pattern.ptr, &err), 0);
	glob_release(&g);
	buf_addz(&pattern, "x");
	assert_int_equal(glob_init(&g, pattern.ptr, &err), -1);
	glob_release(&g);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_true(starts_with(err.msg, "limit exceeded: '*/*/"));
	assert_true(ends_with(err.msg, "' has more than 62 components"));
}

static void put(const char *path)
{
	CLEAN_FREE char *dir = path_dirname(path);
	struct err err;

	assert_int_equal(fs_mkdirs(dir, &err), 0);
	assert_int_equal(fs_write_file(path, "", 0, 0644, &err), 0);
}

/* What @pattern finds below @base, one after the other; or the message. */
static void finds(const char *base, const char *pattern, const char *want)
{
	CLEAN_STRS struct strs out = { 0 };
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err;

	strs_add(&out, "zzz");
	if (fs_glob(base, pattern, &out, &err) < 0) {
		assert_int_equal(out.len, 1);
		assert_string_equal(err.msg, want);
		return;
	}
	assert_string_equal(out.ptr[0], "zzz");
	for (size_t i = 1; i < out.len; i++)
		buf_addf(&b, "%s%s", i > 1 ? " " : "", out.ptr[i]);
	assert_string_equal(b.ptr, want);
}

static void test_walk(void **state)
{
	CLEAN_FREE char *absolute = path_join(home, "p/src/*.c"), *found = path_join(home, "p/src/a.c");

	(void)state;
	put("p/main.c");
	put("p/src/a.c");
	put("p/src/d/b.c");
	put("p/src/d/e/c.c");
	put("p/src/d/e/c.h");
	put("p/src/.hidden.c");
	put("p/src/.git/x.c");
	put("p/B.c");
	put("p/ä.c");
	put("p/we[i]rd/x.c");
	put("outside/o.c");
	put("outside/in/o.c");
	assert_int_equal(symlink("../outside", "p/link"), 0);
	assert_int_equal(symlink("../src", "p/src/loop"), 0);
	assert_int_equal(symlink(".", "p/self"), 0);
	assert_int_equal(symlink("nowhere.c", "p/dangling.c"), 0);
	assert_int_equal(symlink("main.c", "p/other.c"), 0);
	assert_int_equal(mkfifo("p/fifo.c", 0600), 0);
	assert_int_equal(mkdir("p/dir.c", 0777), 0);
	finds("p", "*.c", "B.c main.c other.c ä.c");
	finds("p", "./*.c", "B.c main.c other.c ä.c");
	finds("p", "?.c", "B.c ä.c");
	finds("p", "src/*.c", "src/a.c");
	finds("p", "src/.*.c", "src/.hidden.c");
	finds("p", "src/.*/*.c", "src/.git/x.c");
	finds("p", "src/.git/*", "src/.git/x.c");
	finds("p", "src/**/*.c", "src/a.c src/d/b.c src/d/e/c.c");
	finds("p", "src/**", "src/a.c src/d/b.c src/d/e/c.c src/d/e/c.h");
	finds("p", "**/e/*.?", "src/d/e/c.c src/d/e/c.h");
	finds("p", "s*/d/**/c.c", "src/d/e/c.c");
	finds("p", "**/*.h", "src/d/e/c.h");
	/* by name a link is followed, by `**` it is not */
	finds("p", "link/*.c", "link/o.c");
	finds("p", "link/**/*.c", "link/in/o.c link/o.c");
	finds("p", "l*/*.c", "link/o.c");
	finds("p", "l*/**/o.c", "link/in/o.c link/o.c");
	finds("p", "**/o.c", "no file matches '**/o.c'");
	finds("p", "self/*/a.c", "self/src/a.c");
	finds("p", "../outside/*.c", "../outside/o.c");
	finds("p/", "we\\[i\\]rd/*.c", "we[i]rd/x.c");
	finds("p", "we[[]i]rd/*.c", "we[i]rd/x.c");
	finds(".", "p/src/*.c", "p/src/a.c");
	finds("", "p/src/*.c", "p/src/a.c");
	finds("p", absolute, found);
	finds("p", "src/a.c", "src/a.c");
	finds("p", ".//src/./a.c", "src/a.c");
	finds("p", "src", "src");
	finds("p", "dangling.c", "no such file: 'dangling.c'");
	finds("p", "src/x.cc", "no such file: 'src/x.cc'");
	finds("p", "src/*.cc", "no file matches 'src/*.cc'");
	finds("p", "none/*.c", "no file matches 'none/*.c'");
	finds("p", "main.c/*", "no file matches 'main.c/*'");
	finds("p", "src/*/", "no file matches 'src/*/'");
	finds("none", "**", "no file matches '**'");
}

static void test_limits(void **state)
{
	CLEAN_BUF struct buf deep = BUF_INIT;
	CLEAN_FREE char *want = NULL;
	char name[32];

	(void)state;
	times(&deep, "d/", 67);
	buf_addz(&deep, "x");
	put(deep.ptr);
	deep.ptr[65 * 2 - 1] = '\0';
	want = xasprintf("%s: limit exceeded: more than 64 directories deep", deep.ptr);
	finds(".", "**/x", want);
	assert_int_equal(mkdir("many", 0777), 0);
	put("many/0");
	for (int i = 1; i <= 65536; i++) {
		snprintf(name, sizeof(name), "many/%d", i);
		/* links are cheaper than files, but a file has at most 65,000 on ext4 */
		if (symlink("0", name) < 0)
			fail();
	}
	finds(".", "many/*", "limit exceeded: 'many/*' matches more than 65536 files");
	assert_int_equal(unlink("many/1"), 0);
	{
		CLEAN_STRS struct strs out = { 0 };
		struct err err;

		assert_int_equal(fs_glob(".", "many/*", &out, &err), 0);
		assert_int_equal(out.len, 65536);
	}
}

static void test_unreadable(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	put("dark/x");
	put("open/x");
	assert_int_equal(chmod("dark", 0), 0);
	pid = fork();
	if (pid == 0) {
		struct strs out = { 0 };
		struct err err;

		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(99);
		if (fs_glob(".", "*/x", &out, &err) != -1 ||
		    strcmp(err.msg, "cannot list dark: Permission denied") != 0)
			_exit(1);
		/* what cannot match is not read */
		_exit(fs_glob(".", "o*/x", &out, &err) == 0 && out.len == 1 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(chmod("dark", 0755), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match), cmocka_unit_test(test_hostile), TEST(walk), TEST(limits),
		TEST(unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
