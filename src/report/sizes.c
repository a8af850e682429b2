/* SPDX-License-Identifier: Apache-2.0 */
#include "report/sizes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/vec.h"

void size_tree_begin(struct size_tree *t, const char *kind, const char *name)
{
	t->root = arena_new(&t->arena, struct size_node);
	t->root->kind = kind;
	t->root->name = arena_strdup(&t->arena, name);
	t->n = 1;
}

void size_tree_release(struct size_tree *t)
{
	free(t->slots);
	arena_release(&t->arena);
	*t = (struct size_tree)SIZE_TREE_INIT;
}

static uint64_t mix(uint64_t h, const char *s)
{
	do
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);	/* FNV-1a */
	while (*s++);
	return h;
}

/* A program has some 100,000 symbols: a key is a number, not a string that is put together. */
static uint64_t key_of(const struct size_node *parent, const char *kind, const char *name)
{
	const uint64_t h = mix(mix((uint64_t)(uintptr_t)parent * UINT64_C(0x9e3779b97f4a7c15), kind), name);

	return h ^ h >> 32;
}

/* Where the node is, or would be. There is a free slot. */
static struct size_slot *slot_of(const struct size_tree *t, uint64_t key, const struct size_node *parent,
				 const char *kind, const char *name)
{
	for (size_t i = (size_t)key & (t->nslots - 1);; i = (i + 1) & (t->nslots - 1)) {
		struct size_slot *s = &t->slots[i];

		if (!s->node || (s->key == key && s->node->parent == parent && strcmp(s->node->name, name) == 0 &&
				 strcmp(s->node->kind, kind) == 0))
			return s;
	}
}

static void grow(struct size_tree *t)
{
	struct size_slot *old = t->slots;
	const size_t n = t->nslots;

	t->nslots = n ? n * 2 : 64;
	t->slots = xcalloc(t->nslots, sizeof(*t->slots));
	for (size_t i = 0; i < n; i++) {
		size_t to = (size_t)old[i].key & (t->nslots - 1);

		if (!old[i].node)
			continue;
		while (t->slots[to].node)
			to = (to + 1) & (t->nslots - 1);
		t->slots[to] = old[i];
	}
	free(old);
}

struct size_node *size_find(const struct size_tree *t, const struct size_node *parent, const char *kind,
			    const char *name)
{
	return t->nslots ? slot_of(t, key_of(parent, kind, name), parent, kind, name)->node : NULL;
}

struct size_node *size_add(struct size_tree *t, struct size_node *parent, const char *kind, const char *name,
			   uint64_t bytes)
{
	const uint64_t key = key_of(parent, kind, name);
	struct size_slot *slot;
	struct size_node *n;

	if (t->n * 2 >= t->nslots)
		grow(t);
	slot = slot_of(t, key, parent, kind, name);
	n = slot->node;
	if (!n) {
		n = arena_new(&t->arena, struct size_node);
		n->kind = kind;
		n->name = arena_strdup(&t->arena, name);
		n->parent = parent;
		n->next = parent->child;
		parent->child = n;
		parent->children++;
		t->n++;
		*slot = (struct size_slot){ key, n };
	}
	n->own += bytes;
	for (struct size_node *up = n; up; up = up->parent)
		up->bytes += bytes;
	return n;
}

struct size_node *size_add_path(struct size_tree *t, struct size_node *parent, const char *kind, const char *path,
				uint64_t bytes)
{
	for (const char *slash; (slash = strchr(path, '/')) != NULL; path = slash + 1) {
		CLEAN_FREE char *name = xstrndup(path, (size_t)(slash - path));

		if (*name)
			parent = size_add(t, parent, "dir", name, 0);
	}
	return *path ? size_add(t, parent, kind, path, bytes) : parent;
}

/* ---- order ---- */

static int larger_first(const void *a, const void *b)
{
	const struct size_node *x = *(const struct size_node *const *)a, *y = *(const struct size_node *const *)b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return strcmp(x->name, y->name) ? strcmp(x->name, y->name) : strcmp(x->kind, y->kind);
}

static void sort_children(struct size_node *n)
{
	CLEAN_FREE struct size_node **all = xcalloc(n->children + 1, sizeof(*all));
	size_t len = 0;

	for (struct size_node *c = n->child; c; c = c->next)
		all[len++] = c;
	qsort(all, len, sizeof(*all), larger_first);
	for (size_t i = 0; i < len; i++)
		all[i]->next = all[i + 1];
	n->child = all[0];
}

