/* SPDX-License-Identifier: Apache-2.0 */
/* Layers on demand: each gets the form that somebody needs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "oci/origin_internal.h"
#include "oci/store.h"
#include "os/fs.h"
#include "os/proc.h"
#include "stage/solve_internal.h"

char *layer_path(const struct solver *sv, const char *name)
{
	return xasprintf("%s/layers/%s", sv->cache, name);
}

void solver_event(struct solver *sv, const struct op *op, enum stage_event_kind kind, const char *text, const char *why,
		  double seconds)
{
	CLEAN_FREE char *name = NULL;
	struct stage_event e = { .kind = kind,
				 .stage = op->v->name,
				 .step = op->step,
				 .steps = op->v->steps,
				 .text = text,
				 .why = why,
				 .seconds = seconds };

	if (!sv->req->event)
		return;
	if (sv->req->narches > 1)
		e.stage = name = xasprintf("%s %s", op->v->name, arch_oci(op->v->target));
	pthread_mutex_lock(&sv->lock);
	sv->req->event(&e, sv->req->ctx);
	pthread_mutex_unlock(&sv->lock);
}

/* ---- a place for what is being made ---- */

/* What killed runs have left: whose lock nobody holds. */
static void sweep(const char *dir, const char *own)
{
	CLEAN_STRS struct strs names = { 0 };
	struct err ignored;

	if (fs_list(dir, &names, &ignored) < 0)
		return;
	VEC_EACH(&names, name) {
		CLEAN_FREE char *path = path_join(dir, *name);
		CLEAN_FD int fd = -1;

		if (strcmp(*name, own) == 0)
			continue;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fs_rmtree(path, &ignored) < 0)
			continue;
	}
}

int solver_scratch(struct solver *sv, char **dir, struct err *err)
{
	CLEAN_FREE char *all = path_join(sv->cache, "run");
	unsigned n;
	int ret = 0;

	pthread_mutex_lock(&sv->lock);
	if (!sv->scratch) {
		CLEAN_FREE char *name = xasprintf("%d", (int)getpid());
		CLEAN_FREE char *own = path_join(all, name);

		/* nobody sweeps away what has a name but no lock yet */
		CLEAN_FD int gate = -1;

		ret = fs_mkdirs(all, err);
		if (ret == 0) {
			gate = fs_lock_dir(all, err);
			ret = gate < 0 ? -1 : 0;
		}
		if (ret == 0)
			sweep(all, name);
		if (ret == 0 && (fs_rmtree(own, err) < 0 || fs_mkdirs(own, err) < 0))
			ret = -1;
		if (ret == 0) {
			sv->scratch_lock = open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			if (sv->scratch_lock < 0 || flock(sv->scratch_lock, LOCK_EX | LOCK_NB) < 0)
				ret = err_sys(err, "%s", own);
			sv->scratch = steal(&own);
		}
	}
	n = ++sv->serial;
	pthread_mutex_unlock(&sv->lock);
	if (ret < 0)
		return -1;
	*dir = xasprintf("%s/%u", sv->scratch, n);
	if (mkdir(*dir, 0755) < 0)
		return err_sys(err, "%s", *dir);
	return 0;
}

/* ---- blobs of the store as an origin, for what unpacks them ---- */

static int store_blob(struct origin *o, const struct doc_descriptor *d, sink_fn sink, void *ctx, struct err *err)
{
	CLEAN_FREE char *block = xmalloc(1 << 17);
	CLEAN_FD int fd = store_open(NULL, d, err);
	ssize_t n;

	(void)o;
	if (fd < 0)
		return -1;
	while ((n = read(fd, block, 1 << 17)) != 0) {
		if (n < 0)
			return err_sys(err, "%s", d->digest.s);
		if (sink(ctx, block, (size_t)n, err) < 0)
			return -1;
	}
	return 0;
}

static char *store_blob_path(struct origin *o, const struct digest *digest)
{
	(void)o;
	return store_path(digest);
}

static const struct origin_ops store_ops = { .blob = store_blob, .blob_path = store_blob_path };

/* ---- forms of a layer ---- */

/*
 * Blobs get into the store without waiting for the disk, and disks forget: the size alone does not tell what a machine
 * that went down has left under a name. What another run has stored is hashed at its first use (store_verified()), what
 * is damaged is dropped, and made or fetched anew.
 */
