/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "registry/client_internal.h"
#include "registry/transfer_internal.h"
#include "registry/work.h"

static void retry_after(void **state)
{
	static const struct {
		const char *value;
		int64_t ms;
	} cases[] = {
		{ "0", 0 }, { "1", 1000 }, { "3600", 3600000 }, { "", -1 }, { "-1", -1 }, { "1.5", -1 }, { "soon", -1 },
		{ "99999999999", -1 },
		{ "Wed, 21 Oct 2015 07:28:10 GMT", 10000 }, { "Wed, 21 Oct 2015 07:27:00 GMT", 0 },
		{ "Wed, 21 Oct 2015 07:28:10 CET", -1 }, { "Wed, 21 Oct 2015 07:28:10 GMT x", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(retry_after_ms(cases[i].value, 1445412480), cases[i].ms);
}

static void ranges(void **state)
{
	static const struct {
		const char *value;
		int64_t end;
	} cases[] = {
		{ "0-0", 1 },
		{ "0-1023", 1024 },
		{ "bytes=0-5", 6 },
		{ "1-5", -1 },
		{ "", -1 },
		{ "-5", -1 },
		{ "0-", -1 },
		{ "0-x", -1 },
		{ "0-5,7-8", -1 },
		{ "0-9223372036854775807", -1 },
		{ "0-99999999999999999999", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(range_end(cases[i].value), cases[i].end);
}

static void words(void **state)
{
	static const struct {
		const char *body, *words;
	} cases[] = {
		{ "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no\",\"detail\":{}}]}", "DENIED: no" },
		{ "{\"errors\":[{\"message\":\"no\"}]}", "no" },
		{ "{\"errors\":[{\"code\":\"DENIED\"}]}", "DENIED" },
		{ "{\"errors\":[{\"code\":\"A\\u001b[1m\\nB\",\"message\":\"\\u007f\"}]}", "A [1m B:  " },
		{ "{\"errors\":[]}", "" }, { "{\"errors\":{}}", "" }, { "<html>", "" }, { "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_BUF struct buf b = BUF_INIT;

		client_error_words(cases[i].body, strlen(cases[i].body), &b);
		assert_string_equal(b.ptr, cases[i].words);
	}
}

static void long_words(void **state)
{
	CLEAN_FREE char *word = xmalloc(5001), *body = NULL;
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	memset(word, 'x', 5000);
	word[5000] = '\0';
	body = xasprintf("{\"errors\":[{\"code\":\"%s\",\"message\":\"%s\"}]}", word, word);
	client_error_words(body, strlen(body), &b);
	assert_in_range(b.len, 300, 310);
}

static void status(void **state)
{
	(void)state;
	assert_string_equal(client_status_name(404), "Not Found");
	assert_string_equal(client_status_name(299), "");
	assert_true(client_is_transient(429));
	assert_true(client_is_transient(503));
	assert_false(client_is_transient(501));
	assert_false(client_is_transient(404));
}

/* index.json */

static void add(const char *old, const char *tag, const char *want)
{
	CLEAN_BUF struct buf before = BUF_INIT, after = BUF_INIT;
	struct plan_node root = { .bytes = BUF_INIT };
	struct err err = ERR_INIT;

	buf_addz(&before, old);
	root.doc.media_type = "m";
	root.bytes.len = 7;
	snprintf(root.d.digest.s, sizeof(root.d.digest.s), "sha256:ab");
	if (layout_index_add(&before, "index.json", &root, tag, &after, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(after.ptr, want);
}

#define OURS(tag)                                                                                                      \
	"{\"annotations\":{\"org.opencontainers.image.ref.name\":\"" tag "\"},\"digest\":\"sha256:ab\","               \
	"\"mediaType\":\"m\",\"size\":7}"
#define INDEX(list)                                                                                                    \
	"{\"manifests\":[" list "],\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"schemaVersion\":2}"

static void index_json(void **state)
{
	(void)state;
	add("", "t", INDEX(OURS("t")));
	add(INDEX(OURS("t")), "t", INDEX(OURS("t")));
	add(INDEX(OURS("a")), "t", INDEX(OURS("a") "," OURS("t")));
	/* its place is kept, a second of the name goes, what we do not know stays */
	add(INDEX(OURS("t") "," OURS("a") "," OURS("t")), "t", INDEX(OURS("t") "," OURS("a")));
	add("{\"manifests\":[{\"x\":1}],\"schemaVersion\":2,\"z\":[]}", "t",
	    "{\"manifests\":[{\"x\":1}," OURS("t") "],\"schemaVersion\":2,\"z\":[]}");
}

static void index_json_damaged(void **state)
{
	static const char *const bad[] = { "{", "[]", "{\"manifests\":{}}", "{\"manifests\":[],\"manifests\":[]}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEAN_BUF struct buf before = BUF_INIT, after = BUF_INIT;
		struct plan_node root = { .bytes = BUF_INIT };
		struct err err = ERR_INIT;

		buf_addz(&before, bad[i]);
		assert_int_equal(layout_index_add(&before, "d/index.json", &root, "t", &after, &err), -1);
		assert_string_equal(err.msg, "d/index.json: it is not an index");
	}
}

/* work */

struct sum {
	atomic_size_t done, sum;
	size_t fails_at;
};

static int add_up(void *ctx, size_t i, struct err *err)
{
	struct sum *s = ctx;

	if (i == s->fails_at)
		return err_set(err, ERR_FORMAT, "number %zu", i);
	atomic_fetch_add(&s->done, 1u);
	atomic_fetch_add(&s->sum, i);
	return 0;
}

static void work(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	for (unsigned jobs = 1; jobs < 9; jobs++) {
		struct sum s = { .fails_at = SIZE_MAX };
		atomic_bool cancel = false;

		assert_int_equal(work_run(100, jobs, add_up, &s, &cancel, &err), 0);
		assert_int_equal(s.done, 100);
		assert_int_equal(s.sum, 4950);
		assert_false(cancel);
		s = (struct sum){ .fails_at = 50 };
		assert_int_equal(work_run(100, jobs, add_up, &s, &cancel, &err), -1);
		assert_string_equal(err.msg, "number 50");
		assert_true(cancel);
		assert_true(s.done < 100);
	}
}

static void jobs(void **state)
{
	(void)state;
	assert_int_equal(work_jobs(0, 0), 1);
	assert_int_equal(work_jobs(1, 1), 1);
	assert_int_equal(work_jobs(2, 1u << 20), 1);
	assert_int_equal(work_jobs(2, (1u << 20) + 1), 2);
	assert_int_equal(work_jobs(5, 1000), 3);
	assert_int_equal(work_jobs(5, UINT64_MAX), 5);
	assert_int_equal(work_jobs(SIZE_MAX, 0), WORK_JOBS);
	assert_int_equal(work_jobs(SIZE_MAX, UINT64_MAX), WORK_JOBS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retry_after), cmocka_unit_test(ranges),     cmocka_unit_test(words),
		cmocka_unit_test(long_words),  cmocka_unit_test(status),     cmocka_unit_test(index_json),
		cmocka_unit_test(index_json_damaged), cmocka_unit_test(work),     cmocka_unit_test(jobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
