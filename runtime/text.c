/* SPDX-License-Identifier: Apache-2.0 */
/* Strings: comparison, the environment, numbers, hexadecimal digits, UTF-8. */
#include "internal.h"

#include <string.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

struct slsc_str slsc_cstr(const char *s)
{
	return (struct slsc_str){s, s ? strlen(s) : 0};
}

bool slsc_str_eq(struct slsc_str a, const char *b)
{
	size_t len = strlen(b);

	return a.ptr && a.len == len && memcmp(a.ptr, b, len) == 0;
}

const char *slsc_rt_after(const char *s, const char *prefix)
{
	while (*prefix) {
		if (*s++ != *prefix++)
			return NULL;
	}
	return s;
}

const char *slsc_rt_env(const char *name)
{
	for (char **v = environ; v && *v; v++) {
		const char *value = slsc_rt_after(*v, name);

		if (value && *value == '=')
			return value + 1;
	}
	return NULL;
}

int slsc_rt_hex(char c)
{
	if (slsc_rt_is_digit(c))
		return c - '0';
	c = slsc_rt_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool slsc_rt_ieq(struct slsc_str s, const char *low)
{
	for (size_t i = 0; i < s.len; i++) {
		/* A NUL in @s ends the comparison here too: @low has no other. */
		if (slsc_rt_lower(s.ptr[i]) != low[i] || low[i] == '\0')
			return false;
	}
	return low[s.len] == '\0';
}

int slsc_rt_u64(struct slsc_str s, uint64_t *value)
{
	uint64_t n = 0;

	if (s.len < 1 || s.len > 18)
		return -1;
	for (size_t i = 0; i < s.len; i++) {
		if (!slsc_rt_is_digit(s.ptr[i]))
			return -1;
		n = n * 10 + (uint64_t)(s.ptr[i] - '0');
	}
	*value = n;
	return 0;
}

size_t slsc_rt_utf8_len(const unsigned char *p, size_t left)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0; /* overlong */
	else if (p[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f; /* past U+10FFFF */
	if (left < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

RT_FOR_SIZE_END
