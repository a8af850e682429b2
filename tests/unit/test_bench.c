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
#include "test_bench_util.h"
#include "test_html_util.h"

static void test_texts(void **state)
{
	static const struct {
		double ns;
		const char *text;
	} times[] = { { 0, "0 ns" }, { 812, "812 ns" }, { 999.4, "999 ns" }, { 999.6, "1.00 µs" },
		      { 12345, "12.3 µs" }, { 150e3, "150 µs" }, { 999.4e3, "999 µs" }, { 999.6e3, "1.00 ms" },
		      { 1.234e6, "1.23 ms" }, { 12.5e9, "12.5 s" }, { 3.6e12, "3600 s" } };
	static const struct {
		uint64_t n;
		const char *text;
	} counts[] = { { 0, "0" }, { 999, "999" }, { 1000, "1,000" }, { 1234567, "1,234,567" },
		       { UINT64_MAX, "18,446,744,073,709,551,615" } };
	static const struct {
		struct load_spec spec;
		const char *text;
	} courses[] = { { { .rate = 1000, .duration = 10 * LOOP_S },
			  "open loop: 1,000 calls a second for 10 s" },
			{ { .rate = 1, .requests = 5 }, "open loop: 1 call a second, 5 calls in all" },
			{ { .concurrency = 8, .duration = 2500 * LOOP_MS, .requests = 100, .warmup = 500 * LOOP_MS },
			  "closed loop: 8 callers for 2.5 s or 100 calls, after 500 ms of warm-up" },
			{ { .requests = 1 }, "closed loop: 1 caller, 1 call" } };
	char text[BENCH_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		assert_string_equal(str_human_ns(times[i].ns, text, sizeof(text)), times[i].text);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		assert_string_equal(str_human_count(counts[i].n, text, sizeof(text)), counts[i].text);
	for (size_t i = 0; i < ARRAY_LEN(courses); i++) {
		CLEAN_BUF struct buf b = BUF_INIT;

		bench_course_text(&courses[i].spec, &b);
		assert_string_equal(b.ptr, courses[i].text);
	}
}

/* What has to be said is said, and nothing else. */
static void test_notes(void **state)
{
	CLEANUP(made_bench_release) struct made_bench m;
	CLEAN_STRS struct strs none = { 0 }, all = { 0 };

	(void)state;
	made_bench_init(&m, false);
	m.load.warmup_colds = 0;
	bench_notes(&m.r, &none);
	assert_int_equal(none.len, 0);
	m.load.interrupted = true;
	m.load.calls[LOAD_UNSENT] = 1200;
	m.load.limited = 3;
	for (int i = 0; i < 1000; i++)
		hist_record(&m.load.late, 5 * LOOP_MS);
	hist_add(&m.load.corrected, &m.load.warm);
	hist_record_series(&m.load.corrected, 10 * LOOP_MS, 0, 1000);
	m.load.expected = 200000;
	m.load.warmup_colds = 1;
	strs_add(&m.r.warnings, "no cgroups\033[31m");
	bench_notes(&m.r, &all);
	assert_int_equal(all.len, 7);
	assert_string_equal(all.ptr[0], "interrupted: the numbers are of what had been measured by then");
	assert_string_equal(all.ptr[1], "the function does not keep up: 1,200 calls were due and never begun; they "
					"count with the time they had waited");
	assert_string_equal(all.ptr[2], "3 calls had to wait since 1,000 were under way, the most at once");
	assert_string_equal(all.ptr[3], "this machine began calls late, one in a hundred by 5.00 ms or more: latencies "
					"are that much too long");
	assert_string_equal(all.ptr[4], "a caller of a closed loop does not call while it waits: “corrected” fills "
					"in a call each 200 µs, the median");
	assert_string_equal(all.ptr[5], "1 cold start in the warm-up, not counted here");
	assert_string_equal(all.ptr[6], "no cgroups�[31m");
}

/* ---- the terminal ---- */

static void test_text(void **state)
{
	CLEANUP(made_bench_release) struct made_bench m;
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	made_bench_init(&m, false);
	bench_print(&m.r, &(struct bench_style){ .format = BENCH_TEXT, .width = 80 }, &b);
	assert_non_null(strstr(b.ptr, "hello\nx86_64, profile release, 128 MB\n\n"
				      "cold starts, each on an instance of its own\n"
				      "20 calls: 20 ok; 667 a second\nmemory 1.1 MB at most\n"
				      "median 901 µs, with 95 % between "));
	assert_non_null(strstr(b.ptr, "\nopen loop: 1,000 calls a second for 10 s, after 2 s of warm-up\n"
				      "10,000 calls: 9,985 ok, 14 timeout, 1 crashed; 999 a second\n"
				      "memory 2.3 MB at most; CPU 40.6 µs and 3.0 allocations a call\n"));
	assert_non_null(strstr(b.ptr, "\n           calls      p50      p90      p99    p99.9      max\n"
				      "all       10,000   189 µs   212 µs   468 µs   3.01 s   3.01 s\n"
				      "warm       9,975   189 µs   212 µs   460 µs  2.29 ms  3.04 ms\n"
				      "cold          10  1.09 ms  1.11 ms  1.12 ms  1.12 ms  1.12 ms\n"
				      "failed        15   3.01 s   3.01 s   3.01 s   3.01 s   3.01 s\n"));
	assert_non_null(strstr(b.ptr, "\n  146 µs  ██████████████████████████████████████████████████ 9,600\n"
				      "  297 µs  █▉                                                   349\n"));
	assert_non_null(strstr(b.ptr, "\nerrors\n14 × 504 Sandbox.Timedout\n1 × 502 Runtime.ExitError\n"));
	assert_non_null(strstr(b.ptr, "\nnote: 4 cold starts in the warm-up, not counted here\n"));
	assert_null(strchr(b.ptr, '\033'));
}

static void test_widths(void **state)
{
	CLEANUP(made_bench_release) struct made_bench m;

	(void)state;
	made_bench_init(&m, true);
	for (int width = 40; width <= 120; width++) {
		CLEAN_BUF struct buf b = BUF_INIT;

		bench_print(&m.r, &(struct bench_style){ .format = BENCH_TEXT, .width = width }, &b);
		for (char *line = b.ptr, *end; *line; line = end + 1) {
			wchar_t wide[512];
			size_t n;

			end = strchr(line, '\n');
			assert_non_null(end);
			*end = '\0';
			assert_null(strpbrk(line, "\033\t\r"));
			n = mbstowcs(wide, line, ARRAY_LEN(wide));
			assert_true(n < ARRAY_LEN(wide));
			assert_true(wcswidth(wide, n) <= width);
		}
	}
}

/* ---- JSON ---- */

static void test_json(void **state)
{
	static const char *const never_measured[] = { "corrected" };
	CLEANUP(made_bench_release) struct made_bench m;
	CLEAN_BUF struct buf b = BUF_INIT;
	json_t *j, *load, *warm, *buckets, *bucket;
	json_error_t e;
	size_t i;
	json_int_t sum = 0, last = -1;

	(void)state;
	made_bench_init(&m, true);
	m.r.cold.result = NULL;
	bench_print(&m.r, &(struct bench_style){ .format = BENCH_JSON }, &b);
	assert_ptr_equal(strchr(b.ptr, '\n'), b.ptr + b.len - 1);
	j = json_loads(b.ptr, JSON_REJECT_DUPLICATES, &e);
	assert_non_null(j);
	assert_true(json_is_null(json_object_get(j, "cold")));
	assert_string_equal(json_string_value(json_object_get(j, "project")), "shop");
	assert_string_equal(json_string_value(json_object_get(j, "arch")), "x86_64");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "limits"), "cpu")), 72);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "limits"), "memory")), 134217728);
	load = json_object_get(j, "load");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(load, "calls"), "timeout")), 14);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(load, "calls"), "unsent")), 0);
	assert_int_equal(json_array_size(json_object_get(load, "seconds")), 13);
	assert_int_equal(json_integer_value(json_object_get(load, "memory")), 2411724);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(load, "spec"), "concurrency")), 1000);
	for (i = 0; i < ARRAY_LEN(never_measured); i++)
		assert_true(json_is_null(json_object_get(json_object_get(load, "latency"), never_measured[i])));
	warm = json_object_get(json_object_get(load, "latency"), "warm");
	assert_int_equal(json_integer_value(json_object_get(warm, "p99")), hist_percentile(&m.load.warm, 99));
	buckets = json_object_get(warm, "buckets");
	assert_in_range(json_array_size(buckets), 10, 200);
	json_array_foreach(buckets, i, bucket) {
		assert_true(json_integer_value(json_array_get(bucket, 0)) > last);
		last = json_integer_value(json_array_get(bucket, 0));
		sum += json_integer_value(json_array_get(bucket, 1));
	}
	assert_int_equal(sum, m.load.warm.n);
	assert_true(last >= (json_int_t)m.load.warm.max);
	json_decref(j);
}

