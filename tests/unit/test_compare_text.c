/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <wchar.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "base/vec.h"
#include "os/fs.h"
#include "report/compare_print.h"
#include "test_compare_util.h"

static void is_data(const char *name, const struct buf *got)
{
	CLEAN_FREE char *path = path_join(TEST_DATA "/compare", name);
	CLEAN_BUF struct buf want = BUF_INIT;
	struct err err;

	assert_int_equal(fs_read(path, 1u << 20, &want, &err), 0);
	assert_string_equal(got->ptr, want.ptr);
}

static void test_values(void **state)
{
	static const struct {
		enum cmp_col col;
		double value;
		const char *text;
	} all[] = {
		{ COL_BINARY, 0, "0 B" },
		{ COL_BINARY, 20381, "19.9 KB" },
		{ COL_LAYERS, 3, "3" },
		{ COL_FILES, 12345, "12345" },
		{ COL_BUILD, 1.2449, "1.24 s" },
		{ COL_BUILD, 0.0449, "44.9 ms" },
		{ COL_BUILD, 123.4, "123 s" },
		{ COL_START, 820, "0.82 ms" },
		{ COL_START, 78.1, "0.078 ms" },
		{ COL_START, 99.7, "0.10 ms" },
		{ COL_START, 9994, "9.99 ms" },
		{ COL_START, 9996, "10.0 ms" },
		{ COL_START, 33265, "33.3 ms" },
		{ COL_START, 12.4e6, "12.4 s" },
		{ COL_START, NAN, "–" },
		{ COL_RSS, INFINITY, "–" },
		{ COL_RSS, -1, "–" },
		{ COL_RSS, 1e300, "909494.7 TB" },
	};
	char text[CMP_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		assert_string_equal(cmp_value_text(all[i].col, all[i].value, text, sizeof(text)), all[i].text);
	for (size_t i = 0; i < COL_COUNT; i++)
		assert_true(cmp_cols[i].key && cmp_cols[i].title);
}

/* Well-formed text is itself; what could steer a terminal or turn a line around is not. */
static void test_chars(void **state)
{
	const char *s = "aé€😀\n\x1b\x7f\xc2\x85\xe2\x80\xae\xed\xa0\x80\xc0\xaf\xf5\xe2\x82";
	static const uint32_t want[] = { 'a', 0xe9, 0x20ac, 0x1f600, ' ', 0xfffd, 0xfffd, 0xfffd, 0xfffd, 0xfffd,
					 0xfffd, 0xfffd, 0xfffd, 0xfffd, 0xfffd, 0 };
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		const uint32_t c = cmp_char(&s);

		assert_int_equal(c, want[i]);
		if (c)
			cmp_add_char(&b, c);
		if (i == 4)
			assert_string_equal(b.ptr, "aé€😀 ");
	}
	assert_int_equal(cmp_char(&s), 0);
}

static void test_ratios(void **state)
{
	CLEANUP(made_up_release) struct made_up m;
	struct cmp_row *r;
	char text[CMP_TEXT_MAX];

	(void)state;
	made_up_init(&m, false);
	r = m.c.rows;
	assert_string_equal(cmp_ratio_text(&m.c, 0, COL_START, text, sizeof(text)), "1×");
	assert_string_equal(cmp_ratio_text(&m.c, 1, COL_START, text, sizeof(text)), "same");
	assert_string_equal(cmp_ratio_text(&m.c, 2, COL_START, text, sizeof(text)), "0.17×");
	assert_string_equal(cmp_ratio_text(&m.c, 2, COL_ALLOCS, text, sizeof(text)), "<0.001×");
	assert_string_equal(cmp_ratio_text(&m.c, 3, COL_RSS, text, sizeof(text)), "");
	assert_string_equal(cmp_ratio_text(&m.c, 4, COL_BINARY, text, sizeof(text)), "");
	r[1].value[COL_BINARY] = 1e9;
	assert_string_equal(cmp_ratio_text(&m.c, 1, COL_BINARY, text, sizeof(text)), ">9999×");
	/* to a native reference there are sizes, but no times */
	r[6].reference = 0;
	assert_string_equal(cmp_ratio_text(&m.c, 6, COL_START, text, sizeof(text)), "");
	assert_string_equal(cmp_ratio_text(&m.c, 6, COL_BINARY, text, sizeof(text)), "0.47×");
	r[6].reference = CMP_NO_ROW;
	assert_string_equal(cmp_ratio_text(&m.c, 6, COL_BINARY, text, sizeof(text)), "");
	/* nothing is so many times nothing */
	r[0].value[COL_ALLOCS] = 0;
	assert_string_equal(cmp_ratio_text(&m.c, 1, COL_ALLOCS, text, sizeof(text)), "");
	assert_string_equal(cmp_ratio_text(&m.c, 2, COL_ALLOCS, text, sizeof(text)), "1.00×");
	/* whoever says so: what ran under qemu is the best of nothing that ran */
	assert_true(r[6].best[COL_START]);
	assert_false(cmp_best(&m.c, 6, COL_START));
	assert_true(cmp_best(&m.c, 6, COL_BINARY));
}

