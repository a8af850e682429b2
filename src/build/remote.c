/* SPDX-License-Identifier: Apache-2.0 */
#include "build/remote_internal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "oci/store.h"
#include "os/fs.h"
#include "os/proc.h"

void remote_release(struct remote *r)
{
	for (size_t i = 0; i < r->nsources; i++) {
		remote_index_release(&r->sources[i].index);
		origin_free(&r->sources[i].origin);
	}
	free(r->sources);
	for (size_t i = 0; i < r->ntargets; i++)
		VEC_FREE(&r->targets[i].inputs);
	free(r->targets);
	for (struct remote_list *l = r->lists; l; l = l->next)
		VEC_FREE(&l->names);
	map_release(&r->digests);
	map_release(&r->there);
	map_release(&r->identities);
	map_release(&r->by_object);
	embedded_scans_release(&r->scans);
	arena_release(&r->arena);
}

int remote_trouble(struct remote *r, const char *option, const struct err *why, struct err *err)
{
	CLEAN_FREE char *line = xasprintf("%s: %s", option, why->msg);

	if (why->code == ERR_INTR) {
		*err = *why;
		return -1;
	}
	r->dead |= why->code == ERR_NET;
	if (!r->told && r->use->warn)
		r->use->warn(line, r->use->ctx);
	r->told = r->use->trouble = true;
	return 0;
}

static void tell(struct remote *r, const struct target *t, const char *what)
{
	CLEAN_FREE char *line = xasprintf("%s %s: %s", t->fn->name.s, arch_name(t->arch), what);

	if (r->use->note)
		r->use->note(line, r->use->ctx);
}

static void begin(struct remote *r, uint64_t bytes)
{
	if (r->use->begin)
		r->use->begin(r->use->ctx, bytes);
}

static void end(struct remote *r)
{
	if (r->use->end)
		r->use->end(r->use->ctx);
}

/* ---- caches ---- */

/* What the index says of a blob is what the manifest says of it, or it is not there. */
static void drop_unnamed(struct remote_index *x, const struct document *doc)
{
	CLEAN_MAP struct map sizes = { 0 };

	for (size_t i = 0; i < doc->len; i++)
		if (strcmp(doc->ptr[i].media_type, REMOTE_MEDIA_BINARY) == 0)
			map_put(&sizes, doc->ptr[i].digest.s, &doc->ptr[i]);
	VEC_EACH(&x->binaries, b) {
		const struct doc_descriptor *d = map_get(&sizes, (*b)->blob.s);

		if (!d || d->size != (*b)->blob_size)
			map_put(&x->by_key, (*b)->key, NULL);
	}
}

static int open_source(struct remote *r, const struct place *pl, struct err *err)
{
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };
	CLEAN_ARENA struct arena arena = ARENA_INIT;
	CLEAN_BUF struct buf bytes = BUF_INIT;
	struct remote_source *s = &r->sources[r->nsources];

	*s = (struct remote_source){ .origin = NULL };
	if (origin_open(&s->origin, pl, r->use->origins, err) < 0)
		return -1;
	r->nsources++;
	if (origin_manifest(s->origin, NULL, NULL, &doc, NULL, NULL, &arena, err) < 0)
		return -1;
	if (strcmp(doc.config.media_type, REMOTE_MEDIA_INDEX) != 0)
		return err_set(err, ERR_FORMAT, "%s: is no cache of binaries", s->origin->shown);
	if (origin_bytes(s->origin, &doc.config, REMOTE_INDEX_MAX, &bytes, err) < 0 ||
	    remote_index_parse(&s->index, s->origin->shown, bytes.ptr, bytes.len, err) < 0)
		return -1;
	drop_unnamed(&s->index, &doc);
	return 0;
}

