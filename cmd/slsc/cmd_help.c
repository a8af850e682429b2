/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/mem.h"
#include "cli/out.h"
#include "commands.h"
#include "os/fs.h"
#include "os/proc.h"

struct ctx {
	const char *generate;
};

static void show_cmd(struct buf *b, bool json, const struct cmd *cmd, const char *path)
{
	if (json)
		help_json_cmd(b, cmd, path);
	else
		help_cmd(b, cmd, path, tty_width(STDOUT_FILENO));
}

static int show(bool json, int argc, char **argv, struct buf *b, struct err *err)
{
	const struct cmd *cmd, *sub;

	if (argc == 0) {
		if (json)
			help_json_root(b, &slsc_cli);
		else
			help_root(b, &slsc_cli, tty_width(STDOUT_FILENO));
		return 0;
	}
	cmd = cli_find(&slsc_cli, argv[0]);
	if (!cmd)
		return cli_unknown(&slsc_cli, argv[0], err);
	if (argc == 1 || !cmd->subs) {
		CLEAN_FREE char *path = xasprintf("slsc %s", cmd->name);

		if (argc > 1)
			return err_set(err, ERR_USAGE, "%s has no command '%s'", path, argv[1]);
		show_cmd(b, json, cmd, path);
		return 0;
	}
	sub = cmd_find_sub(cmd, argv[1]);
	if (!sub || argc > 2) {
		CLEAN_FREE char *path = xasprintf("slsc %s", cmd->name);

		if (sub)
			return err_set(err, ERR_USAGE, "%s %s has no command '%s'", path, sub->name, argv[2]);
		return cmd_unknown_sub(cmd, path, argv[1], err);
	}
	CLEAN_FREE char *path = xasprintf("slsc %s %s", cmd->name, sub->name);

	show_cmd(b, json, sub, path);
	return 0;
}

static int put(const char *dir, const char *sub, const char *name, struct buf *b, struct err *err)
{
	CLEAN_FREE char *into = path_join(dir, sub);
	CLEAN_FREE char *path = path_join(into, name);

	if (fs_mkdirs(into, err) < 0 || fs_write_if_changed(path, buf_str(b), 0644, NULL, err) < 0)
		return -1;
	buf_reset(b);
	return 0;
}

static int generate(const char *dir, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	opt_bug_check(slsc_cli.root);
	for (const struct cmd_entry *e = slsc_cli.cmds; e->cmd; e++)
		opt_bug_check(e->cmd);

	complete_bash(&b, &slsc_cli);
	if (put(dir, "completions", "slsc.bash", &b, err) < 0)
		return -1;
	complete_zsh(&b, &slsc_cli);
	if (put(dir, "completions", "_slsc", &b, err) < 0)
		return -1;
	complete_fish(&b, &slsc_cli);
	if (put(dir, "completions", "slsc.fish", &b, err) < 0)
		return -1;
	man_root(&b, &slsc_cli);
	if (put(dir, "man", "slsc.1", &b, err) < 0)
		return -1;
	for (const struct cmd_entry *e = slsc_cli.cmds; e->cmd; e++) {
		CLEAN_FREE char *name = xasprintf("slsc-%s.1", e->cmd->name);

		if (e->cmd->flags & CMD_HIDDEN)
			continue;
		man_cmd(&b, e->cmd);
		if (put(dir, "man", name, &b, err) < 0)
			return -1;
	}
	return 0;
}

static int run(void *vctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct ctx *ctx = vctx;
	CLEAN_BUF struct buf b = BUF_INIT;

	if (ctx->generate && g->json)
		return err_set(err, ERR_USAGE, "help: --generate and --json exclude each other");
	if (ctx->generate && argc)
		return err_set(err, ERR_USAGE, "help: --generate takes no command");
	if (ctx->generate)
		return generate(ctx->generate, err);
	if (show(g->json, argc, argv, &b, err) < 0)
		return -1;
	if (g->json)
		buf_addc(&b, '\n');
	return out_stdout(b.ptr, b.len, err);
}

static const struct opt opts[] = {
	{ OPT_STR, .long_name = "generate", .offset = offsetof(struct ctx, generate), .arg = "DIR",
	  .complete = COMPLETE_DIR,
	  .help = "write the completions and man pages into DIR/completions and DIR/man" },
	{ .type = OPT_END },
};

const struct cmd cmd_help = {
	.name = "help",
	.args = "[COMMAND...]",
	.summary = "Explain slsc, or one of its commands",
	.examples = "$ slsc help\n"
		    "$ slsc help version\n"
		    "$ slsc help --json | jq -r '.commands[].name'\n",
	.opts = opts,
	.ctx_size = sizeof(struct ctx),
	.flags = CMD_JSON,
	.run = run,
};
