/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"

#define GLOB_MAX_MATCHES 65536u
#define GLOB_MAX_DEPTH 64u

struct walk {
	const struct glob *glob;
	const char *pattern;
	const char *fixed;	/* the part of the pattern that is followed, not searched */
	struct buf path;	/* of the directory being read */
	size_t below;		/* where in it the part below @fixed begins */
	struct strs *out;
	size_t first;
};

/* A regular file or a directory, which a link is followed to; else 0. */
static mode_t kind(DIR *d, const struct dirent *e, bool *link)
{
	struct stat st;

	*link = e->d_type == DT_LNK;
	if (e->d_type == DT_REG || e->d_type == DT_DIR)
		return e->d_type == DT_REG ? S_IFREG : S_IFDIR;
	if (e->d_type == DT_UNKNOWN) {
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return 0;
		*link = S_ISLNK(st.st_mode);
	}
	if (fstatat(dirfd(d), e->d_name, &st, 0) < 0)
		return 0;
	return st.st_mode & (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? S_IFMT : 0);
}

static int take(struct walk *w, struct err *err)
{
	CLEAN_FREE char *whole = path_join(w->fixed, w->path.ptr + w->below);

	if (w->out->len - w->first == GLOB_MAX_MATCHES)
		return err_set(err, ERR_LIMIT, "limit exceeded: '%s' matches more than %u files", w->pattern,
			       GLOB_MAX_MATCHES);
	strs_take(w->out, path_clean(whole));
	return 0;
}

static int walk(struct walk *w, uint64_t state, unsigned depth, struct err *err)
{
	size_t len = w->path.len;
	DIR *d = opendir(len ? w->path.ptr : ".");
	struct dirent *e;
	int r = sig_check(err);

	if (!d) {
		/* no such thing is no match, at the start as well as when it has just gone */
		if (errno == ENOENT || errno == ENOTDIR)
			return r;
		return err_sys(err, "cannot list %s", len ? w->path.ptr : ".");
	}
	if (r == 0 && depth > GLOB_MAX_DEPTH)
		r = err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u directories deep", w->path.ptr,
			    GLOB_MAX_DEPTH);
	while (r == 0 && (errno = 0, e = readdir(d))) {
		uint64_t next = glob_step(w->glob, state, e->d_name, false);
		bool link;
		mode_t type;

		if (!next || strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		type = kind(d, e, &link);
		if (link)
			next = glob_step(w->glob, state, e->d_name, true);
		if (len && w->path.ptr[len - 1] != '/')
			buf_addc(&w->path, '/');
		buf_addz(&w->path, e->d_name);
		if (type == S_IFDIR && glob_more(w->glob, next))
			r = walk(w, next, depth + 1, err);
		else if (type == S_IFREG && glob_done(w->glob, next))
			r = take(w, err);
		w->path.len = len;
		w->path.ptr[len] = '\0';
	}
	if (r == 0 && errno)
		r = err_sys(err, "cannot list %s", len ? w->path.ptr : ".");
	closedir(d);
	return r;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int fs_glob(const char *base, const char *pattern, struct strs *out, struct err *err)
{
	CLEAN_GLOB struct glob g = { .n = 0 };
	struct walk w = { .glob = &g, .pattern = pattern, .path = BUF_INIT, .out = out, .first = out->len };
	CLEAN_FREE char *fixed = NULL, *start = NULL;
	size_t slash = 0;
	int r;

	if (!glob_has_magic(pattern)) {
		CLEAN_FREE char *full = path_join(base, pattern);

		if (!fs_exists(full))
			return err_set(err, ERR_NOTFOUND, "no such file: '%s'", pattern);
		strs_take(out, path_clean(pattern));
		return 0;
	}
	/* Walk only below the part that is fixed: src/x in src/x/?.c. */
	for (size_t i = 0; i < strcspn(pattern, "*?[\\"); i++)
		if (pattern[i] == '/')
			slash = i + 1;
	fixed = xstrndup(pattern, slash);
	w.fixed = fixed;
	start = path_join(base, fixed);
	if (strcmp(start, ".") != 0)
		buf_addz(&w.path, start);
	if (w.path.len && w.path.ptr[w.path.len - 1] != '/')
		buf_addc(&w.path, '/');
	w.below = w.path.len;
	r = glob_init(&g, pattern + slash, err);
	if (r == 0)
		r = walk(&w, glob_start(&g), 0, err);
	if (r == 0 && out->len == w.first)
		r = err_set(err, ERR_NOTFOUND, "no file matches '%s'", pattern);
	buf_release(&w.path);
	if (r < 0)
		while (out->len > w.first)
			free(out->ptr[--out->len]);
	else
		qsort(out->ptr + w.first, out->len - w.first, sizeof(*out->ptr), by_bytes);
	return r;
}
