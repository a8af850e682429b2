/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/vec.h"
#include "commands.h"
#include "registry_ui.h"

struct push_ctx {
	struct transfer_flags f;
};

static const struct opt opts[] = {
	TRANSFER_OPTS(struct push_ctx, f),
	{ .type = OPT_END },
};

static int parse_targets(const struct place *from, struct place *to, int n, char **texts, struct err *err)
{
	for (int i = 0; i < n; i++) {
		if (place_parse(&to[i], texts[i], err) < 0)
			return from->kind == PLACE_REGISTRY ? err_hint(err, "the source comes first: slsc push SOURCE "
								       "HOST/REPOSITORY[:TAG]") : -1;
		if (to[i].kind != PLACE_REGISTRY) {
			err_set(err, ERR_USAGE, "'%.200s' is not in a registry", texts[i]);
			return err_hint(err, "slsc copy writes layouts and archives");
		}
	}
	return 0;
}

static const struct transfer_words words = { "pushing", "pushed", "would push" };

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct push_ctx *c = ctx;
	CLEAN_PLACE struct place from = { .kind = PLACE_LAYOUT };
	CLEAN_FREE struct place *to = NULL;
	int n = argc - 1, ret;

	if (image_source(&from, argv[0], err) < 0)
		return -1;
	to = xcalloc((size_t)n, sizeof(*to));
	ret = parse_targets(&from, to, n, argv + 1, err);
	if (ret == 0)
		ret = transfer_ui(&from, to, (size_t)n, &c->f, g, &words, err);
	for (int i = 0; i < n; i++)
		place_release(&to[i]);
	return ret;
}

const struct cmd cmd_push = {
	.name = "push",
	.args = "SOURCE DESTINATION...",
	.summary = "Send an image to a registry",
	.description =
		"SOURCE is a function, whose image is dist/FUNCTION.oci, or oci:DIR[:TAG], oci-archive:FILE, "
		"docker-archive:FILE. DESTINATION is HOST[:PORT]/REPOSITORY[:TAG]; without a tag it is :latest.\n\n"
		"Of a layout that slsc has made the multi-architecture index is sent, with the images of all "
		"architectures. Lambda refuses an index: --arch sends one architecture's image by itself; of "
		"wasm32 the module that has the tag wasm in the layout.\n\n"
		"What the registry has is not sent again; an index comes after all that it names. So a push that was "
		"stopped is just run again.\n\n"
		"Credentials are those of docker, podman and `slsc login`. Plain http is used for this machine only, "
		"or with --insecure.",
	.examples = "$ slsc push hello registry.example.com/team/hello:1.0\n"
		    "$ slsc push hello --arch arm64 registry.example.com/hello:arm64\n"
		    "$ slsc push oci:dist/hello.oci localhost:5000/hello localhost:5000/hello:1.0\n",
	.opts = opts,
	.complete = COMPLETE_FUNCTION,
	.ctx_size = sizeof(struct push_ctx),
	.flags = CMD_DRY_RUN | CMD_JSON,
	.run = run,
};
