/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/help.h"

const char *complete_source(enum opt_complete kind)
{
	switch (kind) {
	case COMPLETE_FUNCTION:
		return "functions";
	case COMPLETE_PROFILE:
		return "profiles";
	case COMPLETE_ARCH:
		return "arches";
	case COMPLETE_TOOLCHAIN:
		return "toolchains";
	case COMPLETE_TEMPLATE:
		return "templates";
	case COMPLETE_BASE:
		return "bases";
	case COMPLETE_RULE:
		return "rules";
	case COMPLETE_EXAMPLE:
		return "examples";
	case COMPLETE_NONE:
	case COMPLETE_FILE:
	case COMPLETE_DIR:
		break;
	}
	return NULL;
}

/*
 * Candidates are filtered by a loop and never go through compgen -W, which would expand what a name in somebody's
 * slsc.yaml holds. bash breaks words at '=' (COMP_WORDBREAKS), so "--level=fa" arrives as three words.
 */
static const char prologue[] =
	"# bash completion for slsc; written by 'slsc help --generate'\n"
	"\n"
	"# stdin: candidates, one a line\n"
	"_slsc_reply()\n"
	"{\n"
	"\tlocal word\n"
	"\twhile IFS= read -r word; do\n"
	"\t\t[[ $word == \"$cur\"* ]] && COMPREPLY+=(\"$head$word\")\n"
	"\tdone\n"
	"}\n"
	"\n"
	"_slsc_words()\n"
	"{\n"
	"\t_slsc_reply < <(printf '%s\\n' \"$@\")\n"
	"}\n"
	"\n"
	"_slsc_names()\n"
	"{\n"
	"\t_slsc_reply < <(command slsc ${dir:+-C \"$dir\"} _complete \"$1\" 2>/dev/null)\n"
	"}\n"
	"\n"
	"_slsc_files()\n"
	"{\n"
	"\tlocal path\n"
	"\tcompopt -o filenames 2>/dev/null\n"
	"\twhile IFS= read -r path; do\n"
	"\t\tCOMPREPLY+=(\"$path\")\n"
	"\tdone < <(compgen \"$1\" -- \"$cur\")\n"
	"}\n"
	"\n"
	"# the part after the last comma of a list\n"
	"_slsc_list()\n"
	"{\n"
	"\t[[ $cur == *,* ]] && head=${cur%,*}, && cur=${cur##*,}\n"
	"\tcompopt -o nospace 2>/dev/null\n"
	"}\n"
	"\n"
	"_slsc()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	"\tlocal cmd='' dir='' head='' i\n"
	"\tCOMPREPLY=()\n"
	"\tif [[ $cur == = ]]; then\n"
	"\t\tcur=''\n"
	"\telif [[ $prev == = ]]; then\n"
	"\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n"
	"\tfi\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tcase ${COMP_WORDS[i]} in\n";

static void add_values(struct buf *b, const struct opt *o)
{
	const char *source = complete_source(o->complete);

	if (o->type == OPT_LIST)
		buf_addz(b, "_slsc_list; ");
	if (source) {
		buf_addf(b, "_slsc_names %s; ", source);
	} else if (o->choices) {
		buf_addz(b, "_slsc_words");
		for (size_t i = 0; o->choices[i]; i++) {
			buf_addc(b, ' ');
			buf_add_shell(b, o->choices[i]);
		}
		buf_addz(b, "; ");
	} else if (o->complete == COMPLETE_DIR) {
		buf_addz(b, "_slsc_files -d; ");
	} else if (o->complete == COMPLETE_FILE) {
		buf_addz(b, "_slsc_files -f; ");
	}
}

static void add_pattern(struct buf *b, const struct opt *o)
{
	char name[64];

	if (o->short_name)
		buf_addf(b, "-%c%s", o->short_name, o->long_name ? "|" : "");
	if (o->long_name)
		buf_addz(b, opt_long(o, name, sizeof(name)));
}

static const struct opt *next_opt(const struct cmd *cmd, size_t *own, size_t *global)
{
	while (cmd->opts && cmd->opts[*own].type != OPT_END) {
		const struct opt *o = &cmd->opts[(*own)++];

		if (o->type != OPT_GROUP)
			return o;
	}
	return opt_global(cmd, global);
}

