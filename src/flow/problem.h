/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_PROBLEM_H
#define SLSC_FLOW_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* What is wrong with a definition: all of it, not only the first. */

#define FLOW_PROBLEMS_MAX 1000u /* kept; what is more is counted */

struct flow_problem {
	bool warning; /* the machine is valid, and may not do what was meant */
	unsigned line, col;
	char *path; /* of the state or field: "States.Wait.Seconds"; heap; "": the machine */
	char *msg;  /* heap */
	char *hint; /* heap; NULL: none */
	size_t nth; /* in which order it was found */
};

struct flow_problems {
	struct flow_problem *ptr; /* in the file's order */
	size_t len, cap;
	size_t errors, warnings; /* all of them */
	bool full;		 /* the last one was only counted: it gets no hint */
};
void flow_problems_release(struct flow_problems *p);
#define CLEAN_FLOW_PROBLEMS __attribute__((cleanup(flow_problems_release)))

/**
 * flow_problems_add - one more, at a place in the file. What is more than FLOW_PROBLEMS_MAX is only counted.
 */
void flow_problems_add(struct flow_problems *p, bool warning, unsigned line, unsigned col, const char *path,
		       const char *fmt, ...) PRINTF_LIKE(6, 7);
/** flow_problems_hint - what to do about the one that was added last. */
void flow_problems_hint(struct flow_problems *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
/** flow_problems_sort - by their places. */
void flow_problems_sort(struct flow_problems *p);

/** flow_problem_err - @p as an error: ERR_CONFIG "FILE:LINE:COL: PATH: MSG", and its hint. Returns -1. */
int flow_problem_err(const struct flow_problem *p, const char *file, struct err *err);

#endif
