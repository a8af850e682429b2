/* SPDX-License-Identifier: Apache-2.0 */
/* Lambda's InvokeWithResponseStream (API version 2021-11-15): the answer in frames, as it comes. */
#include "local/gateway.h"

#include <string.h>

#include "local/eventstream.h"

#define TYPE_MAX 2048u			/* bytes of a Content-Type that is passed on: of WEB_HEADERS_MAX */

static void head(struct invocation *inv)
{
	struct web_req *req = inv->ctx;
	struct web_header h[] = {
		{ "Content-Type", EVENTSTREAM_TYPE },
		{ "x-amzn-RequestId", inv->id },
		{ "X-Amz-Executed-Version", "$LATEST" },
		{ "X-Amzn-Trace-Id", inv->trace },
		{ "X-Amzn-Remapped-Content-Type", inv->content_type && strlen(inv->content_type) <= TYPE_MAX
						  ? inv->content_type : NULL },
	};

	web_stream(req, 200, h, ARRAY_LEN(h));
}

static void stream_head(struct invocation *inv, const char *content_type)
{
	(void)content_type;
	if (inv->ctx)
		head(inv);
}

static size_t stream_data(struct invocation *inv, const char *p, size_t n)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	if (!inv->ctx)
		return 0;
	eventstream_add_chunk(&b, p, n);
	return web_write(inv->ctx, b.ptr, b.len);
}

static void answered(struct invocation *inv)
{
	struct web_req *req = inv->ctx;
	CLEAN_BUF struct buf b = BUF_INIT;
	struct str details = STR("");

	inv->ctx = NULL;
	if (!req)
		return;
	req->ctx = NULL;
	if (inv->outcome == OUTCOME_THROTTLED && !inv->streamed) {
		gateway_error(req, 429, "TooManyRequestsException", "Rate Exceeded.");
		return;
	}
	if (inv->outcome == OUTCOME_STOPPED && !inv->streamed) {
		gateway_error(req, 503, "ServiceException", "the platform ends");
		return;
	}
	if (!inv->streamed) {
		inv->ctx = req;
		head(inv);
		inv->ctx = NULL;
	}
	if (inv->outcome != OUTCOME_OK)
		details = inv->trailer_error ? str_from(inv->trailer_error) : buf_str(&inv->body);
	else if (!inv->streamed)
		eventstream_add_chunk(&b, inv->body.ptr, inv->body.len);
	eventstream_add_complete(&b, inv->outcome == OUTCOME_OK ? STR("") : str_from(inv->error_type), details,
				 inv->tail ? buf_str(&inv->lines) : STR(""));
	web_write(req, b.ptr, b.len);
	web_end(req, true);
}

void invoke_stream(struct invocation *inv)
{
	inv->answered = answered;
	inv->stream_head = stream_head;
	inv->stream_data = stream_data;
}
