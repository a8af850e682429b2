/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_OWNER_H
#define SLSC_BUILD_OWNER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "build/root.h"

/*
 * Which package of the distribution a file of the host is from. dpkg's files are read, dpkg is not run:
 * info/<name>.list holds a package's paths, status its version (dpkg's "Dpkg database" in deb-technical-manual).
 */
struct owner {
	const char *package;		/* NULL: no package owns it */
	const char *version;		/* with its epoch */
	const char *arch;		/* Debian's name: amd64, arm64, all */
};

#define OWNER_LIST_MAX (64u << 20)	/* bytes of one list */
#define OWNER_STATUS_MAX (64u << 20)

/**
 * owner_find - the owner of each of @n absolute @paths of @root (NULL: this machine), clean and without symlinks; @dpkg
 * is /var/lib/dpkg, or a copy of it, in @root. Without dpkg nothing has an owner. All lists are read once: 10 ms for
 * 10 MB of them. Strings are in @a.
 */
int owner_find(struct arena *a, const struct root *root, const char *dpkg, const char *const *paths, size_t n,
	       struct owner *out, struct err *err) MUST_CHECK;

/**
 * owner_from_name - of "musl-dev_1.2.3-1_arm64", as apt-get download names files ("%3a" is a colon). False:
 * malformed.
 */
bool owner_from_name(struct arena *a, struct str name, struct owner *out);

/**
 * owner_distro - "debian-12" from os-release (ID-VERSION_ID) at @path, and @id "debian"; NULL where it says nothing.
 */
void owner_distro(struct arena *a, const char *path, const char **id, const char **distro);

/** owner_release - the same of the text of an os-release. */
void owner_release(struct arena *a, struct str text, const char **id, const char **distro);
/** owner_field - the value of a field, trimmed, in a stanza of dpkg's or apk's ("P") database; {NULL, 0}: none. */
struct str owner_field(struct str stanza, const char *name);

/**
 * owner_suite - the same of packages by the codename of the suite they are from, "bookworm" or "bookworm-security":
 * Debian's releases are known, another's is the host's if the os-release at @path has that VERSION_CODENAME. Of any
 * other suite @distro is its codename, as of sid, which has no number. "" has none.
 */
void owner_suite(struct arena *a, const char *path, const char *suite, const char **id, const char **distro);

/**
 * purl_add - a package URL (the purl specification, percent-encoded). @namespace, @version may be NULL or "".
 * @qualifiers: pairs of key and value in the order of their keys, ends with NULL; pairs without a value are left out.
 */
void purl_add(struct buf *out, const char *type, const char *namespace, const char *name, const char *version,
	      const char *const *qualifiers);

#endif
