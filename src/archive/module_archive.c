/* SPDX-License-Identifier: Apache-2.0 */
/* libarchive, read only: no disk writer of it is used. */
#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/archive_ops.h"
#include "base/err.h"
#include "base/mem.h"

extern const struct archive_ops slsc_module_archive;

struct reader {
	struct archive *a;
	struct archive_source src;
	struct tree_xattr xattrs[UNAR_MAX_XATTRS];
};

static la_ssize_t on_read(struct archive *a, void *ctx, const void **p)
{
	struct reader *r = ctx;

	(void)a;
	return r->src.read(r->src.ctx, p);
}

static la_int64_t on_seek(struct archive *a, void *ctx, la_int64_t offset, int whence)
{
	struct reader *r = ctx;

	(void)a;
	return r->src.seek(r->src.ctx, offset, whence);
}

static int failed(struct reader *r, char *msg)
{
	const char *text = archive_error_string(r->a);

	snprintf(msg, ARCHIVE_MSG_MAX, "%s", text ? text : "cannot be read");
	return -1;
}

static void reader_free(void *p)
{
	struct reader *r = p;

	archive_read_free(r->a);
	free(r);
}

static void *reader_open(enum unar_format format, const struct archive_source *src, char *msg)
{
	struct reader *r = xcalloc(1, sizeof(*r));

	r->src = *src;
	r->a = archive_read_new();
	if (!r->a)
		BUG("libarchive: out of memory");
	if (format == UNAR_RAW) {
		archive_read_support_format_raw(r->a);
		archive_read_support_format_empty(r->a);
		archive_read_support_filter_gzip(r->a);
		archive_read_support_filter_bzip2(r->a);
		archive_read_support_filter_xz(r->a);
		archive_read_support_filter_zstd(r->a);
	} else if (format == UNAR_TAR) {
		archive_read_support_format_tar(r->a);
		archive_read_support_format_empty(r->a);
	} else if (format == UNAR_AR) {
		archive_read_support_format_ar(r->a);
	} else if (r->src.seek) {
		archive_read_support_format_zip_seekable(r->a);
	} else {
		archive_read_support_format_zip_streamable(r->a);
	}
	archive_read_set_read_callback(r->a, on_read);
	if (r->src.seek)
		archive_read_set_seek_callback(r->a, on_seek);
	archive_read_set_callback_data(r->a, r);
	if (archive_read_open1(r->a) == ARCHIVE_OK)
		return r;
	failed(r, msg);
	reader_free(r);
	return NULL;
}

static enum unar_type type_of(struct archive_entry *e)
{
	if (archive_entry_hardlink(e))
		return UNAR_HARDLINK;
	switch (archive_entry_filetype(e)) {
	case AE_IFDIR:
		return UNAR_DIR;
	case AE_IFLNK:
		return UNAR_SYMLINK;
	case AE_IFCHR:
		return UNAR_CHAR;
	case AE_IFBLK:
		return UNAR_BLOCK;
	case AE_IFIFO:
		return UNAR_FIFO;
	case AE_IFSOCK:
		return UNAR_SOCKET;
	default:
		return UNAR_FILE;
	}
}

static int read_xattrs(struct reader *r, struct archive_entry *e, struct unar_entry *out, char *msg)
{
	const char *name;
	const void *val;
	size_t n;

	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &val, &n) == ARCHIVE_OK && name) {
		if (out->nxattrs == UNAR_MAX_XATTRS) {
			snprintf(msg, ARCHIVE_MSG_MAX, "an entry has more than %u extended attributes",
				 UNAR_MAX_XATTRS);
			return -1;
		}
		r->xattrs[out->nxattrs++] = (struct tree_xattr){ name, val, n };
	}
	out->xattrs = r->xattrs;
	return 1;
}

/* ARCHIVE_WARN is malformed attributes that libarchive ignores, where another reader may not: no archive of ours. */
static int reader_next(void *p, struct unar_entry *out, char *msg)
{
	struct reader *r = p;
	struct archive_entry *e;
	int ret = archive_read_next_header(r->a, &e);
	la_int64_t id;

	if (ret == ARCHIVE_EOF)
		return 0;
	if (ret != ARCHIVE_OK)
		return failed(r, msg);
	*out = (struct unar_entry){ .path = archive_entry_pathname(e), .type = type_of(e),
				    .mode = archive_entry_perm(e), .mtime = archive_entry_mtime(e) };
	out->at = (uint64_t)archive_filter_bytes(r->a, 0);
	id = archive_entry_uid(e);
	out->uid = id < 0 || id > UINT32_MAX ? UINT32_MAX : (uint32_t)id;
	id = archive_entry_gid(e);
	out->gid = id < 0 || id > UINT32_MAX ? UINT32_MAX : (uint32_t)id;
	id = archive_entry_size(e);
	out->size = id < 0 || out->type != UNAR_FILE ? 0 : (uint64_t)id;
	if (out->type == UNAR_HARDLINK)
		out->target = archive_entry_hardlink(e);
	else if (out->type == UNAR_SYMLINK)
		out->target = archive_entry_symlink(e);
	if (out->type == UNAR_CHAR || out->type == UNAR_BLOCK) {
		out->major = (uint32_t)archive_entry_rdevmajor(e);
		out->minor = (uint32_t)archive_entry_rdevminor(e);
	}
	return read_xattrs(r, e, out, msg);
}

static int reader_block(void *p, const void **data, size_t *n, int64_t *offset, char *msg)
{
	struct reader *r = p;
	la_int64_t at;
	int ret = archive_read_data_block(r->a, data, n, &at);

	*offset = at;
	if (ret == ARCHIVE_EOF)
		return 0;
	return ret == ARCHIVE_OK ? 1 : failed(r, msg);
}

static int reader_skip(void *p, char *msg)
{
	struct reader *r = p;
	int ret = archive_read_data_skip(r->a);

	return ret == ARCHIVE_OK || ret == ARCHIVE_EOF ? 0 : failed(r, msg);
}

const struct archive_ops slsc_module_archive = {
	.open = reader_open,
	.next = reader_next,
	.block = reader_block,
	.skip = reader_skip,
	.free = reader_free,
};
