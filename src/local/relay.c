/* SPDX-License-Identifier: Apache-2.0 */
#include "local/relay.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define TRIES 3			/* instances that refuse a connection, until it is said so */
#define HEADER_COSTS 64
#define LOGGED_MAX 512		/* bytes of a request's line in the log */

/* One request under way. */
struct relay_call {
	struct exchange x;
	struct invocation *inv;
	struct web_req *req;		/* who asks; NULL: nobody at the gateway, or they have left */
	struct guard_pass pass;
	char *method, *target;
	struct strs headers;		/* of the request; from own on those of the trace, of when it is given */
	size_t own;
	size_t asked;			/* bytes that the request's headers take of WEB_HEADERS_MAX */
	unsigned tries;
	bool sending;			/* the exchange is under way */
	bool head;			/* the answer has begun to go out */
	bool whole;			/* and is all there */
	bool lost;			/* the connection is; why is to be seen */
	bool large;			/* more was answered than is collected */
};

static struct upstream *upstream_of(const struct invocation *inv)
{
	return &inv->fn->platform->relay->upstream;
}

/* ---- headers ---- */

/* A list of words, "keep-alive, X-Once": is @name among them? */
static bool is_listed(struct str list, const char *name)
{
	while (list.len) {
		struct str rest = str_cut(&list, ','), word = str_trim(list);

		if (word.len == strlen(name) && strncasecmp(word.ptr, name, word.len) == 0)
			return true;
		list = rest;
	}
	return false;
}

/* RFC 9110, 7.6.1: of one connection alone; @connection: what its Connection headers name. */
static bool is_hop(const char *name, struct str connection)
{
	static const char *const hop[] = { "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
					   "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade" };

	for (size_t i = 0; i < ARRAY_LEN(hop); i++)
		if (strcasecmp(name, hop[i]) == 0)
			return true;
	return is_listed(connection, name);
}

