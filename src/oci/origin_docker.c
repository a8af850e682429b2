/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives of `docker save`, old and new, podman, skopeo, kaniko and slsc: manifest.json names a config and layer tars.
 * The manifest that they stand for is computed: the config as it is, the layers as they lie there.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/document_internal.h"
#include "oci/image.h"
#include "oci/layer.h"
#include "oci/origin_internal.h"

#define MAX_IMAGES 1024u
#define MAX_LAYERS 1024u

struct layer {
	const char *name;
	struct digest digest;
	uint64_t size;
	enum codec codec;
};

struct docker_origin {
	struct origin origin;
	struct files *files;
	struct arena arena;
	char *digest;			/* of the place, or NULL */
	const char *config_name;
	struct doc_descriptor config;
	struct layer *layers;
	size_t nlayers;
	struct buf manifest;
	struct digest manifest_digest;
};

static struct docker_origin *self(struct origin *o)
{
	return CONTAINER_OF(o, struct docker_origin, origin);
}

static int bad(struct docker_origin *d, const char *what, struct err *err)
{
	return err_set(err, ERR_FORMAT, "%s: manifest.json: %s", d->origin.shown, what);
}

static int docker_manifest_op(struct origin *o, const char *ref, struct buf *out, struct doc_descriptor *desc,
			      struct arena *arena, struct err *err)
{
	struct docker_origin *d = self(o);

	(void)arena;
	if (!ref)
		ref = d->digest;
	/* the tag has been seen to at the opening */
	if (ref && starts_with(ref, "sha256:") && strcmp(ref, d->manifest_digest.s) != 0) {
		err_set(err, ERR_NOTFOUND, "%s: has no manifest %s", o->shown, ref);
		return err_hint(err, "the one computed for it is %s", d->manifest_digest.s);
	}
	buf_reset(out);
	buf_adds(out, buf_str(&d->manifest));
	*desc = (struct doc_descriptor){ .media_type = MEDIA_MANIFEST, .digest = d->manifest_digest,
					 .size = out->len };
	return 0;
}

static const char *name_of(const struct docker_origin *d, const struct digest *digest)
{
	if (strcmp(digest->s, d->config.digest.s) == 0)
		return d->config_name;
	for (size_t i = 0; i < d->nlayers; i++)
		if (strcmp(digest->s, d->layers[i].digest.s) == 0)
			return d->layers[i].name;
	return NULL;
}

static int docker_blob_piece(struct origin *o, const struct digest *digest, struct piece *out, struct err *err)
{
	struct docker_origin *d = self(o);
	const char *name = name_of(d, digest);

	if (!name)
		return err_set(err, ERR_NOTFOUND, "%s: %s is missing", o->shown, digest->s);
	return d->files->open(d->files, name, out, err);
}

static int docker_blob(struct origin *o, const struct doc_descriptor *want, sink_fn sink, void *ctx, struct err *err)
{
	CLEAN_PIECE struct piece p = PIECE_INIT;

	if (docker_blob_piece(o, &want->digest, &p, err) < 0)
		return -1;
	return piece_checked(&p, want, o->shown, sink, ctx, err);
}

static char *docker_blob_path(struct origin *o, const struct digest *digest)
{
	(void)o;
	(void)digest;
	return NULL;
}

static int docker_referrers(struct origin *o, const struct digest *subject, struct buf *out, struct err *err)
{
	(void)o;
	(void)subject;
	(void)err;
	buf_reset(out);
	image_index(NULL, 0, NULL, out);
	return 0;
}

static void docker_free(struct origin *o)
{
	struct docker_origin *d = self(o);

	d->files->free(d->files);
	arena_release(&d->arena);
	buf_release(&d->manifest);
	free(d->digest);
	free(o->shown);
	free(d);
}

static const struct origin_ops ops = {
	.manifest = docker_manifest_op,
	.blob = docker_blob,
	.blob_path = docker_blob_path,
	.blob_piece = docker_blob_piece,
	.referrers = docker_referrers,
	.free = docker_free,
};

