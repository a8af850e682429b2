/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_HTML_H
#define SLSC_REPORT_HTML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/*
 * What pages share. Each is one file that asks for nothing: style and script (src/report/page/) are inside, and a
 * policy that names them by digest lets nothing else run, whatever a name in it says. All that is drawn stands in the
 * file; the script sorts tables (class "grid", cells with data-v) and enlarges maps.
 */

#define HTML_NAME_MAX 120 /* characters of a name */

/** html_text - @s escaped for text and for attributes in quotes; all of it, or @most characters and an ellipsis. */
void html_text(struct buf *out, const char *s);
void html_text_cut(struct buf *out, const char *s, size_t most);
/** html_percent - of 0 to 100, "12.5%". */
void html_percent(struct buf *out, double v);

/** html_begin - up to the heading, @name; what follows, with "</header><main>", is the caller's. Title: @name@what */
void html_begin(struct buf *out, const char *name, const char *what);
/** html_end - from "</main>" on. */
void html_end(struct buf *out);

/** html_plot_begin - a row of a panel with a drawing of 100 by 100, stretched: up to the paths. No text is escaped. */
void html_plot_begin(struct buf *out, const char *name, const char *label);
/** html_plot_y - the height of @part, 0 to 1, in it. */
void html_plot_y(struct buf *out, double part);
/** html_plot_end - after "</svg></svg><span class=\"stat\">" and what is said beside the drawing. */
void html_plot_end(struct buf *out);

/** An axis of a drawing, from @lo to @hi. */
struct axis {
	double lo, hi;
	bool log;	/* then lo > 0 */
};
#define AXIS_TICKS 7	/* at most */
/** axis_place - where @v is, 0 to 1. */
double axis_place(const struct axis *a, double v);
/** axis_ticks - round values on it, of @least or more apart. Returns how many. */
size_t axis_ticks(const struct axis *a, double least, double tick[AXIS_TICKS]);
/** axis_add - an <svg>; what it says are its values divided by @divide, and @unit: " ms". */
void axis_add(const struct axis *a, double least, double divide, const char *unit, struct buf *out);

#endif
