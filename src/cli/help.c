/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define LABEL_MAX 30	/* columns of an option's label; the text of a longer one starts on the next line */
#define TEXT_MIN 20	/* columns beside the labels, else the texts go below them */
#define CHOICES_MAX 24	/* longer lists of choices are left to the option's text */

const struct cmd *cli_find(const struct cli *cli, const char *name)
{
	for (const struct cmd_entry *e = cli->cmds; e->cmd; e++)
		if (strcmp(e->cmd->name, name) == 0)
			return e->cmd;
	return NULL;
}

int cli_unknown(const struct cli *cli, const char *name, struct err *err)
{
	const char *cands[64];
	const char *near;
	size_t n = 0;

	for (const struct cmd_entry *e = cli->cmds; e->cmd && n < ARRAY_LEN(cands); e++)
		if (!(e->cmd->flags & CMD_HIDDEN))
			cands[n++] = e->cmd->name;
	err_set(err, ERR_USAGE, "unknown command '%s'", name);
	near = str_closest(name, cands, n);
	if (near)
		return err_hint(err, "did you mean '%s'?", near);
	return err_hint(err, "'slsc --help' lists the commands");
}

int cmd_unknown_sub(const struct cmd *cmd, const char *path, const char *name, struct err *err)
{
	CLEAN_BUF struct buf all = BUF_INIT;
	const char *cands[32];
	const char *near = NULL;
	size_t n = 0;

	for (const struct cmd *s = cmd->subs; s->name && n < ARRAY_LEN(cands); s++) {
		buf_addf(&all, "%s%s", n ? ", " : "", s->name);
		cands[n++] = s->name;
	}
	if (name) {
		err_set(err, ERR_USAGE, "%s: '%s' is not one of %s", path, name, all.ptr);
		near = str_closest(name, cands, n);
	} else {
		err_set(err, ERR_USAGE, "%s: say which: %s", path, all.ptr);
	}
	if (near)
		return err_hint(err, "did you mean '%s'?", near);
	return err_hint(err, "'%s --help' says what each does", path);
}

bool cmd_words(const struct cmd *cmd, struct buf *words)
{
	if (cmd->subs || !cmd->args || !strchr(cmd->args, '|') || strpbrk(cmd->args, " ["))
		return false;
	for (const char *p = cmd->args; *p; p++)
		buf_addc(words, *p == '|' ? ' ' : *p);
	return true;
}

/* Columns: the texts are our own, without wide characters. */
static size_t columns(const char *s, size_t n)
{
	size_t cols = 0;

	for (size_t i = 0; i < n; i++)
		cols += ((unsigned char)s[i] & 0xc0) != 0x80;
	return cols;
}

static void pad(struct buf *b, size_t n)
{
	while (n--)
		buf_addc(b, ' ');
}

/* One line of words, filled; @col is where the cursor is, @indent where further lines start. */
static void fill(struct buf *b, struct str line, size_t col, size_t indent, size_t width)
{
	bool first = true;

	while (line.len) {
		struct str word = line;
		size_t cols;

		line = str_cut(&word, ' ');
		if (!word.len)
			continue;
		cols = columns(word.ptr, word.len);
		if (!first && col + 1 + cols > width) {
			buf_addc(b, '\n');
			pad(b, indent);
			col = indent;
			first = true;
		}
		if (!first) {
			buf_addc(b, ' ');
			col++;
		}
		buf_adds(b, word);
		col += cols;
		first = false;
	}
	buf_addc(b, '\n');
}

static void add_paragraphs(struct buf *b, const char *text, size_t width)
{
	CLEAN_BUF struct buf para = BUF_INIT;
	struct str rest = str_from(text);

	while (rest.len || para.len) {
		struct str line = rest;
		bool last = !rest.len;

		rest = str_cut(&line, '\n');
		if (!last && line.len && line.ptr[0] != ' ') {
			if (para.len)
				buf_addc(&para, ' ');
			buf_adds(&para, line);
			continue;
		}
		if (para.len)
			fill(b, buf_str(&para), 0, 0, width);
		buf_reset(&para);
		if (!last) {
			buf_adds(b, line);
			buf_addc(b, '\n');
		}
	}
}

/* "  label   text", the text filled in its own column. */
static void add_row(struct buf *b, struct str label, const char *text, size_t column, size_t width)
{
	size_t col = 2 + columns(label.ptr, label.len);
	struct str rest = str_from(text);

	pad(b, 2);
	buf_adds(b, label);
	if (col + 2 > column) {
		buf_addc(b, '\n');
		col = 0;
	}
	while (rest.len) {
		struct str line = rest;

		rest = str_cut(&line, '\n');
		pad(b, column - col);
		fill(b, line, column, column, width);
		col = 0;
	}
}

static size_t clamp_width(int width)
{
	return width < 40 ? 40 : width > 100 ? 100 : (size_t)width;
}

