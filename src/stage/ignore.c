/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/ignore.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "os/fs.h"
#include "stage/path_pattern.h"

struct rule {
	struct path_pattern p;
	char *text;		/* clean */
	bool except;		/* it began with "!" */
};

struct ignore {
	struct rule *ptr;
	size_t len, cap;
};

bool path_match(const char *pattern, const char *path)
{
	CLEANUP(path_pattern_release) struct path_pattern p;
	struct err ignored = ERR_INIT;

	return path_pattern_init(&p, pattern, false, &ignored) == 0 && path_pattern_match(&p, path, false);
}

int path_match_check(const char *pattern, struct err *err)
{
	CLEANUP(path_pattern_release) struct path_pattern p;

	return path_pattern_init(&p, pattern, false, err);
}

/* @rooted: a leading slash is the context's root, as in .dockerignore; --exclude has no such rule. */
static int add(struct ignore *g, struct str s, bool rooted, struct err *err)
{
	struct rule r = { .except = s.len && *s.ptr == '!' };
	CLEAN_FREE char *text = NULL;

	if (r.except)
		s = str_trim((struct str){ s.ptr + 1, s.len - 1 });
	if (!s.len && r.except) {
		err_set(err, ERR_CONFIG, "'!' stands alone");
		return err_hint(err, "write the pattern behind it, such as !*.md");
	}
	if (!s.len)
		return 0;
	if (s.len > PATH_PATTERN_MAX)
		return err_set(err, ERR_LIMIT, "limit exceeded: a pattern of more than %u bytes", PATH_PATTERN_MAX);
	if (g->len == IGNORE_MAX_PATTERNS)
		return err_set(err, ERR_LIMIT, "limit exceeded: more than %u patterns", IGNORE_MAX_PATTERNS);
	text = xstrndup(s.ptr, s.len);
	r.text = path_clean(text);
	if (rooted && r.text[0] == '/' && r.text[1])
		memmove(r.text, r.text + 1, strlen(r.text));
	if (path_pattern_init(&r.p, r.text, true, err) < 0) {
		path_pattern_release(&r.p);
		free(r.text);
		return -1;
	}
	VEC_PUSH(g, r);
	return 0;
}

struct ignore *ignore_parse(const char *shown, const char *text, size_t n, struct err *err)
{
	struct ignore *g = xcalloc(1, sizeof(*g));
	struct str rest = { text, n };
	unsigned line = 0;

	if (n > IGNORE_MAX_BYTES) {
		ignore_free(g);
		err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u bytes", shown, IGNORE_MAX_BYTES);
		return NULL;
	}
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		rest = (struct str){ text + 3, n - 3 };
	while (rest.len) {
		struct str s = rest;
		struct err why = ERR_INIT;
		int ret;

		rest = str_cut(&s, '\n');
		line++;
		/* a "#" that is indented is a pattern */
		if (s.len && *s.ptr == '#')
			continue;
		ret = s.len && memchr(s.ptr, '\0', s.len) ?
			      err_set(&why, ERR_CONFIG, "a NUL byte is not allowed") :
			      add(g, str_trim(s), true, &why);
		if (ret < 0) {
			err_at(err, why.code, shown, line, 0, "%s", why.msg);
			err_hint(err, "%s", why.hint);
			ignore_free(g);
			return NULL;
		}
	}
	return g;
}

int ignore_load(const char *dockerfile, const char *context, struct ignore **out, struct err *err)
{
	CLEAN_FREE char *own = xasprintf("%s.dockerignore", dockerfile);
	CLEAN_FREE char *common = path_join(context, ".dockerignore");
	const char *path = fs_exists(own) ? own : common;
	CLEAN_BUF struct buf text = BUF_INIT;

	*out = NULL;
	if (!fs_exists(path))
		return 0;
	if (fs_read(path, IGNORE_MAX_BYTES, &text, err) < 0)
		return -1;
	*out = ignore_parse(path, text.ptr, text.len, err);
	return *out ? 0 : -1;
}

int ignore_first(const char *dockerfile, const char *context, const char *const *paths, size_t n, size_t *first,
		 struct err *err)
{
	CLEAN_IGNORE struct ignore *g = NULL;

	*first = 0;
	if (ignore_load(dockerfile, context, &g, err) < 0)
		return -1;
	while (g && *first < n) {
		CLEAN_FREE char *path = path_clean(paths[*first]);

		if (!ignore_match(g, path) || (ends_with(paths[*first], "/") && !ignore_prunes(g, path)))
			break;
		++*first;
	}
	return 0;
}

struct ignore *ignore_patterns(const char *shown, const char *const *patterns, size_t n, struct err *err)
{
	struct ignore *g = xcalloc(1, sizeof(*g));

	for (size_t i = 0; i < n; i++)
		if (add(g, str_trim(str_from(patterns[i])), false, err) < 0) {
			err_wrap(err, "%s", shown);
			ignore_free(g);
			return NULL;
		}
	return g;
}

/* A rule counts for what it names, and for all that is below it. */
static bool covers(const struct rule *r, const char *path)
{
	size_t n;

	if (!r->p.plain || strchr(r->text, '\\'))
		return path_pattern_match(&r->p, path, true);
	n = strlen(r->text);
	return strncmp(path, r->text, n) == 0 && (!path[n] || path[n] == '/');
}

/* The last rule that counts for @path; len: none does. */
static size_t deciding(const struct ignore *g, const char *path)
{
	for (size_t i = g->len; i-- > 0;)
		if (covers(&g->ptr[i], path))
			return i;
	return g->len;
}

bool ignore_match(const struct ignore *g, const char *path)
{
	const size_t i = deciding(g, path);

	return i < g->len && !g->ptr[i].except;
}

bool ignore_prunes(const struct ignore *g, const char *path)
{
	const size_t by = deciding(g, path);

	if (by == g->len || g->ptr[by].except)
		return false;
	for (size_t i = by + 1; i < g->len; i++)
		if (g->ptr[i].except && path_pattern_below(&g->ptr[i].p, path))
			return false;
	return true;
}

void ignore_free(struct ignore *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->len; i++) {
		path_pattern_release(&g->ptr[i].p);
		free(g->ptr[i].text);
	}
	VEC_FREE(g);
	free(g);
}

void ignore_freep(struct ignore **g)
{
	ignore_free(*g);
}
