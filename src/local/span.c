/* SPDX-License-Identifier: Apache-2.0 */
#include "local/span.h"

#include "local/put.h"

#define ADD(b, lit) buf_add(b, "" lit, sizeof(lit) - 1)

/* SpanFlags of OTLP: whether the parent is in another process is known, and it is. */
#define HAS_IS_REMOTE 0x100u
#define IS_REMOTE 0x200u

enum kind { INTERNAL = 1, SERVER = 2 };

static void add_u64(struct buf *b, uint64_t v)
{
	char text[PUT_U64];

	buf_add(b, text, (size_t)(put_u64(text, v) - text));
}

static void add_id(struct buf *b, const uint8_t *id, size_t n)
{
	char text[33];

	trace_hex(id, n, text);
	buf_addc(b, '"');
	buf_add(b, text, 2 * n);
	buf_addc(b, '"');
}

static void add_text(struct buf *b, struct str s, size_t most)
{
	buf_add_json(b, (struct str){ s.ptr, s.len < most ? s.len : most });
}

/* Attributes have a comma each: the last one's is taken away again. */
static void add_attribute(struct buf *b, const char *key, struct str value)
{
	if (!value.len)
		return;
	ADD(b, "{\"key\":\"");
	buf_addz(b, key);
	ADD(b, "\",\"value\":{\"stringValue\":");
	add_text(b, value, SPAN_STRING_MAX);
	ADD(b, "}},");
}

static void add_number(struct buf *b, const char *key, uint64_t value)
{
	if (!value)
		return;
	ADD(b, "{\"key\":\"");
	buf_addz(b, key);
	ADD(b, "\",\"value\":{\"intValue\":\"");
	add_u64(b, value);
	ADD(b, "\"}},");
}

static void begin(struct buf *b, const struct span *s, const uint8_t *id, const uint8_t *parent, enum kind kind)
{
	struct trace of_parent = { .flags = 0 };

	memcpy(of_parent.span_id, parent, 8);
	ADD(b, "{\"traceId\":");
	add_id(b, s->trace.trace_id, 16);
	ADD(b, ",\"spanId\":");
	add_id(b, id, 8);
	if (s->state.len) {
		ADD(b, ",\"traceState\":");
		add_text(b, s->state, TRACE_STATE_MAX);
	}
	if (trace_has_span(&of_parent)) {
		ADD(b, ",\"parentSpanId\":");
		add_id(b, parent, 8);
	}
	ADD(b, ",\"flags\":");
	add_u64(b, s->trace.flags | HAS_IS_REMOTE | (kind == SERVER && trace_has_span(&of_parent) ? IS_REMOTE : 0));
	ADD(b, ",\"kind\":");
	add_u64(b, kind);
}

static void add_times(struct buf *b, uint64_t start, uint64_t end)
{
	ADD(b, ",\"startTimeUnixNano\":\"");
	add_u64(b, start);
	ADD(b, "\",\"endTimeUnixNano\":\"");
	/* the clock may have been set back meanwhile */
	add_u64(b, end > start ? end : start);
	ADD(b, "\",\"attributes\":[");
}

/* @error NULL: the status stays unset, as the conventions demand. */
static void end(struct buf *b, const char *error, struct str message)
{
	if (error)
		add_attribute(b, "error.type", str_from(error));
	if (b->ptr[b->len - 1] == ',')
		b->len--;
	ADD(b, "]");
	if (error) {
		ADD(b, ",\"status\":{\"code\":2");
		if (message.len) {
			ADD(b, ",\"message\":");
			add_text(b, message, SPAN_MESSAGE_MAX);
		}
		ADD(b, "}");
	}
	ADD(b, "}");
}

static void add_server(struct buf *b, const struct span *s, const struct record_origin *o)
{
	const char *trigger = s->trigger ? s->trigger : "other", *error = s->error;
	char status[12];

	begin(b, s, s->trace.span_id, s->parent, SERVER);
	ADD(b, ",\"name\":");
	add_text(b, *o->function ? str_from(o->function) : STR("function"), SPAN_STRING_MAX);
	add_times(b, s->start, s->end);
	add_attribute(b, "aws.step_functions.state_machine.arn", s->machine);
	add_attribute(b, "slsc.execution", s->execution);
	if (s->machine.len) {
		end(b, error, s->message);
		return;
	}
	add_attribute(b, "faas.trigger", str_from(trigger));
	add_attribute(b, "faas.invocation_id", s->request_id);
	buf_addz(b, s->cold ? "{\"key\":\"faas.coldstart\",\"value\":{\"boolValue\":true}},"
			    : "{\"key\":\"faas.coldstart\",\"value\":{\"boolValue\":false}},");
	add_attribute(b, "aws.lambda.invoked_arn", s->arn);
	add_attribute(b, "http.request.method", s->method);
	add_attribute(b, "url.path", s->path);
	if (s->path.len)
		add_attribute(b, "url.scheme", STR("http"));
	if (s->status > 0)
		add_number(b, "http.response.status_code", (uint64_t)s->status);
	add_number(b, "slsc.billed_duration_ms", s->billed_ms);
	add_number(b, "slsc.max_memory_used", s->memory_peak);
	add_number(b, "slsc.cpu_time_ns", s->cpu_ns);
	if (!error && s->status >= 500) {
		*put_u64(status, (uint64_t)s->status) = '\0';
		error = status;
	}
	end(b, error, s->message);
}

static void add_child(struct buf *b, const struct span *s, const char *name, const uint8_t *id, uint64_t start,
		      uint64_t stop, bool failed)
{
	ADD(b, ",");
	begin(b, s, id, s->trace.span_id, INTERNAL);
	ADD(b, ",\"name\":\"");
	buf_addz(b, name);
	ADD(b, "\"");
	add_times(b, start, stop);
	end(b, failed ? s->error : NULL, s->message);
}

unsigned span_add_otlp(const struct span *s, const struct record_origin *o, struct buf *out)
{
	unsigned n = 1;

	buf_reserve(out, 2048);
	add_server(out, s, o);
	if (s->init_start) {
		add_child(out, s, "init", s->init_id, s->init_start, s->init_end, s->init_failed);
		n++;
	}
	if (s->handler_start) {
		add_child(out, s, "handler", s->handler_id, s->handler_start, s->handler_end, !s->init_failed);
		n++;
	}
	return n;
}
