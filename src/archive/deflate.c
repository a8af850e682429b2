/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/deflate.h"

#include <libdeflate.h>
#include <string.h>
#include <zlib.h>

#include "archive/resplit.h"
#include "base/err.h"

#define SYNC_LEN 5u	/* what opening a stream's end adds at most */

size_t deflate_bound(size_t n)
{
	return libdeflate_deflate_compress_bound(NULL, n) + SYNC_LEN;
}

/*
 * libdeflate gives whole streams only. To let another follow, the last block's BFINAL bit is cleared and an empty
 * stored block fills up the last byte (as zlib's gzjoin example does). Where the last block begins is known only to
 * a decoder; zlib's stops between blocks. It also proves that the part decompresses to @n bytes.
 */
static size_t open_end(uint8_t *out, size_t len, size_t n)
{
	static const uint8_t empty[4] = { 0x00, 0x00, 0xff, 0xff };
	uint8_t window[32768];
	z_stream z = { .next_in = out, .avail_in = (uInt)len };
	size_t begin = 0;	/* of the last block, in bits */
	unsigned spare;		/* unused bits of the last byte */

	if (inflateInit2(&z, -15) != Z_OK)
		BUG("out of memory");
	for (;;) {
		z.next_out = window;
		z.avail_out = sizeof(window);
		if (inflate(&z, Z_BLOCK) != Z_OK)
			BUG("libdeflate made a broken stream: %s", z.msg ? z.msg : "it does not end");
		spare = (unsigned)z.data_type & 7u;
		if (!(z.data_type & 128))
			continue;	/* within a block */
		if (z.data_type & 64)
			break;		/* behind the last one */
		begin = (size_t)z.total_in * 8 - spare;
	}
	if (z.avail_in || z.total_out != n)
		BUG("libdeflate made a broken stream: wrong length");
	inflateEnd(&z);
	out[begin / 8] = (uint8_t)(out[begin / 8] & ~(1u << (begin % 8)));
	/* Three header bits 000, if need be in a byte of their own; the bits up to the next byte are 0 as well. */
	if (spare < 3)
		out[len++] = 0;
	memcpy(out + len, empty, sizeof(empty));
	return len + sizeof(empty);
}

/* What resplit() has made is decompressed by another's hand before anybody gets it. */
static void verify(const uint8_t *out, size_t len, const uint8_t *in, size_t n)
{
	uint8_t window[32768];
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)out, .avail_in = (uInt)len };
	size_t done = 0;
	int r = Z_OK;

	if (inflateInit2(&z, -15) != Z_OK)
		BUG("out of memory");
	while (r == Z_OK) {
		size_t got;

		z.next_out = window;
		z.avail_out = sizeof(window);
		r = inflate(&z, Z_NO_FLUSH);
		got = sizeof(window) - z.avail_out;
		if (got > n - done || (got && memcmp(window, in + done, got) != 0))
			break;
		done += got;
	}
	if (r != Z_STREAM_END || done != n || z.avail_in)
		BUG("resplit() has spoilt a stream");
	inflateEnd(&z);
}

size_t deflate_part(void **state, int level, bool last, const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
	size_t len;

	if (!*state)
		*state = libdeflate_alloc_compressor(level);
	if (!*state)
		BUG("out of memory");
	len = libdeflate_deflate_compress(*state, in, n, out, cap);
	if (len && level == DEFLATE_MAX) {
		len = resplit(out, len, cap - (last ? 0 : SYNC_LEN));
		if (len)
			verify(out, len, in, n);
	}
	return last || !len ? len : open_end(out, len, n);
}

void deflate_free(void *state)
{
	libdeflate_free_compressor(state);
}

uint32_t deflate_crc32(uint32_t crc, const void *p, size_t n)
{
	return libdeflate_crc32(crc, p, n);
}
