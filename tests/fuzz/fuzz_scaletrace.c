/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz traces of requests: the first byte says which form. Of what is accepted, requests come in order, before its end,
 * and as many as it says; what is refused leaves nothing behind, and says why.
 */
#include <string.h>

#include "fuzz.h"
#include "scale/trace.h"

#define MANY 100000.0

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct arrivals_cursor c;
	struct arrivals a;
	uint64_t at, busy, last = 0;
	double n = 0;
	char *copy;

	if (!size)
		return 0;
	copy = fuzz_copy(data + 1, size - 1);
	if (trace_parse((struct str){ copy, size - 1 }, "t.csv", (enum trace_format)(data[0] % TRACE_FORMATS),
			data[0] & 128 ? "f" : NULL, &a, &err) < 0) {
		CHECK(err.code == ERR_FORMAT || err.code == ERR_LIMIT);
		CHECK(*err.msg && !a.bin && !a.each);
		free(copy);
		return 0;
	}
	free(copy);
	for (arrivals_begin(&c, &a, 1); n < MANY && (at = arrivals_next(&c, &busy)) != ARRIVALS_NEVER; n++) {
		CHECK(at >= last && at < a.end);
		last = at;
	}
	CHECK(n == MANY || n == arrivals_expected(&a));
	arrivals_release(&a);
	return 0;
}
