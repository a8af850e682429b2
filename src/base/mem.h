/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BASE_MEM_H
#define SLSC_BASE_MEM_H

#include <stddef.h>

/*
 * Allocation that does not fail: running out aborts with a line. Sizes that come
 * from an input are checked against a limit before they get here.
 */
void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
/** xasprintf - a heap string; the caller frees. */
char *xasprintf(const char *fmt, ...) __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p) - offsetof(type, member)))

/* Cleanup attributes: `CLEAN_FREE char *s = ...;`, `CLEAN_FD int fd = -1;` */
void clean_free_(void *p);
void clean_fd_(int *fd);
#define CLEAN_FREE __attribute__((cleanup(clean_free_)))
#define CLEAN_FD __attribute__((cleanup(clean_fd_)))
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/** steal - hand a CLEAN_FREE pointer over: returns it and sets it to NULL. */
#define steal(pp)                                                                                  \
	__extension__({                                                                            \
		__typeof__(*(pp)) stolen_ = *(pp);                                                 \
		*(pp) = NULL;                                                                      \
		stolen_;                                                                           \
	})
/** steal_fd - the same for a CLEAN_FD descriptor: returns it and sets it to -1. */
int steal_fd(int *fd);

#endif
