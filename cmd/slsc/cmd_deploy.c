/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "base/mem.h"
#include "commands.h"
#include "deploy_emit.h"
#include "deploy_lambda.h"

struct deploy_ctx {
	const char *platform, *arch;
	struct strs images;
	struct lambda_flags lambda;
	struct emit_flags emit;
};

static const char *const platforms[] = { "lambda", NULL };

static const struct opt opts[] = {
	{ OPT_CHOICE, .long_name = "platform", .offset = offsetof(struct deploy_ctx, platform), .arg = "NAME",
	  .choices = platforms, .help = "where to: lambda (default)" },
	{ OPT_CHOICE, 'a', "arch", offsetof(struct deploy_ctx, arch), .arg = "ARCH", .choices = lambda_arches,
	  .complete = COMPLETE_ARCH, .help = "which one it is to run on (default: the function's first)" },
	{ OPT_MULTI, .long_name = "image", .offset = offsetof(struct deploy_ctx, images), .arg = "[FUNCTION=]IMAGE",
	  .help = "take this image in place of a zip: for Lambda one of ECR; with --emit\n"
		  "HOST/REPOSITORY@sha256:..., repeatable" },
	LAMBDA_OPTS(struct deploy_ctx, lambda),
	EMIT_OPTS(struct deploy_ctx, emit),
	{ .type = OPT_END },
};

/* What one way of deploying knows, and the other would not look at. */
static int check(const struct deploy_ctx *c, struct err *err)
{
	const struct lambda_flags *l = &c->lambda;
	const struct emit_flags *e = &c->emit;
	const struct {
		const char *name;
		bool given, of_files;
	} only[] = {
		{ "--role", l->role, false },	    { "--alias", l->alias, false },
		{ "--weight", l->weight, false },   { "--publish", l->publish, false },
		{ "--url", l->url, false },	    { "--s3", l->s3, false },
		{ "--smoke", l->smoke, false },	    { "--no-smoke", l->no_smoke, false },
		{ "--profile", l->profile, false }, { "--level", l->level, false },
		{ "--aws-profile", l->aws_profile, false }, { "--region", l->region, false },
		{ "--endpoint-url", l->endpoint, false }, { "--platform", c->platform, false },
		{ "--output", e->output, true },    { "--repo", e->repo, true },
		{ "--secret", e->secrets.len > 0, true }, { "--plain", e->plain.len > 0, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(only); i++) {
		if (!only[i].given || only[i].of_files == (e->kind != NULL))
			continue;
		if (only[i].of_files)
			return err_set(err, ERR_USAGE, "%s is for files: it goes with --emit", only[i].name);
		err_set(err, ERR_USAGE, "%s does not go with --emit, which deploys nothing", only[i].name);
		return err_hint(err, "what is in slsc.yaml, under deploy, is in the files");
	}
	if (e->kind || c->images.len < 2)
		return 0;
	return err_set(err, ERR_USAGE, "--image: Lambda takes one image");
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	struct deploy_ctx *c = ctx;

	if (check(c, err) < 0)
		return -1;
	c->emit.arch = c->lambda.arch = c->arch;
	c->emit.no_build = c->lambda.no_build;
	if (c->emit.kind)
		return deploy_emit(&c->emit, &c->images, g, argc, argv, err);
	c->lambda.image = c->images.len ? c->images.ptr[0] : NULL;
	return deploy_lambda(&c->lambda, g, argc, argv, err);
}

static void release(void *ctx)
{
	struct deploy_ctx *c = ctx;

	strs_release(&c->images);
	emit_flags_release(&c->emit);
}

const struct cmd cmd_deploy = {
	.name = "deploy",
	.args = "[FUNCTION...]",
	.summary = "Bring functions to AWS Lambda, or write the files that others deploy by",
	.description =
		"Builds and packs functions as `slsc package --zip` does, compares what is there with slsc.yaml, and "
		"changes what differs: configuration, code, tags. With --alias or --publish a version is published, "
		"tried with an event, and the alias moved to it; when the trial fails, the alias stays where it is. A "
		"second run finds nothing to do, and does nothing. See docs/DEPLOY.md.\n\n"
		"--dry-run builds, too, but only prints what differs, field by field.\n\n"
		"Credentials are found where AWS's own tools find them: the environment, ~/.aws, SSO, a program, the "
		"container's or the instance's role.\n\n"
		"--emit deploys nothing: it writes the files that other tools deploy functions by, pinned by digest, "
		"with the limits, probes and environment of slsc.yaml. Secrets are references in them. What was "
		"packaged before the last change is refused, unless --no-build takes it. See docs/DEPLOY-FILES.md.",
	.examples = "$ slsc deploy hello --role arn:aws:iam::123456789012:role/hello --alias live\n"
		    "$ slsc deploy hello --dry-run\n$ slsc deploy hello --alias live --weight 10%\n"
		    "$ slsc deploy --smoke events/order.json --json | jq -r '.functions[].arn'\n"
		    "$ slsc deploy --emit sam -o deploy\n"
		    "$ slsc deploy web --emit kubernetes --repo HOST/shop | kubectl apply -f -\n",
	.opts = opts,
	.complete = COMPLETE_FUNCTION,
	.ctx_size = sizeof(struct deploy_ctx),
	.flags = CMD_DRY_RUN | CMD_JSON,
	.run = run,
	.release = release,
};
