/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Runtime API (AWS Lambda, "Building a custom runtime", version 2018-06-01), an endpoint for each instance. States
 * and error shapes are those of Lambda's Runtime Interface Emulator.
 */
#include "local/platform.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define PREFIX "/2018-06-01/runtime/"

static struct instance *instance_of(const struct web_req *req)
{
	return CONTAINER_OF(req->listener, struct instance, listener);
}

static const struct web_header json = { "Content-Type", "application/json" };

static void ok(struct web_req *req)
{
	static const char text[] = "{\"status\":\"OK\"}\n";

	web_answer(req, 202, &json, 1, text, sizeof(text) - 1);
}

static void refuse(struct web_req *req, unsigned status, const char *type, const char *msg)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addf(&b, "{\"errorMessage\":\"%s\",\"errorType\":\"%s\"}\n", msg, type);
	web_answer(req, status, &json, 1, b.ptr, b.len);
}

static void wrong_state(struct web_req *req, const char *from, const char *to)
{
	CLEAN_FREE char *msg = xasprintf("State transition from %s to %s failed for runtime. Error: State transition "
					 "is not allowed", from, to);

	refuse(req, 403, "InvalidStateTransition", msg);
}

/* "(Runtime|Function)\.[A-Z][a-zA-Z]+", else as the platform calls what it does not know */
static char *error_type(const char *s)
{
	size_t n, at;

	if (s && (starts_with(s, "Function.") || starts_with(s, "Runtime."))) {
		at = (size_t)(strchr(s, '.') - s) + 1;
		n = strspn(s + at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
		if (n > 1 && !s[at + n] && s[at] >= 'A' && s[at] <= 'Z')
			return xstrdup(s);
	}
	return xstrdup(s && starts_with(s, "Runtime.") ? "Runtime.Unknown" : "Function.Unknown");
}

/* ---- GET .../next ---- */

void runtime_api_give(struct instance *i, struct invocation *inv)
{
	struct web_req *req = i->next;
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
	size_t len = inv->event.len;

	i->next = NULL;
	snprintf(deadline, sizeof(deadline), "%" PRId64,
		 (inv->wall_given + (int64_t)inv->fn->timeout_ms * 1000000) / 1000000);
	web_answer_take(req, 200, h, ARRAY_LEN(h), buf_detach(&inv->event), len);
}

static void next(struct web_req *req, struct instance *i)
{
	if (i->inv && !i->answered) {
		wrong_state(req, "Running", "Ready");
		return;
	}
	if (i->next) {
		/* it has left the other one without a word */
		i->next->ctx = NULL;
		refuse(i->next, 403, "InvalidStateTransition", "another request for the next invocation came");
	}
	i->next = req;
	req->ctx = i;
	if (i->inv) {
		struct invocation *inv = i->inv;

		invocation_over(inv);
	}
	if (i->state == INSTANCE_ENDING)
		return;
	if (!i->ready)
		i->ready = loop_clock();
	pool_ready(i);
}

/* ---- POST .../response, .../error ---- */

static void bad_id(struct web_req *req)
{
	refuse(req, 400, "InvalidRequestID", "Invalid request ID");
}

static bool is_streaming(const struct web_req *req)
{
	const char *mode = web_header(req, "Lambda-Runtime-Function-Response-Mode");

	return mode && strcasecmp(mode, "streaming") == 0;
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
	if (!inv || inv->is_answered || !inv->streamed)
		return n;
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

/* One of "invocation/<id>/response": its id and its last word. */
static bool parse(struct str rest, struct str *id, struct str *what)
{
	static const char in[] = "invocation/";

	if (!str_starts(rest, in))
		return false;
	*id = (struct str){ rest.ptr + sizeof(in) - 1, rest.len - (sizeof(in) - 1) };
	*what = str_cut(id, '/');
	return true;
}

static void begin(struct web_req *req)
{
	struct instance *i = instance_of(req);
	struct str path = req->path, id, what;

	if (!str_starts(path, PREFIX) || strcmp(req->method, "POST") != 0)
		return;
	path.ptr += sizeof(PREFIX) - 1;
	path.len -= sizeof(PREFIX) - 1;
	if (!parse(path, &id, &what) || !str_eqz(what, "response") || !is_streaming(req))
		return;
	/* what is wrong with it is said at its end */
	if (!i->inv || i->answered || !str_eqz(id, i->inv->id) || !i->inv->stream_data)
		return;
	req->limit = STREAM_MAX + (1u << 20);
	req->data = streamed;
	i->inv->streamed = true;
	set_content_type(i->inv, req);
	i->inv->stream_head(i->inv, i->inv->content_type);
}

static void answer(struct web_req *req, struct instance *i, struct str id, bool is_error)
{
	struct invocation *inv = i->inv;
	const char *type = web_header(req, "Lambda-Runtime-Function-Error-Type");
	const char *mode = web_header(req, "Lambda-Runtime-Function-Response-Mode");

	if (!inv || !str_eqz(id, inv->id)) {
		bad_id(req);
		return;
	}
	if (i->answered) {
		wrong_state(req, is_error ? "InvocationErrorResponse" : "ResponseSent", "InvocationResponse");
		return;
	}
	if (mode && strcasecmp(mode, "streaming") != 0) {
		refuse(req, 400, "InvalidFunctionResponseMode", "Invalid function response mode");
		return;
	}
	i->answered = true;
	/* the log of an invocation is whole when its answer is told */
	instance_drain(i);
	if (!inv->streamed) {
		buf_release(&inv->body);
		inv->body = req->body;
		buf_init(&req->body);
		set_content_type(inv, req);
	}
	if (!is_error && mode) {
		/* an error midway comes behind the body */
		const char *late = web_trailer(req, "Lambda-Runtime-Function-Error-Type");

		if (late)
			inv->trailer_error = xstrdup(web_trailer(req, "Lambda-Runtime-Function-Error-Body")
						     ? web_trailer(req, "Lambda-Runtime-Function-Error-Body") : "");
		type = late;
		is_error = late != NULL;
	}
	inv->outcome = is_error ? OUTCOME_ERROR : OUTCOME_OK;
	if (is_error)
		inv->error_type = error_type(type);
	ok(req);
	invocation_answer(inv);
}

static void init_error(struct web_req *req, struct instance *i)
{
	if (i->ready) {
		wrong_state(req, "Ready", "InitError");
		return;
	}
	free(i->init_error);
	free(i->init_error_type);
	i->init_error = xstrndup(req->body.ptr, req->body.len);
	i->init_error_type = error_type(web_header(req, "Lambda-Runtime-Function-Error-Type"));
	ok(req);
	/* it ends by itself, as a runtime should; else it is ended */
	instance_end(i, "init error", LOOP_S / 2);
}

static void ready(struct web_req *req)
{
	static const char not_found[] = "404 page not found\n";
	static const struct web_header plain = { "Content-Type", "text/plain; charset=utf-8" };
	struct instance *i = instance_of(req);
	struct str path = req->path, id, what;
	bool get = strcmp(req->method, "GET") == 0, post = strcmp(req->method, "POST") == 0;

	if (str_starts(path, PREFIX)) {
		path.ptr += sizeof(PREFIX) - 1;
		path.len -= sizeof(PREFIX) - 1;
		if (get && str_eqz(path, "invocation/next")) {
			next(req, i);
			return;
		}
		if (post && str_eqz(path, "init/error")) {
			init_error(req, i);
			return;
		}
		if (get && str_eqz(path, "restore/next")) {
			wrong_state(req, "Init", "RuntimeRestoreReady");
			return;
		}
		if (post && parse(path, &id, &what) && (str_eqz(what, "response") || str_eqz(what, "error"))) {
			answer(req, i, id, str_eqz(what, "error"));
			return;
		}
	}
	web_answer(req, 404, &plain, 1, not_found, sizeof(not_found) - 1);
}

static void too_large(struct web_req *req)
{
	struct instance *i = instance_of(req);
	CLEAN_FREE char *msg = xasprintf("Exceeded maximum allowed payload size (%u bytes).", ANSWER_MAX);
	struct str path = req->path;

	refuse(req, 413, "RequestEntityTooLarge", msg);
	if (i->inv && !i->answered && str_ends(path, "/response")) {
		i->answered = true;
		invocation_fail(i->inv, OUTCOME_TOO_LARGE, "Function.ResponseSizeTooLarge",
				"Response payload size exceeded maximum allowed payload size (%u bytes).", ANSWER_MAX);
	}
}

/* It closed its connection while it waited, or was given an invocation that it did not take. */
static void hangup(struct web_req *req)
{
	struct instance *i = instance_of(req);

	if (i->next != req)
		return;
	i->next = NULL;
	if (i->state == INSTANCE_IDLE)
		pool_unlist(i);
}

static void closed(struct web_req *req, bool whole)
{
	struct instance *i = instance_of(req);

	if (i->stalled == req)
		i->stalled = NULL;
	if (i->next == req) {
		i->next = NULL;
		pool_unlist(i);
	}
	/* the connection broke in the middle of a streamed answer */
	if (!whole && req->data && i->inv && i->inv->streamed && !i->inv->is_answered)
		invocation_fail(i->inv, OUTCOME_EXIT, "Runtime.TruncatedResponse",
				"RequestId: %s Error: the runtime closed the connection before its answer was whole",
				i->inv->id);
}

const struct web_service runtime_api = {
	.limit = ANSWER_MAX,
	.begin = begin,
	.ready = ready,
	.closed = closed,
	.hangup = hangup,
	.too_large = too_large,
};
