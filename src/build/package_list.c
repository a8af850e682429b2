/* SPDX-License-Identifier: Apache-2.0 */
/* What was packaged, as JSON: for --json and for dist/manifest.json. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/package.h"
#include "oci/js.h"

const char *package_format_name(enum package_format f)
{
	switch (f) {
	case PACKAGE_ZIP:
		return "zip";
	case PACKAGE_OCI:
		return "oci";
	case PACKAGE_OCI_ARCHIVE:
		return "oci-archive";
	case PACKAGE_DOCKER_ARCHIVE:
		return "docker-archive";
	case PACKAGE_WORKERS:
		return "workers";
	}
	BUG("no such format: %d", (int)f);
}

static json_t *image_json(const struct packaged_image *im)
{
	json_t *j = json_object(), *layers = json_array();

	for (size_t i = 0; i < im->nlayers; i++) {
		const struct image_layer *l = &im->layers[i];
		json_t *layer = json_pack("{s:s, s:s, s:s, s:I}", "digest", l->digest.s, "diff_id", l->diff_id.s,
					  "media_type", layer_media_type(l->codec), "size", (json_int_t)l->size);
		const char *version = codec_version(l->codec);

		if (im->arch == ARCH_WASM32) {
			js_set(layer, "media_type", json_string(MEDIA_WASM));
			js_set(layer, "diff_id", json_null());
		}
		js_set(layer, "tar_size", l->tar_size ? json_integer((json_int_t)l->tar_size) : json_null());
		/* Digests of compressed layers are only comparable between equal compressors; others' are not known. */
		if (*version && l->tar_size)
			js_set(layer, "compressor", json_string(version));
		if (json_array_append_new(layers, layer) < 0)
			BUG("jansson: out of memory");
	}
	js_set(j, "platform", json_pack("{s:s, s:s}", "os", im->arch == ARCH_WASM32 ? MODULE_OS : "linux",
					"architecture", arch_oci(im->arch)));
	js_set(j, "ref", json_string(arch_oci(im->arch)));
	js_set(j, "digest", json_string(im->manifest.digest.s));
	js_set(j, "config", json_string(im->config.digest.s));
	js_set(j, "size", json_integer((json_int_t)im->size));
	js_set(j, "layers", layers);
	return j;
}

static bool made(const struct packaged *a)
{
	return a->digest.s[0];
}

/* @path: of the artifact as this document names it. */
static json_t *artifact_json(const struct packaged *a, const char *path, const struct package_result *res)
{
	json_t *j = json_object();

	js_set(j, "path", json_string(path));
	js_set(j, "kind", json_string(package_format_name(a->kind)));
	js_set(j, "function", json_string(a->function));
	js_set(j, "arch", a->arch < 0 ? json_null() : json_string(arch_name((enum arch)a->arch)));
	js_set(j, "profile", json_string(res->profile));
	js_set(j, "size", made(a) ? json_integer((json_int_t)a->size) : json_null());
	js_set(j, "unpacked", a->unpacked ? json_integer((json_int_t)a->unpacked) : json_null());
	js_set(j, "sha256", made(a) ? json_string(digest_hex(&a->digest)) : json_null());
	js_set(j, "revision", res->revision ? json_string(res->revision) : json_null());
	if (a->nimages) {
		json_t *images = json_array();

		for (size_t i = 0; i < a->nimages; i++)
			js_push(images, image_json(&a->images[i]));
		js_set(j, "images", images);
	}
	return j;
}

static void dump(json_t *j, size_t flags, struct buf *out)
{
	char *text = json_dumps(j, JSON_SORT_KEYS | flags);

	if (!text)
		BUG("jansson: out of memory");
	buf_addz(out, text);
	buf_addc(out, '\n');
	free(text);
	json_decref(j);
}

void package_result_json(const struct package_result *res, bool dry_run, struct buf *out)
{
	json_t *j = json_object(), *list = json_array(), *warnings = json_array();

	for (size_t i = 0; i < res->len; i++)
		json_array_append_new(list, artifact_json(&res->ptr[i], res->ptr[i].path, res));
	for (size_t i = 0; i < res->warnings.len; i++)
		json_array_append_new(warnings, json_string(res->warnings.ptr[i]));
	js_set(j, "artifacts", list);
	js_set(j, "warnings", warnings);
	if (dry_run)
		js_set(j, "dry_run", json_true());
	dump(j, JSON_COMPACT, out);
}

static const char *path_of(const json_t *entry)
{
	return json_string_value(json_object_get(entry, "path"));
}

static int by_path(const void *a, const void *b)
{
	return strcmp(path_of(*(json_t *const *)a), path_of(*(json_t *const *)b));
}

void package_list(const struct package_result *res, struct str old, bool (*keep)(const struct listed *e, void *ctx),
		  void *ctx, struct buf *out)
{
	json_t *was = json_loadb(old.ptr ? old.ptr : "", old.len, 0, NULL), *entry, *list = json_array();
	CLEAN_MAP struct map seen = { 0 };
	VEC(json_t *) all = { 0 };
	size_t i;

	for (i = 0; i < res->len; i++)
		if (made(&res->ptr[i]))
			map_put(&seen, res->ptr[i].name, list);
	json_array_foreach(json_object_get(was, "artifacts"), i, entry) {
		const json_int_t size = json_integer_value(json_object_get(entry, "size"));
		const struct listed e = { .path = path_of(entry),
					  .kind = json_string_value(json_object_get(entry, "kind")),
					  .sha256 = json_string_value(json_object_get(entry, "sha256")),
					  .size = size > 0 ? (uint64_t)size : 0 };

		if (e.path && !map_has(&seen, e.path) && keep(&e, ctx)) {
			map_put(&seen, e.path, entry);
			VEC_PUSH(&all, json_incref(entry));
		}
	}
	for (i = 0; i < res->len; i++)
		if (made(&res->ptr[i]))
			VEC_PUSH(&all, artifact_json(&res->ptr[i], res->ptr[i].name, res));
	if (all.len)
		qsort(all.ptr, all.len, sizeof(*all.ptr), by_path);
	for (i = 0; i < all.len; i++)
		json_array_append_new(list, all.ptr[i]);
	VEC_FREE(&all);
	json_decref(was);
	dump(json_pack("{s:i, s:o}", "version", 1, "artifacts", list), JSON_INDENT(2), out);
}
