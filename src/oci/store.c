/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/store.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vec.h"
#include "oci/origin_internal.h"
#include "os/fs.h"
#include "os/proc.h"

#define TMP_PREFIX ".slsc-tmp."
#define TMP_AGE (24 * 60 * 60)	/* seconds without a write: its writer is dead */

static char *blobs_dir(void)
{
	CLEAN_FREE char *cache = dirs_cache();

	return path_join(cache, "blobs/sha256");
}

char *store_path(const struct digest *digest)
{
	CLEAN_FREE char *dir = blobs_dir();

	return path_join(dir, digest_hex(digest));
}

/* Until this process ends, with others: the directory, locked. Where that cannot be all else is as it was. */
static struct {
	pthread_mutex_t mutex;
	int fd;
} held = { PTHREAD_MUTEX_INITIALIZER, -1 };

static void hold(void)
{
	CLEAN_FREE char *dir = blobs_dir();

	pthread_mutex_lock(&held.mutex);
	/* an absent store is not made by looking into it */
	if (held.fd < 0 && (held.fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0)
		while (flock(held.fd, LOCK_SH) < 0 && errno == EINTR && !sig_number())
			;
	pthread_mutex_unlock(&held.mutex);
}

static void let_go(void)
{
	pthread_mutex_lock(&held.mutex);
	if (held.fd >= 0)
		close(held.fd);
	held.fd = -1;
	pthread_mutex_unlock(&held.mutex);
}

/* Opens it if it is whole, and marks it used. A machine that went down may have left a shorter file under the name. */
static int open_whole(const char *path, uint64_t size)
{
	CLEAN_FREE char *record = store_record_path(path_basename(path));
	struct stat st;
	CLEAN_FD int fd = -1;

	hold();
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != size)
		return -1;
	/* Its record's mtime if it has one: to move its own costs a hash. A read-only cache is less well pruned. */
	if (utimensat(AT_FDCWD, record, NULL, 0) < 0)
		futimens(fd, NULL);
	return steal_fd(&fd);
}

bool store_has(const struct digest *digest, uint64_t size)
{
	CLEAN_FREE char *path = store_path(digest);
	CLEAN_FD int fd = open_whole(path, size);

	return fd >= 0;
}

struct file_sink {
	int fd;
	const char *path;
};

static int to_file(void *ctx, const void *p, size_t n, struct err *err)
{
	struct file_sink *f = ctx;

	return fs_write_all(f->fd, p, n, f->path, err);
}

static int begin(struct fs_tmp *t, const char *path, struct err *err)
{
	CLEAN_FREE char *dir = path_dirname(path);

	if (fs_mkdirs(dir, err) < 0)
		return -1;
	hold();
	return fs_tmp_open(t, path, 0644, err);
}

