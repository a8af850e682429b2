/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OS_FS_H
#define SLSC_OS_FS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/glob.h"
#include "base/vec.h"

/* Paths are bytes; those that come from a project file are valid UTF-8. */

/** path_join - "a/b"; @b alone if it is absolute or @a is "" or "."; @a alone if @b is ""; heap. */
char *path_join(const char *a, const char *b);
/** path_dirname - "." for a bare name; @path has no trailing slash; heap. */
char *path_dirname(const char *path);
/** path_basename - borrowed tail of @path, which has no trailing slash. */
const char *path_basename(const char *path);
/** path_clean - lexical: no "//", "/./", "x/..", no trailing slash; "" becomes "."; heap. */
char *path_clean(const char *path);
/** path_is_inside - whether cleaned relative @path stays below its start ("../x" and "/x" do not). */
bool path_is_inside(const char *path);

/**
 * fs_open - a regular file, to read; @st, out: what fstat(2) says. Of a FIFO, a socket or a device it says "not a
 * regular file" and does not wait for the other end. Returns the descriptor, or -1 with ERR_IO.
 */
int fs_open(const char *path, struct stat *st, struct err *err) MUST_CHECK;
/** fs_read - append a whole regular file to @out, as it was after a failure; ERR_LIMIT past @limit bytes; ERR_INTR. */
int fs_read(const char *path, uint64_t limit, struct buf *out, struct err *err) MUST_CHECK;

/** A read-only private mapping; ptr is "" for an empty file. One that another process cuts short is a SIGBUS. */
struct fs_map {
	const uint8_t *ptr;
	size_t len;
	struct stat st;
};
/** fs_map_open - map a regular file; ERR_LIMIT past @limit bytes. @m is empty after a failure. */
int fs_map_open(struct fs_map *m, const char *path, uint64_t limit, struct err *err) MUST_CHECK;
void fs_map_close(struct fs_map *m);

bool fs_exists(const char *path);	/* follows links */
bool fs_is_dir(const char *path);

/** fs_mkdirs - mkdir -p, mode 0777 less umask. */
int fs_mkdirs(const char *path, struct err *err) MUST_CHECK;
/** fs_rmtree - rm -rf without following links; a missing @path is fine. A signal does not stop it. */
int fs_rmtree(const char *path, struct err *err) MUST_CHECK;
/** fs_rmtree_at - the same of @name in the open directory @parent. */
int fs_rmtree_at(int parent, const char *name, struct err *err) MUST_CHECK;
/** fs_list - add the names in a directory but "." and ".." to @names and sort all of it bytewise. */
int fs_list(const char *path, struct strs *names, struct err *err) MUST_CHECK;
/**
 * fs_scratch - a nameless file in $TMPDIR (if that is an absolute path), else in /tmp. @shown: out, heap, what messages
 * call it: "a temporary file in /tmp"; NULL after -1.
 */
int fs_scratch(char **shown, struct err *err) MUST_CHECK;

/** fs_write_all - write(2) until done, EINTR and short writes handled. @name is for the message. */
int fs_write_all(int fd, const void *p, size_t n, const char *name, struct err *err) MUST_CHECK;

/**
 * fs_glob - regular files (or links to such) below @base that match @pattern (base/glob.h), as paths relative to @base,
 * sorted bytewise; a pattern without magic stands for itself, whatever it is, and must exist. Links to directories are
 * followed where the pattern names them, not by `**`. @out is as it was after a failure.
 * ERR_NOTFOUND if nothing matches; ERR_LIMIT past 65,536 matches or 64 directories deep; ERR_INTR.
 */
int fs_glob(const char *base, const char *pattern, struct strs *out, struct err *err) MUST_CHECK;

/** Directories that are read once for many patterns; what changes meanwhile is not seen. Zero is empty. */
struct fs_dirs {
	struct map map;
};
void fs_dirs_release(struct fs_dirs *dirs);
/** fs_glob_in - fs_glob() that takes the directories it has read before from @dirs; NULL: none. */
int fs_glob_in(struct fs_dirs *dirs, const char *base, const char *pattern, struct strs *out,
	       struct err *err) MUST_CHECK;

