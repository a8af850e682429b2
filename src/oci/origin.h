/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_ORIGIN_H
#define SLSC_OCI_ORIGIN_H

#include "archive/tar.h"
#include "base/buf.h"
#include "oci/document.h"
#include "oci/place.h"

/*
 * Where images are read from: a layout, an archive, a registry. One interface, so that bases, copies and checks need
 * not know which. A registry's is made by src/registry and handed down as a function (origin_env), since oci/ includes
 * nothing above it.
 */
struct origin;

/** A file, or the part of a tar that holds one. */
struct piece {
	int fd;
	bool owned;		/* fd is closed with it */
	uint64_t at, size;	/* bytes */
};
#define PIECE_INIT { .fd = -1 }
#define CLEAN_PIECE __attribute__((cleanup(piece_close)))
void piece_close(struct piece *p);

#define ORIGIN_MAX_DEPTH 4u	/* of indexes in indexes, whoever reads them */

struct origin_ops {
	/*
	 * The bytes of a manifest or index: @ref is a tag or "sha256:..."; NULL: what the place names, or its only one.
	 * They are checked against the digest asked for. @d: out, media type, digest and size; in @arena.
	 * ERR_NOTFOUND if there is none.
	 */
	int (*manifest)(struct origin *o, const char *ref, struct buf *out, struct doc_descriptor *d,
			struct arena *arena, struct err *err);
	/*
	 * The bytes of a blob into @sink. Size and digest are checked as they pass: what @sink got is good only if 0 is
	 * returned; at most d->size bytes reach it. ERR_NOTFOUND, ERR_FORMAT (other bytes than named).
	 */
	int (*blob)(struct origin *o, const struct doc_descriptor *d, sink_fn sink, void *ctx, struct err *err);
	/* A file that holds the blob, unverified, or NULL; heap. */
	char *(*blob_path)(struct origin *o, const struct digest *digest);
	/*
	 * Where the blob lies in a file, unverified, for as long as @o is there. NULL: it lies in none. ERR_NOTFOUND.
	 */
	int (*blob_piece)(struct origin *o, const struct digest *digest, struct piece *out, struct err *err);
	/*
	 * What refers to @subject (distribution-spec, "Listing Referrers", and the tag sha256-<hex> as its fallback):
	 * an image index, empty if there is nothing.
	 */
	int (*referrers)(struct origin *o, const struct digest *subject, struct buf *out, struct err *err);
	void (*free)(struct origin *o);
};

struct origin {
	const struct origin_ops *ops;
	char *shown;		/* for messages; heap */
};
#define CLEAN_ORIGIN __attribute__((cleanup(origin_free)))

struct origin_env {
	/* opens a registry; NULL: ERR_USAGE if one is named */
	int (*registry)(struct origin **out, const struct place *pl, void *ctx, struct err *err);
	void *ctx;
	bool partial;		/* an archive that is cut short is read as far as it goes */
};

/** origin_open - ERR_NOTFOUND, ERR_FORMAT; a registry is not contacted before something is asked of it. */
int origin_open(struct origin **out, const struct place *pl, const struct origin_env *env, struct err *err) MUST_CHECK;
void origin_free(struct origin **o);	/* NULL is fine */

/**
 * origin_stored - @inner, which it owns, behind the user's store: what is there is not asked for, and what is asked for
 * by digest is there afterwards.
 */
struct origin *origin_stored(struct origin *inner);

/**
 * origin_manifest - the manifest of one image: an index (also one in an index) is followed to linux/@arch ("amd64",
 * "arm64"; NULL: the only manifest, ERR_USAGE if there are several). @doc is parsed; @bytes, @d may be NULL.
 */
int origin_manifest(struct origin *o, const char *ref, const char *arch, struct document *doc, struct buf *bytes,
		    struct doc_descriptor *d, struct arena *arena, struct err *err) MUST_CHECK;
/** origin_bytes - a small blob as a whole, verified; ERR_LIMIT past @limit. */
int origin_bytes(struct origin *o, const struct doc_descriptor *d, uint64_t limit, struct buf *out,
		 struct err *err) MUST_CHECK;

#endif
