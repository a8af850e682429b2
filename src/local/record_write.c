/* SPDX-License-Identifier: Apache-2.0 */
/* Records as they leave: OTLP/JSON, whose mapping is protobuf's but for hexadecimal ids, and plain lines of JSON. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "local/put.h"
#include "local/record_internal.h"

#define ORIGIN_MAX 1024u	/* bytes of each string */
#define AROUND 72u		/* bytes around a value: {"key":"","value":{"kvlistValue":{"values":[]}}}, */
#define FIXED 1024u		/* of a record without its texts */

/* ---- who prints ---- */

static char *copy(const char *s)
{
	return s ? xstrndup(s, ORIGIN_MAX) : xstrdup("");
}

static void add_attribute(struct buf *b, const char *key, const char *value)
{
	if (!*value)
		return;
	if (b->ptr[b->len - 1] != '[')
		buf_addc(b, ',');
	buf_addf(b, "{\"key\":\"%s\",\"value\":{\"stringValue\":", key);
	buf_add_json(b, str_from(value));
	buf_addz(b, "}}");
}

static void add_member(struct buf *b, const char *key, const char *value)
{
	if (!*value)
		return;
	buf_addf(b, ",\"%s\":", key);
	buf_add_json(b, str_from(value));
}

void record_origin_init(struct record_origin *o, const struct record_origin_spec *spec)
{
	static atomic_ullong last;

	*o = (struct record_origin){ .id = atomic_fetch_add(&last, 1) + 1, .resource = BUF_INIT, .members = BUF_INIT };
	o->service = copy(spec->service ? spec->service : spec->function);
	o->function = copy(spec->function);
	o->version = copy(spec->version);
	o->region = copy(spec->region);
	o->instance = copy(spec->instance);
	buf_addz(&o->resource, "{\"attributes\":[");
	add_attribute(&o->resource, "service.name", o->service);
	add_attribute(&o->resource, "faas.name", o->function);
	add_attribute(&o->resource, "faas.version", o->version);
	add_attribute(&o->resource, "faas.instance", o->instance);
	add_attribute(&o->resource, "cloud.region", o->region);
	if (spec->memory)
		buf_addf(&o->resource, "%s{\"key\":\"faas.max_memory\",\"value\":{\"intValue\":\"%llu\"}}",
			 o->resource.ptr[o->resource.len - 1] == '[' ? "" : ",", (unsigned long long)spec->memory);
	buf_addz(&o->resource, "]}");
	add_member(&o->members, "service.name", o->service);
	add_member(&o->members, "function", o->function);
	add_member(&o->members, "version", o->version);
	add_member(&o->members, "region", o->region);
	add_member(&o->members, "instance", o->instance);
}

void record_origin_release(struct record_origin *o)
{
	free(o->service);
	free(o->function);
	free(o->version);
	free(o->region);
	free(o->instance);
	buf_release(&o->resource);
	buf_release(&o->members);
}

/* ---- values ---- */

/* The most that a value takes, escaped. */
static size_t room(const struct record_value *v)
{
	return v->kind == RECORD_TEXT ? PUT_ESCAPED(v->s.len) : v->s.len;
}

static size_t record_room(const struct record *r)
{
	size_t n = FIXED + room(&r->severity_text) + room(&r->body) + room(&r->request_id) + (size_t)r->nodes * AROUND;

	for (unsigned i = 0; i < r->count; i++)
		n += AROUND + PUT_ESCAPED(r->fields[i].key.len) + room(&r->fields[i].value);
	return n;
}

static char *put_string(char *p, const struct record_value *v)
{
	return v->kind == RECORD_TEXT ? put_escaped(p, v->s) : put_str(p, v->s);
}

static const char *space(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
		p++;
	return p;
}

/* The end of a string of valid JSON, from its quote on. */
static const char *string_end(const char *p)
{
	for (p++; *p != '"'; p++)
		p += *p == '\\';
	return p + 1;
}

static char *put_number(char *p, struct str s, enum record_kind kind)
{
	if (kind == RECORD_INT) {
		p = PUT(p, "{\"intValue\":\"");
		p = put_str(p, s);
		return PUT(p, "\"}");
	}
	p = PUT(p, "{\"doubleValue\":");
	p = put_str(p, s);
	return PUT(p, "}");
}

/* An AnyValue of valid JSON at *@from, which it passes: no deeper than RECORD_TREE_DEPTH, as record_parse() saw to. */
static char *put_tree(char *p, const char **from)
{
	const char *s = *from, *end;
	bool object = *s == '{';
	struct str number;

	switch (*s) {
	case '"':
		end = string_end(s);
		p = PUT(p, "{\"stringValue\":");
		p = put_bytes(p, s, (size_t)(end - s));
		*from = end;
		return PUT(p, "}");
	case 't':
		*from = s + 4;
		return PUT(p, "{\"boolValue\":true}");
	case 'f':
		*from = s + 5;
		return PUT(p, "{\"boolValue\":false}");
	case 'n':
		*from = s + 4;
		return PUT(p, "{}");
	case '{':
	case '[':
		break;
	default:
		for (end = s; (*end >= '0' && *end <= '9') || strchr("+-.eE", *end); end++)
			;
		*from = end;
		number = (struct str){ s, (size_t)(end - s) };
		return put_number(p, number, scan_number(number));
	}
	p = object ? PUT(p, "{\"kvlistValue\":{\"values\":[") : PUT(p, "{\"arrayValue\":{\"values\":[");
	for (s = space(s + 1); *s != '}' && *s != ']';) {
		if (object) {
			end = string_end(s);
			p = PUT(p, "{\"key\":");
			p = put_bytes(p, s, (size_t)(end - s));
			p = PUT(p, ",\"value\":");
			s = space(space(end) + 1);
		}
		p = put_tree(p, &s);
		if (object)
			p = PUT(p, "}");
		s = space(s);
		if (*s == ',') {
			p = PUT(p, ",");
			s = space(s + 1);
		}
	}
	*from = s + 1;
	return PUT(p, "]}}");
}

