/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_IGNORE_H
#define SLSC_STAGE_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Patterns of .dockerignore and of COPY --exclude: Go's filepath.Match plus `**`, and `!` exceptions; the last one
 * that matches decides, and a pattern also matches what is below what it matches ("Dockerfile reference",
 * ".dockerignore").
 */
#define IGNORE_MAX_BYTES (1u << 20)
#define IGNORE_MAX_PATTERNS 10000u

struct ignore;
/** ignore_parse - the text of a .dockerignore. ERR_CONFIG "<shown>:line: ..."; ERR_LIMIT. NULL after a failure. */
struct ignore *ignore_parse(const char *shown, const char *text, size_t n, struct err *err) MUST_CHECK;
/**
 * ignore_load - what holds for the build of @dockerfile: <dockerfile>.dockerignore, else .dockerignore in the directory
 * @context. *@out is NULL if there is neither.
 */
int ignore_load(const char *dockerfile, const char *context, struct ignore **out, struct err *err) MUST_CHECK;
/** ignore_first - the first of @paths (in @context; one may end in a slash) that it does not leave out; or @n. */
int ignore_first(const char *dockerfile, const char *context, const char *const *paths, size_t n, size_t *first,
		 struct err *err) MUST_CHECK;
/** ignore_patterns - the same of single patterns. */
struct ignore *ignore_patterns(const char *shown, const char *const *patterns, size_t n, struct err *err) MUST_CHECK;
/** ignore_match - whether @path ("a/b", relative, clean) is left out. Linear in the patterns and the path. */
bool ignore_match(const struct ignore *g, const char *path);
/**
 * ignore_prunes - whether nothing below the left-out directory @path can be taken in again: a walk need not
 * enter.
 */
bool ignore_prunes(const struct ignore *g, const char *path);
void ignore_free(struct ignore *g);	/* NULL is fine */
#define CLEAN_IGNORE __attribute__((cleanup(ignore_freep)))
void ignore_freep(struct ignore **g);

/**
 * path_match - Go's filepath.Match: `*` and `?` pass no slash, [a-z] [^a-z], backslash. A leading dot is no
 * exception.
 */
bool path_match(const char *pattern, const char *path);
/** path_match_check - ERR_CONFIG if @pattern is malformed. */
int path_match_check(const char *pattern, struct err *err) MUST_CHECK;

#endif
