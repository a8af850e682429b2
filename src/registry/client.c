/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/client.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/mem.h"
#include "os/proc.h"
#include "registry/client_internal.h"

#define REDIRECTS 5
#define PAUSE_MS 200		/* before the second try; twice as long before each further one */
#define HUB "docker.io"		/* whose API has another name than its images */
#define HUB_API "registry-1.docker.io"

int client_open(struct client **out, const struct client_spec *spec, const struct registry_opts *o, struct err *err)
{
	struct client *c = xcalloc(1, sizeof(*c));

	pthread_mutex_init(&c->lock, NULL);
	c->host = xstrdup(spec->host);
	c->repo = spec->repo ? xstrdup(spec->repo) : NULL;
	c->shown = spec->repo ? xasprintf("%s/%s", spec->host, spec->repo) : xstrdup(spec->host);
	c->mount_from = spec->mount_from ? xstrdup(spec->mount_from) : NULL;
	c->cancel = spec->cancel;
	c->stalled_s = spec->stalled_s;
	c->until = o->until;
	c->loopback = host_is_loopback(spec->host);
	c->auth = (struct auth){
		.tls = &c->tls, .host = c->host, .repo = c->repo, .no_proxy = c->loopback, .insecure = o->insecure,
		.given = o->creds, .until = o->until,
	};
	auth_init(&c->auth);
	if (spec->repo)
		strs_addf(&c->auth.scopes, "repository:%s:%s", spec->repo, spec->push ? "pull,push" : "pull");
	if (spec->mount_from)
		strs_addf(&c->auth.scopes, "repository:%s:pull", spec->mount_from);
	c->http = client_tls(c, o, err) == 0 ? http_new(err) : NULL;
	if (!c->http) {
		client_free(c);
		return -1;
	}
	c->auth.http = c->http;
	*out = c;
	return 0;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	http_free(c->http);
	auth_release(&c->auth);
	pthread_mutex_destroy(&c->lock);
	free(c->host);
	free(c->repo);
	free(c->shown);
	free(c->mount_from);
	free(c->ca);
	free(c->cert);
	free(c->key);
	free(c->base);
	http_url_release(&c->base_url);
	free(c);
}

const char *client_shown(const struct client *c)
{
	return c->shown;
}

/* pauses */

static bool cancelled(const struct client *c)
{
	return c->cancel && atomic_load(c->cancel);
}

static int pause_ms(struct client *c, int64_t ms, struct err *err)
{
	struct timespec t;
	int64_t end;

	clock_gettime(CLOCK_MONOTONIC, &t);
	end = t.tv_sec * 1000 + t.tv_nsec / 1000000 + ms;
	for (;;) {
		struct pollfd p = { .fd = sig_fd(), .events = POLLIN };
		int64_t left;

		if (sig_check(err) < 0)
			return -1;
		if (cancelled(c))
			return err_set(err, ERR_INTR, "cancelled");
		clock_gettime(CLOCK_MONOTONIC, &t);
		left = end - (t.tv_sec * 1000 + t.tv_nsec / 1000000);
		if (left <= 0)
			return 0;
		(void)poll(&p, 1, left < 200 ? (int)left : 200);
	}
}

int client_pause(struct client *c, struct call *call, const struct http_resp *resp, struct err *err)
{
	int64_t ms = (int64_t)PAUSE_MS << call->tries, wish = retry_after_ms(resp->retry_after, (int64_t)time(NULL));
	struct err interrupted;
	uint16_t jitter = 0;

	if (c->until)
		return -1;
	if (resp->stalled && call->tries < CLIENT_TRIES - 2)
		call->tries = CLIENT_TRIES - 2;
	if (++call->tries >= CLIENT_TRIES)
		return -1;
	if (wish > CLIENT_RETRY_AFTER_MAX * 1000) {
		err_hint(err, "it asks to wait %lld s: try again then", (long long)(wish / 1000));
		return -1;
	}
	/* Half of it at random, so that those who failed together do not come back together. */
	(void)!getrandom(&jitter, sizeof(jitter), GRND_NONBLOCK);
	ms = ms / 2 + ms * jitter / (2 * UINT16_MAX);
	if (pause_ms(c, wish > ms ? wish : ms, &interrupted) < 0) {
		*err = interrupted;
		return -1;
	}
	return 0;
}

