/* SPDX-License-Identifier: Apache-2.0 */
/* A response: its buffers, its fields, the error body, its head. */
#include "http.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

#define PAGE_MAX 65536u /* the largest page of any target */

/* A mapping of SLSC_HTTP_BODY_MAX bytes: a connection may take it and what is in it along. */
static char *body_buf;
static char fields_buf[FIELDS_BYTES + 2]; /* and the blank line that ends a head */

void slsc_rt_response_init(struct slsc_response *res)
{
	size_t cap = SLSC_HTTP_BODY_MAX;

	if (!body_buf) {
		body_buf = mmap(NULL, cap, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (body_buf == MAP_FAILED)
			body_buf = NULL;
	}
	res->status = 200;
	res->body = (struct slsc_out){body_buf, 0, body_buf ? cap : 0, false};
	res->fields = (struct slsc_out){fields_buf, 0, sizeof(fields_buf), false};
	res->piece_count = 0;
	res->file = -1;
	res->stream = NULL;
}

void slsc_rt_body_take(const char *at, size_t left, struct region *r)
{
	size_t cap;

	if (!body_buf || at < body_buf || at >= body_buf + SLSC_HTTP_BODY_MAX)
		return;
	cap = ((size_t)(at - body_buf) + left + PAGE_MAX - 1) & ~(size_t)(PAGE_MAX - 1);
	if (cap < SLSC_HTTP_BODY_MAX)
		munmap(body_buf + cap, SLSC_HTTP_BODY_MAX - cap);
	slsc_rt_region_adopt(r, body_buf, cap, 0);
	body_buf = NULL;
}

void slsc_rt_response_drop(struct slsc_response *res)
{
	if (res->file >= 0)
		close(res->file);
	res->file = -1;
	if (res->stream)
		slsc_rt_stream_end(res->stream, res->stream_state.bytes);
	res->stream = NULL;
	res->piece_count = 0;
}

void slsc_rt_response_release(const struct slsc_response *res)
{
	if (res->body.ptr == body_buf && body_buf)
		slsc_rt_trim(body_buf, res->body.len);
}

int slsc_response_field(struct slsc_response *res, const char *name, struct slsc_str value)
{
	static const char reserved[][18] = {"connection", "content-length", "date",
					    "transfer-encoding"};
	struct slsc_str n = slsc_cstr(name);

	if (!slsc_rt_is_token(n) || n.len + value.len + 4 > FIELDS_BYTES - res->fields.len)
		return -1;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (slsc_rt_ieq(n, reserved[i]))
			return -1;
	}
	for (size_t i = 0; i < value.len; i++) {
		unsigned char ch = (unsigned char)value.ptr[i];

		if ((ch < 0x20 && ch != '\t') || ch == 0x7f)
			return -1;
	}
	slsc_put_str(&res->fields, n);
	slsc_puts(&res->fields, ": ");
	slsc_put_str(&res->fields, value);
	slsc_puts(&res->fields, "\r\n");
	return 0;
}

int slsc_response_error(struct slsc_response *res, int status, const char *message)
{
	slsc_rt_response_drop(res);
	res->status = status;
	res->body.len = 0;
	res->body.full = false;
	slsc_puts(&res->body, "{\"message\":");
	slsc_put_json(&res->body, slsc_cstr(message));
	slsc_puts(&res->body, "}\n");
	/* Room for this is left over by FIELDS_BYTES' users in all but contrived cases. */
	(void)slsc_response_field(res, "Content-Type", SLSC_STR("application/json"));
	return 0;
}

const char *slsc_rt_reason(int status)
{
	static const struct {
		short status;
		char text[30];
	} reasons[] = {
		{200, "OK"},
		{201, "Created"},
		{202, "Accepted"},
		{204, "No Content"},
		{206, "Partial Content"},
		{301, "Moved Permanently"},
		{302, "Found"},
		{303, "See Other"},
		{304, "Not Modified"},
		{307, "Temporary Redirect"},
		{308, "Permanent Redirect"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{408, "Request Timeout"},
		{409, "Conflict"},
		{412, "Precondition Failed"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{415, "Unsupported Media Type"},
		{416, "Range Not Satisfiable"},
		{417, "Expectation Failed"},
		{422, "Unprocessable Content"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Big"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{502, "Bad Gateway"},
		{503, "Service Unavailable"},
		{504, "Gateway Timeout"},
		{505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return reasons[i].text;
	}
	/* A reason may be empty (RFC 9112, 4). */
	return "";
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7) */
static void put_date(struct slsc_out *o, int64_t now)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int t[7];

	slsc_rt_civil(now, t);
	slsc_put(o, days + 3 * t[6], 3);
	slsc_puts(o, ", ");
	slsc_rt_put_padded(o, t[2], 2);
	slsc_puts(o, " ");
	slsc_put(o, months + 3 * (t[1] - 1), 3);
	slsc_puts(o, " ");
	slsc_rt_put_padded(o, t[0], 4);
	for (int i = 3; i < 6; i++) {
		slsc_puts(o, i == 3 ? " " : ":");
		slsc_rt_put_padded(o, t[i], 2);
	}
	slsc_puts(o, " GMT\r\n");
}

/*
 * Date and Connection, which nearly all answers have alike, written once a second: the clock is
 * looked at once a turn of the loop.
 */
static struct slsc_str common_fields(bool close)
{
	static char text[2][80];
	static size_t len[2];
	static int64_t looked_ms = -1, second = -1;
	struct timespec ts;

	if (looked_ms != slsc_rt_srv.now_ms || second < 0) {
		looked_ms = slsc_rt_srv.now_ms;
		clock_gettime(CLOCK_REALTIME, &ts);
		if ((int64_t)ts.tv_sec != second) {
			second = ts.tv_sec;
			for (int i = 0; i < 2; i++) {
				struct slsc_out o = {text[i], 0, sizeof(text[i]), false};

				slsc_puts(&o, "\r\nDate: ");
				put_date(&o, second);
				slsc_puts(&o, i ? "Connection: close\r\n" : "Connection: keep-alive\r\n");
				len[i] = o.len;
			}
		}
	}
	return (struct slsc_str){text[close], len[close]};
}

void slsc_rt_put_head(struct slsc_out *out, const struct slsc_response *res, uint64_t length,
		      bool chunked, bool close)
{
	if (res->status == 200) {
		slsc_put_str(out, SLSC_STR("HTTP/1.1 200 OK"));
	} else {
		slsc_puts(out, "HTTP/1.1 ");
		slsc_put_u64(out, (uint64_t)res->status);
		slsc_puts(out, " ");
		slsc_puts(out, slsc_rt_reason(res->status));
	}
	slsc_put_str(out, common_fields(close));
	slsc_put_str(out, (struct slsc_str){res->fields.ptr, res->fields.len});
	if (res->status == 204 || res->status == 304) {
		slsc_put_str(out, SLSC_STR("\r\n"));
	} else if (length != UINT64_MAX) {
		slsc_put_str(out, SLSC_STR("Content-Length: "));
		slsc_put_u64(out, length);
		slsc_put_str(out, SLSC_STR("\r\n\r\n"));
	} else {
		slsc_puts(out, chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
	}
}

RT_FOR_SIZE_END
