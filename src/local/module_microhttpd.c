/* SPDX-License-Identifier: Apache-2.0 */
/* The only user of libmicrohttpd. Loaded late: see os/late.h. Calls back into src/base and src/os only. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>

#include "base/mem.h"
#include "local/web.h"

extern const struct web_ops slsc_module_microhttpd;

#define CONNECTIONS 60000
#define SWALLOW 8		/* a body of this many times its limit is taken, to be refused in peace */
#define CONNECTION_MEMORY (16u << 10)	/* headers of a request, and what is read at a time */

struct daemon {
	struct MHD_Daemon *mhd;
	const struct web_events *events;
};

/* What a connection knows between requests. */
struct conn {
	struct buf uri;
};

static int fd_of(struct MHD_Connection *c)
{
	return MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

/* libmicrohttpd decodes in place what it gives to the handler. */
static void *keep_uri(void *cls, const char *uri, struct MHD_Connection *c)
{
	struct conn *conn = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

	(void)cls;
	buf_reset(&conn->uri);
	buf_addz(&conn->uri, uri);
	return NULL;
}

static size_t not_decoded(void *cls, struct MHD_Connection *c, char *s)
{
	(void)cls;
	(void)c;
	return strlen(s);
}

static void connection_changes(void *cls, struct MHD_Connection *c, void **context,
			       enum MHD_ConnectionNotificationCode what)
{
	struct daemon *d = cls;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		struct conn *conn = xcalloc(1, sizeof(*conn));

		buf_init(&conn->uri);
		*context = conn;
		/* those with a timeout of their own are all looked at each time: they are the fewer ones */
		if (d->events->opened(d->events->web, fd_of(c)))
			(void)MHD_set_connection_option(c, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
	} else if (*context) {
		struct conn *conn = *context;

		d->events->gone(d->events->web, fd_of(c));
		buf_release(&conn->uri);
		free(conn);
		*context = NULL;
	}
}

static void rest(struct web_req *req)
{
	req->resting = true;
	MHD_suspend_connection(req->connection);
}

static enum MHD_Result refuse(struct web_req *req)
{
	return req->answered ? MHD_YES : MHD_NO;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *c, const char *url, const char *method,
			      const char *version, const char *upload, size_t *size, void **context)
{
	struct daemon *d = cls;
	struct web_req *req = *context;

	(void)url;
	(void)version;
	if (!req) {
		struct conn *conn = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
		const union MHD_ConnectionInfo *peer = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

		req = d->events->request(d->events->web, fd_of(c), c, method, conn->uri.ptr);
		*context = req;
		if (!req)
			return MHD_NO;
		if (peer && peer->client_addr)
			memcpy(&req->peer, peer->client_addr, peer->client_addr->sa_family == AF_INET6
			       ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
		req->began = true;
		return d->events->accepts(req) ? MHD_YES : refuse(req);
	}
	if (req->dropped)
		return MHD_NO;
	if (req->answered) {
		*size = 0;
		return MHD_YES;
	}
	if (*size) {
		size_t took = *size;

		req->length += *size;
		if (req->length > req->limit) {
			/* no answer can be given before its end */
			if (req->length / SWALLOW > req->limit)
				return MHD_NO;
			req->large = true;
			buf_release(&req->body);
		} else if (req->data) {
			took = req->data(req, upload, *size);
		} else {
			buf_add(&req->body, upload, *size);
		}
		req->length -= *size - took;
		*size -= took;
		if (*size)
			rest(req);
		return MHD_YES;
	}
	if (!req->whole) {
		req->whole = true;
		d->events->ready(req);
	}
	if (req->dropped)
		return MHD_NO;
	if (!req->answered)
		rest(req);
	return MHD_YES;
}

static void completed(void *cls, struct MHD_Connection *c, void **context, enum MHD_RequestTerminationCode why)
{
	struct daemon *d = cls;

	(void)c;
	if (*context)
		d->events->completed(*context, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	*context = NULL;
}

/* What it says of broken requests concerns their senders, whom it answers. */
static void quiet(void *cls, const char *fmt, va_list ap)
{
	(void)cls;
	(void)fmt;
	(void)ap;
}

static void *start(const struct web_events *events, unsigned idle)
{
	struct daemon *d = xcalloc(1, sizeof(*d));

	d->events = events;
	d->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO |
				  MHD_USE_SUPPRESS_DATE_NO_CLOCK | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle, d,
				  MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL,
				  MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
				  MHD_OPTION_CONNECTION_TIMEOUT, idle,
				  MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
				  MHD_OPTION_NOTIFY_CONNECTION, connection_changes, d,
				  MHD_OPTION_NOTIFY_COMPLETED, completed, d,
				  MHD_OPTION_URI_LOG_CALLBACK, keep_uri, d,
				  MHD_OPTION_UNESCAPE_CALLBACK, not_decoded, d,
				  MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
				  MHD_OPTION_END);
	if (d->mhd)
		return d;
	free(d);
	return NULL;
}

static void stop(void *daemon)
{
	struct daemon *d = daemon;

	MHD_stop_daemon(d->mhd);
	free(d);
}

static int epoll_fd(void *daemon)
{
	struct daemon *d = daemon;

	return MHD_get_daemon_info(d->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

static void run(void *daemon)
{
	struct daemon *d = daemon;

	(void)MHD_run(d->mhd);
}

static int64_t timeout(void *daemon)
{
	struct daemon *d = daemon;
	MHD_UNSIGNED_LONG_LONG ms;

	return MHD_get_timeout(d->mhd, &ms) == MHD_YES ? (int64_t)ms : -1;
}

static int add(void *daemon, int fd, const struct sockaddr *peer, socklen_t len)
{
	struct daemon *d = daemon;

	return MHD_add_connection(d->mhd, fd, peer, len) == MHD_YES ? 0 : -1;
}

static const char *header(void *connection, bool trailer, const char *name)
{
	return MHD_lookup_connection_value(connection, trailer ? MHD_FOOTER_KIND : MHD_HEADER_KIND, name);
}

struct each {
	void (*fn)(const char *, const char *, void *);
	void *ctx;
};

static enum MHD_Result each_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct each *e = cls;

	(void)kind;
	e->fn(name, value ? value : "", e->ctx);
	return MHD_YES;
}

static void headers(void *connection, void (*fn)(const char *, const char *, void *), void *ctx)
{
	struct each e = { fn, ctx };

	MHD_get_connection_values(connection, MHD_HEADER_KIND, each_header, &e);
}

static void resume(struct web_req *req)
{
	if (!req->resting)
		return;
	req->resting = false;
	MHD_resume_connection(req->connection);
}

static void respond(struct web_req *req, unsigned status, struct MHD_Response *r, const struct web_header *h, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (h[i].name && h[i].value)
			(void)MHD_add_response_header(r, h[i].name, h[i].value);
	req->answered = true;
	if (MHD_queue_response(req->connection, status, r) != MHD_YES)
		req->dropped = true;
	MHD_destroy_response(r);
	resume(req);
}

static void answer(struct web_req *req, unsigned status, const struct web_header *h, size_t n, void *body, size_t len,
		   bool copy)
{
	respond(req, status, MHD_create_response_from_buffer(len, body, copy ? MHD_RESPMEM_MUST_COPY
							     : MHD_RESPMEM_MUST_FREE), h, n);
}

static ssize_t more(void *cls, uint64_t at, char *to, size_t max)
{
	struct web_req *req = cls;
	size_t left = req->out.len - req->sent, n = left < max ? left : max;

	(void)at;
	if (!n) {
		if (req->ended)
			return req->dropped ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
		rest(req);
		return 0;
	}
	memcpy(to, req->out.ptr + req->sent, n);
	req->sent += n;
	if (req->sent == req->out.len) {
		buf_reset(&req->out);
		req->sent = 0;
	}
	if (left > WEB_STREAM_MAX / 2 && left - n <= WEB_STREAM_MAX / 2 && req->drained)
		req->drained(req);
	return (ssize_t)n;
}

static void stream(struct web_req *req, unsigned status, const struct web_header *h, size_t n, uint64_t length)
{
	req->streaming = true;
	respond(req, status, MHD_create_response_from_callback(length == WEB_LENGTH_UNKNOWN ? MHD_SIZE_UNKNOWN : length,
							       64u << 10, more, req, NULL), h, n);
}

const struct web_ops slsc_module_microhttpd = {
	.start = start, .stop = stop, .fd = epoll_fd, .run = run, .timeout = timeout, .add = add, .header = header,
	.headers = headers, .answer = answer, .stream = stream, .resume = resume,
};
