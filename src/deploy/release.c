/* SPDX-License-Identifier: Apache-2.0 */
/* Versions, their trial, and the alias that is moved to them: always in one call, and only from where it was seen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "deploy/deploy_internal.h"
#include "deploy/sigv4.h"
#include "oci/js.h"

#define PAGES_MAX     1000u /* of versions, 50 each */
#define PUBLISH_TRIES 3u

/* ---- where an alias points to ---- */

struct routing {
	char first[32], second[32]; /* versions; second "": none */
	unsigned weight;	    /* permille of second */
};

static void put(char to[32], const char *s)
{
	snprintf(to, 32, "%.31s", s);
}

static void routing_of(const json_t *alias, struct routing *r)
{
	json_t *weights = json_object_get(json_object_get(alias, "RoutingConfig"), "AdditionalVersionWeights"), *w;
	const char *version;

	*r = (struct routing){ .weight = 0 };
	put(r->first, json_text(alias, "FunctionVersion"));
	json_object_foreach(weights, version, w) {
		put(r->second, version);
		r->weight = (unsigned)(json_number_value(w) * DEPLOY_WHOLE + 0.5);
	}
}

/* What it is to be, with @version, which may be one that is not there yet. */
static void routing_wanted(const struct plan *p, const char *version, struct routing *r)
{
	const char *now = json_text(p->alias, "FunctionVersion");

	*r = (struct routing){ .weight = 0 };
	put(r->first, version);
	if (p->opts->weight >= DEPLOY_WHOLE || !p->alias || strcmp(now, version) == 0)
		return;
	put(r->first, now);
	put(r->second, version);
	r->weight = p->opts->weight;
}

static bool routing_same(const struct routing *a, const struct routing *b)
{
	return strcmp(a->first, b->first) == 0 && strcmp(a->second, b->second) == 0 && a->weight == b->weight;
}

static char *routing_text(const struct routing *r)
{
	if (!*r->second)
		return xstrdup(r->first);
	return xasprintf("%s, and %s for %u%s%.0u %%", r->first, r->second, r->weight / 10, r->weight % 10 ? "." : "",
			 r->weight % 10);
}

/* ---- what is there ---- */

static int get_alias(const struct plan *p, json_t **out, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_FREE char *tail = xasprintf("/aliases/%s", p->want->alias);
	CLEAN_FREE char *path = lambda_path(&p->lambda, "2015-03-31", tail, NULL);
	const struct lambda_call c = { .op = "GetAlias", .method = "GET", .path = path, .takes = { 404 } };

	return lambda_ask(&p->lambda, &c, &resp, out, err) < 0 ? -1 : 0;
}

/* Whether a version is what $LATEST is, which is what is wanted. */
static bool same(const struct plan *p, const json_t *config)
{
	return strcmp(json_text(config, "CodeSha256"), json_text(p->config, "CodeSha256")) == 0 &&
	       json_equal(json_object_get(config, "Architectures"), json_object_get(p->config, "Architectures")) &&
	       !want_differs(p->want, config, NULL, NULL);
}

static int try_version(struct plan *p, const char *number, struct err *err)
{
	CLEAN_JSON json_t *config = NULL;

	if (!*number || p->version || strcmp(number, "$LATEST") == 0)
		return 0;
	if (lambda_config(&p->lambda, number, &config, err) < 0)
		return -1;
	if (same(p, config))
		p->version = xstrdup(number);
	return 0;
}

/* The newest one: a run before this may have got no further. */
static int try_newest(struct plan *p, struct err *err)
{
	CLEAN_FREE char *marker = NULL;
	CLEAN_JSON json_t *newest = NULL;

	for (unsigned n = 0; n < PAGES_MAX; n++) {
		CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
		CLEAN_FREE char *path = lambda_path(&p->lambda, "2015-03-31", "/versions?MaxItems=50", NULL);
		CLEAN_BUF struct buf url = BUF_INIT;
		CLEAN_JSON json_t *page = NULL;
		json_t *list;

		buf_addz(&url, path);
		if (marker) {
			buf_addz(&url, "&Marker=");
			sigv4_escape(marker, false, &url);
		}
		if (lambda_ask(
			    &p->lambda,
			    &(struct lambda_call){ .op = "ListVersionsByFunction", .method = "GET", .path = url.ptr },
			    &resp, &page, err) < 0)
			return -1;
		list = json_object_get(page, "Versions");
		if (json_array_size(list)) {
			json_decref(newest);
			newest = json_incref(json_array_get(list, json_array_size(list) - 1));
		}
		free(steal(&marker));
		if (!*json_text(page, "NextMarker"))
			break;
		marker = xstrdup(json_text(page, "NextMarker"));
	}
	if (newest && strcmp(json_text(newest, "Version"), "$LATEST") != 0 && same(p, newest))
		p->version = xstrdup(json_text(newest, "Version"));
	return 0;
}

