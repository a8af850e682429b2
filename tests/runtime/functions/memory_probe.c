/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests/runtime/test_memory.py, by the first member of the event: "alloc": [sizes], "govern": [[ms, bytes]...],
 * "breaker": [["allow" | "ok" | "failed" | "timeout" | "state", ms]...], "take": n, "put": n, "wrong": 1, "pools": 1,
 * "malloc": n.
 */
#include "../../../runtime/arena.h"

#include <stdlib.h>
#include <string.h>

slsc_lambda_fn handler;

struct thing {
	int64_t number;
	char text[40];
};

static void thing_reset(void *object)
{
	struct thing *t = object;

	t->text[0] = '\0'; /* the number stays */
}

SLSC_POOL(struct thing, things, 3, thing_reset);
SLSC_POOL(struct thing, clean, 2, NULL);
SLSC_PREHEAT;

static struct thing *held[8];
static int held_count;
static void *volatile escaped;

int slsc_init(struct slsc_ctx *ctx)
{
	(void)ctx;
	(void)slsc_heap_profile_start();
	return 0;
}

static void put_stats(struct slsc_out *out)
{
	struct slsc_arena_stats s;

	slsc_arena_stats(&s);
	slsc_puts(out, "[");
	slsc_put_u64(out, s.used);
	slsc_puts(out, ",");
	slsc_put_u64(out, s.mapped);
	slsc_puts(out, ",");
	slsc_put_u64(out, s.keep);
	slsc_puts(out, ",");
	slsc_put_u64(out, s.threshold);
	slsc_puts(out, "]");
}

static int do_alloc(struct slsc_ctx *ctx, struct slsc_str list, struct slsc_out *out)
{
	struct slsc_json_iter it = {list, NULL};
	struct slsc_str name, value;
	int64_t n;

	while (slsc_json_next(&it, &name, &value) > 0) {
		char *p;

		if (slsc_json_i64(value, &n))
			return -1;
		p = slsc_alloc(ctx, (size_t)n);
		if (!p || (uintptr_t)p & 15)
			return slsc_fail(ctx, "OutOfMemory", "slsc_alloc gave none");
		memset(p, 1, (size_t)n);
	}
	put_stats(out);
	return 0;
}

static int pair(struct slsc_str json, struct slsc_str *first, int64_t *second)
{
	struct slsc_json_iter it = {json, NULL};
	struct slsc_str name, value;

	return slsc_json_next(&it, &name, first) < 1 || slsc_json_next(&it, &name, &value) < 1 ||
	       slsc_json_i64(value, second);
}

static int do_govern(struct slsc_str list, struct slsc_out *out)
{
	struct slsc_rt_govern g = {.changed_ms = 0};
	struct slsc_json_iter it = {list, NULL};
	struct slsc_str name, value, first;
	int64_t ms, used;

	slsc_puts(out, "[0");
	while (slsc_json_next(&it, &name, &value) > 0) {
		if (pair(value, &first, &used) || slsc_json_i64(first, &ms))
			return -1;
		slsc_puts(out, ",");
		slsc_put_u64(out, slsc_rt_govern_step(&g, (size_t)used, ms) >> 10);
		slsc_puts(out, ",");
		slsc_put_u64(out, g.halved);
	}
	slsc_puts(out, "]");
	return 0;
}

