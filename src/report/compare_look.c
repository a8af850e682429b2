/* SPDX-License-Identifier: Apache-2.0 */
#include "report/compare_look.h"

#include <string.h>

#include "base/mem.h"
#include "report/artifact_internal.h"

static struct size_tree *own_tree(struct comparison *c)
{
	struct size_tree *t = arena_new(&c->arena, struct size_tree);

	VEC_PUSH(&c->trees, t);
	return t;
}

/* Each file in the layer that a container sees it of; what it does not see is the layer's own. */
static void layers_and_files(const struct artifact *a, struct size_tree *t)
{
	CLEAN_FREE struct size_node **layers = xcalloc(a->nlayers + 1, sizeof(*layers));
	const struct rootfs_node *n;
	size_t it = 0;

	size_tree_begin(t, "image", a->shown);
	for (size_t i = 0; i < a->nlayers; i++) {
		CLEAN_FREE char *name = xasprintf("%zu: %s", i + 1,
						  a->layers[i].created_by ? a->layers[i].created_by : "");

		layers[i] = size_add(t, t->root, "layer", name, 0);
	}
	while ((n = rootfs_each(&a->priv->rootfs, &it)) != NULL)
		if (n->type == UNAR_FILE && !n->hardlink && n->layer < a->nlayers)
			size_add_path(t, layers[n->layer], "file", n->path, n->size);
	for (size_t i = 0; i < a->nlayers; i++)
		if (layers[i]->bytes < a->layers[i].unpacked)
			size_add(t, layers[i], "waste", "overwritten or deleted above",
				 a->layers[i].unpacked - layers[i]->bytes);
	size_finish(t);
}

int compare_look_image(struct comparison *c, struct cmp_row *row, const char *layout, struct err *err)
{
	CLEAN_FREE char *place = xasprintf("oci:%s", layout);
	const struct artifact_opts o = { .arch = arch_name(row->arch) };
	CLEAN_ARTIFACT struct artifact a = ARTIFACT_INIT;
	struct size_tree *t;

	if (artifact_open(&a, place, &o, err) < 0)
		return -1;
	row->value[COL_FILES] = (double)a.files;
	row->value[COL_UNPACKED] = (double)a.unpacked;
	row->efficiency = a.efficiency;
	t = own_tree(c);
	layers_and_files(&a, t);
	t->root->name = row->strategy;	/* where it lies is nobody's affair */
	row->layers = t;
	return 0;
}

int compare_look_program(struct comparison *c, struct cmp_row *row, const char *path, const char *debug,
			 struct err *err)
{
	const struct artifact_opts o = { .debug = debug };
	CLEAN_ARTIFACT struct artifact a = ARTIFACT_INIT;
	struct size_tree *t;

	if (artifact_open(&a, path, &o, err) < 0)
		return -1;
	t = own_tree(c);
	if (artifact_view(&a, VIEW_SOURCES, t, err) < 0) {
		size_tree_release(t);
		if (artifact_view(&a, VIEW_SECTIONS, t, err) < 0)
			return -1;
	}
	t->root->name = row->strategy;
	row->sources = t;
	return 0;
}
