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
#include "os/proc.h"

#define TMP_PREFIX ".slsc-tmp."

/* Process ids repeat, over time and between containers, so a name may be taken: then the next one. */
static char *next_name(const char *path)
{
	static atomic_uint serial;
	CLEAN_FREE char *dir = path_dirname(path);
	CLEAN_FREE char *base = xasprintf(TMP_PREFIX "%ld.%u", (long)getpid(), atomic_fetch_add(&serial, 1u));

	return path_join(dir, base);
}

static int open_named(struct fs_tmp *t, const char *path)
{
	do {
		free(t->tmp);
		t->tmp = next_name(path);
		t->fd = open(t->tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	} while (t->fd < 0 && errno == EEXIST);
	if (t->fd < 0)
		free(steal(&t->tmp));	/* not ours to unlink */
	return t->fd;
}

int fs_tmp_open(struct fs_tmp *t, const char *path, mode_t mode, struct err *err)
{
	CLEAN_FREE char *dir = path_dirname(path);

	*t = (struct fs_tmp){ .fd = -1, .mode = mode };
	/* An unnamed file gets its name by way of /proc, which a bare chroot lacks. */
	if (access("/proc/self/fd", F_OK) == 0)
		t->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	else
		errno = EOPNOTSUPP;
	if (t->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
		open_named(t, path);
	if (t->fd < 0)
		return err_sys(err, "cannot write %s", path);
	t->path = xstrdup(path);
	return 0;
}

/* Give an unnamed file its final name, or, if that is taken, a temporary one. */
static int give_name(struct fs_tmp *t)
{
	char proc[64];

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", t->fd);
	/* A new name needs no detour: a link appears whole. */
	if (linkat(AT_FDCWD, proc, AT_FDCWD, t->path, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	while (errno == EEXIST) {
		free(t->tmp);
		t->tmp = next_name(t->path);
		if (linkat(AT_FDCWD, proc, AT_FDCWD, t->tmp, AT_SYMLINK_FOLLOW) == 0)
			return 0;
	}
	free(steal(&t->tmp));
	return -1;
}

int fs_tmp_commit(struct fs_tmp *t, bool sync, struct err *err)
{
	int r = fchmod(t->fd, t->mode);

	while (r == 0 && sync && (r = fsync(t->fd)) < 0 && errno == EINTR)
		r = 0;
	if (r == 0 && !t->tmp)
		r = give_name(t);
	if (r == 0 && t->tmp)
		r = rename(t->tmp, t->path);
	if (r < 0)
		err_sys(err, "cannot write %s", t->path);
	else
		free(steal(&t->tmp));
	fs_tmp_abort(t);
	return r;
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
		same = str_eq((struct str){ (const char *)m.ptr, m.len }, data);
		fs_map_close(&m);
	}
	if (changed)
		*changed = !same;
	return same ? 0 : fs_write_file(path, data.ptr, data.len, mode, err);
}

int fs_write_lazy(const char *path, struct str data, mode_t mode, struct err *err)
{
	CLEAN_TMP struct fs_tmp t = FS_TMP_INIT;

	if (fs_tmp_open(&t, path, mode, err) < 0 || fs_write_all(t.fd, data.ptr, data.len, path, err) < 0)
		return -1;
	return fs_tmp_commit(&t, false, err);
}

#define COPY_STEP ((size_t)16 << 20)	/* between two looks at the signals */

int fs_copy(const char *from, const char *to, mode_t mode, bool sync, struct err *err)
{
	CLEAN_TMP struct fs_tmp t = FS_TMP_INIT;
	struct stat st;
	CLEAN_FD int in = fs_open(from, &st, err);
	char block[65536];
	ssize_t n;

	if (in < 0 || fs_tmp_open(&t, to, mode, err) < 0)
		return -1;
	if (ioctl(t.fd, FICLONE, in) == 0)
		return fs_tmp_commit(&t, sync, err);
	/* Not between all file systems: what is left, also after an error, is copied by hand from where it stands. */
	while ((n = copy_file_range(in, NULL, t.fd, NULL, COPY_STEP, 0)) > 0)
		if (sig_check(err) < 0)
			return -1;
	while ((n = read(in, block, sizeof(block))) != 0) {
		if (n < 0 && errno != EINTR)
			return err_sys(err, "cannot read %s", from);
		if (sig_check(err) < 0 || (n > 0 && fs_write_all(t.fd, block, (size_t)n, to, err) < 0))
			return -1;
	}
	return fs_tmp_commit(&t, sync, err);
}

int fs_scratch(char **shown, struct err *err)
{
	const char *env = getenv("TMPDIR"), *dir = env && *env == '/' ? env : "/tmp";
	CLEAN_FREE char *name = path_join(dir, "slsc.XXXXXX");
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	*shown = NULL;
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
		fd = mkostemp(name, O_CLOEXEC);
		if (fd >= 0)
			unlink(name);
	}
	if (fd < 0) {
		err_sys(err, "cannot make a temporary file in %s", dir);
		return err_hint(err, "let TMPDIR name a directory that can be written to");
	}
	*shown = xasprintf("a temporary file in %s", dir);
	return fd;
}
