/* SPDX-License-Identifier: Apache-2.0 */
/* What a stack of layers looks like from inside, found without mounting it. */
#include "stage/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "os/fs.h"
#include "stage/snap_internal.h"

#define MAX_LINKS 40u

void snap_node_release(struct snap_node *n)
{
	free(n->target);
	free(n->host);
	*n = (struct snap_node){ .target = NULL };
}

void snap_attrs_release(struct snap_attrs *a)
{
	arena_release(&a->arena);
}

/* ---- attributes ---- */

/* What a layer carries: capabilities, what users set, ACLs; nothing of overlayfs, of ours, of the machine's policy. */
static bool belongs(const char *name)
{
	static const char *const out[] = {
		"user.overlay.", "trusted.overlay.", "user.slsc.", "security.selinux", "security.apparmor",
		"security.ima", "security.evm", "system.nfs4_acl",
	};

	for (size_t i = 0; i < ARRAY_LEN(out); i++)
		if (starts_with(name, out[i]))
			return false;
	return true;
}

/* A capability set inside a user namespace names its root (v3); in an image every root is the same (v2). */
static size_t plain_capability(unsigned char *v, size_t n)
{
	if (n != 24 || v[3] != 3)
		return n;
	v[3] = 2;
	return 20;
}

static void own_owner(struct snap_attrs *a, const char *text)
{
	unsigned uid, gid, mode, major, minor;
	const int n = sscanf(text, "%u:%u:%o:%u:%u", &uid, &gid, &mode, &major, &minor);

	if (n >= 2) {
		a->st.st_uid = uid;
		a->st.st_gid = gid;
	}
	if (n >= 3)
		a->st.st_mode = mode;
	if (n == 5)
		a->st.st_rdev = makedev(major, minor);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct tree_xattr *)a)->name, ((const struct tree_xattr *)b)->name);
}

static int take_xattr(struct snap_attrs *a, const char *host, const char *name, struct err *err)
{
	ssize_t n = lgetxattr(host, name, NULL, 0);
	unsigned char *val;
	size_t len;

	if (n < 0)
		return errno == ENODATA ? 0 : err_sys(err, "%s: %s", host, name);
	if ((size_t)n > SNAP_MAX_XATTR || a->nx == SNAP_MAX_XATTRS)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: its extended attributes", host);
	val = arena_alloc(&a->arena, (size_t)n + 1);
	n = lgetxattr(host, name, val, (size_t)n);
	if (n < 0)
		return err_sys(err, "%s: %s", host, name);
	len = (size_t)n;
	if (strcmp(name, XATTR_OWNER) == 0) {
		own_owner(a, (const char *)val);
		return 0;
	}
	if (strcmp(name, XATTR_OPAQUE) == 0) {
		a->opaque = len == 1 && (*val == 'y' || *val == 'x');
		return 0;
	}
	if (starts_with(name, "user.overlay.redirect") || starts_with(name, "user.overlay.metacopy"))
		return err_set(err, ERR_FORMAT, "%s: has %s, which no layer of slsc's has", host, name);
	if (!belongs(name))
		return 0;
	if (strcmp(name, "security.capability") == 0)
		len = plain_capability(val, len);
	a->x[a->nx++] = (struct tree_xattr){ arena_strdup(&a->arena, name), val, len };
	return 0;
}