int release_look(struct plan *p, struct err *err)
{
	const bool fresh = !p->function || p->code || p->configure;
	struct routing now = { .weight = 0 }, to;

	if (!p->want->publish)
		return 0;
	if (p->want->alias && p->function && get_alias(p, &p->alias, err) < 0)
		return -1;
	if (p->alias)
		routing_of(p->alias, &now);
	if (!fresh && (try_version(p, now.first, err) < 0 || try_version(p, now.second, err) < 0 ||
		       (!p->version && try_newest(p, err) < 0)))
		return -1;
	if (!p->version)
		changes_add(&p->out->changes, "Version", *now.first ? now.first : NULL, "(a new one)");
	if (!p->want->alias)
		return 0;
	routing_wanted(p, p->version ? p->version : "(the new one)", &to);
	p->move = !p->alias || !routing_same(&now, &to);
	if (p->alias)
		p->out->routing = routing_text(&now);
	if (p->move) {
		CLEAN_FREE char *field = xasprintf("Alias.%s", p->want->alias), *text = routing_text(&to);

		changes_add(&p->out->changes, field, p->out->routing, text);
	}
	return 0;
}

/* ---- publish ---- */

static int publish_once(struct plan *p, json_t **made, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_FREE char *path = lambda_path(&p->lambda, "2015-03-31", "/versions", NULL);
	CLEAN_JSON json_t *body = js_must(json_object());
	const struct lambda_call c = {
		.op = "PublishVersion", .method = "POST", .path = path, .body = body, .waits = true, .takes = { 412 }
	};

	js_set(body, "CodeSha256", js_must(json_string(json_text(p->config, "CodeSha256"))));
	js_set(body, "RevisionId", js_must(json_string(json_text(p->config, "RevisionId"))));
	plan_note(p, true, "PublishVersion");
	return lambda_ask(&p->lambda, &c, &resp, made, err);
}

int release_publish(struct plan *p, struct err *err)
{
	CLEAN_JSON json_t *made = NULL, *ready = NULL;

	for (unsigned n = 0; !made; n++) {
		int ret = publish_once(p, &made, err);
		json_t *config;

		if (ret < 0)
			return -1;
		if (made)
			break;
		/* the revision is another one: with the same in it, that does not matter */
		if (lambda_wait(&p->lambda, NULL, &config, err) < 0)
			return -1;
		if (!ret || n == PUBLISH_TRIES || !same(p, config)) {
			json_decref(config);
			err_set(err, ERR_EXISTS, "%s: PublishVersion: somebody else has changed the function meanwhile",
				p->lambda.shown);
			return err_hint(err, "look who it is, and run slsc deploy again");
		}
		json_decref(p->config);
		p->config = config;
	}
	if (!*json_text(made, "Version"))
		return err_set(err, ERR_FORMAT, "%s: PublishVersion: the answer holds no Version", p->lambda.shown);
	p->version = xstrdup(json_text(made, "Version"));
	/* nothing was new after all, as with an image by its tag: Lambda gives the last version then */
	if (p->alias) {
		struct routing now, to;

		routing_of(p->alias, &now);
		routing_wanted(p, p->version, &to);
		p->move = !routing_same(&now, &to);
	}
	return lambda_done(&p->lambda, p->version, &ready, err);
}

/* ---- the trial ---- */

static void say_stays(const struct plan *p, struct err *err)
{
	if (p->move && p->alias)
		err_hint(err,
			 "the alias '%s' stays on version %s; --smoke names another event, --no-smoke leaves it out",
			 p->want->alias, p->out->routing);
	else if (p->move)
		err_hint(err, "the alias '%s' is not made; --smoke names another event, --no-smoke leaves it out",
			 p->want->alias);
	else
		err_hint(err, "--smoke names another event, --no-smoke leaves the trial out");
}

