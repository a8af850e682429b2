/* SPDX-License-Identifier: Apache-2.0 */
#include "local/eventstream.h"

#include <endian.h>
#include <jansson.h>
#include <string.h>

#include "archive/deflate.h"
#include "base/base64.h"
#include "base/mem.h"

#define PRELUDE 12u		/* two lengths and their CRC */
#define FRAME (PRELUDE + 4u)	/* what is neither header nor payload */
#define TYPE_STRING 7

static uint32_t get32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static void add32(struct buf *out, uint32_t v)
{
	v = htobe32(v);
	buf_add(out, &v, sizeof(v));
}

/* ---- writing ---- */

#define DETAILS_MAX (EVENTSTREAM_PAYLOAD_MAX - (2u << 20))	/* bytes as JSON: log and code need room, too */

void eventstream_add(struct buf *out, const struct eventstream_header *headers, size_t n, struct str payload)
{
	size_t start = out->len, length = 0;

	for (size_t i = 0; i < n; i++) {
		if (headers[i].name.len - 1 >= UINT8_MAX || headers[i].value.len > UINT16_MAX)
			BUG("a header of an event stream's message is too long");
		length += 1 + headers[i].name.len + 3 + headers[i].value.len;
	}
	if (length > EVENTSTREAM_HEADERS_MAX || payload.len > EVENTSTREAM_PAYLOAD_MAX)
		BUG("an event stream's message is too long");
	buf_reserve(out, FRAME + length + payload.len);
	add32(out, (uint32_t)(FRAME + length + payload.len));
	add32(out, (uint32_t)length);
	add32(out, deflate_crc32(0, out->ptr + start, 8));
	for (size_t i = 0; i < n; i++) {
		uint16_t value = htobe16((uint16_t)headers[i].value.len);

		buf_addc(out, (char)headers[i].name.len);
		buf_adds(out, headers[i].name);
		buf_addc(out, TYPE_STRING);
		buf_add(out, &value, sizeof(value));
		buf_adds(out, headers[i].value);
	}
	buf_adds(out, payload);
	add32(out, deflate_crc32(0, out->ptr + start, out->len - start));
}

static void add_event(struct buf *out, struct str event, struct str type, struct str payload)
{
	const struct eventstream_header headers[] = {
		{ STR(":message-type"), STR("event") },
		{ STR(":event-type"), event },
		{ STR(":content-type"), type },
	};

	eventstream_add(out, headers, ARRAY_LEN(headers), payload);
}

void eventstream_add_chunk(struct buf *out, const void *p, size_t n)
{
	struct str rest = { p, n };

	while (rest.len) {
		struct str piece = { rest.ptr, rest.len < EVENTSTREAM_CHUNK_MAX ? rest.len : EVENTSTREAM_CHUNK_MAX };

		add_event(out, STR("PayloadChunk"), STR("application/octet-stream"), piece);
		rest.ptr += piece.len;
		rest.len -= piece.len;
	}
}

void eventstream_add_complete(struct buf *out, struct str code, struct str details, struct str log)
{
	CLEAN_BUF struct buf payload = BUF_INIT;
	const char *comma = "";

	buf_addc(&payload, '{');
	if (code.len) {
		buf_addz(&payload, "\"ErrorCode\":");
		buf_add_json(&payload, code);
		comma = ",";
	}
	if (details.len) {
		size_t before;

		buf_addf(&payload, "%s\"ErrorDetails\":", comma);
		before = payload.len;
		buf_add_json(&payload, details);
		if (payload.len > DETAILS_MAX) {
			/* a byte takes six at most */
			payload.len = before;
			buf_add_json(&payload, (struct str){ details.ptr, DETAILS_MAX / 6 });
		}
		comma = ",";
	}
	if (log.len) {
		buf_addf(&payload, "%s\"LogResult\":\"", comma);
		buf_add_base64(&payload, log.ptr, log.len);
		buf_addc(&payload, '"');
	}
	buf_addc(&payload, '}');
	add_event(out, STR("InvokeComplete"), STR("application/json"), buf_str(&payload));
}

/* ---- reading ---- */

struct str eventstream_value(const struct eventstream_message *m, const char *name)
{
	for (size_t i = 0; i < m->nheaders; i++)
		if (str_eqz(m->headers[i].name, name))
			return m->headers[i].value;
	return (struct str){ NULL, 0 };
}

void eventstream_release(struct eventstream *s)
{
	buf_release(&s->part);
	*s = (struct eventstream)EVENTSTREAM_INIT;
}

static int bad(const struct eventstream *s, const char *what, struct err *err)
{
	return err_set(err, ERR_FORMAT, "event stream, byte %llu: %s", (unsigned long long)s->offset, what);
}

/* @p: PRELUDE bytes. */
static int check_prelude(const struct eventstream *s, const char *p, struct err *err)
{
	uint32_t all = get32(p), headers = get32(p + 4);

	if (get32(p + 8) != deflate_crc32(0, p, 8))
		return bad(s, "the CRC of a message's lengths is wrong", err);
	if (headers > EVENTSTREAM_HEADERS_MAX || all > FRAME + EVENTSTREAM_HEADERS_MAX + EVENTSTREAM_PAYLOAD_MAX)
		return err_set(err, ERR_LIMIT, "limit exceeded: event stream, byte %llu: a message of %u bytes",
			       (unsigned long long)s->offset, all);
	if (all < FRAME || headers > all - FRAME)
		return bad(s, "a message is shorter than its headers", err);
	return 0;
}

