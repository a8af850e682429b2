/* SPDX-License-Identifier: Apache-2.0 */
/* JSON values as block YAML, in the form that Kubernetes' own tools write. */
#include "config/yaml.h"
#include "deploy/emit_internal.h"

static void put(const json_t *j, unsigned depth, bool inline_first, struct buf *out);

static void indent(unsigned depth, struct buf *out)
{
	for (unsigned i = 0; i < depth; i++)
		buf_addz(out, "  ");
}

static void put_map(const json_t *j, unsigned depth, bool inline_first, struct buf *out)
{
	const char *key;
	json_t *val;

	json_object_foreach((json_t *)j, key, val) {
		const bool nested =
			(json_is_object(val) && json_object_size(val)) || (json_is_array(val) && json_array_size(val));

		if (!inline_first)
			indent(depth, out);
		inline_first = false;
		yaml_add_str(out, key, ":");
		buf_addz(out, nested ? ":\n" : ": ");
		/* a list stands below its key, without a further step */
		put(val, nested && json_is_object(val) ? depth + 1 : depth, false, out);
	}
}

static void put_list(const json_t *j, unsigned depth, struct buf *out)
{
	const json_t *val;
	size_t i;

	json_array_foreach(j, i, val) {
		indent(depth, out);
		buf_addz(out, "- ");
		put(val, depth + 1, true, out);
	}
}

/* @inline_first: the line has begun, by the dash of a list. */
static void put(const json_t *j, unsigned depth, bool inline_first, struct buf *out)
{
	if (json_is_object(j) && json_object_size(j)) {
		put_map(j, depth, inline_first, out);
		return;
	}
	if (json_is_array(j) && json_array_size(j)) {
		put_list(j, depth, out);
		return;
	}
	if (json_is_object(j))
		buf_addz(out, "{}");
	else if (json_is_array(j))
		buf_addz(out, "[]");
	else if (json_is_string(j))
		yaml_add_str(out, json_string_value(j), ":@");
	else if (json_is_boolean(j))
		buf_addz(out, json_is_true(j) ? "true" : "false");
	else if (json_is_integer(j))
		buf_addf(out, "%lld", (long long)json_integer_value(j));
	else if (json_is_real(j))
		buf_addf(out, "%.1f", json_real_value(j));
	else
		BUG("no such value in a file: %d", (int)json_typeof(j));
	buf_addc(out, '\n');
}

void emit_yaml(json_t *j, struct buf *out)
{
	put(j, 0, false, out);
	json_decref(j);
}
