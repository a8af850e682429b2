/* SPDX-License-Identifier: Apache-2.0 */
/* A Lambda function whose start fails. */
#include <slsc.h>

slsc_lambda_fn handler;

int slsc_init(struct slsc_ctx *ctx)
{
	return slsc_fail(ctx, "NoDatabase", "nothing answers");
}

int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	(void)ctx;
	slsc_put_str(out, in);
	return 0;
}
