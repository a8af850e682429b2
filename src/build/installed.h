/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_INSTALLED_H
#define SLSC_BUILD_INSTALLED_H

#include "base/arena.h"
#include "base/err.h"
#include "oci/origin.h"

/*
 * The packages that an image of others says it has: dpkg's var/lib/dpkg/status, distroless' var/lib/dpkg/status.d, one
 * file a package, and apk's lib/apk/db/installed, as a container of the image would see them.
 */
struct installed {
	struct installed_package {
		const char *name, *version;	/* UTF-8 */
		const char *purl;		/* pkg:deb or pkg:apk, with the distribution of its os-release */
	} *ptr;					/* heap; the strings are the arena's */
	size_t len, cap;
};
#define CLEAN_INSTALLED __attribute__((cleanup(installed_release)))

#define INSTALLED_MAX_BYTES (64u << 20)	/* of all databases, also of those that an upper layer replaces */
#define INSTALLED_MAX 50000u		/* packages */

/**
 * installed_read - all layers of @manifest are read once, bounded as rootfs_read(). None of the databases: empty. Half
 * removed packages are left out, and one that two databases name is there once. ERR_LIMIT, ERR_FORMAT (a field that is
 * no UTF-8 text), and what rootfs_read() says.
 */
int installed_read(struct origin *o, const struct document *manifest, struct arena *a, struct installed *out,
		   struct err *err) MUST_CHECK;
void installed_release(struct installed *in);

#endif
