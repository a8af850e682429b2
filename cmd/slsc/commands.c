/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

/* A command is a file cmd_<name>.c, a line in commands.h, and a line here. */
static const struct cmd_entry entries[] = {
	{ "start here", &cmd_init },
	{ "start here", &cmd_doctor },
	{ "make artifacts", &cmd_build },
	{ "make artifacts", &cmd_package },
	{ "make artifacts", &cmd_base },
	{ "registries", &cmd_push },
	{ "registries", &cmd_pull },
	{ "registries", &cmd_copy },
	{ "registries", &cmd_login },
	{ "registries", &cmd_logout },
	{ "deploy", &cmd_deploy },
	{ "trust", &cmd_sbom },
	{ "trust", &cmd_sign },
	{ "trust", &cmd_verify_signature },
	{ "run functions", &cmd_local },
	{ "run functions", &cmd_invoke },
	{ "run functions", &cmd_flow },
	{ "run functions", &cmd_logs },
	{ "run functions", &cmd_bench },
	{ "run functions", &cmd_chaos },
	{ "run functions", &cmd_warm },
	{ "run functions", &cmd_tune },
	{ "run functions", &cmd_scale },
	{ "look into a project", &cmd_compare },
	{ "look into a project", &cmd_check },
	{ "look into a project", &cmd_inspect },
	{ "look into a project", &cmd_diff },
	{ "look into a project", &cmd_config },
	{ "look into a project", &cmd_cache },
	{ "help", &cmd_help },
	{ "help", &cmd_completion },
	{ "help", &cmd_version },
	{ "internal", &cmd_base_make },
	{ "internal", &cmd_complete },
	{ "internal", &cmd_fault },
	{ "internal", &cmd_deps },
	{ "internal", &cmd_finish },
	{ "internal", &cmd_distribute },
	{ "internal", &cmd_sandbox },
	{ NULL, NULL },
};

static const struct opt root_opts[] = {
	{ OPT_FLAG, .long_name = "version", .offset = 0, .help = "print the version, as 'slsc version' does" },
	{ .type = OPT_END },
};

static const struct cmd root = {
	.name = "slsc",
	.args = "COMMAND [ARGUMENT...]",
	.summary = "C functions into small, fast-starting serverless artifacts",
	.description = "slsc turns C functions into static binaries, Lambda zips and OCI images for x86_64 and "
		       "arm64, from one machine, without a daemon and without root.\n",
	.examples = "$ slsc init hello && cd hello   a project with one function and an slsc.yaml\n"
		    "$ slsc doctor                   which toolchains work here, and what is missing\n"
		    "$ slsc build                    static, verified binaries for every arch\n"
		    "$ slsc package --zip            Lambda zips, in dist/\n"
		    "$ slsc package --oci            OCI images, in dist/\n"
		    "$ slsc push hello HOST/hello    an image to a registry\n",
	.opts = root_opts,
	.ctx_size = sizeof(bool),
	.flags = CMD_JSON | CMD_DRY_RUN | CMD_EXPLAIN,
};

const struct cli slsc_cli = { .root = &root, .cmds = entries };