/* The first build of all has no cache yet: if this one makes it, there is nothing to be told. */
static int open_sources(struct remote *r, struct err *err)
{
	const struct strs *from = r->use->from;

	r->sources = xcalloc(from ? from->len + 1 : 1, sizeof(*r->sources));
	for (size_t i = 0; from && i < from->len; i++) {
		CLEAN_PLACE struct place pl = { .kind = PLACE_LAYOUT };
		struct err why = ERR_INIT;
		int ret;

		if (place_parse(&pl, from->ptr[i], err) < 0)
			return err_wrap(err, "--cache-from");
		if (r->dead && pl.kind == PLACE_REGISTRY)
			continue;
		begin(r, 0);
		ret = open_source(r, &pl, &why);
		end(r);
		if (ret == 0)
			continue;
		if (why.code == ERR_NOTFOUND && r->use->to) {
			if (r->use->note)
				r->use->note(why.msg, r->use->ctx);
			continue;
		}
		if (remote_trouble(r, "--cache-from", &why, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- one binary ---- */

static int is_same(struct remote *r, const struct target *t, const struct remote_index *x,
		   const struct remote_binary *b, struct remote_target *rt, struct err *err)
{
	char seen[REMOTE_KEY];

	rt->inputs.len = 0;
	for (size_t i = 0; i < b->ninputs; i++) {
		const struct remote_file *f = &x->files.ptr[b->inputs[i]];
		CLEAN_FREE char *local = remote_local(r->g, f->path);
		const struct digest *d = remote_digest(r, local);

		if (!d || strcmp(d->s, f->digest.s) != 0)
			return 0;
		VEC_PUSH(&rt->inputs, ((struct remote_file){ arena_strdup(&r->arena, f->path), f->digest }));
	}
	if (remote_seen(r, t, rt->inputs.ptr, rt->inputs.len, seen, err) < 0)
		return -1;
	return strcmp(seen, b->seen) == 0;
}

/* Who has it. */
static int find(struct remote *r, struct remote_target *rt, struct err *err)
{
	struct err why = ERR_INIT;
	int ret = 0;

	if (remote_key(r, rt->t, rt->key, &why) < 0) {
		rt->key[0] = '\0';
		rt->may = false;
		return remote_trouble(r, "--cache-from", &why, err);
	}
	rt->asked = true;
	for (size_t i = 0; ret == 0 && i < r->nsources; i++) {
		rt->from = &r->sources[i];
		rt->binary = map_get(&rt->from->index.by_key, rt->key);
		ret = rt->binary ? is_same(r, rt->t, &rt->from->index, rt->binary, rt, err) : 0;
	}
	if (ret <= 0)
		rt->binary = NULL;
	return ret < 0 ? -1 : 0;
}

static struct doc_descriptor blob_of(const struct remote_binary *b)
{
	return (struct doc_descriptor){ .media_type = REMOTE_MEDIA_BINARY, .digest = b->blob, .size = b->blob_size };
}

/** Blobs on their way, several at a time. */
struct fetching {
	struct remote *r;
	VEC(struct remote_target *) list;
	uint64_t bytes;
	atomic_bool stop; /* the way is blocked, or a signal came */
};

static void fetch_one(void *arg, size_t i)
{
	struct fetching *f = arg;
	struct remote_target *rt = f->list.ptr[i];
	const struct doc_descriptor d = blob_of(rt->binary);
	CLEAN_FREE char *path = NULL;

	if (atomic_load(&f->stop))
		return;
	rt->fetched = store_fetch(rt->from->origin, &d, &path, &rt->why) == 0;
	if (!rt->fetched && (rt->why.code == ERR_NET || rt->why.code == ERR_INTR))
		atomic_store(&f->stop, true);
}

static int fetch_all(struct remote *r, struct err *err)
{
	struct fetching f = { .r = r };
	int ret = 0;

	for (size_t i = 0; i < r->ntargets; i++) {
		struct remote_target *rt = &r->targets[i];

		if (!rt->binary)
			continue;
		rt->fetched = store_verified(&rt->binary->blob, rt->binary->blob_size);
		if (rt->fetched)
			continue;
		VEC_PUSH(&f.list, rt);
		f.bytes += rt->binary->blob_size;
	}
	if (f.list.len) {
		begin(r, f.bytes);
		if (r->use->each)
			r->use->each(f.list.len, fetch_one, &f, r->use->ctx);
		for (size_t i = 0; !r->use->each && i < f.list.len; i++)
			fetch_one(&f, i);
		end(r);
		ret = sig_check(err);
	}
	VEC_EACH(&f.list, rt) {
		if ((*rt)->fetched)
			r->use->received += (*rt)->binary->blob_size;
		else if (ret == 0 && (*rt)->why.code)
			ret = remote_trouble(r, "--cache-from", &(*rt)->why, err);
	}
	VEC_FREE(&f.list);
	return ret;
}

/* To where a build would have put it. */
static int take(struct remote *r, struct remote_target *rt, struct err *err)
{
	CLEAN_FREE char *path = rt->binary ? store_path(&rt->binary->blob) : NULL;
	struct err why = ERR_INIT;

	if (rt->binary && rt->fetched) {
		rt->taken = remote_unpack(r->g, rt->t, rt->binary, path, &why) == 0;
		if (!rt->taken) {
			err_wrap(&why, "%s: %s %s", rt->from->origin->shown, rt->t->fn->name.s, arch_name(rt->t->arch));
			if (remote_trouble(r, "--cache-from", &why, err) < 0)
				return -1;
		} else if (remote_state_write(r, rt, err) < 0) {
			return -1;
		}
	}
	if (!rt->taken)
		rt->inputs.len = 0;
	r->use->hits += rt->taken;
	r->use->misses += !rt->taken;
	tell(r, rt->t, rt->taken ? "taken from the cache" : "not in the cache");
	return 0;
}

static int take_all(struct remote *r, struct err *err)
{
	if (fetch_all(r, err) < 0)
		return -1;
	for (size_t i = 0; i < r->ntargets; i++)
		if (r->targets[i].asked && take(r, &r->targets[i], err) < 0)
			return -1;
	return 0;
}

/* Objects that ninja has may be of before: with the binary gone it looks at them. */
static int drop(const struct graph *g, const struct target *t, struct err *err)
{
	CLEAN_FREE char *path = path_join(g->p->dir, t->out);

	if (unlink(path) < 0 && fs_exists(path))
		return err_sys(err, "%s", path);
	remote_state_remove(g, t);
	return 0;
}

static int settle(struct remote *r, struct remote_target *rt, bool dry_run, struct err *err)
{
	CLEAN_FREE char *path = path_join(r->g->p->dir, rt->t->out);
	bool any = false;
	int ret;

	rt->may = remote_may(r->g, rt->t);
	ret = rt->may ? remote_state_read(r, rt, &any, err) : 0;
	if (ret < 0)
		return -1;
	rt->taken = ret > 0;
	if (rt->taken || dry_run)
		return 0;
	if (any && drop(r->g, rt->t, err) < 0)
		return -1;
	/* what is here is ninja's to judge: it compiles what has changed, and no more */
	if (!rt->may || !r->use || !r->nsources || fs_exists(path))
		return 0;
	return find(r, rt, err);
}

/* Where nothing was ever taken, and no cache is asked, one look is all it costs. */
static bool ever(const struct graph *g)
{
	for (size_t i = 0; i < g->p->narches; i++) {
		CLEAN_FREE char *dir =
			xasprintf("%s/.slsc/%s/%s/.taken", g->p->dir, g->profile->name, arch_name(g->p->arches[i]));

		if (fs_is_dir(dir))
			return true;
	}
	return false;
}

/*
 * Files have their times by a clock that is some milliseconds behind, or by the fine one. From here on none is written
 * whose time is before @t: who was written before this build and who within it can be told apart.
 */
static void let_tick(const struct timespec *t)
{
	const struct timespec pause = { .tv_nsec = 500000 };
	struct timespec now;

	for (int i = 0; i < 40; i++) {
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
		if (now.tv_sec > t->tv_sec || (now.tv_sec == t->tv_sec && now.tv_nsec >= t->tv_nsec))
			return;
		nanosleep(&pause, NULL);
	}
}

int remote_begin(struct remote *r, struct build_remote *use, const struct graph *g, bool dry_run, struct strs *outs,
		 struct err *err)
{
	CLEAN_STRS struct strs left = { 0 };
	CLEAN_MAP struct map targets = { 0 };
	struct strs all;

	*r = (struct remote){ .use = use, .g = g, .arena = ARENA_INIT, .dry_run = dry_run };
	if (!use && !ever(g))
		return 0;
	clock_gettime(CLOCK_REALTIME, &r->begun);
	if (use && use->to)
		let_tick(&r->begun);
	if (use) {
		CLEAN_PLACE struct place to = { .kind = PLACE_LAYOUT };

		if (use->to && place_parse(&to, use->to, err) < 0)
			return err_wrap(err, "--cache-to");
		r->dead = r->told = use->off && *use->off;
		if (!dry_run && open_sources(r, err) < 0)
			return -1;
	}
	r->targets = xcalloc(outs->len + 1, sizeof(*r->targets));
	for (size_t i = 0; i < g->ntargets; i++)
		map_put(&targets, g->targets[i].out, &g->targets[i]);
	VEC_EACH(outs, out) {
		struct remote_target *rt = &r->targets[r->ntargets++];

		rt->t = map_get(&targets, *out);
		if (settle(r, rt, dry_run, err) < 0)
			return -1;
	}
	if (use && take_all(r, err) < 0)
		return -1;
	for (size_t i = 0; i < r->ntargets; i++)
		if (!r->targets[i].taken)
			strs_add(&left, outs->ptr[i]);
	all = *outs;
	*outs = left;
	left = all;
	return 0;
}
