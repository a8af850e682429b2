/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_DEB_H
#define SLSC_BUILD_DEB_H

#include "archive/tree.h"
#include "archive/unarchive.h"
#include "base/map.h"

/*
 * A Debian package (deb(5)) as files of an image. No maintainer script is run. Of what it carries,
 *
 *  - bin, sbin and lib* go below usr/, where a merged system's symlinks lead (Debian's usrmerge);
 *  - of usr/share/doc only the copyright files stay; man, info, locale, lintian, bug and doc-base go;
 *  - of ca-certificates only /etc/ssl/certs/ca-certificates.crt, all certificates in one file, as its script makes it;
 *  - var/lib/dpkg/status.d/NAME is its control file and NAME.md5sums the sums of what stayed: scanners read these;
 *  - hard links become files of their own; modes (setuid, too), owners and symlinks are kept as they are.
 *
 * Refused, with the package's name: paths that leave the image, files below a symlink, devices, fifos, sockets, one
 * path twice, and what is over the limits.
 */

#define DEB_MAX_BYTES (UINT64_C(512) << 20)	/* of a package's files, which are held in memory */
#define DEB_MAX_ENTRIES 200000u
#define DEB_MAX_CONTROL (1u << 20)		/* of control, and of md5sums */

/** Changes with what deb_unpack() makes of the same package: caches of it are keyed by it. */
#define DEB_TRANSFORM 1

/** Which package it has to be. Borrowed. */
struct deb_id {
	const char *name, *version, *arch;
};

/** Several packages in one tree: what each added, for the tests that no path is there twice. Zero is empty. */
struct deb_tree {
	struct tree tree;
	struct map seen;	/* path -> index + 1 into tree.ptr, as long as it is not finished */
	uint64_t bytes;
};
#define CLEAN_DEB_TREE __attribute__((cleanup(deb_tree_release)))
void deb_tree_release(struct deb_tree *t);

/** deb_unpack - add the package that @read gives; ERR_FORMAT, ERR_LIMIT, ERR_VERIFY: it is another than @id. */
int deb_unpack(struct deb_tree *t, const struct deb_id *id, unar_read_fn read, void *ctx, struct err *err) MUST_CHECK;
/** deb_unpack_file - the same from the file @path. */
int deb_unpack_file(struct deb_tree *t, const struct deb_id *id, const char *path, struct err *err) MUST_CHECK;

/** deb_path - where @path of a package goes; heap, or NULL: it is left out. */
char *deb_path(const char *path);

#endif
