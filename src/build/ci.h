/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_CI_H
#define SLSC_BUILD_CI_H

#include <stdbool.h>

#include "base/err.h"

/* The pipeline of a project: a file at the root of its git work tree. */

enum ci_kind { CI_NONE, CI_GITHUB, CI_GITLAB };

struct ci {
	enum ci_kind kind;
	char *path; /* where the pipeline belongs */
	char *dir;  /* of the project, from the work tree's root; "." if it is that */
	bool kept;  /* the file was there with the same bytes */
};
#define CLEAN_CI __attribute__((cleanup(ci_release)))

/**
 * ci_place - find where the pipeline of the project in @dir belongs: at the root of the git work tree that @dir lies
 * in, else in @dir. @dir need not exist. Not through file systems' boundaries, as git.
 * ERR_FORMAT: the way from there to @dir has other characters than A-Z a-z 0-9 . _ - and /, which YAML, shells and
 * patterns of paths would each read otherwise.
 */
int ci_place(struct ci *ci, enum ci_kind kind, const char *dir, struct err *err) MUST_CHECK;

/**
 * ci_write - write it, unless it is there. @lambda: one of the functions runs on Lambda: zips are made, too.
 * ERR_EXISTS: another file is there; it stays. With @dry_run it only says so, and nothing is written.
 */
int ci_write(struct ci *ci, bool lambda, bool dry_run, struct err *err) MUST_CHECK;
void ci_release(struct ci *ci);

/** ci_needs - what the user has yet to set, lines for a terminal; static. */
const char *ci_needs(enum ci_kind kind);

#endif
