/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "os/fs.h"
#include "report/artifact_internal.h"

#define BOOTSTRAP "bootstrap"
#define PROGRAM_MAX (UINT64_C(1) << 30)
#define MAX_DEPTH 256u

static int salvage(struct artifact *a, const char *path, struct err *err)
{
	struct fs_map map;
	struct err ignored;

	if (err->code != ERR_FORMAT || fs_map_open(&map, path, ZIPDIR_MAX_FILE, &ignored) < 0)
		return -1;
	zipdir_locals(&a->priv->zip, a->shown, map.ptr, map.len);
	a->priv->zip.map = map;
	a->priv->zip_open = true;
	if (!strstr(err->msg, " at offset "))
		err_set(err, ERR_FORMAT, "%s, and ends at offset %zu", err->msg, map.len);
	return -1;
}

static int find_program(struct artifact *a, struct err *err)
{
	const struct zipdir *z = &a->priv->zip;
	CLEAN_BUF struct buf bytes = BUF_INIT;
	const struct zipdir_entry *e = NULL;

	/* of two of one name the last one counts for those who unpack */
	for (size_t i = 0; i < z->len; i++)
		if (strcmp(z->ptr[i].name, BOOTSTRAP) == 0)
			e = &z->ptr[i];
	if (!e)
		return 0;
	a->program = BOOTSTRAP;
	if (zipdir_read(z, e, PROGRAM_MAX, &bytes, err) < 0 || program_create(&a->priv->copy, err) < 0 ||
	    program_write(&a->priv->copy, bytes.ptr, bytes.len, err) < 0)
		return -1;
	return artifact_program(a, BOOTSTRAP, err);
}

int artifact_zip_open(struct artifact *a, const char *path, const struct artifact_opts *o, struct err *err)
{
	struct artifact_priv *p = a->priv;
	struct err ignored;
	struct stat st;
	int ret;

	(void)o;
	if (stat(path, &st) < 0)
		return err_sys(err, "%s", path);
	a->size = (uint64_t)st.st_size;
	ret = zipdir_open(&p->zip, path, err);
	if (ret == 0)
		p->zip_open = true;
	else
		salvage(a, path, err);
	if (!p->zip_open)
		return -1;
	a->size = p->zip.nbytes;
	a->files = p->zip.len;
	for (size_t i = 0; i < p->zip.len; i++)
		a->unpacked += p->zip.ptr[i].size;
	if (find_program(a, ret < 0 ? &ignored : err) < 0)
		ret = -1;
	return ret;
}

/* A name of 65,535 bytes may have 32,767 directories: nobody means that. */
static void add_entry(struct size_tree *out, const char *name, uint64_t bytes)
{
	unsigned slashes = 0;

	for (const char *p = name; *p; p++)
		slashes += *p == '/';
	if (!*name || slashes > MAX_DEPTH)
		size_add(out, out->root, "file", *name ? name : "(no name)", bytes);
	else
		size_add_path(out, out->root, "file", name, bytes);
}

static int by_place(const void *a, const void *b)
{
	const struct zipdir_entry *x = *(const struct zipdir_entry *const *)a;
	const struct zipdir_entry *y = *(const struct zipdir_entry *const *)b;

	if (x->data != y->data)
		return x->data < y->data ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Each byte of the file once: entries that share some, as in a bomb, are counted for the first of them. */
int artifact_zip_view(struct artifact *a, struct size_tree *out, struct err *err)
{
	const struct zipdir *z = &a->priv->zip;
	CLEAN_FREE const struct zipdir_entry **all = xcalloc(z->len + 1, sizeof(*all));
	uint64_t end = 0, left = z->nbytes;

	(void)err;
	for (size_t i = 0; i < z->len; i++)
		all[i] = &z->ptr[i];
	qsort(all, z->len, sizeof(*all), by_place);
	size_tree_begin(out, "zip", a->shown);
	for (size_t i = 0; i < z->len; i++) {
		const struct zipdir_entry *e = all[i];
		const uint64_t stop = e->data + e->packed, from = e->data > end ? e->data : end;
		const uint64_t bytes = e->data && stop > from ? stop - from : 0;

		end = e->data && stop > end ? stop : end;
		left -= bytes;
		add_entry(out, e->name, bytes);
	}
	size_add(out, out->root, "other", "(headers and directory)", left);
	size_finish(out);
	return 0;
}
