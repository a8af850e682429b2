/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of function URLs and API Gateway HTTP APIs (payload format 2.0) as requests, and
 * responses as what these expect, so that one HTTP handler serves both platforms.
 */
#include "http.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

#define STREAM_PIECE_MAX 61440u

static struct slsc_request req;
static struct slsc_field req_fields[SLSC_HTTP_FIELDS_MAX];

static int invalid(struct slsc_ctx *ctx, const char *what)
{
	return slsc_fail(ctx, "InvalidEvent", what);
}

/* The string at @json.@key. Returns 0 or -1. */
static int get_str(struct slsc_ctx *ctx, struct slsc_str json, const char *key, struct slsc_str *s)
{
	struct slsc_str value;

	*s = (struct slsc_str){NULL, 0};
	if (slsc_json_get(json, key, &value) <= 0 || slsc_str_eq(value, "null"))
		return 0;
	return slsc_json_str(ctx, value, s);
}

/*
 * API Gateway decodes the path, a function URL does not: what cannot stand in a request line is
 * encoded again, so that handlers see one form.
 */
static int encode_path(struct slsc_ctx *ctx, struct slsc_str path, struct slsc_str *out)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t more = 0;
	char *p;

	for (size_t i = 0; i < path.len; i++) {
		unsigned char c = (unsigned char)path.ptr[i];

		more += c <= ' ' || c >= 0x7f || c == '?' || c == '#' ? 2 : 0;
	}
	*out = path;
	if (!more)
		return 0;
	p = slsc_alloc(ctx, path.len + more);
	if (!p)
		return -1;
	*out = (struct slsc_str){p, path.len + more};
	for (size_t i = 0; i < path.len; i++) {
		unsigned char c = (unsigned char)path.ptr[i];

		if (c > ' ' && c < 0x7f && c != '?' && c != '#') {
			*p++ = (char)c;
			continue;
		}
		*p++ = '%';
		*p++ = hex[c >> 4];
		*p++ = hex[c & 15];
	}
	return 0;
}

