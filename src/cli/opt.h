/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CLI_OPT_H
#define SLSC_CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"

/*
 * One table per command gives parsing, --help, the man page and the completions of bash, zsh and fish.
 * A table is static const data; opt_parse() writes through offsets into the command's context struct.
 * Write entries with designated initializers: { OPT_STR, 'o', "out", .offset = ..., .help = ... }.
 */

enum opt_type {
	OPT_END = 0,
	OPT_FLAG,	/* bool: --name */
	OPT_NOFLAG,	/* bool that defaults to true: --no-name stores false; name is given without "no-" */
	OPT_STR,	/* const char *, borrowed from argv */
	OPT_CHOICE,	/* const char *, one of choices */
	OPT_UINT,	/* unsigned */
	OPT_LIST,	/* struct strs, repeated and comma-separated */
	OPT_MULTI,	/* struct strs, repeated; not split at commas */
	OPT_GROUP,	/* no option: help is a heading */
	OPT_COUNT,	/* unsigned: how often it was given */
};

enum opt_complete { COMPLETE_NONE, COMPLETE_FILE, COMPLETE_DIR, COMPLETE_FUNCTION, COMPLETE_PROFILE, COMPLETE_ARCH,
		    COMPLETE_TOOLCHAIN, COMPLETE_TEMPLATE, COMPLETE_BASE, COMPLETE_RULE, COMPLETE_EXAMPLE };

struct opt {
	enum opt_type type;
	char short_name;		/* or 0 */
	const char *long_name;
	size_t offset;			/* into the context */
	const char *arg;		/* "DIR", "N"; NULL for flags */
	const char *const *choices;	/* NULL-terminated, OPT_CHOICE; also checked for OPT_LIST and OPT_MULTI */
	enum opt_complete complete;
	const char *help;		/* one sentence, no full stop; may hold "\n" */
	unsigned min, max;		/* OPT_UINT; max 0: UINT_MAX */
};

/* what main() owns and every command can read */
struct globals {
	const char *dir;		/* -C; main() is already there */
	bool help, json, quiet, dry_run, explain;
	unsigned verbose;
	const char *color;		/* auto | always | never */
	const char *progress;		/* auto | always | never */
	bool use_color;			/* resolved for stderr */
	bool use_progress;
};

enum cmd_flags {
	CMD_DRY_RUN = 1,	/* takes -n/--dry-run */
	CMD_EXPLAIN = 2,	/* takes --explain */
	CMD_HIDDEN = 4,		/* not in help or completions */
	CMD_JSON = 8,		/* takes --json */
};

struct cmd {
	const char *name;		/* "build", "config check" is two levels: "config" has subs */
	const char *args;		/* "[FUNCTION...]", "a|b", ""; how many there may be is read from it */
	const char *summary;		/* one line */
	const char *description;	/* paragraphs for --help and man; may be NULL */
	const char *examples;		/* "$ slsc build hello\n..." lines for --help and man; may be NULL */
	const struct opt *opts;		/* ends with OPT_END; may be NULL */
	enum opt_complete complete;	/* of the positional arguments */
	size_t ctx_size;		/* the dispatcher owns a zeroed context of this size */
	unsigned flags;
	/*
	 * Returns 0 or -1 with @err set; the dispatcher prints, and makes the exit code.
	 * argv[0..argc) are the positional arguments alone, argv[argc] is NULL; borrowed.
	 */
	int (*run)(void *ctx, const struct globals *g, int argc, char **argv, struct err *err);
	void (*release)(void *ctx);	/* of what opt_parse() and run() put into ctx; may be NULL */
	const struct cmd *subs;		/* ends with name NULL; then run is NULL */
};

/** An entry of the table of all commands; ends with cmd NULL. Neighbours of one group share a heading. */
struct cmd_entry {
	const char *group;
	const struct cmd *cmd;
};

/**
 * opt_parse - options and positional arguments of one command.
 * @path: "slsc build", for hints.
 * @ctx:  zeroed, of ctx_size; unreleased on failure: the caller calls cmd->release either way.
 * @argc, @argv: in: argv[0] is the command's own name. Out: the positional arguments (argv is compacted in
 *        place). A command without run (one with subs) stops at its first positional argument instead: out
 *        are that word and all after it.
 * Long options are not abbreviated. After -h the rest is not looked at: g->help is set.
 * Not thread-safe (getopt_long). Returns 0, or -1 with ERR_USAGE.
 */
int opt_parse(const struct cmd *cmd, const char *path, void *ctx, struct globals *g, int *argc, char ***argv,
	      struct err *err) MUST_CHECK;

/** opt_flags_check - ERR_USAGE if @g holds --json, -n or --explain (given before the name) that @cmd does not take. */
int opt_flags_check(const struct cmd *cmd, const char *path, const struct globals *g, struct err *err) MUST_CHECK;

/** opt_global - iterates over the options that @cmd shares with all others; *@it starts at 0. NULL at the end. */
const struct opt *opt_global(const struct cmd *cmd, size_t *it);

/** opt_takes_value - whether the option is written with a value. */
bool opt_takes_value(const struct opt *o);

/** opt_long - "--name" or "--no-name" as the user writes it, into @buf; returns @buf. */
char *opt_long(const struct opt *o, char *buf, size_t cap);

/** opt_bug_check - BUG() on a table that contradicts itself: two options of one name, choices without any, no help. */
void opt_bug_check(const struct cmd *cmd);

/** cmd_find_sub - the sub-command of that name, or NULL. */
const struct cmd *cmd_find_sub(const struct cmd *cmd, const char *name);

#endif
