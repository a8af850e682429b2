/* SPDX-License-Identifier: Apache-2.0 */
#include "local/put.h"

char *put_u64(char *p, uint64_t v)
{
	char digits[PUT_U64], *d = digits + sizeof(digits);

	do {
		*--d = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	return put_bytes(p, d, (size_t)(digits + sizeof(digits) - d));
}

char *put_digits(char *p, unsigned v, unsigned width)
{
	for (unsigned i = width; i-- > 0; v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + width;
}

static char *put_escape(char *p, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";

	*p++ = '\\';
	switch (c) {
	case '"':
	case '\\':
		*p++ = (char)c;
		return p;
	case '\n':
		*p++ = 'n';
		return p;
	case '\r':
		*p++ = 'r';
		return p;
	case '\t':
		*p++ = 't';
		return p;
	default:
		p = PUT(p, "u00");
		*p++ = digits[c >> 4];
		*p++ = digits[c & 15];
		return p;
	}
}

char *put_escaped(char *p, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < ' ' || c == '"' || c == '\\' || c == 0x7f)
			p = put_escape(p, c);
		else
			*p++ = (char)c;
	}
	return p;
}

/* Howard Hinnant's civil_from_days: years that begin in March have their leap day last. */
char *put_time(char *p, uint64_t ns)
{
	uint64_t s = ns / 1000000000u;
	unsigned day = (unsigned)(s / 86400u) + 719468u, era = day / 146097u, doe = day % 146097u;
	unsigned yoe = (doe - doe / 1460u + doe / 36524u - doe / 146096u) / 365u;
	unsigned doy = doe - (365u * yoe + yoe / 4u - yoe / 100u), mp = (5u * doy + 2u) / 153u;
	unsigned month = mp < 10 ? mp + 3 : mp - 9, of_day = (unsigned)(s % 86400u);

	p = put_digits(p, yoe + era * 400u + (month <= 2), 4);
	p = PUT(p, "-");
	p = put_digits(p, month, 2);
	p = PUT(p, "-");
	p = put_digits(p, doy - (153u * mp + 2u) / 5u + 1u, 2);
	p = PUT(p, "T");
	p = put_digits(p, of_day / 3600u, 2);
	p = PUT(p, ":");
	p = put_digits(p, of_day / 60u % 60u, 2);
	p = PUT(p, ":");
	p = put_digits(p, of_day % 60u, 2);
	p = PUT(p, ".");
	p = put_digits(p, (unsigned)(ns % 1000000000u), 9);
	return PUT(p, "Z");
}
