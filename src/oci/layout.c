/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/proc.h"

#define BLOBS "blobs/sha256"

static const char version_text[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
const struct str layout_version = { version_text, sizeof(version_text) - 1 };

int layout_open(struct layout *l, const char *dir, bool sync, struct err *err)
{
	CLEAN_FREE char *index = path_join(dir, "index.json");
	struct stat st;

	*l = (struct layout){ .sync = sync };
	if (lstat(dir, &st) == 0) {
		if (!S_ISDIR(st.st_mode)) {
			err_set(err, ERR_EXISTS, "%s is in the way: it is not a directory", dir);
			return err_hint(err, "move it away, or choose another place");
		}
	} else if (errno == ENOENT) {
		l->made = true;
	} else {
		return err_sys(err, "%s", dir);
	}
	l->existed = fs_exists(index);
	l->dir = xstrdup(dir);
	l->blobs = path_join(dir, BLOBS);
	if (fs_mkdirs(l->blobs, err) < 0) {
		layout_release(l);
		return -1;
	}
	return 0;
}

/* What no new index needs: also the temporary names that a killed process left. */
static void collect(struct layout *l)
{
	CLEAN_STRS struct strs names = { 0 };
	struct err ignored;

	if (fs_list(l->blobs, &names, &ignored) < 0)
		return;
	for (size_t i = 0; i < names.len; i++) {
		CLEAN_FREE char *path = NULL;

		if (map_has(&l->keep, names.ptr[i]))
			continue;
		path = path_join(l->blobs, names.ptr[i]);
		unlink(path);
	}
}

void layout_release(struct layout *l)
{
	if (l->dir && !l->committed) {
		struct err ignored;

		for (size_t i = 0; i < l->fresh.len; i++) {
			CLEAN_FREE char *path = path_join(l->dir, l->fresh.ptr[i]);

			unlink(path);
		}
		if (l->made && fs_rmtree(l->dir, &ignored) < 0)
			l->made = false;
	}
	free(l->dir);
	free(l->blobs);
	map_release(&l->keep);
	strs_release(&l->fresh);
	*l = (struct layout){ .dir = NULL };
}

static void remember(struct layout *l, const char *hex, bool fresh)
{
	if (map_put(&l->keep, hex, l) == NULL && fresh)
		strs_addf(&l->fresh, BLOBS "/%s", hex);
}

/* A blob under this name with other bytes is damage, and gets replaced. */
static bool have(struct layout *l, const struct digest *want, uint64_t size)
{
	CLEAN_FREE char *path = path_join(l->blobs, digest_hex(want));
	struct digest got;
	struct stat st;
	struct err ignored;

	if (map_has(&l->keep, digest_hex(want)))
		return true;
	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != size)
		return false;
	return digest_file(path, &got, NULL, &ignored) == 0 && memcmp(&got, want, sizeof(got)) == 0;
}

bool layout_have(struct layout *l, const struct digest *digest, uint64_t size)
{
	if (!have(l, digest, size))
		return false;
	remember(l, digest_hex(digest), false);
	return true;
}

void layout_keep(struct layout *l, const struct digest *digest)
{
	remember(l, digest_hex(digest), false);
}

int layout_put(struct layout *l, const void *p, size_t n, struct digest *digest, struct err *err)
{
	CLEAN_TMP struct fs_tmp tmp = FS_TMP_INIT;
	CLEAN_FREE char *path = NULL;
	bool fresh;

	if (digest_of(p, n, digest, err) < 0)
		return -1;
	fresh = !have(l, digest, n);
	if (fresh) {
		path = path_join(l->blobs, digest_hex(digest));
		if (fs_tmp_open(&tmp, path, 0644, err) < 0 || fs_write_all(tmp.fd, p, n, path, err) < 0 ||
		    fs_tmp_commit(&tmp, false, err) < 0)
			return -1;
	}
	remember(l, digest_hex(digest), fresh);
	return 0;
}

int layout_link(struct layout *l, const char *path, const struct digest *digest, struct err *err)
{
	CLEAN_FREE char *name = path_join(l->blobs, digest_hex(digest));
	struct stat from, st;
	bool fresh = !map_has(&l->keep, digest_hex(digest));

	if (!fresh)
		return 0;
	if (lstat(name, &st) == 0 && stat(path, &from) == 0 && st.st_dev == from.st_dev && st.st_ino == from.st_ino)
		fresh = false;	/* linked by an earlier run */
	else if ((unlink(name) < 0 && errno != ENOENT) || link(path, name) < 0) {
		if (fs_copy(path, name, 0644, false, err) < 0)
			return -1;
	}
	remember(l, digest_hex(digest), fresh);
	return 0;
}

