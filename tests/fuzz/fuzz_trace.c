/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz the headers of traces. Whatever is accepted is formatted into headers that mean the same, in both forms; what is
 * refused leaves nothing behind; a tracestate that may be passed on holds no byte that could end a header.
 */
#include <string.h>

#include "fuzz.h"
#include "local/trace.h"

static void check_again(const struct trace *t)
{
	char parent[TRACE_PARENT_SIZE], xray[TRACE_XRAY_SIZE];
	struct trace again;
	bool decided;

	trace_format_parent(t, parent);
	CHECK(strlen(parent) == TRACE_PARENT_SIZE - 1);
	CHECK(trace_parse_parent(str_from(parent), &again) == trace_has_span(t));
	if (trace_has_span(t))
		CHECK(memcmp(&again, t, sizeof(again)) == 0);
	trace_format_xray(t, xray);
	CHECK(strlen(xray) < TRACE_XRAY_SIZE);
	CHECK(trace_parse_xray(str_from(xray), &again, &decided) && decided);
	CHECK(memcmp(again.trace_id, t->trace_id, 16) == 0 && memcmp(again.span_id, t->span_id, 8) == 0);
	CHECK(again.flags == (t->flags & TRACE_SAMPLED));
}

static void check_refused(const struct trace *t)
{
	CHECK(!trace_has_id(t) && !trace_has_span(t) && !t->flags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(data, size);
	struct str s = { copy, size };
	struct trace_ids ids = { .left = 0 };
	struct trace t;
	bool decided;

	if (trace_parse_parent(s, &t))
		check_again(&t);
	else
		check_refused(&t);
	if (trace_parse_xray(s, &t, &decided))
		check_again(&t);
	else
		check_refused(&t);
	if (trace_state_ok(s)) {
		CHECK(size <= TRACE_STATE_MAX);
		for (size_t i = 0; i < size; i++)
			CHECK(copy[i] == '\t' || (copy[i] >= ' ' && copy[i] <= '~'));
	}
	trace_begin(&ids, s, s, 1, &t);
	CHECK(trace_has_id(&t));
	free(copy);
	return 0;
}
