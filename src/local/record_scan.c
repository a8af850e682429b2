/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over a line of JSON, without a tree in memory: values are where they are in the line. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "local/record_internal.h"

#define OBJECT_KEYS 64u		/* of a nested object, among which duplicates are looked for */

void scan_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

uint32_t scan_hash(struct str s)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.ptr[i]) * 16777619u;
	return h;
}

/* -1: there are no four digits. */
static int hex4(const char *p, const char *end)
{
	uint8_t b[2];

	if (end - p < 4 || !trace_unhex((struct str){ p, 4 }, b, 2))
		return -1;
	return b[0] << 8 | b[1];
}

/* A \u escape at s->p, behind the u. Half a pair stands for no character; readers differ in what they make of it. */
static bool scan_unicode(struct scan *s)
{
	int c = hex4(s->p, s->end);

	if (c < 0)
		return false;
	if (c >= 0xd800 && c <= 0xdbff && s->end - s->p >= 10 && s->p[4] == '\\' && s->p[5] == 'u') {
		int low = hex4(s->p + 6, s->end);

		if (low >= 0xdc00 && low <= 0xdfff) {
			s->p += 10;
			return true;
		}
	}
	if (c >= 0xd800 && c <= 0xdfff)
		memcpy(s->p, "fffd", 4);
	s->p += 4;
	return true;
}

bool scan_string(struct scan *s, struct str *out, bool *escaped)
{
	*escaped = false;
	if (s->p == s->end || *s->p != '"')
		return false;
	out->ptr = ++s->p;
	while (s->p < s->end) {
		unsigned char c = (unsigned char)*s->p++;

		if (c == '"') {
			out->len = (size_t)(s->p - 1 - out->ptr);
			return true;
		}
		if (c < ' ')
			return false;
		if (c != '\\')
			continue;
		*escaped = true;
		if (s->p == s->end)
			return false;
		c = (unsigned char)*s->p++;
		if (c == 'u' ? !scan_unicode(s) : !memchr("\"\\/bfnrt", c, 8))
			return false;
	}
	return false;
}

static char *digits(char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

enum record_kind scan_number(struct str s)
{
	char text[64];
	size_t whole = 0;
	bool dot = false, exponent = false;

	for (size_t i = 0; i < s.len; i++) {
		exponent |= (s.ptr[i] | 0x20) == 'e';
		dot |= s.ptr[i] == '.';
		whole += !dot && !exponent;
	}
	if (!dot && !exponent && s.len <= 18)
		return str_eq(s, STR("-0")) ? RECORD_DOUBLE : RECORD_INT;
	if (!exponent && whole > 20)
		return whole > 300 ? RECORD_TEXT : RECORD_DOUBLE;
	if (s.len >= sizeof(text))
		return exponent ? RECORD_TEXT : RECORD_DOUBLE;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	if (!dot && !exponent) {
		long long v = strtoll(text, NULL, 10);

		return v == INT64_MAX || v == INT64_MIN ? RECORD_DOUBLE : RECORD_INT;
	}
	return isfinite(strtod(text, NULL)) ? RECORD_DOUBLE : RECORD_TEXT;
}

static bool scan_digits(struct scan *s, struct record_value *v)
{
	char *p = s->p, *more;

	if (*p == '-')
		p++;
	more = digits(p, s->end);
	if (more == p || (*p == '0' && more > p + 1))
		return false;
	p = more;
	if (p < s->end && *p == '.') {
		more = digits(++p, s->end);
		if (more == p)
			return false;
		p = more;
	}
	if (p < s->end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < s->end && (*p == '+' || *p == '-'))
			p++;
		more = digits(p, s->end);
		if (more == p)
			return false;
		p = more;
	}
	v->s = (struct str){ s->p, (size_t)(p - s->p) };
	v->kind = scan_number(v->s);
	s->odd |= v->kind == RECORD_TEXT;
	s->p = p;
	return true;
}

static bool scan_word(struct scan *s, struct str word, enum record_kind kind, struct record_value *v)
{
	if ((size_t)(s->end - s->p) < word.len || memcmp(s->p, word.ptr, word.len) != 0)
		return false;
	v->s = (struct str){ s->p, word.len };
	v->kind = kind;
	s->p += word.len;
	return true;
}

