/* SPDX-License-Identifier: Apache-2.0 */
#include "local/record.h"

#include <string.h>

#include "base/mem.h"
#include "local/record_internal.h"

#define REQUEST_ID_MAX 256u	/* bytes of what a line says is its request's id */
#define LEVEL_MAX 32u

/* What a member of a line's object is to us. */
enum known {
	PLAIN, TIME, LEVEL, MESSAGE, TRACE_ID, SPAN_ID, TRACE_FLAGS, XRAY_ID, REQUEST_ID, SERVICE, FUNCTION, VERSION,
	REGION, OURS,
};

static const struct {
	char name[20];
	enum known known;
} names[] = {
	{ "ts", TIME }, { "time", TIME }, { "timestamp", TIME }, { "@timestamp", TIME }, { "level", LEVEL },
	{ "severity", LEVEL }, { "lvl", LEVEL }, { "loglevel", LEVEL }, { "levelname", LEVEL },
	{ "log.level", LEVEL }, { "severity_text", LEVEL }, { "severityText", LEVEL }, { "message", MESSAGE },
	{ "msg", MESSAGE }, { "trace_id", TRACE_ID }, { "traceId", TRACE_ID }, { "trace.id", TRACE_ID },
	{ "traceid", TRACE_ID }, { "span_id", SPAN_ID }, { "spanId", SPAN_ID }, { "span.id", SPAN_ID },
	{ "spanid", SPAN_ID }, { "trace_flags", TRACE_FLAGS }, { "traceFlags", TRACE_FLAGS },
	{ "xray_trace_id", XRAY_ID }, { "request_id", REQUEST_ID }, { "requestId", REQUEST_ID },
	{ "AWSRequestId", REQUEST_ID }, { "awsRequestId", REQUEST_ID }, { "aws_request_id", REQUEST_ID },
	{ "function_request_id", REQUEST_ID }, { "faas.invocation_id", REQUEST_ID }, { "service", SERVICE },
	{ "service.name", SERVICE }, { "service_name", SERVICE }, { "function", FUNCTION },
	{ "function_name", FUNCTION }, { "functionName", FUNCTION }, { "faas.name", FUNCTION },
	{ "version", VERSION }, { "function_version", VERSION }, { "functionVersion", VERSION },
	{ "faas.version", VERSION }, { "region", REGION }, { "cloud.region", REGION },
	{ "log.iostream", OURS },
};

static enum known lookup(struct str key)
{
	if (key.len < 2 || key.len >= sizeof(names[0].name))
		return PLAIN;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].name[0] == key.ptr[0] && !names[i].name[key.len] &&
		    memcmp(names[i].name, key.ptr, key.len) == 0)
			return names[i].known;
	return PLAIN;
}

/* What has been taken from a line so far, one of each. */
struct taken {
	bool time, level, message, trace, span, flags, request;
};

static bool take_time(struct record *r, const struct record_value *v)
{
	uint64_t t = v->kind == RECORD_STRING ? text_time(v->s)
		     : v->kind == RECORD_INT || v->kind == RECORD_DOUBLE ? text_epoch(v->s) : 0;

	if (t)
		r->time = t;
	return t != 0;
}

static bool take_level(struct record *r, const struct record_value *v)
{
	uint8_t n = v->kind == RECORD_STRING && v->s.len <= LEVEL_MAX ? text_severity(v->s)
		    : v->kind == RECORD_INT ? text_level(v->s) : 0;

	if (!n)
		return false;
	r->severity = n;
	if (v->kind == RECORD_STRING)
		r->severity_text = *v;
	return true;
}

static bool take_id(const struct record_value *v, uint8_t *id, size_t n)
{
	uint8_t got[16], any = 0;

	if (v->kind != RECORD_STRING || !trace_unhex(v->s, got, n))
		return false;
	for (size_t i = 0; i < n; i++)
		any |= got[i];
	if (any)
		memcpy(id, got, n);
	return any;
}

