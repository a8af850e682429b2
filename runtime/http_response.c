/* SPDX-License-Identifier: Apache-2.0 */
/* A response: its buffers, its fields, the error body, its head. */
#include "http.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_MAX 65536u /* the largest page of any target */

/* A mapping of SLSC_HTTP_BODY_MAX bytes: a connection may take it and what is in it along. */
static char *body_buf;
static char fields_buf[FIELDS_BYTES + 16]; /* and what ends a head, or is copied in passing */

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
		slsc_rt_tail_end(res->stream, res->stream_state.bytes);
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
	slsc_puts(o, " GMT");
}

/* Copies may write and read this much past the end, see copy(). */
#define SLACK 16u
#define OK_LINE "HTTP/1.1 200 OK"

/*
 * The start of nearly all heads, written once a second: the status line, Date, Connection. The
 * clock is looked at once a turn of the loop.
 */
static struct slsc_str head_start(enum slsc_rt_connection connection)
{
	static const char *const fields[] = {"\r\n", "\r\nConnection: close\r\n", "\r\nConnection: keep-alive\r\n"};
	static char text[3][96 + SLACK];
	static size_t len[3];
	static int64_t looked_ms = -1, second = -1;
	struct timespec ts;

	if (looked_ms != slsc_rt_srv.now_ms || second < 0) {
		looked_ms = slsc_rt_srv.now_ms;
		clock_gettime(CLOCK_REALTIME, &ts);
		if ((int64_t)ts.tv_sec != second) {
			second = ts.tv_sec;
			for (int i = 0; i < 3; i++) {
				struct slsc_out o = {text[i], 0, sizeof(text[i]) - SLACK, false};

				slsc_puts(&o, OK_LINE "\r\nDate: ");
				put_date(&o, second);
				slsc_puts(&o, fields[i]);
				len[i] = o.len;
			}
		}
	}
	return (struct slsc_str){text[connection], len[connection]};
}

/*
 * Whole words instead of a call of memcpy(), whose start costs more than these few bytes. Both
 * sides have SLACK bytes past the end.
 */
static char *copy(char *to, struct slsc_str s)
{
	for (size_t i = 0; i < s.len; i += SLACK)
		__builtin_memcpy(to + i, s.ptr + i, SLACK);
	return to + s.len;
}

static char *put_u64(char *to, uint64_t value)
{
	char digits[20 + SLACK], *end = digits + 20, *p = end;

	do {
		*--p = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	return copy(to, (struct slsc_str){p, (size_t)(end - p)});
}

size_t slsc_rt_http_head(char *to, const struct slsc_response *res, uint64_t length, bool chunked,
			enum slsc_rt_connection connection)
{
	struct slsc_str start = head_start(connection);
	char *p = to;

	if (res->status != 200) {
		char line[64];
		struct slsc_out out = {line, 0, sizeof(line), false};

		slsc_puts(&out, "HTTP/1.1 ");
		slsc_put_u64(&out, (uint64_t)res->status);
		slsc_puts(&out, " ");
		slsc_puts(&out, slsc_rt_reason(res->status));
		memcpy(p, line, out.len);
		p += out.len;
		start.ptr += sizeof(OK_LINE) - 1;
		start.len -= sizeof(OK_LINE) - 1;
	}
	p = copy(p, start);
	p = copy(p, (struct slsc_str){res->fields.ptr, res->fields.len});
	if (res->status != 204 && res->status != 304) {
		if (length != UINT64_MAX) {
			memcpy(p, "Content-Length: ", 16);
			p = put_u64(p + 16, length);
			memcpy(p, "\r\n", 2);
			p += 2;
		} else if (chunked) {
			memcpy(p, "Transfer-Encoding: chunked\r\n", 28);
			p += 28;
		}
	}
	memcpy(p, "\r\n", 2);
	return (size_t)(p + 2 - to);
}