static int do_breaker(struct slsc_ctx *ctx, struct slsc_str list, struct slsc_out *out)
{
	static const char states[][10] = {"closed", "open", "half-open"};
	struct slsc_breaker b = {0};
	struct slsc_json_iter it = {list, NULL};
	struct slsc_str name, value, what;
	int64_t ms;

	slsc_puts(out, "[");
	while (slsc_json_next(&it, &name, &value) > 0) {
		if (pair(value, &what, &ms) || slsc_json_str(ctx, what, &what))
			return -1;
		if (slsc_str_eq(what, "allow"))
			slsc_puts(out, slsc_breaker_allow_at(&b, ms) ? "true," : "false,");
		else if (slsc_str_eq(what, "ok"))
			slsc_breaker_done_at(&b, SLSC_SUCCESS, ms);
		else if (slsc_str_eq(what, "failed"))
			slsc_breaker_done_at(&b, SLSC_FAILURE, ms);
		else if (slsc_str_eq(what, "timeout"))
			slsc_breaker_done_at(&b, SLSC_TIMED_OUT, ms);
		else {
			slsc_puts(out, "\"");
			slsc_puts(out, states[slsc_breaker_state_at(&b, ms)]);
			slsc_puts(out, "\",");
		}
	}
	slsc_puts(out, "0]");
	return 0;
}

static int do_take(int64_t n, struct slsc_out *out)
{
	int64_t got = 0, clean_bytes = 1;

	for (; got < n; got++) {
		struct thing *t = slsc_pool_get(things);

		if (!t)
			break;
		if (t->text[0])
			clean_bytes = 0;
		t->number++;
		memcpy(t->text, "used", 5);
		held[held_count++] = t;
	}
	slsc_puts(out, "[");
	slsc_put_i64(out, got);
	slsc_puts(out, ",");
	slsc_put_i64(out, clean_bytes);
	slsc_puts(out, ",");
	slsc_put_i64(out, held_count ? held[held_count - 1]->number : -1);
	slsc_puts(out, "]");
	return 0;
}

static int do_wrong(struct slsc_out *out)
{
	struct thing local, *a = slsc_pool_get(clean), *b = slsc_pool_get(clean);
	int twice;

	memset(a, 7, sizeof(*a));
	(void)slsc_pool_put(clean, a);
	twice = slsc_pool_put(clean, a);
	(void)slsc_pool_put(clean, b);
	slsc_puts(out, "[");
	slsc_put_i64(out, slsc_pool_put(clean, &local));
	slsc_puts(out, ",");
	slsc_put_i64(out, slsc_pool_put(clean, (struct thing *)(void *)((char *)b + 1)));
	slsc_puts(out, ",");
	slsc_put_i64(out, twice);
	slsc_puts(out, ",");
	slsc_put_i64(out, slsc_pool_put(clean, NULL));
	a = slsc_pool_get(clean);
	slsc_puts(out, ",");
	slsc_put_i64(out, a->number);
	(void)slsc_pool_put(clean, a);
	slsc_puts(out, "]");
	return 0;
}

static int do_malloc(int64_t n, struct slsc_out *out)
{
	for (int64_t i = 0; i < n; i++) {
		escaped = i == 1 ? calloc(10, 100) : malloc(1000);
		if (i) {
			escaped = realloc(escaped, 200000);
			free(escaped);
		}
	}
	slsc_put_i64(out, n);
	return 0;
}

int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	struct slsc_json_iter it = {in, NULL};
	struct slsc_str name, value;
	int64_t n = 0;

	if (slsc_json_next(&it, &name, &value) < 1 || slsc_json_str(ctx, name, &name))
		return slsc_fail(ctx, "BadEvent", "no member");
	(void)slsc_json_i64(value, &n);
	if (slsc_str_eq(name, "alloc"))
		return do_alloc(ctx, value, out);
	if (slsc_str_eq(name, "govern"))
		return do_govern(value, out);
	if (slsc_str_eq(name, "breaker"))
		return do_breaker(ctx, value, out);
	if (slsc_str_eq(name, "take"))
		return do_take(n, out);
	if (slsc_str_eq(name, "put")) {
		for (int64_t i = 0; i < n; i++)
			(void)slsc_pool_put(things, held[--held_count]);
		slsc_put_i64(out, held_count);
		return 0;
	}
	if (slsc_str_eq(name, "wrong"))
		return do_wrong(out);
	if (slsc_str_eq(name, "malloc"))
		return do_malloc(n, out);
	return slsc_fail(ctx, "BadEvent", "no known member");
}
