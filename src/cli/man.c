/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/help.h"

/* man(7) macros, as groff and mandoc both read them. */

/* Text as roff input: what would be markup is escaped. '-' becomes a minus, so that options can be copied. */
static void add_text(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		switch (c) {
		case '\\':
			buf_addz(b, "\\e");
			break;
		case '-':
			buf_addz(b, "\\-");
			break;
		case '\'':
			buf_addz(b, "\\(aq");
			break;
		case '`':
			buf_addz(b, "\\(ga");
			break;
		case '^':
			buf_addz(b, "\\(ha");
			break;
		case '~':
			buf_addz(b, "\\(ti");
			break;
		case '.':
			buf_addz(b, i == 0 || s.ptr[i - 1] == '\n' ? "\\&." : ".");
			break;
		default:
			buf_addc(b, c);
		}
	}
}

static void add_z(struct buf *b, const char *s)
{
	add_text(b, str_from(s));
}

static void add_line(struct buf *b, struct str line)
{
	add_text(b, line);
	buf_addc(b, '\n');
}

/* An option's text as --help has it: it may begin with a name, which is no place for a capital. */
static void add_lines(struct buf *b, const char *s)
{
	struct str rest = str_from(s);

	while (rest.len) {
		struct str line = rest;

		rest = str_cut(&line, '\n');
		add_text(b, line);
		buf_addz(b, rest.len ? "\n.br\n" : "\n");
	}
}

/* Summaries come without a full stop. */
static void add_sentence(struct buf *b, const char *s)
{
	add_z(b, s);
	buf_addz(b, ends_with(s, ".") ? "\n" : ".\n");
}

static void add_paragraphs(struct buf *b, const char *text)
{
	struct str rest = str_from(text);
	bool literal = false, gap = false;

	while (rest.len) {
		struct str line = rest;

		rest = str_cut(&line, '\n');
		if (!line.len) {
			gap = true;
			continue;
		}
		if (literal != (line.ptr[0] == ' ')) {
			buf_addz(b, literal ? ".EE\n" : "");
			if (gap || literal)
				buf_addz(b, ".PP\n");
			literal = !literal;
			buf_addz(b, literal ? ".EX\n" : "");
		} else if (gap) {
			buf_addz(b, literal ? "\n" : ".PP\n");
		}
		gap = false;
		add_line(b, line);
	}
	if (literal)
		buf_addz(b, ".EE\n");
}

static void add_examples(struct buf *b, const char *examples)
{
	struct str rest = str_from(examples ? examples : "");

	if (!rest.len)
		return;
	buf_addz(b, ".SH EXAMPLES\n.EX\n");
	while (rest.len) {
		struct str line = rest;

		rest = str_cut(&line, '\n');
		add_line(b, line);
	}
	buf_addz(b, ".EE\n");
}

static void add_option(struct buf *b, const struct opt *o)
{
	char name[64];

	buf_addz(b, ".TP\n");
	if (o->short_name) {
		buf_addf(b, "\\fB\\-%c\\fR", o->short_name);
		if (o->long_name)
			buf_addz(b, ", ");
	}
	if (o->long_name) {
		buf_addz(b, "\\fB");
		add_z(b, opt_long(o, name, sizeof(name)));
		buf_addz(b, "\\fR");
	}
	if (opt_takes_value(o)) {
		CLEAN_BUF struct buf arg = BUF_INIT;

		help_arg(&arg, o);
		buf_addz(b, o->long_name ? "=\\fI" : " \\fI");
		add_z(b, arg.ptr);
		buf_addz(b, "\\fR");
	}
	buf_addc(b, '\n');
	add_lines(b, o->help);
}

static void add_own_options(struct buf *b, const struct cmd *cmd)
{
	for (const struct opt *o = cmd->opts; o && o->type != OPT_END; o++) {
		if (o->type != OPT_GROUP) {
			add_option(b, o);
			continue;
		}
		buf_addz(b, ".SS ");
		add_z(b, o->help);
		buf_addc(b, '\n');
	}
}

static void add_shared_options(struct buf *b, const struct cmd *cmd)
{
	const struct opt *o;
	size_t it = 0;

	while ((o = opt_global(cmd, &it)))
		add_option(b, o);
}

static void add_synopsis(struct buf *b, const char *path, const char *args)
{
	buf_addz(b, ".B ");
	add_z(b, path);
	buf_addz(b, "\n[\\fIOPTION\\fR...]");
	if (args && args[0]) {
		buf_addc(b, ' ');
		add_z(b, args);
	}
	buf_addc(b, '\n');
}