static void test_table(void **state)
{
	static const int widths[] = { 40, 80, 120, 220 };
	CLEANUP(made_up_release) struct made_up m;
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	made_up_init(&m, false);
	for (size_t i = 0; i < ARRAY_LEN(widths); i++) {
		char name[32];

		buf_reset(&b);
		cmp_print_table(&m.c, false, widths[i], &b);
		snprintf(name, sizeof(name), "table-%d.txt", widths[i]);
		is_data(name, &b);
	}
	buf_reset(&b);
	cmp_print_table(&m.c, true, 80, &b);
	is_data("color-80.txt", &b);
}

/* At any width each line fits, whatever it holds; and each column is there, or is named as left out. */
static void test_table_fits(void **state)
{
	(void)state;
	for (int hostile = 0; hostile < 2; hostile++) {
		CLEANUP(made_up_release) struct made_up m;
		CLEAN_BUF struct buf b = BUF_INIT;

		made_up_init(&m, hostile);
		for (int width = 40; width < 240; width += hostile ? 7 : 3) {
			buf_reset(&b);
			cmp_print_table(&m.c, false, width, &b);
			for (const char *p = b.ptr; *p;) {
				const char *end = strchr(p, '\n');
				wchar_t line[1000];
				CLEAN_FREE char *copy = xstrndup(p, (size_t)(end - p));
				const size_t n = mbstowcs(line, copy, ARRAY_LEN(line));

				assert_true(n < ARRAY_LEN(line));
				if (wcswidth(line, n) < 0 || wcswidth(line, n) > width)
					fail_msg("wider than %d, or a control character: %s", width, copy);
				if (n && copy[strlen(copy) - 1] == ' ')
					fail_msg("ends in a space at %d: %s", width, copy);
				p = end + 1;
			}
		}
		assert_null(strchr(b.ptr, '\x1b'));
	}
}

/* One line, one row of nothing: no division, no chart, nothing made up. */
static void test_table_of_failures(void **state)
{
	struct made_up m = { .c = { .version = "1", .machine = "m" } };
	struct cmp_row row;
	struct cmp_table t;
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	m.c.rows = &row;
	m.c.tables = &t;
	made_up_row(&m, "small", NULL, ARCH_X86_64)->failed = "no compiler";
	made_up_table(&m, "T", 0, 1, made_up_images, 2);
	cmp_print_table(&m.c, false, 80, &b);
	assert_string_equal(b.ptr, "m; slsc 1\n\nT\nstrategy\nsmall     failed: no compiler\n"
				   "not measured: image, unpacked\n");
	buf_reset(&b);
	cmp_print_markdown(&m.c, &b);
	assert_string_equal(b.ptr, "### 1 strategy compared\n\n#### T\n\n| strategy |\n|:--|\n| `small`: failed |\n\n"
				   "- `small` failed: `no compiler`\n\n**Bold**: the best.\n\n"
				   "<details><summary>How it was measured</summary>\n\nm; slsc 1\n\n</details>\n");
	made_up_release(&m);
}

/* ---- CSV ---- */

/* RFC 4180 read strictly; the fields of all records, one after the other. */
static void parse_csv(const char *p, struct strs *fields, size_t *records)
{
	*records = 0;
	while (*p) {
		CLEAN_BUF struct buf f = BUF_INIT;

		if (*p == '"') {
			for (p++; *p != '"' || p[1] == '"'; p++) {
				assert_true(*p);
				p += *p == '"';
				buf_addc(&f, *p);
			}
			p++;
		} else {
			for (; *p && !strchr(",\r", *p); p++) {
				assert_true(*p != '"' && *p != '\n');
				buf_addc(&f, *p);
			}
		}
		strs_add(fields, f.ptr);
		if (*p == '\r') {
			assert_int_equal(p[1], '\n');
			p += 2;
			++*records;
		} else {
			assert_int_equal(*p, ',');
			p++;
		}
	}
}

