/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/template.h"

#include <string.h>

#include "base/mem.h"

struct template
{
	enum { T_CONSTANT, T_VALUE, T_OBJECT, T_LIST } kind;
	const json_t *constant;
	struct flow_value value;
	const char *name; /* of the field, without its .$ */
	const struct template **item;
	size_t n;
};

static const struct template *compile(struct arena *a, const json_t *json, const char *name, const json_t **bad,
				      const char **why, size_t *at)
{
	json_t *object = (json_t *)(uintptr_t)json, *item;
	struct template *t = arena_new(a, struct template);
	bool constant = true;
	const char *key;
	size_t n = 0;

	t->name = name;
	t->constant = json;
	if (!json_is_object(json) && !json_is_array(json))
		return t;
	t->n = json_is_array(json) ? json_array_size(json) : json_object_size(json);
	t->item = arena_alloc(a, (t->n + 1) * sizeof(*t->item));
	if (json_is_array(json)) {
		for (; n < t->n; n++) {
			t->item[n] = compile(a, json_array_get(json, n), NULL, bad, why, at);
			if (!t->item[n])
				return NULL;
			constant = constant && t->item[n]->kind == T_CONSTANT;
		}
		t->kind = constant ? T_CONSTANT : T_LIST;
		return t;
	}
	json_object_foreach(object, key, item) {
		size_t len = strlen(key);

		if (len > 2 && json_is_string(item) && !strcmp(key + len - 2, ".$")) {
			struct template *field = arena_new(a, struct template);
			struct str s = { json_string_value(item), json_string_length(item) };

			if (flow_value_compile(a, s, &field->value, why, at) < 0) {
				*bad = item;
				return NULL;
			}
			field->kind = T_VALUE;
			field->name = arena_str(a, (struct str){ key, len - 2 });
			t->item[n++] = field;
			constant = false;
			continue;
		}
		t->item[n] = compile(a, item, arena_strdup(a, key), bad, why, at);
		if (!t->item[n])
			return NULL;
		constant = constant && t->item[n++]->kind == T_CONSTANT;
	}
	t->kind = constant ? T_CONSTANT : T_OBJECT;
	return t;
}

const struct template *template_compile(struct arena *a, const json_t *json, const json_t **bad, const char **why,
					size_t *at)
{
	return compile(a, json, NULL, bad, why, at);
}

json_t *template_fill(const struct template *t, const struct flow_data *d, struct flow_fault *f)
{
	json_t *out;

	if (t->kind == T_CONSTANT)
		return json_incref((json_t *)(uintptr_t)t->constant);
	if (t->kind == T_VALUE)
		return flow_value_get(&t->value, t->name, d, f);
	out = flow_value_must(t->kind == T_LIST ? json_array() : json_object());
	for (size_t i = 0; i < t->n; i++) {
		json_t *v = template_fill(t->item[i], d, f);

		if (!v) {
			json_decref(out);
			return NULL;
		}
		if (t->kind == T_LIST)
			flow_value_push(out, v);
		else
			flow_value_set(out, t->item[i]->name, v);
	}
	return out;
}
