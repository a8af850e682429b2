/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/unarchive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/archive_ops.h"
#include "archive/tree.h"
#include "base/mem.h"
#include "base/str.h"
#include "os/fs.h"
#include "os/late.h"
#include "os/proc.h"

#define DEFAULT_BYTES (UINT64_C(10) << 30)
#define DEFAULT_ENTRIES UINT64_C(1000000)
#define BLOCK (256u * 1024)
/*
 * What one header may take, names, attributes and sparse maps included. libarchive 3.6 has a limit of its own for pax
 * and GNU headers, of 1 MiB, but none for sparse maps, whose memory is twenty times their bytes in the archive.
 */
#define HEADER_MAX (1u << 20)
#define ZIP_DIRECTORY_MAX (64u << 20)	/* a zip's directory, which is read with its first header */

struct unar {
	const struct archive_ops *ops;
	void *raw, *fmt;		/* raw: takes the compression off; NULL: there is none to take off */
	enum unar_format format;
	char *shown;
	unar_read_fn read;
	void *ctx;
	struct unar_limits limits;
	uint64_t bytes, entries, header;	/* so far; header: since the last entry's data */
	bool in_header, failed, empty;
	struct err err;			/* what a callback said, if failed */
	char msg[ARCHIVE_MSG_MAX];
	/* of the entry at hand */
	uint64_t at, size;
	const char *block;		/* read, and belongs at block_at */
	size_t nblock;
	uint64_t block_at;
	bool data_end;
	/* of an ar: a header as far as it has come, and the bytes before the next one */
	char ar[60];
	size_t ar_len;
	uint64_t ar_skip;
	char path[TREE_MAX_PATH + 1];
};

static const char zeros[65536];

static int limit_bytes(struct unar *u, struct err *err)
{
	return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %llu bytes when unpacked", u->shown,
		       (unsigned long long)u->limits.bytes);
}

/* From here on a callback has failed: libarchive only knows that it did. */
static ssize_t give_up(struct unar *u)
{
	u->failed = true;
	return -1;
}

static ssize_t from_caller(void *ctx, const void **p)
{
	struct unar *u = ctx;
	ssize_t n = sig_check(&u->err) < 0 ? -1 : u->read(u->ctx, p, &u->err);

	return n < 0 ? give_up(u) : n;
}

/* Bytes as the format's reader gets them, uncompressed. */
static ssize_t counted(struct unar *u, ssize_t n)
{
	const uint64_t header_max = u->format == UNAR_ZIP ? ZIP_DIRECTORY_MAX : HEADER_MAX;

	if (n <= 0)
		return n;
	u->bytes += (uint64_t)n;
	if (u->bytes > u->limits.bytes && u->format != UNAR_ZIP) {
		limit_bytes(u, &u->err);
		return give_up(u);
	}
	/* what was read ahead for it is at most a block */
	if (u->in_header && u->header > header_max) {
		err_set(&u->err, ERR_LIMIT, "%s: limit exceeded: a header of more than %llu bytes", u->shown,
			(unsigned long long)header_max);
		return give_up(u);
	}
	if (u->in_header)
		u->header += (uint64_t)n;
	return n;
}

static ssize_t from_raw(void *ctx, const void **p)
{
	struct unar *u = ctx;
	size_t n = 0;
	int64_t offset;
	int ret;

	if (u->empty)
		return 0;
	do
		ret = u->ops->block(u->raw, p, &n, &offset, u->msg);
	while (ret > 0 && !n && sig_check(&u->err) == 0);
	if (ret > 0 && n)
		return counted(u, (ssize_t)n);
	if (ret == 0)
		return 0;
	if (!u->failed && ret < 0)
		err_set(&u->err, ERR_FORMAT, "%s: %s", u->shown, u->msg);
	return give_up(u);
}

/*
 * libarchive allocates an ar's table of long names, "//", by what its header says, up to 1 GiB, before it reads it. So
 * each header of an ar is looked at on its way.
 */
