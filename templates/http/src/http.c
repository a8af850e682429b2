/*
 * An HTTP function: a table of routes, one small handler each. The same binary serves HTTP and,
 * on Lambda, the events of a function URL or an HTTP API.
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
	/* Sent from where it was received, without a copy. */
	if (slsc_response_piece(res, req->body))
		return slsc_fail(ctx, "Echo", "too many pieces");
	/* Never the caller's own type: an echoed page must not run as one. */
	return slsc_response_field(res, "Content-Type", SLSC_STR("application/octet-stream"));
}

/* The state of a stream: copied by the runtime, and handed back for each piece. */
struct count {
	int64_t next, last;
};

static int put_number(struct slsc_ctx *ctx, void *state, struct slsc_out *out)
{
	struct count *c = state;

	(void)ctx;
	/* The last call, whatever happened: nothing to close here. */
	if (!out)
		return 0;
	slsc_put_i64(out, c->next);
	slsc_puts(out, "\n");
	return c->next++ < c->last;
}

/* Any number of lines in little memory: the next is made once the peer has taken the last. */
static int get_count(struct slsc_ctx *ctx, const struct slsc_request *req,
		     struct slsc_response *res)
{
	struct count c = {1, 0};

	if (slsc_json_i64(slsc_request_param(req, "n"), &c.last) || c.last < 1 || c.last > 1000000)
		return slsc_response_error(res, 400, "a number from 1 to 1000000 is wanted");
	if (slsc_response_stream(res, put_number, &c, sizeof(c)))
		return slsc_fail(ctx, "Count", "no second stream");
	return slsc_response_field(res, "Content-Type", SLSC_STR("text/plain; charset=utf-8"));
}

/* A CloudEvent, as Knative delivers it, in either content mode. */
static int post_event(struct slsc_ctx *ctx, const struct slsc_request *req,
		      struct slsc_response *res)
{
	struct slsc_cloudevent event;
	int rc = slsc_cloudevent_decode(ctx, req, &event);

	if (rc <= 0)
		return slsc_response_error(res, 400, rc ? ctx->fail_message : "not a CloudEvent");
	slsc_puts(&res->body, "{\"id\":");
	slsc_put_json(&res->body, event.id);
	slsc_puts(&res->body, ",\"type\":");
	slsc_put_json(&res->body, event.type);
	slsc_puts(&res->body, ",\"bytes\":");
	slsc_put_u64(&res->body, event.data.len);
	slsc_puts(&res->body, "}\n");
	return slsc_response_field(res, "Content-Type", SLSC_STR("application/json"));
}

static const struct slsc_route routes[] = {
	{"GET", "/", get_index},
	{"GET", "/hello/{name}", get_hello},
	{"GET", "/count/{n}", get_count},
	{"POST", "/echo", post_echo},
	{"POST", "/events", post_event},
};

int handler(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
{
	/* 404 and 405 are answered by the table itself. */
	return slsc_route(ctx, req, res, routes, sizeof(routes) / sizeof(routes[0]));
}
