/* SPDX-License-Identifier: Apache-2.0 */
/* Files that appear whole or not at all. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"

#define TMP_PREFIX ".slsc-tmp."

static char *tmp_name(const char *path)
{
	static atomic_uint serial;
	CLEAN_FREE char *dir = path_dirname(path);
	CLEAN_FREE char *base =
		xasprintf(TMP_PREFIX "%ld.%u", (long)getpid(), atomic_fetch_add(&serial, 1u));

	return strcmp(dir, ".") == 0 && strncmp(path, "./", 2) != 0 ? xstrdup(base) :
								      path_join(dir, base);
}

int fs_tmp_open(struct fs_tmp *t, const char *path, mode_t mode, struct err *err)
{
	CLEAN_FREE char *dir = path_dirname(path);

	*t = (struct fs_tmp){ .fd = -1, .mode = mode };
	t->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (t->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
		char *tmp = tmp_name(path);

		t->fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (t->fd < 0) {
			free(tmp);
			return err_sys(err, "cannot write %s", path);
		}
		t->tmp = tmp;
	}
	if (t->fd < 0)
		return err_sys(err, "cannot write %s", path);
	t->path = xstrdup(path);
	return 0;
}

int fs_tmp_commit(struct fs_tmp *t, bool sync, struct err *err)
{
	if (fchmod(t->fd, t->mode) < 0)
		goto fail;
	if (sync && fsync(t->fd) < 0)
		goto fail;
	if (!t->tmp) {
		char proc[64];

		snprintf(proc, sizeof(proc), "/proc/self/fd/%d", t->fd);
		/* A new name needs no detour: a link appears whole. */
		if (linkat(AT_FDCWD, proc, AT_FDCWD, t->path, AT_SYMLINK_FOLLOW) == 0)
			goto done;
		if (errno != EEXIST)
			goto fail;
		t->tmp = tmp_name(t->path);
		unlink(t->tmp);
		if (linkat(AT_FDCWD, proc, AT_FDCWD, t->tmp, AT_SYMLINK_FOLLOW) < 0)
			goto fail;
	}
	if (rename(t->tmp, t->path) < 0)
		goto fail;
	free(t->tmp);
	t->tmp = NULL;
done:
	close(steal_fd(&t->fd));
	free(steal(&t->path));
	return 0;
fail:
	err_sys(err, "cannot write %s", t->path);
	fs_tmp_abort(t);
	return -1;
}

void fs_tmp_abort(struct fs_tmp *t)
{
	if (t->fd >= 0)
		close(t->fd);
	if (t->tmp)
		unlink(t->tmp);
	free(t->tmp);
	free(t->path);
	*t = (struct fs_tmp)FS_TMP_INIT;
}

void fs_tmp_sweep(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d))) {
		CLEAN_FREE char *path = NULL;
		struct err ignored;

		if (!starts_with(e->d_name, TMP_PREFIX))
			continue;
		path = path_join(dir, e->d_name);
		if (fs_rmtree(path, &ignored) < 0)
			continue;	/* the next run tries again */
	}
	closedir(d);
}

int fs_write_file(const char *path, const void *p, size_t n, mode_t mode, struct err *err)
{
	CLEAN_TMP struct fs_tmp t = FS_TMP_INIT;

	if (fs_tmp_open(&t, path, mode, err) < 0 || fs_write_all(t.fd, p, n, path, err) < 0)
		return -1;
	return fs_tmp_commit(&t, true, err);
}

int fs_write_if_changed(const char *path, struct str data, mode_t mode, bool *changed,
			struct err *err)
{
	struct fs_map m;
	struct err ignored;
	bool same = false;

	if (fs_map_open(&m, path, data.len, &ignored) == 0) {
		same = m.len == data.len && memcmp(m.ptr, data.ptr, data.len) == 0;
		fs_map_close(&m);
	}
	if (changed)
		*changed = !same;
	return same ? 0 : fs_write_file(path, data.ptr, data.len, mode, err);
}

int fs_copy(const char *from, const char *to, mode_t mode, bool sync, struct err *err)
{
	CLEAN_TMP struct fs_tmp t = FS_TMP_INIT;
	CLEAN_FD int in = open(from, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char block[65536];

	if (in < 0 || fstat(in, &st) < 0)
		return err_sys(err, "cannot read %s", from);
	if (fs_tmp_open(&t, to, mode, err) < 0)
		return -1;
	if (ioctl(t.fd, FICLONE, in) == 0)
		return fs_tmp_commit(&t, sync, err);
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = copy_file_range(in, NULL, t.fd, NULL, (size_t)left, 0);

		if (n <= 0)
			break;	/* not between these file systems: by hand, from where it stands */
		left -= n;
	}
	for (;;) {
		ssize_t n = read(in, block, sizeof(block));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "cannot read %s", from);
		if (n == 0)
			return fs_tmp_commit(&t, sync, err);
		if (fs_write_all(t.fd, block, (size_t)n, to, err) < 0)
			return -1;
	}
}
