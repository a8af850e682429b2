/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_DIAGNOSE_H
#define SLSC_BUILD_DIAGNOSE_H

#include "build/graph.h"

/**
 * diagnose - after a failed build: say which step of which function failed, and why if the objects tell more than
 * the linker did. @outputs: of the step that failed, with blanks between, as ninja writes them. @verdict: the error of
 * `slsc _finish --json`, or "". Always returns -1 with @err set.
 */
int diagnose(const struct graph *g, const char *outputs, const char *verdict, struct err *err);

#endif
