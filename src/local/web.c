/* SPDX-License-Identifier: Apache-2.0 */
#include "local/web.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "os/late.h"

#define BATCH 64		/* connections that are accepted at a time, so that none keeps requests waiting */
#define NO_FD_NS (50 * LOOP_MS)

/* One of libmicrohttpd's connections. */
struct web_conn {
	struct web *web;
	struct web_listener *listener;	/* NULL: it is gone */
	struct web_req *req;		/* what is under way */
	struct loop_io hangup;
	int fd;
	bool drop;			/* close it after what is under way */
};

/* ---- libmicrohttpd within the loop ---- */

static bool turn(void *ctx)
{
	struct web *w = ctx;
	int64_t ms;

	/* an answer lets the next request in, whose answer may be there at once: but others have events, too */
	for (int i = 0; i < 4 && w->turn; i++) {
		w->turn = false;
		w->ops->run(w->daemon);
		if (w->ops->timeout(w->daemon) == 0)
			w->turn = true;
	}
	ms = w->turn ? -1 : w->ops->timeout(w->daemon);
	if (ms > 0)
		loop_timer_set(w->loop, &w->later, (uint64_t)ms * LOOP_MS);
	return w->turn;
}

static void readable(struct loop_io *io, uint32_t events)
{
	(void)events;
	CONTAINER_OF(io, struct web, io)->turn = true;
}

static void later(struct loop_timer *t)
{
	CONTAINER_OF(t, struct web, later)->turn = true;
}

static void drop(struct web_req *req)
{
	req->dropped = true;
}

/* Serves what is left of a listener that is gone. */
static const struct web_service nobody = { .ready = drop };

static struct web_conn *conn_at(struct web *w, int fd)
{
	return (size_t)fd < w->conns.len ? w->conns.ptr[fd] : NULL;
}

/* ---- requests ---- */

static struct web_req *request(void *web, int fd, void *connection, const char *method, const char *uri)
{
	struct web_conn *c = conn_at(web, fd);
	struct web_req *req;
	const char *q;

	if (!c || !c->listener)
		return NULL;
	req = xcalloc(1, sizeof(*req));
	req->connection = connection;
	req->listener = c->listener;
	req->service = c->listener->service;
	req->limit = req->service->limit;
	req->method = method;
	buf_init(&req->body);
	buf_init(&req->out);
	buf_init(&req->uri);
	buf_addz(&req->uri, uri);
	q = strchr(req->uri.ptr, '?');
	req->path = (struct str){ req->uri.ptr, q ? (size_t)(q - req->uri.ptr) : req->uri.len };
	req->query = q ? str_from(q + 1) : STR("");
	req->conn = c;
	c->req = req;
	return req;
}

static void refuse_large(struct web_req *req)
{
	static const char text[] = "the body is too large\n";
	static const struct web_header type = { "Content-Type", "text/plain" };

	if (req->service->too_large)
		req->service->too_large(req);
	else
		web_answer(req, 413, &type, 1, text, sizeof(text) - 1);
}

static bool accepts(struct web_req *req)
{
	const char *length = web_header(req, "Content-Length"), *expect = web_header(req, "Expect");
	uint64_t n;

	if (req->service->begin) {
		req->service->begin(req);
		if (req->answered)
			return true;
	}
	if (length && str_parse_u64(str_from(length), &n) == 0) {
		/* who waits to be told to go on is told not to; others have sent it anyway */
		if (n > req->limit && expect && strcasecmp(expect, "100-continue") == 0)
			refuse_large(req);
		else if (n <= req->limit && !req->data)
			buf_reserve(&req->body, n < (1u << 20) ? n : 1u << 20);
	}
	return true;
}

static void ready(struct web_req *req)
{
	if (req->large)
		refuse_large(req);
	else
		req->service->ready(req);
}

static void completed(struct web_req *req, bool whole)
{
	struct web_conn *c = req->conn;

	if (req->service->closed)
		req->service->closed(req, whole && req->answered && !req->dropped);
	c->req = NULL;
	buf_release(&req->body);
	buf_release(&req->out);
	buf_release(&req->uri);
	free(req);
}

/* ---- connections ---- */

static void hung_up(struct loop_io *io, uint32_t events)
{
	struct web_conn *c = CONTAINER_OF(io, struct web_conn, hangup);

	(void)events;
	loop_io_del(c->web->loop, io);
	if (!c->req || !c->req->whole || c->req->ended || (c->req->answered && !(c->req->streaming && c->req->watched)))
		return;
	if (c->req->service->hangup)
		c->req->service->hangup(c->req);
	else if (!c->req->watched)
		return;
	/* of an answer that has begun nothing more is made */
	c->req->dropped = c->req->ended = true;
	c->web->turn = true;
	c->web->ops->resume(c->req);
}

