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
};

enum opt_complete { COMPLETE_NONE, COMPLETE_FILE, COMPLETE_DIR, COMPLETE_FUNCTION, COMPLETE_PROFILE, COMPLETE_ARCH,
		    COMPLETE_TOOLCHAIN, COMPLETE_TEMPLATE };

struct opt {
	enum opt_type type;
	char short_name;		/* or 0 */
	const char *long_name;
	size_t offset;			/* into the context */
	const char *arg;		/* "DIR", "N"; NULL for flags */
	const char *const *choices;	/* NULL-terminated, OPT_CHOICE */
	enum opt_complete complete;
	const char *help;		/* one sentence, no full stop; may hold "\n" */
};

/* what main() owns and every command can read */
struct globals {
	const char *dir;		/* -C */
	bool json, quiet, dry_run, explain;
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
	const char *args;		/* "[FUNCTION...]", "" */
	const char *summary;		/* one line */
	const char *description;	/* paragraphs for --help and man; may be NULL */
	const char *examples;		/* "$ slsc build hello\n..." lines for --help and man; may be NULL */
	const struct opt *opts;		/* ends with OPT_END; may be NULL */
	enum opt_complete complete;	/* of the positional arguments */
	size_t ctx_size;		/* the dispatcher owns a zeroed context of this size */
	unsigned flags;
	/* Returns 0 or -1 with @err set; the dispatcher prints, and makes the exit code. */
	int (*run)(void *ctx, const struct globals *g, int argc, char **argv, struct err *err);
	void (*release)(void *ctx);	/* of what opt_parse() and run() put into ctx; may be NULL */
	const struct cmd *subs;		/* ends with name NULL; then run is NULL */
};

#endif
