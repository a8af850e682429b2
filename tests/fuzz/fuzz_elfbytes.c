/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test_elf_bytes_try.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bytes_try(data, size);
	return 0;
}
