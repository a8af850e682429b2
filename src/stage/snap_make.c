/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer's entries become a directory. Every name is looked up by the kernel below the directory's descriptor with
 * RESOLVE_IN_ROOT, so that neither `..` nor any symlink leads out of it, whatever the order of entries; what is made
 * is made without following a link, and nothing that is there is written to.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "oci/rootfs.h"
#include "os/fs.h"
#include "stage/snap_make.h"

#define MAX_DEPTH 200u			/* fs_rmtree() has its own limit */
#define MAX_MADE ROOTFS_MAX_ENTRIES	/* entries and the directories that their paths imply */
#define MAX_PATH_BYTES ROOTFS_MAX_PATH_BYTES

void snap_make_abort(struct snap_make *m)
{
	struct err ignored;

	if (!m)
		return;
	snap_file_close(m);
	if (m->parent_fd >= 0)
		close(m->parent_fd);
	if (m->root >= 0)
		close(m->root);
	/* the next sweep tries again */
	if (m->tmp && fs_rmtree(m->tmp, &ignored) < 0)
		errno = 0;
	VEC_EACH(&m->dirs, d)
		free(d->path);
	VEC_FREE(&m->dirs);
	buf_release(&m->path);
	buf_release(&m->target);
	free(m->parent);
	free(m->tmp);
	free(m->dir);
	free(m->shown);
	free(m);
}

struct snap_make *snap_make_new(const char *dir, const char *shown, struct err *err)
{
	struct snap_make *m = xcalloc(1, sizeof(*m));

	*m = (struct snap_make){ .dir = xstrdup(dir), .shown = xstrdup(shown), .root = -1, .parent_fd = -1, .fd = -1,
				 .path = BUF_INIT, .target = BUF_INIT, .uid = geteuid(), .gid = getegid() };
	m->tmp = fs_tmp_dir(dir, err);
	if (!m->tmp)
		goto fail;
	m->root = open(m->tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (m->root < 0) {
		err_sys(err, "cannot write %s", dir);
		goto fail;
	}
	return m;
fail:
	snap_make_abort(m);
	return NULL;
}

/* What a careful unpacker refuses. */
static int refuse(struct snap_make *m, const char *path, const char *what, struct err *err)
{
	CLEAN_FREE char *text = tree_shown(path);

	return err_set(err, ERR_FORMAT, "%s: %s: %s", m->shown, *text ? text : ".", what);
}

int snap_make_failed(struct snap_make *m, const char *path, struct err *err)
{
	const int sys = errno;
	CLEAN_FREE char *text = tree_shown(path);

	errno = sys;
	return err_sys(err, "%s: cannot make %s", m->shown, *text ? text : ".");
}

static int in_root(struct snap_make *m, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)(flags | O_CLOEXEC),
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, m->root, *path ? path : ".", &how, sizeof(how));
}

/* One more thing in the directory, against archives that hold little and make much. */
static int count(struct snap_make *m, const char *path, struct err *err)
{
	if (++m->made > MAX_MADE)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u names", m->shown, MAX_MADE);
	m->path_bytes += strlen(path);
	if (m->path_bytes > MAX_PATH_BYTES)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %llu MB of names", m->shown,
			       (unsigned long long)(MAX_PATH_BYTES >> 20));
	return 0;
}

/* A directory is open to us till the end, whatever its mode is to be. @fd: of it. */
static int record(struct snap_make *m, int fd, const char *path, mode_t mode, int64_t mtime, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return snap_make_failed(m, path, err);
	VEC_PUSH(&m->dirs, ((struct snap_made){ .path = xstrdup(path), .ino = st.st_ino, .mode = mode & 07777,
						.mtime = mtime }));
	return 0;
}

/*
 * A new directory in @parent in the place of what there may be. 0: it is new; 1: there is one already; -1. One that
 * comes where a whiteout is hides all that lower layers have there.
 */
