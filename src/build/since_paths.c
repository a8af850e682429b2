/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the sorted list of what has changed. */
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "base/mem.h"
#include "build/graph.h"
#include "build/since_internal.h"

static const char none[] = ""; /* asked before, and nothing was found */

/* Where @path, absolute and clean, is from the directory @dir. */
static char *relative(const char *dir, const char *path)
{
	struct buf b = BUF_INIT;
	size_t i = 0, common = 0;

	while (dir[i] && dir[i] == path[i]) {
		if (dir[i] == '/')
			common = i + 1;
		i++;
	}
	if (!dir[i] && (path[i] == '/' || !path[i]))
		return xstrdup(path[i] && path[i + 1] ? path + i + 1 : ".");
	for (const char *s = dir + common; *s;) {
		buf_addz(&b, "../");
		s += strcspn(s, "/");
		s += strspn(s, "/");
	}
	buf_addz(&b, path + common);
	return buf_detach(&b);
}

char *since_norm(const struct since_finder *d, const char *path)
{
	char *clean = path_clean(path), *own;

	if (clean[0] != '/')
		return clean;
	own = relative(d->p->dir, clean);
	free(clean);
	return own;
}

/* The first that is not before @path. */
static size_t lower(const struct since_finder *d, const char *path)
{
	const struct strs *all = &d->changes.paths;
	size_t lo = 0, hi = all->len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(all->ptr[mid], path) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Exactly @path. */
static const char *find(const struct since_finder *d, const char *path)
{
	const struct strs *all = &d->changes.paths;
	size_t i = lower(d, path);

	return i < all->len && strcmp(all->ptr[i], path) == 0 ? all->ptr[i] : NULL;
}

/* A link or a repository that @path is, or is read through. */
static const char *in_tree(const struct since_finder *d, const char *path)
{
	CLEAN_FREE char *way = xasprintf("%s/", path);
	const char *found = NULL;

	for (char *slash = strchr(way, '/'); slash && !found; slash = strchr(slash + 1, '/')) {
		char next = slash[1];

		slash[1] = '\0';
		found = find(d, way);
		slash[1] = next;
	}
	return found;
}

const char *since_at(const struct since_finder *d, const char *path)
{
	const char *found = find(d, path);

	return found ? found : in_tree(d, path);
}

static bool is_outside(const char *path)
{
	return starts_with(path, "../");
}

/* The changes below a directory, "" for the project: from *@first on, as many as are returned. */
static size_t range_below(const struct since_finder *d, const char *dir, size_t *first)
{
	const struct strs *all = &d->changes.paths;
	CLEAN_FREE char *prefix = xasprintf("%s/", dir);
	size_t end;

	if (!*dir) {
		*first = 0;
		return all->len;
	}
	for (end = *first = lower(d, prefix); end < all->len && starts_with(all->ptr[end], prefix); end++)
		;
	return end - *first;
}

char *since_target(const struct since_finder *d, const char *path)
{
	CLEAN_FREE char *abs = path_join(d->p->dir, path);
	CLEAN_FREE char *real = realpath(abs, NULL);
	char *target = real ? since_norm(d, real) : NULL;

	if (target && strcmp(target, path) != 0)
		return target;
	free(target);
	return NULL;
}

const char *since_below(const struct since_finder *d, const char *path)
{
	const bool project = strcmp(path, ".") == 0;
	CLEAN_FREE char *target = since_target(d, path);
	size_t first, n = range_below(d, project ? "" : path, &first);

	if (!project && since_at(d, path))
		return since_at(d, path);
	if (target && since_below(d, target))
		return since_below(d, target);
	for (size_t i = first; i < first + n; i++)
		if (!project || !is_outside(d->changes.paths.ptr[i]))
			return d->changes.paths.ptr[i];
	return NULL;
}

/* Whether @path is a match, or one may be behind it. */
static bool matches(const struct glob *g, const char *path)
{
	uint64_t state = glob_start(g);
	CLEAN_FREE char *copy = xstrdup(path);
	char *name = copy, *slash;

	while ((slash = strchr(name, '/'))) {
		*slash = '\0';
		state = glob_step(g, state, name, false);
		if (!state)
			return false;
		name = slash + 1;
	}
	if (!*name)
		return glob_more(g, state) || glob_done(g, state);
	return glob_done(g, glob_step(g, state, name, false));
}

/* A file below the directory @dir, "" for the project, whose name from there on matches. */
static const char *match_below(const struct since_finder *d, const char *dir, const struct glob *g)
{
	const size_t skip = *dir ? strlen(dir) + 1 : 0;
	size_t first, n = range_below(d, dir, &first);

	for (size_t i = first; i < first + n; i++) {
		const char *path = d->changes.paths.ptr[i];

		if ((*dir || !is_outside(path)) && matches(g, path + skip))
			return path;
	}
	return *dir ? in_tree(d, dir) : NULL;
}

static const char *match_magic(const struct since_finder *d, const char *pattern)
{
	CLEAN_GLOB struct glob g = { .n = 0 };
	CLEAN_FREE char *head = NULL, *dir = NULL, *target = NULL;
	size_t slash = 0;
	const char *found;
	struct err ignored;

	for (size_t i = 0; i < strcspn(pattern, "*?[\\"); i++)
		if (pattern[i] == '/')
			slash = i + 1;
	/* the build says what is wrong with it */
	if (glob_init(&g, pattern + slash, &ignored) < 0)
		return NULL;
	head = xstrndup(pattern, slash);
	dir = since_norm(d, head);
	target = since_target(d, dir);
	if (strcmp(dir, ".") == 0)
		*dir = '\0';
	found = match_below(d, dir, &g);
	return found || !target ? found : match_below(d, strcmp(target, ".") == 0 ? "" : target, &g);
}

static const char *asked(const struct since_finder *d, const char *key, bool *before)
{
	const char *found = map_get(&d->patterns, key);

	*before = found != NULL;
	return found == none ? NULL : found;
}

static const char *remember(struct since_finder *d, const char *key, const char *found)
{
	map_put(&d->patterns, key, (void *)(uintptr_t)(found ? found : none));
	return found;
}

const char *since_match(struct since_finder *d, const char *pattern)
{
	bool before;
	const char *found = asked(d, pattern, &before);

	if (before)
		return found;
	if (glob_has_magic(pattern))
		return remember(d, pattern, match_magic(d, pattern));
	CLEAN_FREE char *path = since_norm(d, pattern);

	return remember(d, pattern, since_below(d, path));
}

const char *since_input(struct since_finder *d)
{
	CLEAN_GLOB struct glob g = { .n = 0 };
	const char *key = "/input", *found;
	struct err ignored;
	bool before;

	found = asked(d, key, &before);
	if (before)
		return found;
	if (glob_init(&g, "**", &ignored) < 0)
		BUG("** is no pattern");
	VEC_EACH(&d->changes.paths, path)
		if (!found && !is_outside(*path) && graph_is_input(*path) && matches(&g, *path))
			found = *path;
	return remember(d, key, found);
}

int since_context(struct since_finder *d, const char *dockerfile, const char *context, const char **out,
		  struct err *err)
{
	CLEAN_FREE char *key = xasprintf("/context:%s:%s", dockerfile, context);
	CLEAN_FREE char *dir = since_norm(d, context);
	CLEAN_FREE char *file = path_join(d->p->dir, dockerfile), *at = path_join(d->p->dir, context);
	VEC(const char *) names = { 0 };
	size_t first, n, skip, seen = 0;
	bool before;
	int r = 0;

	*out = asked(d, key, &before);
	if (before)
		return 0;
	if (strcmp(dir, ".") == 0)
		*dir = '\0';
	skip = *dir ? strlen(dir) + 1 : 0;
	n = range_below(d, dir, &first);
	for (size_t i = first; i < first + n; i++)
		if (*dir || !is_outside(d->changes.paths.ptr[i]))
			VEC_PUSH(&names, d->changes.paths.ptr[i] + skip);
	if (d->req->context && names.len)
		r = d->req->context(file, at, names.ptr, names.len, &seen, err);
	if (r == 0)
		*out = remember(d, key, seen < names.len ? names.ptr[seen] - skip : in_tree(d, dir));
	VEC_FREE(&names);
	return r;
}
