/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"
#include "flow_graph.h"
#include "flow_test.h"
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
	{
		.name = "test",
		.args = "FILE",
		.summary = "Try a state machine with cases: an input, what tasks answer, what has to come of it",
		.description =
			"Runs each case of a file of tests in a time of its own, in which waiting takes none, and "
			"calls no function: what each task answers is in the case. Tells where the states that were "
			"entered, the output or the error are others than the case says.\n\n"
			"Exit code 3: a case does not hold.",
		.examples = "$ slsc flow test checkout.asl.json\n"
			    "$ slsc flow test checkout.asl.json --tests declined.test.yaml --json\n",
		.opts = flow_test_opts,
		.complete = COMPLETE_FILE,
		.ctx_size = sizeof(struct flow_test_ctx),
		.flags = CMD_JSON,
		.run = flow_test,
	},
	{ .name = NULL },
};

const struct cmd cmd_flow = {
	.name = "flow",
	.args = "validate|graph|test",
	.summary = "Functions composed into state machines",
	.description = "State machines in the Amazon States Language, whose tasks are functions of slsc.yaml.",
	.examples = "$ slsc flow validate checkout.asl.json\n"
		    "$ slsc flow graph checkout.asl.json -o checkout.svg\n",
	.subs = subs,
};
