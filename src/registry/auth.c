/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/auth.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/mem.h"
#include "registry/challenge.h"
#include "registry/client.h"

#define TOKEN_ANSWER_MAX (256u << 10)
#define TOKEN_MAX (64u << 10)
#define REDIRECTS 5

bool host_is_loopback(const char *host)
{
	CLEAN_FREE char *name = xstrdup(host);
	size_t n;
	struct in_addr v4;

	if (starts_with(name, "[")) {
		char *end = strchr(name, ']');

		if (!end || (end[1] && end[1] != ':'))
			return false;
		end[1] = '\0';
		return strcmp(name, "[::1]") == 0;
	}
	name[strcspn(name, ":")] = '\0';
	n = strlen(name);
	if (strcasecmp(name, "localhost") == 0 || (n > 10 && strcasecmp(name + n - 10, ".localhost") == 0))
		return true;
	return inet_pton(AF_INET, name, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

static void forget(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(steal(secret));
}

void auth_init(struct auth *a)
{
	pthread_mutex_init(&a->lock, NULL);
}

void auth_release(struct auth *a)
{
	strs_release(&a->scopes);
	creds_release(&a->creds);
	forget(&a->header);
	pthread_mutex_destroy(&a->lock);
}

char *auth_header(struct auth *a, unsigned *generation)
{
	char *h;

	pthread_mutex_lock(&a->lock);
	h = a->header ? xstrdup(a->header) : NULL;
	*generation = a->generation;
	pthread_mutex_unlock(&a->lock);
	return h;
}

/* Looked up once the registry asks: most pulls need none, and a helper takes time. */
static int look(struct auth *a, struct err *err)
{
	if (a->looked)
		return 0;
	if (a->given) {
		a->creds = (struct creds){
			.user = a->given->user ? xstrdup(a->given->user) : NULL,
			.password = a->given->password ? xstrdup(a->given->password) : NULL,
		};
	} else if (creds_find(a->host, a->repo, &a->creds, err) < 0) {
		return -1;
	}
	a->looked = true;
	return 0;
}

bool auth_known(struct auth *a)
{
	struct err ignored;
	bool known;

	pthread_mutex_lock(&a->lock);
	known = look(a, &ignored) == 0 && (a->creds.user || a->creds.identity_token);
	pthread_mutex_unlock(&a->lock);
	return known;
}

static char *basic_header(const struct creds *c)
{
	CLEAN_FREE char *pair = xasprintf("%s:%s", c->user, c->password ? c->password : "");
	CLEAN_BUF struct buf h = BUF_INIT;

	buf_reserve(&h, 2 * strlen(pair) + 64);	/* does not move, leaving copies */
	buf_addz(&h, "Authorization: Basic ");
	buf_add_base64(&h, pair, strlen(pair));
	explicit_bzero(pair, strlen(pair));
	return buf_detach(&h);
}

static int no_login(const struct auth *a, struct err *err)
{
	err_set(err, ERR_NET, "%s: it wants a login", a->host);
	return err_hint(err, "slsc login %s", a->host);
}

/* tokens */

int auth_token_parse(const void *p, size_t n, char **token, struct err *err)
{
	json_t *j = n <= TOKEN_ANSWER_MAX ? json_loadb(p, n, 0, NULL) : NULL;
	const char *t = json_string_value(json_object_get(j, "token"));
	bool ok;

	if (!t || !*t)
		t = json_string_value(json_object_get(j, "access_token"));
	ok = t && *t && strlen(t) <= TOKEN_MAX;
	for (const char *c = t; ok && *c; c++)
		ok = *c > ' ' && *c < 0x7f;
	*token = ok ? xstrdup(t) : NULL;
	json_decref(j);
	return ok ? 0 : err_set(err, ERR_FORMAT, "its answer holds no token");
}

/* "<repository:x:>pull,push": up to the actions. */
static size_t scope_name(const char *scope)
{
	const char *colon = strrchr(scope, ':');

	return colon ? (size_t)(colon - scope) + 1 : strlen(scope);
}

static void add_scopes(const struct auth *a, const struct challenge *c, struct strs *out)
{
	bool covered = !c->scope || !*c->scope;

	for (size_t i = 0; i < a->scopes.len; i++) {
		strs_add(out, a->scopes.ptr[i]);
		if (!covered && strncmp(a->scopes.ptr[i], c->scope, scope_name(a->scopes.ptr[i])) == 0)
			covered = true;
	}
	if (!covered)
		strs_add(out, c->scope);
}

static void add_field(const struct http_ops *ops, struct buf *b, const char *name, const char *value)
{
	CLEAN_FREE char *v = ops->escape(value);

	buf_addf(b, "%s%s=%s", b->len ? "&" : "", name, v);
	explicit_bzero(v, strlen(v));
}

/*
 * Ask @realm: a GET with the password, or a POST with an identity token (OAuth2's refresh token grant). Redirects are
 * followed as anywhere: without the password once they lead to another host.
 */
static int ask(struct auth *a, const struct http_url *realm, const struct buf *query, const struct buf *form,
	       struct http_resp *resp, struct err *err)
{
	const struct http_ops *ops = http_ops(a->http);
	const char mark = strchr(realm->full, '?') ? '&' : '?';
	CLEAN_FREE char *next = form ? xstrdup(realm->full) : xasprintf("%s%c%s", realm->full, mark, query->ptr);

	for (int i = 0; i <= REDIRECTS; i++) {
		CLEAN_HTTP_URL struct http_url url = HTTP_URL_INIT;
		CLEAN_FREE char *basic = NULL;
		char *headers[3] = { NULL };
		size_t n = 0;
		struct buf_reader reader = { .all = form ? buf_str(form) : (struct str){ "", 0 } };
		struct http_req req = {
			.method = form ? "POST" : "GET", .tls = a->tls, .no_proxy = a->no_proxy,
			.headers = headers, .limit = TOKEN_ANSWER_MAX,
			.has_body = form != NULL, .length = reader.all.len, .read = buf_reader_read,
			.rewind = buf_reader_rewind, .read_ctx = &reader, .until = a->until,
		};
		int ret;

		if (ops->url(realm->full, next, &url, err) < 0)
			return -1;
		if (!http_url_same(realm, &url) && (form || strcmp(url.scheme, realm->scheme) != 0))
			return err_set(err, ERR_NET, "it redirects to %s", url.host);
		if (!form && a->creds.user && http_url_same(realm, &url))
			headers[n++] = basic = basic_header(&a->creds);
		if (form)
			headers[n++] = (char *)(uintptr_t)"Content-Type: application/x-www-form-urlencoded";
		http_resp_release(resp);
		req.url = url.full;
		ret = http_perform(a->http, &req, resp, err);
		forget(&basic);
		if (ret < 0)
			return -1;
		if (resp->status < 300 || resp->status > 399 || !resp->location[0])
			return 0;
		free(next);
		next = xstrdup(resp->location);
	}
	return err_set(err, ERR_NET, "more than %d redirects", REDIRECTS);
}

static int fetch_token(struct auth *a, const struct challenge *c, const struct http_url *realm, bool identity,
		       char **token, struct err *err)
{
	const struct http_ops *ops = http_ops(a->http);
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_STRS struct strs scopes = { 0 };
	CLEAN_BUF struct buf query = BUF_INIT, all = BUF_INIT;

	add_scopes(a, c, &scopes);
	if (c->service)
		add_field(ops, &query, "service", c->service);
	if (identity) {
		for (size_t i = 0; i < scopes.len; i++)
			buf_addf(&all, "%s%s", i ? " " : "", scopes.ptr[i]);
		if (all.len)
			add_field(ops, &query, "scope", all.ptr);
		add_field(ops, &query, "client_id", "slsc");
		add_field(ops, &query, "grant_type", "refresh_token");
		add_field(ops, &query, "refresh_token", a->creds.identity_token);
	} else {
		for (size_t i = 0; i < scopes.len; i++)
			add_field(ops, &query, "scope", scopes.ptr[i]);
	}
	if (ask(a, realm, &query, identity ? &query : NULL, &resp, err) < 0) {
		explicit_bzero(query.ptr, query.len);
		return -1;
	}
	explicit_bzero(query.ptr, query.len);
	if (resp.status == 401 || resp.status == 403 || (identity && resp.status == 400)) {
		err_set(err, ERR_NET, "it refuses: %d %s", resp.status, client_status_name(resp.status));
		if (a->creds.user || a->creds.identity_token)
			return err_hint(err, "check the user's name and password: slsc login %s", a->host);
		return err_hint(err, "slsc login %s", a->host);
	}
	if (resp.status != 200)
		return err_set(err, ERR_NET, "it answered %d %s", resp.status, client_status_name(resp.status));
	return auth_token_parse(resp.body.ptr, resp.body.len, token, err);
}

/* Credentials go where the registry says, but never in the clear unless all of it stays on this machine. */
static int check_realm(const struct auth *a, const struct http_url *realm, const char *url, struct err *err)
{
	if (strcmp(realm->scheme, "https") == 0 || a->insecure)
		return 0;
	if (!starts_with(url, "https:") && host_is_loopback(realm->host))
		return 0;
	return err_set(err, ERR_NET, "it is plain http: no password goes there");
}

static int bearer(struct auth *a, const struct challenge *c, const char *url, char **header, struct err *err)
{
	CLEAN_HTTP_URL struct http_url realm = HTTP_URL_INIT;
	CLEAN_FREE char *token = NULL;

	if (http_ops(a->http)->url(NULL, c->realm, &realm, err) < 0)
		return err_wrap(err, "%s: its token service", a->host);
	if (check_realm(a, &realm, url, err) < 0 ||
	    fetch_token(a, c, &realm, a->creds.identity_token != NULL, &token, err) < 0)
		return err_wrap(err, "%s: its token service %s", a->host, realm.host);
	*header = xasprintf("Authorization: Bearer %s", token);
	forget(&token);
	return 0;
}

static int answer(struct auth *a, const char *url, const struct strs *challenges, struct err *err)
{
	CLEAN_CHALLENGE struct challenge c = { .scheme = CHALLENGE_NONE };
	char *header = NULL;

	for (size_t i = 0; i < challenges->len; i++)
		challenge_parse(&c, str_from(challenges->ptr[i]));
	if (c.scheme == CHALLENGE_NONE)
		return err_set(err, ERR_NET, "%s: it refuses access, and says no way to log in that slsc knows",
			       a->host);
	if (look(a, err) < 0)
		return -1;
	if (c.scheme == CHALLENGE_BEARER) {
		if (bearer(a, &c, url, &header, err) < 0)
			return -1;
	} else {
		if (!a->creds.user)
			return no_login(a, err);
		/* The same again would be refused again. */
		if (a->header)
			goto refused;
		header = basic_header(&a->creds);
	}
	forget(&a->header);
	a->header = header;
	a->generation++;
	return 0;
refused:
	err_set(err, ERR_NET, "%s: it refuses this user's name and password", a->host);
	return err_hint(err, "slsc login %s", a->host);
}

int auth_answer(struct auth *a, unsigned generation, const char *url, const struct strs *challenges, struct err *err)
{
	int ret = 0;

	pthread_mutex_lock(&a->lock);
	if (generation == a->generation)
		ret = answer(a, url, challenges, err);
	pthread_mutex_unlock(&a->lock);
	return ret;
}