bool layer_stored(struct layer *l)
{
	CLEAN_FREE char *path = NULL;
	struct stat st;

	/* not store_has(): a use moves the mtime of what has no record yet, and then it never gets one */
	if (!l->sure)
		return l->sure = store_verified(&l->desc.digest, l->desc.size);
	path = store_path(&l->desc.digest);
	return lstat(path, &st) == 0 && (uint64_t)st.st_size == l->desc.size;
}

/* A layer's digest tells nobody which image it is of, nor is it said where there is no space left. */
static int of_image(const struct layer *l, struct err *err)
{
	CLEAN_FREE char *cache = dirs_cache();

	if (err->sys == ENOSPC || err->sys == EDQUOT)
		err_hint(err, "free some space in %.100s, or let SLSC_CACHE_DIR name another directory", cache);
	/* what an origin says has its name in it */
	if (l->origin && (err->code == ERR_FORMAT || err->code == ERR_LIMIT || err->sys))
		return strstr(err->msg, " of blob ") ? -1 : err_wrap(err, "%s", l->origin->shown);
	return -1;
}

static int make_dir(struct solver *sv, struct layer *l, struct err *err)
{
	CLEAN_FREE char *path = NULL, *all = path_join(sv->cache, "layers");
	struct origin store = { .ops = &store_ops, .shown = (char *)(uintptr_t) "cache" };
	struct origin *from;

	path = layer_path(sv, l->name);
	if (fs_is_dir(path)) {
		l->dir = true;
		return 0;
	}
	if (fs_mkdirs(all, err) < 0)
		return -1;
	if (l->tree) {
		if (snap_write(path, l->tree, sv->epoch, err) < 0)
			return -1;
	} else {
		from = l->origin && !layer_stored(l) ? l->origin : &store;
		if (snap_unpack(path, from, &l->desc, &l->as.diff_id, err) < 0)
			return of_image(l, err);
	}
	l->dir = true;
	return 0;
}

int layer_dir(struct solver *sv, struct layer *l, struct err *err)
{
	int ret = 0;

	if (l->op && op_make(l->op, err) < 0)
		return -1;
	pthread_mutex_lock(&l->lock);
	if (!l->dir && !l->empty)
		ret = make_dir(sv, l, err);
	if (ret < 0 && l->op)
		op_fail(l->op, err);
	pthread_mutex_unlock(&l->lock);
	return ret;
}

static int write_blob(struct solver *sv, const struct tree *tree, struct image_layer *out, struct err *err)
{
	CLEAN_FREE char *cache = dirs_cache();
	/* the store is no layout that is ever committed; blobs appear in it whole */
	CLEAN_LAYOUT struct layout l = {
		.dir = xstrdup(cache), .blobs = path_join(cache, "blobs/sha256"), .existed = true, .committed = true
	};

	if (fs_mkdirs(l.blobs, err) < 0)
		return -1;
	return layer_write(&l, tree, sv->epoch, sv->req->codec, sv->req->level, out, err);
}

/* A RUN's layer from its directory. */
static int tree_of_dir(struct solver *sv, struct layer *l, struct tree *t, struct err *err)
{
	CLEAN_FREE char *path = layer_path(sv, l->name);
	CLEAN_STRS struct strs below = { 0 };
	struct op *op = l->op;
	size_t i = 0;

	while (op->v->ops.ptr[i] != op)
		i++;
	if (vertex_stack(op->v, i, &below, err) < 0)
		return -1;
	if (snap_diff(path, &(struct snap_stack){ (const char *const *)below.ptr, below.len }, sv->epoch, t, err) < 0)
		return -1;
	l->empty = t->len == 0;
	return 0;
}

static int blob_of_dir(struct solver *sv, struct layer *l, struct err *err)
{
	CLEAN_TREE struct tree t = TREE_INIT;

	if (tree_of_dir(sv, l, &t, err) < 0)
		return -1;
	return l->empty ? 0 : write_blob(sv, &t, &l->as, err);
}

