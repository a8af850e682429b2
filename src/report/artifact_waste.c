/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of an image's bytes a container sees. Each file is stored in one layer; hard links to it are more names of the
 * same bytes. It is seen if any of its names is still there at the end, and is waste if none is. So
 *
 *	bytes of all files in all layers = bytes that a container sees + waste
 *
 * and of a path that is stored n times, only the excess counts: not the one that is seen.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/artifact_internal.h"

/* Names of the same bytes side by side, the one that they were stored under first. */
static int by_source(const void *a, const void *b)
{
	const struct rootfs_node *x = *(const struct rootfs_node *const *)a;
	const struct rootfs_node *y = *(const struct rootfs_node *const *)b;

	if (x->src_layer != y->src_layer)
		return x->src_layer < y->src_layer ? -1 : 1;
	if (x->src_index != y->src_index)
		return x->src_index < y->src_index ? -1 : 1;
	if (x->hardlink != y->hardlink)
		return x->hardlink ? 1 : -1;
	return strcmp(x->path, y->path);
}

/* What is seen, each file once; the caller frees. */
static const struct rootfs_node **seen(const struct rootfs *r, size_t *n)
{
	const struct rootfs_node **all = xcalloc(r->paths.len + 1, sizeof(*all)), *node;
	size_t it = 0, len = 0;

	*n = 0;
	while ((node = rootfs_each(r, &it)))
		if (node->type == UNAR_FILE)
			all[len++] = node;
	qsort(all, len, sizeof(*all), by_source);
	for (size_t i = 0; i < len; i++)
		if (i == 0 || all[i]->src_layer != all[*n - 1]->src_layer ||
		    all[i]->src_index != all[*n - 1]->src_index)
			all[(*n)++] = all[i];
	return all;
}

void artifact_image_count(struct artifact *a)
{
	struct artifact_priv *p = a->priv;
	const struct rootfs_node *node;
	uint64_t stored = 0, kept = 0, sum = 0, least = 0;
	size_t n, it = 0;
	CLEAN_FREE const struct rootfs_node **all = seen(&p->rootfs, &n);

	for (size_t i = 0; i < n; i++) {
		p->uses.ptr[all[i]->src_number].kept += all[i]->size;
		kept += all[i]->size;
	}
	VEC_EACH(&p->uses, u) {
		stored += u->stored;
		sum += u->sum;
		least += u->least;
	}
	while ((node = rootfs_each(&p->rootfs, &it)))
		a->files += node->type != UNAR_DIR;
	p->lost = a->unpacked - stored;
	a->waste = a->unpacked - kept;
	a->efficiency = sum ? (double)least / (double)sum : 1;
}

static void add_files(struct artifact *a, struct size_tree *out)
{
	size_t n;
	CLEAN_FREE const struct rootfs_node **all = seen(&a->priv->rootfs, &n);

	for (size_t i = 0; i < n; i++)
		size_add_path(out, out->root, "file", all[i]->path, all[i]->size);
}

static void add_waste(struct artifact *a, struct size_tree *out)
{
	const struct artifact_priv *p = a->priv;

	for (size_t i = 0; i < p->uses.len; i++) {
		const struct rootfs_node *n = p->rootfs.paths.ptr[i].val;
		const struct path_use *u = &p->uses.ptr[i];

		if (u->stored > u->kept)
			size_add_path(out, out->root, n->gone || n->type != UNAR_FILE ? "deleted" : "overwritten",
				      n->path, u->stored - u->kept);
	}
	if (p->lost)
		size_add(out, out->root, "other", "(has no place in the image)", p->lost);
}

static void add_layers(struct artifact *a, struct size_tree *out)
{
	size_add(out, out->root, "manifest", "(manifest)", a->priv->manifest_size);
	size_add(out, out->root, "config", "(config)", a->priv->manifest.config.size);
	for (size_t i = 0; i < a->nlayers; i++) {
		const struct artifact_layer *l = &a->layers[i];
		CLEAN_FREE char *name = l->created_by ? xstrdup(l->created_by) : xasprintf("(layer %zu)", i + 1);

		/* two of one instruction are two */
		for (unsigned k = 2; size_find(out, out->root, "layer", name); k++) {
			free(name);
			name = xasprintf("%s (%u)", l->created_by ? l->created_by : "(layer)", k);
		}
		size_add(out, out->root, "layer", name, l->size);
	}
}

int artifact_image_view(struct artifact *a, enum artifact_view v, struct size_tree *out, struct err *err)
{
	(void)err;
	size_tree_begin(out, "image", a->shown);
	if (v == VIEW_LAYERS)
		add_layers(a, out);
	else if (v == VIEW_FILES)
		add_files(a, out);
	else
		add_waste(a, out);
	size_finish(out);
	return 0;
}
