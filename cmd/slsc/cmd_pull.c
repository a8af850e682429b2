/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "commands.h"
#include "registry_ui.h"

struct pull_ctx {
	struct transfer_flags f;
};

static const struct opt opts[] = {
	TRANSFER_OPTS(struct pull_ctx, f),
	{ .type = OPT_END },
};

static const struct transfer_words words = { "pulling", "pulled", "would pull" };

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct pull_ctx *c = ctx;
	CLEAN_PLACE struct place from = { .kind = PLACE_LAYOUT }, to = { .kind = PLACE_LAYOUT };

	(void)argc;
	if (place_parse(&from, argv[0], err) < 0 || image_target(&to, argv[1], err) < 0)
		return -1;
	if (from.kind != PLACE_REGISTRY) {
		err_set(err, ERR_USAGE, "'%.200s' is not in a registry", argv[0]);
		return err_hint(err, "slsc copy reads layouts and archives");
	}
	if (to.kind == PLACE_REGISTRY) {
		err_set(err, ERR_USAGE, "'%.200s' is in a registry", argv[1]);
		return err_hint(err, "slsc copy copies between registries; for a directory write oci:DIR");
	}
	return transfer_ui(&from, &to, 1, &c->f, g, &words, err);
}

const struct cmd cmd_pull = {
	.name = "pull",
	.args = "IMAGE DESTINATION",
	.summary = "Fetch an image from a registry",
	.description =
		"IMAGE is HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]. DESTINATION is oci:DIR[:TAG], a layout, whose other "
		"images stay; oci-archive:FILE; or docker-archive:FILE, for docker load, with --arch if the image has "
		"several architectures.\n\n"
		"Manifests and layers are the bytes that the registry has, and every digest is verified. What a layout "
		"has is not fetched again.\n\n"
		"What is printed names the image for good: its repository with its digest.",
	.examples = "$ slsc pull registry.example.com/team/hello:1.0 oci:hello\n"
		    "$ slsc pull --arch x86_64 localhost:5000/hello docker-archive:hello.docker.tar\n",
	.opts = opts,
	.complete = COMPLETE_FILE,
	.ctx_size = sizeof(struct pull_ctx),
	.flags = CMD_DRY_RUN | CMD_JSON,
	.run = run,
};
