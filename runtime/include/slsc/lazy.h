/* SPDX-License-Identifier: Apache-2.0 */
/**
 * slsc/lazy.h - values made when they are needed: slsc.h includes this.
 *
 *	static int connect_db(struct slsc_ctx *ctx, struct db *db) { … }
 *	SLSC_LAZY(struct db, db, connect_db);
 *	…
 *	struct db *d = db(ctx);		// made by the first call, the same value ever after
 *	if (!d)
 *		return -1;		// connect_db() said why, by slsc_fail()
 *
 * A value that nothing refers to is not even linked, whatever its class. Once made, taking it is a load and a compare.
 * It lives as long as the process; there is no undoing.
 *
 * SLSC_STARTUP_TRACE=1 in the environment logs every making, with its microseconds and whether it was
 * on the cold path, that is, before the first invocation was asked for.
 */
#include <slsc.h> /* before the guard: it includes this */

#ifndef SLSC_LAZY_H
#define SLSC_LAZY_H

#ifdef __cplusplus
extern "C" {
#endif

/** The class of a value, and what a failure means; @flags of SLSC_LAZY_WITH(). */
/** On first use: made by the first call, or by a warm-up, whichever comes first. The default. */
#define SLSC_LAZY_FIRST_USE 0u
/** Critical: made at the start, before the first invocation; a failure is an init error. */
#define SLSC_LAZY_AT_START 1u
/** On demand: made by the first call only; a warm-up leaves it alone. */
#define SLSC_LAZY_ON_DEMAND 2u
/** A failure is final: later calls fail at once, with the same type and message. Default: tried again. */
#define SLSC_LAZY_STICKY 4u

/** struct slsc_rt_lazies - how to make all of a class; the loop finds it by way of any value. */
struct slsc_rt_lazies {
	int (*start)(struct slsc_ctx *ctx);
	int (*warm)(struct slsc_ctx *ctx);
};

extern const struct slsc_rt_lazies slsc_rt_lazies;

/** struct slsc_rt_lazy - the runtime's own: a value and its state. */
struct slsc_rt_lazy {
	unsigned state; /* atomic */
	unsigned flags;
	const struct slsc_rt_lazies *all;
	const char *name;
	int (*make)(struct slsc_ctx *ctx, void *value);
	void *value;
	struct slsc_rt_lazy_failure *failure; /* of a sticky one, else NULL */
};

struct slsc_rt_lazy_failure {
	char type[64];
	char message[192];
};

#define SLSC_RT_LAZY_READY 2u

void *slsc_rt_lazy_get(struct slsc_ctx *ctx, struct slsc_rt_lazy *lazy);

/**
 * SLSC_LAZY - define `static type *name(struct slsc_ctx *)`, on first use, failures tried again.
 * @type: what is made; zero at first.
 * @init: int init(struct slsc_ctx *ctx, type *value): fills @value in. Returns 0, or non-zero after
 *        slsc_fail(); @value is then zeroed before the next try. May use other lazy values, but not
 *        its own. slsc_alloc() memory does not live long enough for it.
 *
 * name() returns the value, or NULL when it could not be made. Thread-safe: one thread makes it, the
 * others wait.
 */
#define SLSC_LAZY(type, name, init) SLSC_LAZY_WITH(type, name, init, SLSC_LAZY_FIRST_USE)

/** SLSC_LAZY_WITH - the same with @flags: SLSC_LAZY_AT_START or SLSC_LAZY_ON_DEMAND, SLSC_LAZY_STICKY. */
#define SLSC_LAZY_WITH(type, name, init, flags)                                                               \
	static int name##_lazy_make(struct slsc_ctx *ctx_, void *value_)                                      \
	{                                                                                                     \
		__builtin_memset(value_, 0, sizeof(type));                                                    \
		return init(ctx_, (type *)value_);                                                            \
	}                                                                                                     \
	static __typeof__(type) name##_lazy_value;                                                            \
	static struct slsc_rt_lazy_failure name##_lazy_failure;                                               \
	/* The alignment is said, or the compiler would choose a larger one and leave gaps in the section. */  \
	static struct slsc_rt_lazy name##_lazy                                                                \
		__attribute__((section("slsc_lazy"), aligned(sizeof(void *)))) = {                            \
			0,                                                                                    \
			(flags),                                                                              \
			&slsc_rt_lazies,                                                                      \
			#name,                                                                                \
			name##_lazy_make,                                                                     \
			&name##_lazy_value,                                                                   \
			((flags)&SLSC_LAZY_STICKY) ? &name##_lazy_failure : 0};                               \
	static inline type *name(struct slsc_ctx *ctx_)                                                       \
	{                                                                                                     \
		if (__atomic_load_n(&name##_lazy.state, __ATOMIC_ACQUIRE) == SLSC_RT_LAZY_READY)              \
			return &name##_lazy_value;                                                            \
		return (type *)slsc_rt_lazy_get(ctx_, &name##_lazy);                                          \
	}                                                                                                     \
	struct slsc_rt_lazies

#ifdef __cplusplus
}
#endif

#endif
