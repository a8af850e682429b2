/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ARCHIVE_DEFLATE_H
#define SLSC_ARCHIVE_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The level for the least bytes: libdeflate's 11, then resplit(): smaller than its 12, and sooner. */
#define DEFLATE_MAX 11

/**
 * deflate_bound - the room that deflate_part() needs for @n bytes.
 */
size_t deflate_bound(size_t n);

/**
 * deflate_part - one part of a raw deflate stream (RFC 1951) that is made in parts, each without a look at the others.
 * @state: the thread's compressor, made at its first use, freed by deflate_free(); one level per state.
 * @level: libdeflate's, 1 to 9, or DEFLATE_MAX.
 * @last:  the stream ends here; else the part ends with an empty stored block, on a byte boundary.
 * @cap:   of @out; less than deflate_bound(@n) only for a part that is first and last.
 * Returns the length of the part; 0 if it is no smaller than @cap.
 */
size_t deflate_part(void **state, int level, bool last, const uint8_t *in, size_t n, uint8_t *out, size_t cap);
void deflate_free(void *state);

/** deflate_crc32 - of gzip and zip (RFC 1952, 8), of the bytes before, 0 at the start, and @n more at @p. */
uint32_t deflate_crc32(uint32_t crc, const void *p, size_t n);

#endif
