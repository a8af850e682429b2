/* SPDX-License-Identifier: Apache-2.0 */
/* Functions split for several machines: each in one part, the parts even. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "build/shard.h"
#include "os/fs.h"

static char dir[64];
static struct project project;

static void put(const char *name, const char *text)
{
	CLEAN_FREE char *path = path_join(dir, name);
	CLEAN_FREE char *parent = path_dirname(path);
	struct err err = ERR_INIT;

	if (fs_mkdirs(parent, &err) < 0 || fs_write_file(path, text, strlen(text), 0644, &err) < 0)
		fail_msg("%s", err.msg);
}

static int setup(void **state)
{
	static const char yaml[] = "project: t\nfunctions:\n"
				   "  a: {sources: [a.c], runtime: none}\n"
				   "  b: {sources: [b.c, b2.c, b3.c], runtime: none}\n"
				   "  c: {sources: [c.c], runtime: none}\n"
				   "  d: {sources: [d.c], runtime: none}\n";
	struct err err = ERR_INIT;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_shard.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	for (const char *name = "a.c\0b.c\0b2.c\0b3.c\0c.c\0d.c\0"; *name; name += strlen(name) + 1)
		put(name, "");
	project = (struct project){ 0 };
	return project_parse(&project, "slsc.yaml", dir, yaml, strlen(yaml), &err);
}

static int teardown(void **state)
{
	struct err err;

	(void)state;
	project_release(&project);
	return fs_rmtree(dir, &err);
}

/* The functions of part @i of @n, with blanks between them. */
static char *part(unsigned i, unsigned n, const struct strs *only, bool want_time)
{
	CLEAN_STRS struct strs out = { 0 };
	const struct strs none = { 0 };
	struct err err = ERR_INIT;
	char *text = xstrdup("");
	bool by_time = !want_time;

	if (shard_choose(&project, NULL, only ? only : &none, (struct shard){ i, n }, &out, &by_time, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(by_time, want_time);
	VEC_EACH(&out, s) {
		char *more = xasprintf("%s%s%s", text, *text ? " " : "", *s);

		free(text);
		text = more;
	}
	return text;
}

#define PART(i, n, only, time, want)                                                               \
	do {                                                                                       \
		CLEAN_FREE char *got = part(i, n, only, time);                                     \
		assert_string_equal(got, want);                                                    \
	} while (0)

static void without_history_by_sources(void **state)
{
	(void)state;
	PART(1, 2, NULL, false, "b");
	PART(2, 2, NULL, false, "a c d");
	PART(1, 1, NULL, false, "a b c d");
	PART(4, 4, NULL, false, "d");
	PART(5, 5, NULL, false, "");
}

/* The last line of an output counts; steps of other profiles, shared ones and rubbish do not. */
static void with_history_by_time(void **state)
{
	(void)state;
	put(".slsc/release/.ninja_log", "# ninja log v5\n"
					"0\t9000\t1\t.slsc/release/x86_64/.obj/musl/a/a.c.o\t1\n"
					"0\t100\t1\t.slsc/release/x86_64/.obj/musl/a/a.c.o\t1\n"
					"0\t100\t1\t.slsc/release/x86_64/b\t1\n"
					"0\t100\t1\t.slsc/release/x86_64/b.debug\t1\n"
					"50\t450\t1\t.slsc/release/arm64/c\t1\n"
					"0\t200\t1\t.slsc/release/x86_64/d\t1\n"
					"0\t99999\t1\t.slsc/debug/x86_64/d\t1\n"
					"0\t99999\t1\t.slsc/release/x86_64/.obj/musl/.runtime/text.o\t1\n"
					"5\t1\t1\t.slsc/release/x86_64/a\t1\nrubbish\n"
					"0\t18014398509481984\t1\t.slsc/release/x86_64/.obj/musl/c/c.c.o\t1\n"
					"0\t70000\t1\t.slsc/release/x86_64/a");
	PART(1, 2, NULL, true, "c");
	PART(2, 2, NULL, true, "a b d");
}

/* 1,000 ms for the one source that is known: so are others. */
static void what_is_new_has_the_average(void **state)
{
	(void)state;
	put(".slsc/release/.ninja_log", "# ninja log v5\n0\t1000\t1\t.slsc/release/x86_64/a\t1\n");
	PART(1, 2, NULL, true, "b");
	PART(2, 2, NULL, true, "a c d");
}

static void only_those_named(void **state)
{
	CLEAN_STRS struct strs only = { 0 };
	CLEAN_STRS struct strs out = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	strs_add(&only, "d");
	strs_add(&only, "a");
	PART(1, 2, &only, false, "a");
	PART(2, 2, &only, false, "d");
	strs_add(&only, "x");
	assert_int_equal(shard_choose(&project, NULL, &only, (struct shard){ 1, 2 }, &out, NULL, &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
	assert_int_equal(shard_choose(&project, "y", &out, (struct shard){ 1, 2 }, &out, NULL, &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
}

static void parses(void **state)
{
	static const char *const bad[] = { "", "1", "0/2", "3/2", "1/0", "/", "1/", "/2", "1/2/3", "-1/2", "1/4097",
					   "a/b", " 1/2",
					   "1/99999999999999999999" };
	struct shard s;
	struct err err;

	(void)state;
	assert_int_equal(shard_parse("2/4", &s, &err), 0);
	assert_int_equal(s.index, 2);
	assert_int_equal(s.count, 4);
	assert_int_equal(shard_parse("4096/4096", &s, &err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(shard_parse(bad[i], &s, &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
	}
	assert_string_equal(err.msg, "--shard 1/99999999999999999999: is no part of a whole");
	assert_string_equal(err.hint, "write I/N, such as 2/4 for the second of four; N is at most 4096");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_history_by_sources, setup, teardown),
		cmocka_unit_test_setup_teardown(with_history_by_time, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_new_has_the_average, setup, teardown),
		cmocka_unit_test_setup_teardown(only_those_named, setup, teardown),
		cmocka_unit_test(parses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
