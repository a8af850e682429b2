/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP function whose initialisation fails. */
#include <slsc.h>

slsc_http_fn handler;

int slsc_init(struct slsc_ctx *ctx)
{
	return slsc_fail(ctx, "NoConfig", "as asked");
}

int handler(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
{
	(void)ctx;
	(void)req;
	(void)res;
	return 0;
}
