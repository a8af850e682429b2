/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_UI_SINCE_H
#define SLSC_UI_SINCE_H

#include "build/since.h"
#include "cli/opt.h"

#define SINCE_OPT(at)                                                                                                  \
	{                                                                                                              \
		.type = OPT_STR, .long_name = "since", .offset = (at), .arg = "REV[..REV]",                            \
		.help = "only functions that read what differs from a commit, or over a range: see docs/MANY.md"       \
	}

/**
 * ui_since - @functions, names or none for all, becomes those that @range touches, which may be none; a note says how
 * many, and with -v or --explain why. As since_find().
 */
int ui_since(struct project *p, const char *range, const char *profile, const struct globals *g, struct strs *functions,
	     struct since_result *res, struct err *err) MUST_CHECK;
/** ui_since_json - {"changed":N,"functions":[...],"range":"..."}. */
void ui_since_json(const struct since_result *res, const char *range, struct buf *out);

#endif
