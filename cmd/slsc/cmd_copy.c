/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "commands.h"
#include "registry_ui.h"

struct copy_ctx {
	struct transfer_flags f;
};

static const struct opt opts[] = {
	TRANSFER_OPTS(struct copy_ctx, f),
	{ .type = OPT_END },
};

static const struct transfer_words words = { "copying", "copied", "would copy" };

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct copy_ctx *c = ctx;
	CLEAN_PLACE struct place from = { .kind = PLACE_LAYOUT }, to = { .kind = PLACE_LAYOUT };

	(void)argc;
	if (image_source(&from, argv[0], err) < 0 || image_target(&to, argv[1], err) < 0)
		return -1;
	return transfer_ui(&from, &to, 1, &c->f, g, &words, err);
}

const struct cmd cmd_copy = {
	.name = "copy",
	.args = "SOURCE DESTINATION",
	.summary = "Copy an image between registries, layouts and archives",
	.description =
		"Each is HOST[:PORT]/REPOSITORY[:TAG], oci:DIR[:TAG], oci-archive:FILE or docker-archive:FILE; SOURCE "
		"may be a function, whose image is dist/FUNCTION.oci. An index is copied with the images of all its "
		"architectures; --arch takes one of them, by itself.\n\n"
		"Between two repositories of one registry layers are mounted and not sent.",
	.examples = "$ slsc copy registry.example.com/test/hello:1.0 registry.example.com/prod/hello:1.0\n"
		    "$ slsc copy oci:dist/hello.oci oci-archive:hello.oci.tar\n",
	.opts = opts,
	.complete = COMPLETE_FILE,
	.ctx_size = sizeof(struct copy_ctx),
	.flags = CMD_DRY_RUN | CMD_JSON,
	.run = run,
};
