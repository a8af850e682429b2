/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_GATEWAY_H
#define SLSC_LOCAL_GATEWAY_H

#include "local/platform.h"

struct flows;
struct page;

/*
 * The one port that callers know: the Invoke API as SDKs and the AWS CLI call it, and the functions' URLs. A request
 * that names another host than this one, or comes from a page of another origin, is refused: a page that a browser has
 * open must not reach what is served here.
 */

struct gateway {
	struct platform *platform;
	struct web_service service;
	struct web_listener listener;
	bool any_host;			/* it listens to more than this machine: hosts by number are taken */
	/* an event that is to be done later is durable: NULL: there is no queue, they are done at once */
	void (*enqueue)(struct gateway *g, struct web_req *req, struct invocation *inv);
	void *async;			/* whose that is */
	struct page *page;		/* at /_slsc/; NULL: there is none */
	struct flows *flows;		/* local/flow_api.h; NULL: there are none */
};

/** gateway_start - listen on @address and @port (0: a free one). As web_listen(). */
int gateway_start(struct gateway *g, struct platform *p, const char *address, uint16_t port,
		  struct err *err) MUST_CHECK;
void gateway_stop(struct gateway *g);

/* ---- between its own files ---- */

/** What stands behind a request that waits: req->ctx. */
struct gateway_call {
	/* the request is over, and ctx no longer its own. @whole: its answer is sent; else the caller has gone */
	void (*left)(void *ctx, bool whole);
	void (*drained)(void *ctx);
};

/** gateway_complain - what is wrong with a function's answer, for who looks at its log. */
void gateway_complain(struct invocation *inv, const struct err *err);
/** invoke_stream - have the answer of @inv, whose ctx is the request, given in frames. */
void invoke_stream(struct invocation *inv);
struct guard_pass;
/** url_request - a request for the URL of @pass->fn; @rest: the path from the "/" after its name on. */
void url_request(struct gateway *g, struct web_req *req, const struct guard_pass *pass, struct str rest);

/** gateway_error - {"Type":..., "message":...} as Lambda's API has it, and x-amzn-ErrorType. */
void gateway_error(struct web_req *req, unsigned status, const char *type, const char *fmt, ...) PRINTF_LIKE(4, 5);
/** invoke_api - a request below /2015-03-31/ or /2021-11-15/. */
void invoke_api(struct gateway *g, struct web_req *req);
/** gateway_trace - the X-Ray header and the W3C ones that came with @req, or a new trace, for @inv. */
void gateway_trace(struct web_req *req, struct invocation *inv);

#endif
