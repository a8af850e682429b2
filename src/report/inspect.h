/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_INSPECT_H
#define SLSC_REPORT_INSPECT_H

#include "base/buf.h"
#include "report/artifact.h"

/* What `slsc inspect` says of one artifact. */
struct inspect_how {
	unsigned views;		/* bit 1 << enum artifact_view */
	size_t top;		/* parts of a view at most; 0: all */
	int width;		/* columns of the terminal */
};

/** inspect_text - the summary, or the views that are asked for; after an error those that can be made. */
int inspect_text(struct artifact *a, const struct inspect_how *how, struct buf *out, struct err *err) MUST_CHECK;
/**
 * inspect_json - one object with all that is known, and the views asked for; none: all it has. A view that cannot be
 * made is left out if all were wanted, else it is an error. @failed: why the artifact could be read in part only; NULL:
 * it could be read as a whole. 1: the object is whole, but a view holds only what could be read, and @err says why.
 */
int inspect_json(struct artifact *a, const struct inspect_how *how, const struct err *failed, struct buf *out,
		 struct err *err) MUST_CHECK;

/** inspect_size - "17,840 bytes (17.4 KB)" */
void inspect_size(struct buf *out, uint64_t bytes);

#endif
