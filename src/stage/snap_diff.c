/* SPDX-License-Identifier: Apache-2.0 */
/* A directory that a RUN has filled, and a whole stack, as trees for a layer. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"
#include "stage/snap_internal.h"

#define BLOCK ((size_t)64 << 10)

struct differ {
	const struct snap_stack *below; /* of a diff */
	int64_t epoch;
	struct tree *out;
	struct map inodes; /* "dev:ino" -> the first path of a file with several names */
};

static enum tree_type type_of(mode_t mode)
{
	return S_ISDIR(mode)	? TREE_DIR
	       : S_ISLNK(mode)	? TREE_LINK
	       : S_ISCHR(mode)	? TREE_CHAR
	       : S_ISBLK(mode)	? TREE_BLOCK
	       : S_ISFIFO(mode) ? TREE_FIFO
				: TREE_FILE;
}

/* Names of one file: the first is the file, the others are links to it. */
static const char *first_name(struct differ *d, const struct snap_attrs *a, const char *path)
{
	char key[64];
	const char *first;

	if (!S_ISREG(a->st.st_mode) || a->st.st_nlink < 2)
		return NULL;
	snprintf(key, sizeof(key), "%" PRIuMAX ":%" PRIuMAX, (uintmax_t)a->st.st_dev, (uintmax_t)a->st.st_ino);
	first = map_get(&d->inodes, key);
	if (!first)
		map_put(&d->inodes, key, arena_strdup(&d->out->arena, path));
	return first;
}

static int emit(struct differ *d, const char *path, const char *host, const struct snap_attrs *a, struct err *err)
{
	const char *first = first_name(d, a, path);
	CLEAN_FREE char *target = NULL;
	struct tree_entry e = {
		.path = path,
		.type = first ? TREE_HARDLINK : type_of(a->st.st_mode),
		.mode = a->st.st_mode & 07777,
		.uid = a->st.st_uid,
		.gid = a->st.st_gid,
		.xattrs = a->x,
		/* at each name: who unpacks it sets the owner anew, which takes capabilities away */
		.nxattrs = a->nx,
		.mtime = a->st.st_mtime < d->epoch ? a->st.st_mtime : d->epoch,
	};

	if (S_ISLNK(a->st.st_mode)) {
		target = snap_read_link(host, err);
		if (!target)
			return -1;
		e.mode = 0777;
	}
	e.target = first ? first : target;
	if (e.type == TREE_FILE) {
		e.src = host;
		e.size = (uint64_t)a->st.st_size;
	} else if (e.type == TREE_CHAR || e.type == TREE_BLOCK) {
		e.major = major(a->st.st_rdev);
		e.minor = minor(a->st.st_rdev);
	}
	return tree_add_entry(d->out, &e, err);
}

static int emit_whiteout(struct differ *d, const char *dir, const char *name, struct err *err)
{
	CLEAN_FREE char *base = xasprintf(".wh.%s", name), *path = path_join(dir, base);
	const struct tree_entry e = { .path = path, .type = TREE_FILE, .mtime = d->epoch };

	return tree_add_entry(d->out, &e, err);
}

static bool same_xattrs(const struct snap_attrs *a, const struct snap_attrs *b)
{
	if (a->nx != b->nx)
		return false;
	for (size_t i = 0; i < a->nx; i++)
		if (strcmp(a->x[i].name, b->x[i].name) != 0 || a->x[i].len != b->x[i].len ||
		    memcmp(a->x[i].val, b->x[i].val, a->x[i].len) != 0)
			return false;
	return true;
}

/* Copied up, and nothing changed: what was there says all of it. Of a directory its times do not count. */
static bool is_same(const struct snap_attrs *a, const struct snap_attrs *b)
{
	if (a->st.st_mode != b->st.st_mode || a->st.st_uid != b->st.st_uid || a->st.st_gid != b->st.st_gid ||
	    !same_xattrs(a, b))
		return false;
	if (S_ISDIR(a->st.st_mode))
		return true;
	return S_ISREG(a->st.st_mode) && a->st.st_nlink == 1 && a->st.st_size == b->st.st_size &&
	       a->st.st_mtim.tv_sec == b->st.st_mtim.tv_sec && a->st.st_mtim.tv_nsec == b->st.st_mtim.tv_nsec;
}

