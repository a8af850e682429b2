/* SPDX-License-Identifier: Apache-2.0 */
#include "build/deb_layer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/deb.h"
#include "oci/store.h"
#include "os/fs.h"

#define EPOCH_1980 315532800
#define META_MAX (16u << 20)
#define LEVEL CODEC_MAX		/* made once, pulled often */

/*
 * layers/<key>: numbers and digests as text, then the paths, each ended by a NUL. It is read for each package of each
 * image: as JSON that took a fifth of the time of an image.
 */
#define HEAD "%" PRIu64 " %" PRIu64 " %zu %zu %zu"
#define HEAD_PARTS 5

struct meta {
	struct digest digest, diff_id;
	uint64_t size, tar_size;
	struct strs files, links, dirs;
};

static void meta_release(struct meta *m)
{
	strs_release(&m->files);
	strs_release(&m->links);
	strs_release(&m->dirs);
}

/* ---- who has what ---- */

void deb_paths_release(struct deb_paths *p)
{
	map_release(&p->files);
	map_release(&p->links);
	map_release(&p->dirs);
	arena_release(&p->arena);
	*p = (struct deb_paths){ .files = { 0 } };
}

static int clash(const char *path, const char *a, const char *b, const char *what, struct err *err)
{
	err_set(err, ERR_EXISTS, "%s: %s has %s %s", path, a, what, b);
	return err_hint(err, "leave one of the two packages out");
}

int deb_paths_add(struct deb_paths *p, const char *who, const struct strs *files, const struct strs *links,
		  const struct strs *dirs, struct err *err)
{
	char *name = arena_strdup(&p->arena, who);
	const char *other;

	VEC_EACH(dirs, d)
		if ((other = map_get(&p->links, *d)) || (other = map_get(&p->files, *d)))
			return clash(*d, name, other, "files below what is no directory in", err);
	VEC_EACH(files, f)
		if ((other = map_get(&p->files, *f)) || (other = map_get(&p->links, *f)) ||
		    (other = map_get(&p->dirs, *f)))
			return clash(*f, name, other, "the same path as", err);
	VEC_EACH(links, k)
		if ((other = map_get(&p->files, *k)) || (other = map_get(&p->links, *k)) ||
		    (other = map_get(&p->dirs, *k)))
			return clash(*k, name, other, "a symlink at a path of", err);
	VEC_EACH(files, f)
		map_put(&p->files, *f, name);
	VEC_EACH(links, k)
		map_put(&p->links, *k, name);
	VEC_EACH(dirs, d)
		map_put(&p->dirs, *d, name);
	return 0;
}

/* ---- the cache ---- */

static int layer_key(const struct apt_package *const *packages, size_t n, enum codec codec, char **path,
		     struct err *err)
{
	CLEAN_FREE char *cache = dirs_cache();
	CLEAN_BUF struct buf b = BUF_INIT;
	struct digest d;

	buf_addf(&b, "deb %d\n%s %d %s\n", DEB_TRANSFORM, codec_name(codec), (int)LEVEL, codec_version(codec));
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s %s %s %s\n", packages[i]->sha256.s, packages[i]->name, packages[i]->version,
			 packages[i]->arch);
	if (digest_of(b.ptr, b.len, &d, err) < 0)
		return -1;
	*path = xasprintf("%s/layers/%s", cache, digest_hex(&d));
	return 0;
}

static bool read_strs(struct str *rest, size_t n, struct strs *out)
{
	while (n--) {
		const char *end = memchr(rest->ptr, '\0', rest->len);

		if (!end)
			return false;
		strs_add(out, rest->ptr);
		rest->len -= (size_t)(end + 1 - rest->ptr);
		rest->ptr = end + 1;
	}
	return true;
}

/* Whatever is wrong with it, the layer is made anew. */
static bool read_meta(const char *path, struct meta *m)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_STRS struct strs head = { 0 };
	size_t files, links, dirs;
	struct err ignored;
	struct str rest;

	if (!fs_exists(path) || fs_read(path, META_MAX, &text, &ignored) < 0)
		return false;
	rest = (struct str){ text.ptr, text.len };
	return read_strs(&rest, 3, &head) && digest_parse(head.ptr[0], &m->digest, &ignored) == 0 &&
	       digest_parse(head.ptr[1], &m->diff_id, &ignored) == 0 &&
	       sscanf(head.ptr[2], HEAD, &m->size, &m->tar_size, &files, &links, &dirs) == HEAD_PARTS && m->size &&
	       m->tar_size && read_strs(&rest, files, &m->files) && read_strs(&rest, links, &m->links) &&
	       read_strs(&rest, dirs, &m->dirs) && !rest.len;
}

static void add_strs(struct buf *b, const struct strs *list)
{
	VEC_EACH(list, s)
		buf_add(b, *s, strlen(*s) + 1);
}

