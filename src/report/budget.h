/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_BUDGET_H
#define SLSC_REPORT_BUDGET_H

#include "config/project.h"
#include "report/compare.h"

/*
 * Limits in CI: budgets of slsc.yaml, and growth against a baseline, a file of JSON that is kept in git:
 *
 *	{"functions": {"hello": {"x86_64": {"binary": 20424, "zip": 12710, "start_p50": 253.1, ...}}}, "version": 1}
 *
 * A baseline is of the row that is the project's own way (STRATEGY_PROJECT).
 */
#define STRATEGY_PROJECT "project"

struct baseline;	/* NULL: there is none */

/** baseline_load - ERR_NOTFOUND, ERR_FORMAT, ERR_LIMIT (1 MB). */
int baseline_load(struct baseline **out, const char *path, struct err *err) MUST_CHECK;
void baseline_free(struct baseline **b);
#define CLEAN_BASELINE __attribute__((cleanup(baseline_free)))

/**
 * budget_check - what @c's function misses goes to @c->missed. A budget of something that was not measured (a failed
 * row) is missed, too. Growth is of binary, zip, image, layers, memory and the start's median, whose interval has to
 * lie beyond the limit as a whole: noise fails nobody. Returns how many there are.
 */
size_t budget_check(struct comparison *c, const struct project *p, const struct baseline *b);

/** baseline_update - the text of the baseline with @c's function in it; @old may be NULL. */
void baseline_update(const struct baseline *old, const struct comparison *c, struct buf *out);

#endif
