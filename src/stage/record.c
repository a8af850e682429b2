/* SPDX-License-Identifier: Apache-2.0 */
/* What earlier runs have made, by the digest of what they read; and why a step runs again. */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "oci/store.h"
#include "os/fs.h"
#include "stage/solve_internal.h"

#define RECORD_MAX (64u << 10) /* bytes */
#define LAST_MAX   (8u << 20)

char *record_path(const struct solver *sv, const char *key)
{
	return xasprintf("%s/steps/%s", sv->cache, key);
}

static const char *text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static bool is_key(const char *s)
{
	return strlen(s) == KEY_LEN - 1 && strspn(s, "0123456789abcdef") == KEY_LEN - 1;
}

static bool int_is(const json_t *j, const char *key, int64_t want)
{
	const json_t *n = json_object_get(j, key);

	return json_is_integer(n) && json_integer_value(n) == want;
}

/* The layer as a blob, if it is what this run would make, and the store or a cache has it. */
static void read_blob(struct op *op, const json_t *j)
{
	const struct solver *sv = op->v->sv;
	struct image_layer *l = &op->layer.as;
	struct err ignored;
	struct image_layer got = { .size = (uint64_t)json_integer_value(json_object_get(j, "size")),
				   .tar_size = (uint64_t)json_integer_value(json_object_get(j, "tar_size")),
				   .codec = sv->req->codec };

	if (!int_is(j, "epoch", sv->epoch) || strcmp(text(j, "codec"), codec_name(sv->req->codec)) != 0 ||
	    !int_is(j, "level", sv->req->level) ||
	    strcmp(text(j, "codec_version"), codec_version(sv->req->codec)) != 0 ||
	    digest_parse(text(j, "digest"), &got.digest, &ignored) < 0 ||
	    digest_parse(text(j, "diff_id"), &got.diff_id, &ignored) < 0)
		return;
	op->layer.sure = store_verified(&got.digest, got.size);
	if (!op->layer.sure && !op->layer.origin)
		return;
	*l = got;
	op->layer.desc = (struct doc_descriptor){ .media_type = layer_media_type(got.codec),
						  .digest = got.digest,
						  .size = got.size };
	op->layer.blob = true;
}

int record_find(struct op *op, struct err *err)
{
	struct solver *sv = op->v->sv;
	CLEAN_FREE char *path = record_path(sv, op->key), *dir = NULL;
	CLEAN_BUF struct buf b = BUF_INIT;
	const char *imported = atomic_load(&sv->cache_dead) ? NULL : map_get(&sv->imported, op->key);
	struct err why;
	json_t *j;
	int ret;

	if (fs_exists(path) && fs_read(path, RECORD_MAX, &b, &why) == 0)
		imported = NULL;
	else if (!imported)
		return 0;
	j = imported ? json_loads(imported, 0, NULL) : json_loadb(b.ptr, b.len, 0, NULL);
	/* what is damaged is unknown */
	if (json_is_object(j) && is_key(text(j, "name")) && is_key(text(j, "content"))) {
		op->layer.empty = json_is_true(json_object_get(j, "empty"));
		memcpy(op->layer.name, text(j, "name"), KEY_LEN);
		memcpy(op->content, text(j, "content"), KEY_LEN);
		if (imported && sv->ncaches)
			op->layer.origin = sv->caches[json_integer_value(json_object_get(j, "from"))];
		read_blob(op, j);
		dir = layer_path(sv, op->layer.name);
		op->layer.dir = fs_is_dir(dir);
		op->known = true;
		/* a use, which pruning goes by */
		if (!imported)
			utimensat(AT_FDCWD, path, NULL, 0);
	}
	json_decref(j);
	if (!op->known || !imported || !sv->running || !op->layer.blob || op->layer.sure)
		return op->known;
	/* nobody can wait for it any more */
	ret = cache_fetch_layer(sv, &op->layer, err);
	if (ret <= 0)
		op_forget(op);
	return ret;
}

