/* SPDX-License-Identifier: Apache-2.0 */
/* Images on their way to a layout, and by way of one to an archive. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/codec.h"
#include "base/mem.h"
#include "oci/export.h"
#include "os/fs.h"
#include "registry/transfer_internal.h"
#include "registry/work.h"

#define ENTRY_TIME 315532800	/* 1980-01-01, as in all tars of ours */

struct fill {
	struct transfer *t;
	struct layout *l;
	pthread_mutex_t lock;	/* of l */
};

static int add_blob(void *ctx, size_t i, struct err *err)
{
	struct fill *f = ctx;
	struct transfer *t = f->t;
	const struct doc_descriptor *d = t->blobs.list.ptr[i];
	struct digest digest;
	struct blob b;
	bool have;
	int ret;

	pthread_mutex_lock(&f->lock);
	have = layout_have(f->l, &d->digest, d->size);
	if (!have)
		t->r->copied++;
	pthread_mutex_unlock(&f->lock);
	if (have) {
		transfer_advance(d->size, t);
		return 0;
	}
	if (blob_begin_as(&b, f->l, &d->digest, err) < 0)
		return -1;
	ret = t->source->ops->blob(t->source, d, blob_write, &b, err);
	pthread_mutex_lock(&f->lock);
	if (ret == 0)
		ret = blob_end(&b, &digest, NULL, err);
	t->r->copied_bytes += d->size;
	pthread_mutex_unlock(&f->lock);
	blob_abort(&b);
	transfer_advance(d->size, t);
	return ret;
}

static int fill(struct transfer *t, struct layout *l, struct err *err)
{
	struct fill f = { .t = t, .l = l, .lock = PTHREAD_MUTEX_INITIALIZER };
	const struct plan_blobs *b = &t->blobs;

	if (plan_blobs(&t->plan, &t->blobs, err) < 0 ||
	    work_run(b->list.len, work_jobs(b->list.len, b->bytes), add_blob, &f, &t->cancel, err) < 0)
		return -1;
	for (size_t i = 0; i < t->plan.nodes.len; i++) {
		const struct plan_node *n = t->plan.nodes.ptr[i];
		struct digest ignored;

		if (layout_put(l, n->bytes.ptr, n->bytes.len, &ignored, err) < 0)
			return -1;
	}
	return 0;
}

/* The other images of a layout, and all that they name, stay. */
static int keep_others(struct layout *l, const char *dir, const struct buf *index, const char *tag, struct err *err)
{
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_INDEX };
	struct place pl = { .kind = PLACE_LAYOUT, .path = (char *)(uintptr_t)dir };
	CLEAN_ORIGIN struct origin *o = NULL;
	CLEAN_FREE char *shown = path_join(dir, "index.json");
	atomic_bool cancel = false;

	if (document_parse(&doc, shown, NULL, index->ptr, index->len, err) < 0 || origin_open(&o, &pl, NULL, err) < 0)
		return -1;
	for (size_t i = 0; i < doc.len; i++) {
		const char *name = doc_kvs_get(&doc.ptr[i].annotations, "org.opencontainers.image.ref.name");
		CLEAN_PLAN struct plan plan = { .arena = ARENA_INIT };

		if (name && strcmp(name, tag) == 0)
			continue;
		if (plan_make(&plan, o, doc.ptr[i].digest.s, NULL, &cancel, err) < 0)
			return err_wrap(err, "another image of the layout cannot be kept");
		for (size_t k = 0; k < plan.nodes.len; k++) {
			const struct plan_node *n = plan.nodes.ptr[k];

			layout_keep(l, &n->d.digest);
			if (n->doc.kind == DOC_MANIFEST)
				layout_keep(l, &n->doc.config.digest);
			for (size_t b = 0; b < n->doc.len; b++)
				layout_keep(l, &n->doc.ptr[b].digest);
		}
	}
	return 0;
}

/* Everything is here already: not even a time of the layout changes. */
static bool is_there(const struct transfer *t, const struct buf *old, const struct buf *fresh)
{
	return t->r->copied == 0 && str_eq(buf_str(old), buf_str(fresh));
}

static int update(struct transfer *t, struct layout *l, struct err *err)
{
	const char *tag = transfer_tag(t);
	CLEAN_FREE char *path = path_join(l->dir, "index.json");
	CLEAN_BUF struct buf old = BUF_INIT, fresh = BUF_INIT;

	if (l->existed && fs_read(path, DOCUMENT_MAX, &old, err) < 0)
		return -1;
	if (old.len && keep_others(l, l->dir, &old, tag, err) < 0)
		return -1;
	if (layout_index_add(&old, path, t->plan.nodes.ptr[0], tag, &fresh, err) < 0 || fill(t, l, err) < 0)
		return -1;
	t->r->unchanged = is_there(t, &old, &fresh);
	return layout_commit(l, fresh.ptr, fresh.len, err);
}

