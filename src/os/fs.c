/* SPDX-License-Identifier: Apache-2.0 */
#include "os/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/proc.h"

#define LOCK_HOLDER 256

static int cannot_read(struct err *err, const char *path)
{
	bool denied = errno == EACCES || errno == EPERM;

	err_sys(err, "cannot read %s", path);
	if (denied)
		err_hint(err, "check the owner and mode of the file and of the directories above it");
	return -1;
}

int fs_open(const char *path, struct stat *st, struct err *err)
{
	CLEAN_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno == ENXIO)	/* a socket, or a device that is not there */
		return err_set(err, ERR_IO, "cannot read %s: not a regular file", path);
	if (fd < 0 || fstat(fd, st) < 0)
		return cannot_read(err, path);
	if (!S_ISREG(st->st_mode))
		return err_set(err, ERR_IO, "cannot read %s: not a regular file", path);
	return steal_fd(&fd);
}

static int too_large(struct err *err, const char *path, const struct stat *st, uint64_t limit)
{
	return err_set(err, ERR_LIMIT, "%s: limit exceeded: %llu bytes, the most is %llu", path,
		       (unsigned long long)st->st_size, (unsigned long long)limit);
}

int fs_read(const char *path, uint64_t limit, struct buf *out, struct err *err)
{
	struct stat st;
	CLEAN_FD int fd = fs_open(path, &st, err);
	size_t start = out->len;
	int r = 0;

	if (fd < 0)
		return -1;
	if ((uint64_t)st.st_size > limit)
		return too_large(err, path, &st, limit);
	/* The size is a hint only: /proc files say 0, and files grow. */
	buf_reserve(out, st.st_size > 0 ? (size_t)st.st_size + 1 : 4096);
	while (r == 0) {
		ssize_t n;

		if (out->cap - out->len < 2)
			buf_reserve(out, 65536);
		n = read(fd, out->ptr + out->len, out->cap - out->len - 1);
		if (n == 0)
			break;
		if (n > 0)
			out->len += (size_t)n;
		else if (errno != EINTR)
			r = cannot_read(err, path);
		if (r == 0 && out->len - start > limit)
			r = err_set(err, ERR_LIMIT, "%s: limit exceeded: the most is %llu bytes", path,
				    (unsigned long long)limit);
		if (r == 0)
			r = sig_check(err);
	}
	if (r < 0)
		out->len = start;
	out->ptr[out->len] = '\0';
	return r;
}

int fs_map_open(struct fs_map *m, const char *path, uint64_t limit, struct err *err)
{
	struct stat st;
	CLEAN_FD int fd = fs_open(path, &st, err);
	void *p;

	*m = (struct fs_map){ .ptr = (const uint8_t *)"" };
	if (fd < 0)
		return -1;
	if ((uint64_t)st.st_size > limit)
		return too_large(err, path, &st, limit);
	m->st = st;
	if (st.st_size == 0)
		return 0;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(err, "cannot map %s", path);
	m->ptr = p;
	m->len = (size_t)st.st_size;
	return 0;
}

void fs_map_close(struct fs_map *m)
{
	if (m->len)
		munmap((void *)(uintptr_t)m->ptr, m->len);
	*m = (struct fs_map){ .ptr = (const uint8_t *)"" };
}

bool fs_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

bool fs_is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int fs_mkdirs(const char *path, struct err *err)
{
	CLEAN_FREE char *p = xstrdup(path);

	/* Nearly always it is there already, or only the last part is missing. */
	if (mkdir(p, 0777) == 0 || (errno == EEXIST && fs_is_dir(p)))
		return 0;
	if (errno == EEXIST) {
		errno = ENOTDIR;
		return err_sys(err, "cannot create directory %s", path);
	}
	for (char *s = p; *s; s++) {
		if (*s != '/' || s == p || s[-1] == '/')
			continue;
		*s = '\0';
		if (mkdir(p, 0777) < 0 && errno != EEXIST)
			return err_sys(err, "cannot create directory %s", p);
		*s = '/';
	}
	if (mkdir(p, 0777) < 0 && (errno != EEXIST || !fs_is_dir(p)))
		return err_sys(err, "cannot create directory %s", path);
	return 0;
}

#define RMTREE_DEPTH 256	/* descriptors that are open at once */

/** A tree on its way out. */
struct rmtree {
	struct buf path;	/* where we are, for the messages */
	int top;		/* the tree's root, once it is open */
	unsigned long moved;
};

/* What lies too deep comes up to the top, where another round finds it. */
static int rmtree_lift(struct rmtree *t, int parent, const char *name, struct err *err)
{
	char to[48];
	int r;

	do {
		snprintf(to, sizeof(to), ".slsc-deep.%lu", t->moved++);
		r = renameat2(parent, name, t->top, to, RENAME_NOREPLACE);
	} while (r < 0 && errno == EEXIST);
	return r < 0 ? err_sys(err, "cannot remove %s", t->path.ptr) : 0;
}

static int rmtree_at(struct rmtree *t, int parent, const char *name, bool is_dir, unsigned depth, struct err *err);

