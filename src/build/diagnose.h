/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_DIAGNOSE_H
#define SLSC_BUILD_DIAGNOSE_H

#include "build/graph.h"

/** diagnose_is_link - whether the step that makes @outputs is a link, not a compile or a command of the user's. */
bool diagnose_is_link(const struct graph *g, const char *outputs);
/** diagnose_is_command - whether it is a function's own build command that failed. */
bool diagnose_is_command(const struct graph *g, const char *outputs);

/**
 * diagnose - after a failed build: say in @err which step of which function failed, and why if the objects tell more
 * than the linker did. @outputs: of the step that failed, with blanks between, as ninja writes them. @verdict: the
 * error of `slsc _finish --json`, or "". @said: what the linker wrote. Returns whether @err is the whole explanation,
 * so that this adds nothing.
 */
bool diagnose(const struct graph *g, const char *outputs, const char *verdict, const char *said,
	      struct err *err);

#endif
