/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <string.h>

#include "flow/intrinsic.h"
#include "flow/jsonpath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t hash(const char *algorithm, const void *p, size_t n, uint8_t out[64])
{
	(void)p;
	memset(out, (int)n, 64);
	return strcmp(algorithm, "SHA-512") ? 0 : 64;
}

static json_t *context(void *arg)
{
	return arg;
}

/* A line with a path or a function, and behind it what it looks at. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	CLEAN_FAULT struct flow_fault f = FLOW_FAULT_INIT;
	const char *text = (const char *)data, *end = size ? memchr(text, '\n', size) : NULL, *why = NULL;
	struct str s = { text, end ? (size_t)(end - text) : size };
	char reason[JSON_ERROR_TEXT_LENGTH];
	uint64_t seed = 1;
	size_t at = SIZE_MAX;
	struct flow_value v;
	json_t *input, *got;

	if (!str_is_utf8(s))
		return 0;
	if (flow_value_compile(&a, s, &v, &why, &at) < 0) {
		if (!why || at > s.len)
			BUG("malformed, and nothing is said of it");
		return 0;
	}
	input = end ? flow_value_parse(end + 1, size - s.len - 1, reason) : NULL;
	if (!input)
		input = json_null();
	got = flow_value_get(
		&v, "f",
		&(struct flow_data){ .input = input, .context = context, .arg = input, .hash = hash, .random = &seed },
		&f);
	if (!got && (!f.error || !f.cause))
		BUG("no value, and nothing is said of it");
	if (v.path && v.path->reference && v.path->root == JSONPATH_INPUT) {
		json_t *put = jsonpath_put(v.path, input, input);

		if (got && !put)
			BUG("what is there cannot be replaced");
		json_decref(put);
	}
	if (got) {
		CLEAN_BUF struct buf out = BUF_INIT;

		flow_value_dump(got, &out);
		if (flow_value_size(got, FLOW_DATA_MAX) != SIZE_MAX && flow_value_size(got, FLOW_DATA_MAX) != out.len)
			BUG("its size is not that of what is written");
	}
	json_decref(got);
	json_decref(input);
	return 0;
}
