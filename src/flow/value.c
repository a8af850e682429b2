/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

json_t *flow_value_must(json_t *v)
{
	if (!v)
		BUG("a JSON value could not be made");
	return v;
}

json_t *flow_value_text(const char *s)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	json_t *v = json_string(s);

	if (v)
		return v;
	buf_add_json(&b, str_from(s));
	return flow_value_must(json_loadb(b.ptr, b.len, JSON_DECODE_ANY, NULL));
}

void flow_value_set(json_t *object, const char *key, json_t *v)
{
	if (json_object_set_new_nocheck(object, key, flow_value_must(v)) < 0)
		BUG("a JSON object could not be changed");
}

void flow_value_push(json_t *array, json_t *v)
{
	if (json_array_append_new(array, flow_value_must(v)) < 0)
		BUG("a JSON list could not be changed");
}

static size_t string_size(const char *s, size_t n)
{
	size_t size = n + 2;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		size += c == '"' || c == '\\' || (c >= 8 && c <= 13 && c != 11) ? 1 : 5;
	}
	return size;
}

static size_t number_text(const json_t *v, char text[40])
{
	double d;
	int n;

	if (json_is_integer(v))
		return (size_t)snprintf(text, 40, "%" PRId64, (int64_t)json_integer_value(v));
	/* The fewest digits that are read as the same number: 0.1, not 0.10000000000000001. */
	d = json_real_value(v);
	for (int digits = 15; digits <= 17; digits++) {
		n = snprintf(text, 32, "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			break;
	}
	if (!strpbrk(text, ".e"))
		n += snprintf(text + n, 8, ".0");
	return (size_t)n;
}

static size_t integer_size(int64_t v)
{
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	size_t n = v < 0 ? 2 : 1;

	for (; u >= 10; u /= 10)
		n++;
	return n;
}

static size_t size_below(const json_t *v, size_t max, unsigned depth)
{
	json_t *object = (json_t *)(uintptr_t)v; /* jansson's iterators want it so */
	const char *key;
	size_t size = 2, key_len, n, i;
	char text[40];
	json_t *item;

	if (depth > FLOW_NEST_MAX)
		return SIZE_MAX;
	switch (json_typeof(v)) {
	case JSON_NULL:
	case JSON_TRUE:
		return 4;
	case JSON_FALSE:
		return 5;
	case JSON_INTEGER:
		return integer_size(json_integer_value(v));
	case JSON_REAL:
		return number_text(v, text);
	case JSON_STRING:
		return string_size(json_string_value(v), json_string_length(v));
	case JSON_ARRAY:
		n = json_array_size(v);
		size += n ? n - 1 : 0;
		for (i = 0; i < n && size <= max; i++) {
			size_t part = size_below(json_array_get(v, i), max, depth + 1);

			if (part > max)
				return SIZE_MAX;
			size += part;
		}
		break;
	case JSON_OBJECT:
		n = json_object_size(v);
		size += n ? 2 * n - 1 : 0;
		json_object_keylen_foreach(object, key, key_len, item)
		{
			size_t part = size_below(item, max, depth + 1);

			if (part > max || size > max)
				return SIZE_MAX;
			size += part + string_size(key, key_len);
		}
		break;
	}
	return size > max ? SIZE_MAX : size;
}

size_t flow_value_size(const json_t *v, size_t max)
{
	size_t size = size_below(v, max, 0);

	return size > max ? SIZE_MAX : size;
}

static void add_string(struct buf *out, const char *s, size_t n)
{
	static const char letters[] = "btn?fr";
	size_t done = 0;

	buf_addc(out, '"');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_add(out, s + done, i - done);
		done = i + 1;
		if (c == '"' || c == '\\')
			buf_addf(out, "\\%c", c);
		else if (c >= 8 && c <= 13 && c != 11)
			buf_addf(out, "\\%c", letters[c - 8]);
		else
			buf_addf(out, "\\u%04x", c);
	}
	buf_add(out, s + done, n - done);
	buf_addc(out, '"');
}

