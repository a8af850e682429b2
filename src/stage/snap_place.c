/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/snap_place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "oci/rootfs.h"
#include "os/fs.h"
#include "os/proc.h"
#include "stage/sandbox.h"
#include "stage/snap_internal.h"

#define HOLE ((size_t)64 << 10) /* bytes of zeros that are worth one */
#define PAGE ((size_t)4 << 10)

static int open_in(int root, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)flags | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));
}

static int entry_err(const struct placer *p, const char *path, struct err *err)
{
	const int sys = errno;
	CLEAN_FREE char *text = tree_shown(path);

	errno = sys;
	return err_sys(err, "%s: %s", p->shown, text);
}

/* What a careful unpacker refuses. */
static int refuse(const struct placer *p, const char *path, const char *what, struct err *err)
{
	CLEAN_FREE char *text = tree_shown(path);

	return err_set(err, ERR_FORMAT, "%s: %s: %s", p->shown, *text ? text : ".", what);
}

/* One more name, against archives that hold little and make much. */
static int count(struct placer *p, const char *path, struct err *err)
{
	p->path_bytes += strlen(path);
	if (++p->made > ROOTFS_MAX_ENTRIES || p->path_bytes > ROOTFS_MAX_PATH_BYTES)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u names, or than %llu MB of them",
			       p->shown, ROOTFS_MAX_ENTRIES, (unsigned long long)(ROOTFS_MAX_PATH_BYTES >> 20));
	return 0;
}

/* A directory is open to us till the end, whatever its mode is to be. */
static int record(struct placer *p, int fd, const char *path, mode_t mode, int64_t mtime, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return entry_err(p, path, err);
	VEC_PUSH(&p->dirs, ((struct placed_dir){ .path = xstrdup(path), .ino = st.st_ino, .mode = mode,
						 .mtime = mtime }));
	return 0;
}

