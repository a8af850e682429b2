/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "oci/store.h"
#include "os/fs.h"

#define RECORD_MAX 256u

char *store_record_path(const char *hex)
{
	CLEAN_FREE char *cache = dirs_cache(), *dir = path_join(cache, "verified");

	return path_join(dir, hex);
}

/* Without ctime: a hard link into a layout moves it. */
static int record(const struct stat *st, char out[RECORD_MAX])
{
	return snprintf(out, RECORD_MAX, "%ju %ju %jd %jd.%09ld\n", (uintmax_t)st->st_dev, (uintmax_t)st->st_ino,
			(intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

static bool same_stat(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool stat_blob(const char *path, uint64_t size, struct stat *st)
{
	return lstat(path, st) == 0 && S_ISREG(st->st_mode) && (uint64_t)st->st_size == size;
}

/* A record's mtime is the blob's last use: the blob's own must not move, or a write would hide behind it. */
static bool is_recorded(const char *path, const struct stat *st)
{
	char want[RECORD_MAX], got[RECORD_MAX];
	const int n = record(st, want);
	CLEAN_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

	if (fd < 0 || read(fd, got, sizeof(got)) != n || memcmp(got, want, (size_t)n) != 0)
		return false;
	futimens(fd, NULL);
	return true;
}

/*
 * What was written within the last two seconds may be written again without another mtime, since a file system's clock
 * ticks: it is hashed until it is older. That no record can be written costs the next run a hash, and is no error.
 */
static void remember(const char *path, const struct stat *st)
{
	CLEAN_FREE char *dir = path_dirname(path);
	CLEAN_TMP struct fs_tmp t = FS_TMP_INIT;
	char text[RECORD_MAX];
	const int n = record(st, text);
	struct err ignored;

	if (time(NULL) - st->st_mtim.tv_sec < 2 || fs_mkdirs(dir, &ignored) < 0 ||
	    fs_tmp_open(&t, path, 0644, &ignored) < 0 || fs_write_all(t.fd, text, (size_t)n, path, &ignored) < 0 ||
	    fs_tmp_commit(&t, false, &ignored) < 0)
		return;
}

bool store_verified(const struct digest *digest, uint64_t size)
{
	CLEAN_FREE char *path = store_path(digest), *known = store_record_path(digest_hex(digest));
	struct stat before, after;
	struct digest got;
	struct err ignored;

	if (!stat_blob(path, size, &before))
		return false;
	if (is_recorded(known, &before))
		return true;
	if (digest_file(path, &got, NULL, &ignored) < 0)
		return false;
	if (strcmp(got.s, digest->s) != 0) {
		unlink(path);	/* store_take() goes by the size: it would keep it */
		unlink(known);
		return false;
	}
	if (stat_blob(path, size, &after) && same_stat(&before, &after))
		remember(known, &after);
	return true;
}
