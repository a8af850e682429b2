/* SPDX-License-Identifier: Apache-2.0 */
/* Lambda's Invoke (API version 2015-03-31), as its SDKs and the AWS CLI call it. */
#include "local/gateway.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "local/jsoncheck.h"

/* "%3A" to ":"; *@n in and out. */
static void decode(char *s)
{
	char *to = s;

	for (; *s; s++) {
		unsigned hi, lo;

		if (*s == '%' && s[1] && s[2] && strchr("0123456789abcdefABCDEF", s[1]) &&
		    strchr("0123456789abcdefABCDEF", s[2])) {
			hi = (unsigned)(s[1] <= '9' ? s[1] - '0' : (s[1] | 32) - 'a' + 10);
			lo = (unsigned)(s[2] <= '9' ? s[2] - '0' : (s[2] | 32) - 'a' + 10);
			*to++ = (char)(hi * 16 + lo);
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* A name, "123456789012:function:name", an ARN; each with ":$LATEST" or another version behind it. */
static struct lfn *find(struct gateway *g, struct str what, char **shown)
{
	char *name = xstrndup(what.ptr, what.len), *fn, *version;
	struct lfn *f;

	decode(name);
	*shown = name;
	fn = strstr(name, "function:");
	fn = fn ? fn + 9 : name;
	version = strchr(fn, ':');
	f = platform_find(g->platform, (struct str){ fn, version ? (size_t)(version - fn) : strlen(fn) });
	return f && (!version || strcmp(version, ":$LATEST") == 0) ? f : NULL;
}

static void answer(struct invocation *inv)
{
	struct web_req *req = inv->ctx;
	CLEAN_FREE char *tail = NULL;
	struct web_header h[] = {
		{ "Content-Type", "application/json" },
		{ "x-amzn-RequestId", inv->id },
		{ "X-Amz-Executed-Version", "$LATEST" },
		{ "X-Amzn-Trace-Id", inv->trace },
		{ "X-Amz-Function-Error", inv->outcome == OUTCOME_OK ? NULL : "Unhandled" },
		{ "X-Amz-Log-Result", NULL },
	};
	size_t len = inv->body.len;

	if (!req)
		return;
	req->ctx = NULL;
	inv->ctx = NULL;
	if (inv->outcome == OUTCOME_THROTTLED) {
		gateway_error(req, 429, "TooManyRequestsException", "Rate Exceeded.");
		return;
	}
	if (inv->outcome == OUTCOME_STOPPED) {
		gateway_error(req, 503, "ServiceException", "the platform ends");
		return;
	}
	if (inv->tail) {
		struct buf b = BUF_INIT;
		size_t from = inv->lines.len > TAIL_MAX ? inv->lines.len - TAIL_MAX : 0;

		buf_add_base64(&b, inv->lines.ptr + from, inv->lines.len - from);
		tail = buf_detach(&b);
		h[5].value = tail;
	}
	web_answer_take(req, 200, h, ARRAY_LEN(h), buf_detach(&inv->body), len);
}

static void left(void *ctx, bool whole)
{
	(void)whole;
	((struct invocation *)ctx)->ctx = NULL;
	invocation_drained(ctx);
}

static void drained(void *ctx)
{
	invocation_drained(ctx);
}

static const struct gateway_call calls = { .left = left, .drained = drained };

static void invoke(struct gateway *g, struct web_req *req, struct lfn *fn, bool streaming)
{
	const char *type = web_header(req, "X-Amz-Invocation-Type"), *log = web_header(req, "X-Amz-Log-Type");
	const char *context = web_header(req, "X-Amz-Client-Context");
	bool async = type && strcmp(type, "Event") == 0, dry = type && strcmp(type, "DryRun") == 0;
	struct invocation *inv;

	if (fn->runtime == RUNTIME_HTTP) {
		gateway_error(req, 400, "InvalidParameterValueException", "%s speaks HTTP: send it requests below /%s/",
			      fn->name, fn->name);
		return;
	}
	if (type && !async && !dry && strcmp(type, "RequestResponse") != 0) {
		gateway_error(req, 400, "InvalidParameterValueException", "'%.50s' is no invocation type", type);
		return;
	}
	if (async && req->body.len > ASYNC_MAX) {
		gateway_error(req, 413, "RequestTooLargeException",
			      "Request must be smaller than %u bytes for the InvokeFunction operation", ASYNC_MAX);
		return;
	}
	if (req->body.len && !json_is_valid(buf_str(&req->body))) {
		gateway_error(req, 400, "InvalidRequestContentException", "Could not parse request body into json");
		return;
	}
	if (dry) {
		web_answer(req, 204, NULL, 0, "", 0);
		return;
	}
	inv = invocation_new(fn);
	if (context) {
		struct buf b = BUF_INIT;

		if (base64_decode(str_from(context), &b) < 0 || !json_is_valid(buf_str(&b))) {
			buf_release(&b);
			invocation_free(inv);
			gateway_error(req, 400, "InvalidRequestContentException", "Client context must be a valid "
				      "Base64-encoded JSON");
			return;
		}
		/* a header's value is one line; in JSON an end of line is white space */
		for (size_t k = 0; k < b.len; k++)
			if (b.ptr[k] == '\n' || b.ptr[k] == '\r')
				b.ptr[k] = ' ';
		inv->client_context = buf_detach(&b);
	}
	if (req->body.len) {
		inv->event = req->body;
		buf_init(&req->body);
	} else {
		buf_addz(&inv->event, "{}");
	}
	gateway_trace(req, inv);
	inv->async = async;
	inv->tail = log && strcmp(log, "Tail") == 0;
	inv->ctx = req;
	inv->answered = answer;
	if (streaming)
		invoke_stream(inv);
	req->ctx = inv;
	req->calls = &calls;
	if (async && g->enqueue) {
		g->enqueue(g, req, inv);
		return;
	}
	platform_invoke(inv);
}

void invoke_api(struct gateway *g, struct web_req *req)
{
	static const struct operation {
		const char *in, *end;
	} ops[] = {
		{ "/2015-03-31/functions/", "/invocations" },
		{ "/2021-11-15/functions/", "/response-streaming-invocations" },
	};
	CLEAN_FREE char *shown = NULL;
	struct lfn *fn;

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		size_t in = strlen(ops[i].in), end = strlen(ops[i].end);
		struct str name = req->path;

		if (!str_starts(name, ops[i].in) || !str_ends(name, ops[i].end) || name.len <= in + end)
			continue;
		if (strcmp(req->method, "POST") != 0) {
			gateway_error(req, 405, "InvalidRequestException", "an invocation is a POST");
			return;
		}
		fn = find(g, (struct str){ name.ptr + in, name.len - in - end }, &shown);
		if (fn)
			invoke(g, req, fn, i == 1);
		else
			gateway_error(req, 404, "ResourceNotFoundException",
				      "Function not found: arn:aws:lambda:%s:%s:function:%s", g->platform->region,
				      g->platform->account, shown);
		return;
	}
	gateway_error(req, 404, "ResourceNotFoundException", "no such operation");
}
