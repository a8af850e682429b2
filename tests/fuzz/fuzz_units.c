/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and numbers; and a text as JSON, which jansson reads back if it was UTF-8. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void units(struct str s)
{
	char text[32];
	uint64_t v, again;

	/* a number without a unit is its own size */
	if (str_parse_u64(s, &v) == 0) {
		if (str_parse_size(s, &again) < 0 || again != v)
			abort();
		snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
		if (str_parse_u64(str_from(text), &again) < 0 || again != v)
			abort();
	}
	if (str_parse_size(s, &v) == 0) {
		snprintf(text, sizeof(text), "%llu B", (unsigned long long)v);
		if (str_parse_size(str_from(text), &again) < 0 || again != v)
			abort();
		if (!strchr(str_human_size(v, text, sizeof(text)), ' '))
			abort();
	}
}

static void json(struct str s)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	json_t *j;

	buf_add_json(&b, s);
	if (!str_is_utf8(buf_str(&b)))
		abort();
	j = json_loadb(b.ptr, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (!j || !json_is_string(j))
		abort();
	if (str_is_utf8(s) && !str_eq(s, (struct str){ json_string_value(j), json_string_length(j) }))
		abort();
	json_decref(j);
	/* what jansson takes for UTF-8 is what we do */
	j = json_stringn(s.len ? s.ptr : "", s.len);
	if (!j == str_is_utf8(s))
		abort();
	json_decref(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { (const char *)data, size };

	units(s);
	json(s);
	return 0;
}
