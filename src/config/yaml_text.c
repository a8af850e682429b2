/* SPDX-License-Identifier: Apache-2.0 */
/* Strings as text that others read as YAML. */
#include <string.h>

#include "config/internal.h"

void yaml_add_quoted(struct buf *b, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	buf_addc(b, '"');
	while (*p) {
		unsigned c = *p, len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

		if (len > 1) {
			c &= 0xffu >> (len + 1);
			for (unsigned i = 1; i < len; i++)
				c = c << 6 | (p[i] & 0x3fu);
		}
		if (c == '"' || c == '\\')
			buf_addf(b, "\\%c", (int)c);
		else if (c == '\n')
			buf_addz(b, "\\n");
		else if (c == '\t')
			buf_addz(b, "\\t");
		else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
			 c == 0xfffe || c == 0xffff)
			buf_addf(b, "\\u%04x", c);
		else
			buf_add(b, p, len);
		p += len;
	}
	buf_addc(b, '"');
}

/* Whether YAML 1.1 and 1.2 both read @s as a string without quotes. */
static bool is_plain(const char *s, const char *also)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+";
	const char *p = s;

	if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '_' || *s == '/'))
		return false;
	while (*p && (strchr(safe, *p) || strchr(also, *p)))
		p++;
	return !*p && p[-1] != ':' && scalar_kind(s) == SCALAR_STR && scalar_bool11(s) < 0;
}

void yaml_add_str(struct buf *b, const char *s, const char *also)
{
	if (is_plain(s, also))
		buf_addz(b, s);
	else
		yaml_add_quoted(b, s);
}
