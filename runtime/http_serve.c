/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection does with the bytes it reads: one request after the other, handled and
 * answered.
 */
#include "http.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

RT_FOR_SIZE_BEGIN

#define SCRATCH 65536u

static struct slsc_ctx ctx;
static struct slsc_request req;
static struct slsc_field req_fields[SLSC_HTTP_FIELDS_MAX];
static struct slsc_rt_framing req_framing;
static char scratch[SCRATCH];
static char res_fields[FIELDS_BYTES];
static char res_body[SLSC_HTTP_BODY_MAX];

/* Send @res. Returns 0, or -1 when the connection is gone. */
static int conn_respond(struct conn *c, struct slsc_response *res, bool head_only)
{
	char buf[FIELDS_BYTES + 512];
	struct slsc_out head = {buf, 0, sizeof(buf), false};
	struct slsc_str body = {res->body.ptr, res->body.len};

	slsc_puts(&head, "HTTP/1.1 ");
	slsc_put_u64(&head, (uint64_t)res->status);
	slsc_puts(&head, " ");
	slsc_puts(&head, slsc_rt_reason(res->status));
	slsc_puts(&head, "\r\nDate: ");
	slsc_rt_put_date(&head);
	if (res->status == 204 || res->status == 304) {
		body.len = 0;
	} else {
		slsc_puts(&head, "\r\nContent-Length: ");
		slsc_put_u64(&head, body.len);
	}
	slsc_puts(&head, c->close ? "\r\nConnection: close\r\n" : "\r\nConnection: keep-alive\r\n");
	slsc_put(&head, res->fields.ptr, res->fields.len);
	slsc_puts(&head, "\r\n");
	if (head_only)
		body.len = 0;
	if (slsc_rt_conn_send(c, (struct slsc_str){head.ptr, head.len}, body))
		return -1;
	if (c->close && !c->out.ptr)
		slsc_rt_conn_linger(c);
	return 0;
}

static void response_init(struct slsc_response *res)
{
	res->status = 200;
	res->body = (struct slsc_out){res_body, 0, sizeof(res_body), false};
	res->fields = (struct slsc_out){res_fields, 0, sizeof(res_fields), false};
}

/* Refuse the request and the connection with it: where the next one starts is unknown. */
static int conn_refuse(struct conn *c, int status)
{
	struct slsc_response res;

	response_init(&res);
	slsc_response_error(&res, status, slsc_rt_reason(status));
	c->close = true;
	return conn_respond(c, &res, false);
}

static int conn_handle(struct conn *c)
{
	struct slsc_response res;
	bool head_only = slsc_str_eq(req.method, "HEAD");
	int rc;

	response_init(&res);
	memset(&ctx, 0, offsetof(struct slsc_ctx, fail_type));
	slsc_rt_fail_clear(&ctx);
	ctx.request_id = slsc_request_field(&req, "X-Request-Id");
	ctx.trace_id = slsc_request_field(&req, "X-Amzn-Trace-Id");
	c->close = req_framing.close || slsc_rt_srv.stopping;

	if (slsc_str_eq(req.path, "/_/health") &&
	    (head_only || slsc_str_eq(req.method, "GET"))) {
		slsc_puts(&res.body, "ok\n");
	} else {
		rc = slsc_rt_srv.handler(&ctx, &req, &res);
		if (!rc && res.body.full)
			rc = slsc_fail(&ctx, "ResponseSizeTooLarge",
				       "the response is larger than 33554432 bytes");
		if (!rc && (res.status < 200 || res.status > 599))
			rc = slsc_fail(&ctx, "InvalidStatus", "the status is not 200 to 599");
		if (rc) {
			slsc_rt_log_fail(&ctx, "request failed");
			/* The reason is for the log, not for a stranger. */
			response_init(&res);
			slsc_response_error(&res, 500, slsc_rt_reason(500));
		}
	}
	rc = conn_respond(c, &res, head_only);
	slsc_rt_arena_reset();
	slsc_rt_trim(res_body, res.body.len);
	return rc;
}

/*
 * Take one step with the @*len bytes at @buf. Returns the length of a request that has been
 * answered, 0 when more is needed, -1 when the connection takes no more requests. A chunked
 * body is decoded in place, which makes @*len smaller.
 */
