/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_SHARD_H
#define SLSC_BUILD_SHARD_H

#include <stdbool.h>

#include "base/err.h"
#include "base/vec.h"
#include "config/project.h"

/* A project's functions, split for the machines of a CI matrix. */

/** The @index-th of @count parts, from 1. */
struct shard {
	unsigned index, count;
};

/** shard_parse - "2/4"; at most 4,096 parts. ERR_USAGE. */
int shard_parse(const char *text, struct shard *out, struct err *err) MUST_CHECK;

/**
 * shard_choose - the functions of one part, in slsc.yaml's order, so that the parts take about the same time: by
 * how long each function's compiles and links took the last time (.slsc/<profile>/.ninja_log), where nothing is
 * known by its number of sources, at the average of those that are known. The same project and the same log give
 * the same parts, and each function is in one of them.
 * @profile: NULL for the project's.
 * @only: split these alone; empty: all functions.
 * @by_time: out, whether the log knew any of them; may be NULL.
 * ERR_NOTFOUND: an unknown function of @only, or profile; ERR_CONFIG: no file matches a source; ERR_IO, ERR_LIMIT: the
 * log cannot be read (one that does not exist is no error).
 */
int shard_choose(struct project *p, const char *profile, const struct strs *only, struct shard shard, struct strs *out,
		 bool *by_time, struct err *err) MUST_CHECK;

#endif
