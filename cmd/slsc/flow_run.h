/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CMD_FLOW_RUN_H
#define SLSC_CMD_FLOW_RUN_H

#include "base/buf.h"
#include "cli/opt.h"

struct flow_run_ctx {
	const char *input, *name, *timeout, *resume, *profile;
	unsigned repeat;
	bool memory, history, tail;
};
extern const struct opt flow_run_opts[];
/** flow_input_read - append what --input says; {} without it. As event_read_input(). */
int flow_input_read(const struct flow_run_ctx *c, struct buf *out, struct err *err) MUST_CHECK;
int flow_run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err);

struct flow_history_ctx {
	bool list;
};
extern const struct opt flow_history_opts[];
int flow_history(void *ctx, const struct globals *g, int argc, char **argv, struct err *err);

#endif
