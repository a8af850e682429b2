/* SPDX-License-Identifier: Apache-2.0 */
#include "report/check_dist.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/package.h"
#include "os/fs.h"

static const char *text_of(struct dist *d, const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? arena_strdup(&d->arena, s) : NULL;
}

/* Images have one reference for each architecture. */
static bool has_module(const json_t *e)
{
	const json_t *images = json_object_get(e, "images"), *im;
	bool module = false;
	size_t i;

	json_array_foreach(images, i, im) {
		const char *ref = json_string_value(json_object_get(im, "ref"));

		module |= ref && strcmp(ref, "wasm") == 0;
	}
	return module && json_array_size(images) > 1;
}

static int read_list(struct dist *d, const char *path, const struct buf *text, struct err *err)
{
	json_error_t where;
	json_t *j = json_loadb(text->ptr, text->len, JSON_REJECT_DUPLICATES, &where), *list, *e;
	size_t i;

	list = json_object_get(j, "artifacts");
	if (!json_is_array(list)) {
		json_decref(j);
		err_set(err, ERR_FORMAT, "%s: %s", path, j ? "has no list of artifacts" : where.text);
		return err_hint(err, "run 'slsc package' again");
	}
	d->ptr = arena_alloc(&d->arena, (json_array_size(list) + 1) * sizeof(*d->ptr));
	json_array_foreach(list, i, e) {
		struct dist_entry de = { .path = text_of(d, e, "path"), .kind = text_of(d, e, "kind"),
					 .function = text_of(d, e, "function"), .arch = text_of(d, e, "arch"),
					 .profile = text_of(d, e, "profile"), .module = has_module(e) };

		if (de.path && de.kind && de.function && path_is_inside(de.path))
			d->ptr[d->len++] = de;
	}
	json_decref(j);
	return 0;
}

int dist_read(struct dist *d, const char *project_dir, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_FREE char *path = NULL;

	*d = (struct dist){ .dir = path_join(project_dir, "dist") };
	path = path_join(d->dir, "manifest.json");
	if (!fs_exists(path))
		return 0;
	if (fs_read(path, DIST_LIST_MAX, &text, err) < 0 || read_list(d, path, &text, err) < 0) {
		dist_release(d);
		return -1;
	}
	return 0;
}

void dist_release(struct dist *d)
{
	arena_release(&d->arena);
	free(d->dir);
	*d = (struct dist){ .dir = NULL };
}

char *dist_place(const struct dist_entry *e, const char *path)
{
	if (strcmp(e->kind, "zip") == 0)
		return xstrdup(path);
	if (strcmp(e->kind, "workers") == 0)
		return xasprintf("%s/%s.wasm", path, e->function);
	return xasprintf("%s:%s", e->kind, path);
}
