/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "oci/js.h"

void image_release(struct image *im)
{
	map_release(&im->env);
	map_release(&im->labels);
	map_release(&im->annotations);
	strs_release(&im->entrypoint);
}

void image_time(int64_t seconds, char out[24])
{
	const int64_t first = -62135596800, last = 253402300799;	/* 0001-01-01, 9999-12-31 */
	time_t t = seconds < first ? first : seconds > last ? last : seconds;
	struct tm tm;

	gmtime_r(&t, &tm);
	snprintf(out, 24, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)(tm.tm_year + 1900) % 10000u,
		 (unsigned)(tm.tm_mon + 1) % 100u, (unsigned)tm.tm_mday % 100u, (unsigned)tm.tm_hour % 100u,
		 (unsigned)tm.tm_min % 100u, (unsigned)tm.tm_sec % 100u);
}

static json_t *from_map(const struct map *m)
{
	json_t *j = js_must(json_object());

	for (size_t i = 0; i < m->len; i++)
		js_set(j, m->ptr[i].key, json_string(m->ptr[i].val));
	return j;
}

static json_t *descriptor_json(const struct descriptor *d)
{
	json_t *j = js_must(json_object());

	js_set(j, "mediaType", json_string(d->media_type));
	js_set(j, "digest", json_string(d->digest.s));
	js_set(j, "size", json_integer((json_int_t)d->size));
	if (d->architecture)
		js_set(j, "platform", json_pack("{s:s, s:s}", "architecture", d->architecture, "os",
						d->os ? d->os : "linux"));
	if (d->artifact_type)
		js_set(j, "artifactType", json_string(d->artifact_type));
	if (d->ref)
		js_set(j, "annotations", json_pack("{s:s}", "org.opencontainers.image.ref.name", d->ref));
	return j;
}

static void set_text(json_t *object, const char *key, const char *text)
{
	if (text)
		js_set(object, key, json_string(text));
}

/* As it was: tools count the entries that are not empty, so there is one for each layer. */
static void base_history(const struct image_base *b, const char *when, json_t *list)
{
	size_t full = 0;

	for (size_t i = 0; i < b->nhistory; i++)
		full += !b->history[i].empty_layer;
	for (size_t i = 0; full == b->nlayers && i < b->nhistory; i++) {
		json_t *h = js_must(json_object());

		set_text(h, "created", b->history[i].created);
		set_text(h, "created_by", b->history[i].created_by);
		set_text(h, "comment", b->history[i].comment);
		if (b->history[i].empty_layer)
			js_set(h, "empty_layer", json_true());
		js_push(list, h);
	}
	for (size_t i = 0; full != b->nlayers && i < b->nlayers; i++)
		js_push(list, json_pack("{s:s}", "created", b->created ? b->created : when));
}

static json_t *history(const struct image *im)
{
	json_t *list = js_must(json_array());
	char when[24];

	image_time(im->created, when);
	if (im->base)
		base_history(im->base, when, list);
	for (size_t i = im->base ? im->base->nlayers : 0; i < im->nlayers; i++) {
		json_t *h = js_must(json_object());

		js_set(h, "created", json_string(when));
		if (im->layers[i].created_by)
			js_set(h, "created_by", json_string(im->layers[i].created_by));
		js_push(list, h);
	}
	return list;
}

void image_config(const struct image *im, struct buf *out)
{
	json_t *j = js_must(json_object()), *config = js_must(json_object());
	json_t *env = js_must(json_array()), *entrypoint = js_must(json_array()), *ids = js_must(json_array());
	char when[24];

	for (size_t i = 0; i < im->env.len; i++) {
		CLEAN_FREE char *kv = xasprintf("%s=%s", im->env.ptr[i].key, (const char *)im->env.ptr[i].val);

		js_push(env, json_string(kv));
	}
	for (size_t i = 0; i < im->entrypoint.len; i++)
		js_push(entrypoint, json_string(im->entrypoint.ptr[i]));
	for (size_t i = 0; i < im->nlayers; i++)
		js_push(ids, json_string(im->layers[i].diff_id.s));
	js_set(config, "Env", env);
	js_set(config, "Entrypoint", entrypoint);
	if (im->user)
		js_set(config, "User", json_string(im->user));
	if (im->workdir)
		js_set(config, "WorkingDir", json_string(im->workdir));
	if (im->labels.len)
		js_set(config, "Labels", from_map(&im->labels));
	image_time(im->created, when);
	js_set(j, "created", json_string(when));
	js_set(j, "architecture", json_string(im->architecture));
	js_set(j, "os", json_string("linux"));
	js_set(j, "config", config);
	js_set(j, "rootfs", json_pack("{s:s, s:o}", "type", "layers", "diff_ids", ids));
	js_set(j, "history", history(im));
	js_dump(j, out);
	json_decref(j);
}

static void manifest_of(const struct descriptor *config, json_t *layers, const struct map *annotations, struct buf *out)
{
	json_t *j = js_must(json_object());

	js_set(j, "schemaVersion", json_integer(2));
	js_set(j, "mediaType", json_string(MEDIA_MANIFEST));
	js_set(j, "config", descriptor_json(config));
	js_set(j, "layers", layers);
	if (annotations->len)
		js_set(j, "annotations", from_map(annotations));
	js_dump(j, out);
	json_decref(j);
}

