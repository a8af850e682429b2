/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BASE_BUF_H
#define SLSC_BASE_BUF_H

#include <stdarg.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/**
 * struct buf - a growable byte string that owns its memory.
 * Invariants: ptr is never NULL and ptr[len] is NUL, so ptr is always a C string. A released or
 * fresh buf holds the shared empty string. Sizes of hostile origin are checked before they get here.
 * What is added must not be part of the buffer itself, which moves as it grows.
 */
struct buf {
	char *ptr;
	size_t len, cap;
};

extern char buf_empty[1];
#define BUF_INIT { .ptr = buf_empty }
#define CLEAN_BUF __attribute__((cleanup(buf_release)))

void buf_init(struct buf *b);
void buf_release(struct buf *b);	/* frees; usable again afterwards */
void buf_reset(struct buf *b);		/* empties, keeps the memory */
void buf_reserve(struct buf *b, size_t extra);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_addz(struct buf *b, const char *s);
void buf_adds(struct buf *b, struct str s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/** buf_detach - the heap string (caller frees); @b becomes empty. */
char *buf_detach(struct buf *b);
struct str buf_str(const struct buf *b);

/** buf_add_json - @s as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD (RFC 8259). */
void buf_add_json(struct buf *b, struct str s);
/** buf_add_shell - @s as an argument for sh, unquoted where that is safe. */
void buf_add_shell(struct buf *b, const char *s);

#endif
