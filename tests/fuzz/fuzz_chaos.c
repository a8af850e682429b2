/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz plans of slsc chaos. What is refused is refused with its place, in clean UTF-8; what is accepted has a schedule
 * within its limits, in order, and the same one each time.
 */
#include <stdint.h>
#include <string.h>

#include "base/str.h"
#include "local/chaos.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refused(const struct err *err)
{
	if (strncmp(err->msg, "f.yaml:", 7) != 0)
		BUG("no file in '%s'", err->msg);
	for (const char *s = err->msg; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			BUG("a control character in a message");
	if (!str_is_utf8(str_from(err->msg)) || !str_is_utf8(str_from(err->hint)))
		BUG("a message that is not UTF-8");
}

static void check_schedule(const struct fault_plan *p)
{
	CLEAN_SCHEDULE struct schedule a = { .ptr = NULL }, b = { .ptr = NULL };
	CLEAN_BUF struct buf text = BUF_INIT, json = BUF_INIT;

	fault_plan_schedule(p, &a);
	fault_plan_schedule(p, &b);
	if (a.len > PLAN_FIRINGS_MAX || a.len != b.len || memcmp(a.ptr, b.ptr, a.len * sizeof(*a.ptr)) != 0)
		BUG("not the same schedule: %zu and %zu", a.len, b.len);
	for (size_t i = 0; i < a.len; i++)
		if (a.ptr[i].at >= p->duration || a.ptr[i].fault >= p->faults.len ||
		    (i && a.ptr[i].at < a.ptr[i - 1].at))
			BUG("firing %zu is out of place", i);
	chaos_schedule_print(p, CHAOS_TEXT, &text);
	chaos_schedule_print(p, CHAOS_JSON, &json);
	if (!json.len)
		BUG("no JSON");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_FAULT_PLAN struct fault_plan p = { .file = NULL };
	struct err err = ERR_INIT;
	const struct function lambda = { .name = { "f", 1, 1 }, .runtime = RUNTIME_LAMBDA };
	const struct function http = { .name = { "f", 1, 1 }, .runtime = RUNTIME_HTTP };

	if (fault_plan_parse(&p, "f.yaml", (const char *)data, size, &err) < 0) {
		check_refused(&err);
		return 0;
	}
	check_schedule(&p);
	if (chaos_check(&p, &lambda, &err) < 0 || chaos_check(&p, &http, &err) < 0)
		check_refused(&err);
	return 0;
}
