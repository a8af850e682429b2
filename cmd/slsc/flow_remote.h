/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CMD_FLOW_REMOTE_H
#define SLSC_CMD_FLOW_REMOTE_H

#include "flow_run.h"
#include "flow_validate.h"

/** flow_run_remote - by the slsc local that serves at @url; @file NULL: c->resume says which execution. */
int flow_run_remote(const struct flow_run_ctx *c, const struct globals *g, const struct flow_project *fp,
		    const char *url, const char *file, struct err *err) MUST_CHECK;
/** flow_history_remote - as flow_history(). */
int flow_history_remote(const struct flow_history_ctx *c, const struct globals *g, const char *url, const char *name,
			struct err *err) MUST_CHECK;

/** flow_machine_name - of a file: "flows/checkout.asl.yaml" is checkout; heap. */
char *flow_machine_name(const char *file);

#endif
