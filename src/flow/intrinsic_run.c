/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "base/base64.h"
#include "base/map.h"
#include "base/mem.h"
#include "flow/intrinsic_internal.h"

/* What each function does. A failure sets the cause alone: intrinsic_call() says whose it is. */

#define RUN(name)                                                                                                      \
	static json_t *name(const struct intrinsic *i, json_t *const *v, const struct flow_data *d,                    \
			    struct flow_fault *f)
#define UNUSED_HERE ((void)i, (void)v, (void)d, (void)f)

static json_t *fail(struct flow_fault *f, const char *why)
{
	flow_fault_copy(f, NULL, why);
	return NULL;
}

/* The nearest whole number, as the service takes fractions; half of one is rounded up in magnitude. */
static bool whole(const json_t *v, int64_t *out)
{
	double d;

	if (json_is_integer(v)) {
		*out = json_integer_value(v);
		return true;
	}
	if (!json_is_real(v))
		return false;
	d = json_real_value(v);
	if (d < -9e15 || d > 9e15)
		return false;
	*out = (int64_t)(d < 0 ? d - 0.5 : d + 0.5);
	return true;
}

/* As a text in a text: what is no text itself in the way the service writes it, {name=value, other=[1, 2]}. */
static void add_value(const json_t *v, struct buf *out, unsigned depth)
{
	json_t *object = (json_t *)(uintptr_t)v, *item;
	const char *key;
	bool first = true;

	if (depth > FLOW_NEST_MAX || out->len > FLOW_DATA_MAX)
		return;
	if (json_is_string(v)) {
		buf_add(out, json_string_value(v), json_string_length(v));
	} else if (json_is_array(v)) {
		buf_addc(out, '[');
		for (size_t k = 0; k < json_array_size(v); k++) {
			if (k)
				buf_addz(out, ", ");
			add_value(json_array_get(v, k), out, depth + 1);
		}
		buf_addc(out, ']');
	} else if (json_is_object(v)) {
		buf_addc(out, '{');
		json_object_foreach(object, key, item) {
			if (!first)
				buf_addz(out, ", ");
			first = false;
			buf_addz(out, key);
			buf_addc(out, '=');
			add_value(item, out, depth + 1);
		}
		buf_addc(out, '}');
	} else {
		flow_value_dump(v, out);
	}
}

RUN(format)
{
	CLEAN_BUF struct buf out = BUF_INIT;
	struct str t;
	size_t next = 1;

	UNUSED_HERE;
	if (!json_is_string(v[0]))
		return fail(f, "the first argument is no string");
	t = (struct str){ json_string_value(v[0]), json_string_length(v[0]) };
	if (i->arg[0].kind == ARG_TEXT)
		t = i->arg[0].raw;
	for (size_t k = 0; k < t.len && out.len <= FLOW_DATA_MAX; k++) {
		bool more = k + 1 < t.len;

		if (t.ptr[k] == '\\' && more && strchr("{}\\'", t.ptr[k + 1]) && t.ptr[k + 1]) {
			buf_addc(&out, t.ptr[++k]);
		} else if (t.ptr[k] == '{' && more && t.ptr[k + 1] == '}') {
			if (next >= i->nargs)
				return fail(f, "there are fewer values than {} in the text");
			add_value(v[next++], &out, 0);
			k++;
		} else {
			buf_addc(&out, t.ptr[k]);
		}
	}
	if (next < i->nargs && out.len <= FLOW_DATA_MAX)
		return fail(f, "there are more values than {} in the text");
	return flow_value_must(json_stringn(out.ptr, out.len));
}

RUN(string_to_json)
{
	char why[JSON_ERROR_TEXT_LENGTH];
	json_t *parsed;

	UNUSED_HERE;
	if (!json_is_string(v[0]))
		return fail(f, "the argument is no string");
	parsed = flow_value_parse(json_string_value(v[0]), json_string_length(v[0]), why);
	if (!parsed)
		flow_fault_set(f, NULL, "the string is no JSON: %s", why);
	return parsed;
}

RUN(json_to_string)
{
	CLEAN_BUF struct buf out = BUF_INIT;

	UNUSED_HERE;
	flow_value_dump(v[0], &out);
	return flow_value_must(json_stringn(out.ptr, out.len));
}

RUN(array)
{
	json_t *list = flow_value_must(json_array());

	UNUSED_HERE;
	for (size_t k = 0; k < i->nargs; k++)
		flow_value_push(list, json_incref(v[k]));
	return list;
}

RUN(array_partition)
{
	json_t *list, *part = NULL;
	int64_t size;

	UNUSED_HERE;
	if (!json_is_array(v[0]))
		return fail(f, "the first argument is no list");
	if (!whole(v[1], &size) || size < 1)
		return fail(f, "the size of a part is no positive number");
	list = flow_value_must(json_array());
	for (size_t k = 0; k < json_array_size(v[0]); k++) {
		if (!part || (int64_t)json_array_size(part) >= size) {
			part = flow_value_must(json_array());
			flow_value_push(list, part);
		}
		flow_value_push(part, json_incref(json_array_get(v[0], k)));
	}
	return list;
}

