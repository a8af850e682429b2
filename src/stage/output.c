/* SPDX-License-Identifier: Apache-2.0 */
/* The image: config, manifests, index; as a layout, an archive or a directory. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "oci/export.h"
#include "oci/layout.h"
#include "oci/store.h"
#include "os/fs.h"
#include "stage/solve_internal.h"

enum kind { OUT_OCI, OUT_OCI_ARCHIVE, OUT_DOCKER_ARCHIVE, OUT_DIR };

static const struct {
	const char *prefix;
	enum kind kind;
} kinds[] = {
	{ "oci:", OUT_OCI },
	{ "oci-archive:", OUT_OCI_ARCHIVE },
	{ "docker-archive:", OUT_DOCKER_ARCHIVE },
	{ "dir:", OUT_DIR },
};

/** The image being written. */
struct output {
	struct solver *sv;
	enum kind kind;
	char *path;	  /* what comes out */
	char *name, *tag; /* "HOST/REPO" or "", "latest" */
	char *scratch;	  /* of a layout that is only on the way to an archive */
	struct layout layout;
	struct buf manifest; /* of the last image */
	struct buf config;
};

static void output_release(struct output *o)
{
	layout_release(&o->layout);
	buf_release(&o->manifest);
	buf_release(&o->config);
	free(o->path);
	free(o->name);
	free(o->tag);
	free(o->scratch);
}

/* "oci:DIR:TAG" is the layout's tag as place.h has it; -t gives the tag otherwise. */
static int parse_output(struct output *o, struct err *err)
{
	const struct stage_request *req = o->sv->req;
	const char *text = req->output, *tag = req->tag, *colon;
	size_t i = 0;

	while (i < ARRAY_LEN(kinds) && !starts_with(text, kinds[i].prefix))
		i++;
	if (i == ARRAY_LEN(kinds)) {
		err_set(err, ERR_USAGE, "--output %s: not a place to write to", text);
		return err_hint(err, "write oci:DIR, oci-archive:FILE, docker-archive:FILE or dir:DIR");
	}
	o->kind = kinds[i].kind;
	text += strlen(kinds[i].prefix);
	colon = strchr(text, ':');
	if (!tag && colon)
		tag = colon + 1;
	o->path = xstrndup(text, colon ? (size_t)(colon - text) : strlen(text));
	if (!*o->path)
		return err_set(err, ERR_USAGE, "--output %s: the name is empty", req->output);
	if (tag && !place_ref_is_valid(tag))
		return err_set(err, ERR_USAGE, "%s: not an image's name", tag);
	colon = tag ? strrchr(tag, ':') : NULL;
	if (colon && strchr(colon, '/'))
		colon = NULL;
	/* with oci:DIR:TAG it is a tag alone */
	if (tag && !colon && !req->tag)
		o->tag = xstrdup(tag);
	o->name = tag && !o->tag ? xstrndup(tag, colon ? (size_t)(colon - tag) : strlen(tag)) : xstrdup("");
	if (!o->tag)
		o->tag = xstrdup(colon ? colon + 1 : "latest");
	return 0;
}

/* ---- layers ---- */

#define LINK_TRIES 8u

/* 1: linked from the store; 0: it has it no longer. */
static int link_layer(struct output *o, struct layer *l, struct err *err)
{
	CLEAN_FREE char *path = NULL;

	if (!layer_stored(l))
		return 0;
	path = store_path(&l->desc.digest);
	if (layout_link(&o->layout, path, &l->desc.digest, err) == 0)
		return 1;
	return layer_stored(l) ? -1 : 0;
}