int record_write(struct op *op, struct err *err)
{
	const struct solver *sv = op->v->sv;
	CLEAN_FREE char *path = record_path(sv, op->key), *dir = path_join(sv->cache, "steps");
	const struct layer *l = &op->layer;
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addf(&b, "{\"name\":\"%s\",\"content\":\"%s\",\"empty\":%s", l->name, op->content,
		 l->empty ? "true" : "false");
	if (l->blob && !l->empty)
		buf_addf(&b,
			 ",\"digest\":\"%s\",\"diff_id\":\"%s\",\"size\":%llu,\"tar_size\":%llu,\"codec\":\"%s\","
			 "\"codec_version\":\"%s\",\"level\":%d,\"epoch\":%lld",
			 l->as.digest.s, l->as.diff_id.s, (unsigned long long)l->as.size,
			 (unsigned long long)l->as.tar_size, codec_name(l->as.codec), codec_version(l->as.codec),
			 (int)sv->req->level, (long long)sv->epoch);
	buf_addz(&b, "}\n");
	if (fs_mkdirs(dir, err) < 0)
		return -1;
	return fs_write_lazy(path, buf_str(&b), 0644, err);
}

/* ---- --explain: the parts of each step, as of the last run of this Dockerfile ---- */

static char *last_path(const struct solver *sv)
{
	CLEAN_FREE char *real = realpath(sv->req->context, NULL), *file = realpath(sv->dockerfile, NULL);
	struct err ignored;
	char hex[KEY_LEN];
	struct key k;

	if (key_begin(&k, "last", &ignored) < 0)
		return NULL;
	key_add(&k, real);
	key_add(&k, file);
	key_end(&k, hex);
	return xasprintf("%s/last/%s", sv->cache, hex);
}

static char *step_name(const struct op *op)
{
	return xasprintf("%s %s %u", op->v->name, arch_oci(op->v->target), op->step);
}

static json_t *last_load(const struct solver *sv)
{
	CLEAN_FREE char *path = last_path(sv);
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err ignored;

	if (!path || !fs_exists(path) || fs_read(path, LAST_MAX, &b, &ignored) < 0)
		return NULL;
	return json_loadb(b.ptr, b.len, 0, NULL);
}

const char *explain_why(struct op *op, char *buf, size_t cap)
{
	CLEAN_FREE char *name = step_name(op);
	json_t *all = last_load(op->v->sv);
	const json_t *was = json_object_get(all, name);
	size_t n = 0;

	snprintf(buf, cap, "%s",
		 op->v->sv->req->no_cache ? "--no-cache was given"
		 : !was			  ? "it has not run before"
					  : "what it made is no longer in the cache");
	for (size_t i = 0; was && !op->v->sv->req->no_cache && i < op->nparts; i++) {
		if (strcmp(text(was, op->part[i].name), op->part[i].key) == 0)
			continue;
		n += (size_t)snprintf(buf + n, cap - n, "%s%s", n ? ", " : "changed: ", op->part[i].name);
		if (n >= cap)
			break;
	}
	json_decref(all);
	return buf;
}

/* Only of use to a later --explain: what goes wrong here is not worth a word. */
void explain_save(struct solver *sv)
{
	CLEAN_FREE char *path = last_path(sv), *dir = path_join(sv->cache, "last");
	json_t *all = json_object();
	struct err ignored;
	char *out;

	for (size_t i = 0; i < sv->vertices.len; i++) {
		VEC_EACH(&sv->vertices.ptr[i]->ops, o) {
			CLEAN_FREE char *name = step_name(*o);
			json_t *parts = json_object();

			for (size_t k = 0; k < (*o)->nparts; k++)
				json_object_set_new(parts, (*o)->part[k].name, json_string((*o)->part[k].key));
			json_object_set_new(all, name, parts);
		}
	}
	out = json_dumps(all, JSON_SORT_KEYS | JSON_COMPACT);
	json_decref(all);
	if (out && path && fs_mkdirs(dir, &ignored) == 0 && fs_write_lazy(path, str_from(out), 0644, &ignored) < 0)
		ignored.code = ERR_NONE;
	free(out);
}
