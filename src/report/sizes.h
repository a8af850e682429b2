/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_SIZES_H
#define SLSC_REPORT_SIZES_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/*
 * Where bytes are: a tree in which each node's bytes are its own and those of all below it, so that the parts add up to
 * the whole by construction. One shape for layers and files, sections, symbols and sources.
 */
struct size_node {
	const char *kind;	/* a literal: "layer", "file", "dir", "section", "symbol", "unit", "other", ... */
	const char *name;	/* bytes, not always UTF-8 */
	uint64_t bytes;		/* of all below, too */
	uint64_t own;		/* of it alone: what no child has */
	size_t children;
	uint64_t hash;		/* of all of it, once finished */
	struct size_node *parent, *child, *next;
};

struct size_tree {
	struct arena arena;
	struct size_node *root;	/* NULL: empty */
	size_t n;		/* nodes */
	/* all nodes but the root, by parent, kind and name; a power of two many, or none */
	struct size_slot {
		uint64_t key;
		struct size_node *node;
	} *slots;
	size_t nslots;
};
#define SIZE_TREE_INIT { .root = NULL }
#define CLEAN_SIZE_TREE __attribute__((cleanup(size_tree_release)))

/** size_tree_begin - a root with that name and no bytes. @t is empty before. */
void size_tree_begin(struct size_tree *t, const char *kind, const char *name);
void size_tree_release(struct size_tree *t);
/**
 * size_add - @bytes to the child of @parent with that kind and name, which is made if it is not there; two parts of
 * one name are one. Returns the child. @kind is a literal, @name is copied.
 */
struct size_node *size_add(struct size_tree *t, struct size_node *parent, const char *kind, const char *name,
			   uint64_t bytes);
/** size_add_path - as size_add() for "usr/bin/x", with a "dir" for each directory on the way. */
struct size_node *size_add_path(struct size_tree *t, struct size_node *parent, const char *kind, const char *path,
				uint64_t bytes);
/** size_finish - everywhere the largest first, what is as large by name; and hashes. Nothing is added afterwards. */
void size_finish(struct size_tree *t);
/** size_find - the child of that kind and name, or NULL. */
struct size_node *size_find(const struct size_tree *t, const struct size_node *parent, const char *kind,
			    const char *name);

/** What two trees do not share. a and b are 0 where a part is in the other alone. */
struct size_change {
	const char *kind, *name;	/* borrowed from the trees */
	uint64_t a, b;
	size_t changed;			/* children that differ */
	struct size_change *child, *next;
};
/**
 * size_diff - of finished trees. Parts of the same kind and name are the same. Children are there for what differs
 * only, the largest change first; those of a node add up to its own change, but for what is the node's own, which is a
 * child "(itself)".
 * In @arena; the trees are borrowed for as long as it is used. The root is always there.
 */
struct size_change *size_diff(const struct size_tree *a, const struct size_tree *b, struct arena *arena);

#endif
