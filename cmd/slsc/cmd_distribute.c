/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "build/distribute.h"
#include "commands.h"

/* slsc _distribute distcc -- CC FLAGS... -c SOURCE -o OBJECT: what stands before a compile that others are to do. */

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	int status;

	(void)ctx;
	(void)g;
	if (argc < 2 || (strcmp(argv[0], "distcc") != 0 && strcmp(argv[0], "icecc") != 0))
		return err_set(err, ERR_USAGE, "_distribute is for build.ninja: distcc|icecc -- COMPILE...");
	if (distribute(argv[0], argv + 1, &status, err) < 0)
		return -1;
	/* the compiler has said why */
	if (status != 0)
		exit(status);
	return 0;
}

const struct cmd cmd_distribute = {
	.name = "_distribute",
	.args = "distcc|icecc COMMAND...",
	.summary = "Send a compile to other hosts",
	.flags = CMD_HIDDEN,
	.run = run,
};
