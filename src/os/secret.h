/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OS_SECRET_H
#define SLSC_OS_SECRET_H

#include "base/buf.h"
#include "base/err.h"

/* Passwords: never from the command line, which every process of the machine can read. The caller wipes @out. */
#define SECRET_MAX 1024u	/* bytes; a longer one is ERR_LIMIT */

/** secret_stdin - the first line of stdin, or all of it, without its line end. */
int secret_stdin(struct buf *out, struct err *err) MUST_CHECK;
/**
 * secret_tty - ask on the terminal, without echo. ERR_NOTFOUND if there is none. The terminal is as it was afterwards,
 * also after a signal (ERR_INTR).
 */
int secret_tty(const char *prompt, struct buf *out, struct err *err) MUST_CHECK;

#endif
