/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_DOCUMENT_INTERNAL_H
#define SLSC_OCI_DOCUMENT_INTERNAL_H

#include <jansson.h>

#include "oci/document.h"

/* Between the document*.c files: members of foreign JSON, copied into an arena. null is as good as absent. */

#define DOC_MAX_DEPTH 64u
#define DOC_MAX_VALUES 100000u
#define DOC_MAX_SIZE (INT64_C(1) << 53)	/* bytes: what every JSON reader holds exactly */

struct doc_reader {
	struct arena *arena;
	const char *shown;
	char where[96];			/* "layers[3].", or "" */
	struct err *err;
};

/** doc_prescan - ERR_LIMIT if jansson would need too much for @p. */
int doc_prescan(const char *shown, const char *p, size_t n, struct err *err) MUST_CHECK;
/** doc_load - a JSON object; ERR_LIMIT before anything is allocated for it, ERR_FORMAT with line and column. */
json_t *doc_load(const char *shown, const void *p, size_t n, struct err *err);
/** doc_bad - ERR_FORMAT "<shown>: <where><key>: <what>". */
int doc_bad(const struct doc_reader *r, const char *key, const char *what);
/** doc_where - for what follows, "<member>[<i>]." after @outer, a former r->where; @i < 0: "<member>.". */
void doc_where(struct doc_reader *r, const char *outer, const char *member, long i);

/* -1: of another type. *@out is NULL if absent, and borrowed from @j for doc_array() and doc_object(). */
int doc_string(const struct doc_reader *r, const json_t *j, const char *key, const char **out) MUST_CHECK;
int doc_array(const struct doc_reader *r, const json_t *j, const char *key, const json_t **out) MUST_CHECK;
int doc_object(const struct doc_reader *r, const json_t *j, const char *key, const json_t **out) MUST_CHECK;
/** doc_strings - an array of strings as a NULL-terminated one; NULL if absent. */
int doc_strings(const struct doc_reader *r, const json_t *j, const char *key, const char ***out) MUST_CHECK;
/** doc_map - an object of strings. */
int doc_map(const struct doc_reader *r, const json_t *j, const char *key, struct doc_kvs *out) MUST_CHECK;

#endif
