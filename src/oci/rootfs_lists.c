/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers read side by side. What takes time in a layer, to decompress and to hash it, needs no other layer; what its
 * entries mean does. So threads make lists of entries, and these are put into the tree one after the other.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vec.h"
#include "oci/rootfs_internal.h"
#include "os/proc.h"

#define MAX_THREADS 8
#define AHEAD_LISTS 16u		/* lists that wait for one before them: each has names in memory */

struct layer_lists {
	struct rootfs *r;
	const struct rootfs_hooks *hooks;
	struct layer_shared shared;
	_Atomic uint64_t names;		/* bytes of names and targets in all lists */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t next, used, n;		/* the next to be read; so many are used up */
	pthread_t threads[MAX_THREADS];
	size_t nthreads;
	bool ahead;
	struct layer_list *lists;
};

char *layer_name(const struct document *m, size_t i)
{
	return xasprintf("layer %zu (%.19s)", i + 1, m->ptr[i].digest.s);
}

int layer_too_many(uint64_t max, struct err *err)
{
	return err_set(err, ERR_LIMIT, "limit exceeded: more than %llu names", (unsigned long long)max);
}

int layer_too_long(struct err *err)
{
	return err_set(err, ERR_LIMIT, "limit exceeded: more than %llu MB of names",
		       (unsigned long long)(ROOTFS_MAX_PATH_BYTES >> 20));
}

int layer_read_entry(struct layer_reader *lr, const struct rootfs_hooks *hooks, size_t layer, struct rootfs_layer *l,
		     uint64_t max_entries, struct unar_entry *e, struct err *err)
{
	const int r = unar_next(lr->unar, e, err);

	if (r <= 0)
		return r;
	if (l->entries >= max_entries)
		return layer_too_many(max_entries, err);
	l->entries++;
	if (e->type == UNAR_FILE && hooks && hooks->bytes &&
	    hooks->bytes(hooks->ctx, layer, (uint32_t)(l->entries - 1), e, lr->unar, err) < 0)
		return -1;
	return 1;
}

int layer_read_end(struct layer_reader *lr, int ret, struct rootfs_layer *l, struct err *err)
{
	if (ret == 0)
		ret = layer_reader_end(lr, &l->diff_id, err);
	l->size = lr->ahead ? lr->size : layer_reader_at(lr);
	l->tar_size = lr->tar_size;
	return ret;
}

static int keep(struct layer_lists *ls, struct layer_list *list, const struct unar_entry *e, struct err *err)
{
	const size_t n = strlen(e->path) + (e->target ? strlen(e->target) : 0);

	if (atomic_fetch_add(&ls->names, n) + n > ROOTFS_MAX_PATH_BYTES)
		return layer_too_long(err);
	VEC_PUSH(list, *e);
	list->ptr[list->len - 1].path = arena_strdup(&list->arena, e->path);
	list->ptr[list->len - 1].target = e->target ? arena_strdup(&list->arena, e->target) : NULL;
	list->ptr[list->len - 1].xattrs = NULL;
	return 0;
}

static int read_list(struct layer_lists *ls, size_t i)
{
	CLEAN_LAYER_READER struct layer_reader lr = { .piece = PIECE_INIT };
	struct layer_list *list = &ls->lists[i];
	const struct rootfs *r = ls->r;
	CLEAN_FREE char *name = layer_name(r->manifest, i);
	struct unar_entry e;
	int ret;

	if (layer_reader_open_shared(&lr, r->origin, &r->manifest->ptr[i], name, r->max_bytes, &ls->shared,
				     ls->ahead, &list->err) < 0)
		return layer_read_end(&lr, -1, &list->layer, &list->err);
	list->layer.codec = lr.codec;
	while ((ret = layer_read_entry(&lr, ls->hooks, i, &list->layer, r->max_entries, &e, &list->err)) > 0)
		if (keep(ls, list, &e, &list->err) < 0) {
			ret = -1;
			break;
		}
	return layer_read_end(&lr, ret, &list->layer, &list->err);
}

static void *work(void *ctx)
{
	struct layer_lists *ls = ctx;

	pthread_mutex_lock(&ls->lock);
	/* past the limit, one of the layers that are begun will be found to be the one too many */
	while (ls->next < ls->n && !atomic_load(&ls->shared.cancel) &&
	       atomic_load(&ls->shared.bytes) <= ls->r->max_bytes) {
		const size_t i = ls->next;
		int ret;

		if (i >= ls->used + AHEAD_LISTS) {
			pthread_cond_wait(&ls->changed, &ls->lock);
			continue;
		}
		ls->next++;
		pthread_mutex_unlock(&ls->lock);
		ret = read_list(ls, i);
		pthread_mutex_lock(&ls->lock);
		ls->lists[i].ret = ret;
		ls->lists[i].done = true;
		pthread_cond_broadcast(&ls->changed);
	}
	pthread_mutex_unlock(&ls->lock);
	return NULL;
}

struct layer_lists *layer_lists_new(struct rootfs *r, const struct rootfs_hooks *hooks)
{
	struct layer_lists *ls = xcalloc(1, sizeof(*ls));
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const size_t n = r->manifest->len, most = cpus < 1 ? 1 : cpus > MAX_THREADS ? MAX_THREADS : (size_t)cpus;

	ls->r = r;
	ls->hooks = hooks;
	ls->n = n;
	ls->ahead = n < most;
	ls->lists = xcalloc(n, sizeof(*ls->lists));
	pthread_mutex_init(&ls->lock, NULL);
	pthread_cond_init(&ls->changed, NULL);
	while (ls->nthreads < most && ls->nthreads < n && sig_thread(&ls->threads[ls->nthreads], work, ls) == 0)
		ls->nthreads++;
	return ls;
}

struct layer_list *layer_lists_get(struct layer_lists *ls, size_t i)
{
	struct layer_list *list = &ls->lists[i];

	pthread_mutex_lock(&ls->lock);
	if (ls->nthreads == 0) {
		/* no thread was to be had */
		list->ret = read_list(ls, i);
		list->done = true;
	}
	while (!list->done)
		pthread_cond_wait(&ls->changed, &ls->lock);
	pthread_mutex_unlock(&ls->lock);
	return list;
}

void layer_lists_drop(struct layer_lists *ls, size_t i)
{
	pthread_mutex_lock(&ls->lock);
	arena_release(&ls->lists[i].arena);
	VEC_FREE(&ls->lists[i]);
	ls->used = i + 1;
	pthread_cond_broadcast(&ls->changed);
	pthread_mutex_unlock(&ls->lock);
}

void layer_lists_free(struct layer_lists *ls)
{
	if (!ls)
		return;
	pthread_mutex_lock(&ls->lock);
	atomic_store(&ls->shared.cancel, true);
	pthread_cond_broadcast(&ls->changed);
	pthread_mutex_unlock(&ls->lock);
	for (size_t i = 0; i < ls->nthreads; i++)
		pthread_join(ls->threads[i], NULL);
	for (size_t i = 0; i < ls->n; i++) {
		arena_release(&ls->lists[i].arena);
		VEC_FREE(&ls->lists[i]);
	}
	pthread_cond_destroy(&ls->changed);
	pthread_mutex_destroy(&ls->lock);
	free(ls->lists);
	free(ls);
}