static void test_csv(void **state)
{
	CLEANUP(made_up_release) struct made_up m;
	CLEAN_STRS struct strs fields = { 0 };
	CLEAN_BUF struct buf b = BUF_INIT;
	size_t records, wide = 7 + COL_COUNT + 8;

	(void)state;
	made_up_init(&m, false);
	cmp_print_csv(&m.c, &b);
	is_data("rows.csv", &b);
	made_up_release(&m);
	made_up_init(&m, true);
	buf_reset(&b);
	m.c.rows[1].note = "two\r\nlines, \"quoted\"";
	cmp_print_csv(&m.c, &b);
	parse_csv(b.ptr, &fields, &records);
	assert_int_equal(records, 8);
	assert_int_equal(fields.len, records * wide);
	assert_string_equal(fields.ptr[0], "strategy");
	assert_string_equal(fields.ptr[2 * wide], "static-glibc");
	assert_string_equal(fields.ptr[2 * wide + wide - 2], "two\r\nlines, \"quoted\"");
	assert_string_equal(fields.ptr[5 * wide], m.c.rows[4].strategy);
	assert_string_equal(fields.ptr[6 * wide - 1], m.c.rows[4].failed);
}

/* ---- JSON ---- */

static uint64_t sum_of(json_t *node)
{
	json_t *children = json_object_get(node, "children"), *child;
	uint64_t sum = 0;
	size_t i;

	json_array_foreach(children, i, child)
		sum += sum_of(child);
	if (!json_array_size(children))
		return (uint64_t)json_integer_value(json_object_get(node, "bytes"));
	assert_int_equal(json_integer_value(json_object_get(node, "bytes")), sum);
	return sum;
}

static double number_at(json_t *rows, size_t row, const char *object, const char *key)
{
	return json_number_value(json_object_get(json_object_get(json_array_get(rows, row), object), key));
}

static void test_json(void **state)
{
	CLEANUP(made_up_release) struct made_up m;
	CLEAN_BUF struct buf b = BUF_INIT;
	json_error_t error;
	json_t *j, *rows, *samples, *best;

	(void)state;
	made_up_init(&m, false);
	cmp_print_json(&m.c, &b);
	assert_ptr_equal(strchr(b.ptr, '\n'), b.ptr + b.len - 1);
	j = json_loads(b.ptr, JSON_REJECT_DUPLICATES, &error);
	assert_non_null(j);
	rows = json_object_get(j, "rows");
	assert_int_equal(json_array_size(rows), 7);
	for (size_t i = 0; i < 7; i++) {
		json_t *row = json_array_get(rows, i);

		for (size_t col = 0; col < COL_COUNT; col++) {
			json_t *v = json_object_get(json_object_get(row, "values"), cmp_cols[col].key);

			assert_non_null(v);
			if (isnan(m.c.rows[i].value[col]))
				assert_true(json_is_null(v));
			else
				assert_true(fabs(json_number_value(v) - m.c.rows[i].value[col]) < 1e-9);
		}
		samples = json_object_get(row, "samples");
		assert_int_equal(json_array_size(samples), m.c.rows[i].nsamples);
		for (size_t k = 0; k < m.c.rows[i].nsamples; k++)
			assert_true(json_number_value(json_array_get(samples, k)) == m.c.rows[i].samples[k]);
	}
	assert_true(fabs(number_at(rows, 2, "ratios", "binary") - 6184.0 / 15592) < 1e-6);
	assert_true(number_at(rows, 0, "start", "p99") == m.c.rows[0].start.p99);
	assert_int_equal(sum_of(json_object_get(json_array_get(rows, 0), "sources")), m.c.rows[0].sources->root->bytes);
	assert_int_equal(sum_of(json_object_get(json_array_get(rows, 0), "layers")), m.c.rows[0].layers->root->bytes);
	assert_true(json_is_null(json_object_get(json_array_get(rows, 2), "sources")));
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 2), "sources_of")), 0);
	assert_true(json_is_integer(json_object_get(json_array_get(rows, 2), "sources_of")));
	assert_true(json_is_null(json_object_get(json_array_get(rows, 0), "sources_of")));
	assert_true(json_is_null(json_object_get(json_array_get(rows, 1), "sources_of")));
	assert_true(json_is_null(json_object_get(json_array_get(rows, 4), "start")));
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 3), "same_binary")), 2);
	/* never ranked, so not among the best */
	best = json_object_get(json_array_get(rows, 6), "best");
	assert_string_equal(json_string_value(json_array_get(best, 0)), "binary");
	for (size_t i = 0; i < json_array_size(best); i++)
		assert_string_not_equal(json_string_value(json_array_get(best, i)), "start_p50");
	assert_int_equal(json_array_size(json_object_get(j, "columns")), COL_COUNT);
	best = json_array_get(json_object_get(j, "missed"), 0);
	assert_int_equal(json_integer_value(json_object_get(best, "limit")), 20480);
	json_decref(j);
}

