/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_COMPARE_RUN_H
#define SLSC_REPORT_COMPARE_RUN_H

#include "build/build.h"
#include "build/package.h"
#include "report/compare.h"
#include "report/strategy.h"

/** What to compare. All borrowed. */
struct compare_request {
	struct project *project;	/* its function is changed while this runs, and is again what it was */
	struct function *function;
	const struct strategies *strategies;
	const enum arch *arches;
	size_t narches;
	const char *reference;		/* a strategy's name; NULL: the first */
	unsigned runs;			/* of each program; at least 1 */
	bool cold;
	const char *event;		/* JSON for runtime lambda; NULL: {} */
	const char *request;		/* path for runtime http; NULL: / */
	const struct strs *base_sources;
	const struct origin_env *origins;
	int (*stage)(const struct package_stage *want, void *ctx, struct err *err);
	void *stage_ctx;
	/* what is being done, and how far it is; may be NULL */
	void (*progress)(const char *what, unsigned done, unsigned total, const char *item, void *ctx);
	void (*output)(const char *p, size_t n, void *ctx);	/* what a failed build's tools said */
	void *ctx;
};

/**
 * compare_run - build, package and measure. The caller holds build_lock(). What fails of a strategy is in its row, and
 * the others go on; -1 is for what ends all of it: ERR_INTR, ERR_IO, ERR_USAGE. @out is to be released also then.
 * Below the project: .slsc/compare-<strategy>/ (programs) and .slsc/compare/<strategy>/ (artifacts).
 */
int compare_run(const struct compare_request *req, struct comparison *out, struct err *err) MUST_CHECK;

/** The strategies of the guide's two tables. NULL at the end. */
extern const char *const compare_guide_strategies[];
struct claims;
/** compare_guide - those tables in the place of the one, with what is claimed. */
void compare_guide(struct comparison *c, const struct claims *claims);

/** compare_failed - how many rows have a reason to have failed. */
size_t compare_failed(const struct comparison *c);

#endif
