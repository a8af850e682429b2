/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_VCS_GIT_H
#define SLSC_VCS_GIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"

/* libgit2 behind six questions. The module that links it is loaded at the first call (os/late.h). */

/** Where a tree comes from. All strings are heap or NULL; git_provenance_release() frees. */
struct git_provenance {
	bool present;		/* false: no repository here; all else is empty */
	bool unborn;		/* a repository without a commit */
	bool dirty;		/* tracked files below the project differ from HEAD, or there are untracked
				   ones that are not ignored */
	bool shallow;
	char revision[65];	/* hex commit id, "" if unborn */
	char *source;		/* URL of the remote (origin, else the only one), without credentials; NULL if
				   there is none, or if it is a path of this machine */
	char *branch;		/* short name, or NULL when detached */
	char *tag;		/* a tag that points at HEAD: annotated before others, then the highest
				   version; or NULL */
	int64_t time;		/* committer time of HEAD, seconds since the epoch; 0 if unborn */
};

/**
 * git_provenance - of the repository that @dir is in (found upwards, not past a file system boundary).
 * Without one it costs a few stat calls and loads nothing. Bare, shallow, worktree, submodule and detached are
 * fine. A repository owned by another user is used all the same: only read, its index never refreshed on disk.
 * What slsc writes into @dir (.slsc, dist, compile_commands.json) never makes it dirty. Thread-safe; about 6 ms at
 * the first call of a process, most of it libgit2's start, so it may be run in a thread. ERR_GIT if the repository
 * is broken.
 */
int git_provenance(const char *dir, struct git_provenance *out, struct err *err) MUST_CHECK;
void git_provenance_release(struct git_provenance *p);
#define CLEAN_PROVENANCE __attribute__((cleanup(git_provenance_release)))

/**
 * git_fetch_tree - put the files of @url at @ref into @dest, which must not exist, without .git; submodules stay
 * empty directories. Contents are the blobs' bytes: no filter, no line ending conversion.
 * @url: https, http, ssh, git or file URL, scp-like, or a local path of a repository (read in place, not cloned).
 * @ref: branch, tag, full ref name, commit id (4 digits at least), or NULL: the remote's HEAD.
 * @dest: its parents are made. Atomic: it appears whole or not at all.
 * @commit: out, the full hex id.
 * @progress: objects received of total; may be NULL.
 * ERR_NOTFOUND for a ref that does not exist, the hint names near ones; ERR_EXISTS; ERR_INTR after a signal;
 * ERR_LIMIT past 200,000 entries, 4 GiB in all, 256 MiB a file; ERR_GIT else, also for symlinks that leave the
 * tree and names that git forbids. Credentials in the URL never appear in messages.
 */
int git_fetch_tree(const char *url, const char *ref, const char *dest, char commit[65],
		   void (*progress)(unsigned received, unsigned total, void *ctx), void *ctx,
		   struct err *err) MUST_CHECK;

/**
 * git_checkout - the work tree that @dir is in, as it was at a commit, as a repository of its own in @dest, which must
 * not exist: HEAD is that commit on the branch that is checked out now, tags of that commit and the remote are there,
 * and what they reach is read from the repository of @dir, in which nothing is written. Contents are the blobs' bytes.
 * @rev: as `git rev-parse` takes it: "HEAD~1", a branch, a tag, a commit id.
 * @commit: out, the full hex id.
 * ERR_NOTFOUND: @dir is in no repository, or there is no such commit; ERR_LIMIT, ERR_GIT: as git_fetch_tree(). What was
 * begun in @dest stays after a failure.
 */
int git_checkout(const char *dir, const char *rev, const char *dest, char commit[65], struct err *err) MUST_CHECK;

/** A file on the two sides of a range. Heap; text NULL: it is not there. */
struct git_sides {
	struct git_side {
		char *text;
		size_t len;
	} before, after;
};

/** What differs. git_changes_release() frees. */
struct git_changes {
	/* relative to the directory asked for, "../x" if outside of it; sorted, each once; bytes of any kind. One that
	 * ends in a slash is a link or a repository of its own, and all that is read through it. */
	struct strs paths;
	bool worktree;		/* the later side is the work tree: `after` of the files is not filled in */
	struct git_sides *files;	/* as many as names */
	size_t nfiles;
};
#define CLEAN_CHANGES __attribute__((cleanup(git_changes_release)))
#define GIT_CHANGES_MAX 2000000u

/**
 * git_changes - the paths that differ over @range in the repository of @dir, as `git diff @range` has them: "REV" is
 * that commit or tree against the work tree, "A..B" two of them, "A...B" B against where both come from; a side that
 * is left out is HEAD. Renames are both names. Beside git's own, the work tree's untracked files count unless they are
 * ignored; what slsc writes into @dir never does. Nothing is written, the index is not refreshed on disk.
 * @names: files relative to @dir whose text is wanted, too, @n of them.
 * ERR_NOTFOUND: @dir is in no repository, or a side is not there; ERR_USAGE: @range is empty; ERR_LIMIT past
 * GIT_CHANGES_MAX paths, or 256 MiB of a file; ERR_INTR; ERR_GIT.
 */
int git_changes(const char *dir, const char *range, const char *const *names, size_t n, struct git_changes *out,
		struct err *err) MUST_CHECK;
void git_changes_release(struct git_changes *c);

/**
 * git_url_clean - @url without what may be secret: user info, query and fragment of URLs (a file URL keeps both), the
 * password of an scp-like "user:password@host:path". "git@host:path" and paths stay as they are. Heap.
 */
char *git_url_clean(const char *url);
/** git_url_looks_like - whether @s is a git URL (scheme://, scp-like, or *.git) rather than a path or a name. */
bool git_url_looks_like(const char *s);

#endif
