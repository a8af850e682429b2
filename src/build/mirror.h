/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_MIRROR_H
#define SLSC_BUILD_MIRROR_H

#include "config/project.h"

/**
 * mirror_find - what `mirrors` of slsc.yaml have in the place of the image @name: of several the longest prefix counts,
 * which ends where a component, tag or digest of the name does. "docker.io/library/debian:12" is also found as
 * "debian", and any other image there without the host. NULL: nothing; heap.
 */
char *mirror_find(const struct lkvs *mirrors, const char *name);

#endif
