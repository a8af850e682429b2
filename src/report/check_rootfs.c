/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/package.h"
#include "oci/image.h"
#include "oci/rootfs.h"
#include "report/check_entry.h"
#include "report/check_image.h"

#define LAYERS_MAX 127u		/* what overlayfs stacks for docker and containerd */
#define ANNOTATION "org.opencontainers.image."

/* While layers are read. */
struct content {
	struct check *c;
	struct buf text;
};

static char *layer_path(size_t layer, const char *path)
{
	return path ? xasprintf("layer %zu: %s", layer + 1, path) : xasprintf("layer %zu", layer + 1);
}

static int on_fault(void *ctx, enum rootfs_fault what, size_t layer, const char *path, const char *detail,
		    struct err *err)
{
	struct check *c = ((struct content *)ctx)->c;
	CLEAN_FREE char *where = layer_path(layer, path);

	(void)err;
	switch (what) {
	case ROOTFS_BAD_NAME:
		check_add(c, RULE_LAYER_NAME, where, "%s", *path == '/' ? "is an absolute name" : "has .. in it");
		break;
	case ROOTFS_SYMLINK:
		check_add(c, RULE_LAYER_SYMLINK, where, "leads to %s, above the root", detail);
		break;
	case ROOTFS_HARDLINK:
		check_add(c, RULE_LAYER_HARDLINK, where, "is a link to %s, which is not in the image", detail);
		break;
	case ROOTFS_THROUGH:
		check_add(c, RULE_LAYER_THROUGH, where, "would be written through a symlink");
		break;
	case ROOTFS_WHITEOUT:
		check_add(c, RULE_LAYER_WHITEOUT, where, "is a whiteout of what is not in its directory");
		break;
	case ROOTFS_DUPLICATE:
		check_add(c, RULE_LAYER_DUPLICATE, where, "is there twice");
		break;
	case ROOTFS_DEVICE:
		check_add(c, RULE_LAYER_DEVICE, where, "is a device");
		break;
	case ROOTFS_NO_PARENT:
		check_add(c, RULE_LAMBDA_PARENTS, where, "has no entry for %s before it", detail);
		break;
	case ROOTFS_CODEC:
		check_add(c, RULE_LAYER_CODEC, where, "its bytes are %s, not what its media type says",
			  strcmp(detail, "none") == 0 ? "not compressed" : detail);
		break;
	case ROOTFS_DIFF_ID:
		check_add(c, RULE_LAYER_DIFF_ID, where, "its tar is %s, not what the config says", detail);
		break;
	}
	return 0;
}

/* All layers are looked into: what an upper one takes away can still be read by whoever has the image. */
static bool on_want(void *ctx, const struct rootfs_node *n)
{
	struct content *ct = ctx;

	if (n->type != UNAR_FILE)
		return false;
	if (check_on(ct->c, RULE_SECRET_FILE)) {
		CLEAN_FREE char *where = layer_path(n->layer, n->path);

		check_secret_name(ct->c, where, n->path);
	}
	buf_reset(&ct->text);
	return n->size > 0 && n->size <= SECRET_MAX_TEXT;
}

static int on_data(void *ctx, const struct rootfs_node *n, const void *p, size_t len, struct err *err)
{
	struct content *ct = ctx;

	(void)err;
	if (len) {
		if (ct->text.len + len <= SECRET_MAX_TEXT)
			buf_add(&ct->text, p, len);
		return 0;
	}
	CLEAN_FREE char *where = layer_path(n->layer, n->path);

	check_secret_text(ct->c, where, ct->text.ptr, ct->text.len);
	return 0;
}

