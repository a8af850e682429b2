/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_COPY_H
#define SLSC_STAGE_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/tree.h"
#include "oci/digest.h"
#include "stage/dockerfile.h"
#include "stage/ignore.h"
#include "stage/snapshot.h"

/* COPY and ADD: which files, under which names. The result is a tree whose files are read when it is written. */

/** Digests of files that were read before, by device, inode, size, mtime and ctime: what git's index does. */
struct file_hashes;
/** file_hashes_open - those kept in @path; a damaged file is an empty one. */
struct file_hashes *file_hashes_open(const char *path);
/** file_hashes_save - atomic; entries not used for 30 days are dropped. Errors are not: the next run reads again. */
void file_hashes_save(struct file_hashes *h);
void file_hashes_free(struct file_hashes *h);

/** Where sources are. */
struct copy_from {
	const char *context;		/* a directory; NULL: not from the context */
	const struct ignore *ignored;	/* of the context; or NULL */
	struct snap_stack stack;	/* of a stage or image, if context is NULL */
};

struct copy_want {
	const char *shown;		/* the Dockerfile, for messages */
	const struct df_inst *inst;	/* for their places */
	bool add;			/* ADD: local archives are unpacked, URLs and git repositories fetched */
	const char *const *sources;	/* expanded; relative to the context or root, as written */
	size_t nsources;
	const char *dest;		/* expanded; relative to workdir */
	const char *workdir;		/* absolute */
	const char *chown, *chmod;	/* expanded, or NULL */
	const char *checksum;		/* ADD --checksum, or NULL */
	const char *const *excludes;
	size_t nexcludes;
	bool link, parents, keep_git_dir, unpack, no_unpack;
	const struct df_heredoc *heredocs;	/* expanded text; those among sources are named as they are */
	size_t nheredocs;
	uint32_t uid, gid;		/* owner without --chown: 0:0, as Docker has it */
	int64_t epoch;			/* seconds; of all that is made */
	bool network;			/* whether URLs may be fetched */
	bool only_key;			/* @out is of no use: archives count as the files they are */
};

/**
 * copy_tree - @below: the image it goes onto, for what the destination is and for names in --chown (etc/passwd,
 * etc/group); not looked at with --link. @scratch: a directory for what is fetched or unpacked, to live as long as
 * @out. @key: out, the digest of all that @out is made of: paths, types, modes, owners, contents; no times.
 * ERR_NOTFOUND "<shown>:line:col: COPY: 'x' is not in the build context" (and "did you mean", or which line of
 * .dockerignore leaves it out); ERR_CONFIG for what leads out of the context by `..` or a symlink.
 */
int copy_tree(const struct copy_want *w, const struct copy_from *from, const struct snap_stack *below,
	      struct file_hashes *hashes, const char *scratch, struct tree *out, struct digest *key,
	      struct err *err) MUST_CHECK;

/** owner_parse - "USER[:GROUP]", names or numbers, by etc/passwd and etc/group of @below (USER, --chown). */
struct owner_ids {
	uint32_t uid, gid;
	uint32_t *groups;	/* heap: the supplementary ones that etc/group names the user in */
	size_t ngroups;
	char *home;		/* heap, or NULL: not known */
};
int owner_resolve(const char *text, const struct snap_stack *below, struct owner_ids *out, struct err *err) MUST_CHECK;
void owner_ids_release(struct owner_ids *o);

/** copy_shown - @source for people and histories: of a URL without user and password; heap. */
char *copy_shown(const char *source);

#endif