/* "hello" is "hello:latest"; skopeo and podman call it docker.io/library/hello:latest or localhost/hello:latest. */
static bool same_tag(const char *tag, const char *want)
{
	static const char *const prefix[] = { "", "docker.io/library/", "docker.io/", "localhost/" };

	for (size_t i = 0; i < ARRAY_LEN(prefix); i++) {
		const char *tail = tag + strlen(prefix[i]);
		size_t n = strlen(want);

		if (starts_with(tag, prefix[i]) && strncmp(tail, want, n) == 0 &&
		    (!tail[n] || strcmp(tail + n, ":latest") == 0))
			return true;
	}
	return false;
}

/* The image of the list that @want names, or the only one. */
static int choose(struct docker_origin *d, const json_t *list, const char *want, const json_t **out, struct err *err)
{
	CLEAN_STRS struct strs tags = { 0 };
	CLEAN_BUF struct buf all = BUF_INIT;

	*out = NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *image = json_array_get(list, i), *names = json_object_get(image, "RepoTags");

		for (size_t k = 0; k < json_array_size(names); k++) {
			const char *tag = json_string_value(json_array_get(names, k));

			if (!tag)
				return bad(d, "RepoTags must hold strings only", err);
			if (place_ref_is_valid(tag)) {
				strs_add(&tags, tag);
				if (all.len < 160)
					buf_addf(&all, "%s%s", all.len ? ", " : "", tag);
			}
			if (want && !*out && same_tag(tag, want))
				*out = image;
		}
	}
	if (*out)
		return 0;
	if (want)
		return ref_missing(d->origin.shown, want, &tags, err);
	if (json_array_size(list) == 1) {
		*out = json_array_get(list, 0);
		return 0;
	}
	if (json_array_size(list) == 0)
		return bad(d, "names no image", err);
	err_set(err, ERR_USAGE, "%s: holds %zu images, and which one is not said", d->origin.shown,
		json_array_size(list));
	return err_hint(err, "put a name behind it: %s", all.ptr);
}

/* A blob that is no tar as it is gets its digest by being read. */
static int sniff(struct docker_origin *d, struct layer *l, struct err *err)
{
	CLEAN_PIECE struct piece p = PIECE_INIT;
	CLEAN_BUF struct buf head = BUF_INIT;
	struct piece start;
	struct digest_ctx *md;

	if (d->files->open(d->files, l->name, &p, err) < 0)
		return -1;
	l->size = p.size;
	start = p;
	start.size = p.size < 4 ? p.size : 4;
	if (piece_read(&start, d->origin.shown, sink_buf, &head, err) < 0)
		return -1;
	if (head.len >= 2 && memcmp(head.ptr, "\x1f\x8b", 2) == 0)
		l->codec = CODEC_GZIP;
	else if (head.len == 4 && memcmp(head.ptr, "\x28\xb5\x2f\xfd", 4) == 0)
		l->codec = CODEC_ZSTD;
	else
		return 0;
	md = digest_new(err);
	if (!md)
		return -1;
	if (piece_read(&p, d->origin.shown, sink_digest, md, err) < 0) {
		digest_free(md);
		return -1;
	}
	digest_final(md, &l->digest);
	return 0;
}

static int read_config(struct docker_origin *d, struct doc_config *c, struct err *err)
{
	CLEAN_PIECE struct piece p = PIECE_INIT;
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_FREE char *shown = xasprintf("%s: config", d->origin.shown);

	if (d->files->open(d->files, d->config_name, &p, err) < 0 ||
	    piece_text(&p, shown, DOCUMENT_MAX, &text, err) < 0)
		return -1;
	d->config = (struct doc_descriptor){ .media_type = MEDIA_CONFIG, .size = text.len };
	if (digest_of(text.ptr, text.len, &d->config.digest, err) < 0)
		return -1;
	return doc_config_parse(c, shown, text.ptr, text.len, err);
}

