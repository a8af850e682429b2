/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CMD_FLOW_GRAPH_H
#define SLSC_CMD_FLOW_GRAPH_H

#include "cli/opt.h"

struct flow_graph_ctx {
	bool svg, mermaid;
	const char *history, *output;
};
extern const struct opt flow_graph_opts[];
int flow_graph(void *ctx, const struct globals *g, int argc, char **argv, struct err *err);

#endif
