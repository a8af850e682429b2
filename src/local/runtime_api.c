/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Runtime API (AWS Lambda, "Building a custom runtime", version 2018-06-01), an endpoint for each instance. States
 * and error shapes are those of Lambda's Runtime Interface Emulator.
 */
#include "local/platform.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/member.h"
#include "local/extension.h"

#define PREFIX "/2018-06-01/runtime/"
#define CAUSE_TYPE "application/vnd.aws.lambda.error.cause+json"
#define LOST_NS LOOP_S			/* who closed while it waited has so long to ask again */

static struct instance *instance_of(const struct web_req *req)
{
	return CONTAINER_OF(req->listener, struct instance, listener);
}

static const struct web_header json = { "Content-Type", "application/json" };

void runtime_api_ok(struct web_req *req)
{
	static const char text[] = "{\"status\":\"OK\"}\n";

	web_answer(req, 202, &json, 1, text, sizeof(text) - 1);
}

void runtime_api_refuse(struct web_req *req, unsigned status, const char *type, const char *fmt, ...)
{
	CLEAN_BUF struct buf b = BUF_INIT, msg = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&msg, fmt, ap);
	va_end(ap);
	buf_addc(&b, '{');
	member_str(&b, "errorMessage", buf_str(&msg));
	member_text(&b, "errorType", type);
	buf_addz(&b, "}\n");
	web_answer(req, status, &json, 1, b.ptr, b.len);
}

void runtime_api_no_method(struct web_req *req, const char *allowed)
{
	struct web_header h = { "Allow", allowed };

	web_answer(req, 405, &h, 1, "", 0);
}

/* Its state, as the emulator calls it. */
static const char *state_name(const struct instance *i)
{
	if (i->init_error_type)
		return "InitError";
	if (!i->asked)
		return "Started";
	if (!i->inv || i->next)
		return "Ready";
	if (i->answered)
		return "RuntimeResponseSentState";
	if (i->answering)
		return str_ends(i->answering->path, "/error") ? "InvocationErrorResponse" : "InvocationResponse";
	return "Running";
}

static void wrong_state(struct web_req *req, const struct instance *i, const char *to)
{
	runtime_api_refuse(req, 403, "InvalidStateTransition",
			   "State transition from %s to %s failed for runtime. Error: State transition is not allowed",
			   state_name(i), to);
}

/* Whether it has "(Runtime|Function)\.[A-Z][a-zA-Z]+" in it; else as the platform calls what it does not know. */
static char *error_type(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (const char *p = s; p && (p = strchr(p, '.')); p++) {
		bool known = (p - s >= 7 && memcmp(p - 7, "Runtime", 7) == 0) ||
			     (p - s >= 8 && memcmp(p - 8, "Function", 8) == 0);

		if (known && p[1] >= 'A' && p[1] <= 'Z' && strspn(p + 1, letters) > 1)
			return xstrdup(s);
	}
	return xstrdup(s && starts_with(s, "Function.") ? "Function.Unknown" : "Runtime.Unknown");
}

/* ---- GET .../next ---- */

void runtime_api_give(struct instance *i)
{
	struct invocation *inv = i->inv;
	struct web_req *req = i->next;
	struct faults *f = inv->fn->faults;
	int64_t deadline_ms = (inv->wall_given + (int64_t)inv->allowed_ms * 1000000) / 1000000;
	char deadline[32];
	struct web_header h[] = {
		json,
		{ "Lambda-Runtime-Aws-Request-Id", inv->id },
		{ "Lambda-Runtime-Deadline-Ms", deadline },
		{ "Lambda-Runtime-Invoked-Function-Arn", inv->fn->arn },
		{ "Lambda-Runtime-Trace-Id", inv->trace },
		{ "Lambda-Runtime-Client-Context", inv->client_context },
		{ "Lambda-Runtime-Cognito-Identity", inv->cognito_identity },
		/* beyond Lambda: who speaks W3C's finds its own */
		{ "traceparent", inv->traceparent },
		{ "tracestate", inv->tracestate },
	};

	if (i->held == HELD_NOT && f && f->hold_event(f, i))
		i->held = HELD;
	if (i->held == HELD)
		return;
	i->next = NULL;
	snprintf(deadline, sizeof(deadline), "%" PRId64, deadline_ms + (f ? f->clock_shift(f, i) : 0));
	/* the event stays: whose connection broke may ask again */
	web_answer(req, 200, h, ARRAY_LEN(h), inv->event.ptr, inv->event.len);
}

