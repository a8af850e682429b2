/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime: lambda as a WASI command: one event on stdin, the answer on stdout, logs on stderr, then it is over. What a
 * host gives along comes by the environment: SLSC_REQUEST_ID, SLSC_FUNCTION_ARN, _X_AMZN_TRACE_ID, and SLSC_DEADLINE_MS
 * (milliseconds since the Unix epoch). Status 0; 1 with the error's JSON on stdout, as Lambda has it.
 */
#include "internal.h"

#include <errno.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

/* Static: a module's data that is zero takes no byte of its file, and a page that is not touched none of memory. */
static char in_buf[SLSC_LAMBDA_BODY_MAX + 1], out_buf[SLSC_LAMBDA_BODY_MAX];
static struct slsc_ctx the_ctx;

__attribute__((weak)) int slsc_init(struct slsc_ctx *c);

static int read_event(struct slsc_ctx *ctx, struct slsc_str *event)
{
	size_t len = 0;

	while (len < sizeof(in_buf)) {
		ssize_t n = read(STDIN_FILENO, in_buf + len, sizeof(in_buf) - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return slsc_fail(ctx, "Runtime.EventUnreadable", "the event cannot be read from stdin");
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len == sizeof(in_buf))
		return slsc_fail(ctx, "Runtime.EventSizeTooLarge", "the event is larger than 6291556 bytes");
	*event = (struct slsc_str){in_buf, len};
	return 0;
}

/* As in lambda.c: what cannot be meant is no deadline. */
static int64_t deadline_ms(const char *s)
{
	const int64_t year_2020 = 1577836800000, year_2100 = 4102444800000;
	uint64_t ms;

	if (slsc_rt_u64(slsc_cstr(s), &ms) || (int64_t)ms < year_2020 || (int64_t)ms > year_2100)
		return 0;
	return (int64_t)ms;
}

static int run(slsc_lambda_fn *handler, struct slsc_ctx *ctx, struct slsc_out *out)
{
	struct slsc_str event;
	int rc;

	if (slsc_init && slsc_init(ctx))
		return -1;
	slsc_rt_arena_reset();
	if (read_event(ctx, &event))
		return -1;
	rc = handler(ctx, event, out);
	if (!rc && out->full)
		rc = slsc_fail(ctx, "Function.ResponseSizeTooLarge",
			       "Response payload size exceeded maximum allowed payload size (6291556 bytes).");
	return rc;
}

int slsc_lambda_main(slsc_lambda_fn *handler)
{
	struct slsc_out out = {out_buf, 0, sizeof(out_buf), false};
	struct slsc_ctx *ctx = &the_ctx;
	int rc;

	ctx->request_id = slsc_cstr(slsc_rt_env("SLSC_REQUEST_ID"));
	ctx->function_arn = slsc_cstr(slsc_rt_env("SLSC_FUNCTION_ARN"));
	ctx->trace_id = slsc_cstr(slsc_rt_env("_X_AMZN_TRACE_ID"));
	ctx->deadline_ms = deadline_ms(slsc_rt_env("SLSC_DEADLINE_MS"));
	slsc_rt_fail_clear(ctx);
	rc = run(handler, ctx, &out);
	if (rc) {
		out = (struct slsc_out){out_buf, 0, sizeof(out_buf), false};
		slsc_rt_log_fail(ctx, "invocation failed");
		slsc_puts(&out, "{\"errorMessage\":");
		slsc_put_json(&out, slsc_cstr(ctx->fail_message));
		slsc_puts(&out, ",\"errorType\":");
		slsc_put_json(&out, slsc_cstr(ctx->fail_type));
		slsc_puts(&out, ",\"stackTrace\":[]}");
	}
	if (slsc_rt_write_all(STDOUT_FILENO, out.ptr, out.len)) {
		slsc_log(ctx, SLSC_FATAL, "the answer cannot be written to stdout");
		return 1;
	}
	return rc ? 1 : 0;
}

RT_FOR_SIZE_END
