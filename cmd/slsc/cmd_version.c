/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "cli/out.h"
#include "commands.h"

/*
 * The versions that slsc was built with, "libcrypto 3.0.11,libdeflate 1.14" (cmake/docs.cmake): to ask a library would
 * be to load it. Compressed digests depend on them.
 */
static const char libraries[] = SLSC_LIBRARIES;

static void add_text(struct buf *b)
{
	struct str rest = { libraries, sizeof(libraries) - 1 };

	buf_addz(b, "slsc " SLSC_VERSION "\n");
	while (rest.len) {
		struct str item = rest;

		rest = str_cut(&item, ',');
		buf_addf(b, "  " STR_FMT "\n", STR_ARG(item));
	}
}

static void add_json(struct buf *b)
{
	struct str rest = { libraries, sizeof(libraries) - 1 };

	buf_addz(b, "{\"libraries\":{");
	while (rest.len) {
		struct str name = rest, version;

		rest = str_cut(&name, ',');
		version = str_cut(&name, ' ');
		buf_add_json(b, name);
		buf_addc(b, ':');
		buf_add_json(b, version);
		if (rest.len)
			buf_addc(b, ',');
	}
	buf_addz(b, "},\"version\":\"" SLSC_VERSION "\"}\n");
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)ctx;
	(void)argc;
	(void)argv;
	if (g->json)
		add_json(&b);
	else
		add_text(&b);
	return out_stdout(b.ptr, b.len, err);
}

const struct cmd cmd_version = {
	.name = "version",
	.args = "",
	.summary = "Print the version, and those of the libraries it was built with",
	.examples = "$ slsc version\n"
		    "$ slsc version --json | jq -r .version\n",
	.flags = CMD_JSON,
	.run = run,
};
