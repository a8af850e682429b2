/* SPDX-License-Identifier: Apache-2.0 */
#include "local/urlevent.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/vec.h"

/* Names and values that are sorted, so that those of one name are side by side however many there are. */
struct field {
	struct str name, value;
	size_t place;		/* as it came */
};
struct fields {
	VEC(struct field) v;
	struct buf text;	/* of names and values that are not as they were sent; it does not move */
};

static void add_field(struct fields *f, struct str name, struct str value)
{
	VEC_PUSH(&f->v, ((struct field){ name, value, f->v.len }));
}

static int compare(const void *x, const void *y)
{
	const struct field *a = x, *b = y;
	size_t n = a->name.len < b->name.len ? a->name.len : b->name.len;
	int c = n ? memcmp(a->name.ptr, b->name.ptr, n) : 0;

	if (c)
		return c;
	if (a->name.len != b->name.len)
		return a->name.len < b->name.len ? -1 : 1;
	return a->place < b->place ? -1 : 1;
}

/* {"name":"value,value",...} */
static void add_object(struct buf *out, struct fields *f)
{
	CLEAN_BUF struct buf joined = BUF_INIT;

	if (f->v.len > 1)
		qsort(f->v.ptr, f->v.len, sizeof(*f->v.ptr), compare);
	buf_addc(out, '{');
	for (size_t i = 0, end; i < f->v.len; i = end) {
		struct str value = f->v.ptr[i].value;

		for (end = i + 1; end < f->v.len && str_eq(f->v.ptr[i].name, f->v.ptr[end].name); end++) {
			if (end == i + 1) {
				buf_reset(&joined);
				buf_adds(&joined, value);
			}
			buf_addc(&joined, ',');
			buf_adds(&joined, f->v.ptr[end].value);
		}
		if (end > i + 1)
			value = buf_str(&joined);
		if (i)
			buf_addc(out, ',');
		buf_add_json(out, f->v.ptr[i].name);
		buf_addc(out, ':');
		buf_add_json(out, value);
	}
	buf_addc(out, '}');
}

static void fields_release(struct fields *f)
{
	VEC_FREE(&f->v);
	buf_release(&f->text);
}

static void add_member(struct buf *out, const char *head, struct str s)
{
	buf_addz(out, head);
	buf_add_json(out, s);
}

/* ---- headers ---- */

static bool is_name(struct str s, const char *name)
{
	return s.len == strlen(name) && strncasecmp(s.ptr, name, s.len) == 0;
}

