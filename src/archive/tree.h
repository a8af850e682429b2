/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ARCHIVE_TREE_H
#define SLSC_ARCHIVE_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

/*
 * A file tree to be archived: what tar and zip writers take. Entries are unique by path; they are sorted
 * bytewise, parents before children, when the tree is finished. Owners are numeric; times are one for all.
 */

enum tree_type { TREE_FILE, TREE_DIR, TREE_LINK };

struct tree_entry {
	const char *path;	/* UTF-8, relative, no leading "./" or "/", no "..", no trailing "/" */
	enum tree_type type;
	mode_t mode;		/* permission bits incl. setuid.. and sticky; no type bits */
	uint32_t uid, gid;
	const char *target;	/* TREE_LINK: the symlink's text */
	const char *src;	/* TREE_FILE: read from this path when archived, or NULL: then data */
	const void *data;	/* TREE_FILE with src NULL: size bytes, borrowed */
	uint64_t size;		/* bytes; for src: as of tree_add_file(), a later change is an error */
	const char *origin;	/* for messages: "slsc.yaml:20:9" or NULL */
};

struct tree {
	struct arena arena;
	struct tree_entry *ptr;
	size_t len, cap;
	bool finished;
};

#define TREE_INIT { .ptr = NULL }
#define CLEAN_TREE __attribute__((cleanup(tree_release)))
#define TREE_MAX_ENTRIES 1000000u

void tree_release(struct tree *t);

/* Strings are copied; data is borrowed until tree_release(). @path is checked: ERR_FORMAT "..: a path may not..." */
int tree_add_dir(struct tree *t, const char *path, mode_t mode, uint32_t uid, uint32_t gid, struct err *err) MUST_CHECK;
int tree_add_link(struct tree *t, const char *path, const char *target, struct err *err) MUST_CHECK;
int tree_add_data(struct tree *t, const char *path, const void *data, uint64_t size, mode_t mode, uint32_t uid,
		  uint32_t gid, struct err *err) MUST_CHECK;
/** tree_add_file - a regular file of the host, whose size is taken now and whose bytes are read later. */
int tree_add_file(struct tree *t, const char *path, const char *src, mode_t mode, struct err *err) MUST_CHECK;
/**
 * tree_add_host - a file, symlink or directory (recursively, hidden files too) of the host below @path.
 * Modes become 0755 (directories, owner-executable files) or 0644, or @mode for files if it is not 0.
 * Sockets, fifos and devices are refused.
 */
int tree_add_host(struct tree *t, const char *path, const char *src, mode_t mode, struct err *err) MUST_CHECK;

/**
 * tree_finish - sort; add missing parent directories (0755, 0:0); a path added twice is ERR_EXISTS, unless
 * both are directories with the same attributes. A file used as a parent is ERR_EXISTS.
 */
int tree_finish(struct tree *t, struct err *err) MUST_CHECK;

/** tree_find - by path, after tree_finish(); NULL if absent. */
const struct tree_entry *tree_find(const struct tree *t, const char *path);
/** tree_total - sum of file sizes, bytes. */
uint64_t tree_total(const struct tree *t);

#endif
