/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_SBOM_H
#define SLSC_BUILD_SBOM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "build/apt.h"
#include "build/installed.h"
#include "config/project.h"
#include "oci/digest.h"
#include "oci/image.h"
#include "vcs/git.h"

/*
 * What is in one function's binary for one architecture, and in the image around it: found in slsc.lock, the linker's
 * map and the distribution's package database, written as SPDX 2.3 or CycloneDX 1.5. The same build gives the same
 * bytes: no random number, no clock.
 */

enum sbom_relation {
	SBOM_ROOT,	/* the function itself */
	SBOM_LINKED,	/* in the binary: libraries, dependencies, slsc's runtime */
	SBOM_BASE,	/* in the image below it */
	SBOM_TOOL,	/* made the binary, and is not in it */
};

struct sbom_file {
	const char *path;		/* relative to the project; of packages as they install it */
	struct digest sha256;
	char sha1[41];
	unsigned members;		/* of an archive: how many are in the binary; 0: no archive */
};

struct sbom_component {
	enum sbom_relation relation;
	const char *name;
	const char *version, *purl, *licence, *vcs;	/* each may be NULL */
	struct digest sha256;		/* s[0] is NUL: there is none */
	struct sbom_file *files;
	size_t nfiles, capfiles;
};

struct sbom {
	struct arena arena;
	const char *project, *function, *arch, *profile, *toolchain;
	const char *cflags, *ldflags;	/* shell text: of the profile, then the function's */
	struct sbom_component root;	/* its files are the sources */
	struct sbom_component *ptr;	/* by relation, name and version */
	size_t len, cap;
	int64_t created;		/* seconds since the epoch */
	const char *revision;		/* commit of the project, with -dirty; NULL: not known or not wanted */
	const char *incomplete;		/* why linked libraries are not known; NULL: they are */
};
#define CLEAN_SBOM __attribute__((cleanup(sbom_release)))

/** All borrowed. */
struct sbom_request {
	struct project *project;
	const struct function *function;
	enum arch arch;
	const struct profile *profile;
	const struct git_provenance *git; /* NULL: the commit is left out, so that it does not change the bytes */
	int64_t created;
	const char *const *base_layers;		/* created_by of the base's layers, ends with NULL; NULL: none */
	const struct apt_packages *packages;	/* Debian's, in the base or on top of it; NULL: none */
	/* an image that somebody else has made: one component; NULL: none */
	const char *base_image;
	const struct digest *base_digest;	/* of its manifest */
	const struct installed *base_installed; /* the packages that it says it has; NULL: none */
	const char *dpkg, *os_release;		/* NULL: the host's */
};

/**
 * sbom_gather - the binary is built. ERR_NOTFOUND if it, its link map or a file is not there; ERR_FORMAT for a map
 * that is none. Reads each file it names once, to hash it.
 */
int sbom_gather(const struct sbom_request *req, struct sbom *out, struct err *err) MUST_CHECK;
void sbom_release(struct sbom *s);

enum sbom_format { SBOM_SPDX, SBOM_CYCLONEDX };
/** sbom_add - the document, compact, with sorted keys, and no newline at its end. */
void sbom_add(const struct sbom *s, enum sbom_format format, struct buf *out);
/** sbom_uuid - "urn:uuid:..." of version 8 (RFC 9562) made from the SHA-256 of @text. */
void sbom_uuid(struct str text, char out[46]);

/**
 * provenance_add - an in-toto Statement v1 with SLSA's provenance v1 (slsa.dev/provenance/v1) about the manifest
 * @subject. @layers: of the image's base, with their names.
 */
void provenance_add(const struct sbom *s, const struct digest *subject, const struct image_layer *layers, size_t n,
		    struct buf *out);

/** sbom_git_purl - of a commit of a repository: pkg:github/..., else pkg:generic/<name>@<commit>?vcs_url=... */
void sbom_git_purl(struct buf *out, const char *name, const char *url, const char *commit);

#endif
