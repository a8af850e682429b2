/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ARCHIVE_AHEAD_H
#define SLSC_ARCHIVE_AHEAD_H

#include "archive/unarchive.h"

/**
 * A stream read ahead by a thread of its own, up to AHEAD_SLOTS blocks of AHEAD_BLOCK bytes: who decompresses does not
 * wait for who writes. After ahead_new() @read and @ctx are the thread's until ahead_free(), or until ahead_read() has
 * returned 0 or -1.
 */
#define AHEAD_SLOTS 4u
#define AHEAD_BLOCK ((size_t)256 << 10)

struct ahead;
/** ahead_new - if no thread is to be had, ahead_read() reads itself. */
struct ahead *ahead_new(unar_read_fn read, void *ctx);
/** ahead_read - an unar_read_fn: what @read gave, in its order. */
ssize_t ahead_read(void *ahead, const void **p, struct err *err);
void ahead_free(struct ahead *a);	/* NULL is fine; waits for the block that is being read */

#endif
