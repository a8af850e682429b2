/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/logs.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/member.h"

#define TOKEN_MAX (64u << 10)

void logs_release(struct logs *l)
{
	map_release(&l->seen);
}

static bool string_of(const json_t *j, const char *key, struct str *out)
{
	const json_t *s = json_object_get(j, key);

	*out = (struct str){ json_string_value(s), json_string_length(s) };
	return json_is_string(s);
}

int logs_parse(struct str body, log_event_fn event, void *ctx, struct buf *next, struct err *err)
{
	json_t *root = json_loadb(body.ptr, body.len, JSON_ALLOW_NUL, NULL);
	const json_t *events = json_object_get(root, "events"), *one;
	struct str token;
	size_t i;
	int ret = -1;

	if (!json_is_object(root) || (events && !json_is_array(events))) {
		err_set(err, ERR_FORMAT, "the answer is no object with events");
		goto out;
	}
	json_array_foreach(events, i, one) {
		const json_t *at = json_object_get(one, "timestamp");
		struct log_event e = { .at_ms = json_integer_value(at) };

		if (!json_is_integer(at) || !string_of(one, "message", &e.message)) {
			err_set(err, ERR_FORMAT, "events[%zu] has no timestamp, or no message", i);
			goto out;
		}
		if (!string_of(one, "eventId", &e.id) || !string_of(one, "logStreamName", &e.stream)) {
			err_set(err, ERR_FORMAT, "events[%zu] has no eventId, or no logStreamName", i);
			goto out;
		}
		if (event(ctx, &e, err) < 0)
			goto out;
	}
	if (string_of(root, "nextToken", &token)) {
		if (token.len > TOKEN_MAX) {
			err_set(err, ERR_FORMAT, "nextToken has more than %u bytes", TOKEN_MAX);
			goto out;
		}
		buf_adds(next, token);
	}
	ret = 0;
out:
	json_decref(root);
	return ret;
}

struct str logs_version(struct str stream)
{
	const char *open = stream.len ? memchr(stream.ptr, '[', stream.len) : NULL, *close;
	struct str rest;

	if (!open)
		return STR("");
	rest = (struct str){ open + 1, stream.len - (size_t)(open + 1 - stream.ptr) };
	close = rest.len ? memchr(rest.ptr, ']', rest.len) : NULL;
	rest.len = close ? (size_t)(close - rest.ptr) : 0;
	return rest;
}

/* ---- what has been told ---- */

static void forget_half(struct map *seen)
{
	struct map kept = { 0 };

	for (size_t i = seen->len / 2; i < seen->len; i++)
		map_put(&kept, seen->ptr[i].key, seen);
	map_release(seen);
	*seen = kept;
}

struct reading {
	struct logs *l;
	int64_t newest;
};

static int take(void *ctx, const struct log_event *e, struct err *err)
{
	struct reading *r = ctx;
	struct logs *l = r->l;
	CLEAN_FREE char *id = xstrndup(e->id.ptr, e->id.len);

	if (e->at_ms > r->newest)
		r->newest = e->at_ms;
	if (map_has(&l->seen, id))
		return 0;
	if (l->seen.len >= LOGS_SEEN_MAX)
		forget_half(&l->seen);
	map_put(&l->seen, id, l);
	l->told++;
	return l->event(l->ctx, e, err);
}

/* ---- the requests ---- */

static void add_request(const struct logs *l, struct str token, struct buf *b)
{
	buf_addc(b, '{');
	if (l->filter)
		member_text(b, "filterPattern", l->filter);
	member_u64(b, "limit", LOGS_PAGE);
	member_text(b, "logGroupName", l->group);
	if (token.len)
		member_str(b, "nextToken", token);
	buf_addf(b, ",\"startTime\":%" PRId64 "}", l->from_ms);
}

static int read_page(struct logs *l, const char *what, struct str token, struct reading *r, struct buf *next,
		     struct err *err)
{
	static char *const headers[] = { "Content-Type: application/x-amz-json-1.1",
					 "X-Amz-Target: Logs_20140328.FilterLogEvents", NULL };
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_BUF struct buf body = BUF_INIT;
	CLEAN_FREE char *base = session_url(l->session, "logs"), *url = xasprintf("%s/", base);
	struct aws_call call = { .what = what, .service = "logs", .method = "POST", .url = url, .headers = headers };

	add_request(l, token, &body);
	call.body = buf_str(&body);
	if (session_send(l->session, &call, &resp, err) < 0) {
		l->transient = resp.transient;
		return -1;
	}
	if (resp.status != 200) {
		l->missing = aws_error_is(&resp, "ResourceNotFoundException");
		l->transient = resp.status == 429 || resp.status >= 500 ||
			       aws_error_is(&resp, "ThrottlingException|Throttling|LimitExceededException");
		return session_refused(l->session, &call, &resp, err);
	}
	if (logs_parse(buf_str(&resp.body), take, r, next, err) < 0)
		return err->code == ERR_FORMAT ? err_wrap(err, "%s", what) : -1;
	return 0;
}

int logs_read(struct logs *l, struct err *err)
{
	CLEAN_FREE char *what = xasprintf("%s: FilterLogEvents", l->what);
	CLEAN_BUF struct buf token = BUF_INIT, next = BUF_INIT;
	struct reading r = { .l = l, .newest = INT64_MIN };

	l->missing = l->transient = false;
	do {
		buf_reset(&next);
		if (read_page(l, what, buf_str(&token), &r, &next, err) < 0)
			return -1;
		if (next.len && str_eq(buf_str(&next), buf_str(&token)))
			return err_set(err, ERR_FORMAT, "%s: the next page is the same one, over and over", what);
		buf_reset(&token);
		buf_adds(&token, buf_str(&next));
	} while (next.len);
	if (r.newest != INT64_MIN && r.newest - LOGS_LOOK_BACK_MS > l->from_ms)
		l->from_ms = r.newest - LOGS_LOOK_BACK_MS;
	return 0;
}
