/* SPDX-License-Identifier: Apache-2.0 */
/* One request answered, whatever it came in: by the runtime itself, or by the handler. */
#include "http.h"

#include <string.h>

RT_FOR_SIZE_BEGIN

/* Weak: most functions can always serve. */
__attribute__((weak)) bool slsc_ready(void);

/* With X-Preheat, who asks whether it is ready wants it to be: then what is lazy is made first. */
static bool is_ready(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
{
	if (slsc_rt_srv.stopping)
		return false;
	if (slsc_rt_preheat && slsc_rt_srv.epfd >= 0) {
		ctx->fail_type[0] = '\0';
		if (slsc_rt_preheat(ctx, (struct slsc_str){NULL, 0}, req, &res->body) < 0) {
			if (!ctx->fail_type[0])
				slsc_rt_fail_clear(ctx);
			slsc_rt_log_fail(ctx, "warm-up failed");
			return false;
		}
		res->body.len = 0;
	}
	return !slsc_ready || slsc_ready();
}

/* Returns whether @req asked for the state of the process, which then is in @res. */
static bool answer_health(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
{
	bool ready = slsc_str_eq(req->path, "/_/ready");

	if (!ready && slsc_str_eq(req->path, "/health"))
		ready = slsc_str_eq(req->query, "ready=1");
	if (!ready && !slsc_str_eq(req->path, "/_/health"))
		return false;
	if (!slsc_str_eq(req->method, "GET") && !slsc_str_eq(req->method, "HEAD"))
		return false;
	if (ready && !is_ready(ctx, req, res)) {
		res->status = 503;
		slsc_puts(&res->body, "not ready\n");
	} else {
		slsc_puts(&res->body, ready ? "ready\n" : "ok\n");
	}
	return true;
}

void slsc_rt_http_call(struct slsc_ctx *ctx, const struct slsc_request *req,
		       struct slsc_response *res)
{
	int rc = 0;

	/* By its start first: nearly no request is for us. */
	if (req->path.len > 5 && (req->path.ptr[1] == '_' || req->path.ptr[1] == 'h') &&
	    answer_health(ctx, req, res))
		return;
	ctx->fail_type[0] = '\0';
	/* Only over a socket: events meet the warm-up in the Lambda loop, and strangers no profile. */
	if (slsc_rt_srv.epfd >= 0) {
		if (slsc_rt_debug_request && slsc_rt_debug_request(req, res))
			return;
		if (slsc_rt_preheat)
			rc = slsc_rt_preheat(ctx, (struct slsc_str){NULL, 0}, req, &res->body);
		if (rc > 0) {
			(void)slsc_response_field(res, "Content-Type", SLSC_STR("application/json"));
			return;
		}
	}
	if (!rc)
		rc = slsc_rt_srv.handler(ctx, req, res);
	if (rc && !ctx->fail_type[0])
		slsc_rt_fail_clear(ctx);
	if (!rc && res->body.full)
		rc = slsc_fail(ctx, "ResponseSizeTooLarge", "the response is larger than 33554432 bytes");
	if (!rc && (res->status < 200 || res->status > 599))
		rc = slsc_fail(ctx, "InvalidStatus", "the status is not 200 to 599");
	if (rc) {
		slsc_rt_log_fail(ctx, "request failed");
		/* The reason is for the log, not for a stranger. */
		slsc_rt_response_drop(res);
		res->fields.len = 0;
		slsc_response_error(res, 500, slsc_rt_reason(500));
	}
}

RT_FOR_SIZE_END
