/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "stage/ignore.h"

static struct ignore *list(const char *text)
{
	struct err err = ERR_INIT;
	struct ignore *g = ignore_parse(".dockerignore", text, strlen(text), &err);

	if (!g)
		fail_msg("%s", err.msg);
	return g;
}

static void out(const char *text, const char *path)
{
	CLEAN_IGNORE struct ignore *g = list(text);

	if (!ignore_match(g, path))
		fail_msg("'%s' takes %s in", text, path);
}

static void in(const char *text, const char *path)
{
	CLEAN_IGNORE struct ignore *g = list(text);

	if (ignore_match(g, path))
		fail_msg("'%s' leaves %s out", text, path);
}

static void fails(const char *text, enum err_code code, const char *msg)
{
	struct err err = ERR_INIT;

	assert_null(ignore_parse(".dockerignore", text, strlen(text), &err));
	assert_string_equal(err.msg, msg);
	assert_int_equal(err.code, code);
}

static void test_lines(void **state)
{
	(void)state;
	in("", "a");
	in("# a\n\n  \n", "a");
	out("\xef\xbb\xbf" "a\r\n", "a");
	out("  a  \nb", "a");
	out("  a  \nb", "b");
	out(" #x", "#x");
	out("/a", "a");
	out("./a/../b//c/", "b/c");
	out("a/", "a/x");
	in(".", "a");
	in("/", "a");
	in("../a", "a");
	out("! a\na", "a");
	in("a\n! /a", "a");
	fails("a\n!\n", ERR_CONFIG, ".dockerignore:2: '!' stands alone");
	fails("a\nb[\n", ERR_CONFIG, ".dockerignore:2: pattern 'b[' has a malformed set");
	fails("[]a]", ERR_CONFIG, ".dockerignore:1: pattern '[]a]' has a malformed set");
	fails("[a-]", ERR_CONFIG, ".dockerignore:1: pattern '[a-]' has a malformed set");
	fails("a\\", ERR_CONFIG, ".dockerignore:1: pattern 'a\\' ends in a backslash");
}

static void test_patterns(void **state)
{
	(void)state;
	out("a", "a/b/c");
	in("a", "b/a");
	in("a", "ab");
	out("*.o", "x.o");
	in("*.o", "a/x.o");
	out("*/x.o", "a/x.o");
	out("*", ".hidden");
	out("*", "a/b");
	out("a?c", "abc");
	out("a?c", "a\xc3\xa9" "c");
	in("a?c", "a/c");
	in("a?c", "ac");
	out("[a-c]x", "bx");
	in("[^a-c]x", "bx");
	out("[\\]x]", "]");
	out("[\xc3\xa0-\xc3\xaf]", "\xc3\xa9");
	out("a\\*b", "a*b");
	in("a\\*b", "axb");
	out("a.b$(c)", "a.b$(c)");
	in("a.b", "axb");
	out("a*b*c/d", "aXbXbXc/d/e");
}

static void test_deep(void **state)
{
	(void)state;
	out("**", "a/b");
	out("**/x", "x");
	out("**/x", "a/b/x/y");
	in("**/x", "a/bx");
	out("**x", "a/bx");
	in("**x", "a/bxy");
	out("**/*.o", "a/b.o");
	out("**/*.o", "b.o");
	out("a/**", "a/b");
	in("a/**", "a");
	out("a/**/b", "a/b");
	out("a/**/b", "a/x/y/b/c");
	in("a/**/b", "a/x/yb");
	out("a**", "abc/d");
	out("a**b", "ab");
	out("a**b", "ax/b");
	in("a**b", "axb");
	out("a*b**c", "abbc");
	out("a*b**c", "abx/bc/c");
	out("**/a/**/b", "x/a/y/z/b");
	out("**/**/x", "x");
	in("**/node_modules/**/*.js", "src/x.js");
	out("**/node_modules/**/*.js", "p/node_modules/q/r/x.js");
}

