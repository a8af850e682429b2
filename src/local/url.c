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

static void respond(struct web_req *req, const struct urlevent_answer *a, struct invocation *inv, bool streamed)
{
	struct web_header h[URLEVENT_HEADERS_MAX + 4];
	size_t n = 0;

	inv->status = a->status;
	for (size_t i = 0; i < a->nheaders && n < URLEVENT_HEADERS_MAX; i++)
		h[n++] = (struct web_header){ a->headers[i].name, a->headers[i].value };
	h[n++] = (struct web_header){ "x-amzn-RequestId", inv->id };
	h[n++] = (struct web_header){ "X-Amzn-Trace-Id", inv->trace };
	if (streamed)
		web_stream(req, a->status, h, n);
	else
		web_answer(req, a->status, h, n, a->body.ptr, a->body.len);
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
		respond(req, &a, inv, false);
	}
	call_free(c);
}

static void stream_head(struct invocation *inv, const char *content_type)
{
	struct call *c = inv->ctx;
	CLEAN_URLEVENT_ANSWER struct urlevent_answer a = URLEVENT_ANSWER_INIT;
	struct web_header h[] = { { "Content-Type", content_type ? content_type : "application/octet-stream" },
				  { "x-amzn-RequestId", inv->id }, { "X-Amzn-Trace-Id", inv->trace } };

	c->has_prelude = content_type && starts_with(content_type, URLEVENT_STREAM_TYPE);
	if (c->has_prelude || !c->req)
		return;
	c->begun = true;
	web_stream(c->req, 200, h, ARRAY_LEN(h));
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
		c->broken = true;
		respond(c->req, &a, inv, false);
		c->req->ctx = NULL;
		c->req = NULL;
		return 0;
	}
	c->has_prelude = false;
	c->begun = true;
	respond(c->req, &a, inv, true);
	return used < n ? web_write(c->req, p + used, n - used) : 0;
}

static void left(void *ctx, bool whole)
{
	(void)whole;
	((struct call *)ctx)->req = NULL;
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
