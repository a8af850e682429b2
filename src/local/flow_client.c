/* SPDX-License-Identifier: Apache-2.0 */
#include "local/flow_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ANSWER_MAX (64u << 20)
#define WAIT_S	   960u

static void refused(const struct http_resp *resp, const char *op, struct flow_refusal *no, struct err *err)
{
	json_t *root = json_loadb(resp->body.ptr, resp->body.len, 0, NULL);
	const char *type = json_string_value(json_object_get(root, "__type"));
	const char *hash = type ? strrchr(type, '#') : NULL;
	const char *message = json_string_value(json_object_get(root, "message"));

	type = hash ? hash + 1 : type;
	if (no && type)
		snprintf(no->type, sizeof(no->type), "%s", type);
	err_set(err, ERR_NET, "%s: %d%s%s%s%s", op, resp->status, type ? " " : "", type ? type : "",
		message ? ": " : "", message ? message : "");
	if (!type)
		err_hint(err, "does slsc local serve there?");
	json_decref(root);
}

json_t *flow_call(struct http *h, const char *url, const char *op, const json_t *request, struct flow_refusal *no,
		  struct err *err)
{
	static const struct http_tls tls = { .insecure = false };
	CLEAN_FREE char *text = json_dumps(request, JSON_COMPACT), *whole = xasprintf("%s/", url);
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_STRS struct strs headers = { 0 };
	struct buf_reader body = { .all = str_from(text ? text : "{}") };
	struct http_req q = {
		.method = "POST",
		.url = whole,
		.tls = &tls,
		.no_proxy = true,
		.limit = ANSWER_MAX,
		.stalled_s = WAIT_S,
		.has_body = true,
		.length = body.all.len,
		.read = buf_reader_read,
		.rewind = buf_reader_rewind,
		.read_ctx = &body,
	};
	json_error_t why;
	json_t *answer;

	strs_add(&headers, "Content-Type: application/x-amz-json-1.0");
	strs_addf(&headers, "X-Amz-Target: AWSStepFunctions.%s", op);
	q.headers = strs_argv(&headers);
	if (http_perform(h, &q, &resp, err) < 0)
		return NULL;
	if (resp.status != 200) {
		refused(&resp, op, no, err);
		return NULL;
	}
	answer = json_loadb(resp.body.ptr, resp.body.len, JSON_ALLOW_NUL, &why);
	if (!answer)
		err_set(err, ERR_FORMAT, "%s: the answer of %s is no JSON: %s", url, op, why.text);
	return answer;
}