/* 1: the same bytes; 0; -1 */
static int same_bytes(const char *a, const char *b, struct err *err)
{
	struct stat st;
	CLEAN_FD int fa = fs_open(a, &st, err), fb = fa < 0 ? -1 : fs_open(b, &st, err);
	CLEAN_FREE char *block = xmalloc(2 * BLOCK);

	if (fa < 0 || fb < 0)
		return -1;
	for (off_t at = 0;;) {
		const ssize_t na = pread(fa, block, BLOCK, at), nb = pread(fb, block + BLOCK, BLOCK, at);

		if (na < 0 || nb < 0)
			return err_sys(err, "cannot read %s", na < 0 ? a : b);
		if (na != nb || memcmp(block, block + BLOCK, (size_t)na) != 0)
			return 0;
		if (na == 0)
			return 1;
		at += na;
		if (sig_check(err) < 0)
			return -1;
	}
}

/*
 * What the child was: its set if it is a directory now and was one, else an empty one. @hides: it was a directory, of
 * which nothing is left.
 */
static int was(struct differ *d, const struct snap_set *in, const char *dir, const char *name, const char *now_host,
	       const struct snap_attrs *now, struct snap_set *set, bool *same, bool *hides, struct err *err)
{
	CLEAN_SNAP_ATTRS struct snap_attrs old = { .nx = 0 };
	CLEAN_FREE char *path = path_join(dir, name), *host = NULL;
	const int kind = snap_child(d->below, in, dir, name, set, err);
	int equal;

	*same = false;
	*hides = kind == 1 && now->opaque;
	if (kind <= 0)
		return kind;
	host = snap_host(d->below, set->layer[0], path);
	if (snap_attrs_read(&old, host, true, err) < 0)
		return -1;
	*same = is_same(now, &old);
	/* times that were cut to seconds, or set by hand, prove nothing */
	if (*same && S_ISREG(now->st.st_mode) && now->st.st_size) {
		equal = same_bytes(now_host, host, err);
		if (equal < 0)
			return -1;
		*same = equal;
	}
	if (kind == 2 || !S_ISDIR(now->st.st_mode) || now->opaque)
		set->n = 0;
	return 0;
}

/* A whiteout is a name in a layer, so no file can have such a one. */
static int check_name(const char *path, struct err *err)
{
	CLEAN_FREE char *shown = NULL;

	if (!starts_with(path_basename(path), ".wh."))
		return 0;
	shown = tree_shown(path);
	err_set(err, ERR_FORMAT, "/%s: a layer cannot hold a name that begins with .wh., which means that something is "
		"not there", shown);
	return err_hint(err, "remove it in the same RUN");
}

static int diff_dir(struct differ *d, const char *upper, const char *dir, const struct snap_set *in, bool *any,
		    struct err *err);

static int diff_child(struct differ *d, const char *upper, const char *dir, const char *name, const struct snap_set *in,
		      bool *any, struct err *err)
{
	CLEAN_FREE char *path = path_join(dir, name), *host = path_join(upper, path);
	CLEAN_SNAP_ATTRS struct snap_attrs a = { .nx = 0 };
	struct snap_set below;
	bool same, hides, inside = false;
	int ret = snap_attrs_read(&a, host, true, err);

	if (ret <= 0)
		return ret;
	if (a.whiteout || S_ISSOCK(a.st.st_mode)) {
		ret = snap_child(d->below, in, dir, name, &below, err);
		if (ret <= 0)
			return ret;
		*any = true;
		return emit_whiteout(d, dir, name, err);
	}
	if (check_name(path, err) < 0 || was(d, in, dir, name, host, &a, &below, &same, &hides, err) < 0)
		return -1;
	if (S_ISDIR(a.st.st_mode)) {
		if (hides) {
			inside = true;
			if (emit_whiteout(d, path, ".wh..opq", err) < 0)
				return -1;
		}
		if (diff_dir(d, upper, path, &below, &inside, err) < 0)
			return -1;
		same = same && !inside;
	}
	if (same)
		return 0;
	*any = true;
	return emit(d, path, host, &a, err);
}

