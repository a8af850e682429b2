/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_EVENT_H
#define SLSC_EVENT_H

#include "base/buf.h"
#include "base/err.h"

/**
 * event_read - append what --event and --example say (either may be NULL): a file, "-" for standard input, JSON itself;
 * {} if nothing is said. ERR_USAGE: both; ERR_FORMAT located: no JSON; ERR_NOTFOUND, ERR_LIMIT, ERR_IO.
 */
int event_read(const char *event, const char *example, struct buf *out, struct err *err) MUST_CHECK;
/** event_read_option - the same of @e, which @option ("--smoke") has named: not NULL, and no example. */
int event_read_option(const char *option, const char *e, struct buf *out, struct err *err) MUST_CHECK;
/** event_read_input - the same of what an execution begins with, whose integers have 64 bits at most. */
int event_read_input(const char *option, const char *e, struct buf *out, struct err *err) MUST_CHECK;
/** event_check - whether @text is JSON; ERR_FORMAT in @where, where it begins in @line, with line and column. */
int event_check(const struct buf *text, const char *where, unsigned line, struct err *err) MUST_CHECK;

#endif
