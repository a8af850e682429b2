/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "config/internal.h"

/* Patterns of values with units; test_schema.c holds them against the parsers. */
#define SIZE_PATTERN "^[0-9]+(\\.[0-9]{1,3})? *([KMGkmg]([Ii]?[Bb])?|[Bb])?$"
#define TIME_PATTERN "^[0-9]+(\\.[0-9]{1,6})? *(us|\xc2\xb5s|ms|s|min|h)?$"
#define PERCENT_PATTERN "^[0-9]+(\\.[0-9]0*)? *%$"
#define MODE_PATTERN "^0o?[0-7]{1,4}$"

static void add_keys(struct buf *b, const struct keys *set, const char *or);

static void member(struct buf *b, const char *name)
{
	if (b->ptr[b->len - 1] != '{')
		buf_addc(b, ',');
	buf_add_json(b, str_from(name));
	buf_addc(b, ':');
}

static void add_string(struct buf *b, const char *name, const char *value)
{
	member(b, name);
	buf_add_json(b, str_from(value));
}

static void add_number(struct buf *b, const char *name, uint64_t v)
{
	member(b, name);
	buf_addf(b, "%" PRIu64, v);
}

/* Two types: an editor's YAML parser makes a number of what has no quotes. */
static void add_types(struct buf *b, const char *one, const char *two)
{
	member(b, "type");
	if (two)
		buf_addf(b, "[\"%s\",\"%s\"]", one, two);
	else
		buf_addf(b, "\"%s\"", one);
}

static void add_choices(struct buf *b, const char *const *choices)
{
	member(b, "enum");
	buf_addc(b, '[');
	for (size_t i = 0; choices[i]; i++) {
		if (i)
			buf_addc(b, ',');
		buf_add_json(b, str_from(choices[i]));
		if (scalar_kind(choices[i]) == SCALAR_NUMBER)
			buf_addf(b, ",%s", choices[i]);
	}
	buf_addc(b, ']');
}

static void add_one_string(struct buf *b, const struct key *k)
{
	if (k->choices) {
		add_choices(b, k->choices);
		return;
	}
	add_types(b, "string", k->flags & KEY_NUMBERS ? "number" : NULL);
	if (!(k->flags & KEY_EMPTY))
		add_number(b, "minLength", 1);
	if (k->check && k->check->pattern)
		add_string(b, "pattern", k->check->pattern);
}

static void add_names(struct buf *b, const struct check *names)
{
	member(b, "propertyNames");
	buf_addc(b, '{');
	add_string(b, "pattern", names->pattern);
	buf_addc(b, '}');
}

static void add_list(struct buf *b, const struct key *k)
{
	add_types(b, "array", NULL);
	if (k->flags & KEY_NOT_EMPTY)
		add_number(b, "minItems", 1);
	add_number(b, "maxItems", keys_max_entries(k));
	if (k->flags & KEY_UNIQUE) {
		member(b, "uniqueItems");
		buf_addz(b, "true");
	}
	member(b, "items");
	buf_addc(b, '{');
	if (k->sub)
		add_keys(b, k->sub, NULL);
	else
		add_one_string(b, k);
	buf_addc(b, '}');
}

static void add_mapping(struct buf *b, const struct key *k)
{
	add_types(b, "object", NULL);
	if (k->flags & KEY_NOT_EMPTY)
		add_number(b, "minProperties", 1);
	add_number(b, "maxProperties", keys_max_entries(k));
	add_names(b, k->names);
	member(b, "additionalProperties");
	buf_addc(b, '{');
	if (k->sub) {
		add_keys(b, k->sub, NULL);
	} else if (k->type == KEY_LISTS) {
		buf_addz(b, "\"type\":\"array\",\"minItems\":1,\"maxItems\":256,\"items\":{"
			    "\"type\":[\"string\",\"number\",\"boolean\"]}");
	} else {
		member(b, "type");
		buf_addz(b, "[\"string\",\"number\",\"boolean\"]");
	}
	buf_addc(b, '}');
}

static void add_value(struct buf *b, const struct key *k)
{
	switch (k->type) {
	case KEY_STR:
	case KEY_CHOICE:
	case KEY_ENUM:
		add_one_string(b, k);
		break;
	case KEY_BOOL:
		add_types(b, "boolean", NULL);
		break;
	case KEY_COUNT:
		add_types(b, "integer", NULL);
		add_number(b, "minimum", k->min);
		add_number(b, "maximum", k->max);
		break;
	case KEY_SIZE:
		add_types(b, "string", "integer");
		add_string(b, "pattern", SIZE_PATTERN);
		add_number(b, "minimum", k->min ? k->min : 1);
		if (k->max)
			add_number(b, "maximum", k->max);
		break;
	case KEY_MS:
	case KEY_US:
		/* a bare number is seconds */
		add_types(b, "string", "number");
		add_string(b, "pattern", TIME_PATTERN);
		add_number(b, "minimum", 0);
		add_number(b, "maximum", k->max / (k->type == KEY_MS ? 1000 : 1000000));
		break;
	case KEY_PERCENT:
		add_types(b, "string", NULL);
		add_string(b, "pattern", PERCENT_PATTERN);
		break;
	case KEY_MODE:
		add_types(b, "string", "integer");
		add_string(b, "pattern", MODE_PATTERN);
		add_number(b, "minimum", 1);
		add_number(b, "maximum", 7777);
		break;
	case KEY_STRS:
	case KEY_OBJECTS:
		add_list(b, k);
		break;
	case KEY_PAIRS:
	case KEY_LISTS:
	case KEY_NAMED:
		add_mapping(b, k);
		break;
	case KEY_OBJECT:
		add_keys(b, k->sub, NULL);
		break;
	case KEY_STR_OR:
		add_keys(b, k->sub, "string");
		add_number(b, "minLength", 1);
		if (k->check)
			add_string(b, "pattern", k->check->pattern);
		break;
	}
}

static void add_description(struct buf *b, const struct key *k)
{
	CLEAN_BUF struct buf text = BUF_INIT;

	buf_addz(&text, k->doc);
	if (k->def)
		buf_addf(&text, " Default: %s.", k->def);
	add_string(b, "description", text.ptr);
}

/* The members of the schema object of a mapping with known keys; the caller writes the braces. @or: another type. */
static void add_keys(struct buf *b, const struct keys *set, const char *or)
{
	bool required = false;

	add_types(b, "object", or);
	member(b, "additionalProperties");
	buf_addz(b, "false");
	for (size_t i = 0; i < set->len; i++)
		if (set->key[i].flags & KEY_REQUIRED) {
			if (!required)
				member(b, "required");
			buf_addc(b, required ? ',' : '[');
			buf_add_json(b, str_from(set->key[i].name));
			required = true;
		}
	if (required)
		buf_addc(b, ']');
	if (set->schema)
		buf_addf(b, ",%s", set->schema);
	member(b, "properties");
	buf_addc(b, '{');
	for (size_t i = 0; i < set->len; i++) {
		member(b, set->key[i].name);
		buf_addc(b, '{');
		add_description(b, &set->key[i]);
		add_value(b, &set->key[i]);
		buf_addc(b, '}');
	}
	buf_addc(b, '}');
}

void schema_json(struct buf *out)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addc(&b, '{');
	add_string(&b, "$schema", "http://json-schema.org/draft-07/schema#");
	add_string(&b, "title", "slsc.yaml");
	add_string(&b, "description", keys_root.doc);
	add_keys(&b, &keys_root, NULL);
	buf_addz(&b, "}\n");
	buf_adds(out, buf_str(&b));
}
