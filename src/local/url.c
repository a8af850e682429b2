/* SPDX-License-Identifier: Apache-2.0 */
/* Function URLs: http://127.0.0.1:PORT/<function>/... for functions that take events. */
#include "local/gateway.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "local/guard.h"
#include "local/urlevent.h"

/* What a request for a URL is until its answer has begun. */
struct call {
	struct gateway *gateway;
	struct web_req *req;		/* NULL: the caller has left */
	struct invocation *inv;
	struct str rest;		/* of the request's path */
	struct guard_pass pass;
	bool retried;
	/* a streamed answer */
	struct urlevent_prelude prelude;
	bool has_prelude, begun, broken;
};

#define HEADER_COSTS 64u		/* of WEB_HEADERS_MAX, beside its name and value */

static void cost(const char *name, const char *value, void *ctx)
{
	*(size_t *)ctx += strlen(name) + strlen(value) + HEADER_COSTS;
}

/* libmicrohttpd keeps the headers of a request and of its answer in one place. */
static bool has_room(struct web_req *req, const struct urlevent_answer *a, const struct invocation *inv)
{
	size_t bytes = req->uri.len;

	web_headers(req, cost, &bytes);
	for (size_t i = 0; i < a->nheaders && i < URLEVENT_HEADERS_MAX; i++)
		cost(a->headers[i].name, a->headers[i].value, &bytes);
	cost("X-Amzn-Trace-Id", inv->trace ? inv->trace : "", &bytes);
	return bytes + 2 * HEADER_COSTS <= WEB_HEADERS_MAX;
}

/* false: it has more headers than can be passed on. Then it is 502, without any of them. */
static bool respond(struct web_req *req, const struct urlevent_answer *a, struct invocation *inv, bool streamed)
{
	struct web_header h[URLEVENT_HEADERS_MAX + 4];
	CLEAN_URLEVENT_ANSWER struct urlevent_answer bad = URLEVENT_ANSWER_INIT;
	bool good = has_room(req, a, inv);
	size_t n = 0;

	if (!good) {
		struct err err = ERR_INIT;

		err_set(&err, ERR_LIMIT, "the answer has more than %u bytes of headers", WEB_HEADERS_MAX);
		gateway_complain(inv, &err);
		urlevent_bad_gateway(&bad);
		a = &bad;
		streamed = false;
	}
	inv->status = a->status;
	for (size_t i = 0; i < a->nheaders && n < URLEVENT_HEADERS_MAX; i++)
		h[n++] = (struct web_header){ a->headers[i].name, a->headers[i].value };
	h[n++] = (struct web_header){ "x-amzn-RequestId", inv->id };
	h[n++] = (struct web_header){ "X-Amzn-Trace-Id", inv->trace };
	if (streamed)
		web_stream(req, a->status, h, n);
	else
		web_answer(req, a->status, h, n, a->body.ptr, a->body.len);
	return good;
}

static void call_free(struct call *c)
{
	urlevent_prelude_release(&c->prelude);
	free(c);
}

static void begin(struct call *c);

/* Its answer in one piece, or the end of a streamed one. */
static void answered(struct invocation *inv)
{
	struct call *c = inv->ctx;
	struct web_req *req = c->req;
	CLEAN_URLEVENT_ANSWER struct urlevent_answer a = URLEVENT_ANSWER_INIT;
	struct err err = ERR_INIT;

	inv->ctx = NULL;
	if (req && !c->begun && !c->retried && guard_retry(c->pass.fn, req->method, inv->outcome)) {
		c->retried = true;
		begin(c);
		return;
	}
	if (!req || c->begun || c->broken)
		guard_done(&c->pass, c->broken ? OUTCOME_ERROR : inv->outcome);
	if (!req) {
		call_free(c);
		return;
	}
	req->ctx = NULL;
	if (c->begun) {
		web_end(req, inv->outcome == OUTCOME_OK && !c->broken);
		call_free(c);
		return;
	}
	if (inv->outcome == OUTCOME_THROTTLED) {
		gateway_error(req, 429, "TooManyRequestsException", "Rate Exceeded.");
	} else if (inv->outcome == OUTCOME_STOPPED) {
		gateway_error(req, 503, "ServiceException", "the platform ends");
	} else if (inv->outcome != OUTCOME_OK || inv->streamed) {
		urlevent_bad_gateway(&a);
		respond(req, &a, inv, false);
	} else {
		if (urlevent_answer(&a, buf_str(&inv->body), &err) < 0)
			gateway_complain(inv, &err);
		if (c->pass.status && inv->outcome == OUTCOME_OK)
			a.status = c->pass.status;
		if (!respond(req, &a, inv, false))
			c->broken = true;
	}
	guard_done(&c->pass, c->broken ? OUTCOME_ERROR : inv->outcome);
	call_free(c);
}

