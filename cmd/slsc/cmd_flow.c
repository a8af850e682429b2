/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"
#include "flow_graph.h"
#include "flow_run.h"
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
		.name = "run",
		.args = "[FILE]",
		.summary = "Run a state machine, durably",
		.description =
			"Builds the functions that the machine's tasks name, if it has to, and runs one execution of "
			"it on a platform within this process. What the execution is told goes to a journal, "
			".slsc/flow.db, before anything is done because of it: after a kill at any moment --resume "
			"NAME, or the same --name again, goes on where it was. A task whose answer had come is not "
			"asked again; one whose answer had not is asked once more, and that is told. If a slsc local "
			"runs in the project, it is what runs the execution.\n\n"
			"The output goes to stdout. The exit code is 1 if the execution did not succeed.\n\n"
			"With --json the result is one line: name, arn, status, output, error, cause, started, "
			"stopped, run_here, tasks (given out here), again (of them), events.",
		.examples = "$ slsc flow run checkout.asl.yaml --input order.json --name o-1\n"
			    "$ slsc flow run --resume o-1\n"
			    "$ slsc flow run checkout.asl.yaml --input '{}' --memory --history\n",
		.opts = flow_run_opts,
		.complete = COMPLETE_FILE,
		.ctx_size = sizeof(struct flow_run_ctx),
		.flags = CMD_JSON,
		.run = flow_run,
	},
	{
		.name = "history",
		.args = "[NAME]",
		.summary = "What happened in an execution",
		.description =
			"Prints each event by the name that the service has for it, with its time since the first "
			"one. With --json it is what GetExecutionHistory answers, for `slsc flow graph` and others.",
		.examples = "$ slsc flow history o-1\n"
			    "$ slsc flow history --list\n"
			    "$ slsc flow history o-1 --json >o-1.json\n",
		.opts = flow_history_opts,
		.ctx_size = sizeof(struct flow_history_ctx),
		.flags = CMD_JSON,
		.run = flow_history,
	},
	{
		.name = "graph",
		.args = "FILE",
		.summary = "Draw a state machine, and the way that an execution went",
		.description = "Draws a state machine as an SVG file, which needs no script and follows the reader's "
			       "light or dark, or as a Mermaid flowchart.\n\n"
			       "With --history, which takes what slsc flow history --json, slsc flow run --json and "
			       "the service's GetExecutionHistory print, states and ways that were taken stand out, "
			       "with how often and how long.",
		.examples = "$ slsc flow graph checkout.asl.json -o checkout.svg\n"
			    "$ slsc flow history o-1 --json >o-1.json\n"
			    "$ slsc flow graph checkout.asl.json --history o-1.json -o o-1.svg\n"
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
	.args = "validate|run|history|graph|test",
	.summary = "Functions composed into state machines",
	.description = "State machines in the Amazon States Language, whose tasks are functions of slsc.yaml.",
	.examples = "$ slsc flow validate checkout.asl.json\n"
		    "$ slsc flow run checkout.asl.json --input order.json\n"
		    "$ slsc flow graph checkout.asl.json -o checkout.svg\n",
	.subs = subs,
};
