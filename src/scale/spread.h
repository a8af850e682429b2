/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_SCALE_SPREAD_H
#define SLSC_SCALE_SPREAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "scale/maths.h"

/** How long something takes, in nanoseconds: by a formula, or as it was measured. Zero-initialised: always 0. */
struct spread {
	enum spread_kind { SPREAD_FIXED, SPREAD_EXP, SPREAD_LOGNORMAL, SPREAD_MEASURED } kind;
	double mean;		/* ns */
	double mu, sigma;	/* SPREAD_LOGNORMAL: of the logarithm of ns */
	/* SPREAD_MEASURED: buckets, and Walker's alias table over them (Vose's way to make it) */
	struct spread_bucket {
		uint64_t from, to;	/* ns, both inclusive */
		double keep;		/* the share of draws of this bucket that stay in it */
		uint32_t alias;		/* where the others go */
	} *bucket;
	size_t n;
};
#define CLEAN_SPREAD __attribute__((cleanup(spread_release)))
#define SPREAD_TIME_MAX  3600000000000ull	/* ns: no service time or cold start is longer */
#define SPREAD_BUCKETS_MAX 65536u

/**
 * spread_parse - "20ms", "exp:20ms" (its mean), "lognormal:20ms,80ms" (its median and its 99th percentile). @what is
 * for the message. ERR_USAGE.
 */
int spread_parse(const char *text, const char *what, struct spread *d, struct err *err) MUST_CHECK;

/** spread_measured - @n of weight @weight[i] evenly between @from[i] and @to[i]; some weight is above 0. */
void spread_measured(struct spread *d, const uint64_t *from, const uint64_t *to, const double *weight, size_t n);

/** spread_draw - O(1). */
uint64_t spread_draw(const struct spread *d, struct rng *r);
void spread_release(struct spread *d);

#endif
