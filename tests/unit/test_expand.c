/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "stage/dockerfile.h"

static char *large;

static const char *get(const char *name, void *ctx)
{
	static const char *const vars[][2] = { { "HOME", "/root" }, { "EMPTY", "" }, { "TWO", "a b" }, { "V", "1.2.3" },
					       { "X", "xxyy" }, { "DOT", "d\xc3\xa9j\xc3\xa0" }, { "STAR", "a*b" },
					       { "S", "()[]{}^$.*?|\\x" }, { "NL", " \xc2\xa0p\tq\n" } };

	assert_ptr_equal(ctx, &large);
	if (strcmp(name, "LARGE") == 0)
		return large;
	for (size_t i = 0; i < ARRAY_LEN(vars); i++)
		if (strcmp(vars[i][0], name) == 0)
			return vars[i][1];
	return NULL;
}

static const struct df_vars vars = { get, &large };

static void is_by(char escape, const char *text, const char *want)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	if (df_expand("D", (struct df_word){ text, 3, 7 }, escape, &vars, &b, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	assert_string_equal(b.ptr, want);
}

static void is(const char *text, const char *want)
{
	is_by('\\', text, want);
}

static void fails(const char *text, const char *msg)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	if (df_expand("D", (struct df_word){ text, 3, 7 }, '\\', &vars, &b, &err) == 0)
		fail_msg("accepted: %s", text);
	assert_string_equal(err.msg, msg);
	assert_int_equal(err.code, ERR_CONFIG);
}

static void test_quotes(void **state)
{
	(void)state;
	is("", "");
	is("a 'b  c' \"d  e\"", "a b  c d  e");
	is("'$HOME\\'", "$HOME\\");
	is("\"$HOME\"", "/root");
	is("\"'$HOME'\"", "'/root'");
	is("a\\tb", "atb");
	is("\"a\\tb\"", "a\\tb");
	is("\"a\\\\b\\\"c\\$d\"", "a\\b\"c$d");
	is("a\\", "a");
	is("a\\\\", "a\\");
	is("he\\'llo", "he'llo");
	is("\\\xc3\xa9", "\xc3\xa9");
	is("<<EOF", "<<EOF");
	is("a < b << c", "a < b << c");
	is_by('`', "a`$HOME C:\\x `` \"`$\"", "a$HOME C:\\x ` $");
	fails("a'b", "D:3:8: the closing \"'\" is missing");
	fails("\xc3\xa9" "a\"b", "D:3:9: the closing '\"' is missing");
	fails("\"a\\\"", "D:3:7: the closing '\"' is missing");
}

static void test_names(void **state)
{
	(void)state;
	is("$HOME/x ${HOME}y $HOMEy", "/root/x /rooty ");
	is("$", "$");
	is("a$.b", "a$.b");
	is("$1x $10 ${1} $@ $$ $?", "x     ");
	is("\\$HOME \\${}", "$HOME ${}");
	is("\\\\$HOME", "\\/root");
	is("${a}}", "}");
	is("${X-$HOME}", "xxyy");
	is("$HOME\xe2\x80\x94", "/root\xe2\x80\x94");
	fails("${}", "D:3:9: bad substitution: there is no name after '${'");
	fails("${{a}", "D:3:9: bad substitution: there is no name after '${'");
	fails("${.}", "D:3:9: bad substitution: there is no name after '${'");
	fails("${:-a}", "D:3:9: bad substitution: there is no name after '${'");
	fails("x${", "D:3:10: the closing '}' of a variable is missing");
	fails("${HOME", "D:3:13: the closing '}' of a variable is missing");
	fails("${a:-b ${c}", "D:3:18: the closing '}' of a variable is missing");
	fails("${a:=b}", "D:3:11: unknown form of a variable: '${a:='");
	fails("${a:#b}", "D:3:11: unknown form of a variable: '${a:#'");
	fails("${a:1:2}", "D:3:11: unknown form of a variable: '${a:1'");
	fails("${a^}", "D:3:11: unknown form of a variable: '${a^'");
}

static void test_defaults(void **state)
{
	(void)state;
	is("${a:-b} ${a-b} ${EMPTY:-b} ${EMPTY-b} ${V:-b}", "b b b  1.2.3");
	is("${a:+b} ${a+b} ${EMPTY:+b} ${EMPTY+b} ${V:+b}", "   b b");
	is("${a:-${b:-$HOME}}x", "/rootx");
	is("${a:-\"x } y\"} ${a:-\\}}", "x } y }");
	is("${a:-'$HOME'}", "$HOME");
	is("\"${a:-b c}\"", "b c");
	is("${V:?gone} ${EMPTY?gone}", "1.2.3 ");
	is("${V:+${HOME}:}x", "/root:x");
	is("${a:-b {c}", "b {c");
	fails("x ${a?}", "D:3:7: a: is not allowed to be unset");
	fails("${EMPTY:?}", "D:3:7: EMPTY: is not allowed to be empty");
	fails("${a:?give $HOME}", "D:3:7: a: give /root");
}

