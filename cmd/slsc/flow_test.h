/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CMD_FLOW_TEST_H
#define SLSC_CMD_FLOW_TEST_H

#include "cli/opt.h"

struct flow_test_ctx {
	const char *tests;
};
extern const struct opt flow_test_opts[];

/** The sub-command. */
int flow_test(void *ctx, const struct globals *g, int argc, char **argv, struct err *err);

#endif
