/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_SCAN_H
#define SLSC_FLOW_SCAN_H

#include <string.h>

#include "base/arena.h"
#include "base/str.h"

/** A text that is read from its beginning to its end: a path, a function. What is made of it is in @arena. */
struct scan {
	struct arena *arena;
	struct str s;
	size_t pos;
	unsigned depth;	 /* of what may be nested */
	const char *why; /* the first thing that is wrong; NULL: nothing */
	size_t at;	 /* and the byte of @s where it is */
};

/** scan_wrong - notes what is wrong, unless something was before. Always -1. */
static inline int scan_wrong(struct scan *r, size_t at, const char *why)
{
	if (!r->why) {
		r->why = why;
		r->at = at;
	}
	return -1;
}

/** scan_peek - the next byte, -1 at the end. */
static inline int scan_peek(const struct scan *r)
{
	return r->pos < r->s.len ? (unsigned char)r->s.ptr[r->pos] : -1;
}

/** scan_take - goes past @what if it is next. */
static inline bool scan_take(struct scan *r, const char *what)
{
	size_t n = strlen(what);

	if (r->s.len - r->pos < n || memcmp(r->s.ptr + r->pos, what, n) != 0)
		return false;
	r->pos += n;
	return true;
}

/** scan_skip - goes past all bytes that are one of @set. */
static inline void scan_skip(struct scan *r, const char *set)
{
	while (scan_peek(r) > 0 && strchr(set, scan_peek(r)))
		r->pos++;
}

#endif