void help_arg(struct buf *b, const struct opt *o)
{
	CLEAN_BUF struct buf all = BUF_INIT;

	for (size_t i = 0; o->choices && o->choices[i]; i++)
		buf_addf(&all, "%s%s", i ? "|" : "", o->choices[i]);
	buf_addz(b, all.len && all.len <= CHOICES_MAX ? all.ptr : o->arg);
	if (o->type == OPT_LIST && !strstr(o->arg, "..."))
		buf_addz(b, ",...");
}

static void add_label(struct buf *b, const struct opt *o)
{
	char name[64];

	if (o->short_name)
		buf_addf(b, "-%c%s", o->short_name, o->long_name ? ", " : " ");
	else
		pad(b, 4);
	if (o->long_name)
		buf_addz(b, opt_long(o, name, sizeof(name)));
	if (opt_takes_value(o)) {
		if (o->long_name)
			buf_addc(b, '=');
		help_arg(b, o);
	}
}

static const struct opt *next_opt(const struct cmd *cmd, size_t *own, size_t *global)
{
	if (cmd->opts && cmd->opts[*own].type != OPT_END)
		return &cmd->opts[(*own)++];
	return opt_global(cmd, global);
}

/* Where the texts of options start; on a narrow terminal below their labels. */
static size_t option_column(const struct cmd *cmd, size_t width)
{
	CLEAN_BUF struct buf label = BUF_INIT;
	size_t own = 0, global = 0, max = 0;
	const struct opt *o;

	while ((o = next_opt(cmd, &own, &global))) {
		size_t cols;

		if (o->type == OPT_GROUP)
			continue;
		buf_reset(&label);
		add_label(&label, o);
		cols = columns(label.ptr, label.len);
		if (cols > max && cols <= LABEL_MAX)
			max = cols;
	}
	return max + 4 + TEXT_MIN > width ? 8 : max + 4;
}

static void add_options(struct buf *b, const struct cmd *cmd, size_t width)
{
	CLEAN_BUF struct buf label = BUF_INIT;
	size_t column = option_column(cmd, width), it = 0;
	const struct opt *o = cmd->opts;

	if (o && o->type != OPT_END && o->type != OPT_GROUP)
		buf_addz(b, "\noptions:\n");
	for (; o && o->type != OPT_END; o++) {
		if (o->type == OPT_GROUP) {
			buf_addf(b, "\n%s:\n", o->help);
			continue;
		}
		buf_reset(&label);
		add_label(&label, o);
		add_row(b, buf_str(&label), o->help, column, width);
	}
	buf_addz(b, "\neverywhere:\n");
	while ((o = opt_global(cmd, &it))) {
		buf_reset(&label);
		add_label(&label, o);
		add_row(b, buf_str(&label), o->help, column, width);
	}
}

static void add_examples(struct buf *b, const char *heading, const char *examples)
{
	struct str rest = str_from(examples ? examples : "");

	if (rest.len)
		buf_addf(b, "\n%s:\n", heading);
	while (rest.len) {
		struct str line = rest;

		rest = str_cut(&line, '\n');
		if (line.len)
			pad(b, 2);
		buf_adds(b, line);
		buf_addc(b, '\n');
	}
}

void help_cmd(struct buf *b, const struct cmd *cmd, const char *path, int cols)
{
	size_t width = clamp_width(cols);

	buf_addf(b, "usage: %s [OPTION...]", path);
	if (cmd->args && cmd->args[0])
		buf_addf(b, " %s", cmd->args);
	buf_addc(b, '\n');
	buf_addc(b, '\n');
	fill(b, str_from(cmd->summary), 0, 0, width);
	if (cmd->description) {
		buf_addc(b, '\n');
		add_paragraphs(b, cmd->description, width);
	}
	if (cmd->subs) {
		size_t column = 0;

		buf_addz(b, "\ncommands:\n");
		for (const struct cmd *s = cmd->subs; s->name; s++)
			column = strlen(s->name) > column ? strlen(s->name) : column;
		for (const struct cmd *s = cmd->subs; s->name; s++)
			add_row(b, str_from(s->name), s->summary, column + 4, width);
	}
	add_options(b, cmd, width);
	add_examples(b, "examples", cmd->examples);
}

void help_root(struct buf *b, const struct cli *cli, int cols)
{
	size_t width = clamp_width(cols), column = 0;
	const char *group = "";

	buf_addf(b, "usage: slsc [OPTION...] %s\n\n", cli->root->args);
	add_paragraphs(b, cli->root->description, width);
	add_examples(b, "the main job", cli->root->examples);
	for (const struct cmd_entry *e = cli->cmds; e->cmd; e++)
		if (!(e->cmd->flags & CMD_HIDDEN) && strlen(e->cmd->name) > column)
			column = strlen(e->cmd->name);
	for (const struct cmd_entry *e = cli->cmds; e->cmd; e++) {
		if (e->cmd->flags & CMD_HIDDEN)
			continue;
		if (strcmp(group, e->group) != 0)
			buf_addf(b, "\n%s:\n", e->group);
		group = e->group;
		add_row(b, str_from(e->cmd->name), e->cmd->summary, column + 4, width);
	}
	buf_addz(b, "\n'slsc COMMAND --help' says more about one of them.\n");
}
