/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/vec.h"
#include "local/otlp_internal.h"
#include "registry/client.h"

#define ANSWER_MAX (4u << 20)	/* bytes, as the protocol recommends */
#define STALLED_S 10u		/* the time that exporters give a collector */
#define WORDS_MAX 200u

static const char *const paths[OTLP_SIGNALS] = { "v1/logs", "v1/traces" };

struct post {
	struct otlp_sink sink;
	struct http *http;
	char *url[OTLP_SIGNALS];
	struct strs headers;
};

static void post_free(struct otlp_sink *s)
{
	struct post *p = CONTAINER_OF(s, struct post, sink);

	http_free(p->http);
	for (int i = 0; i < OTLP_SIGNALS; i++)
		free(p->url[i]);
	strs_release(&p->headers);
	free(s->shown);
	free(p);
}

static void add_words(struct buf *out, const char *s)
{
	size_t n = s ? strlen(s) : 0;

	for (size_t i = 0; i < n && i < WORDS_MAX; i++)
		buf_addc(out, (unsigned char)s[i] < ' ' || s[i] == 0x7f ? ' ' : s[i]);
	if (n > WORDS_MAX)
		buf_addz(out, "...");
}

/* A 64-bit integer of protobuf's JSON is a string, or a number. */
static uint64_t count_of(const json_t *v)
{
	uint64_t n = 0;

	if (json_is_string(v) && str_parse_u64(str_from(json_string_value(v)), &n) < 0)
		return 0;
	if (json_is_integer(v) && json_integer_value(v) > 0)
		n = (uint64_t)json_integer_value(v);
	return n;
}

/* Some of it may have been rejected: that is told, and not tried again. */
static void taken(enum otlp_signal signal, const struct http_resp *r, struct otlp_result *res)
{
	json_t *j = json_loadb(r->body.ptr, r->body.len, 0, NULL), *part = json_object_get(j, "partialSuccess");

	res->rejected = count_of(json_object_get(part, signal == OTLP_LOGS ? "rejectedLogRecords" : "rejectedSpans"));
	add_words(&res->words, json_string_value(json_object_get(part, "errorMessage")));
	json_decref(j);
}

/* The body of an error is a Status: {"code":3,"message":"..."}. */
static int refused(const char *path, const struct http_resp *r, struct otlp_result *res, struct err *err)
{
	json_t *j = json_loadb(r->body.ptr, r->body.len, 0, NULL);
	CLEAN_BUF struct buf words = BUF_INIT;
	const char *name = client_status_name(r->status);

	add_words(&words, json_string_value(json_object_get(j, "message")));
	json_decref(j);
	res->again = r->status == 429 || (r->status >= 502 && r->status <= 504);
	if (res->again)
		res->wait_ms = retry_after_ms(r->retry_after, (int64_t)time(NULL));
	return err_set(err, ERR_NET, "POST of %s was answered %d%s%s%s%s", path, r->status, *name ? " " : "", name,
		       words.len ? ": " : "", words.ptr);
}

static int post_send(struct otlp_sink *s, enum otlp_signal signal, struct str body, const atomic_bool *cancel,
		     struct otlp_result *res, struct err *err)
{
	struct post *p = CONTAINER_OF(s, struct post, sink);
	static const struct http_tls tls;
	struct buf_reader reader = { .all = body };
	struct http_req req = {
		.method = "POST", .url = p->url[signal], .headers = strs_argv(&p->headers), .tls = &tls,
		.has_body = true, .length = body.len, .read = buf_reader_read, .rewind = buf_reader_rewind,
		.read_ctx = &reader, .limit = ANSWER_MAX, .stalled_s = STALLED_S, .cancel = cancel,
		.through_signals = true,
	};
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;

	if (http_perform(p->http, &req, &resp, err) < 0) {
		res->again = resp.transient;
		return -1;
	}
	if (resp.status < 200 || resp.status > 299)
		return refused(paths[signal], &resp, res, err);
	taken(signal, &resp, res);
	return 0;
}

static int set_up(struct post *p, const char *url, const struct otlp_opts *opts, struct err *err)
{
	CLEAN_HTTP_URL struct http_url u = HTTP_URL_INIT;
	size_t n;

	p->http = http_new(err);
	if (!p->http)
		return -1;
	if (http_ops(p->http)->url(NULL, url, &u, err) < 0) {
		err->code = ERR_USAGE;
		return err_hint(err, "a collector is at http://127.0.0.1:4318, say");
	}
	if (strchr(u.full, '?')) {
		err_set(err, ERR_USAGE, "'%.200s' has a query", url);
		return err_hint(err, "name the collector alone: v1/logs and v1/traces are put behind it");
	}
	for (n = strlen(u.full); n && u.full[n - 1] == '/'; n--)
		;
	for (int i = 0; i < OTLP_SIGNALS; i++)
		p->url[i] = xasprintf("%.*s/%s", (int)n, u.full, paths[i]);
	p->sink.shown = xstrndup(u.full, n);
	strs_add(&p->headers, "Content-Type: application/json");
	for (size_t i = 0; opts && opts->headers && opts->headers[i]; i++)
		strs_add(&p->headers, opts->headers[i]);
	return 0;
}

int otlp_open_http(struct otlp **out, const char *url, const struct otlp_opts *opts, struct err *err)
{
	struct post *p = xcalloc(1, sizeof(*p));

	p->sink = (struct otlp_sink){ .send = post_send, .free = post_free };
	if (set_up(p, url, opts, err) == 0)
		return otlp_start(out, &p->sink, opts, err);
	post_free(&p->sink);
	return -1;
}
