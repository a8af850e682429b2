/* SPDX-License-Identifier: Apache-2.0 */
/* CloudEvents 1.0: the HTTP binding's binary and structured modes, the JSON event format. */
#include "http.h"

#include <string.h>

RT_FOR_SIZE_BEGIN

static int invalid(struct slsc_ctx *ctx, const char *what)
{
	return slsc_fail(ctx, "InvalidCloudEvent", what);
}

/* The media type without parameters is @type, in any case. */
static bool is_media_type(struct slsc_str value, const char *type)
{
	const char *semi = value.ptr ? memchr(value.ptr, ';', value.len) : NULL;

	if (semi)
		value.len = (size_t)(semi - value.ptr);
	while (value.len && (value.ptr[value.len - 1] == ' ' || value.ptr[value.len - 1] == '\t'))
		value.len--;
	return value.ptr && slsc_rt_ieq(value, type);
}

/* Absent, application/json, or anything +json (RFC 6839). */
static bool is_json_type(struct slsc_str value)
{
	const char *semi = value.ptr ? memchr(value.ptr, ';', value.len) : NULL;

	if (!value.ptr)
		return true;
	if (semi)
		value.len = (size_t)(semi - value.ptr);
	while (value.len && value.ptr[value.len - 1] == ' ')
		value.len--;
	if (value.len < 5)
		return false;
	value = (struct slsc_str){value.ptr + value.len - 5, 5};
	return slsc_rt_ieq(value, "/json") || slsc_rt_ieq(value, "+json");
}

/* Where the attribute @name goes, NULL for an extension. */
static struct slsc_str *attribute(struct slsc_cloudevent *e, struct slsc_str name)
{
	static const struct {
		char name[16];
		unsigned char offset;
	} known[] = {
		{"id", offsetof(struct slsc_cloudevent, id)},
		{"source", offsetof(struct slsc_cloudevent, source)},
		{"type", offsetof(struct slsc_cloudevent, type)},
		{"specversion", offsetof(struct slsc_cloudevent, specversion)},
		{"subject", offsetof(struct slsc_cloudevent, subject)},
		{"time", offsetof(struct slsc_cloudevent, time)},
		{"datacontenttype", offsetof(struct slsc_cloudevent, datacontenttype)},
		{"dataschema", offsetof(struct slsc_cloudevent, dataschema)},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (slsc_str_eq(name, known[i].name))
			return (struct slsc_str *)((char *)e + known[i].offset);
	}
	return NULL;
}

/* Set the attribute @name, which is in lower case. */
static int set(struct slsc_ctx *ctx, struct slsc_cloudevent *e, struct slsc_str name,
	       struct slsc_str value)
{
	struct slsc_str *at = attribute(e, name);

	for (size_t i = 0; i < name.len; i++) {
		if (!slsc_rt_is_digit(name.ptr[i]) && (name.ptr[i] < 'a' || name.ptr[i] > 'z'))
			return invalid(ctx, "an attribute's name is not lower-case letters and digits");
	}
	if (!name.len)
		return invalid(ctx, "an attribute has no name");
	if (!at) {
		if (e->extension_count == SLSC_CLOUDEVENT_EXTENSIONS_MAX)
			return invalid(ctx, "more than 16 extension attributes");
		for (size_t i = 0; i < e->extension_count; i++) {
			struct slsc_str other = e->extensions[i].name;

			if (other.len == name.len && memcmp(other.ptr, name.ptr, name.len) == 0)
				return invalid(ctx, "an attribute occurs twice");
		}
		e->extensions[e->extension_count++] = (struct slsc_field){name, value};
		return 0;
	}
	if (at->ptr)
		return invalid(ctx, "an attribute occurs twice");
	*at = value;
	return 0;
}

static int check(struct slsc_ctx *ctx, const struct slsc_cloudevent *e)
{
	if (!slsc_str_eq(e->specversion, "1.0"))
		return invalid(ctx, "specversion is not 1.0");
	if (!e->id.len || !e->source.len || !e->type.len)
		return invalid(ctx, "id, source or type is missing or empty");
	return 1;
}

