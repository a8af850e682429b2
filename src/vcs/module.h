/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_VCS_MODULE_H
#define SLSC_VCS_MODULE_H

#include "vcs/git.h"

/* What git.c asks of module_git.c. Messages may hold URLs as given: git.c cleans them. */

struct git_fetch {
	const char *url;	/* as given */
	const char *shown;	/* cleaned, for messages */
	const char *path;	/* of the repository if it is on this machine, or NULL */
	const char *ref;	/* or NULL */
	const char *tmp;	/* an empty directory of ours, for the objects */
	const char *tree;	/* an empty directory for the files */
	void (*progress)(unsigned received, unsigned total, void *ctx);
	void *ctx;
	char *commit;		/* out, 65 bytes */
};

struct git_checkout {
	const char *root;	/* holds .git */
	const char *rev;
	const char *dest;
	const char *source;	/* URL of its remote, cleaned; or NULL */
	char *commit;		/* out, 65 bytes */
};

struct git_range {
	const char *root;	/* holds .git */
	const char *dir;	/* absolute, without links, in or below the work tree */
	const char *from, *to;	/* revisions; to NULL: the work tree */
	bool merge_base;	/* from is where both come from */
	const char *const *names;
	struct git_changes *out;	/* paths in any order; files are there, empty */
};

struct git_ops {
	/* @root: holds .git or is a bare repository; @dir: absolute, without links, in or below it */
	int (*provenance)(const char *root, const char *dir, struct git_provenance *out,
			  struct err *err);
	int (*fetch)(const struct git_fetch *f, struct err *err);
	int (*checkout)(const struct git_checkout *c, struct err *err);
	int (*changes)(const struct git_range *r, struct err *err);
};

extern const struct git_ops slsc_module_git;

#endif