/* What is not passed on: nobody takes its body either. */
static void give_up(struct call *c)
{
	c->broken = true;
	c->req->ctx = NULL;
	c->req = NULL;
}

static void stream_head(struct invocation *inv, const char *content_type)
{
	struct call *c = inv->ctx;
	struct urlevent_header type = { "Content-Type", content_type ? content_type : "application/octet-stream" };
	struct urlevent_answer a = { .status = 200, .headers = &type, .nheaders = 1 };

	c->has_prelude = content_type && starts_with(content_type, URLEVENT_STREAM_TYPE);
	if (c->has_prelude || !c->req)
		return;
	c->begun = true;
	if (!respond(c->req, &a, inv, true))
		give_up(c);
}

static size_t stream_data(struct invocation *inv, const char *p, size_t n)
{
	struct call *c = inv->ctx;
	CLEAN_URLEVENT_ANSWER struct urlevent_answer a = URLEVENT_ANSWER_INIT;
	struct err err = ERR_INIT;
	size_t used;
	int r;

	if (!c->req || c->broken)
		return 0;
	if (!c->has_prelude)
		return web_write(c->req, p, n);
	r = urlevent_prelude_feed(&c->prelude, p, n, &used, &a, &err);
	if (r == 0)
		return 0;
	if (r < 0) {
		gateway_complain(inv, &err);
		respond(c->req, &a, inv, false);
		give_up(c);
		return 0;
	}
	c->has_prelude = false;
	c->begun = true;
	if (!respond(c->req, &a, inv, true)) {
		give_up(c);
		return 0;
	}
	return used < n ? web_write(c->req, p + used, n - used) : 0;
}

static void left(void *ctx, bool whole)
{
	(void)whole;
	((struct call *)ctx)->req = NULL;
	invocation_drained(((struct call *)ctx)->inv);
}

static void drained(void *ctx)
{
	invocation_drained(((struct call *)ctx)->inv);
}

static const struct gateway_call calls = { .left = left, .drained = drained };

struct headers {
	VEC(struct urlevent_header) v;
};

static void one_header(const char *name, const char *value, void *ctx)
{
	struct headers *h = ctx;

	VEC_PUSH(&h->v, ((struct urlevent_header){ name, value }));
}

static void refuse_event(struct call *c, struct invocation *inv)
{
	struct web_req *req = c->req;

	invocation_free(inv);
	req->ctx = NULL;
	/* it says nothing of the function */
	guard_done(&c->pass, OUTCOME_CANCELLED);
	gateway_error(req, 413, "RequestTooLargeException",
		      "Request must be smaller than %u bytes as an event, in which a binary body is base64", EVENT_MAX);
	call_free(c);
}

static void begin(struct call *c)
{
	struct web_req *req = c->req;
	struct lfn *fn = c->pass.fn;
	struct invocation *inv = invocation_new(fn);
	struct headers h = { { 0 } };
	char ip[INET6_ADDRSTRLEN] = "", port[8];
	const char *host = web_header(req, "Host");

	if (req->peer.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)(void *)&req->peer)->sin6_addr, ip, sizeof(ip));
	else
		inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)&req->peer)->sin_addr, ip, sizeof(ip));
	snprintf(port, sizeof(port), "%u", c->gateway->listener.port);
	gateway_trace(req, inv);
	web_headers(req, one_header, &h);
	urlevent_add(&inv->event, &(struct urlevent_request){
		.method = str_from(req->method), .path = c->rest, .query = req->query, .headers = h.v.ptr,
		.nheaders = h.v.len, .body = buf_str(&req->body), .source_ip = str_from(ip), .proto = STR("http"),
		.port = str_from(port), .trace_id = str_from(inv->trace), .domain = str_from(host ? host : "localhost"),
		.id = str_from(fn->name), .request_id = str_from(inv->id), .time_ns = (uint64_t)inv->wall_made });
	VEC_FREE(&h.v);
	/* base64 and escapes count: it is the event that the platform limits */
	if (inv->event.len > EVENT_MAX) {
		refuse_event(c, inv);
		return;
	}
	c->inv = inv;
	inv->trigger = "http";
	inv->method = xstrdup(req->method);
	inv->path = xstrndup(c->rest.ptr, c->rest.len);
	inv->ctx = c;
	inv->answered = answered;
	inv->stream_head = stream_head;
	inv->stream_data = stream_data;
	platform_invoke(inv);
}

void url_request(struct gateway *g, struct web_req *req, const struct guard_pass *pass, struct str rest)
{
	struct call *c = xcalloc(1, sizeof(*c));

	c->gateway = g;
	c->req = req;
	c->rest = rest;
	c->pass = *pass;
	c->prelude = (struct urlevent_prelude)URLEVENT_PRELUDE_INIT;
	req->ctx = c;
	req->calls = &calls;
	begin(c);
}
