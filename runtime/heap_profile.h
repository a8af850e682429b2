/* SPDX-License-Identifier: Apache-2.0 */
/* The heap profile's inner side. */
#ifndef SLSC_HEAP_PROFILE_H
#define SLSC_HEAP_PROFILE_H

#include "internal.h"

/** slsc_rt_heap_profile_put - append the profile. Returns 0, 1 when it is off, -1 when memory has run out. */
int slsc_rt_heap_profile_put(struct slsc_out *out);

/* What the linker's --wrap puts in place of malloc and slsc_alloc(): ld(1), --wrap. Otherwise nobody calls these. */
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *ptr);
void *__wrap_slsc_alloc(struct slsc_ctx *ctx, size_t size);

/* Weak: without --wrap there are none. */
__attribute__((weak)) void *__real_malloc(size_t size);
__attribute__((weak)) void *__real_calloc(size_t count, size_t size);
__attribute__((weak)) void *__real_realloc(void *old, size_t size);
__attribute__((weak)) void __real_free(void *ptr);
__attribute__((weak)) void *__real_slsc_alloc(struct slsc_ctx *ctx, size_t size);

#endif
