/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection does with the bytes it reads: one request after the other, handled and
 * answered. Small answers to requests that came together leave together.
 */
#include "http.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define SCRATCH 65536u
#define BATCH 65536u
#define BATCH_BODY_MAX 4096u /* above, the body is sent from where it is */
#define CORK_MIN 65536u	     /* a smaller file is one push anyway */
#define READS_MAX 64u	     /* before other connections have their turn */

static struct slsc_ctx ctx;
static struct slsc_request req;
static struct slsc_field req_fields[SLSC_HTTP_FIELDS_MAX];
static struct slsc_rt_head req_head;
static char *scratch; /* SCRATCH bytes; a connection may take it along */
static char batch_buf[BATCH];
static size_t batch_len;

void slsc_rt_drop_batch(void)
{
	batch_len = 0;
}

/* Send the answers gathered so far. Returns 0, or -1 when the connection is gone. */
static int batch_flush(struct conn *c)
{
	struct iovec iov = {batch_buf, batch_len};

	batch_len = 0;
	return iov.iov_len ? slsc_rt_conn_send(c, &iov, 1, false) : 0;
}

/* Answer with @res, at once or with what else is in the batch. Returns 0, or -1: connection gone. */
static int conn_respond(struct conn *c, struct slsc_response *res, bool head_only)
{
	struct iovec iov[SLSC_PIECES_MAX + 3];
	size_t count = 1;
	uint64_t length = res->body.len;
	bool chunked = res->stream && !req_head.http10;

	for (size_t i = 0; i < res->piece_count; i++)
		length += res->pieces[i].len;
	if (res->file >= 0)
		length += res->file_len;
	if (res->stream) {
		length = UINT64_MAX;
		c->close |= !chunked;
	}
	batch_len += slsc_rt_http_head(batch_buf + batch_len, res, length, chunked,
				       c->close	       ? CONNECTION_CLOSE :
				       req_head.http10 ? CONNECTION_KEEP_ALIVE :
							 CONNECTION_AS_USUAL);
	if (head_only || res->status == 204 || res->status == 304) {
		slsc_rt_response_drop(res);
		return 0;
	}
	if (res->stream && chunked && res->body.len + res->piece_count) {
		/* What is there already is the stream's first chunk. */
		static const char hex[] = "0123456789abcdef";
		uint64_t n = res->body.len;
		char size[20], *p = size + sizeof(size);

		for (size_t i = 0; i < res->piece_count; i++)
			n += res->pieces[i].len;
		memcpy(p -= 2, "\r\n", 2);
		do {
			*--p = hex[n & 15];
		} while (n >>= 4);
		n = (uint64_t)(size + sizeof(size) - p);
		memcpy(batch_buf + batch_len, p, n);
		batch_len += n;
	}
	if (res->body.len <= BATCH_BODY_MAX && res->body.len <= sizeof(batch_buf) - batch_len && !res->piece_count &&
	    res->file < 0 && !res->stream) {
		if (res->body.len)
			memcpy(batch_buf + batch_len, res->body.ptr, res->body.len);
		batch_len += res->body.len;
		return 0;
	}
	iov[0] = (struct iovec){batch_buf, batch_len};
	batch_len = 0;
	if (res->body.len)
		iov[count++] = (struct iovec){res->body.ptr, res->body.len};
	for (size_t i = 0; i < res->piece_count; i++)
		iov[count++] = (struct iovec){(void *)(uintptr_t)res->pieces[i].ptr, res->pieces[i].len};
	if (chunked && count > 1)
		iov[count++] = (struct iovec){(void *)(uintptr_t)"\r\n", 2};
	if (res->stream && slsc_rt_tail_begin(c, res, ctx.deadline_ms, chunked)) {
		slsc_rt_response_drop(res);
		slsc_rt_conn_close(c);
		return -1;
	}
	c->file = res->file;
	c->file_at = res->file_at;
	c->file_left = res->file >= 0 ? res->file_len : 0;
	/* Full packets only, until the end of it: else each 64 KiB that sendfile() takes are pushed. */
	c->corked = c->file_left > CORK_MIN;
	if (c->corked)
		slsc_rt_file_cork(c, 1);
	if (slsc_rt_conn_send(c, iov, count, res->file >= 0))
		return -1;
	if (c->sending || (res->file < 0 && !res->stream))
		return 0;
	c->sending = true;
	slsc_rt_deadline_in(c, WRITE_MS);
	return slsc_rt_conn_pump(c) < 0 ? -1 : 0;
}

