/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/debian.h"
#include "os/fs.h"

#define EPOCH_1980 315532800

/* ---- what slsc adds ---- */

/* Where deb_path() has put what Debian ships below /bin and /lib: the loader's path, for one, is absolute. */
static int add_links(struct tree *t, enum arch arch, struct err *err)
{
	static const char *const names[] = { "bin", "lib", "sbin", "lib64" };
	/* only x86_64's loader is in lib64 */
	const size_t n = ARRAY_LEN(names) - (arch == ARCH_X86_64 ? 0 : 1);

	for (size_t i = 0; i < n; i++) {
		CLEAN_FREE char *target = xasprintf("usr/%s", names[i]);

		if (tree_add_dir(t, target, 0755, 0, 0, err) < 0 || tree_add_link(t, names[i], target, err) < 0)
			return -1;
	}
	return 0;
}

static int add_applets(struct tree *t, const struct strs *applets, struct err *err)
{
	VEC_EACH(applets, a) {
		CLEAN_FREE char *path = xasprintf("busybox/%s", *a);

		if (tree_add_link(t, path, "/usr/bin/busybox", err) < 0)
			return -1;
	}
	return 0;
}

static int note_paths(struct deb_paths *paths, const struct tree *t, struct err *err)
{
	CLEAN_STRS struct strs files = { 0 }, links = { 0 }, dirs = { 0 };

	for (size_t i = 0; i < t->len; i++)
		strs_add(t->ptr[i].type == TREE_DIR ? &dirs : t->ptr[i].type == TREE_LINK ? &links : &files,
			 t->ptr[i].path);
	return deb_paths_add(paths, "slsc", &files, &links, &dirs, err);
}

static int own_layer(struct debian *d, enum arch arch, enum codec codec, struct layout *l, struct deb_paths *paths,
		     struct debian_layers *out, struct err *err)
{
	const struct base_variant *v = &d->want->variant;
	CLEAN_TREE struct tree t = TREE_INIT;
	struct image_layer layer;

	if (v->base && v->base->root == BASE_ROOT_USERS && base_users(&t, err) < 0)
		return -1;
	/* a foreign base has its own */
	if (v->base && d->key && add_links(&t, arch, err) < 0)
		return -1;
	if (v->debug && add_applets(&t, &d->bases->applets, err) < 0)
		return -1;
	if (!t.len)
		return 0;
	if (tree_finish(&t, err) < 0 || note_paths(paths, &t, err) < 0 ||
	    layer_write(l, &t, EPOCH_1980, codec, CODEC_DEFAULT, &layer, err) < 0)
		return -1;
	layer.created_by = arena_printf(&d->arena, "slsc base: %s%s%s",
					v->base->root == BASE_ROOT_USERS ? "users, " : "", "links of a merged /usr",
					v->debug ? ", busybox" : "");
	VEC_PUSH(out, layer);
	return 0;
}

/* ---- packages ---- */

static int by_size(const void *a, const void *b)
{
	const struct apt_package *x = *(const struct apt_package *const *)a, *y = *(const struct apt_package *const *)b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
	const struct apt_package *x = *(const struct apt_package *const *)a, *y = *(const struct apt_package *const *)b;

	return strcmp(x->name, y->name);
}

static int package_layers(struct debian *d, const struct apt_packages *all, enum codec codec, struct layout *l,
			  struct deb_paths *paths, struct debian_layers *out, struct err *err)
{
	const size_t max = d->want->max_layers ? d->want->max_layers : DEBIAN_LAYERS;
	const size_t alone = all->len > max ? max - 1 : all->len;
	CLEAN_FREE const struct apt_package **p = xcalloc(all->len + 1, sizeof(*p));
	struct image_layer layer;

	for (size_t i = 0; i < all->len; i++)
		p[i] = &all->ptr[i];
	if (all->len > max) {
		qsort(p, all->len, sizeof(*p), by_size);
		qsort(p, alone, sizeof(*p), by_name);
		qsort(p + alone, all->len - alone, sizeof(*p), by_name);
	}
	for (size_t i = 0; i < alone; i++) {
		if (deb_layer(l, &p[i], 1, codec, paths, &d->arena, &layer, err) < 0)
			return -1;
		VEC_PUSH(out, layer);
	}
	if (alone == all->len)
		return 0;
	if (deb_layer(l, p + alone, all->len - alone, codec, paths, &d->arena, &layer, err) < 0)
		return -1;
	VEC_PUSH(out, layer);
	return 0;
}

int debian_layers(struct debian *d, enum arch arch, enum codec codec, struct layout *l, struct base_set *static_set,
		  const char *share, struct debian_layers *out, struct err *err)
{
	const struct named_base *base = d->want->variant.base;
	CLEANUP(deb_paths_release) struct deb_paths paths = { .files = { 0 } };
	struct image_layer layer;

	if (base && base->root == BASE_ROOT_STATIC) {
		if ((!static_set->n && base_load(static_set, share, err) < 0) ||
		    base_put(static_set, share, "static", codec, l, &layer, err) < 0)
			return -1;
		VEC_PUSH(out, layer);
	}
	if (own_layer(d, arch, codec, l, &paths, out, err) < 0)
		return -1;
	return package_layers(d, debian_packages(d, arch), codec, l, &paths, out, err);
}
