/* SPDX-License-Identifier: Apache-2.0 */
#include "scale/maths.h"

#include <stddef.h>
#include <string.h>

#define LN2	  0.693147180559945309417
#define LN2_HIGH  0.693147180369123816490 /* its low 32 bits are zero: a whole number times it is exact */
#define LN2_LOW	  1.90821492927058770002e-10
#define SQRT_HALF 0.70710678118654752440
#define TURN	  6.28318530717958647693

double maths_log(double x)
{
	static const double odd[] = { 1. / 19, 1. / 17, 1. / 15, 1. / 13, 1. / 11, 1. / 9, 1. / 7, 1. / 5, 1. / 3 };
	uint64_t bits;
	int e;
	double m, f, f2, sum = 0;

	if (!(x > 0))
		return -745;
	memcpy(&bits, &x, sizeof(bits));
	if (bits >> 52 == 0) {
		/* subnormal */
		x *= 0x1p54;
		memcpy(&bits, &x, sizeof(bits));
		e = (int)(bits >> 52) - 1022 - 54;
	} else {
		e = (int)(bits >> 52) - 1022;
	}
	bits = (bits & UINT64_C(0xfffffffffffff)) | UINT64_C(0x3fe0000000000000);
	memcpy(&m, &bits, sizeof(m));
	if (m < SQRT_HALF) {
		m *= 2;
		e--;
	}
	/* ln m = 2 artanh((m - 1) / (m + 1)), whose argument is at most 0.172 */
	f = (m - 1) / (m + 1);
	f2 = f * f;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		sum = (sum + odd[i]) * f2;
	return e * LN2_HIGH + (2 * f * (1 + sum) + e * LN2_LOW);
}

double maths_exp(double x)
{
	/* 1 / n! */
	static const double part[] = { 1. / 6227020800, 1. / 479001600, 1. / 39916800, 1. / 3628800, 1. / 362880,
				       1. / 40320, 1. / 5040, 1. / 720, 1. / 120, 1. / 24, 1. / 6, 1. / 2, 1, 1 };
	double r, sum = 0;
	uint64_t bits;
	int k;

	if (x < -700)
		return 0;
	if (!(x < 700))
		x = 700;
	k = (int)(x / LN2 + (x < 0 ? -0.5 : 0.5));
	r = (x - k * LN2_HIGH) - k * LN2_LOW;
	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++)
		sum = sum * r + part[i];
	bits = (uint64_t)(k + 1023) << 52;
	memcpy(&r, &bits, sizeof(r));
	return sum * r;
}

double maths_sqrt(double x)
{
	/* an instruction, since the room is compiled with -fno-math-errno */
	return x > 0 ? __builtin_sqrt(x) : 0;
}

double maths_sin_turn(double x)
{
	double term, sum = 0, x2;

	x -= (double)(int64_t)x;
	if (x > 0.5)
		x -= 1;
	if (x < -0.5)
		x += 1;
	if (x > 0.25)
		x = 0.5 - x;
	if (x < -0.25)
		x = -0.5 - x;
	x *= TURN;
	x2 = x * x;
	term = x;
	for (int k = 1; k < 24; k += 2) {
		sum += term;
		term = -term * x2 / ((k + 1) * (k + 2));
	}
	return sum;
}

double maths_sigmoid(double x)
{
	return 1 / (1 + maths_exp(-x));
}

double maths_tanh(double x)
{
	return 2 * maths_sigmoid(2 * x) - 1;
}

/* ---- random numbers ---- */

static uint64_t mix(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void rng_seed(struct rng *r, uint64_t seed, uint64_t stream)
{
	uint64_t state = seed, other = stream;

	*r = (struct rng){ .has_spare = 0 };
	state ^= mix(&other);
	for (int i = 0; i < 4; i++)
		r->s[i] = mix(&state);
}

static uint64_t rotate(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

uint64_t rng_next(struct rng *r)
{
	uint64_t *s = r->s;
	const uint64_t result = rotate(s[0] + s[3], 23) + s[0], t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

double rng_unit(struct rng *r)
{
	return (double)((rng_next(r) >> 11) + 1) * 0x1p-53;
}

double rng_exp(struct rng *r)
{
	return -maths_log(rng_unit(r));
}

/* Marsaglia's polar method, which makes two. */
double rng_normal(struct rng *r)
{
	double x, y, s;

	if (r->has_spare) {
		r->has_spare = 0;
		return r->spare;
	}
	do {
		x = 2 * rng_unit(r) - 1;
		y = 2 * rng_unit(r) - 1;
		s = x * x + y * y;
	} while (s >= 1 || s == 0);
	s = maths_sqrt(-2 * maths_log(s) / s);
	r->spare = y * s;
	r->has_spare = 1;
	return x * s;
}
