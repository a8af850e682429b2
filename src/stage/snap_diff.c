/* SPDX-License-Identifier: Apache-2.0 */
/* What a RUN has left in its upper directory, as a layer. The reference is how BuildKit reads such a directory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"
#include "stage/snap_collect.h"

#define BLOCK ((size_t)64 << 10)

struct diff {
	const char *upper;
	const struct snap_stack *below;
	struct snap_collect to;
	struct snap_attrs attrs, old;	/* of what is looked at, and of the same below */
	struct strs spares;		/* inodes that the first walk passed over */
	struct map wanted;		/* those of them that the second one takes */
	bool second;
};

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

static int same_target(const char *a, const char *b, struct err *err)
{
	char ta[TREE_MAX_PATH + 1], tb[TREE_MAX_PATH + 1];
	const ssize_t na = readlink(a, ta, sizeof(ta)), nb = readlink(b, tb, sizeof(tb));

	if (na < 0 || nb < 0)
		return err_sys(err, "cannot read %s", na < 0 ? a : b);
	return na == nb && memcmp(ta, tb, (size_t)na) == 0;
}

/*
 * Whether what was copied up is as it was below: mode, owner, attributes; and the bytes of what is no directory. A file
 * of the same time to the nanosecond is the same unread; times that were cut to seconds prove nothing.
 */
static int unchanged(struct diff *d, const char *host, const struct stat *st, const struct snap_at *was,
		     struct err *err)
{
	CLEAN_FREE char *old = snap_host(d->below, was);
	struct stat before = was->st, now = *st;

	if (snap_attrs_read(&d->old, old, &before, err) < 0)
		return -1;
	snap_owner_to_stat(&d->old, &before);
	snap_owner_to_stat(&d->attrs, &now);
	if (before.st_mode != now.st_mode || before.st_uid != now.st_uid || before.st_gid != now.st_gid ||
	    !snap_attrs_equal(&d->attrs, &d->old))
		return 0;
	if (S_ISDIR(now.st_mode))
		return 1;
	if (before.st_size != now.st_size || before.st_rdev != now.st_rdev ||
	    before.st_mtim.tv_sec != now.st_mtim.tv_sec || before.st_mtim.tv_nsec != now.st_mtim.tv_nsec)
		return 0;
	if (S_ISLNK(now.st_mode))
		return same_target(host, old, err);
	return !S_ISREG(now.st_mode) || !now.st_size || now.st_mtim.tv_nsec ? 1 : same_bytes(host, old, err);
}

static int whiteout(struct diff *d, const char *dir, const char *name, struct err *err)
{
	CLEAN_FREE char *base = xasprintf(WH_PREFIX "%s", name), *path = path_join(dir, base);

	if (tree_add_data(d->to.out, path, NULL, 0, 0644, 0, 0, err) < 0)
		return -1;
	tree_set_mtime(d->to.out, d->to.epoch);
	return 1;
}

/* That lower layers have nothing to say here; worth an entry only if they have something. */
static int opaque(struct diff *d, const char *path, const struct snap_at *was, struct err *err)
{
	CLEAN_STRS struct strs names = { .ptr = NULL };
	CLEAN_FREE char *marker = NULL;

	if (!was || !S_ISDIR(was->st.st_mode))
		return 0;
	if (snap_names(d->below, was, &names, err) < 0)
		return -1;
	if (!names.len)
		return 0;
	marker = path_join(path, WH_OPAQUE);
	if (tree_add_data(d->to.out, marker, NULL, 0, 0644, 0, 0, err) < 0)
		return -1;
	tree_set_mtime(d->to.out, d->to.epoch);
	return 1;
}

static int walk(struct diff *d, const char *path, const char *host, const struct snap_at *below, struct err *err);

/*
 * @was: the same path below, or NULL. The entry of a directory comes after what is in it: only then is it known whether
 * there has to be one.
 */
