/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of a foreign zip, and the bytes of its entries. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "archive/zipdir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zipdir z;
	struct err err;

	if (zipdir_parse(&z, "x.zip", data, size, &err) < 0)
		return 0;
	for (size_t i = 0; i < z.len && i < 64; i++) {
		CLEAN_BUF struct buf out = BUF_INIT;

		if (zipdir_read(&z, &z.ptr[i], 1u << 20, &out, &err) == 0 &&
		    (out.len != z.ptr[i].size || z.ptr[i].damage || (zipdir_mode(&z.ptr[i]) && z.ptr[i].creator != 3)))
			BUG("not what the directory says");
	}
	zipdir_release(&z);
	return 0;
}