/* RFC 9110, 5.6.2. "Content-Length " is one thing to one server and another to the next. */
static bool is_token(const char *s)
{
	return *s && !s[strspn(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")];
}

static void add_header(struct strs *to, const char *name, const char *value)
{
	/* libcurl's way to say that it is there, and empty */
	if (*value)
		strs_addf(to, "%s: %s", name, value);
	else
		strs_addf(to, "%s;", name);
}

struct copy {
	struct relay_call *call;
	struct buf connection, forwarded;
};

static void see_header(const char *name, const char *value, void *ctx)
{
	struct copy *c = ctx;
	struct buf *b = strcasecmp(name, "Connection") == 0 ? &c->connection
			: strcasecmp(name, "X-Forwarded-For") == 0 ? &c->forwarded : NULL;

	if (b)
		buf_addf(b, "%s%s", b->len ? ", " : "", value);
	c->call->asked += strlen(name) + strlen(value) + HEADER_COSTS;
	if (strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Transfer-Encoding") == 0)
		c->call->x.has_body = true;
}

static void copy_header(const char *name, const char *value, void *ctx)
{
	/* the body's length is that of what came; the others are ours to say */
	static const char *const own[] = { "Content-Length", "Expect", "X-Forwarded-For", "X-Forwarded-Host",
					   "X-Forwarded-Proto", "X-Amzn-Trace-Id", "traceparent", "tracestate" };
	struct copy *c = ctx;

	if (!is_token(name) || is_hop(name, buf_str(&c->connection)))
		return;
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strcasecmp(name, own[i]) == 0)
			return;
	add_header(&c->call->headers, name, value);
}

static void add_peer(struct buf *b, const struct sockaddr_storage *peer)
{
	union {
		struct sockaddr_storage any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = { .any = *peer };
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(a.any.ss_family, a.any.ss_family == AF_INET6 ? (void *)&a.v6.sin6_addr : &a.v4.sin_addr, text,
		      sizeof(text)))
		buf_addf(b, "%s%s", b->len ? ", " : "", text);
}

static void copy_headers(struct relay_call *call, struct web_req *req)
{
	struct copy c = { .call = call, .connection = BUF_INIT, .forwarded = BUF_INIT };
	const char *host = web_header(req, "Host");

	call->asked = req->uri.len;
	web_headers(req, see_header, &c);
	web_headers(req, copy_header, &c);
	add_peer(&c.forwarded, &req->peer);
	add_header(&call->headers, "X-Forwarded-For", c.forwarded.ptr);
	if (host)
		add_header(&call->headers, "X-Forwarded-Host", host);
	add_header(&call->headers, "X-Forwarded-Proto", "http");
	if (!web_header(req, "X-Request-Id"))
		add_header(&call->headers, "X-Request-Id", call->inv->id);
	call->own = call->headers.len;
	buf_release(&c.connection);
	buf_release(&c.forwarded);
}

/* ---- its end ---- */

static unsigned status_of(const struct invocation *inv)
{
	if (!inv->is_given || inv->outcome == OUTCOME_THROTTLED || inv->outcome == OUTCOME_STOPPED)
		return 503;
	return inv->outcome == OUTCOME_TIMEOUT ? 504 : 502;
}

static void answered(struct invocation *inv)
{
	static const struct web_header json = { "Content-Type", "application/json" };
	struct relay_call *call = inv->call;
	struct web_req *req = call->req;
	size_t len = inv->body.len;

	if (!call->head)
		inv->status = status_of(inv);
	if (!req)
		return;
	call->req = req->ctx = NULL;
	if (call->head)
		web_end(req, call->whole);
	else
		web_answer_take(req, inv->status, &json, 1, buf_detach(&inv->body), len);
}

static void finished(struct invocation *inv)
{
	guard_done(&inv->call->pass, inv->outcome);
}

void relay_free(struct relay_call *call)
{
	if (!call)
		return;
	free(call->method);
	free(call->target);
	strs_release(&call->headers);
	free(call);
}

static void cancel(struct invocation *inv)
{
	if (inv->call->sending)
		upstream_cancel(upstream_of(inv), &inv->call->x);
	inv->call->sending = false;
}

/* After one of its invocations is over. */
static void settle(struct instance *i)
{
	if (i->state == INSTANCE_ENDING) {
		if (!i->ndoing)
			instance_left(i);
	} else if (!i->probe) {
		pool_ready(i);
	}
}

static void over(struct invocation *inv)
{
	struct instance *i = inv->instance;

	invocation_over(inv);
	settle(i);
}

static void fail_lost(struct invocation *inv)
{
	const struct instance *i = inv->instance;

	if (i->exit.type)
		invocation_broken(inv, i->exit.outcome, i->exit.type, i->exit.why);
	else
		invocation_fail(inv, OUTCOME_ERROR, "Runtime.ConnectionClosed",
				"RequestId: %s Error: the function closed the connection before its answer was whole",
				inv->id);
	invocation_over(inv);
}

static void fail_all(struct instance *i, bool lost)
{
	for (struct invocation *inv = i->doing, *next; inv; inv = next) {
		next = inv->next;
		if (lost && !inv->call->lost)
			continue;
		cancel(inv);
		fail_lost(inv);
	}
}

void relay_listens(struct instance *i)
{
	fail_all(i, true);
	settle(i);
}

void relay_broken(struct instance *i, enum outcome o, const char *type, const char *why)
{
	relay_forget(i);
	i->exit.outcome = o;
	i->exit.type = type;
	i->exit.why = xstrdup(why);
	fail_all(i, i->pid < 0);
}

void relay_timed_out(struct invocation *inv)
{
	struct instance *i = inv->instance;

	cancel(inv);
	pool_unlist(i);
	if (!i->end)
		i->end = i->reason = "timeout";
	invocation_over(inv);
	if (i->state != INSTANCE_ENDING && !i->ndoing)
		instance_end(i, "timeout", 0);
	else
		settle(i);
}

static void left(void *ctx, bool whole)
{
	struct invocation *inv = ctx;

	inv->call->req = NULL;
	if (whole)
		return;
	if (!inv->instance) {
		pool_cancel(inv);
		return;
	}
	cancel(inv);
	inv->outcome = OUTCOME_CANCELLED;
	invocation_answer(inv);
	over(inv);
}

/* ---- the answer, as it comes ---- */

/* For who is not at the gateway, if there is anybody. */
static void begin_answer(struct invocation *inv, const struct web_header *h, size_t n)
{
	for (size_t i = 0; i < n && !inv->content_type; i++)
		if (strcasecmp(h[i].name, "Content-Type") == 0)
			inv->content_type = xstrdup(h[i].value);
	inv->streamed = inv->stream_data != NULL;
	if (inv->stream_head)
		inv->stream_head(inv, inv->content_type);
}

static void add_answer(struct relay_call *call, const char *p, size_t n)
{
	struct invocation *inv = call->inv;

	if (inv->stream_data)
		inv->stream_data(inv, p, n);
	else if (inv->body.len + n > STREAM_MAX)
		call->large = true;
	else
		buf_add(&inv->body, p, n);
}

static bool head(struct exchange *x, unsigned status, const struct web_header *h, size_t n)
{
	struct relay_call *call = CONTAINER_OF(x, struct relay_call, x);
	struct web_req *req = call->req;
	struct web_header *out = xcalloc(n + 1, sizeof(*out));
	uint64_t length = WEB_LENGTH_UNKNOWN;
	CLEAN_BUF struct buf connection = BUF_INIT;
	size_t kept = 0, bytes = call->asked;
	bool chunked = false;

	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(h[i].name, "Connection") == 0)
			buf_addf(&connection, "%s,", h[i].value);
		chunked |= strcasecmp(h[i].name, "Transfer-Encoding") == 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(h[i].name, "Content-Length") == 0) {
			if (chunked || str_parse_u64(str_from(h[i].value), &length) < 0)
				length = WEB_LENGTH_UNKNOWN;
		} else if (is_token(h[i].name) && !is_hop(h[i].name, buf_str(&connection))) {
			out[kept++] = h[i];
			bytes += strlen(h[i].name) + strlen(h[i].value) + HEADER_COSTS;
		}
	}
	call->head = bytes <= WEB_HEADERS_MAX;
	if (!call->head) {
		free(out);
		return false;
	}
	call->inv->status = status;
	call->inv->first_at = loop_clock();
	if (req)
		web_stream_sized(req, status, out, kept, length);
	else
		begin_answer(call->inv, out, kept);
	free(out);
	return true;
}

