/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_DEB_LAYER_H
#define SLSC_BUILD_DEB_LAYER_H

#include "base/map.h"
#include "build/apt.h"
#include "oci/layer.h"

/*
 * Layers of packages. Each is made once for each form and kept in the user cache: layers/<key>.json says which blob of
 * the store (oci/store.h) it is. The key is a digest of the packages' digests, DEB_TRANSFORM and the codec with its
 * version; entries have the time 1980-01-01, as those of the built-in bases.
 */

/** What an image's layers hold, for the check that no package reaches into another. Zero is empty. */
struct deb_paths {
	struct arena arena;
	struct map files, links, dirs;	/* path -> const char * of who has it */
};
void deb_paths_release(struct deb_paths *p);
/**
 * deb_paths_add - what layer @who has. ERR_EXISTS: a file of two packages, or one below another's symlink or file.
 */
int deb_paths_add(struct deb_paths *p, const char *who, const struct strs *files, const struct strs *links,
		  const struct strs *dirs, struct err *err) MUST_CHECK;

/**
 * deb_layer - the packages as one layer in @l. Their .debs are in the store if the layer is not in the cache.
 * @paths: what earlier layers have; this one's are added.
 * @out: created_by lives in @arena.
 */
int deb_layer(struct layout *l, const struct apt_package *const *packages, size_t n, enum codec codec,
	      struct deb_paths *paths, struct arena *arena, struct image_layer *out, struct err *err) MUST_CHECK;

#endif
