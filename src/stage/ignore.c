/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/ignore.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "os/fs.h"

#define MAX_PATTERN 4096u /* bytes */

struct pattern {
	char *text;  /* clean, relative */
	bool except; /* it began with "!" */
	bool magic;
	size_t literal; /* bytes of the components before the first with magic */
};

struct ignore {
	struct {
		struct pattern *ptr;
		size_t len, cap;
	} list;
	bool excepts;
};

/* ---- matching ---- */

/* The end of a set such as [a-z], and whether it holds @c; NULL if it is malformed. */
static const char *match_set(const char *p, unsigned char c, bool *in)
{
	const bool negated = p[1] == '^';
	bool found = false;
	size_t n = 0;

	p += negated ? 2 : 1;
	while (*p && (*p != ']' || !n)) {
		unsigned char lo, hi;

		if (*p == ']' || *p == '-')
			return NULL;
		p += *p == '\\';
		lo = hi = (unsigned char)*p;
		if (!lo)
			return NULL;
		p++;
		if (*p == '-' && p[1] && p[1] != ']') {
			p += p[1] == '\\' ? 2 : 1;
			hi = (unsigned char)*p++;
		}
		found = found || (c >= lo && c <= hi);
		n++;
	}
	if (*p != ']')
		return NULL;
	*in = found != negated;
	return p + 1;
}

/*
 * One character of the pattern at @p against that at @s: what follows it, or NULL. UTF-8's continuation bytes go with
 * the character that a `?` or a set takes.
 */
static const char *step(const char *p, const char **s)
{
	const unsigned char c = (unsigned char)**s;
	const char *next = p + 1;
	bool in = true;

	if (*p == '[') {
		next = match_set(p, c, &in);
		if (!next || !in || c == '/')
			return NULL;
	} else if (*p == '?') {
		if (c == '/')
			return NULL;
		while (((unsigned char)(*s)[1] & 0xc0) == 0x80)
			(*s)++;
	} else {
		if (*p == '\\' && p[1])
			next = ++p + 1;
		if ((unsigned char)*p != c)
			return NULL;
	}
	(*s)++;
	return next;
}

/* With @deep, `**` passes slashes, and "**" followed by a slash is also nothing. */
static bool match(const char *p, const char *s, bool deep)
{
	const char *star = NULL, *star_at = NULL, *deep_p = NULL, *deep_at = NULL;
	bool whole = false;

	for (;;) {
		const char *next;

		if (deep && p[0] == '*' && p[1] == '*') {
			p += 2;
			whole = *p == '/';
			p += whole;
			deep_p = p;
			deep_at = s;
			star = NULL;
			if (!*p)
				return true;
			continue;
		}
		if (*p == '*') {
			star = ++p;
			star_at = s;
			continue;
		}
		if (!*p && !*s)
			return true;
		next = *s && *p ? step(p, &s) : NULL;
		if (next) {
			p = next;
			continue;
		}
		if (star && *star_at && *star_at != '/') {
			p = star;
			s = ++star_at;
			continue;
		}
		/* what `**` passed grows by whole components */
		if (!deep_p || !*deep_at)
			return false;
		if (whole)
			deep_at += strcspn(deep_at, "/");
		if (!*deep_at)
			return false;
		p = deep_p;
		s = ++deep_at;
		star = NULL;
	}
}

bool path_match(const char *pattern, const char *path)
{
	return match(pattern, path, false);
}

int path_match_check(const char *pattern, struct err *err)
{
	if (strlen(pattern) > MAX_PATTERN)
		return err_set(err, ERR_LIMIT, "limit exceeded: a pattern of more than %u bytes", MAX_PATTERN);
	for (const char *p = pattern; *p; p++) {
		bool in;
		const char *end;

		if (*p == '\\') {
			if (!p[1])
				return err_set(err, ERR_CONFIG, "pattern '%.200s' ends in a backslash", pattern);
			p++;
			continue;
		}
		if (*p != '[')
			continue;
		end = match_set(p, 'x', &in);
		if (!end)
			return err_set(err, ERR_CONFIG, "pattern '%.200s' has a malformed set", pattern);
		p = end - 1;
	}
	return 0;
}

/* ---- lists of patterns ---- */

static size_t literal_length(const char *s)
{
	size_t last = 0;

	for (size_t i = 0; s[i]; i++) {
		if (strchr("*?[\\", s[i]))
			return last;
		if (s[i] == '/')
			last = i;
	}
	return strlen(s);
}

