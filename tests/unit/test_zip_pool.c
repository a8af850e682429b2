/* SPDX-License-Identifier: Apache-2.0 */
#include "test_tree_util.h"

#include <stdatomic.h>

#include "archive/pool.h"

struct job {
	uint32_t in, out;
	unsigned spin;
	atomic_uint runs;
};

static void job_run(void *ctx, void **state)
{
	struct job *j = ctx;
	volatile unsigned x = 0;

	if (!*state)
		*state = xcalloc(1, 1);
	while (x < j->spin)
		x++;
	j->out = j->in * 3 + 1;
	atomic_fetch_add(&j->runs, 1u);
}

static void job_release(void *ctx)
{
	(void)ctx;
}

static const struct pool_ops ops = { sizeof(struct job), job_run, job_release, free };

/* Jobs of all lengths, some done by the owner in between: each is run once, and they come back in order. */
static void in_order_and_once(void **state)
{
	struct pool *p = pool_new(&ops);
	struct err e = ERR_INIT;
	uint32_t given = 0, taken = 0, seed = 1;

	(void)state;
	while (taken < 200000) {
		struct job *j = pool_slot(p);

		seed = seed * 1664525u + 1013904223u;
		if (j && given < 200000 && (pool_empty(p) || seed >> 30)) {
			j->in = given++;
			j->spin = seed >> 16 & 0xff;
			j->out = 0;
			atomic_store(&j->runs, 0u);
			pool_submit(p, seed >> 29 & 1);
			continue;
		}
		j = pool_take(p, &e);
		assert_non_null(j);
		assert_int_equal(j->in, taken);
		assert_int_equal(j->out, taken * 3 + 1);
		assert_int_equal(atomic_load(&j->runs), 1);
		taken++;
		pool_done(p);
	}
	assert_true(pool_empty(p));
	pool_free(p);
}

/* Freed with jobs waiting, at work and done. */
static void freed_at_any_time(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		struct pool *p = pool_new(&ops);

		for (unsigned k = 0; k < i % (POOL_SLOTS + 1); k++) {
			struct job *j = pool_slot(p);

			j->spin = i % 3 * 20000;
			pool_submit(p, false);
		}
		pool_free(p);
	}
	pool_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order_and_once),
		cmocka_unit_test(freed_at_any_time),
	};

	return cmocka_run_group_tests(tests, enter_tmp, leave_tmp);
}
