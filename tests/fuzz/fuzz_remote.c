/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes of caches of binaries: what is read of one holds what its users rely on, and is written as it is read. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "build/remote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_REMOTE_INDEX struct remote_index x = { .arena = ARENA_INIT }, again = { .arena = ARENA_INIT };
	CLEAN_BUF struct buf once = BUF_INIT, twice = BUF_INIT;
	struct err err;

	if (remote_index_parse(&x, "index", data, size, &err) < 0) {
		if (x.files.len || x.binaries.len || x.by_key.len)
			abort();
		return 0;
	}
	for (size_t i = 0; i < x.binaries.len; i++) {
		const struct remote_binary *b = x.binaries.ptr[i];

		if (!b->part[REMOTE_BINARY].there || map_get(&x.by_key, b->key) != b)
			abort();
		for (size_t k = 0; k < b->ninputs; k++)
			if (b->inputs[k] >= x.files.len || !remote_path_ok(x.files.ptr[b->inputs[k]].path))
				abort();
	}
	remote_index_write(&x, &once);
	if (remote_index_parse(&again, "index", once.ptr, once.len, &err) < 0)
		abort();
	remote_index_write(&again, &twice);
	if (once.len != twice.len || memcmp(once.ptr, twice.ptr, once.len) != 0)
		abort();
	return 0;
}