static void add_head(struct buf *b, const char *page, const char *summary)
{
	CLEAN_BUF struct buf upper = BUF_INIT;

	for (const char *p = page; *p; p++)
		buf_addc(&upper, *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p);
	buf_addz(b, ".\\\" Written by 'slsc help --generate'.\n.TH ");
	add_z(b, upper.ptr);
	/* no date: the same tables give the same bytes */
	buf_addz(b, " 1 \"\" \"slsc " SLSC_VERSION "\" \"slsc manual\"\n.SH NAME\n");
	add_z(b, page);
	buf_addz(b, " \\- ");
	add_z(b, summary);
	buf_addz(b, "\n.SH SYNOPSIS\n");
}

static void add_exit_status(struct buf *b)
{
	static const char *const rows[][2] = {
		{ "0", "Done." },
		{ "1", "It failed; standard error says why." },
		{ "2", "The command line is wrong." },
		{ "3", "A budget or a check was not met." },
		{ "130", "Interrupted." },
	};

	buf_addz(b, ".SH EXIT STATUS\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		buf_addf(b, ".TP\n.B %s\n%s\n", rows[i][0], rows[i][1]);
	buf_addz(b, ".PP\nWhen the reader of standard output goes away, slsc ends by SIGPIPE, without a word.\n");
}

void man_root(struct buf *b, const struct cli *cli)
{
	static const char *const env[][2] = {
		{ "NO_COLOR", "If it is not empty, \\fB\\-\\-color=auto\\fR means never." },
		{ "SLSC_CACHE_DIR", "Where sysroots and dependencies are kept, instead of\n"
				    ".IR $XDG_CACHE_HOME/slsc \" or \" \\(ti/.cache/slsc ." },
		{ "SOURCE_DATE_EPOCH", "Seconds since 1970 that every file in an archive is dated with." },
	};

	add_head(b, "slsc", cli->root->summary);
	buf_addz(b, ".B slsc\n[\\fIOPTION\\fR...] ");
	add_z(b, cli->root->args);
	buf_addz(b, "\n.SH DESCRIPTION\n");
	add_paragraphs(b, cli->root->description);
	buf_addz(b, ".SH COMMANDS\n");
	for (const struct cmd_entry *e = cli->cmds; e->cmd; e++) {
		if (e->cmd->flags & CMD_HIDDEN)
			continue;
		buf_addf(b, ".TP\n.BR slsc\\-%s (1)\n", e->cmd->name);
		add_sentence(b, e->cmd->summary);
	}
	buf_addz(b, ".SH OPTIONS\n");
	add_own_options(b, cli->root);
	add_shared_options(b, cli->root);
	add_examples(b, cli->root->examples);
	add_exit_status(b);
	buf_addz(b, ".SH ENVIRONMENT\n");
	for (size_t i = 0; i < ARRAY_LEN(env); i++)
		buf_addf(b, ".TP\n.B %s\n%s\n", env[i][0], env[i][1]);
}

static void add_sub(struct buf *b, const struct cmd *sub, const char *parent)
{
	CLEAN_FREE char *path = xasprintf("%s %s", parent, sub->name);

	buf_addz(b, ".SS ");
	add_z(b, path);
	buf_addc(b, '\n');
	add_synopsis(b, path, sub->args);
	buf_addz(b, ".PP\n");
	add_sentence(b, sub->summary);
	if (sub->description) {
		buf_addz(b, ".PP\n");
		add_paragraphs(b, sub->description);
	}
	for (const struct opt *o = sub->opts; o && o->type != OPT_END; o++)
		if (o->type != OPT_GROUP)
			add_option(b, o);
	if (sub->examples) {
		buf_addz(b, ".PP\n.EX\n");
		add_line(b, str_trim(str_from(sub->examples)));
		buf_addz(b, ".EE\n");
	}
}

void man_cmd(struct buf *b, const struct cmd *cmd)
{
	CLEAN_FREE char *page = xasprintf("slsc-%s", cmd->name);
	CLEAN_FREE char *path = xasprintf("slsc %s", cmd->name);

	add_head(b, page, cmd->summary);
	add_synopsis(b, path, cmd->args);
	buf_addz(b, ".SH DESCRIPTION\n");
	add_sentence(b, cmd->summary);
	if (cmd->description) {
		buf_addz(b, ".PP\n");
		add_paragraphs(b, cmd->description);
	}
	if (cmd->subs)
		buf_addz(b, ".SH COMMANDS\n");
	for (const struct cmd *s = cmd->subs; s && s->name; s++)
		add_sub(b, s, path);
	buf_addz(b, ".SH OPTIONS\n");
	add_own_options(b, cmd);
	if (cmd->opts && cmd->opts[0].type != OPT_END)
		buf_addz(b, ".SS everywhere\n");
	add_shared_options(b, cmd);
	add_examples(b, cmd->examples);
	buf_addz(b, ".SH SEE ALSO\n.BR slsc (1)\n");
}