static bool is_ours(const struct record_value *v, const char *ours)
{
	return v->kind == RECORD_STRING && str_eqz(v->s, ours);
}

/* Whether the member has a place of its own in the record, and so is no attribute. */
static bool take(struct record *r, const struct record_origin *o, struct taken *t, struct trace *said, struct str key,
		 const struct record_value *v)
{
	struct trace xray;
	bool ok;

	switch (lookup(key)) {
	case TIME:
		return !t->time && (t->time = take_time(r, v));
	case LEVEL:
		return !t->level && (t->level = take_level(r, v));
	case MESSAGE:
		ok = !t->message && v->kind == RECORD_STRING;
		if (ok)
			r->body = *v;
		t->message |= ok;
		return ok;
	case TRACE_ID:
		return !t->trace && (t->trace = take_id(v, said->trace_id, 16));
	case SPAN_ID:
		return !t->span && (t->span = take_id(v, said->span_id, 8));
	case TRACE_FLAGS:
		return !t->flags && (t->flags = v->kind == RECORD_STRING && trace_unhex(v->s, &said->flags, 1));
	case XRAY_ID:
		if (!t->trace && v->kind == RECORD_STRING && v->s.len == 35) {
			char root[40];

			memcpy(root, "Root=", 5);
			memcpy(root + 5, v->s.ptr, 35);
			t->trace = trace_parse_xray((struct str){ root, sizeof(root) }, &xray, NULL);
			memcpy(said->trace_id, xray.trace_id, 16);
		}
		return false;
	case REQUEST_ID:
		ok = !t->request && v->kind == RECORD_STRING && v->s.len && v->s.len <= REQUEST_ID_MAX;
		if (ok)
			r->request_id = *v;
		t->request |= ok;
		return ok;
	case SERVICE:
		return is_ours(v, o->service);
	case FUNCTION:
		return is_ours(v, o->function);
	case VERSION:
		return is_ours(v, o->version);
	case REGION:
		return is_ours(v, o->region);
	case OURS:
		r->dropped++;
		return true;
	default:
		return false;
	}
}

/* Of two members with one key, the later counts, as in nearly all readers of JSON. */
static void add_field(struct record *r, uint32_t *hashes, struct str key, const struct record_value *v)
{
	uint32_t h = scan_hash(key);
	unsigned i;

	for (i = 0; i < r->count; i++)
		if (hashes[i] == h && str_eq(r->fields[i].key, key))
			break;
	if (i == RECORD_FIELDS_MAX) {
		r->dropped++;
		return;
	}
	if (i == r->count)
		r->count++;
	else
		r->dropped++;
	hashes[i] = h;
	r->fields[i] = (struct record_field){ key, *v };
}

/* A key whose escapes are undone, in the room that @scratch has left. */
static struct str plain_key(struct str raw, size_t line, size_t kept, struct buf *scratch)
{
	struct str key;

	/* keys are part of the line: all of them take no more than it. What is there already must not move */
	if (scratch->len == kept)
		buf_reserve(scratch, line);
	key.ptr = scratch->ptr + scratch->len;
	key.len = scan_unescape(raw, scratch->ptr + scratch->len);
	scratch->len += key.len;
	return key;
}

static bool json_line(struct record *r, const struct record_origin *o, struct str line, const struct record_now *now,
		      struct buf *scratch)
{
	struct scan s = { .p = (char *)(uintptr_t)line.ptr, .end = (char *)(uintptr_t)line.ptr + line.len };
	struct trace said = { .flags = 0 };
	struct taken taken = { .time = false };
	uint32_t hashes[RECORD_FIELDS_MAX];
	size_t kept = scratch->len;
	char *from;

