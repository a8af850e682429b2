/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_COPY_INTERNAL_H
#define SLSC_STAGE_COPY_INTERNAL_H

#include <sys/stat.h>

#include "base/map.h"
#include "stage/copy.h"
#include "stage/snap_internal.h"

/** A copy in the making. */
struct copier {
	const struct copy_want *w;
	const struct copy_from *from;
	const struct snap_stack *below;
	struct snap_stack source;	/* the context as a stack of one, or a stage's */
	const char *context;		/* its only directory */
	bool owned;			/* files keep their owners: they come out of an image */
	struct file_hashes *hashes;
	const char *scratch;
	unsigned nscratch;
	struct tree *out;
	struct map paths;		/* path -> entry of out + 1 */
	struct ignore *excludes;
	bool has_owner;
	uint32_t uid, gid;		/* of --chown */
	bool dest_dir;			/* the destination is a directory, whatever the source */
	struct map inodes;		/* "DEV INO" of a file with several names -> its first path */
	const char *remote;		/* the URL that is fetched, as messages have it */
	const char *under;		/* with --parents: the path of the source that --exclude sees, too */
};

/** copy_add_entry - into c->out: what is there of that path gives way. */
int copy_add_entry(struct copier *c, const struct tree_entry *e, struct err *err) MUST_CHECK;
/** copy_file - one file, link or special file at @host as @to. */
int copy_file(struct copier *c, const char *host, const char *to, struct err *err) MUST_CHECK;
/** copy_dir - what is in the directory @path of the source, below @to, which is made if it is not there. */
int copy_dir(struct copier *c, const char *path, const struct snap_set *set, const char *to,
	     struct err *err) MUST_CHECK;
/** copy_parents_of - the directories above @to: as the image has them, else new. */
int copy_parents_of(struct copier *c, const char *to, struct err *err) MUST_CHECK;
/** copy_target - where @name lands: the destination itself, or below it. heap; NULL with @err. */
char *copy_target(struct copier *c, const char *name, bool is_dir, struct err *err);
int copy_fail(const struct copier *c, struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(4, 5);

/** copy_is_remote - a URL or a git repository. */
bool copy_is_remote(const char *source);
/* copy_add.c: 1: @source was one of these and is done; 0: it is a plain name. */
int copy_remote(struct copier *c, const char *source, struct err *err) MUST_CHECK;
/** copy_archive - 1: the file @host is an archive, unpacked below the destination; 0: it is not. */
int copy_archive(struct copier *c, const char *host, struct err *err) MUST_CHECK;

/** mode_apply - --chmod: octal, or as chmod(1) has it ("u+x,go-w", "a=rX"); -1: it is neither. */
int mode_apply(const char *text, mode_t old, bool is_dir, mode_t *out) MUST_CHECK;

/** file_hash - of the file @host, from what is known, else read. */
int file_hash(struct file_hashes *h, const char *host, const struct stat *st, struct digest *out,
	      struct err *err) MUST_CHECK;

#endif
