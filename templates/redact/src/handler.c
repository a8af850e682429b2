/*
 * What calls it: an event is lines; or, on Lambda, whose events are JSON, one record, or a function URL's request with
 * lines as its body.
 */
#include <slsc.h>

#include "redact.h"
#include "rules.h"
#include "seal.h"

slsc_lambda_fn handler;

int slsc_init(struct slsc_ctx *ctx)
{
	if (rules_read(ctx))
		return -1;
	return rules_encrypt() ? seal_init(ctx) : 0;
}

#ifndef __wasi__
/* Payload format 2.0, as Lambda makes it of an HTTP request. */
static bool is_request(struct slsc_str in, struct slsc_str *body)
{
	struct slsc_str value;

	if (slsc_json_get(in, "version", &value) < 1 || !slsc_str_eq(value, "\"2.0\""))
		return false;
	if (slsc_json_get(in, "requestContext", &value) < 1 || slsc_json_get(value, "http", &value) < 1)
		return false;
	return slsc_json_get(in, "body", body) >= 0;
}

static int from_url(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_str body, struct slsc_out *out)
{
	struct slsc_out lines = {slsc_alloc(ctx, SLSC_LAMBDA_BODY_MAX), 0, SLSC_LAMBDA_BODY_MAX, false};
	struct slsc_str value, text = SLSC_STR("");
	bool encoded = false;

	if (!lines.ptr)
		return slsc_fail(ctx, "NoMemory", "not enough memory for the answer");
	if (slsc_json_get(in, "isBase64Encoded", &value) > 0)
		(void)slsc_json_bool(value, &encoded);
	if ((body.ptr && slsc_json_str(ctx, body, &text)) || (encoded && slsc_base64_decode(ctx, text, &text))) {
		slsc_puts(out, "{\"statusCode\":400,\"body\":\"the body cannot be read\"}");
		return 0;
	}
	if (redact_lines(ctx, text, &lines))
		return -1;
	out->full |= lines.full;
	slsc_puts(out, "{\"statusCode\":200,\"headers\":{\"content-type\":\"application/x-ndjson\"},\"body\":");
	slsc_put_json(out, (struct slsc_str){lines.ptr, lines.len});
	slsc_puts(out, "}");
	return 0;
}
#endif

int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
#ifndef __wasi__
	struct slsc_str body;

	if (is_request(in, &body))
		return from_url(ctx, in, body, out);
#endif
	return redact_lines(ctx, in, out);
}
