/* SPDX-License-Identifier: Apache-2.0 */
/* Writers: text, numbers and JSON strings into a struct slsc_out, which remembers that it is full. */
#include "internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

char *slsc_extend(struct slsc_out *out, size_t len)
{
	char *p;

	if (out->full || len > out->cap - out->len) {
		out->full = true;
		return NULL;
	}
	p = out->ptr + out->len;
	out->len += len;
	return p;
}

void slsc_put(struct slsc_out *out, const void *ptr, size_t len)
{
	char *p = slsc_extend(out, len);

	if (p && len)
		memcpy(p, ptr, len);
}

void slsc_puts(struct slsc_out *out, const char *s)
{
	slsc_put(out, s, strlen(s));
}

void slsc_put_str(struct slsc_out *out, struct slsc_str s)
{
	slsc_put(out, s.ptr, s.len);
}

void slsc_put_u64(struct slsc_out *out, uint64_t value)
{
	char digits[20], *p = digits + sizeof(digits);

	do {
		*--p = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	slsc_put(out, p, (size_t)(digits + sizeof(digits) - p));
}

void slsc_put_i64(struct slsc_out *out, int64_t value)
{
	if (value < 0)
		slsc_put(out, "-", 1);
	slsc_put_u64(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void slsc_put_fixed(struct slsc_out *out, double value, unsigned decimals)
{
	char digits[20];
	uint64_t scale = 1, n;
	double magnitude = value < 0 ? -value : value;

	if (decimals > 9)
		decimals = 9;
	for (unsigned i = 0; i < decimals; i++)
		scale *= 10;
	magnitude = magnitude * (double)scale + 0.5;
	/* Written so that NaN, too, is not below. */
	if (!(magnitude < 9007199254740992.0)) {
		slsc_puts(out, "null");
		return;
	}
	n = (uint64_t)magnitude;
	if (value < 0 && n)
		slsc_put(out, "-", 1);
	slsc_put_u64(out, n / scale);
	if (!decimals)
		return;
	digits[0] = '.';
	n %= scale;
	for (unsigned i = decimals; i; i--, n /= 10)
		digits[i] = (char)('0' + n % 10);
	slsc_put(out, digits, decimals + 1);
}

void slsc_put_escaped(struct slsc_out *out, struct slsc_str s)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = (const unsigned char *)s.ptr;
	size_t plain = 0, i = 0;

	while (i < s.len) {
		char esc[6] = {'\\', 'u', '0', '0', 0, 0};
		size_t len = slsc_rt_utf8_len(p + i, s.len - i), esc_len = 2;

		if (len && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\' && p[i] != 0x7f) {
			i += len;
			continue;
		}
		slsc_put(out, s.ptr + plain, i - plain);
		if (!len) {
			memcpy(esc, "\xef\xbf\xbd", 3);
			esc_len = 3;
		} else if (p[i] == '"' || p[i] == '\\') {
			esc[1] = (char)p[i];
		} else if (p[i] == '\n') {
			esc[1] = 'n';
		} else {
			esc[4] = hex[p[i] >> 4];
			esc[5] = hex[p[i] & 15];
			esc_len = 6;
		}
		slsc_put(out, esc, esc_len);
		plain = ++i;
	}
	if (s.len)
		slsc_put(out, s.ptr + plain, s.len - plain);
}

void slsc_put_json(struct slsc_out *out, struct slsc_str s)
{
	if (!s.ptr) {
		slsc_puts(out, "null");
		return;
	}
	slsc_put(out, "\"", 1);
	slsc_put_escaped(out, s);
	slsc_put(out, "\"", 1);
}

void slsc_rt_put_padded(struct slsc_out *out, int value, unsigned width)
{
	char *p = slsc_extend(out, width);

	for (unsigned i = width; p && i; i--, value /= 10)
		p[i - 1] = (char)('0' + value % 10);
}

int slsc_rt_write_all(int fd, const char *ptr, size_t len)
{
	while (len) {
		ssize_t n = write(fd, ptr, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		ptr += n;
		len -= (size_t)n;
	}
	return 0;
}

RT_FOR_SIZE_END
