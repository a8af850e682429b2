/* SPDX-License-Identifier: Apache-2.0 */
/* What registries say, made fit for messages, and the small grammars of their headers. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "registry/client_internal.h"

#define WORDS_MAX 300u

const char *client_status_name(int status)
{
	static const struct {
		int status;
		const char *name;
	} names[] = {
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" },
		{ 206, "Partial Content" }, { 301, "Moved Permanently" }, { 302, "Found" }, { 303, "See Other" },
		{ 304, "Not Modified" }, { 307, "Temporary Redirect" }, { 308, "Permanent Redirect" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 406, "Not Acceptable" }, { 408, "Request Timeout" },
		{ 409, "Conflict" }, { 410, "Gone" }, { 411, "Length Required" }, { 412, "Precondition Failed" },
		{ 413, "Content Too Large" }, { 415, "Unsupported Media Type" }, { 416, "Range Not Satisfiable" },
		{ 422, "Unprocessable Content" }, { 429, "Too Many Requests" }, { 500, "Internal Server Error" },
		{ 501, "Not Implemented" }, { 502, "Bad Gateway" }, { 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" }, { 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].status == status)
			return names[i].name;
	return "";
}

static void add_clean(struct buf *out, const char *s)
{
	for (; *s && out->len < WORDS_MAX; s++)
		buf_addc(out, (unsigned char)*s < ' ' || *s == 0x7f ? ' ' : *s);
}

void client_error_words(const void *p, size_t n, struct buf *out)
{
	json_t *j = n <= HTTP_ERROR_BODY ? json_loadb(p, n, 0, NULL) : NULL;
	json_t *e = json_array_get(json_object_get(j, "errors"), 0);
	const char *code = json_string_value(json_object_get(e, "code"));
	const char *message = json_string_value(json_object_get(e, "message"));

	if (code)
		add_clean(out, code);
	if (code && message)
		buf_addz(out, ": ");
	if (message)
		add_clean(out, message);
	json_decref(j);
}

int client_refused(const struct client *c, const struct call *call, const struct http_resp *resp, struct err *err)
{
	CLEAN_BUF struct buf words = BUF_INIT;
	const char *name = client_status_name(resp->status);

	client_error_words(resp->body.ptr, resp->body.len, &words);
	err_set(err, resp->status == 404 ? ERR_NOTFOUND : ERR_NET, "%s: %s: the registry answered %d%s%s%s%s", c->shown,
		call->what, resp->status, *name ? " " : "", name, words.len ? ": " : "", words.ptr);
	if (resp->status == 401 || resp->status == 403)
		err_hint(err, "this user may not do that; another one can: slsc login %s", c->host);
	if (resp->status == 413)
		err_hint(err, "the registry, or a proxy before it, takes no blobs of that size");
	return -1;
}

bool client_is_transient(int status)
{
	return status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

/* RFC 9110, 5.6.7: of the three forms of a date that there are, the one that must be sent. */
static int64_t http_date(const char *s)
{
	struct tm tm = { 0 };
	const char *end = strptime(s, "%a, %d %b %Y %H:%M:%S GMT", &tm);

	return end && !*end ? (int64_t)timegm(&tm) : -1;
}

int64_t retry_after_ms(const char *value, int64_t now_s)
{
	struct str s = str_from(value);
	uint64_t n;
	int64_t at;

	if (s.len && s.len < 10 && str_parse_u64(s, &n) == 0)
		return (int64_t)n * 1000;
	at = http_date(value);
	if (at < 0)
		return -1;
	return at > now_s ? (at - now_s) * 1000 : 0;
}

int64_t range_end(const char *value)
{
	struct str s = str_from(value), last;
	uint64_t from, to;

	if (starts_with(value, "bytes="))
		s = str_from(value + 6);
	last = str_cut(&s, '-');
	if (str_parse_u64(s, &from) < 0 || from != 0 || str_parse_u64(last, &to) < 0 || to >= INT64_MAX)
		return -1;
	return (int64_t)to + 1;
}
