/* SPDX-License-Identifier: Apache-2.0 */
#include "base/member.h"
#include "cli/help.h"

static void add_option(struct buf *b, const struct opt *o)
{
	const bool many = o->type == OPT_LIST || o->type == OPT_MULTI || o->type == OPT_COUNT;
	char name[64] = "";
	const char letter[3] = { '-', o->short_name, '\0' };

	member_open(b, NULL, '{');
	member_some(b, "argument", opt_takes_value(o) ? o->arg : NULL);
	if (o->choices)
		member_list(b, "choices", o->choices);
	else
		member_text(b, "choices", NULL);
	member_some(b, "help", o->help);
	member_some(b, "long", o->long_name ? opt_long(o, name, sizeof(name)) : NULL);
	member_bool(b, "repeatable", many);
	member_text(b, "short", o->short_name ? letter : NULL);
	buf_addc(b, '}');
}

static void add_own_options(struct buf *b, const struct cmd *cmd)
{
	member_open(b, "options", '[');
	for (const struct opt *o = cmd->opts; o && o->type != OPT_END; o++)
		if (o->type != OPT_GROUP)
			add_option(b, o);
	buf_addc(b, ']');
}

static void add_globals(struct buf *b, const struct cmd *cmd)
{
	const struct opt *o;
	size_t it = 0;

	member_open(b, "global_options", '[');
	while ((o = opt_global(cmd, &it)))
		add_option(b, o);
	buf_addc(b, ']');
}

void help_json_cmd(struct buf *b, const struct cmd *cmd, const char *path)
{
	member_open(b, NULL, '{');
	member_some(b, "arguments", cmd->args);
	member_open(b, "commands", '[');
	for (const struct cmd *s = cmd->subs; s && s->name; s++) {
		CLEAN_BUF struct buf sub = BUF_INIT;

		buf_addf(&sub, "%s %s", path, s->name);
		help_json_cmd(b, s, sub.ptr);
	}
	buf_addc(b, ']');
	member_some(b, "description", cmd->description);
	member_some(b, "examples", cmd->examples);
	add_globals(b, cmd);
	member_some(b, "name", path);
	add_own_options(b, cmd);
	member_some(b, "summary", cmd->summary);
	buf_addc(b, '}');
}

void help_json_root(struct buf *b, const struct cli *cli)
{
	buf_addc(b, '{');
	member_open(b, "commands", '[');
	for (const struct cmd_entry *e = cli->cmds; e->cmd; e++) {
		CLEAN_BUF struct buf path = BUF_INIT;

		if (e->cmd->flags & CMD_HIDDEN)
			continue;
		buf_addf(&path, "%s %s", cli->root->name, e->cmd->name);
		help_json_cmd(b, e->cmd, path.ptr);
	}
	buf_addc(b, ']');
	add_globals(b, cli->root);
	member_some(b, "name", cli->root->name);
	add_own_options(b, cli->root);
	member_some(b, "summary", cli->root->summary);
	buf_addc(b, '}');
}
