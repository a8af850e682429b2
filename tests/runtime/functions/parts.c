/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Lambda function that uses what most do not, for tests/runtime: streams, a fallback answer, SnapStart hooks,
 * crashes, pairs in log lines, child contexts. The event is a word: see handle().
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <slsc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char big[1 << 20];
static int invocations;

static int fallback(struct slsc_ctx *ctx, struct slsc_out *out)
{
	if (getenv("FALLBACK_FAILS"))
		return slsc_fail(ctx, "NoFallback", "nothing to say");
	if (getenv("FALLBACK_CRASHES"))
		abort();
	slsc_puts(out, "{\"fallback\":true,\"invocations\":");
	slsc_put_i64(out, invocations);
	slsc_puts(out, "}");
	return 0;
}

SLSC_FALLBACK(fallback, 300);

static int before(struct slsc_ctx *ctx)
{
	slsc_log(NULL, SLSC_INFO, "before the snapshot");
	return getenv("BEFORE_FAILS") ? slsc_fail(ctx, "StillConnected", "cannot disconnect") : 0;
}

static int after(struct slsc_ctx *ctx)
{
	slsc_log(NULL, SLSC_INFO, "after the restore");
	if (getenv("AFTER_CRASHES"))
		abort();
	return getenv("AFTER_FAILS") ? slsc_fail(ctx, "NotConnected", "cannot connect") : 0;
}

SLSC_RESTORE(before, after);
SLSC_CRASH_REPORT;

int slsc_init(struct slsc_ctx *ctx)
{
	(void)ctx;
	if (getenv("INIT_CRASHES"))
		raise(SIGILL);
	return 0;
}

/* Not inlined, so that the backtrace has them. */
__attribute__((noinline)) void parts_inner(volatile int *p);
__attribute__((noinline)) void parts_outer(volatile int *p);

void parts_inner(volatile int *p)
{
	*p = 1;
	__asm__ volatile("" ::: "memory");
}

void parts_outer(volatile int *p)
{
	parts_inner(p);
	__asm__ volatile("" ::: "memory");
}

/* Deeper than any stack. */
__attribute__((noinline)) int parts_recurse(volatile char *p, int n);

int parts_recurse(volatile char *p, int n)
{
	volatile char frame[4096];

	frame[0] = *p;
	return n ? parts_recurse(frame, n - 1) + frame[0] : 0;
}

