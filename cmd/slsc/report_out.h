/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_OUT_H
#define SLSC_REPORT_OUT_H

#include "base/buf.h"
#include "base/err.h"

/* Where a report goes: a file that is replaced as a whole, a device or a pipe as it is, or standard output. */

/**
 * report_out_check - whether report_out() could write @path, before what takes minutes is begun. NULL: standard output,
 * of which nothing is asked. ERR_IO. Leaves nothing.
 */
int report_out_check(const char *path, struct err *err) MUST_CHECK;
/** report_out - @b to @path; NULL, or a name of standard output such as /dev/stdout: to that. ERR_IO. */
int report_out(const char *path, const struct buf *b, struct err *err) MUST_CHECK;

#endif
