/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Lambda function for tests/runtime/ric/run, which has its like for Node's client in ric/probe.mjs. Events:
 * {"echo": V} answers V; {"size": N} a string, N bytes with its quotes; {"fail": T} fails with type T; {"show": 1} what
 * the context holds; {"stream": 1} two chunks, and with {"fail": T} an error after them. INIT_FAILS: the start fails.
 */
#include <slsc.h>
#include <stdlib.h>
#include <string.h>

int slsc_init(struct slsc_ctx *ctx)
{
	return getenv("INIT_FAILS") ? slsc_fail(ctx, "Function.NoDatabase", "nothing answers") : 0;
}

static void show(struct slsc_ctx *ctx, struct slsc_out *out)
{
	int64_t left = slsc_remaining_ms(ctx);

	slsc_puts(out, "{\"trace\":");
	slsc_put_json(out, ctx->trace_id);
	slsc_puts(out, ",\"id\":");
	slsc_put_u64(out, ctx->request_id.len);
	slsc_puts(out, ",\"arn\":");
	slsc_put_json(out, ctx->function_arn);
	slsc_puts(out, ",\"name\":");
	slsc_put_json(out, slsc_cstr(getenv("AWS_LAMBDA_FUNCTION_NAME")));
	slsc_puts(out, left > 0 && left <= 3000 ? ",\"deadline\":true}" : ",\"deadline\":false}");
}

static int handle(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	struct slsc_str value, text;
	char type[100] = "", *p;
	int64_t n;

	if (slsc_json_get(in, "fail", &value) > 0 && !slsc_json_str(ctx, value, &text) && text.len < sizeof(type))
		memcpy(type, text.ptr, text.len);
	if (slsc_json_get(in, "stream", &value) > 0) {
		if (slsc_stream_begin(ctx, "text/plain") || slsc_stream_write(ctx, "one ", 4) ||
		    slsc_stream_write(ctx, "two", 3))
			return -1;
		return type[0] ? slsc_fail(ctx, type, "halfway") : 0;
	}
	if (type[0])
		return slsc_fail(ctx, type, "as \"asked\"\n");
	if (slsc_json_get(in, "size", &value) > 0 && !slsc_json_i64(value, &n)) {
		slsc_puts(out, "\"");
		p = slsc_extend(out, (size_t)n - 2);
		if (p)
			memset(p, 'x', (size_t)n - 2);
		slsc_puts(out, "\"");
	} else if (slsc_json_get(in, "show", &value) > 0) {
		show(ctx, out);
	} else if (slsc_json_get(in, "echo", &value) > 0) {
		slsc_put_str(out, value);
	}
	return 0;
}

SLSC_HANDLER(handle);
