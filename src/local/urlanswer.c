/* SPDX-License-Identifier: Apache-2.0 */
/* The other half of urlevent.h: what a function answers, as an answer of HTTP. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/vec.h"
#include "local/urlevent.h"

#define NULS 8u
#define JSON_FLAGS (JSON_DECODE_ANY | JSON_ALLOW_NUL)

struct headers {
	VEC(struct urlevent_header) v;
	size_t bytes;
	bool type;		/* a Content-Type is among them */
};

void urlevent_answer_release(struct urlevent_answer *a)
{
	free(a->headers);
	arena_release(&a->arena);
	buf_release(&a->own);
	json_decref(a->json);
	*a = (struct urlevent_answer)URLEVENT_ANSWER_INIT;
}

static int bad(struct err *err, const char *what)
{
	return err_set(err, ERR_FORMAT, "the function's answer: %s", what);
}

/* ---- headers ---- */

static bool is_token(struct str s)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || (c && strchr(marks, c))))
			return false;
	}
	return s.len > 0;
}

static bool is_value(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.ptr[i] < ' ' && s.ptr[i] != '\t') || s.ptr[i] == 0x7f)
			return false;
	return true;
}

/* The server's own affair, whatever a function says. */
static bool is_servers(const char *name)
{
	static const char *const names[] = { "connection", "content-length", "keep-alive", "proxy-connection", "te",
					     "trailer",	   "transfer-encoding", "upgrade" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

/* @name, @value: NUL-terminated, and they stay. */
static int add_header(struct headers *h, struct str name, struct str value, struct err *err)
{
	if (!is_token(name) || !is_value(value))
		return err_set(err, ERR_FORMAT, "the function's answer: header '%.200s' cannot be sent", name.ptr);
	h->bytes += name.len + value.len;
	if (h->v.len == URLEVENT_HEADERS_MAX || h->bytes > URLEVENT_HEADER_BYTES)
		return err_set(err, ERR_LIMIT, "limit exceeded: the function's answer has more than %u headers, or "
			       "more than %u bytes of them", URLEVENT_HEADERS_MAX, URLEVENT_HEADER_BYTES);
	if (is_servers(name.ptr))
		return 0;
	h->type = h->type || strcasecmp(name.ptr, "content-type") == 0;
	VEC_PUSH(&h->v, ((struct urlevent_header){ name.ptr, value.ptr }));
	return 0;
}

static struct str string_of(const json_t *j)
{
	return (struct str){ json_string_value(j), json_string_length(j) };
}

/* A header's value may be a number or a boolean, too: Lambda takes them as text. */
static int text_of(struct arena *a, const json_t *j, struct str *out)
{
	const char *s;

	if (json_is_string(j)) {
		*out = string_of(j);
		return 0;
	}
	if (json_is_boolean(j))
		s = json_is_true(j) ? "true" : "false";
	else if (json_is_integer(j))
		s = arena_printf(a, "%lld", (long long)json_integer_value(j));
	else if (json_is_real(j))
		s = arena_printf(a, "%.15g", json_real_value(j));
	else
		return -1;
	*out = str_from(s);
	return 0;
}

static int read_headers(struct urlevent_answer *a, struct headers *h, const json_t *root, struct err *err)
{
	json_t *all = json_object_get(root, "headers"), *j;
	const char *name;

	if (all && !json_is_null(all) && !json_is_object(all))
		return bad(err, "headers is no object");
	json_object_foreach(all, name, j) {
		struct str value;

		if (json_is_null(j))
			continue;
		if (text_of(&a->arena, j, &value) < 0)
			return err_set(err, ERR_FORMAT, "the function's answer: header '%.200s' is no string", name);
		if (add_header(h, str_from(name), value, err) < 0)
			return -1;
	}
	return 0;
}

static int read_cookies(struct headers *h, const json_t *root, struct err *err)
{
	json_t *all = json_object_get(root, "cookies"), *j;
	size_t i;

	if (all && !json_is_null(all) && !json_is_array(all))
		return bad(err, "cookies is no array");
	json_array_foreach(all, i, j) {
		if (!json_is_string(j))
			return bad(err, "cookies holds what is no string");
		if (add_header(h, STR("Set-Cookie"), string_of(j), err) < 0)
			return -1;
	}
	return 0;
}

/* ---- status and body ---- */

static int read_status(struct urlevent_answer *a, const json_t *root, struct err *err)
{
	const json_t *j = json_object_get(root, "statusCode");
	double v = json_number_value(j);
	uint64_t n = v >= 0 && v < 1000 ? (uint64_t)v : 0;

	if (!j) {
		a->status = 200;
		return 0;
	}
	if (json_is_string(j) && str_parse_u64(string_of(j), &n) < 0)
		n = 0;
	if ((!json_is_string(j) && (double)n != v) || n < 200 || n > 599)
		return bad(err, "statusCode is no number from 200 to 599");
	a->status = (unsigned)n;
	return 0;
}

static int read_body(struct urlevent_answer *a, const json_t *root, struct err *err)
{
	const json_t *body = json_object_get(root, "body"), *flag = json_object_get(root, "isBase64Encoded");

	if (flag && !json_is_null(flag) && !json_is_boolean(flag))
		return bad(err, "isBase64Encoded is no boolean");
	if (!body || json_is_null(body))
		return 0;
	if (!json_is_string(body)) {
		char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);

		if (!text)
			BUG("jansson: out of memory");
		buf_addz(&a->own, text);
		free(text);
	} else if (!json_is_true(flag)) {
		a->body = string_of(body);
		return 0;
	} else if (base64_decode(string_of(body), &a->own) < 0) {
		return bad(err, "isBase64Encoded is true, and body is no base64");
	}
	a->body = buf_str(&a->own);
	return 0;
}

/* ---- the whole ---- */

static json_t *parse(struct str text, struct err *err)
{
	json_error_t why;
	const char *p = text.ptr ? text.ptr : "";
	json_t *root = json_loadb(p, text.len, JSON_FLAGS, &why);

	/* an integer of more than 64 bits is JSON all the same */
	if (!root && json_error_code(&why) == json_error_numeric_overflow)
		root = json_loadb(p, text.len, JSON_FLAGS | JSON_DECODE_INT_AS_REAL, &why);
	if (!root)
		err_set(err, ERR_FORMAT, "the function's answer: line %d, column %d: it is no JSON: %s", why.line,
			why.column, why.text);
	return root;
}

static void take_headers(struct urlevent_answer *a, struct headers *h, const char *type)
{
	if (!h->type) {
		VEC_PUSH(&h->v, ((struct urlevent_header){ "Content-Type", type }));
		/* Set-Cookie stay the last ones */
		memmove(h->v.ptr + 1, h->v.ptr, (h->v.len - 1) * sizeof(*h->v.ptr));
		h->v.ptr[0] = (struct urlevent_header){ "Content-Type", type };
	}
	a->headers = h->v.ptr;
	a->nheaders = h->v.len;
}

static int read_head(struct urlevent_answer *a, const char *type, struct err *err)
{
	struct headers h = { .bytes = 0 };

	if (read_status(a, a->json, err) < 0 || read_headers(a, &h, a->json, err) < 0 ||
	    read_cookies(&h, a->json, err) < 0) {
		VEC_FREE(&h.v);
		return -1;
	}
	take_headers(a, &h, type);
	return 0;
}

void urlevent_bad_gateway(struct urlevent_answer *a)
{
	struct headers h = { .bytes = 0 };

	urlevent_answer_release(a);
	take_headers(a, &h, "text/plain");
	a->status = 502;
	a->body = STR("Internal Server Error");
}

static int refuse(struct urlevent_answer *a)
{
	urlevent_bad_gateway(a);
	return -1;
}

int urlevent_answer(struct urlevent_answer *a, struct str payload, struct err *err)
{
	struct headers none = { .bytes = 0 };

	a->json = parse(payload, err);
	if (!a->json)
		return refuse(a);
	if (json_object_get(a->json, "statusCode")) {
		if (read_head(a, "application/json", err) < 0 || read_body(a, a->json, err) < 0)
			return refuse(a);
		return 0;
	}
	a->status = 200;
	a->body = json_is_string((json_t *)a->json) ? string_of(a->json) : payload;
	take_headers(a, &none, "application/json");
	return 0;
}

/* ---- streamed ---- */

void urlevent_prelude_release(struct urlevent_prelude *p)
{
	buf_release(&p->text);
	*p = (struct urlevent_prelude)URLEVENT_PRELUDE_INIT;
}

int urlevent_prelude_feed(struct urlevent_prelude *p, const void *data, size_t n, size_t *used,
			  struct urlevent_answer *a, struct err *err)
{
	const char *in = data, *nul = p->nuls || !n ? in : memchr(in, '\0', n);
	size_t text = p->nuls ? 0 : nul ? (size_t)(nul - in) : n;

	*used = n;
	if (!p->nuls && text > URLEVENT_PRELUDE_MAX - p->text.len) {
		err_set(err, ERR_LIMIT, "limit exceeded: the function's answer: more than %u bytes before its body",
			URLEVENT_PRELUDE_MAX);
		return refuse(a);
	}
	buf_add(&p->text, in, text);
	for (; text < n && p->nuls < NULS; text++, p->nuls++) {
		if (in[text] != '\0') {
			bad(err, "less than eight NUL bytes before its body");
			return refuse(a);
		}
	}
	if (p->nuls < NULS)
		return 0;
	a->json = parse(buf_str(&p->text), err);
	if (!a->json)
		return refuse(a);
	if (!json_is_object((json_t *)a->json)) {
		bad(err, "what is before its body is no JSON object");
		return refuse(a);
	}
	if (read_head(a, "application/octet-stream", err) < 0)
		return refuse(a);
	*used = text;
	return 1;
}
