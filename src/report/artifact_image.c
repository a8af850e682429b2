/* SPDX-License-Identifier: Apache-2.0 */
/* An image: its documents, and its layers read once. What of them a container sees is counted in artifact_waste.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/project.h"
#include "oci/image.h"
#include "os/fs.h"
#include "report/artifact_internal.h"
#include "report/check_entry.h"
#include "wasm/wasm.h"

#define PROGRAM_MAX (UINT64_C(1) << 30)	/* bytes of a program that is copied to the disk to be read */

static struct path_use *use_of(struct artifact_priv *p, const struct rootfs_node *n)
{
	while (p->uses.len <= n->number)
		VEC_PUSH(&p->uses, ((struct path_use){ .stored = 0 }));
	return &p->uses.ptr[n->number];
}

/* As dive counts: a path has a size each time that a layer has it; the smallest is what it had to cost. */
static void count(struct path_use *u, uint64_t size)
{
	u->sum += size;
	u->least = u->counted && u->least < size ? u->least : size;
	u->counted = true;
}

static void on_placed(void *ctx, const struct rootfs_node *n)
{
	struct path_use *u = use_of(ctx, n);
	const uint64_t size = n->type == UNAR_FILE && !n->hardlink ? n->size : 0;

	u->stored += size;
	count(u, size);
}

static uint64_t bytes_below(const struct rootfs_node *n, size_t layer)
{
	uint64_t sum = n->type == UNAR_FILE && !n->hardlink && n->layer < layer ? n->size : 0;

	for (const struct rootfs_node *c = n->child; c; c = c->next)
		sum += c->gone ? 0 : bytes_below(c, layer);
	return sum;
}

/* A directory that goes has, for dive, the size of what was in it; one that no layer has an entry for has none. */
static void on_whiteout(void *ctx, const struct rootfs_node *n, size_t layer)
{
	count(use_of(ctx, n), n->type == UNAR_DIR && !n->implied ? bytes_below(n, layer) : 0);
}

/* Called by several threads. */
static int on_bytes(void *ctx, size_t layer, uint32_t index, const struct unar_entry *e, struct unar *u,
		    struct err *err)
{
	struct artifact_priv *p = ctx;
	struct candidate c = { .layer = layer, .index = index, .copy = { .fd = -1 } };
	const void *bytes;
	size_t n;
	int r;

	if (!p->wanted || e->size > PROGRAM_MAX || strcmp(path_basename(e->path), p->wanted) != 0)
		return 0;
	if (program_create(&c.copy, err) < 0)
		return -1;
	while ((r = unar_data(u, &bytes, &n, err)) > 0)
		if (program_write(&c.copy, bytes, n, err) < 0) {
			r = -1;
			break;
		}
	pthread_mutex_lock(&p->lock);
	if (r == 0 && p->ncandidates < CANDIDATES_MAX) {
		p->candidates[p->ncandidates++] = c;
		c.copy.fd = -1;
	}
	pthread_mutex_unlock(&p->lock);
	program_close(&c.copy);
	return r;
}

static const char **started(const struct doc_config *c)
{
	return c->entrypoint && c->entrypoint[0] ? c->entrypoint : c->cmd;
}

/* The layers' instructions, if the history accounts for just these layers. */
static void name_layers(struct artifact *a)
{
	const struct doc_config *c = &a->priv->config;
	size_t n = 0;

	for (size_t i = 0; i < c->nhistory; i++)
		n += !c->history[i].empty_layer;
	if (n != a->nlayers)
		return;
	n = 0;
	for (size_t i = 0; i < c->nhistory; i++) {
		const char *by = c->history[i].created_by;

		if (!c->history[i].empty_layer)
			a->layers[n++].created_by = by && *by ? by : NULL;
	}
}

static void describe(struct artifact *a)
{
	struct artifact_priv *p = a->priv;
	const struct doc_config *c = &p->config;
	const int arch = c->architecture ? arch_parse(c->architecture) : -1;
	const char **argv = started(c);

	a->arch = arch >= 0 ? arch_name((enum arch)arch) : c->architecture;
	a->os = c->os;
	a->created = c->created;
	a->user = c->user && *c->user ? c->user : NULL;
	for (size_t i = 0; argv && argv[i]; i++)
		strs_add(&a->entrypoint, argv[i]);
	if (argv && argv[0])
		p->wanted = path_basename(argv[0]);
}

static void list_layers(struct artifact *a)
{
	const struct document *m = &a->priv->manifest;

	a->layers = arena_alloc(&a->arena, (m->len + 1) * sizeof(*a->layers));
	a->nlayers = m->len;
	a->size = a->priv->manifest_size + m->config.size;
	for (size_t i = 0; i < m->len; i++) {
		a->layers[i] = (struct artifact_layer){ .digest = m->ptr[i].digest, .media_type = m->ptr[i].media_type,
							.size = m->ptr[i].size, .damaged = true };
		a->size += m->ptr[i].size;
	}
}

static void measure_layers(struct artifact *a, bool whole)
{
	const struct rootfs *r = &a->priv->rootfs;

	for (size_t i = 0; i < r->nlayers; i++) {
		a->layers[i].unpacked = r->layers[i].file_bytes;
		a->layers[i].files = r->layers[i].files;
		a->layers[i].diff_id = r->layers[i].diff_id;
		a->layers[i].damaged = !whole && i + 1 == r->nlayers;
		a->unpacked += a->layers[i].unpacked;
	}
}