int snap_attrs_read(struct snap_attrs *a, const char *host, bool xattrs, struct err *err)
{
	char list[8192];
	ssize_t n;

	*a = (struct snap_attrs){ .nx = 0 };
	if (lstat(host, &a->st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(err, "%s", host);
	a->whiteout = S_ISCHR(a->st.st_mode) && a->st.st_rdev == makedev(0, 0);
	if (a->whiteout || (!xattrs && !S_ISDIR(a->st.st_mode) && !S_ISREG(a->st.st_mode)))
		return 1;
	n = llistxattr(host, list, sizeof(list));
	if (n < 0 && errno != ENOTSUP && errno != EPERM && errno != EACCES)
		return err_sys(err, "%s", host);
	for (const char *p = list; n > 0 && p < list + n; p += strlen(p) + 1)
		if ((xattrs || starts_with(p, "user.")) && take_xattr(a, host, p, err) < 0)
			return -1;
	qsort(a->x, a->nx, sizeof(*a->x), by_name);
	return 1;
}

char *snap_read_link(const char *host, struct err *err)
{
	char text[4097];
	const ssize_t n = readlink(host, text, sizeof(text) - 1);

	if (n < 0) {
		err_sys(err, "%s", host);
		return NULL;
	}
	text[n] = '\0';
	return xstrdup(text);
}

/* ---- the stack ---- */

char *snap_host(const struct snap_stack *s, size_t layer, const char *path)
{
	return *path ? xasprintf("%s/%s", s->dirs[layer], path) : xstrdup(s->dirs[layer]);
}

void snap_root(const struct snap_stack *s, struct snap_set *out)
{
	out->n = 0;
	for (size_t i = s->n; i-- > 0 && out->n < ARRAY_LEN(out->layer);)
		out->layer[out->n++] = (uint8_t)i;
}

/* An opaque directory hides what is below it. */
static bool is_opaque(const char *host)
{
	char v[4];
	const ssize_t n = lgetxattr(host, XATTR_OPAQUE, v, sizeof(v));

	return n == 1 && (*v == 'y' || *v == 'x');
}

int snap_child(const struct snap_stack *s, const struct snap_set *in, const char *dir, const char *name,
	       struct snap_set *out, struct err *err)
{
	struct stat top;

	return snap_child_stat(s, in, dir, name, out, &top, err);
}

int snap_child_stat(const struct snap_stack *s, const struct snap_set *in, const char *dir, const char *name,
		    struct snap_set *out, struct stat *top, struct err *err)
{
	CLEAN_FREE char *path = path_join(dir, name);

	out->n = 0;
	for (size_t i = 0; i < in->n; i++) {
		CLEAN_FREE char *host = snap_host(s, in->layer[i], path);
		struct stat st;

		if (lstat(host, &st) < 0) {
			if (errno == ENOENT || errno == ENOTDIR)
				continue;
			return err_sys(err, "%s", host);
		}
		if (!out->n)
			*top = st;
		if (S_ISDIR(st.st_mode)) {
			out->layer[out->n++] = in->layer[i];
			if (is_opaque(host))
				break;
			continue;
		}
		if (out->n || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0)))
			break;
		out->layer[out->n++] = in->layer[i];
		return 2;
	}
	return out->n ? 1 : 0;
}

/* Only what may be a whiteout is looked at. */
static bool is_whiteout(int dir, const struct dirent *e)
{
	struct stat st;

	return (e->d_type == DT_CHR || e->d_type == DT_UNKNOWN) &&
	       fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(0, 0);
}

/* @seen: names of the layers above; NULL: this is the only one. A whiteout that hides nothing is nothing either. */
static int add_names(const char *host, struct map *seen, struct strs *names, struct err *err)
{
	DIR *d = opendir(host);
	struct dirent *e;
	int ret = 0;

	if (!d)
		return err_sys(err, "cannot read %s", host);
	for (errno = 0; (e = readdir(d)); errno = 0) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if ((seen && map_put(seen, e->d_name, seen)) || is_whiteout(dirfd(d), e))
			continue;
		strs_add(names, e->d_name);
	}
	if (errno)
		ret = err_sys(err, "cannot read %s", host);
	closedir(d);
	return ret;
}

int snap_names(const struct snap_stack *s, const struct snap_set *in, const char *dir, struct strs *names,
	       struct err *err)
{
	CLEAN_MAP struct map seen = { 0 };

	for (size_t i = 0; i < in->n; i++) {
		CLEAN_FREE char *host = snap_host(s, in->layer[i], dir);

		if (add_names(host, in->n > 1 ? &seen : NULL, names, err) < 0)
			return -1;
	}
	strs_sort(names);
	return 0;
}

/* ---- lookups ---- */

/** A walk: where it is, and what is still to be walked. */
struct walk {
	const struct snap_stack *s;
	struct snap_set stack[64]; /* the sets of the directories from the root on */
	size_t depth;
	char real[8192]; /* path of the last one */
	struct buf rest;
	unsigned links;
};

static int go_up(struct walk *w)
{
	char *slash = strrchr(w->real, '/');

	if (w->depth) {
		w->depth--;
		*(slash ? slash : w->real) = '\0';
	}
	return 1;
}

static int fill(const struct walk *w, const char *path, size_t layer, struct snap_node *out, struct err *err)
{
	CLEAN_SNAP_ATTRS struct snap_attrs a = { .nx = 0 };
	CLEAN_FREE char *host = snap_host(w->s, layer, path);
	const int ret = snap_attrs_read(&a, host, false, err);

	if (ret <= 0)
		return ret;
	*out = (struct snap_node){ .mode = a.st.st_mode,
				   .uid = a.st.st_uid,
				   .gid = a.st.st_gid,
				   .size = (uint64_t)a.st.st_size,
				   .rdev = a.st.st_rdev,
				   .mtime = a.st.st_mtime,
				   .layer = layer };
	if (S_ISLNK(a.st.st_mode)) {
		out->target = snap_read_link(host, err);
		if (!out->target)
			return -1;
	}
	out->host = steal(&host);
	return 1;
}

