/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_SCALE_TRAIN_H
#define SLSC_SCALE_TRAIN_H

#include "scale/lstm.h"
#include "scale_load.h"

/* `slsc scale train`: its entry in the table of cmd_scale.c. */
struct scale_train_ctx {
	struct scale_load load;
	const char *output;
	unsigned steps;
};
/** scale_history - requests a second, of each whole interval, heap; NULL with ERR_INTR. */
double *scale_history(const struct arrivals *a, uint64_t interval, uint64_t seed, size_t *n, struct err *err);
/**
 * scale_train_on - @l learns from @v[0..n), while progress says so. ERR_USAGE: too few; ERR_INTR.
 */
int scale_train_on(struct lstm *l, const double *v, size_t n, uint64_t interval, uint64_t seed, unsigned steps,
		   struct err *err) MUST_CHECK;

extern const struct opt scale_train_opts[];
int scale_train(void *ctx, const struct globals *g, int argc, char **argv, struct err *err);

#endif
