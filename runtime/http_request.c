/* SPDX-License-Identifier: Apache-2.0 */
/* A request: its head taken apart, and what a handler asks it for. */
#include "http.h"

#include <string.h>

/* Split the target into path and query. Returns 0 or a status. */
static int parse_target(struct slsc_str target, struct slsc_request *r)
{
	const char *p = target.ptr, *end = target.ptr + target.len, *mark;

	for (const char *c = p; c < end; c++) {
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || *c == '#')
			return 400;
	}
	if (slsc_str_eq(r->method, "CONNECT"))
		return 501;
	if (target.len > 7 && slsc_rt_ieq((struct slsc_str){p, 7}, "http://")) {
		/* The absolute form, which a proxy sends: what counts is the path. */
		p += 7;
		if (p == end || *p == '/' || *p == '?')
			return 400;
		while (p < end && *p != '/' && *p != '?')
			p++;
		if (p == end || *p == '?')
			return 400;
	} else if (*p != '/' &&
		   !(slsc_str_eq(r->method, "OPTIONS") && slsc_str_eq(target, "*"))) {
		return 400;
	}
	mark = memchr(p, '?', (size_t)(end - p));
	r->path = (struct slsc_str){p, (size_t)((mark ? mark : end) - p)};
	r->query = (struct slsc_str){NULL, 0};
	if (mark)
		r->query = (struct slsc_str){mark + 1, (size_t)(end - mark - 1)};
	return 0;
}

void slsc_rt_head_note(struct slsc_rt_head *h, const struct slsc_field *f)
{
	/* By length first: most fields are none of these. */
	switch (f->name.len) {
	case 11:
		if (!h->trace_id.ptr && slsc_rt_ieq(f->name, "traceparent"))
			h->trace_id = f->value;
		break;
	case 12:
		if (!h->request_id.ptr && slsc_rt_ieq(f->name, "x-request-id"))
			h->request_id = f->value;
		break;
	case 15:
		if (slsc_rt_ieq(f->name, "x-amzn-trace-id"))
			h->trace_id = f->value;
		break;
	case 17:
		if (!h->timeout.ptr && slsc_rt_ieq(f->name, "x-request-timeout"))
			h->timeout = f->value;
		break;
	default:
		break;
	}
}

int slsc_rt_request_parse(const char *head, size_t len, struct slsc_request *r,
			  struct slsc_field *fields, struct slsc_rt_head *out)
{
	const char *end = head + len, *nl = memchr(head, '\n', len), *p, *sp, *version;
	unsigned hosts = 0;
	struct slsc_field f;
	int rc;

	memset(out, 0, sizeof(*out));
	r->fields = fields;
	r->field_count = 0;
	r->param_count = 0;
	r->body = (struct slsc_str){NULL, 0};
	/* METHOD SP target SP HTTP/1.x CR LF, and nothing more lenient. */
	if (!nl || nl - head < 2 || nl[-1] != '\r')
		return 400;
	if (nl - head > (ssize_t)LINE_MAX_BYTES)
		return 414;
	p = nl + 1;
	sp = memchr(head, ' ', (size_t)(nl - head));
	if (!sp)
		return 400;
	r->method = (struct slsc_str){head, (size_t)(sp - head)};
	version = memchr(sp + 1, ' ', (size_t)(nl - sp - 1));
	if (!version || version == sp + 1 || !slsc_rt_is_token(r->method))
		return 400;
	if (nl - version != 10 || memcmp(version + 1, "HTTP/", 5) != 0 || version[7] != '.')
		return 400;
	if (version[6] != '1' || (version[8] != '0' && version[8] != '1'))
		return version[6] >= '0' && version[6] <= '9' ? 505 : 400;
	out->http10 = version[8] == '0';
	rc = parse_target((struct slsc_str){sp + 1, (size_t)(version - sp - 1)}, r);
	if (rc)
		return rc;
	while ((rc = slsc_rt_field_next(&p, end, &f)) > 0) {
		if (r->field_count == SLSC_HTTP_FIELDS_MAX)
			return 431;
		fields[r->field_count++] = f;
		if (slsc_rt_framing_field(&out->framing, &f))
			return 400;
		if (f.name.len == 4 && slsc_rt_ieq(f.name, "host"))
			hosts++;
		if (f.name.len == 6 && slsc_rt_ieq(f.name, "expect")) {
			if (!slsc_rt_ieq(f.value, "100-continue"))
				return 417;
			out->expect_continue = !out->http10;
		}
		slsc_rt_head_note(out, &f);
	}
	if (rc < 0 || hosts > 1 || (!hosts && !out->http10) || (out->http10 && out->framing.chunked))
		return 400;
	if (out->http10 && !out->framing.keep_alive)
		out->framing.close = true;
	return 0;
}