static int write_meta(const char *path, const struct meta *m, struct err *err)
{
	CLEAN_FREE char *dir = path_dirname(path);
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_add(&b, m->digest.s, strlen(m->digest.s) + 1);
	buf_add(&b, m->diff_id.s, strlen(m->diff_id.s) + 1);
	buf_addf(&b, HEAD, m->size, m->tar_size, m->files.len, m->links.len, m->dirs.len);
	buf_addc(&b, '\0');
	add_strs(&b, &m->files);
	add_strs(&b, &m->links);
	add_strs(&b, &m->dirs);
	if (fs_mkdirs(dir, err) < 0)
		return -1;
	return fs_write_file(path, b.ptr, b.len, 0644, err);
}

/* 1: put; 0: it is not there, or damaged */
static int put_cached(struct layout *l, const struct meta *m, struct err *err)
{
	CLEAN_FREE char *path = store_path(&m->digest);

	if (map_has(&l->keep, digest_hex(&m->digest)))
		return 1;
	/* Who writes into the layout's file writes into the store's: its mtime moves, it is hashed, and made anew. */
	if (!store_verified(&m->digest, m->size))
		return 0;
	return layout_link(l, path, &m->digest, err) < 0 ? -1 : 1;
}

static int unpack(struct deb_tree *t, const struct apt_package *p, struct err *err)
{
	const struct deb_id id = { .name = p->name, .version = p->version, .arch = p->arch };
	CLEAN_FREE char *path = store_path(&p->sha256);
	struct digest got;
	uint64_t size;

	if (digest_file(path, &got, &size, err) < 0)
		return err_wrap(err, "package %s %s", p->name, p->version);
	if (strcmp(got.s, p->sha256.s) != 0) {
		unlink(path);
		err_set(err, ERR_VERIFY, "package %s %s: its file in the cache is damaged; it was removed", p->name,
			p->version);
		return err_hint(err, "run the command again to fetch it anew");
	}
	return deb_unpack_file(t, &id, path, err);
}

static int make(struct layout *l, const struct apt_package *const *packages, size_t n, enum codec codec,
		const char *meta_path, struct meta *m, struct err *err)
{
	CLEAN_DEB_TREE struct deb_tree t = { .bytes = 0 };
	CLEAN_FREE char *blob = NULL;
	struct image_layer out;

	for (size_t i = 0; i < n; i++)
		if (unpack(&t, packages[i], err) < 0)
			return -1;
	if (tree_finish(&t.tree, err) < 0 || layer_write(l, &t.tree, EPOCH_1980, codec, LEVEL, &out, err) < 0)
		return err_wrap(err, "package %s", packages[0]->name);
	for (size_t i = 0; i < t.tree.len; i++) {
		const struct tree_entry *e = &t.tree.ptr[i];

		strs_add(e->type == TREE_DIR ? &m->dirs : e->type == TREE_LINK ? &m->links : &m->files, e->path);
	}
	m->digest = out.digest;
	m->diff_id = out.diff_id;
	m->size = out.size;
	m->tar_size = out.tar_size;
	blob = path_join(l->blobs, digest_hex(&out.digest));
	return store_take(blob, &m->digest, m->size, err) < 0 ? -1 : write_meta(meta_path, m, err);
}

static char *describe(const struct apt_package *const *packages, size_t n, struct arena *arena)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addz(&b, "slsc base:");
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s %s %s (%s)", i ? "," : "", packages[i]->name, packages[i]->version, packages[i]->arch);
	return arena_strdup(arena, b.ptr);
}

int deb_layer(struct layout *l, const struct apt_package *const *packages, size_t n, enum codec codec,
	      struct deb_paths *paths, struct arena *arena, struct image_layer *out, struct err *err)
{
	CLEANUP(meta_release) struct meta m = { .size = 0 };
	CLEAN_FREE char *path = NULL, *who = NULL;
	int ret;

	if (layer_key(packages, n, codec, &path, err) < 0)
		return -1;
	ret = read_meta(path, &m) ? put_cached(l, &m, err) : 0;
	if (ret == 0) {
		meta_release(&m);
		m = (struct meta){ .size = 0 };
		ret = make(l, packages, n, codec, path, &m, err);
	}
	if (ret < 0)
		return -1;
	who = n == 1 ? xasprintf("package %s", packages[0]->name) :
		       xasprintf("package %s and %zu others", packages[0]->name, n - 1);
	if (deb_paths_add(paths, who, &m.files, &m.links, &m.dirs, err) < 0)
		return -1;
	*out = (struct image_layer){ .digest = m.digest, .diff_id = m.diff_id, .size = m.size, .tar_size = m.tar_size,
				     .codec = codec, .created_by = describe(packages, n, arena) };
	return 0;
}