/* Refuse the request and the connection with it: where the next one starts is unknown. */
static void conn_refuse(struct conn *c, int status)
{
	struct slsc_response res;

	slsc_rt_response_init(&res);
	slsc_response_error(&res, status, slsc_rt_reason(status));
	c->close = true;
	(void)conn_respond(c, &res, false);
}

static int conn_handle(struct conn *c)
{
	struct slsc_response res;
	int rc;

	slsc_rt_response_init(&res);
	memset(&ctx, 0, offsetof(struct slsc_ctx, fail_type));
	ctx.request_id = req_head.request_id;
	ctx.trace_id = req_head.trace_id;
	slsc_rt_deadline_set(&ctx, &req_head);
	c->close = req_head.framing.close || slsc_rt_srv.stopping;
	slsc_rt_http_call(&ctx, &req, &res);
	rc = conn_respond(c, &res, slsc_str_eq(req.method, "HEAD"));
	slsc_rt_arena_reset();
	slsc_rt_response_release(&res);
	return rc;
}

/* A head begins at @buf. Returns 1 when a request with its body is expected, 0, or -1. */
static int conn_head(struct conn *c, const char *buf, size_t len)
{
	ssize_t head = slsc_rt_head_end(buf, len, &c->scan);
	bool line = len <= LINE_MAX_BYTES || memchr(buf, '\n', LINE_MAX_BYTES);
	int rc = 0;

	if (head < 0)
		rc = 400;
	else if ((head ? (size_t)head : len) > SLSC_HTTP_HEAD_MAX || (!head && !line))
		rc = line ? 431 : 414;
	else if (!head)
		return 0;
	else
		rc = slsc_rt_request_parse(buf, (size_t)head, &req, req_fields, &req_head);
	if (!rc && req_head.framing.length > slsc_rt_srv.body_max)
		rc = 413;
	if (rc) {
		req_head.http10 = false;
		conn_refuse(c, rc);
		return -1;
	}
	c->head_len = (size_t)head;
	c->chunked = req_head.framing.chunked;
	c->body_len = (size_t)req_head.framing.length;
	c->state = CONN_BODY;
	if (c->chunked || c->body_len) {
		memset(&c->chunks, 0, sizeof(c->chunks));
		slsc_rt_deadline_in(c, BODY_MS);
		if (req_head.expect_continue && len == c->head_len) {
			static const char cont[] = "HTTP/1.1 100 Continue\r\n\r\n";

			memcpy(batch_buf + batch_len, cont, sizeof(cont) - 1);
			batch_len += sizeof(cont) - 1;
		}
	}
	return 1;
}

/*
 * Take one step with the @*len bytes at @buf. Returns the length of a request that has been
 * answered, 0 when more is needed, -1 when the connection takes no more requests. A chunked
 * body is decoded in place, which makes @*len smaller.
 */
