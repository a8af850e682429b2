/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_UI_H
#define SLSC_UI_H

#include "build/build.h"
#include "cli/opt.h"

/* What the commands that build show while they do: progress, the compiler's words, who holds the lock. */

/** ui_build_request - the callbacks and the flags that come from the global options. */
void ui_build_request(struct build_request *req, const struct globals *g);
/** ui_build - build_run() with progress around it; the caller holds the lock. */
int ui_build(struct project *p, const struct build_request *req, struct build_result *res,
	     struct err *err) MUST_CHECK;
/**
 * ui_shard - @functions, names or none for all, becomes those of the part @text ("2/4"), which may be none; a note says
 * how many. @compiled: without those that only a Dockerfile makes. ERR_USAGE and as shard_choose().
 */
int ui_shard(struct project *p, const char *text, const char *profile, bool compiled, struct strs *functions,
	     struct err *err) MUST_CHECK;
/** ui_output, ui_step - what a build's tools say, as it is; and what is being done, in the progress line. */
void ui_output(const char *p, size_t n, void *ctx);
void ui_step(const char *what, void *ctx);
/** ui_waiting - for build_lock(): "waiting for slsc build, pid 123". */
void ui_waiting(const char *holder, void *ctx);

#endif