static int diff_dir(struct differ *d, const char *upper, const char *dir, const struct snap_set *in, bool *any,
		    struct err *err)
{
	CLEAN_FREE char *host = path_join(upper, dir);
	CLEAN_STRS struct strs names = { 0 };

	if (sig_check(err) < 0 || fs_list(host, &names, err) < 0)
		return -1;
	VEC_EACH(&names, name)
		if (diff_child(d, upper, dir, *name, in, any, err) < 0)
			return -1;
	return 0;
}

static void begin(struct tree *out)
{
	*out = (struct tree)TREE_INIT;
	out->timed = true;
	out->bytes = true;
}

/* In the order of a tar the file has to come before the links to it: its name is the first one of all. */
void snap_order_links(struct tree *t)
{
	CLEAN_MAP struct map first = { 0 }; /* target as emitted -> the least name */

	for (size_t i = 0; i < t->len; i++) {
		const struct tree_entry *e = &t->ptr[i];
		const char *least;

		if (e->type != TREE_HARDLINK)
			continue;
		least = map_get(&first, e->target);
		if (!least)
			least = e->target;
		map_put(&first, e->target, (void *)(uintptr_t)(strcmp(e->path, least) < 0 ? e->path : least));
	}
	for (size_t i = 0; i < t->len && first.len; i++) {
		struct tree_entry *e = &t->ptr[i];
		const char *key = e->type == TREE_HARDLINK ? e->target : e->path;
		const char *least = map_get(&first, key);

		if (!least || (e->type != TREE_HARDLINK && e->type != TREE_FILE))
			continue;
		/* the file takes the least name, and the link that had it takes the file's */
		if (e->type == TREE_FILE) {
			e->path = least;
			continue;
		}
		if (strcmp(e->path, least) == 0)
			e->path = e->target;
		e->target = least;
	}
}

int snap_diff(const char *upper, const struct snap_stack *below, int64_t epoch, struct tree *out, struct err *err)
{
	struct differ d = { .below = below, .epoch = epoch, .out = out };
	struct snap_set root;
	bool any = false;
	int ret;

	begin(out);
	snap_root(below, &root);
	ret = diff_dir(&d, upper, "", &root, &any, err);
	map_release(&d.inodes);
	snap_order_links(out);
	return ret < 0 ? -1 : tree_finish(out, err);
}

/* ---- the whole ---- */

static int squash_dir(struct differ *d, const struct snap_set *in, const char *dir, struct err *err)
{
	CLEAN_STRS struct strs names = { 0 };

	if (sig_check(err) < 0 || snap_names(d->below, in, dir, &names, err) < 0)
		return -1;
	VEC_EACH(&names, name) {
		CLEAN_FREE char *path = path_join(dir, *name), *host = NULL;
		CLEAN_SNAP_ATTRS struct snap_attrs a = { .nx = 0 };
		struct snap_set set;
		const int kind = snap_child(d->below, in, dir, *name, &set, err);

		if (kind < 0)
			return -1;
		if (kind == 0)
			continue;
		host = snap_host(d->below, set.layer[0], path);
		if (check_name(path, err) < 0 || snap_attrs_read(&a, host, true, err) < 0)
			return -1;
		if (S_ISSOCK(a.st.st_mode))
			continue;
		if (emit(d, path, host, &a, err) < 0 || (kind == 1 && squash_dir(d, &set, path, err) < 0))
			return -1;
	}
	return 0;
}

int snap_squash(const struct snap_stack *s, int64_t epoch, struct tree *out, struct err *err)
{
	struct differ d = { .below = s, .epoch = epoch, .out = out };
	struct snap_set root;
	int ret;

	begin(out);
	snap_root(s, &root);
	ret = squash_dir(&d, &root, "", err);
	map_release(&d.inodes);
	snap_order_links(out);
	return ret < 0 ? -1 : tree_finish(out, err);
}
