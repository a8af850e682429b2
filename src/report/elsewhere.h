/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_ELSEWHERE_H
#define SLSC_REPORT_ELSEWHERE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/vec.h"

/*
 * A project built and packaged in another place than its own, by the slsc that runs, with a HOME of its own. The cache
 * of slsc is shared: it holds pinned inputs only.
 */
#define ELSEWHERE_MAX_FILES 200000u
#define ELSEWHERE_MAX_BYTES (UINT64_C(4) << 30)

struct elsewhere {
	const char *name;		/* for messages: "a copy" */
	const char *home;		/* exists */
	const char *tz, *locale;	/* "TZ=...", "LC_ALL=..."; both or neither: ours */
	mode_t umask;
	unsigned kinds;			/* of elsewhere_kind() */
	const struct strs *functions;	/* NULL, empty: all */
	const char *profile, *level, *compression;	/* NULL: the project's */
	const struct strs *bases;	/* of --base; or NULL */
	void (*on_output)(const char *p, size_t n, void *ctx);	/* of a build that failed; may be NULL */
	void *ctx;
};

/** elsewhere_top - the work tree that the project in @dir is in, or @dir itself; heap. */
char *elsewhere_top(const char *dir);
/** elsewhere_dir - where the project is in @to, a copy of its work tree; heap. */
char *elsewhere_dir(const char *project, const char *to);
/**
 * elsewhere_copy - its work tree, but for what slsc made in the project, to @to, which must not exist. *@dir: out,
 * where the project is there; heap. ERR_LIMIT past the limits above.
 */
int elsewhere_copy(const char *project, const char *to, char **dir, struct err *err) MUST_CHECK;
/** elsewhere_kind - the bit of "zip", "oci", "oci-archive", "docker-archive" or "workers"; 0 of others. */
unsigned elsewhere_kind(const char *kind);
/** elsewhere_package - `slsc package` of the project in @dir. ERR_BUILD if it fails. */
int elsewhere_package(const struct elsewhere *e, const char *dir, struct err *err) MUST_CHECK;

#endif