static ssize_t conn_step(struct conn *c, char *buf, size_t *len)
{
	bool parsed = false, expect = false;
	size_t used, at;
	ssize_t head;
	int rc;

	if (c->state == CONN_HEAD) {
		/* A line end before a request line is to be ignored (RFC 9112, 2.2). */
		if (!c->scan && buf[0] == '\r') {
			if (*len < 2)
				return 0;
			if (buf[1] == '\n')
				return 2;
		}
		head = slsc_rt_head_end(buf, *len, &c->scan);
		if (head < 0)
			return conn_refuse(c, 400), -1;
		if ((head ? (size_t)head : *len) > SLSC_HTTP_HEAD_MAX ||
		    (!head && *len > LINE_MAX_BYTES && !memchr(buf, '\n', LINE_MAX_BYTES)))
			return conn_refuse(c, memchr(buf, '\n', LINE_MAX_BYTES) ? 431 : 414), -1;
		if (!head)
			return 0;
		rc = slsc_rt_request_parse(buf, (size_t)head, &req, req_fields, &req_framing,
					   &expect);
		if (rc)
			return conn_refuse(c, rc), -1;
		if (req_framing.length > SLSC_HTTP_BODY_MAX)
			return conn_refuse(c, 413), -1;
		parsed = true;
		c->head_len = (size_t)head;
		c->chunked = req_framing.chunked;
		c->body_len = (size_t)req_framing.length;
		memset(&c->chunks, 0, sizeof(c->chunks));
		c->state = CONN_BODY;
		if (c->chunked || c->body_len)
			slsc_rt_deadline_in(c, BODY_MS);
		if (expect && *len == c->head_len && (c->chunked || c->body_len)) {
			static const char cont[] = "HTTP/1.1 100 Continue\r\n\r\n";

			if (send(c->fd, cont, sizeof(cont) - 1, MSG_NOSIGNAL) !=
			    (ssize_t)sizeof(cont) - 1)
				return slsc_rt_conn_close(c), -1;
		}
	}
	if (c->chunked) {
		at = c->head_len + c->body_len;
		rc = slsc_rt_chunked_step(&c->chunks, buf + c->head_len, &c->body_len,
					  SLSC_HTTP_BODY_MAX, buf + at, *len - at, &used);
		if (rc < 0)
			return conn_refuse(c, -rc), -1;
		/* What follows the body moves up to its decoded end. */
		memmove(buf + c->head_len + c->body_len, buf + at + used, *len - at - used);
		*len -= at + used - c->head_len - c->body_len;
		if (!rc)
			return 0;
	} else if (*len - c->head_len < c->body_len) {
		return 0;
	}
	/* The buffer may have moved since the head was parsed. */
	if (!parsed)
		(void)slsc_rt_request_parse(buf, c->head_len, &req, req_fields, &req_framing,
					    &expect);
	req.body = (struct slsc_str){buf + c->head_len, c->body_len};
	used = c->head_len + c->body_len;
	if (conn_handle(c) || c->close)
		return -1;
	slsc_rt_conn_next(c);
	if (c->out.ptr)
		slsc_rt_deadline_in(c, WRITE_MS);
	return (ssize_t)used;
}

/*
 * Handle every whole request among the @len bytes at @buf, which is the private buffer or
 * the shared one; keep what is left over.
 */
static void conn_process(struct conn *c, char *buf, size_t len)
{
	size_t pos = 0;

	/* An answer that is not gone yet holds the next request back. */
	while (pos < len && !c->out.ptr) {
		size_t left = len - pos;
		ssize_t n = conn_step(c, buf + pos, &left);

		if (n < 0)
			return;
		len = pos + left;
		if (n == 0)
			break;
		pos += (size_t)n;
	}
	len -= pos;
	if (!len) {
		slsc_rt_region_release(&c->in);
		return;
	}
	if (c->state == CONN_HEAD && !c->out.ptr && pos)
		slsc_rt_deadline_in(c, HEAD_MS);
	if (buf != c->in.ptr) {
		if (slsc_rt_region_grow(&c->in, len)) {
			conn_refuse(c, 503);
			return;
		}
		memcpy(c->in.ptr, buf + pos, len);
	} else if (pos) {
		memmove(buf, buf + pos, len);
	}
	c->in.len = len;
}

void slsc_rt_conn_readable(struct conn *c)
{
	char *buf = scratch;
	size_t cap = sizeof(scratch), len = c->in.len;
	ssize_t n;

	if (c->in.ptr && c->state != CONN_LINGER) {
		if (c->in.len == c->in.cap && slsc_rt_region_grow(&c->in, c->in.cap + 1)) {
			conn_refuse(c, 503);
			return;
		}
		buf = c->in.ptr;
		cap = c->in.cap;
	}
	do {
		n = recv(c->fd, buf + len, cap - len, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN) {
		if (slsc_rt_srv.stopping && c->state == CONN_HEAD && !c->in.ptr)
			slsc_rt_conn_close(c);
		return;
	}
	if (n <= 0) {
		slsc_rt_conn_close(c);
		return;
	}
	if (c->state == CONN_LINGER)
		return;
	if (!c->in.ptr && c->state == CONN_HEAD)
		slsc_rt_deadline_in(c, HEAD_MS);
	conn_process(c, buf, len + (size_t)n);
}

void slsc_rt_conn_writable(struct conn *c)
{
	if (slsc_rt_conn_flush(c))
		return;
	if (c->close) {
		slsc_rt_conn_linger(c);
		return;
	}
	slsc_rt_deadline_in(c, c->in.ptr ? HEAD_MS : IDLE_MS);
	if (c->in.ptr)
		conn_process(c, c->in.ptr, c->in.len);
	else if (slsc_rt_srv.stopping)
		slsc_rt_conn_close(c);
}

void slsc_rt_conn_expired(struct conn *c)
{
	/* 408 only to who has begun a request and waits for us, not the other way round. */
	if (c->state == CONN_LINGER || c->out.ptr || !c->in.ptr)
		slsc_rt_conn_close(c);
	else
		conn_refuse(c, 408);
}

RT_FOR_SIZE_END
