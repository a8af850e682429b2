/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "registry/creds.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *p, size_t n)
{
	const uint8_t *in = p;
	char *out = xmalloc((n + 2) / 3 * 4 + 1), *o = out;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16;

		if (i + 1 < n)
			v |= (uint32_t)in[i + 1] << 8;
		if (i + 2 < n)
			v |= in[i + 2];
		*o++ = digits[v >> 18];
		*o++ = digits[v >> 12 & 63];
		*o++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
		*o++ = i + 2 < n ? digits[v & 63] : '=';
	}
	*o = '\0';
	return out;
}

char *base64_decode(const char *s, size_t *n)
{
	size_t len = strlen(s), count = 0;
	char *out = xmalloc(len / 4 * 3 + 4);
	uint32_t v = 0;
	unsigned bits = 0;

	for (; *s && *s != '='; s++) {
		const char *d = strchr(digits, *s);

		if (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\n')
			continue;
		if (!d)
			goto bad;
		v = v << 6 | (uint32_t)(d - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[count++] = (char)(v >> bits & 0xff);
		}
	}
	if (bits == 6 || strspn(s, "= \t\r\n") != strlen(s))
		goto bad;
	out[count] = '\0';
	*n = count;
	return out;
bad:
	free(out);
	return NULL;
}
