/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CONFIG_YAML_H
#define SLSC_CONFIG_YAML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/*
 * YAML as a tree of located nodes, over libyaml's event parser. One document; anchors and aliases work, but
 * an alias may not contain itself, and what all aliases expand to is bounded. Duplicate keys, non-scalar keys,
 * merge keys (<<), tags other than the core schema's, and invalid UTF-8 are located errors.
 */

#define YAML_MAX_BYTES (1u << 20)	/* of a file */
#define YAML_MAX_NODES 100000u		/* aliases expanded */
#define YAML_MAX_DEPTH 64u

enum ynode_type { YNODE_SCALAR, YNODE_SEQ, YNODE_MAP };

struct ynode {
	enum ynode_type type;
	bool plain;		/* a scalar without quotes: may be a number, bool or null */
	bool flow;		/* {} or [] */
	unsigned line, col;	/* 1-based; col in characters */
	unsigned end_line, end_col;	/* behind it: of a scalar, or {} or [] */
	const char *scalar;	/* YNODE_SCALAR: NUL-terminated, no NUL inside */
	struct ynode **items;	/* YNODE_SEQ, and the values of YNODE_MAP */
	struct ynode **keys;	/* YNODE_MAP: scalars, as written */
	size_t len;
};

struct yaml_doc {
	const char *file;	/* as the user wrote it */
	struct arena arena;
	struct ynode *root;	/* NULL for an empty document */
};

/** yaml_load - read and parse @path (shown as @shown in messages). ERR_IO, ERR_LIMIT, ERR_CONFIG. */
int yaml_load(struct yaml_doc *d, const char *path, const char *shown, struct err *err) MUST_CHECK;
/** yaml_parse - the same from memory. */
int yaml_parse(struct yaml_doc *d, const char *shown, const char *p, size_t n, struct err *err) MUST_CHECK;
void yaml_release(struct yaml_doc *d);

/** ynode_get - the value of @key in a map, or NULL. */
const struct ynode *ynode_get(const struct ynode *map, const char *key);
/** ynode_kind - "a string", "a list", "a mapping": for messages. */
const char *ynode_kind(const struct ynode *n);

/** yaml_add_quoted - @s, which is UTF-8, in double quotes: the same string in JSON and in YAML 1.1 and 1.2. */
void yaml_add_quoted(struct buf *b, const char *s);
/**
 * yaml_add_str - the same, but without quotes where both YAMLs read that as this very string. @also: further bytes that
 * may stand in such a one, but for its beginning: of ":" and "@", outside of {} and [].
 */
void yaml_add_str(struct buf *b, const char *s, const char *also);

#endif
