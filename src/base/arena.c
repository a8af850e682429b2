/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define ARENA_BLOCK 8192u

struct arena_block {
	struct arena_block *next;
	size_t used, cap;
	alignas(max_align_t) char data[];
};

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b = a->head;
	void *p;

	if (n > (size_t)-1 / 2)
		BUG("arena allocation of %zu bytes", n);
	n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!b || b->cap - b->used < n) {
		size_t cap = n > ARENA_BLOCK ? n : ARENA_BLOCK;

		b = xmalloc(sizeof(*b) + cap);
		b->used = 0;
		b->cap = cap;
		b->next = a->head;
		a->head = b;
	}
	p = b->data + b->used;
	b->used += n;
	memset(p, 0, n);
	return p;
}

void *arena_join(struct arena *a, const void *x, size_t nx, const void *y, size_t ny)
{
	char *p = arena_alloc(a, nx + ny + 1);

	if (nx)
		memcpy(p, x, nx);
	if (ny)
		memcpy(p + nx, y, ny);
	return p;
}

void *arena_copy(struct arena *a, const void *p, size_t n)
{
	return arena_join(a, p, n, NULL, 0);
}

char *arena_str(struct arena *a, struct str s)
{
	return arena_copy(a, s.ptr, s.len);
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_str(a, str_from(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	return arena_str(a, buf_str(&b));
}

void arena_release(struct arena *a)
{
	while (a->head) {
		struct arena_block *next = a->head->next;

		free(a->head);
		a->head = next;
	}
}
