/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "registry/work.h"

static struct plan_node *add(struct plan *p, const struct doc_descriptor *d, unsigned level)
{
	struct plan_node *n = xcalloc(1, sizeof(*n));

	n->level = level;
	n->d = *d;
	buf_init(&n->bytes);
	VEC_PUSH(&p->nodes, n);
	map_put(&p->seen, d->digest.s, n);
	return n;
}

void plan_release(struct plan *p)
{
	for (size_t i = 0; i < p->nodes.len; i++) {
		buf_release(&p->nodes.ptr[i]->bytes);
		document_release(&p->nodes.ptr[i]->doc);
		free(p->nodes.ptr[i]);
	}
	VEC_FREE(&p->nodes);
	map_release(&p->seen);
	arena_release(&p->arena);
}

static int parse(struct plan_node *n, const char *shown, const char *what, struct err *err)
{
	CLEAN_FREE char *name = xasprintf("%s: manifest %s", shown, what);

	return document_parse(&n->doc, name, n->d.media_type, n->bytes.ptr, n->bytes.len, err);
}

struct fetch {
	struct plan *p;
	struct origin *o;
	size_t first;
};

static int fetch(void *ctx, size_t i, struct err *err)
{
	struct fetch *f = ctx;
	struct plan_node *n = f->p->nodes.ptr[f->first + i];
	CLEAN_ARENA struct arena arena = ARENA_INIT;
	struct doc_descriptor d;

	if (f->o->ops->manifest(f->o, n->d.digest.s, &n->bytes, &d, &arena, err) < 0)
		return -1;
	if (n->bytes.len != n->d.size)
		return err_set(err, ERR_FORMAT, "%s: manifest %s has %zu bytes, its index says %llu", f->o->shown,
			       n->d.digest.s, n->bytes.len, (unsigned long long)n->d.size);
	return parse(n, f->o->shown, n->d.digest.s, err);
}

/* Adds what the indexes from @first on name; returns with the limits kept. */
static int add_level(struct plan *p, const struct origin *o, size_t first, size_t end, unsigned level, struct err *err)
{
	for (size_t i = first; i < end; i++) {
		const struct document *doc = &p->nodes.ptr[i]->doc;

		if (doc->kind != DOC_INDEX)
			continue;
		if (level > ORIGIN_MAX_DEPTH)
			return err_set(err, ERR_LIMIT, "%s: limit exceeded: indexes more than %u deep",
				       o->shown, ORIGIN_MAX_DEPTH);
		for (size_t k = 0; k < doc->len; k++) {
			const struct doc_descriptor *d = &doc->ptr[k];

			if (map_has(&p->seen, d->digest.s))
				continue;
			if (*d->media_type && !media_is_index(d->media_type) && !media_is_manifest(d->media_type))
				return err_set(err, ERR_FORMAT, "%s: its index names a %.100s, which is no manifest",
					       o->shown, d->media_type);
			if (p->nodes.len >= PLAN_MAX_MANIFESTS)
				return err_set(err, ERR_LIMIT, "limit exceeded: %s: more than %u manifests", o->shown,
					       PLAN_MAX_MANIFESTS);
			p->bytes += d->size < PLAN_MAX_BYTES ? (size_t)d->size : PLAN_MAX_BYTES + 1;
			if (p->bytes > PLAN_MAX_BYTES)
				return err_set(err, ERR_LIMIT, "limit exceeded: %s: manifests of more than %u MB",
					       o->shown, PLAN_MAX_BYTES >> 20);
			add(p, d, level);
		}
	}
	return 0;
}

int plan_make(struct plan *p, struct origin *o, const char *ref, const char *arch, atomic_bool *cancel,
	      struct err *err)
{
	struct doc_descriptor root = { .media_type = "" };
	struct plan_node *n = add(p, &root, 0);
	size_t first = 0, end;

	if (arch) {
		if (origin_manifest(o, ref, arch, &n->doc, &n->bytes, &n->d, &p->arena, err) < 0)
			return -1;
	} else {
		if (o->ops->manifest(o, ref, &n->bytes, &n->d, &p->arena, err) < 0 ||
		    parse(n, o->shown, n->d.digest.s, err) < 0)
			return -1;
	}
	map_put(&p->seen, n->d.digest.s, n);
	for (unsigned level = 1; (end = p->nodes.len) > first; level++) {
		struct fetch f = { .p = p, .o = o, .first = end };

		if (add_level(p, o, first, end, level, err) < 0 ||
		    work_run(p->nodes.len - end, work_jobs(p->nodes.len - end, 0), fetch, &f, cancel, err) < 0)
			return -1;
		first = end;
	}
	return 0;
}

static int by_size(const void *a, const void *b)
{
	const struct doc_descriptor *x = *(const struct doc_descriptor *const *)a;
	const struct doc_descriptor *y = *(const struct doc_descriptor *const *)b;

	return x->size < y->size ? 1 : x->size > y->size ? -1 : strcmp(x->digest.s, y->digest.s);
}

static int add_blob(struct map *seen, struct plan_blobs *out, const struct doc_descriptor *d, struct err *err)
{
	const struct doc_descriptor *before = map_get(seen, d->digest.s);

	if (before && before->size != d->size)
		return err_set(err, ERR_FORMAT, "blob %s is named with %llu bytes and with %llu", d->digest.s,
			       (unsigned long long)before->size, (unsigned long long)d->size);
	if (before)
		return 0;
	map_put(seen, d->digest.s, (void *)(uintptr_t)d);
	VEC_PUSH(&out->list, d);
	out->bytes += d->size;
	return 0;
}

int plan_blobs(const struct plan *p, struct plan_blobs *out, struct err *err)
{
	CLEAN_MAP struct map seen = { 0 };

	for (size_t i = 0; i < p->nodes.len; i++) {
		const struct plan_node *n = p->nodes.ptr[i];

		if (n->there || n->doc.kind != DOC_MANIFEST)
			continue;
		if (add_blob(&seen, out, &n->doc.config, err) < 0)
			return -1;
		for (size_t k = 0; k < n->doc.len; k++)
			if (add_blob(&seen, out, &n->doc.ptr[k], err) < 0)
				return -1;
	}
	if (out->list.len)
		qsort(out->list.ptr, out->list.len, sizeof(*out->list.ptr), by_size);
	return 0;
}
