/* SPDX-License-Identifier: Apache-2.0 */
#include "os/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vec.h"
#include "os/fs.h"
#include "os/proc.h"

struct item {
	char *path;
	uint64_t bytes;
	int64_t made;		/* ns; of the inode: what is in a layer may have any time */
};
struct items {
	struct item *ptr;
	size_t len, cap;
};

static void items_release(struct items *v)
{
	VEC_EACH(v, i)
		free(i->path);
	VEC_FREE(v);
}

static int open_lock(const char *lock, struct err *err)
{
	CLEAN_FREE char *dir = path_dirname(lock);
	int fd;

	if (fs_mkdirs(dir, err) < 0)
		return -1;
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	/* another user's, or on a file system that is read-only: it can be held all the same */
	if (fd < 0 && (errno == EACCES || errno == EROFS))
		fd = open(lock, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, "%s", lock) : fd;
}

int kept_hold(const char *lock, struct err *err)
{
	CLEAN_FD int fd = open_lock(lock, err);

	if (fd < 0)
		return -1;
	while (flock(fd, LOCK_SH) < 0)
		if (errno != EINTR || sig_check(err) < 0)
			return errno == EINTR ? -1 : err_sys(err, "%s", lock);
	return steal_fd(&fd);
}

int kept_claim(const char *lock, struct kept_pruned *out, struct err *err)
{
	CLEAN_FD int fd = open_lock(lock, err);

	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return steal_fd(&fd);
	out->busy = errno == EWOULDBLOCK;
	return out->busy ? -1 : err_sys(err, "%s", lock);
}

static int measure(const char *path, uint64_t *bytes, struct err *err)
{
	char *const roots[] = { (char *)(uintptr_t)path, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	FTSENT *e;

	if (!fts)
		return err_sys(err, "%s", path);
	*bytes = 0;
	while ((e = fts_read(fts)))
		if (e->fts_info != FTS_DP && e->fts_info != FTS_NS && e->fts_info != FTS_ERR)
			*bytes += (uint64_t)e->fts_statp->st_blocks * 512;
	fts_close(fts);
	return sig_check(err);
}

static int scan(const char *dir, const char *trash, struct items *out, uint64_t *total, struct err *err)
{
	CLEAN_STRS struct strs names = { 0 };

	if (!fs_is_dir(dir))
		return 0;
	if (fs_list(dir, &names, err) < 0)
		return -1;
	VEC_EACH(&names, name) {
		struct item i = { .path = path_join(dir, *name) };
		struct stat st;

		if (lstat(i.path, &st) < 0 || !S_ISDIR(st.st_mode) || strcmp(i.path, trash) == 0) {
			free(i.path);
			continue;
		}
		if (measure(i.path, &i.bytes, err) < 0) {
			free(i.path);
			return -1;
		}
		i.made = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
		*total += i.bytes;
		VEC_PUSH(out, i);
	}
	return 0;
}

static int by_age(const void *a, const void *b)
{
	const int64_t x = ((const struct item *)a)->made, y = ((const struct item *)b)->made;

	return (x > y) - (x < y);
}

/* It loses its name first: who comes meanwhile finds it whole or not at all. */
static int drop(const char *trash, const struct item *i, size_t n, struct err *err)
{
	CLEAN_FREE char *gone = xasprintf("%s/gone.%d.%zu", trash, (int)getpid(), n);

	if (fs_mkdirs(trash, err) < 0)
		return -1;
	if (rename(i->path, gone) < 0)
		return err_sys(err, "%s", i->path);
	return fs_rmtree(gone, err);
}

int kept_prune(const char *const *dirs, size_t n, const char *trash, uint64_t keep, bool dry_run,
	       struct kept_pruned *out, struct err *err)
{
	CLEANUP(items_release) struct items all = { 0 };
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		if (scan(dirs[i], trash, &all, &total, err) < 0)
			return -1;
	if (all.len)
		qsort(all.ptr, all.len, sizeof(*all.ptr), by_age);
	for (size_t i = 0; i < all.len && total > keep; i++) {
		if (sig_check(err) < 0 || (!dry_run && drop(trash, &all.ptr[i], i, err) < 0))
			return -1;
		total -= all.ptr[i].bytes;
		out->bytes += all.ptr[i].bytes;
		out->removed++;
	}
	return 0;
}
