/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_DIAGNOSE_H
#define SLSC_BUILD_DIAGNOSE_H

#include "build/graph.h"

/**
 * diagnose - after a failed build: say which step of which function failed, and why if the objects tell more than
 * the linker did. @failed: outputs of the steps that failed. Always returns -1 with @err set.
 */
int diagnose(const struct graph *g, const struct strs *failed, struct err *err);

#endif