static char *put_any(char *p, const struct record_value *v)
{
	const char *from = v->s.ptr;

	switch (v->kind) {
	case RECORD_STRING:
	case RECORD_TEXT:
		p = PUT(p, "{\"stringValue\":\"");
		p = put_string(p, v);
		return PUT(p, "\"}");
	case RECORD_INT:
	case RECORD_DOUBLE:
		return put_number(p, v->s, v->kind);
	default:
		return put_tree(p, &from);
	}
}

/* ---- records ---- */

static char *put_attribute(char *p, struct str key, const struct record_value *v)
{
	p = PUT(p, "{\"key\":\"");
	p = put_escaped(p, key);
	p = PUT(p, "\",\"value\":");
	p = put_any(p, v);
	return PUT(p, "},");
}

static char *put_attributes(char *p, const struct record *r)
{
	const struct record_value stream = { r->stream == RECORD_STDERR ? STR("stderr") : STR("stdout"),
					     RECORD_STRING };

	if (r->request_id.s.len)
		p = put_attribute(p, STR("faas.invocation_id"), &r->request_id);
	p = put_attribute(p, STR("log.iostream"), &stream);
	for (unsigned i = 0; i < r->count; i++)
		p = put_attribute(p, r->fields[i].key, &r->fields[i].value);
	return p - 1;
}

void record_add_otlp(const struct record *r, struct buf *out)
{
	char *p;

	buf_reserve(out, record_room(r));
	p = out->ptr + out->len;
	p = PUT(p, "{\"timeUnixNano\":\"");
	p = put_u64(p, r->time);
	p = PUT(p, "\",\"observedTimeUnixNano\":\"");
	p = put_u64(p, r->observed);
	if (r->severity) {
		p = PUT(p, "\",\"severityNumber\":");
		p = put_u64(p, r->severity);
		if (r->severity_text.s.len) {
			p = PUT(p, ",\"severityText\":\"");
			p = put_string(p, &r->severity_text);
			p = PUT(p, "\"");
		}
	} else {
		p = PUT(p, "\"");
	}
	p = PUT(p, ",\"body\":");
	p = put_any(p, &r->body);
	p = PUT(p, ",\"attributes\":[");
	p = put_attributes(p, r);
	p = PUT(p, "]");
	if (r->dropped) {
		p = PUT(p, ",\"droppedAttributesCount\":");
		p = put_u64(p, r->dropped);
	}
	if (trace_has_id(&r->trace)) {
		p = PUT(p, ",\"flags\":");
		p = put_u64(p, r->trace.flags);
		p = PUT(p, ",\"traceId\":\"");
		p = put_hex(p, r->trace.trace_id, 16);
		if (trace_has_span(&r->trace)) {
			p = PUT(p, "\",\"spanId\":\"");
			p = put_hex(p, r->trace.span_id, 8);
		}
		p = PUT(p, "\"");
	}
	p = PUT(p, "}");
	out->len = (size_t)(p - out->ptr);
	*p = '\0';
}

static char *put_plain(char *p, const struct record_value *v)
{
	if (v->kind != RECORD_STRING && v->kind != RECORD_TEXT)
		return put_str(p, v->s);
	p = PUT(p, "\"");
	p = put_string(p, v);
	return PUT(p, "\"");
}

static char *put_context(char *p, const struct record *r)
{
	if (r->request_id.s.len) {
		p = PUT(p, ",\"request_id\":");
		p = put_plain(p, &r->request_id);
	}
	if (!trace_has_id(&r->trace))
		return p;
	p = PUT(p, ",\"trace_id\":\"");
	p = put_hex(p, r->trace.trace_id, 16);
	if (trace_has_span(&r->trace)) {
		p = PUT(p, "\",\"span_id\":\"");
		p = put_hex(p, r->trace.span_id, 8);
	}
	p = PUT(p, "\",\"trace_flags\":\"");
	p = put_hex(p, &r->trace.flags, 1);
	return PUT(p, "\"");
}

void record_add_line(const struct record *r, const struct record_origin *o, struct buf *out)
{
	char *p;

	buf_reserve(out, record_room(r) + o->members.len);
	p = out->ptr + out->len;
	p = PUT(p, "{\"timestamp\":\"");
	p = put_time(p, r->time);
	p = PUT(p, "\"");
	if (r->severity) {
		const char *name = record_severity_name(r->severity);

		p = PUT(p, ",\"severity_number\":");
		p = put_u64(p, r->severity);
		p = PUT(p, ",\"level\":\"");
		p = put_bytes(p, name, strlen(name));
		p = PUT(p, "\"");
	}
	p = PUT(p, ",\"message\":");
	p = put_plain(p, &r->body);
	p = put_str(p, buf_str(&o->members));
	p = r->stream == RECORD_STDERR ? PUT(p, ",\"stream\":\"stderr\"") : PUT(p, ",\"stream\":\"stdout\"");
	p = put_context(p, r);
	if (r->count) {
		p = PUT(p, ",\"attributes\":{");
		for (unsigned i = 0; i < r->count; i++) {
			p = PUT(p, "\"");
			p = put_escaped(p, r->fields[i].key);
			p = PUT(p, "\":");
			p = put_plain(p, &r->fields[i].value);
			p = PUT(p, ",");
		}
		p[-1] = '}';
	}
	p = PUT(p, "}\n");
	out->len = (size_t)(p - out->ptr);
	*p = '\0';
}