static void watch_hangup(struct web_conn *c)
{
	struct err err;

	if (c->hangup.slot)
		return;
	c->hangup = (struct loop_io){ .fd = c->fd, .ready = hung_up };
	if (loop_io_add(c->web->loop, &c->hangup, EPOLLRDHUP | EPOLLET, &err) < 0)
		c->hangup.slot = 0;
}

static bool opened(void *web, int fd)
{
	struct web_conn *c = conn_at(web, fd);

	/* without this it works, too, but for a function that closes while it waits */
	if (c && c->listener && c->listener->service->hangup)
		watch_hangup(c);
	return c && c->listener && c->listener->service->patient;
}

static void forget(struct web *w, int fd)
{
	struct web_conn *c = conn_at(w, fd);

	if (!c)
		return;
	loop_io_del(w->loop, &c->hangup);
	w->conns.ptr[fd] = NULL;
	w->nconns--;
	free(c);
}

static void gone(void *web, int fd)
{
	forget(web, fd);
}

static int take(struct web_listener *l, int fd, const struct sockaddr *peer, socklen_t len)
{
	struct web *w = l->web;
	struct web_conn *c = xcalloc(1, sizeof(*c));
	int one = 1;

	while (w->conns.len <= (size_t)fd)
		VEC_PUSH(&w->conns, NULL);
	c->web = w;
	c->listener = l;
	c->fd = fd;
	w->conns.ptr[fd] = c;
	w->nconns++;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	w->turn = true;
	if (w->ops->add(w->daemon, fd, peer, len) == 0)
		return 0;
	/* it has closed the descriptor */
	forget(w, fd);
	return -1;
}

static void again(struct loop_timer *t)
{
	struct web_listener *l = CONTAINER_OF(t, struct web_listener, again);
	struct err err;

	if (!l->io.slot && loop_io_add(l->web->loop, &l->io, EPOLLIN, &err) < 0)
		loop_timer_set(l->web->loop, &l->again, NO_FD_NS);
}

static void acceptable(struct loop_io *io, uint32_t events)
{
	struct web_listener *l = CONTAINER_OF(io, struct web_listener, io);

	(void)events;
	for (int i = 0; i < BATCH; i++) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		int fd = accept4(io->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
				/* those that wait in the kernel would wake us for nothing */
				loop_io_del(l->web->loop, io);
				loop_timer_set(l->web->loop, &l->again, NO_FD_NS);
			}
			return;
		}
		if (take(l, fd, (struct sockaddr *)&peer, len) < 0)
			return;
	}
}

/* ---- */

int web_start(struct web *w, struct loop *loop, unsigned idle, struct err *err)
{
	struct web_events *ev = &w->events;

	memset(w, 0, sizeof(*w));
	w->loop = loop;
	w->ops = late_load("microhttpd", err);
	if (!w->ops)
		return -1;
	*ev = (struct web_events){ .request = request, .accepts = accepts, .ready = ready, .completed = completed,
				   .opened = opened, .gone = gone, .web = w };
	w->daemon = w->ops->start(ev, idle);
	if (!w->daemon)
		return err_sys(err, "cannot start an HTTP server");
	w->later.expired = later;
	w->io = (struct loop_io){ .fd = w->ops->fd(w->daemon), .ready = readable };
	loop->before = turn;
	loop->ctx = w;
	return loop_io_add(loop, &w->io, EPOLLIN, err);
}

void web_stop(struct web *w)
{
	if (!w->daemon)
		return;
	for (size_t i = 0; i < w->conns.len; i++) {
		struct web_conn *c = w->conns.ptr[i];

		if (c && c->req && c->req->resting) {
			c->req->dropped = c->req->ended = true;
			w->ops->resume(c->req);
		}
	}
	w->ops->run(w->daemon);
	loop_io_del(w->loop, &w->io);
	loop_timer_stop(w->loop, &w->later);
	w->ops->stop(w->daemon);
	w->daemon = NULL;
	w->loop->before = NULL;
	VEC_FREE(&w->conns);
}

