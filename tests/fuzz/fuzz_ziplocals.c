/* SPDX-License-Identifier: Apache-2.0 */
/* The entries of a foreign zip without its directory, by their local headers. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "archive/zipdir.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_ZIPDIR struct zipdir z = { .shown = NULL };
	struct err err;
	uint64_t end = 0;

	zipdir_locals(&z, "x.zip", data, size);
	for (size_t i = 0; i < z.len; i++) {
		const struct zipdir_entry *e = &z.ptr[i];
		CLEAN_BUF struct buf out = BUF_INIT;

		/* one begins where the one before ends, and only the last can be cut short */
		if (e->header != end || e->data <= e->header || e->data > size || e->packed > size - e->data ||
		    (e->damage && (i + 1 < z.len || e->data + e->packed != size)))
			BUG("not as entries follow each other");
		end = e->data + e->packed;
		if (i < 64 && zipdir_read(&z, e, 1u << 20, &out, &err) == 0 && (out.len != e->size || e->damage))
			BUG("not what its header says");
	}
	return 0;
}
