/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ARCHIVE_DECODE_H
#define SLSC_ARCHIVE_DECODE_H

#include <stdint.h>

#include "archive/codec.h"
#include "archive/unarchive.h"

/*
 * A compressed stream read as what it holds, between a source and whoever needs the bytes themselves: an image's
 * diff_id is the digest of a layer's tar. Members and frames may be concatenated (RFC 1952, 2.2; RFC 8878, 3).
 */
struct decoder;

/** decoder_new - @shown is for messages, and is copied. Past @limit bytes of output decoder_read() is ERR_LIMIT. */
struct decoder *decoder_new(enum codec c, const char *shown, unar_read_fn read, void *ctx, uint64_t limit);
/** decoder_read - an unar_read_fn: the next block; ERR_FORMAT, ERR_LIMIT, ERR_INTR, or what the source said. */
ssize_t decoder_read(void *decoder, const void **p, struct err *err);
/** decoder_left - bytes that the source gave and that are not decoded yet. */
size_t decoder_left(const struct decoder *d);
void decoder_free(struct decoder *d);	/* NULL is fine */

/** codec_sniff - what a stream is compressed with, by its first bytes; CODEC_NONE: none that we know. */
enum codec codec_sniff(const void *p, size_t n);

#endif