/* how the registry is spoken to */

static int send_once(struct client *c, struct http_req *req, struct http_resp *resp, struct err *err)
{
	req->tls = &c->tls;
	req->no_proxy = c->loopback;
	req->cancel = c->cancel;
	req->stalled_s = c->stalled_s;
	req->until = c->until;
	return http_perform(c->http, req, resp, err);
}

/* The challenge of GET /v2/ is answered at once, so that not every thread gets one of its own. */
static int greet(struct client *c, const struct http_resp *resp, const char *url, struct err *err)
{
	unsigned generation;
	CLEAN_FREE char *none = NULL;

	if (resp->status != 401)
		return 0;
	none = auth_header(&c->auth, &generation);
	return auth_answer(&c->auth, generation, url, &resp->challenges, err);
}

static int try_scheme(struct client *c, const char *base, bool last, bool *spoken, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	struct http_req req = { .method = "GET", .url = base };
	struct call call = { .what = "GET of /v2/" };

	for (;;) {
		http_resp_release(&resp);
		*spoken = false;
		if (send_once(c, &req, &resp, err) < 0) {
			if (!last && resp.not_http)
				return 0;
			err_wrap(err, "%s", c->host);
			if (!resp.transient || client_pause(c, &call, &resp, err) < 0)
				return -1;
			continue;
		}
		/* What servers of TLS say to plain http; a registry has no reason to say it to /v2/. */
		*spoken = last || resp.status != 400;
		if (!*spoken || !client_is_transient(resp.status))
			return *spoken ? greet(c, &resp, base, err) : 0;
		client_refused(c, &call, &resp, err);
		if (client_pause(c, &call, &resp, err) < 0)
			return -1;
	}
}

/*
 * https, and nobody is asked. On this machine http is tried first, or second if certificates are named; with --insecure
 * second.
 */
static int find_base(struct client *c, struct err *err)
{
	const char *host = strcmp(c->host, HUB) == 0 ? HUB_API : c->host;
	bool both = c->loopback || c->tls.insecure;
	bool http_first = c->loopback && !c->tls.insecure && !c->tls.ca && !c->tls.cert;

	for (int i = 0; i < 2; i++) {
		bool http = both && (i == 0) == http_first, spoken = true;
		CLEAN_FREE char *base = xasprintf("%s://%s/v2/", http ? "http" : "https", host);

		http_url_release(&c->base_url);
		if (http_ops(c->http)->url(NULL, base, &c->base_url, err) < 0 ||
		    (both && try_scheme(c, base, i == 1, &spoken, err) < 0))
			return -1;
		if (spoken) {
			c->base = steal(&base);
			return 0;
		}
	}
	BUG("no scheme is the last one");
}

int client_base(struct client *c, struct err *err)
{
	int ret = 0;

	pthread_mutex_lock(&c->lock);
	if (!c->base)
		ret = find_base(c, err);
	pthread_mutex_unlock(&c->lock);
	return ret;
}

/* calls */

struct passing {
	const struct call *call;
	bool any;
};

static int pass(void *ctx, const void *p, size_t n, struct err *err)
{
	struct passing *s = ctx;

	s->any = true;
	return s->call->sink(s->call->sink_ctx, p, n, err);
}

/* @url, one hop on; what leads from https to http leads nowhere. */
static int redirect(struct client *c, const struct call *call, const struct http_url *from, const char *to,
		    struct http_url *out, struct err *err)
{
	if (http_ops(c->http)->url(from->full, to, out, err) < 0)
		return err_wrap(err, "%s: %s: the registry redirects", c->shown, call->what);
	if (strcmp(from->scheme, "https") == 0 && strcmp(out->scheme, "https") != 0) {
		err_set(err, ERR_NET, "%s: %s: the registry redirects from https to plain http, at %s", c->shown,
			call->what, out->host);
		return -1;
	}
	return 0;
}

static bool is_redirect(const struct http_resp *r)
{
	return (r->status == 301 || r->status == 302 || r->status == 303 || r->status == 307 || r->status == 308) &&
	       r->location[0];
}

