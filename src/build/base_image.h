/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_BASE_IMAGE_H
#define SLSC_BUILD_BASE_IMAGE_H

#include "build/debian.h"
#include "oci/image.h"

/** A base as an image layout of its own. */
struct base_image {
	struct base_image_arch {
		enum arch arch;
		struct descriptor manifest;
		uint64_t size;		/* bytes to pull */
		size_t nlayers;
	} image[ARCH_COUNT];
	size_t len;
	struct digest digest;		/* of the image index */
};

/**
 * base_image - write @d for @arches to the layout @dir: the index as "latest", each manifest by its architecture. The
 * time is 1980-01-01, so same packages are the same bytes. ERR_IO, ERR_EXISTS leave what was there.
 */
int base_image(struct debian *d, const enum arch *arches, size_t narches, enum codec codec, const char *dir,
	       struct base_image *out, struct err *err) MUST_CHECK;

#endif
