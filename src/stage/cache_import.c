/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --cache-from. What a cache says is only of use: it may be slow, dead or damaged, and then the steps run here, after
 * one warning. Records come first; a blob is fetched when it is clear that the image, or a step that runs, stands on
 * it.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/store.h"
#include "registry/work.h"
#include "stage/solve_internal.h"

#define RECORD_MAX (64u << 10)

/* A signal is no trouble of the cache's. */
int cache_trouble(struct solver *sv, const char *option, const struct err *why, struct err *err)
{
	if (why->code == ERR_INTR) {
		*err = *why;
		return -1;
	}
	pthread_mutex_lock(&sv->lock);
	if (!sv->cache_told)
		strs_addf(&sv->res->warnings, "%s: %s", option, why->msg);
	sv->cache_told = sv->res->cache.trouble = true;
	pthread_mutex_unlock(&sv->lock);
	return 0;
}

static bool is_record(const char *key, const json_t *r)
{
	return strlen(key) == KEY_LEN - 1 && strspn(key, "0123456789abcdef") == KEY_LEN - 1 && json_is_object(r);
}

/* Of a record with a blob: whether the manifest names that blob, with that size. */
static bool has_blob(const struct document *doc, const json_t *r)
{
	const char *digest = json_string_value(json_object_get(r, "digest"));
	const json_t *size = json_object_get(r, "size");

	if (!digest)
		return true;
	for (size_t i = 0; i < doc->len; i++)
		if (strcmp(doc->ptr[i].digest.s, digest) == 0)
			return json_is_integer(size) && json_integer_value(size) >= 0 &&
			       (uint64_t)json_integer_value(size) == doc->ptr[i].size;
	return false;
}

static int read_records(struct solver *sv, const struct document *doc, const struct buf *text, const char *shown,
			struct err *err)
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

		if (!is_record(key, r) || map_has(&sv->imported, key) || !has_blob(doc, r))
			continue;
		json_object_set_new(r, "from", json_integer((json_int_t)sv->ncaches - 1));
		copy = json_dumps(r, JSON_COMPACT);
		if (copy && strlen(copy) < RECORD_MAX)
			map_put(&sv->imported, key, arena_strdup(&sv->arena, copy));
		free(copy);
	}
	json_decref(all);
	return 0;
}

static int import_one(struct solver *sv, const struct place *pl, struct err *err)
{
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };
	CLEAN_ARENA struct arena arena = ARENA_INIT;
	CLEAN_BUF struct buf bytes = BUF_INIT;
	struct origin *o;

	if (origin_open(&o, pl, &sv->hurry.origins, err) < 0)
		return -1;
	sv->caches = xrealloc(sv->caches, (sv->ncaches + 1) * sizeof(*sv->caches));
	sv->caches[sv->ncaches++] = o;
	if (origin_manifest(o, NULL, NULL, &doc, NULL, NULL, &arena, err) < 0)
		return -1;
	if (strcmp(doc.config.media_type, MEDIA_CACHE) != 0)
		return err_set(err, ERR_FORMAT, "%s: is no cache of slsc", o->shown);
	if (origin_bytes(o, &doc.config, DOCUMENT_MAX, &bytes, err) < 0)
		return -1;
	return read_records(sv, &doc, &bytes, o->shown, err);
}

/* A registry that does not answer is not asked again, neither for blobs nor to take any. */
static void is_dead(struct solver *sv, const struct err *why)
{
	if (why->code == ERR_NET)
		atomic_store(&sv->cache_dead, true);
}

