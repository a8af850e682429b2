/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

char buf_empty[1];

void buf_init(struct buf *b)
{
	*b = (struct buf)BUF_INIT;
}

void buf_release(struct buf *b)
{
	if (b->cap)
		free(b->ptr);
	buf_init(b);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	if (b->cap)
		b->ptr[0] = '\0';
}

void buf_reserve(struct buf *b, size_t extra)
{
	size_t need, cap;

	if (__builtin_add_overflow(b->len, extra, &need) || __builtin_add_overflow(need, 1u, &need))
		BUG("buffer size overflows");
	if (need <= b->cap)
		return;
	cap = b->cap + b->cap / 2;
	if (cap < need)
		cap = need < 64 ? 64 : need;
	if (b->cap) {
		b->ptr = xrealloc(b->ptr, cap);
	} else {
		b->ptr = xmalloc(cap);
		b->ptr[0] = '\0';
	}
	b->cap = cap;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (!n)
		return;
	buf_reserve(b, n);
	memcpy(b->ptr + b->len, p, n);
	b->len += n;
	b->ptr[b->len] = '\0';
}

void buf_addz(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_adds(struct buf *b, struct str s)
{
	buf_add(b, s.ptr, s.len);
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list ap2;
	int n;

	va_copy(ap2, ap);
	buf_reserve(b, 64);
	n = vsnprintf(b->ptr + b->len, b->cap - b->len, fmt, ap2);
	va_end(ap2);
	if (n < 0)
		BUG("bad format '%s'", fmt);
	if ((size_t)n >= b->cap - b->len) {
		buf_reserve(b, (size_t)n);
		vsnprintf(b->ptr + b->len, b->cap - b->len, fmt, ap);
	}
	b->len += (size_t)n;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

char *buf_detach(struct buf *b)
{
	char *p = b->cap ? b->ptr : xstrdup("");

	buf_init(b);
	return p;
}

struct str buf_str(const struct buf *b)
{
	return (struct str){ b->ptr, b->len };
}

/* Length of the valid UTF-8 sequence of two bytes or more at p, or 0. */
static size_t utf8_len(const char *p, size_t left)
{
	for (size_t n = 2; n <= 4 && n <= left; n++)
		if (str_is_utf8((struct str){ p, n }))
			return n;
	return 0;
}

/* How many bytes at p are ASCII that JSON strings hold as it is. */
static size_t plain_len(const char *p, size_t left)
{
	static const bool other[256] = { [0 ... 0x1f] = true, ['"'] = true, ['\\'] = true, [0x7f ... 0xff] = true };
	size_t n = 0;

	while (n < left && !other[(unsigned char)p[n]])
		n++;
	return n;
}

void buf_add_json(struct buf *b, struct str s)
{
	size_t done = 0;	/* what stands before this has been added */

	buf_reserve(b, s.len + 2);
	buf_addc(b, '"');
	for (size_t i = plain_len(s.ptr, s.len), n; i < s.len; i += n + plain_len(s.ptr + i + n, s.len - i - n)) {
		unsigned char c = (unsigned char)s.ptr[i];

		n = c < 0x80 ? 1 : utf8_len(s.ptr + i, s.len - i);
		if (n > 1)
			continue;
		buf_add(b, s.ptr + done, i - done);
		if (!n)
			buf_addz(b, "\xef\xbf\xbd");
		else if (c == '"' || c == '\\')
			buf_addf(b, "\\%c", c);
		else if (c == '\n')
			buf_addz(b, "\\n");
		else if (c == '\t')
			buf_addz(b, "\\t");
		else
			buf_addf(b, "\\u%04x", c);
		n = 1;
		done = i + 1;
	}
	if (s.len > done)
		buf_add(b, s.ptr + done, s.len - done);
	buf_addc(b, '"');
}

void buf_add_shell(struct buf *b, const char *s)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789_-+=./:,@%^";

	if (*s && s[strspn(s, safe)] == '\0') {
		buf_addz(b, s);
		return;
	}
	buf_addc(b, '\'');
	for (; *s; s++) {
		if (*s == '\'')
			buf_addz(b, "'\\''");
		else
			buf_addc(b, *s);
	}
	buf_addc(b, '\'');
}
