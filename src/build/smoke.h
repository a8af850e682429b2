/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_SMOKE_H
#define SLSC_BUILD_SMOKE_H

#include "base/err.h"
#include "config/project.h"

#define SMOKE_TIMEOUT_MS 10000

/**
 * smoke_run - does the binary at @path start? runtime lambda: it must ask a Runtime API on 127.0.0.1 for its first
 * event; http: it must answer GET /_/health on $PORT; none: it must not die of a signal. A foreign arch runs
 * under qemu-user. @shown: the path for messages. ERR_VERIFY if it does not start within SMOKE_TIMEOUT_MS, ERR_TOOL
 * without qemu. The process is ended before this returns.
 */
int smoke_run(const char *path, const char *shown, const struct function *f, enum arch arch,
	      struct err *err) MUST_CHECK;

#endif
