/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ARCHIVE_CODEC_H
#define SLSC_ARCHIVE_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/tar.h"

enum codec { CODEC_NONE, CODEC_GZIP, CODEC_ZSTD };
enum codec_level { CODEC_FAST, CODEC_DEFAULT, CODEC_MAX };

const char *codec_name(enum codec c);		/* "none", "gzip", "zstd" */
/** codec_version - "libdeflate 1.14", "zstd 1.5.4", "": compressed digests depend on it. Static storage. */
const char *codec_version(enum codec c);

/**
 * A compressor between a byte stream and a sink. The stream is cut into chunks of a fixed size, each compressed as a
 * gzip member (RFC 1952, 2.2: members may be concatenated) by libdeflate or as a zstd frame with a checksum (RFC 8878,
 * 3: frames may be concatenated), on up to two threads; they come out in order, so the bytes depend on neither the
 * number of threads nor the sizes of the writes. A stream no larger than one chunk is one member or frame. No time
 * and no name in gzip's header. Chunks are 1 MiB for gzip, 4 MiB for zstd; at CODEC_MAX 4 and 8 MiB. Memory is
 * bounded by eight chunks, whatever the stream's length.
 * The sink is called only by the thread that calls these functions. A signal ends them within 0.1 s with ERR_INTR.
 */
struct codec_enc;
struct codec_enc *codec_enc_new(enum codec c, enum codec_level level, sink_fn sink, void *ctx);
/** codec_enc_hint - the total number of bytes to come, if known: sizes the first buffer. The bytes do not change. */
void codec_enc_hint(struct codec_enc *e, uint64_t total);
/** codec_enc_write - with CODEC_NONE straight to the sink, else copied. */
int codec_enc_write(struct codec_enc *e, const void *p, size_t n, struct err *err) MUST_CHECK;
/** codec_enc_finish - flush all to the sink. */
int codec_enc_finish(struct codec_enc *e, struct err *err) MUST_CHECK;
void codec_enc_free(struct codec_enc *e);	/* NULL is fine; also after an error */

#endif
