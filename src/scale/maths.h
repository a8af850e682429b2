/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_SCALE_MATHS_H
#define SLSC_SCALE_MATHS_H

#include <stdint.h>

/*
 * What libm has, to 1e-15 of the value, by additions, multiplications and divisions alone: the same bits on each
 * machine, where a C library takes another way for each processor, and no library that each start of slsc would have to
 * load.
 */

/** maths_log - natural; -745 for what is not above 0. */
double maths_log(double x);
/** maths_exp - 0 below -700, exp(700) above 700. */
double maths_exp(double x);
/** maths_sqrt - 0 for what is not above 0. */
double maths_sqrt(double x);
/** maths_sin_turn - the sine of @x whole turns. */
double maths_sin_turn(double x);
double maths_tanh(double x);
/** maths_sigmoid - 1 / (1 + exp(-x)) */
double maths_sigmoid(double x);

/** maths_finite - neither infinite nor NaN. */
static inline int maths_finite(double x)
{
	return x - x == 0;
}

/** A stream of numbers that @seed decides: xoshiro256++ (Blackman, Vigna 2019), seeded by SplitMix64. */
struct rng {
	uint64_t s[4];
	double spare;		/* a normal number that is left over */
	int has_spare;
};

/** rng_seed - @stream: of the same seed, independent for each number. */
void rng_seed(struct rng *r, uint64_t seed, uint64_t stream);
uint64_t rng_next(struct rng *r);
/** rng_unit - above 0, at most 1: its logarithm is finite. */
double rng_unit(struct rng *r);
/** rng_exp - exponential, of mean 1. */
double rng_exp(struct rng *r);
/** rng_normal - of mean 0, variance 1. */
double rng_normal(struct rng *r);

#endif
