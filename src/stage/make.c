/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"
#include "stage/solve_internal.h"

/* ---- what has to be made for the image ---- */

static void demand_op(struct op *op);

static void demand_dirs(struct vertex *v, size_t n)
{
	if (v->base)
		demand_dirs(v->base, v->base->ops.len);
	for (size_t i = 0; i < n; i++)
		if (!op_has_form(v->ops.ptr[i]))
			demand_op(v->ops.ptr[i]);
}

static void demand_op(struct op *op)
{
	if (op->demanded)
		return;
	op->demanded = true;
	if (op->kind != OP_COPY || !op->want.link)
		demand_dirs(op->v, op_index(op));
	if (op->from)
		demand_dirs(op->from, op->from->ops.len);
	for (size_t i = 0; i < op->nmounts; i++)
		if (op->mounts[i].from)
			demand_dirs(op->mounts[i].from, op->mounts[i].from->ops.len);
}

static void *vertex_thread(void *arg)
{
	struct vertex *v = arg;

	VEC_EACH(&v->ops, o) {
		if (!(*o)->demanded)
			continue;
		v->ret = op_make(*o, &v->err);
		if (v->ret < 0) {
			atomic_store(&v->sv->failed, true);
			break;
		}
	}
	return NULL;
}

/* Directories are only ours to make where we may give files to others; a copy onto nothing needs none. */
static bool needs_dirs(const struct solver *sv)
{
	if (sv->req->squash || sv->req->strip || (sv->req->output && starts_with(sv->req->output, "dir:")))
		return true;
	for (size_t i = 0; i < sv->vertices.len; i++) {
		struct vertex *v = sv->vertices.ptr[i];

		VEC_EACH(&v->ops, o) {
			const struct op *op = *o;
			const bool onto = v->base || (v->image && v->image->nlayers) || op != v->ops.ptr[0];

			/* a blob that is made anew of a directory */
			if (op_has_form(op) && !op->layer.blob && !op->layer.empty)
				return true;
			if (op->demanded && (op->kind != OP_COPY || op->from || (onto && !op->want.link)))
				return true;
		}
	}
	return false;
}

static int run_threads(struct solver *sv, struct err *err)
{
	int ret = 0;

	sv->running = true;
	for (size_t i = 0; i < sv->vertices.len; i++) {
		struct vertex *v = sv->vertices.ptr[i];
		bool any = false;

		VEC_EACH(&v->ops, o)
			any = any || (*o)->demanded;
		if (any && pthread_create(&v->thread, NULL, vertex_thread, v) == 0)
			v->running = true;
		else if (any)
			vertex_thread(v);
	}
	for (size_t i = 0; i < sv->vertices.len; i++) {
		struct vertex *v = sv->vertices.ptr[i];

		if (v->running)
			pthread_join(v->thread, NULL);
		/* of several errors that which is not about another one */
		if (v->ret < 0 && (ret == 0 || err->sys == ECANCELED))
			*err = v->err;
		ret = v->ret < 0 ? -1 : ret;
	}
	return ret;
}

static void tell_cached(struct solver *sv)
{
	for (size_t i = 0; i < sv->vertices.len; i++) {
		VEC_EACH(&sv->vertices.ptr[i]->ops, o) {
			sv->res->steps++;
			sv->res->cache.hits += (*o)->layer.origin && op_has_form(*o);
			sv->res->cache.misses += (*o)->demanded;
			if (!op_has_form(*o) || (*o)->demanded)
				continue;
			sv->res->cached++;
			solver_event(sv, *o, STAGE_CACHED, (*o)->history, NULL, 0);
		}
	}
}

/* The user's own files that their mode hides from the user are no obstacle to root in a namespace. */
static int find_key_as(struct solver *sv, struct op *op, struct err *err)
{
	int ret = op_key(op, false, err);

	if (ret < 0 && err->sys == EACCES && !sv->entered) {
		if (sandbox_enter(err) < 0)
			return -1;
		sv->entered = true;
		ret = op_key(op, false, err);
	}
	return ret;
}

static int find_keys(struct solver *sv, struct err *err)
{
	for (size_t i = 0; i < sv->vertices.len; i++)
		VEC_EACH(&sv->vertices.ptr[i]->ops, o)
			if (find_key_as(sv, *o, err) < 0)
				return -1;
	return 0;
}

/*
 * What is known, and with it what has to be made. What a cache has promised and does not give has to be made, too: then
 * other things are found out, so all begins anew, with a record less.
 */
static int find_demand(struct solver *sv, struct vertex *const *targets, size_t n, struct err *err)
{
	int ret;

	do {
		if (find_keys(sv, err) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			demand_dirs(targets[i], targets[i]->ops.len);
		ret = cache_fetch(sv, targets, n, err);
	} while (ret > 0);
	return ret;
}

static bool are_there(const struct solver *sv, struct layer *const *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct layer *l = all[i];
		CLEAN_FREE char *path = layer_path(sv, l->name);

		if ((l->op && !l->op->known) || (!l->empty && !(*l->name && fs_is_dir(path))))
			return false;
	}
	return true;
}

static int enter(struct solver *sv, struct err *err)
{
	if (sandbox_enter(err) < 0)
		return -1;
	sv->entered = true;
	return 0;
}

int solver_dirs(struct solver *sv, struct vertex *v, bool make, struct strs *dirs, struct err *err)
{
	CLEAN_FREE struct layer **all = NULL;
	size_t len;

	if (find_keys(sv, err) < 0 || vertex_layers(v, v->ops.len, &all, &len, err) < 0)
		return -1;
	if (!are_there(sv, all, len)) {
		if (!make) {
			err_set(err, ERR_NOTFOUND, "stage '%s' of %s is not made yet", v->name, sv->df.shown);
			return err_hint(err, "run `slsc build`");
		}
		if (find_demand(sv, &v, 1, err) < 0)
			return -1;
		tell_cached(sv);
		if (enter(sv, err) < 0)
			return -1;
		if (run_threads(sv, err) < 0)
			return -1;
		explain_save(sv);
	}
	/* blobs are made of files that only root may read */
	if (sv->req->cache_to && enter(sv, err) < 0)
		return -1;
	return vertex_stack(v, v->ops.len, dirs, err);
}

int solver_make(struct solver *sv, struct vertex *const *targets, size_t n, struct err *err)
{
	const bool dirs =
		sv->req->squash || sv->req->strip || (sv->req->output && starts_with(sv->req->output, "dir:"));

	if (find_demand(sv, targets, n, err) < 0)
		return -1;
	tell_cached(sv);
	if (needs_dirs(sv)) {
		if (enter(sv, err) < 0)
			return -1;
	}
	if (run_threads(sv, err) < 0)
		return -1;
	for (size_t i = 0; i < n && !dirs; i++) {
		CLEAN_FREE struct layer **all = NULL;
		size_t len;

		if (vertex_layers(targets[i], targets[i]->ops.len, &all, &len, err) < 0)
			return -1;
		for (size_t k = 0; k < len; k++)
			if (layer_blob(sv, all[k], err) < 0)
				return -1;
	}
	explain_save(sv);
	return 0;
}
