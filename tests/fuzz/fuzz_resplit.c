/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, deflated by libdeflate at a level that the first one names, and resplit, must come back the same. */
#include <libdeflate.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "archive/resplit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct libdeflate_compressor *c;
	struct libdeflate_decompressor *d;
	size_t cap, n;
	uint8_t *out, *back;

	if (!size)
		return 0;
	c = libdeflate_alloc_compressor(data[0] % 12 + 1);
	d = libdeflate_alloc_decompressor();
	cap = libdeflate_deflate_compress_bound(c, size) + 100;
	out = malloc(cap);
	back = malloc(size);
	if (!c || !d || !out || !back)
		abort();
	n = resplit(out, libdeflate_deflate_compress(c, data, size, out, cap), cap);
	if (libdeflate_deflate_decompress(d, out, n, back, size, NULL) != LIBDEFLATE_SUCCESS ||
	    memcmp(back, data, size) != 0)
		abort();
	libdeflate_free_compressor(c);
	libdeflate_free_decompressor(d);
	free(out);
	free(back);
	return 0;
}
