/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_COMPARE_INTERNAL_H
#define SLSC_REPORT_COMPARE_INTERNAL_H

#include "report/compare_run.h"

/* What compare_run.c and compare_make.c share. */

/** A program that rows have in common. */
struct program {
	const char *build;	/* "static-musl", "default": which way it was built */
	enum arch arch;
	char *path, *debug;	/* absolute, heap; NULL: it was not built */
	bool dynamic;
	double seconds;
	uint64_t size;
	const char *failed;	/* in the comparison's arena; or NULL */
	const char *toolchain, *profile;
};

struct comparing {
	const struct compare_request *req;
	struct comparison *out;
	VEC(struct program) programs;
	size_t *program_of;	/* of each row */
	size_t *strategy_of;	/* likewise; rows of one strategy stand together */
	struct function was;	/* the function as slsc.yaml has it */
	unsigned steps, done;
};

/** compare_make - builds every program, then makes every artifact; fills the rows' columns of sizes and times. */
int compare_make(struct comparing *c, struct err *err) MUST_CHECK;
/** compare_pack_module - the zip and the artifact of a module. */
int compare_pack_module(struct comparing *c, struct cmp_row *row, const struct program *pr, const char *out,
			struct err *err) MUST_CHECK;
/** compare_start_module - as start_once(), of a module in Node; @sample: microseconds. */
int compare_start_module(struct comparing *c, const char *node, const struct program *pr, double *sample,
			 bool *answered_error, struct err *err) MUST_CHECK;
/** compare_warm_module - *@note: what a new instance takes in a Node that runs, in the arena. */
int compare_warm_module(struct comparing *c, const char *node, const struct program *pr, const char **note,
			struct err *err) MUST_CHECK;
/** compare_applies - whether a strategy has anything to say of an architecture. */
bool compare_applies(const struct strategy *s, enum arch arch);
/** compare_step - tells the user, and counts. */
void compare_step(struct comparing *c, const char *what, const char *item);
/** compare_reason - @err's message in one line, in the arena. */
const char *compare_reason(struct comparing *c, const struct err *err);
/** compare_ends_all - an error that is not one strategy's alone. */
bool compare_ends_all(const struct err *err);

#endif
