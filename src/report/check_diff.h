/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_CHECK_DIFF_H
#define SLSC_REPORT_CHECK_DIFF_H

#include "base/buf.h"
#include "base/err.h"

/*
 * Two artifacts that should be the same, and the first thing that is not: the innermost one there is a name for. What
 * is found is one line, such as "bootstrap: section .rodata, offset 0x1f2 (address 0x2011f2)".
 */

/** diff_artifacts - @kind as in dist/manifest.json. 0: the same bytes; 1: @what says where they part; -1. */
int diff_artifacts(const char *kind, const char *a, const char *b, struct buf *what, struct err *err) MUST_CHECK;

/* The parts, for the tests. Each appends to @what and returns 1, or 0 if there is no difference. */
int diff_bytes(const char *name, const void *a, size_t na, const void *b, size_t nb, struct buf *what,
	       struct err *err) MUST_CHECK;
int diff_json(const char *name, const void *a, size_t na, const void *b, size_t nb, struct buf *what);
int diff_zip(const char *a, const char *b, struct buf *what, struct err *err) MUST_CHECK;
int diff_image(const char *kind, const char *a, const char *b, struct buf *what, struct err *err) MUST_CHECK;

#endif
