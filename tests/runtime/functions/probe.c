/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Lambda function that does what the event says, for tests/runtime/run:
 * {"size": N} an answer of N bytes; {"fail": T} an error of type T; {"silent": 1} an error
 * without a reason; {"alloc": N} take N bytes, touch them; {"show": 1} what the context holds;
 * {"decode": S} S decoded and encoded again; {"fixed": 1} number formatting; {"log": S}.
 */
#include <slsc.h>
#include <stdlib.h>
#include <string.h>

slsc_lambda_fn probe_handler;

static void show(struct slsc_ctx *ctx, struct slsc_out *out)
{
	int64_t left = slsc_remaining_ms(ctx);

	slsc_puts(out, "{\"trace_env\":");
	slsc_put_json(out, slsc_cstr(getenv("_X_AMZN_TRACE_ID")));
	slsc_puts(out, ",\"same\":");
	slsc_puts(out, slsc_str_eq(ctx->trace_id, getenv("_X_AMZN_TRACE_ID")) ? "true" : "false");
	slsc_puts(out, ",\"arn\":");
	slsc_put_json(out, ctx->function_arn);
	slsc_puts(out, ",\"tenant\":");
	slsc_put_json(out, ctx->tenant_id);
	slsc_puts(out, ",\"deadline\":");
	slsc_puts(out, left == INT64_MAX ? "null" : left > 0 && left <= 3000 ? "true" : "false");
	slsc_puts(out, ",\"path\":");
	slsc_puts(out, getenv("PATH") ? "true" : "false");
	slsc_puts(out, "}");
}

static void fixed(struct slsc_out *out)
{
	static const double values[] = {0, 1.005, -2.5, 0.04, -0.001, 123456.789, 1e300};

	slsc_puts(out, "[");
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		slsc_put_fixed(out, values[i], 2);
		slsc_puts(out, ",");
	}
	slsc_put_fixed(out, 2.5, 0);
	slsc_puts(out, ",");
	slsc_put_i64(out, INT64_MIN);
	slsc_puts(out, ",");
	slsc_put_u64(out, UINT64_MAX);
	slsc_puts(out, "]");
}

int probe_handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	struct slsc_str value, text, bytes;
	char type[100];
	int64_t n;

	if (slsc_json_get(in, "size", &value) > 0 && !slsc_json_i64(value, &n)) {
		char *p;

		slsc_put(out, "\"", 1);
		p = slsc_extend(out, (size_t)n - 2);
		if (p)
			memset(p, 'x', (size_t)n - 2);
		slsc_put(out, "\"", 1);
		return 0;
	}
	if (slsc_json_get(in, "fail", &value) > 0 && !slsc_json_str(ctx, value, &text) &&
	    text.len < sizeof(type)) {
		memcpy(type, text.ptr, text.len);
		type[text.len] = '\0';
		return slsc_fail(ctx, type, "as asked: \"quoted\"\n\xff");
	}
	if (slsc_json_get(in, "silent", &value) > 0)
		return 1;
	if (slsc_json_get(in, "alloc", &value) > 0 && !slsc_json_i64(value, &n)) {
		char *small = slsc_alloc(ctx, 10), *p = slsc_alloc(ctx, (size_t)n);

		if (!small || !p)
			return slsc_fail(ctx, "OutOfMemory", "slsc_alloc gave none");
		memset(small, 1, 10);
		memset(p, 2, (size_t)n);
		slsc_put_i64(out, ((uintptr_t)p & 15) == 0 && small[9] == 1);
		return 0;
	}
	if (slsc_json_get(in, "show", &value) > 0) {
		show(ctx, out);
		return 0;
	}
	if (slsc_json_get(in, "fixed", &value) > 0) {
		fixed(out);
		return 0;
	}
	if (slsc_json_get(in, "log", &value) > 0 && !slsc_json_str(ctx, value, &text)) {
		char *line = slsc_alloc(ctx, text.len + 1);

		if (!line)
			return -1;
		memcpy(line, text.ptr, text.len);
		line[text.len] = '\0';
		slsc_log(ctx, SLSC_DEBUG, "below the level");
		slsc_log(ctx, SLSC_INFO, line);
		slsc_puts(out, "null");
		return 0;
	}
	if (slsc_json_get(in, "decode", &value) > 0 && !slsc_json_str(ctx, value, &text)) {
		if (slsc_base64_decode(ctx, text, &bytes))
			return slsc_fail(ctx, "NotBase64", "not base64");
		slsc_put(out, "\"", 1);
		slsc_put_base64(out, bytes.ptr, bytes.len);
		slsc_put(out, "\"", 1);
		return 0;
	}
	return slsc_fail(ctx, "BadEvent", "no known member");
}
