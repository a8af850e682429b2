/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_PATH_PATTERN_H
#define SLSC_STAGE_PATH_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define PATH_PATTERN_MAX 4096u	/* bytes */
#define PATH_PATTERN_WORDS ((2 * PATH_PATTERN_MAX + 1 + 63) / 64)

/**
 * A pattern as an automaton without backtracking: a state is a bit, and a path costs as many steps as it has
 * characters.
 */
struct path_pattern {
	struct path_token *tok;	/* heap */
	size_t n;		/* the state after the last one is a match */
	size_t words;		/* of a set of states */
	bool plain;		/* no magic: the text itself */
};
struct path_states {
	uint64_t bits[PATH_PATTERN_WORDS];
};

/**
 * path_pattern_init - @deep: `**` is any number of directories (moby/patternmatcher); else as Go's filepath.Match.
 * ERR_CONFIG if it is malformed, ERR_LIMIT past PATH_PATTERN_MAX. To be released also after a failure.
 */
int path_pattern_init(struct path_pattern *p, const char *text, bool deep, struct err *err) MUST_CHECK;
void path_pattern_release(struct path_pattern *p);
/** path_pattern_match - the whole of @path, or with @above also a directory that it is in. */
bool path_pattern_match(const struct path_pattern *p, const char *path, bool above);
/** path_pattern_below - whether something below the directory @path can match. */
bool path_pattern_below(const struct path_pattern *p, const char *path);

#endif
