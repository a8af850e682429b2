/* SPDX-License-Identifier: Apache-2.0 */
/* A response: its fields, the error body, the reason and the date of its head. */
#include "http.h"

RT_FOR_SIZE_BEGIN

int slsc_response_field(struct slsc_response *res, const char *name, struct slsc_str value)
{
	static const char reserved[][18] = {"connection", "content-length", "date",
					    "transfer-encoding"};
	struct slsc_str n = slsc_cstr(name);

	if (!slsc_rt_is_token(n) || n.len + value.len + 4 > res->fields.cap - res->fields.len)
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
		{301, "Moved Permanently"},
		{302, "Found"},
		{303, "See Other"},
		{304, "Not Modified"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{408, "Request Timeout"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{417, "Expectation Failed"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Big"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return reasons[i].text;
	}
	/* A reason may be empty (RFC 9112, 4). */
	return "";
}

void slsc_rt_put_date(struct slsc_out *head)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	/* "Sun, 06 Nov 1994 08:49:37 GMT", written once a second. */
	static char text[29];
	static int64_t at = -1;
	struct slsc_out o = {text, 0, sizeof(text), false};
	struct timespec ts;
	int t[7];

	clock_gettime(CLOCK_REALTIME, &ts);
	if ((int64_t)ts.tv_sec != at) {
		at = ts.tv_sec;
		slsc_rt_civil(at, t);
		slsc_put(&o, days + 3 * t[6], 3);
		slsc_puts(&o, ", ");
		slsc_rt_put_padded(&o, t[2], 2);
		slsc_puts(&o, " ");
		slsc_put(&o, months + 3 * (t[1] - 1), 3);
		slsc_puts(&o, " ");
		slsc_rt_put_padded(&o, t[0], 4);
		for (int i = 3; i < 6; i++) {
			slsc_puts(&o, i == 3 ? " " : ":");
			slsc_rt_put_padded(&o, t[i], 2);
		}
		slsc_puts(&o, " GMT");
	}
	slsc_put(head, text, sizeof(text));
}

RT_FOR_SIZE_END
