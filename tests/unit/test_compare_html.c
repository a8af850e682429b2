/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "report/compare_html.h"
#include "test_compare_util.h"
#include "test_html_util.h"

/* ---- the page ---- */

static void test_page(void **state)
{
	CLEANUP(made_up_release) struct made_up m;
	CLEANUP(page_release) struct page p;
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	made_up_init(&m, false);
	compare_print(&m.c, &(struct cmp_style){ .format = CMP_HTML }, &b);
	assert_true(str_is_utf8(buf_str(&b)));
	read_page(&p, b.ptr);
	assert_int_equal(p.scripts, 1);
	assert_int_equal(p.styles, 1);
	/* all of each table, the parts of a program, who is best, what failed, and what was missed */
	for (size_t i = 0; i < m.c.nrows; i++)
		assert_non_null(strstr(p.bare, m.c.rows[i].strategy));
	for (size_t i = 0; i < COL_COUNT; i++) {
		CLEAN_FREE char *head = xasprintf("<th scope=\"col\">%s</th>", cmp_cols[i].title);

		assert_non_null(strstr(b.ptr, head));
	}
	assert_non_null(strstr(b.ptr, "<td class=\"best\" data-v=\"6184\">★ 6.0 KB<small>0.40×</small></td>"));
	assert_non_null(strstr(b.ptr, "<td class=\"emu\" data-v=\"4048.23\">~ 4.05 ms<small>0.44×</small></td>"));
	assert_non_null(strstr(b.ptr, "<td data-v=\"669.551\">0.67 ms<small>same</small></td>"));
	assert_non_null(strstr(p.bare, "failed: clang: error: no such file or directory: "
				       "&#39;/usr/lib/wasm32-wasi/crt1.o&#39;"));
	assert_non_null(strstr(p.bare, "zip of static-glibc x86_64: 323.4 KB, the limit is 20.0 KB (1517 % over)"));
	assert_non_null(strstr(p.bare, "zig is not installed: its strategy was left out"));
	assert_non_null(strstr(p.bare, "static start0.2 ms0.11 ms"));
	assert_non_null(strstr(p.bare, "printf_core"));
	assert_non_null(strstr(p.bare, "static-musl x86_64: program by source and symbol the same as of "
				       "dynamic-glibc x86_64."));
	/* three programs natively and two under qemu have starts of their own */
	assert_int_equal(times(b.ptr, "class=\"plot\""), 5);
	assert_int_equal(times(b.ptr, "class=\"axis\""), 2);
	assert_int_equal(times(b.ptr, "class=\"map\""), 2);
}

/* It asks for nothing, of nobody. */
static void test_self_contained(void **state)
{
	static const char *const never[] = { "http:", "https:", "//", "url(", "@import", " src=", " href=", " style=",
					     "<link", "<img", "<iframe", "<object", "<form", "fetch(", "innerHTML" };
	CLEANUP(made_up_release) struct made_up m;
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	made_up_init(&m, false);
	cmp_print_html(&m.c, &b);
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		if (strstr(b.ptr, never[i]))
			fail_msg("the page has '%s'", never[i]);
	assert_non_null(strstr(b.ptr, "content=\"default-src 'none'; style-src 'sha256-"));
}

static void test_hostile(void **state)
{
	CLEANUP(made_up_release) struct made_up m;
	CLEANUP(page_release) struct page p;
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	made_up_init(&m, true);
	m.c.function = m.c.rows[4].strategy;
	cmp_print_html(&m.c, &b);
	read_page(&p, b.ptr);
	assert_true(str_is_utf8(buf_str(&b)));
	assert_int_equal(p.scripts, 1);
	assert_null(strstr(b.ptr, "<script>alert"));
	assert_null(strchr(b.ptr, '\x1b'));
	assert_null(strstr(b.ptr, "\xe2\x80\xae"));
	assert_non_null(strstr(p.bare, "&lt;script&gt;alert(1)&lt;/script&gt;|`@all`#1&quot;&#39;&amp;�[31m��"));
	assert_non_null(strstr(p.bare, "]]&gt;--&gt;&lt;/title&gt;&lt;/svg&gt;"));
}

/* Nothing measured: what there is to say is said. */
static void test_empty(void **state)
{
	struct made_up m = { .c = { .version = "1" } };
	struct cmp_row row;
	struct cmp_table t;
	CLEANUP(page_release) struct page p;
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	m.c.rows = &row;
	m.c.tables = &t;
	made_up_row(&m, "small", NULL, ARCH_X86_64)->failed = "no compiler";
	made_up_table(&m, "T", 0, 1, made_up_images, 2);
	cmp_print_html(&m.c, &b);
	read_page(&p, b.ptr);
	assert_non_null(strstr(p.bare, "smallfailed: no compiler"));
	assert_non_null(strstr(p.bare, "Not measured: image, unpacked."));
	assert_int_equal(times(b.ptr, "<svg"), 0);
	made_up_release(&m);
}

/* ---- treemaps ---- */

static double percent_at(const char **s, const char *name)
{
	CLEAN_FREE char *start = xasprintf(" %s=\"", name);
	const char *at = strstr(*s, start);
	char *end;
	double v;

	assert_non_null(at);
	v = strtod(at + strlen(start), &end);
	assert_int_equal(*end, '%');
	*s = end;
	return v;
}

