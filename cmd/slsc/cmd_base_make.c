/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"
#include "oci/base.h"

/*
 * slsc _base DIR CERTS ZONEINFO CERTS-VERSION ZONEINFO-VERSION: run when slsc is built (cmake/base.cmake), never by
 * a user.
 */

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	(void)ctx;
	(void)g;
	if (argc != 5)
		return err_set(err, ERR_USAGE, "_base takes 5 arguments, not %d", argc);
	return base_make(argv[0],
			 &(struct base_sources){ .certs = argv[1], .zoneinfo = argv[2], .certs_version = argv[3],
						 .zoneinfo_version = argv[4] },
			 err);
}

const struct cmd cmd_base_make = {
	.name = "_base",
	.args = "DIR CERTS ZONEINFO CERTS-VERSION ZONEINFO-VERSION",
	.summary = "Make the built-in image bases",
	.flags = CMD_HIDDEN,
	.run = run,
};
