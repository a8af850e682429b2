/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BASE_GLOB_H
#define SLSC_BASE_GLOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define GLOB_PARTS_MAX 62

/**
 * struct glob - a pattern for '/'-separated paths, taken apart at its slashes.
 *
 * Within a component `*` is any run of characters, `?` one character (of UTF-8), [a-z] and [!a-z] one of a set, and a
 * backslash quotes. A component `**` is any number of components, none too: src/ ** /x.c (without the blanks) is also
 * src/x.c; at the end it is everything below. Elsewhere two stars are as one. As in a shell, a leading dot has to be
 * named: neither `*`, `?`, a set nor `**` matches a hidden name.
 *
 * A path is matched name by name, so that a walk enters only the directories that can hold a match. The state is a set
 * of bits, one for each part of the pattern that the next name may match; cost is linear in the parts, whatever the
 * pattern, and quadratic at worst in the length of a name.
 */
struct glob {
	char *text;
	const char *part[GLOB_PARTS_MAX + 2];
	uint64_t deep;		/* the parts that are `**` */
	unsigned n;
};

#define CLEAN_GLOB __attribute__((cleanup(glob_release)))

/** glob_init - ERR_LIMIT past GLOB_PARTS_MAX components. @g needs glob_release() also after a failure. */
int glob_init(struct glob *g, const char *pattern, struct err *err) MUST_CHECK;
void glob_release(struct glob *g);
/** glob_start - the state before the first name. */
uint64_t glob_start(const struct glob *g);
/** glob_step - the state after @name, which `**` does not pass if it is a @link; 0: nothing here or below matches. */
uint64_t glob_step(const struct glob *g, uint64_t state, const char *name, bool link);
/** glob_done - whether the names so far are a match. */
bool glob_done(const struct glob *g, uint64_t state);
/** glob_more - whether names below this one can be a match. */
bool glob_more(const struct glob *g, uint64_t state);

/** glob_has_magic - whether @pattern holds any of * ? [ */
bool glob_has_magic(const char *pattern);

#endif