/* What is there is taken at its size; the real run reads it. @blobs: of a layout, or NULL. */
static int would_copy(struct transfer *t, const char *blobs, struct err *err)
{
	if (plan_blobs(&t->plan, &t->blobs, err) < 0)
		return -1;
	for (size_t i = 0; i < t->blobs.list.len; i++) {
		const struct doc_descriptor *d = t->blobs.list.ptr[i];
		CLEAN_FREE char *path = blobs ? path_join(blobs, digest_hex(&d->digest)) : NULL;
		struct stat st;

		if (path && stat(path, &st) == 0 && (uint64_t)st.st_size == d->size)
			continue;
		t->r->copied++;
		t->r->copied_bytes += d->size;
	}
	return 0;
}

int transfer_to_layout(struct transfer *t, struct err *err)
{
	struct layout l;
	CLEAN_FD int lock = -1;
	int ret;

	if (t->o->dry_run) {
		CLEAN_FREE char *blobs = path_join(t->to->path, "blobs/sha256");

		return would_copy(t, blobs, err);
	}
	if (layout_open(&l, t->to->path, true, err) < 0)
		return -1;
	lock = fs_lock_dir(t->to->path, err);
	ret = lock < 0 ? -1 : 0;
	if (ret == 0 && l.made) {
		/* another process may have filled it meanwhile */
		CLEAN_FREE char *index = path_join(l.dir, "index.json");

		l.existed = fs_exists(index);
		l.made = !l.existed;
	}
	/*
	 * A new layout has nothing to lose: should the machine lose its power now, the same pull mends it, since
	 * digests are verified whenever blobs are used. Ten fsyncs take longer than the pull of a small image.
	 */
	l.sync = l.existed;
	if (ret == 0)
		ret = update(t, &l, err);
	layout_release(&l);
	return ret;
}

/* archives */

/* Directories of transfers whose process was killed. */
static void sweep(const char *scratch)
{
	CLEAN_STRS struct strs names = { 0 };
	struct err ignored;

	if (fs_list(scratch, &names, &ignored) < 0)
		return;
	for (size_t i = 0; i < names.len; i++) {
		CLEAN_FREE char *path = path_join(scratch, names.ptr[i]);
		long pid;

		if (sscanf(names.ptr[i], "layout.%ld", &pid) != 1 || pid <= 0 || kill((pid_t)pid, 0) == 0 ||
		    errno != ESRCH)
			continue;
		if (fs_rmtree(path, &ignored) < 0)
			continue;	/* the next one tries again */
	}
}

static int only_gzip(const struct document *doc, const char *path, struct err *err)
{
	for (size_t i = 0; i < doc->len; i++) {
		int codec = media_layer_codec(doc->ptr[i].media_type);

		if (codec == CODEC_NONE || codec == CODEC_GZIP)
			continue;
		err_set(err, ERR_USAGE, "docker-archive:%s: a layer is %s, which docker load does not take", path,
			codec == CODEC_ZSTD ? "compressed by zstd" : "no layer of an image");
		return err_hint(err, "write an oci-archive: instead");
	}
	return 0;
}

static int write_archive(struct transfer *t, const struct layout *l, const struct buf *index, struct err *err)
{
	struct export e = { .path = t->to->path, .mtime = ENTRY_TIME };
	CLEAN_FREE char *name = NULL;
	const struct place *from = t->from;

	if (t->to->kind == PLACE_OCI_ARCHIVE)
		return export_oci(l, index, &e, err);
	/* docker's tags have a name before them */
	if (t->to->tag && strchr(t->to->tag, ':'))
		name = xstrdup(t->to->tag);
	else if (from->kind == PLACE_REGISTRY)
		name = xasprintf("%s/%s:%s", from->host, from->repo, transfer_tag(t));
	return export_document(l, &t->plan.nodes.ptr[0]->doc, name, &e, err);
}

static int stage(struct transfer *t, const char *dir, struct err *err)
{
	CLEAN_LAYOUT struct layout l = { .dir = NULL };
	CLEAN_BUF struct buf none = BUF_INIT, index = BUF_INIT;

	if (layout_open(&l, dir, false, err) < 0)
		return -1;
	if (layout_index_add(&none, "index.json", t->plan.nodes.ptr[0], transfer_tag(t), &index, err) < 0 ||
	    fill(t, &l, err) < 0)
		return -1;
	return write_archive(t, &l, &index, err);
}

int transfer_to_archive(struct transfer *t, struct err *err)
{
	const struct document *root = &t->plan.nodes.ptr[0]->doc;
	CLEAN_FREE char *scratch = NULL, *dir = NULL;
	struct err ignored;
	int ret;

	if (t->to->kind == PLACE_DOCKER_ARCHIVE) {
		if (root->kind == DOC_INDEX) {
			err_set(err, ERR_USAGE, "docker-archive:%s: holds one architecture, the image has several",
				t->to->path);
			return err_hint(err, "choose one with --arch, or write an oci-archive:");
		}
		if (only_gzip(root, t->to->path, err) < 0)
			return -1;
	}
	if (t->o->dry_run)
		return would_copy(t, NULL, err);
	scratch = transfer_scratch(err);
	if (!scratch)
		return -1;
	sweep(scratch);
	dir = xasprintf("%s/layout.%ld", scratch, (long)getpid());
	if (fs_rmtree(dir, err) < 0)
		return -1;
	ret = stage(t, dir, err);
	if (fs_rmtree(dir, &ignored) < 0 && ret == 0)
		*err = ignored, ret = -1;
	return ret;
}
