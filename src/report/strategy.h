/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_STRATEGY_H
#define SLSC_REPORT_STRATEGY_H

#include <stdbool.h>

#include "config/project.h"

/** One way to build and pack a function. NULL: as the project has it. */
struct strategy {
	const char *name, *summary;
	const char *profile, *toolchain;
	enum { LINK_AS_PROFILE, LINK_DYNAMIC, LINK_STATIC, LINK_STATIC_PIE } link;
	bool lto;
	bool single_stage;		/* the image of a Dockerfile of ours: toolchain, source and program */
	const char *base, *compression, *dockerfile, *target;
	struct lstrs packages;
	bool by_default;		/* measured when none is named */
	const struct strategy_def *def;	/* of slsc.yaml; NULL: built in */
};

struct strategies {
	struct strategy *ptr;
	size_t len, cap;
};

/**
 * strategies_choose - @names: of slsc.yaml and built in; "all": all of them; empty: the built-in ones by default, but
 * for toolchains that are not on this machine, and all of slsc.yaml. A strategy of slsc.yaml hides a built-in one of
 * its name. ERR_USAGE with "did you mean".
 */
int strategies_choose(const struct project *p, const struct strs *names, struct strategies *out,
		      struct err *err) MUST_CHECK;
/** strategies_all - every one there is, for lists. */
void strategies_all(const struct project *p, struct strategies *out);

#endif
