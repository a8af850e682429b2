/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "os/fs.h"

#define GLOB_MAX_MATCHES 65536u
#define GLOB_MAX_DEPTH 64u

struct glob_walk {
	const char *base;
	const char *pattern;
	bool deep;		/* has a double star: descend everywhere */
	unsigned parts;		/* components of the pattern */
	struct strs *out;
	size_t first;
};

/*
 * Hidden names match only a pattern that names the dot, as in a shell: checked component by
 * component from the end, which is exact without a double star and strict with one.
 */
static bool hidden_ok(const char *pattern, const char *name)
{
	char dotted[258];

	if (name[0] != '.')
		return true;
	snprintf(dotted, sizeof(dotted), "/%s", name);
	return strstr(pattern, "/.") || pattern[0] == '.' || strstr(pattern, dotted);
}

static int walk(struct glob_walk *w, const char *rel, unsigned depth, struct err *err)
{
	CLEAN_FREE char *dir = rel[0] ? path_join(w->base, rel) : xstrdup(w->base);
	DIR *d = opendir(dir);
	struct dirent *e;
	int r = 0;

	if (!d) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return err_sys(err, "cannot list %s", dir);
	}
	if (depth > GLOB_MAX_DEPTH) {
		closedir(d);
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u directories deep",
			       dir, GLOB_MAX_DEPTH);
	}
	while (r == 0 && (e = readdir(d))) {
		CLEAN_FREE char *path = NULL;
		unsigned char type = e->d_type;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    !hidden_ok(w->pattern, e->d_name))
			continue;
		path = rel[0] ? xasprintf("%s/%s", rel, e->d_name) : xstrdup(e->d_name);
		if (type == DT_UNKNOWN || type == DT_LNK) {
			CLEAN_FREE char *full = path_join(w->base, path);
			struct stat st;

			if ((type == DT_LNK && w->deep ? lstat(full, &st) : stat(full, &st)) < 0)
				continue;
			type = S_ISDIR(st.st_mode) ? DT_DIR : DT_REG;
		}
		if (type == DT_DIR) {
			if (w->deep || depth + 1 < w->parts)
				r = walk(w, path, depth + 1, err);
		} else if (glob_match(w->pattern, path)) {
			if (w->out->len - w->first == GLOB_MAX_MATCHES)
				r = err_set(err, ERR_LIMIT,
					    "limit exceeded: '%s' matches more than %u files",
					    w->pattern, GLOB_MAX_MATCHES);
			else
				strs_take(w->out, steal(&path));
		}
	}
	closedir(d);
	return r;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int fs_glob(const char *base, const char *pattern, struct strs *out, struct err *err)
{
	struct glob_walk w = { .base = base, .out = out, .first = out->len, .parts = 1 };
	CLEAN_FREE char *fixed = NULL, *rest = NULL, *start = NULL;
	const char *magic = strpbrk(pattern, "*?[");
	const char *slash = NULL;

	if (!magic) {
		CLEAN_FREE char *full = path_join(base, pattern);

		if (!fs_exists(full))
			return err_set(err, ERR_NOTFOUND, "no such file: '%s'", pattern);
		strs_take(out, path_clean(pattern));
		return 0;
	}
	/* Walk only below the part that is fixed: src/x in src/x/?.c. */
	for (const char *p = pattern; p < magic; p++)
		if (*p == '/')
			slash = p;
	if (slash) {
		fixed = xstrndup(pattern, (size_t)(slash - pattern));
		rest = xstrdup(slash + 1);
	} else {
		fixed = xstrdup("");
		rest = xstrdup(pattern);
	}
	start = fixed[0] ? path_join(base, fixed) : xstrdup(base);
	w.base = start;
	w.pattern = rest;
	w.deep = strstr(rest, "**") != NULL;
	for (const char *p = rest; *p; p++)
		w.parts += *p == '/';
	if (walk(&w, "", 0, err) < 0)
		return -1;
	if (out->len == w.first)
		return err_set(err, ERR_NOTFOUND, "no file matches '%s'", pattern);
	if (fixed[0])
		for (size_t i = w.first; i < out->len; i++) {
			char *whole = path_join(fixed, out->ptr[i]);

			free(out->ptr[i]);
			out->ptr[i] = path_clean(whole);
			free(whole);
		}
	qsort(out->ptr + w.first, out->len - w.first, sizeof(*out->ptr), by_bytes);
	return 0;
}