/* ---- the page ---- */

static void test_page(void **state)
{
	CLEANUP(made_bench_release) struct made_bench m;
	CLEANUP(page_release) struct page p;
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	made_bench_init(&m, false);
	bench_print(&m.r, &(struct bench_style){ .format = BENCH_HTML }, &b);
	read_page(&p, b.ptr);
	assert_int_equal(p.scripts, 1);
	assert_int_equal(p.styles, 1);
	assert_non_null(strstr(b.ptr, "<title>hello: benchmark</title>"));
	assert_non_null(strstr(p.bare, "a second999that went well"));
	assert_non_null(strstr(p.bare, "failed15of 10,000"));
	assert_non_null(strstr(p.bare, "cold start901 µsmedian of 20"));
	assert_non_null(strstr(p.bare, "Open loop: 1,000 calls a second for 10 s, after 2 s of warm-up"));
	assert_non_null(strstr(p.bare, "10,000 calls: 9,985 ok, 14 timeout, 1 crashed; 999 a second."));
	assert_non_null(strstr(p.bare, "14 × 504 Sandbox.Timedout"));
	assert_non_null(strstr(p.bare, "Median 901 µs, with 95 % between "));
	assert_non_null(strstr(p.bare, "Linux 6.1.0, 2 × Intel(R) Xeon(R); slsc 0.1.0."));
	/* all, warm, cold, failed; the tail; two over time; the cold starts and their tail */
	assert_int_equal(times(b.ptr, "class=\"plot\""), 9);
	assert_int_equal(times(b.ptr, "class=\"grid\""), 2);
	assert_non_null(strstr(b.ptr, "class=\"hist fail\""));
	assert_true(b.len < 100000);
}

