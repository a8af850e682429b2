/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_SCALE_FORECAST_INTERNAL_H
#define SLSC_SCALE_FORECAST_INTERNAL_H

#include "scale/forecast.h"

/** A way to make forecasts. All but free() is given what was made by make(). */
struct forecast_ops {
	void *(*make)(const struct forecast_spec *s);
	void (*add)(void *state, double value);
	void (*predict)(void *state, double *out, size_t n);	/* below 0 is cut off afterwards */
	void (*free)(void *state);
};

extern const struct forecast_ops forecast_ar, forecast_lstm;

#endif
