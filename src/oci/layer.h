/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_LAYER_H
#define SLSC_OCI_LAYER_H

#include <stdint.h>

#include "archive/codec.h"
#include "archive/tree.h"
#include "oci/layout.h"

/** A layer as manifests and configs know it. */
struct image_layer {
	struct digest digest;	/* of the blob, as compressed */
	struct digest diff_id;	/* of the tar: does not depend on the compressor */
	uint64_t size;		/* bytes of the blob */
	uint64_t tar_size;	/* bytes of the tar */
	enum codec codec;
	const char *created_by;	/* for the config's history; borrowed; NULL: none */
};

/** layer_media_type - application/vnd.oci.image.layer.v1.tar[+gzip|+zstd] (image-spec, layer.md). */
const char *layer_media_type(enum codec c);

/**
 * layer_write - @tree as a blob of @l: tar, hashed, compressed, hashed, written, in one pass. Memory is what the
 * codec takes, whatever the tree's size. The bytes depend on the tree, @mtime, @codec, @level and the codec's version.
 * @mtime: seconds since the epoch, for every entry.
 */
int layer_write(struct layout *l, const struct tree *tree, int64_t mtime, enum codec codec, enum codec_level level,
		struct image_layer *out, struct err *err) MUST_CHECK;

#endif
