/* SPDX-License-Identifier: Apache-2.0 */
#include "local/trace.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/err.h"

static bool is_zero(const uint8_t *p, size_t n)
{
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= p[i];
	return !any;
}

bool trace_has_id(const struct trace *t)
{
	return !is_zero(t->trace_id, sizeof(t->trace_id));
}

bool trace_has_span(const struct trace *t)
{
	return !is_zero(t->span_id, sizeof(t->span_id));
}

void trace_hex(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

/* -1: not a digit. */
static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool trace_unhex(struct str s, uint8_t *out, size_t n)
{
	if (s.len != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int hi = digit(s.ptr[2 * i]), lo = digit(s.ptr[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

/* Lower case only, as traceparent demands. */
static bool take_lower(const char *p, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < 2 * n; i++)
		if (p[i] >= 'A' && p[i] <= 'F')
			return false;
	return trace_unhex((struct str){ p, 2 * n }, out, n);
}

bool trace_parse_parent(struct str h, struct trace *t)
{
	uint8_t version;

	h = str_trim(h);
	*t = (struct trace){ .flags = 0 };
	if (h.len >= 55 && h.ptr[2] == '-' && h.ptr[35] == '-' && h.ptr[52] == '-' && take_lower(h.ptr, &version, 1) &&
	    version != 0xff && (h.len == 55 || (version != 0 && h.ptr[55] == '-')) &&
	    take_lower(h.ptr + 3, t->trace_id, 16) && take_lower(h.ptr + 36, t->span_id, 8) &&
	    take_lower(h.ptr + 53, &t->flags, 1) && trace_has_id(t) && trace_has_span(t))
		return true;
	*t = (struct trace){ .flags = 0 };
	return false;
}

static bool key_ok(struct str key)
{
	struct str tenant = key, system = str_cut(&tenant, '@');
	bool multi = tenant.len != key.len;

	if (multi ? tenant.len > 241 || system.len > 14 || !system.len || system.ptr[0] < 'a' || system.ptr[0] > 'z'
		  : key.len > 256)
		return false;
	if (!tenant.len || !((tenant.ptr[0] >= 'a' && tenant.ptr[0] <= 'z') ||
			     (multi && tenant.ptr[0] >= '0' && tenant.ptr[0] <= '9')))
		return false;
	for (size_t i = 0; i < key.len; i++) {
		char c = key.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '*' ||
		      c == '/' || (multi && i == tenant.len)))
			return false;
	}
	return true;
}

bool trace_state_ok(struct str h)
{
	struct str rest = h;
	unsigned members = 0;

	if (h.len > TRACE_STATE_MAX)
		return false;
	/* str_trim() takes more away than the grammar does */
	for (size_t i = 0; i < h.len; i++)
		if ((h.ptr[i] < ' ' && h.ptr[i] != '\t') || h.ptr[i] > '~')
			return false;
	while (rest.len) {
		struct str member = rest, value;

		rest = str_cut(&member, ',');
		member = str_trim(member);
		if (!member.len)
			continue;
		value = str_cut(&member, '=');
		if (++members > 32 || !key_ok(member) || !value.len || value.len > 256)
			return false;
		if (memchr(value.ptr, '=', value.len) || memchr(value.ptr, '\t', value.len))
			return false;
	}
	return members > 0;
}

/* "1-<8 hex>-<24 hex>" */
static bool take_root(struct str v, struct trace *t)
{
	return v.len == 35 && v.ptr[0] == '1' && v.ptr[1] == '-' && v.ptr[10] == '-' &&
	       trace_unhex((struct str){ v.ptr + 2, 8 }, t->trace_id, 4) &&
	       trace_unhex((struct str){ v.ptr + 11, 24 }, t->trace_id + 4, 12) && trace_has_id(t);
}

bool trace_parse_xray(struct str h, struct trace *t, bool *decided)
{
	bool root = false, said = false;

	*t = (struct trace){ .flags = 0 };
	while (h.len) {
		struct str part = h, value;

		h = str_cut(&part, ';');
		part = str_trim(part);
		value = str_cut(&part, '=');
		if (str_eq(part, STR("Root"))) {
			root = take_root(value, t);
		} else if (str_eq(part, STR("Parent"))) {
			if (!trace_unhex(value, t->span_id, 8))
				memset(t->span_id, 0, sizeof(t->span_id));
		} else if (str_eq(part, STR("Sampled"))) {
			said = str_eq(value, STR("1")) || str_eq(value, STR("0"));
			t->flags = str_eq(value, STR("1")) ? TRACE_SAMPLED : 0;
		}
	}
	if (!root)
		*t = (struct trace){ .flags = 0 };
	if (decided)
		*decided = root && said;
	return root;
}

void trace_format_parent(const struct trace *t, char out[TRACE_PARENT_SIZE])
{
	memcpy(out, "00-", 3);
	trace_hex(t->trace_id, 16, out + 3);
	out[35] = '-';
	trace_hex(t->span_id, 8, out + 36);
	out[52] = '-';
	trace_hex(&t->flags, 1, out + 53);
}

void trace_format_xray(const struct trace *t, char out[TRACE_XRAY_SIZE])
{
	char *p = out + 7;

	memcpy(out, "Root=1-", 7);
	trace_hex(t->trace_id, 4, p);
	p[8] = '-';
	trace_hex(t->trace_id + 4, 12, p + 9);
	p += 33;
	if (trace_has_span(t)) {
		memcpy(p, ";Parent=", 8);
		trace_hex(t->span_id, 8, p + 8);
		p += 24;
	}
	memcpy(p, t->flags & TRACE_SAMPLED ? ";Sampled=1" : ";Sampled=0", 11);
}

static void take_random(struct trace_ids *ids, uint8_t *out, size_t n)
{
	if (ids->left < n) {
		size_t got = 0;

		while (got < sizeof(ids->pool)) {
			ssize_t r = getrandom(ids->pool + got, sizeof(ids->pool) - got, 0);

			if (r < 0 && errno != EINTR)
				BUG("no random bytes: %s", strerror(errno));
			got += r > 0 ? (size_t)r : 0;
		}
		ids->left = sizeof(ids->pool);
	}
	ids->left -= n;
	memcpy(out, ids->pool + ids->left, n);
}

void trace_new_id(struct trace_ids *ids, uint64_t now, uint8_t out[16])
{
	for (unsigned i = 0; i < 4; i++)
		out[i] = (uint8_t)(now >> (24 - 8 * i));
	do {
		take_random(ids, out + 4, 12);
	} while (is_zero(out + 4, 12));
}

void trace_new_span(struct trace_ids *ids, uint8_t out[8])
{
	do {
		take_random(ids, out, 8);
	} while (is_zero(out, 8));
}

bool trace_begin(struct trace_ids *ids, struct str parent, struct str xray, uint64_t now, struct trace *t)
{
	bool decided;

	if (trace_parse_parent(parent, t))
		return true;
	if (trace_parse_xray(xray, t, &decided)) {
		if (!decided)
			t->flags |= TRACE_SAMPLED;
		return true;
	}
	trace_new_id(ids, now, t->trace_id);
	t->flags = TRACE_SAMPLED;
	return false;
}