/* Hostile names come back as they were, but for what is no text; a path of any depth leaves the JSON readable. */
static void test_json_hostile(void **state)
{
	CLEANUP(made_up_release) struct made_up m;
	CLEAN_SIZE_TREE struct size_tree deep = SIZE_TREE_INIT;
	CLEAN_BUF struct buf b = BUF_INIT, path = BUF_INIT;
	json_error_t error;
	json_t *j, *row;

	(void)state;
	made_up_init(&m, true);
	for (int i = 0; i < 5000; i++)
		buf_addz(&path, "d/");
	buf_addc(&path, 'f');
	size_tree_begin(&deep, "image", "x");
	size_add_path(&deep, deep.root, "file", path.ptr, 42);
	size_add_path(&deep, deep.root, "file", "z", 1);
	size_finish(&deep);
	m.c.rows[0].layers = &deep;
	cmp_print_json(&m.c, &b);
	j = json_loads(b.ptr, JSON_REJECT_DUPLICATES, &error);
	assert_non_null(j);
	row = json_array_get(json_object_get(j, "rows"), 4);
	assert_string_equal(json_string_value(json_object_get(row, "strategy")),
			    "<script>alert(1)</script>|`@all`#1\"'&\x1b[31m\xef\xbf\xbd\xe2\x80\xae");
	row = json_array_get(json_object_get(j, "rows"), 0);
	assert_int_equal(sum_of(json_object_get(row, "layers")), 43);
	json_decref(j);
}

/* ---- Markdown ---- */

static void test_markdown(void **state)
{
	CLEANUP(made_up_release) struct made_up m;
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	made_up_init(&m, false);
	cmp_print_markdown(&m.c, &b);
	is_data("comment.md", &b);
}

/* No tag, mention, number or new cell out of a name. */
static void test_markdown_escapes(void **state)
{
	CLEANUP(made_up_release) struct made_up m;
	CLEAN_BUF struct buf b = BUF_INIT;
	size_t cells = 0;

	(void)state;
	made_up_init(&m, true);
	cmp_print_markdown(&m.c, &b);
	assert_non_null(strstr(b.ptr, "| ``<script>alert(1)</script>\\|`@all`#1\"'&�[31m�� x86_64``: failed | – |"));
	assert_non_null(strstr(b.ptr, "` failed: ``<script>alert(1)</script>|`@all`#1\"'&�[31m��``\n"));
	assert_non_null(strstr(b.ptr, "#### &lt;script&gt;alert(1)&lt;/script&gt;\\|\\`@<!-- -->all\\`#<!-- -->1\"'"
				      "&amp;�\\[31m��\n"));
	/* outside of code there is no bracket of its own */
	for (const char *p = b.ptr; (p = strstr(p, "<script>")) != NULL; p++)
		assert_true(p[-1] == '`');
	for (const char *p = strstr(b.ptr, "| ``"); *p != '\n'; p++)
		cells += *p == '|' && p[-1] != '\\';
	assert_int_equal(cells, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_chars),
		cmocka_unit_test(test_ratios),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_fits),
		cmocka_unit_test(test_table_of_failures),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_hostile),
		cmocka_unit_test(test_markdown),
		cmocka_unit_test(test_markdown_escapes),
	};

	/* as main() has it */
	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