/**
 * A file that appears whole or not at all: written under no name (O_TMPFILE) or a temporary one in
 * the same directory, then renamed onto @path (a link there is replaced). Readers see the old file or the new one.
 * A signal or a failure leaves nothing; fs_tmp_sweep() removes what a SIGKILL may have left.
 */
struct fs_tmp {
	int fd;			/* write here */
	char *path;		/* final */
	char *tmp;		/* temporary name, or NULL for an unnamed file */
	mode_t mode;
};
#define FS_TMP_INIT { .fd = -1 }
#define CLEAN_TMP __attribute__((cleanup(fs_tmp_abort)))
/** fs_tmp_open - @mode is exact: the umask does not apply. */
int fs_tmp_open(struct fs_tmp *t, const char *path, mode_t mode, struct err *err) MUST_CHECK;
/** fs_tmp_commit - fsync unless @sync is false, then rename onto the final name. */
int fs_tmp_commit(struct fs_tmp *t, bool sync, struct err *err) MUST_CHECK;
/** fs_tmp_abort - forget it; harmless after a commit. */
void fs_tmp_abort(struct fs_tmp *t);
/** fs_tmp_sweep - remove temporary names that a killed process left in @dir. Call under the lock. */
void fs_tmp_sweep(const char *dir);

/** fs_write_file - an atomic whole file in one call. */
int fs_write_file(const char *path, const void *p, size_t n, mode_t mode, struct err *err) MUST_CHECK;
/** fs_write_if_changed - the same, but a file of these bytes is left alone, mode and all. @changed may be NULL. */
int fs_write_if_changed(const char *path, struct str data, mode_t mode, bool *changed,
			struct err *err) MUST_CHECK;
/**
 * fs_write_lazy - fs_write_file() that does not wait for the disk: whole for every reader, but after a power failure
 * it may be empty. For what is only worth time, and whose reader sees that it is damaged.
 */
int fs_write_lazy(const char *path, struct str data, mode_t mode, struct err *err) MUST_CHECK;
/** fs_copy - atomic copy by reflink or copy_file_range where the kernel can. @mode is exact. @sync: see commit. */
int fs_copy(const char *from, const char *to, mode_t mode, bool sync, struct err *err) MUST_CHECK;

/**
 * fs_lock - exclusive flock on @path (created), waiting; "@who, pid N" is written inside. @waiting (may be NULL) is
 * called once, with the holder's line ("another process" if there is none yet), when the lock is held. A file that is
 * removed meanwhile is locked anew. The lock ends with the descriptor, so also with the process: what a killed one has
 * left in the file holds nobody up. Returns the descriptor, or -1 with ERR_IO, ERR_INTR.
 */
int fs_lock(const char *path, const char *who, void (*waiting)(const char *holder, void *ctx),
	    void *ctx, struct err *err) MUST_CHECK;
/** fs_lock_try - the same without waiting: ERR_EXISTS, whose message is the holder's line and nothing else. */
int fs_lock_try(const char *path, const char *who, struct err *err) MUST_CHECK;
/** fs_lock_use - of "<path>.lock": ERR_EXISTS "the <noun> <path> is in use by <holder>". */
int fs_lock_use(const char *noun, const char *path, const char *who, struct err *err) MUST_CHECK;

/**
 * fs_lock_dir - the same on a directory that exists: nothing is left in it, and nobody is told who holds it. A link is
 * followed. Returns the descriptor.
 */
int fs_lock_dir(const char *dir, struct err *err) MUST_CHECK;

/* Where things are. All return heap strings, never NULL. */
/**
 * dirs_cache - $SLSC_CACHE_DIR, else $XDG_CACHE_HOME/slsc if that is absolute, else .cache/slsc in $HOME or else in the
 * home of the password file; absolute, not created.
 */
char *dirs_cache(void);
/** dirs_share - <prefix>/share/slsc of the running program: runtime/, templates/, base/. */
char *dirs_share(void);
/** dirs_self - absolute path of the running slsc, as it was when first asked for: before any change of namespaces. */
char *dirs_self(void);

#endif
