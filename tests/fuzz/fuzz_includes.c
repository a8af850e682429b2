/* SPDX-License-Identifier: Apache-2.0 */
/* Sources of any kind: what follows a text whose last comment is closed is found, and nothing is named twice for it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "build/includes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_INCLUDES struct include_refs some = { .len = 0 }, more = { .len = 0 };
	CLEAN_BUF struct buf text = BUF_INIT;
	const struct include_ref *last;

	if (size > 1u << 16)
		return 0;
	includes_scan((const char *)data, size, &some);
	for (size_t i = 0; i < some.len; i++)
		if (!some.ptr[i].name[0] || !some.ptr[i].line || (i && some.ptr[i].line < some.ptr[i - 1].line))
			abort();
	buf_add(&text, data, size);
	buf_addz(&text, " */\n\n#include \"fuzz.h\"\n");
	includes_scan(text.ptr, text.len, &more);
	if (some.len >= INCLUDES_MAX)
		return 0;
	last = more.len ? &more.ptr[more.len - 1] : NULL;
	if (!last || strcmp(last->name, "fuzz.h") != 0 || last->kind != INCLUDE_QUOTE || more.len < some.len + 1)
		abort();
	return 0;
}