/* A copy's blob comes from its files, whose times are today's epoch, and not from a directory of an earlier one. */
static int again(struct op *op, struct err *err)
{
	int ret = 0;

	pthread_mutex_lock(&op->lock);
	if (op->kind != OP_RUN && !op->layer.blob && !op->layer.empty && !op->layer.tree)
		ret = op_execute(op, err);
	pthread_mutex_unlock(&op->lock);
	return ret;
}

int layer_blob(struct solver *sv, struct layer *l, struct err *err)
{
	int ret = 0;

	if (l->op && (op_make(l->op, err) < 0 || again(l->op, err) < 0))
		return -1;
	pthread_mutex_lock(&l->lock);
	if (!l->blob && !l->empty) {
		ret = l->tree ? write_blob(sv, l->tree, &l->as, err) : blob_of_dir(sv, l, err);
		if (ret < 0)
			op_fail(l->op, err);
		if (ret == 0 && !l->empty) {
			l->blob = l->sure = true;
			l->desc = (struct doc_descriptor){ .media_type = layer_media_type(l->as.codec),
							   .digest = l->as.digest,
							   .size = l->as.size };
		}
		if (ret == 0)
			ret = record_write(l->op, err);
	}
	pthread_mutex_unlock(&l->lock);
	return ret;
}

int layer_blob_again(struct solver *sv, struct layer *l, struct err *err)
{
	CLEAN_FREE char *path = layer_path(sv, l->name);

	/* of a RUN that was known by its blob alone nothing is left */
	if (!l->op || (l->op->kind == OP_RUN && !l->tree && !fs_is_dir(path)))
		return 0;
	pthread_mutex_lock(&l->lock);
	l->blob = l->sure = false;
	pthread_mutex_unlock(&l->lock);
	return layer_blob(sv, l, err);
}

int layer_tree(struct solver *sv, struct layer *l, struct tree *made, const struct tree **out, struct err *err)
{
	int ret = 0;

	*out = NULL;
	if (op_make(l->op, err) < 0)
		return -1;
	pthread_mutex_lock(&l->op->lock);
	/* of a copy that was cached there is a blob, or a directory of another epoch */
	if (l->op->kind != OP_RUN && !l->empty && !l->tree)
		ret = op_execute(l->op, err);
	/* and of a RUN perhaps a blob alone */
	pthread_mutex_unlock(&l->op->lock);
	if (ret < 0 || (!l->tree && layer_dir(sv, l, err) < 0))
		return -1;
	pthread_mutex_lock(&l->lock);
	if (!l->empty && !l->tree)
		ret = tree_of_dir(sv, l, made, err);
	if (ret == 0 && !l->empty)
		*out = l->tree ? l->tree : made;
	pthread_mutex_unlock(&l->lock);
	return ret;
}

/* ---- stacks ---- */

static int add_layers(struct vertex *v, size_t n, struct layer **out, size_t *len)
{
	if (v->base)
		add_layers(v->base, v->base->ops.len, out, len);
	for (size_t i = 0; v->image && i < v->image->nlayers; i++) {
		if (out)
			out[*len] = v->image->layers[i];
		(*len)++;
	}
	for (size_t i = 0; i < n; i++) {
		if (out)
			out[*len] = &v->ops.ptr[i]->layer;
		(*len)++;
	}
	return 0;
}

int vertex_layers(struct vertex *v, size_t n, struct layer ***out, size_t *len, struct err *err)
{
	*len = 0;
	add_layers(v, n, NULL, len);
	*out = xcalloc(*len + 1, sizeof(**out));
	*len = 0;
	add_layers(v, n, *out, len);
	(void)err;
	return 0;
}

int vertex_stack(struct vertex *v, size_t n, struct strs *dirs, struct err *err)
{
	CLEAN_FREE struct layer **all = NULL;
	size_t len;

	if (vertex_layers(v, n, &all, &len, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++)
		if (layer_dir(v->sv, all[i], err) < 0)
			return -1;
	for (size_t i = 0; i < len; i++) {
		bool twice = false;

		/* overlayfs takes a directory once; of two of the same only the upper one can be seen */
		for (size_t k = i + 1; k < len && !twice; k++)
			twice = strcmp(all[i]->name, all[k]->name) == 0 && *all[i]->name;
		if (!all[i]->empty && !twice)
			strs_take(dirs, layer_path(v->sv, all[i]->name));
	}
	return 0;
}
