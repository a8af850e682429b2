/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a tar: indexed once, then read where they lie. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/unarchive.h"
#include "base/map.h"
#include "base/mem.h"
#include "oci/origin_internal.h"
#include "os/fs.h"

#define MAX_ENTRIES 100000u
#define MAX_LINKS 8

struct member {
	uint64_t at, size;
	const char *link;	/* the member it stands for; NULL: a file */
};

struct tar_files {
	struct files files;
	char *path;
	struct arena arena;
	struct map map;		/* cleaned name -> struct member */
	int fd;			/* of the tar, or of what was unpacked from it */
	struct err damage;	/* why the index ends early; ERR_NONE: it does not */
};

static int tar_open(struct files *f, const char *name, struct piece *out, struct err *err)
{
	struct tar_files *t = CONTAINER_OF(f, struct tar_files, files);
	const struct member *m = map_get(&t->map, name);

	for (int i = 0; m && m->link && i < MAX_LINKS; i++)
		m = map_get(&t->map, m->link);
	if ((!m || m->link) && t->damage.code) {
		*err = t->damage;
		return -1;
	}
	if (!m || m->link)
		return err_set(err, ERR_NOTFOUND, "%s: has no file %s", t->path, name);
	*out = (struct piece){ .fd = t->fd, .at = m->at, .size = m->size };
	return 0;
}

static char *tar_path(struct files *f, const char *name)
{
	(void)f;
	(void)name;
	return NULL;
}

static void tar_free(struct files *f)
{
	struct tar_files *t = CONTAINER_OF(f, struct tar_files, files);

	if (t->fd >= 0)
		close(t->fd);
	map_release(&t->map);
	arena_release(&t->arena);
	free(t->path);
	free(t);
}

/* gzip, zstd, xz (RFC 1952, RFC 8878, the xz file format) */
static bool is_compressed(int fd)
{
	static const char *const magic[] = { "\x1f\x8b", "\x28\xb5\x2f\xfd", "\xfd\x37zXZ" };
	char head[5];

	if (pread(fd, head, sizeof(head), 0) != sizeof(head))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(magic); i++)
		if (memcmp(head, magic[i], strlen(magic[i])) == 0)
			return true;
	return false;
}

static int unpack(struct unar *u, int fd, const char *shown, struct err *err)
{
	const void *p;
	size_t n;
	int ret;

	while ((ret = unar_data(u, &p, &n, err)) > 0)
		if (fs_write_all(fd, p, n, shown, err) < 0)
			return -1;
	return ret;
}

/* Where a link leads, as a name of the archive; NULL if out of it. */
static const char *link_target(struct tar_files *t, const char *name, const struct unar_entry *e)
{
	CLEAN_FREE char *dir = path_dirname(name);
	CLEAN_FREE char *joined = e->type == UNAR_SYMLINK ? path_join(dir, e->target) : xstrdup(e->target);
	CLEAN_FREE char *clean = path_clean(joined);

	return path_is_inside(clean) ? arena_strdup(&t->arena, clean) : NULL;
}

/* A tar has no other way to say where: the member at hand is the damaged one, and is not there. */
static void damaged(struct tar_files *t, const char *name, uint64_t behind, const struct err *err)
{
	if (name)
		map_put(&t->map, name, NULL);
	err_set(&t->damage, err->code, "%s, behind offset %llu", err->msg, (unsigned long long)behind);
}

/* @spool: where files go that are compressed, @scratch its name; or -1 */
static int index_tar(struct tar_files *t, struct unar *u, int spool, const char *scratch, struct err *err)
{
	uint64_t at = 0, behind = 0;
	const char *last = NULL;
	struct unar_entry e;
	int ret;

	while ((ret = unar_next(u, &e, err)) > 0) {
		CLEAN_FREE char *name = path_clean(e.path);
		struct member *m;

		behind = e.at;
		last = NULL;
		if (unar_path_escapes(e.path) ||
		    (e.type != UNAR_FILE && e.type != UNAR_SYMLINK && e.type != UNAR_HARDLINK))
			continue;
		m = arena_new(&t->arena, struct member);
		if (e.type != UNAR_FILE) {
			m->link = link_target(t, name, &e);
			if (!m->link)
				continue;
		} else {
			*m = (struct member){ .at = spool < 0 ? e.at : at, .size = e.size };
			if (spool >= 0 && unpack(u, spool, scratch, err) < 0) {
				ret = err->code == ERR_IO ? err_wrap(err, "%s", t->path) : -1;
				break;
			}
			at += e.size;
		}
		map_put(&t->map, name, m);
		last = t->map.ptr[t->map.len - 1].key;
	}
	if (ret < 0 && err->code == ERR_FORMAT)
		damaged(t, last, behind, err);
	return ret;
}

struct files *files_tar(const char *path, bool partial, struct err *err)
{
	static const struct unar_limits limits = { .bytes = UINT64_C(1) << 40, .entries = MAX_ENTRIES };
	struct tar_files *t;
	struct unar_file in;
	struct unar *u;
	CLEAN_FREE char *scratch = NULL;
	int spool = -1, ret = -1;

	if (unar_file_open(&in, path, err) < 0) {
		if (err->sys == ENOENT || err->sys == ENOTDIR)
			err_set(err, ERR_NOTFOUND, "%s: there is no such file", path);
		return NULL;
	}
	t = xmalloc(sizeof(*t));
	*t = (struct tar_files){ .files = { .open = tar_open, .path = tar_path, .free = tar_free },
				 .path = xstrdup(path), .fd = -1, .damage = ERR_INIT };
	if (is_compressed(in.fd) && (spool = fs_scratch(&scratch, err)) < 0) {
		unar_file_close(&in);
		tar_free(&t->files);
		return NULL;
	}
	/* A bomb fills the disk, if anything; the default limit is for it. */
	u = unar_open(UNAR_TAR, path, unar_file_read, &in, spool < 0 ? &limits : NULL, err);
	if (u)
		ret = index_tar(t, u, spool, scratch, err);
	unar_free(u);
	t->fd = spool >= 0 ? spool : in.fd;
	if (spool < 0)
		in.fd = -1;
	unar_file_close(&in);
	if (ret == 0 || (partial && t->damage.code && t->map.len))
		return &t->files;
	if (partial && t->damage.code)
		*err = t->damage;
	tar_free(&t->files);
	return NULL;
}