/* One arm of the case on the command's path: values of its options, their names, its arguments. */
static void add_arm(struct buf *b, const char *path, const struct cmd *cmd, const char *names)
{
	const char *source = complete_source(cmd->complete);
	const struct opt *o;
	size_t own = 0, global = 0;
	char name[64];

	buf_addf(b, "\t'%s')\n\t\tcase $prev in\n", path);
	while ((o = next_opt(cmd, &own, &global))) {
		if (!opt_takes_value(o))
			continue;
		buf_addz(b, "\t\t");
		add_pattern(b, o);
		buf_addz(b, ") ");
		add_values(b, o);
		buf_addz(b, "return ;;\n");
	}
	buf_addz(b, "\t\tesac\n\t\tif [[ $cur == -* ]]; then\n\t\t\t_slsc_words");
	own = global = 0;
	while ((o = next_opt(cmd, &own, &global)))
		if (o->long_name)
			buf_addf(b, " %s", opt_long(o, name, sizeof(name)));
		else
			buf_addf(b, " -%c", o->short_name);
	buf_addc(b, '\n');
	if (names && names[0])
		buf_addf(b, "\t\telse\n\t\t\t_slsc_words %s\n", names);
	else if (source)
		buf_addf(b, "\t\telse\n\t\t\t_slsc_names %s\n", source);
	else if (cmd->complete == COMPLETE_FILE || cmd->complete == COMPLETE_DIR)
		buf_addf(b, "\t\telse\n\t\t\t_slsc_files %s\n", cmd->complete == COMPLETE_DIR ? "-d" : "-f");
	buf_addz(b, "\t\tfi ;;\n");
}

static void add_cmd(struct buf *b, const char *path, const struct cmd *cmd)
{
	CLEAN_BUF struct buf names = BUF_INIT;

	for (const struct cmd *s = cmd->subs; s && s->name; s++)
		buf_addf(&names, "%s%s", names.len ? " " : "", s->name);
	cmd_words(cmd, &names);
	add_arm(b, path, cmd, names.ptr);
	for (const struct cmd *s = cmd->subs; s && s->name; s++) {
		CLEAN_FREE char *sub = xasprintf("%s %s", path, s->name);

		add_arm(b, sub, s, NULL);
	}
}

/* Finding the command: the words before the cursor, options and their values passed over. */
static void add_search(struct buf *b, const struct cli *cli)
{
	CLEAN_BUF struct buf names = BUF_INIT;
	const struct opt *o;
	size_t it = 0;

	buf_addz(b, "\t\t-C | --directory)\n"
		    "\t\t\t[[ ${COMP_WORDS[i+1]} == = ]] && ((i++))\n"
		    "\t\t\tdir=${COMP_WORDS[++i]} ;;\n");
	while ((o = opt_global(cli->root, &it))) {
		if (!opt_takes_value(o) || o->short_name == 'C')
			continue;
		buf_addz(b, "\t\t");
		add_pattern(b, o);
		buf_addz(b, ")\n\t\t\t[[ ${COMP_WORDS[i+1]} == = ]] && ((i++))\n\t\t\t((i++)) ;;\n");
	}
	buf_addz(b, "\t\t-* | =) ;;\n\t\t*)\n\t\t\tcase $cmd in\n\t\t\t'') cmd=${COMP_WORDS[i]} ;;\n");
	for (const struct cmd_entry *e = cli->cmds; e->cmd; e++)
		if (e->cmd->subs && !(e->cmd->flags & CMD_HIDDEN))
			buf_addf(&names, "%s%s", names.len ? " | " : "", e->cmd->name);
	if (names.len)
		buf_addf(b, "\t\t\t%s) cmd+=\" ${COMP_WORDS[i]}\" ;;\n", names.ptr);
	buf_addz(b, "\t\t\tesac ;;\n\t\tesac\n\tdone\n\tcase $cmd in\n");
}

void complete_bash(struct buf *b, const struct cli *cli)
{
	CLEAN_BUF struct buf names = BUF_INIT;

	buf_addz(b, prologue);
	add_search(b, cli);
	for (const struct cmd_entry *e = cli->cmds; e->cmd; e++)
		if (!(e->cmd->flags & CMD_HIDDEN))
			buf_addf(&names, "%s%s", names.len ? " " : "", e->cmd->name);
	add_arm(b, "", cli->root, names.ptr);
	for (const struct cmd_entry *e = cli->cmds; e->cmd; e++)
		if (strcmp(e->cmd->name, "help") == 0)
			add_arm(b, "help", e->cmd, names.ptr);
		else if (!(e->cmd->flags & CMD_HIDDEN))
			add_cmd(b, e->cmd->name, e->cmd);
	buf_addz(b, "\tesac\n}\n\ncomplete -F _slsc slsc\n");
}
