/* SPDX-License-Identifier: Apache-2.0 */
#include "base/glob.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

bool glob_has_magic(const char *pattern)
{
	return strpbrk(pattern, "*?[") != NULL;
}

static void add_part(struct glob *g, const char *part)
{
	bool deep = strcmp(part, "**") == 0;

	if (deep && g->n && (g->deep >> (g->n - 1) & 1))
		return;
	if (deep)
		g->deep |= UINT64_C(1) << g->n;
	g->part[g->n++] = part;
}

int glob_init(struct glob *g, const char *pattern, struct err *err)
{
	char *p;

	*g = (struct glob){ .text = xstrdup(pattern) };
	for (p = g->text; *p;) {
		size_t n = strcspn(p, "/");
		bool more = p[n] == '/';

		p[n] = '\0';
		if (n && strcmp(p, ".") != 0) {
			if (g->n == GLOB_PARTS_MAX)
				return err_set(err, ERR_LIMIT, "limit exceeded: '%s' has more than %d components",
					       pattern, GLOB_PARTS_MAX);
			add_part(g, p);
		}
		p += n + more;
		/* "a/" asks for a directory: an empty part, which no name matches */
		if (more && !*p)
			add_part(g, p);
	}
	if (g->n && (g->deep >> (g->n - 1) & 1))
		add_part(g, "*");
	return 0;
}

void glob_release(struct glob *g)
{
	free(g->text);
	*g = (struct glob){ .n = 0 };
}

/*
 * One character, moving on: the bytes of a UTF-8 sequence as one number. These numbers are in the order of the code
 * points; bytes that are no UTF-8 stand for themselves.
 */
static uint32_t next_char(const char **s)
{
	uint32_t c = (unsigned char)*(*s)++;

	if (c >= 0xc0)
		for (int i = 0; i < 3 && ((unsigned char)**s & 0xc0) == 0x80; i++)
			c = c << 8 | (unsigned char)*(*s)++;
	return c;
}

/* One [set]; *pp points past '[' and is moved past ']'. Returns -1 if there is no ']'. */
static int match_set(const char **pp, uint32_t c)
{
	const char *p = *pp;
	bool neg = *p == '!' || *p == '^', hit = false;

	p += neg;
	for (bool first = true; first || *p != ']'; first = false) {
		uint32_t lo, hi;

		if (*p == '\\' && p[1])
			p++;
		if (!*p)
			return -1;
		lo = hi = next_char(&p);
		if (p[0] == '-' && p[1] && p[1] != ']') {
			p++;
			if (*p == '\\' && p[1])
				p++;
			hi = next_char(&p);
		}
		if (c >= lo && c <= hi)
			hit = true;
	}
	*pp = p + 1;
	return hit != neg;
}

/* One character of @p that is no star against one of @s; both are moved on if they match. */
static bool match_one(const char **p, const char **s)
{
	const char *q = *p, *t = *s;
	uint32_t c = next_char(&t);
	bool hit;

	if (*q == '[') {
		const char *set = q + 1;
		int r = match_set(&set, c);

		q = r < 0 ? q + 1 : set;
		hit = r < 0 ? c == '[' : r;
	} else if (*q == '?') {
		q++;
		hit = true;
	} else {
		if (*q == '\\' && q[1])
			q++;
		hit = *q && next_char(&q) == c;
	}
	if (hit) {
		*p = q;
		*s = t;
	}
	return hit;
}

/* Only the last star has to be tried again: what stands before it has matched as early as it can. */
static bool match_part(const char *p, const char *s)
{
	const char *star_p = NULL, *star_s = NULL;

	if (*s == '.' && *p != '.' && strncmp(p, "\\.", 2) != 0)
		return false;
	while (*s) {
		if (*p == '*') {
			star_p = ++p;
			star_s = s;
		} else if (!match_one(&p, &s)) {
			if (!star_p)
				return false;
			next_char(&star_s);
			p = star_p;
			s = star_s;
		}
	}
	while (*p == '*')
		p++;
	return !*p;
}

/* `**` may stand for nothing; two never stand side by side. */
static uint64_t pass_deep(const struct glob *g, uint64_t state)
{
	return state | (state & g->deep) << 1;
}

uint64_t glob_start(const struct glob *g)
{
	return pass_deep(g, 1);
}

uint64_t glob_step(const struct glob *g, uint64_t state, const char *name, bool link)
{
	uint64_t next = 0;

	for (unsigned i = 0; i < g->n; i++) {
		if (!(state >> i & 1))
			continue;
		if (!(g->deep >> i & 1))
			next |= (uint64_t)match_part(g->part[i], name) << (i + 1);
		else if (name[0] != '.' && !link)
			next |= UINT64_C(1) << i;
	}
	return pass_deep(g, next);
}

bool glob_done(const struct glob *g, uint64_t state)
{
	return state >> g->n & 1;
}

bool glob_more(const struct glob *g, uint64_t state)
{
	return state & ((UINT64_C(1) << g->n) - 1);
}
