/* SPDX-License-Identifier: Apache-2.0 */
#include "local/gateway.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/member.h"
#include "local/flow_api.h"
#include "local/guard.h"
#include "local/page.h"
#include "local/relay.h"

static const struct web_header json = { "Content-Type", "application/json" };

void gateway_error(struct web_req *req, unsigned status, const char *type, const char *fmt, ...)
{
	CLEAN_BUF struct buf msg = BUF_INIT, b = BUF_INIT;
	struct web_header h[] = { json, { "x-amzn-ErrorType", type } };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&msg, fmt, ap);
	va_end(ap);
	if (strcmp(type, "TooManyRequestsException") == 0)
		buf_addz(&b, "{\"Reason\":\"ReservedFunctionConcurrentInvocationLimitExceeded\",\"Type\":\"User\"");
	else
		buf_addf(&b, "{\"Type\":\"%s\"", status < 500 ? "User" : "Service");
	/* SDKs of both spellings are about */
	member_str(&b, "message", buf_str(&msg));
	if (strcmp(type, "ResourceNotFoundException") == 0)
		member_str(&b, "Message", buf_str(&msg));
	buf_addz(&b, "}\n");
	web_answer(req, status, h, ARRAY_LEN(h), b.ptr, b.len);
}

void gateway_complain(struct invocation *inv, const struct err *err)
{
	if (inv->instance)
		platform_line(inv->instance, FROM_PLATFORM, str_from(err->msg));
}

void gateway_trace(struct web_req *req, struct invocation *inv)
{
	invocation_trace(inv, web_header(req, "traceparent"), web_header(req, "tracestate"),
			 web_header(req, "X-Amzn-Trace-Id"));
}

/* ---- who may ask ---- */

/* "127.0.0.1:9000", "[::1]:9000", "localhost", "hello.localhost:9000" */
static bool is_here(const struct gateway *g, const char *host)
{
	size_t n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	CLEAN_FREE char *name = NULL;
	struct in6_addr a;

	if (n > strlen(host))
		return false;
	if (host[n] == ':') {
		uint64_t port;

		if (str_parse_u64(str_from(host + n + 1), &port) < 0 || port != g->listener.port)
			return false;
	} else if (host[n]) {
		return false;
	}
	name = host[0] == '[' ? xstrndup(host + 1, n - 2) : xstrndup(host, n);
	if (strcasecmp(name, "localhost") == 0 || strcmp(name, "127.0.0.1") == 0 || strcmp(name, "::1") == 0)
		return true;
	if (n > 10 && strcasecmp(name + strlen(name) - 10, ".localhost") == 0)
		return true;
	return g->any_host && (inet_pton(AF_INET, name, &a) == 1 || inet_pton(AF_INET6, name, &a) == 1);
}

static bool may(const struct gateway *g, struct web_req *req)
{
	const char *host = web_header(req, "Host"), *origin = web_header(req, "Origin");
	const char *site = web_header(req, "Sec-Fetch-Site");

	if (!host || !is_here(g, host)) {
		gateway_error(req, 403, "AccessDeniedException", "the host '%.100s' is not served here",
			      host ? host : "");
		return false;
	}
	if (origin && (strncmp(origin, "http://", 7) != 0 || strcasecmp(origin + 7, host) != 0)) {
		gateway_error(req, 403, "AccessDeniedException", "the origin '%.100s' may not ask here", origin);
		return false;
	}
	/* a form or an image of another page sends no Origin with GET */
	if (site && (strcmp(site, "cross-site") == 0 || strcmp(site, "same-site") == 0)) {
		gateway_error(req, 403, "AccessDeniedException", "a page of another origin may not ask here");
		return false;
	}
	return true;
}

/* ---- */

/* Whose path it is: "/hello", "/hello/..."; @rest: what is behind the name, "/" at least. */
static struct lfn *function_at(const struct gateway *g, struct str path, struct str *rest)
{
	struct str name = { path.ptr + 1, path.len - 1 };
	size_t n;

	if (!str_starts(path, "/"))
		return NULL;
	for (n = 0; n < name.len && name.ptr[n] != '/'; n++)
		;
	*rest = n < name.len ? (struct str){ name.ptr + n, name.len - n } : STR("/");
	name.len = n;
	return platform_find(g->platform, name);
}

static void ready(struct web_req *req)
{
	struct gateway *g = req->service->ctx;
	struct str rest;
	struct guard_pass pass;
	struct lfn *fn;

	if (!may(g, req))
		return;
	if (str_starts(req->path, "/2015-03-31/") || str_starts(req->path, "/2021-11-15/")) {
		invoke_api(g, req);
		return;
	}
	if (g->flows && flow_api_is(req)) {
		flow_api(g->flows, req);
		return;
	}
	if (g->page && page_path(req->path)) {
		page_request(g->page, req);
		return;
	}
	fn = function_at(g, req->path, &rest);
	if (!fn)
		gateway_error(req, 404, "ResourceNotFoundException", "nothing is at '" STR_FMT "'", STR_ARG(req->path));
	else if (!guard_admit(req, fn, &pass))
		return;
	else if (pass.fn->runtime == RUNTIME_HTTP)
		relay_request(req, &pass, rest);
	else
		url_request(g, req, &pass, rest);
}

static void closed(struct web_req *req, bool whole)
{
	const struct gateway_call *calls = req->calls;

	/* what the caller began may go on, as it does at the platform */
	if (req->ctx && calls)
		calls->left(req->ctx, whole);
}

static void drained(struct web_req *req)
{
	const struct gateway_call *calls = req->calls;

	if (req->ctx && calls && calls->drained)
		calls->drained(req->ctx);
}

static void begin(struct web_req *req)
{
	struct gateway *g = req->service->ctx;
	struct str rest;
	const struct lfn *fn = function_at(g, req->path, &rest);

	req->drained = drained;
	if (fn && fn->runtime == RUNTIME_HTTP)
		relay_begin(req);
}

static void too_large(struct web_req *req)
{
	if (req->limit > EVENT_MAX) {
		gateway_error(req, 413, "RequestTooLargeException", "Request must be smaller than %llu bytes",
			      RELAY_BODY_MAX);
		return;
	}
	gateway_error(req, 413, "RequestTooLargeException",
		      "Request must be smaller than %u bytes for the InvokeFunction operation", EVENT_MAX);
}

int gateway_start(struct gateway *g, struct platform *p, const char *address, uint16_t port, struct err *err)
{
	g->platform = p;
	g->service = (struct web_service){ .limit = EVENT_MAX, .begin = begin, .ready = ready, .closed = closed,
					   .too_large = too_large, .ctx = g };
	g->any_host = strcmp(address, "127.0.0.1") != 0 && strcmp(address, "::1") != 0;
	return web_listen(p->web, &g->listener, address, port, &g->service, err);
}

void gateway_stop(struct gateway *g)
{
	web_unlisten(&g->listener);
}
