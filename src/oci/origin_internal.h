/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_ORIGIN_INTERNAL_H
#define SLSC_OCI_ORIGIN_INTERNAL_H

#include "base/vec.h"
#include "oci/origin.h"

/* Between the origin*.c files: one way to read files of a directory and of a tar. */

/** piece_read - all of it into @sink, in blocks; ERR_IO if it has shrunk, ERR_INTR. */
int piece_read(const struct piece *p, const char *shown, sink_fn sink, void *ctx, struct err *err) MUST_CHECK;
/** piece_text - all of it, at most @limit bytes: ERR_LIMIT. */
int piece_text(const struct piece *p, const char *shown, uint64_t limit, struct buf *out, struct err *err) MUST_CHECK;

/** What holds the files of a layout. */
struct files {
	/* ERR_NOTFOUND if there is no regular file @name */
	int (*open)(struct files *f, const char *name, struct piece *out, struct err *err);
	char *(*path)(struct files *f, const char *name);	/* heap, or NULL */
	void (*free)(struct files *f);
};
/** files_dir - of the directory @path. */
struct files *files_dir(const char *path);
/**
 * files_tar - of the tar @path, which is read once for its index; if it is compressed, it is unpacked into an unnamed
 * file of $TMPDIR. Links within it are followed. NULL with ERR_IO, ERR_FORMAT, ERR_LIMIT. @partial: of one that is cut
 * short or damaged, what stands before that is there, and what is not there is this error.
 */
struct files *files_tar(const char *path, bool partial, struct err *err);

/** origin_layout - a layout in @f, which it owns, also after a failure. */
int origin_layout(struct origin **out, const struct place *pl, struct files *f, struct err *err) MUST_CHECK;

/** origin_docker - the same for an archive of `docker save`. */
int origin_docker(struct origin **out, const struct place *pl, struct files *f, struct err *err) MUST_CHECK;

/** A sink that counts and hashes, and lets no more than the size named pass. */
struct checked {
	const struct doc_descriptor *want;
	const char *shown;
	struct digest_ctx *md;
	uint64_t got;
	sink_fn sink;
	void *ctx;
};
int checked_begin(struct checked *c, const struct doc_descriptor *want, const char *shown, sink_fn sink, void *ctx,
		  struct err *err) MUST_CHECK;
int checked_write(void *c, const void *p, size_t n, struct err *err) MUST_CHECK;
/** checked_end - ERR_FORMAT if what came is not what was named. */
int checked_end(struct checked *c, struct err *err) MUST_CHECK;
void checked_abort(struct checked *c);	/* harmless after checked_end() */
/** piece_checked - all of it into @sink, as long as it is what was named. */
int piece_checked(const struct piece *p, const struct doc_descriptor *want, const char *shown, sink_fn sink, void *ctx,
		  struct err *err) MUST_CHECK;

/** sink_buf - a sink_fn that appends to a struct buf. */
int sink_buf(void *buf, const void *p, size_t n, struct err *err) MUST_CHECK;

/** sink_digest - a sink_fn into a struct digest_ctx. */
int sink_digest(void *md, const void *p, size_t n, struct err *err) MUST_CHECK;

/** ref_missing - ERR_NOTFOUND "<shown>: has no tag '<ref>'", with the nearest of @tags or all of them as the hint. */
int ref_missing(const char *shown, const char *ref, const struct strs *tags, struct err *err);

#endif
