/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/base.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/json_text.h"
#include "os/fs.h"

#define BASE_JSON_MAX (64u * 1024)
#define BASE_BLOB_MAX (64u * 1024 * 1024)

static const char *const suffix[] = { [CODEC_NONE] = "tar", [CODEC_GZIP] = "tar.gz", [CODEC_ZSTD] = "tar.zst" };

static int bad(const char *shown, const char *what, struct err *err)
{
	err_set(err, ERR_FORMAT, "%s: %s", shown, what);
	return err_hint(err, "install slsc again");
}

static int parse_digest(const char *shown, const char *s, struct digest *out, struct err *err)
{
	if (digest_parse(s, out, err) == 0)
		return 0;
	err_wrap(err, "%s", shown);
	return err_hint(err, "install slsc again");
}

static int parse_layer(struct base_set *b, const char *shown, const json_t *j, struct err *err)
{
	struct base_layer *l = &b->layer[b->n];
	const char *name = json_string_value(json_object_get(j, "name"));
	const char *created_by = json_string_value(json_object_get(j, "created_by"));
	const char *diff_id = json_string_value(json_object_get(j, "diff_id"));

	if (!name || !created_by || !diff_id || strlen(name) > 64 || strchr(name, '/'))
		return bad(shown, "a layer needs name, created_by and diff_id", err);
	if (parse_digest(shown, diff_id, &l->diff_id, err) < 0)
		return -1;
	for (size_t c = 0; c < ARRAY_LEN(suffix); c++) {
		const json_t *blob = json_object_get(j, suffix[c]);
		const char *digest = json_string_value(json_object_get(blob, "digest"));
		json_int_t size = json_integer_value(json_object_get(blob, "size"));

		if (!digest || size <= 0 || size > BASE_BLOB_MAX)
			return bad(shown, "a layer needs digest and size of each of its forms", err);
		if (parse_digest(shown, digest, &l->blob[c].digest, err) < 0)
			return -1;
		l->blob[c].size = (uint64_t)size;
	}
	l->name = arena_strdup(&b->arena, name);
	l->created_by = arena_strdup(&b->arena, created_by);
	b->n++;
	return 0;
}

int base_parse(struct base_set *b, const char *shown, const char *p, size_t n, struct err *err)
{
	json_t *j = json_text_parse((struct str){ p, n }, shown, "", err), *layer;
	const json_t *layers = json_object_get(j, "layers");
	size_t i;
	int ret = 0;

	*b = (struct base_set){ .n = 0 };
	if (!j)
		return err_hint(err, "install slsc again");
	if (!json_is_array(layers) || json_array_size(layers) > BASE_MAX_LAYERS)
		ret = bad(shown, "needs a list of at most 2 layers", err);
	else
		json_array_foreach(layers, i, layer)
			if (ret == 0)
				ret = parse_layer(b, shown, layer, err);
	json_decref(j);
	if (ret < 0)
		base_release(b);
	return ret;
}

int base_load(struct base_set *b, const char *dir, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_FREE char *path = path_join(dir, "base.json");

	*b = (struct base_set){ .n = 0 };
	if (fs_read(path, BASE_JSON_MAX, &text, err) < 0) {
		if (err->sys == ENOENT)
			err_set(err, ERR_NOTFOUND, "%s: the built-in image bases are missing", path);
		return err_hint(err, "install slsc again, or use base: scratch");
	}
	return base_parse(b, path, text.ptr, text.len, err);
}

void base_release(struct base_set *b)
{
	arena_release(&b->arena);
	*b = (struct base_set){ .n = 0 };
}

int base_put(const struct base_set *b, const char *dir, const char *name, enum codec codec, struct layout *l,
	     struct image_layer *out, struct err *err)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct base_layer *bl = &b->layer[i];
		CLEAN_FREE char *path = NULL;
		CLEAN_BUF struct buf data = BUF_INIT;
		struct digest got;

		if (strcmp(bl->name, name) != 0)
			continue;
		*out = (struct image_layer){ .digest = bl->blob[codec].digest, .diff_id = bl->diff_id,
					     .size = bl->blob[codec].size, .tar_size = bl->blob[CODEC_NONE].size,
					     .codec = codec, .created_by = bl->created_by };
		/* Two architectures share it. */
		if (map_has(&l->keep, digest_hex(&out->digest)))
			return 0;
		path = xasprintf("%s/%s.%s", dir, name, suffix[codec]);
		/* Into memory first, so that the bytes that are checked are the bytes that are written. */
		if (fs_read(path, BASE_BLOB_MAX, &data, err) < 0)
			return -1;
		if (digest_of(data.ptr, data.len, &got, err) < 0)
			return -1;
		if (data.len != out->size || strcmp(got.s, out->digest.s) != 0)
			return bad(path, "is damaged: its digest is not the one in base.json", err);
		return layout_put(l, data.ptr, data.len, &got, err);
	}
	return bad(dir, "base.json lacks a layer that this base needs", err);
}
