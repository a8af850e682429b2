/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_SCALE_FORECAST_H
#define SLSC_SCALE_FORECAST_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Forecasts of a series of values, none below 0, one for each interval: what it will be in the intervals to come. One
 * interface for all ways to make them. Memory is taken by forecaster_new() alone; no clock, no chance: the same values
 * give the same forecasts.
 */

enum forecast_kind {
	FORECAST_LAST,		/* as it was last */
	FORECAST_HOLT_WINTERS,	/* level, damped trend and a season, smoothed exponentially */
	FORECAST_AR,		/* the next change by the last ones: Yule and Walker, sliding window */
	FORECAST_LSTM,		/* a small network (scale/lstm.h), trained beforehand */
	FORECAST_COUNT,
};
extern const char *const forecast_name[FORECAST_COUNT + 1];	/* "last", "holt-winters", "ar", "lstm", NULL */

#define FORECAST_STEPS	    64u		/* intervals ahead, at most */
#define FORECAST_SEASON_MAX 1000000u	/* intervals */

struct lstm;
struct forecast_spec {
	enum forecast_kind kind;
	size_t season;			/* intervals, up to FORECAST_SEASON_MAX; 0: none. FORECAST_HOLT_WINTERS */
	const struct lstm *lstm;	/* borrowed. FORECAST_LSTM */
};

struct forecaster;
struct forecaster *forecaster_new(const struct forecast_spec *s);
void forecaster_free(struct forecaster *f);
/** forecaster_add - what the interval that has ended brought. */
void forecaster_add(struct forecaster *f, double value);
/** forecaster_predict - the next @n intervals, up to FORECAST_STEPS; 0 before anything was added. None is below 0. */
void forecaster_predict(struct forecaster *f, double *out, size_t n);

/** How far forecasts were off. */
struct forecast_error {
	double mae;	/* mean absolute error, in the unit of the values */
	double smape;	/* %: 2 |p - a| / (|p| + |a|), 0 to 200; 0 where both are 0 */
	uint64_t n;	/* of so many pairs */
};
/**
 * forecast_check - of @v[0..n), each forecast @steps ahead after each value; those of values before @from are left out.
 * ERR_INTR.
 */
int forecast_check(const struct forecast_spec *s, const double *v, size_t n, size_t from, size_t steps,
		   struct forecast_error *out, struct err *err) MUST_CHECK;

#endif