static bool data(struct exchange *x, const char *p, size_t n)
{
	struct relay_call *call = CONTAINER_OF(x, struct relay_call, x);
	struct web_req *req = call->req;

	call->inv->produced += n;
	if (!req)
		add_answer(call, p, n);
	return req && web_write(req, p, n) > WEB_STREAM_MAX;
}

static void drained(void *ctx)
{
	struct invocation *inv = ctx;

	if (inv->call->sending)
		upstream_more(upstream_of(inv), &inv->call->x);
}

/*
 * The connection is lost, or none could be had: the process may have ended, which is known a moment later, or it may
 * be about to. Until that is clear it is given nothing more.
 */
static void lost(struct invocation *inv)
{
	struct instance *i = inv->instance;

	inv->call->lost = true;
	if (i->exit.type) {
		fail_lost(inv);
		settle(i);
		return;
	}
	pool_unlist(i);
	if (i->state != INSTANCE_ENDING)
		relay_probe(i, false);
}

static void give_back(struct invocation *inv)
{
	struct instance *i = inv->instance;
	struct lfn *fn = inv->fn;

	pool_unlist(i);
	invocation_back(inv);
	if (i->state != INSTANCE_ENDING)
		relay_probe(i, false);
	else
		settle(i);
	pool_dispatch(fn);
}

