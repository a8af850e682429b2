/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "commands.h"
#include "deploy_emit.h"

struct deploy_ctx {
	struct emit_flags emit;
	const char *arch;
};

static const struct opt opts[] = {
	EMIT_OPTS(struct deploy_ctx, emit),
	{ OPT_CHOICE, 'a', "arch", offsetof(struct deploy_ctx, arch), .arg = "ARCH", .choices = emit_arches,
	  .complete = COMPLETE_ARCH, .help = "which one Lambda is to run (default: the function's first)" },
	{ .type = OPT_END },
};

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	struct deploy_ctx *c = ctx;

	if (!c->emit.kind)
		return err_set(err, ERR_USAGE, "say what to write: --emit KIND");
	c->emit.arch = c->arch;
	return deploy_emit(&c->emit, g, argc, argv, err);
}

static void release(void *ctx)
{
	struct deploy_ctx *c = ctx;

	emit_flags_release(&c->emit);
}

const struct cmd cmd_deploy = {
	.name = "deploy",
	.args = "[FUNCTION...]",
	.summary = "Write the files that other tools deploy functions by",
	.description =
		"--emit writes the files that other tools deploy functions by, pinned by digest, with the limits, probes and "
		"environment of slsc.yaml. Secrets are references. See docs/DEPLOY-FILES.md.",
	.examples = "$ slsc deploy --emit sam -o deploy\n"
		    "$ slsc deploy orders --emit kubernetes --repo registry.example.com/shop | kubectl apply -f -\n",
	.opts = opts,
	.complete = COMPLETE_FUNCTION,
	.ctx_size = sizeof(struct deploy_ctx),
	.flags = CMD_DRY_RUN | CMD_JSON,
	.run = run,
	.release = release,
};
