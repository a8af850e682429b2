/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <string.h>

#include "oci/image.h"
#include "oci/origin.h"
#include "report/check_image.h"
#include "wasm/wasm.h"

#define CONFIG_MAX 65536u	/* bytes; ours have 161, and jansson makes 50 times as much of "[[],[],..." */

static bool exports(const struct wasm_file *f, const char *name, enum wasm_kind kind)
{
	for (size_t i = 0; i < f->nexports; i++)
		if (f->exports[i].kind == kind && strcmp(f->exports[i].name, name) == 0)
			return true;
	return false;
}

void check_module(struct check *c, const char *where, const void *p, size_t n)
{
	CLEAN_WASM struct wasm_file f = WASM_INIT;
	struct err err;

	if (wasm_parse(&f, "the module", p, n, &err) < 0) {
		check_add(c, RULE_MODULE_FORMAT, where, "%s", err.msg);
		return;
	}
	if (!exports(&f, "_start", WASM_FUNC))
		check_add(c, RULE_MODULE_FORMAT, where, "does not export the function '_start'");
	if (!exports(&f, "memory", WASM_MEMORY))
		check_add(c, RULE_MODULE_FORMAT, where, "does not export its 'memory'");
	for (size_t i = 0; i < f.nimports; i++)
		if (!wasm_is_wasi(&f.imports[i]))
			check_add(c, RULE_MODULE_IMPORTS, where, "imports %s '%s' from '%s'",
				  wasm_kind_name(f.imports[i].kind), f.imports[i].name, f.imports[i].module);
}

static const char *text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "nothing";
}

static void check_config(struct check *c, const struct buf *text, const struct digest *layer)
{
	json_t *j = json_loadb(text->ptr, text->len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *digests = json_object_get(j, "layerDigests");
	const char *digest = json_string_value(json_array_get(digests, 0));

	if (!json_is_object(j))
		check_add(c, RULE_LAYER_DAMAGED, "config", "is no JSON object");
	else if (strcmp(text_of(j, "architecture"), MODULE_ARCH) != 0 || strcmp(text_of(j, "os"), MODULE_OS) != 0)
		check_add(c, RULE_IMAGE_PLATFORM, "config", "is for %s/%s, not " MODULE_OS "/" MODULE_ARCH,
			  text_of(j, "os"), text_of(j, "architecture"));
	else if (json_array_size(digests) != 1 || !digest || strcmp(digest, layer->s) != 0)
		check_add(c, RULE_IMAGE_COUNT, "config", "layerDigests does not name the module");
	json_decref(j);
}

int check_module_artifact(const struct image_check *ic, struct err *err)
{
	const struct document *m = ic->manifest;
	CLEAN_BUF struct buf config = BUF_INIT, bytes = BUF_INIT;

	if (m->len != 1 || strcmp(m->ptr[0].media_type, MEDIA_WASM) != 0) {
		check_add(ic->c, RULE_IMAGE_MEDIA, "layers", "are not one module (" MEDIA_WASM ")");
		return 0;
	}
	if (origin_bytes(ic->origin, &m->config, CONFIG_MAX, &config, err) < 0 ||
	    origin_bytes(ic->origin, &m->ptr[0], WASM_SIZE_MAX, &bytes, err) < 0) {
		if (!check_is_foreign(err))
			return -1;
		check_add(ic->c, RULE_LAYER_DAMAGED, NULL, "%s", err->msg);
		return 0;
	}
	check_config(ic->c, &config, &m->ptr[0].digest);
	check_module(ic->c, "layer 1", bytes.ptr, bytes.len);
	return 0;
}
