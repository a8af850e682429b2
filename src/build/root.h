/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_ROOT_H
#define SLSC_BUILD_ROOT_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/vec.h"

/**
 * A file tree that programs, headers and libraries are looked for in. NULL stands for this machine's own wherever one
 * is asked for. Paths in it are absolute.
 */
struct root {
	const char *search;	/* PATH of what runs in it */
	/** find - where on this machine the file lies that @path is in the tree, symlinks followed; heap; NULL: it is
	 * not there. *@real, if @real is not NULL: its path in the tree without symlinks; heap. */
	char *(*find)(const struct root *r, const char *path, char **real);
	/** list - names in a directory of the tree, sorted. */
	int (*list)(const struct root *r, const char *dir, struct strs *names, struct err *err);
};

/** root_find - see find; of this machine: realpath(3). */
char *root_find(const struct root *r, const char *path, char **real);
bool root_exists(const struct root *r, const char *path);
bool root_is_dir(const struct root *r, const char *path);
int root_stat(const struct root *r, const char *path, struct stat *st);	/* 0, or -1 */
int root_list(const struct root *r, const char *dir, struct strs *names, struct err *err) MUST_CHECK;
/** root_which - the path in the tree of a program, by PATH; @name itself if it has a slash. Heap, or NULL. */
char *root_which(const struct root *r, const char *name);

#endif
