/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_BASE_LOCK_H
#define SLSC_BUILD_BASE_LOCK_H

#include <stdbool.h>

#include "base/err.h"
#include "oci/origin.h"

/**
 * base_pin - what slsc.lock at @path has for the image @name, as a project names it, in *@digest ("sha256:...", heap).
 * If it has nothing, what @o's place names today, which is written there; not with @write false: *@digest is left then.
 * The caller holds build_lock(). ERR_CONFIG, located in slsc.lock; those of the origin.
 */
int base_pin(const char *path, const char *name, struct origin *o, bool write, char **digest,
	     struct err *err) MUST_CHECK;

#endif
