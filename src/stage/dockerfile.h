/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_DOCKERFILE_H
#define SLSC_STAGE_DOCKERFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * A Dockerfile as its instructions, each where it stands; nothing is expanded or looked up yet. The language is
 * that of BuildKit's frontend dockerfile:1 (reference: "Dockerfile reference"). What is not known is a located
 * ERR_CONFIG with a "did you mean"; nothing is ignored. All that a struct points to is in dockerfile.arena.
 */
#define DOCKERFILE_MAX (4u << 20)	/* bytes; more is ERR_LIMIT */
#define DOCKERFILE_MAX_INSTS 16384u	/* in all stages; more is ERR_LIMIT */

enum df_kind {
	DF_FROM,
	DF_RUN,
	DF_CMD,
	DF_LABEL,
	DF_MAINTAINER,
	DF_EXPOSE,
	DF_ENV,
	DF_ADD,
	DF_COPY,
	DF_ENTRYPOINT,
	DF_VOLUME,
	DF_USER,
	DF_WORKDIR,
	DF_ARG,
	DF_ONBUILD,
	DF_STOPSIGNAL,
	DF_HEALTHCHECK,
	DF_SHELL,
};
const char *df_kind_name(enum df_kind k);	/* "FROM" */

/** A piece of the file: text as written, quotes and variables in it, and its place. s NULL: absent. */
struct df_word {
	const char *s;
	unsigned line, col;
};

struct df_flag {
	const char *name;	/* "from", "mount", "link"; known and allowed for the instruction */
	/* without its quotes; s NULL: written without "=", and so true. One that is empty means as much as none. */
	struct df_word val;
};

/** ENV, LABEL, ARG. */
struct df_kv {
	struct df_word key, val;	/* val.s NULL: an ARG without default */
	bool blank;			/* the old form, "ENV KEY VALUE" */
};

struct df_heredoc {
	const char *name;	/* the word after "<<" */
	bool expand;		/* it was not quoted */
	bool chomp;		/* "<<-": leading tabs are off already */
	struct str text;	/* up to the line with the name; with its last newline, line ends as in the file */
	unsigned line;
};

struct df_inst {
	enum df_kind kind;
	unsigned line, col, end_line;
	const char *original;	/* the instruction without comments, continued lines joined as BuildKit does it */
	struct df_flag *flags;
	size_t nflags;
	bool json;		/* exec form: args are its strings, decoded */
	/*
	 * RUN, CMD, ENTRYPOINT in shell form: one word, the command line, continuations joined. COPY, ADD, EXPOSE,
	 * VOLUME, ...: the words, as split at blanks outside of quotes (or a JSON array's strings). HEALTHCHECK:
	 * args[0] is "NONE" or "CMD", what follows is the command as above (json tells its form). FROM: the image,
	 * then "AS" and the name as written; ONBUILD: the instruction's text, heredocs and all.
	 */
	struct df_word *args;
	size_t nargs;
	struct df_kv *kvs;
	size_t nkvs;
	struct df_heredoc *heredocs;
	size_t nheredocs;
	struct df_inst *onbuild;	/* ONBUILD: the instruction */
};
/** df_flag - the first of that name, or NULL. */
const struct df_flag *df_flag(const struct df_inst *i, const char *name);
/** df_heredoc_word - whether @word (of the text as written) begins a heredoc: its name, expand and chomp. */
bool df_heredoc_word(const char *word, struct arena *a, struct df_heredoc *out);
/** df_heredoc_of - the heredoc of @i that its argument @word means; NULL: it is a plain word. */
const struct df_heredoc *df_heredoc_of(const struct df_inst *i, const char *word);

struct df_stage {
	struct df_inst *from;
	struct df_word name;	/* AS; lower case; s NULL: none */
	struct df_word base;	/* from->args[0] */
	struct df_word platform;	/* --platform; s NULL: not said */
	struct df_inst *insts;	/* after FROM */
	size_t ninsts;
};

