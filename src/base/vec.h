/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BASE_VEC_H
#define SLSC_BASE_VEC_H

#include <stdlib.h>

#include "base/mem.h"

/*
 * A typed growable array:  VEC(int) v = { 0 };  VEC_PUSH(&v, 3);  v.ptr[0], v.len.
 * VEC_FREE frees the array, not what its elements own.
 */
#define VEC(T)                                                                                     \
	struct {                                                                                   \
		T *ptr;                                                                            \
		size_t len, cap;                                                                   \
	}

#define VEC_PUSH(v, x)                                                                             \
	do {                                                                                       \
		if ((v)->len == (v)->cap) {                                                        \
			(v)->cap = (v)->cap ? (v)->cap * 2 : 8;                                    \
			(v)->ptr = xrealloc((v)->ptr, (v)->cap * sizeof(*(v)->ptr));               \
		}                                                                                  \
		(v)->ptr[(v)->len++] = (x);                                                        \
	} while (0)

#define VEC_FREE(v)                                                                                \
	do {                                                                                       \
		free((v)->ptr);                                                                    \
		(v)->ptr = NULL;                                                                   \
		(v)->len = (v)->cap = 0;                                                           \
	} while (0)

#define VEC_EACH(v, it) for (__typeof__((v)->ptr + 0) it = (v)->ptr; it && it < (v)->ptr + (v)->len; it++)

/** A list of heap strings that it owns. */
struct strs {
	char **ptr;
	size_t len, cap;
};

#define CLEAN_STRS __attribute__((cleanup(strs_release)))
/** strs_add - a copy of @s. */
void strs_add(struct strs *v, const char *s);
/** strs_take - @s itself (heap); owned from here on. */
void strs_take(struct strs *v, char *s);
void strs_addf(struct strs *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strs_release(struct strs *v);
/** strs_sort - bytewise. */
void strs_sort(struct strs *v);
/** strs_argv - ends the array with a NULL that len does not count; borrowed. */
char **strs_argv(struct strs *v);

#endif
