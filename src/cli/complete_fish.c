/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/help.h"

static const char prologue[] =
	"# fish completion for slsc; written by 'slsc help --generate'\n"
	"\n"
	"# the command and what follows it, without options before it or the values of those that all commands have\n"
	"function __slsc_path\n"
	"    set -l words (commandline -opc)\n"
	"    set -l skip 1\n"
	"    for word in $words\n"
	"        if test $skip = 1\n"
	"            set skip 0\n"
	"            continue\n"
	"        end\n"
	"        switch $word\n"
	"            case -C --directory --color --progress\n"
	"                set skip 1\n"
	"            case '-*'\n"
	"            case '*'\n"
	"                echo -- $word\n"
	"        end\n"
	"    end\n"
	"end\n"
	"\n"
	"# exactly this command so far\n"
	"function __slsc_is\n"
	"    set -l path (__slsc_path)\n"
	"    test \"$path\" = \"$argv\"\n"
	"end\n"
	"\n"
	"# this command, with whatever after it\n"
	"function __slsc_in\n"
	"    set -l path (__slsc_path)\n"
	"    test \"$path[1..\"(count $argv)\"]\" = \"$argv\"\n"
	"end\n"
	"\n"
	"function __slsc_names\n"
	"    set -l words (commandline -opc)\n"
	"    set -l dir\n"
	"    if set -l i (contains -i -- -C $words)\n"
	"        set dir -C $words[(math $i + 1)]\n"
	"    end\n"
	"    command slsc $dir _complete $argv[1] 2>/dev/null\n"
	"end\n"
	"\n"
	"complete -c slsc -f\n";

/* In single quotes, up to the end of the line. */
static void add_quoted(struct buf *b, const char *s)
{
	buf_addc(b, '\'');
	for (; *s && *s != '\n'; s++) {
		if (*s == '\'' || *s == '\\')
			buf_addc(b, '\\');
		buf_addc(b, *s);
	}
	buf_addc(b, '\'');
}

static void add_values(struct buf *b, const struct opt *o)
{
	const char *source = complete_source(o->complete);
	bool list = o->type == OPT_LIST;

	if (o->complete == COMPLETE_FILE) {
		buf_addz(b, " -r -F");
		return;
	}
	buf_addz(b, " -x");
	if (source) {
		buf_addf(b, list ? " -a '(__fish_append , (__slsc_names %s))'" : " -a '(__slsc_names %s)'", source);
	} else if (o->choices) {
		buf_addz(b, list ? " -a '(__fish_append ," : " -a '");
		for (size_t i = 0; o->choices[i]; i++)
			buf_addf(b, "%s%s", i || list ? " " : "", o->choices[i]);
		buf_addz(b, list ? ")'" : "'");
	} else if (o->complete == COMPLETE_DIR) {
		buf_addz(b, " -a '(__fish_complete_directories)'");
	}
}

/* @when: the condition with its -n, or "" */
static void add_option(struct buf *b, const char *when, const struct opt *o)
{
	char name[64];

	buf_addf(b, "complete -c slsc%s", when);
	if (o->short_name)
		buf_addf(b, " -s %c", o->short_name);
	if (o->long_name)
		buf_addf(b, " -l %s", opt_long(o, name, sizeof(name)) + 2);
	if (opt_takes_value(o))
		add_values(b, o);
	buf_addz(b, " -d ");
	add_quoted(b, o->help);
	buf_addc(b, '\n');
}

static bool is_common(const struct opt *o)
{
	static const struct cmd any;
	const struct opt *c;
	size_t it = 0;

	while ((c = opt_global(&any, &it)))
		if (c == o)
			return true;
	return false;
}

static void add_name(struct buf *b, const char *when, const struct cmd *cmd)
{
	buf_addf(b, "complete -c slsc%s -a %s -d ", when, cmd->name);
	add_quoted(b, cmd->summary);
	buf_addc(b, '\n');
}

static void add_options(struct buf *b, const char *when, const struct cmd *cmd)
{
	const struct opt *o;
	size_t it = 0;

	for (o = cmd->opts; o && o->type != OPT_END; o++)
		if (o->type != OPT_GROUP)
			add_option(b, when, o);
	while ((o = opt_global(cmd, &it)))
		if (!is_common(o))
			add_option(b, when, o);
}

static void add_cmd(struct buf *b, const char *path, const struct cmd *cmd)
{
	CLEAN_FREE char *is = xasprintf(" -n '__slsc_is %s'", path);
	CLEAN_FREE char *in = xasprintf(" -n '__slsc_in %s'", path);
	const char *source = complete_source(cmd->complete);
	CLEAN_BUF struct buf words = BUF_INIT;

	buf_addf(b, "\n# %s\n", path);
	add_options(b, cmd->subs ? is : in, cmd);
	if (cmd_words(cmd, &words))
		buf_addf(b, "complete -c slsc%s -a '%s'\n", is, words.ptr);
	else if (source)
		buf_addf(b, "complete -c slsc%s -a '(__slsc_names %s)'\n", in, source);
	else if (cmd->complete == COMPLETE_DIR)
		buf_addf(b, "complete -c slsc%s -a '(__fish_complete_directories)'\n", in);
	else if (cmd->complete == COMPLETE_FILE)
		buf_addf(b, "complete -c slsc%s -F\n", in);
	for (const struct cmd *s = cmd->subs; s && s->name; s++)
		add_name(b, is, s);
	for (const struct cmd *s = cmd->subs; s && s->name; s++) {
		CLEAN_FREE char *sub = xasprintf("%s %s", path, s->name);

		add_cmd(b, sub, s);
	}
}

void complete_fish(struct buf *b, const struct cli *cli)
{
	static const struct cmd any;
	const struct opt *o;
	size_t it = 0;

	buf_addz(b, prologue);
	while ((o = opt_global(&any, &it)))
		add_option(b, "", o);
	add_options(b, " -n '__slsc_is'", cli->root);
	for (const struct cmd_entry *e = cli->cmds; e->cmd; e++)
		if (!(e->cmd->flags & CMD_HIDDEN)) {
			add_name(b, " -n '__slsc_is'", e->cmd);
			add_name(b, " -n '__slsc_is help'", e->cmd);
		}
	for (const struct cmd_entry *e = cli->cmds; e->cmd; e++)
		if (!(e->cmd->flags & CMD_HIDDEN))
			add_cmd(b, e->cmd->name, e->cmd);
}