static void check_files(struct check *c, const struct rootfs *r)
{
	const struct rootfs_node *n;
	size_t it = 0;

	while ((n = rootfs_each(r, &it))) {
		if (n->type == UNAR_FILE && (n->mode & 06000))
			check_add(c, RULE_FILE_SETUID, n->path, "has mode 0%o", n->mode & 07777u);
		if ((n->type == UNAR_FILE || n->type == UNAR_DIR) && (n->mode & 0002) &&
		    !(n->type == UNAR_DIR && (n->mode & 01000)))
			check_add(c, RULE_FILE_WRITABLE, n->path, "has mode 0%o", n->mode & 07777u);
		if (n->type == UNAR_FILE && !(n->mode & 0004))
			check_add(c, RULE_LAMBDA_READABLE, n->path, "has mode 0%o", n->mode & 07777u);
	}
}

static void check_layers(const struct image_check *ic, const struct rootfs *r)
{
	const bool docker = strcmp(ic->manifest->media_type, MEDIA_DOCKER_MANIFEST) == 0;
	uint64_t total = 0;
	char size[32];

	for (size_t i = 0; i < r->nlayers; i++) {
		CLEAN_FREE char *where = layer_path(i, NULL);

		total += r->layers[i].tar_size;
		if (docker && !ic->docker_archive && r->layers[i].codec == CODEC_NONE)
			check_add(ic->c, RULE_LAMBDA_PLAIN, where, "is not compressed");
		if (r->layers[i].codec == CODEC_ZSTD)
			check_add(ic->c, RULE_LAMBDA_ZSTD, where, "is compressed by zstd");
	}
	if (total > LAMBDA_IMAGE)
		check_add(ic->c, RULE_LAMBDA_SIZE, NULL, "has %s unpacked; the most is 10 GB",
			  str_human_size(total, size, sizeof(size)));
}

static const char *said(const struct image_check *ic, const struct doc_config *cfg, const char *name)
{
	const char *v = doc_kvs_get(&ic->manifest->annotations, name);

	return v ? v : doc_kvs_get(&cfg->labels, name);
}

static void check_origin(const struct image_check *ic, const struct doc_config *cfg)
{
	const char *base = said(ic, cfg, ANNOTATION "base.name");
	const bool source = said(ic, cfg, ANNOTATION "source"), revision = said(ic, cfg, ANNOTATION "revision");

	if (!source || !revision)
		check_add(ic->c, RULE_LABEL_MISSING, "config", "has no " ANNOTATION "%s",
			  source ? "revision" : revision ? "source" : "source and no revision");
	if (base && !said(ic, cfg, ANNOTATION "base.digest"))
		check_add(ic->c, RULE_BASE_UNPINNED, "config", "says its base is %s, without a digest", base);
}

static void check_platform(const struct image_check *ic, const struct doc_config *cfg)
{
	const struct doc_descriptor *d = ic->descriptor;

	if (d->architecture && cfg->architecture && strcmp(d->architecture, cfg->architecture) != 0)
		check_add(ic->c, RULE_IMAGE_PLATFORM, "config", "is for %s; its descriptor says %s", cfg->architecture,
			  d->architecture);
	if (cfg->os && strcmp(cfg->os, "linux") != 0)
		check_add(ic->c, RULE_IMAGE_PLATFORM, "config", "is for %s, not for linux", cfg->os);
}

static void check_user(struct check *c, const struct doc_config *cfg)
{
	const struct check_user u = check_user_parse(cfg->user);

	if (u.uid == 0)
		check_add(c, RULE_USER_ROOT, "config", cfg->user && *cfg->user ? "USER is %s" : "no USER is set%s",
			  cfg->user ? cfg->user : "");
	else if (u.named)
		check_add(c, RULE_USER_NAME, "config", "USER is %s", cfg->user);
}