/* One request to @url, with our proof of who we are if that is the registry itself. */
static int send_to(struct client *c, const struct call *call, const struct http_url *url, unsigned *generation,
		   struct passing *passing, struct http_resp *resp, struct err *err)
{
	CLEAN_FREE char *auth = http_url_same(url, &c->base_url) ? auth_header(&c->auth, generation) : NULL;
	char *headers[8] = { NULL };
	size_t n = 0;
	struct http_req req = {
		.method = call->method, .url = url->full, .headers = headers,
		.has_body = call->has_body, .length = call->length, .read = call->read, .rewind = call->rewind,
		.read_ctx = call->read_ctx,
		.sink = call->sink ? pass : NULL, .sink_ctx = passing, .limit = call->limit,
	};
	int ret;

	for (size_t i = 0; i < ARRAY_LEN(call->header) && call->header[i]; i++)
		headers[n++] = (char *)(uintptr_t)call->header[i];
	if (auth)
		headers[n++] = auth;
	ret = send_once(c, &req, resp, err);
	if (auth)
		explicit_bzero(auth, strlen(auth));
	return ret;
}

static int start_url(struct client *c, const struct call *call, struct http_url *url, struct err *err)
{
	CLEAN_FREE char *text = strstr(call->url, "://") ? xstrdup(call->url)
				: c->repo		 ? xasprintf("%s%s/%s", c->base, c->repo, call->url)
							 : xasprintf("%s%s", c->base, call->url);

	return http_ops(c->http)->url(c->base, text, url, err);
}

int client_call(struct client *c, struct call *call, struct http_resp *resp, struct err *err)
{
	CLEAN_HTTP_URL struct http_url url = HTTP_URL_INIT;
	unsigned challenges = 0, redirects = 0;

	if (client_base(c, err) < 0 || start_url(c, call, &url, err) < 0)
		return -1;
	for (;;) {
		struct passing passing = { .call = call };
		unsigned generation = 0;
		int ret;

		http_resp_release(resp);
		if (call->rewind)
			call->rewind(call->read_ctx);
		ret = send_to(c, call, &url, &generation, &passing, resp, err);
		if (ret < 0 && err->code == ERR_INTR)
			return -1;
		if (ret < 0) {
			err_wrap(err, "%s: %s", c->shown, call->what);
			if (!resp->transient || call->once || passing.any || client_pause(c, call, resp, err) < 0)
				return -1;
		} else if (resp->status == 401 && http_url_same(&url, &c->base_url)) {
			/* the second for a token that has just expired */
			if (++challenges > 2)
				return client_refused(c, call, resp, err);
			if (auth_answer(&c->auth, generation, url.full, &resp->challenges, err) < 0)
				return -1;
		} else if (is_redirect(resp)) {
			CLEAN_HTTP_URL struct http_url next = HTTP_URL_INIT;

			if (++redirects > REDIRECTS)
				return err_set(err, ERR_NET, "%s: %s: more than %d redirects", c->shown, call->what,
					       REDIRECTS);
			if (redirect(c, call, &url, resp->location, &next, err) < 0)
				return -1;
			http_url_release(&url);
			url = next;
			next = (struct http_url)HTTP_URL_INIT;
		} else if (client_is_transient(resp->status) && !call->once) {
			client_refused(c, call, resp, err);
			if (client_pause(c, call, resp, err) < 0)
				return -1;
		} else {
			free(call->final_url);
			call->final_url = steal(&url.full);
			return 0;
		}
	}
}

int client_ping(struct client *c, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	struct call call = { .method = "GET", .url = "", .what = "GET of /v2/" };
	int ret;

	if (client_base(c, err) < 0)
		return -1;
	call.url = c->base;
	ret = client_call(c, &call, &resp, err);
	free(call.final_url);
	if (ret < 0)
		return -1;
	if (resp.status != 200)
		return client_refused(c, &call, &resp, err);
	return 0;
}

bool client_is_logged_in(struct client *c)
{
	unsigned generation;
	CLEAN_FREE char *h = auth_header(&c->auth, &generation);

	if (h)
		explicit_bzero(h, strlen(h));
	return generation > 0;
}
