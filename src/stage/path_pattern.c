/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/path_pattern.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

struct path_token {
	enum {
		CHAR,
		ONE,		/* ? */
		SET,		/* [a-z] */
		STAR,		/* any run within a component */
		DIRS,		/* "**": nothing, or what LOOP after it takes */
		LOOP,		/* any run that ends in a slash */
		ALL,		/* "**" at the end: anything */
	} kind;
	uint32_t c;
	const char *set;	/* after the "[" */
	char *text;		/* of the first token: the pattern, which sets point into */
};

/* A character of UTF-8; what is none is a byte of its own. */
static size_t decode(const char *s, uint32_t *c)
{
	const unsigned char b = (unsigned char)*s;
	const size_t n = b < 0xc0 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;

	*c = b;
	if (n == 1 || strnlen(s, n) < n || !str_is_utf8((struct str){ s, n }))
		return 1;
	*c = b & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++)
		*c = *c << 6 | ((unsigned char)s[i] & 0x3f);
	return n;
}

/* One end of a range: NULL if there is none. */
static const char *set_char(const char *s, uint32_t *c)
{
	if (!*s || *s == '-' || *s == ']')
		return NULL;
	s += *s == '\\';
	return *s ? s + decode(s, c) : NULL;
}

/* @s is what follows a "["; returns what follows its "]", or NULL. */
static const char *set_match(const char *s, uint32_t c, bool *in)
{
	const bool negated = *s == '^';
	bool found = false;
	size_t n = 0;

	s += negated;
	for (; *s != ']' || !n; n++) {
		uint32_t low, high;

		s = set_char(s, &low);
		if (!s)
			return NULL;
		high = low;
		if (*s == '-') {
			s = set_char(s + 1, &high);
			if (!s)
				return NULL;
		}
		found = found || (c >= low && c <= high);
	}
	*in = found != negated;
	return s + 1;
}

static void add(struct path_pattern *p, struct path_token t)
{
	p->tok[p->n++] = t;
	p->plain = p->plain && t.kind == CHAR;
}

/* Two stars and a slash behind them are one; at the end they take everything. */
static const char *add_deep(struct path_pattern *p, const char *text, const char *s)
{
	const bool first = s == text;

	s += 2;
	/* "**x" without more magic is whatever ends in x, in the middle of a name, too */
	if (!*s || (first && *s != '/' && !strpbrk(s, "*?[\\"))) {
		add(p, (struct path_token){ .kind = ALL });
		return s;
	}
	s += *s == '/';
	if (!*s) {
		add(p, (struct path_token){ .kind = ALL });
		return s;
	}
	add(p, (struct path_token){ .kind = DIRS });
	add(p, (struct path_token){ .kind = LOOP });
	return s;
}

int path_pattern_init(struct path_pattern *p, const char *text, bool deep, struct err *err)
{
	const size_t len = strlen(text);
	char *copy;

	*p = (struct path_pattern){ .plain = true };
	if (len > PATH_PATTERN_MAX)
		return err_set(err, ERR_LIMIT, "limit exceeded: a pattern of more than %u bytes", PATH_PATTERN_MAX);
	p->tok = xcalloc(2 * len + 1, sizeof(*p->tok));
	copy = xstrdup(text);
	for (const char *s = copy; *s;) {
		struct path_token t = { .kind = CHAR };
		bool in;

		if (deep && s[0] == '*' && s[1] == '*') {
			s = add_deep(p, copy, s);
			continue;
		}
		if (*s == '[') {
			t = (struct path_token){ .kind = SET, .set = s + 1 };
			s = set_match(s + 1, 0, &in);
			if (!s)
				err_set(err, ERR_CONFIG, "pattern '%.200s' has a malformed set", text);
		} else if (*s == '*' || *s == '?') {
			t.kind = *s++ == '*' ? STAR : ONE;
		} else {
			s += *s == '\\';
			if (*s)
				s += decode(s, &t.c);
			else
				s = NULL;
			if (!s)
				err_set(err, ERR_CONFIG, "pattern '%.200s' ends in a backslash", text);
		}
		if (!s) {
			free(copy);
			return -1;
		}
		add(p, t);
	}
	p->tok[0].text = copy;
	p->words = p->n / 64 + 1;
	return 0;
}

void path_pattern_release(struct path_pattern *p)
{
	if (p->tok)
		free(p->tok[0].text);
	free(p->tok);
	*p = (struct path_pattern){ .tok = NULL };
}

/* ---- states ---- */

static void set_bit(struct path_states *s, size_t i)
{
	s->bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static bool get_bit(const struct path_states *s, size_t i)
{
	return s->bits[i / 64] >> (i % 64) & 1;
}

/* What can be passed without a character; such steps only go forward. */
static void enter(const struct path_pattern *p, struct path_states *s, size_t i)
{
	while (!get_bit(s, i)) {
		set_bit(s, i);
		if (i == p->n)
			return;
		if (p->tok[i].kind == DIRS) {
			set_bit(s, i + 1);
			i += 2;
		} else if (p->tok[i].kind == STAR || p->tok[i].kind == ALL) {
			i++;
		} else {
			return;
		}
	}
}

static void step_one(const struct path_pattern *p, size_t i, uint32_t c, struct path_states *to)
{
	const struct path_token *t = &p->tok[i];
	bool in = false;

	switch (t->kind) {
	case CHAR:
		in = c == t->c;
		break;
	case ONE:
		in = c != '/';
		break;
	case SET:
		set_match(t->set, c, &in);
		break;
	case STAR:
		if (c != '/')
			enter(p, to, i);
		break;
	case LOOP:
		set_bit(to, i);
		in = c == '/';
		break;
	case ALL:
		enter(p, to, i);
		break;
	case DIRS:
		break;
	}
	if (in)
		enter(p, to, i + 1);
}

static bool step(const struct path_pattern *p, struct path_states *s, uint32_t c)
{
	struct path_states to;
	uint64_t any = 0;

	memset(to.bits, 0, p->words * sizeof(*to.bits));
	for (size_t w = 0; w < p->words; w++)
		for (uint64_t left = s->bits[w]; left; left &= left - 1) {
			const size_t i = w * 64 + (size_t)__builtin_ctzll(left);

			if (i < p->n)
				step_one(p, i, c, &to);
		}
	memcpy(s->bits, to.bits, p->words * sizeof(*to.bits));
	for (size_t w = 0; w < p->words; w++)
		any |= to.bits[w];
	return any;
}

static void start(const struct path_pattern *p, struct path_states *s)
{
	memset(s->bits, 0, p->words * sizeof(*s->bits));
	enter(p, s, 0);
}

bool path_pattern_match(const struct path_pattern *p, const char *path, bool above)
{
	struct path_states s;

	/* most patterns differ from most paths in their first character */
	if (p->n && p->tok[0].kind == CHAR && p->tok[0].c < 0x80 && p->tok[0].c != (unsigned char)*path)
		return false;
	start(p, &s);
	while (*path) {
		uint32_t c;

		if (above && *path == '/' && get_bit(&s, p->n))
			return true;
		path += decode(path, &c);
		if (!step(p, &s, c))
			return false;
	}
	return get_bit(&s, p->n);
}

bool path_pattern_below(const struct path_pattern *p, const char *path)
{
	struct path_states s;

	start(p, &s);
	while (*path) {
		uint32_t c;

		path += decode(path, &c);
		if (!step(p, &s, c))
			return false;
	}
	return step(p, &s, '/');
}
