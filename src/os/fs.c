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

int fs_read(const char *path, uint64_t limit, struct buf *out, struct err *err)
{
	CLEAN_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint64_t got = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "cannot read %s", path);
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return err_sys(err, "cannot read %s", path);
	}
	if (st.st_size > 0 && (uint64_t)st.st_size > limit)
		return err_set(err, ERR_LIMIT,
			       "%s: limit exceeded: %llu bytes, the most is %llu", path,
			       (unsigned long long)st.st_size, (unsigned long long)limit);
	/* The size is a hint only: /proc files say 0, and files grow. */
	buf_reserve(out, st.st_size > 0 ? (size_t)st.st_size + 1 : 4096);
	for (;;) {
		ssize_t n;

		if (out->cap - out->len < 2)
			buf_reserve(out, 65536);
		n = read(fd, out->ptr + out->len, out->cap - out->len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "cannot read %s", path);
		if (n == 0)
			break;
		out->len += (size_t)n;
		got += (uint64_t)n;
		if (got > limit)
			return err_set(err, ERR_LIMIT, "%s: limit exceeded: the most is %llu bytes",
				       path, (unsigned long long)limit);
	}
	out->ptr[out->len] = '\0';
	return 0;
}

int fs_map_open(struct fs_map *m, const char *path, uint64_t limit, struct err *err)
{
	CLEAN_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *p;

	*m = (struct fs_map){ .ptr = (const uint8_t *)"" };
	if (fd < 0 || fstat(fd, &m->st) < 0)
		return err_sys(err, "cannot read %s", path);
	if (!S_ISREG(m->st.st_mode))
		return err_set(err, ERR_IO, "cannot read %s: not a regular file", path);
	if ((uint64_t)m->st.st_size > limit)
		return err_set(err, ERR_LIMIT,
			       "%s: limit exceeded: %llu bytes, the most is %llu", path,
			       (unsigned long long)m->st.st_size, (unsigned long long)limit);
	if (m->st.st_size == 0)
		return 0;
	p = mmap(NULL, (size_t)m->st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(err, "cannot map %s", path);
	m->ptr = p;
	m->len = (size_t)m->st.st_size;
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

int64_t fs_mtime_ns(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -1;
	return (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
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
	for (char *s = p + 1; *s; s++) {
		if (*s != '/' || s[-1] == '/')
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

#define RMTREE_DEPTH 256

static int rmtree_at(int dirfd, const char *name, const char *top, unsigned depth, struct err *err)
{
	int fd;
	DIR *d;
	struct dirent *e;
	int r = 0;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM && errno != EACCES)
		return err_sys(err, "cannot remove %s", top);
	if (depth == RMTREE_DEPTH)
		return err_set(err, ERR_LIMIT, "cannot remove %s: limit exceeded: nested too deep", top);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "cannot remove %s", top);
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return err_sys(err, "cannot remove %s", top);
	}
	while (r == 0 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = rmtree_at(fd, e->d_name, top, depth + 1, err);
	closedir(d);
	if (r == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = err_sys(err, "cannot remove %s", top);
	return r;
}

int fs_rmtree(const char *path, struct err *err)
{
	return rmtree_at(AT_FDCWD, path, path, 0, err);
}

int fs_list(const char *path, struct strs *names, struct err *err)
{
	DIR *d = opendir(path);
	struct dirent *e;

	if (!d)
		return err_sys(err, "cannot list %s", path);
	errno = 0;
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			strs_add(names, e->d_name);
	if (errno) {
		err_sys(err, "cannot list %s", path);
		closedir(d);
		return -1;
	}
	closedir(d);
	strs_sort(names);
	return 0;
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

int fs_lock(const char *path, const char *who, void (*waiting)(const char *holder, void *ctx),
	    void *ctx, struct err *err)
{
	CLEAN_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	char line[128];
	int n;

	if (fd < 0)
		return err_sys(err, "cannot lock %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		ssize_t r;

		if (errno != EWOULDBLOCK)
			return err_sys(err, "cannot lock %s", path);
		r = pread(fd, line, sizeof(line) - 1, 0);
		line[r > 0 ? r : 0] = '\0';
		line[strcspn(line, "\n")] = '\0';
		if (waiting)
			waiting(line[0] ? line : "another process", ctx);
		while (flock(fd, LOCK_EX) < 0) {
			if (errno != EINTR)
				return err_sys(err, "cannot lock %s", path);
			if (sig_check(err) < 0)
				return -1;
		}
	}
	n = snprintf(line, sizeof(line), "%s, pid %ld\n", who, (long)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, line, (size_t)n, 0) != n)
		return err_sys(err, "cannot write %s", path);
	return steal_fd(&fd);
}
