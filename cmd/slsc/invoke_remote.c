/* SPDX-License-Identifier: Apache-2.0 */
#include "invoke_remote.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"

static void keep(char *to, size_t cap, const char *s)
{
	if (strlen(s) < cap)
		snprintf(to, cap, "%s", s);
}

static int refused(struct cloud *r, struct aws_call *call, const struct http_resp *resp, struct err *err)
{
	session_refused(&r->session, call, resp, err);
	if (resp->status == 404)
		return err_hint(err, "is it deployed, and in %s?", r->session.region);
	if (resp->status == 429)
		return err_hint(err, "all its instances are busy: try again, or raise its concurrency");
	return -1;
}

int invoke_remote(struct cloud *r, const struct invoke_request *req, struct invoke_result *result, struct err *err)
{
	static const char *const types[] = { "RequestResponse", "Event", "DryRun" };
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_STRS struct strs headers = { 0 };
	CLEAN_FREE char *url = cloud_url(r, "invocations"), *what = xasprintf("%s: Invoke", r->called);
	struct aws_call call = { .what = what, .service = "lambda", .method = "POST", .url = url, .body = req->event,
				 .once = true, .timeout_s = INVOKE_SECONDS };

	strs_add(&headers, "Content-Type: application/json");
	strs_addf(&headers, "X-Amz-Invocation-Type: %s", types[req->type]);
	if (req->tail)
		strs_add(&headers, "X-Amz-Log-Type: Tail");
	call.headers = strs_argv(&headers);
	if (session_send(&r->session, &call, &resp, err) < 0)
		return -1;
	if (resp.status / 100 != 2)
		return refused(r, &call, &resp, err);
	result->status = resp.status;
	keep(result->request_id, sizeof(result->request_id), http_resp_header(&resp, "x-amzn-RequestId"));
	keep(result->version, sizeof(result->version), http_resp_header(&resp, "X-Amz-Executed-Version"));
	buf_addz(&result->error, http_resp_header(&resp, "X-Amz-Function-Error"));
	if (base64_decode(str_from(http_resp_header(&resp, "X-Amz-Log-Result")), &result->log) < 0)
		return err_set(err, ERR_FORMAT, "%s: X-Amz-Log-Result is no base64", what);
	return resp.body.len ? req->sink(req->ctx, resp.body.ptr, resp.body.len, err) : 0;
}