/* Tiles are as large as their bytes, none lies on another, and together they are the whole. */
static void test_areas(void **state)
{
	static const uint64_t bytes[] = { 600, 600, 400, 300, 200, 200, 100 };
	const struct treemap map = { 600, 400, 1000 };
	CLEAN_SIZE_TREE struct size_tree t = SIZE_TREE_INIT;
	CLEAN_BUF struct buf b = BUF_INIT;
	struct {
		double x, y, w, h;
	} got[ARRAY_LEN(bytes)];
	const char *s;

	(void)state;
	size_tree_begin(&t, "binary", "x");
	for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
		char name[] = { (char)('a' + (char)i), '\0' };

		size_add(&t, t.root, "unit", name, bytes[i]);
	}
	size_finish(&t);
	treemap_add(&t, &map, &b);
	s = b.ptr;
	for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
		got[i].x = percent_at(&s, "x");
		got[i].y = percent_at(&s, "y");
		got[i].w = percent_at(&s, "width");
		got[i].h = percent_at(&s, "height");
		assert_true(fabs(got[i].w * got[i].h / 1e4 - (double)bytes[i] / 2400) < 1e-3);
		/* squarified: no splinters */
		assert_true(got[i].w * 6 < got[i].h * 4 * 3 && got[i].h * 4 < got[i].w * 6 * 3);
		assert_true(got[i].x + got[i].w < 100.02 && got[i].y + got[i].h < 100.02);
		for (size_t k = 0; k < i; k++)
			assert_true(got[i].x > got[k].x + got[k].w - 0.02 || got[k].x > got[i].x + got[i].w - 0.02 ||
				    got[i].y > got[k].y + got[k].h - 0.02 || got[k].y > got[i].y + got[i].h - 0.02);
		s = strstr(s, "</svg>");
	}
	assert_int_equal(times(b.ptr, "<svg"), ARRAY_LEN(bytes));
	assert_non_null(strstr(b.ptr, "<title>a: 600 B, 25.0 %</title><rect width=\"100%\" height=\"100%\"/>"
				      "<text x=\"4\" y=\"13\">a</text>"));
}

/* Small ones are one tile that says how many; directories of one directory are one; own bytes have a tile. */
static void test_merged(void **state)
{
	const struct treemap map = { 600, 400, 100 };
	CLEAN_SIZE_TREE struct size_tree t = SIZE_TREE_INIT;
	CLEAN_BUF struct buf b = BUF_INIT;
	struct size_node *layer;

	(void)state;
	size_tree_begin(&t, "image", "x");
	layer = size_add(&t, t.root, "layer", "one", 2000);
	size_add_path(&t, layer, "file", "usr/lib/arch/big", 6000);
	size_add_path(&t, layer, "file", "usr/lib/arch/other", 3000);
	for (int i = 0; i < 500; i++) {
		char name[32];

		snprintf(name, sizeof(name), "small%d", i);
		size_add(&t, t.root, "layer", name, 2);
	}
	size_finish(&t);
	treemap_add(&t, &map, &b);
	assert_non_null(strstr(b.ptr, "<title>500 smaller: 1000 B, 8.3 %</title>"));
	assert_non_null(strstr(b.ptr, "<title>usr/lib/arch: 8.8 KB, 75.0 %</title>"));
	assert_non_null(strstr(b.ptr, "<title>one itself: 2.0 KB, 16.7 %</title>"));
	assert_int_equal(times(b.ptr, "<svg"), 6);
}

/* Whatever there is, the page is below 1 MB: 20 rows with trees of 50,000 nodes, each its own; long names; depth. */
static void test_large(void **state)
{
	CLEANUP(made_up_release) struct made_up m;
	struct size_tree own[40];
	CLEANUP(page_release) struct page p;
	CLEAN_BUF struct buf b = BUF_INIT, path = BUF_INIT, name = BUF_INIT;
	uint32_t seed = 3;

	(void)state;
	made_up_large(&m);
	cmp_print_html(&m.c, &b);
	assert_in_range(b.len, 40000, 1000000);
	for (int i = 0; i < 5000; i++)
		buf_addz(&path, "d/");
	for (int i = 0; i < 200; i++)
		buf_addz(&name, "<\"long\">");
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		own[i] = (struct size_tree)SIZE_TREE_INIT;
		size_tree_begin(&own[i], "x", "x");
		size_add_path(&own[i], own[i].root, "file", path.ptr, 1000 + i);
		for (int k = 0; k < 400; k++) {
			CLEAN_FREE char *unit = xasprintf("%d%s", k % 20, name.ptr);
			CLEAN_FREE char *leaf = xasprintf("%d%s", k, name.ptr);

			size_add(&own[i], size_add(&own[i], own[i].root, "u", unit, 0), "s", leaf,
				 5000 + made_up_random(&seed) % 9000);
		}
		size_finish(&own[i]);
		if (i % 2)
			m.c.rows[i / 2].sources = &own[i];
		else
			m.c.rows[i / 2].layers = &own[i];
	}
	buf_reset(&b);
	cmp_print_html(&m.c, &b);
	assert_in_range(b.len, 40000, 1000000);
	assert_int_equal(times(b.ptr, "class=\"map\""), 40);
	read_page(&p, b.ptr);
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		size_tree_release(&own[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_self_contained),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_areas),
		cmocka_unit_test(test_merged),
		cmocka_unit_test(test_large),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
