/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_TUNE_OPTIONS_H
#define SLSC_TUNE_OPTIONS_H

#include "config/project.h"

/** What `slsc tune` was given. */
struct tune_ctx {
	struct strs memory, cpu, workers, retention, profile, env, define, events;
	const char *event, *example, *generator, *duration, *warmup, *strategy, *preset, *platform, *prices, *claims,
		*format, *output;
	unsigned rate, repeats, colds, seed;
	bool full, apply;
};

/**
 * tune_options - @d, which slsc.yaml says, becomes what the command line says of it, and has no member left at 0 that
 * has a default. What is new is in @p's arena, without a place in a file. ERR_USAGE.
 */
int tune_options(const struct tune_ctx *c, struct project *p, struct tune_def *d, struct err *err) MUST_CHECK;

#endif