RUN(array_contains)
{
	UNUSED_HERE;
	if (!json_is_array(v[0]))
		return fail(f, "the first argument is no list");
	for (size_t k = 0; k < json_array_size(v[0]); k++)
		if (flow_value_equal(json_array_get(v[0], k), v[1]))
			return json_true();
	return json_false();
}

RUN(array_range)
{
	int64_t first, last, step, n;
	json_t *list;

	UNUSED_HERE;
	if (!whole(v[0], &first) || !whole(v[1], &last) || !whole(v[2], &step))
		return fail(f, "the arguments are no three numbers");
	if (!step)
		return fail(f, "the step is 0");
	if (first < -(1ll << 53) || first > 1ll << 53 || last < -(1ll << 53) || last > 1ll << 53 ||
	    step < -(1ll << 53) || step > 1ll << 53)
		return fail(f, "a number is too large");
	n = (step > 0 ? last < first : last > first) ? 0 : (last - first) / step + 1;
	if (n > (int64_t)INTRINSIC_RANGE_MAX)
		return fail(f, "the list would have more than 1000 elements");
	list = flow_value_must(json_array());
	for (int64_t k = 0; k < n; k++)
		flow_value_push(list, json_integer(first + k * step));
	return list;
}

RUN(array_get_item)
{
	int64_t index;

	UNUSED_HERE;
	if (!json_is_array(v[0]))
		return fail(f, "the first argument is no list");
	if (!whole(v[1], &index) || index < 0)
		return fail(f, "the index is no number from 0 on");
	if ((uint64_t)index >= json_array_size(v[0])) {
		flow_fault_set(f, NULL, "the list has %zu elements, none with the index %" PRId64,
			       json_array_size(v[0]), index);
		return NULL;
	}
	return json_incref(json_array_get(v[0], (size_t)index));
}

RUN(array_length)
{
	UNUSED_HERE;
	if (!json_is_array(v[0]))
		return fail(f, "the argument is no list");
	return flow_value_must(json_integer((json_int_t)json_array_size(v[0])));
}

RUN(array_unique)
{
	CLEAN_MAP struct map seen = { 0 };
	json_t *list;

	UNUSED_HERE;
	if (!json_is_array(v[0]))
		return fail(f, "the argument is no list");
	list = flow_value_must(json_array());
	for (size_t k = 0; k < json_array_size(v[0]); k++) {
		json_t *item = json_array_get(v[0], k);
		CLEAN_FREE char *text = json_dumps(item, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);

		if (!text)
			BUG("a JSON value could not be written");
		if (map_has(&seen, text))
			continue;
		map_put(&seen, text, item);
		flow_value_push(list, json_incref(item));
	}
	return list;
}

/* One string made of another, which may not be long; @turn: NULL, or why it cannot be. */
static json_t *turned(const json_t *v, const char *(*turn)(struct str s, struct buf *out), struct flow_fault *f)
{
	CLEAN_BUF struct buf out = BUF_INIT;
	const char *why;

	if (!json_is_string(v))
		return fail(f, "the argument is no string");
	if (json_string_length(v) > INTRINSIC_CHARS_MAX)
		return fail(f, "the string has more than 10000 bytes");
	why = turn((struct str){ json_string_value(v), json_string_length(v) }, &out);
	return why ? fail(f, why) : flow_value_must(json_stringn(out.ptr, out.len));
}

static const char *encode(struct str s, struct buf *out)
{
	buf_add_base64(out, s.ptr, s.len);
	return NULL;
}

static const char *decode(struct str s, struct buf *out)
{
	if (base64_decode(s, out) < 0)
		return "the string is no Base64";
	return str_is_utf8(buf_str(out)) ? NULL : "what the string stands for is no UTF-8";
}

RUN(base64_encode)
{
	UNUSED_HERE;
	return turned(v[0], encode, f);
}

RUN(base64_decode_text)
{
	UNUSED_HERE;
	return turned(v[0], decode, f);
}

RUN(hash)
{
	static const char hex[] = "0123456789abcdef";
	CLEAN_BUF struct buf in = BUF_INIT;
	uint8_t sum[64];
	char text[128];
	size_t n;

	UNUSED_HERE;
	if (!json_is_string(v[1]))
		return fail(f, "the algorithm is no string");
	if (json_is_string(v[0]))
		buf_add(&in, json_string_value(v[0]), json_string_length(v[0]));
	else
		flow_value_dump(v[0], &in);
	if (in.len > INTRINSIC_CHARS_MAX)
		return fail(f, "the data has more than 10000 bytes");
	n = d->hash ? d->hash(json_string_value(v[1]), in.ptr, in.len, sum) : 0;
	if (!n)
		return fail(f, "the algorithm is none of MD5, SHA-1, SHA-256, SHA-384 and SHA-512");
	for (size_t k = 0; k < n; k++) {
		text[2 * k] = hex[sum[k] >> 4];
		text[2 * k + 1] = hex[sum[k] & 15];
	}
	return flow_value_must(json_stringn(text, 2 * n));
}

