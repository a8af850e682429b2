/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_WEB_H
#define SLSC_LOCAL_WEB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "local/loop.h"

/*
 * HTTP/1.1 servers within the event loop, on libmicrohttpd, which is loaded late (os/late.h: it brings a TLS library
 * along). Every call here and every callback is of the loop's thread. A request is answered at any time after it came:
 * until then its connection rests.
 */

struct web_req;

/** What a port serves; it stays in place as long as its listener. */
struct web_service {
	uint64_t limit;			/* of a body: too_large() is called instead of ready() */
	/* the headers are there; may answer, may set req->data. NULL: nothing to do */
	void (*begin)(struct web_req *req);
	/* the whole request is there: in req->body, if req->data took nothing */
	void (*ready)(struct web_req *req);
	/* it is over, answered or not, and gone after this: @whole is false when the other side left. May be NULL */
	void (*closed)(struct web_req *req, bool whole);
	/* the other side closed while its request rests; the request is closed next. May be NULL: then nobody asks */
	void (*hangup)(struct web_req *req);
	/* answers it, perhaps before its body has come; NULL: a plain 413 */
	void (*too_large)(struct web_req *req);
	bool patient;			/* its connections may have nothing to do for good */
	void *ctx;
};

struct web_header {
	const char *name, *value;
};

struct web_req {
	const struct web_service *service;
	struct web_listener *listener;
	const char *method;		/* "GET"; borrowed, as long as the request */
	struct str path, query;		/* raw: as they were sent; without the "?" */
	struct buf body;
	uint64_t length;		/* of the body, as far as it has come */
	uint64_t limit;			/* of the body; begin() may change the service's */
	struct sockaddr_storage peer;
	void *ctx;			/* of who serves it */
	const void *calls;		/* likewise: what ctx is */
	/* takes the body as it comes. Returns how much it took: less than @n: nothing more comes until web_more() */
	size_t (*data)(struct web_req *req, const char *p, size_t n);
	/* a streamed answer has less than half of WEB_STREAM_MAX left to send again. May be NULL */
	void (*drained)(struct web_req *req);
	/* the server's own */
	void *connection;
	struct web_conn *conn;
	struct buf uri, out;
	size_t sent;			/* of out */
	bool began, whole, resting, answered, streaming, ended, dropped, large, watched;
};

/*
 * Bytes that the headers of a request and of its answer may have together, 64 more for each: else the answer cannot be
 * sent, and the connection is closed.
 */
#define WEB_HEADERS_MAX (14u << 10)
#define WEB_STREAM_MAX (256u << 10)	/* what a streamed answer has in memory before its writer should wait */

/* What the late part tells. */
struct web_events {
	struct web_req *(*request)(void *web, int fd, void *connection, const char *method, const char *uri);
	bool (*accepts)(struct web_req *req);	/* the headers came; false: refused, answered or not */
	void (*ready)(struct web_req *req);
	void (*completed)(struct web_req *req, bool whole);
	bool (*opened)(void *web, int fd);	/* whether it may have nothing to do for good */
	void (*gone)(void *web, int fd);
	void *web;
};

struct web {
	struct loop *loop;
	const struct web_ops *ops;
	void *daemon;
	struct web_events events;
	struct loop_io io;
	struct loop_timer later;	/* libmicrohttpd's own */
	bool turn;			/* something to do before the next wait */
	VEC(struct web_conn *) conns;	/* by descriptor */
	size_t nconns;
};

#define WEB_IDLE_S 120
/**
 * web_start - @idle: seconds after which a connection is closed that neither sends nor takes anything while nothing is
 * under way for it; 0: never. ERR_TOOL: libmicrohttpd is not there; ERR_IO. It takes over loop->before.
 */
int web_start(struct web *w, struct loop *loop, unsigned idle, struct err *err) MUST_CHECK;
/** web_stop - closes all connections; requests that rest are closed. After the listeners. */
void web_stop(struct web *w);

struct web_listener {
	struct web *web;
	const struct web_service *service;
	struct loop_io io;
	struct loop_timer again;	/* after a lack of descriptors */
	uint16_t port;
};

/**
 * web_listen - accept on @address ("127.0.0.1"), @port 0: a free one, which goes to @l->port. ERR_IO "cannot listen on
 * 127.0.0.1:9000: Address already in use", with a hint.
 */
int web_listen(struct web *w, struct web_listener *l, const char *address, uint16_t port,
	       const struct web_service *service, struct err *err) MUST_CHECK;
/** web_unlisten - accept nothing more, and close its connections; requests that rest are closed, and nobody is told. */
void web_unlisten(struct web_listener *l);

/** web_header - the value of @name (any case), or NULL; borrowed as long as the request. */
const char *web_header(const struct web_req *req, const char *name);
/** web_trailer - the same of what came after a chunked body. */
const char *web_trailer(const struct web_req *req, const char *name);
/** web_headers - all, in order; names as they were sent. */
void web_headers(const struct web_req *req, void (*each)(const char *name, const char *value, void *ctx), void *ctx);

/**
 * web_answer - a whole answer; @headers: @n, borrowed; the body is copied. Content-Length, Connection and the like are
 * the server's. Names and values must not hold CR, LF or NUL: such a header is left out.
 */
void web_answer(struct web_req *req, unsigned status, const struct web_header *headers, size_t n, const void *body,
		size_t len);
/** web_answer_take - the same with a body from malloc(), which is taken over. */
void web_answer_take(struct web_req *req, unsigned status, const struct web_header *headers, size_t n, void *body,
		     size_t len);
/** web_stream - an answer whose body follows by web_write(), chunked; ends with web_end(). */
void web_stream(struct web_req *req, unsigned status, const struct web_header *headers, size_t n);
/**
 * web_stream_sized - the same with a Content-Length: an end before that cuts the connection. Where HTTP has no body,
 * with HEAD, 204 and 304, @length is only told, and the request may be over before web_end().
 */
void web_stream_sized(struct web_req *req, unsigned status, const struct web_header *headers, size_t n,
		      uint64_t length);
#define WEB_LENGTH_UNKNOWN UINT64_MAX
/**
 * web_watch - have @req closed as soon as the other side closes, though it rests or has nothing to send: else that is
 * seen when something is sent. For a request that is whole.
 */
void web_watch(struct web_req *req);
/** web_write - returns how much is waiting to be sent: past WEB_STREAM_MAX, wait for drained(). */
size_t web_write(struct web_req *req, const void *p, size_t n);
/** web_end - @whole: false cuts the connection, so that the other side sees that something is missing. */
void web_end(struct web_req *req, bool whole);
/** web_more - data() can take more. */
void web_more(struct web_req *req);

/* ---- what the late part does; web.c alone calls these ---- */

struct web_ops {
	void *(*start)(const struct web_events *events, unsigned idle);	/* NULL: errno says why */
	void (*stop)(void *daemon);
	int (*fd)(void *daemon);
	void (*run)(void *daemon);
	int64_t (*timeout)(void *daemon);	/* milliseconds; -1: none */
	int (*add)(void *daemon, int fd, const struct sockaddr *peer, socklen_t len);
	const char *(*header)(void *connection, bool trailer, const char *name);
	void (*headers)(void *connection, void (*each)(const char *, const char *, void *), void *ctx);
	void (*answer)(struct web_req *req, unsigned status, const struct web_header *headers, size_t n, void *body,
		       size_t len, bool copy);
	void (*stream)(struct web_req *req, unsigned status, const struct web_header *headers, size_t n,
		       uint64_t length);
	void (*resume)(struct web_req *req);
};

#endif
