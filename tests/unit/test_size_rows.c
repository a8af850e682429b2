/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "report/size_rows.h"

static void show(struct buf *b, const struct size_rows *r)
{
	buf_reset(b);
	VEC_EACH(r, row) {
		buf_addf(b, "%*s%llu %llu ", (int)row->depth, "", (unsigned long long)row->a,
			 (unsigned long long)row->b);
		if (row->others)
			buf_addf(b, "(%zu)\n", row->others);
		else
			buf_addf(b, "%s%s\n", row->name, row->dir ? "/" : "");
	}
}

static void files(struct size_tree *t)
{
	size_tree_begin(t, "image", "x");
	size_add_path(t, t->root, "file", "usr/lib/one/a", 100);
	size_add_path(t, t->root, "file", "usr/lib/one/b", 50);
	size_add_path(t, t->root, "file", "usr/lib/two", 20);
	size_add_path(t, t->root, "file", "etc/alone/here", 30);
	size_add_path(t, t->root, "file", "top", 7);
	size_finish(t);
}

static void the_largest_and_the_rest(void **state)
{
	CLEAN_SIZE_TREE struct size_tree t = SIZE_TREE_INIT;
	CLEAN_SIZE_ROWS struct size_rows r = { .len = 0 };
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	files(&t);
	size_rows_of(&r, &t, 0);
	show(&b, &r);
	assert_string_equal(b.ptr, "0 170 usr/lib/\n 0 150 one/\n  0 100 a\n  0 50 b\n 0 20 two\n0 30 etc/alone/here\n"
				   "0 7 top\n");
	size_rows_release(&r);
	size_rows_of(&r, &t, 3);
	show(&b, &r);
	assert_string_equal(b.ptr, "0 170 usr/lib/\n 0 150 one/\n  0 100 a\n  0 50 (1)\n 0 20 (1)\n0 37 (2)\n");
	size_rows_release(&r);
	size_rows_of(&r, &t, 1);
	show(&b, &r);
	assert_string_equal(b.ptr, "0 170 usr/lib/\n0 37 (2)\n");
	size_rows_release(&r);
	/* to leave out one takes no fewer rows */
	size_rows_of(&r, &t, 6);
	show(&b, &r);
	assert_null(strstr(b.ptr, "(1)"));
}

static void what_a_node_has_itself(void **state)
{
	CLEAN_SIZE_TREE struct size_tree t = SIZE_TREE_INIT;
	CLEAN_SIZE_ROWS struct size_rows r = { .len = 0 };
	CLEAN_BUF struct buf b = BUF_INIT;
	struct size_node *s;

	(void)state;
	size_tree_begin(&t, "binary", "x");
	s = size_add(&t, t.root, "section", ".text", 5);
	size_add(&t, s, "symbol", "main", 10);
	size_finish(&t);
	size_rows_of(&r, &t, 0);
	show(&b, &r);
	assert_string_equal(b.ptr, "0 15 .text/\n 0 10 main\n 0 5 (itself)\n");
	buf_reset(&b);
	size_json(t.root, &b);
	assert_string_equal(b.ptr, "{\"bytes\":15,\"children\":[{\"bytes\":15,\"children\":[{\"bytes\":10,"
				   "\"kind\":\"symbol\",\"name\":\"main\",\"own\":10}],\"kind\":\"section\","
				   "\"name\":\".text\",\"own\":5}],\"kind\":\"binary\",\"name\":\"x\",\"own\":0}");
}

/* What moved within a directory changes nothing in all, and is shown all the same. */
static void changes(void **state)
{
	CLEAN_SIZE_TREE struct size_tree x = SIZE_TREE_INIT, y = SIZE_TREE_INIT;
	CLEAN_SIZE_ROWS struct size_rows r = { .len = 0 };
	CLEAN_ARENA struct arena arena = ARENA_INIT;
	CLEAN_BUF struct buf b = BUF_INIT;
	struct size_change *c;

	(void)state;
	files(&x);
	size_tree_begin(&y, "image", "y");
	size_add_path(&y, y.root, "file", "usr/lib/one/a", 50);
	size_add_path(&y, y.root, "file", "usr/lib/one/b", 100);
	size_add_path(&y, y.root, "file", "usr/lib/two", 20);
	size_add_path(&y, y.root, "file", "etc/alone/here", 31);
	size_add_path(&y, y.root, "file", "new", 9);
	size_finish(&y);
	c = size_diff(&x, &y, &arena);
	size_rows_diff(&r, c, 0);
	show(&b, &r);
	assert_string_equal(b.ptr, "0 9 new\n7 0 top\n30 31 etc/alone/here\n150 150 usr/lib/one/\n 100 50 a\n"
				   " 50 100 b\n");
	size_rows_release(&r);
	size_rows_diff(&r, c, 2);
	show(&b, &r);
	assert_string_equal(b.ptr, "150 150 usr/lib/one/\n 100 50 a\n 50 100 (1)\n37 40 (3)\n");
	buf_reset(&b);
	size_change_json(c->child, &b);
	assert_string_equal(b.ptr, "{\"a\":0,\"b\":9,\"change\":9,\"kind\":\"file\",\"name\":\"new\"}");
}

static void texts(void **state)
{
	static const struct {
		const char *name, *shown;
		size_t width;
	} names[] = {
		{ "short", "short", 5 }, { "longer", "lo...", 5 },     { "abcd", "abc", 3 },
		{ "\xc3\xa9tat", "\xc3\xa9tat", 4 }, { "a\033b\xff", "a?b?", 9 },
		{ "a\xe2\x80\xae" "b", "a?b", 3 },
	};
	char s[32];

	(void)state;
	assert_string_equal(text_bytes(0, s, sizeof(s)), "0");
	assert_string_equal(text_bytes(999, s, sizeof(s)), "999");
	assert_string_equal(text_bytes(1000, s, sizeof(s)), "1,000");
	assert_string_equal(text_bytes(UINT64_MAX, s, sizeof(s)), "18,446,744,073,709,551,615");
	assert_string_equal(text_change(1, 1, s, sizeof(s)), "0");
	assert_string_equal(text_change(1, 2345, s, sizeof(s)), "+2,344");
	assert_string_equal(text_change(7, 0, s, sizeof(s)), "-7");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		CLEAN_BUF struct buf b = BUF_INIT;

		text_name(&b, names[i].name, names[i].width);
		assert_string_equal(b.ptr, names[i].shown);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_largest_and_the_rest), cmocka_unit_test(what_a_node_has_itself),
		cmocka_unit_test(changes),		    cmocka_unit_test(texts),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
