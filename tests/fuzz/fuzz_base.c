/* SPDX-License-Identifier: Apache-2.0 */
/* base.json of the built-in bases. */
#include <stddef.h>
#include <stdint.h>

#include "oci/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct base_set b;
	struct err err;

	if (base_parse(&b, "base.json", (const char *)data, size, &err) == 0)
		base_release(&b);
	return 0;
}
