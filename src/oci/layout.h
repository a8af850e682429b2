/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_LAYOUT_H
#define SLSC_OCI_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/map.h"
#include "base/vec.h"
#include "oci/digest.h"
#include "os/fs.h"

/*
 * An OCI image layout being written (image-spec v1.0, image-layout.md): oci-layout, index.json and
 * blobs/sha256/<hex>. Blobs appear whole under their digest; index.json comes last, atomically; then what the
 * new index does not need goes. A kill at any time leaves the layout that was there, or the new one.
 */
struct layout {
	char *dir;
	char *blobs;		/* dir/blobs/sha256 */
	bool sync;		/* a result rather than an intermediate: make it durable */
	bool existed;		/* it had an index.json before */
	bool made;		/* we created dir */
	bool committed;
	struct map keep;	/* hex digest -> (void *)1: what the new index needs */
	struct strs fresh;	/* paths below dir of what this run wrote */
};
/* One thread at a time, but for blob_write(). */
#define CLEAN_LAYOUT __attribute__((cleanup(layout_release)))

/**
 * layout_open - start or update the layout at @dir; makes the directories. A layout of another kind in the way
 * (a file) is ERR_EXISTS. The caller holds the project's lock.
 */
int layout_open(struct layout *l, const char *dir, bool sync, struct err *err) MUST_CHECK;
/** layout_release - without a commit: takes what was begun away, if there was no layout before. */
void layout_release(struct layout *l);

/** layout_put - a blob from memory. A blob that is there already with these very bytes is kept. */
int layout_put(struct layout *l, const void *p, size_t n, struct digest *digest, struct err *err) MUST_CHECK;

/** layout_have - whether the blob is there with these very bytes, which are read; then it is kept. */
bool layout_have(struct layout *l, const struct digest *digest, uint64_t size);
/** layout_keep - keep a blob that was there before, whatever its bytes; none of that name is fine. */
void layout_keep(struct layout *l, const struct digest *digest);

/**
 * layout_link - the file @path, whose bytes the caller has verified to be @digest's, as a blob: a hard link where the
 * file system and the rights allow one, else a copy.
 */
int layout_link(struct layout *l, const char *path, const struct digest *digest, struct err *err) MUST_CHECK;

/** A blob being streamed into a layout. */
struct blob {
	struct layout *layout;
	struct fs_tmp tmp;
	struct digest_ctx *md;
	struct digest known;		/* with blob_begin_as() */
	uint64_t size;
};
int blob_begin(struct blob *b, struct layout *l, struct err *err) MUST_CHECK;
/** blob_begin_as - the caller verifies the bytes as they pass: blob_end() gives them the name of @digest unhashed. */
int blob_begin_as(struct blob *b, struct layout *l, const struct digest *digest, struct err *err) MUST_CHECK;
/** blob_write - a sink_fn (archive/tar.h); @b is a struct blob. */
int blob_write(void *b, const void *p, size_t n, struct err *err) MUST_CHECK;
/** blob_end - give it its name. @size: bytes; may be NULL. */
int blob_end(struct blob *b, struct digest *digest, uint64_t *size, struct err *err) MUST_CHECK;
void blob_abort(struct blob *b);	/* harmless after blob_end() */

/** layout_version - the content of the file oci-layout. */
extern const struct str layout_version;

/** layout_commit - write oci-layout and @index as index.json, then remove blobs that were not put since the open. */
int layout_commit(struct layout *l, const void *index, size_t n, struct err *err) MUST_CHECK;

#endif
