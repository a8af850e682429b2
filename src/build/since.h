/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_SINCE_H
#define SLSC_BUILD_SINCE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"
#include "config/project.h"

/* Which functions a range of git's touches: those that read a file that differs, or are described otherwise. */

enum since_reason {
	SINCE_SOURCE,	  /* matches `sources` */
	SINCE_HEADER,	  /* is included, by another that is, or by -include */
	SINCE_COMPUTED,	  /* any file: an include's name is known to a compiler alone */
	SINCE_EMBEDDED,	  /* .incbin, #embed */
	SINCE_DEPENDENCY, /* a header in the function's directories, which those of a dependency may include */
	SINCE_LIBRARY,
	SINCE_FLAG,	  /* a file that a flag or a tool's name holds */
	SINCE_INPUT,	  /* of build.command */
	SINCE_PACKAGED,	  /* package.zip.include */
	SINCE_DOCKERFILE, /* it, or its .dockerignore */
	SINCE_CONTEXT,
	SINCE_BASE, /* an image's files, on this machine */
	SINCE_FALLBACK,
	SINCE_EXTENSION,
	SINCE_CONFIG, /* slsc.yaml says otherwise */
	SINCE_LOCK,   /* slsc.lock does */
	SINCE_REASONS
};
/** since_reason_name - "source", "header", ... as --json shows it. */
const char *since_reason_name(enum since_reason r);

struct since_why {
	enum since_reason reason;
	const char *file; /* relative to the project; bytes of any kind */
	const char *by;	  /* who includes it; the key of slsc.yaml or slsc.lock; NULL: the function itself */
};
/** since_why_text - "src/a.c is one of its sources". */
void since_why_text(const struct since_why *w, struct buf *out);

#define SINCE_WHYS_MAX 64u /* of one function: more are left out */

struct since_touched {
	const struct function *function;
	struct since_why *ptr; /* at least one, in the order in which they are looked for */
	size_t len, cap;
};

struct since_result {
	struct arena arena;
	size_t changed;		   /* paths that differ */
	size_t asked;		   /* functions that were looked at */
	struct since_touched *ptr; /* in slsc.yaml's order */
	size_t len, cap;
};
#define CLEAN_SINCE __attribute__((cleanup(since_release)))

struct since_request {
	const char *range;	 /* as git_changes() has it */
	const char *profile;	 /* NULL: the project's */
	const struct strs *only; /* names; empty: all functions */
	/*
	 * Which is the first of @paths, relative to the directory @context, that the build of @dockerfile may see; @n:
	 * none. Both are paths that can be opened. Dockerfiles are of another room. NULL: all are seen.
	 */
	int (*context)(const char *dockerfile, const char *context, const char *const *paths, size_t n, size_t *first,
		       struct err *err);
};

/**
 * since_find - the functions of @p that what differs over @req's range touches. Files are looked at as they are in the
 * work tree, whatever the range; nothing of an earlier build is, so that the answer is the same on every machine. In
 * doubt a function is touched. @res is to be released also after a failure. ERR_NOTFOUND: a revision, a function or the
 * profile; those of git_changes().
 */
int since_find(struct project *p, const struct since_request *req, struct since_result *res,
	       struct err *err) MUST_CHECK;
void since_release(struct since_result *res);

#endif
