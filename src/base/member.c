/* SPDX-License-Identifier: Apache-2.0 */
#include "base/member.h"

#include <string.h>

void member(struct buf *b, const char *name)
{
	/* a colon: what comes is the value of a member whose name is there */
	if (b->len && !strchr("{[:", b->ptr[b->len - 1]))
		buf_addc(b, ',');
	if (!name)
		return;
	buf_addc(b, '"');
	buf_addz(b, name);
	buf_add(b, "\":", 2);
}

void member_open(struct buf *b, const char *name, char bracket)
{
	member(b, name);
	buf_addc(b, bracket);
}

void member_str(struct buf *b, const char *name, struct str s)
{
	member(b, name);
	buf_add_json(b, s);
}

void member_text(struct buf *b, const char *name, const char *s)
{
	member(b, name);
	if (s)
		buf_add_json(b, str_from(s));
	else
		buf_addz(b, "null");
}

void member_some(struct buf *b, const char *name, const char *s)
{
	member_text(b, name, s && *s ? s : NULL);
}

void member_bool(struct buf *b, const char *name, bool v)
{
	member(b, name);
	buf_addz(b, v ? "true" : "false");
}

void member_u64(struct buf *b, const char *name, uint64_t v)
{
	char text[20];
	size_t n = sizeof(text);

	do
		text[--n] = (char)('0' + v % 10);
	while (v /= 10);
	member(b, name);
	buf_add(b, text + n, sizeof(text) - n);
}

void member_count(struct buf *b, const char *name, uint64_t v)
{
	if (v)
		member_u64(b, name, v);
	else
		member_text(b, name, NULL);
}

void member_strs(struct buf *b, const char *name, const struct strs *v)
{
	member_open(b, name, '[');
	for (size_t i = 0; i < v->len; i++)
		member_text(b, NULL, v->ptr[i]);
	buf_addc(b, ']');
}

void member_list(struct buf *b, const char *name, const char *const *list)
{
	member_open(b, name, '[');
	for (; *list; list++)
		member_text(b, NULL, *list);
	buf_addc(b, ']');
}
