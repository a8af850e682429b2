/* SPDX-License-Identifier: Apache-2.0 */
/* Routes: patterns of literal text and {parameters}, each a segment. */
#include "http.h"

#include <string.h>

RT_FOR_SIZE_BEGIN

/* Returns 1 with @r's parameters set, 0, or -1 when a parameter cannot be decoded. */
static int route_match(const char *pattern, struct slsc_request *r)
{
	const char *p = r->path.ptr, *end = p + r->path.len;

	r->param_count = 0;
	while (*pattern) {
		const char *close = *pattern == '{' ? strchr(pattern, '}') : NULL, *seg = p;
		struct slsc_param *param;

		if (!close) {
			if (p == end || *p++ != *pattern++)
				return 0;
			continue;
		}
		while (p < end && *p != '/')
			p++;
		if (p == seg || r->param_count == SLSC_PARAMS_MAX)
			return 0;
		param = &r->params[r->param_count++];
		param->name = (struct slsc_str){pattern + 1, (size_t)(close - pattern - 1)};
		param->value = (struct slsc_str){seg, (size_t)(p - seg)};
		pattern = close + 1;
	}
	if (p != end)
		return 0;
	for (size_t i = 0; i < r->param_count; i++) {
		if (slsc_rt_decode(r->params[i].value, false, &r->params[i].value))
			return -1;
	}
	return 1;
}

int slsc_route(struct slsc_ctx *c, const struct slsc_request *request, struct slsc_response *res,
	       const struct slsc_route *routes, size_t count)
{
	struct slsc_request r = *request;
	char buf[256];
	struct slsc_out allow = {buf, 0, sizeof(buf), false};

	for (size_t i = 0; i < count; i++) {
		int rc = route_match(routes[i].pattern, &r);

		if (rc < 0)
			return slsc_response_error(res, 400, "bad percent-encoding in the path");
		if (!rc)
			continue;
		if (slsc_str_eq(r.method, routes[i].method) ||
		    (slsc_str_eq(r.method, "HEAD") && strcmp(routes[i].method, "GET") == 0))
			return routes[i].handler(c, &r, res);
		if (allow.len)
			slsc_puts(&allow, ", ");
		slsc_puts(&allow, routes[i].method);
		if (strcmp(routes[i].method, "GET") == 0)
			slsc_puts(&allow, ", HEAD");
	}
	if (!allow.len)
		return slsc_response_error(res, 404, "not found");
	if (slsc_response_field(res, "Allow", (struct slsc_str){allow.ptr, allow.len}))
		return -1;
	return slsc_response_error(res, 405, "method not allowed");
}

RT_FOR_SIZE_END
