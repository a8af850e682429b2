/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_VCS_GIT_H
#define SLSC_VCS_GIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* libgit2 behind four questions. The module that links it is loaded at the first call (os/late.h). */

/** Where a tree comes from. All strings are heap or NULL; git_provenance_release() frees. */
struct git_provenance {
	bool present;		/* false: no repository here; all else is empty */
	bool unborn;		/* a repository without a commit */
	bool dirty;		/* tracked files below the project differ from HEAD, or untracked unignored ones exist */
	bool shallow;
	char revision[65];	/* hex commit id, "" if unborn */
	char *source;		/* URL of the remote (origin, else the only one), without credentials; or NULL */
	char *branch;		/* short name, or NULL when detached */
	char *tag;		/* a tag that points at HEAD, or NULL */
	int64_t time;		/* committer time of HEAD, seconds since the epoch; 0 if unborn */
};

/**
 * git_provenance - of the repository that @dir is in (found upwards, not past a file system boundary).
 * Without one it costs a few stat calls and loads nothing. Bare, shallow, worktree and detached are fine.
 * A repository owned by another user is used all the same: only read. ERR_GIT if it is broken.
 */
int git_provenance(const char *dir, struct git_provenance *out, struct err *err) MUST_CHECK;
void git_provenance_release(struct git_provenance *p);

/**
 * git_fetch_tree - put the files of @url at @ref (branch, tag, commit id, NULL: the remote's HEAD) into @dest,
 * which must not exist, without .git; submodules are not followed. @commit (41 bytes at least) gets the full id.
 * @url: https, ssh, git, file URL or a local path of a repository. Atomic: @dest appears whole or not at all.
 * Symlinks that leave the tree are refused (ERR_GIT); a ref that does not exist is ERR_NOTFOUND and the hint
 * lists near names. Credentials in the URL never appear in messages. @progress may be NULL.
 */
int git_fetch_tree(const char *url, const char *ref, const char *dest, char commit[65],
		   void (*progress)(unsigned received, unsigned total, void *ctx), void *ctx,
		   struct err *err) MUST_CHECK;

/** git_url_clean - @url without user info, for messages and annotations; heap. */
char *git_url_clean(const char *url);
/** git_url_looks_like - whether @s is a git URL rather than a path or a template's name. */
bool git_url_looks_like(const char *s);

#endif
