/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_DOC_H
#define SLSC_FLOW_DOC_H

#include "base/arena.h"
#include "flow/machine.h"
#include "flow/problem.h"

/*
 * JSON whose values know where they stand: a tree of nodes beside jansson's, which it shares. Of JSON (RFC 8259) all is
 * taken, save a NUL character in a string; of YAML what has a meaning in JSON.
 */

enum doc_type { DOC_NULL, DOC_BOOL, DOC_NUMBER, DOC_STRING, DOC_LIST, DOC_OBJECT };

struct doc_node {
	enum doc_type type;
	struct flow_at at;
	bool bool11;		 /* YAML: a plain yes, no, on or off, which is a string in YAML 1.2 */
	json_t *json;		 /* borrowed from doc.json */
	struct doc_node **items; /* DOC_LIST, and the values of DOC_OBJECT, in the file's order */
	const char **keys;	 /* DOC_OBJECT: no two are the same */
	struct flow_at *key_at;
	size_t len;
};

struct doc {
	struct doc_node *root;
	json_t *json; /* one reference */
	size_t nodes; /* how many there are */
};

/**
 * doc_parse - read @text, JSON if its first character that is no white space is "{" or "[", else YAML.
 * @a:     gets nodes, keys.
 * @found: duplicate keys are put into it, and the first of the two stays; of all else that is wrong only the first is
 * told, by @err.
 * ERR_CONFIG located, ERR_LIMIT. On failure nothing is to be released.
 */
int doc_parse(struct doc *d, struct arena *a, const char *shown, const char *text, size_t n,
	      struct flow_problems *found, struct err *err) MUST_CHECK;

/** doc_get - the value of @key, or NULL. @at: where the key stands; may be NULL. */
const struct doc_node *doc_get(const struct doc_node *object, const char *key, struct flow_at *at);
/** doc_kind - "a string", "a number", ...: for messages. */
const char *doc_kind(const struct doc_node *n);
/** doc_text - of a DOC_STRING: NUL-terminated, lives as long as the document. */
const char *doc_text(const struct doc_node *n);

/* ---- for the readers: json.c, yaml.c ---- */

struct doc_reader {
	struct doc *d;
	struct arena *arena;
	const char *shown, *text;
	size_t n;
	struct flow_problems *found;
	struct err *err;
};
int doc_read_json(struct doc_reader *r) MUST_CHECK;
int doc_read_yaml(struct doc_reader *r) MUST_CHECK;
/** doc_new - a node with its @json, whose reference it takes; NULL after ERR_LIMIT. */
struct doc_node *doc_new(struct doc_reader *r, enum doc_type type, struct flow_at at, json_t *json);

/** doc_fill - give @n its members. Of @keys two that are the same are put into found, and the later one is left out. */
void doc_fill(struct doc_reader *r, struct doc_node *n, struct doc_node **items, const char **keys,
	      const struct flow_at *key_at, size_t len);

#endif
