/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_RUNNING_H
#define SLSC_BUILD_RUNNING_H

/*
 * What a build has started, and whether it has ended, too; build_lock() waits for it.
 */

/**
 * running_begin - a descriptor that all that a build starts inherits. -1: then only a build right after one that was
 * killed may have to be run again.
 */
int running_begin(const char *project);
/** running_end - the build has ended as it should. */
void running_end(const char *project);

#endif
