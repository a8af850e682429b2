/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ARCHIVE_ARCHIVE_OPS_H
#define SLSC_ARCHIVE_ARCHIVE_OPS_H

#include "archive/unarchive.h"

/** Where a reader of module_archive.c takes its bytes from. */
struct archive_source {
	/* the next bytes, borrowed until the next call; 0 at the end, -1 ends the reading */
	ssize_t (*read)(void *ctx, const void **p);
	int64_t (*seek)(void *ctx, int64_t offset, int whence);	/* as lseek(2); NULL: a stream */
	void *ctx;
};

/** UNAR_RAW - not an archive: the bytes of the only entry are what gzip, zstd or xz hold, or the bytes themselves. */
#define UNAR_RAW ((enum unar_format)100)

#define ARCHIVE_MSG_MAX 200u

/** What module_archive.c gives through late_load("archive"). -1 comes with a message in @msg, ARCHIVE_MSG_MAX bytes. */
struct archive_ops {
	/* NULL on failure; @src is copied */
	void *(*open)(enum unar_format format, const struct archive_source *src, char *msg);
	/* 1, 0 at the end, -1; strings of @e as libarchive has them, path may be NULL */
	int (*next)(void *a, struct unar_entry *e, char *msg);
	/* 1: @n bytes at @p belong at @offset of the entry; 0: no more; -1 */
	int (*block)(void *a, const void **p, size_t *n, int64_t *offset, char *msg);
	int (*skip)(void *a, char *msg);
	void (*free)(void *a);
};

#endif
