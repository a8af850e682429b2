/* SPDX-License-Identifier: Apache-2.0 */
/* The variables of a Worker's configurations: wrangler.toml and config.capnp, by the first byte. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/check_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_CHECK struct check c = { .ignore = NULL };
	CLEAN_FREE char *text = size ? xstrndup((const char *)data + 1, size - 1) : NULL;

	if (!text)
		return 0;
	check_start(&c, "w", CHECK_GENERIC);
	check_worker_text(&c, *data & 1 ? "wrangler.toml" : "config.capnp", text);
	VEC_EACH(&c.findings, f)
		if (!f->where || !*f->message)
			abort();
	return 0;
}