int64_t slsc_rt_timeout_parse(struct slsc_str s)
{
	uint64_t whole, ms = 0, unit = 1000, scale = 100;
	size_t i = 0, start;

	while (i < s.len && slsc_rt_is_digit(s.ptr[i]))
		i++;
	/* Nine digits are more than a day in any unit. */
	if (i > 9 || slsc_rt_u64((struct slsc_str){s.ptr, i}, &whole))
		return 0;
	start = i;
	if (i < s.len && s.ptr[i] == '.') {
		for (i++; i < s.len && slsc_rt_is_digit(s.ptr[i]); i++, scale /= 10)
			ms += (uint64_t)(s.ptr[i] - '0') * scale;
		if (i == start + 1)
			return 0;
	}
	s = (struct slsc_str){s.ptr + i, s.len - i};
	if (slsc_str_eq(s, "ms"))
		unit = 1;
	else if (slsc_str_eq(s, "m"))
		unit = 60000;
	else if (s.len && !slsc_str_eq(s, "s"))
		return 0;
	ms = whole * unit + ms * unit / 1000;
	return ms > 86400000 ? 0 : (int64_t)ms;
}

void slsc_rt_deadline_set(struct slsc_ctx *ctx, const struct slsc_rt_head *head)
{
	int64_t ms = head->timeout.ptr ? slsc_rt_timeout_parse(head->timeout) : 0, at;
	struct timespec ts;

	if (slsc_rt_srv.call_ms && (!ms || slsc_rt_srv.call_ms < ms))
		ms = slsc_rt_srv.call_ms;
	if (!ms)
		return;
	clock_gettime(CLOCK_REALTIME, &ts);
	at = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + ms;
	if (!ctx->deadline_ms || at < ctx->deadline_ms)
		ctx->deadline_ms = at;
}

struct slsc_str slsc_request_field(const struct slsc_request *r, const char *name)
{
	for (size_t i = 0; i < r->field_count; i++) {
		struct slsc_str n = r->fields[i].name;
		size_t j = 0;

		/* Either may be in any case. */
		while (j < n.len && name[j] && ((n.ptr[j] ^ name[j]) & ~0x20) == 0 &&
		       (n.ptr[j] == name[j] ||
			((name[j] | 0x20) >= 'a' && (name[j] | 0x20) <= 'z')))
			j++;
		if (j == n.len && !name[j])
			return r->fields[i].value;
	}
	return (struct slsc_str){NULL, 0};
}

struct slsc_str slsc_request_param(const struct slsc_request *r, const char *name)
{
	for (size_t i = 0; i < r->param_count; i++) {
		if (slsc_str_eq(r->params[i].name, name))
			return r->params[i].value;
	}
	return (struct slsc_str){NULL, 0};
}

int slsc_rt_decode(struct slsc_str s, bool plus, struct slsc_str *out)
{
	char *dst, *d;

	if (!memchr(s.ptr, '%', s.len) && !(plus && memchr(s.ptr, '+', s.len))) {
		*out = s;
		return 0;
	}
	dst = d = slsc_alloc(NULL, s.len);
	if (!dst)
		return -1;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c == '%') {
			int hi = s.len - i > 2 ? slsc_rt_hex(s.ptr[i + 1]) : -1;
			int lo = s.len - i > 2 ? slsc_rt_hex(s.ptr[i + 2]) : -1;

			if (hi < 0 || lo < 0 || hi + lo == 0)
				return -1;
			c = (char)(hi << 4 | lo);
			i += 2;
		} else if (plus && c == '+') {
			c = ' ';
		}
		*d++ = c;
	}
	*out = (struct slsc_str){dst, (size_t)(d - dst)};
	return 0;
}

int slsc_request_query(struct slsc_ctx *c, const struct slsc_request *r, const char *name,
		       struct slsc_str *value)
{
	const char *p = r->query.ptr, *end = r->query.ptr ? p + r->query.len : p;

	(void)c;
	*value = (struct slsc_str){NULL, 0};
	while (p < end) {
		const char *amp = memchr(p, '&', (size_t)(end - p)), *stop = amp ? amp : end;
		const char *eq = memchr(p, '=', (size_t)(stop - p));
		struct slsc_str key = {p, (size_t)((eq ? eq : stop) - p)};

		if (slsc_rt_decode(key, true, &key))
			return -1;
		if (slsc_str_eq(key, name)) {
			if (!eq)
				*value = (struct slsc_str){stop, 0};
			else if (slsc_rt_decode((struct slsc_str){eq + 1, (size_t)(stop - eq - 1)}, true,
					value))
				return -1;
			return 1;
		}
		p = amp ? amp + 1 : end;
	}
	return 0;
}
