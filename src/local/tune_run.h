/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_TUNE_RUN_H
#define SLSC_LOCAL_TUNE_RUN_H

#include "local/load.h"
#include "local/quota.h"
#include "local/tune.h"

/** What a sweep is made of. All borrowed. */
struct tune_run {
	struct tune *tune; /* with its rows; what is measured is put there */
	struct project *project;
	struct function *function; /* of it; changed while this runs, and then again what it was */
	enum arch arch;
	const struct str *events; /* in turn, the same for each setting; at least one */
	size_t nevents;
	struct load_spec load; /* open or closed; drain is ours to set */
	uint64_t colds;	       /* for each sample */
	const struct price *price;
	/*
	 * Build the function as it is now with @profile (NULL: the project's); *@path: relative to the project's
	 * directory, heap, in place until the end. What fails of that is the setting's failure, but for ERR_INTR.
	 */
	int (*build)(const char *profile, char **path, void *ctx, struct err *err);
	/* @done of @total samples; @what is measured now. May be NULL */
	void (*progress)(size_t done, size_t total, const char *what, void *ctx);
	void *ctx;
};

/**
 * tune_run - measure all that tune_round() and tune_halve() say, and judge it. Also after a failure what has been
 * measured is judged: ERR_INTR, ended by a signal; ERR_IO.
 */
int tune_run(const struct tune_run *r, struct err *err) MUST_CHECK;

/** tune_look - what this machine has: tries what quotas it can enforce. */
void tune_look(struct tune_machine *m, struct quota *q);

#endif
