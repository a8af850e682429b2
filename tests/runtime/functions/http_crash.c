/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP function that crashes when it is asked to, for tests/runtime. */
#include <slsc.h>
#include <stdlib.h>

SLSC_CRASH_REPORT;

static int handle(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
{
	if (slsc_str_eq(req->path, "/stream"))
		slsc_put_i64(&res->body, slsc_stream_begin(ctx, "text/plain"));
	if (slsc_str_eq(req->path, "/crash"))
		abort();
	return 0;
}

SLSC_HANDLER(handle);
