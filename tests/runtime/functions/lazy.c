/* SPDX-License-Identifier: Apache-2.0 */
/* A Lambda function with lazy values of every kind, for tests/runtime. The event is a word. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <slsc.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct table {
	int made;
	int zero;
};

static int makings, tries, threads_made;

static int make_table(struct slsc_ctx *ctx, struct table *t)
{
	(void)ctx;
	if (getenv("START_FAILS"))
		return slsc_fail(ctx, "NoTable", "the table is missing");
	t->made = ++makings;
	return 0;
}

static int make_flaky(struct slsc_ctx *ctx, struct table *t)
{
	if (t->zero)
		return slsc_fail(ctx, "NotZeroed", "what a failed try left");
	t->zero = 1;
	if (++tries < 3)
		return slsc_fail(ctx, "Flaky", "not yet");
	t->made = tries;
	return 0;
}

static int make_broken(struct slsc_ctx *ctx, int *value)
{
	char why[] = "try 0";

	*value = ++tries;
	why[4] = (char)('0' + tries);
	return slsc_fail(ctx, "Broken", why);
}

static int make_slow(struct slsc_ctx *ctx, int *value)
{
	const struct timespec ts = {0, 20000000};

	(void)ctx;
	nanosleep(&ts, NULL);
	*value = __atomic_add_fetch(&threads_made, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static int make_unused(struct slsc_ctx *ctx, int *value)
{
	(void)ctx;
	*value = 1;
	abort();
}

static int make_loop(struct slsc_ctx *ctx, int *value);

SLSC_LAZY_WITH(struct table, at_start, make_table, SLSC_LAZY_AT_START);
SLSC_LAZY(struct table, flaky, make_flaky);
SLSC_LAZY_WITH(int, broken, make_broken, SLSC_LAZY_STICKY | SLSC_LAZY_ON_DEMAND);
SLSC_LAZY(int, slow, make_slow);
SLSC_LAZY_WITH(int, unused, make_unused, SLSC_LAZY_ON_DEMAND);
SLSC_LAZY_WITH(int, loop, make_loop, SLSC_LAZY_ON_DEMAND);

static int make_loop(struct slsc_ctx *ctx, int *value)
{
	(void)value;
	return loop(ctx) ? 0 : -1;
}

static void *take(void *arg)
{
	struct slsc_ctx *ctx = calloc(1, sizeof(*ctx));
	int *value = ctx ? slow(ctx) : NULL;

	(void)arg;
	free(ctx);
	return value;
}

int slsc_init(struct slsc_ctx *ctx)
{
	(void)ctx;
	return 0;
}

static int handle(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	struct table *t = at_start(ctx);
	int *value;

	if (slsc_str_eq(in, "\"start\"")) {
		slsc_put_i64(out, t ? t->made : -1);
		return 0;
	}
	if (slsc_str_eq(in, "\"flaky\"")) {
		t = flaky(ctx);
		if (!t)
			return -1;
		slsc_put_i64(out, t->made);
		return 0;
	}
	if (slsc_str_eq(in, "\"broken\"")) {
		value = broken(ctx);
		return value ? 0 : -1;
	}
	if (slsc_str_eq(in, "\"loop\"")) {
		value = loop(ctx);
		return value ? 0 : -1;
	}
	if (slsc_str_eq(in, "\"unused\""))
		return unused(ctx) ? 0 : -1;
	if (slsc_str_eq(in, "\"threads\"")) {
		pthread_t threads[8];
		void *got, *first = NULL;
		bool same = true;

		for (int i = 0; i < 8; i++) {
			if (pthread_create(&threads[i], NULL, take, NULL))
				return -1;
		}
		for (int i = 0; i < 8; i++) {
			pthread_join(threads[i], &got);
			same = same && got && (!first || got == first);
			first = got;
		}
		slsc_put_i64(out, same ? threads_made : -1);
		return 0;
	}
	slsc_puts(out, "null");
	return 0;
}

SLSC_HANDLER(handle);