static void *spin(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void *crash_thread(void *arg)
{
	parts_outer(arg);
	return NULL;
}

static int write_pieces(struct slsc_ctx *ctx)
{
	if (slsc_stream_write(ctx, "one ", 4) || slsc_stream_write(ctx, "", 0) || slsc_stream_write(ctx, "two ", 4))
		return -1;
	return slsc_stream_write(ctx, "three", 5);
}

static int stream_http(struct slsc_ctx *ctx)
{
	const struct slsc_field fields[] = {
		{SLSC_STR("Content-Type"), SLSC_STR("text/plain")},
		{SLSC_STR("X-Odd"), SLSC_STR("a\"b\r\nX-Evil: 1")},
		{SLSC_STR("Set-Cookie"), SLSC_STR("a=b")},
		{SLSC_STR("set-cookie"), SLSC_STR("c=d; Secure")},
	};

	return slsc_stream_http(ctx, 201, fields, 4) ? -1 : write_pieces(ctx);
}

static int handle(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	pthread_t thread;

	invocations++;
	if (slsc_str_eq(in, "\"stream\""))
		return slsc_stream_begin(ctx, "text/plain") ? -1 : write_pieces(ctx);
	if (slsc_str_eq(in, "\"stream-empty\""))
		return slsc_stream_begin(ctx, NULL);
	if (slsc_str_eq(in, "\"stream-http\""))
		return stream_http(ctx);
	if (slsc_str_eq(in, "\"stream-fail\"")) {
		if (slsc_stream_begin(ctx, "text/plain") || write_pieces(ctx))
			return -1;
		return slsc_fail(ctx, "Midway", "half of it: \"\xff\"\r\n");
	}
	if (slsc_str_eq(in, "\"stream-crash\"")) {
		if (slsc_stream_begin(ctx, "text/plain") || write_pieces(ctx))
			return -1;
		abort();
	}
	if (slsc_str_eq(in, "\"stream-big\"")) {
		if (slsc_stream_begin(ctx, "text/plain"))
			return -1;
		for (int i = 0; i < 20; i++) {
			if (slsc_stream_write(ctx, big, sizeof(big)))
				return -1;
		}
		return 0;
	}
	if (slsc_str_eq(in, "\"stream-too-big\"")) {
		if (slsc_stream_begin(ctx, "text/plain"))
			return -1;
		while (!slsc_stream_write(ctx, big, sizeof(big)))
			;
		return -1;
	}
	if (slsc_str_eq(in, "\"stream-slow\"")) {
		if (slsc_stream_begin(ctx, "text/plain") || write_pieces(ctx))
			return -1;
		for (;;)
			pause();
	}
	if (slsc_str_eq(in, "\"stream-misuse\"")) {
		struct slsc_field bad = {SLSC_STR("a b"), SLSC_STR("c")};

		slsc_put_i64(out, slsc_stream_write(ctx, "x", 1));
		slsc_put_i64(out, slsc_stream_begin(ctx, "text/plain\r\nX: y"));
		slsc_put_i64(out, slsc_stream_http(ctx, 99, NULL, 0));
		slsc_put_i64(out, slsc_stream_http(ctx, 200, &bad, 1));
		bad = (struct slsc_field){SLSC_STR("a"), {big, 20000}};
		slsc_put_i64(out, slsc_stream_http(ctx, 200, &bad, 1));
		return 0;
	}
	if (slsc_str_eq(in, "\"segv\""))
		parts_outer((volatile int *)(uintptr_t)16);
	if (slsc_str_eq(in, "\"overflow\""))
		return parts_recurse("", 1 << 20);
	if (slsc_str_eq(in, "\"bus\""))
		raise(SIGBUS);
	if (slsc_str_eq(in, "\"fpe\""))
		raise(SIGFPE);
	if (slsc_str_eq(in, "\"ill\""))
		__builtin_trap();
	if (slsc_str_eq(in, "\"abort\""))
		abort();
	if (slsc_str_eq(in, "\"thread-crash\"")) {
		static uintptr_t address = 24;

		if (pthread_create(&thread, NULL, crash_thread, (void *)address))
			return -1;
		spin(NULL);
	}
	if (slsc_str_eq(in, "\"hang\""))
		spin(NULL);
	if (slsc_str_eq(in, "\"hang-busy\"")) {
		/* With malloc's lock held now and then, and a thread. */
		if (pthread_create(&thread, NULL, spin, NULL))
			return -1;
		for (;;)
			free(malloc(100000));
	}
	if (slsc_str_eq(in, "\"sleep\"")) {
		struct slsc_ctx child;
		int64_t before_ms = slsc_remaining_ms(ctx), slept;
		int rc = slsc_sleep_ms(ctx, 20), cut;

		slept = before_ms - slsc_remaining_ms(ctx);
		slsc_child(ctx, 30, &child);
		cut = slsc_sleep_ms(&child, 60000);
		slsc_put_json(out, slsc_cstr(rc == 0 && slept >= 19 && cut == -1 && slsc_cancelled(&child) &&
						     !slsc_cancelled(ctx) && slsc_remaining_ms(&child) == 0
					     ? "ok"
					     : "wrong"));
		slsc_child(ctx, INT64_MAX, &child);
		if (child.deadline_ms != ctx->deadline_ms)
			return slsc_fail(ctx, "Longer", "a child outlives its parent");
		return 0;
	}
	if (slsc_str_eq(in, "\"log\"")) {
		slsc_log_kv(ctx, SLSC_INFO, "pairs", SLSC_KV("text", "a\"b\n\xff"), SLSC_KV("n", -3),
			    SLSC_KV("u", 18446744073709551615ull), SLSC_KV("pi", 3.25), SLSC_KV("tiny", 1.5e-9),
			    SLSC_KV("huge", -2e300), SLSC_KV("inf", 1e308 * 10), slsc_kv_bool("yes", true),
			    SLSC_KV("slice", SLSC_STR("x y")), SLSC_KV("none", (const char *)NULL),
			    SLSC_KV("odd key=\"", 0));
		memset(big, 'z', sizeof(big) - 1);
		slsc_log_kv(ctx, SLSC_WARN, big, SLSC_KV("long", (const char *)big), SLSC_KV("n", 1));
		slsc_log_kv(ctx, SLSC_DEBUG, "below the level", SLSC_KV("n", 1));
		slsc_puts(out, "null");
		return 0;
	}
	slsc_put_i64(out, invocations);
	return 0;
}

SLSC_HANDLER(handle);