int release_smoke(struct plan *p, struct err *err)
{
	struct lambda_result *r = &p->out->smoke;
	const unsigned timeout = (unsigned)(p->want->function->timeout_ms / 1000) + 1;
	const char *which = p->version ? p->version : "$LATEST";
	CLEAN_JSON json_t *said = NULL;
	const char *type, *message;
	json_int_t status;

	plan_note(p, true, "Invoke of version %s", which);
	if (lambda_invoke(&p->lambda, p->version, p->opts->event, timeout, r, err) < 0) {
		if (err->code != ERR_INTR)
			say_stays(p, err);
		return -1;
	}
	p->out->smoked = true;
	said = json_loadb(r->payload.ptr, r->payload.len, JSON_ALLOW_NUL, NULL);
	status = json_integer_value(json_object_get(said, "statusCode"));
	if (!r->error.len && p->want->function->runtime == RUNTIME_HTTP && status >= 500) {
		err_set(err, ERR_FUNCTION, "%s: version %s answers %lld when it is tried", p->lambda.shown, which,
			(long long)status);
		say_stays(p, err);
		return -1;
	}
	if (!r->error.len)
		return 0;
	type = json_text(said, "errorType");
	message = json_text(said, "errorMessage");
	err_set(err, ERR_FUNCTION, "%s: version %s fails when it is tried (%s)%s%s%s%.500s", p->lambda.shown, which,
		r->error.ptr, *type ? ": " : "", type, *message ? ": " : "", message);
	say_stays(p, err);
	return -1;
}

/* ---- the alias ---- */

static int moved_by_others(struct plan *p, const struct routing *to, struct err *err)
{
	CLEAN_JSON json_t *now = NULL;
	struct routing r;

	if (get_alias(p, &now, err) < 0)
		return -1;
	routing_of(now, &r);
	/* by us, in a request whose answer was lost */
	if (now && routing_same(&r, to))
		return 0;
	err_set(err, ERR_EXISTS, "%s: somebody else has moved the alias '%s' meanwhile", p->lambda.shown,
		p->want->alias);
	return err_hint(err, "look who it is, and run slsc deploy again");
}

int release_move(struct plan *p, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_JSON json_t *body = js_must(json_object());
	CLEAN_FREE char *tail = p->alias ? xasprintf("/aliases/%s", p->want->alias) : xstrdup("/aliases");
	CLEAN_FREE char *path = lambda_path(&p->lambda, "2015-03-31", tail, NULL);
	const struct lambda_call c = { .op = p->alias ? "UpdateAlias" : "CreateAlias",
				       .method = p->alias ? "PUT" : "POST",
				       .path = path,
				       .body = body,
				       .waits = p->alias,
				       .takes = { 412, p->alias ? 0 : 409 } };
	json_t *weights = js_must(json_object()), *routing = js_must(json_object());
	struct routing to;
	int ret;

	routing_wanted(p, p->version, &to);
	if (*to.second)
		js_set(weights, to.second, js_must(json_real((double)to.weight / DEPLOY_WHOLE)));
	js_set(routing, "AdditionalVersionWeights", weights);
	js_set(body, "FunctionVersion", js_must(json_string(to.first)));
	if (p->alias) {
		js_set(body, "RoutingConfig", routing);
		js_set(body, "RevisionId", js_must(json_string(json_text(p->alias, "RevisionId"))));
	} else {
		json_decref(routing);
		js_set(body, "Name", js_must(json_string(p->want->alias)));
		if (p->opts->weight < DEPLOY_WHOLE)
			plan_note(p, false, "the alias '%s' is new: version %s gets all calls", p->want->alias,
				  p->version);
	}
	plan_note(p, true, "%s %s", c.op, p->want->alias);
	ret = lambda_ask(&p->lambda, &c, &resp, NULL, err);
	if (ret < 0 || (ret && moved_by_others(p, &to, err) < 0))
		return -1;
	free(p->out->routing);
	p->out->routing = routing_text(&to);
	return 0;
}
