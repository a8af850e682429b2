/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_SMOKE_H
#define SLSC_BUILD_SMOKE_H

#include "base/err.h"
#include "config/project.h"

#define SMOKE_TIMEOUT_MS 10000
#define SMOKE_RUNS_MS 2000

/**
 * smoke_run - does the binary at @path start? runtime lambda: it must ask a Runtime API on 127.0.0.1 for its first
 * event; http: it must answer GET /_/health on $PORT, each within SMOKE_TIMEOUT_MS; none: it must exit with status 0 or
 * still run after SMOKE_RUNS_MS. A foreign arch runs under qemu-user. @shown: the path for messages. @did: what it did,
 * "asked for an event". ERR_VERIFY if it does not pass, ERR_TOOL without qemu. The process is ended before this
 * returns.
 */
int smoke_run(const char *path, const char *shown, const struct function *f, enum arch arch, const char **did,
	      struct err *err) MUST_CHECK;
/**
 * smoke_module - is the module at @path, run by Node's WASI, done with an event ({}) within SMOKE_TIMEOUT_MS? That its
 * handler fails is an answer; a trap is none. runtime none: as above. ERR_TOOL without node.
 */
int smoke_module(const char *path, const char *shown, const struct function *f, const char **did,
		 struct err *err) MUST_CHECK;

#endif
