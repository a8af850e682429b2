/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CLI_HELP_H
#define SLSC_CLI_HELP_H

#include "base/buf.h"
#include "cli/opt.h"

/*
 * What is written from the tables: --help, man pages, completions. The same tables give the same bytes: no dates, no
 * paths. Commands that are CMD_HIDDEN appear nowhere.
 *
 * Texts: paragraphs are parted by an empty line and filled to the width; a line that starts with a space stands as it
 * is.
 */

/** The whole command line: the program itself as a cmd (its run is NULL), and its commands. */
struct cli {
	const struct cmd *root;
	const struct cmd_entry *cmds;	/* ends with cmd NULL */
};

/** cli_find - the command of that name, hidden ones too, or NULL. */
const struct cmd *cli_find(const struct cli *cli, const char *name);
/** cli_unknown - ERR_USAGE "unknown command 'biuld'" with the nearest name as the hint. Returns -1. */
int cli_unknown(const struct cli *cli, const char *name, struct err *err);
/** cmd_unknown_sub - the same among the sub-commands of @cmd; without a @name: that one is missing. Returns -1. */
int cmd_unknown_sub(const struct cmd *cmd, const char *path, const char *name, struct err *err);

/** cmd_words - "bash zsh fish" for a command whose args are "bash|zsh|fish"; false for any other. */
bool cmd_words(const struct cmd *cmd, struct buf *words);

/** help_root - the commands by group and the main job. @width: columns to fill. */
void help_root(struct buf *b, const struct cli *cli, int width);
/** help_cmd - usage, description, options, examples. @path: "slsc config check". */
void help_cmd(struct buf *b, const struct cmd *cmd, const char *path, int width);
/** help_arg - what stands for the option's value: its choices if they are short, else its name. */
void help_arg(struct buf *b, const struct opt *o);

/**
 * help_json_root, help_json_cmd - the same for programs, one object, members sorted: "name" is the whole path, and
 * "commands" are objects of the same kind. No newline behind.
 */
void help_json_root(struct buf *b, const struct cli *cli);
void help_json_cmd(struct buf *b, const struct cmd *cmd, const char *path);

/** man_root - slsc(1), in man(7) macros. */
void man_root(struct buf *b, const struct cli *cli);
/** man_cmd - slsc-<cmd>(1), its sub-commands included. */
void man_cmd(struct buf *b, const struct cmd *cmd);

void complete_bash(struct buf *b, const struct cli *cli);
void complete_zsh(struct buf *b, const struct cli *cli);
void complete_fish(struct buf *b, const struct cli *cli);
/** complete_source - what `slsc _complete` calls this kind of name ("functions"); NULL if it is not asked for there. */
const char *complete_source(enum opt_complete kind);

#endif
