/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_DEB_LOCK_H
#define SLSC_BUILD_DEB_LOCK_H

#include "build/apt.h"
#include "config/project.h"

/*
 * The section "packages" of slsc.lock: which packages a base, or a base with packages of an image's own, stood for.
 *
 *	packages:
 *	  "cc-debian12":
 *	    request: "base-files libc6 ..."
 *	    amd64:
 *	      - {name: "libc6", version: "2.36-9+deb12u9", arch: "amd64", sha256: "...", size: 1, suite: "bookworm",
 *	         date: "...", snapshot: "...", path: "pool/..."}
 */
struct deb_set {
	const char *key;		/* "cc-debian12", "cc-debian12 + libcurl4" */
	const char *request;		/* names, sorted, one space between */
	struct apt_packages arch[ARCH_COUNT];
	bool has[ARCH_COUNT];		/* it is locked for that architecture */
};
struct deb_lock {
	struct arena arena;
	struct deb_set *ptr;		/* sorted by key */
	size_t len, cap;
};
#define CLEAN_DEB_LOCK __attribute__((cleanup(deb_lock_release)))

/** deb_lock_read - of the lock file @path, which may be absent. ERR_CONFIG, located in slsc.lock. */
int deb_lock_read(struct deb_lock *l, const char *path, struct err *err) MUST_CHECK;
/** deb_lock_write - the section; other sections stay. */
int deb_lock_write(const struct deb_lock *l, const char *path, struct err *err) MUST_CHECK;
/** deb_lock_drop - the lock at @path without the sets of @keys. The caller holds build_lock(). */
int deb_lock_drop(const char *path, const struct strs *keys, struct err *err) MUST_CHECK;
void deb_lock_release(struct deb_lock *l);
/** deb_lock_find - or NULL. */
struct deb_set *deb_lock_find(const struct deb_lock *l, const char *key);
/** deb_lock_add - the set of @key, made if there is none; pointers to other sets are void then. */
struct deb_set *deb_lock_add(struct deb_lock *l, const char *key);

#endif
