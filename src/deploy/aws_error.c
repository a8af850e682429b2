/* SPDX-License-Identifier: Apache-2.0 */
/* What AWS's services say when they refuse, and the times in their words. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "deploy/aws.h"

#define CODE_MAX    128u
#define MESSAGE_MAX 600u

/* The five that XML has, and a character by its number below 128: codes and messages are ASCII. */
static size_t entity(struct str s, char *c)
{
	static const struct {
		const char *name;
		char c;
	} all[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' }, { "&apos;", '\'' } };
	unsigned n = 0;
	size_t i = 2;

	for (size_t k = 0; k < ARRAY_LEN(all); k++)
		if (str_starts(s, all[k].name)) {
			*c = all[k].c;
			return strlen(all[k].name);
		}
	if (!str_starts(s, "&#"))
		return 0;
	for (; i < s.len && i < 6 && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++)
		n = n * 10 + (unsigned)(s.ptr[i] - '0');
	if (i == 2 || i >= s.len || s.ptr[i] != ';' || n < 1 || n > 127)
		return 0;
	*c = (char)n;
	return i + 1;
}

bool xml_text(struct str xml, const char *name, struct buf *out)
{
	CLEAN_FREE char *open = xasprintf("<%s>", name);
	const char *begin = xml.len ? memmem(xml.ptr, xml.len, open, strlen(open)) : NULL;
	struct str s;
	const char *end;

	if (!begin)
		return false;
	begin += strlen(open);
	s = (struct str){ begin, xml.len - (size_t)(begin - xml.ptr) };
	end = s.len ? memchr(s.ptr, '<', s.len) : NULL;
	/* no element within */
	if (!end || end + 1 >= s.ptr + s.len || end[1] != '/')
		return false;
	s.len = (size_t)(end - s.ptr);
	while (s.len) {
		char c = *s.ptr;
		size_t n = c == '&' ? entity(s, &c) : 0;

		buf_addc(out, c);
		s.ptr += n ? n : 1;
		s.len -= n ? n : 1;
	}
	return true;
}