static int read_image(struct docker_origin *d, const json_t *image, struct err *err)
{
	CLEAN_DOC_CONFIG struct doc_config c = { .architecture = NULL };
	const char *config = json_string_value(json_object_get(image, "Config"));
	const json_t *layers = json_object_get(image, "Layers");
	CLEAN_FREE struct image_layer *out = NULL;
	struct image im = { .architecture = NULL };
	struct descriptor desc = { .media_type = MEDIA_CONFIG };

	if (!config || (layers && !json_is_array(layers) && !json_is_null(layers)))
		return bad(d, "an image needs a Config and Layers", err);
	d->config_name = arena_strdup(&d->arena, config);
	if (read_config(d, &c, err) < 0)
		return -1;
	d->nlayers = json_array_size(layers);
	if (d->nlayers > MAX_LAYERS)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: %zu layers, the most is %u", d->origin.shown,
			       d->nlayers, MAX_LAYERS);
	if (d->nlayers != c.ndiff_ids)
		return bad(d, "has another number of layers than the config", err);
	d->layers = arena_alloc(&d->arena, d->nlayers * sizeof(*d->layers));
	out = xcalloc(d->nlayers + 1, sizeof(*out));
	for (size_t i = 0; i < d->nlayers; i++) {
		const char *name = json_string_value(json_array_get(layers, i));
		struct layer *l = &d->layers[i];

		if (!name)
			return bad(d, "Layers must hold strings only", err);
		/* the config says what a tar's digest is, and whoever reads it checks that */
		*l = (struct layer){ .name = arena_strdup(&d->arena, name), .digest = c.diff_ids[i] };
		if (sniff(d, l, err) < 0)
			return -1;
		out[i] = (struct image_layer){ .digest = l->digest, .size = l->size, .codec = l->codec };
	}
	im.layers = out;
	im.nlayers = d->nlayers;
	desc.digest = d->config.digest;
	desc.size = d->config.size;
	image_manifest(&im, &desc, &d->manifest);
	return digest_of(d->manifest.ptr, d->manifest.len, &d->manifest_digest, err);
}

static int read_list(struct docker_origin *d, const char *tag, struct err *err)
{
	CLEAN_PIECE struct piece p = PIECE_INIT;
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_FREE char *shown = xasprintf("%s: manifest.json", d->origin.shown);
	const json_t *image = NULL;
	json_error_t where;
	json_t *list;
	int ret;

	if (d->files->open(d->files, "manifest.json", &p, err) < 0) {
		if (err->code != ERR_NOTFOUND)
			return -1;
		err_set(err, ERR_NOTFOUND, "%s: is no archive of docker save: it has no manifest.json",
			d->origin.shown);
		return err_hint(err, "if it is an OCI layout in a tar, say oci-archive:FILE");
	}
	if (piece_text(&p, shown, DOCUMENT_MAX, &text, err) < 0 || doc_prescan(shown, text.ptr, text.len, err) < 0)
		return -1;
	list = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &where);
	if (!json_is_array(list) || json_array_size(list) > MAX_IMAGES)
		ret = bad(d, "is not a JSON list of images", err);
	else
		ret = choose(d, list, tag, &image, err);
	if (ret == 0)
		ret = json_is_object(image) ? read_image(d, image, err) : bad(d, "must hold objects", err);
	json_decref(list);
	return ret;
}

int origin_docker(struct origin **out, const struct place *pl, struct files *f, struct err *err)
{
	struct docker_origin *d = xcalloc(1, sizeof(*d));

	*d = (struct docker_origin){ .origin = { .ops = &ops, .shown = place_show(pl) }, .files = f,
				     .manifest = BUF_INIT };
	d->digest = pl->digest ? xstrdup(pl->digest) : NULL;
	if (read_list(d, pl->tag, err) < 0) {
		docker_free(&d->origin);
		return -1;
	}
	*out = &d->origin;
	return 0;
}
