/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "local/probe.h"

#define MS 1000000ull
#define S 1000000000ull
#define START (700 * S)

/* @i is what is to be probed at @now, and nothing before that. */
static void assert_next(struct probes *p, uint64_t now, size_t i)
{
	uint64_t wait;

	if (now > START) {
		assert_int_equal(probes_next(p, now - 1, &wait), SIZE_MAX);
		assert_int_equal(wait, 1);
	}
	assert_int_equal(probes_next(p, now, &wait), i);
}

/* Not yet: asked again after 100 ms, 200 ms, ... 5 s, and 5 s from there on. It may take as long as it likes. */
static void test_backoff(void **state)
{
	static const uint64_t delay[] = { 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000 };
	struct probes p;
	uint64_t now = START, wait;

	(void)state;
	probes_init(&p, 1, 0);
	assert_int_equal(p.ptr[0].state, PROBE_COLD);
	assert_next(&p, now, 0);
	assert_int_equal(p.ptr[0].state, PROBE_WARMING);
	for (size_t i = 0; i < ARRAY_LEN(delay); i++) {
		/* while it is under way there is nothing to do */
		assert_int_equal(probes_next(&p, now + 100 * S, &wait), SIZE_MAX);
		assert_int_equal(wait, UINT64_MAX);
		now += 7 * MS;
		probes_done(&p, 0, now, 503, NULL);
		assert_int_equal(p.ptr[0].state, PROBE_WARMING);
		assert_string_equal(p.ptr[0].why, "status 503");
		now += delay[i] * MS;
		assert_next(&p, now, 0);
	}
	assert_false(probes_over(&p));
	probes_done(&p, 0, now + MS, 204, NULL);
	assert_true(probes_over(&p));
	assert_int_equal(p.ptr[0].state, PROBE_READY);
	assert_int_equal(p.ptr[0].attempts, 10);
	assert_int_equal(p.ptr[0].took, now + MS - START);
	assert_int_equal(p.ptr[0].status, 204);
	assert_string_equal(p.ptr[0].why, "");
	assert_int_equal(probes_next(&p, now + S, &wait), SIZE_MAX);
	assert_int_equal(wait, UINT64_MAX);
	probes_release(&p);
}

/* Three failures one after the other; "not yet" between them is an answer of something that is well. */
static void test_failures(void **state)
{
	static const int bad[] = { 404, 0, 301 };
	struct probes p;
	uint64_t now = START;

	(void)state;
	probes_init(&p, 1, 0);
	for (size_t round = 0; round < 2; round++)
		for (size_t i = 0; i < 3; i++) {
			now = p.ptr[0].next > START ? p.ptr[0].next : START;
			assert_next(&p, now, 0);
			probes_done(&p, 0, now, round == 0 && i == 2 ? 503 : bad[i], "refused");
		}
	assert_int_equal(p.ptr[0].state, PROBE_UNHEALTHY);
	assert_int_equal(p.ptr[0].attempts, 6);
	assert_int_equal(p.ptr[0].took, (100 + 200 + 400 + 800 + 1600) * MS);
	assert_string_equal(p.ptr[0].why, "status 301");
	assert_true(probes_over(&p));
	probes_release(&p);
	probes_init(&p, 1, 0);
	for (size_t i = 0; i < 3; i++) {
		now = i ? p.ptr[0].next : START;
		assert_next(&p, now, 0);
		probes_done(&p, 0, now, 0, "Connection refused");
	}
	assert_int_equal(p.ptr[0].state, PROBE_UNHEALTHY);
	assert_int_equal(p.ptr[0].status, 0);
	assert_string_equal(p.ptr[0].why, "Connection refused");
	probes_release(&p);
}

/* Its time: one more probe at the end of it, and then it is over, however well it answers. */
static void test_timeout(void **state)
{
	struct probes p;
	uint64_t now = START;

	(void)state;
	probes_init(&p, 1, 2 * S);
	/* at 0, 100, 300, 700, 1500 and, instead of 3100, 2000 ms */
	for (size_t i = 0; i < 6; i++) {
		now = i ? p.ptr[0].next : START;
		assert_int_equal(p.ptr[0].state, i ? PROBE_WARMING : PROBE_COLD);
		assert_next(&p, now, 0);
		probes_done(&p, 0, now, 503, NULL);
	}
	assert_int_equal(now, START + 2 * S);
	assert_int_equal(p.ptr[0].state, PROBE_UNHEALTHY);
	assert_string_equal(p.ptr[0].why, "not ready after 2 s: status 503");
	probes_release(&p);
}

/* Three at a time, of however many; who has waited longest is next. */
static void test_at_once(void **state)
{
	struct probes p;
	uint64_t wait;

	(void)state;
	probes_init(&p, 5, 0);
	assert_int_equal(probes_count(&p, PROBE_COLD), 5);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(probes_next(&p, START, &wait), i);
	assert_int_equal(probes_next(&p, START, &wait), SIZE_MAX);
	assert_int_equal(wait, UINT64_MAX);
	assert_int_equal(probes_count(&p, PROBE_WARMING), 3);
	probes_done(&p, 1, START + MS, 503, NULL);
	assert_int_equal(probes_next(&p, START + MS, &wait), 3);
	probes_done(&p, 0, START + 2 * MS, 200, NULL);
	assert_int_equal(probes_next(&p, START + 500 * MS, &wait), 4);
	probes_done(&p, 4, START + 500 * MS, 200, NULL);
	assert_int_equal(probes_next(&p, START + 500 * MS, &wait), 1);
	probes_done(&p, 1, START + 500 * MS, 200, NULL);
	probes_done(&p, 2, START + 500 * MS, 200, NULL);
	assert_false(probes_over(&p));
	probes_done(&p, 3, START + 500 * MS, 200, NULL);
	assert_true(probes_over(&p));
	assert_int_equal(probes_count(&p, PROBE_READY), 5);
	probes_release(&p);
	probes_init(&p, 0, 0);
	assert_true(probes_over(&p));
	probes_release(&p);
}

static void test_urls(void **state)
{
	char *good[] = { "http://127.0.0.1:8080", "https://Example.com/hello/", "http://[::1]:1/a?b=c#d",
			 "http://h/#x" };
	static char *const bad[] = { "127.0.0.1:8080", "ftp://x/", "http://user:secret@x/", "http://", "" };
	CLEAN_STRS struct strs out = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(probes_urls(good, ARRAY_LEN(good), &out, &err), 0);
	assert_int_equal(out.len, 4);
	assert_string_equal(out.ptr[0], "http://127.0.0.1:8080/health?ready=1");
	assert_string_equal(out.ptr[1], "https://Example.com/hello/health?ready=1");
	assert_string_equal(out.ptr[2], "http://[::1]:1/a?b=c");
	assert_string_equal(out.ptr[3], "http://h/health?ready=1");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(probes_urls(&bad[i], 1, &out, &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
		assert_null(strstr(err.msg, "secret"));
	}
	assert_int_equal(probes_urls(good, PROBES_MAX + 1, &out, &err), -1);
	assert_string_equal(err.msg, "limit exceeded: 1001 URLs, the most is 1000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backoff), cmocka_unit_test(test_failures), cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_at_once), cmocka_unit_test(test_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