void image_manifest(const struct image *im, const struct descriptor *config, struct buf *out)
{
	json_t *layers = js_must(json_array());

	for (size_t i = 0; i < im->nlayers; i++) {
		const struct image_layer *l = &im->layers[i];

		js_push(layers,
			descriptor_json(&(struct descriptor){
				.media_type = layer_media_type(l->codec), .digest = l->digest, .size = l->size }));
	}
	manifest_of(config, layers, &im->annotations, out);
}

void image_index(const struct descriptor *manifests, size_t n, const struct map *annotations, struct buf *out)
{
	json_t *j = js_must(json_object()), *list = js_must(json_array());

	for (size_t i = 0; i < n; i++)
		js_push(list, descriptor_json(&manifests[i]));
	js_set(j, "schemaVersion", json_integer(2));
	js_set(j, "mediaType", json_string(MEDIA_INDEX));
	js_set(j, "manifests", list);
	if (annotations && annotations->len)
		js_set(j, "annotations", from_map(annotations));
	js_dump(j, out);
	json_decref(j);
}

static json_t *member(json_t *object, const char *key, json_type type)
{
	json_t *j = json_object_get(object, key);

	if (j && json_typeof(j) == type)
		return j;
	js_set(object, key, js_must(type == JSON_ARRAY ? json_array() : json_object()));
	return json_object_get(object, key);
}

/* In the place of one of the same name, else at the end. */
static void put_env(json_t *env, const char *name, const char *val)
{
	CLEAN_FREE char *kv = xasprintf("%s=%s", name, val);
	const size_t n = strlen(name) + 1;

	for (size_t i = 0; i < json_array_size(env); i++) {
		const char *s = json_string_value(json_array_get(env, i));

		if (!s || strncmp(s, kv, n) != 0)
			continue;
		if (json_array_set_new(env, i, js_must(json_string(kv))) < 0)
			BUG("jansson: out of memory");
		return;
	}
	js_push(env, json_string(kv));
}

int image_config_amend(const char *shown, struct str config, const struct image *im, struct buf *out, struct err *err)
{
	json_t *j = json_loadb(config.ptr, config.len, JSON_REJECT_DUPLICATES, NULL), *c;
	char when[24];

	if (!json_is_object(j)) {
		json_decref(j);
		return err_set(err, ERR_FORMAT, "%s: config: is no JSON object", shown);
	}
	c = member(j, "config", JSON_OBJECT);
	for (size_t i = 0; i < im->env.len; i++)
		put_env(member(c, "Env", JSON_ARRAY), im->env.ptr[i].key, im->env.ptr[i].val);
	for (size_t i = 0; i < im->labels.len; i++)
		js_set(member(c, "Labels", JSON_OBJECT), im->labels.ptr[i].key, json_string(im->labels.ptr[i].val));
	image_time(im->created, when);
	js_set(j, "created", json_string(when));
	js_dump(j, out);
	json_decref(j);
	return 0;
}

int image_write(struct layout *l, const struct image *im, struct descriptor *manifest, struct descriptor *config,
		struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;

	image_config(im, &text);
	return image_write_as(l, im, buf_str(&text), manifest, config, err);
}

int image_write_as(struct layout *l, const struct image *im, struct str config_text, struct descriptor *manifest,
		   struct descriptor *config, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct descriptor c = { .media_type = MEDIA_CONFIG, .size = config_text.len };

	if (layout_put(l, config_text.ptr, config_text.len, &c.digest, err) < 0)
		return -1;
	image_manifest(im, &c, &text);
	*manifest = (struct descriptor){ .media_type = MEDIA_MANIFEST, .size = text.len,
					 .architecture = im->architecture };
	if (config)
		*config = c;
	return layout_put(l, text.ptr, text.len, &manifest->digest, err);
}

int module_write(struct layout *l, struct str module, int64_t created, const struct map *annotations,
		 struct descriptor *manifest, struct descriptor *config, struct descriptor *layer, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT, about = BUF_INIT;
	json_t *layers, *j;
	char when[24];

	*layer = (struct descriptor){ .media_type = MEDIA_WASM, .size = module.len };
	if (layout_put(l, module.ptr, module.len, &layer->digest, err) < 0)
		return -1;
	image_time(created, when);
	j = json_pack("{s:s, s:s, s:s, s:[s]}", "created", when, "architecture", MODULE_ARCH, "os", MODULE_OS,
		      "layerDigests", layer->digest.s);
	js_dump(js_must(j), &about);
	json_decref(j);
	*config = (struct descriptor){ .media_type = MEDIA_WASM_CONFIG, .size = about.len };
	if (layout_put(l, about.ptr, about.len, &config->digest, err) < 0)
		return -1;
	layers = js_must(json_array());
	js_push(layers, descriptor_json(layer));
	manifest_of(config, layers, annotations, &text);
	*manifest = (struct descriptor){ .media_type = MEDIA_MANIFEST, .size = text.len, .architecture = MODULE_ARCH,
					 .os = MODULE_OS };
	return layout_put(l, text.ptr, text.len, &manifest->digest, err);
}

void docker_manifest(const struct image *im, const struct descriptor *config, const char *tag, struct buf *out)
{
	CLEAN_FREE char *name = xasprintf("%s.json", digest_hex(&config->digest));
	json_t *layers = js_must(json_array()), *list = js_must(json_array());

	for (size_t i = 0; i < im->nlayers; i++) {
		CLEAN_FREE char *layer = xasprintf("%s.tar", digest_hex(&im->layers[i].digest));

		js_push(layers, json_string(layer));
	}
	js_push(list, json_pack("{s:s, s:[s], s:o}", "Config", name, "RepoTags", tag, "Layers", layers));
	js_dump(list, out);
	json_decref(list);
}
