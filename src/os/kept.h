/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OS_KEPT_H
#define SLSC_OS_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Directories that a cache keeps, each whole or absent, any of which can be made again. Who uses them holds a lock with
 * others, who removes them has it alone.
 */
struct kept_pruned {
	uint64_t bytes, removed;	/* of what went (or would go); removed: directories */
	bool busy;			/* they are in use: nothing was touched */
};

/** kept_hold - a descriptor that keeps kept_claim() away while it is open; any number may. ERR_IO, ERR_INTR. */
int kept_hold(const char *lock, struct err *err) MUST_CHECK;
/** kept_claim - a descriptor while nobody holds @lock; -1 with @out->busy and no error if somebody does. ERR_IO. */
int kept_claim(const char *lock, struct kept_pruned *out, struct err *err);

/**
 * kept_prune - remove directories of @dirs, the oldest first, until those that are left take at most @keep bytes on
 * disk. Other files stay, and so do @dirs themselves, some of which may not exist. @trash: a directory on the same
 * file system, perhaps in one of them, where they lose their names first. ERR_IO, ERR_INTR.
 */
int kept_prune(const char *const *dirs, size_t n, const char *trash, uint64_t keep, bool dry_run,
	       struct kept_pruned *out, struct err *err) MUST_CHECK;

#endif