/* The next node of a walk over all, each parent before its children; no recursion: paths are as deep as they like. */
static struct size_node *walk(struct size_node *n)
{
	if (n->child)
		return n->child;
	while (n && !n->next)
		n = n->parent;
	return n ? n->next : NULL;
}

void size_finish(struct size_tree *t)
{
	CLEAN_FREE struct size_node **all = xcalloc(t->n + 1, sizeof(*all));
	size_t len = 0;

	for (struct size_node *n = t->root; n; n = walk(n)) {
		all[len++] = n;
		if (n->children > 1)
			sort_children(n);
	}
	/* children before their parents, whose hash is whatever their order */
	while (len--) {
		struct size_node *n = all[len];
		uint64_t h = mix(mix(UINT64_C(0xcbf29ce484222325), n->kind), n->name);

		h = (h ^ n->own ^ n->hash) * UINT64_C(0x9e3779b97f4a7c15);
		n->hash = h ^ h >> 29;
		if (n->parent)
			n->parent->hash += n->hash;
	}
}

/* ---- differences ---- */

static uint64_t change_of(const struct size_change *c)
{
	return c->a > c->b ? c->a - c->b : c->b - c->a;
}

static int more_first(const void *a, const void *b)
{
	const struct size_change *x = *(const struct size_change *const *)a;
	const struct size_change *y = *(const struct size_change *const *)b;

	if (change_of(x) != change_of(y))
		return change_of(x) < change_of(y) ? 1 : -1;
	return strcmp(x->name, y->name) ? strcmp(x->name, y->name) : strcmp(x->kind, y->kind);
}

/** Two parts whose children are to be looked at. */
struct pending {
	struct size_change *c;
	const struct size_node *x, *y;
};

struct differ {
	const struct size_tree *a, *b;
	struct arena *arena;
	VEC(struct pending) todo;
};

static struct size_change *add_change(struct differ *d, const struct size_node *x, const struct size_node *y)
{
	struct size_change *c = arena_new(d->arena, struct size_change);
	const struct size_node *n = x ? x : y;

	c->kind = n->kind;
	c->name = n->name;
	c->a = x ? x->bytes : 0;
	c->b = y ? y->bytes : 0;
	if ((x && x->child) || (y && y->child))
		VEC_PUSH(&d->todo, ((struct pending){ c, x, y }));
	return c;
}

static void look(struct differ *d, const struct pending *p)
{
	VEC(struct size_change *) found = { 0 };
	const uint64_t a = p->x ? p->x->own : 0, b = p->y ? p->y->own : 0;

	for (const struct size_node *x = p->x ? p->x->child : NULL; x; x = x->next) {
		const struct size_node *y = p->y ? size_find(d->b, p->y, x->kind, x->name) : NULL;

		if (!y || x->hash != y->hash)
			VEC_PUSH(&found, add_change(d, x, y));
	}
	for (const struct size_node *y = p->y ? p->y->child : NULL; y; y = y->next)
		if (!p->x || !size_find(d->a, p->x, y->kind, y->name))
			VEC_PUSH(&found, add_change(d, NULL, y));
	if (a != b) {
		struct size_change *own = arena_new(d->arena, struct size_change);

		*own = (struct size_change){ .kind = p->c->kind, .name = "(itself)", .a = a, .b = b };
		VEC_PUSH(&found, own);
	}
	if (found.len)
		qsort(found.ptr, found.len, sizeof(*found.ptr), more_first);
	p->c->changed = found.len;
	for (size_t i = found.len; i-- > 0;) {
		found.ptr[i]->next = p->c->child;
		p->c->child = found.ptr[i];
	}
	VEC_FREE(&found);
}

struct size_change *size_diff(const struct size_tree *a, const struct size_tree *b, struct arena *arena)
{
	struct differ d = { .a = a, .b = b, .arena = arena };
	struct size_change *root = add_change(&d, a->root, b->root);

	while (d.todo.len) {
		const struct pending p = d.todo.ptr[--d.todo.len];

		look(&d, &p);
	}
	VEC_FREE(&d.todo);
	return root;
}
