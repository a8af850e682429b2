/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_COMPARE_LOOK_H
#define SLSC_REPORT_COMPARE_LOOK_H

#include "report/compare.h"

/* What is in the artifacts of a row. The trees are the comparison's. */

/** compare_look_image - @layout: a directory with one image. Files, unpacked bytes, efficiency, the tree of layers. */
int compare_look_image(struct comparison *c, struct cmp_row *row, const char *layout, struct err *err) MUST_CHECK;
/** compare_look_program - the tree of sources, else of sections; @debug: its debug file, or NULL. */
int compare_look_program(struct comparison *c, struct cmp_row *row, const char *path, const char *debug,
			 struct err *err) MUST_CHECK;

#endif