static void test_exceptions(void **state)
{
	(void)state;
	in("*\n!a", "a");
	in("*\n!a", "a/b");
	out("*\n!a/b", "a");
	in("*\n!a/b", "a/b");
	out("*\n!a/b", "a/c");
	out("*.md\n!README.md\nREADME*", "README.md");
	in("*.md\n!README*.md", "README-x.md");
	out("!a\n*", "a");
	in("a\n!**/keep", "a/b/keep");
}

static void prunes(const char *text, const char *path, bool want)
{
	CLEAN_IGNORE struct ignore *g = list(text);

	if (ignore_prunes(g, path) != want)
		fail_msg("'%s' %s %s", text, want ? "does not prune" : "prunes", path);
}

static void test_prunes(void **state)
{
	(void)state;
	prunes("a", "a", true);
	prunes("a", "b", false);
	prunes("a\n!b", "a", true);
	prunes("a\n!a/b", "a", false);
	prunes("a\n!a/b", "a/c", true);
	prunes("a\n!a/*/c", "a/b", false);
	prunes("a\n!a/*/c", "a/b/d", true);
	prunes("a\n!**/keep", "a/b", false);
	prunes("!a/b\na", "a", true);
	prunes("*\n!ab", "a", true);
	prunes("a\n!a*", "a", false);
}

static void test_excludes(void **state)
{
	static const char *const some[] = { "*.o", "", " !keep.o ", "/x" };
	static const char *const bad[] = { "a", "[" };
	struct err err = ERR_INIT;
	CLEAN_IGNORE struct ignore *g = ignore_patterns("--exclude", some, ARRAY_LEN(some), &err);

	(void)state;
	assert_true(ignore_match(g, "a.o"));
	assert_false(ignore_match(g, "keep.o"));
	assert_false(ignore_match(g, "x"));
	assert_null(ignore_patterns("--exclude", bad, ARRAY_LEN(bad), &err));
	assert_string_equal(err.msg, "--exclude: pattern '[' has a malformed set");
}

static void test_limits(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct ignore *g;

	(void)state;
	for (unsigned i = 0; i < IGNORE_MAX_PATTERNS; i++)
		buf_addf(&b, "*a*a*a*a*a*b%u\n", i);
	g = ignore_parse("i", b.ptr, b.len, &err);
	assert_non_null(g);
	assert_false(ignore_match(g, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
	ignore_free(g);
	buf_addz(&b, "x\n");
	assert_null(ignore_parse("i", b.ptr, b.len, &err));
	assert_string_equal(err.msg, "i:10001: limit exceeded: more than 10000 patterns");
	assert_int_equal(err.code, ERR_LIMIT);
	buf_reset(&b);
	for (unsigned i = 0; i < 4097; i++)
		buf_addc(&b, 'x');
	assert_null(ignore_parse("i", b.ptr, b.len, &err));
	assert_string_equal(err.msg, "i:1: limit exceeded: a pattern of more than 4096 bytes");
	buf_reserve(&b, IGNORE_MAX_BYTES);
	memset(b.ptr, '\n', IGNORE_MAX_BYTES + 1);
	assert_null(ignore_parse("i", b.ptr, IGNORE_MAX_BYTES + 1, &err));
	assert_string_equal(err.msg, "i: limit exceeded: more than 1048576 bytes");
}

static void test_path_match(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_true(path_match("*.c", ".c"));
	assert_true(path_match("a**b", "axxb"));
	assert_false(path_match("**", "a/b"));
	assert_false(path_match("a", "a/b"));
	assert_true(path_match("", ""));
	assert_false(path_match("[", "["));
	assert_true(path_match("[!a]", "!"));
	assert_true(path_match("\xff?", "\xff\xfe"));
	assert_int_equal(path_match_check("a[b", &err), -1);
	assert_string_equal(err.msg, "pattern 'a[b' has a malformed set");
	assert_int_equal(path_match_check("a[b]*?\\*", &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),	   cmocka_unit_test(test_patterns), cmocka_unit_test(test_deep),
		cmocka_unit_test(test_exceptions), cmocka_unit_test(test_prunes),   cmocka_unit_test(test_excludes),
		cmocka_unit_test(test_limits),	   cmocka_unit_test(test_path_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
