/* SPDX-License-Identifier: Apache-2.0 */
/* A function's URL, and who may call it: everybody by two statements of the policy, which AWS asks for since 2025. */
#include <string.h>

#include "base/mem.h"
#include "deploy/deploy_internal.h"
#include "oci/js.h"

#define MAY_URL	   "slsc-url-public"
#define MAY_INVOKE "slsc-url-public-invoke"

static const char *auth_of(const struct plan *p)
{
	return p->want->url == URL_PUBLIC ? "NONE" : p->want->url == URL_IAM ? "AWS_IAM" : NULL;
}

/* Whether the policy of the alias, or of the function, has a statement of ours. */
static bool allows(const struct plan *p, const char *sid)
{
	CLEAN_JSON json_t *policy = json_loads(json_text(p->policy, "Policy"), 0, NULL);
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(policy, "Statement"), i, one)
		if (strcmp(json_text(one, "Sid"), sid) == 0)
			return true;
	return false;
}

static int get(const struct plan *p, const char *op, const char *version, const char *tail, json_t **out,
	       struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_FREE char *path = lambda_path(&p->lambda, version, tail, p->want->alias);
	const struct lambda_call c = { .op = op, .method = "GET", .path = path, .takes = { 404 } };

	return lambda_ask(&p->lambda, &c, &resp, out, err) < 0 ? -1 : 0;
}

int url_look(struct plan *p, struct err *err)
{
	const char *want = auth_of(p), *have;
	bool open, shut;

	if (p->want->url == URL_UNSAID)
		return 0;
	/* an alias that is not there has neither */
	if (p->function && (!p->want->alias || p->alias) &&
	    (get(p, "GetFunctionUrlConfig", "2021-10-31", "/url", &p->url, err) < 0 ||
	     get(p, "GetPolicy", "2015-03-31", "/policy", &p->policy, err) < 0))
		return -1;
	have = p->url ? json_text(p->url, "AuthType") : NULL;
	if ((have != NULL) != (want != NULL) || (have && strcmp(have, want) != 0))
		changes_add(&p->out->changes, "Url", have, want);
	open = p->want->url == URL_PUBLIC && !(allows(p, MAY_URL) && allows(p, MAY_INVOKE));
	shut = p->want->url != URL_PUBLIC && (allows(p, MAY_URL) || allows(p, MAY_INVOKE));
	if (open || shut)
		changes_add(&p->out->changes, "Url.Policy", open ? NULL : "everybody", open ? "everybody" : NULL);
	p->reurl = open || shut || (have != NULL) != (want != NULL) || (have && strcmp(have, want) != 0);
	return 0;
}

static int ask(struct plan *p, const char *op, const char *method, const char *version, const char *tail,
	       const json_t *body, int takes, json_t **out, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_FREE char *path = lambda_path(&p->lambda, version, tail, p->want->alias);
	const struct lambda_call c = { .op = op, .method = method, .path = path, .body = body, .takes = { takes } };

	plan_note(p, true, "%s", op);
	return lambda_ask(&p->lambda, &c, &resp, out, err) < 0 ? -1 : 0;
}

static int set_config(struct plan *p, struct err *err)
{
	const char *want = auth_of(p);
	CLEAN_JSON json_t *body = js_must(json_object());
	json_t *made = NULL;

	if (!want && !p->url)
		return 0;
	if (!want) {
		json_clean(&p->url);
		return ask(p, "DeleteFunctionUrlConfig", "DELETE", "2021-10-31", "/url", NULL, 404, NULL, err);
	}
	js_set(body, "AuthType", js_must(json_string(want)));
	if (p->url && strcmp(json_text(p->url, "AuthType"), want) == 0)
		return 0;
	/* 409: it is there, by a request whose answer was lost */
	if (ask(p, p->url ? "UpdateFunctionUrlConfig" : "CreateFunctionUrlConfig", p->url ? "PUT" : "POST",
		"2021-10-31", "/url", body, p->url ? 0 : 409, &made, err) < 0 ||
	    (!made && get(p, "GetFunctionUrlConfig", "2021-10-31", "/url", &made, err) < 0))
		return -1;
	json_decref(p->url);
	p->url = made;
	return 0;
}

static int allow(struct plan *p, const char *sid, const char *action, struct err *err)
{
	CLEAN_JSON json_t *body = js_must(json_object());

	if (allows(p, sid))
		return 0;
	js_set(body, "StatementId", js_must(json_string(sid)));
	js_set(body, "Action", js_must(json_string(action)));
	js_set(body, "Principal", js_must(json_string("*")));
	if (strcmp(sid, MAY_URL) == 0)
		js_set(body, "FunctionUrlAuthType", js_must(json_string("NONE")));
	else
		js_set(body, "InvokedViaFunctionUrl", js_must(json_true()));
	return ask(p, "AddPermission", "POST", "2015-03-31", "/policy", body, 409, NULL, err);
}

static int forbid(struct plan *p, const char *sid, struct err *err)
{
	CLEAN_FREE char *tail = xasprintf("/policy/%s", sid);

	if (!allows(p, sid))
		return 0;
	return ask(p, "RemovePermission", "DELETE", "2015-03-31", tail, NULL, 404, NULL, err);
}

/* Shut first, open last. */
int url_apply(struct plan *p, struct err *err)
{
	if (p->want->url != URL_PUBLIC)
		return set_config(p, err) < 0 || forbid(p, MAY_URL, err) < 0 || forbid(p, MAY_INVOKE, err) < 0 ? -1 : 0;
	return set_config(p, err) < 0 || allow(p, MAY_URL, "lambda:InvokeFunctionUrl", err) < 0 ||
			       allow(p, MAY_INVOKE, "lambda:InvokeFunction", err) < 0
		       ? -1
		       : 0;
}
