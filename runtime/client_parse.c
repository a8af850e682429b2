/* SPDX-License-Identifier: Apache-2.0 */
/* What the client reads: the URLs it is given, and the answers of servers, which may be hostile. */
#include "client.h"

#include <string.h>

RT_FOR_SIZE_BEGIN

#define HEAD_FIRST 4096u
#define INTERIM_MAX 8u

static bool is_host_char(char c)
{
	return slsc_rt_is_digit(c) || (slsc_rt_lower(c) >= 'a' && slsc_rt_lower(c) <= 'z') || c == '-' || c == '.' ||
	       c == '_';
}

int slsc_rt_url_parse(const char *text, struct slsc_rt_url *u)
{
	const char *p, *port = NULL, *end;
	union slsc_rt_addr addr;
	uint64_t n = 80;
	size_t len = 0;

	if (!text)
		return SLSC_CALL_INVALID;
	/* Whatever is not printable ASCII could end the request line early. */
	while (text[len]) {
		if ((unsigned char)text[len] <= ' ' || (unsigned char)text[len] >= 0x7f || ++len > SLSC_CALL_URL_MAX)
			return SLSC_CALL_INVALID;
	}
	if (len >= 8 && slsc_rt_ieq((struct slsc_str){text, 8}, "https://"))
		return SLSC_CALL_HTTPS;
	if (len < 7 || !slsc_rt_ieq((struct slsc_str){text, 7}, "http://"))
		return SLSC_CALL_INVALID;
	p = text + 7;
	u->authority.ptr = p;
	if (*p == '[') {
		u->host.ptr = ++p;
		while (slsc_rt_hex(*p) >= 0 || *p == ':' || *p == '.')
			p++;
		u->host.len = (size_t)(p - u->host.ptr);
		if (*p++ != ']' || !slsc_rt_addr_literal(u->host, &addr) || addr.any.sa_family != AF_INET6)
			return SLSC_CALL_INVALID;
	} else {
		u->host.ptr = p;
		while (is_host_char(*p))
			p++;
		u->host.len = (size_t)(p - u->host.ptr);
	}
	if (*p == ':') {
		port = ++p;
		while (slsc_rt_is_digit(*p))
			p++;
		if (slsc_rt_u64((struct slsc_str){port, (size_t)(p - port)}, &n) || n < 1 || n > 65535)
			return SLSC_CALL_INVALID;
	}
	u->authority.len = (size_t)(p - u->authority.ptr);
	/* A '@' of a user name ends up here, too. */
	if (!u->host.len || u->host.len >= RESOLVE_NAME || (*p && *p != '/' && *p != '?' && *p != '#'))
		return SLSC_CALL_INVALID;
	end = strchr(p, '#');
	u->target = (struct slsc_str){p, end ? (size_t)(end - p) : strlen(p)};
	u->port = (uint16_t)n;
	return 0;
}

static char *grow(struct slsc_rt_incoming *in, size_t cap)
{
	char *p = slsc_alloc(in->ctx, cap);

	if (!p)
		return NULL;
	if (in->len)
		memcpy(p, in->buf, in->len);
	in->buf = p;
	in->cap = cap;
	return p;
}

char *slsc_rt_incoming_room(struct slsc_rt_incoming *in, size_t *room, int *error)
{
	size_t most = in->head_len ? in->head_len + in->body_max + 1 : SLSC_CALL_HEAD_MAX;

	if (in->framing.has_length)
		most = in->head_len + (size_t)in->framing.length;
	else if (in->framing.chunked)
		most += 4096; /* room for what encloses the last chunk */
	if (in->len == in->cap) {
		size_t cap = in->cap ? in->cap * 2 : HEAD_FIRST;

		/* A length that is known is had at once. */
		if (cap > most || in->framing.has_length)
			cap = most;
		if (cap <= in->len) {
			*error = SLSC_CALL_LIMIT;
			return NULL;
		}
		if (!grow(in, cap)) {
			*error = SLSC_CALL_MEMORY;
			return NULL;
		}
	}
	*room = in->cap - in->len;
	return in->buf + in->len;
}

/* The head is whole: status line and framing. Returns 0 or an error. */
static int read_head(struct slsc_rt_incoming *in)
{
	const char *head = in->buf, *end = head + in->head_len, *p = memchr(head, '\n', in->head_len);
	struct slsc_field f;
	uint64_t status;
	int rc;

	/* HTTP/1.x NNN, then a blank and any reason, or neither (as some servers have it). */
	if (!p || p - head < 13 || memcmp(head, "HTTP/1.", 7) != 0 || head[8] != ' ' ||
	    (head[7] != '0' && head[7] != '1') || (head[12] != ' ' && head[12] != '\r') ||
	    slsc_rt_u64((struct slsc_str){head + 9, 3}, &status) || status < 100 || status == 101)
		return SLSC_CALL_PROTOCOL;
	in->status = (int)status;
	memset(&in->framing, 0, sizeof(in->framing));
	p++;
	while ((rc = slsc_rt_field_next(&p, end, &f)) > 0) {
		if (slsc_rt_framing_field(&in->framing, &f))
			return SLSC_CALL_PROTOCOL;
	}
	if (rc < 0 || (head[7] == '0' && in->framing.chunked))
		return SLSC_CALL_PROTOCOL;
	in->close = in->framing.close || (head[7] == '0' && !in->framing.keep_alive);
	return 0;
}