static int scan_ar(struct unar *u, const char *p, size_t n)
{
	while (n) {
		uint64_t take = u->ar_skip < n ? u->ar_skip : n, size;

		if (!take) {
			take = sizeof(u->ar) - u->ar_len < n ? sizeof(u->ar) - u->ar_len : n;
			memcpy(u->ar + u->ar_len, p, (size_t)take);
			u->ar_len += (size_t)take;
		} else {
			u->ar_skip -= take;
		}
		p += take;
		n -= (size_t)take;
		if (u->ar_len < sizeof(u->ar))
			continue;
		u->ar_len = 0;
		/* the reader itself will say what it thinks of another size */
		if (str_parse_u64(str_trim((struct str){ u->ar + 48, 10 }), &size) < 0)
			size = 0;
		if (memcmp(u->ar, "//", 2) == 0 && size > HEADER_MAX)
			return err_set(&u->err, ERR_LIMIT, "%s: limit exceeded: a table of names of more than %u bytes",
				       u->shown, HEADER_MAX);
		u->ar_skip = size + (size & 1);
	}
	return 0;
}

static ssize_t direct(void *ctx, const void **p)
{
	struct unar *u = ctx;
	const ssize_t n = from_caller(u, p);

	if (n > 0 && u->format == UNAR_AR && scan_ar(u, *p, (size_t)n) < 0)
		return give_up(u);
	return counted(u, n);
}

static int64_t seek_file(void *ctx, int64_t offset, int whence)
{
	const struct unar *u = ctx;
	const struct unar_file *f = u->ctx;

	return lseek(f->fd, offset, whence);
}

static int fail(struct unar *u, struct err *err)
{
	if (u->failed)
		*err = u->err;
	else
		err_set(err, ERR_FORMAT, "%s: %s", u->shown, u->msg);
	return -1;
}

struct unar *unar_open(enum unar_format format, const char *shown, unar_read_fn read, void *ctx,
		       const struct unar_limits *limits, struct err *err)
{
	const struct archive_ops *ops = late_load("archive", err);
	struct unar *u;
	struct unar_entry only;
	struct archive_source src = { .read = direct };
	int ret = 1;

	if (!ops)
		return NULL;
	u = xcalloc(1, sizeof(*u));
	*u = (struct unar){ .ops = ops, .format = format, .shown = xstrdup(shown), .read = read, .ctx = ctx };
	if (limits)
		u->limits = *limits;
	u->limits.bytes = u->limits.bytes ? u->limits.bytes : DEFAULT_BYTES;
	u->limits.entries = u->limits.entries ? u->limits.entries : DEFAULT_ENTRIES;
	src.ctx = u;
	u->ar_skip = strlen("!<arch>\n");
	if (format == UNAR_TAR) {
		u->raw = ops->open(UNAR_RAW, &(struct archive_source){ .read = from_caller, .ctx = u }, u->msg);
		ret = u->raw ? ops->next(u->raw, &only, u->msg) : -1;
		u->empty = ret == 0;
		src.read = from_raw;
	} else if (format == UNAR_ZIP && read == unar_file_read) {
		/* modes and symlinks stand in the directory at the end only */
		src.seek = seek_file;
	}
	if (ret >= 0) {
		u->in_header = true;
		u->fmt = ops->open(format, &src, u->msg);
		ret = u->fmt ? 0 : -1;
	}
	if (ret < 0) {
		fail(u, err);
		unar_free(u);
		return NULL;
	}
	return u;
}

/* Less "./" before and "/" behind. */
static const char *tidy(const char *path, char *copy, size_t cap)
{
	size_t n;

	while (path[0] == '.' && path[1] == '/')
		for (path += 2; *path == '/'; path++)
			;
	if (strcmp(path, ".") == 0)
		path = "";
	n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		n--;
	if (!path[n])
		return path;
	if (n >= cap)
		BUG("a path of %zu bytes", n);
	memcpy(copy, path, n);
	copy[n] = '\0';
	return copy;
}

static int too_long(struct unar *u, const char *what, struct err *err)
{
	return err_set(err, ERR_LIMIT, "%s: limit exceeded: %s of more than %u bytes", u->shown, what, TREE_MAX_PATH);
}

