/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/challenge.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"

void challenge_release(struct challenge *c)
{
	free(c->realm);
	free(c->service);
	free(c->scope);
	*c = (struct challenge){ .scheme = CHALLENGE_NONE };
}

static bool is_tchar(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip_space(struct str *s)
{
	while (s->len && (s->ptr[0] == ' ' || s->ptr[0] == '\t')) {
		s->ptr++;
		s->len--;
	}
}

static bool skip_char(struct str *s, char c)
{
	if (!s->len || s->ptr[0] != c)
		return false;
	s->ptr++;
	s->len--;
	return true;
}

static struct str take_token(struct str *s)
{
	struct str t = { s->ptr, 0 };

	while (t.len < s->len && is_tchar(s->ptr[t.len]))
		t.len++;
	s->ptr += t.len;
	s->len -= t.len;
	return t;
}

/* A token68, which may hold "/" and "=", is of no use to us. */
static void skip_until(struct str *s, char c)
{
	const char *at = memchr(s->ptr, c, s->len);
	size_t n = at ? (size_t)(at - s->ptr) : s->len;

	s->ptr += n;
	s->len -= n;
}

/* The value of a parameter, a token or a quoted-string; NULL if it is neither, or holds control characters. */
static char *take_value(struct str *s)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	if (!skip_char(s, '"')) {
		struct str t = take_token(s);

		return t.len ? xstrndup(t.ptr, t.len) : NULL;
	}
	while (!skip_char(s, '"')) {
		skip_char(s, '\\');
		if (!s->len || (unsigned char)s->ptr[0] < ' ' || s->ptr[0] == 0x7f)
			return NULL;
		buf_addc(&b, s->ptr[0]);
		s->ptr++;
		s->len--;
	}
	return buf_detach(&b);
}

static enum challenge_scheme scheme_of(struct str t)
{
	if (t.len == 5 && strncasecmp(t.ptr, "basic", 5) == 0)
		return CHALLENGE_BASIC;
	if (t.len == 6 && strncasecmp(t.ptr, "bearer", 6) == 0)
		return CHALLENGE_BEARER;
	return CHALLENGE_NONE;
}

static void set_parameter(struct challenge *c, struct str name, char *value)
{
	char **to = name.len == 5 && strncasecmp(name.ptr, "realm", 5) == 0	? &c->realm
		    : name.len == 7 && strncasecmp(name.ptr, "service", 7) == 0 ? &c->service
		    : name.len == 5 && strncasecmp(name.ptr, "scope", 5) == 0	? &c->scope
										: NULL;

	if (!to || *to) {
		free(value);
		return;
	}
	*to = value;
}

/*
 * One challenge: a scheme, then parameters or a token68. A comma stands between parameters and between challenges
 * alike: what has no "=" behind it is the next scheme. Returns false at a mistake.
 */
static bool take_challenge(struct str *s, struct challenge *c)
{
	struct str scheme = take_token(s);
	bool first = true;	/* nothing but space since the scheme */

	if (!scheme.len)
		return false;
	c->scheme = scheme_of(scheme);
	for (;; first = false) {
		struct str before, name;
		char *value;

		skip_space(s);
		while (skip_char(s, ',')) {
			first = false;
			skip_space(s);
		}
		if (!s->len)
			return true;
		before = *s;
		name = take_token(s);
		skip_space(s);
		if (!name.len || !skip_char(s, '=') || (first && (!s->len || s->ptr[0] == '=' || s->ptr[0] == ','))) {
			if (first) {
				skip_until(s, ',');
				return true;
			}
			*s = before;
			return name.len != 0;
		}
		skip_space(s);
		value = take_value(s);
		if (!value)
			return false;
		set_parameter(c, name, value);
		skip_space(s);
		if (s->len && s->ptr[0] != ',')
			return false;
	}
}

bool challenge_parse(struct challenge *c, struct str header)
{
	bool go_on = true;

	while (go_on && header.len) {
		struct challenge next = { .scheme = CHALLENGE_NONE };

		while (skip_space(&header), skip_char(&header, ','))
			;
		go_on = take_challenge(&header, &next);
		if (next.scheme > c->scheme && (next.scheme != CHALLENGE_BEARER || next.realm)) {
			challenge_release(c);
			*c = next;
		} else {
			challenge_release(&next);
		}
	}
	return c->scheme != CHALLENGE_NONE;
}