static int follow_link(struct walk *w, const char *path, size_t layer, struct err *err)
{
	CLEAN_FREE char *host = snap_host(w->s, layer, path), *target = snap_read_link(host, err), *rest = NULL;

	if (!target)
		return -1;
	if (++w->links > MAX_LINKS)
		return err_set(err, ERR_LIMIT, "/%s: limit exceeded: more than %u symlinks", path, MAX_LINKS);
	rest = w->rest.len ? xstrdup(w->rest.ptr) : xstrdup("");
	buf_reset(&w->rest);
	buf_addf(&w->rest, "%s%s%s", target, *rest ? "/" : "", rest);
	if (*target == '/') {
		w->depth = 0;
		w->real[0] = '\0';
	}
	return 1;
}

/* Takes the next component off w->rest; empty at the end. */
static char *next_name(struct walk *w)
{
	const char *p = w->rest.len ? w->rest.ptr : "";
	size_t n;
	char *name;

	p += strspn(p, "/");
	n = strcspn(p, "/");
	name = xstrndup(p, n);
	p += n;
	p += strspn(p, "/");
	{
		CLEAN_FREE char *left = xstrdup(p);

		buf_reset(&w->rest);
		buf_addz(&w->rest, left);
	}
	return name;
}

static int descend(struct walk *w, const char *name, const struct snap_set *set, struct err *err)
{
	const size_t n = strlen(w->real);

	if (w->depth + 1 >= ARRAY_LEN(w->stack) || n + strlen(name) + 2 > sizeof(w->real))
		return err_set(err, ERR_LIMIT, "/%s/%s: limit exceeded: a path too deep", w->real, name);
	snprintf(w->real + n, sizeof(w->real) - n, "%s%s", n ? "/" : "", name);
	w->stack[++w->depth] = *set;
	return 1;
}

/* 1: found; 0: not there, and w->real with w->rest is where it would be. */
static int walk_on(struct walk *w, bool follow, struct snap_node *out, char **would, struct err *err)
{
	for (;;) {
		CLEAN_FREE char *name = next_name(w);
		CLEAN_FREE char *path = NULL;
		struct snap_set set;
		int kind;

		if (!*name)
			return w->s->n ? fill(w, w->real, w->stack[w->depth].layer[0], out, err) : 0;
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			go_up(w);
			continue;
		}
		path = path_join(w->real, name);
		kind = snap_child(w->s, &w->stack[w->depth], w->real, name, &set, err);
		if (kind < 0)
			return -1;
		if (kind == 1) {
			if (descend(w, name, &set, err) < 0)
				return -1;
			continue;
		}
		if (kind == 2) {
			struct stat st;
			CLEAN_FREE char *host = snap_host(w->s, set.layer[0], path);

			if (lstat(host, &st) < 0)
				return err_sys(err, "%s", host);
			if (S_ISLNK(st.st_mode) && (w->rest.len || follow)) {
				if (follow_link(w, path, set.layer[0], err) < 0)
					return -1;
				continue;
			}
			if (!w->rest.len) {
				snprintf(w->real, sizeof(w->real), "%s", path);
				return fill(w, path, set.layer[0], out, err);
			}
		}
		*would = w->rest.len ? xasprintf("%s/%s", path, w->rest.ptr) : steal(&path);
		return 0;
	}
}

int snap_lookup(const struct snap_stack *s, const char *path, bool follow, struct snap_node *out, char **real,
		struct err *err)
{
	struct walk *w = xcalloc(1, sizeof(*w));
	CLEAN_FREE char *would = NULL;
	int ret;

	*out = (struct snap_node){ .target = NULL };
	w->s = s;
	w->rest = (struct buf)BUF_INIT;
	snap_root(s, &w->stack[0]);
	buf_addz(&w->rest, path);
	ret = walk_on(w, follow, out, &would, err);
	if (ret >= 0 && real) {
		CLEAN_FREE char *rooted = xasprintf("/%s", would ? would : w->real);
		CLEAN_FREE char *clean = path_clean(rooted);

		*real = xstrdup(clean + 1);
	}
	buf_release(&w->rest);
	free(w);
	return ret;
}

int snap_list(const struct snap_stack *s, const char *path, struct strs *names, struct err *err)
{
	struct str rest = str_from(path);
	struct snap_set set;
	CLEAN_BUF struct buf at = BUF_INIT;

	snap_root(s, &set);
	while (rest.len) {
		struct str part = rest;
		struct snap_set next;
		CLEAN_FREE char *name = NULL;

		rest = str_cut(&part, '/');
		name = xstrndup(part.ptr, part.len);
		if (!*name)
			continue;
		switch (snap_child(s, &set, at.len ? at.ptr : "", name, &next, err)) {
		case 1:
			break;
		case -1:
			return -1;
		default:
			return err_set(err, ERR_NOTFOUND, "/%s is no directory", path);
		}
		set = next;
		buf_addf(&at, "%s%s", at.len ? "/" : "", name);
	}
	return snap_names(s, &set, at.len ? at.ptr : "", names, err);
}