int unar_next(struct unar *u, struct unar_entry *e, struct err *err)
{
	int ret;

	if (sig_check(err) < 0)
		return -1;
	/* What is left of the last entry is no part of the next header. */
	u->in_header = false;
	if (u->entries && u->ops->skip(u->fmt, u->msg) < 0)
		return fail(u, err);
	if (u->entries)
		u->header = 0;
	u->in_header = true;
	ret = u->ops->next(u->fmt, e, u->msg);
	u->in_header = false;
	if (ret < 0 || u->failed)
		return fail(u, err);
	if (ret == 0)
		return 0;
	if (++u->entries > u->limits.entries)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %llu entries", u->shown,
			       (unsigned long long)u->limits.entries);
	if (!e->path || ((e->type == UNAR_SYMLINK || e->type == UNAR_HARDLINK) && !e->target))
		return err_set(err, ERR_FORMAT, "%s: entry %llu has a name that is not UTF-8", u->shown,
			       (unsigned long long)u->entries);
	if (strlen(e->path) > TREE_MAX_PATH)
		return too_long(u, "a path", err);
	if (e->target && strlen(e->target) > TREE_MAX_PATH)
		return too_long(u, "a link's target", err);
	if (e->size > u->limits.bytes)
		return limit_bytes(u, err);
	e->path = tidy(e->path, u->path, sizeof(u->path));
	u->at = u->nblock = 0;
	u->size = e->size;
	u->data_end = false;
	return 1;
}

static int next_block(struct unar *u, struct err *err)
{
	const void *p;
	int64_t at;
	int ret = u->ops->block(u->fmt, &p, &u->nblock, &at, u->msg);

	if (ret < 0 || u->failed)
		return fail(u, err);
	if (ret == 0) {
		/* a hole at the end of a sparse file */
		u->data_end = true;
		u->nblock = 0;
		u->block_at = u->size;
		return 0;
	}
	if (at < 0 || (uint64_t)at < u->at || u->nblock > u->limits.bytes ||
	    (uint64_t)at > u->limits.bytes - u->nblock)
		return err_set(err, ERR_FORMAT, "%s: a sparse file's parts are out of order", u->shown);
	u->block = p;
	u->block_at = (uint64_t)at;
	if (u->format == UNAR_ZIP) {
		u->bytes += u->nblock;
		if (u->bytes > u->limits.bytes)
			return limit_bytes(u, err);
	}
	return 0;
}

int unar_data(struct unar *u, const void **p, size_t *n, struct err *err)
{
	for (;;) {
		if (sig_check(err) < 0)
			return -1;
		if (u->nblock || u->data_end) {
			uint64_t hole = u->block_at > u->at ? u->block_at - u->at : 0;

			if (hole) {
				*p = zeros;
				*n = hole < sizeof(zeros) ? (size_t)hole : sizeof(zeros);
				/* holes take no bytes of the archive */
				u->bytes += *n;
				u->at += *n;
				return u->bytes > u->limits.bytes ? limit_bytes(u, err) : 1;
			}
			if (u->nblock) {
				*p = u->block;
				*n = u->nblock;
				u->at += u->nblock;
				u->nblock = 0;
				return 1;
			}
			return 0;
		}
		if (next_block(u, err) < 0)
			return -1;
	}
}

void unar_free(struct unar *u)
{
	if (!u)
		return;
	if (u->fmt)
		u->ops->free(u->fmt);
	if (u->raw)
		u->ops->free(u->raw);
	free(u->shown);
	free(u);
}

int unar_file_open(struct unar_file *f, const char *path, struct err *err)
{
	struct stat st;

	*f = (struct unar_file){ .fd = fs_open(path, &st, err) };
	if (f->fd < 0)
		return -1;
	f->block = xmalloc(BLOCK);
	snprintf(f->path, sizeof(f->path), "%s", path);
	return 0;
}

int unar_file_dup(struct unar_file *f, int fd, const char *shown, struct err *err)
{
	*f = (struct unar_file){ .fd = fcntl(fd, F_DUPFD_CLOEXEC, 3) };
	snprintf(f->path, sizeof(f->path), "%s", shown);
	if (f->fd < 0 || lseek(f->fd, 0, SEEK_SET) < 0) {
		err_sys(err, "cannot read %s", shown);
		unar_file_close(f);
		return -1;
	}
	f->block = xmalloc(BLOCK);
	return 0;
}

ssize_t unar_file_read(void *ctx, const void **p, struct err *err)
{
	struct unar_file *f = ctx;
	ssize_t n;

	do
		n = read(f->fd, f->block, BLOCK);
	while (n < 0 && errno == EINTR && sig_check(err) == 0);
	*p = f->block;
	return n < 0 ? err_sys(err, "cannot read %s", f->path) : n;
}

void unar_file_close(struct unar_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->block);
	*f = (struct unar_file){ .fd = -1 };
}

bool unar_path_escapes(const char *path)
{
	struct str rest = str_from(path);

	if (*path == '/')
		return true;
	while (rest.len) {
		struct str part = rest;

		rest = str_cut(&part, '/');
		if (str_eqz(part, ".."))
			return true;
	}
	return false;
}