static void test_page_hostile(void **state)
{
	CLEANUP(made_bench_release) struct made_bench m;
	CLEANUP(page_release) struct page p;
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	made_bench_init(&m, true);
	bench_print_html(&m.r, &b);
	read_page(&p, b.ptr);
	assert_true(str_is_utf8(buf_str(&b)));
	assert_int_equal(p.scripts, 1);
	assert_null(strstr(b.ptr, "<script>alert"));
	assert_null(strstr(b.ptr, "<img"));
	assert_null(strchr(b.ptr, '\x1b'));
	assert_null(strstr(b.ptr, "\xe2\x80\xae"));
	assert_non_null(strstr(p.bare, "&lt;img src=x onerror=alert(1)&gt;"));
	assert_non_null(strstr(p.bare, "a warning of &lt;b&gt;others&lt;/b&gt;"));
}

/* Nothing came of it: what there is to say is said, in each form. */
static void test_empty(void **state)
{
	struct load_result nothing;
	struct bench_result r = { .function = "f", .version = "1",
				  .load = { { .rate = 5, .duration = LOOP_S }, &nothing } };
	CLEANUP(page_release) struct page p;
	CLEAN_BUF struct buf html = BUF_INIT, text = BUF_INIT, json = BUF_INIT;
	json_t *j;

	(void)state;
	load_result_init(&nothing);
	nothing.interrupted = true;
	bench_print(&r, &(struct bench_style){ .format = BENCH_HTML }, &html);
	bench_print(&r, &(struct bench_style){ .format = BENCH_TEXT, .width = 80 }, &text);
	bench_print(&r, &(struct bench_style){ .format = BENCH_JSON }, &json);
	read_page(&p, html.ptr);
	assert_non_null(strstr(p.bare, "0 calls."));
	assert_int_equal(times(html.ptr, "<svg"), 0);
	assert_string_equal(text.ptr, "f\n\nopen loop: 5 calls a second for 1 s\n0 calls\n\n"
				      "note: interrupted: the numbers are of what had been measured by then\n");
	j = json_loads(json.ptr, 0, NULL);
	assert_non_null(j);
	json_decref(j);
	load_result_release(&nothing);
}

/* A day of seconds is as many points as fit. */
static void test_long(void **state)
{
	CLEANUP(made_bench_release) struct made_bench m;
	CLEANUP(page_release) struct page p;
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	made_bench_init(&m, false);
	while (m.load.seconds.len < 86405)
		VEC_PUSH(&m.load.seconds, ((struct load_second){ .ok = 1000, .p50 = 100000, .p99 = 200000 }));
	bench_print_html(&m.r, &b);
	read_page(&p, b.ptr);
	assert_true(b.len < 120000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),  cmocka_unit_test(test_notes),	    cmocka_unit_test(test_text),
		cmocka_unit_test(test_widths), cmocka_unit_test(test_json),	    cmocka_unit_test(test_page),
		cmocka_unit_test(test_page_hostile), cmocka_unit_test(test_empty), cmocka_unit_test(test_long),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
