/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_DISTRIBUTE_H
#define SLSC_BUILD_DISTRIBUTE_H

#include "base/err.h"

/**
 * distribute - one compile of build.ninja, "CC FLAGS... -c SOURCE -o OBJECT" in @argv, by @by, which sends text to
 * other hosts: distcc or icecc. The object is the one that @argv alone would make, to the bit: what is sent has all
 * includes and all macros' definitions in it, but expands none. What cannot be sent so is compiled here. *@status: as a
 * shell has it. ERR_TOOL, ERR_IO, ERR_INTR.
 */
int distribute(const char *by, char **argv, int *status, struct err *err) MUST_CHECK;

#endif