int web_listen(struct web *w, struct web_listener *l, const char *address, uint16_t port,
	       const struct web_service *service, struct err *err)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = { .v4 = { .sin_family = AF_INET, .sin_port = htons(port) } };
	socklen_t len = sizeof(a.v4);
	CLEAN_FD int fd = -1;
	int one = 1;

	*l = (struct web_listener){ .web = w, .service = service, .io = { .fd = -1 }, .again = { .expired = again } };
	if (inet_pton(AF_INET, address, &a.v4.sin_addr) != 1) {
		a.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
		len = sizeof(a.v6);
		if (inet_pton(AF_INET6, address, &a.v6.sin6_addr) != 1)
			return err_set(err, ERR_USAGE, "'%s' is no IP address", address);
	}
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, "cannot make a socket");
	if (port)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &a.any, len) < 0 || listen(fd, SOMAXCONN) < 0) {
		int e = errno;

		err_sys(err, "cannot listen on %s:%u", address, port);
		if (e == EADDRINUSE)
			err_hint(err, "choose another with --port, or 0 for any that is free");
		return -1;
	}
	if (getsockname(fd, &a.any, &len) < 0)
		return err_sys(err, "cannot tell the port of a socket");
	l->port = ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
	l->io = (struct loop_io){ .fd = fd, .ready = acceptable };
	if (loop_io_add(w->loop, &l->io, EPOLLIN, err) < 0)
		return -1;
	steal_fd(&fd);
	return 0;
}

void web_unlisten(struct web_listener *l)
{
	if (l->io.fd < 0)
		return;
	loop_timer_stop(l->web->loop, &l->again);
	loop_io_del(l->web->loop, &l->io);
	close(l->io.fd);
	l->io.fd = -1;
	for (size_t i = 0; i < l->web->conns.len; i++) {
		struct web_conn *c = l->web->conns.ptr[i];

		if (!c || c->listener != l)
			continue;
		c->listener = NULL;
		/* what is not answered yet never will be, and nobody is told */
		if (c->req) {
			c->req->service = &nobody;
			c->req->listener = NULL;
			c->req->data = NULL;
			c->req->drained = NULL;
			if (c->req->resting) {
				c->req->dropped = c->req->ended = true;
				l->web->ops->resume(c->req);
			}
		}
		(void)shutdown((int)i, SHUT_RD);
		l->web->turn = true;
	}
}

/* ---- what services call ---- */

const char *web_header(const struct web_req *req, const char *name)
{
	return req->conn->web->ops->header(req->connection, false, name);
}

const char *web_trailer(const struct web_req *req, const char *name)
{
	return req->conn->web->ops->header(req->connection, true, name);
}

void web_headers(const struct web_req *req, void (*each)(const char *name, const char *value, void *ctx), void *ctx)
{
	req->conn->web->ops->headers(req->connection, each, ctx);
}

static struct web *web_of(struct web_req *req)
{
	struct web *w = req->conn->web;

	w->turn = true;
	return w;
}

void web_answer(struct web_req *req, unsigned status, const struct web_header *headers, size_t n, const void *body,
		size_t len)
{
	if (!req->answered)
		web_of(req)->ops->answer(req, status, headers, n, (void *)(uintptr_t)body, len, true);
}

void web_answer_take(struct web_req *req, unsigned status, const struct web_header *headers, size_t n, void *body,
		     size_t len)
{
	if (!req->answered)
		web_of(req)->ops->answer(req, status, headers, n, body, len, false);
	else
		free(body);
}

void web_stream(struct web_req *req, unsigned status, const struct web_header *headers, size_t n)
{
	web_stream_sized(req, status, headers, n, WEB_LENGTH_UNKNOWN);
}

void web_stream_sized(struct web_req *req, unsigned status, const struct web_header *headers, size_t n,
		      uint64_t length)
{
	if (!req->answered)
		web_of(req)->ops->stream(req, status, headers, n, length);
}

void web_watch(struct web_req *req)
{
	req->watched = true;
	watch_hangup(req->conn);
}

size_t web_write(struct web_req *req, const void *p, size_t n)
{
	/* a reader that is never quite done would have all of it kept */
	if (req->sent > WEB_STREAM_MAX && req->sent >= req->out.len - req->sent) {
		memmove(req->out.ptr, req->out.ptr + req->sent, req->out.len - req->sent + 1);
		req->out.len -= req->sent;
		req->sent = 0;
	}
	buf_add(&req->out, p, n);
	web_of(req)->ops->resume(req);
	return req->out.len - req->sent;
}

void web_end(struct web_req *req, bool whole)
{
	req->ended = true;
	req->dropped = !whole;
	web_of(req)->ops->resume(req);
}

void web_more(struct web_req *req)
{
	web_of(req)->ops->resume(req);
}