static bool scan_any(struct scan *s, unsigned depth, struct record_value *v);

/* Whether s->p is at @c, behind spaces; then it is passed. */
static bool scan_char(struct scan *s, char c)
{
	scan_space(s);
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

static bool scan_array(struct scan *s, unsigned depth)
{
	struct record_value v;

	s->p++;
	if (scan_char(s, ']'))
		return true;
	do {
		scan_space(s);
		if (!scan_any(s, depth, &v))
			return false;
	} while (scan_char(s, ','));
	return scan_char(s, ']');
}

static bool scan_object(struct scan *s, unsigned depth)
{
	uint32_t seen[OBJECT_KEYS];
	unsigned n = 0;
	struct record_value v;

	s->p++;
	if (scan_char(s, '}'))
		return true;
	do {
		struct str key;
		uint32_t h;
		bool escaped;

		scan_space(s);
		if (!scan_string(s, &key, &escaped) || !scan_char(s, ':'))
			return false;
		h = scan_hash(key);
		for (unsigned i = 0; i < n; i++)
			s->odd |= seen[i] == h;
		if (escaped || n == OBJECT_KEYS)
			s->odd = true;
		else
			seen[n++] = h;
		scan_space(s);
		if (!scan_any(s, depth, &v))
			return false;
	} while (scan_char(s, ','));
	return scan_char(s, '}');
}

static bool scan_any(struct scan *s, unsigned depth, struct record_value *v)
{
	char *from = s->p;
	bool escaped;

	if (s->p == s->end)
		return false;
	s->nodes++;
	switch (*s->p) {
	case '"':
		v->kind = RECORD_STRING;
		return scan_string(s, &v->s, &escaped);
	case 't':
		return scan_word(s, STR("true"), RECORD_TRUE, v);
	case 'f':
		return scan_word(s, STR("false"), RECORD_FALSE, v);
	case 'n':
		return scan_word(s, STR("null"), RECORD_NULL, v);
	case '{':
	case '[':
		if (++depth > s->deepest)
			s->deepest = depth;
		if (depth > RECORD_DEPTH_MAX || !(*from == '{' ? scan_object(s, depth) : scan_array(s, depth)))
			return false;
		v->s = (struct str){ from, (size_t)(s->p - from) };
		v->kind = RECORD_TREE;
		return true;
	default:
		return scan_digits(s, v);
	}
}

bool scan_value(struct scan *s, struct record_value *v)
{
	s->deepest = 0;
	s->odd = false;
	return scan_any(s, 0, v);
}

static char *put_utf8(char *p, unsigned c)
{
	if (c < 0x80) {
		*p++ = (char)c;
	} else if (c < 0x800) {
		*p++ = (char)(0xc0 | c >> 6);
		*p++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*p++ = (char)(0xe0 | c >> 12);
		*p++ = (char)(0x80 | (c >> 6 & 0x3f));
		*p++ = (char)(0x80 | (c & 0x3f));
	} else {
		*p++ = (char)(0xf0 | c >> 18);
		*p++ = (char)(0x80 | (c >> 12 & 0x3f));
		*p++ = (char)(0x80 | (c >> 6 & 0x3f));
		*p++ = (char)(0x80 | (c & 0x3f));
	}
	return p;
}

size_t scan_unescape(struct str s, char *out)
{
	static const char names[] = "\"\\/bfnrt", chars[] = "\"\\/\b\f\n\r\t";
	const char *p = s.ptr, *end = p + s.len;
	char *to = out;

	while (p < end) {
		unsigned c;

		if (*p != '\\') {
			*to++ = *p++;
			continue;
		}
		if (p[1] != 'u') {
			*to++ = chars[(const char *)memchr(names, p[1], 8) - names];
			p += 2;
			continue;
		}
		c = (unsigned)hex4(p + 2, end);
		p += 6;
		if (c >= 0xd800 && c <= 0xdbff) {
			c = 0x10000 + ((c - 0xd800) << 10) + ((unsigned)hex4(p + 2, end) - 0xdc00);
			p += 6;
		}
		to = put_utf8(to, c);
	}
	return (size_t)(to - out);
}
