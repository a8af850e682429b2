/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "base/vec.h"
#include "build/bases.h"
#include "cli/out.h"
#include "commands.h"
#include "config/project.h"
#include "local/example.h"
#include "os/fs.h"
#include "report/check.h"

/*
 * slsc _complete KIND: the names that the completion scripts offer, one a line; KIND is what complete_source() says.
 * Whatever is wrong (no project, an error in it), a shell in the middle of a line wants silence.
 */

/* Only what no shell reads as more than a word. */
static void add_name(struct buf *b, const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@%+-";

	if (name[0] && name[0] != '-' && name[0] != '.' && name[strspn(name, plain)] == '\0')
		buf_addf(b, "%s\n", name);
}

static void add_templates(struct buf *b)
{
	CLEAN_FREE char *share = dirs_share();
	CLEAN_FREE char *dir = path_join(share, "templates");
	CLEAN_STRS struct strs names = { 0 };
	struct err ignored = ERR_INIT;

	if (fs_list(dir, &names, &ignored) < 0)
		return;
	VEC_EACH(&names, name) {
		CLEAN_FREE char *path = path_join(dir, *name);

		if (fs_is_dir(path))
			add_name(b, *name);
	}
}

static void add_of_project(struct buf *b, const char *kind)
{
	CLEAN_PROJECT struct project p = { 0 };
	struct err ignored = ERR_INIT;

	if (project_load(&p, NULL, &ignored) < 0)
		return;
	if (strcmp(kind, "functions") == 0)
		for (size_t i = 0; i < p.nfunctions; i++)
			add_name(b, p.functions[i]->name.s);
	else if (strcmp(kind, "profiles") == 0)
		for (size_t i = 0; i < p.nprofiles; i++)
			add_name(b, p.profiles[i]->name);
	else if (strcmp(kind, "toolchains") == 0)
		for (size_t i = 0; i < p.ntoolchains; i++)
			add_name(b, p.toolchains[i]->name);
}

static void add_bases(struct buf *b)
{
	CLEANUP(bases_release) struct bases all;
	struct err ignored = ERR_INIT;

	if (bases_load(&all, NULL, &ignored) < 0)
		return;
	VEC_EACH(&all, base)
		add_name(b, base->name);
}

static void add_examples(struct buf *b)
{
	CLEAN_EXAMPLES struct examples all;
	struct err ignored = ERR_INIT;

	if (examples_load(&all, &ignored) < 0)
		return;
	VEC_EACH(&all, example)
		add_name(b, example->name);
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)ctx;
	(void)g;
	(void)argc;
	if (strcmp(argv[0], "templates") == 0)
		add_templates(&b);
	else if (strcmp(argv[0], "bases") == 0)
		add_bases(&b);
	else if (strcmp(argv[0], "examples") == 0)
		add_examples(&b);
	else if (strcmp(argv[0], "rules") == 0)
		for (size_t i = 0; i < RULE_COUNT; i++)
			add_name(&b, check_rules[i].id);
	else if (strcmp(argv[0], "arches") == 0)
		for (enum arch a = 0; a < ARCH_COUNT; a++)
			add_name(&b, arch_name(a));
	else
		add_of_project(&b, argv[0]);
	return out_stdout(b.ptr, b.len, err);
}

const struct cmd cmd_complete = {
	.name = "_complete",
	.args = "KIND",
	.summary = "Names for the completion scripts",
	.flags = CMD_HIDDEN,
	.run = run,
};