static void done(struct exchange *x, enum exchange_end end, const char *why)
{
	struct relay_call *call = CONTAINER_OF(x, struct relay_call, x);
	struct invocation *inv = call->inv;

	call->sending = false;
	switch (end) {
	case EXCHANGE_WHOLE:
		call->whole = true;
		inv->outcome = inv->status >= 500 ? OUTCOME_ERROR : OUTCOME_OK;
		if (call->large)
			invocation_fail(inv, OUTCOME_TOO_LARGE, "Function.ResponseSizeTooLarge",
					"Response payload size exceeded maximum allowed payload size (%llu bytes).",
					STREAM_MAX);
		invocation_answer(inv);
		over(inv);
		break;
	case EXCHANGE_REFUSED:
		if (!inv->fn->platform->stopping && ++call->tries < TRIES)
			give_back(inv);
		else
			lost(inv);
		break;
	case EXCHANGE_GARBAGE:
		invocation_fail(inv, OUTCOME_ERROR, "Runtime.InvalidResponse",
				"RequestId: %s Error: the function's answer is no HTTP: %s", inv->id, why);
		over(inv);
		break;
	case EXCHANGE_CLOSED:
	case EXCHANGE_CUT:
		lost(inv);
		break;
	}
}

void relay_give(struct instance *i, struct invocation *inv)
{
	struct relay_call *call = inv->call;
	struct exchange *x = &call->x;

	while (call->headers.len > call->own)
		free(call->headers.ptr[--call->headers.len]);
	if (inv->trace)
		add_header(&call->headers, "X-Amzn-Trace-Id", inv->trace);
	if (inv->traceparent)
		add_header(&call->headers, "traceparent", inv->traceparent);
	if (inv->tracestate)
		add_header(&call->headers, "tracestate", inv->tracestate);
	x->port = i->port;
	x->method = call->method;
	x->target = call->target;
	x->headers = strs_argv(&call->headers);
	x->body = inv->event.ptr;
	x->length = inv->event.len;
	x->head = head;
	x->data = data;
	x->done = done;
	call->sending = true;
	upstream_send(upstream_of(inv), x);
}

/* ---- the request ---- */

static char *for_log(const struct relay_call *call)
{
	char *s = xasprintf("%s %.*s", call->method, LOGGED_MAX, call->target);

	for (char *p = s; *p; p++)
		memset(p, '?', str_controlz(p));
	return s;
}

void relay_begin(struct web_req *req)
{
	req->limit = RELAY_BODY_MAX;
}

static struct invocation *make(struct lfn *fn, const char *method, char *target)
{
	struct invocation *inv = invocation_new(fn);
	struct relay_call *call = xcalloc(1, sizeof(*call));

	call->inv = inv;
	call->method = xstrdup(method);
	call->target = target;
	inv->call = call;
	inv->answered = answered;
	inv->request = for_log(call);
	inv->trigger = "http";
	inv->method = xstrdup(method);
	inv->path = xstrndup(target, strcspn(target, "?"));
	return inv;
}

struct invocation *relay_invocation(struct lfn *fn, const char *method, const char *target, struct str body)
{
	struct invocation *inv = make(fn, method, xstrdup(target));
	struct strs *headers = &inv->call->headers;

	add_header(headers, "Host", "localhost");
	add_header(headers, "X-Request-Id", inv->id);
	if (body.len)
		add_header(headers, "Content-Type", "application/json");
	inv->call->own = headers->len;
	inv->call->x.has_body = body.len > 0;
	buf_adds(&inv->event, body);
	return inv;
}

static const struct gateway_call calls = { .left = left, .drained = drained };

void relay_request(struct web_req *req, const struct guard_pass *pass, struct str rest)
{
	const char *upgrade = web_header(req, "Upgrade");
	struct guard_pass unused;
	struct relay_call *call;
	struct invocation *inv;

	if (upgrade && is_listed(str_from(upgrade), "websocket")) {
		gateway_error(req, 501, "NotImplementedException", "WebSockets are not passed on");
		unused = *pass;
		guard_done(&unused, OUTCOME_STOPPED);
		return;
	}
	inv = make(pass->fn, req->method, xasprintf(STR_FMT "%s" STR_FMT, STR_ARG(rest), req->query.len ? "?" : "",
						    STR_ARG(req->query)));
	call = inv->call;
	call->pass = *pass;
	copy_headers(call, req);
	gateway_trace(req, inv);
	inv->event = req->body;
	buf_init(&req->body);
	inv->finished = finished;
	call->req = req;
	req->ctx = inv;
	req->calls = &calls;
	web_watch(req);
	platform_invoke(inv);
}
