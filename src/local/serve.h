/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_SERVE_H
#define SLSC_LOCAL_SERVE_H

#include "local/platform.h"

/** serve_function - what slsc.yaml says of @f, run from @binary (absolute), foreign ones under qemu. ERR_TOOL. Heap. */
struct lfn *serve_function(const struct project *p, const struct function *f, enum arch arch, const char *binary,
			   struct err *err);

/**
 * serve_renew - what slsc.yaml says now, and what was built anew: later instances have it, earlier ones end after what
 * they do. Whether anything has changed.
 */
bool serve_renew(struct lfn *fn, const struct project *p, const struct function *f, const char *binary);

/**
 * serve_command - a command of any language. @argv: its first word is looked up on PATH. ERR_TOOL "not found". Heap.
 */
struct lfn *serve_command(const char *name, enum runtime runtime, char *const *argv, const char *dir, struct err *err);

/* ---- between its own files ---- */

/** serve_new - with the defaults of slsc.yaml. */
struct lfn *serve_new(const char *name, enum runtime runtime);
/** serve_settings - what slsc.yaml says of @f: limits, environment, what is before its URL. */
void serve_settings(struct lfn *fn, const struct project *p, const struct function *f);
/**
 * serve_qemu - @fn's first argument is what runs @arch's programs here; none for ours. @shown: for messages. ERR_TOOL.
 */
int serve_qemu(struct lfn *fn, const char *shown, enum arch arch, struct err *err) MUST_CHECK;

#endif
