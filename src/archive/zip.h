/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ARCHIVE_ZIP_H
#define SLSC_ARCHIVE_ZIP_H

#include <stdint.h>

#include "archive/tree.h"

enum zip_level { ZIP_FAST, ZIP_DEFAULT, ZIP_MAX };

/**
 * zip_write - write @tree as a reproducible zip.
 * @tree:  borrowed, finished: entries sorted bytewise by path.
 * @path:  borrowed, UTF-8; replaced atomically, mode 0644 & ~umask.
 * @mtime: seconds since the Unix epoch, UTC; clamped to 1980-01-01, zip's minimum, and 2107-12-31.
 * @size:  out, bytes; unchanged on failure; may be NULL.
 * @mode_bits: creator is Unix; files, symlinks and directories carry their modes.
 * Names that are not ASCII set flag bit 11 (UTF-8). An entry that does not shrink is stored. Entries up to
 * 64 MiB are deflated from memory by libdeflate, larger ones stream through zlib; zip64 only where needed.
 * The bytes do not depend on TZ, locale, umask, directory order, user or the number of threads.
 * Returns 0, or -1 with @err: ERR_IO, ERR_ARCHIVE, ERR_LIMIT, ERR_INTR.
 * Leaves no file behind on failure. Format: PKWARE APPNOTE 6.3.10, 4.3.
 */
int zip_write(const struct tree *tree, const char *path, enum zip_level level, int64_t mtime,
	      uint64_t *size, struct err *err) MUST_CHECK;

#endif
