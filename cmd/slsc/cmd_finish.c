/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/build.h"
#include "commands.h"
#include "os/fs.h"

/* slsc _finish --json ARCH --in FILE --out FILE [--debug FILE] [--map FILE]: the end of each link in build.ninja. */

struct finish_ctx {
	const char *in, *out, *debug, *map;
	bool dynamic;
};

#define AT(member) offsetof(struct finish_ctx, member)

static const struct opt opts[] = {
	{ OPT_STR, 0, "in", AT(in), .arg = "FILE", .help = "what the linker made; removed" },
	{ OPT_STR, 0, "out", AT(out), .arg = "FILE", .help = "the stripped binary" },
	{ OPT_STR, 0, "debug", AT(debug), .arg = "FILE", .help = "its symbols" },
	{ OPT_STR, 0, "map", AT(map), .arg = "FILE", .help = "where the linker's map, IN.map, goes" },
	{ OPT_FLAG, 0, "dynamic", AT(dynamic), .help = "an interpreter and shared libraries are wanted" },
	{ .type = OPT_END },
};

/* A short path, "/root" say, may well stand in a binary for another reason. */
static bool worth_looking_for(const char *path)
{
	return path && path[0] == '/' && strchr(path + 1, '/') && fs_is_dir(path);
}

/* What the environment says may be one of the system's, /dev/null or /usr/sbin: programs name those. */
static bool is_of_system(const char *path)
{
	static const char *const system[] = { "/dev/", "/proc/", "/sys/", "/usr/", "/etc/", "/run/", NULL };

	for (size_t i = 0; system[i]; i++)
		if (starts_with(path, system[i]))
			return true;
	return false;
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct finish_ctx *c = ctx;
	CLEAN_FREE char *cwd = getcwd(NULL, 0);
	CLEAN_FREE char *cache = dirs_cache();
	const char *candidates[] = { cwd, cache, getenv("HOME") };
	const char *bad[ARRAY_LEN(candidates) + 1] = { 0 };
	struct finish_request req = { .in = c->in, .out = c->out, .debug = c->debug, .map = c->map,
				      .allow_dynamic = c->dynamic, .bad_paths = bad };
	size_t n = 0;

	(void)g;
	/*
	 * ninja ends what it runs by a signal and does not wait: whoever builds next must not meet us. What is begun
	 * lies in the directory that each build empties.
	 */
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	if (argc != 1 || arch_parse_any(argv[0]) < 0 || !c->in || !c->out)
		return err_set(err, ERR_USAGE, "_finish is for build.ninja: ARCH --in FILE --out FILE [--debug FILE]");
	req.arch = (enum arch)arch_parse_any(argv[0]);
	for (size_t i = 0; i < ARRAY_LEN(candidates); i++)
		if (worth_looking_for(candidates[i]) && (i == 0 || !is_of_system(candidates[i])))
			bad[n++] = candidates[i];
	return build_finish(&req, err);
}

const struct cmd cmd_finish = {
	.name = "_finish",
	.args = "ARCH",
	.summary = "Verify and strip a linked binary",
	.opts = opts,
	.ctx_size = sizeof(struct finish_ctx),
	.flags = CMD_HIDDEN | CMD_JSON,
	.run = run,
};
