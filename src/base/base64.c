/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void buf_add_base64(struct buf *b, const void *p, size_t n)
{
	const uint8_t *in = p;
	char *to;

	buf_reserve(b, (n + 2) / 3 * 4);
	to = b->ptr + b->len;
	for (; n; in += n < 3 ? n : 3, n -= n < 3 ? n : 3, to += 4) {
		const uint32_t v = (uint32_t)in[0] << 16 | (n > 1 ? (uint32_t)in[1] << 8 : 0) | (n > 2 ? in[2] : 0u);

		to[0] = alphabet[v >> 18];
		to[1] = alphabet[v >> 12 & 63];
		to[2] = n > 1 ? alphabet[v >> 6 & 63] : '=';
		to[3] = n > 2 ? alphabet[v & 63] : '=';
	}
	if (to == b->ptr + b->len)
		return;		/* nothing, perhaps in the shared empty string */
	*to = '\0';
	b->len = (size_t)(to - b->ptr);
}

/* A letter's six bits, and one more so that zero is what is none. */
static const uint8_t values[256] = {
	['A'] = 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
	['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,
	['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, ['+'] = 63, ['/'] = 64,
};

/* Four letters to one to three bytes. The bits that padding leaves over are zero, so that a text has one value. */
static int quartet(const uint8_t *s, bool last, uint8_t *to)
{
	const int pad = !last ? 0 : s[2] == '=' ? 2 : s[3] == '=';
	uint32_t v = 0;

	if (pad == 2 && s[3] != '=')
		return -1;
	for (int i = 0; i < 4; i++) {
		if (i < 4 - pad && !values[s[i]])
			return -1;
		v = v << 6 | (i < 4 - pad ? values[s[i]] - 1u : 0);
	}
	if (v & (pad == 2 ? 0xffffu : pad == 1 ? 0xffu : 0u))
		return -1;
	for (int i = 0; i < 3 - pad; i++)
		to[i] = (uint8_t)(v >> (16 - 8 * i));
	return 3 - pad;
}

int base64_decode(struct str s, struct buf *out)
{
	const uint8_t *in = (const uint8_t *)s.ptr;
	uint8_t *to;
	int n = 0;

	if (s.len % 4)
		return -1;
	if (!s.len)
		return 0;
	buf_reserve(out, s.len / 4 * 3);
	to = (uint8_t *)out->ptr + out->len;
	for (size_t i = 0; i < s.len; i += 4, in += 4, to += n) {
		n = quartet(in, i + 4 == s.len, to);
		if (n < 0) {
			out->ptr[out->len] = '\0';
			return -1;
		}
	}
	*to = '\0';
	out->len = (size_t)((char *)to - out->ptr);
	return 0;
}

int base64_decode_either(struct str s, struct buf *out)
{
	CLEAN_BUF struct buf text = BUF_INIT;

	if (!memchr(s.ptr, '-', s.len) && !memchr(s.ptr, '_', s.len))
		return base64_decode(s, out);
	/* one alphabet or the other */
	if (memchr(s.ptr, '+', s.len) || memchr(s.ptr, '/', s.len))
		return -1;
	buf_adds(&text, s);
	for (size_t i = 0; i < text.len; i++)
		text.ptr[i] = text.ptr[i] == '-' ? '+' : text.ptr[i] == '_' ? '/' : text.ptr[i];
	return base64_decode(buf_str(&text), out);
}
