/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_SCALE_TRAIN_H
#define SLSC_SCALE_TRAIN_H

#include "scale_load.h"

/* `slsc scale train`: its entry in the table of cmd_scale.c. */
struct scale_train_ctx {
	struct scale_load load;
	const char *output;
	unsigned steps;
};
extern const struct opt scale_train_opts[];
int scale_train(void *ctx, const struct globals *g, int argc, char **argv, struct err *err);

#endif
