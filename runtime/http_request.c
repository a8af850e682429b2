/* SPDX-License-Identifier: Apache-2.0 */
/* A request: its head taken apart, and what a handler asks it for. */
#include "http.h"

#include <string.h>

RT_FOR_SIZE_BEGIN

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

int slsc_rt_request_parse(const char *head, size_t len, struct slsc_request *r,
			  struct slsc_field *fields, struct slsc_rt_framing *framing,
			  bool *expect_continue)
{
	const char *end = head + len, *nl = memchr(head, '\n', len), *p, *sp, *version;
	unsigned hosts = 0;
	struct slsc_field f;
	bool http10;
	int rc;

	memset(r, 0, sizeof(*r));
	memset(framing, 0, sizeof(*framing));
	*expect_continue = false;
	r->fields = fields;
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
	http10 = version[8] == '0';
	rc = parse_target((struct slsc_str){sp + 1, (size_t)(version - sp - 1)}, r);
	if (rc)
		return rc;
	while ((rc = slsc_rt_field_next(&p, end, &f)) > 0) {
		if (r->field_count == SLSC_HTTP_FIELDS_MAX)
			return 431;
		fields[r->field_count++] = f;
		if (slsc_rt_framing_field(framing, &f))
			return 400;
		if (slsc_rt_ieq(f.name, "host"))
			hosts++;
		if (slsc_rt_ieq(f.name, "expect")) {
			if (!slsc_rt_ieq(f.value, "100-continue"))
				return 417;
			*expect_continue = !http10;
		}
	}
	if (rc < 0 || hosts > 1 || (!hosts && !http10) || (http10 && framing->chunked))
		return 400;
	if (http10 && !framing->keep_alive)
		framing->close = true;
	return 0;
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

RT_FOR_SIZE_END
