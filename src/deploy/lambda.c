/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/lambda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "base/mem.h"
#include "deploy/sigv4.h"

#define PAUSE_FIRST_MS 100
#define PATIENCE_MS    30000 /* without a word */
#define PAUSE_MOST_MS  3000

void json_clean(json_t **j)
{
	json_decref(*j);
	*j = NULL;
}

const char *json_text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

char *lambda_path(const struct lambda *l, const char *version, const char *tail, const char *qualifier)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addf(&b, "/%s/functions/", version);
	sigv4_escape(l->name, false, &b);
	buf_addz(&b, tail);
	if (qualifier) {
		buf_addz(&b, "?Qualifier=");
		sigv4_escape(qualifier, false, &b);
	}
	return buf_detach(&b);
}

/* ---- one request ---- */

static int parse(const struct aws_call *c, const struct http_resp *resp, json_t **out, struct err *err)
{
	*out = NULL;
	if (!str_trim(buf_str(&resp->body)).len)
		return 0;
	*out = json_loadb(resp->body.ptr, resp->body.len, 0, NULL);
	if (!json_is_object(*out)) {
		json_clean(out);
		return err_set(err, ERR_FORMAT, "%s: the answer is no JSON object: does Lambda serve there?", c->what);
	}
	return 0;
}

/* Another change is under way: wait for its end, whatever that is. */
static int wait_for_others(const struct lambda *l, unsigned n, struct err *err)
{
	json_t *ignored = NULL;

	if (n && aws_pause(aws_jitter(PAUSE_FIRST_MS * 4), err) < 0)
		return -1;
	if (lambda_wait(l, NULL, &ignored, err) < 0)
		return -1;
	json_decref(ignored);
	return 0;
}

static bool taken(const struct lambda_call *c, int status)
{
	for (size_t i = 0; i < ARRAY_LEN(c->takes) && c->takes[i]; i++)
		if (c->takes[i] == status)
			return true;
	return false;
}

static int refused(const struct lambda *l, struct aws_call *c, const struct http_resp *resp, struct err *err)
{
	const size_t n = l->env ? l->env->len : 0;
	CLEAN_FREE const char **values = xcalloc(n + 1, sizeof(*values));
	char *quoted;

	for (size_t i = 0; i < n; i++)
		values[i] = l->env->ptr[i].val.s;
	c->hide = values;
	session_refused(l->session, c, resp, err);
	c->hide = NULL;
	/* the whole environment, as JSON and cut anywhere */
	quoted = strstr(err->msg, " String measured: ");
	if (quoted)
		*quoted = '\0';
	return -1;
}

