/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "local/record.h"

#define KEPT 4096u	/* bytes of memory that an idle stream keeps */

static void give(char *p, size_t n, uint64_t cut, record_line_fn fn, void *ctx)
{
	if (n && !cut && p[n - 1] == '\r')
		n--;
	if (n > RECORD_LINE_MAX) {
		cut += n - RECORD_LINE_MAX;
		n = RECORD_LINE_MAX;
	}
	fn(ctx, p, n, cut);
}

static void keep(struct record_lines *l, const char *p, size_t n)
{
	size_t room;

	if (!l->partial.ptr)
		buf_init(&l->partial);
	l->used = true;
	/* one more than the limit: it may be the \r of the line's end */
	room = RECORD_LINE_MAX + 1 - l->partial.len;
	if (n > room) {
		l->cut += n - room;
		n = room;
	}
	buf_add(&l->partial, p, n);
}

void record_lines_end(struct record_lines *l, record_line_fn fn, void *ctx)
{
	if (!l->used)
		return;
	give(l->partial.ptr, l->partial.len, l->cut, fn, ctx);
	l->cut = 0;
	l->used = false;
	if (l->partial.cap > KEPT)
		buf_release(&l->partial);
	else
		buf_reset(&l->partial);
}

void record_lines_feed(struct record_lines *l, char *p, size_t n, record_line_fn fn, void *ctx)
{
	while (n) {
		char *nl = memchr(p, '\n', n);
		size_t line = nl ? (size_t)(nl - p) : n;

		if (!nl || l->used)
			keep(l, p, line);
		if (!nl)
			return;
		if (l->used)
			record_lines_end(l, fn, ctx);
		else
			give(p, line, 0, fn, ctx);
		p += line + 1;
		n -= line + 1;
	}
}

void record_lines_release(struct record_lines *l)
{
	if (l->partial.ptr)
		buf_release(&l->partial);
	*l = (struct record_lines){ .cut = 0 };
}
