/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_INIT_SANDBOX_FILTER_H
#define SLSC_STAGE_INIT_SANDBOX_FILTER_H

#include <stdbool.h>

/**
 * filter_install - the system calls that nobody inside may make, and, with @one_id, those that only seem to be made:
 * with one user id mapped nobody can be given a file, nor become another, yet dpkg, tar and useradd must not fail for
 * it. Takes no_new_privs to be set. Returns 0, or -1 with errno.
 */
int filter_install(bool one_id);

#endif