	scan_space(&s);
	if (s.p == s.end || *s.p != '{')
		return false;
	s.p++;
	scan_space(&s);
	if (s.p < s.end && *s.p == '}') {
		s.p++;
		goto end;
	}
	for (;;) {
		struct record_value v = { { "", 0 }, RECORD_NULL };
		unsigned before = s.nodes;
		struct str key;
		bool escaped;

		if (!scan_string(&s, &key, &escaped))
			return false;
		scan_space(&s);
		if (s.p == s.end || *s.p++ != ':')
			return false;
		scan_space(&s);
		from = s.p;
		if (!scan_value(&s, &v))
			return false;
		if (v.kind == RECORD_TREE && (s.odd || s.deepest > RECORD_TREE_DEPTH || s.nodes > RECORD_NODES_MAX)) {
			v = (struct record_value){ { from, (size_t)(s.p - from) }, RECORD_TEXT };
			s.nodes = before;
		}
		if (v.kind != RECORD_TREE)
			s.nodes = before;
		if (escaped)
			key = plain_key(key, line.len, kept, scratch);
		if (!take(r, o, &taken, &said, key, &v))
			add_field(r, hashes, key, &v);
		scan_space(&s);
		if (s.p == s.end)
			return false;
		if (*s.p == '}') {
			s.p++;
			break;
		}
		if (*s.p++ != ',')
			return false;
		scan_space(&s);
	}
end:
	scan_space(&s);
	if (s.p != s.end)
		return false;
	r->nodes = s.nodes;
	if (!taken.message)
		r->body = (struct record_value){ line, RECORD_TEXT };
	/* A span without its trace is one of ours. */
	if (taken.trace && memcmp(said.trace_id, r->trace.trace_id, 16) != 0) {
		r->trace = said;
		if (!taken.flags && now->trace)
			r->trace.flags = now->trace->flags;
	} else {
		if (taken.span && trace_has_id(&r->trace))
			memcpy(r->trace.span_id, said.span_id, 8);
		if (taken.flags && trace_has_id(&r->trace))
			r->trace.flags = said.flags;
	}
	return true;
}

static void begin(struct record *r, const struct record_now *now)
{
	r->time = r->observed = now->time;
	r->severity = 0;
	r->severity_text = r->body = (struct record_value){ { "", 0 }, RECORD_TEXT };
	r->request_id = (struct record_value){ now->request_id, RECORD_TEXT };
	r->trace = now->trace ? *now->trace : (struct trace){ .flags = 0 };
	r->stream = now->stream;
	r->dropped = r->nodes = r->count = 0;
}

/* Most lines are ASCII: eight bytes at a time. */
static bool is_ascii(const char *p, size_t n)
{
	uint64_t any = 0, word;
	unsigned char last = 0;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&word, p, 8);
		any |= word;
	}
	for (; n; n--)
		last |= (unsigned char)*p++;
	return !(any & 0x8080808080808080u) && last < 0x80;
}

/* The length of the UTF-8 sequence at @p, 0 if there is none. */
static size_t sequence(const char *p, size_t left)
{
	unsigned char c = (unsigned char)*p;
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	return n <= left && str_is_utf8((struct str){ p, n }) ? n : 0;
}

static struct str repair(const char *p, size_t n, struct buf *out)
{
	/* three for one, and room for keys without their escapes behind that: what is there must not move */
	buf_reserve(out, 6 * n);
	while (n) {
		size_t good = sequence(p, n);

		if (good)
			buf_add(out, p, good);
		else
			buf_add(out, "\xef\xbf\xbd", 3);
		good += !good;
		p += good;
		n -= good;
	}
	return buf_str(out);
}

void record_parse(struct record *r, const struct record_origin *o, char *line, size_t len,
		  const struct record_now *now, struct buf *scratch)
{
	struct str s = { line, len };
	size_t kept;

	buf_reset(scratch);
	if (!is_ascii(line, s.len) && !str_is_utf8(s))
		s = repair(line, s.len, scratch);
	kept = scratch->len;
	begin(r, now);
	if (s.len && (s.ptr[0] == '{' || s.ptr[0] == ' ' || s.ptr[0] == '\t') && json_line(r, o, s, now, scratch))
		return;
	begin(r, now);
	scratch->len = kept;
	text_line(r, s);
}
