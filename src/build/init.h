/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_INIT_H
#define SLSC_BUILD_INIT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/vec.h"

/* A new project out of a template. */

struct init_opts {
	const char *dir;	/* NULL: "." */
	const char *template;	/* as template_load() takes it; NULL: "hello" */
	const char *name;	/* of the project; NULL: made of the directory's, by init_name() */
	bool force;		/* a directory that is not empty gets what it lacks */
	bool dry_run;		/* only say what would be done */
	void (*progress)(unsigned received, unsigned total, void *ctx);	/* of a fetch; may be NULL */
	void *ctx;
};

struct init_result {
	char *dir;		/* as given, cleaned */
	char *name;
	char *template;		/* template.shown */
	char commit[65];	/* of a template out of git, else "" */
	bool lambda;		/* one of its functions runs on Lambda, which takes a zip */
	struct strs created;	/* files and links, relative to dir, in the template's order */
	struct strs kept;	/* those that were there with the same bytes */
};

/**
 * init_project - make a project in opts.dir.
 * A directory that does not exist, parents included, appears whole or not at all, also after a kill. In one that
 * exists, each file appears whole, slsc.yaml last, and a failure takes back what was made. Nothing is ever
 * overwritten. Modes are 0644 and 0755, whatever the umask.
 * Empty is also what has nothing but .git, .gitattributes, .gitignore, LICENSE and README.md: a clone of a new
 * repository.
 * ERR_EXISTS: not empty and no force, or files in the way, all named in the message; then nothing was written.
 * ERR_USAGE: opts.name is no name. Else what template_load() says.
 */
int init_project(const struct init_opts *opts, struct init_result *out, struct err *err) MUST_CHECK;
void init_result_release(struct init_result *r);
#define CLEAN_INIT_RESULT __attribute__((cleanup(init_result_release)))

/**
 * init_name - a project's name out of a directory's: lower case, every run of other characters than a-z and 0-9 a
 * hyphen, at most 64 bytes; "app" if nothing is left. Heap.
 */
char *init_name(const char *base);

#endif
