/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CLI_OUT_H
#define SLSC_CLI_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/opt.h"

/*
 * stderr: messages, one write each, with the progress line taken away and put back around them. Control characters
 * in them become '?', as do those that turn text around. Thread-safe, but for out_init().
 */

/**
 * out_init - resolves --color and --progress into @g->use_color and @g->use_progress, and keeps what it needs.
 * auto: on a terminal that is not "dumb"; colour also needs NO_COLOR to be unset or empty (no-color.org).
 */
void out_init(struct globals *g);
/**
 * out_error - "error: ...\nhint: ..."; with --json one line {"error":{"code","message","hint","file","line",
 * "column"}} in which what is not known is null.
 */
void out_error(const struct err *err);
void out_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);	/* "warning: ..." */
/** out_warning - what is no error, and its hint: "warning: ...\nhint: ..." */
void out_warning(const struct err *err);
void out_note(const char *fmt, ...) PRINTF_LIKE(1, 2);	/* plain line; not with -q */
void out_verbose(const char *fmt, ...) PRINTF_LIKE(1, 2);	/* only with -v */
/** out_raw - bytes as they are to stderr (a compiler's output). */
void out_raw(const char *p, size_t n);

/**
 * out_fit - as much of @s as fits in @width columns; what cannot be shown becomes '?', so that neither a control
 * character nor half of one can upset the line. Returns the columns taken.
 */
size_t out_fit(struct buf *b, const char *s, size_t width);

/** out_text - append @s for people to read: control characters, also those of a line's end, become '?'. */
void out_text(struct buf *b, const char *s);

/**
 * out_detach - from here on a thread writes the messages, and nobody waits for who reads them (a terminal that is
 * stopped, a paused pager). Up to OUT_WAITING bytes wait; what comes after is left out whole, and counted in a line
 * "warning: 12 lines were left out: nobody took them" once there is room. ERR_IO: it cannot start a thread.
 */
int out_detach(struct err *err) MUST_CHECK;
#define OUT_WAITING (1u << 20)
/** out_attach - as before. What waits has @ms milliseconds to be taken; after that nothing is written any more. */
void out_attach(unsigned ms);

/** out_stdout - write results to stdout; ERR_IO if that fails (a closed pipe, a full disk). */
int out_stdout(const char *p, size_t n, struct err *err) MUST_CHECK;
/** out_pipe_broken - whether a write to stdout met EPIPE: its reader has gone. */
bool out_pipe_broken(void);
/** out_close_stdout - close it, since some file systems report a failed write only then. ERR_IO. */
int out_close_stdout(struct err *err) MUST_CHECK;

/*
 * Progress of long work. On a terminal, or with --progress=always: one line, cut to its width, redrawn at most 10 times
 * a second. Elsewhere: one plain line ("building") once the work has lasted half a second, never percentages.
 * With -q or --progress=never: nothing. Thread-safe; one piece of work at a time.
 */
void progress_begin(const char *what, uint64_t total);	/* total 0: unknown; what: "building" */
void progress_update(uint64_t done, const char *item);	/* item may be NULL */
void progress_set_total(uint64_t total);
void progress_end(void);				/* takes the line away */

#endif
