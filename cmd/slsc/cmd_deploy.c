/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "commands.h"
#include "deploy_lambda.h"

struct deploy_ctx {
	const char *platform, *arch;
	struct lambda_flags lambda;
};

static const char *const platforms[] = { "lambda", NULL };

static const struct opt opts[] = {
	{ OPT_CHOICE, .long_name = "platform", .offset = offsetof(struct deploy_ctx, platform), .arg = "NAME",
	  .choices = platforms, .help = "where to: lambda (default)" },
	{ OPT_CHOICE, 'a', "arch", offsetof(struct deploy_ctx, arch), .arg = "ARCH", .choices = lambda_arches,
	  .complete = COMPLETE_ARCH, .help = "which one it is to run on (default: the function's first)" },
	LAMBDA_OPTS(struct deploy_ctx, lambda),
	{ .type = OPT_END },
};

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	struct deploy_ctx *c = ctx;

	c->lambda.arch = c->arch;
	return deploy_lambda(&c->lambda, g, argc, argv, err);
}

const struct cmd cmd_deploy = {
	.name = "deploy",
	.args = "[FUNCTION...]",
	.summary = "Bring functions to AWS Lambda",
	.description =
		"Builds and packs functions as `slsc package --zip` does, compares what is there with slsc.yaml, and "
		"changes what differs: configuration, code, tags. With --alias or --publish a version is published, "
		"tried with an event, and the alias moved to it; when the trial fails, the alias stays where it is. A "
		"second run finds nothing to do, and does nothing. See docs/DEPLOY.md.\n\n"
		"--dry-run builds, too, but only prints what differs, field by field.\n\n"
		"Credentials are found where AWS's own tools find them: the environment, ~/.aws, SSO, a program, the "
		"container's or the instance's role.",
	.examples = "$ slsc deploy hello --role arn:aws:iam::123456789012:role/hello --alias live\n"
		    "$ slsc deploy hello --dry-run\n$ slsc deploy hello --alias live --weight 10%\n"
		    "$ slsc deploy --smoke events/order.json --json | jq -r '.functions[].arn'\n",
	.opts = opts,
	.complete = COMPLETE_FUNCTION,
	.ctx_size = sizeof(struct deploy_ctx),
	.flags = CMD_DRY_RUN | CMD_JSON,
	.run = run,
};
