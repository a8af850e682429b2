/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP function for tests/runtime/run: the path says what to do. */
#include <slsc.h>
#include <string.h>

slsc_http_fn handler;

int handler(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
{
	struct slsc_str value;

	if (slsc_str_eq(req->path, "/big")) {
		char *p = slsc_extend(&res->body, 20u << 20);

		if (p)
			memset(p, 'x', 20u << 20);
	} else if (slsc_str_eq(req->path, "/huge")) {
		(void)slsc_extend(&res->body, SLSC_HTTP_BODY_MAX);
		slsc_puts(&res->body, "x");
	} else if (slsc_str_eq(req->path, "/fail")) {
		return slsc_fail(ctx, "Secret", "not for strangers");
	} else if (slsc_str_eq(req->path, "/status")) {
		res->status = 99;
	} else if (slsc_str_eq(req->path, "/empty")) {
		res->status = 204;
		slsc_puts(&res->body, "dropped");
	} else if (slsc_str_eq(req->path, "/split")) {
		/* Both must be refused, else 'X-Evil' arrives. */
		if (!slsc_response_field(res, "X-A", SLSC_STR("a\r\nX-Evil: 1")) ||
		    !slsc_response_field(res, "content-length", SLSC_STR("0")))
			return -1;
		slsc_puts(&res->body, "refused");
	} else if (slsc_str_eq(req->path, "/query")) {
		int rc = slsc_request_query(ctx, req, "q", &value);

		slsc_put_i64(&res->body, rc);
		slsc_put_json(&res->body, value);
	} else {
		slsc_put_str(&res->body, req->method);
		slsc_puts(&res->body, " ");
		slsc_put_str(&res->body, req->path);
		slsc_puts(&res->body, " ");
		slsc_put_json(&res->body, req->query);
		slsc_puts(&res->body, " ");
		slsc_put_json(&res->body, slsc_request_field(req, "x-TEST"));
		slsc_puts(&res->body, " ");
		slsc_put_u64(&res->body, req->body.len);
	}
	return 0;
}
