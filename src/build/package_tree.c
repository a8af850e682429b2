/* SPDX-License-Identifier: Apache-2.0 */
/* package.include: from globs to paths in the archive. */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "build/package_internal.h"
#include "os/fs.h"

void placed_release(struct placed_list *l)
{
	for (size_t i = 0; i < l->len; i++) {
		free(l->ptr[i].to);
		free(l->ptr[i].from);
	}
	VEC_FREE(l);
}

/* The length of "assets/img/" in a pattern like "assets/img/x?.png": what a destination directory replaces. */
static size_t fixed_prefix(const char *pattern)
{
	size_t end = 0;

	for (size_t i = 0; pattern[i] && !strchr("*?[\\", pattern[i]); i++)
		if (pattern[i] == '/' && pattern[i + 1])
			end = i + 1;
	return end;
}

/* A directory brings all that is in it, so what `**` finds below one that is taken already is passed over. */
static bool below_taken(const struct map *taken, const char *path)
{
	CLEAN_FREE char *copy = xstrdup(path);

	for (char *slash = strrchr(copy, '/'); slash; slash = strrchr(copy, '/')) {
		*slash = '\0';
		if (map_has(taken, copy))
			return true;
	}
	return false;
}

static int place(const struct project *p, const struct include *inc, struct placed_list *out, struct err *err)
{
	CLEAN_STRS struct strs found = { 0 };
	CLEAN_MAP struct map taken = { 0 };
	const char *to = inc->to.s;
	const bool into = to && (ends_with(to, "/") || strcmp(to, ".") == 0 || !*to);
	const size_t fixed = fixed_prefix(inc->from.s);

	if (project_glob(p, inc->from, &found, err) < 0)
		return -1;
	if (to && !into && found.len > 1) {
		project_err(p, ERR_CONFIG, inc->to, err, "'%s' names one file, but '%s' matches %zu", to, inc->from.s,
			    found.len);
		return err_hint(err, "write '%s/' to put them into a directory", to);
	}
	for (size_t i = 0; i < found.len; i++) {
		const char *from = found.ptr[i];
		const char *tail = strlen(from) > fixed ? from + fixed : from;
		CLEAN_FREE char *dest = into ? xasprintf("%s/%s", *to ? to : ".", tail) : xstrdup(to ? to : from);
		CLEAN_FREE char *clean = path_clean(dest);
		char *src;

		if (below_taken(&taken, from))
			continue;
		if (!path_is_inside(clean) || strcmp(clean, ".") == 0) {
			project_err(p, ERR_CONFIG, to ? inc->to : inc->from, err, "'%s' would land outside the package",
				    dest);
			return err_hint(err, to ? "'to' is relative to the package's root, without '..'" :
						  "say where it goes: to: NAME");
		}
		src = path_join(p->dir, from);
		if (fs_is_dir(src))
			map_put(&taken, from, src);
		VEC_PUSH(out, ((struct placed){ .to = steal(&clean), .from = src, .mode = inc->mode }));
	}
	return 0;
}

int placed_resolve(const struct project *p, const struct includes *includes, struct placed_list *out, struct err *err)
{
	for (size_t i = 0; i < includes->len; i++)
		if (place(p, &includes->ptr[i], out, err) < 0)
			return -1;
	return 0;
}

int placed_tree(const struct placed_list *files, const char *binary, const char *prefix, struct tree *t,
		struct err *err)
{
	CLEAN_FREE char *bootstrap = path_join(prefix, "bootstrap");

	if (tree_add_file(t, bootstrap, binary, 0755, err) < 0)
		return -1;
	for (size_t i = 0; i < files->len; i++) {
		CLEAN_FREE char *to = path_join(prefix, files->ptr[i].to);

		if (tree_add_host(t, to, files->ptr[i].from, files->ptr[i].mode, err) < 0)
			return -1;
	}
	return tree_finish(t, err);
}
