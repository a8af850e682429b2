/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_COMPARE_TERM_H
#define SLSC_REPORT_COMPARE_TERM_H

#include "base/buf.h"
#include "report/compare.h"

/*
 * Text for a terminal, measured in its columns (wcwidth() in a UTF-8 locale), in which no byte of a foreign name steers
 * anything. compare_*.c and those of benchmarks include this.
 */

struct term {
	const struct comparison *c;
	struct buf *out;
	int width;
	bool color;
};

#define TERM_GAP 2 /* between two columns of a table */

/** term_sgr - colours and such from here on ("1;32"), or none ("") any more; nothing without colour. */
void term_sgr(struct term *p, const char *code);
int term_columns(const char *s);
/** term_cut - what fits in @width columns; what does not ends in an ellipsis. Returns the columns taken. */
int term_cut(struct buf *out, const char *s, int width);
void term_spaces(struct buf *out, int n);
/**
 * term_wrapped - @text in lines of the width, each but the first indented; @used columns of the first are taken. A word
 * that is longer than a line is cut in pieces. Ends the line. @code: as term_sgr(), for this text.
 */
void term_wrapped(struct term *p, const char *code, int used, int indent, const char *text);
void term_line(struct term *p, int indent, const char *fmt, ...) PRINTF_LIKE(3, 4);
/** term_title - an empty line, and a bold one. */
void term_title(struct term *p, const char *title);
/** term_bars - the rows of @t in @col's order, with a bar each; nothing where that does not fit. */
void term_bars(struct term *p, const struct cmp_table *t, enum cmp_col col);

#endif
