/* SPDX-License-Identifier: Apache-2.0 */
#include "base/member.h"
#include "config/internal.h"

/* Patterns of values with units; test_schema.c holds them against the parsers. */
#define SIZE_PATTERN "^[0-9]+(\\.[0-9]{1,3})? *([KMGkmg]([Ii]?[Bb])?|[Bb])?$"
#define TIME_PATTERN "^[0-9]+(\\.[0-9]{1,6})? *(us|\xc2\xb5s|ms|s|min|h)?$"
#define PERCENT_PATTERN "^[0-9]+(\\.[0-9]0*)? *%$"
#define MODE_PATTERN "^0o?[0-7]{1,4}$"

static void add_keys(struct buf *b, const struct keys *set, const char *or);

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
	member_open(b, "enum", '[');
	for (size_t i = 0; choices[i]; i++) {
		member_text(b, NULL, choices[i]);
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
		member_u64(b, "minLength", 1);
	if (k->check && k->check->pattern)
		member_text(b, "pattern", k->check->pattern);
}

static void add_names(struct buf *b, const struct check *names)
{
	member_open(b, "propertyNames", '{');
	member_text(b, "pattern", names->pattern);
	buf_addc(b, '}');
}

static void add_list(struct buf *b, const struct key *k)
{
	add_types(b, "array", NULL);
	if (k->flags & KEY_NOT_EMPTY)
		member_u64(b, "minItems", 1);
	member_u64(b, "maxItems", keys_max_entries(k));
	if (k->flags & KEY_UNIQUE)
		member_bool(b, "uniqueItems", true);
	member_open(b, "items", '{');
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
		member_u64(b, "minProperties", 1);
	member_u64(b, "maxProperties", keys_max_entries(k));
	add_names(b, k->names);
	member_open(b, "additionalProperties", '{');
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
		member_u64(b, "minimum", k->min);
		member_u64(b, "maximum", k->max);
		break;
	case KEY_SIZE:
		add_types(b, "string", "integer");
		member_text(b, "pattern", SIZE_PATTERN);
		member_u64(b, "minimum", k->min ? k->min : 1);
		if (k->max)
			member_u64(b, "maximum", k->max);
		break;
	case KEY_MS:
	case KEY_US:
		/* a bare number is seconds */
		add_types(b, "string", "number");
		member_text(b, "pattern", TIME_PATTERN);
		member_u64(b, "minimum", 0);
		member_u64(b, "maximum", k->max / (k->type == KEY_MS ? 1000 : 1000000));
		break;
	case KEY_PERCENT:
		add_types(b, "string", NULL);
		member_text(b, "pattern", PERCENT_PATTERN);
		break;
	case KEY_MODE:
		add_types(b, "string", "integer");
		member_text(b, "pattern", MODE_PATTERN);
		member_u64(b, "minimum", 1);
		member_u64(b, "maximum", 7777);
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
		member_u64(b, "minLength", 1);
		if (k->check)
			member_text(b, "pattern", k->check->pattern);
		break;
	}
}

static void add_description(struct buf *b, const struct key *k)
{
	CLEAN_BUF struct buf text = BUF_INIT;

	buf_addz(&text, k->doc);
	if (k->def)
		buf_addf(&text, " Default: %s.", k->def);
	member_text(b, "description", text.ptr);
}

/* The members of the schema object of a mapping with known keys; the caller writes the braces. @or: another type. */
static void add_keys(struct buf *b, const struct keys *set, const char *or)
{
	bool required = false;

	add_types(b, "object", or);
	member_bool(b, "additionalProperties", false);
	for (size_t i = 0; i < set->len; i++)
		if (set->key[i].flags & KEY_REQUIRED) {
			if (!required)
				member_open(b, "required", '[');
			member_text(b, NULL, set->key[i].name);
			required = true;
		}
	if (required)
		buf_addc(b, ']');
	if (set->schema)
		buf_addf(b, ",%s", set->schema);
	member_open(b, "properties", '{');
	for (size_t i = 0; i < set->len; i++) {
		member_open(b, set->key[i].name, '{');
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
	member_text(&b, "$schema", "http://json-schema.org/draft-07/schema#");
	member_text(&b, "title", "slsc.yaml");
	member_text(&b, "description", keys_root.doc);
	add_keys(&b, &keys_root, NULL);
	buf_addz(&b, "}\n");
	buf_adds(out, buf_str(&b));
}