/* @n bytes of body lie at the end of what is final. */
static int feed_body(struct slsc_rt_incoming *in, size_t n)
{
	size_t used = n;
	int rc = 0;

	if (in->framing.chunked) {
		rc = slsc_rt_chunked_step(&in->chunked, in->buf + in->head_len, &in->body_len, in->body_max,
					  in->buf + in->len, n, &used);
		if (rc < 0)
			return rc == -413 ? SLSC_CALL_LIMIT : SLSC_CALL_PROTOCOL;
	} else if (in->until_end) {
		in->body_len += n;
		if (in->body_len > in->body_max)
			return SLSC_CALL_LIMIT;
	} else {
		size_t left = (size_t)in->framing.length - in->body_len;

		used = n < left ? n : left;
		in->body_len += used;
		rc = in->body_len == in->framing.length;
	}
	in->len = in->head_len + in->body_len;
	/* Bytes that nobody asked for: no telling what they answer. */
	if (rc && used < n)
		in->close = true;
	return rc;
}

int slsc_rt_incoming_feed(struct slsc_rt_incoming *in, size_t n)
{
	ssize_t head;
	size_t more;
	int rc;

	if (in->head_len)
		return feed_body(in, n);
	in->len += n;
	for (;;) {
		head = slsc_rt_head_end(in->buf, in->len, &in->scan);
		if (head < 0)
			return SLSC_CALL_PROTOCOL;
		if (!head)
			return 0;
		in->head_len = (size_t)head;
		rc = read_head(in);
		if (rc)
			return rc;
		if (in->status >= 200)
			break;
		/* An interim answer: the real one follows. */
		if (++in->interim > INTERIM_MAX)
			return SLSC_CALL_PROTOCOL;
		in->len -= in->head_len;
		memmove(in->buf, in->buf + in->head_len, in->len);
		in->head_len = 0;
		in->scan = 0;
	}
	if (in->no_body || in->status == 204 || in->status == 304) {
		/* Whatever its fields say (RFC 9112, 6.3). */
		in->framing = (struct slsc_rt_framing){.has_length = true};
	} else if (!in->framing.has_length && !in->framing.chunked) {
		in->until_end = true;
		in->close = true;
	}
	if (in->framing.has_length && in->framing.length > in->body_max)
		return SLSC_CALL_LIMIT;
	more = in->len - in->head_len;
	in->len = in->head_len;
	return feed_body(in, more);
}

int slsc_rt_incoming_end(struct slsc_rt_incoming *in)
{
	in->close = true;
	return in->until_end ? 1 : SLSC_CALL_CLOSED;
}

int slsc_rt_incoming_answer(struct slsc_rt_incoming *in, struct slsc_answer *answer)
{
	const char *end = in->buf + in->head_len, *start = memchr(in->buf, '\n', in->head_len), *p = start + 1;
	struct slsc_field *fields, f;
	size_t count = 0;

	while (slsc_rt_field_next(&p, end, &f) > 0)
		count++;
	if (count > SLSC_HTTP_FIELDS_MAX)
		return SLSC_CALL_LIMIT;
	fields = slsc_alloc(in->ctx, count * sizeof(*fields));
	if (!fields)
		return SLSC_CALL_MEMORY;
	p = start + 1;
	for (size_t i = 0; i < count; i++)
		(void)slsc_rt_field_next(&p, end, &fields[i]);
	answer->status = in->status;
	answer->fields = fields;
	answer->field_count = count;
	answer->body = (struct slsc_str){end, in->body_len};
	return 0;
}

struct slsc_str slsc_answer_field(const struct slsc_answer *answer, const char *name)
{
	for (size_t i = 0; i < answer->field_count; i++) {
		struct slsc_str n = answer->fields[i].name;
		size_t j = 0;

		while (j < n.len && name[j] && slsc_rt_lower(n.ptr[j]) == slsc_rt_lower(name[j]))
			j++;
		if (j == n.len && !name[j])
			return answer->fields[i].value;
	}
	return (struct slsc_str){NULL, 0};
}

const char *slsc_call_error(int error)
{
	static const char text[][52] = {
		"no error",
		"the call's URL, method or a field is invalid",
		"https:// needs a TLS library",
		"the host's name was not found",
		"cannot connect",
		"timed out",
		"the connection was closed early",
		"the answer is not valid HTTP/1.1",
		"the answer is larger than allowed",
		"out of memory or descriptors",
		"the status says to try later",
		"the circuit breaker is open",
	};

	return error <= 0 && error >= SLSC_CALL_OPEN ? text[-error] : "failed";
}

RT_FOR_SIZE_END