/* The first build of all has no cache yet: there is nothing to be told if this one makes it. */
int cache_import(struct solver *sv, struct err *err)
{
	CLEAN_PLACE struct place to = { .kind = PLACE_LAYOUT };

	if (sv->req->cache_to && place_parse(&to, sv->req->cache_to, err) < 0)
		return err_wrap(err, "--cache-to");
	for (size_t i = 0; sv->req->cache_from && i < sv->req->cache_from->len; i++) {
		CLEAN_PLACE struct place pl = { .kind = PLACE_LAYOUT };
		struct err why = ERR_INIT;
		int ret;

		if (place_parse(&pl, sv->req->cache_from->ptr[i], err) < 0)
			return err_wrap(err, "--cache-from");
		if (atomic_load(&sv->cache_dead) && pl.kind == PLACE_REGISTRY)
			continue;
		hurry_begin(&sv->hurry, 0);
		ret = import_one(sv, &pl, &why);
		hurry_end(&sv->hurry);
		if (ret == 0)
			continue;
		if (why.code == ERR_NOTFOUND && sv->req->cache_to)
			continue;
		is_dead(sv, &why);
		if (cache_trouble(sv, "--cache-from", &why, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- blobs ---- */

/* 1: it is in the store; 0: it cannot be had, which is told. */
static int fetch(struct solver *sv, struct layer *l, struct err *err)
{
	CLEAN_FREE char *path = NULL;
	struct err why = ERR_INIT;

	if (atomic_load(&sv->cache_dead))
		return 0;
	if (store_fetch(l->origin, &l->desc, &path, &why) == 0) {
		l->sure = true;
		atomic_fetch_add(&sv->cache_got, l->desc.size);
		return 1;
	}
	is_dead(sv, &why);
	return cache_trouble(sv, "--cache-from", &why, err) < 0 ? -1 : 0;
}

int cache_fetch_layer(struct solver *sv, struct layer *l, struct err *err)
{
	int ret;

	hurry_begin(&sv->hurry, l->desc.size);
	ret = fetch(sv, l, err);
	hurry_end(&sv->hurry);
	return ret;
}

struct wanted {
	struct solver *sv;
	VEC(struct layer *) layers;
	uint64_t bytes;
	struct map seen;
	atomic_bool missing;
};

static bool is_elsewhere(const struct layer *l)
{
	return l->op && l->origin && l->blob && !l->sure && !l->dir && !l->empty;
}

static void want_below(struct wanted *w, struct vertex *v, size_t n)
{
	if (v->base)
		want_below(w, v->base, v->base->ops.len);
	for (size_t i = 0; i < n; i++) {
		struct layer *l = &v->ops.ptr[i]->layer;

		if (!is_elsewhere(l) || map_put(&w->seen, l->desc.digest.s, l))
			continue;
		VEC_PUSH(&w->layers, l);
		w->bytes += l->desc.size;
	}
}

static void want_for_op(struct wanted *w, const struct op *op)
{
	if (op->kind != OP_COPY || !op->want.link)
		want_below(w, op->v, op_index(op));
	if (op->from)
		want_below(w, op->from, op->from->ops.len);
	for (size_t i = 0; i < op->nmounts; i++)
		if (op->mounts[i].from)
			want_below(w, op->mounts[i].from, op->mounts[i].from->ops.len);
}

static int fetch_one(void *ctx, size_t i, struct err *err)
{
	struct wanted *w = ctx;
	const int ret = fetch(w->sv, w->layers.ptr[i], err);

	if (ret == 0)
		atomic_store(&w->missing, true);
	return ret < 0 ? -1 : 0;
}

/* What is planned so far is as if it had never been asked for. */
static void forget_all(struct solver *sv)
{
	for (size_t i = 0; i < sv->vertices.len; i++) {
		VEC_EACH(&sv->vertices.ptr[i]->ops, o) {
			(*o)->keyed = (*o)->demanded = false;
			(*o)->nparts = 0;
			op_forget(*o);
		}
	}
}

void op_forget(struct op *op)
{
	struct layer *l = &op->layer;

	op->known = false;
	op->content[0] = l->name[0] = '\0';
	l->dir = l->blob = l->sure = l->empty = false;
	l->origin = NULL;
	l->as = (struct image_layer){ .size = 0 };
	l->desc = (struct doc_descriptor){ .size = 0 };
}

/* Those of a failed round that were fetched are found in the store by the next one. */
static void drop_unfetched(struct solver *sv, const struct wanted *w)
{
	VEC_EACH(&w->layers, l)
		if (!(*l)->sure)
			map_put(&sv->imported, (*l)->op->key, NULL);
}

int cache_fetch(struct solver *sv, struct vertex *const *targets, size_t n, struct err *err)
{
	struct wanted w = { .sv = sv };
	atomic_bool cancel = false;
	int ret = 0;

	if (!sv->ncaches)
		return 0;
	for (size_t i = 0; i < n; i++)
		want_below(&w, targets[i], targets[i]->ops.len);
	for (size_t i = 0; i < sv->vertices.len; i++)
		VEC_EACH(&sv->vertices.ptr[i]->ops, o)
			if ((*o)->demanded)
				want_for_op(&w, *o);
	if (w.layers.len) {
		hurry_begin(&sv->hurry, w.bytes);
		ret = work_run(w.layers.len, work_jobs(w.layers.len, w.bytes), fetch_one, &w, &cancel, err);
		hurry_end(&sv->hurry);
	}
	if (ret == 0 && atomic_load(&w.missing)) {
		drop_unfetched(sv, &w);
		forget_all(sv);
		ret = 1;
	}
	map_release(&w.seen);
	VEC_FREE(&w.layers);
	return ret;
}
