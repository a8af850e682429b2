/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CLI_OUT_H
#define SLSC_CLI_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/opt.h"

/* stderr: messages, one line each, with the progress line taken away and put back around them. */
void out_init(const struct globals *g);
void out_error(const struct err *err);			/* "error: ...\nhint: ..." */
void out_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);	/* "warning: ..." */
void out_note(const char *fmt, ...) PRINTF_LIKE(1, 2);	/* plain line; not with -q */
void out_verbose(const char *fmt, ...) PRINTF_LIKE(1, 2);	/* only with -v */
/** out_raw - bytes as they are to stderr (a compiler's output). */
void out_raw(const char *p, size_t n);

/** out_stdout - write results to stdout; ERR_IO if that fails (a closed pipe, a full disk). */
int out_stdout(const char *p, size_t n, struct err *err) MUST_CHECK;

/*
 * Progress of long work. On a terminal: one line, redrawn at most 10 times a second. Elsewhere: plain lines, only
 * for steps that are begun ("fetching musl for arm64"), never percentages. Off: nothing.
 */
void progress_begin(const char *what, uint64_t total);	/* total 0: unknown; what: "building" */
void progress_update(uint64_t done, const char *item);	/* item may be NULL */
void progress_set_total(uint64_t total);
void progress_end(void);				/* takes the line away */

#endif
