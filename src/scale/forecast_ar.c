/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/mem.h"
#include "scale/forecast_internal.h"

/*
 * Changes from value to value, as a sum of the ORDER changes before. The weights solve the equations of Yule and Walker
 * over the last WINDOW changes, by Levinson's and Durbin's recursion; since autocovariances are divided by the same
 * number at all lags, what they predict never runs away.
 */
#define ORDER  8u
#define WINDOW 120u
#define LEAST  (3 * ORDER) /* changes, before weights mean anything */

struct ar {
	double last;
	double change[WINDOW]; /* a ring */
	size_t n, at;	       /* how many are in it; where the next one goes */
};

static void *ar_make(const struct forecast_spec *s)
{
	(void)s;
	return xcalloc(1, sizeof(struct ar));
}

static void ar_add(void *state, double value)
{
	struct ar *a = state;

	/* the first change is from nothing, and is none */
	if (a->n || a->at) {
		a->change[a->at % WINDOW] = value - a->last;
		a->n += a->n < WINDOW;
	}
	a->at++;
	a->last = value;
}

/* The @k-th last change, from 0 on. */
static double back(const struct ar *a, size_t k)
{
	return a->change[(a->at - 1 - k) % WINDOW];
}

static void weigh(const struct ar *a, double w[ORDER])
{
	double cov[ORDER + 1] = { 0 }, next[ORDER], error;

	for (size_t lag = 0; lag <= ORDER; lag++)
		for (size_t i = lag; i < a->n; i++)
			cov[lag] += back(a, i) * back(a, i - lag);
	error = cov[0];
	for (size_t m = 0; m < ORDER; m++)
		w[m] = 0;
	for (size_t m = 0; m < ORDER && error > 1e-9 * cov[0] && error > 0; m++) {
		double k = cov[m + 1];

		for (size_t i = 0; i < m; i++)
			k -= w[i] * cov[m - i];
		k /= error;
		for (size_t i = 0; i < m; i++)
			next[i] = w[i] - k * w[m - 1 - i];
		for (size_t i = 0; i < m; i++)
			w[i] = next[i];
		w[m] = k;
		error *= 1 - k * k;
	}
}

static void ar_predict(void *state, double *out, size_t n)
{
	const struct ar *a = state;
	double w[ORDER], recent[ORDER], level = a->last;

	if (a->n < LEAST) {
		for (size_t i = 0; i < n; i++)
			out[i] = level;
		return;
	}
	weigh(a, w);
	for (size_t i = 0; i < ORDER; i++)
		recent[i] = back(a, i);
	for (size_t k = 0; k < n; k++) {
		double change = 0;

		for (size_t i = 0; i < ORDER; i++)
			change += w[i] * recent[i];
		for (size_t i = ORDER - 1; i > 0; i--)
			recent[i] = recent[i - 1];
		recent[0] = change;
		level += change;
		out[k] = level;
	}
}

const struct forecast_ops forecast_ar = { ar_make, ar_add, ar_predict, free };
