/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"
#include "flow_graph.h"
#include "flow_validate.h"

static const struct cmd subs[] = {
	{
		.name = "validate",
		.args = "FILE...",
		.summary = "Check state machines, and tell all that is wrong with them",
		.description =
			"Reads state machines in the Amazon States Language, JSON or YAML, and tells each thing "
			"that is wrong with its line, column and the state it is in. FILE `-` is the standard "
			"input.\n\n"
			"Where there is an slsc.yaml, the functions that Task states name are looked up in it. What is "
			"valid but not run by slsc (other services, distributed maps, task tokens) is a warning.",
		.examples = "$ slsc flow validate checkout.asl.json\n"
			    "$ slsc flow validate --json flows/*.asl.yaml\n",
		.complete = COMPLETE_FILE,
		.flags = CMD_JSON,
		.run = flow_validate,
	},
	{
		.name = "graph",
		.args = "FILE",
		.summary = "Draw a state machine, and the way that an execution went",
		.description = "Draws a state machine as an SVG file, which needs no script and follows the reader's "
			       "light or dark, or as a Mermaid flowchart.\n\n"
			       "With --history, which takes what slsc flow run --history and the service's "
			       "GetExecutionHistory print, states and ways that were taken stand out, with how often "
			       "and how long.",
		.examples = "$ slsc flow graph checkout.asl.json -o checkout.svg\n"
			    "$ slsc flow graph checkout.asl.json --history history.json -o run.svg\n"
			    "$ slsc flow graph checkout.asl.json --mermaid\n",
		.opts = flow_graph_opts,
		.complete = COMPLETE_FILE,
		.ctx_size = sizeof(struct flow_graph_ctx),
		.run = flow_graph,
	},
	{ .name = NULL },
};

const struct cmd cmd_flow = {
	.name = "flow",
	.args = "validate|graph",
	.summary = "Functions composed into state machines",
	.description = "State machines in the Amazon States Language, whose tasks are functions of slsc.yaml.",
	.examples = "$ slsc flow validate checkout.asl.json\n"
		    "$ slsc flow graph checkout.asl.json -o checkout.svg\n",
	.subs = subs,
};
