/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are made once: at the start, by a warm-up, or by whoever needs them first. */
#include "log.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

/* linux/futex.h is no part of musl. */
#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129

/* The states of a value; a larger one is the id of the thread that is making it, shifted. */
enum { LAZY_NEW, LAZY_FAILED, LAZY_READY = SLSC_RT_LAZY_READY, LAZY_BUSY };

#define BUSY_SHIFT 2

/* The first invocation has been asked for: what is made from here on costs no start. */
static bool started;

static void trace(const char *name, const struct timespec *from, int rc)
{
	struct slsc_str parts[] = {SLSC_STR("startup: "), slsc_cstr(name)};
	struct slsc_kv pairs[] = {
		slsc_kv_i64("us", 0),
		slsc_kv_bool("cold_path", !started),
		slsc_kv_bool("ok", !rc),
	};
	struct slsc_rt_line line;
	struct timespec to;

	clock_gettime(CLOCK_MONOTONIC, &to);
	pairs[0].value.i64 = (int64_t)(to.tv_sec - from->tv_sec) * 1000000 + (to.tv_nsec - from->tv_nsec) / 1000;
	/* Whatever the level is: it was asked for by name. */
	slsc_rt_line_begin(&line, NULL, SLSC_INFO, parts, 2, sizeof(line.buf) / 4);
	for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		slsc_rt_line_pair(&line, &pairs[i]);
	slsc_rt_line_write(&line);
}

static int traced(struct slsc_ctx *ctx, const char *name, int (*make)(struct slsc_ctx *, void *), void *value)
{
	bool on = slsc_str_eq(slsc_cstr(slsc_rt_env("SLSC_STARTUP_TRACE")), "1");
	struct timespec from;
	int rc;

	if (on)
		clock_gettime(CLOCK_MONOTONIC, &from);
	rc = make(ctx, value);
	if (on)
		trace(name, &from, rc);
	return rc;
}

static void set_state(struct slsc_rt_lazy *lazy, unsigned state)
{
	__atomic_store_n(&lazy->state, state, __ATOMIC_RELEASE);
	syscall(SYS_futex, &lazy->state, FUTEX_WAKE_PRIVATE, INT32_MAX);
}

static void *make(struct slsc_ctx *ctx, struct slsc_rt_lazy *lazy)
{
	/* Not the reason of an earlier failure. */
	slsc_fail(ctx, "Runtime.LazyInit", lazy->name);
	if (!traced(ctx, lazy->name, lazy->make, lazy->value)) {
		slsc_rt_fail_clear(ctx);
		set_state(lazy, LAZY_READY);
		return lazy->value;
	}
	if (lazy->failure) {
		memcpy(lazy->failure->type, ctx->fail_type, sizeof(lazy->failure->type));
		memcpy(lazy->failure->message, ctx->fail_message, sizeof(lazy->failure->message) - 1);
		set_state(lazy, LAZY_FAILED);
	} else {
		set_state(lazy, LAZY_NEW);
	}
	return NULL;
}

void *slsc_rt_lazy_get(struct slsc_ctx *ctx, struct slsc_rt_lazy *lazy)
{
	unsigned self = (unsigned)syscall(SYS_gettid) << BUSY_SHIFT | LAZY_BUSY;

	for (;;) {
		unsigned state;

		if (slsc_rt_cas(&lazy->state, LAZY_NEW, self))
			return make(ctx, lazy);
		state = __atomic_load_n(&lazy->state, __ATOMIC_ACQUIRE);
		if (state == LAZY_READY)
			return lazy->value;
		if (state == LAZY_FAILED) {
			slsc_fail(ctx, lazy->failure->type, lazy->failure->message);
			return NULL;
		}
		if (state == self) {
			slsc_fail(ctx, "Runtime.LazyLoop", "a lazy value needs itself to be made");
			return NULL;
		}
		syscall(SYS_futex, &lazy->state, FUTEX_WAIT_PRIVATE, state, NULL);
	}
}

static int make_class(struct slsc_ctx *ctx, unsigned which)
{
	for (struct slsc_rt_lazy *l = __start_slsc_lazy; l < __stop_slsc_lazy; l++) {
		if ((l->flags & (SLSC_LAZY_AT_START | SLSC_LAZY_ON_DEMAND)) != which)
			continue;
		if (!slsc_rt_lazy_get(ctx, l))
			return -1;
	}
	return 0;
}

/* Weak: most functions have nothing to do at the start. */
__attribute__((weak)) int slsc_init(struct slsc_ctx *ctx);

static int call_init(struct slsc_ctx *ctx, void *value)
{
	(void)value;
	return slsc_init(ctx);
}

static int lazy_start(struct slsc_ctx *ctx)
{
	int rc = make_class(ctx, SLSC_LAZY_AT_START);

	if (!rc && slsc_init)
		rc = traced(ctx, "slsc_init", call_init, NULL);
	started = true;
	return rc;
}

static int lazy_warm(struct slsc_ctx *ctx)
{
	return make_class(ctx, SLSC_LAZY_FIRST_USE);
}

const struct slsc_rt_lazies slsc_rt_lazies = {lazy_start, lazy_warm};

RT_FOR_SIZE_END
