/* SPDX-License-Identifier: Apache-2.0 */
/* X-Preheat: run what would be initialised at first use, and answer without the handler. */
#include "internal.h"

#include <string.h>

RT_FOR_SIZE_BEGIN

/* An event is read as JSON only when it is small, and has the word in it. */
#define EVENT_MAX (64u << 10)

static const char name[] = "x-preheat";

static bool says_yes(struct slsc_str value)
{
	static const char no[][6] = {"", "0", "false", "null"};

	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (slsc_rt_ieq(value, no[i]))
			return false;
	}
	return value.ptr != NULL;
}

static bool mentions(struct slsc_str text)
{
	const char *p = text.ptr, *end = p + text.len;

	/* From dash to dash: there are few. */
	while ((p = memchr(p, '-', (size_t)(end - p)))) {
		if (p > text.ptr && end - p >= 8 && slsc_rt_ieq((struct slsc_str){p - 1, 9}, name))
			return true;
		p++;
	}
	return false;
}

/* Whether the object @json has a member of the name, in any case, that says yes. */
static bool member(struct slsc_ctx *ctx, struct slsc_str json)
{
	struct slsc_json_iter it = {json, NULL};
	struct slsc_str key, value, text;

	while (slsc_json_next(&it, &key, &value) > 0) {
		/* With its quotes. */
		if (key.len != sizeof(name) + 1 || !slsc_rt_ieq((struct slsc_str){key.ptr + 1, key.len - 2}, name))
			continue;
		if (!slsc_json_str(ctx, value, &text))
			value = text;
		return says_yes(value);
	}
	return false;
}

static bool wanted(struct slsc_ctx *ctx, struct slsc_str event, const struct slsc_request *req)
{
	struct slsc_str headers;

	if (req) {
		for (size_t i = 0; i < req->field_count; i++) {
			if (slsc_rt_ieq(req->fields[i].name, name))
				return says_yes(req->fields[i].value);
		}
		return false;
	}
	if (!event.len || event.len > EVENT_MAX || !mentions(event))
		return false;
	return member(ctx, event) || (slsc_json_get(event, "headers", &headers) > 0 && member(ctx, headers));
}

int slsc_preheat(struct slsc_ctx *ctx, struct slsc_str event, const struct slsc_request *req, struct slsc_out *out)
{
	if (!wanted(ctx, event, req))
		return 0;
	if (__start_slsc_lazy && __start_slsc_lazy->all->warm(ctx))
		return -1;
	/* A function URL makes of it what it is: status 200, application/json. */
	slsc_puts(out, "{\"preheated\":true}");
	return 1;
}

RT_FOR_SIZE_END
