/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ARCHIVE_AHEAD_H
#define SLSC_ARCHIVE_AHEAD_H

#include "archive/unarchive.h"

/*
 * A stream that a thread of its own reads ahead of whoever needs it: decompressing goes on while files are written.
 * At most AHEAD_BLOCKS blocks wait.
 */
#define AHEAD_BLOCKS 4u
#define AHEAD_BLOCK ((size_t)256 << 10)	/* bytes; a longer one of the source comes in pieces */

struct ahead;

/** ahead_new - @read with @ctx is called by the new thread only, until ahead_free(); not after its end or an error. */
struct ahead *ahead_new(unar_read_fn read, void *ctx);
/** ahead_read - an unar_read_fn: the next block, valid until the next call; what the source says at its end, or -1. */
ssize_t ahead_read(void *ahead, const void **p, struct err *err);
void ahead_free(struct ahead *a);	/* NULL is fine; ends the thread, also before the source has ended */

#endif
