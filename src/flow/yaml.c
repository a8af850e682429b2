/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/yaml.h"
#include "flow/doc.h"

/*
 * A machine in YAML: config/yaml.h reads it, and here its scalars get their types, by the core schema of YAML 1.2
 * (10.3.2), as other tools for state machines do.
 */

static struct doc_node *convert(struct doc_reader *r, const struct ynode *y);

static struct doc_node *number(struct doc_reader *r, const struct ynode *y, struct flow_at at)
{
	const char *s = y->scalar;
	const int base = starts_with(s, "0o") ? 8 : starts_with(s, "0x") ? 16 : 10;
	char *end;
	long long i;
	double d;

	errno = 0;
	i = strtoll(base == 10 ? s : s + 2, &end, base);
	if (!errno && !*end)
		return doc_new(r, DOC_NUMBER, at, json_integer(i));
	d = base == 10 ? strtod(s, NULL) : HUGE_VAL;
	/* strtod() knows nothing of YAML's .inf and .nan, and takes what is left for 0 */
	if (!isfinite(d) || strpbrk(s, "iInN")) {
		err_at(r->err, ERR_CONFIG, r->shown, at.line, at.col, "the number %.40s has no equal in JSON", s);
		return NULL;
	}
	return doc_new(r, DOC_NUMBER, at, json_real(d));
}

static struct doc_node *scalar(struct doc_reader *r, const struct ynode *y, struct flow_at at)
{
	static const char *const bools[] = { "true", "True", "TRUE", "false", "False", "FALSE" };
	struct doc_node *n;

	if (y->plain) {
		for (size_t i = 0; i < ARRAY_LEN(bools); i++)
			if (strcmp(y->scalar, bools[i]) == 0)
				return doc_new(r, DOC_BOOL, at, i < 3 ? json_true() : json_false());
		switch (scalar_kind(y->scalar)) {
		case SCALAR_NULL:
			return doc_new(r, DOC_NULL, at, json_null());
		case SCALAR_NUMBER:
			return number(r, y, at);
		default:
			break;
		}
	}
	n = doc_new(r, DOC_STRING, at, json_string_nocheck(y->scalar));
	if (n && y->plain)
		n->bool11 = scalar_bool11(y->scalar) >= 0;
	return n;
}

static struct doc_node *collection(struct doc_reader *r, const struct ynode *y, struct flow_at at)
{
	const bool list = y->type == YNODE_SEQ;
	struct doc_node *n = list ? doc_new(r, DOC_LIST, at, json_array()) : doc_new(r, DOC_OBJECT, at, json_object());
	CLEAN_FREE struct doc_node **items = xcalloc(y->len + 1, sizeof(struct doc_node *));
	CLEAN_FREE const char **keys = xcalloc(y->len + 1, sizeof(char *));
	CLEAN_FREE struct flow_at *key_at = xcalloc(y->len + 1, sizeof(struct flow_at));

	if (!n)
		return NULL;
	for (size_t i = 0; i < y->len; i++) {
		items[i] = convert(r, y->items[i]);
		if (!items[i]) {
			while (i)
				json_decref(items[--i]->json);
			json_decref(n->json);
			return NULL;
		}
		if (!list) {
			keys[i] = arena_strdup(r->arena, y->keys[i]->scalar);
			key_at[i] = (struct flow_at){ y->keys[i]->line, y->keys[i]->col };
		}
	}
	doc_fill(r, n, items, keys, key_at, y->len);
	return n;
}

/* As deep as YAML_MAX_DEPTH at most. An alias is a copy: its values stand where the anchor is. */
static struct doc_node *convert(struct doc_reader *r, const struct ynode *y)
{
	const struct flow_at at = { y->line, y->col };

	return y->type == YNODE_SCALAR ? scalar(r, y, at) : collection(r, y, at);
}

int doc_read_yaml(struct doc_reader *r)
{
	struct yaml_doc y;
	struct doc_node *root = NULL;

	if (yaml_parse(&y, r->shown, r->text, r->n, r->err)) {
		yaml_release(&y);
		return -1;
	}
	if (y.root)
		root = convert(r, y.root);
	else
		err_at(r->err, ERR_CONFIG, r->shown, 1, 1, "there is no state machine here: the file is empty");
	yaml_release(&y);
	if (!root)
		return -1;
	r->d->root = root;
	r->d->json = root->json;
	return 0;
}
