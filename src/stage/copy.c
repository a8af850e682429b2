/* SPDX-License-Identifier: Apache-2.0 */
/* COPY and ADD: names, patterns, and where things land. */
#include "stage/copy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"
#include "stage/copy_internal.h"

#define MAX_MATCHES 65536u

int copy_fail(const struct copier *c, struct err *err, enum err_code code, const char *fmt, ...)
{
	char text[700];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_at(err, code, c->w->shown, c->w->inst->line, c->w->inst->col, "%s: %s",
		      df_kind_name(c->w->inst->kind), text);
}

/* ---- the destination ---- */

static char *absolute(const char *workdir, const char *path)
{
	CLEAN_FREE char *text = *path == '/' ? xasprintf("/%s", path) : xasprintf("/%s/%s", workdir, path);
	char *p = text;

	while (p[0] == '/' && p[1] == '/')
		p++;
	return path_clean(p);
}

static bool ends_in_slash(const char *s)
{
	const size_t n = strlen(s);

	return n && (s[n - 1] == '/' || strcmp(s, ".") == 0 || strcmp(s, "..") == 0 || ends_with(s, "/.") ||
		     ends_with(s, "/.."));
}

/* Relative to the root, through the links that the image has on the way. "": the root itself. */
static char *real_path(struct copier *c, const char *path, bool *is_dir, struct err *err)
{
	CLEAN_SNAP_NODE struct snap_node node = { .target = NULL };
	char *real = NULL;
	const int there = snap_lookup(c->below, path + (*path == '/'), true, &node, &real, err);

	if (there < 0) {
		free(real);
		return NULL;
	}
	*is_dir = (there && S_ISDIR(node.mode)) || !*real;
	return real;
}

char *copy_target(struct copier *c, const char *name, bool is_dir, struct err *err)
{
	CLEAN_FREE char *dest = absolute(c->w->workdir, c->w->dest), *full = NULL;
	bool exists;

	full = real_path(c, dest, &exists, err);
	if (!full)
		return NULL;
	if (is_dir || !(c->dest_dir || exists))
		return steal(&full);
	return path_join(full, name);
}