static void check_config_secrets(struct check *c, const struct doc_config *cfg)
{
	for (size_t i = 0; i < cfg->env.len; i++)
		check_secret_env(c, "config: Env", cfg->env.ptr[i].key, cfg->env.ptr[i].val,
				 "the image");
	for (size_t i = 0; i < cfg->labels.len; i++) {
		CLEAN_FREE char *where = xasprintf("config: label %s", cfg->labels.ptr[i].key);

		check_secret_text(c, where, cfg->labels.ptr[i].val, strlen(cfg->labels.ptr[i].val));
	}
	for (size_t i = 0; i < cfg->nhistory; i++) {
		const char *by = cfg->history[i].created_by;
		CLEAN_FREE char *where = xasprintf("config: history[%zu]", i);

		if (by)
			check_secret_text(c, where, by, strlen(by));
	}
}

/* 1: it is an image, whose layers can be looked into. */
static int check_documents(const struct image_check *ic, const struct doc_config *cfg)
{
	const struct document *m = ic->manifest;
	int ok = 1;

	for (size_t i = 0; i < m->len; i++)
		if (media_layer_codec(m->ptr[i].media_type) < 0) {
			CLEAN_FREE char *where = layer_path(i, NULL);

			check_add(ic->c, RULE_IMAGE_MEDIA, where, "is %s", *m->ptr[i].media_type ? m->ptr[i].media_type
												 : "of no media type");
			ok = 0;
		}
	if (m->len > LAYERS_MAX)
		check_add(ic->c, RULE_IMAGE_LAYERS, NULL, "has %zu layers", m->len);
	if (cfg->ndiff_ids != m->len)
		check_add(ic->c, RULE_IMAGE_COUNT, "config", "has %zu diff_ids for %zu layers", cfg->ndiff_ids, m->len);
	check_platform(ic, cfg);
	check_user(ic->c, cfg);
	check_origin(ic, cfg);
	check_config_secrets(ic->c, cfg);
	return ok;
}

static int check_content(const struct image_check *ic, const struct doc_config *cfg, struct err *err)
{
	CLEAN_ROOTFS struct rootfs r = { .nlayers = 0 };
	struct content ct = { .c = ic->c, .text = BUF_INIT };
	const struct rootfs_hooks hooks = { .fault = on_fault, .want = on_want, .data = on_data, .ctx = &ct };
	/* some more than Lambda takes, so that this is what is said of it */
	const struct rootfs_limits limits = { .bytes = LAMBDA_IMAGE + (UINT64_C(1) << 30) };
	int ret = rootfs_read(&r, ic->origin, ic->manifest, cfg, &limits, &hooks, err);

	buf_release(&ct.text);
	if (ret < 0 && !check_is_foreign(err))
		return -1;
	check_layers(ic, &r);
	if (ret < 0) {
		check_add(ic->c, RULE_LAYER_DAMAGED, NULL, "%s", err->msg);
		return 0;
	}
	check_files(ic->c, &r);
	return check_entry(ic->c, &r, cfg, err);
}

int check_one_image(const struct image_check *ic, struct err *err)
{
	CLEAN_DOC_CONFIG struct doc_config cfg = { .os = NULL };
	CLEAN_BUF struct buf bytes = BUF_INIT;
	const char *type = ic->manifest->config.media_type;

	if (strcmp(type, MEDIA_WASM_CONFIG) == 0)
		return check_module_artifact(ic, err);
	if (strcmp(type, MEDIA_CONFIG) != 0 && strcmp(type, MEDIA_DOCKER_CONFIG) != 0) {
		check_add(ic->c, RULE_IMAGE_MEDIA, "config", "is %s: this is no image",
			  *type ? type : "of no media type");
		return 0;
	}
	if (origin_bytes(ic->origin, &ic->manifest->config, DOCUMENT_MAX, &bytes, err) < 0 ||
	    doc_config_parse(&cfg, "config", bytes.ptr, bytes.len, err) < 0) {
		if (!check_is_foreign(err))
			return -1;
		check_add(ic->c, RULE_LAYER_DAMAGED, NULL, "%s", err->msg);
		return 0;
	}
	return check_documents(ic, &cfg) ? check_content(ic, &cfg, err) : 0;
}
