/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test_elf_try.h"

static char dir[] = "/tmp/slsc-fuzz-elf.XXXXXX";

static void clean(void)
{
	rmdir(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool made;

	if (!made && !mkdtemp(dir))
		abort();
	if (!made)
		atexit(clean);
	made = true;
	elf_try(data, size, dir);
	return 0;
}