/* "x.oci: layer 2 (sha256:...): malformed gzip stream: ..., at offset 1234 of its blob". */
static int locate(const struct artifact *a, struct err *err)
{
	const struct rootfs *r = &a->priv->rootfs;
	const struct rootfs_layer *l = r->nlayers ? &r->layers[r->nlayers - 1] : NULL;
	char hint[sizeof(err->hint)];

	snprintf(hint, sizeof(hint), "%s", err->hint);
	if (l && l->size && err->code == ERR_FORMAT)
		err_set(err, err->code, "%s: %s, at offset %llu of its blob, %llu of its tar", a->shown, err->msg,
			(unsigned long long)l->size, (unsigned long long)l->tar_size);
	else if (err->code != ERR_INTR && !starts_with(err->msg, a->shown))
		err_wrap(err, "%s", a->shown);
	if (*hint)
		err_hint(err, "%s", hint);
	return -1;
}

/* The program that is started: the copy that was made while its layer passed, else its layer is read once more. */
static int find_program(struct artifact *a, struct err *err)
{
	struct artifact_priv *p = a->priv;
	const char **argv = started(&p->config);
	CLEAN_FREE char *path = argv && argv[0] ? entry_program(&p->rootfs, &p->config, argv[0]) : NULL;
	const struct rootfs_node *n = path ? rootfs_resolve(&p->rootfs, path, true) : NULL;
	CLEAN_FREE char *shown = NULL;

	if (!n || n->type != UNAR_FILE || n->size > PROGRAM_MAX)
		return 0;
	shown = xasprintf("/%s", n->path);
	for (size_t i = 0; i < p->ncandidates && p->copy.fd < 0; i++)
		if (p->candidates[i].layer == n->src_layer && p->candidates[i].index == n->src_index) {
			p->copy = p->candidates[i].copy;
			p->candidates[i].copy.fd = -1;
		}
	if (p->copy.fd < 0 && (program_create(&p->copy, err) < 0 ||
			       rootfs_file(&p->rootfs, n, program_write, &p->copy, err) < 0))
		return -1;
	return artifact_program(a, shown, err);
}

static int read_layers(struct artifact *a, struct err *err)
{
	struct artifact_priv *p = a->priv;
	const struct rootfs_hooks hooks = { .bytes = on_bytes, .placed = on_placed, .whiteout = on_whiteout, .ctx = p };
	struct err ignored;
	int ret;

	pthread_mutex_init(&p->lock, NULL);
	ret = rootfs_read(&p->rootfs, p->origin, &p->manifest, &p->config, NULL, &hooks, err);
	pthread_mutex_destroy(&p->lock);
	measure_layers(a, ret == 0);
	artifact_image_count(a);
	if (ret < 0)
		locate(a, err);
	if (find_program(a, ret < 0 ? &ignored : err) < 0)
		return -1;
	return ret;
}

/* An artifact that is a module (oci/image.h): there is nothing that runs containers in it. */
static int open_module(struct artifact *a, struct err *err)
{
	const struct document *m = &a->priv->manifest;
	CLEAN_BUF struct buf bytes = BUF_INIT;

	if (m->len != 1 || strcmp(m->ptr[0].media_type, MEDIA_WASM) != 0)
		return err_set(err, ERR_FORMAT, "%s: its config is a module's, and its layers are not one module",
			       a->shown);
	if (origin_bytes(a->priv->origin, &m->ptr[0], WASM_SIZE_MAX, &bytes, err) < 0)
		return locate(a, err);
	return artifact_module(a, &bytes, err);
}

int artifact_image_open(struct artifact *a, const struct artifact_opts *o, struct err *err)
{
	struct artifact_priv *p = a->priv;
	struct origin_env env = { .partial = true };
	const int arch = o->arch ? arch_parse(o->arch) : -1;
	CLEAN_BUF struct buf bytes = BUF_INIT, config = BUF_INIT;
	struct doc_descriptor d;

	if (o->env)
		env = *o->env;
	env.partial = true;
	if (origin_open(&p->origin, &p->place, &env, err) < 0)
		return -1;
	if (origin_manifest(p->origin, NULL, arch >= 0 ? arch_oci((enum arch)arch) : o->arch, &p->manifest, &bytes, &d,
			    &a->arena, err) < 0)
		return -1;
	a->digest = d.digest;
	p->manifest_size = bytes.len;
	list_layers(a);
	if (strcmp(p->manifest.config.media_type, MEDIA_WASM_CONFIG) == 0)
		return open_module(a, err);
	if (origin_bytes(p->origin, &p->manifest.config, DOCUMENT_MAX, &config, err) < 0 ||
	    doc_config_parse(&p->config, "config", config.ptr, config.len, err) < 0)
		return locate(a, err);
	describe(a);
	name_layers(a);
	for (size_t i = 0; i < a->nlayers; i++)
		if (media_layer_codec(a->layers[i].media_type) < 0)
			return err_set(err, ERR_FORMAT, "%s: layer %zu is no layer of an image, but %s", a->shown,
				       i + 1, *a->layers[i].media_type ? a->layers[i].media_type : "of no media type");
	return read_layers(a, err);
}

void artifact_image_release(struct artifact *a)
{
	struct artifact_priv *p = a->priv;

	rootfs_release(&p->rootfs);
	document_release(&p->manifest);
	doc_config_release(&p->config);
	origin_free(&p->origin);
	place_release(&p->place);
	VEC_FREE(&p->uses);
	for (size_t i = 0; i < p->ncandidates; i++)
		program_close(&p->candidates[i].copy);
}
