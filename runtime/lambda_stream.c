/* SPDX-License-Identifier: Apache-2.0 */
/* Streamed answers: a chunked POST, an error on the way as its trailers. */
#include "lambda.h"

#include <string.h>

RT_FOR_SIZE_BEGIN

#define PRELUDE_MAX 16384u

static uint64_t stream_total;
static bool stream_broken;
static char prelude[PRELUDE_MAX];

/* End the body and take the answer. */
static int stream_end(int rc)
{
	static char buf[8192];
	struct slsc_out out = {buf, 0, sizeof(buf), false};
	struct iovec iov;

	slsc_rt_stream_end = NULL;
	if (rc)
		slsc_rt_log_fail(&slsc_rt_ctx, "the stream failed");
	if (stream_broken) {
		/* An end that is not the protocol's: the platform sees that the answer is not whole. */
		slsc_rt_api_close();
		return 0;
	}
	slsc_puts(&out, "0\r\n");
	if (rc) {
		struct slsc_out error = {prelude, 0, sizeof(prelude), false};

		slsc_puts(&out, "Lambda-Runtime-Function-Error-Type: ");
		slsc_rt_put_error_type(&out, slsc_rt_ctx.fail_type);
		slsc_puts(&out, "\r\nLambda-Runtime-Function-Error-Body: ");
		slsc_rt_put_error_body(&error);
		slsc_put_base64(&out, error.ptr, error.len);
		slsc_puts(&out, "\r\n");
	}
	slsc_puts(&out, "\r\n");
	iov = (struct iovec){out.ptr, out.len};
	/* After a failed send there may still be an answer that says why. */
	(void)slsc_rt_api_sendv(&iov, 1, NULL);
	return slsc_rt_api_answer();
}

static void put_chunk_size(struct slsc_out *out, size_t size)
{
	char digits[16], *p = digits + sizeof(digits);

	for (; size; size >>= 4)
		*--p = "0123456789abcdef"[size & 15];
	slsc_put(out, p, (size_t)(digits + sizeof(digits) - p));
	slsc_puts(out, "\r\n");
}

static int stream_send(struct slsc_ctx *ctx, struct iovec *iov, size_t count)
{
	int rc;

	slsc_rt_stream_busy = 1;
	rc = slsc_rt_api_sendv(iov, count, &slsc_rt_stream_stop);
	if (rc)
		stream_broken = true;
	slsc_rt_stream_busy = 0;
	if (slsc_rt_stream_stop && slsc_rt_phase_take(PHASE_HANDLER, PHASE_IO))
		slsc_rt_stream_stopped();
	return rc ? slsc_fail(ctx, "Runtime.StreamBroken", "the Runtime API takes no more of the stream") : 0;
}

static bool is_content_type(const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)s[i] < ' ' || (unsigned char)s[i] > '~')
			return false;
	}
	return len > 0 && len <= 256;
}

static int begin(struct slsc_ctx *ctx, const char *content_type, struct slsc_str first)
{
	char buf[REQUEST_HEAD_MAX];
	struct slsc_out head = {buf, 0, sizeof(buf), false};
	struct iovec iov[3];

	if (slsc_rt_stream_end)
		return slsc_fail(ctx, "Runtime.StreamMisused", "the stream has begun before");
	if (!slsc_rt_api_host.len)
		return slsc_fail(ctx, "Runtime.StreamMisused", "there is no Lambda Runtime API to stream to");
	if (!is_content_type(content_type))
		return slsc_fail(ctx, "Runtime.StreamMisused", "the content type is not one");
	if (slsc_rt_api_fresh())
		return slsc_fail(ctx, "Runtime.StreamBroken", "cannot connect to the Runtime API");
	slsc_rt_put_head(&head, "POST", slsc_rt_ctx.request_id, "/response");
	slsc_puts(&head, "\r\nContent-Type: ");
	slsc_puts(&head, content_type);
	slsc_puts(&head, "\r\nLambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n"
			 "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n");
	if (first.len) {
		put_chunk_size(&head, first.len);
		iov[1] = (struct iovec){(void *)(uintptr_t)first.ptr, first.len};
		iov[2] = (struct iovec){(void *)(uintptr_t)"\r\n", 2};
	}
	iov[0] = (struct iovec){head.ptr, head.len};
	stream_total = 0;
	stream_broken = false;
	slsc_rt_stream_stop = 0;
	slsc_rt_stream_end = stream_end;
	return stream_send(ctx, iov, first.len ? 3 : 1);
}

int slsc_stream_begin(struct slsc_ctx *ctx, const char *content_type)
{
	return begin(ctx, content_type ? content_type : "application/octet-stream", (struct slsc_str){NULL, 0});
}

/* `"name":"value",` for all fields but cookies, or `"value",` for those. */
static void put_fields(struct slsc_out *out, const struct slsc_field *fields, size_t count, bool cookies)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		if (slsc_rt_ieq(fields[i].name, "set-cookie") != cookies)
			continue;
		if (any)
			slsc_puts(out, ",");
		any = true;
		if (!cookies) {
			slsc_put_json(out, fields[i].name);
			slsc_puts(out, ":");
		}
		slsc_put(out, "\"", 1);
		slsc_put_escaped(out, fields[i].value);
		slsc_put(out, "\"", 1);
	}
}

int slsc_stream_http(struct slsc_ctx *ctx, int status, const struct slsc_field *fields, size_t count)
{
	struct slsc_out out = {prelude, 0, sizeof(prelude), false};

	if (status < 200 || status > 599)
		return slsc_fail(ctx, "Runtime.StreamMisused", "the status is not 200 to 599");
	for (size_t i = 0; i < count; i++) {
		if (!slsc_rt_is_token(fields[i].name))
			return slsc_fail(ctx, "Runtime.StreamMisused", "a header field's name is not a token");
	}
	slsc_puts(&out, "{\"statusCode\":");
	slsc_put_i64(&out, status);
	slsc_puts(&out, ",\"headers\":{");
	put_fields(&out, fields, count, false);
	slsc_puts(&out, "},\"cookies\":[");
	put_fields(&out, fields, count, true);
	slsc_puts(&out, "]}");
	slsc_put(&out, "\0\0\0\0\0\0\0", 8);
	if (out.full)
		return slsc_fail(ctx, "Runtime.StreamMisused", "the header fields are larger than 16 KiB");
	return begin(ctx, "application/vnd.awslambda.http-integration-response",
		     (struct slsc_str){out.ptr, out.len});
}

int slsc_stream_write(struct slsc_ctx *ctx, const void *ptr, size_t len)
{
	char buf[24];
	struct slsc_out size = {buf, 0, sizeof(buf), false};
	struct iovec iov[3];

	if (!slsc_rt_stream_end)
		return slsc_fail(ctx, "Runtime.StreamMisused", "no stream has begun");
	if (stream_broken)
		return slsc_fail(ctx, "Runtime.StreamBroken", "the Runtime API takes no more of the stream");
	/* A chunk of no bytes would be the end. */
	if (!len)
		return 0;
	if (len > SLSC_STREAM_MAX - stream_total)
		return slsc_fail(ctx, "Function.ResponseSizeTooLarge", "the stream is larger than 209715200 bytes");
	stream_total += len;
	put_chunk_size(&size, len);
	iov[0] = (struct iovec){size.ptr, size.len};
	iov[1] = (struct iovec){(void *)(uintptr_t)ptr, len};
	iov[2] = (struct iovec){(void *)(uintptr_t)"\r\n", 2};
	return stream_send(ctx, iov, 3);
}

RT_FOR_SIZE_END
