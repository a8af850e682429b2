/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void buf_add_base64(struct buf *b, const void *p, size_t n)
{
	const uint8_t *in = p;

	buf_reserve(b, (n + 2) / 3 * 4);
	for (; n; in += n < 3 ? n : 3, n -= n < 3 ? n : 3) {
		const uint32_t v = (uint32_t)in[0] << 16 | (n > 1 ? (uint32_t)in[1] << 8 : 0) | (n > 2 ? in[2] : 0u);

		buf_addc(b, alphabet[v >> 18]);
		buf_addc(b, alphabet[v >> 12 & 63]);
		buf_addc(b, n > 1 ? alphabet[v >> 6 & 63] : '=');
		buf_addc(b, n > 2 ? alphabet[v & 63] : '=');
	}
}

static int value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four letters to one to three bytes. The bits that padding leaves over are zero, so that a text has one value. */
static int quartet(const char *s, bool last, struct buf *out)
{
	const int pad = !last ? 0 : s[2] == '=' ? 2 : s[3] == '=';
	uint32_t v = 0;

	if (pad == 2 && s[3] != '=')
		return -1;
	for (int i = 0; i < 4; i++) {
		int d = i < 4 - pad ? value(s[i]) : 0;

		if (d < 0)
			return -1;
		v = v << 6 | (uint32_t)d;
	}
	if (v & (pad == 2 ? 0xffffu : pad == 1 ? 0xffu : 0u))
		return -1;
	for (int i = 0; i < 3 - pad; i++)
		buf_addc(out, (char)(v >> (16 - 8 * i) & 0xff));
	return 0;
}

int base64_decode(struct str s, struct buf *out)
{
	const size_t was = out->len;

	if (s.len % 4)
		return -1;
	buf_reserve(out, s.len / 4 * 3);
	for (size_t i = 0; i < s.len; i += 4)
		if (quartet(s.ptr + i, i + 4 == s.len, out) < 0) {
			out->len = was;
			out->ptr[was] = '\0';
			return -1;
		}
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
