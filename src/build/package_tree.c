/* SPDX-License-Identifier: Apache-2.0 */
/* package.include: from globs to entries of the archive. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "build/package_internal.h"
#include "os/fs.h"
#include "os/proc.h"
#include "vcs/link.h"

/** One include being expanded. */
struct walk {
	const struct project *p;
	const struct include *inc;
	const char *root;	/* the project, with no symlink in its path */
	const char *out;	/* likewise the output directory; may not exist */
	struct placed_list *list;
};

void placed_release(struct placed_list *l)
{
	for (size_t i = 0; i < l->len; i++) {
		free(l->ptr[i].to);
		free(l->ptr[i].from);
		free(l->ptr[i].shown);
		free(l->ptr[i].target);
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

/* What follows @dir and a slash in @path; "" for @dir itself; NULL if it is elsewhere. */
static const char *below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (n && dir[n - 1] == '/')
		n--;
	if (strncmp(path, dir, n) != 0 || (path[n] && path[n] != '/'))
		return NULL;
	return path[n] ? path + n + 1 : path + n;
}

static bool is_artifact(const struct project *p, const char *name)
{
	static const char *const tails[] = { "-x86_64.zip", "-arm64.zip", ".oci", ".oci.tar", "-x86_64.docker.tar",
					     "-arm64.docker.tar", ".workers" };
	const size_t n = strcspn(name, "/");

	if (n == strlen("manifest.json") && starts_with(name, "manifest.json"))
		return true;
	for (size_t i = 0; i < p->nfunctions; i++)
		for (size_t k = 0; k < ARRAY_LEN(tails); k++) {
			CLEAN_FREE char *own = xasprintf("%s%s", p->functions[i]->name.s, tails[k]);

			if (strlen(own) == n && starts_with(name, own))
				return true;
		}
	return false;
}

/*
 * Whether slsc or git writes @real, an absolute path without symlinks: packed, it would differ from one machine and
 * from one run to the next.
 */
static bool is_output(const struct walk *w, const char *real)
{
	const char *rel = below(real, w->root), *made = below(real, w->out);
	struct str rest = str_from(rel ? rel : ""), name;

	if (rel && (below(rel, ".slsc") || below(rel, "dist") || strcmp(rel, "compile_commands.json") == 0))
		return true;
	while (rest.len) {
		name = rest;
		rest = str_cut(&name, '/');
		if (str_eqz(name, ".git"))
			return true;
	}
	/* --output may be the project itself, or hold it: then only what it gets is left out. */
	return made && (below(w->root, w->out) ? is_artifact(w->p, made) : true);
}

static int refuse_output(const struct walk *w, const char *what, struct err *err)
{
	project_err(w->p, ERR_CONFIG, w->inc->from, err, "'%s' is what slsc or git itself writes", what);
	return err_hint(err, "include the files that it is made from, or a command's output in another directory");
}

static int put(struct walk *w, const char *rel, const char *real, const char *to, struct placed e, struct err *err)
{
	struct err why;

	if (tree_check_path(to, &why) < 0) {
		project_err(w->p, ERR_CONFIG, w->inc->from, err, "%s", why.msg);
		return err_hint(err, "rename it, or include less");
	}
	e.to = xstrdup(to);
	e.from = xstrdup(real);
	e.shown = xstrdup(rel);
	e.where = w->inc->from;
	VEC_PUSH(w->list, e);
	return 0;
}

static int put_link(struct walk *w, const char *rel, const char *real, const char *to, struct err *err)
{
	char target[TREE_MAX_PATH + 2];
	ssize_t n = readlink(real, target, sizeof(target) - 1);

	if (n < 0) {
		err_sys(err, "cannot read %s", rel);
		return placed_err(w->p, w->inc->from, err);
	}
	target[n] = '\0';
	if (!str_is_utf8((struct str){ target, (size_t)n })) {
		project_err(w->p, ERR_CONFIG, w->inc->from, err, "the target of symlink '%s' is not UTF-8", rel);
		return err_hint(err, "rename what it points to, or include less");
	}
	if (!link_stays_inside(to, target)) {
		project_err(w->p, ERR_CONFIG, w->inc->from, err, "symlink '%s' leads out of the package, to '%s'", rel,
			    target);
		return err_hint(err, "include less, or put what it points to in its place");
	}
	return put(w, rel, real, to, (struct placed){ .type = TREE_LINK, .target = xstrdup(target) }, err);
}

/* Depth is bounded: paths are checked before what is below them is read. */
static int walk(struct walk *w, const char *rel, const char *real, const char *to, struct err *err)
{
	CLEAN_STRS struct strs names = { 0 };
	struct placed e = { .type = TREE_FILE, .mode = w->inc->mode };
	struct stat st;

	if (is_output(w, real))
		return 0;
	if (sig_check(err) < 0)
		return -1;
	if (lstat(real, &st) < 0) {
		err_sys(err, "cannot read %s", rel);
		return placed_err(w->p, w->inc->from, err);
	}
	if (S_ISLNK(st.st_mode))
		return put_link(w, rel, real, to, err);
	if (S_ISREG(st.st_mode)) {
		if (!e.mode)
			e.mode = st.st_mode & S_IXUSR ? 0755 : 0644;
		return put(w, rel, real, to, e, err);
	}
	if (!S_ISDIR(st.st_mode)) {
		project_err(w->p, ERR_CONFIG, w->inc->from, err, "'%s' is no file, directory or symlink", rel);
		return err_hint(err, "remove it, or include less");
	}
	if (put(w, rel, real, to, (struct placed){ .type = TREE_DIR, .mode = 0755 }, err) < 0)
		return -1;
	if (fs_list(real, &names, err) < 0)
		return placed_err(w->p, w->inc->from, err);
	for (size_t i = 0; i < names.len; i++) {
		CLEAN_FREE char *r = path_join(rel, names.ptr[i]), *a = path_join(real, names.ptr[i]);
		CLEAN_FREE char *t = xasprintf("%s/%s", to, names.ptr[i]);

		if (walk(w, r, a, t, err) < 0)
			return -1;
	}
	return 0;
}

/* The path of @rel without symlinks but for its last name. */
static char *real_path(const struct walk *w, const char *rel, struct err *err)
{
	CLEAN_FREE char *dir = path_dirname(rel), *abs = path_join(w->root, dir), *real = realpath(abs, NULL);

	if (!real) {
		err_sys(err, "cannot read %s", rel);
		placed_err(w->p, w->inc->from, err);
		return NULL;
	}
	if (!below(real, w->root)) {
		project_err(w->p, ERR_CONFIG, w->inc->from, err,
			    "'%s' is outside the project: a symlink leads to %s", rel, real);
		err_hint(err, "copy into the project what is to be packaged");
		return NULL;
	}
	return strcmp(rel, ".") == 0 ? steal(&real) : path_join(real, path_basename(rel));
}

static int place(struct walk *w, struct err *err)
{
	const struct include *inc = w->inc;
	CLEAN_STRS struct strs found = { 0 };
	const char *to = inc->to.s;
	const bool into = to && (ends_with(to, "/") || strcmp(to, ".") == 0 || !*to);
	const size_t fixed = fixed_prefix(inc->from.s), before = w->list->len;
	CLEAN_FREE char *start = xstrndup(inc->from.s, fixed);
	CLEAN_FREE char *named = path_clean(glob_has_magic(inc->from.s) ? start : inc->from.s), *real = NULL;

	if (project_glob(w->p, inc->from, &found, err) < 0)
		return -1;
	/* what the pattern names itself is meant */
	real = real_path(w, named, err);
	if (!real)
		return -1;
	if (is_output(w, real))
		return refuse_output(w, named, err);
	if (to && !into && found.len > 1) {
		project_err(w->p, ERR_CONFIG, inc->to, err, "'%s' names one file, but '%s' matches %zu", to,
			    inc->from.s, found.len);
		return err_hint(err, "write '%s/' to put them into a directory", to);
	}
	for (size_t i = 0; i < found.len; i++) {
		const char *from = found.ptr[i];
		const char *tail = strlen(from) > fixed ? from + fixed : from;
		CLEAN_FREE char *dest = into ? xasprintf("%s/%s", *to ? to : ".", tail) : xstrdup(to ? to : from);
		CLEAN_FREE char *clean = path_clean(dest), *path = NULL;

		if (!path_is_inside(clean) || strcmp(clean, ".") == 0) {
			project_err(w->p, ERR_CONFIG, to ? inc->to : inc->from, err,
				    "'%s' would land outside the package", dest);
			return err_hint(err, to ? "'to' is relative to the package's root, without '..'" :
						  "say where it goes: to: NAME");
		}
		path = real_path(w, from, err);
		if (!path || walk(w, from, path, clean, err) < 0)
			return -1;
	}
	return w->list->len > before ? 0 : refuse_output(w, inc->from.s, err);
}

static int clash(const struct project *p, const struct placed *a, const struct placed *b, struct err *err)
{
	const struct placed *first = a < b ? a : b, *later = a < b ? b : a;

	if (strcmp(a->to, b->to) != 0)
		project_err(p, ERR_CONFIG, later->where, err,
			    "'%s' and '%s' of line %u clash: in the package, '%s' is no directory", later->shown,
			    first->shown, first->where.line, strlen(a->to) < strlen(b->to) ? a->to : b->to);
	else if (strcmp(a->shown, b->shown) == 0)
		project_err(p, ERR_CONFIG, later->where, err, "'%s' is included twice: line %u does it already",
			    later->shown, first->where.line);
	else
		project_err(p, ERR_CONFIG, later->where, err, "'%s' and '%s' of line %u both become '%s'", later->shown,
			    first->shown, first->where.line, later->to);
	return err_hint(err, "remove one of them, or choose another place with 'to'");
}

/* Nothing twice, nothing below a file, nothing in bootstrap's place. */
static int check_clashes(const struct project *p, const struct placed_list *l, struct err *err)
{
	CLEAN_MAP struct map all = { 0 };

	for (size_t i = 0; i < l->len; i++) {
		struct placed *e = &l->ptr[i], *was = map_get(&all, e->to);

		if (below(e->to, "bootstrap")) {
			project_err(p, ERR_CONFIG, e->where, err,
				    "'%s' would take the place of bootstrap, the function's binary", e->shown);
			return err_hint(err, "choose another place with 'to'");
		}
		if (was && (was->type != TREE_DIR || e->type != TREE_DIR))
			return clash(p, was, e, err);
		if (!was)
			map_put(&all, e->to, e);
	}
	for (size_t i = 0; i < l->len; i++) {
		CLEAN_FREE char *up = xstrdup(l->ptr[i].to);

		for (char *slash = strrchr(up, '/'); slash; slash = strrchr(up, '/')) {
			const struct placed *parent;

			*slash = '\0';
			parent = map_get(&all, up);
			if (parent && parent->type != TREE_DIR)
				return clash(p, parent, &l->ptr[i], err);
		}
	}
	return 0;
}

int placed_resolve(const struct project *p, const struct includes *includes, const char *out,
		   struct placed_list *list, struct err *err)
{
	CLEAN_FREE char *root = realpath(p->dir, NULL);

	if (!root)
		return err_sys(err, "cannot read %s", p->dir);
	for (size_t i = 0; i < includes->len; i++) {
		struct walk w = { .p = p, .inc = &includes->ptr[i], .root = root, .out = out, .list = list };

		if (place(&w, err) < 0)
			return -1;
	}
	return check_clashes(p, list, err);
}

int placed_err(const struct project *p, struct lstr where, struct err *err)
{
	const struct err inner = *err;

	if (inner.code == ERR_INTR)
		return -1;
	project_err(p, inner.code, where, err, "%s", inner.msg);
	err->sys = inner.sys;
	return err_hint(err, "%s", inner.hint);
}

int placed_tree(const struct project *p, const struct placed_list *files, const char *binary, const char *prefix,
		struct tree *t, struct err *err)
{
	CLEAN_FREE char *bootstrap = path_join(prefix, "bootstrap");

	if (tree_add_file(t, bootstrap, binary, 0755, err) < 0)
		return -1;
	VEC_EACH(files, e) {
		CLEAN_FREE char *to = path_join(prefix, e->to);
		int r;

		if (e->type == TREE_DIR)
			r = tree_add_dir(t, to, e->mode, 0, 0, err);
		else if (e->type == TREE_LINK)
			r = tree_add_link(t, to, e->target, err);
		else
			r = tree_add_file(t, to, e->from, e->mode, err);
		if (r < 0)
			return placed_err(p, e->where, err);
	}
	return tree_finish(t, err);
}
