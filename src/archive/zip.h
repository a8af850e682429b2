/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ARCHIVE_ZIP_H
#define SLSC_ARCHIVE_ZIP_H

#include <stdint.h>

#include "archive/tree.h"

/** ZIP_STORE compresses nothing: its bytes do not depend on a compressor's version. */
enum zip_level { ZIP_FAST, ZIP_DEFAULT, ZIP_MAX, ZIP_STORE };

/**
 * zip_write - write @tree as a reproducible zip.
 * @tree:  borrowed, finished: entries sorted bytewise by path.
 * @path:  borrowed, UTF-8; replaced atomically, mode 0644 & ~umask.
 * @mtime: seconds since the Unix epoch, UTC; clamped to 1980-01-01, zip's minimum, and 2107-12-31; even seconds.
 * @size:  out, bytes; unchanged on failure; may be NULL.
 * Creator is Unix; files, symlinks (stored, their text as contents) and directories ("name/") carry their modes,
 * owners are left out. Names that are not ASCII set flag bit 11 (UTF-8). An entry that does not shrink is stored.
 * No extra fields but zip64's, and those only where needed.
 * Entries are deflated by libdeflate on up to two threads, those up to 64 MiB in one go, larger ones in parts of 2 MiB
 * (16 at ZIP_MAX): memory stays below twice the largest such entry plus 32 MiB (160). The bytes do not depend on TZ,
 * locale, umask (read once a process), directory order, user or the number of threads. Thread-safe.
 * Returns 0, or -1 with @err: ERR_IO, ERR_INTR.
 * Leaves no file behind on failure. Format: PKWARE APPNOTE 6.3.10, 4.3.
 */
int zip_write(const struct tree *tree, const char *path, enum zip_level level, int64_t mtime,
	      uint64_t *size, struct err *err) MUST_CHECK;

#endif
