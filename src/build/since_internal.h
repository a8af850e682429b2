/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_SINCE_INTERNAL_H
#define SLSC_BUILD_SINCE_INTERNAL_H

#include "base/map.h"
#include "build/since.h"
#include "os/fs.h"
#include "vcs/git.h"

struct since_finder {
	struct project *p;
	const struct since_request *req;
	const struct profile *profile;
	struct since_result *res;
	struct git_changes changes;
	struct map patterns;	  /* what a pattern, or a build context, has found */
	struct map files;	  /* struct since_file by path */
	struct fs_dirs dirs;
	struct since_touched *at; /* the function that is looked at */
};

/** since_add - one more reason of the function that is looked at; @file and @by are copied. */
void since_add(struct since_finder *d, enum since_reason reason, const char *file, const char *by);

/* ---- since_paths.c: is there a change at ... All answer with the changed path, or NULL. ---- */

/** since_norm - @path of slsc.yaml, relative to the project and clean, as changes are named; heap. */
char *since_norm(const struct since_finder *d, const char *path);
/** since_target - where the links in @path, which is there, lead to; NULL: there are none. Heap. */
char *since_target(const struct since_finder *d, const char *path);
/** since_at - exactly there; @path as since_norm() has it. */
const char *since_at(const struct since_finder *d, const char *path);
/** since_below - there, or anywhere below; "." is the project. */
const char *since_below(const struct since_finder *d, const char *path);
/** since_match - a file that the glob @pattern matches, or would if it were still there. Each is asked once. */
const char *since_match(struct since_finder *d, const char *pattern);
/** since_input - a file that makes a build command without `inputs` run again. */
const char *since_input(struct since_finder *d);
/** since_context - a file of a Dockerfile's build context; *@out. */
int since_context(struct since_finder *d, const char *dockerfile, const char *context, const char **out,
		  struct err *err) MUST_CHECK;

/* ---- since_files.c, since_config.c ---- */

/** since_files - reasons by the files that the function @f reads. */
int since_files(struct since_finder *d, const struct function *f, struct err *err) MUST_CHECK;
void since_files_release(struct since_finder *d);

/** What the project was at both ends of the range. */
struct since_config;
/** since_config_open - NULL in *@out if neither slsc.yaml nor slsc.lock differs. */
int since_config_open(struct since_finder *d, struct since_config **out, struct err *err) MUST_CHECK;
void since_config_check(struct since_finder *d, struct since_config *c, const struct function *f);
void since_config_free(struct since_config *c);

#define SINCE_YAML   "slsc.yaml"
#define SINCE_LOCKED "slsc.lock"

#endif
