/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_CHECK_DIST_H
#define SLSC_REPORT_CHECK_DIST_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"

/** What `slsc package` has made, by dist/manifest.json. All strings are in the arena. */
struct dist_entry {
	const char *path;		/* relative to dist */
	const char *kind;		/* "zip", "oci", "oci-archive", "docker-archive", "workers" */
	const char *function;
	const char *arch;		/* NULL: several */
	const char *profile;		/* or NULL */
	bool module;			/* a layout's: the tag wasm is there beside others */
};
struct dist {
	struct arena arena;
	char *dir;			/* absolute; heap */
	struct dist_entry *ptr;
	size_t len;
};
#define CLEAN_DIST __attribute__((cleanup(dist_release)))

/** dist_read - of the project in @project_dir. No list is an empty one; entries that lead outside are left out. */
int dist_read(struct dist *d, const char *project_dir, struct err *err) MUST_CHECK;
void dist_release(struct dist *d);
/**
 * dist_place - what artifact_open() and the like call the artifact of @e that lies at @path: of a Worker its module;
 * heap.
 */
char *dist_place(const struct dist_entry *e, const char *path);

#endif
