/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "build/build.h"
#include "commands.h"

/* slsc _deps LIST SOURCE FLAGS: the end of each compile in build.ninja. */

struct deps_ctx {
	char unused;
};

static const struct opt opts[] = {
	{ .type = OPT_END },
};

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	(void)ctx;
	(void)g;
	/* as _finish */
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	if (argc < 2)
		return err_set(err, ERR_USAGE, "_deps is for build.ninja: LIST SOURCE [FLAGS]");
	return build_list(argv[0], argv[1], argv + 2, (size_t)argc - 2, err);
}

const struct cmd cmd_deps = {
	.name = "_deps",
	.args = "LIST SOURCE [FLAG...]",
	.summary = "Complete a list of headers",
	.opts = opts,
	.ctx_size = sizeof(struct deps_ctx),
	.flags = CMD_HIDDEN,
	.run = run,
};