static bool is_whiteout(const struct placer *p, const struct stat *st)
{
	return p->whiteouts && S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

int placer_open(struct placer *p, const char *dir, const char *shown, bool whiteouts, struct err *err)
{
	*p = (struct placer){ .root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			      .shown = shown,
			      .parent = -1,
			      .whiteouts = whiteouts };
	return p->root < 0 ? err_sys(err, "%s", dir) : 0;
}

void placer_close(struct placer *p)
{
	if (p->root >= 0)
		close(p->root);
	if (p->parent >= 0)
		close(p->parent);
	free(p->parent_path);
	VEC_EACH(&p->dirs, d)
		free(d->path);
	VEC_FREE(&p->dirs);
	free(p->block);
	*p = (struct placer){ .root = -1, .parent = -1 };
}

/* ---- parents ---- */

/*
 * Parents that the archive does not mention are made as everybody makes them. Where a whiteout is, what lower layers
 * have there is gone. @time: of the entry that they are made for.
 */
static int make_parent(struct placer *p, const char *prefix, int64_t time, struct err *err)
{
	CLEAN_FREE char *dir = path_dirname(prefix);
	const char *base = path_basename(prefix);
	CLEAN_FD int up = open_in(p->root, strcmp(dir, ".") == 0 ? "" : dir, O_RDONLY | O_DIRECTORY), fd = -1;
	bool opaque = false;
	struct stat st;

	if (up < 0)
		return entry_err(p, prefix, err);
	if (fstatat(up, base, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		opaque = is_whiteout(p, &st);
		if (!opaque)
			return refuse(p, prefix, S_ISLNK(st.st_mode) ?
				      "is a symlink that leads nowhere, and something is below it" :
				      "is no directory, and something is below it", err);
		if (unlinkat(up, base, 0) < 0)
			return entry_err(p, prefix, err);
	}
	if (count(p, prefix, err) < 0)
		return -1;
	if (mkdirat(up, base, 0700) < 0)
		return entry_err(p, prefix, err);
	fd = openat(up, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || (opaque && fsetxattr(fd, XATTR_OPAQUE, "y", 1, 0) < 0))
		return entry_err(p, prefix, err);
	return record(p, fd, prefix, 0755, time, err);
}

static int make_parents(struct placer *p, const char *path, int64_t time, struct err *err)
{
	for (const char *slash = strchr(path, '/');; slash = strchr(slash + 1, '/')) {
		CLEAN_FREE char *prefix = xstrndup(path, slash ? (size_t)(slash - path) : strlen(path));
		CLEAN_FD int fd = open_in(p->root, prefix, O_RDONLY | O_DIRECTORY);

		if (fd < 0 && errno == ELOOP)
			return refuse(p, prefix, "is a symlink that goes round in circles", err);
		if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
			return entry_err(p, prefix, err);
		if (fd < 0 && make_parent(p, prefix, time, err) < 0)
			return -1;
		if (!slash)
			return 0;
	}
}

static int parent_of(struct placer *p, const char *path, int64_t time, const char **base, struct err *err)
{
	const char *slash = strrchr(path, '/');
	CLEAN_FREE char *dir = xstrndup(path, slash ? (size_t)(slash - path) : 0);

	*base = slash ? slash + 1 : path;
	if (p->parent >= 0 && !p->stale && strcmp(dir, p->parent_path) == 0)
		return 0;
	p->stale = false;
	if (p->parent >= 0)
		close(p->parent);
	p->parent = open_in(p->root, dir, O_RDONLY | O_DIRECTORY);
	if (p->parent < 0) {
		if (make_parents(p, dir, time, err) < 0)
			return -1;
		p->parent = open_in(p->root, dir, O_RDONLY | O_DIRECTORY);
	}
	if (p->parent < 0)
		return entry_err(p, path, err);
	free(p->parent_path);
	p->parent_path = steal(&dir);
	return 0;
}

/* ---- what is in the way ---- */

static int remove_at(struct placer *p, const char *name, struct err *err)
{
	p->stale = true;
	/* no link is followed */
	if (unlinkat(p->parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	return fs_rmtree_at(p->parent, name, err) < 0 ? err_wrap(err, "%s", p->shown) : 0;
}

static void forget_parent(struct placer *p)
{
	if (p->parent >= 0)
		close(p->parent);
	p->parent = -1;
}

/* ---- owner, mode, attributes ---- */

/* Who may not give files away writes down whose they are. */
static int note_owner(const struct placer *p, int fd, const struct unar_entry *e, mode_t type, struct err *err)
{
	char text[80];
	const bool device = e->type == UNAR_CHAR || e->type == UNAR_BLOCK;

	if (device)
		snprintf(text, sizeof(text), "%u:%u:%o:%u:%u", e->uid, e->gid, (unsigned)(type | e->mode), e->major,
			 e->minor);
	else
		snprintf(text, sizeof(text), "%u:%u", e->uid, e->gid);
	if (fsetxattr(fd, XATTR_OWNER, text, strlen(text), 0) < 0)
		return entry_err(p, e->path, err);
	return 0;
}

static int set_owner(const struct placer *p, int fd, const struct unar_entry *e, struct err *err)
{
	if (fchown(fd, e->uid, e->gid) == 0)
		return 0;
	if (errno != EINVAL && errno != EPERM)
		return err_sys(err, "%s: %s: owner %u:%u", p->shown, e->path, e->uid, e->gid);
	if (sandbox_maps_ids())
		return err_set(err, ERR_FORMAT, "%s: %s: owner %u:%u is beyond the ids that this user may use",
			       p->shown, e->path, e->uid, e->gid);
	return note_owner(p, fd, e, 0, err);
}

static int set_xattrs(const struct placer *p, int fd, const struct unar_entry *e, struct err *err)
{
	for (size_t i = 0; i < e->nxattrs; i++) {
		const struct tree_xattr *x = &e->xattrs[i];

		if (starts_with(x->name, "user.overlay.") || starts_with(x->name, "trusted.overlay.") ||
		    starts_with(x->name, "user.slsc.") || starts_with(x->name, "security.selinux"))
			continue;
		if (fsetxattr(fd, x->name, x->val, x->len, 0) == 0)
			continue;
		/* what only the machine's root may set is left out, as every unprivileged unpacker does */
		if (errno != EPERM && errno != ENOTSUP && errno != EINVAL)
			return err_sys(err, "%s: %s: attribute %s", p->shown, e->path, x->name);
	}
	return 0;
}

static void set_time(int fd, int64_t mtime)
{
	const struct timespec t[2] = { { .tv_sec = mtime }, { .tv_sec = mtime } };

	futimens(fd, t);
}

/* ---- entries ---- */

static int put_dir(struct placer *p, const struct unar_entry *e, const char *base, struct err *err)
{
	struct stat st;
	bool opaque = false;
	CLEAN_FD int fd = -1;

	if (*e->path) {
		if (mkdirat(p->parent, base, 0700) < 0) {
			if (errno != EEXIST || fstatat(p->parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
				return entry_err(p, e->path, err);
			/* a whiteout of the same name: what lower layers have there is gone */
			opaque = is_whiteout(p, &st);
			if (!S_ISDIR(st.st_mode) && remove_at(p, base, err) < 0)
				return -1;
			if (!S_ISDIR(st.st_mode) && mkdirat(p->parent, base, 0700) < 0)
				return entry_err(p, e->path, err);
		}
		fd = openat(p->parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	} else {
		fd = dup(p->root);
	}
	if (fd < 0 || (opaque && fsetxattr(fd, XATTR_OPAQUE, "y", 1, 0) < 0))
		return entry_err(p, e->path, err);
	if (record(p, fd, e->path, e->mode, e->mtime, err) < 0)
		return -1;
	return set_owner(p, fd, e, err) < 0 || set_xattrs(p, fd, e, err) < 0 ? -1 : 0;
}

static int put_hardlink(struct placer *p, const struct unar_entry *e, const char *base, struct err *err)
{
	const char *target = e->target;
	CLEAN_FREE char *dir = NULL, *shown = NULL, *what = NULL;
	CLEAN_FD int from = -1;
	struct stat st, old;

	while (*target == '/' || starts_with(target, "./"))
		target += *target == '/' ? 1 : 2;
	if (!*target)
		return refuse(p, e->path, "a hard link to a directory", err);
	if (unar_path_escapes(target))
		return refuse(p, e->path, "a hard link by a path with '..'", err);
	dir = path_dirname(target);
	from = open_in(p->root, strcmp(dir, ".") == 0 ? "" : dir, O_RDONLY | O_DIRECTORY);
	if (from < 0 || fstatat(from, path_basename(target), &st, AT_SYMLINK_NOFOLLOW) < 0 || is_whiteout(p, &st)) {
		shown = tree_shown(e->target);
		what = xasprintf("a hard link to %s, which is not in the layer before it", shown);
		return refuse(p, e->path, what, err);
	}
	if (S_ISDIR(st.st_mode))
		return refuse(p, e->path, "a hard link to a directory", err);
	if (fstatat(p->parent, base, &old, AT_SYMLINK_NOFOLLOW) == 0) {
		if (old.st_ino == st.st_ino && old.st_dev == st.st_dev)
			return 0;
		if (remove_at(p, base, err) < 0)
			return -1;
	}
	return linkat(from, path_basename(target), p->parent, base, 0) < 0 ? entry_err(p, e->path, err) : 0;
}

static int put_symlink(struct placer *p, const struct unar_entry *e, const char *base, struct err *err)
{
	const struct timespec t[2] = { { .tv_sec = e->mtime }, { .tv_sec = e->mtime } };

	if (!*e->target)
		return refuse(p, e->path, "a symlink to nothing", err);
	if (symlinkat(e->target, p->parent, base) < 0)
		return entry_err(p, e->path, err);
	if (fchownat(p->parent, base, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0 && sandbox_maps_ids())
		return entry_err(p, e->path, err);
	utimensat(p->parent, base, t, AT_SYMLINK_NOFOLLOW);
	return 0;
}

/* A device that we may not make is a file that says what it stands for. */
static int put_device(struct placer *p, const struct unar_entry *e, const char *base, struct err *err)
{
	const struct timespec t[2] = { { .tv_sec = e->mtime }, { .tv_sec = e->mtime } };
	const mode_t type = e->type == UNAR_CHAR ? S_IFCHR : S_IFBLK;
	CLEAN_FD int fd = -1;

	if (e->type == UNAR_CHAR && !e->major && !e->minor)
		return refuse(p, e->path, "a device 0:0, which means that there is nothing", err);
	if (mknodat(p->parent, base, type | e->mode, makedev(e->major, e->minor)) == 0) {
		if (fchownat(p->parent, base, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		    fchmodat(p->parent, base, e->mode, 0) < 0 ||
		    utimensat(p->parent, base, t, AT_SYMLINK_NOFOLLOW) < 0)
			return entry_err(p, e->path, err);
		return 0;
	}
	if (errno != EPERM)
		return entry_err(p, e->path, err);
	fd = openat(p->parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return entry_err(p, e->path, err);
	if (note_owner(p, fd, e, type, err) < 0)
		return -1;
	set_time(fd, e->mtime);
	return 0;
}

static int put_fifo(struct placer *p, const struct unar_entry *e, const char *base, struct err *err)
{
	const struct timespec t[2] = { { .tv_sec = e->mtime }, { .tv_sec = e->mtime } };

	if (mknodat(p->parent, base, S_IFIFO | e->mode, 0) < 0 ||
	    (fchownat(p->parent, base, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0 && sandbox_maps_ids()) ||
	    fchmodat(p->parent, base, e->mode, 0) < 0)
		return entry_err(p, e->path, err);
	utimensat(p->parent, base, t, AT_SYMLINK_NOFOLLOW);
	return 0;
}

/* 1: it was one. */
static int put_whiteout(struct placer *p, const struct unar_entry *e, const char *base, struct err *err)
{
	CLEAN_FD int fd = -1;

	if (!p->whiteouts || strncmp(base, ".wh.", 4) != 0)
		return 0;
	if (strcmp(base, ".wh..wh..opq") == 0)
		return fsetxattr(p->parent, XATTR_OPAQUE, "y", 1, 0) < 0 ? entry_err(p, e->path, err) : 1;
	/* bookkeeping of aufs */
	if (strncmp(base, ".wh..wh.", 8) == 0)
		return 1;
	base += 4;
	if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return refuse(p, e->path, "a whiteout of nothing", err);
	if (mknodat(p->parent, base, S_IFCHR, makedev(0, 0)) == 0)
		return 1;
	if (errno != EEXIST)
		return entry_err(p, e->path, err);
	/* what the layer itself has under that name stays, in whatever order they come */
	fd = openat(p->parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && fsetxattr(fd, XATTR_OPAQUE, "y", 1, 0) < 0 ? entry_err(p, e->path, err) : 1;
}

/* What no entry may be called. */
static int check_path(struct placer *p, const char *path, struct err *err)
{
	size_t depth = 0;

	if (unar_path_escapes(path))
		return refuse(p, path, "a path with '..'", err);
	for (const char *name = path; *name; name += strcspn(name, "/"), name += strspn(name, "/")) {
		const size_t n = strcspn(name, "/");

		if (p->whiteouts && name[n] && strncmp(name, ".wh.", 4) == 0)
			return refuse(p, path, "is below a whiteout", err);
		if (n == 1 && *name == '.' && !name[n])
			return refuse(p, path, "is no name", err);
		if (++depth > PLACER_MAX_DEPTH || n > TREE_MAX_NAME) {
			CLEAN_FREE char *text = tree_shown(path);

			return err_set(err, ERR_LIMIT, "%s: %s: limit exceeded: names have %u bytes at most, paths %u "
				       "names", p->shown, text, TREE_MAX_NAME, PLACER_MAX_DEPTH);
		}
	}
	return count(p, path, err);
}

int placer_put(struct placer *p, const struct unar_entry *as_written, int *fd, struct err *err)
{
	/* in an archive the root is the archive's */
	struct unar_entry own = *as_written, *e = &own;
	const char *base;
	int ret;

	*fd = -1;
	own.path += strspn(own.path, "/");
	if (!*e->path && e->type != UNAR_DIR)
		return refuse(p, "", "the root is no directory", err);
	if (check_path(p, e->path, err) < 0 || parent_of(p, e->path, e->mtime, &base, err) < 0)
		return -1;
	ret = put_whiteout(p, e, base, err);
	if (ret)
		return ret < 0 ? -1 : 0;
	if (e->type == UNAR_DIR)
		return put_dir(p, e, base, err);
	if (e->type == UNAR_SOCKET)
		return 0;
	if (e->type == UNAR_HARDLINK)
		return put_hardlink(p, e, base, err);
	/* the later one of two counts; files are many: theirs is looked at after a failure */
	if (e->type != UNAR_FILE && faccessat(p->parent, base, F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
	    remove_at(p, base, err) < 0)
		return -1;
	switch (e->type) {
	case UNAR_SYMLINK:
		return put_symlink(p, e, base, err);
	case UNAR_CHAR:
	case UNAR_BLOCK:
		return put_device(p, e, base, err);
	case UNAR_FIFO:
		return put_fifo(p, e, base, err);
	default:
		break;
	}
	p->at = p->zeros = 0;
	*fd = openat(p->parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd < 0 && errno == EEXIST) {
		if (remove_at(p, base, err) < 0)
			return -1;
		*fd = openat(p->parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	}
	return *fd < 0 ? entry_err(p, e->path, err) : 0;
}

static bool all_zero(const char *s, size_t n)
{
	return !s[0] && !s[n - 1] && memcmp(s, s + 1, n - 1) == 0;
}

static int put_bytes(const struct placer *p, int fd, const char *s, size_t n, uint64_t at, struct err *err)
{
	while (n) {
		ssize_t w;

		if (sig_check(err) < 0)
			return -1;
		w = pwrite(fd, s, n, (off_t)at);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_sys(err, "%s: cannot write a file", p->shown);
		s += w;
		n -= (size_t)w;
		at += (uint64_t)w;
	}
	return 0;
}

/* Bytes after the zeros that were kept back: too few of those are no hole. */
static int put_after(struct placer *p, int fd, const char *s, size_t n, struct err *err)
{
	static const char zeros[HOLE];

	if (!n)
		return 0;
	if (p->zeros && p->zeros < HOLE && put_bytes(p, fd, zeros, (size_t)p->zeros, p->at - p->zeros, err) < 0)
		return -1;
	p->zeros = 0;
	if (put_bytes(p, fd, s, n, p->at, err) < 0)
		return -1;
	p->at += n;
	return 0;
}

/* How many zeros there are from @at of the file on, in whole pages of it; a page may be cut by the block's ends. */
static size_t zero_run(const char *s, size_t n, uint64_t at)
{
	size_t run = 0;

	while (run < n) {
		size_t k = PAGE - (size_t)((at + run) % PAGE);

		k = k < n - run ? k : n - run;
		if (!all_zero(s + run, k))
			break;
		run += k;
	}
	return run;
}

int placer_write(struct placer *p, int fd, const void *data, size_t n, struct err *err)
{
	const char *s = data;
	size_t from = 0, i = 0;		/* from: what is not written yet */

	while (i < n) {
		const uint64_t at = p->at + (i - from);
		const size_t run = zero_run(s + i, n - i, at);
		size_t k = PAGE - (size_t)(at % PAGE);

		/* a short run amid others is as any bytes; at an end it may go on in the next block */
		if (run && (i == 0 || i + run == n || run >= HOLE)) {
			if (put_after(p, fd, s + from, i - from, err) < 0)
				return -1;
			p->zeros += run;
			p->at += run;
			i += run;
			from = i;
			continue;
		}
		k = run ? run : k;
		i += k < n - i ? k : n - i;
	}
	return put_after(p, fd, s + from, n - from, err);
}

int placer_file_end(struct placer *p, const struct unar_entry *e, int fd, uint64_t size, struct err *err)
{
	int ret = 0;

	/* a hole at the end is only its length */
	if (ftruncate(fd, (off_t)size) < 0)
		ret = entry_err(p, e->path, err);
	if (ret == 0)
		ret = set_owner(p, fd, e, err);
	/* after the owner, which takes away setuid and capabilities */
	if (ret == 0 && fchmod(fd, e->mode) < 0)
		ret = entry_err(p, e->path, err);
	if (ret == 0)
		ret = set_xattrs(p, fd, e, err);
	if (ret == 0)
		set_time(fd, e->mtime);
	close(fd);
	return ret;
}

int placer_file(struct placer *p, struct unar *u, const struct unar_entry *e, int fd, struct err *err)
{
	uint64_t size = 0;
	const void *data;
	size_t n;
	int ret;

	while ((ret = unar_data(u, &data, &n, err)) > 0) {
		size += n;
		if (placer_write(p, fd, data, n, err) < 0) {
			ret = -1;
			break;
		}
	}
	if (ret < 0) {
		close(fd);
		return -1;
	}
	return placer_file_end(p, e, fd, size, err);
}

int placer_finish(struct placer *p, struct err *err)
{
	forget_parent(p);
	/* of one that is there twice the later one counts; as root in our namespace no mode shuts us out */
	for (size_t i = 0; i < p->dirs.len; i++) {
		const struct placed_dir *d = &p->dirs.ptr[i];
		CLEAN_FD int fd = open_in(p->root, d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

		struct stat st;

		/* replaced by something later */
		if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
			continue;
		if (fd < 0 || fstat(fd, &st) < 0)
			return entry_err(p, d->path, err);
		if (st.st_ino != d->ino)
			continue;
		if (fchmod(fd, d->mode) < 0)
			return entry_err(p, d->path, err);
		set_time(fd, d->mtime);
	}
	return 0;
}
