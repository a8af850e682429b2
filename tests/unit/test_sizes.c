/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "report/sizes.h"

static void show(struct buf *b, const struct size_node *n, int depth)
{
	buf_addf(b, "%*s%s %s %llu\n", depth, "", n->kind, n->name, (unsigned long long)n->bytes);
	for (const struct size_node *c = n->child; c; c = c->next)
		show(b, c, depth + 1);
}

static void show_change(struct buf *b, const struct size_change *n, int depth)
{
	buf_addf(b, "%*s%s %s %llu %llu\n", depth, "", n->kind, n->name, (unsigned long long)n->a,
		 (unsigned long long)n->b);
	for (const struct size_change *c = n->child; c; c = c->next)
		show_change(b, c, depth + 1);
}

static void test_adds_up(void **state)
{
	CLEAN_SIZE_TREE struct size_tree t = SIZE_TREE_INIT;
	CLEAN_BUF struct buf b = BUF_INIT;
	struct size_node *layer;

	(void)state;
	size_tree_begin(&t, "image", "x");
	layer = size_add(&t, t.root, "layer", "1", 10);
	size_add_path(&t, layer, "file", "usr/bin/b", 30);
	size_add_path(&t, layer, "file", "usr//bin/a", 30);
	size_add_path(&t, layer, "file", "usr/bin/c", 1);
	size_add_path(&t, layer, "file", "usr/bin/c", 40);
	size_add(&t, t.root, "layer", "2", 500);
	size_add(&t, t.root, "config", "2", 0);
	size_finish(&t);
	show(&b, t.root, 0);
	assert_string_equal(b.ptr, "image x 611\n"
				   " layer 2 500\n"
				   " layer 1 111\n"
				   "  dir usr 101\n"
				   "   dir bin 101\n"
				   "    file c 41\n"
				   "    file a 30\n"
				   "    file b 30\n"
				   " config 2 0\n");
	assert_ptr_equal(size_find(&t, t.root, "layer", "1"), layer);
	assert_null(size_find(&t, layer, "file", "usr"));
}

static void make(struct size_tree *t, const char *name)
{
	size_tree_begin(t, "image", name);
}

static void test_diff(void **state)
{
	CLEAN_SIZE_TREE struct size_tree a = SIZE_TREE_INIT, b = SIZE_TREE_INIT;
	CLEAN_ARENA struct arena arena = ARENA_INIT;
	CLEAN_BUF struct buf text = BUF_INIT;
	struct size_change *c;

	(void)state;
	make(&a, "a");
	make(&b, "b");
	size_add_path(&a, a.root, "file", "usr/same", 7);
	size_add_path(&b, b.root, "file", "usr/same", 7);
	size_add_path(&a, a.root, "file", "moved/x", 5);
	size_add_path(&a, a.root, "file", "moved/y", 6);
	size_add_path(&b, b.root, "file", "moved/x", 6);
	size_add_path(&b, b.root, "file", "moved/y", 5);
	size_add_path(&a, a.root, "file", "old/only", 100);
	size_add_path(&b, b.root, "file", "new", 40);
	size_add(&b, b.root, "dir", "usr", 3);
	size_finish(&a);
	size_finish(&b);
	c = size_diff(&a, &b, &arena);
	show_change(&text, c, 0);
	assert_string_equal(text.ptr, "image a 118 61\n"
				      " dir old 100 0\n"
				      "  file only 100 0\n"
				      " file new 0 40\n"
				      " dir usr 7 10\n"
				      "  dir (itself) 0 3\n"
				      " dir moved 11 11\n"
				      "  file x 5 6\n"
				      "  file y 6 5\n");
	assert_int_equal(c->changed, 4);
	buf_reset(&text);
	show_change(&text, size_diff(&a, &a, &arena), 0);
	assert_string_equal(text.ptr, "image a 118 118\n");
}

/* As deep as a path may be, and deeper: no stack is used up. */
static void test_deep(void **state)
{
	CLEAN_SIZE_TREE struct size_tree a = SIZE_TREE_INIT, b = SIZE_TREE_INIT;
	CLEAN_ARENA struct arena arena = ARENA_INIT;
	CLEAN_BUF struct buf path = BUF_INIT;
	size_t depth = 0;

	(void)state;
	for (int i = 0; i < 5000; i++)
		buf_addz(&path, "d/");
	make(&a, "a");
	make(&b, "b");
	size_add_path(&a, a.root, "file", path.ptr, 0);
	size_add_path(&b, b.root, "file", path.ptr, 0);
	buf_addc(&path, 'f');
	size_add_path(&b, b.root, "file", path.ptr, 1);
	size_finish(&a);
	size_finish(&b);
	for (struct size_change *c = size_diff(&a, &b, &arena); c; c = c->child)
		depth++;
	assert_int_equal(depth, 5002);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adds_up),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
