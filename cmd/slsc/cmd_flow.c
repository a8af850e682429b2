/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"
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
	{ .name = NULL },
};

const struct cmd cmd_flow = {
	.name = "flow",
	.args = "validate",
	.summary = "Functions composed into state machines",
	.description = "State machines in the Amazon States Language, whose tasks are functions of slsc.yaml.",
	.examples = "$ slsc flow validate checkout.asl.json\n",
	.subs = subs,
};
