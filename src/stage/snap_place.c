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
#include "os/fs.h"
#include "os/proc.h"
#include "stage/sandbox.h"
#include "stage/snap_internal.h"

#define HOLE 4096u /* bytes of zeros that are worth one */

static int open_in(int root, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)flags | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));
}

static int entry_err(const struct placer *p, const char *path, struct err *err)
{
	return err_sys(err, "%s: %s", p->shown, path);
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

/* Parents that the archive does not mention are made as everybody makes them. */
static int make_parents(struct placer *p, const char *path, struct err *err)
{
	for (const char *slash = strchr(path, '/');; slash = strchr(slash + 1, '/')) {
		CLEAN_FREE char *prefix = xstrndup(path, slash ? (size_t)(slash - path) : strlen(path));
		CLEAN_FREE char *dir = path_dirname(prefix);
		CLEAN_FD int fd = open_in(p->root, prefix, O_RDONLY | O_DIRECTORY), up = -1;

		if (fd < 0 && errno != ENOENT)
			return entry_err(p, prefix, err);
		if (fd < 0) {
			up = open_in(p->root, strcmp(dir, ".") == 0 ? "" : dir, O_RDONLY | O_DIRECTORY);
			if (up < 0 || mkdirat(up, path_basename(prefix), 0755) < 0 ||
			    fchmodat(up, path_basename(prefix), 0755, 0) < 0)
				return entry_err(p, prefix, err);
		}
		if (!slash)
			return 0;
	}
}

static int parent_of(struct placer *p, const char *path, const char **base, struct err *err)
{
	const char *slash = strrchr(path, '/');
	CLEAN_FREE char *dir = xstrndup(path, slash ? (size_t)(slash - path) : 0);

	*base = slash ? slash + 1 : path;
	if (p->parent >= 0 && strcmp(dir, p->parent_path) == 0)
		return 0;
	if (p->parent >= 0)
		close(p->parent);
	p->parent = open_in(p->root, dir, O_RDONLY | O_DIRECTORY);
	if (p->parent < 0 && errno == ENOENT) {
		if (make_parents(p, dir, err) < 0)
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

static int remove_at(int dir, const char *name, struct err *err)
{
	CLEAN_FREE char *path = NULL;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(err, "%s", name);
	/* a directory of ours, which no link leads out of: fs_rmtree() follows none */
	path = xasprintf("/proc/self/fd/%d/%s", dir, name);
	return fs_rmtree(path, err);
}

static void forget_parent(struct placer *p)
{
	if (p->parent >= 0)
		close(p->parent);
	p->parent = -1;
}

/* ---- owner, mode, attributes ---- */

/* Who may not give files away writes down whose they are. */
static int note_owner(int fd, const struct unar_entry *e, mode_t type, struct err *err)
{
	char text[80];
	const bool device = e->type == UNAR_CHAR || e->type == UNAR_BLOCK;

	if (device)
		snprintf(text, sizeof(text), "%u:%u:%o:%u:%u", e->uid, e->gid, (unsigned)(type | e->mode), e->major,
			 e->minor);
	else
		snprintf(text, sizeof(text), "%u:%u", e->uid, e->gid);
	if (fsetxattr(fd, XATTR_OWNER, text, strlen(text), 0) < 0)
		return err_sys(err, "%s: cannot note its owner", e->path);
	return 0;
}

static int set_owner(int fd, const struct unar_entry *e, struct err *err)
{
	if (fchown(fd, e->uid, e->gid) == 0)
		return 0;
	if (errno != EINVAL && errno != EPERM)
		return err_sys(err, "%s: owner %u:%u", e->path, e->uid, e->gid);
	if (sandbox_maps_ids())
		return err_set(err, ERR_FORMAT, "%s: owner %u:%u is beyond the ids that this user may use", e->path,
			       e->uid, e->gid);
	return note_owner(fd, e, 0, err);
}

static int set_xattrs(int fd, const struct unar_entry *e, struct err *err)
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
			return err_sys(err, "%s: %s", e->path, x->name);
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
			opaque = p->whiteouts && S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
			if (!S_ISDIR(st.st_mode) &&
			    (remove_at(p->parent, base, err) < 0 || mkdirat(p->parent, base, 0700) < 0))
				return entry_err(p, e->path, err);
		}
		fd = openat(p->parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	} else {
		fd = dup(p->root);
	}
	if (fd < 0 || (opaque && fsetxattr(fd, XATTR_OPAQUE, "y", 1, 0) < 0))
		return entry_err(p, e->path, err);
	VEC_PUSH(&p->dirs, ((struct placed_dir){ .path = xstrdup(e->path), .mode = e->mode, .mtime = e->mtime }));
	return set_owner(fd, e, err) < 0 || set_xattrs(fd, e, err) < 0 ? -1 : 0;
}

static int put_hardlink(struct placer *p, const struct unar_entry *e, const char *base, struct err *err)
{
	CLEAN_FREE char *dir = path_dirname(e->target);
	const char *name = path_basename(e->target);
	CLEAN_FD int from = -1;

	if (unar_path_escapes(e->target))
		return err_set(err, ERR_FORMAT, "%s: %s: links to '%s', outside of the layer", p->shown, e->path,
			       e->target);
	from = open_in(p->root, strcmp(dir, ".") == 0 ? "" : dir, O_RDONLY | O_DIRECTORY);
	if (from < 0 || linkat(from, name, p->parent, base, 0) < 0) {
		if (errno == ENOENT)
			return err_set(err, ERR_FORMAT, "%s: %s: links to '%s', which is not there", p->shown, e->path,
				       e->target);
		return entry_err(p, e->path, err);
	}
	return 0;
}

static int put_symlink(struct placer *p, const struct unar_entry *e, const char *base, struct err *err)
{
	const struct timespec t[2] = { { .tv_sec = e->mtime }, { .tv_sec = e->mtime } };

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
	const mode_t type = e->type == UNAR_CHAR ? S_IFCHR : S_IFBLK;
	CLEAN_FD int fd = -1;

	if (e->type == UNAR_CHAR && !e->major && !e->minor)
		return err_set(err, ERR_FORMAT, "%s: %s: a device 0:0 is overlayfs' own", p->shown, e->path);
	if (mknodat(p->parent, base, type | e->mode, makedev(e->major, e->minor)) == 0) {
		if (fchownat(p->parent, base, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		    fchmodat(p->parent, base, e->mode, 0) < 0)
			return entry_err(p, e->path, err);
		return 0;
	}
	if (errno != EPERM)
		return entry_err(p, e->path, err);
	fd = openat(p->parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return entry_err(p, e->path, err);
	return note_owner(fd, e, type, err);
}

static int put_fifo(struct placer *p, const struct unar_entry *e, const char *base, struct err *err)
{
	const struct timespec t[2] = { { .tv_sec = e->mtime }, { .tv_sec = e->mtime } };

	if (mknodat(p->parent, base, S_IFIFO | e->mode, 0) < 0 || fchmodat(p->parent, base, e->mode, 0) < 0 ||
	    (fchownat(p->parent, base, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0 && sandbox_maps_ids()))
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
		return err_set(err, ERR_FORMAT, "%s: %s: is a whiteout of nothing", p->shown, e->path);
	if (mknodat(p->parent, base, S_IFCHR, makedev(0, 0)) == 0)
		return 1;
	if (errno != EEXIST)
		return entry_err(p, e->path, err);
	/* what the layer itself has under that name stays, in whatever order they come */
	fd = openat(p->parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && fsetxattr(fd, XATTR_OPAQUE, "y", 1, 0) < 0 ? entry_err(p, e->path, err) : 1;
}

int placer_put(struct placer *p, const struct unar_entry *e, int *fd, struct err *err)
{
	const char *base;
	int ret;

	*fd = -1;
	if (unar_path_escapes(e->path))
		return err_set(err, ERR_FORMAT, "%s: '%s' leads out of the layer", p->shown, e->path);
	if (!*e->path && e->type != UNAR_DIR)
		return err_set(err, ERR_FORMAT, "%s: its root is no directory", p->shown);
	if (parent_of(p, e->path, &base, err) < 0)
		return -1;
	if (strcmp(base, ".") == 0)
		return err_set(err, ERR_FORMAT, "%s: '%s' is no name", p->shown, e->path);
	ret = put_whiteout(p, e, base, err);
	if (ret)
		return ret < 0 ? -1 : 0;
	if (e->type == UNAR_DIR)
		return put_dir(p, e, base, err);
	if (e->type == UNAR_SOCKET)
		return 0;
	/* the later one of two counts; a directory that goes may be the parent that is open */
	if (faccessat(p->parent, base, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		if (e->type == UNAR_HARDLINK && strcmp(e->path, e->target) == 0)
			return 0;
		if (remove_at(p->parent, base, err) < 0)
			return err_wrap(err, "%s", p->shown);
	}
	switch (e->type) {
	case UNAR_HARDLINK:
		return put_hardlink(p, e, base, err);
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
	*fd = openat(p->parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return *fd < 0 ? entry_err(p, e->path, err) : 0;
}

static bool all_zero(const char *s, size_t n)
{
	return n && !s[0] && memcmp(s, s + 1, n - 1) == 0;
}

int placer_write(struct placer *p, int fd, const void *data, size_t n, struct err *err)
{
	const char *s = data;

	while (n) {
		size_t take = n < HOLE ? n : HOLE;

		if (take == HOLE && all_zero(s, take)) {
			if (lseek(fd, (off_t)take, SEEK_CUR) < 0)
				return err_sys(err, "%s", p->shown);
		} else {
			/* as much as has no whole block of zeros in it, at once */
			while (take < n) {
				const size_t more = n - take < HOLE ? n - take : HOLE;

				if (more == HOLE && all_zero(s + take, more))
					break;
				take += more;
			}
			if (fs_write_all(fd, s, take, p->shown, err) < 0)
				return -1;
		}
		s += take;
		n -= take;
	}
	return 0;
}

int placer_file_end(struct placer *p, const struct unar_entry *e, int fd, uint64_t size, struct err *err)
{
	int ret = 0;

	/* a hole at the end is only its length */
	if (ftruncate(fd, (off_t)size) < 0)
		ret = entry_err(p, e->path, err);
	if (ret == 0)
		ret = set_owner(fd, e, err);
	/* after the owner, which takes away setuid and capabilities */
	if (ret == 0 && fchmod(fd, e->mode) < 0)
		ret = entry_err(p, e->path, err);
	if (ret == 0)
		ret = set_xattrs(fd, e, err);
	if (ret == 0)
		set_time(fd, e->mtime);
	close(fd);
	return ret;
}

int placer_finish(struct placer *p, struct err *err)
{
	forget_parent(p);
	/* the inner ones first: a mode may shut us out of what is inside */
	for (size_t i = p->dirs.len; i-- > 0;) {
		const struct placed_dir *d = &p->dirs.ptr[i];
		CLEAN_FD int fd = open_in(p->root, d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

		/* replaced by something later, or shut already by an entry that came later */
		if (fd < 0)
			continue;
		if (fchmod(fd, d->mode) < 0)
			return entry_err(p, d->path, err);
		set_time(fd, d->mtime);
	}
	return 0;
}
