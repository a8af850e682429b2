/*
 * An HTTP function: a table of routes, one small handler each.
 */
#include <slsc.h>

slsc_http_fn handler; /* the prototype: see slsc.h */

static int get_index(struct slsc_ctx *ctx, const struct slsc_request *req,
		     struct slsc_response *res)
{
	(void)ctx;
	(void)req;
	slsc_puts(&res->body, "It works. Try /hello/{name}.\n");
	return slsc_response_field(res, "Content-Type", SLSC_STR("text/plain; charset=utf-8"));
}

static int get_hello(struct slsc_ctx *ctx, const struct slsc_request *req,
		     struct slsc_response *res)
{
	(void)ctx;
	slsc_puts(&res->body, "{\"message\":\"Hello, ");
	slsc_put_escaped(&res->body, slsc_request_param(req, "name"));
	slsc_puts(&res->body, "!\"}\n");
	return slsc_response_field(res, "Content-Type", SLSC_STR("application/json"));
}

static int post_echo(struct slsc_ctx *ctx, const struct slsc_request *req,
		     struct slsc_response *res)
{
	(void)ctx;
	slsc_put_str(&res->body, req->body);
	/* Never the caller's own type: an echoed page must not run as one. */
	return slsc_response_field(res, "Content-Type", SLSC_STR("application/octet-stream"));
}

static const struct slsc_route routes[] = {
	{"GET", "/", get_index},
	{"GET", "/hello/{name}", get_hello},
	{"POST", "/echo", post_echo},
};

int handler(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
{
	/* 404 and 405 are answered by the table itself. */
	return slsc_route(ctx, req, res, routes, sizeof(routes) / sizeof(routes[0]));
}
