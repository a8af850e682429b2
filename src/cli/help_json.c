/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/help.h"

static void add_text(struct buf *b, const char *name, const char *s)
{
	buf_addf(b, "\"%s\":", name);
	if (s && *s)
		buf_add_json(b, str_from(s));
	else
		buf_addz(b, "null");
}

static void add_option(struct buf *b, const struct opt *o)
{
	const bool many = o->type == OPT_LIST || o->type == OPT_MULTI || o->type == OPT_COUNT;
	char name[64] = "";
	const char letter[2] = { o->short_name, '\0' };

	buf_addc(b, '{');
	add_text(b, "argument", opt_takes_value(o) ? o->arg : NULL);
	buf_addz(b, ",\"choices\":");
	for (size_t i = 0; o->choices && o->choices[i]; i++) {
		buf_addc(b, i ? ',' : '[');
		buf_add_json(b, str_from(o->choices[i]));
	}
	buf_addz(b, o->choices ? "]," : "null,");
	add_text(b, "help", o->help);
	buf_addc(b, ',');
	add_text(b, "long", o->long_name ? opt_long(o, name, sizeof(name)) : NULL);
	buf_addf(b, ",\"repeatable\":%s,\"short\":", many ? "true" : "false");
	if (letter[0])
		buf_addf(b, "\"-%s\"}", letter);
	else
		buf_addz(b, "null}");
}

static void add_own_options(struct buf *b, const struct cmd *cmd)
{
	bool first = true;

	buf_addz(b, "\"options\":[");
	for (const struct opt *o = cmd->opts; o && o->type != OPT_END; o++) {
		if (o->type == OPT_GROUP)
			continue;
		buf_addz(b, first ? "" : ",");
		add_option(b, o);
		first = false;
	}
	buf_addc(b, ']');
}

static void add_globals(struct buf *b, const struct cmd *cmd)
{
	const struct opt *o;
	size_t it = 0;
	bool first = true;

	buf_addz(b, "\"global_options\":[");
	while ((o = opt_global(cmd, &it))) {
		buf_addz(b, first ? "" : ",");
		add_option(b, o);
		first = false;
	}
	buf_addc(b, ']');
}

void help_json_cmd(struct buf *b, const struct cmd *cmd, const char *path)
{
	bool first = true;

	buf_addc(b, '{');
	add_text(b, "arguments", cmd->args);
	buf_addz(b, ",\"commands\":[");
	for (const struct cmd *s = cmd->subs; s && s->name; s++) {
		CLEAN_BUF struct buf sub = BUF_INIT;

		buf_addf(&sub, "%s %s", path, s->name);
		buf_addz(b, first ? "" : ",");
		help_json_cmd(b, s, sub.ptr);
		first = false;
	}
	buf_addz(b, "],");
	add_text(b, "description", cmd->description);
	buf_addc(b, ',');
	add_text(b, "examples", cmd->examples);
	buf_addc(b, ',');
	add_globals(b, cmd);
	buf_addc(b, ',');
	add_text(b, "name", path);
	buf_addc(b, ',');
	add_own_options(b, cmd);
	buf_addc(b, ',');
	add_text(b, "summary", cmd->summary);
	buf_addc(b, '}');
}

void help_json_root(struct buf *b, const struct cli *cli)
{
	bool first = true;

	buf_addz(b, "{\"commands\":[");
	for (const struct cmd_entry *e = cli->cmds; e->cmd; e++) {
		CLEAN_BUF struct buf path = BUF_INIT;

		if (e->cmd->flags & CMD_HIDDEN)
			continue;
		buf_addf(&path, "%s %s", cli->root->name, e->cmd->name);
		buf_addz(b, first ? "" : ",");
		help_json_cmd(b, e->cmd, path.ptr);
		first = false;
	}
	buf_addz(b, "],");
	add_globals(b, cli->root);
	buf_addc(b, ',');
	add_text(b, "name", cli->root->name);
	buf_addc(b, ',');
	add_own_options(b, cli->root);
	buf_addc(b, ',');
	add_text(b, "summary", cli->root->summary);
	buf_addc(b, '}');
}
