/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CMD_LOCAL_FLOWS_H
#define SLSC_CMD_LOCAL_FLOWS_H

#include "config/project.h"
#include "local/flows.h"

/* The state machines of slsc local. */

/** local_flows_open - the journal of @dir, and the machines that are in it. */
int local_flows_open(struct flows *f, struct platform *p, const char *dir, struct err *err) MUST_CHECK;
/** local_flows_define - what slsc.yaml says under flows:, as the files are now. ERR_CONFIG located; ERR_IO. */
int local_flows_define(struct flows *f, const struct project *p, struct err *err) MUST_CHECK;
/** local_flows_resume - go on with what was running. */
int local_flows_resume(struct flows *f, struct err *err) MUST_CHECK;
void local_flows_show(const struct flows *f, const char *url);

#endif