static int make_dir(struct snap_make *m, int parent, const char *name, const char *path, bool implied, struct err *err)
{
	struct stat st;
	CLEAN_FD int fd = -1;

	if (mkdirat(parent, name, 0700) == 0)
		return 0;
	if (errno != EEXIST || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return snap_make_failed(m, path, err);
	if (S_ISDIR(st.st_mode))
		return 1;
	if (implied && !(S_ISCHR(st.st_mode) && st.st_rdev == 0))
		return refuse(m, path,
				   S_ISLNK(st.st_mode) ? "is a symlink that leads nowhere, and something is below it" :
							 "is no directory, and something is below it",
				   err);
	m->stale = true;
	if (unlinkat(parent, name, 0) < 0 || mkdirat(parent, name, 0700) < 0)
		return snap_make_failed(m, path, err);
	if (!S_ISCHR(st.st_mode) || st.st_rdev != 0)
		return 0;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 || fsetxattr(fd, SNAP_OPAQUE, "y", 1, 0) < 0 ? snap_make_failed(m, path, err) : 0;
}

/* The directories on the way to @path (that one included) which no entry has made so far. A descriptor, or -1. */
static int make_parents(struct snap_make *m, const char *path, int64_t mtime, struct err *err)
{
	CLEAN_FREE char *way = xstrdup(path);
	CLEAN_FD int at = in_root(m, "", O_PATH | O_DIRECTORY);

	if (at < 0)
		return snap_make_failed(m, path, err);
	for (char *name = way; name;) {
		char *slash = strchr(name, '/');
		int fd, made;

		if (slash)
			*slash = '\0';
		fd = in_root(m, way, O_RDONLY | O_DIRECTORY);
		if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			return snap_make_failed(m, path, err);
		if (fd < 0 && errno == ELOOP)
			return refuse(m, path, "symlinks on the way to it go round in circles", err);
		if (fd < 0) {
			made = count(m, way, err) < 0 ? -1 : make_dir(m, at, name, way, true, err);
			if (made < 0)
				return -1;
			fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (fd < 0)
				return snap_make_failed(m, way, err);
			if (record(m, fd, way, 0755, mtime, err) < 0) {
				close(fd);
				return -1;
			}
		}
		close(at);
		at = fd;
		if (slash)
			*slash = '/';
		name = slash ? slash + 1 : NULL;
	}
	return steal_fd(&at);
}

/* The directory at @path, made if need be: a descriptor that is kept for the entries to come, or -1. */
static int parent_of(struct snap_make *m, const char *path, int64_t mtime, struct err *err)
{
	if (m->parent_fd >= 0 && !m->stale && strcmp(m->parent, path) == 0)
		return m->parent_fd;
	m->stale = false;
	if (m->parent_fd >= 0)
		close(m->parent_fd);
	m->parent_fd = in_root(m, path, O_PATH | O_DIRECTORY);
	if (m->parent_fd < 0 && errno == ENOSYS) {
		err_set(err, ERR_TOOL, "the kernel has no openat2()");
		return err_hint(err, "Linux 5.11 or later is needed to unpack layers");
	}
	if (m->parent_fd < 0)
		m->parent_fd = make_parents(m, path, mtime, err);
	free(m->parent);
	m->parent = xstrdup(path);
	return m->parent_fd;
}

/* Less what means nothing; what climbs is refused. @entry: for messages. */
static int clean(struct snap_make *m, const char *entry, const char *path, struct buf *out, struct err *err)
{
	struct str rest = str_from(path);
	size_t depth = 0;

	buf_reset(out);
	if (rest.len > TREE_MAX_PATH)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: a path of %zu bytes, the most is %u", m->shown,
			       rest.len, TREE_MAX_PATH);
	while (rest.len) {
		struct str name = rest;

		rest = str_cut(&name, '/');
		if (!name.len || str_eqz(name, "."))
			continue;
		if (str_eqz(name, ".."))
			return refuse(m, entry, "a path with '..'", err);
		if (name.len > TREE_MAX_NAME || ++depth > MAX_DEPTH) {
			CLEAN_FREE char *text = tree_shown(entry);

			return err_set(err, ERR_LIMIT, "%s: %s: limit exceeded: names have %u bytes at most, paths %u "
				       "names", m->shown, text, TREE_MAX_NAME, MAX_DEPTH);
		}
		if (rest.len && str_starts(name, WH_PREFIX))
			return refuse(m, entry, "is below a whiteout", err);
		if (out->len)
			buf_addc(out, '/');
		buf_adds(out, name);
	}
	return 0;
}

/* Splits m->path: the directory, and the name as the return value. */
static const char *split(struct buf *path)
{
	char *slash = memrchr(path->ptr, '/', path->len);

	if (!slash) {
		/* one name: the directory is the root, and the name is moved behind its end */
		CLEAN_FREE char *name = xstrdup(path->ptr);

		buf_reset(path);
		buf_addc(path, '\0');
		buf_addz(path, name);
		return path->ptr + 1;
	}
	*slash = '\0';
	return slash + 1;
}

