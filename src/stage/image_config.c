/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/image_config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/image.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static json_t *must(json_t *j)
{
	if (!j)
		BUG("jansson: out of memory, or a string that is not UTF-8");
	return j;
}

static void set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, must(value)) < 0)
		BUG("jansson: cannot set '%s'", key);
}

static void push(json_t *array, json_t *value)
{
	if (json_array_append_new(array, must(value)) < 0)
		BUG("jansson: cannot append");
}

/* The member of that type, made if it is not there; a null, or what a foreign tool wrote there, gives way. */
static json_t *member(json_t *object, const char *key, json_type type)
{
	json_t *j = json_object_get(object, key);

	if (j && json_typeof(j) == type)
		return j;
	set(object, key, type == JSON_ARRAY ? json_array() : json_object());
	return json_object_get(object, key);
}

void image_config_scratch(struct image_config *c, enum arch arch)
{
	c->root = must(json_object());
	set(c->root, "architecture", json_string(arch_oci(arch)));
	set(c->root, "os", json_string("linux"));
	c->config = member(c->root, "config", JSON_OBJECT);
	push(member(c->config, "Env", JSON_ARRAY), json_string(DEFAULT_PATH));
	set(c->config, "WorkingDir", json_string("/"));
}

int image_config_parse(struct image_config *c, const char *shown, const void *p, size_t n, struct err *err)
{
	static const char *const known[] = {
		"author", "architecture", "variant", "os", "os.version", "os.features", "config", "rootfs", "history",
		"created",
	};
	json_error_t why;
	json_t *all = json_loadb(p, n, JSON_REJECT_DUPLICATES, &why);

	*c = (struct image_config){ .root = NULL };
	if (!all || !json_is_object(all)) {
		json_decref(all);
		return err_set(err, ERR_FORMAT, "%s: config: is no JSON object", shown);
	}
	c->root = must(json_object());
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		json_t *j = json_object_get(all, known[i]);

		if (j && !json_is_null(j))
			set(c->root, known[i], json_incref(j));
	}
	json_decref(all);
	c->config = member(c->root, "config", JSON_OBJECT);
	return 0;
}

/* The lists and objects in it are new, what is in those is shared: nobody changes that. */
static json_t *copy_members(json_t *object)
{
	json_t *out = must(json_copy(object)), *value;
	const char *key;

	json_object_foreach(object, key, value)
		if (json_is_array(value) || json_is_object(value))
			set(out, key, json_copy(value));
	return out;
}

void image_config_copy(struct image_config *to, const struct image_config *from)
{
	json_t *rootfs = json_object_get(from->root, "rootfs");

	to->root = copy_members(from->root);
	to->config = copy_members(from->config);
	set(to->root, "config", to->config);
	if (json_is_object(rootfs))
		set(to->root, "rootfs", copy_members(rootfs));
}

size_t image_config_size(const struct image_config *c)
{
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach(c->config, key, value)
		n += json_is_array(value) ? json_array_size(value) : json_object_size(value);
	return n;
}

void image_config_release(struct image_config *c)
{
	json_decref(c->root);
	*c = (struct image_config){ .root = NULL };
}

/* The index of NAME=... in Env, or -1. */
static ssize_t find_env(const struct image_config *c, const char *name)
{
	const json_t *env = json_object_get(c->config, "Env");
	const size_t n = strlen(name);

	for (size_t i = 0; i < json_array_size(env); i++) {
		const char *s = json_string_value(json_array_get(env, i));

		if (s && strncmp(s, name, n) == 0 && s[n] == '=')
			return (ssize_t)i;
	}
	return -1;
}

void image_config_list_env(const struct image_config *c, struct strs *out)
{
	const json_t *env = json_object_get(c->config, "Env");

	for (size_t i = 0; i < json_array_size(env); i++)
		strs_add(out, json_string_value(json_array_get(env, i)));
}

const char *image_config_env(const struct image_config *c, const char *name)
{
	const ssize_t i = find_env(c, name);

	if (i < 0)
		return NULL;
	return json_string_value(json_array_get(json_object_get(c->config, "Env"), (size_t)i)) + strlen(name) + 1;
}

const char *image_config_get(const struct image_config *c, const char *key)
{
	const char *s = json_string_value(json_object_get(c->config, key));

	return s && *s ? s : NULL;
}

void image_config_set_env(struct image_config *c, const char *name, const char *val)
{
	json_t *env = member(c->config, "Env", JSON_ARRAY);
	CLEAN_FREE char *text = xasprintf("%s=%s", name, val);
	const ssize_t i = find_env(c, name);

	if (i < 0)
		push(env, json_string(text));
	else if (json_array_set_new(env, (size_t)i, must(json_string(text))) < 0)
		BUG("jansson: cannot replace");
}

void image_config_set(struct image_config *c, const char *key, const char *val)
{
	set(c->config, key, json_string(val));
}

void image_config_set_list(struct image_config *c, const char *key, const char *const *v, size_t n)
{
	json_t *list;

	json_object_del(c->config, key);
	if (!v)
		return;
	list = must(json_array());
	for (size_t i = 0; i < n; i++)
		push(list, json_string(v[i]));
	set(c->config, key, list);
}

void image_config_add(struct image_config *c, const char *key, const char *val)
{
	set(member(c->config, key, JSON_OBJECT), val, json_object());
}

void image_config_set_label(struct image_config *c, const char *key, const char *val)
{
	set(member(c->config, "Labels", JSON_OBJECT), key, json_string(val));
}

void image_config_push(struct image_config *c, const char *key, const char *val)
{
	push(member(c->config, key, JSON_ARRAY), json_string(val));
}

void image_config_history(struct image_config *c, int64_t created, const char *created_by, const struct digest *diff_id)
{
	json_t *h = must(json_object());
	char when[24];

	image_time(created, when);
	set(h, "created", json_string(when));
	set(h, "created_by", json_string(created_by));
	if (!diff_id)
		set(h, "empty_layer", json_true());
	push(member(c->root, "history", JSON_ARRAY), h);
	if (diff_id)
		push(member(member(c->root, "rootfs", JSON_OBJECT), "diff_ids", JSON_ARRAY), json_string(diff_id->s));
}

void image_config_squash(struct image_config *c, int64_t created, const char *created_by, const struct digest *diff_id)
{
	json_object_del(c->root, "history");
	json_object_del(c->root, "rootfs");
	image_config_history(c, created, created_by, diff_id);
}

void image_config_dump(const struct image_config *c, int64_t created, struct buf *out)
{
	json_t *rootfs = member(c->root, "rootfs", JSON_OBJECT);
	char when[24], *text;

	member(rootfs, "diff_ids", JSON_ARRAY);
	set(rootfs, "type", json_string("layers"));
	image_time(created, when);
	set(c->root, "created", json_string(when));
	text = json_dumps(c->root, JSON_SORT_KEYS | JSON_COMPACT);
	if (!text)
		BUG("jansson: out of memory");
	buf_addz(out, text);
	free(text);
}
