/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --cache-to. A cache is an image manifest whose config lists records and whose layers are the blobs that they name, so
 * that every registry and layout can hold it and slsc copy can copy it.
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

/** A cache being written. */
struct writing {
	struct solver *sv;
	const struct place *to;
	struct layout layout;
	json_t *records;
	struct image im;
	struct image_layer *layers; /* heap */
	struct map seen;
	uint64_t bytes;
	bool there;  /* blobs that @to has given need not be here to be in it again */
	bool relied; /* there are such */
};

static void writing_release(struct writing *w)
{
	layout_release(&w->layout);
	map_release(&w->seen);
	json_decref(w->records);
	free(w->layers);
}

/* Of a step that was imported the cache's own, but for where it is from. */
static json_t *record_of(const struct op *op)
{
	CLEAN_FREE char *path = record_path(op->v->sv, op->key);
	const char *imported = op->layer.origin ? map_get(&op->v->sv->imported, op->key) : NULL;
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err ignored;
	json_t *r;

	if (imported) {
		r = json_loads(imported, 0, NULL);
		json_object_del(r, "from");
		return r;
	}
	if (!fs_exists(path) || fs_read(path, 1 << 16, &b, &ignored) < 0)
		return NULL;
	return json_loadb(b.ptr, b.len, 0, NULL);
}

/* Whether it is from the very repository that the cache goes to. */
static bool is_at_home(const struct writing *w, const struct layer *l)
{
	CLEAN_FREE char *repo = w->to->kind == PLACE_REGISTRY ? xasprintf("%s/%s", w->to->host, w->to->repo) : NULL;

	return repo && l->origin && starts_with(l->origin->shown, repo) &&
	       (!l->origin->shown[strlen(repo)] || strchr(":@", l->origin->shown[strlen(repo)]));
}

/* 1: it is in the cache that is written; 0: its blob cannot be had. */
static int put_blob(struct writing *w, struct layer *l, struct err *err)
{
	CLEAN_FREE char *path = store_path(&l->as.digest);
	int ret;

	if (!layer_stored(l)) {
		if (w->there && is_at_home(w, l)) {
			w->relied = true;
			return 1;
		}
		ret = l->origin ? cache_fetch_layer(w->sv, l, err) : 0;
		if (ret <= 0)
			return ret;
	}
	w->bytes += l->as.size;
	return layout_link(&w->layout, path, &l->as.digest, err) < 0 ? -1 : 1;
}

static int put_step(struct writing *w, struct op *op, struct err *err)
{
	struct layer *l = &op->layer;
	json_t *r;
	int ret;

	if (!op_has_form(op))
		return 0;
	if (!l->empty && layer_blob(w->sv, l, err) < 0)
		return -1;
	r = record_of(op);
	if (!r)
		return 0;
	if (!l->empty && !map_has(&w->seen, l->as.digest.s)) {
		ret = put_blob(w, l, err);
		if (ret <= 0) {
			json_decref(r);
			return ret;
		}
		map_put(&w->seen, l->as.digest.s, l);
		w->layers[w->im.nlayers++] = l->as;
	}
	if (json_object_set_new(w->records, op->key, r) < 0)
		BUG("jansson: cannot set a record");
	return 0;
}

/* Every step of the build that is there, also those of stages that the image only copies from. */
static int put_steps(struct writing *w, struct err *err)
{
	struct solver *sv = w->sv;
	size_t n = 0;

	for (size_t i = 0; i < sv->vertices.len; i++)
		n += sv->vertices.ptr[i]->ops.len;
	w->im.layers = w->layers = xcalloc(n + 1, sizeof(*w->layers));
	for (size_t i = 0; i < sv->vertices.len; i++)
		VEC_EACH(&sv->vertices.ptr[i]->ops, o)
			if (put_step(w, *o, err) < 0)
				return -1;
	return 0;
}

static int write_cache(struct writing *w, const char *dir, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT, index = BUF_INIT;
	struct descriptor config = { .media_type = MEDIA_CACHE }, manifest = { .media_type = MEDIA_MANIFEST };
	json_t *all;
	char *dump;
	int ret;

	w->records = json_object();
	if (layout_open(&w->layout, dir, false, err) < 0 || put_steps(w, err) < 0)
		return -1;
	all = json_object();
	json_object_set(all, "records", w->records);
	dump = json_dumps(all, JSON_SORT_KEYS | JSON_COMPACT);
	json_decref(all);
	config.size = strlen(dump);
	ret = layout_put(&w->layout, dump, config.size, &config.digest, err);
	free(dump);
	if (ret < 0)
		return -1;
	image_manifest(&w->im, &config, &text);
	manifest.size = text.len;
	manifest.ref = "latest";
	if (layout_put(&w->layout, text.ptr, text.len, &manifest.digest, err) < 0)
		return -1;
	image_index(&manifest, 1, NULL, &index);
	return layout_commit(&w->layout, index.ptr, index.len, err);
}

static int export(struct solver *sv, const struct place *to, bool there, bool *relied, struct err *err)
{
	CLEANUP(writing_release) struct writing w = { .sv = sv, .to = to, .there = there };
	CLEAN_PLACE struct place from = { .kind = PLACE_LAYOUT };
	CLEAN_TRANSFER struct transfer_result res = { .name = NULL };
	struct transfer_opts o = { .registry = &sv->hurry.opts };
	CLEAN_FREE char *scratch = NULL;
	int ret;

	if (solver_scratch(sv, &scratch, err) < 0 || write_cache(&w, scratch, err) < 0)
		return -1;
	*relied = w.relied;
	o.distrust = w.relied || sv->cache_told;
	from.path = xstrdup(scratch);
	from.tag = xstrdup("latest");
	hurry_begin(&sv->hurry, w.bytes);
	ret = transfer_run(&from, to, &o, &res, err);
	hurry_end(&sv->hurry);
	if (ret == 0) {
		sv->res->cache.sent = res.copied_bytes;
		*relied = false;
	}
	return ret;
}

/*
 * The image is made: what goes wrong here is a warning. A registry that has lost a blob of the cache that it gave a
 * moment ago gets one without that step.
 */
int cache_export(struct solver *sv, struct err *err)
{
	CLEAN_PLACE struct place to = { .kind = PLACE_LAYOUT };
	struct err why = ERR_INIT;
	bool relied = false;

	sv->res->cache.got = atomic_load(&sv->cache_got);
	if (!sv->req->cache_to)
		return 0;
	if (place_parse(&to, sv->req->cache_to, err) < 0)
		return err_wrap(err, "--cache-to");
	if (to.kind == PLACE_REGISTRY && atomic_load(&sv->cache_dead))
		return 0;
	if (export(sv, &to, true, &relied, &why) == 0)
		return 0;
	if (relied && why.code != ERR_INTR && export(sv, &to, false, &relied, &why) == 0)
		return 0;
	return cache_trouble(sv, "--cache-to", &why, err);
}
