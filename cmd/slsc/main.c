/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/out.h"
#include "commands.h"
#include "os/fs.h"
#include "os/proc.h"

/*
 * A standard descriptor that is closed would be given to the next file we open, and a message would end up inside it.
 * What takes its place can be neither written to (1, 2) nor read from (0), so that the use of it still fails.
 */
static void hold_std_fds(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			_exit(1);
}

/* The context of a command lives here, also when parsing or running it fails. */
static int run(const struct cmd *cmd, const char *path, struct globals *g, int argc, char **argv, struct err *err)
{
	CLEAN_FREE void *ctx = xcalloc(1, cmd->ctx_size + 1);
	int r;

	r = opt_parse(cmd, path, ctx, g, &argc, &argv, err);
	out_init(g);
	if (r == 0 && g->help) {
		CLEAN_BUF struct buf b = BUF_INIT;

		help_cmd(&b, cmd, path, tty_width(STDOUT_FILENO));
		r = out_stdout(b.ptr, b.len, err);
	} else if (r == 0 && cmd->run) {
		r = opt_flags_check(cmd, path, g, err);
		if (r == 0 && g->dir && chdir(g->dir) < 0)
			r = err_sys(err, "-C %s", g->dir);
		if (r == 0)
			r = cmd->run(ctx, g, argc, argv, err);
	} else if (r == 0) {
		const struct cmd *sub = argc ? cmd_find_sub(cmd, argv[0]) : NULL;
		CLEAN_FREE char *sub_path = sub ? xasprintf("%s %s", path, sub->name) : NULL;

		r = sub ? run(sub, sub_path, g, argc, argv, err)
			: cmd_unknown_sub(cmd, path, argc ? argv[0] : NULL, err);
	}
	if (cmd->release)
		cmd->release(ctx);
	return r;
}

/* What stands before the command, then the command. */
static int dispatch(struct globals *g, int argc, char **argv, struct err *err)
{
	const struct cmd *cmd;
	CLEAN_FREE char *path = NULL;
	CLEAN_BUF struct buf help = BUF_INIT;
	bool version = false;
	int r;

	r = opt_parse(slsc_cli.root, "slsc", &version, g, &argc, &argv, err);
	out_init(g);
	if (r < 0)
		return -1;
	if (g->help) {
		help_root(&help, &slsc_cli, tty_width(STDOUT_FILENO));
		return out_stdout(help.ptr, help.len, err);
	}
	if (version)
		return run(&cmd_version, "slsc version", g, 1, (char *[]){ "version", NULL }, err);
	if (argc == 0) {
		help_root(&help, &slsc_cli, tty_width(STDERR_FILENO));
		out_raw(help.ptr, help.len);
		err_set(err, ERR_USAGE, "no command given");
		return -1;
	}
	cmd = cli_find(&slsc_cli, argv[0]);
	if (!cmd)
		return cli_unknown(&slsc_cli, argv[0], err);
	path = xasprintf("slsc %s", cmd->name);
	return run(cmd, path, g, argc, argv, err);
}

/* The cache is where users look last: nothing on their command line has named it. */
static void hint_at_cache(struct err *err)
{
	CLEAN_FREE char *cache = dirs_cache();

	if (!strstr(err->msg, cache))
		return;
	if (err->sys == ENOSPC || err->sys == EDQUOT)
		err_hint(err, "free some space there, as with `slsc cache prune`, or let SLSC_CACHE_DIR name another "
			      "directory");
	else if (err->sys == EROFS || err->sys == EACCES || err->sys == EPERM)
		err_hint(err, "let SLSC_CACHE_DIR name a directory that can be written to");
}

/* --json after the mistake that stopped the parser still asks for the error as JSON. */
static bool asks_json(char *const *argv)
{
	for (; *argv && strcmp(*argv, "--") != 0; argv++)
		if (strcmp(*argv, "--json") == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct globals g = { 0 };
	struct err err = ERR_INIT;
	bool json;
	int code = 0;

	hold_std_fds();
	/* before any thread; libarchive's zip bytes depend on TZ, and non-ASCII names fail in the C locale */
	setenv("TZ", "UTC", 1);
	setlocale(LC_CTYPE, "C.UTF-8");
	sig_install();

	json = argc > 0 && asks_json(argv);
	if (dispatch(&g, argc, argv, &err) < 0) {
		code = err_exit_code(&err);
		if (err.code == ERR_NONE)
			BUG("a command failed without an error");
		progress_end();
		hint_at_cache(&err);
		if (err.code == ERR_USAGE && json && !g.json) {
			g.json = true;
			out_init(&g);
		}
		if (!out_pipe_broken())
			out_error(&err);
	}
	if (out_close_stdout(&err) < 0 && code == 0) {
		out_error(&err);
		code = 1;
	}
	if (out_pipe_broken()) {
		/* the reader has had enough: end as every filter does, by SIGPIPE and without a word */
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return code;
}
