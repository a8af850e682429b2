/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "base/map.h"
#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"

#define GLOB_MAX_MATCHES 65536u
#define GLOB_MAX_DEPTH 64u

struct walk {
	const struct glob *glob;
	const char *pattern;
	struct fs_dirs *dirs;	/* read already, or NULL */
	const char *fixed;	/* the part of the pattern that is followed, not searched */
	struct buf path;	/* of the directory being read */
	size_t below;		/* where in it the part below @fixed begins */
	struct strs *out;
	size_t first;
};

/* What is in a directory: names and types as readdir() gives them. */
struct listing {
	struct entry {
		char *name;
		unsigned char type;	/* DT_* */
	} *ptr;
	size_t len, cap;
	int error;		/* errno of opendir(), or 0 */
};

static void listing_free(struct listing *l)
{
	for (size_t i = 0; i < l->len; i++)
		free(l->ptr[i].name);
	free(l->ptr);
	free(l);
}

void fs_dirs_release(struct fs_dirs *dirs)
{
	for (size_t i = 0; i < dirs->map.len; i++)
		listing_free(dirs->map.ptr[i].val);
	map_release(&dirs->map);
}

static struct listing *read_dir(const char *path, struct err *err)
{
	struct listing *l = xcalloc(1, sizeof(*l));
	DIR *d = opendir(path);
	struct dirent *e;

	if (!d) {
		l->error = errno;
		return l;
	}
	while ((errno = 0, e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			VEC_PUSH(l, ((struct entry){ xstrdup(e->d_name), e->d_type }));
	if (errno) {
		err_sys(err, "cannot list %s", path);
		listing_free(l);
		l = NULL;
	}
	closedir(d);
	return l;
}

/* A regular file or a directory, which a link is followed to; else 0. */
static mode_t kind(const char *path, unsigned char type, bool *link)
{
	struct stat st;

	*link = type == DT_LNK;
	if (type == DT_REG || type == DT_DIR)
		return type == DT_REG ? S_IFREG : S_IFDIR;
	if (type == DT_UNKNOWN) {
		if (lstat(path, &st) < 0)
			return 0;
		*link = S_ISLNK(st.st_mode);
	}
	if (stat(path, &st) < 0)
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

static int walk(struct walk *w, uint64_t state, unsigned depth, struct err *err);

static int walk_entry(struct walk *w, const struct entry *e, uint64_t state, unsigned depth, struct err *err)
{
	uint64_t next = glob_step(w->glob, state, e->name, false);
	size_t len = w->path.len;
	bool link;
	mode_t type;
	int r = 0;

	if (!next)
		return 0;
	if (len && w->path.ptr[len - 1] != '/')
		buf_addc(&w->path, '/');
	buf_addz(&w->path, e->name);
	type = kind(w->path.ptr, e->type, &link);
	if (link)
		next = glob_step(w->glob, state, e->name, true);
	if (type == S_IFDIR && glob_more(w->glob, next))
		r = walk(w, next, depth + 1, err);
	else if (type == S_IFREG && glob_done(w->glob, next))
		r = take(w, err);
	w->path.len = len;
	w->path.ptr[len] = '\0';
	return r;
}

static int walk(struct walk *w, uint64_t state, unsigned depth, struct err *err)
{
	const char *path = w->path.len ? w->path.ptr : ".";
	struct listing *l = w->dirs ? map_get(&w->dirs->map, path) : NULL;
	bool ours = !w->dirs;
	int r = sig_check(err);

	if (!l) {
		l = read_dir(path, err);
		if (!l)
			return -1;
		if (w->dirs)
			map_put(&w->dirs->map, path, l);
	}
	/* no such thing is no match, at the start as well as when it has just gone */
	if (l->error && l->error != ENOENT && l->error != ENOTDIR) {
		errno = l->error;
		r = err_sys(err, "cannot list %s", path);
	}
	if (r == 0 && !l->error && depth > GLOB_MAX_DEPTH)
		r = err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u directories deep", path, GLOB_MAX_DEPTH);
	for (size_t i = 0; r == 0 && i < l->len; i++)
		r = walk_entry(w, &l->ptr[i], state, depth, err);
	if (ours)
		listing_free(l);
	return r;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int fs_glob(const char *base, const char *pattern, struct strs *out, struct err *err)
{
	return fs_glob_in(NULL, base, pattern, out, err);
}

int fs_glob_in(struct fs_dirs *dirs, const char *base, const char *pattern, struct strs *out, struct err *err)
{
	CLEAN_GLOB struct glob g = { .n = 0 };
	struct walk w = { .glob = &g, .pattern = pattern, .dirs = dirs, .path = BUF_INIT, .out = out,
			  .first = out->len };
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