int blob_begin(struct blob *b, struct layout *l, struct err *err)
{
	CLEAN_FREE char *path = path_join(l->blobs, "blob");

	*b = (struct blob){ .layout = l, .tmp = FS_TMP_INIT };
	if (fs_tmp_open(&b->tmp, path, 0644, err) < 0)
		return -1;
	b->md = digest_new(err);
	if (!b->md) {
		fs_tmp_abort(&b->tmp);
		return -1;
	}
	return 0;
}

int blob_begin_as(struct blob *b, struct layout *l, const struct digest *digest, struct err *err)
{
	CLEAN_FREE char *path = path_join(l->blobs, digest_hex(digest));

	*b = (struct blob){ .layout = l, .tmp = FS_TMP_INIT, .known = *digest };
	return fs_tmp_open(&b->tmp, path, 0644, err);
}

int blob_write(void *ctx, const void *p, size_t n, struct err *err)
{
	struct blob *b = ctx;

	if (sig_check(err) < 0)
		return -1;
	if (b->md)
		digest_update(b->md, p, n);
	b->size += n;
	return fs_write_all(b->tmp.fd, p, n, b->layout->dir, err);
}

int blob_end(struct blob *b, struct digest *digest, uint64_t *size, struct err *err)
{
	bool fresh;

	if (b->md)
		digest_final(steal(&b->md), digest);
	else
		*digest = b->known;
	fresh = !have(b->layout, digest, b->size);
	if (fresh) {
		free(b->tmp.path);
		b->tmp.path = path_join(b->layout->blobs, digest_hex(digest));
		if (fs_tmp_commit(&b->tmp, false, err) < 0)
			return -1;
	}
	remember(b->layout, digest_hex(digest), fresh);
	if (size)
		*size = b->size;
	blob_abort(b);
	return 0;
}

void blob_abort(struct blob *b)
{
	digest_free(steal(&b->md));
	fs_tmp_abort(&b->tmp);
}

/*
 * All that is new reaches the disk before index.json names it. One blob after the other, written and fsynced,
 * costs 0.25 ms each on ext4, most of it a journal commit; here all writes are started first, so that the first
 * fsync commits for all, and ten blobs cost 1 ms. syncfs() would be as quick on an idle machine, but it waits for
 * whatever others wrote to the file system.
 */
static int flush(struct layout *l, struct fs_tmp *index, struct err *err)
{
	VEC(int) fds = { 0 };
	int ret = 0;

	for (size_t i = 0; i < l->fresh.len && ret == 0; i++) {
		CLEAN_FREE char *path = path_join(l->dir, l->fresh.ptr[i]);
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0) {
			ret = err_sys(err, "%s", path);
			break;
		}
		VEC_PUSH(&fds, fd);
		sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	}
	sync_file_range(index->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	for (size_t i = 0; i < fds.len; i++) {
		if (ret == 0 && fsync(fds.ptr[i]) < 0)
			ret = err_sys(err, "%s: cannot write to the disk", l->dir);
		close(fds.ptr[i]);
	}
	VEC_FREE(&fds);
	if (ret == 0 && fsync(index->fd) < 0)
		ret = err_sys(err, "%s", index->path);
	return ret;
}

static int put_version(struct layout *l, struct err *err)
{
	CLEAN_TMP struct fs_tmp tmp = FS_TMP_INIT;
	CLEAN_BUF struct buf have = BUF_INIT;
	CLEAN_FREE char *path = path_join(l->dir, "oci-layout");

	if (fs_read(path, layout_version.len, &have, err) == 0 && str_eq(buf_str(&have), layout_version))
		return 0;
	if (fs_tmp_open(&tmp, path, 0644, err) < 0 ||
	    fs_write_all(tmp.fd, layout_version.ptr, layout_version.len, path, err) < 0 ||
	    fs_tmp_commit(&tmp, false, err) < 0)
		return -1;
	strs_add(&l->fresh, "oci-layout");
	return 0;
}

int layout_commit(struct layout *l, const void *index, size_t n, struct err *err)
{
	CLEAN_TMP struct fs_tmp tmp = FS_TMP_INIT;
	CLEAN_FREE char *path = path_join(l->dir, "index.json");

	if (put_version(l, err) < 0 || fs_tmp_open(&tmp, path, 0644, err) < 0 ||
	    fs_write_all(tmp.fd, index, n, path, err) < 0)
		return -1;
	if (l->sync && flush(l, &tmp, err) < 0)
		return -1;
	if (sig_check(err) < 0 || fs_tmp_commit(&tmp, false, err) < 0)
		return -1;
	l->committed = true;
	collect(l);
	return 0;
}
