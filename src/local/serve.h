/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_SERVE_H
#define SLSC_LOCAL_SERVE_H

#include "local/platform.h"

/** serve_function - what slsc.yaml says of @f, run from @binary (absolute), foreign ones under qemu. ERR_TOOL. Heap. */
struct lfn *serve_function(const struct project *p, const struct function *f, enum arch arch, const char *binary,
			   struct err *err);

/**
 * serve_command - a command of any language. @argv: its first word is looked up on PATH. ERR_TOOL "not found". Heap.
 */
struct lfn *serve_command(const char *name, enum runtime runtime, char *const *argv, const char *dir, struct err *err);

#endif
