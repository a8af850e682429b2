/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ARCHIVE_TREE_H
#define SLSC_ARCHIVE_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/arena.h"
#include "base/err.h"

/*
 * A file tree to be archived: what tar and zip writers take. Entries are unique by path; they are sorted
 * bytewise, parents before children, when the tree is finished. Owners are numeric; times are one for all.
 *
 * A path is valid UTF-8 (unless tree.bytes), relative, 1 to TREE_MAX_PATH bytes in components of at most TREE_MAX_NAME;
 * no component is empty, "." or "..". Anything else is ERR_FORMAT "<path>: a path in an archive may not ...", a length
 * beyond the maximum ERR_LIMIT. Messages show bytes that are no printable UTF-8 as \xNN.
 */

/* Those from TREE_HARDLINK on only tars hold: tree_add_entry(). */
enum tree_type { TREE_FILE, TREE_DIR, TREE_LINK, TREE_HARDLINK, TREE_CHAR, TREE_BLOCK, TREE_FIFO };

struct tree_xattr {
	const char *name;
	const void *val;
	size_t len;
};

struct tree_entry {
	const char *path;
	enum tree_type type;
	mode_t mode;		/* permission bits incl. setuid.. and sticky; no type bits */
	uint32_t uid, gid;
	uint32_t serial;	/* order of adding, for messages that do not depend on the sort */
	/* TREE_LINK: the symlink's text; TREE_HARDLINK: the path of a TREE_FILE that sorts before it */
	const char *target;
	const char *src;	/* TREE_FILE: read from this path when archived, or NULL: then data */
	const void *data;	/* TREE_FILE with src NULL: size bytes, borrowed */
	uint64_t size;		/* bytes; for src: as of tree_add_file(), a later change is an error */
	/* of src: another file, or one written to since, is an error, too; ino 0: not known */
	uint64_t ino;
	struct timespec written;
	const char *origin;	/* for messages: tree.origin as it was then, or NULL */
	int64_t mtime;		/* seconds since the epoch; counts if tree.timed */
	uint32_t major, minor;	/* of devices */
	const struct tree_xattr *xattrs;	/* sorted by name */
	size_t nxattrs;
};

struct tree {
	struct arena arena;
	struct tree_entry *ptr;
	size_t len, cap;
	bool finished;		/* sorted and complete; adding clears it */
	bool timed;		/* each entry has its own mtime */
	bool bytes;		/* names and targets need not be UTF-8 */
	const char *origin;	/* "slsc.yaml:20:9" of the entries added from now on, or NULL; borrowed */
};

#define TREE_INIT { .ptr = NULL }
#define CLEAN_TREE __attribute__((cleanup(tree_release)))
#define TREE_MAX_ENTRIES 1000000u
#define TREE_MAX_PATH 4095u
#define TREE_MAX_NAME 255u
#define TREE_MAX_FILE (UINT64_C(1) << 40)

void tree_release(struct tree *t);

/** tree_check_path - whether a tree takes @path; the error is the one that adding it would give. */
int tree_check_path(const char *path, struct err *err) MUST_CHECK;

/* Strings are copied, tree.origin is not; data is borrowed until tree_release(). Bits of @mode past 07777 are lost. */
int tree_add_dir(struct tree *t, const char *path, mode_t mode, uint32_t uid, uint32_t gid, struct err *err) MUST_CHECK;
/** tree_add_link - a symlink; @target is any valid UTF-8 of 1 to TREE_MAX_PATH bytes, and need not exist. */
int tree_add_link(struct tree *t, const char *path, const char *target, struct err *err) MUST_CHECK;
int tree_add_data(struct tree *t, const char *path, const void *data, uint64_t size, mode_t mode, uint32_t uid,
		  uint32_t gid, struct err *err) MUST_CHECK;
/** tree_add_file - a regular file of the host (a symlink is followed), whose size is taken now and whose bytes are
 * read later; ERR_LIMIT past TREE_MAX_FILE bytes. */
int tree_add_file(struct tree *t, const char *path, const char *src, mode_t mode, struct err *err) MUST_CHECK;
/**
 * tree_add_host - a file, symlink or directory (recursively, hidden files too) of the host at @path; with @path ""
 * a directory's contents land at the root. Symlinks stay symlinks.
 * Modes become 0755 (directories, owner-executable files) or 0644, or @mode for files if it is not 0; owner 0:0.
 * Sockets, fifos and devices are ERR_FORMAT.
 */
int tree_add_host(struct tree *t, const char *path, const char *src, mode_t mode, struct err *err) MUST_CHECK;

/**
 * tree_add_entry - any entry, as it is; path, target, src and xattrs are copied, data is not. @e->size of a file with
 * src is what will be read.
 */
int tree_add_entry(struct tree *t, const struct tree_entry *e, struct err *err) MUST_CHECK;

/**
 * tree_finish - sort; add missing parent directories (0755, 0:0); a path added twice is ERR_EXISTS, unless
 * both are directories with the same attributes. A file or symlink used as a parent is ERR_EXISTS.
 */
int tree_finish(struct tree *t, struct err *err) MUST_CHECK;

/** tree_find - by path, after tree_finish(); NULL if absent. */
const struct tree_entry *tree_find(const struct tree *t, const char *path);
/** tree_shown - a path as a message may show it, at most 160 bytes of it; heap. */
char *tree_shown(const char *path);
/** tree_total - sum of file sizes, bytes. */
uint64_t tree_total(const struct tree *t);

#endif
