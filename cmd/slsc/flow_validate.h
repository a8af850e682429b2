/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CMD_FLOW_VALIDATE_H
#define SLSC_CMD_FLOW_VALIDATE_H

#include "cli/opt.h"
#include "config/project.h"
#include "flow/machine.h"

/** The project of the current directory, if there is one, and its functions as a machine may name them. */
struct flow_project {
	bool has; /* there is one */
	struct project project;
	struct flow_known known;
	const char **names; /* heap; of known */
};
#define CLEAN_FLOW_PROJECT __attribute__((cleanup(flow_project_release)))
/** flow_project_open - no slsc.yaml is no error. To be released either way. */
int flow_project_open(struct flow_project *p, struct err *err) MUST_CHECK;
void flow_project_release(struct flow_project *p);

/**
 * flow_open - read @path; what is wrong with it is printed, all of it, and the warnings if there is an error or @warn.
 * On -1 @err says how many errors there were, or the one there was.
 */
int flow_open(struct flow_machine *m, const char *path, const struct flow_known *known, bool warn,
	      struct err *err) MUST_CHECK;

/** The sub-command. */
int flow_validate(void *ctx, const struct globals *g, int argc, char **argv, struct err *err);

#endif