static void dump_below(const json_t *v, struct buf *out, size_t max, unsigned depth)
{
	json_t *object = (json_t *)(uintptr_t)v;
	const char *key;
	char text[40];
	size_t key_len;
	json_t *item;
	bool first = true;

	if (out->len > max || depth > FLOW_NEST_MAX)
		return;
	switch (json_typeof(v)) {
	case JSON_NULL:
		buf_addz(out, "null");
		break;
	case JSON_TRUE:
		buf_addz(out, "true");
		break;
	case JSON_FALSE:
		buf_addz(out, "false");
		break;
	case JSON_INTEGER:
	case JSON_REAL:
		buf_add(out, text, number_text(v, text));
		break;
	case JSON_STRING:
		add_string(out, json_string_value(v), json_string_length(v));
		break;
	case JSON_ARRAY:
		buf_addc(out, '[');
		for (size_t i = 0; i < json_array_size(v) && out->len <= max; i++) {
			if (i)
				buf_addc(out, ',');
			dump_below(json_array_get(v, i), out, max, depth + 1);
		}
		buf_addc(out, ']');
		break;
	case JSON_OBJECT:
		buf_addc(out, '{');
		json_object_keylen_foreach(object, key, key_len, item)
		{
			if (out->len > max)
				break;
			if (!first)
				buf_addc(out, ',');
			first = false;
			add_string(out, key, key_len);
			buf_addc(out, ':');
			dump_below(item, out, max, depth + 1);
		}
		buf_addc(out, '}');
		break;
	}
}

void flow_value_dump(const json_t *v, struct buf *out)
{
	dump_below(v, out, SIZE_MAX, 0);
}

void flow_value_excerpt(const json_t *v, size_t max, struct buf *out)
{
	size_t before = out->len, end = before + max;

	dump_below(v, out, end, 0);
	if (out->len <= end)
		return;
	while (end > before && ((unsigned char)out->ptr[end] & 0xc0) == 0x80)
		end--;
	out->len = end;
	buf_addz(out, "...");
}

static bool too_deep(const json_t *v, unsigned depth)
{
	json_t *object = (json_t *)(uintptr_t)v, *item;
	const char *key;

	if (depth > FLOW_NEST_MAX)
		return true;
	if (json_is_array(v)) {
		for (size_t i = 0; i < json_array_size(v); i++)
			if (too_deep(json_array_get(v, i), depth + 1))
				return true;
	} else if (json_is_object(v)) {
		json_object_foreach(object, key, item)
			if (too_deep(item, depth + 1))
				return true;
	}
	return false;
}

json_t *flow_value_parse(const char *s, size_t n, char why[JSON_ERROR_TEXT_LENGTH])
{
	json_error_t e;
	json_t *v = json_loadb(s, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);

	if (!v) {
		memcpy(why, e.text, JSON_ERROR_TEXT_LENGTH);
		return NULL;
	}
	if (too_deep(v, 0)) {
		snprintf(why, JSON_ERROR_TEXT_LENGTH, "more than %u levels", FLOW_NEST_MAX);
		json_decref(v);
		return NULL;
	}
	return v;
}

bool flow_value_equal(const json_t *a, const json_t *b)
{
	json_t *object = (json_t *)(uintptr_t)a, *item;
	const char *key;

	if (a == b)
		return true;
	if (json_is_number(a) && json_is_number(b)) {
		if (json_is_integer(a) && json_is_integer(b))
			return json_integer_value(a) == json_integer_value(b);
		return json_number_value(a) == json_number_value(b);
	}
	if (json_typeof(a) != json_typeof(b))
		return false;
	switch (json_typeof(a)) {
	case JSON_STRING:
		return json_string_length(a) == json_string_length(b) &&
		       memcmp(json_string_value(a), json_string_value(b), json_string_length(a)) == 0;
	case JSON_ARRAY:
		if (json_array_size(a) != json_array_size(b))
			return false;
		for (size_t i = 0; i < json_array_size(a); i++)
			if (!flow_value_equal(json_array_get(a, i), json_array_get(b, i)))
				return false;
		return true;
	case JSON_OBJECT:
		if (json_object_size(a) != json_object_size(b))
			return false;
		json_object_foreach(object, key, item) {
			const json_t *other = json_object_get(b, key);

			if (!other || !flow_value_equal(item, other))
				return false;
		}
		return true;
	default:
		return true;
	}
}

/* splitmix64 (Steele, Lea, Flood 2014): each state gives a different value, so that any seed will do. */
uint64_t flow_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

uint64_t flow_random_below(uint64_t *state, uint64_t n)
{
	uint64_t limit, v;

	if (!n)
		return 0;
	limit = UINT64_MAX - UINT64_MAX % n;
	do
		v = flow_random(state);
	while (v >= limit);
	return v % n;
}
