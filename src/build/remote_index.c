/* SPDX-License-Identifier: Apache-2.0 */
/* The index of a cache of binaries: JSON of others, bounded. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/remote.h"
#include "os/fs.h"

const char *const remote_part_names[REMOTE_PARTS] = { "binary", "debug", "map" };

#define PATH_LEN_MAX 4000u

void remote_index_release(struct remote_index *x)
{
	arena_release(&x->arena);
	VEC_FREE(&x->files);
	VEC_FREE(&x->binaries);
	map_release(&x->by_key);
	map_release(&x->known);
}

bool remote_path_ok(const char *path)
{
	static const char *const roots[] = { "@slsc/", "@cache/", "@dep/" };
	CLEAN_FREE char *clean = NULL;
	bool known = path[0] != '@';

	if (!*path || strlen(path) > PATH_LEN_MAX || !str_is_utf8(str_from(path)))
		return false;
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	for (size_t i = 0; i < ARRAY_LEN(roots); i++)
		known |= starts_with(path, roots[i]);
	clean = path_clean(path);
	return known && strcmp(clean, path) == 0 && (path[0] == '/' || path_is_inside(path));
}

static bool is_hex(const char *s)
{
	return s && strlen(s) == REMOTE_KEY - 1 && strspn(s, "0123456789abcdef") == REMOTE_KEY - 1;
}

static const char *text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static bool take_digest(const char *hex, struct digest *out)
{
	CLEAN_FREE char *full = NULL;
	struct err ignored;

	if (!is_hex(hex))
		return false;
	full = xasprintf("sha256:%s", hex);
	return digest_parse(full, out, &ignored) == 0;
}

static int parse_files(struct remote_index *x, const char *shown, const json_t *files, struct err *err)
{
	const json_t *f;
	size_t i;

	if (json_array_size(files) > REMOTE_FILES_MAX)
		return err_set(err, ERR_LIMIT, "limit exceeded: %s: more than %u files", shown, REMOTE_FILES_MAX);
	json_array_foreach(files, i, f) {
		const char *path = json_string_value(json_array_get(f, 0));
		struct remote_file file = { .path = path };

		if (!path || json_array_size(f) != 2 || strlen(path) != json_string_length(json_array_get(f, 0)) ||
		    !remote_path_ok(path) || !take_digest(json_string_value(json_array_get(f, 1)), &file.digest))
			return err_set(err, ERR_FORMAT, "%s: files[%zu] is malformed", shown, i);
		file.path = arena_strdup(&x->arena, path);
		VEC_PUSH(&x->files, file);
	}
	return 0;
}

static bool parse_part(const json_t *p, struct remote_part *out)
{
	const json_t *size = json_object_get(p, "size");

	out->there = p != NULL;
	if (!p)
		return true;
	if (!json_is_integer(size) || json_integer_value(size) < 0 || json_integer_value(size) > REMOTE_PART_MAX)
		return false;
	out->size = (uint64_t)json_integer_value(size);
	return take_digest(text(p, "sha256"), &out->digest);
}

static bool parse_inputs(struct remote_index *x, const json_t *list, struct remote_binary *b)
{
	const size_t n = json_array_size(list);
	uint32_t *inputs;
	const json_t *j;
	size_t i;

	if (!json_is_array(list) || n > REMOTE_INPUTS_MAX)
		return false;
	inputs = arena_alloc(&x->arena, (n + 1) * sizeof(*inputs));
	json_array_foreach(list, i, j) {
		const json_int_t v = json_integer_value(j);

		if (!json_is_integer(j) || v < 0 || (uint64_t)v >= x->files.len)
			return false;
		inputs[i] = (uint32_t)v;
	}
	b->inputs = inputs;
	b->ninputs = n;
	return true;
}

static bool parse_binary(struct remote_index *x, const char *key, const json_t *j)
{
	struct remote_binary *b = arena_new(&x->arena, struct remote_binary);
	const json_t *parts = json_object_get(j, "parts");
	const json_t *size = json_object_get(j, "size");

	if (!is_hex(key) || !is_hex(text(j, "seen")) || !take_digest(text(j, "sha256"), &b->blob) ||
	    !json_is_integer(size) || json_integer_value(size) <= 0 ||
	    json_integer_value(size) > (json_int_t)REMOTE_PARTS * REMOTE_PART_MAX ||
	    !parse_inputs(x, json_object_get(j, "inputs"), b))
		return false;
	b->blob_size = (uint64_t)json_integer_value(size);
	memcpy(b->key, key, REMOTE_KEY);
	memcpy(b->seen, text(j, "seen"), REMOTE_KEY);
	for (int i = 0; i < REMOTE_PARTS; i++)
		if (!parse_part(json_object_get(parts, remote_part_names[i]), &b->part[i]))
			return false;
	if (!b->part[REMOTE_BINARY].there)
		return false;
	VEC_PUSH(&x->binaries, b);
	map_put(&x->by_key, key, b);
	return true;
}

static int parse(struct remote_index *x, const char *shown, const json_t *all, struct err *err)
{
	const json_t *binaries = json_object_get(all, "binaries"), *j;
	const char *key;

	if (!json_is_array(json_object_get(all, "files")) || !json_is_object(binaries))
		return err_set(err, ERR_FORMAT, "%s: is no index of binaries", shown);
	if (json_object_size(binaries) > REMOTE_BINARIES_MAX)
		return err_set(err, ERR_LIMIT, "limit exceeded: %s: more than %u binaries", shown, REMOTE_BINARIES_MAX);
	if (parse_files(x, shown, json_object_get(all, "files"), err) < 0)
		return -1;
	json_object_foreach((json_t *)(uintptr_t)binaries, key, j)
		if (!parse_binary(x, key, j))
			return err_set(err, ERR_FORMAT, "%s: binary %.64s is malformed", shown,
				       is_hex(key) ? key : "without a key");
	return 0;
}

int remote_index_parse(struct remote_index *x, const char *shown, const void *p, size_t n, struct err *err)
{
	json_error_t why;
	json_t *all;
	int ret;

	*x = (struct remote_index){ .arena = ARENA_INIT };
	if (n > REMOTE_INDEX_MAX)
		return err_set(err, ERR_LIMIT, "limit exceeded: %s: more than %u bytes", shown, REMOTE_INDEX_MAX);
	all = json_loadb(p, n, JSON_REJECT_DUPLICATES, &why);
	if (!all)
		return err_set(err, ERR_FORMAT, "%s: is no JSON: line %d", shown, why.line);
	ret = parse(x, shown, all, err);
	json_decref(all);
	if (ret < 0) {
		remote_index_release(x);
		*x = (struct remote_index){ .arena = ARENA_INIT };
	}
	return ret;
}

void remote_index_add(struct remote_index *x, const struct remote_binary *b, const struct remote_file *inputs, size_t n)
{
	struct remote_binary *own = arena_new(&x->arena, struct remote_binary);
	uint32_t *list = arena_alloc(&x->arena, (n + 1) * sizeof(*list));

	if (map_has(&x->by_key, b->key))
		return;
	*own = *b;
	for (size_t i = 0; i < n; i++) {
		CLEAN_FREE char *name = xasprintf("%s %s", inputs[i].digest.s, inputs[i].path);
		const uintptr_t at = (uintptr_t)map_get(&x->known, name);

		if (!at) {
			VEC_PUSH(&x->files,
				 ((struct remote_file){ arena_strdup(&x->arena, inputs[i].path), inputs[i].digest }));
			map_put(&x->known, name, (void *)x->files.len);
		}
		list[i] = (uint32_t)(at ? at : x->files.len) - 1;
	}
	own->inputs = list;
	own->ninputs = n;
	VEC_PUSH(&x->binaries, own);
	map_put(&x->by_key, own->key, own);
}

void remote_index_write(const struct remote_index *x, struct buf *out)
{
	buf_addz(out, "{\"binaries\":{");
	VEC_EACH(&x->binaries, it) {
		const struct remote_binary *b = *it;

		buf_addf(out, "%s\"%s\":{\"inputs\":[", it == x->binaries.ptr ? "" : ",", b->key);
		for (size_t i = 0; i < b->ninputs; i++)
			buf_addf(out, "%s%u", i ? "," : "", (unsigned)b->inputs[i]);
		buf_addz(out, "],\"parts\":{");
		for (int i = 0; i < REMOTE_PARTS; i++)
			if (b->part[i].there)
				buf_addf(out, "%s\"%s\":{\"sha256\":\"%s\",\"size\":%llu}", i ? "," : "",
					 remote_part_names[i], digest_hex(&b->part[i].digest),
					 (unsigned long long)b->part[i].size);
		buf_addf(out, "},\"seen\":\"%s\",\"sha256\":\"%s\",\"size\":%llu}", b->seen, digest_hex(&b->blob),
			 (unsigned long long)b->blob_size);
	}
	buf_addz(out, "},\"files\":[");
	VEC_EACH(&x->files, f) {
		buf_addz(out, f == x->files.ptr ? "[" : ",[");
		buf_add_json(out, str_from(f->path));
		buf_addf(out, ",\"%s\"]", digest_hex(&f->digest));
	}
	buf_addz(out, "]}");
}
