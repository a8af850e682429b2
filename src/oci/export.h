/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_EXPORT_H
#define SLSC_OCI_EXPORT_H

#include <stdint.h>

#include "oci/document.h"
#include "oci/image.h"
#include "oci/layout.h"

/* An image as one file. Both are reproducible tars, appear whole or not at all, and are hashed as they are written. */

struct export {
	const char *path;	/* in; borrowed */
	int64_t mtime;		/* in: of the tar's entries, seconds since the epoch */
	size_t nblobs;		/* export_oci: only the first ones put into the layout; 0: all */
	struct digest digest;	/* out: of the file */
	uint64_t size;		/* out: bytes */
};

/**
 * export_oci - the blobs put into @l and @index as an OCI archive. `podman load` takes archives whose index.json holds
 * exactly one descriptor, and names the image by its ref.
 */
int export_oci(const struct layout *l, const struct buf *index, struct export *e, struct err *err) MUST_CHECK;

/** export_docker - @im, whose uncompressed layers and @config lie in @l, for `docker load` and `podman load`. */
int export_docker(const struct layout *l, const struct image *im, const struct descriptor *config, const char *tag,
		  struct export *e, struct err *err) MUST_CHECK;

/**
 * export_document - the image of a manifest that others have written, whose config and layers, uncompressed or gzip,
 * lie in @l: as they are, for `docker load` and others. @tag: "name:tag", or NULL: none.
 */
int export_document(const struct layout *l, const struct document *manifest, const char *tag, struct export *e,
		    struct err *err) MUST_CHECK;

#endif
