/* SPDX-License-Identifier: Apache-2.0 */
/* dist/manifest.json, read back before it is written again: what comes out must be stable. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "build/package.h"

static bool there(const struct listed *e, void *ctx)
{
	(void)ctx;
	return *e->path != '-';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct package_result none = { .len = 0 };
	CLEAN_BUF struct buf once = BUF_INIT, twice = BUF_INIT;

	package_list(&none, (struct str){ (const char *)data, size }, there, NULL, &once);
	package_list(&none, buf_str(&once), there, NULL, &twice);
	if (once.len != twice.len || memcmp(once.ptr, twice.ptr, once.len) != 0)
		BUG("not stable");
	return 0;
}
