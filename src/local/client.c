/* SPDX-License-Identifier: Apache-2.0 */
#include "local/client.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/vec.h"
#include "local/eventstream.h"

void invoke_result_release(struct invoke_result *r)
{
	buf_release(&r->error);
	buf_release(&r->details);
	buf_release(&r->log);
	*r = (struct invoke_result)INVOKE_RESULT_INIT;
}

/* ---- streamed answers ---- */

struct stream {
	const struct invoke_request *req;
	struct invoke_result *result;
	struct eventstream frames;
	bool complete;
};

static int refused_within(const struct eventstream_message *m, struct err *err)
{
	struct str what = eventstream_value(m, ":exception-type"), why = m->payload;

	if (!what.len) {
		what = eventstream_value(m, ":error-code");
		why = eventstream_value(m, ":error-message");
	}
	return err_set(err, ERR_NET, "the platform breaks off: " STR_FMT ": %.*s", STR_ARG(what),
		       (int)(why.len < 500 ? why.len : 500), why.len ? why.ptr : "");
}

static int take_complete(struct stream *s, struct str payload, struct err *err)
{
	CLEANUP(eventstream_complete_release) struct eventstream_complete c = EVENTSTREAM_COMPLETE_INIT;

	if (eventstream_complete(payload, &c, err) < 0)
		return -1;
	buf_adds(&s->result->error, buf_str(&c.code));
	buf_adds(&s->result->details, buf_str(&c.details));
	buf_adds(&s->result->log, buf_str(&c.log));
	s->complete = true;
	return 0;
}

static int take_message(void *ctx, const struct eventstream_message *m, struct err *err)
{
	struct stream *s = ctx;

	switch (eventstream_kind(m)) {
	case EVENTSTREAM_CHUNK:
		return s->req->sink(s->req->ctx, m->payload.ptr, m->payload.len, err);
	case EVENTSTREAM_COMPLETE:
		return s->complete ? 0 : take_complete(s, m->payload, err);
	case EVENTSTREAM_REFUSED:
		return refused_within(m, err);
	case EVENTSTREAM_OTHER:
		break;
	}
	return 0;
}

static int take_piece(void *ctx, const void *p, size_t n, struct err *err)
{
	struct stream *s = ctx;

	return eventstream_feed(&s->frames, p, n, take_message, s, err);
}

static int end_stream(struct stream *s, struct err *err)
{
	if (eventstream_end(&s->frames, err) < 0)
		return -1;
	if (!s->complete)
		return err_set(err, ERR_NET, "the answer ends before it is complete");
	return 0;
}

/* ---- what the platform says ---- */

/* {"Message": "...", "Type": "User"}, or with a small m; or text. */
static char *message_of(const struct buf *body)
{
	json_t *root = json_loadb(body->ptr, body->len, 0, NULL);
	const char *s = json_string_value(json_object_get(root, "Message"));
	struct str text = str_trim((struct str){ body->ptr, body->len < 300 ? body->len : 300 });
	char *out;

	s = s ? s : json_string_value(json_object_get(root, "message"));
	out = s ? xstrdup(s) : xstrndup(text.ptr, text.len);
	json_decref(root);
	return out;
}

static int refused(const struct invoke_request *req, const struct http_resp *resp, struct err *err)
{
	const char *type = http_resp_header(resp, "x-amzn-ErrorType");
	CLEAN_FREE char *why = message_of(&resp->body);
	int n = (int)strcspn(type, ":;");	/* "Name:http://..." */

	err_set(err, resp->status == 404 ? ERR_NOTFOUND : ERR_NET, "%s: %s: %d%s%.*s%s%s", req->url, req->function,
		resp->status, n ? " " : "", n, type, *why ? ": " : "", why);
	if (resp->status == 429)
		err_hint(err, "all its instances are busy: try again, or raise its concurrency");
	else if (resp->status == 404 && !n)
		err_hint(err, "does slsc local serve there? it has no Invoke API");
	return -1;
}

static void keep(char *to, size_t cap, const char *s)
{
	if (strlen(s) < cap)
		snprintf(to, cap, "%s", s);
}

static int take_headers(struct invoke_result *r, const struct http_resp *resp, struct err *err)
{
	r->status = resp->status;
	keep(r->request_id, sizeof(r->request_id), http_resp_header(resp, "x-amzn-RequestId"));
	keep(r->version, sizeof(r->version), http_resp_header(resp, "X-Amz-Executed-Version"));
	if (!r->error.len)
		buf_addz(&r->error, http_resp_header(resp, "X-Amz-Function-Error"));
	if (!r->log.len && base64_decode(str_from(http_resp_header(resp, "X-Amz-Log-Result")), &r->log) < 0)
		return err_set(err, ERR_FORMAT, "X-Amz-Log-Result is no base64");
	return 0;
}

/* ---- the call ---- */

static int exchange(struct http *h, const struct invoke_request *req, struct http_req *q, struct http_resp *resp,
		    struct invoke_result *r, struct err *err)
{
	struct stream s = { .req = req, .result = r, .frames = EVENTSTREAM_INIT };
	int ret;

	if (req->stream) {
		q->sink = take_piece;
		q->sink_ctx = &s;
		/* each message has some 100 bytes of its own */
		q->limit = 2ull * INVOKE_STREAM_MAX;
	}
	ret = http_perform(h, q, resp, err);
	if (ret == 0 && resp->status / 100 != 2) {
		ret = refused(req, resp, err);
	} else {
		if (ret == 0 && req->stream)
			ret = end_stream(&s, err);
		if (ret == 0)
			ret = take_headers(r, resp, err);
		if (ret < 0)
			err_wrap(err, "%s: %s", req->url, req->function);
	}
	eventstream_release(&s.frames);
	if (ret == 0 && !req->stream && resp->body.len)
		ret = req->sink(req->ctx, resp->body.ptr, resp->body.len, err);
	return ret;
}

int invoke(struct http *h, const struct invoke_request *req, struct invoke_result *r, struct err *err)
{
	static const char *const types[] = { "RequestResponse", "Event", "DryRun" };
	static const struct http_tls tls = { .insecure = false };
	struct buf_reader body = { .all = req->event };
	CLEAN_HTTP_URL struct http_url base = HTTP_URL_INIT;
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_STRS struct strs headers = { 0 };
	CLEAN_FREE char *name = http_ops(h)->escape(req->function), *url = NULL;
	struct http_req q = {
		.method = "POST", .tls = &tls, .no_proxy = true, .keep_headers = true, .limit = INVOKE_ANSWER_MAX,
		.stalled_s = INVOKE_SECONDS, .has_body = true, .length = req->event.len,
		.read = buf_reader_read, .rewind = buf_reader_rewind, .read_ctx = &body,
	};

	if (http_ops(h)->url(NULL, req->url, &base, err) < 0)
		return -1;
	url = xasprintf("%s%s%s/functions/%s/%s", base.full, ends_with(base.full, "/") ? "" : "/",
			req->stream ? "2021-11-15" : "2015-03-31", name,
			req->stream ? "response-streaming-invocations" : "invocations");
	q.url = url;
	strs_add(&headers, "Content-Type: application/json");
	strs_addf(&headers, "X-Amz-Invocation-Type: %s", types[req->type]);
	if (req->tail)
		strs_add(&headers, "X-Amz-Log-Type: Tail");
	q.headers = strs_argv(&headers);
	return exchange(h, req, &q, &resp, r, err);
}