static int add(struct ignore *g, struct str s, struct err *err)
{
	struct pattern p = { .except = s.len && *s.ptr == '!' };
	CLEAN_FREE char *text = NULL;
	const char *bare;

	if (p.except)
		s = str_trim((struct str){ s.ptr + 1, s.len - 1 });
	if (!s.len)
		return p.except ? err_set(err, ERR_CONFIG, "'!' stands alone") : 0;
	if (s.len > MAX_PATTERN)
		return err_set(err, ERR_LIMIT, "limit exceeded: a pattern of more than %u bytes", MAX_PATTERN);
	text = xstrndup(s.ptr, s.len);
	p.text = path_clean(text);
	/* from the context's root, whether it says so or not */
	bare = p.text + (*p.text == '/');
	memmove(p.text, bare, strlen(bare) + 1);
	if (path_match_check(p.text, err) < 0) {
		free(p.text);
		return -1;
	}
	p.literal = literal_length(p.text);
	p.magic = p.text[p.literal] != '\0';
	g->excepts = g->excepts || p.except;
	if (g->list.len == IGNORE_MAX_PATTERNS) {
		free(p.text);
		return err_set(err, ERR_LIMIT, "limit exceeded: more than %u patterns", IGNORE_MAX_PATTERNS);
	}
	VEC_PUSH(&g->list, p);
	return 0;
}

struct ignore *ignore_parse(const char *shown, const char *text, size_t n, struct err *err)
{
	struct ignore *g = xcalloc(1, sizeof(*g));
	struct str rest = { text, n };
	unsigned line = 0;

	if (n > IGNORE_MAX_BYTES) {
		free(g);
		err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u bytes", shown, IGNORE_MAX_BYTES);
		return NULL;
	}
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		rest = (struct str){ text + 3, n - 3 };
	while (rest.len) {
		struct str s = rest;
		struct err why;

		rest = str_cut(&s, '\n');
		line++;
		s = str_trim(s);
		if (!s.len || *s.ptr == '#')
			continue;
		if ((memchr(s.ptr, '\0', s.len) ? err_set(&why, ERR_CONFIG, "the line has a NUL byte")
						: add(g, s, &why)) < 0) {
			err_at(err, why.code, shown, line, 0, "%s", why.msg);
			ignore_free(g);
			return NULL;
		}
	}
	return g;
}

struct ignore *ignore_patterns(const char *shown, const char *const *patterns, size_t n, struct err *err)
{
	struct ignore *g = xcalloc(1, sizeof(*g));

	for (size_t i = 0; i < n; i++)
		if (add(g, str_trim(str_from(patterns[i])), err) < 0) {
			err_wrap(err, "%s", shown);
			ignore_free(g);
			return NULL;
		}
	return g;
}

/* A pattern matches what it names, and all that is below it. */
static bool covers(const struct pattern *p, const char *path)
{
	char prefix[4097];
	size_t n;

	if (!p->magic) {
		n = strlen(p->text);
		return strcmp(p->text, ".") == 0 || (strncmp(path, p->text, n) == 0 && (!path[n] || path[n] == '/'));
	}
	if (p->literal && (strncmp(path, p->text, p->literal) != 0 || path[p->literal] != '/'))
		return false;
	if (match(p->text, path, true))
		return true;
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		n = (size_t)(slash - path);
		if (n >= sizeof(prefix))
			return false;
		memcpy(prefix, path, n);
		prefix[n] = '\0';
		if (match(p->text, prefix, true))
			return true;
	}
	return false;
}

bool ignore_match(const struct ignore *g, const char *path)
{
	for (size_t i = g->list.len; i-- > 0;)
		if (covers(&g->list.ptr[i], path))
			return !g->list.ptr[i].except;
	return false;
}

bool ignore_prunes(const struct ignore *g, const char *path)
{
	const size_t n = strlen(path);

	if (!ignore_match(g, path))
		return false;
	for (size_t i = 0; g->excepts && i < g->list.len; i++) {
		const struct pattern *p = &g->list.ptr[i];
		const size_t len = p->literal < n ? p->literal : n;

		/* an exception may name something below as far as their beginnings are one */
		if (p->except && strncmp(p->text, path, len) == 0 &&
		    (p->literal <= n ? p->magic || p->literal == n : p->text[n] == '/'))
			return false;
	}
	return true;
}

void ignore_free(struct ignore *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->list.len; i++)
		free(g->list.ptr[i].text);
	VEC_FREE(&g->list);
	free(g);
}

void ignore_freep(struct ignore **g)
{
	ignore_free(*g);
}
