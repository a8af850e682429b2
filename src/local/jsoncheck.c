/* SPDX-License-Identifier: Apache-2.0 */
#include "local/jsoncheck.h"

#include <string.h>

struct scan {
	const char *p, *end;
};

static void space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
		s->p++;
}

static bool is_digit(const struct scan *s)
{
	return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static bool digits(struct scan *s)
{
	if (!is_digit(s))
		return false;
	while (is_digit(s))
		s->p++;
	return true;
}

static bool number(struct scan *s)
{
	if (s->p < s->end && *s->p == '-')
		s->p++;
	if (s->p < s->end && *s->p == '0')
		s->p++;
	else if (!digits(s))
		return false;
	if (s->p < s->end && *s->p == '.') {
		s->p++;
		if (!digits(s))
			return false;
	}
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		return digits(s);
	}
	return true;
}

/* After the opening quote. */
static bool string(struct scan *s)
{
	const char *begin = s->p;

	for (; s->p < s->end; s->p++) {
		if (*s->p == '"')
			return str_is_utf8((struct str){ begin, (size_t)(s->p++ - begin) });
		if ((unsigned char)*s->p < 0x20)
			return false;
		if (*s->p != '\\')
			continue;
		if (++s->p == s->end)
			return false;
		if (*s->p == 'u') {
			if (s->end - s->p < 5)
				return false;
			for (int i = 1; i <= 4; i++)
				if (!strchr("0123456789abcdefABCDEF", s->p[i]) || !s->p[i])
					return false;
			s->p += 4;
		} else if (!strchr("\"\\/bfnrt", *s->p) || !*s->p) {
			return false;
		}
	}
	return false;
}

static bool word(struct scan *s, const char *w)
{
	size_t n = strlen(w);

	if ((size_t)(s->end - s->p) < n || memcmp(s->p, w, n) != 0)
		return false;
	s->p += n;
	return true;
}

static bool eat(struct scan *s, char c)
{
	space(s);
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

static bool key(struct scan *s)
{
	return eat(s, '"') && string(s) && eat(s, ':');
}

bool json_is_valid(struct str str)
{
	struct scan s = { str.ptr, str.ptr + str.len };
	char open[JSON_DEPTH];
	size_t depth = 0;

	for (;;) {
		/* a value */
		space(&s);
		if (s.p == s.end)
			return false;
		if (*s.p == '{' || *s.p == '[') {
			char c = *s.p++;

			if (!eat(&s, c == '{' ? '}' : ']')) {
				if (depth == JSON_DEPTH)
					return false;
				open[depth++] = c;
				if (c == '{' && !key(&s))
					return false;
				continue;
			}
		} else if (*s.p == '"') {
			s.p++;
			if (!string(&s))
				return false;
		} else if (!(*s.p == 't' ? word(&s, "true") : *s.p == 'f' ? word(&s, "false") :
			     *s.p == 'n' ? word(&s, "null") : number(&s))) {
			return false;
		}
		/* what follows it */
		while (depth && eat(&s, open[depth - 1] == '{' ? '}' : ']'))
			depth--;
		if (!depth) {
			space(&s);
			return s.p == s.end;
		}
		if (!eat(&s, ',') || (open[depth - 1] == '{' && !key(&s)))
			return false;
	}
}
