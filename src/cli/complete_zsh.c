/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/help.h"

static const char prologue[] =
	"#compdef slsc\n"
	"# zsh completion for slsc; written by 'slsc help --generate'\n"
	"\n"
	"# $1: what to list; the rest is for compadd\n"
	"_slsc_names()\n"
	"{\n"
	"\tlocal kind=$1\n"
	"\tlocal -a names\n"
	"\tshift\n"
	"\tnames=(${(f)\"$(command slsc ${_slsc_dir:+-C} $_slsc_dir _complete $kind 2>/dev/null)\"})\n"
	"\tcompadd \"$@\" -a names\n"
	"}\n";

/* Inside single quotes, up to the end of the line. @special: what _arguments would read as its own. */
static void add_quoted(struct buf *b, const char *s, const char *special)
{
	for (; *s && *s != '\n'; s++) {
		if (*s == '\'') {
			buf_addz(b, "'\\''");
			continue;
		}
		if (strchr(special, *s))
			buf_addc(b, '\\');
		buf_addc(b, *s);
	}
}

static void add_action(struct buf *b, const struct opt *o)
{
	const char *source = complete_source(o->complete);

	if (source) {
		buf_addf(b, "%s_slsc_name_%s", o->type == OPT_LIST ? "_sequence " : "", source);
	} else if (o->choices) {
		buf_addz(b, o->type == OPT_LIST ? "_values -s , value" : "(");
		for (size_t i = 0; o->choices[i]; i++)
			buf_addf(b, "%s%s", i || o->type == OPT_LIST ? " " : "", o->choices[i]);
		buf_addz(b, o->type == OPT_LIST ? "" : ")");
	} else if (o->complete == COMPLETE_DIR) {
		buf_addz(b, "_files -/");
	} else if (o->complete == COMPLETE_FILE) {
		buf_addz(b, "_files");
	} else {
		buf_addc(b, ' ');
	}
}

/* '(-a --arch)--arch=[text]:ARCH:action' */
static void add_spec(struct buf *b, const struct opt *o, const char *name, const char *suffix)
{
	char text[64];

	buf_addz(b, "\t\t'");
	if (o->type == OPT_LIST || o->type == OPT_MULTI || o->type == OPT_COUNT)
		buf_addc(b, '*');
	else if (o->short_name && o->long_name)
		buf_addf(b, "(-%c %s)", o->short_name, opt_long(o, text, sizeof(text)));
	buf_addf(b, "%s%s[", name, opt_takes_value(o) ? suffix : "");
	add_quoted(b, o->help, "[]\\");
	buf_addc(b, ']');
	if (opt_takes_value(o)) {
		buf_addc(b, ':');
		add_quoted(b, o->arg, ":\\");
		buf_addc(b, ':');
		add_action(b, o);
	}
	buf_addz(b, "' \\\n");
}

static void add_option(struct buf *b, const struct opt *o)
{
	char name[64] = { '-', o->short_name };

	if (o->short_name)
		add_spec(b, o, name, "+");
	if (o->long_name)
		add_spec(b, o, opt_long(o, name, sizeof(name)), "=");
}

static void add_options(struct buf *b, const struct cmd *cmd)
{
	const struct opt *o;
	size_t it = 0;

	for (o = cmd->opts; o && o->type != OPT_END; o++)
		if (o->type != OPT_GROUP)
			add_option(b, o);
	while ((o = opt_global(cmd, &it)))
		add_option(b, o);
}

static void open_function(struct buf *b, const char *name, const char *decl)
{
	buf_addf(b,
		 "\n%s()\n{\n%s"
		 "\tlocal curcontext=$curcontext state state_descr line\n"
		 "\tlocal -A opt_args\n"
		 "\t_arguments -C -s -S : \\\n",
		 name, decl);
}