/* Another process may prune the store at any moment: what it takes away of ours is made again. */
static int put_layer(struct output *o, struct layer *l, struct err *err)
{
	struct digest named;
	struct blob blob;
	int ret = 0;

	for (unsigned i = 0; i < LINK_TRIES; i++) {
		ret = link_layer(o, l, err);
		if (ret)
			return ret < 0 ? -1 : 0;
		if (l->origin)
			break;
		if (layer_blob_again(o->sv, l, err) < 0)
			return -1;
	}
	if (!l->origin) {
		err_set(err, ERR_NOTFOUND, "%s is no longer in the cache: it was pruned meanwhile", l->desc.digest.s);
		return err_hint(err, "run it again");
	}
	if (layout_have(&o->layout, &l->desc.digest, l->desc.size))
		return 0;
	if (blob_begin_as(&blob, &o->layout, &l->desc.digest, err) < 0)
		return -1;
	ret = l->origin->ops->blob(l->origin, &l->desc, blob_write, &blob, err);
	if (ret == 0)
		ret = blob_end(&blob, &named, NULL, err);
	blob_abort(&blob);
	return ret;
}

/* What the Dockerfile's own instructions have made; the base's stays as it is. */
static int strip_whole(struct output *o, struct vertex *v, struct tree *t, struct err *err)
{
	CLEAN_STRIP struct strip s = { .sv = o->sv, .arch = v->arch };
	CLEAN_TREE struct tree stripped = TREE_INIT;
	CLEAN_FREE struct layer **all = NULL;
	CLEAN_STRS struct strs own = { 0 };
	size_t n;

	if (vertex_layers(v, v->ops.len, &all, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (all[i]->op && !all[i]->empty)
			strs_take(&own, layer_path(o->sv, all[i]->name));
	if (strip_tree(&s, t, &own, &stripped, err) < 0)
		return -1;
	tree_release(t);
	*t = stripped;
	stripped = (struct tree)TREE_INIT;
	return 0;
}

/* All of @v as one tree. */
static int whole_tree(struct output *o, struct vertex *v, struct tree *t, struct err *err)
{
	CLEAN_STRS struct strs dirs = { 0 };

	if (vertex_stack(v, v->ops.len, &dirs, err) < 0 ||
	    snap_squash(&(struct snap_stack){ (const char *const *)dirs.ptr, dirs.len }, o->sv->epoch, t, err) < 0)
		return -1;
	return o->sv->req->strip ? strip_whole(o, v, t, err) : 0;
}

static int squash(struct output *o, struct vertex *v, struct image_layer *out, struct err *err)
{
	CLEAN_TREE struct tree t = TREE_INIT;

	if (whole_tree(o, v, &t, err) < 0)
		return -1;
	return layer_write(&o->layout, &t, o->sv->epoch, o->sv->req->codec, o->sv->req->level, out, err);
}

/* @s: NULL, or what strips the layers that are the Dockerfile's own. */
static int one_layer(struct output *o, struct layer *l, struct strip *s, struct image_layer *out, struct err *err)
{
	CLEAN_TREE struct tree made = TREE_INIT, stripped = TREE_INIT;
	const struct tree *t;

	if (!s || !l->op) {
		*out = l->as;
		return l->empty ? 0 : put_layer(o, l, err);
	}
	if (layer_tree(o->sv, l, &made, &t, err) < 0)
		return -1;
	if (!t)
		return 0;
	if (strip_tree(s, t, NULL, &stripped, err) < 0)
		return -1;
	return layer_write(&o->layout, &stripped, o->sv->epoch, o->sv->req->codec, o->sv->req->level, out, err);
}

static void own_labels(const struct stage_request *req, struct image_config *c)
{
	for (size_t i = 0; req->labels && i < req->labels->len; i++) {
		const char *eq = strchr(req->labels->ptr[i], '=');
		CLEAN_FREE char *key = xstrndup(req->labels->ptr[i],
						eq ? (size_t)(eq - req->labels->ptr[i]) : strlen(req->labels->ptr[i]));

		image_config_set_label(c, key, eq ? eq + 1 : "");
	}
}

/* The layers of @v in the layout, and its config. */
static int make_layers(struct output *o, struct vertex *v, struct stage_image *im, struct image_config *c,
		       struct err *err)
{
	const struct stage_request *req = o->sv->req;
	CLEAN_FREE struct layer **all = NULL;
	CLEAN_STRIP struct strip strip = { .sv = o->sv, .arch = v->arch };
	CLEAN_FREE struct image_layer *as = NULL;
	size_t n;

	image_config_copy(c, &v->config);
	own_labels(req, c);
	if (vertex_layers(v, v->ops.len, &all, &n, err) < 0)
		return -1;
	im->layers = xcalloc(n + 1, sizeof(*im->layers));
	if (req->squash) {
		if (squash(o, v, &im->layers[im->nlayers++], err) < 0)
			return -1;
		image_config_squash(c, o->sv->epoch, "slsc build --squash", &im->layers[0].diff_id);
		return 0;
	}
	as = xcalloc(n + 1, sizeof(*as));
	for (size_t i = 0; i < n; i++) {
		if (one_layer(o, all[i], req->strip ? &strip : NULL, &as[i], err) < 0)
			return -1;
		if (!all[i]->empty)
			im->layers[im->nlayers++] = as[i];
	}
	if (im->nlayers > STAGE_MAX_LAYERS) {
		err_set(err, ERR_LIMIT, "limit exceeded: %zu layers, the most that runtimes mount is %u", im->nlayers,
			STAGE_MAX_LAYERS);
		return err_hint(err, "join RUN instructions, or build with --squash");
	}
	VEC_EACH(&v->entries, e) {
		size_t i = 0;

		while (i < n && (!e->op || all[i] != &e->op->layer))
			i++;
		image_config_history(c, o->sv->epoch, e->text, i < n && !all[i]->empty ? &as[i].diff_id : NULL);
	}
	return 0;
}

static int make_image(struct output *o, struct vertex *v, struct stage_image *im, struct err *err)
{
	CLEAN_IMAGE_CONFIG struct image_config c = { .root = NULL };
	struct image whole = { .architecture = arch_oci(v->arch) };

	*im = (struct stage_image){ .arch = v->arch };
	if (make_layers(o, v, im, &c, err) < 0)
		return -1;
	buf_reset(&o->config);
	image_config_dump(&c, o->sv->epoch, &o->config);
	im->config = (struct descriptor){ .media_type = MEDIA_CONFIG, .size = o->config.len };
	if (layout_put(&o->layout, o->config.ptr, o->config.len, &im->config.digest, err) < 0)
		return -1;
	whole.layers = im->layers;
	whole.nlayers = im->nlayers;
	buf_reset(&o->manifest);
	image_manifest(&whole, &im->config, &o->manifest);
	im->manifest = (struct descriptor){ .media_type = MEDIA_MANIFEST,
					    .size = o->manifest.len,
					    .architecture = arch_oci(v->arch) };
	if (layout_put(&o->layout, o->manifest.ptr, o->manifest.len, &im->manifest.digest, err) < 0)
		return -1;
	im->size = im->manifest.size + im->config.size;
	for (size_t i = 0; i < im->nlayers; i++)
		im->size += im->layers[i].size;
	return 0;
}

/* ---- forms ---- */

static int make_index(struct output *o, struct descriptor *out, struct err *err)
{
	const struct stage_result *res = o->sv->res;
	struct descriptor bare[ARCH_COUNT];
	CLEAN_BUF struct buf text = BUF_INIT;

	if (res->nimages == 1) {
		*out = res->images[0].manifest;
		return 0;
	}
	for (size_t i = 0; i < res->nimages; i++)
		bare[i] = res->images[i].manifest;
	image_index(bare, res->nimages, NULL, &text);
	*out = (struct descriptor){ .media_type = MEDIA_INDEX, .size = text.len };
	return layout_put(&o->layout, text.ptr, text.len, &out->digest, err);
}

/* The image by its tag, and of several architectures each by its own name, since Lambda refuses indexes. */
static int commit_layout(struct output *o, struct descriptor top, struct err *err)
{
	const struct stage_result *res = o->sv->res;
	struct descriptor all[ARCH_COUNT + 1];
	CLEAN_BUF struct buf text = BUF_INIT;
	size_t n = 0;

	top.ref = o->tag;
	all[n++] = top;
	for (size_t i = 0; res->nimages > 1 && i < res->nimages; i++) {
		all[n] = res->images[i].manifest;
		all[n++].ref = arch_oci(res->images[i].arch);
	}
	image_index(all, n, NULL, &text);
	return layout_commit(&o->layout, text.ptr, text.len, err);
}

static int write_archive(struct output *o, struct descriptor top, struct err *err)
{
	struct export e = { .path = o->path, .mtime = o->sv->epoch };
	CLEAN_FREE char *full = *o->name ? xasprintf("%s:%s", o->name, o->tag) : NULL;
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };

	if (o->kind == OUT_OCI_ARCHIVE) {
		top.ref = full ? full : o->tag;
		image_index(&top, 1, NULL, &text);
		return export_oci(&o->layout, &text, &e, err);
	}
	if (document_parse(&doc, "image", MEDIA_MANIFEST, o->manifest.ptr, o->manifest.len, err) < 0)
		return -1;
	return export_document(&o->layout, &doc, full, &e, err);
}

static int write_dir(struct output *o, struct vertex *v, struct err *err)
{
	CLEAN_STRS struct strs names = { 0 };
	CLEAN_TREE struct tree t = TREE_INIT;
	struct err ignored;

	if (fs_exists(o->path)) {
		if (fs_list(o->path, &names, &ignored) < 0 || names.len || rmdir(o->path) < 0) {
			err_set(err, ERR_EXISTS, "%s is in the way: it is no empty directory", o->path);
			return err_hint(err, "move it away, or choose another place with --output");
		}
	}
	if (whole_tree(o, v, &t, err) < 0)
		return -1;
	return snap_write(o->path, &t, o->sv->epoch, err);
}

static int check_kind(struct output *o, size_t n, struct err *err)
{
	if (n > 1 && (o->kind == OUT_DOCKER_ARCHIVE || o->kind == OUT_DIR)) {
		err_set(err, ERR_USAGE, "--output %s: holds one architecture only", o->sv->req->output);
		return err_hint(err, "build with --arch x86_64 or --arch arm64, or write oci:DIR");
	}
	return 0;
}

int output_write(struct solver *sv, struct vertex *const *targets, size_t n, struct err *err)
{
	CLEANUP(output_release) struct output o = { .sv = sv, .manifest = BUF_INIT, .config = BUF_INIT };
	struct stage_result *res = sv->res;
	struct descriptor top;

	if (!sv->req->output && !sv->req->layout)
		return 0;
	if (sv->req->layout)
		o = (struct output){ .sv = sv, .kind = OUT_OCI, .path = xstrdup(sv->req->layout),
				     .name = xstrdup(""), .tag = xstrdup("latest"), .manifest = BUF_INIT,
				     .config = BUF_INIT };
	if ((!sv->req->layout && parse_output(&o, err) < 0) || check_kind(&o, n, err) < 0)
		return -1;
	if (o.kind == OUT_DIR) {
		if (write_dir(&o, targets[0], err) < 0)
			return -1;
		res->path = steal(&o.path);
		return 0;
	}
	if (o.kind != OUT_OCI && solver_scratch(sv, &o.scratch, err) < 0)
		return -1;
	/* whoever asks for a layout of his own makes something else of it */
	if (layout_open(&o.layout, o.kind == OUT_OCI ? o.path : o.scratch, o.kind == OUT_OCI && !sv->req->layout,
			err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		/* what it has so far is the result's to release, also after a failure */
		res->nimages++;
		if (make_image(&o, targets[i], &res->images[i], err) < 0)
			return -1;
	}
	if (make_index(&o, &top, err) < 0)
		return -1;
	res->digest = top.digest;
	if ((o.kind == OUT_OCI ? commit_layout(&o, top, err) : write_archive(&o, top, err)) < 0)
		return -1;
	res->path = steal(&o.path);
	return 0;
}
