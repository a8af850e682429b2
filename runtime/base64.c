/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648): the standard alphabet out, that and the URL-safe one in. */
#include "internal.h"

RT_FOR_SIZE_BEGIN

void slsc_put_base64(struct slsc_out *out, const void *ptr, size_t len)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = ptr;
	/* A length whose encoding would wrap is larger than any cap, too. */
	char *p = slsc_extend(out, len / 3 > SIZE_MAX / 8 ? SIZE_MAX : (len + 2) / 3 * 4);

	if (!p)
		return;
	while (len) {
		unsigned n = (unsigned)in[0] << 16;

		if (len > 1)
			n |= (unsigned)in[1] << 8;
		if (len > 2)
			n |= in[2];
		*p++ = alphabet[n >> 18];
		*p++ = alphabet[n >> 12 & 63];
		*p++ = len > 1 ? alphabet[n >> 6 & 63] : '=';
		*p++ = len > 2 ? alphabet[n & 63] : '=';
		in += len < 3 ? len : 3;
		len -= len < 3 ? len : 3;
	}
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (slsc_rt_is_digit(c))
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

int slsc_base64_decode(struct slsc_ctx *ctx, struct slsc_str text, struct slsc_str *bytes)
{
	size_t len = text.len;
	unsigned acc = 0, bits = 0;
	unsigned char *out, *o;

	if (len && len % 4 == 0 && text.ptr[len - 1] == '=')
		len -= text.ptr[len - 2] == '=' ? 2 : 1;
	if (len % 4 == 1)
		return -1;
	out = o = slsc_alloc(ctx, len / 4 * 3 + 2);
	if (!out)
		return -1;
	for (size_t i = 0; i < len; i++) {
		int v = base64_value(text.ptr[i]);

		if (v < 0)
			return -1;
		acc = (acc << 6 | (unsigned)v) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*o++ = (unsigned char)(acc >> bits);
		}
	}
	*bytes = (struct slsc_str){(const char *)out, (size_t)(o - out)};
	return 0;
}

RT_FOR_SIZE_END
