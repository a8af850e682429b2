/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz what the runtime reads from the network: request heads, chunked bodies, CloudEvents,
 * HTTP events of Lambda, and answers of the Runtime API. The first byte chooses: 'L' an answer,
 * 'E' an event, else a request with the rest as its body. Linked with all of
 * runtime/ but the entries, which define main().
 *
 * Whatever is accepted must hold what callers rely on: every slice inside the input, and the
 * same chunked body however it is cut into pieces.
 */
#include "../../runtime/http.h"
#include "../../runtime/lambda.h"

#include <string.h>

#include "fuzz.h"

#define BODY_MAX 4096u

static void check_slice(struct slsc_str s, const char *buf, size_t len)
{
	CHECK(!s.ptr || (s.ptr >= buf && s.len <= len && (size_t)(s.ptr - buf) <= len - s.len));
}

static int decode(const char *src, size_t len, size_t step, char *dst, size_t *dst_len,
		  size_t *used_all)
{
	struct slsc_rt_chunked c = {0};
	int rc = 0;

	*dst_len = 0;
	*used_all = 0;
	while (rc == 0 && *used_all < len) {
		size_t n = len - *used_all < step ? len - *used_all : step, used;

		rc = slsc_rt_chunked_step(&c, dst, dst_len, BODY_MAX, src + *used_all, n, &used);
		CHECK(used <= n && *dst_len <= BODY_MAX);
		CHECK(rc != 0 || used == n);
		*used_all += used;
	}
	return rc;
}

static void fuzz_chunked(const char *body, size_t len)
{
	static char one[BODY_MAX], other[BODY_MAX];
	size_t one_len, other_len, one_used, other_used;
	int one_rc = decode(body, len, SIZE_MAX, one, &one_len, &one_used);
	int other_rc = decode(body, len, 1, other, &other_len, &other_used);

	CHECK(one_rc == other_rc && one_used == other_used && one_len == other_len);
	CHECK(memcmp(one, other, one_len) == 0);
}

static void fuzz_cloudevent(const struct slsc_request *req)
{
	struct slsc_cloudevent event;
	struct slsc_ctx ctx;
	int rc;

	memset(&ctx, 0, sizeof(ctx));
	rc = slsc_cloudevent_decode(&ctx, req, &event);
	CHECK(rc >= -1 && rc <= 1);
	CHECK((rc < 0) == (ctx.fail_type[0] != '\0'));
	if (rc == 1)
		CHECK(event.id.len && event.source.len && event.type.len && slsc_str_eq(event.specversion, "1.0"));
	CHECK(event.extension_count <= SLSC_CLOUDEVENT_EXTENSIONS_MAX);
	slsc_rt_arena_reset();
}

static void fuzz_request(const char *buf, size_t head, size_t len)
{
	struct slsc_field fields[SLSC_HTTP_FIELDS_MAX];
	struct slsc_rt_head h;
	struct slsc_request req;
	int rc = slsc_rt_request_parse(buf, head, &req, fields, &h);

	CHECK(rc == 0 || (rc >= 400 && rc <= 505));
	if (rc)
		return;
	CHECK(!(h.framing.chunked && h.framing.has_length));
	CHECK(req.field_count <= SLSC_HTTP_FIELDS_MAX && req.path.len > 0);
	check_slice(req.method, buf, head);
	check_slice(req.path, buf, head);
	check_slice(req.query, buf, head);
	for (size_t i = 0; i < req.field_count; i++) {
		check_slice(fields[i].name, buf, head);
		check_slice(fields[i].value, buf, head);
		CHECK(fields[i].name.len > 0);
		CHECK(!memchr(fields[i].value.ptr, '\r', fields[i].value.len));
		CHECK(!memchr(fields[i].value.ptr, '\n', fields[i].value.len));
	}
	check_slice(h.request_id, buf, head);
	check_slice(h.trace_id, buf, head);
	check_slice(h.timeout, buf, head);
	if (h.timeout.ptr) {
		int64_t ms = slsc_rt_timeout_parse(h.timeout);

		CHECK(ms >= 0 && ms <= 86400000);
	}
	req.body = (struct slsc_str){buf + head, len - head};
	fuzz_cloudevent(&req);
	if (h.framing.chunked)
		fuzz_chunked(buf + head, len - head);
}

static int event_handler(struct slsc_ctx *ctx, const struct slsc_request *req,
			 struct slsc_response *res)
{
	(void)ctx;
	CHECK(req->path.len > 0 && req->path.ptr[0] == '/' && req->method.len > 0);
	CHECK(req->field_count <= SLSC_HTTP_FIELDS_MAX);
	for (size_t i = 0; i < req->path.len; i++)
		CHECK((unsigned char)req->path.ptr[i] > ' ' && (unsigned char)req->path.ptr[i] < 0x7f);
	for (size_t i = 0; i < req->field_count; i++)
		(void)slsc_response_field(res, "X-Echo", req->fields[i].value);
	slsc_put_str(&res->body, req->body);
	return 0;
}

/* An event that is taken gives an answer that is JSON again. */
static void fuzz_event(const char *buf, size_t len)
{
	static char answer[65536];
	struct slsc_out out = {answer, 0, sizeof(answer), false};
	struct slsc_ctx ctx;
	struct slsc_str value;

	memset(&ctx, 0, sizeof(ctx));
	slsc_rt_srv.handler = event_handler;
	if (!slsc_rt_http_event(&ctx, (struct slsc_str){buf, len}, &out) && !out.full)
		CHECK(slsc_json_get((struct slsc_str){out.ptr, out.len}, "statusCode", &value) == 1);
	slsc_rt_arena_reset();
}

static void fuzz_answer(const char *buf, size_t head, size_t len)
{
	struct slsc_rt_next next;

	if (slsc_rt_next_parse(buf, head, &next))
		return;
	CHECK(next.status >= 100 && next.status <= 999);
	check_slice(next.request_id, buf, head);
	check_slice(next.deadline, buf, head);
	check_slice(next.trace_id, buf, head);
	check_slice(next.client_context, buf, head);
	if (next.framing.chunked)
		fuzz_chunked(buf + head, len - head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = size ? size - 1 : 0, scan = 0, again = 0;
	char *buf;
	ssize_t head, cut;

	if (!size)
		return 0;
	/* On the heap and exact, so that a read past the end is seen. */
	buf = malloc(len ? len : 1);
	CHECK(buf);
	memcpy(buf, data + 1, len);
	if (data[0] == 'E') {
		fuzz_event(buf, len);
		free(buf);
		return 0;
	}
	head = slsc_rt_head_end(buf, len, &scan);
	CHECK(head >= -1 && head <= (ssize_t)len);
	/* Bytes that come one by one end the head at the same place. */
	cut = 0;
	for (size_t n = 1; n <= len && cut == 0; n++)
		cut = slsc_rt_head_end(buf, n, &again);
	CHECK(cut == head);
	if (head > 0) {
		if (data[0] == 'L')
			fuzz_answer(buf, (size_t)head, len);
		else
			fuzz_request(buf, (size_t)head, len);
	}
	free(buf);
	return 0;
}