RUN(json_merge)
{
	json_t *both;

	UNUSED_HERE;
	if (!json_is_object(v[0]) || !json_is_object(v[1]))
		return fail(f, "the first two arguments are no objects");
	if (!json_is_false(v[2]))
		return fail(f, "the third argument is not false: objects are not merged deeply");
	both = flow_value_must(json_copy(v[0]));
	if (json_object_update(both, v[1]) < 0)
		BUG("JSON objects could not be merged");
	return both;
}

RUN(math_random)
{
	int64_t from, to, seed;
	uint64_t state;

	UNUSED_HERE;
	if (!whole(v[0], &from) || !whole(v[1], &to) || (i->nargs > 2 && !whole(v[2], &seed)))
		return fail(f, "the arguments are no numbers");
	if (from < INT32_MIN || from > INT32_MAX || to < INT32_MIN || to > INT32_MAX)
		return fail(f, "a number is not between -2147483648 and 2147483647");
	if (to <= from)
		return fail(f, "the end is not above the start");
	if (i->nargs > 2) {
		state = (uint64_t)seed;
		return flow_value_must(json_integer(from + (int64_t)flow_random_below(&state, (uint64_t)(to - from))));
	}
	return flow_value_must(json_integer(from + (int64_t)flow_random_below(d->random, (uint64_t)(to - from))));
}

RUN(math_add)
{
	int64_t a, b;

	UNUSED_HERE;
	if (!whole(v[0], &a) || !whole(v[1], &b))
		return fail(f, "the arguments are no two numbers");
	if (a < INT32_MIN || a > INT32_MAX || b < INT32_MIN || b > INT32_MAX)
		return fail(f, "a number is not between -2147483648 and 2147483647");
	return flow_value_must(json_integer(a + b));
}

/* Each character of the second is a place to split at; nothing between two of them is left out. */
RUN(string_split)
{
	const char *s, *marks;
	size_t n, start = 0;
	json_t *list;

	UNUSED_HERE;
	if (!json_is_string(v[0]) || !json_is_string(v[1]))
		return fail(f, "the arguments are no two strings");
	s = json_string_value(v[0]);
	n = json_string_length(v[0]);
	marks = json_string_value(v[1]);
	list = flow_value_must(json_array());
	for (size_t k = 0; k <= n;) {
		size_t size = 1;
		bool mark = k == n;

		while (k + size < n && ((unsigned char)s[k + size] & 0xc0) == 0x80)
			size++;
		if (!mark && json_string_length(v[1]))
			mark = memmem(marks, json_string_length(v[1]), s + k, size) != NULL;
		if (mark) {
			if (k > start)
				flow_value_push(list, json_stringn(s + start, k - start));
			start = k + size;
		}
		k += size;
	}
	return list;
}

/* RFC 4122, 4.4: version 4 */
RUN(uuid)
{
	uint64_t a, b;

	UNUSED_HERE;
	a = flow_random(d->random);
	b = flow_random(d->random);
	a = (a & ~0xf000ull) | 0x4000;
	b = (b & ~(3ull << 62)) | 2ull << 62;
	return flow_value_must(json_sprintf("%08x-%04x-%04x-%04x-%04x%08x", (unsigned)(a >> 32),
					    (unsigned)(a >> 16) & 0xffff, (unsigned)a & 0xffff, (unsigned)(b >> 48),
					    (unsigned)(b >> 32) & 0xffff, (unsigned)b));
}

const struct intrinsic_kind intrinsic_kinds[] = {
	{ "States.Array", 0, INTRINSIC_ARGS_MAX, array },
	{ "States.ArrayContains", 2, 2, array_contains },
	{ "States.ArrayGetItem", 2, 2, array_get_item },
	{ "States.ArrayLength", 1, 1, array_length },
	{ "States.ArrayPartition", 2, 2, array_partition },
	{ "States.ArrayRange", 3, 3, array_range },
	{ "States.ArrayUnique", 1, 1, array_unique },
	{ "States.Base64Decode", 1, 1, base64_decode_text },
	{ "States.Base64Encode", 1, 1, base64_encode },
	{ "States.Format", 1, INTRINSIC_ARGS_MAX, format },
	{ "States.Hash", 2, 2, hash },
	{ "States.JsonMerge", 3, 3, json_merge },
	{ "States.JsonToString", 1, 1, json_to_string },
	{ "States.MathAdd", 2, 2, math_add },
	{ "States.MathRandom", 2, 3, math_random },
	{ "States.StringSplit", 2, 2, string_split },
	{ "States.StringToJson", 1, 1, string_to_json },
	{ "States.UUID", 0, 0, uuid },
};
const size_t intrinsic_nkinds = ARRAY_LEN(intrinsic_kinds);