static int make_room(struct snap_make *m, int parent, const char *name, const char *path, struct err *err)
{
	struct stat st;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : snap_make_failed(m, path, err);
	m->stale = true;
	if (!S_ISDIR(st.st_mode))
		return unlinkat(parent, name, 0) < 0 ? snap_make_failed(m, path, err) : 0;
	return fs_rmtree_at(parent, name, err) < 0 ? err_wrap(err, "%s", m->shown) : 0;
}

static int whiteout(struct snap_make *m, int parent, const char *name, const char *path, struct err *err)
{
	const char *gone = name + strlen(WH_PREFIX);
	CLEAN_FD int fd = -1;
	struct stat st;

	if (strcmp(name, WH_OPAQUE) == 0) {
		fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	} else if (starts_with(name, WH_AUFS)) {
		return 0;
	} else if (!*gone || strcmp(gone, ".") == 0 || strcmp(gone, "..") == 0) {
		return refuse(m, path, "a whiteout of nothing", err);
	} else if (fstatat(parent, gone, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT || mknodat(parent, gone, S_IFCHR, 0) < 0)
			return snap_make_failed(m, path, err);
		return 0;
	} else if (!S_ISDIR(st.st_mode)) {
		/* this layer has its own, which hides the other */
		return 0;
	} else {
		fd = openat(parent, gone, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	return fd < 0 || fsetxattr(fd, SNAP_OPAQUE, "y", 1, 0) < 0 ? snap_make_failed(m, path, err) : 0;
}

static int add_dir(struct snap_make *m, int parent, const char *name, const struct snap_entry *e, const char *path,
		   struct err *err)
{
	CLEAN_FD int fd = -1;

	if (*path && make_dir(m, parent, name, path, false, err) < 0)
		return -1;
	fd = *path ? openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) :
		     in_root(m, "", O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return snap_make_failed(m, path, err);
	if (snap_set_attrs(m, fd, e, path, err) < 0)
		return -1;
	return record(m, fd, path, e->mode, e->mtime, err);
}

static int add_hardlink(struct snap_make *m, int parent, const char *name, const struct snap_entry *e,
			const char *path, struct err *err)
{
	CLEAN_FD int from = -1;
	const char *source;
	struct stat st, old;

	if (clean(m, path, e->target, &m->target, err) < 0)
		return -1;
	if (!m->target.len)
		return refuse(m, path, "a hard link to a directory", err);
	source = split(&m->target);
	from = in_root(m, m->target.ptr, O_PATH | O_DIRECTORY);
	if (from < 0 || fstatat(from, source, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (S_ISCHR(st.st_mode) && st.st_rdev == 0)) {
		CLEAN_FREE char *text = tree_shown(e->target);
		CLEAN_FREE char *what = xasprintf("a hard link to %s, which is not in the layer before it", text);

		return refuse(m, path, what, err);
	}
	if (S_ISDIR(st.st_mode))
		return refuse(m, path, "a hard link to a directory", err);
	if (fstatat(parent, name, &old, AT_SYMLINK_NOFOLLOW) == 0 && old.st_ino == st.st_ino)
		return 0;
	if (linkat(from, source, parent, name, 0) == 0)
		return 0;
	if (errno == EEXIST && make_room(m, parent, name, path, err) < 0)
		return -1;
	return linkat(from, source, parent, name, 0) < 0 ? snap_make_failed(m, path, err) : 0;
}

static int add_symlink(struct snap_make *m, int parent, const char *name, const struct snap_entry *e,
		       const char *path, struct err *err)
{
	const struct timespec times[2] = { { e->mtime, 0 }, { e->mtime, 0 } };

	if (!*e->target)
		return refuse(m, path, "a symlink to nothing", err);
	if (symlinkat(e->target, parent, name) < 0)
		return snap_make_failed(m, path, err);
	/* where we may not, it is ours: a symlink cannot carry our attribute */
	if ((e->uid != m->uid || e->gid != m->gid) &&
	    fchownat(parent, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != EINVAL && errno != EPERM)
		return snap_make_failed(m, path, err);
	return utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? snap_make_failed(m, path, err) : 0;
}

/* A device or fifo. 1: it has to be a file that says what it is, which is @fd. */
static int add_node(struct snap_make *m, int parent, const char *name, const struct snap_entry *e, const char *path,
		    struct err *err)
{
	const struct timespec times[2] = { { e->mtime, 0 }, { e->mtime, 0 } };

	if (S_ISCHR(e->mode) && e->rdev == 0)
		return refuse(m, path, "a device 0:0, which means that there is nothing", err);
	if (mknodat(parent, name, (e->mode & S_IFMT) | 0600, S_ISFIFO(e->mode) ? 0 : e->rdev) < 0) {
		if (errno != EPERM || S_ISFIFO(e->mode))
			return snap_make_failed(m, path, err);
		return 1;
	}
	if ((e->uid != m->uid || e->gid != m->gid) &&
	    fchownat(parent, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != EINVAL && errno != EPERM)
		return snap_make_failed(m, path, err);
	/* it was made just now: no link is followed */
	if (fchmodat(parent, name, e->mode & 07777, 0) < 0 ||
	    utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return snap_make_failed(m, path, err);
	return 0;
}

static int create(struct snap_make *m, int parent, const char *name, const struct snap_entry *e, const char *path,
		  struct err *err)
{
	const int flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC;
	int r;

	/* Of a name that is there twice the later one counts. Files are many: theirs is looked at after a failure. */
	if (!S_ISREG(e->mode) && make_room(m, parent, name, path, err) < 0)
		return -1;
	switch (e->mode & S_IFMT) {
	case S_IFLNK:
		return add_symlink(m, parent, name, e, path, err);
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
		r = add_node(m, parent, name, e, path, err);
		if (r <= 0)
			return r;
		/* a file stands for it */
		__attribute__((fallthrough));
	case S_IFREG:
		m->fd = openat(parent, name, flags, 0600);
		if (m->fd < 0 && errno == EEXIST) {
			if (make_room(m, parent, name, path, err) < 0)
				return -1;
			m->fd = openat(parent, name, flags, 0600);
		}
		if (m->fd < 0)
			return snap_make_failed(m, path, err);
		snap_file_begin(m, e, path);
		return S_ISREG(e->mode) ? 1 : snap_make_end(m, err);
	default:
		return refuse(m, path, "of a type that no layer may hold", err);
	}
}

int snap_make_add(struct snap_make *m, const struct snap_entry *e, struct err *err)
{
	CLEAN_FREE char *path = NULL;
	const char *name;
	int parent;

	if (clean(m, e->path, e->path, &m->path, err) < 0)
		return -1;
	if (!m->path.len && (e->hardlink || !S_ISDIR(e->mode)))
		return refuse(m, "", "the root is no directory", err);
	if (!m->path.len) {
		m->rooted = true;
		return add_dir(m, m->root, ".", e, "", err);
	}
	if (count(m, m->path.ptr, err) < 0)
		return -1;
	path = xstrdup(m->path.ptr);
	name = split(&m->path);
	parent = parent_of(m, m->path.ptr, e->mtime, err);
	if (parent < 0)
		return -1;
	if (starts_with(name, WH_PREFIX))
		return whiteout(m, parent, name, path, err);
	if (e->hardlink)
		return add_hardlink(m, parent, name, e, path, err);
	if (S_ISDIR(e->mode))
		return add_dir(m, parent, name, e, path, err);
	return create(m, parent, name, e, path, err);
}

/* Modes and times of directories, now that nothing comes into them any more; of one that is there twice the later. */
static int finish_dirs(struct snap_make *m, struct err *err)
{
	VEC_EACH(&m->dirs, d) {
		const struct timespec times[2] = { { d->mtime, 0 }, { d->mtime, 0 } };
		CLEAN_FD int fd = in_root(m, d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		struct stat st;

		/* something else took its place */
		if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
			continue;
		if (fd < 0 || fstat(fd, &st) < 0)
			return snap_make_failed(m, d->path, err);
		if (st.st_ino != d->ino)
			continue;
		if (fchmod(fd, d->mode) < 0 || futimens(fd, times) < 0)
			return snap_make_failed(m, d->path, err);
	}
	return 0;
}

int snap_make_commit(struct snap_make *m, struct err *err)
{
	int r = finish_dirs(m, err);

	/* a root that no entry has described */
	if (r == 0 && !m->rooted && fchmod(m->root, 0755) < 0)
		r = snap_make_failed(m, "", err);
	if (r == 0 && rename(m->tmp, m->dir) == 0)
		free(steal(&m->tmp));
	else if (r == 0 && errno != ENOTEMPTY && errno != EEXIST)	/* another process was faster with the same */
		r = err_sys(err, "cannot write %s", m->dir);
	snap_make_abort(m);
	return r;
}
