/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_APT_H
#define SLSC_BUILD_APT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"
#include "oci/digest.h"

/*
 * A private apt: its own state, cache and architecture, so that the host's dpkg is left alone and root is not needed.
 * Sources and keyrings are the host's, or those of the file that $SLSC_APT_SOURCES names (a .list or a deb822 .sources
 * file, whose entries say signed-by). apt verifies the signature of each source's Release file and all hashes below it.
 */
struct apt {
	char *root;		/* the directory of its state */
	const char *arch;	/* Debian's name: "amd64", "arm64" */
	char *config;		/* APT_CONFIG=... */
	/* of a lock on @root, borrowed: what is run inherits it, so that it outlives a slsc that is killed; 0: none */
	int lock;
};
#define CLEAN_APT __attribute__((cleanup(apt_release)))

/**
 * apt_open - make the state below @root, which may hold that of an earlier time. @arch is borrowed.
 * ERR_TOOL if the host has no apt, ERR_NOTFOUND if $SLSC_APT_SOURCES names no file.
 */
int apt_open(struct apt *apt, const char *root, const char *arch, struct err *err) MUST_CHECK;
void apt_release(struct apt *apt);

/** apt_run - a program of apt's with this configuration; NULL-terminated. ERR_TOOL with apt's own reason. */
int apt_run(const struct apt *apt, const char *dir, struct buf *out, struct err *err, ...)
	__attribute__((sentinel)) MUST_CHECK;
/** apt_runv - the same of a list, whose strings are borrowed. */
int apt_runv(const struct apt *apt, const char *dir, struct buf *out, const struct strs *argv,
	     struct err *err) MUST_CHECK;

/** A package as the archive has it. */
struct apt_package {
	const char *name, *version;
	const char *arch;		/* "amd64", "arm64" or "all" */
	const char *suite;		/* codename: "bookworm", "bookworm-security" */
	const char *date;		/* of the suite's Release file: "2026-07-11T10:16:37Z"; "" if not said */
	const char *snapshot;		/* "20260711T000000Z" if the mirror is a snapshot of that time; else "" */
	const char *path;		/* below the mirror: "pool/main/..." */
	struct digest sha256;
	uint64_t size;			/* bytes of the .deb */
};
struct apt_packages {
	struct apt_package *ptr;	/* sorted by name */
	size_t len, cap;
};

#define APT_MAX_PACKAGES 1000u
#define APT_MAX_SIZE (UINT64_C(1) << 30)	/* bytes of one .deb */

/** apt_check_name - a Debian package's name (Policy 5.6.7). */
bool apt_check_name(const char *s);

/**
 * apt_resolve - @request with all that it depends on, recommendations aside.
 * @update: bring the lists of packages up to date first.
 * @skip: packages taken as there, whatever version is asked for; those that are requested are not skipped.
 * Strings live in @arena; the list is the caller's to VEC_FREE(), also after a failure.
 * ERR_TOOL for what apt refuses: an unsigned or tampered source, an unknown package.
 */
int apt_resolve(const struct apt *apt, const struct strs *request, const struct strs *skip, bool update,
		struct arena *arena, struct apt_packages *out, struct err *err) MUST_CHECK;

/**
 * apt_fetch - the .debs of @packages into @dir, each under the hex digits of its SHA-256, from whichever source has its
 * path; hash and size are checked. ERR_NOTFOUND if no source has it, ERR_VERIFY if one has other bytes.
 */
int apt_fetch(const struct apt *apt, const struct apt_package *const *packages, size_t n, const char *dir,
	      struct err *err) MUST_CHECK;

/** apt_stanza_next - the next stanza of deb822 text (`apt-cache show`, control files); 0 at the end. */
int apt_stanza_next(struct str *rest, struct str *stanza);
/** apt_field - the first line of a field of one stanza, trimmed; empty if absent. Names are compared without case. */
struct str apt_field(struct str stanza, const char *name);
/** apt_date - "Sat, 11 Jul 2026 10:16:37 UTC" to "2026-07-11T10:16:37Z"; false if it is none. */
bool apt_date(struct str s, char out[24]);
/** apt_snapshot - the time that a URI of a snapshot mirror holds, "20260711T000000Z"; false if none. */
bool apt_snapshot(struct str uri, char out[24]);

#endif
