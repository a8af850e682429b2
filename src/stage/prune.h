/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_PRUNE_H
#define SLSC_STAGE_PRUNE_H

#include "os/kept.h"

/**
 * stage_prune - remove layers that are directories, and caches of RUN --mount=type=cache, the oldest first, until
 * they take at most @keep bytes. Steps that need them run again. Call with a single thread: it may have to enter a
 * namespace, where files of other ids are ours.
 */
int stage_prune(uint64_t keep, bool dry_run, struct kept_pruned *out, struct err *err) MUST_CHECK;

/** stage_cache_hold - a descriptor that keeps stage_prune() away while it is open; any number of builds may. */
int stage_cache_hold(const char *cache, struct err *err) MUST_CHECK;

#endif
