/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_DOCTOR_LAUNCHER_H
#define SLSC_DOCTOR_LAUNCHER_H

#include "cli/opt.h"
#include "config/project.h"

/**
 * doctor_launcher - what `slsc doctor --launcher` says: of @name, or if that is NULL of the launcher of @p, which may
 * be NULL. ERR_TOOL if it does not work for each architecture.
 */
int doctor_launcher(struct project *p, const char *name, const struct globals *g, struct err *err) MUST_CHECK;

#endif