static int directory(struct diff *d, const char *path, const char *host, const struct stat *st,
		     const struct snap_at *was, struct err *err)
{
	const bool merges = was && S_ISDIR(was->st.st_mode) && !d->attrs.opaque;
	int same = merges ? unchanged(d, host, st, was, err) : 0, r = 0, inside;
	const bool hides = d->attrs.opaque;

	if (same < 0)
		return -1;
	if (!same && snap_collect(&d->to, path, host, st, &d->attrs, err) < 0)
		return -1;
	if (hides)
		r = opaque(d, path, was, err);
	inside = r < 0 ? -1 : walk(d, path, host, merges ? was : NULL, err);
	if (inside < 0)
		return -1;
	if (same && inside) {
		/* the walk has read others' */
		if (snap_attrs_read(&d->attrs, host, st, err) < 0 ||
		    snap_collect(&d->to, path, host, st, &d->attrs, err) < 0)
			return -1;
	}
	return !same || inside;
}

/*
 * Of a file that is as it was below, but has more than one name: a name that is new makes it a part of the layer, since
 * they are one file. That is known only after a first walk.
 */
static bool spared(struct diff *d, const struct stat *st)
{
	char key[SNAP_INODE_MAX];

	snap_inode(st, key);
	if (!d->second)
		strs_add(&d->spares, key);
	return d->second && map_has(&d->wanted, key);
}

/* 1: the layer has something here; 0; -1 */
static int entry(struct diff *d, const char *dir, const char *name, const char *host, const struct snap_at *below,
		 struct err *err)
{
	CLEAN_FREE char *path = path_join(dir, name);
	CLEAN_SNAP_AT struct snap_at was = { .path = NULL };
	struct stat st;
	int there = 0, same;

	if (lstat(host, &st) < 0)
		return err_sys(err, "cannot read %s", host);
	if (below)
		there = snap_step(d->below, below, name, &was, err);
	if (there < 0)
		return -1;
	if (snap_is_whiteout(host, &st) || S_ISSOCK(st.st_mode))
		return there ? whiteout(d, dir, name, err) : 0;
	if (snap_check_name(path, err) < 0 || snap_attrs_read(&d->attrs, host, &st, err) < 0)
		return -1;
	if (d->attrs.refused)
		return err_set(err, ERR_FORMAT, "%s: has the attribute %s: its contents are elsewhere", host,
			       d->attrs.refused);
	if (S_ISDIR(st.st_mode))
		return directory(d, path, host, &st, there ? &was : NULL, err);
	same = there ? unchanged(d, host, &st, &was, err) : 0;
	if (same < 0)
		return -1;
	if (same && st.st_nlink > 1)
		same = !spared(d, &st);
	return same ? 0 : snap_collect(&d->to, path, host, &st, &d->attrs, err) < 0 ? -1 : 1;
}

static int walk(struct diff *d, const char *path, const char *host, const struct snap_at *below, struct err *err)
{
	CLEAN_STRS struct strs names = { .ptr = NULL };
	int any = 0;

	if (sig_check(err) < 0 || fs_list(host, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		CLEAN_FREE char *at = xasprintf("%s/%s", host, names.ptr[i]);
		const int r = entry(d, path, names.ptr[i], at, below, err);

		if (r < 0)
			return -1;
		any |= r;
	}
	return any;
}

static int walk_twice(struct diff *d, struct err *err)
{
	static char yes;
	CLEAN_SNAP_AT struct snap_at root = { .path = NULL };
	const int r = snap_root(d->below, &root, err);
	const struct snap_at *below = r > 0 ? &root : NULL;

	d->to.out->any_names = true;
	if (r < 0 || walk(d, "", d->upper, below, err) < 0)
		return -1;
	for (size_t i = 0; i < d->spares.len; i++)
		if (map_has(&d->to.links, d->spares.ptr[i]))
			map_put(&d->wanted, d->spares.ptr[i], &yes);
	if (!d->wanted.len)
		return 0;
	d->second = true;
	tree_release(d->to.out);
	map_release(&d->to.links);
	d->to.out->any_names = true;
	return walk(d, "", d->upper, below, err);
}

int snap_diff(const char *upper, const struct snap_stack *below, int64_t epoch, struct tree *out, struct err *err)
{
	struct diff d = { .upper = upper, .below = below, .to = { .out = out, .epoch = epoch },
			  .attrs = SNAP_ATTRS_INIT, .old = SNAP_ATTRS_INIT };
	const int r = walk_twice(&d, err);

	snap_collect_release(&d.to);
	snap_attrs_release(&d.attrs);
	snap_attrs_release(&d.old);
	strs_release(&d.spares);
	map_release(&d.wanted);
	return r < 0 ? -1 : tree_finish(out, err);
}