/* Returns the descriptor that it was written by: by its name another process may have removed it already. */
static int fetch(struct origin *o, const struct doc_descriptor *d, const char *path, struct err *err)
{
	CLEAN_TMP struct fs_tmp t = FS_TMP_INIT;
	CLEAN_FD int fd = -1;
	struct file_sink f = { .path = path };

	if (begin(&t, path, err) < 0)
		return -1;
	f.fd = t.fd;
	if (o->ops->blob(o, d, to_file, &f, err) < 0)
		return -1;
	fd = fcntl(t.fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot read %s", path);
	/*
	 * No wait for the disk, which is the slowest part of a small image. A machine that goes down now may leave a
	 * shorter file under the name, or zeros: so nobody takes a blob of the store for good by its name and size.
	 * It is hashed as it is read, or by store_verified(), which does it once; a damaged one is dropped and
	 * fetched anew, which an fsync here could not spare, since disks rot. A layout waits for what it names. But the
	 * disk may begin.
	 */
	sync_file_range(t.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	return fs_tmp_commit(&t, false, err) < 0 ? -1 : steal_fd(&fd);
}

int store_open(struct origin *o, const struct doc_descriptor *d, struct err *err)
{
	CLEAN_FREE char *path = store_path(&d->digest);
	int fd = open_whole(path, d->size);

	if (fd >= 0)
		return fd;
	if (!o)
		return err_set(err, ERR_NOTFOUND, "%s is not in the store", d->digest.s);
	return fetch(o, d, path, err);
}

int store_fetch(struct origin *o, const struct doc_descriptor *d, char **path, struct err *err)
{
	CLEAN_FD int fd = store_open(o, d, err);

	*path = NULL;
	if (fd < 0)
		return -1;
	*path = store_path(&d->digest);
	return 0;
}

int store_read(const struct digest *digest, uint64_t limit, struct buf *out, struct err *err)
{
	CLEAN_FREE char *path = store_path(digest);
	CLEAN_BUF struct buf text = BUF_INIT;
	struct digest got;

	if (fs_read(path, limit, &text, err) < 0)
		return err->code == ERR_INTR ? -1 : 0;
	if (digest_of(text.ptr, text.len, &got, err) < 0)
		return -1;
	if (strcmp(got.s, digest->s) != 0) {
		unlink(path);	/* store_put() goes by the size: it would keep it */
		return 0;
	}
	(void)store_has(digest, text.len);	/* used now */
	buf_adds(out, buf_str(&text));
	return 1;
}

int store_put(const void *p, size_t n, struct digest *digest, struct err *err)
{
	CLEAN_TMP struct fs_tmp t = FS_TMP_INIT;
	CLEAN_FREE char *path = NULL;

	if (digest_of(p, n, digest, err) < 0)
		return -1;
	if (store_has(digest, n))
		return 0;
	path = store_path(digest);
	if (begin(&t, path, err) < 0 || fs_write_all(t.fd, p, n, path, err) < 0)
		return -1;
	return fs_tmp_commit(&t, true, err);
}

int store_take(const char *src, const struct digest *digest, uint64_t size, struct err *err)
{
	CLEAN_FREE char *path = store_path(digest), *dir = path_dirname(path);

	if (store_has(digest, size))
		return 0;
	if (fs_mkdirs(dir, err) < 0)
		return -1;
	hold();
	return fs_copy(src, path, 0644, true, err);
}

/* Files below @path; what disappears meanwhile is not counted. */
static int measure(const char *path, struct store_part *part, struct err *err)
{
	CLEAN_FREE char *copy = xstrdup(path);
	char *const roots[] = { copy, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	FTSENT *e;
	int ret = 0;

	if (!fts)
		return err_sys(err, "cannot list %s", path);
	while (ret == 0 && (e = fts_read(fts))) {
		ret = sig_check(err);
		if (e->fts_info != FTS_F && e->fts_info != FTS_SL)
			continue;
		part->bytes += (uint64_t)e->fts_statp->st_size;
		part->files++;
	}
	fts_close(fts);
	return ret;
}

int store_info(struct store_info *info, struct err *err)
{
	CLEAN_STRS struct strs names = { 0 };

	*info = (struct store_info){ .dir = dirs_cache() };
	if (!fs_exists(info->dir))
		return 0;
	if (fs_list(info->dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		CLEAN_FREE char *path = path_join(info->dir, names.ptr[i]);
		struct store_part part = { .bytes = 0 }, *to;

		if (measure(path, &part, err) < 0)
			return -1;
		if (info->n < ARRAY_LEN(info->part)) {
			to = &info->part[info->n++];
			snprintf(to->name, sizeof(to->name), "%s", names.ptr[i]);
		} else {
			to = &info->part[info->n - 1];
			snprintf(to->name, sizeof(to->name), "other");
		}
		to->bytes += part.bytes;
		to->files += part.files;
		info->bytes += part.bytes;
	}
	return 0;
}

void store_info_release(struct store_info *info)
{
	free(info->dir);
	*info = (struct store_info){ .dir = NULL };
}

struct stored {
	char *name;
	uint64_t size;
	struct timespec used;
};

static int by_use(const void *a, const void *b)
{
	const struct stored *x = a, *y = b;

	if (x->used.tv_sec != y->used.tv_sec)
		return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
	if (x->used.tv_nsec != y->used.tv_nsec)
		return x->used.tv_nsec < y->used.tv_nsec ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* 0: gone, or by another process, or counted; what cannot be removed is an error. */
static int drop(int dir, const char *shown, const struct stored *s, bool dry_run, struct err *err)
{
	CLEAN_FREE char *record = store_record_path(s->name);

	if (dry_run)
		return 0;
	unlink(record);
	if (unlinkat(dir, s->name, 0) == 0 || errno == ENOENT)
		return 0;
	return err_sys(err, "cannot remove %s/%s", shown, s->name);
}

/* The blob's mtime or its record's, whichever is later: see store_verified(). */
static struct timespec last_use(const char *hex, const struct stat *blob)
{
	CLEAN_FREE char *record = store_record_path(hex);
	struct stat st;

	if (lstat(record, &st) < 0 || st.st_mtim.tv_sec < blob->st_mtim.tv_sec ||
	    (st.st_mtim.tv_sec == blob->st_mtim.tv_sec && st.st_mtim.tv_nsec < blob->st_mtim.tv_nsec))
		return blob->st_mtim;
	return st.st_mtim;
}

static int scan(const char *path, int dir, bool dry_run, struct stored **out, size_t *n, uint64_t *total,
		struct err *err)
{
	CLEAN_STRS struct strs names = { 0 };
	const time_t now = time(NULL);

	if (fs_list(path, &names, err) < 0)
		return -1;
	*out = xcalloc(names.len + 1, sizeof(**out));
	for (size_t i = 0; i < names.len; i++) {
		struct stored s = { .name = names.ptr[i] };
		struct stat st;

		if (fstatat(dir, s.name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (starts_with(s.name, TMP_PREFIX)) {
			if (now - st.st_mtim.tv_sec > TMP_AGE && drop(dir, path, &s, dry_run, err) < 0)
				return -1;
			continue;
		}
		s.size = (uint64_t)st.st_size;
		s.used = last_use(s.name, &st);
		s.name = xstrdup(s.name);
		*total += s.size;
		(*out)[(*n)++] = s;
	}
	return 0;
}

int store_prune(uint64_t keep, bool dry_run, struct kept_pruned *out, struct err *err)
{
	CLEAN_FREE char *path = blobs_dir();
	CLEAN_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stored *all = NULL;
	uint64_t total = 0;
	size_t n = 0;
	int ret;

	*out = (struct kept_pruned){ .bytes = 0 };
	if (dir < 0)
		return errno == ENOENT ? 0 : err_sys(err, "cannot list %s", path);
	let_go();
	out->busy = flock(dir, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	ret = scan(path, dir, dry_run, &all, &n, &total, err);
	if (ret == 0)
		qsort(all, n, sizeof(*all), by_use);
	for (size_t i = 0; i < n && ret == 0 && total > keep; i++) {
		if (out->busy && time(NULL) - all[i].used.tv_sec < STORE_YOUNG)
			break;
		ret = sig_check(err);
		if (ret == 0)
			ret = drop(dir, path, &all[i], dry_run, err);
		if (ret < 0)
			break;
		total -= all[i].size;
		out->bytes += all[i].size;
		out->removed++;
	}
	out->busy &= total > keep;
	for (size_t i = 0; i < n; i++)
		free(all[i].name);
	free(all);
	return ret;
}
