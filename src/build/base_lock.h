/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_BASE_LOCK_H
#define SLSC_BUILD_BASE_LOCK_H

#include <stdbool.h>

#include "config/project.h"
#include "config/yaml.h"
#include "oci/digest.h"
#include "oci/origin.h"

/* What slsc.lock says of bases that are images in a registry: its section "base", which packaging fills. */

/** base_lock_names - add the names that the lock at @path has, sorted, to @out. ERR_CONFIG as lock_read(). */
int base_lock_names(const char *path, struct strs *out, struct err *err) MUST_CHECK;

struct base_move {
	char from[sizeof(struct digest)], to[sizeof(struct digest)];	/* "sha256:..."; from "": none was locked */
	bool unlockable;	/* @name comes from no registry, or is named by its digest: nothing was asked */
};

/**
 * base_lock_move - lock what @name, as slsc.yaml has it, stands for now; `mirrors` are heeded. Nothing is written with
 * @dry_run, or if it is still the same. The caller holds build_lock(). ERR_USAGE for what is no image's name;
 * ERR_NOTFOUND if the registry has none; ERR_CONFIG for a wrong lock.
 */
int base_lock_move(struct project *p, const char *name, const struct origin_env *origins, bool dry_run,
		   struct base_move *out, struct err *err) MUST_CHECK;

/** base_lock_drop - the lock at @path without the images @names. The caller holds build_lock(). */
int base_lock_drop(const char *path, const struct strs *names, struct err *err) MUST_CHECK;

/** base_lock_digest - what @lock has for @name; "": nothing; NULL with ERR_CONFIG: what is no digest. Borrowed. */
const char *base_lock_digest(const struct yaml_doc *lock, const char *name, struct err *err) MUST_CHECK;
/** base_lock_write - the lock at @path, which is @lock, with @digest for @name. The caller holds build_lock(). */
int base_lock_write(const char *path, const struct yaml_doc *lock, const char *name, const char *digest,
		    struct err *err) MUST_CHECK;

/**
 * base_pin - what slsc.lock at @path has for the image @name, as a project names it, in *@digest ("sha256:...", heap).
 * If it has nothing, what @o's place names today, which is written there; not with @write false: *@digest is left then.
 * The caller holds build_lock(). ERR_CONFIG, located in slsc.lock; those of the origin.
 */
int base_pin(const char *path, const char *name, struct origin *o, bool write, char **digest,
	     struct err *err) MUST_CHECK;

#endif
