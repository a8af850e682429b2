/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"
#include "stage/sandbox.h"

/* slsc _sandbox FD: what a RUN of a Dockerfile is executed by; see stage/sandbox_proto.h. */

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	uint64_t fd;

	(void)ctx;
	(void)g;
	if (argc != 1 || str_parse_u64(str_from(argv[0]), &fd) < 0 || fd > 1u << 16)
		return err_set(err, ERR_USAGE, "_sandbox is for slsc itself: FD");
	return sandbox_child((int)fd, err);
}

const struct cmd cmd_sandbox = {
	.name = "_sandbox",
	.args = "FD",
	.summary = "Make the sandbox of a RUN and execute it",
	.flags = CMD_HIDDEN,
	.run = run,
};
