/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ARCHIVE_TAR_H
#define SLSC_ARCHIVE_TAR_H

#include <stdint.h>

#include "archive/tree.h"

/**
 * Receives bytes in order. Returns 0, or -1 with @err, which ends the writing.
 */
typedef int (*sink_fn)(void *ctx, const void *p, size_t n, struct err *err);

/**
 * tar_write - write @tree as a reproducible POSIX pax tar.
 * @tree:  borrowed; finished.
 * @mtime: seconds since the epoch, for every entry (but with tree.timed each has its own); clamped to 1970-01-01 ..
 *         2242-03-16, what ustar can hold.
 * ustar where it fits; pax headers only for long names, non-ASCII names (POSIX leaves ustar's charset open, pax says
 * UTF-8), sizes past 8 GiB and owners past 2,097,151. No atime or ctime, no user names; two zero blocks at the end, no
 * padding to 10 KiB. File contents are read in blocks of up to 256 KiB, so memory does not grow with them. A file
 * whose size changed since tree_add_file() is ERR_IO.
 * Format: POSIX.1-2017 pax Interchange Format.
 */
int tar_write(const struct tree *tree, int64_t mtime, sink_fn sink, void *ctx, struct err *err) MUST_CHECK;

/** tar_size - exactly the number of bytes that tar_write() will give. */
uint64_t tar_size(const struct tree *tree);

#endif
