/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_DELTA_H
#define SLSC_REPORT_DELTA_H

#include "base/buf.h"
#include "report/artifact.h"

/*
 * What grew and shrank from one artifact to another, of whatever kinds. "bytes" divides either as it lies there: an
 * image by manifest, config and layers, a zip by entries and headers, a program by sections; its change is that of the
 * sizes. Views that both have follow, each with a change of its own.
 */
struct delta_how {
	unsigned views;		/* bit 1 << enum artifact_view; 0: all that both have */
	size_t top;		/* parts of a view at most; 0: all */
	int width;		/* columns of the terminal */
	const char *before, *after;	/* what the two are called; NULL: artifact.shown */
};

/**
 * delta_text - @a or @b NULL: there is no such artifact before, or after. ERR_USAGE, ERR_NOTFOUND: a view that was
 * asked for cannot be made.
 */
int delta_text(struct artifact *a, struct artifact *b, const struct delta_how *how, struct buf *out,
	       struct err *err) MUST_CHECK;
/** delta_json - an object; "views" holds the trees of what differs. */
int delta_json(struct artifact *a, struct artifact *b, const struct delta_how *how, struct buf *out,
	       struct err *err) MUST_CHECK;

#endif
