/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_COMPARE_HTML_H
#define SLSC_REPORT_COMPARE_HTML_H

#include <stddef.h>

#include "base/buf.h"
#include "report/compare_print.h"
#include "report/html.h"

/* The parts of the page. Only compare_*.c includes this. */

void html_label(const struct comparison *c, size_t row, struct buf *out);
/** html_share - "28.8 %" */
void html_share(struct buf *out, uint64_t bytes, uint64_t whole);

/** html_bars - charts of the columns of which @t has something to show, an SVG for each bar. */
void html_bars(const struct comparison *c, size_t table, struct buf *out);
/** html_starts - how all starts are distributed, a section; nothing without samples. */
void html_starts(const struct comparison *c, struct buf *out);
/** html_maps - where the bytes are, a section of treemaps; nothing without trees. */
void html_maps(const struct comparison *c, struct buf *out);

struct treemap {
	double width, height;	/* of the drawing, pixels; the width is then stretched as the page likes */
	size_t tiles;		/* about the most of them: what is smaller is merged */
};
/** treemap_add - @t as nested <svg> elements, squarified (Bruls, Huizing and van Wijk, 2000). */
void treemap_add(const struct size_tree *t, const struct treemap *m, struct buf *out);

#endif