static void next(struct web_req *req, struct instance *i)
{
	if (i->init_error_type || (i->inv && i->answering)) {
		wrong_state(req, i, "Ready");
		return;
	}
	/* it is to end: there is nothing more for it */
	if (i->state == INSTANCE_ENDING || i->group.over)
		return;
	if (i->next)
		/* it has left the other one without a word */
		runtime_api_refuse(i->next, 403, "InvalidStateTransition", "State transition from Ready to Ready "
				   "failed for runtime. Error: Concurrent state modification");
	i->next = req;
	if (i->inv && !i->answered) {
		runtime_api_give(i);
		return;
	}
	if (!i->asked) {
		i->asked = loop_clock();
		line_reader_drain(&i->out);
		platform_init_event(i, INIT_RUNTIME);
	}
	if (i->inv)
		invocation_done(i->inv);
	instance_proceed(i);
}

/* ---- POST .../response, .../error ---- */

static void bad_id(struct web_req *req)
{
	runtime_api_refuse(req, 400, "InvalidRequestID", "Invalid request ID");
}

/* As it says; NULL: not. */
static const char *response_mode(const struct web_req *req)
{
	const char *mode = web_header(req, "Lambda-Runtime-Function-Response-Mode");

	return mode && *mode ? mode : NULL;
}

static void set_content_type(struct invocation *inv, const struct web_req *req)
{
	const char *type = web_header(req, "Content-Type");

	free(inv->content_type);
	inv->content_type = type ? xstrdup(type) : NULL;
}

/* A streamed answer, as it comes. */
static size_t streamed(struct web_req *req, const char *p, size_t n)
{
	struct instance *i = instance_of(req);
	struct invocation *inv = i->inv;

	/* its invocation is over, by a timeout: what comes is for nobody */
	if (i->answering != req || !inv || inv->is_answered || !inv->streamed)
		return n;
	if (!inv->first_at)
		inv->first_at = loop_clock();
	inv->produced = req->length;
	if (req->length > STREAM_MAX) {
		invocation_fail(inv, OUTCOME_TOO_LARGE, "Function.ResponseSizeTooLarge",
				"Response payload size exceeded maximum allowed payload size (%llu bytes).",
				STREAM_MAX);
		return n;
	}
	/* nobody takes it: nothing more is read until what is there has gone */
	if (i->stalled)
		return 0;
	if (inv->stream_data(inv, p, n) > WEB_STREAM_MAX)
		i->stalled = req;
	return n;
}

/* "/2018-06-01/runtime/invocation/<id>/response", or /error: its id. */
static bool is_answer(const struct web_req *req, struct str *id, bool *is_error)
{
	static const char in[] = PREFIX "invocation/";
	struct str what;

	if (!str_starts(req->path, in))
		return false;
	*id = (struct str){ req->path.ptr + sizeof(in) - 1, req->path.len - (sizeof(in) - 1) };
	what = str_cut(id, '/');
	*is_error = str_eqz(what, "error");
	return *is_error || str_eqz(what, "response");
}

static bool is_current(const struct instance *i, struct str id)
{
	return i->inv && str_eqz(id, i->inv->id);
}

/* Who is of the instance names this machine; a web page tells where it is from, or asks for a name of its own. */
static bool is_of_the_instance(const struct web_req *req)
{
	static const char *const names[] = { "127.0.0.1", "localhost", "sandbox", "sandbox.localdomain" };
	const char *host = web_header(req, "Host");
	size_t n = host ? strcspn(host, ":") : 0;

	if (web_header(req, "Origin") || web_header(req, "Sec-Fetch-Site"))
		return false;
	for (size_t i = 0; host && i < ARRAY_LEN(names); i++)
		if (strlen(names[i]) == n && strncasecmp(names[i], host, n) == 0)
			return true;
	return !host;
}

