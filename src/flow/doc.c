/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/doc.h"

#include <string.h>

#include "base/mem.h"

struct doc_node *doc_new(struct doc_reader *r, enum doc_type type, struct flow_at at, json_t *json)
{
	struct doc_node *n;

	if (!json)
		BUG("jansson refused a value");
	if (++r->d->nodes > FLOW_NODES_MAX) {
		json_decref(json);
		err_at(r->err, ERR_LIMIT, r->shown, at.line, at.col, "limit exceeded: more than %u values",
		       FLOW_NODES_MAX);
		return NULL;
	}
	n = arena_new(r->arena, struct doc_node);
	n->type = type;
	n->at = at;
	n->json = json;
	return n;
}

static void duplicate(struct doc_reader *r, const char *key, struct flow_at at, struct flow_at first)
{
	flow_problems_add(r->found, false, at.line, at.col, "", "the name '%.80s' is given twice, first at %u:%u", key,
			  first.line, first.col);
	flow_problems_hint(r->found, "keep one of the two");
}

void doc_fill(struct doc_reader *r, struct doc_node *n, struct doc_node **items, const char **keys,
	      const struct flow_at *key_at, size_t len)
{
	size_t to = 0;

	if (!len)
		return;
	n->items = arena_alloc(r->arena, len * sizeof(struct doc_node *));
	if (n->type == DOC_LIST) {
		memcpy(n->items, items, len * sizeof(struct doc_node *));
		n->len = len;
		for (size_t i = 0; i < len; i++)
			json_array_append_new(n->json, items[i]->json);
		return;
	}
	n->keys = arena_alloc(r->arena, len * sizeof(char *));
	n->key_at = arena_alloc(r->arena, len * sizeof(struct flow_at));
	for (size_t i = 0; i < len; i++) {
		if (json_object_get(n->json, keys[i])) {
			/* of many duplicates nobody wants to know, and to look for the first of each takes time */
			if (r->found->errors < FLOW_PROBLEMS_MAX)
				for (size_t j = 0; j < to; j++)
					if (strcmp(keys[i], n->keys[j]) == 0) {
						duplicate(r, keys[i], key_at[i], n->key_at[j]);
						break;
					}
			json_decref(items[i]->json);
			continue;
		}
		json_object_set_new_nocheck(n->json, keys[i], items[i]->json);
		n->items[to] = items[i];
		n->keys[to] = keys[i];
		n->key_at[to++] = key_at[i];
	}
	n->len = to;
}

static int located(struct doc_reader *r, size_t at, const char *what)
{
	unsigned line = 1, col = 1;

	for (size_t i = 0; i < at; i++)
		if (r->text[i] == '\n') {
			line++;
			col = 1;
		} else if (((unsigned char)r->text[i] & 0xc0) != 0x80) {
			col++;
		}
	return err_at(r->err, ERR_CONFIG, r->shown, line, col, "%s", what);
}

/* The first byte that does not begin or go on with valid UTF-8. */
static size_t bad_utf8(const char *p, size_t n)
{
	size_t i = 0, len;

	for (; i < n; i += len) {
		const unsigned char c = (unsigned char)p[i];

		len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
		if (i + len > n || !str_is_utf8((struct str){ p + i, len }))
			break;
	}
	return i;
}

static bool looks_like_json(const char *p, size_t n)
{
	while (n && strchr(" \t\r\n", *p)) {
		p++;
		n--;
	}
	return n && (*p == '{' || *p == '[');
}

int doc_parse(struct doc *d, struct arena *a, const char *shown, const char *text, size_t n,
	      struct flow_problems *found, struct err *err)
{
	struct doc_reader r = { d, a, shown, text, n, found, err };
	const char *nul;

	*d = (struct doc){ 0 };
	if (n > FLOW_BYTES_MAX) {
		err_set(err, ERR_LIMIT, "%s: limit exceeded: %zu bytes, a definition has at most %u", shown, n,
			FLOW_BYTES_MAX);
		return err_hint(err, "is this the right file?");
	}
	if (str_starts((struct str){ text, n }, "\xef\xbb\xbf")) {
		r.text += 3;
		r.n -= 3;
	}
	nul = r.n ? memchr(r.text, '\0', r.n) : NULL;
	if (nul)
		return located(&r, (size_t)(nul - r.text), "a NUL byte is not allowed");
	if (!str_is_utf8((struct str){ r.text, r.n })) {
		located(&r, bad_utf8(r.text, r.n), "invalid UTF-8");
		return err_hint(err, "save the file as UTF-8");
	}
	return looks_like_json(r.text, r.n) ? doc_read_json(&r) : doc_read_yaml(&r);
}

const struct doc_node *doc_get(const struct doc_node *object, const char *key, struct flow_at *at)
{
	if (object->type != DOC_OBJECT)
		return NULL;
	for (size_t i = 0; i < object->len; i++)
		if (strcmp(object->keys[i], key) == 0) {
			if (at)
				*at = object->key_at[i];
			return object->items[i];
		}
	return NULL;
}

const char *doc_kind(const struct doc_node *n)
{
	static const char *const names[] = {
		[DOC_NULL] = "null",	   [DOC_BOOL] = "a boolean", [DOC_NUMBER] = "a number",
		[DOC_STRING] = "a string", [DOC_LIST] = "a list",    [DOC_OBJECT] = "an object",
	};

	return names[n->type];
}

const char *doc_text(const struct doc_node *n)
{
	return json_string_value(n->json);
}
