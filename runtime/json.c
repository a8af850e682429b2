/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (RFC 8259) read in place: one pass over the text for each question, no tree, no allocation
 * but for strings with escapes in them.
 */
#include "internal.h"

#include <string.h>

RT_FOR_SIZE_BEGIN

#define JSON_DEPTH_MAX 64

static const char *json_blank(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

/* Each json_skip_* takes the start of a value and returns its end, NULL when malformed. */

static const char *json_skip_string(const char *p, const char *end)
{
	for (p++; p < end; p++) {
		if (*p == '"')
			return p + 1;
		if ((unsigned char)*p < 0x20)
			return NULL;
		if (*p != '\\')
			continue;
		if (++p == end)
			return NULL;
		if (*p == 'u') {
			if (end - p < 5)
				return NULL;
			for (int i = 1; i <= 4; i++) {
				if (slsc_rt_hex(p[i]) < 0)
					return NULL;
			}
			p += 4;
		} else if (!memchr("\"\\/bfnrt", *p, 8)) {
			return NULL;
		}
	}
	return NULL;
}

static const char *json_skip_digits(const char *p, const char *end)
{
	const char *start = p;

	while (p < end && slsc_rt_is_digit(*p))
		p++;
	return p > start ? p : NULL;
}

static const char *json_skip_number(const char *p, const char *end)
{
	if (*p == '-')
		p++;
	if (p < end && *p == '0')
		p++;
	else
		p = json_skip_digits(p, end);
	if (p && p < end && *p == '.')
		p = json_skip_digits(p + 1, end);
	if (p && p < end && slsc_rt_lower(*p) == 'e') {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		p = json_skip_digits(p, end);
	}
	return p;
}

static const char *json_skip_word(const char *p, const char *end, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(end - p) >= len && memcmp(p, word, len) == 0 ? p + len : NULL;
}

/* Skip `"name" :`; @name gets the string with its quotes. */
static const char *json_skip_name(const char *p, const char *end, struct slsc_str *name)
{
	const char *start = p;

	if (p == end || *p != '"' || !(p = json_skip_string(p, end)))
		return NULL;
	*name = (struct slsc_str){start, (size_t)(p - start)};
	p = json_blank(p, end);
	return p < end && *p == ':' ? json_blank(p + 1, end) : NULL;
}

static const char *json_skip_value(const char *p, const char *end, int depth)
{
	struct slsc_str name;
	char close;

	if (p == end)
		return NULL;
	switch (*p) {
	case '"':
		return json_skip_string(p, end);
	case 't':
		return json_skip_word(p, end, "true");
	case 'f':
		return json_skip_word(p, end, "false");
	case 'n':
		return json_skip_word(p, end, "null");
	case '{':
	case '[':
		break;
	default:
		return json_skip_number(p, end);
	}
	if (depth >= JSON_DEPTH_MAX)
		return NULL;
	close = *p == '{' ? '}' : ']';
	p = json_blank(p + 1, end);
	if (p < end && *p == close)
		return p + 1;
	for (;;) {
		if (close == '}' && !(p = json_skip_name(p, end, &name)))
			return NULL;
		if (!(p = json_skip_value(p, end, depth + 1)))
			return NULL;
		p = json_blank(p, end);
		if (p == end)
			return NULL;
		if (*p == close)
			return p + 1;
		if (*p != ',')
			return NULL;
		p = json_blank(p + 1, end);
	}
}

static size_t utf8_encode(unsigned code, char *out)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 63));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 63));
		out[2] = (char)(0x80 | (code & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 63));
	out[2] = (char)(0x80 | (code >> 6 & 63));
	out[3] = (char)(0x80 | (code & 63));
	return 4;
}

static unsigned hex4(const char *p)
{
	unsigned n = 0;

	for (int i = 0; i < 4; i++)
		n = n << 4 | (unsigned)slsc_rt_hex(p[i]);
	return n;
}

/*
 * Decode one character of a string that json_skip_string() has accepted: @p and @end are
 * inside the quotes. Returns where the next one starts.
 */
static const char *json_unescape(const char *p, const char *end, char out[4], size_t *len)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *at;
	unsigned code;

	*len = 1;
	if (*p != '\\') {
		out[0] = *p;
		return p + 1;
	}
	if (p[1] != 'u') {
		at = memchr(from, p[1], sizeof(from) - 1);
		out[0] = at ? to[at - from] : p[1];
		return p + 2;
	}
	code = hex4(p + 2);
	p += 6;
	if (code >= 0xd800 && code <= 0xdfff) {
		unsigned low = 0;

		if (code < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u')
			low = hex4(p + 2);
		if (low >= 0xdc00 && low <= 0xdfff) {
			code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
			p += 6;
		} else {
			code = 0xfffd; /* a surrogate alone has no UTF-8 form */
		}
	}
	*len = utf8_encode(code, out);
	return p;
}