/* Bytes of a value of @type before which no length stands; -1: there is no such type; -2: its length comes first. */
static int value_size(unsigned char type)
{
	static const signed char sizes[] = { 0, 0, 1, 2, 4, 8, -2, -2, 8, 16 };

	return type < sizeof(sizes) ? sizes[type] : -1;
}

static int read_headers(const struct eventstream *s, struct str in, struct eventstream_message *m, struct err *err)
{
	m->nheaders = 0;
	while (in.len) {
		struct eventstream_header h = { .name = { in.ptr + 1, (unsigned char)in.ptr[0] } };
		size_t at = 1 + h.name.len;
		unsigned char type;
		int size;

		if (!h.name.len || at >= in.len)
			return bad(s, "a header's name is cut off", err);
		type = (unsigned char)in.ptr[at++];
		size = value_size(type);
		if (size == -1)
			return bad(s, "a header is of no known type", err);
		if (size == -2) {
			if (in.len - at < 2)
				return bad(s, "a header's value is cut off", err);
			size = (unsigned char)in.ptr[at] << 8 | (unsigned char)in.ptr[at + 1];
			at += 2;
		}
		if ((size_t)size > in.len - at)
			return bad(s, "a header's value is cut off", err);
		h.value = (struct str){ in.ptr + at, (size_t)size };
		in.ptr += at + h.value.len;
		in.len -= at + h.value.len;
		if (type != TYPE_STRING)
			continue;
		if (m->nheaders == EVENTSTREAM_HEADERS)
			return err_set(err, ERR_LIMIT, "limit exceeded: event stream, byte %llu: more than %u headers",
				       (unsigned long long)s->offset, EVENTSTREAM_HEADERS);
		m->headers[m->nheaders++] = h;
	}
	return 0;
}

/* @p: a whole message, whose prelude is good. */
static int take(const struct eventstream *s, const char *p, eventstream_fn on, void *ctx, struct err *err)
{
	size_t all = get32(p), headers = get32(p + 4);
	struct eventstream_message m = { .payload = { p + PRELUDE + headers, all - FRAME - headers } };

	if (get32(p + all - 4) != deflate_crc32(0, p, all - 4))
		return bad(s, "a message's CRC is wrong", err);
	if (read_headers(s, (struct str){ p + PRELUDE, headers }, &m, err) < 0)
		return -1;
	return on(ctx, &m, err);
}

/* Bring what there is of a message up to @want bytes. Whether it has as many. */
static bool fill(struct eventstream *s, struct str *in, size_t want)
{
	size_t n = want - s->part.len < in->len ? want - s->part.len : in->len;

	buf_add(&s->part, in->ptr, n);
	in->ptr += n;
	in->len -= n;
	return s->part.len == want;
}

int eventstream_feed(struct eventstream *s, const void *p, size_t n, eventstream_fn on, void *ctx, struct err *err)
{
	struct str in = { p, n };
	size_t all;

	while (in.len) {
		/* what is whole as it came is not copied */
		if (!s->part.len && in.len >= PRELUDE) {
			if (check_prelude(s, in.ptr, err) < 0)
				return -1;
			all = get32(in.ptr);
			if (all <= in.len) {
				if (take(s, in.ptr, on, ctx, err) < 0)
					return -1;
				s->offset += all;
				in.ptr += all;
				in.len -= all;
				continue;
			}
		}
		if (s->part.len < PRELUDE) {
			if (!fill(s, &in, PRELUDE))
				break;
			if (check_prelude(s, s->part.ptr, err) < 0)
				return -1;
		}
		all = get32(s->part.ptr);
		if (!fill(s, &in, all))
			break;
		if (take(s, s->part.ptr, on, ctx, err) < 0)
			return -1;
		s->offset += all;
		buf_reset(&s->part);
	}
	return 0;
}

int eventstream_end(const struct eventstream *s, struct err *err)
{
	return s->part.len ? bad(s, "it ends within a message", err) : 0;
}

/* ---- what Lambda puts into them ---- */

enum eventstream_kind eventstream_kind(const struct eventstream_message *m)
{
	struct str message = eventstream_value(m, ":message-type"), event = eventstream_value(m, ":event-type");

	if (str_eqz(message, "exception") || str_eqz(message, "error"))
		return EVENTSTREAM_REFUSED;
	if (!str_eqz(message, "event"))
		return EVENTSTREAM_OTHER;
	return str_eqz(event, "PayloadChunk")	  ? EVENTSTREAM_CHUNK
	       : str_eqz(event, "InvokeComplete") ? EVENTSTREAM_COMPLETE
						  : EVENTSTREAM_OTHER;
}

void eventstream_complete_release(struct eventstream_complete *c)
{
	buf_release(&c->code);
	buf_release(&c->details);
	buf_release(&c->log);
}

static void keep(const json_t *root, const char *key, struct buf *out)
{
	const json_t *v = json_object_get(root, key);

	buf_add(out, json_string_value(v), json_string_length(v));
}

int eventstream_complete(struct str payload, struct eventstream_complete *c, struct err *err)
{
	CLEAN_BUF struct buf log = BUF_INIT;
	json_error_t why;
	json_t *root = json_loadb(payload.ptr ? payload.ptr : "", payload.len, JSON_ALLOW_NUL, &why);

	if (!json_is_object(root)) {
		json_decref(root);
		return err_set(err, ERR_FORMAT, "event stream: InvokeComplete is no JSON object");
	}
	keep(root, "ErrorCode", &c->code);
	keep(root, "ErrorDetails", &c->details);
	keep(root, "LogResult", &log);
	json_decref(root);
	if (base64_decode(buf_str(&log), &c->log) < 0)
		return err_set(err, ERR_FORMAT, "event stream: InvokeComplete: LogResult is no base64");
	return 0;
}