static void begin(struct web_req *req)
{
	struct instance *i = instance_of(req);
	const char *mode = response_mode(req);
	struct str id;
	bool is_error;

	if (!is_of_the_instance(req)) {
		runtime_api_refuse(req, 403, "AccessDenied", "only the instance may ask here");
		return;
	}
	/* what is wrong with it is said at its end */
	if (strcmp(req->method, "POST") != 0 || !is_answer(req, &id, &is_error) || !is_current(i, id) || i->answered ||
	    i->answering || (!is_error && mode && strcmp(mode, "streaming") != 0))
		return;
	i->answering = req;
	if (is_error || !mode || !i->inv->stream_data)
		return;
	req->limit = STREAM_MAX + (1u << 20);
	req->data = streamed;
	i->inv->streamed = true;
	set_content_type(i->inv, req);
	i->inv->stream_head(i->inv, i->inv->content_type);
}

/*
 * Whether @req may answer what its instance does; else it is refused. Sets i->answered.
 */
static bool may_answer(struct web_req *req, struct instance *i)
{
	const char *mode = response_mode(req);
	struct str id;
	bool is_error;

	if (!is_answer(req, &id, &is_error) || !is_current(i, id)) {
		bad_id(req);
		return false;
	}
	if (i->answered || (i->answering && i->answering != req)) {
		wrong_state(req, i, is_error ? "InvocationErrorResponse" : "InvocationResponse");
		return false;
	}
	i->answered = true;
	/* the log of an invocation is whole when its answer is told */
	line_reader_drain(&i->out);
	if (is_error || !mode || strcmp(mode, "streaming") == 0)
		return true;
	runtime_api_refuse(req, 400, "InvalidFunctionResponseMode", "Invalid function response mode");
	invocation_fail(i->inv, OUTCOME_ERROR, "Runtime.InvalidResponseModeHeader",
			"RequestId: %s Error: '%s' is no response mode", i->inv->id, mode);
	return false;
}

/* "application/vnd.aws.lambda.error.cause+json": the cause is X-Ray's, the rest the caller's. */
static void strip_cause(struct invocation *inv)
{
	static const char *const keys[] = { "errorMessage", "errorType", "stackTrace" };
	json_t *root = json_loadb(inv->body.ptr, inv->body.len, 0, NULL), *left = json_object();
	char *text = NULL;

	for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
		json_t *v = json_object_get(root, keys[k]);

		if (v)
			json_object_set(left, keys[k], v);
	}
	if (json_is_object(root))
		text = json_dumps(left, JSON_COMPACT | JSON_PRESERVE_ORDER);
	buf_reset(&inv->body);
	buf_addz(&inv->body, text ? text : "\"Invalid error body\"");
	free(text);
	json_decref(root);
	json_decref(left);
}

static void take_body(struct web_req *req, struct invocation *inv)
{
	buf_release(&inv->body);
	inv->body = req->body;
	buf_init(&req->body);
	inv->produced = inv->body.len;
	set_content_type(inv, req);
}

static void answer(struct web_req *req, struct instance *i)
{
	struct invocation *inv = i->inv;
	bool is_error = str_ends(req->path, "/error");
	const char *type = web_header(req, "Lambda-Runtime-Function-Error-Type");

	if (!may_answer(req, i))
		return;
	/* whoever took more memory than it has is not waited for to be found out: its end is the answer */
	if (!inv->streamed && quota_check(&i->group)) {
		runtime_api_ok(req);
		return;
	}
	if (!inv->streamed)
		take_body(req, inv);
	if (is_error && inv->content_type && strcmp(inv->content_type, CAUSE_TYPE) == 0) {
		strip_cause(inv);
		free(inv->content_type);
		inv->content_type = xstrdup("application/json");
	}
	type = is_error || !response_mode(req) ? type : web_trailer(req, "Lambda-Runtime-Function-Error-Type");
	if (!is_error && response_mode(req) && type) {
		/* an error midway comes behind the body: who collects it wants the error */
		const char *text = web_trailer(req, "Lambda-Runtime-Function-Error-Body");
		CLEAN_BUF struct buf b = BUF_INIT;

		is_error = true;
		inv->trailer_error = xstrdup(text ? text : "");
		if (!inv->streamed && base64_decode(str_from(inv->trailer_error), &b) == 0) {
			buf_reset(&inv->body);
			buf_adds(&inv->body, buf_str(&b));
		}
	}
	inv->outcome = is_error ? OUTCOME_ERROR : OUTCOME_OK;
	if (is_error)
		inv->error_type = error_type(type);
	runtime_api_ok(req);
	invocation_answer(inv);
}

