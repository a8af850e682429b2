/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP function for tests/runtime/test_http_answers.py and its neighbours: the path says what to do. */
#define _GNU_SOURCE /* O_CLOEXEC, truncate */
#include <slsc.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

slsc_http_fn handler;

#define PIECE 50000u

struct count {
	int64_t left;
	int64_t pause; /* calls that give nothing */
	int64_t fail;  /* at which piece */
};

static int released;
static bool unready;

bool slsc_ready(void)
{
	return !unready;
}

static int give(struct slsc_ctx *ctx, void *state, struct slsc_out *out)
{
	struct count *c = state;
	char *p;

	if (!out) {
		released++;
		return 0;
	}
	if (c->pause-- > 0)
		return 1;
	if (c->left == c->fail)
		return slsc_fail(ctx, "Broken", "as asked");
	if (!c->left)
		return 0;
	p = slsc_extend(out, PIECE);
	if (p)
		memset(p, 'a' + (int)(c->left % 26), PIECE);
	return --c->left ? 1 : 0;
}

static int64_t number(struct slsc_ctx *ctx, const struct slsc_request *req, const char *name, int64_t otherwise)
{
	struct slsc_str value;
	int64_t n;

	if (slsc_request_query(ctx, req, name, &value) > 0 && !slsc_json_i64(value, &n))
		return n;
	return otherwise;
}

static int stream(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
{
	struct count c;

	c.left = number(ctx, req, "n", 1);
	c.pause = number(ctx, req, "pause", 0);
	c.fail = number(ctx, req, "fail", -1);
	if (number(ctx, req, "first", 0)) {
		slsc_puts(&res->body, "<body>");
		if (slsc_response_piece(res, SLSC_STR("<piece>")))
			return -1;
	}
	return slsc_response_stream(res, give, &c, sizeof(c));
}

static int file(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
{
	const char *path = getenv("TEST_FILE");
	int64_t at = number(ctx, req, "at", 0), len = number(ctx, req, "len", -1);
	int fd = open(path ? path : "", O_RDONLY | O_CLOEXEC);

	slsc_puts(&res->body, number(ctx, req, "first", 0) ? "<body>" : "");
	if (slsc_response_file(res, fd, (uint64_t)at, len < 0 ? UINT64_MAX : (uint64_t)len))
		return slsc_response_error(res, 416, "not inside");
	if (number(ctx, req, "shrink", 0) && truncate(path, 10))
		return -1;
	return number(ctx, req, "error", 0) ? slsc_response_error(res, 409, "never mind") : 0;
}

static void put(struct slsc_out *out, const char *name, struct slsc_str value)
{
	slsc_puts(out, "\"");
	slsc_puts(out, name);
	slsc_puts(out, "\":");
	slsc_put_json(out, value);
	slsc_puts(out, ",");
}

static int cloudevent(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
{
	struct slsc_cloudevent e;
	int rc = slsc_cloudevent_decode(ctx, req, &e);

	if (rc <= 0)
		return slsc_response_error(res, 400, rc ? ctx->fail_message : "no event");
	slsc_puts(&res->body, "{");
	put(&res->body, "id", e.id);
	put(&res->body, "source", e.source);
	put(&res->body, "type", e.type);
	put(&res->body, "subject", e.subject);
	put(&res->body, "time", e.time);
	put(&res->body, "datacontenttype", e.datacontenttype);
	put(&res->body, "dataschema", e.dataschema);
	put(&res->body, "data", e.data);
	put(&res->body, "myext", slsc_cloudevent_extension(&e, "myext"));
	slsc_puts(&res->body, "\"extensions\":");
	slsc_put_u64(&res->body, e.extension_count);
	slsc_puts(&res->body, "}");
	return 0;
}

/* What the handler sees of a request, for whichever way it came. */
static int see(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
{
	int64_t left = slsc_remaining_ms(ctx);

	slsc_puts(&res->body, "{");
	put(&res->body, "method", req->method);
	put(&res->body, "path", req->path);
	put(&res->body, "query", req->query);
	put(&res->body, "cookie", slsc_request_field(req, "Cookie"));
	put(&res->body, "x-test", slsc_request_field(req, "X-Test"));
	put(&res->body, "body", req->body);
	put(&res->body, "trace", ctx->trace_id);
	put(&res->body, "id", ctx->request_id);
	slsc_puts(&res->body, "\"left\":");
	slsc_put_i64(&res->body, left == INT64_MAX ? -1 : left);
	slsc_puts(&res->body, "}");
	if (slsc_response_field(res, "Set-Cookie", SLSC_STR("a=1")) ||
	    slsc_response_field(res, "Set-Cookie", SLSC_STR("b=2")) ||
	    slsc_response_field(res, "Vary", SLSC_STR("x")) || slsc_response_field(res, "vary", SLSC_STR("\"y\"")))
		return -1;
	res->status = 201;
	return 0;
}

int handler(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
{
	if (slsc_str_eq(req->path, "/stream"))
		return stream(ctx, req, res);
	if (slsc_str_eq(req->path, "/released")) {
		slsc_put_i64(&res->body, released);
	} else if (slsc_str_eq(req->path, "/file")) {
		return file(ctx, req, res);
	} else if (slsc_str_eq(req->path, "/echo")) {
		return slsc_response_piece(res, req->body);
	} else if (slsc_str_eq(req->path, "/pieces")) {
		slsc_puts(&res->body, "0");
		for (unsigned i = 0; i < SLSC_PIECES_MAX; i++) {
			if (slsc_response_piece(res, (struct slsc_str){&"12345678"[i], 1}))
				return -1;
		}
		return slsc_response_piece(res, SLSC_STR("9")) ? 0 : -1;
	} else if (slsc_str_eq(req->path, "/cloudevent")) {
		return cloudevent(ctx, req, res);
	} else if (slsc_str_eq(req->path, "/bytes")) {
		slsc_put(&res->body, "\0\xff\x80", 3);
	} else if (slsc_str_eq(req->path, "/unready")) {
		unready = !unready;
	} else if (slsc_str_eq(req->path, "/pid")) {
		slsc_put_i64(&res->body, getpid());
	} else if (slsc_str_eq(req->path, "/abort")) {
		_exit(7);
	} else {
		return see(ctx, req, res);
	}
	return 0;
}
