/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_VCS_MODULE_GIT_H
#define SLSC_VCS_MODULE_GIT_H

#include <git2.h>
#include <stdbool.h>

#include "vcs/module.h"

/* What the files of the module share. */

#define CLEAN_GIT(type)                                                                                                \
	__attribute__((unused)) static inline void free_##type(git_##type **p)                                         \
	{                                                                                                              \
		git_##type##_free(*p);                                                                                 \
	}
CLEAN_GIT(repository)
CLEAN_GIT(reference)
CLEAN_GIT(reference_iterator)
CLEAN_GIT(object)
CLEAN_GIT(commit)
CLEAN_GIT(tree)
CLEAN_GIT(tree_entry)
CLEAN_GIT(blob)
CLEAN_GIT(diff)
CLEAN_GIT(index)
CLEAN_GIT(odb)
CLEAN_GIT(config)
CLEAN_GIT(config_iterator)
CLEAN_GIT(remote)

#define GIT_FILE_MAX ((size_t)256 << 20)

/** module_git_start - once; never shut down: that costs time, and other threads may be inside. */
void module_git_start(void);
/** module_git_fail - "fmt: what libgit2 says"; copied now, for the next call overwrites it. */
int module_git_fail(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/** module_git_is_output - whether slsc itself writes @path, in the project @rel ("" or ending in a slash). */
bool module_git_is_output(const char *rel, const char *path);
/** module_git_is_sparse - whether a file is not there because a sparse checkout leaves it out on purpose. */
bool module_git_is_sparse(git_index *index, const git_diff_delta *delta);

/* module_gitrange.c */
int module_git_changes(const struct git_range *r, struct err *err);

#endif