static int rmtree_inside(struct rmtree *t, DIR *d, unsigned depth, struct err *err)
{
	size_t len = t->path.len;
	struct dirent *e;
	int r = 0;

	while (r == 0 && (errno = 0, e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		buf_addf(&t->path, "/%s", e->d_name);
		if (depth == RMTREE_DEPTH)
			r = rmtree_lift(t, dirfd(d), e->d_name, err);
		else
			r = rmtree_at(t, dirfd(d), e->d_name, e->d_type == DT_DIR, depth + 1, err);
		t->path.len = len;
		t->path.ptr[len] = '\0';
	}
	return r == 0 && errno ? err_sys(err, "cannot list %s", t->path.ptr) : r;
}

static int rmtree_at(struct rmtree *t, int parent, const char *name, bool is_dir, unsigned depth, struct err *err)
{
	const unsigned long moved = t->moved;
	int fd, why = EISDIR, r;
	DIR *d;

	if (!is_dir) {
		if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
			return 0;
		/* EISDIR on Linux, EPERM by POSIX; EACCES: the file, or what is in a directory not ours to change */
		why = errno;
		if (why != EISDIR && why != EPERM && why != EACCES)
			return err_sys(err, "cannot remove %s", t->path.ptr);
	}
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		errno = why;
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		err_sys(err, "cannot remove %s", t->path.ptr);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (depth == 0)
		t->top = fd;
	r = rmtree_inside(t, d, depth, err);
	closedir(d);
	if (r < 0 || unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return r;
	if (errno == ENOTEMPTY && depth == 0 && t->moved > moved)
		return rmtree_at(t, parent, name, true, depth, err);
	return err_sys(err, "cannot remove %s", t->path.ptr);
}

int fs_rmtree_at(int parent, const char *name, struct err *err)
{
	struct rmtree t = { .path = BUF_INIT };
	int r;

	buf_addz(&t.path, name);
	r = rmtree_at(&t, parent, name, false, 0, err);
	buf_release(&t.path);
	return r;
}

int fs_rmtree(const char *path, struct err *err)
{
	return fs_rmtree_at(AT_FDCWD, path, err);
}

int fs_list(const char *path, struct strs *names, struct err *err)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int r = 0;

	if (!d)
		return err_sys(err, "cannot list %s", path);
	while ((errno = 0, e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			strs_add(names, e->d_name);
	if (errno)
		r = err_sys(err, "cannot list %s", path);
	closedir(d);
	strs_sort(names);
	return r;
}

int fs_write_all(int fd, const void *p, size_t n, const char *name, struct err *err)
{
	const char *s = p;

	while (n) {
		ssize_t w = write(fd, s, n);

		if (w < 0 && errno == EINTR) {
			if (sig_check(err) < 0)
				return -1;
			continue;
		}
		if (w < 0)
			return err_sys(err, "cannot write %s", name);
		s += w;
		n -= (size_t)w;
	}
	return 0;
}

static void lock_holder(int fd, char line[LOCK_HOLDER])
{
	ssize_t n = pread(fd, line, LOCK_HOLDER - 1, 0);

	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (!line[0])
		snprintf(line, LOCK_HOLDER, "another process");
}

static int lock_wait(int fd, const char *path, void (*waiting)(const char *holder, void *ctx), void *ctx,
		     bool *told, struct err *err)
{
	char line[LOCK_HOLDER];

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK && errno != EINTR)
		return err_sys(err, "cannot lock %s", path);
	if (waiting && !*told) {
		lock_holder(fd, line);
		waiting(line, ctx);
		*told = true;
	}
	while (flock(fd, LOCK_EX) < 0) {
		if (errno != EINTR)
			return err_sys(err, "cannot lock %s", path);
		if (sig_check(err) < 0)
			return -1;
	}
	return 0;
}

static int lock_try(int fd, const char *path, struct err *err)
{
	char line[LOCK_HOLDER];

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_sys(err, "cannot lock %s", path);
	lock_holder(fd, line);
	return err_set(err, ERR_EXISTS, "%s", line);
}

static int lock_file(const char *path, const char *who, bool wait, void (*waiting)(const char *holder, void *ctx),
		     void *ctx, struct err *err)
{
	CLEAN_FREE char *line = xasprintf("%s, pid %ld\n", who, (long)getpid());
	bool told = false;

	for (;;) {
		CLEAN_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
		struct stat mine, there;

		if (fd < 0)
			return err_sys(err, "cannot lock %s", path);
		if ((wait ? lock_wait(fd, path, waiting, ctx, &told, err) : lock_try(fd, path, err)) < 0)
			return -1;
		/* Removed or replaced while we waited: what we hold then keeps nobody out. */
		if (fstat(fd, &mine) < 0)
			return err_sys(err, "cannot lock %s", path);
		if (stat(path, &there) < 0 || mine.st_ino != there.st_ino || mine.st_dev != there.st_dev)
			continue;
		if (ftruncate(fd, 0) < 0)
			return err_sys(err, "cannot write %s", path);
		if (fs_write_all(fd, line, strlen(line), path, err) < 0)
			return -1;
		return steal_fd(&fd);
	}
}

int fs_lock(const char *path, const char *who, void (*waiting)(const char *holder, void *ctx), void *ctx,
	    struct err *err)
{
	return lock_file(path, who, true, waiting, ctx, err);
}

int fs_lock_try(const char *path, const char *who, struct err *err)
{
	return lock_file(path, who, false, NULL, NULL, err);
}

int fs_lock_use(const char *noun, const char *path, const char *who, struct err *err)
{
	CLEAN_FREE char *lock = xasprintf("%s.lock", path), *holder = NULL;
	int fd = fs_lock_try(lock, who, err);

	if (fd < 0 && err->code == ERR_EXISTS) {
		holder = xstrdup(err->msg);
		err_set(err, ERR_EXISTS, "the %s %s is in use by %s", noun, path, holder);
	}
	return fd;
}

int fs_lock_dir(const char *dir, struct err *err)
{
	CLEAN_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "%s", dir);
	while (flock(fd, LOCK_EX) < 0) {
		if (errno != EINTR)
			return err_sys(err, "%s: cannot lock it", dir);
		if (sig_check(err) < 0)
			return -1;
	}
	return steal_fd(&fd);
}
