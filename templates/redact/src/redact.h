/* Records of a log, made fit to leave the edge. */
#ifndef REDACT_REDACT_H
#define REDACT_REDACT_H

#include <slsc.h>

/**
 * redact_lines - append what becomes of @in, JSON lines, to @out: a line for each that is not empty.
 * Returns 0, or -1 after slsc_fail(); @out is then of no use. What does not fit, @out tells.
 */
int redact_lines(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out);

#endif
