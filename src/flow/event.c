/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/member.h"
#include "flow/engine.h"
#include "flow/value.h"

static const char *const kinds[] = { "time", "done", "failed", "beat", "stop", "resume" };

static void add_text(struct buf *out, const char *key, const char *s)
{
	if (s)
		member_text(out, key, s);
}

void flow_event_write(const struct flow_event *ev, struct buf *out)
{
	buf_addf(out, "{\"e\":\"%s\",\"t\":%" PRId64, kinds[ev->kind], ev->now);
	if (ev->task)
		buf_addf(out, ",\"n\":%" PRIu64, ev->task);
	add_text(out, "error", ev->error);
	add_text(out, "cause", ev->cause);
	add_text(out, "version", ev->version);
	add_text(out, "request", ev->request_id);
	if (ev->value) {
		buf_addz(out, ",\"v\":");
		flow_value_dump(ev->value, out);
	}
	buf_addc(out, '}');
}

void flow_event_release(struct flow_event_read *r)
{
	json_decref(r->json);
	*r = (struct flow_event_read){ .json = NULL };
}

int flow_event_parse(const char *s, size_t n, struct flow_event_read *out, struct err *err)
{
	json_error_t e;
	json_t *o = json_loadb(s, n, JSON_ALLOW_NUL, &e);
	const char *kind = json_string_value(json_object_get(o, "e"));

	*out = (struct flow_event_read){ .json = o };
	for (size_t i = 0; kind && i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kind, kinds[i]) != 0 || !json_is_integer(json_object_get(o, "t")))
			continue;
		out->ev = (struct flow_event){ .kind = (enum flow_event_kind)i,
					       .now = json_integer_value(json_object_get(o, "t")),
					       .task = (uint64_t)json_integer_value(json_object_get(o, "n")),
					       .value = json_object_get(o, "v"),
					       .error = json_string_value(json_object_get(o, "error")),
					       .cause = json_string_value(json_object_get(o, "cause")),
					       .version = json_string_value(json_object_get(o, "version")),
					       .request_id = json_string_value(json_object_get(o, "request")) };
		return 0;
	}
	flow_event_release(out);
	return err_set(err, ERR_FORMAT, "a journal's entry is malformed");
}

json_t *flow_function_value(const char *payload, size_t n)
{
	char why[JSON_ERROR_TEXT_LENGTH];
	json_t *v = flow_value_parse(payload, n, why);

	if (!v)
		v = json_stringn(payload, n);
	if (!v) {
		CLEAN_FREE char *text = xstrndup(payload, n);

		v = flow_value_text(text);
	}
	return v;
}

void flow_function_fault(const char *payload, size_t n, struct flow_fault *out)
{
	char why[JSON_ERROR_TEXT_LENGTH];
	CLEAN_FREE char *cause = xstrndup(payload, n);
	json_t *v = flow_value_parse(payload, n, why);
	const char *type = json_string_value(json_object_get(v, "errorType"));

	flow_fault_copy(out, type && *type ? type : "Lambda.Unknown", cause);
	json_decref(v);
}
