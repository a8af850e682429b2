/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ARCHIVE_UNARCHIVE_H
#define SLSC_ARCHIVE_UNARCHIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "archive/tree.h"
#include "base/err.h"

/*
 * A foreign archive, read as a stream: libarchive (a late part, module_archive.c) behind bounds of ours. Nothing is
 * written to the disk here and nothing is trusted: names and targets are what the archive says.
 */

enum unar_type { UNAR_FILE, UNAR_DIR, UNAR_SYMLINK, UNAR_HARDLINK, UNAR_CHAR, UNAR_BLOCK, UNAR_FIFO, UNAR_SOCKET };

enum unar_format {
	UNAR_TAR,	/* ustar, pax, GNU; as it is or through gzip, zstd, xz */
	UNAR_AR,	/* a .deb's outer form */
	UNAR_ZIP,
};

#define UNAR_MAX_XATTRS 64u	/* of one entry; more is ERR_FORMAT */

/** An entry; strings are borrowed until the next unar_next(). */
struct unar_entry {
	const char *path;	/* as written, less "./" before and "/" behind; may be "" (the root), "../x", "/x" */
	enum unar_type type;
	mode_t mode;		/* permission bits incl. setuid.. and sticky */
	uint32_t uid, gid;
	int64_t mtime;		/* seconds since the epoch */
	uint64_t size;		/* bytes of a file */
	uint64_t at;		/* where they begin in the unpacked stream of a tar; a sparse file's map is there */
	const char *target;	/* of symlinks and hard links, else NULL */
	uint32_t major, minor;	/* of devices */
	const struct tree_xattr *xattrs;	/* in the archive's order; at most UNAR_MAX_XATTRS */
	size_t nxattrs;
};

/** Beyond any of these: ERR_LIMIT "limit exceeded: ...". 0: the default. */
struct unar_limits {
	uint64_t bytes;		/* of the uncompressed stream and of contents; default 10 GiB */
	uint64_t entries;	/* default 1,000,000 */
};

/** The archive's next block: *@p is borrowed until the next call. Returns its length, 0 at the end, -1 with @err. */
typedef ssize_t (*unar_read_fn)(void *ctx, const void **p, struct err *err);

/*
 * The tar reader sees the bytes after decompression, so that both its own limits and these hold for bombs, too. A zip
 * is best read by unar_file_read(): it is then sought in, and modes and symlinks are known. Names in pax headers
 * need a UTF-8 locale.
 */
struct unar;
/** unar_open - @shown is for messages and is copied. NULL with @err: ERR_TOOL, ERR_FORMAT. */
struct unar *unar_open(enum unar_format format, const char *shown, unar_read_fn read, void *ctx,
		       const struct unar_limits *limits, struct err *err);
/** unar_next - 1: @e is the next entry; 0: the end; -1: ERR_FORMAT, ERR_LIMIT, ERR_INTR, or what @read said. */
int unar_next(struct unar *u, struct unar_entry *e, struct err *err) MUST_CHECK;
/** unar_data - 1: the next run of the entry's bytes, holes as zeros; 0: its end; -1 as unar_next(). */
int unar_data(struct unar *u, const void **p, size_t *n, struct err *err) MUST_CHECK;
void unar_free(struct unar *u);	/* NULL is fine */

/** A file as the source of unar_open(). */
struct unar_file {
	int fd;
	char *block;
	char path[256];		/* for messages */
};
int unar_file_open(struct unar_file *f, const char *path, struct err *err) MUST_CHECK;
/** unar_file_dup - the same of an open file, from its beginning; @fd stays the caller's, but for its position. */
int unar_file_dup(struct unar_file *f, int fd, const char *shown, struct err *err) MUST_CHECK;
ssize_t unar_file_read(void *f, const void **p, struct err *err);
void unar_file_close(struct unar_file *f);

/** unar_path_escapes - whether @path, below a root, is absolute or has a component "..". */
bool unar_path_escapes(const char *path);

#endif