static void test_patterns(void **state)
{
	(void)state;
	is("${V#*.} ${V##*.} ${V%.*} ${V%%.*}", "2.3 3 1.2 1");
	is("${V#1} ${V#2} ${V%3} ${V%.?}", ".2.3 1.2.3 1.2. 1.2");
	is("${X#x*y} ${X##x*y} ${X%x*y} ${X%%x*y}", "y  x ");
	is("${X#} ${X##*} ${X%%*}|", "xxyy  |");
	is("${STAR#a\\*} ${STAR%\\*?}", "b a");
	is("${DOT%?} ${DOT#d?} ${DOT##*j}", "d\xc3\xa9j j\xc3\xa0 \xc3\xa0");
	is("${a#x}|${a/x/y}", "|");
	is("${V#$EMPTY} ${V%${V#??}}", "1.2.3 1.");
	is("${S#()[]{\\}}", "^$.*?|\\x");
	fails("${V#a\\bc}", "D:3:7: invalid escape '\\bc' in a pattern");
}

static void test_replace(void **state)
{
	(void)state;
	is("${V/./-} ${V//./-} ${V//./} ${V/9/-}", "1-2.3 1-2-3 123 1.2.3");
	is("${X/x/} ${X//x/} ${X//[xy]/z} ${X//x*/z}", "xyy yy xxyy z");
	is("${X/y*/z} ${X/*/z} ${X//?/z}", "xxz z zzzz");
	is("${HOME/\\//-} ${HOME//\\//\\}}", "-root \\}root");
	is("${STAR/\\*/${V}} ${X//${X%xyy}/-}", "a1.2.3b --yy");
	is("${EMPTY//*/x} ${X///-}", "x -x-x-y-y-");
	fails("${V/a}", "D:3:13: the closing '/' of a variable is missing");
	fails("${V/a/b", "D:3:14: the closing '}' of a variable is missing");
}

static void test_raw(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	const struct df_word w = { "it's \"$HOME\"\n\\$HOME `x` a\\\\b\\c ${a:-'x'}\n", 3, 1 };

	(void)state;
	assert_int_equal(df_expand_raw("D", w, &vars, &b, &err), 0);
	assert_string_equal(b.ptr, "it's \"/root\"\n$HOME `x` a\\bc 'x'\n");
	assert_int_equal(df_expand_raw("D", (struct df_word){ "a\nb ${", 3, 1 }, &vars, &b, &err), -1);
	assert_string_equal(err.msg, "D:4:5: the closing '}' of a variable is missing");
}

static void words_are(const char *text, const char *want)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct df_word *w;
	size_t n;

	assert_int_equal(df_expand_words("D", (struct df_word){ text, 1, 1 }, '\\', &vars, &a, &w, &n, &err), 0);
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "<%s>", w[i].s);
	assert_string_equal(b.ptr, want);
}

static void test_words(void **state)
{
	(void)state;
	words_are("", "");
	words_are(" a  b ", "<a><b>");
	words_are("$TWO c\"$TWO\"d 'e f' \\ g", "<a><b><ca bd><e f>< g>");
	words_are("x${TWO}y", "<xa><by>");
	words_are("\"\" '' $EMPTY $a", "");
	words_are("${a:-b c}d", "<b><cd>");
	words_are("$NL", "<p><q>");
	words_are("<< EOF x", "<<< EOF><x>");
}

static void test_limits(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT, text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	large = xmalloc(DF_EXPAND_MAX + 1);
	memset(large, 'x', DF_EXPAND_MAX);
	large[DF_EXPAND_MAX] = '\0';
	is("$LARGE", large);
	assert_int_equal(df_expand("D", (struct df_word){ "y$LARGE", 1, 1 }, '\\', &vars, &b, &err), -1);
	assert_string_equal(err.msg, "D:1:1: limit exceeded: more than 1048576 bytes");
	assert_int_equal(err.code, ERR_LIMIT);
	/* all words together */
	{
		CLEAN_ARENA struct arena a = ARENA_INIT;
		struct df_word *list;
		size_t n;

		assert_int_equal(df_expand_words("D", (struct df_word){ "$LARGE y", 1, 1 }, '\\', &vars, &a, &list, &n,
						 &err), -1);
		assert_string_equal(err.msg, "D:1:1: limit exceeded: more than 1048576 bytes");
	}
	/* what is thrown away counts, too */
	for (int i = 0; i < 65; i++)
		buf_addz(&text, "${V+$V}${a+$LARGE}");
	assert_int_equal(df_expand("D", (struct df_word){ text.ptr, 1, 1 }, '\\', &vars, &b, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	buf_reset(&text);
	for (int i = 0; i < 33; i++)
		buf_addz(&text, "${a:-");
	assert_int_equal(df_expand("D", (struct df_word){ text.ptr, 1, 1 }, '\\', &vars, &b, &err), -1);
	assert_string_equal(err.msg, "D:1:1: limit exceeded: variables nested more than 32 deep");
	buf_reset(&text);
	buf_addz(&text, "${V#");
	for (int i = 0; i < 1025; i++)
		buf_addz(&text, "*");
	buf_addz(&text, "}");
	assert_int_equal(df_expand("D", (struct df_word){ text.ptr, 1, 1 }, '\\', &vars, &b, &err), -1);
	assert_string_equal(err.msg, "D:1:1: limit exceeded: a pattern of more than 1024 characters");
	free(large);
	large = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quotes),	cmocka_unit_test(test_names), cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_patterns), cmocka_unit_test(test_replace), cmocka_unit_test(test_raw),
		cmocka_unit_test(test_words),	cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