/* A field's value: quoted string undone (RFC 9110, 5.6.4), then percent-encoding. */
static int header_value(struct slsc_ctx *ctx, struct slsc_str raw, struct slsc_str *value)
{
	if (raw.len > 1 && raw.ptr[0] == '"' && raw.ptr[raw.len - 1] == '"') {
		char *p = slsc_alloc(ctx, raw.len);
		size_t n = 0;

		if (!p)
			return -1;
		for (size_t i = 1; i < raw.len - 1; i++) {
			if (raw.ptr[i] == '\\' && i + 1 < raw.len - 1)
				i++;
			p[n++] = raw.ptr[i];
		}
		raw = (struct slsc_str){p, n};
	}
	return slsc_rt_decode(raw, false, value);
}

static int decode_binary(struct slsc_ctx *ctx, const struct slsc_request *req,
			 struct slsc_cloudevent *e)
{
	for (size_t i = 0; i < req->field_count; i++) {
		struct slsc_str name = req->fields[i].name, value;
		char *low;

		if (name.len < 4 || !slsc_rt_ieq((struct slsc_str){name.ptr, 3}, "ce-"))
			continue;
		name = (struct slsc_str){name.ptr + 3, name.len - 3};
		low = slsc_alloc(ctx, name.len);
		if (!low || header_value(ctx, req->fields[i].value, &value))
			return invalid(ctx, "an attribute is badly percent-encoded");
		for (size_t j = 0; j < name.len; j++)
			low[j] = slsc_rt_lower(name.ptr[j]);
		name.ptr = low;
		/* Content-Type says it in this mode. */
		if (slsc_str_eq(name, "datacontenttype"))
			continue;
		if (set(ctx, e, name, value))
			return -1;
	}
	e->datacontenttype = slsc_request_field(req, "Content-Type");
	if (req->body.len)
		e->data = req->body;
	return check(ctx, e);
}

static int decode_json(struct slsc_ctx *ctx, struct slsc_str json, struct slsc_cloudevent *e)
{
	struct slsc_json_iter it = {json, NULL};
	struct slsc_str name, value, data = {NULL, 0}, base64 = {NULL, 0};
	int rc;

	while ((rc = slsc_json_next(&it, &name, &value)) > 0) {
		if (!name.ptr || slsc_json_str(ctx, name, &name))
			break;
		if (slsc_str_eq(value, "null"))
			continue;
		if (slsc_str_eq(name, "data")) {
			data = value;
			continue;
		}
		if (slsc_str_eq(name, "data_base64")) {
			if (slsc_json_str(ctx, value, &base64))
				return invalid(ctx, "data_base64 is not a string");
			continue;
		}
		/* Numbers and booleans are kept as text, in extensions only. */
		if (*value.ptr == '{' || *value.ptr == '[' || (*value.ptr != '"' && attribute(e, name)) ||
		    (*value.ptr == '"' && slsc_json_str(ctx, value, &value)))
			return invalid(ctx, "an attribute is not a string");
		if (set(ctx, e, name, value))
			return -1;
	}
	/* An empty array ends as an empty object does, but the latter lacks an id. */
	if (rc || !e->specversion.ptr)
		return invalid(ctx, rc ? "the event is no JSON object" : "specversion is missing");
	if (data.ptr && base64.ptr)
		return invalid(ctx, "both data and data_base64 are there");
	if (base64.ptr && slsc_base64_decode(ctx, base64, &e->data))
		return invalid(ctx, "data_base64 is not base64");
	if (data.ptr) {
		e->data = data;
		if (*data.ptr == '"' && !is_json_type(e->datacontenttype) && slsc_json_str(ctx, data, &e->data))
			return invalid(ctx, "no memory for data");
	}
	return check(ctx, e);
}

int slsc_cloudevent_decode(struct slsc_ctx *ctx, const struct slsc_request *req,
			   struct slsc_cloudevent *event)
{
	struct slsc_str type = slsc_request_field(req, "Content-Type");

	memset(event, 0, sizeof(*event));
	if (is_media_type(type, "application/cloudevents+json"))
		return decode_json(ctx, req->body, event);
	if (type.len >= 23 && slsc_rt_ieq((struct slsc_str){type.ptr, 23}, "application/cloudevents"))
		return invalid(ctx, "neither batches nor formats other than JSON are taken");
	if (!slsc_request_field(req, "ce-specversion").ptr)
		return 0;
	return decode_binary(ctx, req, event);
}

struct slsc_str slsc_cloudevent_extension(const struct slsc_cloudevent *event, const char *name)
{
	for (size_t i = 0; i < event->extension_count; i++) {
		if (slsc_str_eq(event->extensions[i].name, name))
			return event->extensions[i].value;
	}
	return (struct slsc_str){NULL, 0};
}

RT_FOR_SIZE_END