/* One line of it, printable, bounded. After a refused signature's first line comes what was signed, with the token. */
static void add_line(struct buf *out, struct str s, size_t max)
{
	s = str_trim(s);
	for (size_t i = 0; i < s.len && i < max && s.ptr[i] != '\n' && s.ptr[i] != '\r'; i++)
		buf_addc(out, (char)((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f ? '?' : s.ptr[i]));
}

static const char *string_of(const json_t *j, const char *a, const char *b)
{
	const char *s = json_string_value(json_object_get(j, a));

	return s ? s : json_string_value(json_object_get(j, b));
}

/* "Name:http://...", "com.amazonaws.lambda#Name" */
static void add_code(struct buf *out, const char *s)
{
	const char *hash = strchr(s, '#');

	s = hash ? hash + 1 : s;
	add_line(out, (struct str){ s, strcspn(s, ":;, ") }, CODE_MAX);
}

/* @said: as it comes, of any length. */
static void read_error(const struct http_resp *resp, struct buf *code, struct buf *said)
{
	const char *type = http_resp_header(resp, "x-amzn-ErrorType");
	const struct str body = buf_str(&resp->body), lead = str_trim(body);

	if (lead.len && *lead.ptr == '<') {
		CLEAN_BUF struct buf c = BUF_INIT;

		if (xml_text(body, "Code", &c))
			add_code(code, c.ptr);
		(void)xml_text(body, "Message", said);
	} else {
		json_t *j = json_loadb(body.ptr, body.len, 0, NULL);
		const char *in_body = string_of(j, "__type", "code"), *words = string_of(j, "message", "Message");

		if (!in_body)
			in_body = json_string_value(json_object_get(json_object_get(j, "Error"), "Code"));
		if (!words)
			words = string_of(json_object_get(j, "Error"), "Message", "message");
		if (*type || in_body)
			add_code(code, *type ? type : in_body);
		if (words)
			buf_addz(said, words);
		json_decref(j);
	}
	if (!code->len && *type)
		add_code(code, type);
}

void aws_error(const struct http_resp *resp, struct buf *code, struct buf *message)
{
	CLEAN_BUF struct buf said = BUF_INIT;

	read_error(resp, code, &said);
	add_line(message, buf_str(&said), MESSAGE_MAX);
}

bool aws_error_is(const struct http_resp *resp, const char *codes)
{
	CLEAN_BUF struct buf code = BUF_INIT, message = BUF_INIT;
	struct str rest = str_from(codes);

	aws_error(resp, &code, &message);
	while (rest.len) {
		struct str one = rest;

		rest = str_cut(&one, '|');
		if (str_eq(one, buf_str(&code)))
			return true;
	}
	return false;
}

#define SECRET_MIN 8u /* of a key, a token */
#define HIDDEN_MIN 4u /* what is shorter says nothing, and would blot out parts of words */

static void blot(struct buf *b, struct str secret, size_t least)
{
	size_t from = 0;
	char *p;

	while (secret.len >= least && (p = memmem(b->ptr + from, b->len - from, secret.ptr, secret.len)) != NULL) {
		memset(p, '*', secret.len);
		from = (size_t)(p - b->ptr) + secret.len;
	}
}

/* Whole, and in the parts between what a service that quotes it would write in another way. */
static void hide(struct buf *b, const char *s)
{
	blot(b, str_from(s), HIDDEN_MIN);
	while (*s) {
		size_t n = strcspn(s, "\"'\\\n\r\t");

		blot(b, (struct str){ s, n }, HIDDEN_MIN);
		s += n + (s[n] != '\0');
	}
}

/* A service may quote what it was sent. Done before the message is cut: a part of a secret would not be found. */
static void scrub(struct buf *b, const struct aws_call *c)
{
	if (!b->len)
		return;
	if (c->creds && c->creds->secret)
		blot(b, str_from(c->creds->secret), SECRET_MIN);
	if (c->creds && c->creds->token)
		blot(b, str_from(c->creds->token), SECRET_MIN);
	for (const char *const *h = c->hide; h && *h; h++)
		hide(b, *h);
}

int aws_refused(const struct aws_call *c, const struct http_resp *resp, struct err *err)
{
	CLEAN_BUF struct buf code = BUF_INIT, said = BUF_INIT, message = BUF_INIT;
	const char *const from = c->creds ? c->creds->from : "";
	const char *const renew = c->creds && c->creds->renew ? c->creds->renew : "get new ones";

	read_error(resp, &code, &said);
	scrub(&said, c);
	add_line(&message, buf_str(&said), MESSAGE_MAX);
	if (c->creds && aws_error_is(resp, "ExpiredTokenException|ExpiredToken|TokenRefreshRequired")) {
		err_set(err, ERR_NET, "%s: the credentials of %s have expired", c->what, from);
		return err_hint(err, "%s", renew);
	}
	if (c->creds && aws_error_is(resp, "UnrecognizedClientException|InvalidClientTokenId|InvalidAccessKeyId")) {
		err_set(err, ERR_NET, "%s: AWS does not know the access key of %s", c->what, from);
		return err_hint(err, "was it deleted, or is it of another partition? %s", renew);
	}
	if (c->creds && aws_error_is(resp, "InvalidSignatureException|SignatureDoesNotMatch")) {
		/* "Signature expired: ...": a clock that is off, and the server's was no help */
		const bool clock = starts_with(message.ptr, "Signature ");

		err_set(err, ERR_NET, "%s: AWS does not take the signature (%d %s)%s%s", c->what, resp->status,
			code.ptr, clock ? ": " : "", clock ? message.ptr : "");
		return err_hint(err,
				clock ? "set this machine's clock%.0s"
				      : "is the secret access key of %s whole, and is it that of the access key?",
				from);
	}
	err_set(err, resp->status == 404 ? ERR_NOTFOUND : ERR_NET, "%s: %d%s%s%s%s", c->what, resp->status,
		code.len ? " " : "", code.ptr, message.len ? ": " : "", message.ptr);
	if (c->creds && aws_error_is(resp, "RequestTimeTooSkewed|RequestExpired|RequestInTheFuture"))
		return err_hint(err, "set this machine's clock");
	if (c->creds && (resp->status == 403 || aws_error_is(resp, "AccessDenied|AccessDeniedException")))
		return err_hint(err, "these are the rights of %s: ask for the one that is missing", from);
	if (resp->status / 100 == 3)
		return err_hint(err, "redirects are not followed: is the endpoint right?");
	if (resp->status == 429 || resp->status >= 500)
		return err_hint(err, "the service is busy or out of order: try again later");
	return -1;
}

int aws_time(const char *s, int64_t *at)
{
	struct tm tm = { 0 };
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);

	if (!end)
		return -1;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (*end && strcmp(end, "Z") != 0 && strcmp(end, "UTC") != 0 && strcmp(end, "+00:00") != 0 &&
	    strcmp(end, "+0000") != 0)
		return -1;
	*at = (int64_t)timegm(&tm);
	return 0;
}