static void add_leaf(struct buf *b, const char *fn, const struct cmd *cmd)
{
	const char *source = complete_source(cmd->complete);
	CLEAN_BUF struct buf words = BUF_INIT;

	open_function(b, fn, "");
	add_options(b, cmd);
	if (strcmp(cmd->name, "help") == 0)
		buf_addz(b, "\t\t'*:command:_slsc_commands'\n}\n");
	else if (cmd_words(cmd, &words))
		buf_addf(b, "\t\t'1:argument:(%s)'\n}\n", words.ptr);
	else if (source)
		buf_addf(b, "\t\t'*:argument:_slsc_name_%s'\n}\n", source);
	else if (cmd->complete == COMPLETE_FILE || cmd->complete == COMPLETE_DIR)
		buf_addf(b, "\t\t'*:argument:_files%s'\n}\n", cmd->complete == COMPLETE_DIR ? " -/" : "");
	else
		buf_addz(b, "\t\t'*:argument: '\n}\n");
}

/* A command with commands below it: <fn>_commands lists their names. @decl: a line of declarations, or "". */
static void add_node(struct buf *b, const char *fn, const struct cmd *cmd, const char *decl)
{
	open_function(b, fn, decl);
	add_options(b, cmd);
	buf_addf(b,
		 "\t\t'1:command:%s_commands' \\\n"
		 "\t\t'*::argument:->argument' && return 0\n"
		 "\t[[ $state == argument ]] || return 1\n"
		 "\t: ${_slsc_dir:=${(Q)opt_args[-C]:-${opt_args[--directory]}}}\n"
		 "\t(( $+functions[%s_$line[1]] )) && %s_$line[1]\n"
		 "}\n",
		 fn, fn, fn);
}

static void open_commands(struct buf *b, const char *fn)
{
	buf_addf(b, "\n%s_commands()\n{\n\tlocal -a commands=(\n", fn);
}

static void add_command(struct buf *b, const struct cmd *cmd)
{
	buf_addf(b, "\t\t'%s:", cmd->name);
	add_quoted(b, cmd->summary, "\\");
	buf_addz(b, "'\n");
}

static void close_commands(struct buf *b)
{
	buf_addz(b, "\t)\n\t_describe -t commands command commands \"$@\"\n}\n");
}

void complete_zsh(struct buf *b, const struct cli *cli)
{
	buf_addz(b, prologue);
	for (enum opt_complete kind = COMPLETE_NONE; kind <= COMPLETE_EXAMPLE; kind++) {
		const char *source = complete_source(kind);

		if (source)
			buf_addf(b, "\n_slsc_name_%s()\n{\n\t_slsc_names %s \"$@\"\n}\n", source, source);
	}
	open_commands(b, "_slsc");
	for (const struct cmd_entry *e = cli->cmds; e->cmd; e++)
		if (!(e->cmd->flags & CMD_HIDDEN))
			add_command(b, e->cmd);
	close_commands(b);
	for (const struct cmd_entry *e = cli->cmds; e->cmd; e++) {
		CLEAN_FREE char *fn = xasprintf("_slsc_%s", e->cmd->name);

		if (e->cmd->flags & CMD_HIDDEN)
			continue;
		if (!e->cmd->subs) {
			add_leaf(b, fn, e->cmd);
			continue;
		}
		open_commands(b, fn);
		for (const struct cmd *s = e->cmd->subs; s->name; s++)
			add_command(b, s);
		close_commands(b);
		for (const struct cmd *s = e->cmd->subs; s->name; s++) {
			CLEAN_FREE char *sub = xasprintf("%s_%s", fn, s->name);

			add_leaf(b, sub, s);
		}
		add_node(b, fn, e->cmd, "");
	}
	add_node(b, "_slsc", cli->root, "\tlocal _slsc_dir\n");
	/* as an autoloaded function this file is the first call; sourced, it registers itself */
	buf_addz(b, "\nif [[ $funcstack[1] == _slsc ]]; then\n"
		    "\t_slsc \"$@\"\n"
		    "else\n"
		    "\tcompdef _slsc slsc\n"
		    "fi\n");
}