static void fail_too_large(struct web_req *req, struct invocation *inv)
{
	const char *length = web_header(req, "Content-Length");
	uint64_t n;

	if (!length || str_parse_u64(str_from(length), &n) < 0)
		n = req->length;
	invocation_fail(inv, OUTCOME_TOO_LARGE, "Function.ResponseSizeTooLarge",
			"Response payload size (%" PRIu64 " bytes) exceeded maximum allowed payload size (%llu bytes).",
			n, req->data ? STREAM_MAX : ANSWER_MAX);
}

static void too_large(struct web_req *req)
{
	struct instance *i = instance_of(req);
	struct str id;
	bool is_error;

	if (is_answer(req, &id, &is_error) && strcmp(req->method, "POST") == 0) {
		if (!may_answer(req, i))
			return;
		fail_too_large(req, i->inv);
	}
	runtime_api_refuse(req, 413, "RequestEntityTooLarge", "Exceeded maximum allowed payload size (%u bytes).",
			   ANSWER_MAX);
}

/* ---- */

static void init_error(struct web_req *req, struct instance *i)
{
	if (i->asked || i->init_error_type) {
		wrong_state(req, i, "InitError");
		return;
	}
	i->init_error = xstrndup(req->body.ptr, req->body.len);
	i->init_error_type = error_type(web_header(req, "Lambda-Runtime-Function-Error-Type"));
	runtime_api_ok(req);
	instance_break(i, OUTCOME_ERROR, i->init_error_type, i->init_error);
}

static void ready(struct web_req *req)
{
	static const char not_found[] = "404 page not found\n";
	static const struct web_header plain = { "Content-Type", "text/plain; charset=utf-8" };
	struct instance *i = instance_of(req);
	bool get = strcmp(req->method, "GET") == 0, post = strcmp(req->method, "POST") == 0, is_error;
	struct str id;

	if (str_eqz(req->path, PREFIX "invocation/next") && get)
		next(req, i);
	else if (is_answer(req, &id, &is_error) && post)
		answer(req, i);
	else if (str_eqz(req->path, PREFIX "init/error") && post)
		init_error(req, i);
	else if (str_eqz(req->path, "/2018-06-01/ping") && get)
		web_answer(req, 200, &plain, 1, "pong", 4);
	else if (str_eqz(req->path, PREFIX "invocation/next") || str_eqz(req->path, "/2018-06-01/ping"))
		runtime_api_no_method(req, "GET");
	else if (str_eqz(req->path, PREFIX "init/error") || is_answer(req, &id, &is_error))
		runtime_api_no_method(req, "POST");
	else if (!extension_request(req, i))
		web_answer(req, 404, &plain, 1, not_found, sizeof(not_found) - 1);
}

/* It asked for work, left, and did not come back. */
static void lost(struct loop_timer *t)
{
	struct instance *i = CONTAINER_OF(t, struct instance, timer);

	instance_break(i, OUTCOME_EXIT, "Runtime.ExitError", "its runtime asks for nothing");
}

/* It closed its connection while it waited, or was given an invocation that it did not take. */
static void hangup(struct web_req *req)
{
	struct instance *i = instance_of(req);

	if (extension_hangup(req, i) || i->next != req)
		return;
	i->next = NULL;
	if (i->state != INSTANCE_IDLE)
		return;
	pool_unlist(i);
	i->timer.expired = lost;
	loop_timer_set(i->fn->platform->loop, &i->timer, LOST_NS);
}

static void closed(struct web_req *req, bool whole)
{
	struct instance *i = instance_of(req);

	if (i->stalled == req)
		i->stalled = NULL;
	hangup(req);
	if (i->answering != req)
		return;
	/* the connection broke in the middle of an answer */
	if (!whole && i->inv && !i->answered) {
		i->answered = true;
		if (req->large)
			fail_too_large(req, i->inv);
		invocation_fail(i->inv, OUTCOME_EXIT, "Runtime.TruncatedResponse",
				"RequestId: %s Error: the runtime closed the connection before its answer was whole",
				i->inv->id);
	}
	i->answering = NULL;
}

const struct web_service runtime_api = {
	.limit = ANSWER_MAX,
	.begin = begin,
	.ready = ready,
	.closed = closed,
	.hangup = hangup,
	.too_large = too_large,
	/* a runtime may have nothing to ask for as long as an invocation lasts */
	.patient = true,
};
