/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BASE_ARENA_H
#define SLSC_BASE_ARENA_H

#include <stddef.h>

#include "base/str.h"

/** An arena: things that live and die together. Zero-initialised is empty. */
struct arena {
	struct arena_block *head;
};

#define ARENA_INIT { NULL }
#define CLEAN_ARENA __attribute__((cleanup(arena_release)))

/** arena_alloc - zeroed, aligned for any type; lives until arena_release(). */
void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull));
#define arena_new(a, T) ((T *)arena_alloc((a), sizeof(T)))
char *arena_strdup(struct arena *a, const char *s) __attribute__((returns_nonnull));
/** arena_str - a NUL-terminated copy of @s. */
char *arena_str(struct arena *a, struct str s) __attribute__((returns_nonnull));
/** arena_copy - of @n bytes, with a zero behind them. */
void *arena_copy(struct arena *a, const void *p, size_t n) __attribute__((returns_nonnull));
/** arena_join - of @nx bytes, then of @ny others. */
void *arena_join(struct arena *a, const void *x, size_t nx, const void *y, size_t ny) __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((returns_nonnull, format(printf, 2, 3)));
void arena_release(struct arena *a);

#endif