int lambda_ask(const struct lambda *l, const struct lambda_call *c, struct http_resp *resp, json_t **out,
	       struct err *err)
{
	CLEAN_FREE char *base = session_url(l->session, "lambda");
	CLEAN_FREE char *url = xasprintf("%s%s", base, c->path);
	CLEAN_FREE char *what = xasprintf("%s: %s", l->shown, c->op);
	/* 67 MB of a zip in base64 are not copied */
	CLEANUP(secret_wipe) char *text = c->body ? json_dumps(c->body, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	char json[] = "Content-Type: application/json";
	char *const headers[] = { json, c->headers ? c->headers[0] : NULL, c->headers ? c->headers[1] : NULL, NULL };
	struct aws_call call = { .what = what,
				 .service = "lambda",
				 .method = c->method,
				 .url = url,
				 .headers = headers,
				 .body = text ? str_from(text) : c->text,
				 .once = c->once,
				 .timeout_s = c->timeout_s };

	for (unsigned n = 0;; n++) {
		if (session_send(l->session, &call, resp, err) < 0)
			return -1;
		if (resp->status >= 200 && resp->status < 300)
			return out ? parse(&call, resp, out, err) : 0;
		if (c->waits && resp->status == 409 && n < LAMBDA_CONFLICTS &&
		    aws_error_is(resp, "ResourceConflictException")) {
			if (wait_for_others(l, n, err) < 0)
				return -1;
			continue;
		}
		if (taken(c, resp->status))
			return 1;
		return refused(l, &call, resp, err);
	}
}

/* ---- what is there ---- */

int lambda_get(const struct lambda *l, json_t **out, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_FREE char *path = lambda_path(l, "2015-03-31", "", NULL);
	const struct lambda_call c = { .op = "GetFunction", .method = "GET", .path = path, .takes = { 404 } };
	int ret = lambda_ask(l, &c, &resp, out, err);

	if (ret != 0)
		return ret < 0 ? -1 : 0;
	if (json_is_object(json_object_get(*out, "Configuration")))
		return 1;
	json_clean(out);
	return err_set(err, ERR_FORMAT, "%s: GetFunction: the answer holds no Configuration", l->shown);
}

int lambda_config(const struct lambda *l, const char *qualifier, json_t **out, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_FREE char *path = lambda_path(l, "2015-03-31", "/configuration", qualifier);
	const struct lambda_call c = { .op = "GetFunctionConfiguration", .method = "GET", .path = path };

	if (lambda_ask(l, &c, &resp, out, err) < 0)
		return -1;
	if (*out)
		return 0;
	return err_set(err, ERR_FORMAT, "%s: GetFunctionConfiguration: the answer is empty", l->shown);
}

static int failed(const struct lambda *l, const json_t *config, bool state, struct err *err)
{
	const char *why = json_text(config, state ? "StateReason" : "LastUpdateStatusReason");
	const char *code = json_text(config, state ? "StateReasonCode" : "LastUpdateStatusReasonCode");

	err_set(err, ERR_NET, "%s: %s failed%s%s%s%s%s", l->shown, state ? "the creation" : "the last change",
		*code ? " (" : "", code, *code ? ")" : "", *why ? ": " : "", why);
	return err_hint(err, state ? "mend that, delete the function there, and deploy again"
				   : "mend that, and deploy again");
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void say_waiting(const struct lambda *l, bool pending)
{
	const struct session_opts *o = &l->session->opts;
	CLEAN_FREE char *line = xasprintf("%s: waiting until it is %s", l->shown, pending ? "created" : "changed");

	if (o->note)
		o->note(o->ctx, false, line);
}

int lambda_wait(const struct lambda *l, const char *qualifier, json_t **out, struct err *err)
{
	const int64_t begin = now_ms();
	bool said = false;

	for (int64_t ms = PAUSE_FIRST_MS;; ms = ms * 3 / 2 < PAUSE_MOST_MS ? ms * 3 / 2 : PAUSE_MOST_MS) {
		CLEAN_JSON json_t *config = NULL;
		bool pending, changing;

		if (lambda_config(l, qualifier, &config, err) < 0)
			return -1;
		pending = strcmp(json_text(config, "State"), "Pending") == 0;
		changing = strcmp(json_text(config, "LastUpdateStatus"), "InProgress") == 0;
		if (strcmp(json_text(config, "State"), "Failed") == 0)
			return failed(l, config, true, err);
		if (!pending && !changing) {
			*out = steal(&config);
			return 0;
		}
		if (now_ms() - begin >= LAMBDA_WAIT_MS)
			return err_set(err, ERR_NET, "%s: it is still %s after %d s", l->shown,
				       pending ? "being created" : "changing", LAMBDA_WAIT_MS / 1000);
		if (!said && now_ms() - begin >= PATIENCE_MS) {
			say_waiting(l, pending);
			said = true;
		}
		if (aws_pause(ms, err) < 0)
			return -1;
	}
}

int lambda_done(const struct lambda *l, const char *qualifier, json_t **out, struct err *err)
{
	if (lambda_wait(l, qualifier, out, err) < 0)
		return -1;
	if (strcmp(json_text(*out, "LastUpdateStatus"), "Failed") != 0)
		return 0;
	failed(l, *out, false, err);
	json_clean(out);
	return -1;
}

/* ---- calls of it ---- */

void lambda_result_release(struct lambda_result *r)
{
	buf_release(&r->payload);
	buf_release(&r->error);
	buf_release(&r->log);
}

int lambda_invoke(const struct lambda *l, const char *qualifier, struct str event, unsigned timeout_s,
		  struct lambda_result *r, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_FREE char *path = lambda_path(l, "2015-03-31", "/invocations", qualifier);
	char tail[] = "X-Amz-Log-Type: Tail";
	char *const headers[] = { tail, NULL };
	const struct lambda_call c = { .op = "Invoke",
				       .method = "POST",
				       .path = path,
				       .text = event,
				       .headers = headers,
				       .once = true,
				       .waits = true,
				       .timeout_s = timeout_s + 60 };

	if (lambda_ask(l, &c, &resp, NULL, err) < 0)
		return -1;
	buf_adds(&r->payload, buf_str(&resp.body));
	buf_addz(&r->error, http_resp_header(&resp, "X-Amz-Function-Error"));
	snprintf(r->version, sizeof(r->version), "%.63s", http_resp_header(&resp, "X-Amz-Executed-Version"));
	if (base64_decode(str_from(http_resp_header(&resp, "X-Amz-Log-Result")), &r->log) < 0)
		return err_set(err, ERR_FORMAT, "%s: Invoke: X-Amz-Log-Result is no base64", l->shown);
	return 0;
}
