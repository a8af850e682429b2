/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz what functions print. The first byte says how the rest is cut into reads: whatever the cut, the lines are the
 * same. Each line gives a record whose two forms are valid JSON of valid UTF-8 on one line, with no key twice, and
 * whose OTLP values are of the protocol's types.
 */
#include <jansson.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "local/record.h"

static struct record_origin origin;
static struct record record;
static struct trace trace = { .trace_id = { 1 }, .span_id = { 2 }, .flags = 1 };
static struct record_now now = { .time = 1767323045678000000u, .trace = &trace };

static void check_any(json_t *v);

static void check_pairs(json_t *pairs)
{
	json_t *seen = json_object(), *pair;
	size_t i;

	CHECK(json_is_array(pairs));
	json_array_foreach(pairs, i, pair) {
		json_t *key = json_object_get(pair, "key");

		CHECK(json_object_size(pair) == 2 && json_is_string(key));
		/* jansson has no keys with NUL */
		if (strlen(json_string_value(key)) == json_string_length(key)) {
			CHECK(!json_object_get(seen, json_string_value(key)));
			CHECK(json_object_set_new(seen, json_string_value(key), json_true()) == 0);
		}
		check_any(json_object_get(pair, "value"));
	}
	json_decref(seen);
}

static void check_any(json_t *v)
{
	const char *type;
	json_t *x, *values;
	size_t i;

	CHECK(json_is_object(v) && json_object_size(v) <= 1);
	json_object_foreach(v, type, x) {
		values = json_object_get(x, "values");
		if (strcmp(type, "stringValue") == 0) {
			CHECK(json_is_string(x));
		} else if (strcmp(type, "intValue") == 0) {
			char *end;

			CHECK(json_is_string(x) && json_string_length(x) <= 20);
			(void)strtoll(json_string_value(x), &end, 10);
			CHECK(!*end && json_string_length(x));
		} else if (strcmp(type, "doubleValue") == 0) {
			CHECK(json_is_real(x));
		} else if (strcmp(type, "boolValue") == 0) {
			CHECK(json_is_boolean(x));
		} else if (strcmp(type, "kvlistValue") == 0) {
			check_pairs(values);
		} else {
			CHECK(strcmp(type, "arrayValue") == 0 && json_is_array(values));
			json_array_foreach(values, i, x)
				check_any(x);
		}
	}
}

static json_t *load(const struct buf *b)
{
	CHECK(str_is_utf8(buf_str(b)));
	return json_loadb(b->ptr, b->len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
}

static void check_record(const struct record *r)
{
	struct buf otlp = BUF_INIT, line = BUF_INIT;
	json_t *j;
	bool nul = false;

	CHECK(r->count <= RECORD_FIELDS_MAX && r->severity <= 24 && r->time);
	for (unsigned i = 0; i < r->count; i++)
		nul |= (r->fields[i].key.len && memchr(r->fields[i].key.ptr, '\0', r->fields[i].key.len)) ||
		       r->fields[i].value.kind == RECORD_TREE;
	record_add_otlp(r, &otlp);
	j = load(&otlp);
	CHECK(json_is_object(j) && !memchr(otlp.ptr, '\n', otlp.len));
	check_pairs(json_object_get(j, "attributes"));
	check_any(json_object_get(j, "body"));
	json_decref(j);
	record_add_line(r, &origin, &line);
	CHECK(memchr(line.ptr, '\n', line.len) == line.ptr + line.len - 1);
	j = load(&line);
	CHECK(nul || json_is_object(j));
	json_decref(j);
	buf_release(&otlp);
	buf_release(&line);
}

static void take(const uint8_t *line, size_t len)
{
	struct buf scratch = BUF_INIT;
	char *copy = xmalloc(len ? len : 1);

	/* on the heap and exact, so that a read past the end is seen */
	memcpy(copy, line, len);
	record_parse(&record, &origin, copy, len, &now, &scratch);
	check_record(&record);
	record_parse(&record, &origin, memcpy(copy, line, len), len / 2, &now, &scratch);
	check_record(&record);
	free(copy);
	buf_release(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct record_origin_spec spec = { .function = "f\"\xff", .version = "1", .instance = "i" };

	if (!size)
		return 0;
	if (!origin.id)
		record_origin_init(&origin, &spec);
	now.request_id = data[0] & 1 ? STR("8476a536-e9f4-11e8-9739-2dfe598c3fcd") : STR("");
	now.trace = data[0] & 2 ? &trace : NULL;
	for (const uint8_t *p = data + 1, *end = data + size, *nl; p <= end; p = nl + 1) {
		nl = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
		nl = nl ? nl : end;
		take(p, (size_t)(nl - p));
	}
	return 0;
}