struct dockerfile {
	struct arena arena;
	const char *shown;	/* for messages and in err.loc */
	char escape;		/* '\\' or '`' */
	const char *syntax;	/* of the directive, or NULL */
	const char *check_skip;	/* of the directive `check`: ",Rule,Rule,", ",all," or NULL */
	struct df_inst *args;	/* ARG before the first FROM */
	size_t nargs;
	struct df_stage *stages;
	size_t nstages;
	struct {
		struct df_warning {
			unsigned line;
			const char *text;	/* the rule's name at its end, in parentheses */
		} *ptr;
		size_t len, cap;
	} warnings;		/* empty continuation lines, MAINTAINER, ... as BuildKit's checks name them */
};
#define CLEAN_DOCKERFILE __attribute__((cleanup(dockerfile_release)))

/** dockerfile_parse - ERR_CONFIG "<shown>:line:col: ..."; ERR_LIMIT. @d is to be released also after a failure. */
int dockerfile_parse(struct dockerfile *d, const char *shown, const char *text, size_t n, struct err *err) MUST_CHECK;
/**
 * dockerfile_parse_inst - one instruction by itself, such as an ONBUILD trigger of a base; lives in @d's arena. Its
 * escape character is the backslash, whatever @d has.
 */
int dockerfile_parse_inst(struct dockerfile *d, const char *shown, const char *text, struct df_inst **out,
			  struct err *err) MUST_CHECK;
void dockerfile_release(struct dockerfile *d);

/** RUN --mount, after expansion of its text. Strings live in @a. */
enum df_mount_type { DF_MOUNT_BIND, DF_MOUNT_CACHE, DF_MOUNT_TMPFS, DF_MOUNT_SECRET, DF_MOUNT_SSH };
struct df_mount {
	enum df_mount_type type;
	const char *target, *source, *from, *id, *env;	/* NULL: not said */
	bool readonly, required;
	enum { DF_SHARED, DF_PRIVATE, DF_LOCKED } sharing;
	int64_t mode, uid, gid;	/* -1: not said */
	uint64_t size;		/* bytes; 0: not said */
};
int df_mount_parse(struct df_mount *m, const char *shown, struct df_word text, struct arena *a,
		   struct err *err) MUST_CHECK;

/*
 * Variables: $x ${x} ${x:-d} ${x-d} ${x:+a} ${x+a} ${x:?e} ${x?e} ${x#p} ${x##p} ${x%p} ${x%%p} ${x/p/s}
 * ${x//p/s}, nested; quotes and the escape character as BuildKit's shell lexer has them. Names are ASCII; $1, $$ and
 * their like are variables that nobody sets.
 */
struct df_vars {
	/* the value, or NULL if unset; borrowed until the next call */
	const char *(*get)(const char *name, void *ctx);
	void *ctx;
};
#define DF_EXPAND_MAX (1u << 20)	/* bytes of an expanded text, all its words; more is ERR_LIMIT */
/**
 * df_expand - @w as one word: quotes taken off, variables put in. Appended to @out. ERR_CONFIG, located in
 * @shown.
 */
int df_expand(const char *shown, struct df_word w, char escape, const struct df_vars *vars, struct buf *out,
	      struct err *err) MUST_CHECK;
/**
 * df_expand_raw - the same for the text of a heredoc, in which quotes mean nothing. A backslash takes the meaning of
 * what follows and goes, whatever the escape directive says: BuildKit has it so.
 */
int df_expand_raw(const char *shown, struct df_word w, const struct df_vars *vars, struct buf *out,
		  struct err *err) MUST_CHECK;
/** df_expand_words - as many words as unquoted blanks make of it (EXPOSE, ...); into @a. */
int df_expand_words(const char *shown, struct df_word w, char escape, const struct df_vars *vars, struct arena *a,
		    struct df_word **out, size_t *n, struct err *err) MUST_CHECK;

#endif