static bool json_name_eq(struct slsc_str name, const char *key)
{
	const char *p = name.ptr + 1, *end = name.ptr + name.len - 1;
	size_t left = strlen(key), len;
	char c[4];

	while (p < end) {
		p = json_unescape(p, end, c, &len);
		if (len > left || memcmp(c, key, len) != 0)
			return false;
		key += len;
		left -= len;
	}
	return left == 0;
}

int slsc_json_get(struct slsc_str json, const char *key, struct slsc_str *value)
{
	const char *end = json.ptr + json.len, *p, *start;
	struct slsc_str name;
	int found = 0;

	*value = (struct slsc_str){NULL, 0};
	if (!json.len)
		return -1;
	p = json_blank(json.ptr, end);
	if (p == end || *p != '{')
		return -1;
	p = json_blank(p + 1, end);
	if (p < end && *p == '}')
		return json_blank(p + 1, end) == end ? 0 : -1;
	for (;;) {
		if (!(p = json_skip_name(p, end, &name)))
			return -1;
		start = p;
		if (!(p = json_skip_value(p, end, 1)))
			return -1;
		if (json_name_eq(name, key)) {
			*value = (struct slsc_str){start, (size_t)(p - start)};
			found = 1;
		}
		p = json_blank(p, end);
		if (p == end || (*p != ',' && *p != '}'))
			break;
		if (*p == '}') {
			if (json_blank(p + 1, end) != end)
				break;
			return found;
		}
		p = json_blank(p + 1, end);
	}
	*value = (struct slsc_str){NULL, 0};
	return -1;
}

int slsc_json_next(struct slsc_json_iter *it, struct slsc_str *name, struct slsc_str *value)
{
	const char *end = it->json.ptr + it->json.len, *p = it->at, *start;
	char open;

	*name = *value = (struct slsc_str){NULL, 0};
	if (!it->json.len)
		return -1;
	start = json_blank(it->json.ptr, end);
	if (start == end || (*start != '{' && *start != '['))
		return -1;
	open = *start;
	p = json_blank(p ? p : start + 1, end);
	if (p < end && *p == open + 2)
		return json_blank(p + 1, end) == end ? 0 : -1;
	if (it->at) {
		if (p == end || *p != ',')
			return -1;
		p = json_blank(p + 1, end);
	}
	if (open == '{' && !(p = json_skip_name(p, end, name)))
		return -1;
	start = p;
	if (!(p = json_skip_value(p, end, 1)))
		return -1;
	*value = (struct slsc_str){start, (size_t)(p - start)};
	it->at = p;
	return 1;
}

int slsc_json_str(struct slsc_ctx *ctx, struct slsc_str json, struct slsc_str *str)
{
	const char *p = json.ptr, *end = json.ptr + json.len;
	char *out, *o, c[4];
	size_t len;

	if (!json.len || *p != '"' || json_skip_string(p, end) != end)
		return -1;
	p++, end--;
	if (!memchr(p, '\\', (size_t)(end - p))) {
		*str = (struct slsc_str){p, (size_t)(end - p)};
		return 0;
	}
	/* No escape is shorter than what it stands for. */
	out = o = slsc_alloc(ctx, (size_t)(end - p));
	if (!out)
		return -1;
	while (p < end) {
		p = json_unescape(p, end, c, &len);
		memcpy(o, c, len);
		o += len;
	}
	*str = (struct slsc_str){out, (size_t)(o - out)};
	return 0;
}

int slsc_json_i64(struct slsc_str json, int64_t *value)
{
	const char *p = json.ptr, *end = json.ptr + json.len;
	uint64_t n = 0, limit = INT64_MAX;
	bool negative;

	if (!json.len)
		return -1;
	negative = *p == '-';
	limit += negative;
	p += negative;
	if (p == end || (*p == '0' && end - p > 1))
		return -1;
	for (; p < end; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (!slsc_rt_is_digit(*p) || n > (limit - digit) / 10)
			return -1;
		n = n * 10 + digit;
	}
	/* Not -(int64_t)n: INT64_MIN has no positive counterpart. */
	*value = negative && n ? -(int64_t)(n - 1) - 1 : (int64_t)n;
	return 0;
}

int slsc_json_bool(struct slsc_str json, bool *value)
{
	*value = slsc_str_eq(json, "true");
	return *value || slsc_str_eq(json, "false") ? 0 : -1;
}

RT_FOR_SIZE_END