static ssize_t conn_step(struct conn *c, char *buf, size_t *len)
{
	bool parsed = false;
	size_t used, at;
	int rc;

	if (c->state == CONN_HEAD) {
		/* A line end before a request line is to be ignored (RFC 9112, 2.2). */
		if (!c->scan && buf[0] == '\r') {
			if (*len < 2)
				return 0;
			if (buf[1] == '\n')
				return 2;
		}
		rc = conn_head(c, buf, *len);
		if (rc <= 0)
			return rc;
		parsed = true;
	}
	if (c->chunked) {
		at = c->head_len + c->body_len;
		rc = slsc_rt_chunked_step(&c->chunks, buf + c->head_len, &c->body_len, slsc_rt_srv.body_max,
					  buf + at, *len - at, &used);
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
	/* The buffer may have moved since the head was parsed, and another request come between. */
	if (!parsed)
		(void)slsc_rt_request_parse(buf, c->head_len, &req, req_fields, &req_head);
	req.body = (struct slsc_str){buf + c->head_len, c->body_len};
	used = c->head_len + c->body_len;
	if (conn_handle(c) || c->close)
		return -1;
	if (c->waiting) {
		c->state = CONN_HEAD;
		c->scan = 0;
	} else {
		slsc_rt_conn_next(c);
		if (c->sending)
			slsc_rt_deadline_in(c, WRITE_MS);
	}
	return (ssize_t)used;
}

/*
 * Handle every whole request among the @len bytes at @buf, which is the private buffer or
 * the shared one; keep what is left over.
 */
static void conn_requests(struct conn *c, char *buf, size_t len)
{
	size_t pos = 0;

	/* An answer that is not gone yet holds the next request back. */
	while (pos < len && !c->sending) {
		size_t left = len - pos;
		ssize_t n;

		if (batch_len > sizeof(batch_buf) - HEAD_ROOM) {
			if (batch_flush(c))
				return;
			continue;
		}
		n = conn_step(c, buf + pos, &left);
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
	if (c->state == CONN_HEAD && !c->sending && pos)
		slsc_rt_deadline_in(c, HEAD_MS);
	if (buf == scratch && !pos && len >= SCRATCH / 4) {
		/* The start of something large goes on where it is. */
		slsc_rt_region_adopt(&c->in, scratch, SCRATCH, len);
		scratch = NULL;
		return;
	}
	if (buf != c->in.ptr) {
		if (slsc_rt_region_grow(&c->in, len)) {
			if (c->sending)
				slsc_rt_conn_close(c);
			else
				conn_refuse(c, 503);
			return;
		}
		memcpy(c->in.ptr, buf + pos, len);
	} else if (pos) {
		memmove(buf, buf + pos, len);
	}
	c->in.len = len;
}

static void conn_process(struct conn *c, char *buf, size_t len)
{
	conn_requests(c, buf, len);
	if (c->fd < 0 || batch_flush(c))
		return;
	if (c->close && !c->sending)
		slsc_rt_conn_linger(c);
}

/* Twice as much as has come already, but not more than is going to come. */
static size_t more_room(const struct conn *c)
{
	size_t want = c->in.cap * 2, all = c->head_len + c->body_len;

	return c->state == CONN_BODY && !c->chunked && all > c->in.cap && all < want ? all : want;
}

void slsc_rt_conn_readable(struct conn *c)
{
	for (unsigned turn = 0; c->readable && !c->sending; turn++) {
		size_t len = c->in.len, cap = SCRATCH;
		char *buf;
		ssize_t n;

		if (turn == READS_MAX) {
			slsc_rt_conn_again(c);
			return;
		}
		if (!scratch) {
			scratch = mmap(NULL, SCRATCH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			if (scratch == MAP_FAILED) {
				scratch = NULL;
				slsc_rt_conn_close(c);
				return;
			}
		}
		buf = scratch;
		if (c->in.ptr && c->state != CONN_LINGER) {
			if (c->in.len == c->in.cap && slsc_rt_region_grow(&c->in, more_room(c))) {
				conn_refuse(c, 503);
				conn_process(c, NULL, 0);
				return;
			}
			buf = c->in.ptr;
			cap = c->in.cap;
		}
		do {
			n = recv(c->fd, buf + len, cap - len, 0);
		} while (n < 0 && errno == EINTR);
		if (n < 0 && errno == EAGAIN) {
			c->readable = false;
			if (slsc_rt_srv.stopping && c->state == CONN_HEAD && !c->in.ptr)
				slsc_rt_conn_close(c);
			return;
		}
		if (n <= 0) {
			slsc_rt_conn_close(c);
			return;
		}
		/* Less than there was room for: more will raise an event, but not an end already told. */
		if ((size_t)n < cap - len && !c->hup)
			c->readable = false;
		if (c->state == CONN_LINGER)
			continue;
		if (!c->in.ptr && c->state == CONN_HEAD)
			slsc_rt_deadline_in(c, HEAD_MS);
		conn_process(c, buf, len + (size_t)n);
		if (c->fd < 0)
			return;
	}
}

static void conn_writable(struct conn *c)
{
	if (slsc_rt_conn_pump(c))
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
	if (c->fd >= 0)
		slsc_rt_conn_readable(c);
}

void slsc_rt_conn_event(struct conn *c, uint32_t events)
{
	/* Reset: nobody is there any more. */
	if (events & EPOLLERR) {
		slsc_rt_conn_close(c);
		return;
	}
	if (events & (EPOLLRDHUP | EPOLLHUP))
		c->hup = true;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
		c->readable = true;
	if (!c->sending)
		slsc_rt_conn_readable(c);
	else if ((events & (EPOLLOUT | EPOLLHUP)) && !c->waiting)
		conn_writable(c);
}

void slsc_rt_conn_expired(struct conn *c)
{
	if (c->waiting) {
		c->waiting = false;
		slsc_rt_deadline_in(c, WRITE_MS);
		conn_writable(c);
		return;
	}
	/* 408 only to who has begun a request and waits for us, not the other way round. */
	if (c->state == CONN_LINGER || c->sending || !c->in.ptr) {
		slsc_rt_conn_close(c);
		return;
	}
	req_head.http10 = false;
	conn_refuse(c, 408);
	conn_process(c, NULL, 0);
}
