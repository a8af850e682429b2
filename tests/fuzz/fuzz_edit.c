/* SPDX-License-Identifier: Apache-2.0 */
/* Changes to any text: what was done is not done again, and a refusal leaves every byte. */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "config/edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct yaml_change changes[] = {
		{ { "functions", "f", "memory" }, 3, "256 MB" },
		{ { "functions", "f", "env", "A" }, 4, "a: \"b\"" },
		{ { "profile" }, 1, "fast" },
	};

	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		CLEAN_BUF struct buf text = BUF_INIT;
		struct err err = ERR_INIT;
		size_t changed = 0;

		buf_add(&text, data, size);
		if (yaml_edit(&text, "slsc.yaml", &changes[i], 1, &changed, &err) < 0) {
			if (text.len != size || (size && memcmp(text.ptr, data, size) != 0))
				BUG("a refusal changed the text");
		} else if (yaml_edit(&text, "slsc.yaml", &changes[i], 1, &changed, &err) < 0 || changed) {
			BUG("changed twice: %s", text.ptr);
		}
	}
	return 0;
}
