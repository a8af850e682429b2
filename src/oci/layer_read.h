/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_LAYER_READ_H
#define SLSC_OCI_LAYER_READ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "archive/ahead.h"
#include "archive/decode.h"
#include "archive/unarchive.h"
#include "oci/origin.h"

/** What readers of several layers at once share. */
struct layer_shared {
	_Atomic uint64_t bytes;		/* uncompressed, of all of them so far */
	atomic_bool cancel;		/* reads end with ERR_INTR */
};

/** A foreign layer as entries of its tar, with the digests of what passes. Zero is closed. */
struct layer_reader {
	struct unar *unar;
	char *shown;
	const struct doc_descriptor *d;	/* borrowed */
	enum codec codec;		/* by its first bytes */
	struct piece piece;		/* where the blob lies */
	char *block;
	struct decoder *decoder;
	struct ahead *ahead;		/* what decodes and hashes in a thread of its own; or NULL */
	struct digest_ctx *raw, *plain;	/* raw: NULL of a blob that was verified while it was spooled */
	struct layer_shared *shared;	/* or NULL */
	bool padded;			/* the last block was not whole */
	uint64_t size, tar_size;	/* bytes read so far; of the blob and uncompressed */
};
#define CLEAN_LAYER_READER __attribute__((cleanup(layer_reader_close)))

/**
 * layer_reader_open - @shown is for messages, and is copied. @limit: bytes uncompressed. A blob that lies in no file is
 * spooled into an unnamed temporary one. @r is to be closed also after a failure, and before @o is freed.
 */
int layer_reader_open(struct layer_reader *r, struct origin *o, const struct doc_descriptor *d, const char *shown,
		      uint64_t limit, struct err *err) MUST_CHECK;
/** layer_reader_open_ahead - the same; another thread reads, decompresses and hashes. */
int layer_reader_open_ahead(struct layer_reader *r, struct origin *o, const struct doc_descriptor *d,
			    const char *shown, uint64_t limit, struct err *err) MUST_CHECK;
/** layer_reader_open_shared - the same beside other readers, with or without a thread of its own. */
int layer_reader_open_shared(struct layer_reader *r, struct origin *o, const struct doc_descriptor *d,
			     const char *shown, uint64_t limit, struct layer_shared *shared, bool ahead,
			     struct err *err) MUST_CHECK;
/**
 * layer_reader_end - read the rest, and verify the blob's size and digest: nothing that came before is good unless
 * this returns 0. @diff_id: out, the digest of the tar; may be NULL.
 */
int layer_reader_end(struct layer_reader *r, struct digest *diff_id, struct err *err) MUST_CHECK;
void layer_reader_close(struct layer_reader *r);
/** layer_reader_at - how many bytes of the blob are behind what was decompressed last; of a reader without a thread. */
uint64_t layer_reader_at(const struct layer_reader *r);

#endif