static bool in_tree(const struct copier *c, const char *path)
{
	return map_has(&c->paths, path);
}
int copy_parents_of(struct copier *c, const char *to, struct err *err)
{
	for (const char *slash = strchr(to, '/'); slash; slash = strchr(slash + 1, '/')) {
		CLEAN_FREE char *dir = xstrndup(to, (size_t)(slash - to));
		CLEAN_SNAP_NODE struct snap_node node = { .target = NULL };
		struct tree_entry e = { .path = dir, .type = TREE_DIR, .uid = c->uid, .gid = c->gid };
		int there;

		if (in_tree(c, dir))
			continue;
		there = snap_lookup(c->below, dir, false, &node, NULL, err);
		if (there < 0)
			return -1;
		if (there && !S_ISDIR(node.mode))
			return copy_fail(c, err, ERR_EXISTS, "/%s is in the way: it is no directory", dir);
		e.mode = 0755;
		if (there) {
			e.mode = node.mode & 07777;
			e.uid = node.uid;
			e.gid = node.gid;
		}
		if (copy_add_entry(c, &e, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- entries ---- */

int copy_add_entry(struct copier *c, const struct tree_entry *e, struct err *err)
{
	const size_t at = (size_t)(uintptr_t)map_get(&c->paths, e->path);

	if (starts_with(path_basename(e->path), ".wh.")) {
		copy_fail(c, err, ERR_FORMAT, "/%s: a layer cannot hold a name that begins with .wh., which means that "
			  "something is not there", e->path);
		return err_hint(err, "leave it out by .dockerignore or --exclude, or give it another name");
	}
	if (at) {
		struct tree_entry *was = &c->out->ptr[at - 1];

		/* the later source counts; tree_add_entry() makes the copies that outlive the caller's */
		if (was->type == TREE_DIR && e->type != TREE_DIR)
			return copy_fail(c, err, ERR_EXISTS, "/%s is a directory, and cannot be overwritten", e->path);
		if (was->type != TREE_DIR && e->type == TREE_DIR)
			return copy_fail(c, err, ERR_EXISTS, "/%s is in the way: it is no directory", e->path);
		if (tree_add_entry(c->out, e, err) < 0)
			return -1;
		*was = c->out->ptr[--c->out->len];
		return 0;
	}
	if (tree_add_entry(c->out, e, err) < 0)
		return copy_fail(c, err, err->code, "%s", err->msg);
	map_put(&c->paths, e->path, (void *)(uintptr_t)c->out->len);
	return 0;
}

static enum tree_type type_of(mode_t m)
{
	return S_ISDIR(m)    ? TREE_DIR
	       : S_ISLNK(m)  ? TREE_LINK
	       : S_ISCHR(m)  ? TREE_CHAR
	       : S_ISBLK(m)  ? TREE_BLOCK
	       : S_ISFIFO(m) ? TREE_FIFO
			     : TREE_FILE;
}

static int finish_entry(struct copier *c, const struct snap_attrs *a, const char *host, struct tree_entry *e,
			struct err *err)
{
	mode_t mode = a->st.st_mode & 07777;

	e->type = type_of(a->st.st_mode);
	if (c->w->chmod && e->type != TREE_LINK && mode_apply(c->w->chmod, mode, e->type == TREE_DIR, &mode) < 0)
		return copy_fail(c, err, ERR_CONFIG, "--chmod: '%s' is no mode", c->w->chmod);
	e->mode = e->type == TREE_LINK ? 0777 : mode;
	e->uid = c->has_owner ? c->uid : c->owned ? a->st.st_uid : 0;
	e->gid = c->has_owner ? c->gid : c->owned ? a->st.st_gid : 0;
	if (c->owned) {
		e->xattrs = a->x;
		e->nxattrs = a->nx;
	}
	if (e->type == TREE_FILE) {
		e->src = host;
		e->size = (uint64_t)a->st.st_size;
		e->ino = a->st.st_ino;
		e->written = a->st.st_mtim;
	}
	e->major = major(a->st.st_rdev);
	e->minor = minor(a->st.st_rdev);
	return 0;
}

/* The context's files have no owner and no attributes that would count. */
static int read_attrs(const struct copier *c, struct snap_attrs *a, const char *host, struct err *err)
{
	if (c->owned)
		return snap_attrs_read(a, host, true, err);
	*a = (struct snap_attrs){ .nx = 0 };
	if (lstat(host, &a->st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "%s", host);
	return 1;
}

/* The name under which the file was copied first. */
static const char *first_name(struct copier *c, const struct stat *st, const char *to)
{
	char key[64];
	const char *first;

	snprintf(key, sizeof(key), "%llx %llx", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
	first = map_get(&c->inodes, key);
	if (!first)
		map_put(&c->inodes, key, arena_strdup(&c->out->arena, to));
	return first;
}

static int copy_with(struct copier *c, const char *host, const char *to, const struct snap_attrs *a, struct err *err)
{
	struct tree_entry e = { .path = to };
	CLEAN_FREE char *target = NULL;

	if (S_ISSOCK(a->st.st_mode))
		return 0;
	/* a context has no pipes or devices: BuildKit does not even send them */
	if (!c->owned && !S_ISREG(a->st.st_mode) && !S_ISDIR(a->st.st_mode) && !S_ISLNK(a->st.st_mode))
		return 0;
	if (finish_entry(c, a, host, &e, err) < 0)
		return -1;
	if (e.type == TREE_FILE && a->st.st_nlink > 1) {
		const char *first = first_name(c, &a->st, to);

		if (first && strcmp(first, to) != 0 && in_tree(c, first)) {
			e.type = TREE_HARDLINK;
			e.target = first;
			e.nxattrs = 0;
		}
	}
	if (e.type == TREE_LINK) {
		target = snap_read_link(host, err);
		if (!target)
			return -1;
		e.target = target;
	}
	return copy_add_entry(c, &e, err);
}

int copy_file(struct copier *c, const char *host, const char *to, struct err *err)
{
	CLEAN_SNAP_ATTRS struct snap_attrs a = { .nx = 0 };
	const int ret = read_attrs(c, &a, host, err);

	if (ret <= 0)
		return ret < 0 ? -1 : copy_fail(c, err, ERR_IO, "%s is gone", host);
	if (!*to)
		return copy_fail(c, err, ERR_EXISTS, "/ is a directory, and cannot be overwritten");
	return copy_parents_of(c, to, err) < 0 ? -1 : copy_with(c, host, to, &a, err);
}

/* ---- directories ---- */

/* --exclude names what is below the source directory; of a file that a pattern has found, the name. */
static bool left_out(const struct copier *c, const char *path, const char *below)
{
	if (c->from->ignored && ignore_match(c->from->ignored, path))
		return true;
	return c->excludes && ignore_match(c->excludes, below);
}

/* A directory of the image keeps what it is if it was only the destination; further below, the source's counts. */
static int enter_dir(struct copier *c, const char *host, const char *to, bool top, struct err *err)
{
	CLEAN_SNAP_ATTRS struct snap_attrs a = { .nx = 0 };
	CLEAN_SNAP_NODE struct snap_node node = { .target = NULL };
	int there = *to ? snap_lookup(c->below, to, false, &node, NULL, err) : 1;

	if (there < 0)
		return -1;
	if (there && *to && !S_ISDIR(node.mode))
		return copy_fail(c, err, ERR_EXISTS, "/%s is in the way: it is no directory", to);
	if (!*to)
		return 0;
	if (there && top) {
		const struct tree_entry e = {
			.path = to, .type = TREE_DIR, .mode = node.mode & 07777, .uid = node.uid, .gid = node.gid
		};

		return in_tree(c, to) ? 0 : copy_add_entry(c, &e, err);
	}
	if (top && in_tree(c, to))
		return 0;
	/* a destination that is not there is made as every missing directory is */
	if (top && !c->w->parents) {
		struct tree_entry e = { .path = to, .type = TREE_DIR, .mode = 0755, .uid = c->uid, .gid = c->gid };

		if (c->w->chmod && mode_apply(c->w->chmod, 0755, true, &e.mode) < 0)
			return copy_fail(c, err, ERR_CONFIG, "--chmod: '%s' is no mode", c->w->chmod);
		return copy_add_entry(c, &e, err);
	}
	if (read_attrs(c, &a, host, err) <= 0)
		return copy_fail(c, err, ERR_IO, "%s is gone", host);
	return copy_with(c, host, to, &a, err);
}

static int walk(struct copier *c, const char *path, const char *below, const struct snap_set *set, const char *to,
		unsigned depth, struct err *err);

static int walk_child(struct copier *c, const char *dir, const char *dir_below, const char *name,
		      const struct snap_set *in, const char *to, unsigned depth, struct err *err)
{
	CLEAN_FREE char *path = path_join(dir, name), *below = path_join(dir_below, name), *at = path_join(to, name);
	CLEAN_FREE char *host = NULL;
	CLEAN_SNAP_ATTRS struct snap_attrs a = { .nx = 0 };
	const bool out = left_out(c, path, below);
	struct snap_set set;
	int kind = snap_child_stat(&c->source, in, dir, name, &set, &a.st, err);

	if (kind <= 0)
		return kind;
	if (out && (kind != 1 || ((!c->from->ignored || !ignore_match(c->from->ignored, path) ||
				   ignore_prunes(c->from->ignored, path)) &&
				  (!c->excludes || !ignore_match(c->excludes, below) ||
				   ignore_prunes(c->excludes, below)))))
		return 0;
	host = snap_host(&c->source, set.layer[0], path);
	if (kind == 2)
		return c->owned && snap_attrs_read(&a, host, true, err) < 0 ? -1 : copy_with(c, host, at, &a, err);
	/* a directory that is left out itself, but has something inside that is not, comes with that */
	if (out) {
		const size_t before = c->out->len;

		if (walk(c, path, below, &set, at, depth + 1, err) < 0)
			return -1;
		return c->out->len > before && !in_tree(c, at) ? enter_dir(c, host, at, false, err) : 0;
	}
	return enter_dir(c, host, at, false, err) < 0 ? -1 : walk(c, path, below, &set, at, depth + 1, err);
}

static int walk(struct copier *c, const char *path, const char *below, const struct snap_set *set, const char *to,
		unsigned depth, struct err *err)
{
	CLEAN_STRS struct strs names = { 0 };

	if (depth > 64)
		return copy_fail(c, err, ERR_LIMIT, "limit exceeded: directories deeper than 64");
	if (sig_check(err) < 0 || snap_names(&c->source, set, path, &names, err) < 0)
		return -1;
	VEC_EACH(&names, name)
		if (walk_child(c, path, below, *name, set, to, depth, err) < 0)
			return -1;
	return 0;
}

int copy_dir(struct copier *c, const char *path, const struct snap_set *set, const char *to, struct err *err)
{
	CLEAN_FREE char *host = snap_host(&c->source, set->layer[0], path);

	if (copy_parents_of(c, to, err) < 0 || enter_dir(c, host, to, true, err) < 0)
		return -1;
	return walk(c, path, c->under, set, to, 0, err);
}

/* ---- sources ---- */

static int set_of(struct copier *c, const char *path, struct snap_set *set, struct err *err)
{
	struct str rest = str_from(path);
	CLEAN_BUF struct buf at = BUF_INIT;
	int kind = 1;

	snap_root(&c->source, set);
	while (rest.len && kind == 1) {
		struct str part = rest;
		struct snap_set next;
		CLEAN_FREE char *name = NULL;

		rest = str_cut(&part, '/');
		name = xstrndup(part.ptr, part.len);
		kind = snap_child(&c->source, set, at.len ? at.ptr : "", name, &next, err);
		*set = next;
		buf_addf(&at, "%s%s", at.len ? "/" : "", name);
	}
	return kind;
}

/* Of @matched, what goes along with --parents: from the pivot "/./" of the source on. */
static const char *parents_path(const char *source, const char *matched)
{
	const char *pivot = strstr(source, "/./");
	CLEAN_FREE char *before = pivot ? xstrndup(source, (size_t)(pivot - source)) : xstrdup("");
	CLEAN_FREE char *rooted = xasprintf("/%s", before), *clean = path_clean(rooted);
	const size_t skip = strcmp(clean, "/") == 0 ? 0 : strlen(clean);

	return strlen(matched) > skip ? matched + skip : path_basename(matched);
}

/* The directories on the way are made as the source has them. */
static char *parents_target(struct copier *c, const char *matched, const char *along, struct err *err)
{
	CLEAN_FREE char *dest = absolute(c->w->workdir, c->w->dest), *full = NULL, *to = NULL;
	bool exists;

	full = real_path(c, dest, &exists, err);
	if (!full)
		return NULL;
	to = path_join(full, along);
	for (const char *slash = strchr(along, '/'); slash; slash = strchr(slash + 1, '/')) {
		CLEAN_FREE char *from = xstrndup(matched, (size_t)(slash - matched));
		CLEAN_FREE char *rel = xstrndup(along, (size_t)(slash - along)), *at = path_join(full, rel);
		CLEAN_SNAP_NODE struct snap_node node = { .target = NULL };
		const int there = snap_lookup(&c->source, from, true, &node, NULL, err);

		if (there < 0 || (there && (copy_parents_of(c, at, err) < 0 ||
					    enter_dir(c, node.host, at, true, err) < 0)))
			return NULL;
	}
	return steal(&to);
}

static int not_there(struct copier *c, const char *source, struct err *err)
{
	CLEAN_STRS struct strs names = { 0 };
	CLEAN_FREE char *dir = path_dirname(source);
	struct err ignored;
	const char *near;

	copy_fail(c, err, ERR_NOTFOUND, "'%s' is not in %s", source,
		  c->owned ? "what it copies from" : "the build context");
	if (snap_list(&c->source, strcmp(dir, ".") == 0 ? "" : dir, &names, &ignored) < 0)
		return -1;
	near = str_closest(path_basename(source), (const char *const *)names.ptr, names.len);
	return near ? err_hint(err, "did you mean '%s%s%s'?", strcmp(dir, ".") == 0 ? "" : dir,
			       strcmp(dir, ".") == 0 ? "" : "/", near)
		    : -1;
}

/* Links are followed inside of what is copied from, as if it were the root: one that leads out of it ends nowhere. */
static int leads_nowhere(struct copier *c, const char *path, struct err *err)
{
	CLEAN_SNAP_NODE struct snap_node node = { .target = NULL };
	const int there = snap_lookup(&c->source, path, false, &node, NULL, err);

	if (there < 0)
		return -1;
	if (!there || !S_ISLNK(node.mode))
		return not_there(c, path, err);
	return copy_fail(c, err, ERR_CONFIG, "'%s' is a symlink to '%.200s', which is not in %s", path, node.target,
			 c->owned ? "what it copies from" : "the build context");
}

/* One path of the source, which no pattern is in any more; it may be a symlink. */
static int copy_path(struct copier *c, const char *source, const char *path, struct err *err)
{
	CLEAN_SNAP_NODE struct snap_node node = { .target = NULL };
	CLEAN_FREE char *real = NULL, *to = NULL;
	struct snap_set set;
	int there;

	if (c->from->ignored && *path && ignore_match(c->from->ignored, path) &&
	    ignore_prunes(c->from->ignored, path)) {
		copy_fail(c, err, ERR_NOTFOUND, "'%s' is left out of the build context by .dockerignore", source);
		return err_hint(err, "take it in again by a line !%s at the end of it", path);
	}
	/* names of one file are one file where they are copied together */
	map_release(&c->inodes);
	there = snap_lookup(&c->source, path, true, &node, &real, err);
	if (there <= 0)
		return there < 0 ? -1 : leads_nowhere(c, path, err);
	if (c->excludes && *path && ignore_match(c->excludes, path) && !S_ISDIR(node.mode))
		return 0;
	if (c->from->ignored && *real && strcmp(real, path) != 0 && ignore_match(c->from->ignored, real))
		return not_there(c, path, err);
	if (c->w->add && S_ISREG(node.mode) && !c->w->no_unpack) {
		const int done = copy_archive(c, node.host, err);

		if (done)
			return done < 0 ? -1 : 0;
	}
	c->under = c->w->parents ? parents_path(source, path) : "";
	to = c->w->parents ? parents_target(c, path, c->under, err)
			   : copy_target(c, path_basename(path), S_ISDIR(node.mode), err);
	if (!to)
		return -1;
	if (!S_ISDIR(node.mode))
		return copy_file(c, node.host, to, err);
	if (set_of(c, real, &set, err) != 1)
		return copy_fail(c, err, ERR_IO, "'%s' is gone", path);
	return copy_dir(c, real, &set, to, err);
}

static bool has_magic(const char *s)
{
	return strpbrk(s, "*?[\\") != NULL;
}

/*
 * The paths that match from the component @pattern on, below @dir, which may be a link to a directory. @seen: where it
 * has been with how much of the pattern; to those several ** lead again and again.
 */
static int expand(struct copier *c, const char *dir, const char *pattern, struct map *seen, struct strs *out,
		  struct err *err)
{
	CLEAN_FREE char *key = xasprintf("%zu/%s", strlen(pattern), dir);
	CLEAN_FREE char *part = xstrndup(pattern, strcspn(pattern, "/")), *real = NULL;
	const char *rest = pattern[strlen(part)] ? pattern + strlen(part) + 1 : NULL;
	CLEAN_SNAP_NODE struct snap_node node = { .target = NULL };
	CLEAN_STRS struct strs names = { 0 };
	int there;

	if (map_put(seen, key, c))
		return 0;
	if (sig_check(err) < 0)
		return -1;
	there = snap_lookup(&c->source, dir, true, &node, &real, err);
	if (there <= 0 || !S_ISDIR(node.mode))
		return there < 0 ? -1 : 0;
	if (snap_list(&c->source, real, &names, err) < 0)
		return -1;
	if (strcmp(part, "**") == 0) {
		if (rest && expand(c, dir, rest, seen, out, err) < 0)
			return -1;
		VEC_EACH(&names, n) {
			CLEAN_FREE char *at = path_join(dir, *n), *its = path_join(real, *n);
			CLEAN_SNAP_NODE struct snap_node one = { .target = NULL };

			if (snap_lookup(&c->source, its, false, &one, NULL, err) < 0)
				return -1;
			if (!rest)
				strs_add(out, at);
			else if (S_ISDIR(one.mode) && expand(c, at, pattern, seen, out, err) < 0)
				return -1;
		}
		return 0;
	}
	VEC_EACH(&names, n) {
		CLEAN_FREE char *at = path_join(dir, *n);

		if (!path_match(part, *n))
			continue;
		if (out->len > MAX_MATCHES)
			return copy_fail(c, err, ERR_LIMIT, "limit exceeded: more than %u files match", MAX_MATCHES);
		if (!rest)
			strs_add(out, at);
		else if (expand(c, at, rest, seen, out, err) < 0)
			return -1;
	}
	return 0;
}

/* "./a//b/" is "a/b", "/a" too; what leads out is refused rather than bent. */
static char *clean_source(struct copier *c, const char *source, struct err *err)
{
	const char *bare = source + strspn(source, "/");
	CLEAN_FREE char *clean = path_clean(*bare ? bare : ".");

	if (!path_is_inside(clean)) {
		copy_fail(c, err, ERR_CONFIG, "'%s' is outside of %s", source,
			  c->owned ? "what it copies from" : "the build context");
		err_hint(err, "sources are relative to the directory that the build is given");
		return NULL;
	}
	return strcmp(clean, ".") == 0 ? xstrdup("") : steal(&clean);
}

static int copy_heredoc(struct copier *c, const struct df_heredoc *h, struct err *err)
{
	CLEAN_FREE char *to = copy_target(c, h->name, false, err);
	mode_t mode = 0644;
	struct tree_entry e = { .path = to, .type = TREE_FILE, .uid = c->uid, .gid = c->gid };

	if (!to || copy_parents_of(c, to, err) < 0)
		return -1;
	if (c->w->chmod && mode_apply(c->w->chmod, mode, false, &mode) < 0)
		return copy_fail(c, err, ERR_CONFIG, "--chmod: '%s' is no mode", c->w->chmod);
	e.mode = mode;
	e.data = h->text.ptr;
	e.size = h->text.len;
	return copy_add_entry(c, &e, err);
}

static int copy_source(struct copier *c, const char *source, struct err *err)
{
	CLEAN_STRS struct strs found = { 0 };
	CLEAN_MAP struct map seen = { 0 };
	const struct df_heredoc *h = df_heredoc_of(c->w->inst, source);
	CLEAN_FREE char *clean = NULL;
	size_t n = 0;
	int ret;

	if (h)
		return copy_heredoc(c, &c->w->heredocs[h - c->w->inst->heredocs], err);
	if (c->w->add) {
		ret = copy_remote(c, source, err);
		if (ret)
			return ret < 0 ? -1 : 0;
	}
	clean = clean_source(c, source, err);
	if (!clean)
		return -1;
	if (!has_magic(clean))
		return copy_path(c, source, clean, err);
	if (path_match_check(clean, err) < 0)
		return copy_fail(c, err, ERR_CONFIG, "%s", err->msg);
	if (expand(c, "", clean, &seen, &found, err) < 0)
		return -1;
	VEC_EACH(&found, f) {
		if (left_out(c, *f, *f))
			continue;
		n++;
		if (copy_path(c, source, *f, err) < 0)
			return -1;
	}
	/* BuildKit says nothing of a pattern without a match; where there is nothing else, that is no copy at all */
	return n || c->w->nsources > 1 ? 0 : not_there(c, clean, err);
}

/* ---- the key ---- */

static int key_of(const struct copier *c, struct digest *key, struct err *err)
{
	struct digest_ctx *md = digest_new(err);

	if (!md)
		return -1;
	for (size_t k = 0; k < c->out->len; k++) {
		const struct tree_entry *e = &c->out->ptr[k];
		CLEAN_BUF struct buf b = BUF_INIT;
		struct digest file = { .s = "" };
		int ret = 0;

		if (e->type == TREE_FILE && e->src) {
			struct stat st;

			ret = lstat(e->src, &st) < 0 ? err_sys(err, "%s", e->src)
						     : file_hash(c->hashes, e->src, &st, &file, err);
		} else if (e->type == TREE_FILE) {
			ret = digest_of(e->data ? e->data : "", e->size, &file, err);
		}
		if (ret < 0) {
			digest_free(md);
			return -1;
		}
		buf_addf(&b, "%zu:%s %d %o %u %u %zu:%s %u %u %s %zu\n", strlen(e->path), e->path, (int)e->type,
			 (unsigned)e->mode, e->uid, e->gid, e->target ? strlen(e->target) : 0,
			 e->target ? e->target : "", e->major, e->minor, file.s, e->nxattrs);
		digest_update(md, b.ptr, b.len);
		for (size_t i = 0; i < e->nxattrs; i++) {
			digest_update(md, e->xattrs[i].name, strlen(e->xattrs[i].name) + 1);
			digest_update(md, &e->xattrs[i].len, sizeof(e->xattrs[i].len));
			digest_update(md, e->xattrs[i].val, e->xattrs[i].len);
		}
	}
	digest_final(md, key);
	return 0;
}

static int check_checksum(const struct copier *c, struct err *err)
{
	const struct copy_want *w = c->w;

	if (!w->checksum)
		return 0;
	if (w->nsources > 1)
		return copy_fail(c, err, ERR_CONFIG, "--checksum is of one source, and there are %zu", w->nsources);
	if (!copy_is_remote(w->sources[0])) {
		copy_fail(c, err, ERR_CONFIG, "--checksum is for URLs and git repositories only");
		return err_hint(err, "a local file's content is part of the build anyway");
	}
	return 0;
}

static int begin(struct copier *c, struct err *err)
{
	static const struct snap_stack nothing = { .n = 0 };
	const struct copy_want *w = c->w;
	struct owner_ids owner = { .uid = 0 };

	c->under = "";
	c->context = c->from->context;
	c->owned = !c->context;
	c->source = c->context ? (struct snap_stack){ &c->context, 1 } : c->from->stack;
	c->uid = w->uid;
	c->gid = w->gid;
	c->dest_dir = w->nsources > 1 || ends_in_slash(w->dest) || !*w->dest;
	c->out->bytes = true;
	if (w->chown) {
		if (owner_resolve(w->chown, c->below, &owner, err) < 0) {
			copy_fail(c, err, ERR_CONFIG, "--chown: %s", err->msg);
			return w->link ? err_hint(err, "with --link nothing of the image is known: write numbers") : -1;
		}
		c->has_owner = true;
		c->uid = owner.uid;
		c->gid = owner.gid;
		/* a number alone is both, whatever etc/passwd says */
		if (strspn(w->chown, "0123456789") == strlen(w->chown))
			c->gid = owner.uid;
		owner_ids_release(&owner);
	}
	if (w->link)
		c->below = &nothing;
	if (check_checksum(c, err) < 0)
		return -1;
	if (!w->nexcludes)
		return 0;
	c->excludes = ignore_patterns("--exclude", w->excludes, w->nexcludes, err);
	return c->excludes ? 0 : copy_fail(c, err, ERR_CONFIG, "%s", err->msg);
}

int copy_tree(const struct copy_want *w, const struct copy_from *from, const struct snap_stack *below,
	      struct file_hashes *hashes, const char *scratch, struct tree *out, struct digest *key, struct err *err)
{
	struct copier c = { .w = w, .from = from, .below = below, .hashes = hashes, .scratch = scratch, .out = out };
	int ret = begin(&c, err);

	for (size_t i = 0; ret == 0 && i < w->nsources; i++)
		ret = copy_source(&c, w->sources[i], err);
	if (ret == 0) {
		snap_order_links(out);
		ret = tree_finish(out, err);
	}
	if (ret == 0)
		ret = key_of(&c, key, err);
	map_release(&c.paths);
	map_release(&c.inodes);
	ignore_free(c.excludes);
	return ret;
}
