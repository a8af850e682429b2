/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/export.h"

#include "archive/tar.h"
#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"

struct file_sink {
	struct fs_tmp tmp;
	struct digest_ctx *md;
	uint64_t size;
};

static int write_file(void *ctx, const void *p, size_t n, struct err *err)
{
	struct file_sink *f = ctx;

	if (sig_check(err) < 0)
		return -1;
	digest_update(f->md, p, n);
	f->size += n;
	return fs_write_all(f->tmp.fd, p, n, f->tmp.path, err);
}

static int write_tar(const struct tree *tree, struct export *e, struct err *err)
{
	struct file_sink f = { .tmp = FS_TMP_INIT };
	int ret = -1;

	if (fs_tmp_open(&f.tmp, e->path, 0644, err) < 0)
		return -1;
	f.md = digest_new(err);
	if (f.md && tar_write(tree, e->mtime, write_file, &f, err) == 0) {
		digest_final(steal(&f.md), &e->digest);
		e->size = f.size;
		ret = fs_tmp_commit(&f.tmp, true, err);
	}
	digest_free(f.md);
	fs_tmp_abort(&f.tmp);
	return ret;
}

static int add_blob(struct tree *t, const struct layout *l, const char *name, const char *hex, struct err *err)
{
	CLEAN_FREE char *src = path_join(l->blobs, hex);

	return tree_add_file(t, name, src, 0644, err);
}

int export_oci(const struct layout *l, const struct buf *index, struct export *e, struct err *err)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	const size_t n = e->nblobs && e->nblobs < l->keep.len ? e->nblobs : l->keep.len;

	for (size_t i = 0; i < n; i++) {
		CLEAN_FREE char *name = xasprintf("blobs/sha256/%s", l->keep.ptr[i].key);

		if (add_blob(&t, l, name, l->keep.ptr[i].key, err) < 0)
			return -1;
	}
	if (tree_add_data(&t, "oci-layout", layout_version.ptr, layout_version.len, 0644, 0, 0, err) < 0 ||
	    tree_add_data(&t, "index.json", index->ptr, index->len, 0644, 0, 0, err) < 0 || tree_finish(&t, err) < 0)
		return -1;
	return write_tar(&t, e, err);
}

int export_docker(const struct layout *l, const struct image *im, const struct descriptor *config, const char *tag,
		  struct export *e, struct err *err)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_BUF struct buf manifest = BUF_INIT;
	CLEAN_FREE char *name = xasprintf("%s.json", digest_hex(&config->digest));

	docker_manifest(im, config, tag, &manifest);
	if (add_blob(&t, l, name, digest_hex(&config->digest), err) < 0)
		return -1;
	for (size_t i = 0; i < im->nlayers; i++) {
		const char *hex = digest_hex(&im->layers[i].digest);
		CLEAN_FREE char *layer = xasprintf("%s.tar", hex);

		if (im->layers[i].codec != CODEC_NONE)
			BUG("a compressed layer in a docker archive");
		if (add_blob(&t, l, layer, hex, err) < 0)
			return -1;
	}
	if (tree_add_data(&t, "manifest.json", manifest.ptr, manifest.len, 0644, 0, 0, err) < 0 ||
	    tree_finish(&t, err) < 0)
		return -1;
	return write_tar(&t, e, err);
}

static void document_json(const struct document *m, const char *tag, struct buf *out)
{
	buf_addf(out, "[{\"Config\":\"%s.json\",\"Layers\":[", digest_hex(&m->config.digest));
	for (size_t i = 0; i < m->len; i++)
		buf_addf(out, "%s\"%s.tar\"", i ? "," : "", digest_hex(&m->ptr[i].digest));
	buf_addz(out, "],\"RepoTags\":");
	if (tag) {
		buf_addz(out, "[");
		buf_add_json(out, str_from(tag));
		buf_addz(out, "]");
	} else {
		buf_addz(out, "null");
	}
	buf_addz(out, "}]");
}

int export_document(const struct layout *l, const struct document *m, const char *tag, struct export *e,
		    struct err *err)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_MAP struct map seen = { 0 };
	CLEAN_BUF struct buf manifest = BUF_INIT;
	CLEAN_FREE char *name = xasprintf("%s.json", digest_hex(&m->config.digest));

	document_json(m, tag, &manifest);
	if (add_blob(&t, l, name, digest_hex(&m->config.digest), err) < 0)
		return -1;
	for (size_t i = 0; i < m->len; i++) {
		const char *hex = digest_hex(&m->ptr[i].digest);
		CLEAN_FREE char *layer = xasprintf("%s.tar", hex);

		/* a layer may be there twice */
		if (!map_put(&seen, hex, &seen) && add_blob(&t, l, layer, hex, err) < 0)
			return -1;
	}
	if (tree_add_data(&t, "manifest.json", manifest.ptr, manifest.len, 0644, 0, 0, err) < 0 ||
	    tree_finish(&t, err) < 0)
		return -1;
	return write_tar(&t, e, err);
}
