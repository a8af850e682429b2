/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "tests/unit/test_wasm_try.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	wasm_try(data, size);
	return 0;
}
