/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caches elsewhere: --cache-to and --cache-from. A cache is an image manifest whose config lists records and whose
 * layers are the blobs that they name, so that every registry and layout can hold it and slsc copy can copy it.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/layout.h"
#include "oci/store.h"
#include "os/fs.h"
#include "registry/transfer.h"
#include "stage/solve_internal.h"

#define MEDIA_CACHE "application/vnd.slsc.cache.v1+json"

/* ---- from ---- */

static int read_records(struct solver *sv, size_t n, const struct buf *text, const char *shown, struct err *err)
{
	json_t *all = json_loadb(text->ptr, text->len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *records = json_object_get(all, "records");
	const char *key;
	json_t *r;

	if (!json_is_object(records)) {
		json_decref(all);
		return err_set(err, ERR_FORMAT, "%s: is no cache of slsc", shown);
	}
	json_object_foreach((json_t *)(uintptr_t)records, key, r) {
		char *copy;

		if (!json_is_object(r) || map_has(&sv->imported, key))
			continue;
		json_object_set_new(r, "from", json_integer((json_int_t)n));
		copy = json_dumps(r, JSON_COMPACT);
		map_put(&sv->imported, key, arena_strdup(&sv->arena, copy));
		free(copy);
	}
	json_decref(all);
	return 0;
}

static int import_one(struct solver *sv, const char *text, struct err *err)
{
	CLEAN_PLACE struct place pl = { .kind = PLACE_LAYOUT };
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };
	CLEAN_ARENA struct arena arena = ARENA_INIT;
	CLEAN_BUF struct buf bytes = BUF_INIT;
	struct origin *o;

	if (place_parse(&pl, text, err) < 0 || origin_open(&o, &pl, sv->req->origins, err) < 0)
		return -1;
	if (pl.kind == PLACE_REGISTRY)
		o = origin_stored(o);
	sv->caches = xrealloc(sv->caches, (sv->ncaches + 1) * sizeof(*sv->caches));
	sv->caches[sv->ncaches++] = o;
	if (origin_manifest(o, NULL, NULL, &doc, NULL, NULL, &arena, err) < 0 ||
	    origin_bytes(o, &doc.config, DOCUMENT_MAX, &bytes, err) < 0)
		return -1;
	return read_records(sv, sv->ncaches - 1, &bytes, o->shown, err);
}

/* The first build of all has no cache yet: that is told, and is no error. */
int cache_import(struct solver *sv, struct err *err)
{
	for (size_t i = 0; sv->req->cache_from && i < sv->req->cache_from->len; i++) {
		struct err why = ERR_INIT;

		if (import_one(sv, sv->req->cache_from->ptr[i], &why) == 0)
			continue;
		if (why.code != ERR_NOTFOUND && why.code != ERR_NET) {
			*err = why;
			return err_wrap(err, "--cache-from");
		}
		strs_addf(&sv->res->warnings, "--cache-from: %s", why.msg);
	}
	return 0;
}

/* ---- to ---- */

static json_t *record_of(const struct op *op)
{
	CLEAN_FREE char *path = record_path(op->v->sv, op->key);
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err ignored;

	if (!fs_exists(path) || fs_read(path, 1 << 16, &b, &ignored) < 0)
		return NULL;
	return json_loadb(b.ptr, b.len, 0, NULL);
}

/* Every step of the build that is there, also those of stages that the image only copies from. */
static int put_steps(struct solver *sv, struct layout *l, json_t *records, struct image *im, struct image_layer *layers,
		     struct err *err)
{
	CLEAN_MAP struct map seen = { 0 };

	for (size_t i = 0; i < sv->vertices.len; i++) {
		VEC_EACH(&sv->vertices.ptr[i]->ops, o) {
			struct layer *layer = &(*o)->layer;
			CLEAN_FREE char *path = NULL;
			json_t *r;

			if (!op_has_form(*o))
				continue;
			if (!layer->empty && layer_blob(sv, layer, err) < 0)
				return -1;
			r = record_of(*o);
			if (r && json_object_set_new(records, (*o)->key, r) < 0)
				BUG("jansson: cannot set a record");
			if (!r || layer->empty || map_put(&seen, layer->as.digest.s, o))
				continue;
			path = store_path(&layer->as.digest);
			if (!layer_stored(layer) ||
			    layout_link(l, path, &layer->as.digest, err) < 0)
				return err_set(err, ERR_NOTFOUND, "--cache-to: %s is no longer in the cache",
					       layer->as.digest.s);
			layers[im->nlayers++] = layer->as;
		}
	}
	return 0;
}

static int write_cache(struct solver *sv, const char *dir, struct err *err)
{
	CLEAN_LAYOUT struct layout l = { .dir = NULL };
	CLEAN_FREE struct image_layer *layers = NULL;
	CLEAN_BUF struct buf text = BUF_INIT, index = BUF_INIT;
	struct image im = { .nlayers = 0 };
	struct descriptor config = { .media_type = MEDIA_CACHE }, manifest = { .media_type = MEDIA_MANIFEST };
	json_t *all = json_object(), *records = json_object();
	size_t n = 0;
	char *dump;
	int ret;

	for (size_t i = 0; i < sv->vertices.len; i++)
		n += sv->vertices.ptr[i]->ops.len;
	layers = xcalloc(n + 1, sizeof(*layers));
	im.layers = layers;
	json_object_set_new(all, "records", records);
	ret = layout_open(&l, dir, false, err);
	if (ret == 0)
		ret = put_steps(sv, &l, records, &im, layers, err);
	dump = json_dumps(all, JSON_SORT_KEYS | JSON_COMPACT);
	json_decref(all);
	config.size = strlen(dump);
	if (ret == 0)
		ret = layout_put(&l, dump, config.size, &config.digest, err);
	free(dump);
	if (ret < 0)
		return -1;
	image_manifest(&im, &config, &text);
	manifest.size = text.len;
	manifest.ref = "latest";
	if (layout_put(&l, text.ptr, text.len, &manifest.digest, err) < 0)
		return -1;
	image_index(&manifest, 1, NULL, &index);
	return layout_commit(&l, index.ptr, index.len, err);
}

int cache_export(struct solver *sv, struct err *err)
{
	CLEAN_PLACE struct place to = { .kind = PLACE_LAYOUT };
	CLEAN_PLACE struct place from = { .kind = PLACE_LAYOUT };
	CLEAN_TRANSFER struct transfer_result res = { .name = NULL };
	const struct transfer_opts o = { .registry = sv->req->registry };
	CLEAN_FREE char *scratch = NULL;

	if (!sv->req->cache_to)
		return 0;
	if (place_parse(&to, sv->req->cache_to, err) < 0 || solver_scratch(sv, &scratch, err) < 0 ||
	    write_cache(sv, scratch, err) < 0)
		return err_wrap(err, "--cache-to");
	from.path = xstrdup(scratch);
	from.tag = xstrdup("latest");
	return transfer_run(&from, &to, &o, &res, err) < 0 ? err_wrap(err, "--cache-to") : 0;
}
