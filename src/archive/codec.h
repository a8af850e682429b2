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
 * A compressor between a byte stream and a sink. gzip: the stream is cut into chunks of a fixed size, each
 * compressed by libdeflate as a gzip member of its own (RFC 1952, 2.2: members may be concatenated; a stream no
 * larger than one chunk is one member), on up to two threads; members come out in order, so the bytes do not
 * depend on the number of threads. No time, no name in the header. zstd: multithreaded with a fixed job size,
 * content checksum. Memory is bounded by the chunk size times the threads, whatever the stream's length.
 */
struct codec_enc;
struct codec_enc *codec_enc_new(enum codec c, enum codec_level level, sink_fn sink, void *ctx);
/** codec_enc_hint - the total number of bytes to come, if known: lets small streams skip threads and copies. */
void codec_enc_hint(struct codec_enc *e, uint64_t total);
int codec_enc_write(struct codec_enc *e, const void *p, size_t n, struct err *err) MUST_CHECK;
/** codec_enc_finish - flush all to the sink. */
int codec_enc_finish(struct codec_enc *e, struct err *err) MUST_CHECK;
void codec_enc_free(struct codec_enc *e);	/* NULL is fine; also after an error */

#endif
