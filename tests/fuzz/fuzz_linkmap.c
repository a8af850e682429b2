/* SPDX-License-Identifier: Apache-2.0 */
/* Link maps: whatever is read of one is sorted, named once, and not more than the limit. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "build/linkmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_INPUTS struct link_inputs in = { 0 };
	CLEAN_RANGES struct link_ranges ranges = { 0 };
	struct err err;
	size_t members = 0;
	const bool ok = linkmap_parse_ranges("map", (const char *)data, size, &ranges, &err) == 0;

	for (size_t i = 0; i < ranges.len; i++)
		if (!ranges.ptr[i].input || !*ranges.ptr[i].input || !ranges.ptr[i].addr || !ranges.ptr[i].size)
			abort();
	if (linkmap_parse("map", (const char *)data, size, &in, &err) < 0) {
		if (in.ptr || in.len || ok || ranges.len)
			abort();
		return 0;
	}
	for (size_t i = 0; i < in.len; i++) {
		members += in.ptr[i].members ? in.ptr[i].members : 1;
		if (!in.ptr[i].path[0] || (i && strcmp(in.ptr[i - 1].path, in.ptr[i].path) >= 0))
			abort();
	}
	if (!ok || ranges.len < in.len || members > LINKMAP_INPUTS_MAX)
		abort();
	return 0;
}