/* Those of one connection (RFC 9110, 7.6.1), which end where it does. */
static bool of_a_hop(struct str name)
{
	static const char *const names[] = { "connection", "keep-alive", "proxy-connection", "te", "trailer",
					     "transfer-encoding", "upgrade" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (is_name(name, names[i]))
			return true;
	return false;
}

/* What the platform says itself. */
struct own {
	const char *name;
	struct str value;
};

static bool replaced(const struct own *own, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (own[i].value.len && is_name(name, own[i].name))
			return true;
	return false;
}

/* RFC 6265, 5.4: cookies are separated by "; ". */
static void add_cookies(struct buf *out, struct str value, bool *any)
{
	while (value.len) {
		struct str rest = str_cut(&value, ';'), cookie = str_trim(value);

		if (cookie.len) {
			buf_addz(out, *any ? "," : ",\"cookies\":[");
			buf_add_json(out, cookie);
			*any = true;
		}
		value = rest;
	}
}

static void add_headers(struct buf *out, const struct urlevent_request *r)
{
	const struct own own[] = {
		{ "x-amzn-trace-id", r->trace_id },
		{ "x-forwarded-for", r->source_ip },
		{ "x-forwarded-port", r->port },
		{ "x-forwarded-proto", r->proto },
	};
	CLEANUP(fields_release) struct fields f = { .text = BUF_INIT };
	size_t room = 0;
	bool cookies = false;

	for (size_t i = 0; i < r->nheaders; i++)
		room += strlen(r->headers[i].name);
	buf_reserve(&f.text, room);
	for (size_t i = 0; i < r->nheaders; i++) {
		struct str name = str_from(r->headers[i].name), value = str_from(r->headers[i].value);
		char *lower = f.text.ptr + f.text.len;

		if (is_name(name, "cookie")) {
			add_cookies(out, value, &cookies);
			continue;
		}
		if (of_a_hop(name) || replaced(own, ARRAY_LEN(own), name))
			continue;
		buf_adds(&f.text, name);
		for (size_t k = 0; k < name.len; k++)
			lower[k] = (char)(lower[k] >= 'A' && lower[k] <= 'Z' ? lower[k] + 32 : lower[k]);
		add_field(&f, (struct str){ lower, name.len }, value);
	}
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (own[i].value.len)
			add_field(&f, str_from(own[i].name), own[i].value);
	buf_addz(out, cookies ? "],\"headers\":" : ",\"headers\":");
	add_object(out, &f);
}

static struct str header(const struct urlevent_request *r, const char *name)
{
	for (size_t i = 0; i < r->nheaders; i++)
		if (strcasecmp(r->headers[i].name, name) == 0)
			return str_from(r->headers[i].value);
	return STR("");
}

/* ---- the query ---- */

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* As forms are encoded; a '%' without two digits stands for itself. */
static struct str decoded(struct buf *text, struct str s)
{
	struct str d = { text->ptr + text->len, 0 };

	if (!memchr(s.ptr, '%', s.len) && !memchr(s.ptr, '+', s.len))
		return s;
	for (size_t i = 0; i < s.len; i++) {
		int high = s.ptr[i] == '%' && i + 2 < s.len ? hex(s.ptr[i + 1]) : -1;
		int low = high < 0 ? -1 : hex(s.ptr[i + 2]);

		if (low >= 0) {
			buf_addc(text, (char)(high << 4 | low));
			i += 2;
		} else {
			buf_addc(text, (char)(s.ptr[i] == '+' ? ' ' : s.ptr[i]));
		}
	}
	d.len = (size_t)(text->ptr + text->len - d.ptr);
	return d;
}

static void add_query(struct buf *out, struct str query)
{
	CLEANUP(fields_release) struct fields f = { .text = BUF_INIT };

	buf_reserve(&f.text, query.len);
	while (query.len) {
		struct str rest = str_cut(&query, '&'), value;

		if (query.len) {
			value = str_cut(&query, '=');
			query = decoded(&f.text, query);
			add_field(&f, query, value.len ? decoded(&f.text, value) : STR(""));
		}
		query = rest;
	}
	if (f.v.len) {
		buf_addz(out, ",\"queryStringParameters\":");
		add_object(out, &f);
	}
}

/* ---- the body ---- */

static bool contains(struct str s, const char *part)
{
	size_t n = strlen(part);

	for (size_t i = 0; i + n <= s.len; i++)
		if (strncasecmp(s.ptr + i, part, n) == 0)
			return true;
	return false;
}

static bool is_text(struct str type)
{
	str_cut(&type, ';');
	return contains(type, "text/") || contains(type, "json") || contains(type, "xml") ||
	       contains(type, "javascript");
}

static void add_body(struct buf *out, const struct urlevent_request *r)
{
	if (!r->body.len) {
		buf_addz(out, ",\"isBase64Encoded\":false}");
	} else if (is_text(header(r, "content-type")) && str_is_utf8(r->body)) {
		add_member(out, ",\"body\":", r->body);
		buf_addz(out, ",\"isBase64Encoded\":false}");
	} else {
		buf_addz(out, ",\"body\":\"");
		buf_add_base64(out, r->body.ptr, r->body.len);
		buf_addz(out, "\",\"isBase64Encoded\":true}");
	}
}

/* ---- the event ---- */

static void add_context(struct buf *out, const struct urlevent_request *r)
{
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t seconds = (time_t)(r->time_ns / 1000000000u);
	struct tm t;

	gmtime_r(&seconds, &t);
	add_member(out, ",\"requestContext\":{\"accountId\":\"anonymous\",\"apiId\":", r->id);
	add_member(out, ",\"domainName\":", r->domain);
	add_member(out, ",\"domainPrefix\":", r->id);
	add_member(out, ",\"http\":{\"method\":", r->method);
	add_member(out, ",\"path\":", r->path);
	add_member(out, ",\"protocol\":\"HTTP/1.1\",\"sourceIp\":", r->source_ip);
	add_member(out, ",\"userAgent\":", header(r, "user-agent"));
	add_member(out, "},\"requestId\":", r->request_id);
	buf_addf(out, ",\"routeKey\":\"$default\",\"stage\":\"$default\","
		      "\"time\":\"%02d/%s/%04d:%02d:%02d:%02d +0000\",\"timeEpoch\":%llu}",
		 t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec,
		 (unsigned long long)(r->time_ns / 1000000u));
}

void urlevent_add(struct buf *out, const struct urlevent_request *r)
{
	buf_reserve(out, 1024 + r->path.len * 2 + r->query.len * 2 + r->body.len);
	add_member(out, "{\"version\":\"2.0\",\"routeKey\":\"$default\",\"rawPath\":", r->path);
	add_member(out, ",\"rawQueryString\":", r->query);
	add_headers(out, r);
	add_query(out, r->query);
	add_context(out, r);
	add_body(out, r);
}
