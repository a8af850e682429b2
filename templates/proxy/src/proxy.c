/*
 * An HTTP function in front of a server that may fail: it tries again, stops asking for a while when that does not
 * help, and answers with what it has. The server is UPSTREAM, "http://host[:port]".
 */
#include <slsc.h>
#include <stdlib.h>
#include <string.h>

slsc_http_fn handler; /* the prototype: see slsc.h */

#define STALE_MAX 65536

/* One for each thing that is called; it lives as long as the process. */
static struct slsc_breaker upstream;

/* The last good answer, and to what, for when there is no other. */
static char stale[STALE_MAX], stale_url[1024];
static size_t stale_len;

/* What an attempt needs, and what it leaves. */
struct fetch {
	const char *url;
	struct slsc_answer answer;
};

/* One attempt. A status of 500 and more is a failure, so that it is tried again and counted. */
static int attempt(struct slsc_ctx *ctx, void *arg)
{
	struct fetch *f = arg;
	struct slsc_call call = {.url = f->url, .body_max = STALE_MAX, .timeout_ms = 2000};
	int rc = slsc_call(ctx, &call, &f->answer);

	if (!rc && f->answer.status >= 500)
		rc = SLSC_CALL_STATUS;
	return rc;
}

/* Only GET comes here, which may be sent twice. */
static int attempts(struct slsc_ctx *ctx, void *arg)
{
	static const struct slsc_retry policy = {.attempts = 2, .base_ms = 50};

	return slsc_retry(ctx, &policy, attempt, arg);
}

/* The upstream failed, or was not asked: SLSC_CALL_OPEN. */
static int fall_back(struct slsc_ctx *ctx, void *arg, int error)
{
	struct fetch *f = arg;

	slsc_log(ctx, SLSC_WARN, slsc_call_error(error));
	if (strcmp(f->url, stale_url) != 0)
		return error;
	f->answer = (struct slsc_answer){.status = 203, .body = {stale, stale_len}};
	return 0;
}

/* The URL of @path at the upstream, in memory of the invocation. */
static const char *url_of(struct slsc_ctx *ctx, struct slsc_str path)
{
	const char *base = getenv("UPSTREAM");
	size_t len = base ? strlen(base) : 0;
	char *url = slsc_alloc(ctx, len + path.len + 1);

	if (!base || !url)
		return NULL;
	memcpy(url, base, len);
	memcpy(url + len, path.ptr, path.len);
	url[len + path.len] = '\0';
	return url;
}

static int get_item(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
{
	struct fetch f = {.url = url_of(ctx, req->path)};

	if (!f.url)
		return slsc_response_error(res, 500, "UPSTREAM is not set");
	if (slsc_guard(ctx, &upstream, attempts, fall_back, &f))
		return slsc_response_error(res, 503, "the upstream is down, and no earlier answer is known");
	if (f.answer.status == 200 && strlen(f.url) < sizeof(stale_url)) {
		memcpy(stale_url, f.url, strlen(f.url) + 1);
		memcpy(stale, f.answer.body.ptr, f.answer.body.len);
		stale_len = f.answer.body.len;
	}
	res->status = f.answer.status;
	slsc_put_str(&res->body, f.answer.body);
	/* Never the upstream's own type: a page of it must not run as one of ours. */
	return slsc_response_field(res, "Content-Type", SLSC_STR("application/octet-stream"));
}

static const struct slsc_route routes[] = {
	{"GET", "/items/{id}", get_item},
};

int handler(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res)
{
	return slsc_route(ctx, req, res, routes, sizeof(routes) / sizeof(routes[0]));
}

/* A request with X-Preheat is answered without the handler, once the process is warm. */
SLSC_PREHEAT;