static bool is_clean(struct slsc_str value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* Returns 0, -1 after slsc_fail(), or the status to answer. */
static int add_field(struct slsc_ctx *ctx, struct slsc_str name, struct slsc_str value,
		     struct slsc_rt_head *head)
{
	struct slsc_field *f = &req_fields[req.field_count];

	if (req.field_count == SLSC_HTTP_FIELDS_MAX)
		return 431;
	if (!slsc_rt_is_token(name) || !is_clean(value))
		return invalid(ctx, "a header of the event is not valid");
	*f = (struct slsc_field){name, value};
	req.field_count++;
	slsc_rt_head_note(head, f);
	return 0;
}

static int parse_headers(struct slsc_ctx *ctx, struct slsc_str event, struct slsc_rt_head *head)
{
	struct slsc_json_iter it = {{NULL, 0}, NULL};
	struct slsc_str name, value;
	int rc;

	if (slsc_json_get(event, "headers", &it.json) <= 0 || slsc_str_eq(it.json, "null"))
		return 0;
	while ((rc = slsc_json_next(&it, &name, &value)) > 0) {
		if (!name.ptr || slsc_json_str(ctx, name, &name) || slsc_json_str(ctx, value, &value))
			return invalid(ctx, "the event's headers are not strings");
		rc = add_field(ctx, name, value, head);
		if (rc)
			return rc;
	}
	return rc ? invalid(ctx, "the event's headers are no object") : 0;
}

/* The cookies, which have left the headers, as the one field they came in (RFC 6265, 5.4). */
static int parse_cookies(struct slsc_ctx *ctx, struct slsc_str event, struct slsc_rt_head *head)
{
	struct slsc_json_iter it = {{NULL, 0}, NULL};
	struct slsc_str name, value;
	struct slsc_out line = {NULL, 0, 0, false};
	int rc;

	if (slsc_json_get(event, "cookies", &it.json) <= 0 || slsc_str_eq(it.json, "null"))
		return 0;
	/* A cookie grows by two, and its JSON has two quotes and a comma. */
	line.cap = it.json.len;
	line.ptr = slsc_alloc(ctx, line.cap);
	if (!line.ptr)
		return invalid(ctx, "no memory for the event's cookies");
	while ((rc = slsc_json_next(&it, &name, &value)) > 0) {
		if (name.ptr || slsc_json_str(ctx, value, &value))
			return invalid(ctx, "the event's cookies are not strings");
		slsc_puts(&line, line.len ? "; " : "");
		slsc_put_str(&line, value);
	}
	if (rc)
		return invalid(ctx, "the event's cookies are no array");
	return line.len ? add_field(ctx, SLSC_STR("cookie"), (struct slsc_str){line.ptr, line.len}, head) : 0;
}

static int parse_body(struct slsc_ctx *ctx, struct slsc_str event)
{
	struct slsc_str flag;
	bool base64 = false;

	if (get_str(ctx, event, "body", &req.body))
		return invalid(ctx, "the event's body is not a string");
	if (slsc_json_get(event, "isBase64Encoded", &flag) > 0 && slsc_json_bool(flag, &base64))
		return invalid(ctx, "the event's isBase64Encoded is not a boolean");
	if (base64 && req.body.len && slsc_base64_decode(ctx, req.body, &req.body))
		return invalid(ctx, "the event's body is not base64");
	if (!req.body.ptr)
		req.body = (struct slsc_str){"", 0};
	return 0;
}

/* Returns 0 with req set, -1 after slsc_fail(), or the status to answer. */
static int parse_event(struct slsc_ctx *ctx, struct slsc_str event, struct slsc_rt_head *head)
{
	struct slsc_str context, http, path;
	int rc;

	memset(&req, 0, sizeof(req));
	req.fields = req_fields;
	if (slsc_json_get(event, "requestContext", &context) <= 0 ||
	    slsc_json_get(context, "http", &http) <= 0 || get_str(ctx, http, "method", &req.method) ||
	    get_str(ctx, event, "rawPath", &path) || !slsc_rt_is_token(req.method) || !path.len || *path.ptr != '/')
		return invalid(ctx, "not an event of a function URL or an HTTP API, payload format 2.0");
	if (encode_path(ctx, path, &req.path) || get_str(ctx, event, "rawQueryString", &req.query) ||
	    !is_clean(req.query))
		return invalid(ctx, "the event's path or query is not valid");
	/* An event cannot tell an empty query from none. */
	if (!req.query.len)
		req.query.ptr = NULL;
	rc = parse_headers(ctx, event, head);
	if (!rc)
		rc = parse_cookies(ctx, event, head);
	return rc ? rc : parse_body(ctx, event);
}

/* ---- the answer ---- */

/* Gather pieces, file and stream in the body. Returns 0, or -1: it is broken off. */
static int gather(struct slsc_ctx *ctx, struct slsc_response *res)
{
	uint64_t at = res->file_at, left = res->file >= 0 ? res->file_len : 0;
	int rc = 1;

	for (size_t i = 0; i < res->piece_count; i++)
		slsc_put_str(&res->body, res->pieces[i]);
	while (left && !res->body.full) {
		size_t room = res->body.cap - res->body.len;
		ssize_t n = left > room ? -2 : pread(res->file, res->body.ptr + res->body.len, (size_t)left, (off_t)at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -2)
			res->body.full = true;
		if (n <= 0)
			return -1;
		res->body.len += (size_t)n;
		at += (uint64_t)n;
		left -= (uint64_t)n;
	}
	while (res->stream && rc > 0) {
		size_t room = res->body.cap - res->body.len;
		struct slsc_out piece = {res->body.ptr + res->body.len, 0, room, false};

		if (room > STREAM_PIECE_MAX)
			piece.cap = STREAM_PIECE_MAX;
		rc = slsc_rt_tail_next(res->stream, res->stream_state.bytes, ctx->deadline_ms, &piece);
		res->body.len += piece.len;
		/* What had nothing to send is asked again after a while, as over a socket. */
		if (rc > 0 && !piece.len) {
			struct timespec pause = {0, STREAM_MS * 1000000L};

			nanosleep(&pause, NULL);
		}
	}
	return res->body.full || rc < 0 ? -1 : 0;
}

static bool is_text(struct slsc_str s)
{
	for (size_t i = 0, n; i < s.len; i += n) {
		unsigned char c = (unsigned char)s.ptr[i];

		n = slsc_rt_utf8_len((const unsigned char *)s.ptr + i, s.len - i);
		if (!n || (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool same_name(struct slsc_str a, struct slsc_str b)
{
	for (size_t i = 0; i < a.len && i < b.len; i++) {
		if (slsc_rt_lower(a.ptr[i]) != slsc_rt_lower(b.ptr[i]))
			return false;
	}
	return a.len == b.len;
}

/* "headers" and "cookies": an object has each name once, so values that share one are joined. */
static void put_fields(struct slsc_out *out, struct slsc_response *res)
{
	const char *start = res->fields.ptr, *p, *end, *q;
	struct slsc_field f, other;
	const char *comma = "";

	slsc_puts(&res->fields, "\r\n");
	end = start + res->fields.len;
	slsc_puts(out, "\"headers\":{");
	for (p = start; slsc_rt_field_next(&p, end, &f) > 0;) {
		bool seen = slsc_rt_ieq(f.name, "set-cookie");

		for (q = start; !seen && slsc_rt_field_next(&q, end, &other) > 0 && other.name.ptr != f.name.ptr;)
			seen = same_name(f.name, other.name);
		if (seen)
			continue;
		slsc_puts(out, comma);
		comma = ",";
		slsc_put_json(out, f.name);
		slsc_puts(out, ":\"");
		slsc_put_escaped(out, f.value);
		for (q = p; slsc_rt_field_next(&q, end, &other) > 0;) {
			if (!same_name(f.name, other.name))
				continue;
			slsc_puts(out, ", ");
			slsc_put_escaped(out, other.value);
		}
		slsc_puts(out, "\"");
	}
	slsc_puts(out, "}");
	comma = ",\"cookies\":[";
	for (p = start; slsc_rt_field_next(&p, end, &f) > 0;) {
		if (!slsc_rt_ieq(f.name, "set-cookie"))
			continue;
		slsc_puts(out, comma);
		comma = ",";
		slsc_put_json(out, f.value);
	}
	if (comma[1] == '\0')
		slsc_puts(out, "]");
}

static void put_answer(struct slsc_out *out, struct slsc_response *res, bool with_body)
{
	struct slsc_str body = {res->body.ptr, with_body ? res->body.len : 0};

	slsc_puts(out, "{\"statusCode\":");
	slsc_put_u64(out, (uint64_t)res->status);
	slsc_puts(out, ",");
	put_fields(out, res);
	if (is_text(body)) {
		slsc_puts(out, ",\"body\":\"");
		slsc_put_escaped(out, body);
		slsc_puts(out, "\",\"isBase64Encoded\":false}");
	} else {
		slsc_puts(out, ",\"body\":\"");
		slsc_put_base64(out, body.ptr, body.len);
		slsc_puts(out, "\",\"isBase64Encoded\":true}");
	}
}

int slsc_rt_http_event(struct slsc_ctx *ctx, struct slsc_str event, struct slsc_out *out)
{
	struct slsc_rt_head head;
	struct slsc_response res;
	bool with_body;
	int rc;

	memset(&head, 0, sizeof(head));
	slsc_rt_response_init(&res);
	rc = parse_event(ctx, event, &head);
	if (rc < 0)
		return -1;
	if (rc) {
		slsc_response_error(&res, rc, slsc_rt_reason(rc));
	} else {
		slsc_rt_deadline_set(ctx, &head);
		slsc_rt_http_call(ctx, &req, &res);
	}
	with_body = !slsc_str_eq(req.method, "HEAD") && res.status != 204 && res.status != 304;
	if (with_body)
		rc = gather(ctx, &res) ? -1 : 0;
	else
		rc = 0;
	slsc_rt_response_drop(&res);
	if (rc) {
		slsc_rt_response_release(&res);
		return slsc_fail(ctx, "ResponseBroken", "the answer broke off, or is larger than 33554432 bytes");
	}
	put_answer(out, &res, with_body);
	slsc_rt_response_release(&res);
	return 0;
}

RT_FOR_SIZE_END
